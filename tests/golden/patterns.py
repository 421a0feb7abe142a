"""Writes tests/golden/patterns.jsonl: what regular expressions match in Oniguruma, by way of tokenizers 0.23.3.

    python3 tests/golden/patterns.py        (in the project's root)

A line is [set, how many of SAMPLE it has, FNV-1a (64 bits) over them], four bytes each, little-endian, in ascending order;
or [pattern, text, the text with the sign U+00A4 for each match]. The sets and patterns are those of
tests/exact/patterns.py; those that eq-token refuses are in tests/unit/patterns.c.
"""
import json
import sys

from tokenizers import Regex, normalizers

sys.path.insert(0, "tests/exact")
import patterns  # noqa: E402

# where versions of Unicode differ
SAMPLE = [*range(0, 0xD800), *range(0x10C00, 0x11500), *range(0x11B00, 0x12000), *range(0x13400, 0x14400, 7), *range(0x16100, 0x17000),
          *range(0x1B000, 0x1E700), *range(0x1F000, 0x1FC00), *range(0x2B700, 0x2B740), *range(0x31300, 0x32400, 5), 0xE0001, 0xFFFFF]
REFUSED = {r"\X", "(?~ab)", "(*FAIL)", "(?i)ss", "(?i)ß", "(?i)[ß]", "(?i)é", "a{3,1}", "(?<=a+)", "(?W)a", r"\y"}


def fnv(numbers):
    h = 0xCBF29CE484222325
    for n in numbers:
        for byte in n.to_bytes(4, "little"):
            h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def main():
    everything = "".join(map(chr, SAMPLE))
    with open("tests/golden/patterns.jsonl", "w", encoding="utf-8", newline="\n") as out:
        def write(*row):
            out.write(json.dumps(row, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029") + "\n")

        for pattern in patterns.SETS:
            others = set(map(ord, normalizers.Replace(Regex(pattern), "").normalize_str(everything)))
            members = [c for c in SAMPLE if c not in others]
            write(pattern, str(len(members)), fnv(members))
        for pattern in patterns.PATTERNS:
            if not patterns.refused_by_oniguruma(pattern) and pattern not in REFUSED:
                texts = list(patterns.texts_for(pattern))
                for text in texts[3:8:2] + texts[60::70]:
                    write(pattern, text, normalizers.Replace(Regex(pattern), "\u00a4").normalize_str(text))


main()
