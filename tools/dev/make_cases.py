"""Write the repository's own operator cases (tests/data/ops): small models with inputs and expected outputs.

    pip install onnx==1.23.2 numpy    (and onnxruntime==1.32.0 for --check: the versions of tools/check)
    python tools/dev/make_cases.py [--check] [OUT_DIR]

Each case is a folder with model.onnx, in_NAME.npy for each input and out_NAME.npy for each output; cases.txt lists them. Expected values come
from onnx.reference, or from a formula below where the package has none (or one that is wrong for the shape at hand). --check computes every
case with ONNX Runtime too and prints those that differ.

data() draws from one random stream: a new case stands at the end, or has its values written out, so that the others stay the same bytes.
"""
import os
import shutil
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

CASES = []
USES = {}


def data(*shape, low=-1.0, high=1.0):
    """Random numbers, seeded by the shape and how often it was asked for before: a new case leaves the data of most others as they are."""
    USES[shape] = USES.get(shape, 0) + 1
    return np.random.default_rng([20260, USES[shape], *shape]).uniform(low, high, shape).astype(np.float32)


def ints(*values):
    return np.array(values, dtype=np.int64)


def case(name, nodes, inputs, constants=None, outputs=("y",), opset=13, expected=None):
    """nodes: (op, inputs, outputs, attributes) tuples; names are comma-separated."""
    CASES.append((name, nodes, inputs, constants or {}, outputs, opset, expected))


def one(name, op, inputs, constants=None, opset=13, expected=None, outputs="y", **attributes):
    """A model of one node whose inputs are the graph's inputs, then the constants, in order ("" leaves one out)."""
    names = list(inputs) + [k for k in (constants or {})]
    names = ["" if n.startswith("absent") else n for n in names]
    kept = {k: v for k, v in (constants or {}).items() if not k.startswith("absent")}
    case(name, [(op, ",".join(names), outputs, attributes)], inputs, kept, tuple(outputs.split(",")), opset, expected)


# ------------------------------------------------------------ scalar functions
for op, opset, attributes in [
    ("Abs", 13, {}), ("Ceil", 13, {}), ("Celu", 12, {"alpha": 0.7}), ("Elu", 7, {"alpha": 1.3}), ("Erf", 13, {}), ("Exp", 13, {}),
    ("Floor", 13, {}), ("HardSigmoid", 7, {"alpha": 0.3}), ("HardSwish", 14, {}), ("LeakyRelu", 7, {}), ("Mish", 18, {}), ("Neg", 7, {}),
    ("Relu", 14, {}), ("Selu", 7, {}), ("Sigmoid", 13, {}), ("Softplus", 7, {}), ("Softsign", 7, {}), ("Tanh", 13, {}),
    ("ThresholdedRelu", 10, {"alpha": 0.4}), ("Swish", 24, {"alpha": 1.7}), ("Gelu", 20, {}), ("Identity", 13, {})]:
    one(op.lower(), op, {"x": data(2, 3, 5, low=-4, high=4)}, opset=opset, **attributes)
HALVES = np.array([[-3.5, -2.5, -1.5, -0.5, -0.0], [0.0, 0.5, 1.5, 2.5, 3.5], [-1.2, -0.7, 0.3, 0.8, 1.6]], dtype=np.float32)
one("round", "Round", {"x": HALVES})
one("sign", "Sign", {"x": HALVES})
one("gelu_tanh", "Gelu", {"x": data(2, 7, low=-4, high=4)}, opset=20, approximate="tanh")
for op in ("Log", "Sqrt", "Reciprocal"):
    one(op.lower(), op, {"x": data(3, 4, low=0.2, high=3)})
one("clip_6", "Clip", {"x": data(3, 4)}, opset=6, expected=lambda i: [np.clip(i["x"], -0.3, 0.5)], min=-0.3, max=0.5)
CASES[-1] = CASES[-1][:5] + (7,) + CASES[-1][6:]
one("clip_min", "Clip", {"x": data(3, 4)}, {"low": np.float32(-0.2)})
one("clip_max", "Clip", {"x": data(3, 4)}, {"absent": 0, "high": np.float32(0.1)})
one("dropout_7", "Dropout", {"x": data(2, 3)}, opset=7, expected=lambda i: [i["x"]])
one("dropout_13", "Dropout", {"x": data(2, 3)}, {"ratio": np.float32(0.5)})
one("cast", "Cast", {"x": data(2, 3)}, to=TensorProto.FLOAT)

