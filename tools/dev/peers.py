"""Adapters to the runtimes that are compared: each class loads one ONNX model with a fixed batch and one output, and runs it from a NumPy array to a NumPy array.

Runs in the environment of environment.py. A class raises Unusable with one sentence when its runtime cannot do what is asked.
"""
import importlib.metadata, os, subprocess, sys, time
import numpy as np
import binding


class Unusable(Exception):
    """One sentence: why this runtime is left out."""


class Task:
    """What is to be run: model (path), input_name, output_name, image (NumPy array), batch, threads, work (a folder of this run), cache (a folder for
    what a runtime keeps from start to start, or None)."""

    def __init__(self, fields):
        self.model, self.input_name, self.output_name = fields["model"], fields["input_name"], fields["output_name"]
        self.image, self.batch, self.threads = np.load(fields["input"]), fields["batch"], fields["threads"]
        self.work, self.library, self.device, self.converting = fields["work"], fields["library"], fields["device"], 0.0
        self.cache = fields.get("cache")


def converted(task, path, command):
    """Runs a converter unless its result is there; its time is not the runtime's."""
    if os.path.exists(path):
        return
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    task.converting += time.perf_counter() - began
    if done.returncode != 0 or not os.path.exists(path):
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise Unusable("%s failed (%d)%s" % (os.path.basename(command[0]), done.returncode, ": " + lines[-1] if lines else ""))


class Clinception:
    package, precision = None, "fp32"

    def __init__(self, task, rows=None, passes_off=None, tuning=None, schedule=None):
        library = binding.Library(task.library)
        self.executor = binding.Executor(library, task.model, task.device, task.batch, rows, passes_off, tuning, schedule)
        device = self.executor.device
        self.version, self.image = library.version, task.image
        self.notes = {"device": "%s, %s %s" % (device.name.decode(), device.platform.decode(), device.driver.decode()), "units": device.compute_units,
                      "layers": ["%s | %s | %s" % layer for layer in self.executor.layers()]}
        if self.executor.input_shape != task.image.shape:
            raise Unusable("its input is %s, %s was expected" % (self.executor.input_shape, task.image.shape))
        shape, values = self.executor.outputs[task.output_name]
        self.output, self.floats = np.ctypeslib.as_array(values).reshape(shape), self.image.ctypes.data_as(binding.FLOATS)

    def run(self):
        self.executor.run(self.floats)
        return self.output


class OnnxRuntime:
    package, precision = "onnxruntime", "fp32"

    def __init__(self, task):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = task.threads, 3
        model, kept = task.model, task.cache and os.path.join(task.cache, "optimised.onnx")
        if kept and os.path.exists(kept):  # its own file: the graph as it has optimised it at an earlier start
            model, options.graph_optimization_level = kept, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        elif kept:
            options.optimized_model_filepath = kept
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.feed, self.wanted = {task.input_name: task.image}, [task.output_name]

    def run(self):
        return self.session.run(self.wanted, self.feed)[0]


