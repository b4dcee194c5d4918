#!/usr/bin/env python3
"""How busy the thread is that waits for a run: its processor time as a part of the time that it waits.

    tools/dev/waiting.py MODEL.onnx [--device cpu] [--batch N] [--runs N] [--library FILE]

A driver that computes on the waiting thread (Intel's CPU runtime) shows a large part, one whose waiting thread spins, nearly all of it.
"""
import argparse, ctypes, os, resource, statistics, sys, time
import binding

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def thread_seconds():
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_utime + used.ru_stime


def main():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("model")
    made.add_argument("--device", default="cpu")
    made.add_argument("--batch", type=int, default=1)
    made.add_argument("--runs", type=int, default=50)
    made.add_argument("--library", default=os.path.join(ROOT, "build", "libclinception.so"))
    options = made.parse_args()
    library = binding.Library(options.library)
    executor = binding.Executor(library, options.model, options.device, options.batch)
    executor.given[0] = ctypes.cast((ctypes.c_float * binding.product(executor.input_shape))(), binding.FLOATS)
    parts, waits = [], []
    for _ in range(options.runs):
        run = ctypes.c_void_p()
        library.call("icn_executor_submit", executor.executor, executor.given, executor.got, ctypes.byref(run))
        began, used = time.perf_counter(), thread_seconds()
        library.call("icn_run_wait", run)
        waits.append(time.perf_counter() - began)
        parts.append((thread_seconds() - used) / waits[-1])
        library.functions.icn_run_destroy(run)
    print("%s: the waiting thread used %.2f %% of the wait (median of %d runs, at most %.2f %%; a wait is %.1f ms)"
          % (executor.device.name.decode(), 100 * statistics.median(parts), options.runs, 100 * max(parts), 1000 * statistics.median(waits)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except binding.Failed as problem:
        sys.exit("waiting.py: %s" % problem)
