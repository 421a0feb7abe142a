#!/usr/bin/env python3
"""What eq-token --stats and eq-token --vocab must say, counted in Python.

    tests/golden/tables.py              writes tests/golden/stats.tsv and tests/golden/vocab.tsv
    tests/golden/tables.py TOOL [PATH]  compares TOOL with all of it: every language of corpora/udhr, every token, of the
                                        vocabularies in the tree and of PATH (tokenizer.json files, folders)

In the project's root; tokenizers 0.23.3, sentencepiece 0.2.3, tiktoken 0.14.0, regex 2026.11.15, gguf 0.19.0,
fontTools 4.68.0.
stats.tsv: by vocabulary and language, segments, bytes, chars, words, tokens, tokens that are one byte, unknown tokens,
tokens and tokens of English in the segments that both have, and whether words are marked by spaces.
vocab.tsv: by vocabulary, kind, script and class, how many tokens there are, and the sums of their bytes and ids.
"""
import collections
import csv
import functools
import glob
import io
import json
import math
import os
import subprocess
import sys

sys.path = [p for p in sys.path if not p.endswith("golden")]  # gguf.py there is not the package

import gguf
import regex
import sentencepiece
import tiktoken
from fontTools.unicodedata import Scripts
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

LANGUAGES = "am ar de en es fa he hi ja ka km ko my ru sw ta th tr yo zh".split()
MODELS = ["corpora/mini", "tests/golden/trained/bert_cased.json", "tests/golden/trained/llama2.json",
          "tests/golden/trained/xlmr.json", "tests/golden/pieces/unigram.model", "tests/golden/pieces/ranks.tiktoken",
          "tests/golden/pieces/llama.gguf"]
CONTINUOUS = "Han Hiragana Katakana Bopomofo Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Ahom Tibetan Balinese " \
    "Javanese Yi Tangut Nushu".split()
CODES = {code: name for code, name in Scripts.NAMES.items() if code != "Zzzz"}
SCRIPTS = {code: regex.compile(r"\p{Script=%s}" % name) for code, name in CODES.items() if code in Scripts.VALUES}


@functools.lru_cache(None)
def script(c):
    found = [code for code, pattern in SCRIPTS.items() if pattern.fullmatch(c)]
    if not found and not regex.fullmatch(r"\p{Script=Unknown}", c):
        sys.exit(f"U+{ord(c):04X}: its script is missing in CODES")
    return found[0] if found else "Zzzz"