# ---------------------------------------------------------------- broadcasting
for op in ("Add", "Sub", "Mul"):
    one(op.lower(), op, {"a": data(2, 3, 4), "b": data(3, 1)})
one("div", "Div", {"a": data(2, 3, 1, 5), "b": data(4, 1, low=0.5, high=2)})
one("prelu", "PRelu", {"x": data(2, 3, 4, 5)}, {"slope": data(3, 1, 1)})
for name, exponent in [("half", 0.5), ("one", 1), ("two", 2), ("three", 3), ("minus_one", -1), ("odd", 1.7)]:
    one("pow_" + name, "Pow", {"x": data(3, 4, low=0.3, high=2)}, {"e": np.float32(exponent)})
one("pow_int", "Pow", {"x": data(3, 4)}, {"e": ints(3)})
for op in ("Max", "Min", "Sum", "Mean"):
    one(op.lower(), op, {"a": data(2, 3), "b": data(3), "c": data(2, 1)})
one("max_one", "Max", {"a": data(2, 3)})

# --------------------------------------------------------------------- windows
one("conv", "Conv", {"x": data(2, 3, 7, 6)}, {"w": data(5, 3, 3, 2), "b": data(5)}, pads=[1, 0, 2, 1], strides=[2, 1])
one("conv_dilated_groups", "Conv", {"x": data(1, 4, 9, 9)}, {"w": data(6, 2, 3, 3)}, group=2, dilations=[2, 3], pads=[2, 2, 2, 2])
one("conv_depthwise", "Conv", {"x": data(1, 4, 5, 6)}, {"w": data(8, 1, 3, 3), "b": data(8)}, group=4, pads=[1, 1, 1, 1])
one("conv_same_upper", "Conv", {"x": data(1, 2, 6, 7)}, {"w": data(3, 2, 3, 4)}, auto_pad="SAME_UPPER", strides=[2, 2])
one("conv_same_lower", "Conv", {"x": data(1, 2, 6, 7)}, {"w": data(3, 2, 3, 4)}, auto_pad="SAME_LOWER", strides=[2, 2])
one("conv_valid", "Conv", {"x": data(1, 2, 6, 7)}, {"w": data(3, 2, 3, 4)}, auto_pad="VALID")
one("conv_1d", "Conv", {"x": data(2, 3, 11)}, {"w": data(4, 3, 3), "b": data(4)}, pads=[2, 1], strides=[2], dilations=[2])
one("conv_weights_given", "Conv", {"x": data(1, 2, 4, 4), "w": data(3, 2, 1, 1)})


def transposed(x, w, stride, begin, out, group=1, dilation=(1, 1), bias=None):
    """ConvTranspose as a scatter."""
    n, _, h, width = x.shape
    per_group = w.shape[1]
    y = np.zeros((n, per_group * group) + tuple(out), dtype=np.float64)
    for ic in range(w.shape[0]):
        g = ic // (w.shape[0] // group)
        for oc in range(per_group):
            for iy in range(h):
                for ix in range(width):
                    for ky in range(w.shape[2]):
                        for kx in range(w.shape[3]):
                            oy = iy * stride[0] + ky * dilation[0] - begin[0]
                            ox = ix * stride[1] + kx * dilation[1] - begin[1]
                            if 0 <= oy < out[0] and 0 <= ox < out[1]:
                                y[:, g * per_group + oc, oy, ox] += x[:, ic, iy, ix].astype(np.float64) * w[ic, oc, ky, kx]
    if bias is not None:
        y += bias.reshape(1, -1, 1, 1)
    return [y.astype(np.float32)]


w = data(3, 4, 3, 2)
b = data(4)
one("conv_transpose", "ConvTranspose", {"x": data(2, 3, 4, 5)}, {"w": w, "b": b}, strides=[2, 1], pads=[1, 0, 0, 1],
    expected=lambda i, w=w, b=b: transposed(i["x"], w, (2, 1), (1, 0), (8, 5), bias=b))
