#!/usr/bin/env python3
"""Writes bootstrap.txt: BCa intervals that tests/unit/bootstrap.c must give. Made with numpy 2.4.6, scipy 1.17.1.

Each case has two oracles. "same": the interval that NumPy computes from the very draws that bootstrap.h promises
(Philox4x32-10 written anew below, from Salmon et al. 2011), to be met to 1e-9. "scipy": scipy.stats.bootstrap's BCa
interval with draws of its own, to be met within the Monte-Carlo error of both.

Lines: case NAME units seed replicates statistic / column UNIT:VALUE ... / same ESTIMATE LO HI / scipy LO HI.
Statistics: "ratio", column 0 over column 1; "groups", the mean of columns 0/1 and 2/3 over column 4/5."""
import pathlib
import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri


def philox(seed, stream, blocks):
    """Words of blocks 0..blocks-1 of a stream: [blocks][4] uint32."""
    m32, index = np.uint64(0xFFFFFFFF), np.arange(blocks, dtype=np.uint64)
    c = [index & m32, index >> np.uint64(32), np.full(blocks, stream & 0xFFFFFFFF, np.uint64),
         np.full(blocks, stream >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & m32,
             (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & m32]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, axis=1)


def draws(units, seed, replicates):
    """How often each unit was drawn: [replicates][units]."""
    counts = np.zeros((replicates, units))
    for b in range(replicates):
        words = philox(seed, b, (units + 3) // 4).reshape(-1)[:units]
        np.add.at(counts[b], (words * np.uint64(units) >> np.uint64(32)).astype(int), 1)
    return counts


def ratio(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[0] / sums[1]


def groups(sums):
    return (sums[0] / sums[1] + sums[2] / sums[3]) / 2 / (sums[4] / sums[5])


def bca(columns, statistic, seed, replicates):
    units = columns.shape[1]
    estimate = statistic(columns.sum(axis=1))
    boot = statistic((draws(units, seed, replicates) @ columns.T).T)
    boot = boot[np.isfinite(boot)]
    jack = statistic((columns.sum(axis=1)[:, None] - columns))
    share = ((boot < estimate).mean() + (boot <= estimate).mean()) / 2
    z0 = ndtri(np.clip(share, 0.5 / len(boot), 1 - 0.5 / len(boot)))
    u = jack.mean() - jack
    a = (u**3).sum() / (6 * (u**2).sum() ** 1.5) if (u**2).sum() > 0 else 0
    z = np.array([ndtri(0.025), ndtri(0.975)])
    return estimate, *np.quantile(boot, ndtr(z0 + (z0 + z) / (1 - a * (z0 + z))))


def scipys(columns, statistic):
    """Units are resampled jointly: SciPy draws their numbers."""
    def of(unit, axis=-1):
        return statistic(np.moveaxis(columns[:, unit.astype(int)].sum(axis=-1), 0, 0))
    result = stats.bootstrap((np.arange(columns.shape[1]),), of, n_resamples=20000, method="BCa", vectorized=True,
                             batch=500, rng=np.random.default_rng(1))
    return result.confidence_interval


def main():
    rng = np.random.default_rng(20260101)
    few = np.ones(40)
    half = (np.arange(60) % 2 == 0).astype(float)
    words, gone = np.round(rng.lognormal(4, 0.6, 60)), rng.lognormal(1, 1, 60)
    langs = np.concatenate([np.stack([rng.lognormal(m, 0.8, 50), np.ones(50)]) for m in (1.5, 1.2, 0.4)])
    cases = [("skewed mean", ratio, np.stack([rng.lognormal(0, 1.2, 40), few]), 0, 10000),
             ("symmetric mean", ratio, np.stack([rng.normal(3, 1, 40), few]), 7, 10000),
             ("ties", ratio, np.stack([rng.integers(0, 3, 40).astype(float), few]), 3, 4001),
             ("bits a byte", ratio, np.stack([gone, words]), 2**40 + 5, 10000),
             ("half of the units", ratio, np.stack([gone * half, half]), 11, 10000),
             ("two units", ratio, np.stack([[1.0, 4.0], [1.0, 1.0]]), 0, 1000),
             ("ratio of groups", groups, langs, 0, 10000)]
    lines = []
    for name, statistic, columns, seed, replicates in cases:
        lines.append(f"case {name.replace(' ', '-')} {columns.shape[1]} {seed} {replicates} {statistic.__name__}")
        for over, under in columns.reshape(-1, 2, columns.shape[1]).tolist():
            for column in over, under:
                lines.append("column " + " ".join(f"{u}:{x!r}" for u, x in enumerate(column) if under[u]))
        lines.append("same " + " ".join(repr(float(x)) for x in bca(columns, statistic, seed, replicates)))
        lines.append("scipy " + " ".join(repr(float(x)) for x in scipys(columns, statistic)))
    (pathlib.Path(__file__).parent / "bootstrap.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
