#!/usr/bin/env python3
"""Writes tests/golden/llama_cpp/: small vocabularies as GGUF, and what llama.cpp makes of hard texts with them.

    LLAMA_IDS=.../llama_cpp_ids python3 tests/golden/llama_cpp.py       (in the project's root; see llama_cpp_ids.cpp)

llama.cpp as of llama-cpp-python 0.3.36, built with clang 14; gguf 0.19.0, tokenizers 0.23.3.
bert.gguf and uncased.gguf (of trained/bert_*.json), t5.gguf (of pieces/unigram.model), gemma.gguf (of trained/gemma.json) and
words.gguf, a byte-level BPE whose merges know no words and that has words without merges.
ids.jsonl: a line {"model": NAME} starts a vocabulary, NAME+frame one with what stands around a text and with special
tokens in it; the lines after it are {"text", "ids"}.
cuttings.jsonl: lines {"text"}, then {"model": NAMES, "ids": SUMS}: for each of the texts a sum of the ids (FNV-1a, 24 bits) that
words.gguf gives it when tokenizer.ggml.pre is any of NAMES.
"""
import json
import os
import random
import re
import struct
import subprocess
import sys

sys.path = [p for p in sys.path if not p.endswith("golden")]  # gguf.py there is not the package

import gguf
import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

HERE = "tests/golden/llama_cpp"
LANGUAGES = "eng deu_1996 fra heb arb ell_monotonic rus hin jpn cmn_hans kor vie tha".split()
DUMP = dict(ensure_ascii=False, separators=(",", ":"))
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)

ODD = [" ", "  ", "   ", "\n", "\n\n", " \n ", "\r\n", "\t", "\u00a0", "\u3000", "\u2003", "\u2028", "'s", "'S", "'ll", "'LL", "'\u017f",
       "\u2019s", "1", "12", "1234567", "\u0661\u0662\u0663\u0664", "\u246012345", "123\u2460", "\u4e00\u4e8c", "\u3042\u30ab", "\uac00", "\u1100\u1161",
       "a\u0301", "e\u0301\u0323", "\u0301", "\U0001f642", "\U0001f468\u200d\U0001f469", "\u200f", "\u0378", "\ue000", "\U0010ffff",
       "!", "?!", "//\n", "$", "+=", "~`", "[x]", "(", "-", "_", "aBC", "ABC", "AbCdEF", "\u00c9A\u00e9", "\u01c5x", "\u0130", "\u00df",
       "\u2581", "\ufb01", "\u00bd", "\uff21", "\ufffd", "\x01", "\u00ad", "<\u0338", "\u226e", "\u1e69", "\u212b", "\U00010d40",
       "\U0002ebf0x", "\u2ffc", "\u1c89", "\u0cf3", "\U0001e030", "IMGIMGABZ", "<sentinel:12>", "\u3105", "\uff65", "a b c", "a  1"]


