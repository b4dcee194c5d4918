#!/usr/bin/env python3
"""The networks of torchvision and timm beside ours with the same weights, handed over as a safetensors file.

    pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31 safetensors==0.8.0 numpy
    python tools/dev/check_weights.py build/clinception [--device cpu] [--limit 1e-5] [NAME ...]

Weights are random, batch-norm statistics are those of a forward pass on noise and shapes, so that activations keep their range; scales and shifts of
batch normalisations are random, too. For each case: the framework's own probabilities (float32) and ours from the same input, the largest difference as a
part of the largest output, which must be at most LIMIT; beside it the framework's own distance from itself in float64, and the same of ours, which
says how much of the difference is rounding. Ends with a line "weights: N passed, N failed".
"""
import argparse
import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import timm
import torch
import torchvision.models as tv
from safetensors.torch import save_file

warnings.filterwarnings("ignore")
KEEP = dict(weights=None, init_weights=False)

# name: (the framework's network, ours, its input, the type of the file's tensors)
CASES = {
    "torchvision inception_v3": (lambda: tv.inception_v3(**KEEP), "inception_v3", 299, torch.float32),
    "torchvision inception_v3, transform_input": (lambda: tv.inception_v3(transform_input=True, **KEEP), "inception_v3:transform_input=1", 299, torch.float32),
    "torchvision inception_v3, 1001 classes, aux": (lambda: tv.inception_v3(num_classes=1001, **KEEP), "inception_v3:aux=1", 299, torch.float32),
    "torchvision inception_v3, 10 classes, bfloat16": (lambda: tv.inception_v3(num_classes=10, **KEEP), "inception_v3", 299, torch.bfloat16),
    "torchvision inception_v3, input 203": (lambda: tv.inception_v3(**KEEP), "inception_v3:input=203", 203, torch.float32),
    "torchvision googlenet": (lambda: tv.googlenet(aux_logits=False, **KEEP), "googlenet_bn", 224, torch.float32),
    "torchvision googlenet, transform_input": (lambda: tv.googlenet(transform_input=True, **KEEP), "googlenet_bn:transform_input=1", 224, torch.float32),
    "torchvision googlenet, aux": (lambda: tv.googlenet(**KEEP), "googlenet_bn:aux=1", 224, torch.float32),
    "torchvision googlenet, float16, input 193": (lambda: tv.googlenet(**KEEP), "googlenet_bn:input=193", 193, torch.float16),
    "timm inception_v3": (lambda: timm.create_model("inception_v3", pretrained=False), "inception_v3", 299, torch.float32),
    "timm inception_v3, aux in the file only": (lambda: timm.create_model("inception_v3", pretrained=False, aux_logits=True), "inception_v3", 299, torch.float32),
    "timm inception_v3, 1001 classes": (lambda: timm.create_model("inception_v3.tf_in1k", pretrained=False, num_classes=1001), "inception_v3", 299, torch.float32),
}


