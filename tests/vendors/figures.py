#!/usr/bin/env python3
"""Figures that compilers give for the kernels, against the kept ones.

  figures.py compare FIGURES KEPT                   exit 1 when a figure got worse; says what is new, gone, accepted
  figures.py accept FIGURES KEPT [--reason TEXT]    make FIGURES the kept ones; a worse one needs a reason

FIGURES: lines `ROW CONFIG DEVICE name=value name=value ...`; the first three fields are the line's key (CONFIG may hold '=' as in m=8,n=4).
KEPT: the same lines under a head:
  # worse: vgpr_spill>0, scratch>0, occupancy<        a larger spill or scratch is worse, a smaller occupancy is; and a line that is new may
                                                      have a spill and a scratch of at most 0
  # accepted: KEY name old -> new: reason             this figure may be as bad as `new`
"""
import argparse
import re
import sys

RULE = re.compile(r"^([A-Za-z_][\w.]*)([<>])(-?[\d.]+)?$")
ACCEPTED = re.compile(r"^# accepted: (.+) (\S+) (\S+) -> (\S+): (.+)$")


class Bad(Exception):
    """A file that is not as the format says."""


def read_lines(path, lines):
    """{key: {name: value}} of the figure lines."""
    figures = {}
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or line.startswith("#"):
            continue
        key, values = " ".join(fields[:3]), fields[3:]
        if not values or "=" in fields[2] or any("=" not in field for field in values):
            raise Bad(f"{path}:{number}: not 'ROW CONFIG DEVICE name=value ...': {line}")
        if key in figures:
            raise Bad(f"{path}:{number}: '{key}' stands there twice")
        figures[key] = dict(field.split("=", 1) for field in values)
    return figures


class Kept:
    """The kept file: rules {name: (direction, limit)}, accepted {(key, name): (old, new, reason)}, figures."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.worse_lines, self.rules, self.accepted = [], {}, {}
        for number, line in enumerate(lines, 1):
            if line.startswith("# worse:"):
                self.worse_lines.append(line)
                for rule in line[len("# worse:"):].replace(",", " ").split():
                    match = RULE.match(rule)
                    if not match:
                        raise Bad(f"{path}:{number}: not a rule: '{rule}'")
                    self.rules[match[1]] = (match[2], None if match[3] is None else float(match[3]))
            elif line.startswith("# accepted"):
                match = ACCEPTED.match(line)
                if not match:
                    raise Bad(f"{path}:{number}: not '# accepted: KEY name old -> new: reason'")
                self.accepted[match[1], match[2]] = (match[3], match[4], match[5])
        if not self.rules:
            raise Bad(f"{path}: no '# worse:' line says what may not get worse")
        self.figures = read_lines(path, lines)


def number_of(text, what):
    try:
        return float(text)
    except ValueError:
        raise Bad(f"{what} is '{text}', not a number") from None


def find_worse(figures, kept):
    """[(key, name, old or None, new)] for each judged figure that is worse than kept, or beyond the limit for a line that is new."""
    worse = []
    for key, values in figures.items():
        for name, (direction, limit) in kept.rules.items():
            old = kept.figures.get(key, {}).get(name)
            if name not in values:
                if old is not None:
                    raise Bad(f"{key}: '{name}' is kept and was not written any more")
                continue
            bound = limit if old is None else number_of(old, f"kept {key} {name}")
            new = number_of(values[name], f"{key} {name}")
            if bound is not None and (new > bound if direction == ">" else new < bound):
                worse.append((key, name, old, values[name]))
    return worse


def is_accepted(entry, kept):
    key, name, _, new = entry
    if (key, name) not in kept.accepted:
        return False
    bound = number_of(kept.accepted[key, name][1], f"accepted {key} {name}")
    return number_of(new, name) <= bound if kept.rules[name][0] == ">" else number_of(new, name) >= bound


def describe(entry):
    key, name, old, new = entry
    return f"{key}: {name} {'(a new line)' if old is None else old} -> {new}"


def compare(figures, kept):
    """Prints what differs; True when nothing got worse."""
    if not any(name in values for values in figures.values() for name in kept.rules):
        print("no figure that is judged was written")
        return False
    good = True
    for entry in find_worse(figures, kept):
        if is_accepted(entry, kept):
            print(f"accepted: {describe(entry)}: {kept.accepted[entry[0], entry[1]][2]}")
        else:
            good = False
            print(f"WORSE: {describe(entry)}")
    new, gone = sorted(figures.keys() - kept.figures.keys()), sorted(kept.figures.keys() - figures.keys())
    changed = sorted(key for key in figures.keys() & kept.figures.keys() if figures[key] != kept.figures[key])
    for label, keys in (("new", new), ("gone", gone), ("changed", changed)):
        if keys:
            print(f"{len(keys)} lines {label} against the kept ones, e.g. {keys[0]}")
    if good:
        print(f"{len(figures)} lines of figures, none worse than kept")
    return good


def accept(figures, kept, path, reason):
    """Rewrites the kept file; False when something is worse and nobody says why."""
    worse = find_worse(figures, kept)
    unexplained = [entry for entry in worse if not is_accepted(entry, kept)]
    if unexplained and not reason:
        for entry in unexplained:
            print(f"WORSE: {describe(entry)}")
        print("a worse figure is accepted with --reason TEXT, or with a line '# accepted: KEY name old -> new: reason'")
        return False
    for key, name, old, new in unexplained:
        kept.accepted[key, name] = ("none" if old is None else old, new, reason)
    lines = list(kept.worse_lines)
    for (key, name), (old, new, why) in sorted(kept.accepted.items()):
        if figures.get(key, {}).get(name) == new:  # a reason for a figure that is no more is dropped
            lines.append(f"# accepted: {key} {name} {old} -> {new}: {why}")
    for key, values in sorted(figures.items()):
        lines.append(" ".join([key] + [f"{name}={value}" for name, value in values.items()]))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{path}: {len(figures)} lines")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("compare", "accept"))
    parser.add_argument("figures")
    parser.add_argument("kept")
    parser.add_argument("--reason", default="")
    options = parser.parse_args()
    try:
        with open(options.figures, encoding="utf-8") as file:
            figures = read_lines(options.figures, file.read().splitlines())
        kept = Kept(options.kept)
        good = compare(figures, kept) if options.what == "compare" else accept(figures, kept, options.kept, options.reason)
    except (OSError, Bad) as error:
        print(error)
        good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
