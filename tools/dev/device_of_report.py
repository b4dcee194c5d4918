#!/usr/bin/env python3
"""Makes a recorded device (tests/data/devices, `clinception plan --device-file`) of a report that somebody sent.

    device_of_report.py REPORT.json [-o DEVICE.txt] [--assumed] [--name TEXT]

REPORT.json is what `clinception report` wrote, whole or from a run that ended early: the device stands in it from the beginning. Without -o
the description goes to standard output. --assumed leaves the measured rates out, so that plans are made from assumed ones, as they are on
the device itself. A comment says which report it is from; --name TEXT says more, such as who sent it.

Standard library only. Exit: 0 good, 1 no such report, 2 wrong usage."""
import argparse
import json
import os
import sys
import tempfile

FORMAT = "clinception report 1"
FIRST_LINE = "clinception device 1"
RATES = ("flop_per_second", "bytes_per_second", "launch_nanoseconds")
# In the order of lib/device_desc.c; the rates, at the end, may be missing.
KEYS = ("name vendor driver version platform kind opencl_major opencl_minor compute_units global_bytes max_allocation_bytes local_bytes "
        "local_is_real constant_bytes cache_bytes max_work_group max_work_item_x max_work_item_y max_work_item_z argument_bytes vector_width "
        "wave base_align_bytes fast_fma has_fp16 has_fp64 has_subgroups subgroup_sizes extensions").split()
LATER = ("subgroup_sizes",)  # Reports of earlier versions do not have it: 0, not known.
TEXTS = ("name", "vendor", "driver", "version", "platform", "kind")


def fail(sentence):
    sys.exit(f"device_of_report.py: {sentence}")


def read_report(path):
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
    except OSError as error:
        fail(f"cannot read '{path}': {error.strerror}")
    except (ValueError, RecursionError) as error:
        fail(f"'{path}' is not JSON: {error}")
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        fail(f"'{path}' is no report: its format is not '{FORMAT}'")
    if not isinstance(report.get("device"), dict):
        fail(f"'{path}' has no device")
    return report


def one_line(text):
    """What the library would do with it: control characters become blanks."""
    return "".join(c if c >= " " and c != "\x7f" else " " for c in text).strip()


def value_text(path, key, value):
    if key == "extensions":
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            fail(f"'{path}': extensions is no list of names")
        return " ".join(one_line(word) for word in value)
    if key in TEXTS:
        if not isinstance(value, str):
            fail(f"'{path}': {key} is no text")
        return one_line(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        fail(f"'{path}': {key} is {str(value)[:40]}, expected a whole number")
    return str(value)


def comment(path, report, name):
    parts = [f"source: the report '{os.path.basename(path)}'", str(report.get("date", "")), f"clinception {report.get('library', '?')}",
             str((report.get("machine") or {}).get("system", ""))]
    if report.get("state") != "complete":
        parts.append(f"state: {report.get('state')}")
    if name:
        parts.append(name)
    return "# " + one_line(", ".join(part for part in parts if part))


def description(path, report, assumed, name):
    device = report["device"]
    unknown = [key for key in device if key not in KEYS and key not in RATES]
    if unknown:
        fail(f"'{path}' is from another version: unknown property '{unknown[0]}'")
    lines = [FIRST_LINE, comment(path, report, name)]
    for key in KEYS:
        if key not in device and key not in LATER:
            fail(f"'{path}' does not say {key}")
        lines.append(f"{key}: {value_text(path, key, device.get(key, 0))}")
    for key in RATES:
        lines.append(f"{key}: {0 if assumed else value_text(path, key, device.get(key, 0))}")
    return "\n".join(lines) + "\n"


def write(path, text):
    """Whole or not at all; what is no regular file is written to as it is."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=os.path.dirname(path) or ".", delete=False) as file:
            try:
                file.write(text)
                file.close()
                os.chmod(file.name, 0o644)
                os.replace(file.name, path)
            except OSError:
                os.unlink(file.name)
                raise
    except OSError as error:
        fail(f"cannot write '{path}': {error.strerror}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("report")
    parser.add_argument("-o", dest="output", metavar="DEVICE.txt")
    parser.add_argument("--assumed", action="store_true", help="leave the measured rates out")
    parser.add_argument("--name", metavar="TEXT", help="goes into the comment")
    options = parser.parse_args()
    text = description(options.report, read_report(options.report), options.assumed, options.name)
    if options.output:
        write(options.output, text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
