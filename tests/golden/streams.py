"""Streams for tests/unit/stream.c and tests/cli/eq-show.bats, and seeds for tests/fuzz/stream.c, made with msgpack 1.x
from PyPI. Run in the project's root: python3 tests/golden/streams.py"""
import struct

import msgpack

from stream import write


def ext(kind, letter, *numbers):
    return msgpack.ExtType(kind, struct.pack("<%d%s" % (len(numbers), letter), *numbers))


ONE = [
    {"k": "text", "lang": "en", "id": "1", "text": "All human beings"},
    {"k": "tokens", "lang": "he", "id": "1", "tokenizer": "t", "ids": ext(1, "I", 0, 7, 4294967295), "starts": ext(1, "I")},
    {"k": "surprisal", "lang": "en", "id": "1", "model": "m", "recipe": "none", "n_tokens": 3, "n_scored": 2, "bytes": 16,
     "chars": 16, "nll": 2.5, "vocab": 300, "nlls": ext(2, "f", 0.1, 2.4)},
    {"k": "surprisal", "lang": "en", "id": "2", "model": "m", "recipe": "none", "n_tokens": 0, "n_scored": 0,
     "nll": float("nan"), "excluded": "too short"},
    {"k": "disparity", "model": "m", "recipe": "int4/g128", "base": "none", "languages": 2, "ratio": -0.0,
     "ratio_lo": float("-inf"), "ratio_hi": 1e22},
    {"k": "of-tomorrow", "list": [1, -2, 3.5, None, True], "map": {"deep": {"er": []}}, "big": 2**53, "s": "tab\t\"\\\x1b"},
]

if __name__ == "__main__":
    write("tests/golden/one.mp", ONE, "streams.py")
    write("tests/fuzz/corpus/stream/one.mp", ONE, "streams.py")
    write("tests/fuzz/corpus/stream/empty.mp", [], "streams.py")
    two = open("tests/golden/one.mp", "rb").read()
    write("tests/fuzz/corpus/stream/two.mp", ONE[:1], "another.py")
    two += open("tests/fuzz/corpus/stream/two.mp", "rb").read()
    open("tests/fuzz/corpus/stream/two.mp", "wb").write(two)
    open("tests/fuzz/corpus/stream/bomb-array", "wb").write(b"\xdd\xff\xff\xff\xff")
    open("tests/fuzz/corpus/stream/bomb-map", "wb").write(b"\xdf\xff\xff\xff\xff")
