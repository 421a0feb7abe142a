#!/usr/bin/env python3
"""Writes tests/golden/pieces/: small SentencePiece models trained on corpora/udhr, and what the sentencepiece
package makes of hard texts with them.

    python3 tests/golden/pieces.py       (in the project's root; sentencepiece 0.2.3, tokenizers 0.23.3, tiktoken 0.14.0)
    python3 tests/golden/pieces.py --keep-models       trains only those that are not there

NAME.model are the models; unused.model is plain_bpe.model with every third piece unused. ids.jsonl: a line {"model": NAME} starts a model; the lines after it are texts with the ids and
the bytes of the text that each id's piece covers ("ends" of the last bytes too): {"text", "ids", "starts", "ends"}; of byte
fallback the package gives a character's bytes to its last piece.
ranks.tiktoken, ranks.jsonl: the first tokens of corpora/mini as a file of tiktoken's (0.14.0), and the ids that the package
gives with them and the pattern of each encoding: a line {"model": NAME} starts one.
special.jsonl: lines {"encoding", "text", "ids"} of the same ranks, with the special tokens of every encoding.
llama.gguf: llama.model, as llama.cpp's converter writes it (gguf 0.19.0).
precompiled.jsonl: texts, and what Hugging Face's Precompiled normalizer makes of them with the charsmap of unigram.model.
"""
import base64
import json
import os
import random
import re
import sys

sys.path = [p for p in sys.path if not p.endswith("golden")]  # gguf.py there is not the package

import gguf
import sentencepiece
import tiktoken
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tiktoken_ext import openai_public

HERE = "tests/golden/pieces"
LANGUAGES = "eng deu_1996 fra heb arb ell_monotonic rus hin jpn cmn_hans kor vie tur tha".split()

# Replacements with keys of several characters, keys that begin other keys, deletions, and ones that grow or make spaces.
RULES = {
    "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ", "\u2003": "  ", "\u00ad": "", "\u200b": "", "\ufeff": "",
    "\ufb01": "fi", "\ufb03": "ffi", "\u00bd": "1\u20442", "\u2026": "...", "\uff21": "A", "\uff41": "a", "\u2460": "1",
    "e\u0301": "\u00e9", "a\u0301": "\u00e1", "o\u0302\u0301": "\u1ed1", "o\u0302": "\u00f4", "i\u0307": "i",
    "\u05d0\u05b7": "\ufb2e", "\u0600": "", "\u1100\u1161": "\uac00", "\ufdfa": "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647",
    "\r\n": " ", "A": "a", "B": "b", "\u00c9": "\u00e9", "\u0301": "", "\U0001f1e9": "D", "abc": "x y",
}

MODELS = {
    "unigram": dict(model_type="unigram", vocab_size=900, character_coverage=0.98, byte_fallback=True,
                    user_defined_symbols=["<tag>", "  ", "\u2581\u2581\u2581", "ing", "e\u0301x"]),
    "bpe": dict(model_type="bpe", vocab_size=900, character_coverage=0.98, byte_fallback=True, split_digits=True,
                normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True,
                user_defined_symbols=["<tag>", "\n\n", "ment"]),
    "suffix": dict(model_type="unigram", vocab_size=700, character_coverage=0.98, treat_whitespace_as_suffix=True,
                   control_symbols=["<c>"], unk_id=3, bos_id=0, eos_id=1, pad_id=2),
    "llama": dict(model_type="bpe", vocab_size=1100, character_coverage=0.98, byte_fallback=True,
                  normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True),
    "word": dict(model_type="word", vocab_size=500, user_defined_symbols=["<tag>"], control_symbols=["<c>"]),
    "char": dict(model_type="char", vocab_size=600, character_coverage=0.98, byte_fallback=True,
                 user_defined_symbols=["<tag>", "ing", "\u00e9x"]),
    "plain_bpe": dict(model_type="bpe", vocab_size=700, character_coverage=0.98, add_dummy_prefix=False, bos_id=-1),
}