def byte_alphabet():
    """GPT-2's: {character: byte}."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in plain]
    return {**{chr(b): b for b in plain}, **{chr(256 + i): b for i, b in enumerate(rest)}}


ALPHABET = byte_alphabet()
HEX = "0123456789ABCDEF"


def fallback_byte(piece):
    return bytes([int(piece[3:5], 16)]) if len(piece) == 6 and piece.startswith("<0x") and piece[5] == ">" and \
        piece[3] in HEX and piece[4] in HEX else None


QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def from_parts(folder):
    """vocab.json and merges.txt, of GPT-2 or, where tokenizer_config.json names added tokens, of Qwen2."""
    t = Tokenizer(models.BPE.from_file(folder + "/vocab.json", folder + "/merges.txt"))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if os.path.exists(folder + "/tokenizer_config.json"):
        with open(folder + "/tokenizer_config.json", encoding="utf-8") as f:
            added = json.load(f)["added_tokens_decoder"]
        t.normalizer = normalizers.NFC()
        t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"),
                                                   pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        for _, token in sorted(added.items(), key=lambda item: int(item[0])):
            one = AddedToken(token["content"], special=token["special"], normalized=token["normalized"])
            (t.add_special_tokens if token["special"] else t.add_tokens)([one])
    return t


# A vocabulary: encode(text) -> ids, and by id (kind, bytes); ids that are not there are ("unused", b"").

class HuggingFace:
    def __init__(self, path):
        self.name = os.path.basename(path.rstrip("/"))
        if os.path.isdir(path) and not os.path.exists(path + "/tokenizer.json"):
            self.tokenizer = from_parts(path)
        else:
            self.tokenizer = Tokenizer.from_file(path + "/tokenizer.json" if os.path.isdir(path) else path)
        self.tokenizer.encode_special_tokens = True
        d = json.loads(self.tokenizer.to_str())
        model = d["model"]
        text = json.dumps([d["normalizer"], d["pre_tokenizer"]], ensure_ascii=False)
        self.in_bytes, self.mark = '"ByteLevel"' in text, "\u2581" if "\u2581" in text else None
        self.prefix = model.get("continuing_subword_prefix") or ""
        self.suffix = model.get("end_of_word_suffix") or ""
        self.fallback = model.get("byte_fallback", False)
        vocab = model["vocab"]
        self.spelling = {i: p for p, i in vocab.items()} if isinstance(vocab, dict) else dict(enumerate(p for p, _ in vocab))
        self.unknown = model["unk_id"] if "unk_id" in model else vocab.get(model.get("unk_token"))
        self.added = {a["id"]: a for a in d["added_tokens"]}
        self.size = max([*self.spelling, *self.added]) + 1

    def encode(self, texts):
        return [e.ids for e in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def token(self, i):
        added = self.added.get(i)
        if i == self.unknown:
            return "unknown", (added["content"] if added else self.spelling[i]).encode()
        if added:
            return "special" if added["special"] else "added", added["content"].encode()
        piece = self.spelling.get(i)
        if piece is None:
            return "unused", b""
        if self.fallback and fallback_byte(piece):
            return "byte", fallback_byte(piece)
        if piece.startswith(self.prefix) and len(piece) > len(self.prefix):
            piece = piece[len(self.prefix):]
        if self.suffix and piece.endswith(self.suffix) and len(piece) > len(self.suffix):
            piece = piece[:-len(self.suffix)]
        if self.in_bytes:
            return "normal", b"".join(bytes([ALPHABET[c]]) if c in ALPHABET else c.encode() for c in piece)
        return "normal", (piece.replace(self.mark, " ") if self.mark else piece).encode()


class SentencePiece:
    def __init__(self, path):
        self.name = os.path.basename(path)
        self.model = sentencepiece.SentencePieceProcessor(model_file=path)
        self.size = len(self.model)

    def encode(self, texts):
        return [self.model.encode(t) for t in texts]

    def token(self, i):
        m, piece = self.model, self.model.id_to_piece(i)
        if m.is_byte(i):
            return "byte", fallback_byte(piece)
        kind = "unknown" if m.is_unknown(i) else "special" if m.is_control(i) else "unused" if m.is_unused(i) else "normal"
        if kind == "normal" and USER_DEFINED in types(m, i):
            return "added", piece.encode()
        return kind, (piece.replace("\u2581", " ") if kind == "normal" else piece).encode()


USER_DEFINED = 4


def types(model, i):
    """The package does not say which pieces are user-defined: the model's protobuf does."""
    from sentencepiece import sentencepiece_model_pb2
    if not hasattr(types, "of") or types.of[0] is not model:
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString(model.serialized_model_proto())
        types.of = model, [p.type for p in proto.pieces]
    return [types.of[1][i]]


class Gguf(SentencePiece):
    """llama.gguf is llama.model, in another file: ids are those of the package."""

    def __init__(self, path):
        super().__init__(path.replace(".gguf", ".model"))
        self.name = os.path.basename(path)
        fields = gguf.GGUFReader(path).fields
        self.types = [int(fields["tokenizer.ggml.token_type"].parts[i][0]) for i in fields["tokenizer.ggml.token_type"].data]

    def token(self, i):
        kind = {1: "normal", 2: "unknown", 3: "special", 4: "added", 5: "unused", 6: "byte"}[self.types[i]]
        return kind, super().token(i)[1] if kind in ("normal", "byte") else self.model.id_to_piece(i).encode()


