#!/usr/bin/env python3
"""Writes laciq.mp, statistics of three made-up matrices as eq-stats makes them, and laciq.tsv, the multipliers that
clip=laciq and clip=laciq-uniform must take from them, by brute force, for tests/unit/laciq.c.

Made with numpy 2.4.6, scipy 1.17.1. Run: python3 tests/golden/laciq.py
Moments are SciPy's. The expected error of codes on a generalized normal distribution (scipy.stats.gennorm) is a
numerical integral, cell by cell; its shape is found from the kurtosis by root finding; a limit is the best of 120, then
polished by scipy.optimize.
Columns: scheme, tensor (or "model"), multiplier, the worst language's error there."""
import pathlib

import msgpack
import numpy as np
from scipy import integrate, optimize, stats

import stream

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(11)
ROWS, COLS = 40, 12
scales = np.linspace(0.5, 2.5, COLS)
MATRICES = {
    "a.weight": random.normal(0.01, 0.05, (ROWS, COLS)) * scales,
    "b.weight": random.laplace(0, 0.02, (ROWS, COLS)) ** 3 * 400,
    "c.weight": random.uniform(-0.1, 0.3, (ROWS, COLS)),
}
MATRICES = {k: v.astype(np.float32).astype(float) for k, v in MATRICES.items()}
LANGUAGES = {"aa": np.linspace(1, 9, COLS), "bb": np.linspace(6, 0, COLS), "cc": np.eye(COLS)[3] * 40 + 0.01}
FACTORS = {"aa": (1, 5, 1), "bb": (4, 1, 2), "cc": (0.1, 0.1, 30)}  # of a, b, c


def ext(kind, dtype, x):
    return msgpack.ExtType(kind, np.asarray(x, dtype).tobytes())


records, inputs = [], {}
for layer, (name, w) in enumerate(MATRICES.items()):
    d = w - w.mean()
    records.append({"k": "layer", "model": "golden@01234567", "of": "weights", "layer": layer, "tensor": name,
                    "n": w.size, "variance": float(w.var()), "kurtosis": float(stats.kurtosis(w, axis=None)),
                    "channel_squares": ext(3, "<f8", (d**2).mean(0)), "channel_fourths": ext(3, "<f8", (d**4).mean(0))})
for lang, powers in LANGUAGES.items():
    for layer, name in enumerate(MATRICES):
        p = (powers * FACTORS[lang][layer]).astype(np.float32).astype(float)
        inputs[lang, name] = p
        records.append({"k": "layer", "model": "golden@01234567", "of": "inputs", "lang": lang, "layer": layer,
                        "tensor": name, "n": 7 * COLS, "tokens": 7, "mean_square": float(p.mean()),
                        "channel_means": ext(2, "<f4", np.sqrt(p) / 2), "channel_powers": ext(2, "<f4", p)})
records.insert(1, {"k": "other"})
records.append({"k": "layer", "model": "golden@01234567", "of": "weights", "layer": 0, "n": 480})
stream.write(HERE / "laciq.mp", records, "golden")

NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


def shape_of(kurtosis):
    k = lambda beta: float(stats.gennorm.stats(beta, moments="k"))
    if kurtosis <= k(20):
        return 20.0  # the flattest that there is
    return optimize.brentq(lambda beta: k(beta) - kurtosis, 0.2, 20)


def error(beta, step, top):
    """Of codes -top..top, on variance 1."""
    c = 1 / stats.gennorm.std(beta)
    p = lambda x: stats.gennorm.pdf(x, beta, scale=c)
    u = (NODES + 1) / 2  # the cell around 0: x = (step / 2) u^4, for the density has a cusp there
    x = step / 2 * u**4
    sum = (WEIGHTS / 2 * step / 2 * 4 * u**3 * p(x) * x * x).sum()
    k = np.arange(1, top)[:, None]
    x = (k + NODES / 2) * step
    sum += (WEIGHTS * step / 2 * p(x) * (x - k * step) ** 2).sum()
    tail = lambda t: p(t) * (t - top * step) ** 2
    edge = (top - 0.5) * step
    for low, high in [(edge, edge + 1), (edge + 1, edge + 10), (edge + 10, np.inf)]:
        sum += integrate.quad(tail, low, high, epsabs=1e-13, epsrel=1e-11)[0]
    return 2 * sum


def minimax(views, top):
    """The limit that is best for the worst of (variance, kurtosis), and its error."""
    views = [(np.sqrt(v), shape_of(k)) for v, k in views]
    worst = lambda t: max(error(beta, t / top / sd, top) for sd, beta in views)
    grid = np.geomspace(0.5, 40, 120) * np.mean([sd for sd, _ in views])
    at = int(np.argmin([worst(t) for t in grid]))
    found = optimize.minimize_scalar(worst, bounds=(grid[at - 1], grid[at + 1]), method="bounded",
                                     options={"xatol": 1e-9})
    return found.x, found.fun


def tensor_views(name):
    d = MATRICES[name] - MATRICES[name].mean()
    for lang in LANGUAGES:
        w = inputs[lang, name] / inputs[lang, name].sum()
        v = (w * (d**2).mean(0)).sum()
        yield v, (w * (d**4).mean(0)).sum() / v**2 - 3


def model_views():
    for lang in LANGUAGES:
        w = np.array([m.size * inputs[lang, name].mean() * m.var() for name, m in MATRICES.items()])
        yield 1.0, (w * [stats.kurtosis(m, axis=None) for m in MATRICES.values()]).sum() / w.sum()


with open(HERE / "laciq.tsv", "w") as f:
    for bits in (2, 3, 4, 6):
        top = 2 ** (bits - 1) - 1
        for name, m in MATRICES.items():
            t, e = minimax(list(tensor_views(name)), top)
            f.write(f"int{bits}/tensor,clip=laciq\t{name}\t{t / m.std():.9g}\t{e:.9g}\n")
        t, e = minimax(list(model_views()), top)
        f.write(f"int{bits}/tensor,clip=laciq-uniform\tmodel\t{t:.9g}\t{e:.9g}\n")
