"""Time clinception beside ONNX Runtime on one ONNX model on this CPU: alternating, in one process, on all cores, after checking that the answers agree.

    pip install onnxruntime==1.32.0 numpy
    POCL_AFFINITY=1 python tools/dev/compare.py LIBCLINCEPTION.so MODEL.onnx [--device cpu] [--batch N] [--repeat N]

Prints the median and least time of each an image and the ratio of the medians (and the median of the ratios of neighbours). The model has one float input.
"""
import argparse, ctypes, platform, time
import numpy as np


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 504)]


class TensorInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("rank", ctypes.c_int), ("dim", ctypes.c_int64 * 8)]


class ExecutorOptions(ctypes.Structure):
    _fields_ = [("struct_bytes", ctypes.c_size_t), ("device", ctypes.c_void_p), ("batch", ctypes.c_int64), ("shapes", ctypes.c_void_p),
                ("shape_count", ctypes.c_size_t), ("precision", ctypes.c_int), ("cores", ctypes.c_uint32), ("disabled_passes", ctypes.c_char_p),
                ("forced_rows", ctypes.c_char_p), ("keep_values", ctypes.c_int), ("profile", ctypes.c_int)]


class Clinception:
    """The few calls of the public C API that a timing needs."""

    def __init__(self, library, model, device, batch):
        self.lib, self.error = ctypes.CDLL(library), Error()
        for name in ("icn_executor_input", "icn_executor_output"):
            getattr(self.lib, name).restype = TensorInfo
            getattr(self.lib, name).argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.lib.icn_executor_output_count.restype = ctypes.c_size_t
        self.lib.icn_executor_output_count.argtypes = [ctypes.c_void_p]
        context, found, net, self.executor = (ctypes.c_void_p() for _ in range(4))
        self.call("icn_context_create", None, ctypes.byref(context))
        self.call("icn_context_find_device", context, device.encode(), ctypes.byref(found))
        self.call("icn_model_load", context, model.encode(), ctypes.byref(net))
        options = ExecutorOptions()
        self.lib.icn_executor_options_init_sized(ctypes.byref(options), ctypes.c_size_t(ctypes.sizeof(options)))
        options.device, options.batch = found, batch
        self.call("icn_executor_create", net, ctypes.byref(options), ctypes.byref(self.executor))
        self.input = self.shape(self.lib.icn_executor_input(self.executor, 0))
        count = self.lib.icn_executor_output_count(self.executor)
        self.outputs = [np.empty(self.shape(self.lib.icn_executor_output(self.executor, i)), np.float32) for i in range(count)]
        self.names = [self.lib.icn_executor_output(self.executor, i).name.decode() for i in range(count)]

    @staticmethod
    def shape(info):
        return tuple(info.dim[: info.rank])

    def call(self, name, *arguments):
        if getattr(self.lib, name)(*arguments, ctypes.byref(self.error)) != 0:
            raise SystemExit("%s: %s" % (name, self.error.message.decode()))

    def run(self, image):
        pointer = ctypes.POINTER(ctypes.c_float)
        given = (pointer * 1)(image.ctypes.data_as(pointer))
        got = (pointer * len(self.outputs))(*[o.ctypes.data_as(pointer) for o in self.outputs])
        self.call("icn_executor_run", self.executor, given, got)
        return dict(zip(self.names, self.outputs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=25)
    options = parser.parse_args()

    import onnxruntime
    ours = Clinception(options.library, options.model, options.device, options.batch)
    image = np.random.default_rng(1).uniform(0, 1, ours.input).astype(np.float32)
    theirs = onnxruntime.InferenceSession(options.model, providers=["CPUExecutionProvider"])
    feed = {theirs.get_inputs()[0].name: image}
    want = dict(zip([o.name for o in theirs.get_outputs()], theirs.run(None, feed)))
    got = ours.run(image)
    for name, value in want.items():
        print("%-20s largest difference %.1e of the largest %.3g" % (name, np.abs(got[name] - value).max() / np.abs(value).max(), np.abs(value).max()))

    runs = {"clinception": lambda: ours.run(image), "onnxruntime": lambda: theirs.run(None, feed)}
    times = {name: [] for name in runs}
    for turn in range(options.repeat + 3):
        for name, run in runs.items():
            time.sleep(0.02)  # the one before may still spin on its worker threads
            started = time.perf_counter()
            run()
            if turn >= 3:
                times[name].append((time.perf_counter() - started) * 1e3 / options.batch)
    with open("/proc/cpuinfo") as file:
        processor = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.processor())
    for name, values in times.items():
        print("%-12s batch %d: median %.2f, least %.2f ms an image" % (name, options.batch, np.median(values), min(values)))
    a, b = np.array(times["clinception"]), np.array(times["onnxruntime"])
    print("ratio of medians %.2f, median of neighbours' ratios %.2f (%s)" % (np.median(a) / np.median(b), np.median(a / b), processor))


if __name__ == "__main__":
    main()
