#!/usr/bin/env python3
"""Writes vocabularies as large as the largest that people use, for tests/bench/load.sh.

    tests/bench/vocabularies.py FOLDER

FOLDER/unigram/tokenizer.json   250,002 pieces with scores, indented, like XLM-R's (17 MB)
FOLDER/bpe/tokenizer.json       256,000 tokens and 500,000 merges over characters, like Gemma's (17 MB and more)
FOLDER/spm.gguf                 262,144 tokens with scores, like Gemma 3's
FOLDER/bpe.gguf                 262,144 tokens and their merges, in the alphabet of bytes

The tokens are the commonest beginnings of the words of corpora/udhr, so their lengths and scripts are those of real
ones. The same bytes on every run."""
import collections
import functools
import json
import pathlib
import struct
import sys

SPACE = "\u2581"


@functools.cache
def beginnings():
    """The beginnings of words, with and without the space before them: characters first, then the commonest."""
    words, counts = collections.Counter(), collections.Counter()
    for path in sorted(pathlib.Path("corpora/udhr").glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            words.update(line.split("\t", 1)[1].split())
    for word, count in words.items():
        for end in range(1, min(len(word), 24) + 1):
            counts[SPACE + word[:end]] += count
            counts[word[:end]] += count
    counts[SPACE] = sum(words.values())
    return sorted(counts, key=lambda s: (len(s) > 1, -counts[s], s))


def tokens(n):
    order = beginnings()
    if len(order) < n:
        sys.exit(f"corpora/udhr has {len(order)} beginnings of words, fewer than {n}")
    return order[:n]


def merges(order, limit):
    """Every way to make a token of two others, by the token's place."""
    known = set(order)
    made = []
    for token in order:
        for cut in range(1, len(token)):
            if token[:cut] in known and token[cut:] in known:
                made.append((token[:cut], token[cut:]))
    return made[:limit]


def unigram(folder):
    pieces = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]]
    pieces += [[s, -5.0 - i / 16384.0] for i, s in enumerate(tokens(249998))]
    write_json(folder / "unigram", {"type": "Unigram", "unk_id": 3, "vocab": pieces},
               {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True})


def bpe(folder):
    order = [f"<0x{i:02X}>" for i in range(256)] + ["<unk>"] + tokens(255743)
    model = {"type": "BPE", "unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True,
             "vocab": {s: i for i, s in enumerate(order)}, "merges": merges(order[257:], 500000)}
    write_json(folder / "bpe", model, None)


def write_json(folder, model, pretokenizer):
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
             "pre_tokenizer": pretokenizer, "post_processor": None, "decoder": None, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(whole, ensure_ascii=False, indent=2), encoding="utf-8")


def text(s):
    raw = s.encode()
    return struct.pack("<Q", len(raw)) + raw


def array(kind, values):
    return struct.pack("<IIQ", 9, kind, len(values)) + b"".join(values)


def write_gguf(path, pairs):
    body = b"".join(text(key) + value for key, value in pairs)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + body)


def string(s):
    return struct.pack("<I", 8) + text(s)


def spm_gguf(folder):
    special = ["<unk>", "<s>", "</s>"]
    order = special + [f"<0x{i:02X}>" for i in range(256)] + tokens(262144 - 259)
    types = [2, 3, 3] + [6] * 256 + [1] * (len(order) - 259)
    write_gguf(folder / "spm.gguf", [
        ("general.architecture", string("gemma3")), ("tokenizer.ggml.model", string("llama")),
        ("tokenizer.ggml.tokens", array(8, [text(s) for s in order])),
        ("tokenizer.ggml.scores", array(6, [struct.pack("<f", -float(i)) for i in range(len(order))])),
        ("tokenizer.ggml.token_type", array(5, [struct.pack("<i", t) for t in types]))])


def byte_gguf(folder):
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    alphabet = {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}
    single = sorted(alphabet.values())
    spelled = ("".join(alphabet[b] for b in s.replace(SPACE, " ").encode()) for s in tokens(300000))
    order = single + [s for s in spelled if len(s) > 1][:262144 - 256]
    pairs = [f"{a} {b}" for a, b in merges(order, 500000)]
    write_gguf(folder / "bpe.gguf", [
        ("general.architecture", string("qwen2")), ("tokenizer.ggml.model", string("gpt2")),
        ("tokenizer.ggml.pre", string("qwen2")),
        ("tokenizer.ggml.tokens", array(8, [text(s) for s in order])),
        ("tokenizer.ggml.token_type", array(5, [struct.pack("<i", 1)] * len(order))),
        ("tokenizer.ggml.merges", array(8, [text(s) for s in pairs]))])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for write in unigram, bpe, spm_gguf, byte_gguf:
        write(target)
