#!/usr/bin/env python3
"""Speed of tokenization beside the libraries that people use, one thread each, in one run.

    make bench-peers                    all UDHR with corpora/mini
    tokenize.py BENCH [FOLDER...]       BENCH: our own program, build/gcc/bench/tokenize; FOLDER: models

Prints MB/s for each script of UDHR: ours, tiktoken's, tokenizers' (its faster way of two), and the ratio of ours to the
better of the two. Ours is measured before and after the others, the best of 2 x 5 runs; each library's is the best of
10. All cut the same segments, one at a time, without special tokens; ours and tokenizers' encode_batch give offsets
too. Needs the Python packages tokenizers and tiktoken."""
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import tiktoken  # noqa: E402
import tokenizers  # noqa: E402

RUNS = 10
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def segments_by_script():
    """Script -> segments of all its varieties."""
    scripts = {}
    with open("corpora/languages.tsv", encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            path = pathlib.Path("corpora/udhr") / (row["udhr"] + ".tsv")
            if row["udhr"] and path.exists():
                lines = path.read_text(encoding="utf-8").splitlines()
                scripts.setdefault(row["script"], []).extend(line.split("\t", 1)[1] for line in lines)
    return scripts


def ours(bench, folder):
    """Script -> MB/s by our own program."""
    out = subprocess.run([bench, folder], check=True, capture_output=True, text=True).stdout
    return {m[1]: float(m[2]) for m in re.finditer(r"^  (\w{3,4}) +\d+ bytes +([\d.]+) MB/s", out, re.M)}


def byte_of_character():
    """GPT-2's alphabet: which byte a character of a token's spelling stands for."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def tiktoken_of(folder):
    """tiktoken's encoder with the vocabulary of a byte-level BPE whose ids are in the order of its merges; else None."""
    spec = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")) if (folder / "tokenizer.json").exists() else None
    vocab = spec["model"]["vocab"] if spec else json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    alphabet = byte_of_character()
    ranks = {bytes(alphabet[c] for c in token): i for token, i in vocab.items() if all(c in alphabet for c in token)}
    special = {token: i for token, i in vocab.items() if token.startswith("<|")}
    for token in special:
        ranks.pop(token.encode(), None)
    return tiktoken.Encoding(folder.name, pat_str=GPT2, mergeable_ranks=ranks, special_tokens=special)


def tokenizers_of(folder):
    if (folder / "tokenizer.json").exists():
        return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    return tokenizers.ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))


def rate(encode, segments):
    """MB/s, the best of RUNS."""
    size, best = sum(len(s.encode()) for s in segments), float("inf")
    for _ in range(RUNS):
        began = time.perf_counter()
        encode(segments)
        best = min(best, time.perf_counter() - began)
    return size / best / 1e6


def compare(bench, folder):
    scripts = segments_by_script()
    tik, hf = tiktoken_of(folder), tokenizers_of(folder)
    ways = [lambda s: hf.encode_batch(s, add_special_tokens=False)]
    if hasattr(hf, "encode_batch_fast"):
        ways.append(lambda s: hf.encode_batch_fast(s, add_special_tokens=False))
    before = ours(bench, str(folder))
    rows = {name: (rate(lambda s: [tik.encode_ordinary(t) for t in s], texts), max(rate(w, texts) for w in ways))
            for name, texts in scripts.items()}
    after = ours(bench, str(folder))
    print(f"{folder}: MB/s, one thread (tiktoken {tiktoken.__version__}, tokenizers {tokenizers.__version__})")
    print("  script   ours  tiktoken  tokenizers  ours / better")
    ratios = []
    for name, (t, h) in rows.items():
        mine = max(before[name], after[name])
        ratios.append(mine / max(t, h))
        print(f"  {name:6} {mine:6.1f} {t:9.1f} {h:11.1f} {ratios[-1]:14.1f}")
    ratios.sort()
    print(f"  least {ratios[0]:.1f}, median {ratios[len(ratios) // 2]:.1f}")


if __name__ == "__main__":
    for name in sys.argv[2:] or ["corpora/mini"]:
        compare(sys.argv[1], pathlib.Path(name))