w2 = data(4, 2, 3, 3)
one("conv_transpose_groups", "ConvTranspose", {"x": data(1, 4, 3, 4)}, {"w": w2}, group=2, strides=[2, 3], output_padding=[1, 2], dilations=[2, 1],
    expected=lambda i: transposed(i["x"], w2, (2, 3), (0, 0), (10, 14), group=2, dilation=(2, 1)))
w3 = data(2, 2, 3, 3)
one("conv_transpose_shape", "ConvTranspose", {"x": data(1, 2, 3, 3)}, {"w": w3}, strides=[3, 2], output_shape=[8, 6],
    expected=lambda i: transposed(i["x"], w3, (3, 2), (1, 1), (8, 6)))
one("conv_transpose_same", "ConvTranspose", {"x": data(1, 2, 3, 3)}, {"w": w3}, strides=[2, 2], auto_pad="SAME_UPPER",
    expected=lambda i: transposed(i["x"], w3, (2, 2), (0, 0), (6, 6)))
w1 = data(2, 3, 3)
one("conv_transpose_1d", "ConvTranspose", {"x": data(1, 2, 5)}, {"w": w1}, strides=[2],
    expected=lambda i: [transposed(i["x"][:, :, None], w1[:, :, None], (1, 2), (0, 0), (1, 11))[0][:, :, 0]])


