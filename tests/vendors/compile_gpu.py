#!/usr/bin/env python3
"""Compiles the programs that tests/vendors/programs wrote with a GPU vendor's compiler, and reads the figures of each kernel from what it says.

  compile_gpu.py amd GFX PROGRAMS FIGURES --compiler clang-19 --bitcode DIR
  compile_gpu.py intel DEVICE PROGRAMS FIGURES --compiler ocloc

PROGRAMS holds index.txt and the .cl files. A line `KERNEL CONFIG DEVICE name=value ...` for each kernel of rows for GPUs or for any device is
appended to FIGURES; programs of rows for CPUs are only looked at: clang parses them, ocloc leaves them out. Prints what does not compile, or compiles with a warning, and then exits with 1.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import struct
import subprocess
import sys
import tempfile

Entry = collections.namedtuple("Entry", "program kernel target rows config uses options")


class Bad(Exception):
    """A program that does not compile, or a compiler's answer that is not understood."""


def read_index(folder):
    with open(os.path.join(folder, "index.txt"), encoding="utf-8") as file:
        return [Entry(*line.rstrip("\n").split("\t")) for line in file if not line.startswith("#")]


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **more)
    return done.returncode, done.stdout


# ---------------------------------------------------------------- AMD: LLVM's back end says what each kernel uses

AMD_NAMES = {"VGPRs": "vgpr", "AGPRs": "agpr", "SGPRs": "sgpr", "LDS Size": "lds", "ScratchSize": "scratch", "VGPRs Spill": "vgpr_spill",
             "SGPRs Spill": "sgpr_spill", "Occupancy": "occupancy"}
REMARK = re.compile(r": remark: *([A-Za-z ]+?)(?: \[[^\]]*\])?: (\S+) \[-Rpass-analysis=kernel-resource-usage\]")


def compile_amd(options, gfx, path, build_options, judged):
    """{kernel: {name: value}}; {} for a program that is not judged. Bare OpenCL C 1.2: no extension but those that 1.2 has made part of itself."""
    code, text = run([options.compiler, "-target", "amdgcn-amd-amdhsa", "-mcpu=" + gfx, "-x", "cl", *build_options, "-O3", "-Wall", "-Wextra",
                      "-Wno-unused-function", "-Wno-unused-parameter",
                      "-Xclang", "-finclude-default-header", "-Xclang", "-cl-ext=-all", "--rocm-device-lib-path=" + options.bitcode,
                      "-Rpass-analysis=kernel-resource-usage", "-fno-caret-diagnostics", *(["-S", "-o", os.devnull] if judged else ["-fsyntax-only"]), path])
    if code != 0 or ": warning: " in text:
        raise Bad(first_lines(text, r": (error|warning): "))
    figures, kernel = {}, None
    for name, value in REMARK.findall(text):
        if name == "Function Name":
            kernel = figures.setdefault(value, {})
        elif name in AMD_NAMES and kernel is not None:
            kernel[AMD_NAMES[name]] = value
    return figures


# ---------------------------------------------------------------- Intel: IGC's binary and its assembler dumps

def sections(binary):
    """{name: bytes} of a 64-bit little-endian ELF file."""
    start = struct.unpack_from("<Q", binary, 40)[0]
    count, names = struct.unpack_from("<HH", binary, 60)
    heads = [struct.unpack_from("<IIQQQQ", binary, start + 64 * i) for i in range(count)]
    text = heads[names][4]
    return {binary[text + h[0]:binary.index(b"\0", text + h[0])].decode(): binary[h[4]:h[4] + h[5]] for h in heads if h[1] != 8}


def read_ze_info(text):
    """{kernel: {simd, grf, scratch}}: scratch is what a thread has in memory, for private arrays as for spilled registers."""
    figures, kernel, part = {}, None, ""
    for line in text.split("kernels_misc_info:")[0].splitlines():
        match = re.match(r"( *)(- )?(\w+): *(\S*)", line)
        if not match:
            continue
        depth, name, value = len(match[1]) + (2 if match[2] else 0), match[3], match[4]
        if depth == 4 and name == "name" and match[2]:
            kernel = figures.setdefault(value, {"simd": 0, "grf": 0, "scratch": 0})
        elif depth == 4:
            part = name
        elif name == "simd_size":
            kernel["simd"] = int(value)
        elif name == "grf_count":
            kernel["grf"] = int(value)
        elif name == "size" and part == "per_thread_memory_buffers":
            kernel["scratch"] += int(value)
    return figures


