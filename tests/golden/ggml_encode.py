#!/usr/bin/env python3
"""Writes ggml_encode.safetensors: rows of 256 weights (ROWS, F32), and the blocks that GGML makes of each, TYPE (U8).

Made with ggml 0.25.3, its ggml-quants.c compiled without contraction of products and sums:
    gcc -O2 -mf16c -DNDEBUG -ffp-contract=off -fPIC -shared -I include -I src -I src/ggml-cpu \\
      src/ggml-quants.c abort.c -o libquants.so -lm      (abort.c: empty ggml_abort, ggml_type_name, ...)
numpy 2.4.6, safetensors 0.8.0. Run: LIBQUANTS=.../libquants.so python3 tests/golden/ggml_encode.py [random rows to
compare with LIBEQUANT, ggml_encode*.c and dtype.c as a shared object]"""
import ctypes
import os
import pathlib
import sys

import numpy
from safetensors.numpy import save_file

# bytes a block, elements a block, EQ_... of lib/tensor/dtype.h
TYPES = {"q4_0": (18, 32, 15), "q4_1": (20, 32, 16), "q5_0": (22, 32, 17), "q5_1": (24, 32, 18), "q8_0": (34, 32, 19),
         "q2_K": (84, 256, 20), "q3_K": (110, 256, 21), "q4_K": (144, 256, 22), "q5_K": (176, 256, 23),
         "q6_K": (210, 256, 24), "iq4_nl": (18, 32, 25), "iq4_xs": (136, 256, 26), "mxfp4": (17, 32, 27)}
KINDS = 14


def row(seed, n):
    random = numpy.random.default_rng(seed)
    normal = random.normal(0, 0.02, n)
    return (
        normal,
        random.standard_t(2, n) * 0.05,
        numpy.zeros(n),
        numpy.full(n, random.normal()),
        random.normal(0, 1e-40, n),  # denormal
        random.normal(0, 1, n) * numpy.exp2(random.integers(-140, 10, n)),
        numpy.abs(normal),
        -numpy.abs(normal),
        numpy.round(normal * 100) / 64,  # ties
        random.normal(0, 1, n) * 10.0 ** numpy.repeat(random.integers(-44, 5, n // 16), 16),
        random.standard_cauchy(n),
        random.integers(-2, 3, n) * 1e-45,
        numpy.where(random.random(n) < 0.9, 0, normal),
        random.normal(0, 1e-15, n),  # where GGML begins to see zeros
    )[seed % KINDS].astype(numpy.float32)


def quantize(library, name, x):
    size, block, _ = TYPES[name]
    out = numpy.zeros(len(x) // block * size, numpy.uint8)
    pointer = ctypes.c_void_p
    getattr(library, "quantize_" + name)(x.ctypes.data_as(pointer), out.ctypes.data_as(pointer), ctypes.c_int64(1),
                                         ctypes.c_int64(len(x)), None)
    return out


def compare(library, n):
    ours = ctypes.CDLL(os.environ["LIBEQUANT"])
    for seed in range(n):
        x = row(seed, 512)
        for name, (_, _, code) in TYPES.items():
            want = quantize(library, name, x)
            got = numpy.full_like(want, 7)
            ours.eq_ggml_encode(code, x.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(x)),
                                got.ctypes.data_as(ctypes.c_void_p))
            if not numpy.array_equal(want, got):
                sys.exit(f"{name}: seed {seed} differs at {numpy.nonzero(want != got)[0][:5]}")
    print(n, "rows of each type are the same")


def main():
    library = ctypes.CDLL(os.environ["LIBQUANTS"], mode=os.RTLD_LAZY)
    if len(sys.argv) > 1:
        return compare(library, int(sys.argv[1]))
    rows = numpy.stack([row(seed, 256) for seed in range(KINDS)])
    out = {"ROWS": rows}
    for name in TYPES:
        out[name.upper()] = numpy.stack([quantize(library, name, x) for x in rows])
    save_file(out, pathlib.Path(__file__).with_suffix(".safetensors"))


main()
