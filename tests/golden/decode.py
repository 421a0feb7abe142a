#!/usr/bin/env python3
"""Writes tests/golden/decode.jsonl: what libraries decode random ids to; and gpt2.gguf and denormal.model in pieces/.

    python3 tests/golden/decode.py [N [OUT]]     (in the project's root)

tokenizers 0.23.3, sentencepiece 0.2.3, tiktoken 0.14.0, gguf 0.19.0, llama-cpp-python 0.3.36. N sequences for each
vocabulary (24), four times as many decoders.

A line {"model": PATH} starts a vocabulary; the lines after it are ids and their text, and with special tokens left out,
where that is another: {"ids", "text", "drop"}. A line {"decoder": ...} is a decoder of tokenizer.json, a list of tokens and their
text: {"decoder", "tokens", "text"}. gpt2.gguf has tokens of every type, such as are spelled outside the alphabet of bytes, and
English punctuation, before which llama.cpp takes spaces away.
"""
import base64
import ctypes
import glob
import json
import os
import random
import sys

sys.path = [p for p in sys.path if not p.endswith("golden")]  # gguf.py there is not the package

import gguf
import llama_cpp
import sentencepiece
import sentencepiece.sentencepiece_model_pb2 as model_pb
import tiktoken
import tokenizers

PIECES = "tests/golden/pieces"
DUMP = dict(ensure_ascii=False, separators=(",", ":"))


def draw_ids(ids, odd, spaces, n, draw):
    """Sequences of all ids, or of few that come often; the odd ones more often than their number asks for. Some begin with
    spaces."""
    few = [draw.choice(ids) for _ in range(20)] + odd
    for i in range(n):
        pool = ids if i % 3 else few
        begin = [draw.choice(spaces) for _ in range(draw.randrange(4))] if spaces and i % 4 == 3 else []
        yield begin + [draw.choice(odd) if odd and draw.random() < 0.2 else draw.choice(pool)
                       for _ in range(draw.choice([0, 1, 2, 3, 5, 8, 12]))]


def rows(out, model, ids, odd, n, decode, spaces=()):
    print(json.dumps({"model": model}, **DUMP), file=out)
    for sequence in draw_ids(sorted(ids), sorted(odd), spaces, n, random.Random(model)):
        row = {"ids": sequence, "text": decode(sequence, False)}
        if "\0" in row["text"]:  # the reader of these lines knows no 0
            continue
        if decode(sequence, True) != row["text"]:
            row["drop"] = decode(sequence, True)
        print(json.dumps(row, **DUMP), file=out)


def write_tokenizers(out, n):
    for path in sorted(glob.glob("tests/golden/trained/*.json")) + ["corpora/mini/tokenizer.json"]:
        t = tokenizers.Tokenizer.from_file(path)
        vocabulary = t.get_vocab()
        odd = set(t.get_added_tokens_decoder()) | {i for s, i in vocabulary.items() if s.startswith("<0x")}
        rows(out, path, set(vocabulary.values()), odd, n, lambda ids, drop: t.decode(ids, skip_special_tokens=drop))


def write_denormal():
    """denormal.model: the first pieces of unigram.model, whose replacements come after decoding; and another surface."""
    m = model_pb.ModelProto()
    m.ParseFromString(open(f"{PIECES}/unigram.model", "rb").read())
    del m.pieces[400:]
    m.denormalizer_spec.CopyFrom(m.normalizer_spec)
    m.denormalizer_spec.add_dummy_prefix = False
    m.denormalizer_spec.escape_whitespaces = False
    m.normalizer_spec.precompiled_charsmap = b""
    m.trainer_spec.unk_surface = "<?>"
    open(f"{PIECES}/denormal.model", "wb").write(m.SerializeToString())


def write_pieces(out, n):
    for path in sorted(glob.glob(f"{PIECES}/*.model")):
        m = sentencepiece.SentencePieceProcessor(model_file=path)
        ids = range(m.get_piece_size())
        odd = [i for i in ids if m.is_control(i) or m.is_unknown(i) or m.is_byte(i) or m.id_to_piece(i) == "\u2581"]
        spaces = [i for i in ids if m.id_to_piece(i).startswith("\u2581")] + [m.piece_to_id("\u2581")] * 30
        rows(out, path, ids, odd, n, lambda ids, drop: m.decode(ids), spaces)


def write_ranks(out, n):
    path = f"{PIECES}/ranks.tiktoken"
    ranks = {base64.b64decode(line.split()[0]): int(line.split()[1]) for line in open(path)}
    encoding = tiktoken.Encoding("ranks", pat_str=".", mergeable_ranks=ranks, special_tokens={})
    odd = [i for token, i in ranks.items() if len(token) == 1]
    rows(out, path, ranks.values(), odd, n, lambda ids, drop: encoding.decode(ids, errors="replace"))


