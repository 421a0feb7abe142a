#!/usr/bin/env python3
"""Writes tests/golden/dropout.tsv: how probable BPE-dropout makes each way to cut a few words, computed exactly.

    python3 tests/golden/dropout.py          (in the project's root; sentencepiece 0.2 for the pieces of bpe.model)
    python3 tests/golden/dropout.py peers    (beside it tokenizers 0.23.3 and sentencepiece 0.2, by what they draw)

A line: the tokenizer, p, the word, a critical value, then ids and their probability. The probabilities are those of
algorithm 1 of Provilkov et al. 2020, one merge a step, by going through all that can happen: of m merges in their order
the k-th is the first that is not left out with probability p^k (1 - p), and none is done with p^m. A text of two words
is cut word by word. Ways of which fewer than 5 are expected among DRAWS are left to be one class. The critical value is
that of chi-square at SIGNIFICANCE for the classes of the word and p.

"peers" computes the same for what the two libraries do. tokenizers keeps merges that have become impossible in its
queue, where they take part in the draw; sentencepiece leaves a merge out once for all.
"""
import base64
import collections
import functools
import json
import sys

from scipy.stats import chi2

DRAWS, SIGNIFICANCE = 20000, 1e-5
WORDS = [" freedom", " aaaaaa", " droits", "\u05d6\u05db\u05d5\u05d9\u05d5\u05ea"]
BYTES = [i for a, b in ((33, 127), (161, 173), (174, 256)) for i in range(a, b)]
TWO_WORDS = "free droits"  # where white space is a symbol that begins a word
ALPHABET = {b: chr(b) for b in BYTES} | {
    b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in BYTES)}


class Merges:
    """Symbols of a word, and what two of them make: (rank, symbol) or None."""

    def __init__(self, start, make, ids):
        self.start, self.make, self.ids = start, make, ids


def json_bpe(path):
    model = json.load(open(path))["model"]
    prefix, suffix = model["continuing_subword_prefix"] or "", model["end_of_word_suffix"] or ""
    pairs = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    rank = {pair: i for i, pair in enumerate(pairs)}

    def make(a, b):
        return (rank[a, b], a + b[len(prefix):]) if (a, b) in rank else None

    return model["vocab"], prefix, suffix, make


def byte_level(path):
    vocab, _, _, make = json_bpe(path)
    return Merges(lambda word: tuple(ALPHABET[b] for b in word.encode()), make, vocab.get)


def with_affixes(path):
    """Over characters; the blank before a word is dropped."""
    vocab, prefix, suffix, make = json_bpe(path)

    def start(word):
        symbols = list(word.strip())
        symbols = symbols[:1] + [prefix + s for s in symbols[1:]]
        return tuple(symbols[:-1] + [symbols[-1] + suffix])

    return Merges(start, make, vocab.get)


def scored(path):
    import sentencepiece
    model = sentencepiece.SentencePieceProcessor(model_file=path)
    score = {model.IdToPiece(i): -model.GetScore(i) for i in range(model.vocab_size())
             if not (model.IsUnknown(i) or model.IsControl(i) or model.IsByte(i))}

    def make(a, b):
        return (score[a + b], a + b) if a + b in score else None

    def start(word):
        return tuple("\u2581" + word.replace(" ", "\u2581"))

    return Merges(start, make, lambda piece: model.PieceToId(piece) if piece in score else None)


def ranked(path):
    rank = {base64.b64decode(line.split()[0]): int(line.split()[1]) for line in open(path, "rb") if line.strip()}

    def make(a, b):
        return (rank[a + b], a + b) if a + b in rank else None

    return Merges(lambda word: tuple(bytes([b]) for b in word.encode()), make, rank.get)


def candidates(m, symbols):
    """(rank, place, what it makes) of all merges, in their order."""
    made = ((i, m.make(a, b)) for i, (a, b) in enumerate(zip(symbols, symbols[1:])))
    return sorted(((x[0], i, x[1]) for i, x in made if x), key=lambda c: c[:2])


def mix(parts):
    total = collections.Counter()
    for weight, part in parts:
        for key, probability in part.items():
            total[key] += weight * probability
    return total


def algorithm_1(m, word, p):
    @functools.lru_cache(None)
    def go(symbols):
        found = candidates(m, symbols)
        parts = [(p ** len(found), {symbols: 1.0})]
        for k, (_, i, made) in enumerate(found):
            parts.append((p ** k * (1 - p), go(symbols[:i] + (made,) + symbols[i + 2:])))
        return mix(parts)

    ways = {(): 1.0}
    for begun in words_of(m.start(word)):
        ways = {a + b: x * y for a, x in ways.items() for b, y in go(begun).items()}
    return ways


def words_of(symbols):
    """Cuts before U+2581, unless one comes before it."""
    starts = [i for i, s in enumerate(symbols) if i == 0 or (s == "\u2581" and symbols[i - 1] != "\u2581")]
    return [symbols[a:b] for a, b in zip(starts, starts[1:] + [len(symbols)])]


