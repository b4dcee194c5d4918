#!/usr/bin/env python3
"""Makes the tuning lines that the library ships (lib/tuning/shipped.txt) of files that `clinception tune` wrote.

    ship_tuning.py TUNING.txt... [-o lib/tuning/shipped.txt] [--same]

Of each device and problem one line is kept, the fastest (of all files), and where that row is a special one (Winograd, a called library) the
fastest plain one as well, for those who leave such rows out. A line's device becomes the pattern that lib/tunedb.h describes: whatever is
alike in runtime, compiler target, lanes, units and the processor's model. Left out, and counted, are lines of another version than
CMakeLists.txt says (--same takes them over: they hold still), those of CPU devices whose processor's model is not known, and what
computed wrongly. The comments at the head of the written file stay. A file that ships lines of several machines is made of the files of
all of them, or of the shipped file itself and those of a new machine: measured again is a device by leaving its old lines out.

Without -o the lines go to standard output. Standard library only. Exit: 0 good, 1 nothing to ship, 2 wrong usage."""
import argparse
import os
import re
import sys
import tempfile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAD = ("# clinception tuning 1: device pattern, problem, kernel row, parameters, microseconds, driver, library, date "
        "(fields end with tabs)\n")
DEVICE, KEY, ROW, PARAMETERS, MICROSECONDS, DRIVER, VERSION, DATE = range(8)
DEVICE_TEXT = re.compile(r"(?P<name>.+) on (?P<rest>.+, \d+ units of \d+ lanes)(?:, (?P<processor>.+))?")
PROCESSOR_TEXT = re.compile(r"(?:\*|(?P<sold>.+), )?(?P<model>\S+ family \d+ model \d+|implementer \S+ part \S+)")
SPECIAL = ("winograd", "clblast")


def fail(sentence):
    sys.exit(f"ship_tuning.py: {sentence}")


def library_version():
    with open(os.path.join(REPOSITORY, "CMakeLists.txt"), encoding="utf-8") as file:
        return re.search(r"project\(clinception VERSION ([0-9.]+)", file.read()).group(1)


def pattern_of(device):
    """What a shipped line says instead of the device's own text; None where that does not tell it from others."""
    parts = DEVICE_TEXT.fullmatch(device)
    if parts is None:
        return None
    if parts["processor"] is None:  # no CPU device: its name is the model
        return device
    processor = PROCESSOR_TEXT.fullmatch(parts["processor"])
    if processor is None:
        return None
    name, sold = parts["name"], processor["sold"]
    if sold and name.endswith(sold):
        name = name[:-len(sold)] + "*"
    return f"{name} on {parts['rest']}, *{processor['model']}"


def read(path):
    """Its lines as lists of fields."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip("\r\n") for line in file]
    except OSError as error:
        fail(f"cannot read '{path}': {error.strerror}")
    found = [line.split("\t") for line in lines if line and not line.startswith("#")]
    for fields in found:
        if len(fields) != 8 or not all(fields):
            fail(f"'{path}' has a line that is none of a tuning file: '{' '.join(fields)[:80]}'")
    return found


def usable(lines, version, same, left_out):
    """The lines with their pattern; of one device, problem and row the fastest."""
    best = {}
    for fields in lines:
        pattern = pattern_of(fields[DEVICE])
        if fields[MICROSECONDS] == "wrong":
            left_out["computed wrongly"] += 1
        elif fields[VERSION] != version and not same:
            left_out["of another version than %s" % version] += 1
        elif pattern is None:
            left_out["of a device whose processor's model is not known"] += 1
        else:
            fields = [pattern] + fields[1:VERSION] + [version, fields[DATE][:10]]
            subject = tuple(fields[:PARAMETERS])
            if subject not in best or float(fields[MICROSECONDS]) < float(best[subject][MICROSECONDS]):
                best[subject] = fields
    return best.values()


def shipped(lines):
    """Of each device and problem the fastest and, where that is a special one, the fastest plain one."""
    kept, done = [], {}
    for fields in sorted(lines, key=lambda fields: (float(fields[MICROSECONDS]), fields)):
        problem, plain = tuple(fields[:ROW]), not fields[ROW].startswith(SPECIAL)
        if problem not in done or (plain and not done[problem]):
            kept.append(fields)
            done[problem] = plain
    return sorted(kept)


def head_of(path):
    if path is None or not os.path.exists(path):
        return HEAD
    with open(path, encoding="utf-8") as file:
        comments = [line for line in file if line.startswith("#")]
    return "".join(comments) or HEAD


def write(path, text):
    """Whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="\n", dir=os.path.dirname(path) or ".", delete=False) as file:
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
    parser.add_argument("tuning", nargs="+", metavar="TUNING.txt")
    parser.add_argument("-o", dest="output", metavar="FILE")
    parser.add_argument("--same", action="store_true", help="take over lines of other versions as if they were of this one")
    options = parser.parse_args()
    left_out = dict.fromkeys(("computed wrongly", "of another version than %s" % library_version(),
                              "of a device whose processor's model is not known"), 0)
    lines = [fields for path in options.tuning for fields in read(path)]
    kept = shipped(usable(lines, library_version(), options.same, left_out))
    for why, count in left_out.items():
        if count:
            print(f"{count} lines left out: {why}", file=sys.stderr)
    if not kept:
        fail("nothing to ship")
    text = head_of(options.output) + "".join("\t".join(fields) + "\n" for fields in kept)
    if options.output:
        write(options.output, text)
    else:
        sys.stdout.write(text)
    print(f"{len(kept)} of {len(lines)} lines, for {len({fields[DEVICE] for fields in kept})} devices", file=sys.stderr)


if __name__ == "__main__":
    main()
