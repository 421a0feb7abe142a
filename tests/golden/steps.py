#!/usr/bin/env python3
"""Writes steps.safetensors: matrices "M", [outputs][inputs], and "M:RECIPE", the same under a recipe.

nf4 and fp4 by bitsandbytes 0.50.2 (codes and scales of its quantize_4bit, multiplied in float32: its dequantize_4bit for
processors mistakes blocks that go on in the next row), fp8 by torch 2.15.0, the rest by numpy 2.4.6.
Run: python3 tests/golden/steps.py"""
import pathlib

import numpy as np
import torch
from bitsandbytes.functional import dequantize_blockwise, quantize_4bit
from safetensors.numpy import save_file

f32 = np.float32


def four_bits(w, kind, block, nested):
    packed, state = quantize_4bit(torch.from_numpy(w.copy()), blocksize=block, quant_type=kind,
                                  compress_statistics=nested)
    packed = packed.numpy().ravel()
    codes = np.stack([packed >> 4, packed & 15], 1).ravel()[: w.size]
    scales = state.absmax
    if nested:
        scales = dequantize_blockwise(state.absmax, state.state2) + state.offset
    scales = np.repeat(scales.numpy().astype(f32), block)[: w.size]
    return (state.code.numpy()[codes] * scales).reshape(w.shape)


def fp8(w, dtype, most, axis):
    t = torch.from_numpy(w.copy())
    scale = (t.abs().max() if axis is None else t.abs().amax(axis, keepdim=True)) / torch.tensor(most)
    out = (t / scale).clamp(-most, most).to(dtype).float() * scale
    return torch.where(scale.expand_as(out) == 0, torch.zeros_like(out), out).numpy()


def smallest(w, k):
    """Indices of the k smallest magnitudes, of equals the lower first."""
    return np.argsort(np.abs(w).ravel(), kind="stable")[:k]


def prune(w, k):
    out = w.copy().ravel()
    out[smallest(w, k)] = 0
    return out.reshape(w.shape)


def pattern(w, keep, of):
    out = w.copy()
    for row in out:
        for c in range(0, len(row), of):
            part = row[c : c + of]
            part[np.argsort(np.abs(part), kind="stable")[: max(0, len(part) - keep)]] = 0
    return out


def int_tensor(w, bits):
    top = f32(2 ** (bits - 1) - 1)
    s = np.abs(w).max() / top
    return np.clip(np.rint(w / s), -top - 1, top).astype(f32) * s


def quantile(w, bits, percent):
    top, out = f32(2 ** (bits - 1) - 1), np.zeros_like(w)
    for r in range(len(w)):
        s = f32(np.quantile(np.abs(w[r]).astype(np.float64), percent / 100)) / top
        if s > 0:
            out[r] = np.clip(np.rint(w[r] / s), -top, top).astype(f32) * s
    return out


def top(w, percent, rounded):
    out, k = rounded.copy().ravel(), int(w.size * percent // 100)
    index = np.argsort(-np.abs(w).ravel(), kind="stable")[:k]
    out[index] = w.ravel()[index]
    return out.reshape(w.shape)


def main():
    random = np.random.default_rng(7)
    heavy = (random.standard_t(2, (6, 50)) * 0.05).astype(f32)
    ties = np.round(random.normal(0, 2, (5, 32))).astype(f32) / 4  # many equals, many zeros
    ties[3] = 0
    out = {"heavy": heavy, "ties": ties}
    for name, w in list(out.items()):
        for kind in "nf4", "fp4":
            out[f"{name}:{kind}/g64"] = four_bits(w, kind, 64, False)
        out[f"{name}:nf4/g32,dq"] = four_bits(w, "nf4", 32, True)
        for kind, dtype, most in ("fp8", torch.float8_e4m3fn, 448.0), ("fp8-e5m2", torch.float8_e5m2, 57344.0):
            out[f"{name}:{kind}"] = fp8(w, dtype, most, None)
            out[f"{name}:{kind}/row"] = fp8(w, dtype, most, 1)
        out[f"{name}:prune=0.37"] = prune(w, int(np.floor(round(0.37 * w.size, 6))))
        out[f"{name}:prune=2:4"] = pattern(w, 2, 4)
        out[f"{name}:prune=3:7"] = pattern(w, 3, 7)
        out[f"{name}:prune=0.5+int4/tensor"] = int_tensor(prune(w, w.size // 2), 4)
        out[f"{name}:int3/row,clip=p90"] = quantile(w, 3, 90)
        out[f"{name}:int3/tensor;top5%=keep"] = top(w, 5, int_tensor(w, 3))
    save_file({key: np.ascontiguousarray(value) for key, value in out.items()},
              pathlib.Path(__file__).with_suffix(".safetensors"))


main()
