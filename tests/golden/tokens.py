#!/usr/bin/env python3
"""Writes tests/golden/tokens.tsv and tests/golden/tokenizers.jsonl: the ids that Hugging Face tokenizers gives.

    python3 tests/golden/tokens.py       (in the project's root; tokenizers 0.23.3)

tokens.tsv: for each language of corpora/udhr the number of segments and of tokens of the mini model, and FNV-1a (64 bits) over
the ids of all segments in the order of the file, four bytes each, little-endian, with 0xFFFFFFFF after each segment.

tokenizers.jsonl: the mini vocabulary under other normalizers, pre-tokenizers and added tokens, on texts of characters that
are hard to cut. A line with "head" starts a tokenizer: the members that replace those of tokenizer.json; the lines after it
are texts and their ids.
"""
import csv
import json
import random
import unicodedata

import tokenizers

MINI = "corpora/mini/tokenizer.json"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
WORDS = {**BYTES, "use_regex": True}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def added(token_id, content, normalized, special=False):
    return {"id": token_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": normalized, "special": special}


END = added(0, "<|endoftext|>", False, True)
HEADS = {
    "gpt2": {"normalizer": None, "pre_tokenizer": WORDS, "added_tokens": [END]},
    "neox": {"normalizer": {"type": "NFC"}, "pre_tokenizer": WORDS,
             "added_tokens": [END] + [added(8192 + i, " " * (8 - i), True) for i in range(7)]},
    "qwen2": {"normalizer": {"type": "NFC"}, "pre_tokenizer": sequence(split(CL100K % r"\p{N}"), BYTES),
              "added_tokens": [END, added(8192, "<tool>", False)]},
    "llama3": {"normalizer": None, "pre_tokenizer": sequence(split(CL100K % r"\p{N}{1,3}"), BYTES), "added_tokens": [END]},
    "digits": {"normalizer": None, "pre_tokenizer": sequence({"type": "Digits", "individual_digits": True}, WORDS),
               "added_tokens": [END]},
    "prefix space": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
                     "pre_tokenizer": {**WORDS, "add_prefix_space": True},
                     "added_tokens": [END, added(8192, "e\u0301", True), added(8193, "\n\n", False)]},
    "another regex": {"normalizer": None, "pre_tokenizer": sequence(split("(?:" + GPT2[:23] + ")" + GPT2[26:]), BYTES),
                      "added_tokens": [END]},
    "matches only": {"normalizer": None, "added_tokens": [END], "pre_tokenizer":
                     sequence(split(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,2}|\s+", "Removed", True), BYTES)},
    "a literal": {"normalizer": None, "pre_tokenizer": sequence(split("'", kind="String"), WORDS), "added_tokens": [END]},
}

HARD = list("aabstreSLD'''  \n\n\r\t.,!?0123_<|>-") + [
    "\u3000", "\u00a0", "\u0085", "\u00e9", "e\u0301", "\ud55c", "\uac01", "\u1100\u1161\u11a8", "\u11a8", "\u0301", "\u0323",
    "\u0344", "\u0915", "\u093f", "\u094d", "\u093c", "\u0958", "\u4e2d", "\u6587", "\U0001f642", "\U0001f468\u200d\U0001f469",
    "\u00df", "\u00bd", "\u0663", "\u2167", "\u2028", "\u180e", "\u200b", "\ufeff", "\u0130", "\ufb01", "\u212b", "\u017f",
    "\u1e9b\u0323", "\U0001d15e", "\u0fb2\u0f80", "\u0bc7\u0bbe", "\U00011131\U00011127", "<|endoftext|>", "<tool>",
    "'\u017f", "'RE", "'ll", "'Ve", "   ", "        ", "ab"]
FIXED = ["", " ", "  ", "a", "'", "''s", "Hello, world!", " leading", "trailing ", "a  b   c    d", "I'll they'RE we've",
         "12345 67", "x\n\n\ny", " \n \r\n\t z", "<|endoftext|>"]


def texts():
    draw = random.Random(20)
    for text in FIXED:
        yield text
    for i in range(40):
        text = "".join(draw.choice(HARD) for _ in range(draw.choice([3, 10, 40])))
        assert all(unicodedata.category(c) != "Cn" for c in text)
        yield text


def fnv(words):
    h = 0xCBF29CE484222325
    for word in words:
        for shift in (0, 8, 16, 24):
            h = ((h ^ (word >> shift & 0xFF)) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def write_tokens():
    mini = tokenizers.Tokenizer.from_file(MINI)
    mini.encode_special_tokens = True
    with open("tests/golden/tokens.tsv", "w", encoding="utf-8", newline="\n") as out:
        for row in csv.DictReader(open("corpora/languages.tsv", encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE):
            lines = open(f"corpora/udhr/{row['udhr']}.tsv", encoding="utf-8", newline="\n").read().split("\n")[:-1]
            ids = [mini.encode(line.split("\t", 1)[1], add_special_tokens=False).ids for line in lines]
            stream = [i for segment in ids for i in segment + [0xFFFFFFFF]]
            print(row["tag"], len(ids), len(stream) - len(ids), f"{fnv(stream):016x}", sep="\t", file=out)


def write_tokenizers():
    base = json.load(open(MINI, encoding="utf-8"))
    with open("tests/golden/tokenizers.jsonl", "w", encoding="ascii", newline="\n") as out:
        for name, head in HEADS.items():
            print(json.dumps({"name": name, "head": head}), file=out)
            t = tokenizers.Tokenizer.from_str(json.dumps({**base, **head}))
            t.encode_special_tokens = True
            for text in texts():
                print(json.dumps({"text": text, "ids": t.encode(text, add_special_tokens=False).ids},
                                 separators=(",", ":")), file=out)


write_tokens()
write_tokenizers()
