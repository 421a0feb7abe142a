#!/usr/bin/env python3
"""Writes the table of lib/text/scripts.c: the Unicode property Script of every code point, ranges in order.

    tests/golden/scripts.py lib/text/scripts.c

The data are those of fontTools 4.68.0 (fontTools.unicodedata.Scripts: Scripts-18.0.0.txt); each code point is compared
with the package regex 2026.11.15, an independent reading of the same property. What lies between the two comments
"begin" and "end" in the file is replaced; clang-format comes after.
"""
import re
import sys
import textwrap

import regex
from fontTools.unicodedata import Scripts


def ranges():
    """(first, last, script) of all code points that have a script, in order."""
    ends = Scripts.RANGES[1:] + [0x110000]
    for first, end, script in zip(Scripts.RANGES, ends, Scripts.VALUES):
        if script != "Zzzz":
            yield first, end - 1, script


def check(rows):
    patterns = {s: regex.compile(r"\p{Script=%s}" % Scripts.NAMES[s]) for s in {r[2] for r in rows}}
    script_of = {c: s for first, last, s in rows for c in range(first, last + 1)}
    unknown = regex.compile(r"\p{Script=Unknown}")
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        pattern = patterns[script_of[c]] if c in script_of else unknown
        if not pattern.fullmatch(chr(c)):
            sys.exit(f"U+{c:04X}: regex does not agree that its script is {script_of.get(c)}")


def wrapped(opening, items):
    lines = textwrap.wrap(", ".join(items), 118, initial_indent="  ", subsequent_indent="  ")
    return "\n".join([opening, *lines, "};\n"])


def main():
    rows = list(ranges())
    check(rows)
    names = ["Zyyy", "Zinh"] + sorted({r[2] for r in rows} - {"Zyyy", "Zinh"})
    numbers = "/* clang-format off */\n" + wrapped("enum {", ["UNKNOWN"] + names)
    words = wrapped("static const char names[][5] = {", [f'"{n}"' for n in ["Zzzz"] + names])
    body = ", ".join(f"{{ 0x{first:X}, 0x{last:X}, {script} }}" for first, last, script in rows)
    with open(sys.argv[1], encoding="utf-8") as f:
        text = f.read()
    ranges_ = "static const struct {\n  uint32_t first, last;\n  unsigned char script;\n} ranges[] = { " + body + " };\n"
    text = re.sub(r"(/\* begin.*?\*/\n).*(/\* end \*/\n)", lambda m: m[1] + numbers + words + "/* clang-format on */\n" + ranges_ + m[2], text, flags=re.S)
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.write(text)


main()
