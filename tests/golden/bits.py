#!/usr/bin/env python3
"""Writes bits.tsv: bits of surprisal of UDHR segments under the demo's recipes, by an evaluation of its own.

Made with transformers 5.23.0, tokenizers 0.23.3, torch 2.15.0, numpy 2.4.6, safetensors 0.8.0.
Run: python3 tests/golden/bits.py
The embedded model corpora/mini; weights are rounded by NumPy in float32, the model runs in float64. Each segment stands
after token 0 (bos), and every one of its tokens is scored. Columns: lang, id, recipe (canonical), tokens, bits, kl (the
divergence from what the untouched model predicts, nats, summed over the tokens), same_top (tokens for which both find
the same token likeliest)."""
import pathlib

import numpy as np
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

HERE = pathlib.Path(__file__).parent
MODEL = HERE.parent.parent / "corpora" / "mini"
UDHR = HERE.parent.parent / "corpora" / "udhr"
IDS = ["art03.1", "pre.01", "art26.1"]  # short, medium, long: 16 to 242 tokens
LANGS = {"en": "eng", "de": "deu_1996", "fr": "fra", "es": "spa", "it": "ita", "ru": "rus", "zh": "cmn_hans", "ja": "jpn",
         "ko": "kor", "tr": "tur", "fi": "fin", "hi": "hin", "ar": "arb", "he": "heb", "sw": "swh"}
LINEAR = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
f32 = np.float32


def linear_except(*kept):
    """The linear weights, but for those of some layers."""
    return lambda name: name.endswith(LINEAR) and not name.startswith(tuple(f"h.{layer}." for layer in kept))


# canonical recipe: bits, inputs a group (0: the whole tensor), which parameters
RECIPES = {
    "none": (4, 0, lambda name: False),
    "int8/g128": (8, 128, linear_except()),
    "int4/g128": (4, 128, linear_except()),
    "int4/tensor": (4, 0, linear_except()),
    "int4/tensor;L0=keep": (4, 0, linear_except(0)),
    "int4/tensor;L0,L-1=keep": (4, 0, linear_except(0, 11)),
    "int4/tensor;L0,L9,L-1=keep": (4, 0, linear_except(0, 9, 11)),
    "seed-w": (4, 0, lambda name: "weight" in name),
}


def fake_quantize(w, bits, group):
    """w: [inputs][outputs], as Conv1D stores it (or of any shape when there is one scale). Groups run along inputs."""
    top = f32(2 ** (bits - 1) - 1)
    if group == 0:
        scale = np.abs(w).max() / top
        return np.clip(np.rint(w / scale), -top - 1, top) * scale
    out = np.empty_like(w)
    for begin in range(0, w.shape[0], group):
        block = w[begin : begin + group]
        scale = np.abs(block).max(axis=0, keepdims=True) / top
        out[begin : begin + group] = np.clip(np.rint(block / scale), -top - 1, top) * scale
    return out


def load_model(weights, recipe):
    bits, group, touches = RECIPES[recipe]
    model = GPT2LMHeadModel(GPT2Config.from_pretrained(MODEL, attn_implementation="eager", dtype="float64")).double()
    state = {}
    for name, w in weights.items():
        w = w.astype(f32)
        if touches(name):
            w = fake_quantize(w, bits, group)
        assert w.dtype == f32
        state["transformer." + name] = torch.from_numpy(w).double()
    state["lm_head.weight"] = state["transformer.wte.weight"]
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all(m.endswith((".attn.bias", ".attn.masked_bias")) for m in missing), (missing, unexpected)
    return model.eval()


def predict(model, ids):
    """Log-probabilities, [token][vocabulary]."""
    with torch.no_grad():
        logits = model(torch.tensor([[0] + ids])).logits[0, :-1]
    assert logits.dtype == torch.float64
    return torch.log_softmax(logits, -1)


def measure(model, reference, ids):
    p, q = reference, predict(model, ids)
    bits = -q[torch.arange(len(ids)), ids].sum().item() / np.log(2)
    kl = (p.exp() * (p - q)).sum().item()
    return f"{bits:.9g}", f"{kl:.9g}", (p.argmax(-1) == q.argmax(-1)).sum().item()


def main():
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    weights = load_file(MODEL / "model.safetensors")
    assert any(name.endswith(".c_attn.weight") for name in weights)
    segments = {}
    for lang, stem in LANGS.items():
        lines = dict(line.split("\t") for line in (UDHR / f"{stem}.tsv").read_text("utf-8").splitlines())
        segments.update({(lang, i): tokenizer.encode(lines[i], add_special_tokens=False).ids for i in IDS})
    assert max(map(len, segments.values())) <= 255
    untouched = load_model(weights, "none")
    references = {key: predict(untouched, ids) for key, ids in segments.items()}
    rows = []
    for recipe in RECIPES:
        model = load_model(weights, recipe)
        rows += [(*key, recipe, len(ids), *measure(model, references[key], ids)) for key, ids in segments.items()]
    with open(HERE / "bits.tsv", "w", encoding="utf-8") as f:
        print("lang", "id", "recipe", "tokens", "bits", "kl", "same_top", sep="\t", file=f)
        for row in rows:
            print(*row, sep="\t", file=f)


main()
