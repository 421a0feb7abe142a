#!/usr/bin/env python3
"""eq-token beside Hugging Face tokenizers at full size: ids, and spans widened to whole characters.

    make exact                            corpora/mini and the tokenizers of tests/golden/trained; then the rest here
    exact.py [-n N] [--seed S] [MODEL...] MODEL: a folder, or a tokenizer.json; -n: random texts for each (200000)

For each model prints how many texts differ among N random ones and all of UDHR, and the first that does, made as short
as it can be. Exits with 1 when any does. Needs the package tokenizers, 0.23.3, and eq-token and eq-show on the PATH."""
import argparse
import json
import pathlib
import sys
import tempfile
import time

import tokenizers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from compare import minimized, ours, spelled, theirs
from texts import Texts, udhr, words_of

VERSION = "0.23.3"
BATCH = 20000
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def of_files(folder):
    """The tokenizer of vocab.json and merges.txt, by the class that tokenizer_config.json names."""
    t = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if config.get("tokenizer_class", "").startswith("Qwen2"):
        t.normalizer = normalizers.NFC()
        t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"),
                                                   pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    else:
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=config.get("add_prefix_space", False))
    for _, a in sorted(config.get("added_tokens_decoder", {}).items(), key=lambda item: int(item[0])):
        token = tokenizers.AddedToken(**{k: v for k, v in a.items() if k != "special"}, special=a["special"])
        (t.add_special_tokens if a["special"] else t.add_tokens)([token])
    return t


def opened(model):
    """Hugging Face's tokenizer of a folder or a tokenizer.json."""
    file = model / "tokenizer.json" if model.is_dir() else model
    if not file.exists():
        return of_files(model)
    # a post-processor trims white space from the spans
    return Tokenizer.from_str(json.dumps({**json.loads(file.read_text(encoding="utf-8")), "post_processor": None}))


def batches(n, seed, words, special, segments):
    texts = Texts(seed, words, special)
    for done in range(0, n, BATCH):
        yield [texts.next() for _ in range(min(BATCH, n - done))]
    yield from (segments[i:i + BATCH] for i in range(0, len(segments), BATCH))


def check(name, folder, tokenizer, args, segments, words):
    """Prints a line for a model; true when nothing differs."""
    special = [a.content for a in tokenizer.get_added_tokens_decoder().values()]
    began, strings, tokens, ids, spans, first = time.time(), 0, 0, 0, 0, None
    for texts in batches(args.n, args.seed, words, special, segments):
        for text, mine, other in zip(texts, ours(folder, texts), theirs(tokenizer, texts)):
            strings += 1
            tokens += len(other[0])
            if mine == other:
                continue
            ids += mine[0] != other[0]
            spans += mine[0] == other[0]
            if first is None or len(text) < len(first):
                first = text
    print(f"{name:14} {strings:8} texts {tokens:9} tokens {ids:6} ids differ {spans:6} spans only {time.time() - began:6.0f} s", flush=True)
    if first is not None:
        text = minimized(folder, tokenizer, first, lambda a, b: a != b)
        print("   ", spelled(text), "\n    ours  ", *ours(folder, [text])[0], "\n    theirs", *theirs(tokenizer, [text])[0], flush=True)
    return first is None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=200000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("models", nargs="*", default=["corpora/mini", *sorted(map(str, pathlib.Path("tests/golden/trained").glob("*.json")))])
    args = parser.parse_args()
    if tokenizers.__version__ != VERSION:
        sys.exit(f"exact.py: tokenizers {tokenizers.__version__}, expected {VERSION}")
    segments = udhr()
    words, good = words_of(segments), True
    with tempfile.TemporaryDirectory() as folder:
        for model in map(pathlib.Path, args.models):
            where = model
            if model.suffix == ".json":  # eq-token reads folders
                where = pathlib.Path(folder) / model.stem
                where.mkdir(exist_ok=True)
                (where / "tokenizer.json").write_bytes(model.read_bytes())
            good = check(where.name, where, opened(model), args, segments, words) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