def write_gpt2():
    """gpt2.gguf: the bytes in GPT-2's alphabet, and tokens that are hard to join."""
    alphabet = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokens = sorted(alphabet.alphabet())
    for text in [" .", " ?", ". '", "'s", " 's", "'m", "'re", " 've", " 'll", "'t", " ' ", " '", "' ", "  ", " a", "\u00e9", "\U0001f642"]:
        tokens.append("".join(spelling for spelling, _ in alphabet.pre_tokenize_str(text)))
    types = [1] * len(tokens)
    for token, kind in [("\u2581x", 1), ("a b", 1), ("<|end|>", 3), ("<tool> ", 4), (" \u00e9 ", 4), ("<unk>", 2), ("<pad>", 5),
                        ("<0x41>", 6), ("<0xE9>", 6), (" .", 3)]:
        tokens.append(token)
        types.append(kind)
    w = gguf.GGUFWriter(f"{PIECES}/gpt2.gguf", "llama")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_add_space_prefix(True)
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges(["\u0120 a"])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def write_gguf(out, n):
    keep = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(keep, None)
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    for path in [f"{PIECES}/gpt2.gguf", f"{PIECES}/llama.gguf"]:
        model = llama_cpp.llama_model_load_from_file(path.encode(), parameters)
        vocab = llama_cpp.llama_model_get_vocab(model)
        buffer = ctypes.create_string_buffer(1 << 16)

        def decode(ids, drop):
            array = (ctypes.c_int32 * len(ids))(*ids)
            size = llama_cpp.llama_detokenize(vocab, array, len(ids), buffer, len(buffer), False, not drop)
            return buffer.raw[:size].decode(errors="replace")

        fields = gguf.GGUFReader(path).fields
        types, tokens = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("token_type", "tokens"))
        spaces = [i for i, token in enumerate(tokens) if token[0] in "\u2581\u0120"]
        spaces += [i for i in spaces if len(tokens[i]) == 1] * 30
        odd = [i for i, kind in enumerate(types) if kind != 1 or (path.endswith("gpt2.gguf") and i >= 256)]
        odd += [tokens.index(c) for c in "'.!?,\u0120smve" if path.endswith("gpt2.gguf")]
        rows(out, path, range(len(types)), odd, n, decode, spaces)


# ---- decoders alone ----

PARTS = ["a", "b", "<0x41>", "<0xC3>", "<0xA9>", "<0xf0>", "\u2581", "\u2581a", "##a", "##", "", ".", "'", "'s", " ' s", "n't",
         " do not", "do not", "</w>", "a</w>", "<pad>", "|", "\u0120", "\u0120a", "\u00c3", "\u00a9", "\u0142", "\u00e9", "e\u0301", " ", "?"]


def draw_decoder(draw, depth=0):
    d = tokenizers.decoders
    text = lambda: draw.choice(PARTS + ["a", " "])
    character = lambda: draw.choice(["a", " ", "\u2581", "\u00e9", "b"])
    kinds = [d.ByteLevel, d.ByteFallback, d.Fuse, lambda: d.Replace(text(), text()),
             lambda: d.Replace(tokenizers.Regex(draw.choice(["a*", "^.", "[ab]+", "\\s", "(?<=a)b|$"])), text()),
             lambda: d.Strip(character(), draw.randrange(4), draw.randrange(2)),
             lambda: d.WordPiece(draw.choice(["##", "a", "", text()]), draw.random() < 0.7),
             lambda: d.Metaspace(character(), draw.choice(["always", "first", "never"])),
             lambda: d.BPEDecoder(draw.choice(["</w>", "", text()])),
             lambda: d.CTC(draw.choice(["<pad>", "", text()]), draw.choice(["|", "", text()]), draw.random() < 0.7)]
    if depth < 2 and draw.random() < 0.5:
        return d.Sequence([draw_decoder(draw, depth + 1) for _ in range(draw.randrange(5))])
    return draw.choice(kinds)()


def write_decoders(out, n):
    draw = random.Random(6)
    while n:
        decoder = draw_decoder(draw)
        tokens = [draw.choice(PARTS) + draw.choice(["", "", draw.choice(PARTS)]) for _ in range(draw.randrange(8))]
        try:
            text = decoder.decode(tokens)
        except BaseException:  # Strip panics where its two ends meet
            continue
        print(json.dumps({"decoder": json.loads(decoder.__getstate__()), "tokens": tokens, "text": text}, **DUMP), file=out)
        n -= 1


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    write_gpt2()
    write_denormal()
    with open(sys.argv[2] if len(sys.argv) > 2 else "tests/golden/decode.jsonl", "w", encoding="utf-8", newline="\n") as out:
        for write in (write_tokenizers, write_pieces, write_ranks, write_gguf):
            write(out, n)
        write_decoders(out, 4 * n)


main()
