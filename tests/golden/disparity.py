#!/usr/bin/env python3
"""Writes surprisal.mp, a small stream as eq-ppl makes it, and disparity.tsv, what eq-disparity must make of it:
lines "kind TAB recipe TAB lang TAB key TAB value". Made with numpy 2.4.6, scipy 1.17.1, msgpack 1.2.1.

Everything is computed anew here, from dense arrays with NaN where a segment is missing; of the C code only the draws'
numbering is taken over (bootstrap.py). The stream has records out of order, one twice, and what must be excluded."""
import pathlib
import numpy as np
from scipy.special import ndtr, ndtri
import bootstrap
import stream

HERE = pathlib.Path(__file__).parent
LANGS = ["ar", "de", "en", "fi", "he"]
GROUP = {"ar": "low", "he": "low", "de": "high", "en": "high"}
N, VOCAB, REPLICATES = 24, 512, 2000
# Mean bits that a recipe adds to a segment of: the high group, fi, the low group.
RECIPES = {"none": (0, 0, 0), "int8/g128": (0.0, 0.2, 0.5), "int4/g128": (4, 7, 12), "int4/tensor": (8, 9, 12.5), "int2/g128": (520, 560, 600)}


def make():
    """nll, n_scored and bytes: [recipe][lang][id], NaN nll where the segment is not scored; `have` where it is there."""
    rng = np.random.default_rng(3)
    scored = rng.integers(30, 90, (len(LANGS), N))
    size = scored * 3 + rng.integers(0, 20, (len(LANGS), N))
    base = scored * rng.normal(4, 0.3, (len(LANGS), N))
    nll = np.empty((len(RECIPES), len(LANGS), N))
    for r, (high, other, low) in enumerate(RECIPES.values()):
        for l, lang in enumerate(LANGS):
            mean = {"high": high, "low": low}.get(GROUP.get(lang), other)
            spread = rng.normal(0, 0.4, N) if mean < 1 else rng.gamma(4, mean / 4, N)
            nll[r, l] = base[l] + (0 if r == 0 else np.log(2) * (spread + (mean if mean < 1 else 0)))
    have = np.ones_like(nll, bool)
    nll[0, 4, 5] = np.nan  # he, id 5: not scored under the base
    nll[2, 3, 7] = np.nan  # fi, id 7: lost under int4/g128
    have[2:4, 1, 9] = False  # de, id 9: no pair under two recipes
    return nll, np.broadcast_to(scored, nll.shape), np.broadcast_to(size, nll.shape), have


def interval(estimate, boot, jack):
    keep = np.isfinite(boot)
    boot = boot[keep]
    share = ((boot < estimate).mean() + (boot <= estimate).mean()) / 2
    z0 = ndtri(np.clip(share, 0.5 / len(boot), 1 - 0.5 / len(boot)))
    u = jack.mean() - jack
    a = (u**3).sum() / (6 * (u**2).sum() ** 1.5)
    z = np.array([ndtri(0.025), ndtri(0.975)])
    return np.quantile(boot, ndtr(z0 + (z0 + z) / (1 - a * (z0 + z))))


