#!/usr/bin/env python3
"""Writes layers.tsv: what weights of corpora/mini are like, by SciPy, for tests/cli/stats.bats.

Made with numpy 2.4.6, scipy 1.17.1. Run: python3 tests/golden/layers.py
Columns: tensor ("L3" for the linear weights of a layer), n, mean, variance, skew, kurtosis, the standard error of the
kurtosis (a closed form), max, outliers, sparsity, and of linear weights sums over input channels c = 1, 2, ... of
sin(c) times the channel's mean square and mean fourth power about the tensor's mean."""
import pathlib

import numpy as np
from safetensors.numpy import load_file
from scipy import stats

root = pathlib.Path(__file__).parent
tensors = {k: v.astype(np.float64) for k, v in load_file(root / "../../corpora/mini/model.safetensors").items()}
LINEAR = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")


def row(name, w, outliers, channels):
    n = w.size
    error = 2 * np.sqrt(6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3))) * np.sqrt((n * n - 1) / ((n - 3) * (n + 5)))
    values = [n, w.mean(), w.var(), stats.skew(w, axis=None), stats.kurtosis(w, axis=None), error, np.abs(w).max(),
              outliers / n, (w == 0).mean(), *channels]
    return "\t".join([name] + [repr(float(v)) for v in values]) + "\n"


def outliers(w):
    return int((np.abs(w - w.mean()) > 3 * w.std()).sum())


def channels(w):
    d = w - w.mean()  # Conv1D: [inputs][outputs]
    c = np.sin(np.arange(1, len(w) + 1))
    return [(c * (d**2).mean(1)).sum(), (c * (d**4).mean(1)).sum()]


with open(root / "layers.tsv", "w") as f:
    for name in ["wte.weight", "wpe.weight", "ln_f.weight", "h.2.attn.c_attn.bias"]:
        f.write(row(name, tensors[name], outliers(tensors[name]), []))
    for layer in (0, 7):
        parts = [tensors[f"h.{layer}.{p}"] for p in LINEAR]
        for p, w in zip(LINEAR, parts):
            f.write(row(f"h.{layer}.{p}", w, outliers(w), channels(w)))
        f.write(row(f"L{layer}", np.concatenate([w.ravel() for w in parts]), sum(map(outliers, parts)), []))