def segments(name):
    with open(f"corpora/udhr/{name}.tsv", encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t", 1)[1] for line in f]


def hard_texts(n, extra=()):
    r = random.Random(9)
    odd, real = ODD + list(extra), [s for name in LANGUAGES for s in segments(name)]
    texts = ["", " ", "   ", "\n", "a", " a ", "x" * 70, " " * 40 + "x", "\u00c9\u00c8"]
    while len(texts) < n:
        parts = []
        for _ in range(r.randrange(1, 7)):
            s = r.choice(real)
            at = r.randrange(len(s) + 1)
            parts.append(r.choice(odd) if r.random() < 0.6 else s[at:at + r.randrange(1, 14)])
        texts.append("".join(parts))
    return texts


def llama_ids(path, texts, frame=False):
    data = b"".join(struct.pack("<I", len(b)) + b for b in (t.encode() for t in texts))
    out = subprocess.run([os.environ["LLAMA_IDS"], path, *["frame"] * frame], input=data, stdout=subprocess.PIPE, check=True)
    return [[int(i) for i in line.split()] for line in out.stdout.decode().split("\n")[:-1]]


def write(name, kind, tokens, types, *, scores=None, merges=None, pre=None, charsmap=None, flags=(), ids=()):
    w = gguf.GGUFWriter(name, "llama")
    w.add_tokenizer_model(kind)
    if pre:
        w.add_tokenizer_pre(pre)
    w.add_token_list(tokens)
    w.add_token_types(types)
    if scores:
        w.add_token_scores(scores)
    if merges is not None:
        w.add_token_merges(merges)
    if charsmap:
        w.add_precompiled_charsmap(charsmap)
    for key, value in dict(flags).items():
        w.add_bool("tokenizer.ggml." + key, value)
    for key, value in dict(ids).items():
        w.add_uint32(f"tokenizer.ggml.{key}_token_id", value)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def trained(name):
    with open(f"tests/golden/trained/{name}.json", encoding="utf-8") as f:
        return json.load(f)


def write_bert(source, name, lowercase):
    model = trained(source)
    vocab = model["model"]["vocab"]
    special = {t["content"] for t in model["added_tokens"]}
    tokens = [t if t in special else t[2:] if t.startswith("##") else "\u2581" + t for t in sorted(vocab, key=vocab.get)]
    write(f"{HERE}/{name}.gguf", "bert", tokens, [CONTROL if t in special else NORMAL for t in tokens],
          flags={"normalizer.lowercase": lowercase},
          ids={"bos": vocab["[CLS]"], "seperator": vocab["[SEP]"], "unknown": vocab["[UNK]"]})


def charsmap_of(path):
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto()
    with open(path, "rb") as f:
        proto.ParseFromString(f.read())
    return proto.normalizer_spec.precompiled_charsmap


def write_t5():
    path = "tests/golden/pieces/unigram.model"
    m = sentencepiece.SentencePieceProcessor(model_file=path)
    types = [UNKNOWN if m.is_unknown(i) else CONTROL if m.is_control(i) else BYTE if m.is_byte(i)
             else UNUSED if i % 50 == 7 else NORMAL for i in range(m.get_piece_size())]
    tokens = [m.id_to_piece(i) for i in range(m.get_piece_size())]
    for i, t in enumerate(tokens):
        if t in ("<tag>", "ing", "e\u0301x"):
            types[i] = USER
    write(f"{HERE}/t5.gguf", "t5", tokens, types, scores=[m.get_score(i) for i in range(len(tokens))],
          charsmap=charsmap_of(path), flags={"add_space_prefix": True, "remove_extra_whitespaces": True},
          ids={"unknown": types.index(UNKNOWN), "eos": 2, "bos": 1})


def write_gemma():
    model = trained("gemma")
    vocab = dict(model["model"]["vocab"])
    special = {t["content"]: t["special"] for t in model["added_tokens"]}
    tokens = sorted(vocab, key=vocab.get)
    tokens += [t for t in ("\n\n", "\n\n\n") if t not in vocab]
    types = [CONTROL if special.get(t) else USER if t in special else BYTE if re.fullmatch("<0x..>", t) else NORMAL
             for t in tokens]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["model"]["merges"]]
    write(f"{HERE}/gemma.gguf", "gemma4", tokens, types, merges=merges, ids={"bos": vocab["<bos>"]})


def write_words(texts):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator(texts + ["".join(ODD)] * 3, trainers.BpeTrainer(
        vocab_size=1300, initial_alphabet=alphabet, show_progress=False, max_token_length=16))
    model = json.loads(t.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = {w for text in texts for w in re.findall(r" ?[^\W\d]+|[0-9]{3}", text)}
    words = sorted({spell.pre_tokenize_str(w)[0][0] for w in words if 3 < len(w) < 12} - set(tokens))[::5]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    return tokens + words, merges


def names_known():
    with open("lib/text/gguf_cutting.c", encoding="utf-8") as f:
        return [n for n in re.findall(r'^  \{ "([^"]+)", \w+, ', f.read(), re.M)
                if n not in ("gpt2", "whitespace")]  # llama.cpp does not know the one, and aborts in the other at a space


def sum_of(ids):
    h = 2166136261
    for i in ids:
        for byte in i.to_bytes(4, "little"):
            h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h & 0xFFFFFF


def write_cuttings():
    texts = hard_texts(90)
    tokens, merges = write_words(texts)
    groups = {}
    for name in names_known():
        path = f"/tmp/{name}.gguf"
        write(path, "gpt2", tokens, [NORMAL] * len(tokens), merges=merges, pre=name)
        sums = tuple(sum_of(ids) for ids in llama_ids(path, texts))
        groups.setdefault(sums, []).append(name)
        os.remove(path)
    write(f"{HERE}/words.gguf", "gpt2", tokens, [NORMAL] * len(tokens), merges=merges)
    with open(f"{HERE}/cuttings.jsonl", "w", encoding="utf-8") as f:
        for t in texts:
            f.write(json.dumps({"text": t}, **DUMP) + "\n")
        for sums, names in groups.items():
            f.write(json.dumps({"model": " ".join(names), "ids": sums}, **DUMP) + "\n")


def main():
    os.makedirs(HERE, exist_ok=True)
    write_bert("bert_cased", "bert", False)
    write_bert("bert_uncased", "uncased", True)
    write_t5()
    write_gemma()
    lines = []
    for name in "bert", "uncased", "t5", "gemma":
        texts = hard_texts(100, ["<tag>", "<ta", "ing", "in", "[MASK]", "<bos>", "</s>", "\n\n\n", "[CLS]", "e\u0301y"])
        for frame in False, True:
            lines.append({"model": name + "+frame" * frame})
            some = texts[::3] if frame else texts
            lines += [{"text": t, "ids": ids} for t, ids in zip(some, llama_ids(f"{HERE}/{name}.gguf", some, frame), strict=True)]
    with open(f"{HERE}/ids.jsonl", "w", encoding="utf-8") as f:  # once all of it is there
        f.writelines(json.dumps(line, **DUMP) + "\n" for line in lines)
    write_cuttings()


main()