class Tiktoken:
    def __init__(self, path):
        self.name = os.path.basename(path)
        from tiktoken.load import load_tiktoken_bpe
        ranks = load_tiktoken_bpe(os.path.abspath(path))
        pattern = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
        self.special = {"<|endoftext|>": 50256}  # of the encoding gpt2
        self.encoding = tiktoken.Encoding("x", pat_str=pattern, mergeable_ranks=ranks, special_tokens=self.special)
        self.of = {i: b for b, i in ranks.items()}
        self.size = self.encoding.n_vocab

    def encode(self, texts):
        return [self.encoding.encode_ordinary(t) for t in texts]

    def token(self, i):
        special = [t.encode() for t, k in self.special.items() if k == i]
        return ("normal", self.of[i]) if i in self.of else ("special", special[0]) if special else ("unused", b"")


def vocabulary(path):
    for ending, kind in ((".model", SentencePiece), (".gguf", Gguf), (".tiktoken", Tiktoken)):
        if path.endswith(ending):
            return kind(path)
    return HuggingFace(path)


def script_of(data):
    found = [script(c) for c in data.decode(errors="surrogateescape") if not 0xDC80 <= ord(c) <= 0xDCFF]
    own = set(found) - {"Zyyy", "Zinh", "Zzzz"}
    if own:
        return own.pop() if len(own) == 1 else "mixed"
    return next((s for s in ("Zyyy", "Zinh", "Zzzz") if s in found), "")


def class_of(data):
    """By trying: what could stand before and after it to make whole characters?"""
    if not data:
        return ""
    try:
        text = data.decode()
        if regex.fullmatch(r"\p{White_Space}+", text):
            return "space"
        return "ascii" if text.isascii() else "utf8"
    except UnicodeDecodeError:
        heads = [b"", b"\xd0", b"\xe1\x80", b"\xe1", b"\xf1\x80\x80", b"\xf1\x80", b"\xf1"]
        tails = [b"", b"\x80", b"\xa0", b"\x90", b"\x80\x80", b"\xa0\x80", b"\x90\x80", b"\x90\x80\x80", b"\x80\x80\x80"]
        for head in heads:
            for tail in tails:
                try:
                    (head + data + tail).decode()
                    return "partial"
                except UnicodeDecodeError:
                    pass
        return "invalid"


def vocab_rows(v):
    for i in range(v.size):
        kind, data = v.token(i)
        yield i, kind, data, script_of(data), class_of(data)


def summary(rows):
    table = collections.defaultdict(lambda: [0, 0, 0])
    for i, kind, data, scr, cls in rows:
        row = table[kind, scr, cls]
        row[0] += 1
        row[1] += len(data)
        row[2] += i
    return table


def corpus(languages):
    with open("corpora/languages.tsv", encoding="utf-8") as f:
        for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["udhr"] and (not languages or row["tag"] in languages):
                with open(f"corpora/udhr/{row['udhr']}.tsv", encoding="utf-8", newline="\n") as text:
                    yield row["tag"], [line.rstrip("\n").split("\t", 1) for line in text]


def stats_rows(v, languages):
    traits = [v.token(i) for i in range(v.size)]
    unknown = {i for i, (kind, _) in enumerate(traits) if kind == "unknown"}
    single = {i for i, (kind, b) in enumerate(traits) if kind == "byte" or (len(b) == 1 and b[0] >= 0x80)}
    counts, rows = {}, {}
    for lang, segments in corpus(languages):
        texts = [text for _, text in segments]
        ids = v.encode(texts)
        whole = "".join(texts)
        letters = [s for s in map(script, whole) if s not in ("Zyyy", "Zinh", "Zzzz")]
        continuous = sum(CODES[s] in CONTINUOUS for s in letters)
        counts[lang] = {i: len(t) for (i, _), t in zip(segments, ids)}
        rows[lang] = [len(segments), len(whole.encode()), len(whole),
                      sum(len(regex.findall(r"[^\p{White_Space}\u1361]+", t)) for t in texts), sum(map(len, ids)),
                      sum(i in single for t in ids for i in t), sum(i in unknown for t in ids for i in t)]
        rows[lang].append(int(2 * continuous <= len(letters)))
    for lang, row in sorted(rows.items()):
        both = [i for i in counts[lang] if i in counts["en"]]
        yield [lang, *row[:7], sum(counts[lang][i] for i in both), sum(counts["en"][i] for i in both), len(both), row[7]]


