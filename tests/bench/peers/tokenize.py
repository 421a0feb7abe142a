#!/usr/bin/env python3
"""Speed of tokenization beside the libraries that people use, one thread each, in one run.

    make bench-peers                    all UDHR with corpora/mini and tokenizers of other families
    tokenize.py BENCH [MODEL...]        BENCH: our own program, build/gcc/bench/tokenize; MODEL: folders or tokenizer.json

Prints MB/s for each script of UDHR: ours with a memory that has seen nothing, ours warm, tiktoken's, tokenizers' (its
faster way of two), and the ratio of ours, warm as theirs, to the better of the two. Ours is measured before and after
the others, the best of 2 x 5 runs; each library's is the best of 3 to 10; all by the processor's time, not the clock on the
wall. All cut the same segments, one at a time, without special tokens; ours and tokenizers' encode_batch give offsets
too. tiktoken takes part where the vocabulary is BPE over bytes; it does no normalization. Needs the Python packages
tokenizers and tiktoken."""
import base64
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import sentencepiece  # noqa: E402
import tiktoken  # noqa: E402
import tokenizers  # noqa: E402

RUNS, SECONDS = 10, 1
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
         r"|\s+(?!\S)|\s+")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
          r"|\s+(?!\S)|\s")
FILE_NAMES = {".json": "tokenizer.json", ".tiktoken": "cl100k_base.tiktoken"}  # as we know them by


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


def ours(bench, model):
    """Script -> MB/s by our own program: with a memory that has seen nothing, and warm."""
    with tempfile.TemporaryDirectory() as folder:
        where = str(model)
        if model.suffix in FILE_NAMES:
            link = pathlib.Path(folder) / FILE_NAMES[model.suffix]
            link.symlink_to(model.resolve())
            where = folder if model.suffix == ".json" else str(link)
        out = subprocess.run([bench, "--scripts", where], check=True, capture_output=True, text=True).stdout
    rows = re.finditer(r"^  (\w{4}) +\d+ bytes +([\d.]+) MB/s, warm +([\d.]+)", out, re.M)
    return {m[1]: (float(m[2]), float(m[3])) for m in rows}


def byte_of_character():
    """GPT-2's alphabet: which byte a character of a token's spelling stands for."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def tokenizer_json(model):
    """The file, or None for a folder of vocab.json and merges.txt."""
    path = model / "tokenizer.json" if model.is_dir() else model
    return path if path.exists() else None


def is_qwen2(folder):
    config = folder / "tokenizer_config.json"
    return config.exists() and json.loads(config.read_text(encoding="utf-8")).get("tokenizer_class") == "Qwen2Tokenizer"


def tiktoken_of(model):
    """tiktoken's encoder with the vocabulary of a byte-level BPE whose ids are in the order of its merges; else None."""
    path = tokenizer_json(model)
    spec = json.loads(path.read_text(encoding="utf-8")) if path else None
    model_spec = spec["model"] if spec else {}
    if spec and (model_spec["type"] != "BPE" or model_spec.get("byte_fallback") or model_spec.get("end_of_word_suffix")):
        return None
    vocab = spec["model"]["vocab"] if spec else json.loads((model / "vocab.json").read_text(encoding="utf-8"))
    alphabet = byte_of_character()
    ranks = {bytes(alphabet[c] for c in token): i for token, i in vocab.items() if all(c in alphabet for c in token)}
    special = {token: i for token, i in vocab.items() if token.startswith("<|")}
    for token in special:
        ranks.pop(token.encode(), None)
    pattern = QWEN2 if not spec and is_qwen2(model) else GPT2
    return tiktoken.Encoding(model.name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def tokenizers_of(model):
    path = tokenizer_json(model)
    if path:
        return tokenizers.Tokenizer.from_file(str(path))
    files = str(model / "vocab.json"), str(model / "merges.txt")
    if not is_qwen2(model):
        return tokenizers.ByteLevelBPETokenizer(*files)
    qwen2 = tokenizers.Tokenizer(tokenizers.models.BPE.from_file(*files))
    qwen2.normalizer = tokenizers.normalizers.NFC()
    qwen2.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(QWEN2), "isolated"),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return qwen2


def rate(encode, segments):
    """MB/s, the best of RUNS, fewer where they take long."""
    size, runs = sum(len(s.encode()) for s in segments), []
    while len(runs) < RUNS and (len(runs) < 3 or sum(runs) < SECONDS):
        began = time.process_time()
        encode(segments)
        runs.append(time.process_time() - began)
    return size / min(runs) / 1e6


def ranks_of(path):
    """The vocabulary of a file of tiktoken's."""
    lines = (line.split() for line in path.read_bytes().splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def peers_of(model):
    """Library -> its ways to encode a list of texts."""
    if model.suffix == ".model":
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
        return {"sentencepiece": [lambda s: pieces.encode(s, num_threads=1), lambda s: [pieces.encode(t) for t in s]]}
    if model.suffix == ".tiktoken":
        tik = tiktoken.Encoding(model.stem, pat_str=CL100K, mergeable_ranks=ranks_of(model), special_tokens={})
        return {"tiktoken": [lambda s: [tik.encode_ordinary(t) for t in s]]}
    tik, hf = tiktoken_of(model), tokenizers_of(model)
    peers = {"tiktoken": [lambda s: [tik.encode_ordinary(t) for t in s]]} if tik else {}
    peers["tokenizers"] = [lambda s: hf.encode_batch(s, add_special_tokens=False)]
    if hasattr(hf, "encode_batch_fast"):
        peers["tokenizers"].append(lambda s: hf.encode_batch_fast(s, add_special_tokens=False))
    return peers


def compare(bench, model):
    scripts, peers = segments_by_script(), peers_of(model)
    before = ours(bench, model)
    rows = {script: [max(rate(way, texts) for way in ways) for ways in peers.values()]
            for script, texts in scripts.items()}
    after = ours(bench, model)
    print(f"{model}: MB/s, one thread (" + ", ".join(f"{p} {version(p)}" for p in peers) + ")")
    print("  script    new   warm" + "".join(f"{p:>15}" for p in peers) + "  new / best  warm / best")
    ratios = []
    for script, theirs in rows.items():
        new, warm = (max(b, a) for b, a in zip(before[script], after[script]))
        ratios.append((warm / max(theirs), new / max(theirs)))
        print(f"  {script:6} {new:6.1f} {warm:6.1f}" + "".join(f"{t:15.1f}" for t in theirs)
              + f"{ratios[-1][1]:12.1f} {ratios[-1][0]:12.1f}")
    warm, new = (sorted(r) for r in zip(*ratios))
    print(f"  warm: least {warm[0]:.1f}, median {warm[len(warm) // 2]:.1f}; new: least {new[0]:.1f}, "
          f"median {new[len(new) // 2]:.1f}")


if __name__ == "__main__":
    for name in sys.argv[2:]:
        compare(sys.argv[1], pathlib.Path(name))
