#!/usr/bin/env python3
"""Tokenizers of parts mixed at random, beside Hugging Face tokenizers.

    mixes.py [-n N] [--seed S] [--texts T]      N mixes, T texts for each

A mix has up to three normalizers, up to three pre-tokenizers, a small model trained with them on a little of UDHR, and
added tokens of all kinds. Prints each mix that differs, with a least text, and a count; exits with 1 when any does. A
mix that eq-token refuses is counted, with what it says. Needs what exact.py needs."""
import argparse
import collections
import json
import pathlib
import random
import sys
import tempfile

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from compare import minimized, ours, spelled, theirs, theirs_or_none
from texts import Texts, udhr, words_of

REGEXES = [r"\s+", r"\p{L}+", r"[^\s\p{L}\p{N}]+", r"\d", "a|e|i", r"\w+|[^\w\s]+", r" ?[^(\s|[.,!?])]+", "(?i:the)", r"[\p{Han}\p{Hiragana}]",
           "[[:punct:]]", r"\p{M}+", " {2,}", r"[a-z&&[^aeiou]]+", r"\h"]
EMPTY = [r"\b", "b*", "^", "$", r"(?=\p{Lu})"]  # may match nothing: Replace may not put anything in there, eq-token(1)
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]


def charsmap():
    state = json.loads(pathlib.Path("tests/golden/trained/xlmr.json").read_text(encoding="utf-8"))
    return Tokenizer.from_str(json.dumps(state)).normalizer


def random_normalizer(draw):
    n = normalizers
    flag = lambda: draw.random() < 0.5
    return draw.choice([
        n.NFC, n.NFD, n.NFKC, n.NFKD, n.Lowercase, n.StripAccents, n.Nmt, n.ByteLevel, charsmap,
        lambda: n.Strip(flag(), flag()), lambda: n.Prepend(draw.choice(["\u2581", "ab", " "])),
        lambda: n.Replace(draw.choice([" ", "a", "  ", "\u00e9"]), draw.choice(["\u2581", "", "bc"])),
        lambda: n.Replace(Regex(draw.choice(REGEXES)), draw.choice([" ", "", "\u2581", "xyz"])), lambda: n.Replace(Regex(draw.choice(EMPTY)), ""),
        lambda: n.BertNormalizer(flag(), flag(), draw.choice([None, True, False]), flag())])()


def random_pre_tokenizer(draw):
    p = pre_tokenizers
    flag = lambda: draw.random() < 0.5
    behavior = lambda: draw.choice(BEHAVIORS)
    return draw.choice([
        lambda: p.ByteLevel(flag(), use_regex=flag()), lambda: p.ByteLevel(flag(), use_regex=flag()), p.Whitespace, p.WhitespaceSplit,
        p.BertPreTokenizer, lambda: p.CharDelimiterSplit(draw.choice("e |\u2581")), p.UnicodeScripts,
        lambda: p.Metaspace(draw.choice("\u2581_"), draw.choice(["always", "first", "never"]), flag()), lambda: p.Digits(flag()),
        lambda: p.Punctuation(behavior()), lambda: p.Split(Regex(draw.choice(REGEXES + EMPTY)), behavior(), flag()),
        lambda: p.Split(draw.choice([" ", "e", "th", "\u2581"]), behavior(), flag())])()


def random_model(draw):
    flag = lambda: draw.random() < 0.5
    alphabet = draw.choice([[], pre_tokenizers.ByteLevel.alphabet()])
    special = ["<unk>", "<s>"] + ([f"<0x{i:02X}>" for i in range(256)] if flag() else [])
    affix = draw.choice([{}, {}, {"continuing_subword_prefix": "##"}, {"end_of_word_suffix": "</w>"}])
    unknown = draw.choice([{}, {"unk_token": "<unk>"}, {"unk_token": "<unk>"}])
    return draw.choice([
        lambda: (models.BPE(fuse_unk=flag(), byte_fallback=flag(), ignore_merges=flag(), **unknown, **affix),
                 trainers.BpeTrainer(vocab_size=draw.choice([400, 900]), special_tokens=special, initial_alphabet=alphabet, limit_alphabet=150,
                                     max_token_length=20, show_progress=False, **affix)),
        lambda: (models.Unigram(), trainers.UnigramTrainer(vocab_size=1500, special_tokens=special, unk_token="<unk>", initial_alphabet=alphabet,
                                                           max_piece_length=draw.choice([4, 16]), show_progress=False)),
        lambda: (models.WordPiece(unk_token="<unk>", max_input_chars_per_word=draw.choice([5, 100])),
                 trainers.WordPieceTrainer(vocab_size=600, special_tokens=special, limit_alphabet=150, show_progress=False)),
        lambda: (models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=600, special_tokens=special, show_progress=False))])()


