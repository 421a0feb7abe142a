#!/usr/bin/env python3
"""Writes rounding.safetensors: matrices, and what each scheme makes of them, in NumPy's float32.

Made with numpy 2.4.6, torch 2.15.0 (bfloat16 only), safetensors 0.8.0. Run: python3 tests/golden/rounding.py
A tensor named "M" is a matrix, [output channels][inputs]; "M:SCHEME" is the same after rounding."""
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

f32 = np.float32


def round_group(w, bits):
    """Symmetric int<bits>, one scale: s = max|w| / (2^(b-1) - 1), half to even, clamped."""
    top = 2 ** (bits - 1) - 1
    s = np.max(np.abs(w)) / f32(top)
    if s == 0:
        return np.zeros_like(w)
    q = np.clip(np.rint(w / s), f32(-top - 1), f32(top))
    return q.astype(f32) * s


def round_asymmetric(w, bits, half=False):
    """u<b> as GPTQ's quantizer: range with 0 in it, integer zero point, code = round(w/s) + zero, clamped."""
    top = f32(2**bits - 1)
    lo, hi = np.minimum(w.min(), f32(0)), np.maximum(w.max(), f32(0))
    s = (hi - lo) / top
    if half:
        s = f32(np.float16(s))
    if s == 0:
        return np.zeros_like(w)
    zero = np.clip(np.rint(-lo / s), f32(0), top)
    return (np.clip(np.rint(w / s) + zero, f32(0), top) - zero) * s


def round_matrix(w, bits, granularity, round_group=round_group):
    if granularity == "tensor":
        return round_group(w, bits)
    size = w.shape[1] if granularity == "row" else int(granularity[1:])
    out = np.empty_like(w)
    for r in range(w.shape[0]):
        for c in range(0, w.shape[1], size):
            out[r, c : c + size] = round_group(w[r, c : c + size], bits)
    return out


def matrices():
    rng = np.random.default_rng(20250)
    heavy = rng.standard_t(3, (5, 67)).astype(f32) * f32(0.05)  # outliers, as weights have
    wide = rng.normal(0, 0.02, (3, 150)).astype(f32)
    wide[1] = 0  # groups without any scale
    wide[2, :40] *= f32(1e-40)  # subnormal: 0.02e-40
    wide[2, 130:] *= f32(1e36)
    ties = np.zeros((8, 16), f32)  # row b - 2: for int<b> the scale is a power of two, and weights lie halfway
    for row in range(7):
        top = 2 ** (row + 1) - 1
        halves = np.array([0.5, 1.5, 2.5, 3.5, top - 0.5, 0.25], f32)
        ties[row] = np.concatenate([[-top, 0, 0.75, -0.0], np.minimum(halves, top), -np.minimum(halves, top)])
        ties[row] *= f32(2.0 ** (3 - row))
    ties[7] = np.arange(16) * f32(1e-45)  # a few units of the smallest subnormal: the scale itself is rounded
    return {
        "heavy": (heavy, ["tensor", "row", "g8", "g32"]),
        "wide": (wide, ["tensor", "row", "g32", "g128"]),
        "ties": (ties, ["tensor", "row", "g1", "g7"]),
    }


def main():
    out = {}
    for name, (w, granularities) in matrices().items():
        assert w.dtype == f32
        out[name] = w
        out[name + ":fp16"] = w.astype(np.float16).astype(f32)
        out[name + ":bf16"] = torch.from_numpy(w).to(torch.bfloat16).float().numpy()
        for bits in range(2, 9):
            for granularity in granularities:
                rounded = round_matrix(w, bits, granularity)
                assert rounded.dtype == f32
                out[f"{name}:int{bits}/{granularity}"] = rounded
        for bits in 2, 4, 8:
            for granularity in granularities[1:3]:
                rounded = round_matrix(w, bits, granularity, round_asymmetric)
                assert rounded.dtype == f32
                out[f"{name}:u{bits}/{granularity}"] = rounded
        if name == "heavy":
            out["heavy:u4/tensor"] = round_asymmetric(w, 4)
            out["heavy:u3/g8,s16"] = round_matrix(w, 3, "g8", lambda x, b: round_asymmetric(x, b, True))
    save_file(out, pathlib.Path(__file__).with_suffix(".safetensors"))


with np.errstate(over="ignore"):
    main()
