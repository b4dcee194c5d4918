#!/usr/bin/env python3
"""Compiles kernels for a GPU that is not here, and writes what its compiler says of them as figures.

    compile.py --family mali|adreno --gpu NAME --index FILE --records DIR --work DIR --key TEXT --figures FILE [--all] COMMAND...

The index is that of tests/vendors/programs. Kernels that are compiled: those of which a plan makes use; with --all those of every row for GPUs. COMMAND and an index is tests/vendors/build_programs on the GPU, which compiles a few seconds a kernel: so each kernel's record is kept
in DIR/NAME under a hash of its preprocessed source, options and TEXT (the compiler's versions), and a kernel that has one is not compiled again. Exit: 1 when
something is not built. The figures of the rows that are judged are appended to FILE."""

import argparse
import concurrent.futures
import functools
import hashlib
import os
import re
import subprocess
import sys

CHUNK = 4  # kernels a process: what is lost when it is interrupted


# What our sources ask of a compiler; any other such name makes the source itself count.
ASKED = {"__OPENCL_VERSION__", "__clang__", "__x86_64__", "__aarch64__", "cl_intel_subgroups", "cl_intel_subgroups_short", "cl_khr_fp16"}


@functools.lru_cache(maxsize=None)
def preprocessed(path, options):
    """What a GPU's compiler is left with, without extensions and with all that are asked for: comments and what is for other devices do not count."""
    with open(path, encoding="utf-8") as file:
        source = file.read()
    conditions = " ".join(re.findall(r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b(.*)", source.replace("\\\n", " "), re.M))
    unknown = set(re.findall(r"\b(?:__|cl_|FP_FAST_)\w+", conditions)) - ASKED
    defined = re.findall(r"-D ?(\S+)", options) + ["__OPENCL_VERSION__=120"]
    texts = [source] if unknown else []
    for extensions in ([], [name for name in ASKED if name.startswith("cl_")]):
        command = ["gcc", "-E", "-P", "-undef", "-nostdinc", "-x", "c"] + ["-D" + name for name in defined + sorted(extensions)] + [path]
        texts.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [text.encode() for text in texts]


class Kernel:
    """A line of the index."""

    def __init__(self, line, folder, key):
        self.line = line
        self.program, self.name, self.target, self.rows, self.config, self.uses, self.options = line.split("\t")
        text = preprocessed(os.path.join(folder, self.program), self.options)
        self.hash = hashlib.sha256(b"\0".join([*text, self.name.encode(), self.options.encode(), key.encode()])).hexdigest()[:24]

    def is_planned(self):
        return "plan" in self.uses.split(",")

    def is_wanted(self, every):
        return self.is_planned() or (every and self.target == "GPU")


def read_index(path, key):
    folder = os.path.dirname(path)
    with open(path, encoding="utf-8") as file:
        return [Kernel(line.rstrip("\n"), folder, key) for line in file if line.strip() and not line.startswith("#")]


def mali_statistics(text):
    """Panfrost prints a line for each variant of a kernel (work-group size known or not): the worst of them counts."""
    found = {}
    for line in re.findall(r"^SHADER-DB: .*", text, re.M):
        numbers = {name: int(number) for number, name in re.findall(r"(\d+) (inst|quadwords|threads|loops)\b", line)}
        spills = re.search(r"(\d+):(\d+) spills:fills", line)
        if spills is None or "inst" not in numbers:
            continue
        numbers["spills"], numbers["fills"] = int(spills.group(1)), int(spills.group(2))
        merge(found, {name: numbers[name] for name in ("inst", "threads", "spills", "fills")})
    return found


def adreno_statistics(text):
    """Mesa's ir3 prints each variant's disassembly, whose stp and ldp are spills to private memory, and its sums behind it."""
    found = {}
    private = 0
    for line in text.splitlines():
        private += 1 if re.search(r"\b(stp|ldp)\.", line) else 0
        sums = re.search(r"; CL prog .*?: (\d+) instr, (\d+) nops", line)
        registers = re.search(r"; CL prog .*?: .* (\d+) half, (\d+) full", line)
        if sums:
            merge(found, {"inst": int(sums.group(1)), "nops": int(sums.group(2)), "private_access": private})
            private = 0
        if registers:
            merge(found, {"half": int(registers.group(1)), "full": int(registers.group(2))})
    return found


def merge(found, numbers):
    for name, number in numbers.items():
        worse = min if name == "threads" else max
        found[name] = worse(found[name], number) if name in found else number


def parse_output(text, family, kernels):
    """What build_programs and the compiler printed of these kernels, which they took in this order: {kernel: its numbers}, {kernel: why it failed}."""
    records, failures = {}, {}
    for kernel, part in zip(kernels, re.split(r"^(?=== begin )", text, flags=re.M)[1:]):
        asked = re.search(r"^== kernel \S+ \S+ (.*)$", part, re.M)
        if not re.search(r"^== end ", part, re.M) or asked is None:
            last = [line for line in part.splitlines() if line.strip() and not line.startswith("MESA: info")][-4:]
            failures[kernel] = " / ".join(last)
            continue
        numbers = {"mali": mali_statistics, "adreno": adreno_statistics}[family](part)
        for pair in asked.group(1).split():
            key, value = pair.split("=")
            if key in ("group", "private", "local"):
                numbers[key] = int(value)
        records[kernel] = numbers
    return records, failures


def compile_chunk(kernels, arguments, environment=None):
    work = os.path.join(arguments.work, kernels[0].hash)  # chunks run side by side
    os.makedirs(work, exist_ok=True)
    index = os.path.join(work, "chunk.txt")
    folder = os.path.dirname(arguments.index)
    with open(index, "w", encoding="utf-8") as file:
        for kernel in kernels:
            file.write(kernel.line + "\n")
    for kernel in kernels:  # build_programs looks for sources beside the index
        place = os.path.join(work, kernel.program)
        with open(os.path.join(folder, kernel.program), "rb") as source, open(place, "wb") as copy:
            copy.write(source.read())
    log = os.path.join(work, "compiler.log")
    with open(log, "wb") as file:
        subprocess.run(arguments.command + [index], stdout=file, stderr=subprocess.STDOUT, env=environment)
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if "== device" not in text:
        raise SystemExit(f"FAILED: {arguments.gpu}: the driver gives no device: {text.strip()[-300:]}")
    return parse_output(text, arguments.family, kernels)


def record_path(arguments, kernel):
    return os.path.join(arguments.records, arguments.gpu, kernel.hash + ".txt")


def read_record(arguments, kernel):
    try:
        with open(record_path(arguments, kernel), encoding="utf-8") as file:
            return {name: int(value) for name, value in (pair.split("=") for pair in file.read().split())}
    except FileNotFoundError:
        return None


def write_record(arguments, kernel, numbers):
    path = record_path(arguments, kernel)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(" ".join(f"{name}={value}" for name, value in numbers.items()))
    os.replace(path + ".new", path)


def compile_and_record(chunk, arguments):
    """Compiles a few kernels; returns {kernel: why it failed}."""
    records, failed = compile_chunk(chunk, arguments)
    # A kernel that Mesa's cache knows gives no statistics (an earlier run was interrupted behind it): once more, without that cache.
    silent = [kernel for kernel in chunk if "inst" not in records.get(kernel, {"inst": 0})]
    if silent:
        again, failed_again = compile_chunk(silent, arguments, dict(os.environ, MESA_SHADER_CACHE_DISABLE="true"))
        records.update(again)
        failed.update(failed_again)
    failures = {}
    for kernel in chunk:
        if "inst" in records.get(kernel, {}):
            write_record(arguments, kernel, records[kernel])
        else:
            failures[kernel] = failed.get(kernel, "the compiler stopped before it, or gave no statistics")
    return failures


def compile_missing(kernels, arguments):
    """Compiles what has no record, on every core; returns {kernel: why it failed}."""
    missing = [kernel for kernel in kernels if read_record(arguments, kernel) is None]
    chunks = [missing[at : at + CHUNK] for at in range(0, len(missing), CHUNK)]
    failures, done = {}, 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for failed in pool.map(lambda chunk: compile_and_record(chunk, arguments), chunks):
            failures.update(failed)
            done += 1
            print(f"  {arguments.gpu}: {min(done * CHUNK, len(missing))} of {len(missing)} kernels compiled, {len(failures)} failed", flush=True)
    return failures


def figure_line(kernel, arguments, numbers):
    values = " ".join(f"{name}={value}" for name, value in numbers.items())
    return f"{kernel.name} {kernel.config} {arguments.family}-{arguments.gpu} {values}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=("mali", "adreno"), required=True)
    for name in ("gpu", "index", "records", "work", "key", "figures"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    kernels = [kernel for kernel in read_index(arguments.index, arguments.key) if kernel.is_wanted(arguments.all)]
    kernels.sort(key=lambda kernel: not kernel.is_planned())  # what plans make use of comes first
    failures = compile_missing(kernels, arguments)
    with open(arguments.figures, "a", encoding="utf-8") as file:
        for kernel in kernels:
            numbers = read_record(arguments, kernel)
            if numbers is not None:
                file.write(figure_line(kernel, arguments, numbers))
    for kernel, why in failures.items():
        print(f"  {arguments.gpu}: {kernel.name} {kernel.config} of {kernel.program} is not built: {why}")
    print(f"  {arguments.gpu}: {len(kernels)} kernels, {len(failures)} failed", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