class OpenVino:
    package = "openvino"

    def __init__(self, task, precision="f32"):
        import openvino
        self.precision = {"f32": "fp32", "bf16": "bf16"}[precision]
        core = openvino.Core()
        if task.cache:
            core.set_property({"CACHE_DIR": task.cache})
        settings = {"INFERENCE_NUM_THREADS": task.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        compiled = core.compile_model(core.read_model(task.model), "CPU", settings)
        used = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if used != precision:
            raise Unusable("asked for %s, OpenVINO takes %s on this processor" % (precision, used))
        self.request, self.image = compiled.create_infer_request(), task.image

    def run(self):
        return next(iter(self.request.infer({0: self.image}, share_inputs=True, share_outputs=True).values()))


class Ncnn:
    """ncnn has no batch: the images of a batch run one after another."""
    package = "ncnn"

    def __init__(self, task, bf16=False):
        import ncnn
        self.precision, stem = "bf16" if bf16 else "fp32", os.path.join(task.work, "ncnn")
        single = os.path.join(task.work, "b1.onnx")
        if not os.path.exists(single):
            raise Unusable("ncnn runs single images, and the model cannot be made for batch 1")
        shape = "[%s]" % ",".join(map(str, (1,) + task.image.shape[1:]))
        converter = os.path.join(os.path.dirname(importlib.metadata.distribution("pnnx").locate_file("pnnx/pnnx")), "pnnx")
        # It also writes pnnx.py files beside the model, hence the paths.
        files = {"pnnxparam": ".pnnx.param", "pnnxbin": ".pnnx.bin", "pnnxpy": "_pnnx.py", "pnnxonnx": ".pnnx.onnx", "ncnnparam": ".param", "ncnnbin": ".bin", "ncnnpy": ".py"}
        converted(task, stem + ".bin", [converter, single, "inputshape=" + shape, "fp16=0"] + ["%s=%s%s" % (key, stem, end) for key, end in files.items()])
        self.net = ncnn.Net()
        option = self.net.opt
        option.num_threads, option.use_vulkan_compute, option.use_bf16_storage = task.threads, False, bf16
        # By default ncnn keeps weights as halves, which is not fp32 (Inception-v3: off by 3e-5 instead of 7e-7, and no faster).
        option.use_fp16_packed = option.use_fp16_storage = option.use_fp16_arithmetic = False
        if self.net.load_param(stem + ".param") != 0 or self.net.load_model(stem + ".bin") != 0:
            raise Unusable("ncnn cannot load what pnnx wrote")
        self.images = [np.ascontiguousarray(image) for image in task.image]
        self.mats = [ncnn.Mat(image) for image in self.images]
        self.notes = {"batch": "one image after another"} if task.batch > 1 else {}

    def one(self, mat):
        with self.net.create_extractor() as extractor:
            extractor.input("in0", mat)
            code, out = extractor.extract("out0")
            if code != 0:
                raise Unusable("ncnn's extract returned %d" % code)
            return np.array(out)

    def run(self):
        return np.stack([self.one(mat) for mat in self.mats])


class Mnn:
    package, precision = "MNN", "fp32"

    def __init__(self, task):
        import MNN.expr as expr
        import MNN.nn as nn
        path = task.model[:-5] + ".mnn"
        converter = os.path.join(os.path.dirname(sys.executable), "mnnconvert")
        converted(task, path, [converter, "-f", "ONNX", "--modelFile", task.model, "--MNNModel", path, "--bizCode", "compare"])
        runtime = nn.create_runtime_manager(({"backend": "CPU", "numThread": task.threads, "precision": "normal"},))
        self.net = nn.load_module_from_file(path, [task.input_name], [task.output_name], runtime_manager=runtime)
        self.image = expr.const(task.image, list(task.image.shape), expr.NCHW)  # once: copying it is not in MNN's time

    def run(self):
        result = self.net.forward([self.image])
        return np.array((result[0] if isinstance(result, (list, tuple)) else result).read())


class OpenCv:
    package, precision = "opencv-python-headless", "fp32"

    def __init__(self, task):
        import cv2
        cv2.setNumThreads(task.threads)
        self.net, self.image = cv2.dnn.readNetFromONNX(task.model), task.image

    def run(self):
        self.net.setInput(self.image)
        return self.net.forward()


class Tinygrad:
    """The one peer that computes through OpenCL on a CPU device."""
    package, precision = "tinygrad", "fp32"

    def __init__(self, task):
        os.environ["DEV"] = "CL"
        import tinygrad
        from tinygrad.nn.onnx import OnnxRunner
        device = tinygrad.Device["CL"]
        self.notes = {"device": "%s %s" % (device.device_name, device.driver_version)}
        runner = OnnxRunner(task.model)
        self.jit = tinygrad.TinyJit(lambda image: runner({task.input_name: image})[task.output_name].realize())
        self.tensor, self.image = lambda: tinygrad.Tensor(task.image, device="CL").realize(), task.image

    def run(self):
        return self.jit(self.tensor()).numpy()


# name: (key in environment.PEERS or None, what makes one, what it is)
PEERS = {
    "clinception": (None, Clinception, "this library"),
    "onnxruntime": (None, OnnxRuntime, "ONNX Runtime"),
    "openvino": ("openvino", OpenVino, "OpenVINO, fp32"),
    "openvino-bf16": ("openvino", lambda task: OpenVino(task, "bf16"), "OpenVINO, bf16"),
    "ncnn": ("ncnn", Ncnn, "ncnn, fp32"),
    "ncnn-bf16": ("ncnn", lambda task: Ncnn(task, True), "ncnn, bf16 storage"),
    "mnn": ("mnn", Mnn, "MNN, fp32"),
    "opencv": ("opencv", OpenCv, "OpenCV's dnn"),
    "tinygrad": ("tinygrad", Tinygrad, "tinygrad over OpenCL"),
}


def make(name, task, options):
    peer = PEERS[name][1](task, **options)
    if not hasattr(peer, "version"):
        peer.version = importlib.metadata.version(peer.package)
    if not hasattr(peer, "notes"):
        peer.notes = {}
    return peer