def write():
    with open("tests/golden/stats.tsv", "w", encoding="utf-8") as s, open("tests/golden/vocab.tsv", "w", encoding="utf-8") as t:
        for path in MODELS:
            v = vocabulary(path)
            for row in stats_rows(v, LANGUAGES):
                print(path, *row, sep="\t", file=s)
            for key, row in sorted(summary(vocab_rows(v)).items()):
                print(path, *key, *row, sep="\t", file=t)


# ---- comparing ----

def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, **options).stdout


def unescape(row):
    text = row["token"].encode()
    if row.get("class") not in ("partial", "invalid"):
        return text
    return regex.sub(rb"\\(?:x(..)|\\)", lambda m: bytes([int(m[1], 16)]) if m[1] else b"\\", text)


def compare_vocab(tool, path, v):
    rows = [json.loads(line) for line in run(tool, "-m", path, "--vocab", "-f", "jsonl").splitlines()]
    bad = abs(len(rows) - v.size)
    for (i, kind, data, scr, cls), row in zip(vocab_rows(v), rows):
        mine = (i, kind, data, len(data), scr, cls)
        theirs = (row["id"], row["kind"], unescape(row), row["bytes"], row.get("script", ""), row.get("class", ""))
        bad += mine != theirs
        if mine != theirs and bad < 5:
            print("  oracle", mine, "\n  eq-token", theirs)
    return len(rows), bad


def compare_stats(tool, path, v):
    text = run(os.path.join(os.path.dirname(tool), "eq-text"), "-c", "corpora/udhr", "-l", "all")
    table = run(tool, "-m", path, "--stats", "-f", "tsv", input=text).decode()
    rows = list(csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE))
    n = bad = 0
    for mine, theirs in zip(stats_rows(v, None), rows):
        lang, segments, size, chars, words, tokens, single, unknown, tokens_both, english_both, pairs, spaces = mine
        want = {"lang": lang, "segments": segments, "bytes": size, "chars": chars, "words": words, "tokens": tokens,
                "bytes_token": size / tokens, "chars_token": chars / tokens, "pairs": pairs,
                "tokens_word": tokens / words if spaces else math.nan, "byte_share": single / tokens,
                "unknown_share": unknown / tokens, "premium": tokens_both / english_both if english_both else math.nan}
        for key, value in want.items():
            same = theirs[key] == value if isinstance(value, str) else \
                float(theirs[key]) == value or (math.isnan(value) and math.isnan(float(theirs[key])))
            n += 1
            bad += not same
            if not same and bad < 5:
                print("  ", lang, key, "oracle", value, "eq-token", theirs[key])
    return n, bad + (len(rows) != n / 13)


def placed(path, v):
    """Where eq-token finds it: a tokenizer.json in a folder, ranks by the name of their encoding."""
    name = "tokenizer.json" if path.endswith(".json") else "gpt2.tiktoken" if path.endswith(".tiktoken") else None
    if not name:
        return path
    folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), "tables-" + v.name)
    os.makedirs(folder, exist_ok=True)
    with open(path, "rb") as f, open(os.path.join(folder, name), "wb") as g:
        g.write(f.read())
    return folder


def compare(tool, paths):
    worst = 0
    for path in MODELS + sorted(glob.glob("tests/golden/trained/*.json") + glob.glob("tests/golden/pieces/*.model")) + paths:
        v = vocabulary(path)
        folder = placed(path, v)
        tokens, bad_tokens = compare_vocab(tool, folder, v)
        numbers, bad_numbers = compare_stats(tool, folder, v)
        print(f"{path}: {tokens} tokens, {bad_tokens} differ; {numbers} numbers, {bad_numbers} differ", flush=True)
        worst |= bad_tokens or bad_numbers
    sys.exit(bool(worst))


if len(sys.argv) > 1:
    compare(sys.argv[1], sys.argv[2:])
else:
    write()
