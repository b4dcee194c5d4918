"""Weights under PyTorch's names in a safetensors file, in our built-in networks and in the graphs that PyTorch and timm exported, run by ONNX Runtime.

    python tests/net/stored.py CLINCEPTION [--device DEVICE] [--limit 1e-5]

The graphs of tests/data/exported keep the convolutions' names and have batch normalisation folded into them. Here each convolution gets random weights and a
random batch normalisation: as they are for the file, folded (epsilon 0.001, in float64) for the graph. The networks end in a softmax, the graphs before it:
compared are logits without their mean. The largest difference must be at most LIMIT of the largest logit. tools/dev/check_weights.py compares with PyTorch
itself. Then the other way: each built-in network, written by 'clinception convert', run by ONNX Runtime, against the network by its name with direct sums.
Ends with a line "stored: N passed, N failed".
"""
import argparse, json, os, subprocess, sys, tempfile
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "exported")
PAIRS = {"tv_inception_v3": "inception_v3:transform_input=1", "tv_googlenet": "googlenet_bn:transform_input=1", "timm_inception_v3": "inception_v3"}
CONVERTED = ["googlenet:aux=1", "googlenet_bn:aux=1,transform_input=1", "bn_inception", "inception_v2", "inception_v3:aux=1", "inception_v3:input=79"]
CONVERTED_LIMIT = 5e-5  # synthetic weights make more of rounding than trained ones: 1e-5 is what any other order of adding changes
EPSILON, SPREAD = 0.001, 2.5


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, value in tensors.items():
        kind = {"float32": "F32", "int64": "I64"}[value.dtype.name]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [offset, offset + value.nbytes]}
        offset += value.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for value in tensors.values():
            file.write(value.tobytes())


def far(have, want):
    have, want = have - have.mean(), want - want.mean()
    return float(np.abs(have - want).max() / np.abs(want).max())


def put(model, name, value):
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
            return
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))


def fill_convolution(model, node, shape, generator, tensors):
    name, channels = node.input[1], shape[0]
    layer = name[:-len(".conv.weight")]
    weight = generator.normal(0, np.sqrt(2.0 / np.prod(shape[1:])), shape)
    norm = {"weight": generator.uniform(0.7, 1.3, channels), "bias": generator.normal(0, 0.1, channels),
            "running_mean": generator.normal(0, 0.1, channels), "running_var": generator.uniform(0.5, 1.5, channels)}
    tensors[name] = weight.astype(np.float32)
    for part, value in norm.items():
        norm[part] = tensors["%s.bn.%s" % (layer, part)] = value.astype(np.float32)
    tensors[layer + ".bn.num_batches_tracked"] = np.array(1, np.int64)
    scale = norm["weight"].astype(np.float64) / np.sqrt(norm["running_var"].astype(np.float64) + EPSILON)
    put(model, name, tensors[name].astype(np.float64) * scale[:, None, None, None])
    put(model, layer + ".folded", norm["bias"] - norm["running_mean"] * scale)
    del node.input[2:]
    node.input.append(layer + ".folded")


def fill(path, seed):
    """The graph with folded weights, and the tensors of the file."""
    model, generator, tensors = onnx.load(path), np.random.default_rng(seed), {}
    shapes = {t.name: tuple(t.dims) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv":
            fill_convolution(model, node, shapes[node.input[1]], generator, tensors)
    tensors["fc.weight"] = generator.normal(0, np.sqrt(1.0 / shapes["fc.weight"][1]), shapes["fc.weight"]).astype(np.float32)
    tensors["fc.bias"] = generator.normal(0, 0.1, shapes["fc.bias"]).astype(np.float32)
    return model, tensors


def infer(model, tensors, image):
    for name in ("fc.weight", "fc.bias"):
        put(model, name, tensors[name])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {model.graph.input[0].name: image})[0]


def compare(name, options):
    model, tensors = fill(os.path.join(FOLDER, name + ".dynamo.onnx"), seed=20261123)
    size = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    image = np.random.default_rng(1).uniform(-2, 2, (1, 3, size, size)).astype(np.float32)
    sharper = SPREAD / infer(model, tensors, image).std()
    for part in ("fc.weight", "fc.bias"):
        tensors[part] = (tensors[part] * sharper).astype(np.float32)
    want = infer(model, tensors, image).astype(np.float64)
    with tempfile.TemporaryDirectory() as folder:
        weights, given, got = (os.path.join(folder, n) for n in ("weights.safetensors", "image.npy", "probabilities.npy"))
        write_safetensors(weights, tensors)
        np.save(given, image)
        command = [options.tool, "run", "builtin:" + PAIRS[name], "--weights", weights, "--device", options.device, "--input", given,
                   "--output", "probabilities=" + got]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr.strip()
        have = np.load(got).astype(np.float64)
    if have.shape != want.shape or not (np.isfinite(have).all() and (have > 0).all()):
        return None, "shape %s, expected %s, or not finite and above 0" % (have.shape, want.shape)
    return far(np.log(have), want), "largest logit %.3g" % np.abs(want - want.mean()).max()


def convert(spec, options):
    """The largest difference of any output's logits as a part of the largest of them."""
    with tempfile.TemporaryDirectory() as folder:
        model, given = os.path.join(folder, "model.onnx"), os.path.join(folder, "image.npy")
        done = subprocess.run([options.tool, "convert", "builtin:" + spec, "-o", model], capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr.strip()
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        image = np.random.default_rng(2).uniform(0, 1, [1] + session.get_inputs()[0].shape[1:]).astype(np.float32)
        np.save(given, image)
        command = [options.tool, "run", "builtin:" + spec, "--exact", "--device", options.device, "--input", given, "--outputs", folder]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr.strip()
        names = [output.name for output in session.get_outputs()]
        wanted = session.run(names, {session.get_inputs()[0].name: image})
        error = 0.0
        for name, want in zip(names, wanted):
            have = np.load(os.path.join(folder, name + ".npy"))
            if have.shape != want.shape or not (np.isfinite(have).all() and (have > 0).all() and (want > 0).all()):
                return None, "%s: shape %s, expected %s, or not finite and above 0" % (name, have.shape, want.shape)
            error = max(error, far(np.log(have.astype(np.float64)), np.log(want.astype(np.float64))))
        return error, ", ".join(names)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=float, default=1e-5)
    options = parser.parse_args()
    passed = failed = 0
    for name in PAIRS:
        error, note = compare(name, options)
        good = error is not None and error <= options.limit
        passed, failed = passed + good, failed + (not good)
        print("%-6s %-20s as builtin:%-33s %s %s" % ("ok" if good else "FAILED", name, PAIRS[name], "" if error is None else "%.1e of the largest," % error, note), flush=True)
    for spec in CONVERTED:
        error, note = convert(spec, options)
        good = error is not None and error <= CONVERTED_LIMIT
        passed, failed = passed + good, failed + (not good)
        print("%-6s builtin:%-46s converted %s %s" % ("ok" if good else "FAILED", spec, "" if error is None else "%.1e of the largest," % error, note), flush=True)
    print("stored: %d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
