#!/usr/bin/env python3
"""Makes the tiny models that the tests of the command-line tool run (tests/data/tool). Needs onnx and numpy; run from the top of the repository."""
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = sys.argv[1] if len(sys.argv) > 1 else "tests/data/tool"


def save(name, nodes, inputs, outputs, constants=(), checked=True):
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(numpy.asarray(v, numpy.float32 if numpy.asarray(v).dtype.kind == "f" else numpy.int64), n) for n, v in constants])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="clinception tests")
    if checked:
        onnx.checker.check_model(model)
    onnx.save(model, "%s/%s.onnx" % (FOLDER, name))


# The brightest colour of a picture: three classes, red, green and blue.
save("colours",
     [helper.make_node("Conv", ["image", "weight", "bias"], ["mixed"], "mix", kernel_shape=[1, 1]),
      helper.make_node("Relu", ["mixed"], ["positive"], "cut"),
      helper.make_node("GlobalAveragePool", ["positive"], ["mean"], "pool"),
      helper.make_node("Flatten", ["mean"], ["logits"], "flatten"),
      helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1)],
     [("image", ["N", 3, 8, 8])], [("probabilities", ["N", 3])],
     [("weight", numpy.eye(3).reshape(3, 3, 1, 1) * 4.0), ("bias", [0.1, 0.1, 0.1])])
# Two inputs of any size, two outputs.
save("sums",
     [helper.make_node("Add", ["left", "right"], ["sum"], "add"), helper.make_node("Mul", ["left", "right"], ["a/product"], "mul")],
     [("left", ["N", 3]), ("right", ["N", 3])], [("sum", ["N", 3]), ("a/product", ["N", 3])])
# Not a number for every input below 4.
save("nan", [helper.make_node("Sub", ["x", "four"], ["below"], "sub"), helper.make_node("Sqrt", ["below"], ["y"], "root")],
     [("x", [2, 5])], [("y", [2, 5])], [("four", [4.0])])
# An input whose rank the model does not tell (which the checker does not want).
save("any", [helper.make_node("Relu", ["x"], ["y"], "cut")], [("x", None)], [("y", None)], checked=False)