def segments(name):
    with open(f"corpora/udhr/{name}.tsv", encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t", 1)[1] for line in f]


def train():
    with open("/tmp/rules.tsv", "w") as f:
        for key, to in sorted(RULES.items()):
            f.write(" ".join(f"{ord(c):X}" for c in key) + "\t" + " ".join(f"{ord(c):X}" for c in to) + "\n")
    text = [s for name in LANGUAGES for s in segments(name)]
    for name, options in MODELS.items():
        if "--keep-models" in sys.argv and os.path.exists(f"{HERE}/{name}.model"):
            continue
        if "normalization_rule_name" not in options:
            options = {**options, "normalization_rule_tsv": "/tmp/rules.tsv"}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text), model_prefix=f"/tmp/{name}", num_threads=1, hard_vocab_limit=False,
            self_test_sample_size=0, minloglevel=2, **options)
        os.replace(f"/tmp/{name}.model", f"{HERE}/{name}.model")
    write_unused()


def write_unused():
    proto = sentencepiece_model_pb2.ModelProto()
    with open(f"{HERE}/plain_bpe.model", "rb") as f:
        proto.ParseFromString(f.read())
    for i, piece in enumerate(proto.pieces):
        if piece.type == 1 and i % 3 == 0:
            piece.type = 5
    with open(f"{HERE}/unused.model", "wb") as f:
        f.write(proto.SerializeToString())


def hard_texts():
    """Texts of what is hard: pieces of real text and odd characters, from a fixed seed."""
    r = random.Random(4)
    odd = list(RULES) + [" ", "  ", "   ", "\u2581", "<tag>", "<unk>", "<s>", "<c>", "<0x41>", "ing", "ment", "\n\n", "\u00e9",
                         "\u4e00", "\U0001f642", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u0323", "\u1e9b", "\u0e33",
                         "1234", "aaaaaaaa", "\ue000", "\U0010ffff", "\u0378", "Hello", "_", "e\u0301x", "\x01", "\u200f", "A\u1ae1", "A\U00011f5a",
                         "\u0600\u2065", "A\u0301"]
    real = [s for name in LANGUAGES + ["amh", "tam", "und-x-klau"] if os.path.exists(f"corpora/udhr/{name}.tsv")
            for s in segments(name)]
    texts = ["", " ", "   ", "\u2581", "a", " a ", "\u00e9\u00e9 \u6f22\u5b57", "\n", "x" * 300, "\U0001f642" * 40, " " * 50]
    for i in range(110):
        parts = []
        for _ in range(r.randrange(1, 9)):
            s = r.choice(real)
            at = r.randrange(len(s) + 1)
            parts.append(r.choice(odd) if r.random() < 0.6 else s[at:at + r.randrange(1, 14)])
        texts.append("".join(parts))
    for i in range(30):
        texts.append("".join(chr(r.choice([c for c in (r.randrange(0x20, 0x3000), r.randrange(0x20, 0x250),
                                                       r.randrange(0x10000, 0x10FFFF))])) for _ in range(r.randrange(12))))
    return [t for t in texts if "\0" not in t]


def encode(model, text):
    found = model.encode(text, return_type="offset_mapping", return_bytes=True)
    return {"text": text, "ids": found["ids"], "starts": [a for a, _ in found["offsets"]],
            "ends": [b for _, b in found["offsets"]]}


def charsmap(path):
    """normalizer_spec.precompiled_charsmap: field 2 of field 3 of the model."""
    def fields(b):
        at = 0

        def varint():
            nonlocal at
            v = shift = 0
            while True:
                byte = b[at]
                at += 1
                v |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return v
        while at < len(b):
            tag = varint()
            kind = tag & 7
            n = {0: 0, 1: 8, 5: 4}.get(kind)
            if kind == 0:
                varint()
                yield tag >> 3, b""
                continue
            if kind == 2:
                n = varint()
            yield tag >> 3, b[at:at + n]
            at += n
    spec = next(v for k, v in fields(open(path, "rb").read()) if k == 3)
    return next(v for k, v in fields(spec) if k == 2)


def ranks_of_mini(n):
    """The first n tokens of corpora/mini as bytes, in the order of its merges."""
    printable = [*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 256)]
    others = [b for b in range(256) if b not in printable]
    byte_of = {**{chr(b): b for b in printable}, **{chr(256 + i): b for i, b in enumerate(others)}}
    with open("corpora/mini/tokenizer.json", encoding="utf-8") as f:
        vocab = json.load(f)["model"]["vocab"]
    tokens = [t for t in sorted(vocab, key=vocab.get) if all(c in byte_of for c in t)]
    return {bytes(byte_of[c] for c in t): i for i, t in enumerate(tokens[:n])}