def queue_of_tokenizers(m, word, p):
    """Word::merge_all: symbols by the place where they begin; the queue holds (rank, place, what it makes), and what is
    drawn from it may be impossible by now. Then those that were left out before it come back all the same."""
    first = tuple(enumerate(m.start(word)))

    @functools.lru_cache(None)
    def go(symbols, queue):
        parts = [(p ** len(queue), {tuple(s for _, s in symbols): 1.0})]
        for k, (_, place, made) in enumerate(queue):
            left = queue[:k] + queue[k + 1:]
            at = next((i for i, s in enumerate(symbols) if s[0] == place), None)
            now = m.make(symbols[at][1], symbols[at + 1][1]) if at is not None and at + 1 < len(symbols) else None
            if not now or now[1] != made:
                parts.append((p ** k * (1 - p), go(symbols, left)))
                continue
            after = symbols[:at] + ((place, made),) + symbols[at + 2:]
            for i in (at - 1, at):
                if 0 <= i and i + 1 < len(after) and (x := m.make(after[i][1], after[i + 1][1])):
                    left += ((x[0], after[i][0], x[1]),)
            parts.append((p ** k * (1 - p), go(after, tuple(sorted(left)))))
        return mix(parts)

    return go(first, tuple((r, i, made) for r, i, made in candidates(m, m.start(word))))


def once_for_all(m, word, p):
    """sentencepiece's: the first merge of the agenda is done or dropped for good."""
    @functools.lru_cache(None)
    def go(symbols, dropped):
        found = [c for c in candidates(m, symbols) if (c[1], symbols[c[1]], symbols[c[1] + 1]) not in dropped]
        if not found:
            return {symbols: 1.0}
        _, i, made = found[0]
        pair = (i, symbols[i], symbols[i + 1])
        moved = frozenset((j - (j > i), a, b) for j, a, b in dropped)
        return mix([(p, go(symbols, dropped | {pair})),
                    (1 - p, go(symbols[:i] + (made,) + symbols[i + 2:], moved))])
    return go(m.start(word), frozenset())


def statistic(expected, counts, draws):
    """Chi-square and its p-value, rare classes put together."""
    rare = [k for k in set(expected) | set(counts) if expected.get(k, 0) * draws < 5]
    cells = [(counts.get(k, 0), e * draws) for k, e in expected.items() if e * draws >= 5]
    rest = draws - sum(e for _, e in cells)
    if rest > 1e-6 * draws or any(counts.get(k, 0) for k in rare):
        cells.append((sum(counts.get(k, 0) for k in rare), max(rest, 1e-9)))
    x = sum((c - e) ** 2 / e for c, e in cells)
    return x, chi2.sf(x, len(cells) - 1) if len(cells) > 1 else 1.0


def distance(a, b):
    return sum(abs(a.get(k, 0) - b.get(k, 0)) for k in set(a) | set(b)) / 2


TOKENIZERS = {
    "corpora/mini": lambda: byte_level("corpora/mini/tokenizer.json"),
    "tests/golden/trained/llama3.json": lambda: byte_level("tests/golden/trained/llama3.json"),
    "tests/golden/trained/prefixed.json": lambda: with_affixes("tests/golden/trained/prefixed.json"),
    "tests/golden/trained/clip.json": lambda: with_affixes("tests/golden/trained/clip.json"),
    "tests/golden/pieces/bpe.model": lambda: scored("tests/golden/pieces/bpe.model"),
    "tests/golden/pieces/ranks.tiktoken": lambda: ranked("tests/golden/pieces/ranks.tiktoken"),
}


def write():
    with open("tests/golden/dropout.tsv", "w", encoding="utf-8") as out:
        for name, build in TOKENIZERS.items():
            m = build()
            for word in WORDS + [TWO_WORDS] * name.endswith(".model"):
                for p in (0.1, 0.5, 0.9):
                    ways = collections.Counter()
                    for symbols, probability in algorithm_1(m, word, p).items():
                        ids = [m.ids(s) for s in symbols]
                        ways[" ".join(map(str, ids)) if None not in ids else "unknown"] += probability
                    if "unknown" in ways or len(ways) < 2:
                        continue
                    kept = sorted((k for k in ways if ways[k] * DRAWS >= 5), key=ways.get, reverse=True)
                    cells = len(kept) + (len(kept) < len(ways))
                    head = f"{name}\t{p}\t{word}\t{chi2.isf(SIGNIFICANCE, cells - 1):.6g}"
                    print(head, *(f"{k}\t{ways[k]:.12g}" for k in kept), sep="\t", file=out)


def peers():
    from tokenizers import Tokenizer
    for name in ("corpora/mini/tokenizer.json", "tests/golden/trained/prefixed.json"):
        m = TOKENIZERS[name.removesuffix("/tokenizer.json")]()
        t = Tokenizer.from_file(name)
        for word in WORDS[:3]:
            for p in (0.1, 0.5):
                t.model.dropout = p
                counts = collections.Counter(tuple(t.encode(word, add_special_tokens=False).tokens) for _ in range(DRAWS))
                paper, queue = algorithm_1(m, word, p), queue_of_tokenizers(m, word, p)
                print(f"tokenizers {name} {word!r} p={p}: against its queue p={statistic(queue, counts, DRAWS)[1]:.3g},"
                      f" against algorithm 1 p={statistic(paper, counts, DRAWS)[1]:.3g};"
                      f" distance of the two {distance(paper, queue):.4f}")
    import sentencepiece
    path = "tests/golden/pieces/bpe.model"
    sentencepiece.set_random_generator_seed(1)
    model, m = sentencepiece.SentencePieceProcessor(model_file=path), scored(path)
    for word in WORDS[:3]:
        for p in (0.1, 0.5):
            counts = collections.Counter(
                tuple(model.encode(word, out_type=str, enable_sampling=True, alpha=p)) for _ in range(DRAWS))
            paper, once = algorithm_1(m, word, p), once_for_all(m, word, p)
            print(f"sentencepiece {word!r} p={p}: against once for all p={statistic(once, counts, DRAWS)[1]:.3g},"
                  f" against algorithm 1 p={statistic(paper, counts, DRAWS)[1]:.3g};"
                  f" distance of the two {distance(paper, once):.4f}")


peers() if sys.argv[1:] == ["peers"] else write()