def picture(size, seed):
    """Noise over a few rectangles, in the range that ImageNet's normalisation gives."""
    generator = np.random.default_rng(seed)
    image = generator.normal(0, 0.3, (1, 3, size, size))
    for _ in range(12):
        y, x = generator.integers(0, size, 2)
        image[:, :, y:y + size // 3, x:x + size // 3] += generator.normal(0, 0.8, (1, 3, 1, 1))
    return torch.from_numpy(np.clip(image, -2.1, 2.6).astype(np.float32))


def fill(network, size, seed):
    """Random weights; the statistics of each batch normalisation are those of what it reads."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            fan_in = module.weight[0].numel()
            torch.nn.init.normal_(module.weight, std=(2.0 / fan_in) ** 0.5)
            if module.bias is not None:
                torch.nn.init.normal_(module.bias, std=0.1)
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
            torch.nn.init.normal_(module.bias, std=0.1)
            module.momentum = 1.0
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    with torch.no_grad():
        network(torch.cat([picture(size, 100 + seed + k) for k in range(4)]))
    for module in network.modules():
        if isinstance(module, torch.nn.Linear) and module.out_features != 1024:  # a classifier: logits of a few units
            module.weight *= 1
    network.eval()


def sharpen(network, image):
    """Scales the classifiers so that their logits spread by about 2.5."""
    with torch.no_grad():
        seen = {}
        hooks = [m.register_forward_hook(lambda m, _, y: seen.setdefault(m, y.std().item())) for m in network.modules() if isinstance(m, torch.nn.Linear)]
        forward(network, image)
        for hook in hooks:
            hook.remove()
        for module, spread in seen.items():
            module.weight *= 2.5 / spread
            module.bias *= 2.5 / spread


def forward(network, image):
    """Logits: of the classifier, then of the auxiliary heads that our network has as outputs (aux=1), which PyTorch computes in training only."""
    with torch.no_grad():
        result = network(image)
        return [result] if torch.is_tensor(result) else list(result)


def heads(network, image):
    """What the auxiliary heads of a network in evaluation make of the image, by hooks on the blocks that they read."""
    found, hooks = {}, []
    plan = ({"Mixed_6e": ("AuxLogits", "aux_probabilities")} if hasattr(network, "Mixed_6e")
            else {"inception4a": ("aux1", "aux1_probabilities"), "inception4d": ("aux2", "aux2_probabilities")})
    for block, (head, output) in plan.items():
        hooks.append(getattr(network, block).register_forward_hook(lambda m, _, y, head=head, output=output: found.setdefault(output, getattr(network, head)(y))))
    with torch.no_grad():
        network(image)
    for hook in hooks:
        hook.remove()
    return found


def wanted(network, spec, image):
    outputs = {"probabilities": forward(network, image)[0]}
    if "aux=1" in spec:
        outputs.update(heads(network, image))
    return {name: torch.softmax(logits.double(), 1).numpy() for name, logits in outputs.items()}


def ours(options, spec, weights, image, folder):
    given = os.path.join(folder, "image.npy")
    np.save(given, image.numpy())
    command = [options.tool, "run", "builtin:" + spec, "--weights", weights, "--device", options.device, "--input", given, "--outputs", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return lambda name: np.load(os.path.join(folder, name + ".npy"))


def far(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def compare(name, options):
    make, spec, size, kind = CASES[name]
    network = make()
    fill(network, size, seed=7)
    image = picture(size, 1)
    sharpen(network, image)
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, "weights.safetensors")
        state = {key: value.contiguous().to(kind) if value.is_floating_point() else value for key, value in network.state_dict().items()}
        save_file(state, weights, metadata={"format": "pt"})
        network.load_state_dict({key: value.to(torch.float32) if value.is_floating_point() else value for key, value in state.items()})
        want = wanted(network, spec, image)
        exact = wanted(network.double(), spec, image.double())
        result = ours(options, spec, weights, image, folder)
        rows = []
        for output in want:
            have = result(output)
            if have.shape != want[output].shape or not np.isfinite(have).all():
                raise RuntimeError("%s has the shape %s, expected %s, or is not finite" % (output, have.shape, want[output].shape))
            rows.append((output, far(have, want[output]), far(want[output], exact[output]), far(have, exact[output]), float(np.abs(want[output]).max())))
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("names", nargs="*", help="only cases whose name has one of these in it")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=float, default=1e-5)
    options = parser.parse_args()
    passed = failed = 0
    torch.set_num_threads(2)
    print("%-48s %-20s %10s %14s %14s %8s" % ("case", "output", "difference", "theirs, exact", "ours, exact", "largest"))
    for name in CASES:
        if options.names and not any(n in name for n in options.names):
            continue
        try:
            rows = compare(name, options)
        except RuntimeError as problem:
            failed += 1
            print("FAILED %s: %s" % (name, problem))
            continue
        for output, difference, theirs, own, largest in rows:
            print("%-48s %-20s %10.2e %14.2e %14.2e %8.3f%s" % (name, output, difference, theirs, own, largest, "" if difference <= options.limit else "  FAILED"))
        good = all(row[1] <= options.limit for row in rows)
        passed, failed = passed + good, failed + (not good)
    print("weights: %d passed, %d failed" % (passed, failed))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