def read_dumps(folder, figures):
    """Adds instructions, private memory and spill of the variant that was kept; IGC writes one dump for each it tried, a later try later."""
    for name in sorted((n for n in os.listdir(folder) if n.endswith(".asm")), key=lambda n: os.stat(os.path.join(folder, n)).st_mtime_ns):
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            head = dict(re.findall(r"^//\.(kernel|instCount|private memory size|spill size) (\S+)", file.read(), re.M))
        simd = re.search(r"_simd(\d+)_", name)
        kernel = figures.get(head.get("kernel", ""))
        if kernel is not None and simd and int(simd[1]) == kernel["simd"]:
            kernel["instructions"] = int(head["instCount"])
            kernel["private"] = int(head.get("private memory size", 0))
            kernel["spill"] = int(head.get("spill size", 0))


def compile_intel(options, device, path, build_options, judged):
    if not judged:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        dumps, out = os.path.join(folder, "dumps"), os.path.join(folder, "out")
        os.makedirs(dumps)
        environment = dict(os.environ, IGC_ShaderDumpEnable="1", IGC_DumpToCustomDir=dumps)
        code, text = run([options.compiler, "compile", "-file", path, "-device", device, "-options", " ".join(build_options), "--format", "zebin",
                          "-out_dir", out], env=environment)
        binaries = [n for n in os.listdir(out) if n.endswith(".bin")] if os.path.isdir(out) else []
        warned = [line for line in text.splitlines() if "warning:" in line and "spilled around" not in line]
        if code != 0 or warned or len(binaries) != 1:
            raise Bad(first_lines(text, r"(error|warning|rror):"))
        with open(os.path.join(out, binaries[0]), "rb") as file:
            info = sections(file.read()).get(".ze_info")
        if info is None:
            raise Bad("the compiled program has no .ze_info")
        figures = read_ze_info(info.decode(errors="replace"))
        read_dumps(dumps, figures)
    return figures


COMPILERS = {"amd": (compile_amd, ["vgpr", "agpr", "sgpr", "lds", "scratch", "vgpr_spill", "sgpr_spill", "occupancy"]),
             "intel": (compile_intel, ["simd", "grf", "instructions", "private", "spill", "scratch"])}
OPTIONAL = {"agpr"}

# ---------------------------------------------------------------- both


def first_lines(text, pattern):
    lines = text.strip().splitlines()
    found = [line for line in lines if re.search(pattern, line)]
    return "\n".join("  " + line for line in (found or lines)[:5]) or "  (it says nothing)"


def figure_line(entry, device, values, names):
    missing = [name for name in names if name not in values and name not in OPTIONAL]
    if missing:
        raise Bad(f"  the compiler says nothing of kernel {entry.kernel}'s {', '.join(missing)}")
    return " ".join([entry.kernel, entry.config, device] + [f"{name}={values[name]}" for name in names if name in values])


def compile_all(options):
    compiler, names = COMPILERS[options.vendor]
    entries, programs = read_index(options.programs), {}
    for entry in entries:
        programs.setdefault((entry.program, entry.options), []).append(entry)
    lines, failures = [], []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(compiler, options, options.device, os.path.join(options.programs, program), build.split(),
                            any(e.target != "CPU" for e in programs[program, build])): (program, build) for program, build in programs}
        for job, (program, build) in jobs.items():
            try:
                figures = job.result()
                lines += [figure_line(e, options.device, figures.get(e.kernel, {}), names) for e in programs[program, build] if e.target != "CPU"]
            except Bad as error:
                failures.append(f"{program} with '{build}' for {options.device}:\n{error}")
    return len(programs), lines, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vendor", choices=sorted(COMPILERS))
    parser.add_argument("device")
    parser.add_argument("programs")
    parser.add_argument("figures")
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--bitcode")
    options = parser.parse_args()
    programs, lines, failures = compile_all(options)
    with open(options.figures, "a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in sorted(lines))
    print("\n".join(failures + [f"{options.device}: {programs} programs, {len(lines)} kernels with figures, {len(failures)} failures"]))
    return 1 if failures or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
