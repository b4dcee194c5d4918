#!/usr/bin/env python3
"""The few calls of clinception's public C API that the timing scripts need, through ctypes. Standard library only; floats go in and out as ctypes pointers.

    executor = Executor(Library("build/libclinception.so"), "model.onnx", batch=8, rows="-winograd*")
    executor.run(pointer_to_floats)          # then executor.outputs: {name: (shape, ctypes array of float)}

Called as a program it says where it differs from the header.
"""
import ctypes
import os
import re
import sys

FLOATS = ctypes.POINTER(ctypes.c_float)


class Failed(Exception):
    """One sentence of the library."""


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 504)]


class TensorInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("rank", ctypes.c_int), ("dim", ctypes.c_int64 * 8)]

    def shape(self):
        return tuple(self.dim[: self.rank])


class ContextOptions(ctypes.Structure):
    _fields_ = [("struct_bytes", ctypes.c_size_t), ("allocator", ctypes.c_void_p), ("logger", ctypes.c_void_p), ("opencl_library", ctypes.c_char_p),
                ("cache_dir", ctypes.c_char_p), ("kernel_dir", ctypes.c_char_p), ("quirks", ctypes.c_char_p), ("tune_file", ctypes.c_char_p),
                ("cache_bytes", ctypes.c_uint64)]


class ExecutorOptions(ctypes.Structure):
    _fields_ = [("struct_bytes", ctypes.c_size_t), ("device", ctypes.c_void_p), ("batch", ctypes.c_int64), ("shapes", ctypes.c_void_p),
                ("shape_count", ctypes.c_size_t), ("precision", ctypes.c_int), ("cores", ctypes.c_uint32), ("disabled_passes", ctypes.c_char_p),
                ("forced_rows", ctypes.c_char_p), ("keep_values", ctypes.c_int), ("profile", ctypes.c_int),
                ("schedule", ctypes.c_int), ("memory_limit", ctypes.c_uint64), ("self_test", ctypes.c_int),
                ("window", ctypes.c_int)]


class DeviceInfo(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int), ("kind", ctypes.c_int), ("name", ctypes.c_char_p), ("vendor", ctypes.c_char_p), ("driver", ctypes.c_char_p),
                ("version", ctypes.c_char_p), ("platform", ctypes.c_char_p), ("compute_units", ctypes.c_uint32), ("global_bytes", ctypes.c_uint64),
                ("max_allocation_bytes", ctypes.c_uint64), ("local_bytes", ctypes.c_uint64)]


class LayerInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("problem", ctypes.c_char_p), ("row", ctypes.c_char_p), ("flop", ctypes.c_double), ("bytes", ctypes.c_double),
                ("seconds", ctypes.c_double), ("value", ctypes.c_char_p), ("row_flop", ctypes.c_double), ("row_bytes", ctypes.c_double),
                ("runs", ctypes.c_int)]


# The C structs that the classes above repeat.
STRUCTS = {"icn_error": Error, "icn_tensor_info": TensorInfo, "icn_context_options": ContextOptions, "icn_executor_options": ExecutorOptions,
           "icn_device_info": DeviceInfo, "icn_layer_info": LayerInfo}


def differences(header):
    """How the classes differ from the structs of clinception.h, a sentence each: a call that returns a struct by value would write beyond a class
    with fewer members."""
    with open(header, encoding="utf-8") as file:
        code = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    found = []
    for name, made in STRUCTS.items():
        body = re.search(r"typedef struct %s \{(.*?)\} %s;" % (name, name), code, flags=re.S)
        members = [re.sub(r"\[.*", "", part).split()[-1].lstrip("*") for line in body[1].split(";") if line.strip() for part in line.split(",")] if body else []
        if members != [field[0] for field in made._fields_]:
            found.append("%s has the members %s, %s has %s" % (name, ", ".join(members), made.__name__, ", ".join(field[0] for field in made._fields_)))
    return found


