#!/usr/bin/env python3
"""The networks of torchvision and timm beside ours with the same weights, handed over as a safetensors file.

    pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31 safetensors==0.8.0 numpy
    python tools/dev/check_weights.py build/clinception [--device cpu] [--limit 1e-5] [NAME ...]

Weights are random, batch-norm statistics are those of a forward pass on noise and shapes, so that activations keep their range; scales and shifts of
batch normalisations are random, too. Shifts are about 1: with shifts about 0 a deep network of random weights is chaotic, the framework itself is then 1e-5
away from its own result in float64, and any two orders of adding further from each other.

What the frameworks' networks return is logits, ours end in a softmax: compared are the logits without their mean, ours from the logarithms of the
probabilities. The largest difference must be at most LIMIT of the largest such logit. Beside it stand both sides' distances from the framework's own result
in float64, which say what of the difference is rounding, and the largest difference of a probability as a part of the largest. Ends with a line "weights: N
passed, N failed". Takes three minutes; tests/net/stored.py is the part of it that needs no PyTorch.
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
    "torchvision inception_v3, input 331": (lambda: tv.inception_v3(**KEEP), "inception_v3:input=331", 331, torch.float32),
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
            torch.nn.init.normal_(module.bias, mean=1.0, std=0.3)
            module.momentum = 1.0
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    with torch.no_grad():
        network(torch.cat([picture(size, 100 + seed + k) for k in range(4)]))
    network.eval()


def watch(network, modules, see):
    """Runs see(module, output) at each of the modules; returns what takes the hooks away."""
    def hook(module, _, output):
        see(module, output)  # nothing is returned: a hook that returns something replaces the output
    handles = [module.register_forward_hook(hook) for module in modules]
    return lambda: [handle.remove() for handle in handles]


def logits(network, image, with_heads):
    """Of the classifier and, by hooks on the blocks that they read, of the auxiliary heads, which PyTorch computes in training only."""
    blocks = {"Mixed_6e": ("AuxLogits", "aux_probabilities")} if hasattr(network, "Mixed_6e") else {
        "inception4a": ("aux1", "aux1_probabilities"), "inception4d": ("aux2", "aux2_probabilities")}
    found = {}

    def see(module, output):
        for block, (head, name) in blocks.items():
            if module is getattr(network, block):
                found[name] = getattr(network, head)(output)

    with torch.no_grad():
        stop = watch(network, [getattr(network, block) for block in blocks] if with_heads else [], see)
        result = network(image)
        stop()
    return {"probabilities": result if torch.is_tensor(result) else result[0], **found}


def sharpen(network, image, with_heads):
    """Scales the classifiers so that their logits spread by about 2.5."""
    spread = {}
    stop = watch(network, [m for m in network.modules() if isinstance(m, torch.nn.Linear)], lambda m, y: spread.update({m: y.std().item()}))
    logits(network, image, with_heads)
    stop()
    with torch.no_grad():
        for module, deviation in spread.items():
            if module.out_features != 1024:  # the hidden layer of GoogLeNet's heads
                module.weight *= 2.5 / deviation
                module.bias *= 2.5 / deviation


def centred(values):
    return values - values.mean(axis=1, keepdims=True)


def ours(options, spec, weights, image, folder):
    given = os.path.join(folder, "image.npy")
    np.save(given, image.numpy())
    command = [options.tool, "run", "builtin:" + spec, "--weights", weights, "--device", options.device, *options.more.split(), "--input", given, "--outputs", folder]
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
    sharpen(network, image, "aux=1" in spec)
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, "weights.safetensors")
        state = {key: value.contiguous().to(kind) if value.is_floating_point() else value for key, value in network.state_dict().items()}
        save_file(state, weights, metadata={"format": "pt"})
        network.load_state_dict({key: value.to(torch.float32) if value.is_floating_point() else value for key, value in state.items()})
        want = logits(network, image, "aux=1" in spec)
        exact = logits(network.double(), image.double(), "aux=1" in spec)
        result = ours(options, spec, weights, image, folder)
        return [judge(output, result(output), want[output].numpy().astype(np.float64), exact[output].numpy()) for output in want]


def judge(output, have, want, exact):
    if have.shape != want.shape or not np.isfinite(have).all() or not (have > 0).all():
        raise RuntimeError("%s has the shape %s, expected %s, or is not finite and above 0" % (output, have.shape, want.shape))
    probabilities = torch.softmax(torch.from_numpy(exact), 1).numpy()
    have_logits, want_logits, exact_logits = centred(np.log(have.astype(np.float64))), centred(want), centred(exact)
    return dict(output=output, difference=far(have_logits, want_logits), theirs=far(want_logits, exact_logits), ours=far(have_logits, exact_logits),
                probability=far(have, probabilities), largest=float(probabilities.max()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("names", nargs="*", help="only cases whose name has one of these in it")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=float, default=1e-5)
    parser.add_argument("--more", default="", help="further options for the tool, such as --more=--exact")
    options = parser.parse_args()
    passed = failed = 0
    torch.set_num_threads(2)
    print("%-47s %-19s %10s %11s %11s %12s %8s" % ("case", "output", "difference", "theirs-f64", "ours-f64", "probability", "largest"))
    for name in CASES:
        if options.names and not any(n in name for n in options.names):
            continue
        try:
            rows = compare(name, options)
        except RuntimeError as problem:
            rows = []
            print("FAILED %s: %s" % (name, problem))
        for r in rows:
            print("%-47s %-19s %10.1e %11.1e %11.1e %12.1e %8.3f%s" % (
                name, r["output"], r["difference"], r["theirs"], r["ours"], r["probability"], r["largest"], "" if r["difference"] <= options.limit else "  FAILED"), flush=True)
        good = bool(rows) and all(r["difference"] <= options.limit for r in rows)
        passed, failed = passed + good, failed + (not good)
    print("weights: %d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
