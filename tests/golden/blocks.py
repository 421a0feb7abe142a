#!/usr/bin/env python3
"""Writes blocks.safetensors: random blocks of each quantized GGUF type, TYPE.bytes (U8), and their values, TYPE (F32).

Made with gguf 0.19.0 (dequantize), numpy 2.4.6, safetensors 0.8.0; the 8-bit floats, all 256 codes of each, with torch
2.15.0. Run: python3 tests/golden/blocks.py"""
import pathlib

import gguf
import numpy
import torch
from safetensors.numpy import save_file

BLOCKS = 6
TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"]
# where a block's float16 numbers are
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": []}


def main():
    random = numpy.random.default_rng(1)
    out = {}
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        data = random.integers(0, 256, (BLOCKS, size), dtype=numpy.uint8)
        for at in HALVES[name]:  # any bits, denormals too, but finite
            data[:, at:at + 2] = random.uniform(-2, 2, BLOCKS).astype(numpy.float16)[:, None].view(numpy.uint8)
            data[0, at:at + 2] = numpy.array([3e-7], numpy.float16).view(numpy.uint8)
        if name == "MXFP4":  # exponents at both ends; 255 stands for no number
            data[:, 0] = [0, 1, 2, 127, 250, 254]
        out[name + ".bytes"] = data.reshape(-1)
        out[name] = gguf.dequantize(data, kind).astype(numpy.float32).reshape(-1)
    codes = torch.arange(256, dtype=torch.uint8)
    for name, kind in (("F8_E4M3", torch.float8_e4m3fn), ("F8_E5M2", torch.float8_e5m2)):
        out[name + ".bytes"] = codes.numpy()
        out[name] = codes.view(kind).float().numpy()
    save_file(out, pathlib.Path(__file__).parent / "blocks.safetensors")


main()
