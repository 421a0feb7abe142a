"""Random texts that are hard to tokenize, and all of UDHR. The same seed gives the same texts."""
import csv
import pathlib
import random

SPACES = [" ", " ", " ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u180e", "\u2000", "\u2003",
          "\u2009", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff", "\u2581", "\u2423"]
ASCII = [chr(c) for c in range(33, 127)]
CONTROLS = [chr(c) for c in [*range(0, 32), *range(0x7F, 0xA0), 0xAD, 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F),
                             *range(0x2060, 0x2070), 0xFFF9, 0xFFFB, 0xFFFD, 0xFFFE, 0xFFFF, 0xE0001, 0xE0041, 0x10FFFF]]
CONTRACTIONS = ["'s", "'T", "'re", "'VE", "'m", "'lL", "'d", "'\u017f", "\u2019s", "'S", "''", "'"]
# Blocks where normal forms, classes or versions of Unicode meet; a range is drawn, then a code point of it.
BLOCKS = [(0x20, 0x7F), (0x80, 0x250), (0x2B0, 0x370), (0x370, 0x400), (0x400, 0x530), (0x530, 0x600), (0x600, 0x700),
          (0x860, 0x8FF), (0x900, 0xE00), (0xE00, 0x1000), (0x1000, 0x1100), (0x1200, 0x13A0), (0x1780, 0x18B0), (0x1AB0, 0x1AFF),
          (0x1C80, 0x1CFF), (0x1D00, 0x2000), (0x2000, 0x2070), (0x2070, 0x2190), (0x2460, 0x2500), (0x2C00, 0x2E80),
          (0x2E80, 0x3000), (0x3000, 0x3100), (0x3100, 0x3400), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xA640, 0xA800),
          (0xA800, 0xAC00), (0xAC00, 0xD7A4), (0xF900, 0xFB00), (0xFB00, 0xFE00), (0xFE00, 0xFE30), (0xFE30, 0xFFF0),
          (0x10000, 0x10400), (0x10400, 0x11000), (0x10D00, 0x10F00), (0x11000, 0x11400), (0x11380, 0x11400),
          (0x11400, 0x12000), (0x13000, 0x14600), (0x16100, 0x16140), (0x16A00, 0x17000), (0x1B000, 0x1B170), (0x1CC00, 0x1D000),
          (0x1D000, 0x1D800), (0x1DF00, 0x1E150), (0x1E290, 0x1E600), (0x1E7E0, 0x1EF00), (0x1F000, 0x1FC00),
          (0x20000, 0x2A700), (0x2A700, 0x32400), (0xE0000, 0xE0200)]
MARKS = [(0x300, 0x370), (0x483, 0x48A), (0x591, 0x5C8), (0x610, 0x61B), (0x64B, 0x660), (0x93C, 0x950), (0xE31, 0xE4F),
         (0x1AB0, 0x1AE0), (0x1DC0, 0x1E00), (0x20D0, 0x20F1), (0x302A, 0x3030), (0x3099, 0x309B), (0xFE00, 0xFE10),
         (0xFE20, 0xFE30), (0x1D165, 0x1D170), (0x1E4EC, 0x1E4F0), (0x1E5EE, 0x1E5F0), (0xE0100, 0xE0110)]
PEOPLE = [0x1F468, 0x1F469, 0x1F9D1, 0x1F476, 0x2764, 0x1F3F4, 0x1F431, 0x1F44B, 0x270C, 0x1F1E6, 0x1F1FF, 0x23]


def code_point(draw, first, end):
    c = draw.randrange(first, end)
    return chr(c) if not 0xD800 <= c < 0xE000 else "\ufffd"


def anywhere(draw):
    """Any plane, assigned or not."""
    return code_point(draw, *draw.choice([(0, 0x3000), (0, 0x10000), (0x10000, 0x20000), (0x20000, 0x110000)]))


def in_block(draw):
    first, end = draw.choice(BLOCKS)
    return "".join(code_point(draw, first, end) for _ in range(draw.choice([1, 1, 2, 5])))


def marks(draw):
    """A base and marks, some in no canonical order."""
    base = draw.choice("aeoAEO\u0915\u05d0\u0e01\u3046\u00e9\u1e9b\u25cc \u212b\u0439")
    return base + "".join(code_point(draw, *draw.choice(MARKS)) for _ in range(draw.choice([1, 1, 2, 4, 20])))


