"""Models as PyTorch and timm export them, filled with seeded weights, run by the clinception tool and by ONNX Runtime.

    python tests/net/exported.py CLINCEPTION [--device DEVICE] [--limit 1e-5] [NAME ...]

The graphs in tests/data/exported hold no weights (tools/dev/export_models.py). Each float tensor of more than 16 elements is filled here by what reads
it: convolutions and matrices by their fan-in, batch-norm scale and variance near 1, the rest small. The largest difference to ONNX Runtime must be at
most LIMIT of the largest output. Ends with a line "exported: N passed, N failed".
"""
import argparse, os, subprocess, sys, tempfile
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))


def roles(model):
    """What reads each initialiser: (operator, input position)."""
    found = {}
    for node in model.graph.node:
        for position, name in enumerate(node.input):
            found.setdefault(name, (node.op_type, position))
    return found


def values(tensor, role, generator):
    shape, (op, position) = tuple(tensor.dims), role
    if op == "BatchNormalization":
        return generator.uniform(0.5, 1.5, shape) if position in (1, 4) else generator.normal(0, 0.1, shape)
    if len(shape) >= 2:
        fan_in = np.prod(shape[1:]) if op == "Conv" else shape[-2] if op == "MatMul" else shape[-1]
        return generator.normal(0, np.sqrt(2.0 / fan_in), shape)
    return generator.normal(0, 0.1, shape)


def fill(path, seed):
    model = onnx.load(path)
    generator, role = np.random.default_rng(seed), roles(model)
    for tensor in model.graph.initializer:
        empty = not tensor.raw_data and not tensor.float_data and tensor.data_type == onnx.TensorProto.FLOAT
        if empty and int(np.prod(tuple(tensor.dims))) > 16:
            filled = values(tensor, role.get(tensor.name, ("", 0)), generator).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(filled), tensor.name))
    return model


def compare(path, options):
    model = fill(path, seed=20261122)
    shape = [d.dim_value or options.batch for d in model.graph.input[0].type.tensor_type.shape.dim]
    image = np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        filled, given, got = (os.path.join(folder, n) for n in ("model.onnx", "image.npy", "scores.npy"))
        onnx.save(model, filled)
        np.save(given, image)
        session = onnxruntime.InferenceSession(filled, providers=["CPUExecutionProvider"])
        want = session.run(None, {model.graph.input[0].name: image})[0]
        command = [options.tool, "run", filled, "--device", options.device, "--batch", str(shape[0]), "--input", given,
                   "--output", "%s=%s" % (model.graph.output[0].name, got)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr.strip()
        have = np.load(got)
    if have.shape != want.shape or not np.isfinite(have).all():
        return None, "shape %s, expected %s, or not finite" % (have.shape, want.shape)
    return float(np.abs(have - want).max() / np.abs(want).max()), "largest output %.3g" % np.abs(want).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--limit", type=float, default=1e-5)
    parser.add_argument("--folder", default=os.path.join(HERE, "..", "data", "exported"))
    options = parser.parse_args()
    passed = failed = 0
    for file in sorted(os.listdir(options.folder)):
        if not file.endswith(".onnx") or (options.names and not any(n in file for n in options.names)):
            continue
        error, note = compare(os.path.join(options.folder, file), options)
        good = error is not None and error <= options.limit
        passed, failed = passed + good, failed + (not good)
        print("%-6s %-40s %s %s" % ("ok" if good else "FAILED", file, "" if error is None else "%.1e of the largest," % error, note), flush=True)
    print("exported: %d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