# Results and arguments of what does not return a status; whoever does is called through Library.call.
PROTOTYPES = {
    "icn_version": (ctypes.c_char_p, []),
    "icn_context_options_init_sized": (None, [ctypes.c_void_p, ctypes.c_size_t]),
    "icn_executor_options_init_sized": (None, [ctypes.c_void_p, ctypes.c_size_t]),
    "icn_device_get_info": (DeviceInfo, [ctypes.c_void_p]),
    "icn_executor_input_count": (ctypes.c_size_t, [ctypes.c_void_p]),
    "icn_executor_input": (TensorInfo, [ctypes.c_void_p, ctypes.c_size_t]),
    "icn_executor_output_count": (ctypes.c_size_t, [ctypes.c_void_p]),
    "icn_executor_output": (TensorInfo, [ctypes.c_void_p, ctypes.c_size_t]),
    "icn_executor_layer_count": (ctypes.c_size_t, [ctypes.c_void_p]),
    "icn_executor_layer": (LayerInfo, [ctypes.c_void_p, ctypes.c_size_t]),
    "icn_executor_destroy": (None, [ctypes.c_void_p]),
    "icn_model_destroy": (None, [ctypes.c_void_p]),
    "icn_context_destroy": (None, [ctypes.c_void_p]),
}


class Library:
    def __init__(self, path):
        try:
            self.functions = ctypes.CDLL(path)
            for name, (result, arguments) in PROTOTYPES.items():
                function = getattr(self.functions, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as problem:
            raise Failed("the library '%s' cannot be loaded: %s" % (path, problem))
        self.version = self.functions.icn_version().decode()

    def call(self, name, *arguments):
        error = Error()
        if getattr(self.functions, name)(*arguments, ctypes.byref(error)) != 0:
            raise Failed("%s: %s" % (name, error.message.decode(errors="replace")))


# icn_schedule_kind, by the tool's names.
SCHEDULES = ("default", "in-order", "out-of-order", "queues", "recorded")


def text(value):
    return None if value is None else value.encode()


class Executor:
    """One model on one device with a context of its own, so that executors with different tuning files stand side by side. The model has one input."""

    def __init__(self, library, model, device="cpu", batch=1, rows=None, passes_off=None, tuning=None, schedule=None):
        self.library, functions = library, library.functions
        self.context, self.model, self.executor, found = (ctypes.c_void_p() for _ in range(4))
        options = ContextOptions()
        functions.icn_context_options_init_sized(ctypes.byref(options), ctypes.sizeof(options))
        options.tune_file = text(tuning)
        library.call("icn_context_create", ctypes.byref(options), ctypes.byref(self.context))
        library.call("icn_context_find_device", self.context, text(device), ctypes.byref(found))
        self.device = functions.icn_device_get_info(found)
        library.call("icn_model_load", self.context, text(model), ctypes.byref(self.model))
        settings = ExecutorOptions()
        functions.icn_executor_options_init_sized(ctypes.byref(settings), ctypes.sizeof(settings))
        settings.device, settings.batch = found, batch
        settings.forced_rows, settings.disabled_passes = text(rows), text(passes_off)
        settings.schedule = SCHEDULES.index(schedule or "default")
        library.call("icn_executor_create", self.model, ctypes.byref(settings), ctypes.byref(self.executor))
        if functions.icn_executor_input_count(self.executor) != 1:
            raise Failed("'%s' has %d inputs, one was expected" % (model, functions.icn_executor_input_count(self.executor)))
        self.input_shape = functions.icn_executor_input(self.executor, 0).shape()
        self.outputs = {}
        for index in range(functions.icn_executor_output_count(self.executor)):
            info = functions.icn_executor_output(self.executor, index)
            self.outputs[info.name.decode()] = (info.shape(), (ctypes.c_float * product(info.shape()))())
        self.given = (FLOATS * 1)()
        self.got = (FLOATS * len(self.outputs))(*[ctypes.cast(values, FLOATS) for _, values in self.outputs.values()])

    def run(self, floats):
        self.given[0] = ctypes.cast(floats, FLOATS)
        self.library.call("icn_executor_run", self.executor, self.given, self.got)

    def layers(self):
        """(name, problem, kernel row) of each layer of the plan."""
        functions = self.library.functions
        found = (functions.icn_executor_layer(self.executor, i) for i in range(functions.icn_executor_layer_count(self.executor)))
        return [(layer.name.decode(), layer.problem.decode(), layer.row.decode()) for layer in found]

    def close(self):
        for function, handle in (("icn_executor_destroy", self.executor), ("icn_model_destroy", self.model), ("icn_context_destroy", self.context)):
            getattr(self.library.functions, function)(handle)
            handle.value = None


def product(shape):
    result = 1
    for size in shape:
        result *= size
    return result


if __name__ == "__main__":
    HERE = os.path.dirname(os.path.abspath(__file__))
    sys.exit("\n".join(differences(os.path.join(HERE, "..", "..", "include", "clinception", "clinception.h"))) or None)