def random_tokenizer(draw, segments):
    model, trainer = random_model(draw)
    t = Tokenizer(model)
    norms = [random_normalizer(draw) for _ in range(draw.choice([0, 0, 1, 1, 2, 3]))]
    pres = [random_pre_tokenizer(draw) for _ in range(draw.choice([0, 1, 1, 2, 3]))]
    if norms:
        t.normalizer = norms[0] if len(norms) == 1 else normalizers.Sequence(norms)
    if pres:
        t.pre_tokenizer = pres[0] if len(pres) == 1 else pre_tokenizers.Sequence(pres)
    t.train_from_iterator([draw.choice(segments)[:100] for _ in range(60)], trainer)
    for content in draw.sample(["<mask>", "word", " a", "\u00c9t\u00e9", "e", "<sep>", "\n\n", "the", "  "], draw.randrange(4)):
        flag = lambda: draw.random() < 0.3
        normalized = draw.random() < 0.5 and bool(not t.normalizer or t.normalizer.normalize_str(content))
        token = AddedToken(content, single_word=flag(), lstrip=flag(), rstrip=flag(), normalized=normalized)
        (t.add_special_tokens if content[0] == "<" else t.add_tokens)([token])
    return t


def described(t):
    state = json.loads(t.to_str())
    model = {k: v for k, v in state["model"].items() if k not in ("vocab", "merges")}
    short = json.dumps([state["normalizer"], state["pre_tokenizer"], model,
                        [{k: v for k, v in a.items() if v not in (False, None)} for a in state["added_tokens"] if "<0x" not in a["content"]]],
                       ensure_ascii=True)
    return short if len(short) < 1500 else short[:300] + "..." + short[-1100:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--keep", help="a folder for the tokenizers that differ")
    args = parser.parse_args()
    segments = udhr()
    words, bad, panics, refused = words_of(segments), 0, 0, collections.Counter()
    for i in range(args.seed, args.seed + args.n):
        draw = random.Random(i)
        try:
            t = random_tokenizer(draw, segments)
        except BaseException as e:  # the trainer panics on what it cannot train
            refused[f"training: {str(e)[:60]}"] += 1
            continue
        texts = Texts(i, words, [a.content for a in t.get_added_tokens_decoder().values()])
        texts = [texts.next() for _ in range(args.texts)]
        # spans that count what is not in the text: eq-token(1), OFFSETS
        bpe = t.model if isinstance(t.model, models.BPE) else None
        astray = bpe and (bpe.unk_token is None or (bpe.byte_fallback and (bpe.end_of_word_suffix or bpe.continuing_subword_prefix)))
        differs = (lambda a, b: a[0] != b[0]) if astray else (lambda a, b: a != b)
        with tempfile.TemporaryDirectory() as folder:
            t.save(folder + "/tokenizer.json")
            try:
                mine = ours(folder, texts)
            except RuntimeError as e:
                refused[str(e).replace(folder, "")] += 1
                continue
            other = theirs_or_none(t, texts)
            panics += other.count(None)
            different = [x for x, a, b in zip(texts, mine, other) if b and differs(a, b)]
            if different:
                bad += 1
                text = minimized(folder, t, min(different, key=len), differs)
                print(f"mix {i}: {len(different)} of {len(texts)} texts differ: {described(t)}\n    {spelled(text)}\n    ours  ",
                      *ours(folder, [text])[0], "\n    theirs", *theirs(t, [text])[0], flush=True)
                if args.keep:
                    t.save(f"{args.keep}/{i}.json")
    print(f"{args.n} mixes of {args.texts} texts, {bad} differ, {sum(refused.values())} not compared; tokenizers panics on {panics} texts")
    for why, n in refused.most_common():
        print(f"    {n:4} {why}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