def patterns():
    """As the package has them, without fetching ranks."""
    with open(openai_public.__file__, encoding="utf-8") as f:
        source = f.read()
    cl100k = re.search(r'"name": "cl100k_base",\s+"pat_str": r"""(.*?)""",', source).group(1)
    o200k = re.search(r'pat_str = "\|"\.join\((.*?\])\s+\)', source, re.S).group(1).strip()
    return {"r50k_base": openai_public.r50k_pat_str, "cl100k_base": cl100k, "o200k_base": "|".join(eval(o200k))}


def write_ranks(texts, dump):
    ranks = ranks_of_mini(1200)
    with open(f"{HERE}/ranks.tiktoken", "w") as f:
        f.writelines(f"{base64.b64encode(t).decode()} {i}\n" for t, i in ranks.items())
    r = random.Random(5)
    hard = [" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\n\n\n", "\u2028", "a", "it's", "IT'S", "!", "?!", "12345", "'\u017f", "\u00e9",
            "\u6f22\u5b57", "don't", "//\n", "aBC", "\u01c5x", "e\u0301"]
    texts = texts[:100] + ["".join(r.choice(hard) for _ in range(r.randrange(1, 9))) for _ in range(120)]
    with open(f"{HERE}/ranks.jsonl", "w") as f:
        for name, pattern in patterns().items():
            encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
            f.write(json.dumps({"model": name}, **dump) + "\n")
            for t in texts:
                f.write(json.dumps({"text": t, "ids": encoding.encode_ordinary(t)}, **dump) + "\n")


def write_special(dump):
    """Texts with special tokens by each encoding that the package has, of whose ranks only these are there."""
    ranks = ranks_of_mini(1200)
    openai_public.load_tiktoken_bpe = openai_public.data_gym_to_mergeable_bpe_ranks = lambda *a, **k: ranks
    names = ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|endofprompt|>", "<|start|>", "<|return|>",
             "<|reserved_200001|>", "<|reserved_200500|>", "<|reserved_201088|>", "<|endof", "  \n", "a", "Hello,", " ", "1234"]
    r = random.Random(6)
    with open(f"{HERE}/special.jsonl", "w") as f:
        for name, make in openai_public.ENCODING_CONSTRUCTORS.items():
            spec = make()
            spec.pop("explicit_n_vocab", None)
            encoding = tiktoken.Encoding(**spec)
            for _ in range(12):
                t = "".join(r.choice(names) for _ in range(r.randrange(1, 9)))
                line = {"encoding": name, "text": t, "ids": encoding.encode(t, allowed_special="all")}
                f.write(json.dumps(line, **dump) + "\n")


def write_gguf():
    model = sentencepiece.SentencePieceProcessor(model_file=f"{HERE}/llama.model")
    w = gguf.GGUFWriter(f"{HERE}/llama.gguf", "llama")
    types = [2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 1
             for i in range(model.get_piece_size())]
    w.add_tokenizer_model("llama")
    w.add_token_list([model.id_to_piece(i) for i in range(model.get_piece_size())])
    w.add_token_scores([model.get_score(i) for i in range(model.get_piece_size())])
    w.add_token_types(types)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def main():
    os.makedirs(HERE, exist_ok=True)
    train()
    texts = hard_texts()
    dump = dict(ensure_ascii=False, separators=(",", ":"))
    lines = []
    for name in [*MODELS, "unused"]:
        model = sentencepiece.SentencePieceProcessor(model_file=f"{HERE}/{name}.model")
        lines.append({"model": name})
        lines += [encode(model, t) for t in (texts[:70] if name in ("word", "char", "unused") else texts)]
    with open(f"{HERE}/ids.jsonl", "w") as f:  # once all of it is there
        f.writelines(json.dumps(line, **dump) + "\n" for line in lines)
    write_gguf()
    write_ranks(texts, dump)
    write_special(dump)
    normalizer = tokenizers.normalizers.Precompiled(charsmap(f"{HERE}/unigram.model"))
    with open(f"{HERE}/precompiled.jsonl", "w") as f:
        for t in texts:
            f.write(json.dumps({"text": t, "normalized": normalizer.normalize_str(t)}, **dump) + "\n")


main()
