#!/usr/bin/env python3
"""Writes tests/golden/trained/*.json, small tokenizers of every family, and tests/golden/trained.tsv, what they give.

    python3 tests/golden/trained.py [train [NAME...]]     (in the project's root; tokenizers 0.23.3)

With "train" the tokenizers, or those named, are trained anew, on some of corpora/udhr. trained.tsv: for each tokenizer and
each way to take special tokens, and for each language of corpora/udhr, the number of tokens and FNV-1a (64 bits) over the
tokens of all segments in the order of the file: id, start and end in characters, four bytes each, little-endian, with
0xFFFFFFFF after each segment. The language "random" is the lines of tests/golden/trained.txt, which this writes too.
"""
import csv
import json
import random
import sys

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = "tests/golden/trained"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)"
          r"|\s+")
BYTES = [f"<0x{i:02X}>" for i in range(256)]


def fields(message):
    """Fields of a protobuf message: number and value, a number or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key % 8 == 0:
            yield key // 8, varint()
        else:
            size = varint() if key % 8 == 2 else {1: 8, 5: 4}[key % 8]
            at += size
            yield key // 8, message[at - size:at]


def charsmap():
    """The charsmap of a model of SentencePiece: normalizer_spec.precompiled_charsmap."""
    model = dict(fields(open("tests/golden/pieces/unigram.model", "rb").read()))
    return dict(fields(model[3]))[2]


def bpe(**options):
    return Tokenizer(models.BPE(**options))


def llama2():
    t = bpe(unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 257)])
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    return t, trainers.BpeTrainer(vocab_size=2000, special_tokens=BYTES + ["<unk>", "<s>", "</s>"], limit_alphabet=200,
                                  max_token_length=8)


def gemma():
    t = bpe(unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    t.normalizer = normalizers.Replace(" ", "\u2581")
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return t, trainers.BpeTrainer(vocab_size=2000, special_tokens=BYTES + ["<pad>", "<unk>", "<bos>", "\n\n"],
                                  limit_alphabet=200, max_token_length=8)


def llama3():
    t = bpe(ignore_merges=True)
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.decoder = decoders.ByteLevel()
    return t, trainers.BpeTrainer(vocab_size=1500, special_tokens=["<|begin_of_text|>", "<|eot_id|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def roberta():
    t = bpe()
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    t.decoder = decoders.ByteLevel()
    return t, trainers.BpeTrainer(vocab_size=1000, special_tokens=["<s>", "<pad>", "</s>", "<mask>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def clip():
    t = bpe(unk_token="<|endoftext|>", continuing_subword_prefix="", end_of_word_suffix="</w>")
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                         normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed",
                                           invert=True)
    return t, trainers.BpeTrainer(vocab_size=1200, special_tokens=["<|endoftext|>"], end_of_word_suffix="</w>",
                                  limit_alphabet=300)


def prefixed():
    t = bpe(unk_token="[UNK]", continuing_subword_prefix="##")
    t.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKD(), normalizers.StripAccents(),
                                         normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(False),
                                               pre_tokenizers.Punctuation("merged_with_next")])
    return t, trainers.BpeTrainer(vocab_size=1200, special_tokens=["[UNK]"], continuing_subword_prefix="##",
                                  limit_alphabet=300)


def bert(lowercase):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    t.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    t.decoder = decoders.WordPiece()
    return t, trainers.WordPieceTrainer(vocab_size=2000, limit_alphabet=500,
                                        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])


def xlmr():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Precompiled(charsmap())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    t.decoder = decoders.Metaspace()
    return t, trainers.UnigramTrainer(vocab_size=2000, unk_token="<unk>",
                                      special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])


def t5():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap()),
                                         normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    return t, trainers.UnigramTrainer(vocab_size=2000, unk_token="<unk>", special_tokens=["<pad>", "</s>", "<unk>"])


def words():
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit("e"), pre_tokenizers.Whitespace(),
                                               pre_tokenizers.Split(Regex("[aou]"), "contiguous")])
    return t, trainers.WordLevelTrainer(vocab_size=1500, special_tokens=["[UNK]"])


def scripts():
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.pre_tokenizer = pre_tokenizers.UnicodeScripts()
    return t, trainers.WordLevelTrainer(vocab_size=60, special_tokens=["[UNK]"])


FAMILIES = {"llama2": llama2, "gemma": gemma, "llama3": llama3, "roberta": roberta, "clip": clip, "prefixed": prefixed,
            "bert_cased": lambda: bert(False), "bert_uncased": lambda: bert(True), "xlmr": xlmr, "t5": t5, "words": words,
            "scripts": scripts}

# content, special, and what else is asked of it; "mask" takes the space before it, as RoBERTa's does
ADDED = [("<mask>", True, ["lstrip"]), ("<right>", True, ["rstrip"]), ("<both>", False, ["lstrip", "rstrip", "normalized"]),
         ("word", False, ["single_word", "normalized"]), ("\u00c9t\u00e9", False, ["normalized"]), ("  \n", False, [])]


FEW = ("en", "fr", "vi", "ru", "ar", "hi", "th")


def train(udhr, names):
    for name in names or FAMILIES:
        t, trainer = FAMILIES[name]()
        trainer.show_progress = False
        few = isinstance(trainer, trainers.UnigramTrainer)  # which must keep every character
        t.train_from_iterator([s for tag in udhr if not few or tag in FEW for s in udhr[tag][::3 if few else 20]], trainer)
        state = json.loads(t.to_str())
        size = t.get_vocab_size()
        for content, special, flags in ADDED:
            token = {"id": size, "content": content, "special": special}
            token.update({f: f in flags for f in ("single_word", "lstrip", "rstrip", "normalized")})
            if t.token_to_id(content) is None:
                size += 1
                state["added_tokens"].append(token)
            else:
                state["added_tokens"] = [a for a in state["added_tokens"] if a["content"] != content]
                state["added_tokens"].append({**token, "id": t.token_to_id(content)})
        state["added_tokens"].sort(key=lambda a: a["id"])
        if name in ("llama2", "gemma"):  # their bytes are of the vocabulary, and none of them is added
            state["added_tokens"] = [a for a in state["added_tokens"] if a["content"] not in BYTES]
        with open(f"{FOLDER}/{name}.json", "w", encoding="utf-8", newline="\n") as out:
            json.dump(state, out, ensure_ascii=False, separators=(",", ":"))
            out.write("\n")


HARD = list("aabstreSLDXYZ'''  \n\n\r\t.,!?0123_<|>-") + [
    "\u3000", "\u00a0", "\u0085", "\u00e9", "e\u0301", "\ud55c", "\uac01", "\u1100\u1161\u11a8", "\u11a8", "\u0301", "\u0323",
    "\u0344", "\u0915", "\u093f", "\u094d", "\u093c", "\u0958", "\u4e2d", "\u6587", "\U0001f642", "\U0001f468\u200d\U0001f469",
    "\u00df", "\u00bd", "\u0663", "\u2167", "\u2028", "\u180e", "\u200b", "\ufeff", "\u0130", "\ufb01", "\u212b", "\u017f",
    "\u1e9b\u0323", "\U0001d15e", "\u0fb2\u0f80", "\u0bc7\u0bbe", "\U00011131\U00011127", "\u2581", "\u2581\u2581", "\ufdfa",
    "\uffc2", "\u3131", "\u200f", "\u0e33", "\u1ab0", "\x01", "\x7f", "the ", "word", "\u00c9t\u00e9", "E\u0301te\u0301", "   "]
HARD += [a[0] for a in ADDED] + ["<s>", "</s>", "[MASK]", "[CLS]", "<unk>", "<0x41>", "<|eot_id|>"]


def texts():
    """Lines of characters that are hard to cut, and of any that are assigned or not; tokenizers know no 0."""
    draw = random.Random(4)
    for i in range(1500):
        anything = i % 3 == 0
        parts = [chr(draw.choice([draw.randrange(1, 0xD800), draw.randrange(0xE000, 0x110000), draw.randrange(1, 0x3000)]))
                 if anything and draw.random() < 0.6 else draw.choice(HARD) for _ in range(draw.choice([1, 3, 10, 30]))]
        yield "".join(p * draw.choice([1, 1, 1, 1, 1, 1, 1, 7]) for p in parts).replace("\n", "\r")


def fnv(words):
    h = 0xCBF29CE484222325
    for word in words:
        for shift in (0, 8, 16, 24):
            h = ((h ^ (word >> shift & 0xFF)) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def row(t, segments):
    count, stream = 0, []
    for segment in segments:
        e = t.encode(segment, add_special_tokens=False)
        count += len(e.ids)
        for i, (start, end) in zip(e.ids, e.offsets):
            stream += [i, start, end]
        stream.append(0xFFFFFFFF)
    return count, f"{fnv(stream):016x}"


def main():
    languages = [r for r in csv.DictReader(open("corpora/languages.tsv", encoding="utf-8"), delimiter="\t",
                                           quoting=csv.QUOTE_NONE)]
    udhr = {}
    for r in languages:
        lines = open(f"corpora/udhr/{r['udhr']}.tsv", encoding="utf-8", newline="\n").read().split("\n")[:-1]
        udhr[r["tag"]] = [line.split("\t", 1)[1] for line in lines]
    if sys.argv[1:2] == ["train"]:
        train(udhr, sys.argv[2:])
    with open("tests/golden/trained.txt", "w", encoding="utf-8", newline="\n") as out:
        out.writelines(text + "\n" for text in texts())
    with open("tests/golden/trained.tsv", "w", encoding="ascii", newline="\n") as out:
        for name in FAMILIES:
            state = json.load(open(f"{FOLDER}/{name}.json", encoding="utf-8"))
            t = Tokenizer.from_str(json.dumps({**state, "post_processor": None}))
            for special in ("text", "tokens"):
                t.encode_special_tokens = special == "text"
                print(name, special, "random", *row(t, texts()), sep="\t", file=out)
            everything = [s for tag in udhr for s in udhr[tag][::5]]
            print(name, "text", "udhr", *row(t, everything), sep="\t", file=out)


main()