def main():
    nll, scored, size, have = make()
    names = list(RECIPES)
    records = []
    for r, recipe in enumerate(names):
        for l, lang in enumerate(LANGS):
            for i in range(N):
                if not have[r, l, i]:
                    continue
                record = {"k": "surprisal", "lang": lang, "id": f"s{i:02}", "model": "tiny", "recipe": recipe,
                          "n_tokens": int(scored[r, l, i]), "n_scored": int(scored[r, l, i]),
                          "bytes": int(size[r, l, i]), "chars": int(size[r, l, i]) // 2, "nll": float(nll[r, l, i]),
                          "vocab": VOCAB}
                if np.isnan(nll[r, l, i]):
                    record["excluded"] = "too short"
                records.append(record)
    records = [records[i] for i in np.random.default_rng(4).permutation(len(records))]
    stream.write(HERE / "surprisal.mp", records + records[:1], "golden")

    counts = bootstrap.draws(N, 0, REPLICATES)
    leave = 1 - np.eye(N)
    out = []
    jacks = {}
    results = {}
    for r, recipe in enumerate(names):
        pair = have[0] & have[r] & np.isfinite(nll[0]) & np.isfinite(nll[r])
        zero = lambda x: np.where(pair, x, 0)
        delta = zero((nll[r] - nll[0]) / np.log(2))
        tokens, size_r, total = zero(scored[r]).sum(1), zero(size[r]), zero(nll[r]).sum(1)
        ppl, base_ppl = np.exp(total / tokens), np.exp(zero(nll[0]).sum(1) / tokens)
        deg = 100 * (ppl / base_ppl - 1)
        means = lambda w: (w @ delta.T) / (w @ pair.T)  # [draws][lang]
        rates = lambda w: (w @ delta.T) / (w @ size_r.T)
        whole = np.ones((1, N))
        some = False
        for l, lang in enumerate(LANGS):
            lost = (have[0, l] & np.isfinite(nll[0, l]) & ~pair[l]).sum()
            flags = ["saturated"] * bool(total[l] / tokens[l] > np.log(VOCAB)) + ["little-text"] * bool(
                pair[l].sum() < 30 or tokens[l] < 1000) + ["incomplete"] * bool(lost)
            some |= bool(lost)
            d = {"segments": pair[l].sum(), "excluded": (have[0, l] | have[r, l]).sum() - pair[l].sum(),
                 "tokens": tokens[l], "bytes": size_r[l].sum(), "bits_segment": total[l] / np.log(2) / pair[l].sum(),
                 "bits_byte": total[l] / np.log(2) / size_r[l].sum(),
                 "bits_char": total[l] / np.log(2) / zero(size[r] // 2)[l].sum(), "ppl": ppl[l],
                 "base_ppl": base_ppl[l], "deg": deg[l], "flags": ",".join(flags)}
            for key, of in (("delta_segment", means), ("delta_byte", rates)):
                d[key] = of(whole)[0, l]
                d[key + "_lo"], d[key + "_hi"] = (0, 0) if r == 0 else interval(d[key], of(counts)[:, l], of(leave)[:, l])
            out += [("damage", recipe, lang, k, v) for k, v in d.items()]
        if r == 0:
            continue
        low, high = ([l for l, x in enumerate(LANGS) if GROUP.get(x) == g] for g in ("low", "high"))
        group = lambda w, which: means(w)[:, which].mean(1)
        d = {"languages": len(LANGS), "segments": N}
        per = means(whole)[0]
        d["worst"], d["best"] = LANGS[per.argmax()], LANGS[per.argmin()]
        d["delta_mean"] = per.mean()
        d["delta_mean_lo"], d["delta_mean_hi"] = interval(per.mean(), means(counts).mean(1), means(leave).mean(1))
        d["worst_minus_best"], margin = np.ptp(per), np.quantile(np.ptp(means(counts) - per, axis=1), 0.95)
        d["worst_minus_best_lo"], d["worst_minus_best_hi"] = max(0, np.ptp(per) - margin), np.ptp(per) + margin
        bounds = [next(v for k, rec, l, key, v in out if (k, rec, l, key) == ("damage", recipe, lang, "delta_segment_lo"))
                  for lang in LANGS]
        d["worst_over_median"] = per.max() / np.median(per) if np.median(bounds) > 0 else np.nan
        for key, of in (("delta_low", lambda w: group(w, low)), ("delta_high", lambda w: group(w, high)),
                        ("ratio", lambda w: group(w, low) / group(w, high))):
            d[key] = of(whole)[0]
            d[key + "_lo"], d[key + "_hi"] = interval(d[key], of(counts), of(leave))
        if d["delta_high_lo"] <= 0:
            d["ratio"] = d["ratio_lo"] = d["ratio_hi"] = np.nan
        en, he = LANGS.index("en"), LANGS.index("he")
        d["legacy_he_en"] = deg[he] / deg[en]
        d["legacy_low_high"] = deg[low].mean() / deg[high].mean()
        d["legacy_mean_over_en"] = np.delete(deg, en).mean() / deg[en]
        jacks[recipe], results[recipe] = (group(leave, low), group(leave, high), group(leave, low) / group(leave, high)), d
    error = lambda x, y: np.sqrt((N - 1) / N * ((x - y - (x - y).mean()) ** 2).sum())
    for recipe, d in results.items():
        from_ = [k for k, e in results.items() if k != recipe
                 and e["ratio"] - d["ratio"] > 1.96 * error(jacks[recipe][2], jacks[k][2])
                 and d["delta_high"] - e["delta_high"] > 1.96 * error(jacks[recipe][1], jacks[k][1])
                 and d["delta_low"] - e["delta_low"] > -1.96 * error(jacks[recipe][0], jacks[k][0])]
        d["levels_down_from"] = min(from_, key=lambda k: results[k]["delta_low"]) if from_ else ""
        out += [("disparity", recipe, "", k, v) for k, v in d.items()]
    show = lambda v: v if isinstance(v, str) else repr(float(v))
    (HERE / "disparity.tsv").write_text("".join("\t".join((*x[:4], show(x[4]))) + "\n" for x in out))


if __name__ == "__main__":
    main()
