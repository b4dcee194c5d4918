#!/usr/bin/env python3
"""Stub source of one of Android's libraries, from the symbol list (libc.map.txt, ...) in bionic's sources.

  stubs.py MAP API ARCH > stubs.c       API: 24; ARCH: arm64 or x86_64

The list has `name; # tags`: `introduced=N`, `introduced-ARCH=N`, architectures, `var`, and tags of what applications do not get. A symbol is in
the stub when an application of that API level and architecture can link it.
"""
import re
import sys

NAMED_LEVELS = {"O": 26, "P": 28, "Q": 29, "R": 30, "S": 31, "Tiramisu": 33, "UpsideDownCake": 34, "VanillaIceCream": 35}
ARCHITECTURES = {"arm", "arm64", "x86", "x86_64", "riscv64"}
NOT_FOR_APPLICATIONS = {"platform-only", "apex", "systemapi", "llndk-only"}


def level(tags, arch):
    """The API level that a symbol came with; 0 when its tags name none."""
    values = dict(tag.split("=", 1) for tag in tags if tag.startswith("introduced") and "=" in tag)
    text = values.get("introduced-" + arch, values.get("introduced", "0"))
    return NAMED_LEVELS.get(text, int(text) if text.isdigit() else 10000)  # a name not known is a newer one


def symbols(lines, api, arch):
    """[(name, is a variable)]."""
    found, wanted = {}, False
    for line in lines:
        code, _, comment = line.partition("#")
        code, tags = code.strip(), set(comment.split())
        section = re.match(r"^(\w+)\s*\{", code)
        if section:
            private = any(word in section[1] for word in ("PRIVATE", "PLATFORM", "DEPRECATED"))
            wanted = not private and not tags & NOT_FOR_APPLICATIONS and level(tags, arch) <= api
            continue
        symbol = re.match(r"^(\w+);$", code)
        if not symbol or not wanted or tags & NOT_FOR_APPLICATIONS:
            continue
        if tags & ARCHITECTURES and arch not in tags:
            continue
        if level(tags, arch) <= api:
            found[symbol[1]] = "var" in tags
    return sorted(found.items())


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        found = symbols(file, int(sys.argv[2]), sys.argv[3])
    for name, variable in found:
        print(f"char {name}[8];" if variable else f"void {name}(void) {{}}")


if __name__ == "__main__":
    main()