def pool_same_lower(x, function):
    """A 3x4 window with stride 2 over 6x7 pixels: one row before (the odd one), two columns before and one behind."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 1)), constant_values=np.nan)
    return [np.array([[[[function(padded[0, c, 2 * y:2 * y + 3, 2 * k:2 * k + 4]) for k in range(4)] for y in range(3)] for c in range(2)]],
                     dtype=np.float32)]


for op in ("MaxPool", "AveragePool"):
    short = op.lower().replace("pool", "_pool")
    one(short, op, {"x": data(2, 3, 7, 8)}, opset=12, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])
    one(short + "_ceil", op, {"x": data(1, 2, 8, 9)}, opset=12, kernel_shape=[3, 3], strides=[2, 3], pads=[0, 1, 0, 1], ceil_mode=1)
    one(short + "_same", op, {"x": data(1, 2, 6, 7)}, opset=12, kernel_shape=[3, 4], strides=[2, 2], auto_pad="SAME_LOWER",
        expected=lambda i, op=op: pool_same_lower(i["x"], np.nanmax if op == "MaxPool" else np.nanmean))
    one(short + "_1d", op, {"x": data(1, 2, 9)}, opset=12, kernel_shape=[4], strides=[3])
    one("global_" + short, "Global" + op, {"x": data(2, 3, 4, 5)})
    one("global_" + short + "_1d", "Global" + op, {"x": data(2, 3, 7)},
        expected=lambda i, op=op: [(np.max if op == "MaxPool" else np.mean)(i["x"], axis=2, keepdims=True)])
one("average_pool_include_pad", "AveragePool", {"x": data(1, 2, 6, 7)}, opset=12, kernel_shape=[3, 3], pads=[1, 2, 1, 0], count_include_pad=1)
one("average_pool_dilated", "AveragePool", {"x": data(1, 2, 8, 8)}, opset=19, kernel_shape=[2, 3], dilations=[3, 2])
one("max_pool_dilated", "MaxPool", {"x": data(1, 2, 8, 8)}, opset=12, kernel_shape=[2, 3], dilations=[3, 2], strides=[1, 2])
one("lp_pool", "LpPool", {"x": data(1, 2, 6, 7)}, opset=18, kernel_shape=[2, 3], strides=[2, 1], p=3,
    expected=lambda i: [np.array([[[[(np.abs(i["x"][0, c, 2 * y:2 * y + 2, x:x + 3].astype(np.float64)) ** 3).sum() ** (1 / 3)
                                     for x in range(5)] for y in range(3)] for c in range(2)]], dtype=np.float32)])
one("global_lp_pool", "GlobalLpPool", {"x": data(2, 3, 4, 5)},
    expected=lambda i: [np.sqrt((i["x"].astype(np.float64) ** 2).sum(axis=(2, 3), keepdims=True)).astype(np.float32)])

# ------------------------------------------------------------- matrix products
one("gemm", "Gemm", {"a": data(3, 4)}, {"b": data(5, 4), "c": data(5)}, transB=1)
one("gemm_scaled", "Gemm", {"a": data(4, 3), "b": data(4, 5), "c": data(3, 1)}, transA=1, alpha=0.5, beta=2.0)
one("gemm_no_c", "Gemm", {"a": data(3, 4)}, {"b": data(4, 2)})
for name, a, b in [("2d", (3, 4), (4, 5)), ("batched", (2, 1, 3, 4), (5, 4, 2)), ("row", (4,), (2, 4, 3)), ("column", (2, 3, 4), (4,)), ("dot", (4,), (4,))]:
    one("matmul_" + name, "MatMul", {"a": data(*a), "b": data(*b)})

# --------------------------------------------------------------- normalisation
channel = {"s": data(3, low=0.5, high=1.5), "b": data(3), "m": data(3), "v": data(3, low=0.2, high=2)}


def vector(k):
    return channel[k].reshape(3, 1).astype(np.float64)


one("batch_norm", "BatchNormalization", {"x": data(2, 3, 4, 5)}, channel, opset=15)
one("batch_norm_9", "BatchNormalization", {"x": data(2, 3, 4)}, channel, opset=9, epsilon=1e-3, momentum=0.8,
    expected=lambda i: [((i["x"] - vector("m")) / np.sqrt(vector("v") + 1e-3) * vector("s") + vector("b")).astype(np.float32)])
one("batch_norm_given", "BatchNormalization", {"x": data(2, 3, 4, 5), **channel}, opset=15)


def lrn(x, size, alpha, beta, bias):
    x = x.astype(np.float64)
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        low, high = max(0, c - (size - 1) // 2), min(x.shape[1], c + size // 2 + 1)
        y[:, c] = x[:, c] / (bias + alpha / size * (x[:, low:high] ** 2).sum(axis=1)) ** beta
    return [y.astype(np.float32)]


one("lrn", "LRN", {"x": data(2, 7, 3, 4, low=-3, high=3)}, size=5, alpha=0.4, beta=0.6, bias=1.5, expected=lambda i: lrn(i["x"], 5, 0.4, 0.6, 1.5))
one("lrn_even", "LRN", {"x": data(1, 6, 3, 2, low=-3, high=3)}, size=4, alpha=0.4, expected=lambda i: lrn(i["x"], 4, 0.4, 0.75, 1.0))


def normal(x, axes, epsilon):
    x = x.astype(np.float64)
    return (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)


s4, b4, s2, b2 = data(4), data(4), data(2), data(2)
one("instance_norm", "InstanceNormalization", {"x": data(2, 4, 5, 6)}, {"s": s4, "b": b4}, epsilon=1e-3,
    expected=lambda i: [(normal(i["x"], (2, 3), 1e-3) * s4.reshape(4, 1, 1) + b4.reshape(4, 1, 1)).astype(np.float32)])
one("group_norm_18", "GroupNormalization", {"x": data(2, 4, 5, 3)}, {"s": s2, "b": b2}, opset=18, num_groups=2,
    expected=lambda i: [(normal(i["x"].reshape(2, 2, 30), 2, 1e-5) * s2[:, None] + b2[:, None]).reshape(2, 4, 5, 3).astype(np.float32)])
one("group_norm_21", "GroupNormalization", {"x": data(2, 4, 5, 3)}, {"s": s4, "b": b4}, opset=21, num_groups=2,
    expected=lambda i: [(normal(i["x"].reshape(2, 2, 30), 2, 1e-5).reshape(2, 4, 5, 3) * s4.reshape(4, 1, 1) + b4.reshape(4, 1, 1)).astype(np.float32)])
one("layer_norm", "LayerNormalization", {"x": data(2, 5, 4)}, {"s": s4, "b": b4}, opset=17,
    expected=lambda i: [(normal(i["x"], 2, 1e-5) * s4 + b4).astype(np.float32)])
one("rms_norm", "RMSNormalization", {"x": data(2, 5, 4)}, {"s": s4}, opset=23,
    expected=lambda i: [(i["x"] / np.sqrt((i["x"].astype(np.float64) ** 2).mean(axis=2, keepdims=True) + 1e-5) * s4).astype(np.float32)])
one("lp_norm_1", "LpNormalization", {"x": data(2, 3, 4)}, axis=1, p=1,
    expected=lambda i: [i["x"] / np.abs(i["x"]).sum(axis=1, keepdims=True)])
one("lp_norm_2", "LpNormalization", {"x": data(2, 3, 4)},
    expected=lambda i: [i["x"] / np.sqrt((i["x"] ** 2).sum(axis=2, keepdims=True))])
one("mean_variance_norm", "MeanVarianceNormalization", {"x": data(2, 3, 4, 2)},
    expected=lambda i: [normal(i["x"], (0, 2, 3), 0).astype(np.float32)])


def flat_softmax(x, axis):
    flat = x.reshape(int(np.prod(x.shape[:axis])), -1).astype(np.float64)
    e = np.exp(flat - flat.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True)).reshape(x.shape)


one("softmax", "Softmax", {"x": data(2, 3, 4, low=-5, high=5)}, axis=1)
one("softmax_11", "Softmax", {"x": data(2, 3, 4, low=-5, high=5)}, opset=11, expected=lambda i: [flat_softmax(i["x"], 1).astype(np.float32)])
one("log_softmax", "LogSoftmax", {"x": data(2, 3, 4, low=-5, high=5)})
one("log_softmax_11", "LogSoftmax", {"x": data(2, 3, 4, low=-5, high=5)}, opset=11, axis=2,
    expected=lambda i: [np.log(flat_softmax(i["x"], 2)).astype(np.float32)])

# ------------------------------------------------------------------ reductions
for op in ("L1", "L2", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare", "LogSum", "LogSumExp"):
    one("reduce_" + op.lower(), "Reduce" + op, {"x": data(2, 3, 4, low=0.2, high=2)}, {"axes": ints(1, -1)}, opset=18, keepdims=0)
    one("reduce_" + op.lower() + "_11", "Reduce" + op, {"x": data(2, 3, 4, low=0.2, high=2)}, opset=11, axes=[1])
one("reduce_sum_all", "ReduceSum", {"x": data(2, 3, 4)}, keepdims=0)
one("reduce_l2_noop", "ReduceL2", {"x": data(2, 3)}, {"axes": ints()}, opset=18, noop_with_empty_axes=1, expected=lambda i: [np.abs(i["x"])])

# -------------------------------------------------------------------- movement
one("concat", "Concat", {"a": data(2, 3, 4), "b": data(2, 1, 4), "c": data(2, 2, 4)}, axis=-2)
one("depth_to_space", "DepthToSpace", {"x": data(1, 8, 2, 3)}, blocksize=2)
one("depth_to_space_crd", "DepthToSpace", {"x": data(1, 8, 2, 3)}, blocksize=2, mode="CRD")
one("space_to_depth", "SpaceToDepth", {"x": data(1, 2, 4, 6)}, blocksize=2)
one("expand", "Expand", {"x": data(3, 1)}, {"s": ints(2, 1, 4)})
one("flatten", "Flatten", {"x": data(2, 3, 4, 5)}, axis=2)
one("flatten_0", "Flatten", {"x": data(2, 3)}, axis=0)
one("gather", "Gather", {"x": data(4, 5)}, {"i": np.array([[0, -1], [2, 2]], dtype=np.int64)}, axis=1)
one("gather_scalar", "Gather", {"x": data(4, 5)}, {"i": np.array(-2, dtype=np.int64)}, axis=0)
one("gather_progression", "Gather", {"x": data(6, 3)}, {"i": ints(5, 3, 1)}, axis=0)
for mode in ("constant", "reflect", "edge"):
    one("pad_" + mode, "Pad", {"x": data(2, 3, 4, 5)}, {"p": ints(0, 0, 2, 1, 0, 0, 1, 3)}, mode=mode)
one("pad_wrap", "Pad", {"x": data(3, 4)}, {"p": ints(1, 2, 2, 1)}, opset=19, mode="wrap")
one("pad_crop", "Pad", {"x": data(4, 5)}, {"p": ints(-1, 2, 0, -2), "v": np.float32(7)}, expected=lambda i: [np.pad(i["x"][1:, :3], ((0, 0), (2, 0)), constant_values=7)])
one("pad_axes", "Pad", {"x": data(2, 3, 4)}, {"p": ints(1, 2), "v": np.float32(3), "a": ints(-2)}, opset=18)
one("pad_2", "Pad", {"x": data(2, 3)}, opset=7, pads=[0, 1, 2, 0], value=0.5, expected=lambda i: [np.pad(i["x"], ((0, 2), (1, 0)), constant_values=0.5)])
one("reshape", "Reshape", {"x": data(2, 3, 4)}, {"s": ints(0, -1, 2, 2)})
one("reshape_scalar", "Reshape", {"x": data(1, 1)}, {"s": ints()})
one("slice", "Slice", {"x": data(5, 6, 4)}, {"s": ints(-2, 1), "e": ints(-100, 100), "a": ints(0, -1), "t": ints(-2, 2)})
one("slice_1", "Slice", {"x": data(5, 6)}, opset=7, starts=[1, -3], ends=[3, 1000], expected=lambda i: [i["x"][1:3, -3:1000]])
one("slice_below", "Slice", {"x": data(3, 2)}, {"s": ints(-6), "e": ints(-8), "a": ints(0), "t": ints(-3)}, expected=lambda i: [i["x"][:1]])
one("split", "Split", {"x": data(2, 7)}, {"s": ints(2, 4, 1)}, outputs="a,b,c", axis=1)
one("split_uneven", "Split", {"x": data(7, 2)}, opset=18, outputs="a,b,c", num_outputs=3)
one("split_11", "Split", {"x": data(4, 6)}, opset=11, outputs="a,b", axis=-1, split=[2, 4])
one("squeeze", "Squeeze", {"x": data(1, 3, 1, 4)}, {"a": ints(0, -2)})
one("squeeze_11", "Squeeze", {"x": data(1, 3, 1, 4)}, opset=11)
one("tile", "Tile", {"x": data(2, 1, 3)}, {"r": ints(2, 3, 2)})
one("transpose", "Transpose", {"x": data(2, 3, 4, 5)}, perm=[0, 3, 1, 2])
one("transpose_default", "Transpose", {"x": data(2, 3, 4)})
one("unsqueeze", "Unsqueeze", {"x": data(3, 4)}, {"a": ints(0, -1)})
one("unsqueeze_11", "Unsqueeze", {"x": data(3, 4)}, opset=11, axes=[1, 3])

# ---------------------------------------------------------------------- resize
UP = {"absent": 0, "s": np.array([1, 1, 2, 2.5], dtype=np.float32)}
DOWN = {"absent": 0, "s": np.array([1, 1, 0.5, 0.6], dtype=np.float32)}
SIZES = {"absent": 0, "absent2": 0, "z": ints(1, 2, 7, 3)}
for mode in ("nearest", "linear", "cubic"):
    one("resize_%s_up" % mode, "Resize", {"x": data(1, 2, 4, 4)}, UP, opset=19, mode=mode)
    one("resize_%s_down" % mode, "Resize", {"x": data(1, 2, 6, 5)}, DOWN, opset=19, mode=mode)
    one("resize_%s_sizes" % mode, "Resize", {"x": data(1, 2, 5, 6)}, SIZES, opset=19, mode=mode)
for coordinates in ("align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric"):
    one("resize_" + coordinates, "Resize", {"x": data(1, 2, 5, 4)}, SIZES, opset=19, mode="linear", coordinate_transformation_mode=coordinates)
for nearest in ("round_prefer_ceil", "floor", "ceil"):
    one("resize_nearest_" + nearest, "Resize", {"x": data(1, 2, 5, 4)}, SIZES, opset=19, nearest_mode=nearest)
for mode in ("linear", "cubic"):
    one("resize_%s_antialias" % mode, "Resize", {"x": data(1, 2, 7, 9)}, {"absent": 0, "absent2": 0, "z": ints(3, 4)}, opset=19, mode=mode, antialias=1, axes=[2, 3])
one("resize_exclude_outside", "Resize", {"x": data(1, 1, 4, 4)}, UP, opset=13, mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5)
one("resize_crop", "Resize", {"x": data(1, 1, 5, 6)}, {"roi": np.array([0.2, -0.3, 0.9, 1.4], dtype=np.float32), "absent": 0, "z": ints(4, 5)}, opset=19,
    mode="linear", axes=[2, 3], coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=3.5)
one("resize_pytorch_to_one", "Resize", {"x": data(1, 2, 5, 4)}, {"absent": 0, "absent2": 0, "z": ints(1, 2, 1, 1)}, opset=19, mode="cubic",
    coordinate_transformation_mode="pytorch_half_pixel", expected=lambda i: [i["x"][:, :, :1, :1]])
one("resize_10", "Resize", {"x": data(1, 2, 3, 4)}, {"s": np.array([1, 1, 2, 3], dtype=np.float32)}, opset=10,
    expected=lambda i: [i["x"].repeat(2, axis=2).repeat(3, axis=3)])
one("upsample_7", "Upsample", {"x": data(1, 2, 3, 4)}, opset=7, scales=[1.0, 1.0, 2.0, 2.0], expected=lambda i: [i["x"].repeat(2, axis=2).repeat(2, axis=3)])
one("upsample_9", "Upsample", {"x": data(1, 2, 3, 4)}, {"s": np.array([1, 1, 3, 2], dtype=np.float32)}, opset=9,
    expected=lambda i: [i["x"].repeat(3, axis=2).repeat(2, axis=3)])

# ----------------------------------------------------- constants, shape chains
case("constant_forms",
     [("Constant", "", "f", {"value_float": 0.5}), ("Constant", "", "l", {"value_floats": [1.0, 2.0, 3.0]}),
      ("Constant", "", "t", {"value": numpy_helper.from_array(data(2, 1))}), ("Constant", "", "n", {"value_int": 6}),
      ("Constant", "", "s", {"value_ints": [-1]}), ("Mul", "x,f", "p", {}), ("Add", "p,l", "q", {}), ("Sub", "q,t", "r", {}),
      ("Unsqueeze", "n,zero", "n1", {}), ("Concat", "n1,one", "shape", {"axis": 0}), ("Reshape", "r,shape", "y", {})],
     {"x": data(2, 3)}, {"zero": ints(0), "one": ints(1)})
case("flatten_by_shape",  # what exporters write for x.view(x.size(0), -1)
     [("Shape", "x", "shape", {}), ("Gather", "shape,zero", "n", {"axis": 0}), ("Unsqueeze", "n,axis", "n1", {}),
      ("Concat", "n1,rest", "target", {"axis": 0}), ("Relu", "x", "r", {}), ("Reshape", "r,target", "y", {})],
     {"x": data(2, 3, 4)}, {"zero": np.array(0, dtype=np.int64), "axis": ints(0), "rest": ints(-1)})
case("pad_by_shape",  # integer arithmetic that ends in the pads of a Pad
     [("Shape", "x", "shape", {}), ("Slice", "shape,two,four", "hw", {}), ("Mod", "hw,m", "rest", {}), ("Sub", "m,rest", "gap", {}),
      ("Div", "gap,m2", "half", {}), ("Sub", "gap,half", "other", {}), ("ConstantOfShape", "count", "none", {}),
      ("Cast", "none", "none64", {"to": TensorProto.INT64}), ("Concat", "none64,half,none64,other", "pads", {"axis": 0}), ("Pad", "x,pads", "y", {})],
     {"x": data(1, 2, 5, 6)}, {"two": ints(2), "four": ints(4), "m": ints(4), "m2": ints(2), "count": ints(2)})
case("size_range_where",
     [("Size", "x", "n", {}), ("Range", "start,n,step", "r", {}), ("Greater", "r,limit", "g", {}), ("Less", "r,top", "l", {}), ("And", "g,l", "both", {}),
      ("Not", "both", "neither", {}), ("Where", "neither,r,limit", "w", {}), ("Cast", "w", "f", {"to": TensorProto.FLOAT}), ("Reshape", "f,s", "z", {}),
      ("Add", "x,z", "y", {})],
     {"x": data(2, 3)}, {"start": np.array(0, dtype=np.int64), "step": np.array(1, dtype=np.int64), "limit": ints(1), "top": ints(4), "s": ints(2, 3)})
case("compare",
     [("Equal", "a,b", "e", {}), ("GreaterOrEqual", "a,b", "g", {}), ("LessOrEqual", "a,b", "l", {}), ("Or", "e,g", "o", {}), ("Xor", "o,l", "v", {}),
      ("Cast", "v", "f", {"to": TensorProto.FLOAT}), ("Mul", "x,f", "y", {})],
     {"x": data(4)}, {"a": ints(1, 2, 3, 4), "b": ints(2, 2, 2, 2)}, opset=16)
case("order",  # nodes in any order, and one that nothing needs and nobody knows
     [("Relu", "c", "y", {}), ("Frobnicate", "x", "unused", {}), ("Add", "a,b", "c", {}), ("Neg", "x", "b", {}), ("Exp", "x", "a", {})],
     {"x": data(3, 2)}, expected=lambda i: [np.maximum(np.exp(i["x"]) - i["x"], 0)])
case("transform_input",  # torchvision's inception_v3: each channel is scaled and shifted on its own
     [step for c in range(3) for step in [("Gather", "x,i%d" % c, "g%d" % c, {"axis": 1}), ("Unsqueeze", "g%d,one" % c, "u%d" % c, {}),
                                          ("Mul", "u%d,m%d" % (c, c), "p%d" % c, {}), ("Add", "p%d,a%d" % (c, c), "t%d" % c, {})]]
     + [("Concat", "t0,t1,t2", "j", {"axis": 1}), ("Conv", "j,w", "y", {"strides": [2, 2]})],
     {"x": data(1, 3, 7, 7)},
     {"one": ints(1), "w": data(4, 3, 3, 3), **{"i%d" % c: np.array(c, dtype=np.int64) for c in range(3)},
      **{"m%d" % c: np.float32(0.4 + 0.1 * c) for c in range(3)}, **{"a%d" % c: np.float32(-0.1 * c) for c in range(3)}})
case("se_block",  # squeeze and excitation with SiLU
     [("Sigmoid", "x", "s", {}), ("Mul", "x,s", "a", {}), ("GlobalAveragePool", "a", "g", {}), ("Conv", "g,w1,b1", "c", {}), ("Relu", "c", "r", {}),
      ("Conv", "r,w2", "d", {}), ("HardSigmoid", "d", "h", {}), ("Mul", "h,a", "y", {})],
     {"x": data(2, 4, 5, 5)}, {"w1": data(2, 4, 1, 1), "b1": data(2), "w2": data(4, 2, 1, 1)})


def build(name, nodes, inputs, constants, outputs, opset):
    made = [helper.make_node(op, [t for t in ins.split(",")] if ins else [], outs.split(","), name="%s_%d" % (op, k), **attributes)
            for k, (op, ins, outs, attributes) in enumerate(nodes)]
    graph = helper.make_graph(
        made, name, [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in inputs.items()],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)], producer_name="make_cases")


def check(name, model, inputs, expected):
    """Against ONNX Runtime, where it knows the operators."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        got = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, inputs)
    except Exception as problem:
        print("%-28s ONNX Runtime: %s" % (name, str(problem).splitlines()[0][:120]))
        return
    for a, b in zip(got, expected):
        if a.shape != b.shape or not np.allclose(a, b, rtol=2e-5, atol=1e-6):
            print("%-28s differs from ONNX Runtime by %s" % (name, np.abs(a - b).max() if a.shape == b.shape else (a.shape, b.shape)))


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    out = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "..", "..", "tests", "data", "ops")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    total, lines = 0, []
    for name, nodes, inputs, constants, outputs, opset, formula in CASES:
        model = build(name, nodes, inputs, constants, outputs, opset)
        expected = formula(inputs) if formula else ReferenceEvaluator(model).run(None, inputs)
        expected = [np.ascontiguousarray(np.asarray(v, dtype=np.float32)).reshape(np.shape(v)) for v in expected]
        if "--check" in sys.argv:
            check(name, model, inputs, expected)
        folder = os.path.join(out, name)
        os.makedirs(folder)
        onnx.save(model, os.path.join(folder, "model.onnx"))
        for k, v in inputs.items():
            np.save(os.path.join(folder, "in_%s.npy" % k), v)
        for k, v in zip(outputs, expected):
            np.save(os.path.join(folder, "out_%s.npy" % k), v)
        total += sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
        lines.append("%s\t%s" % (name, ",".join(sorted({n[0] for n in nodes}))))
    with open(os.path.join(out, "cases.txt"), "w") as f:
        f.write("\n".join(lines) + "\n")
    print("%d cases, %d bytes in %s" % (len(lines), total, os.path.normpath(out)))


if __name__ == "__main__":
    main()