def jamo(draw):
    """Conjoining Jamo, syllables of them or not."""
    parts = [(0x1100, 0x1113), (0x1161, 0x1176), (0x11A7, 0x11C3), (0xAC00, 0xD7A4), (0x1100, 0x1200), (0xA960, 0xA97D),
             (0xD7B0, 0xD7FC), (0x3131, 0x318F)]
    return "".join(code_point(draw, *draw.choice(parts[:4] if draw.random() < 0.8 else parts))
                   for _ in range(draw.choice([1, 2, 3, 3, 6])))


def emoji(draw):
    """Emoji with joiners, skins, flags, keycaps and tags."""
    between = ["\u200d", "\u200d", "\ufe0f", "\ufe0f\u200d", "\u20e3", "", chr(draw.randrange(0x1F3FB, 0x1F400)), "\U000e0067\U000e007f"]
    return "".join(chr(draw.choice(PEOPLE) if draw.random() < 0.6 else draw.randrange(0x1F300, 0x1FB00)) + draw.choice(between)
                   for _ in range(draw.choice([1, 2, 4])))


def right_to_left(draw):
    return (draw.choice("\u200f\u202b\u202e\u2067\u061c") + "".join(code_point(draw, *draw.choice([(0x5D0, 0x5EB), (0x620, 0x64B),
            (0x591, 0x5C8), (0xFB1D, 0xFB50), (0xFE70, 0xFF00)])) for _ in range(draw.choice([1, 3, 6])))
            + draw.choice(["\u200e", "\u202c", "\u2069", ""]))


def digits(draw):
    return "".join(draw.choice("0123456789" if draw.random() < 0.8 else "\u0663\u096b\u2167\u00bd\u00b2\u2460\uff15\U0001d7d8\u4e03")
                   for _ in range(draw.choice([1, 2, 3, 4, 7])))


def punctuation(draw):
    return "".join(draw.choice(ASCII if draw.random() < 0.6 else "\u00bf\u2014\u2026\u201c\u3002\uff0c\u00a7\u20ac\u221e\u00b4\u00a8\u037e\u166d")
                   for _ in range(draw.choice([1, 1, 2, 3])))


def spaces(draw):
    return "".join(draw.choice(SPACES) for _ in range(draw.choice([1, 1, 2, 3, 9])))


def control(draw):
    return draw.choice(CONTROLS)


def contraction(draw):
    return draw.choice(["it", "I", "\u00e9", " ", "5", ""]) + draw.choice(CONTRACTIONS)


KINDS = [anywhere, in_block, in_block, marks, jamo, emoji, right_to_left, digits, punctuation, spaces, spaces, control, contraction]


class Texts:
    """Texts for one tokenizer: `special` are the contents of its added tokens."""

    def __init__(self, seed, words, special=()):
        self.draw, self.words, self.special = random.Random(seed), words, list(special)

    def part(self):
        draw = self.draw
        kind = draw.random()
        if kind < 0.25:
            return draw.choice([" ", ""]) + draw.choice(self.words)
        if kind < 0.30 and self.special:
            token = draw.choice(self.special)
            return draw.choice([token, token, " " + token + " ", token[:-1], token.upper()])
        part = draw.choice(KINDS)(draw)
        return part * draw.choice([2, 3, 17, 60]) if draw.random() < 0.03 else part

    def next(self):
        if self.draw.random() < 0.002:  # a long run
            return self.part() + self.part()[:2] * self.draw.choice([300, 1000]) + self.part()
        return "".join(self.part() for _ in range(self.draw.choice([1, 1, 2, 3, 4, 6, 9])))


def udhr():
    """The segments of every variety."""
    with open("corpora/languages.tsv", encoding="utf-8") as table:
        paths = [pathlib.Path("corpora/udhr") / (row["udhr"] + ".tsv")
                 for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE) if row["udhr"]]
    return [line.split("\t", 1)[1] for path in sorted(set(paths)) if path.exists()
            for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def words_of(segments, n=4000):
    """Words of the segments, drawn with a seed of their own."""
    draw = random.Random(1)
    return [draw.choice(draw.choice(segments).split(" ") or [""]) for _ in range(n)]
