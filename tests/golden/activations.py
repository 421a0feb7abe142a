#!/usr/bin/env python3
"""Writes activations.jsonl (segments) and activations.tsv: what enters the linear weights of tiny models, by hooks on
transformers' own modules in float64, for tests/cli/stats.bats.

Made with transformers 5.23.0, torch 2.15.0, numpy 2.4.6, scipy 1.17.1. Run: python3 tests/golden/activations.py
A segment is cut into pieces of the context; before each piece stands the bos token, whose row is not counted.
Columns: model, tensor, language, tokens, mean, variance, kurtosis, max, and sums over channels c = 1, 2, ... of sin(c)
times the channel's mean and mean square."""
import json
import pathlib

import numpy as np
import safetensors
import torch
import transformers
from scipy import stats

HERE = pathlib.Path(__file__).parent
CONTEXT = 8
SEGMENTS = {"aa": [[3, 5, 7, 2, 9, 11], [4, 4, 8]], "bb": [[2, 16, 3, 1, 5, 12, 9, 9, 14, 6, 7, 7, 10, 13, 2, 8, 4]]}
MODELS = ["bert", "gemma3", "gpt_neox", "gptj", "llama", "opt-350m", "phi3"]


def seen(model, ids, skip, out):
    """Adds the rows that enter each linear module, but for the first `skip`."""
    hooks = []
    for name, module in model.named_modules():
        linear = isinstance(module, (torch.nn.Linear, transformers.pytorch_utils.Conv1D))
        if linear and ("layer" in name or ".h." in name):
            def hook(_, inputs, name=name):
                x = inputs[0].detach().numpy()
                out.setdefault(name + ".weight", []).append(x.reshape(-1, x.shape[-1])[skip:])
            hooks.append(module.register_forward_pre_hook(hook))
    with torch.no_grad():
        model(torch.tensor([ids]))
    for h in hooks:
        h.remove()


if __name__ == "__main__":
    with open(HERE / "activations.jsonl", "w") as f:
        for lang, segments in SEGMENTS.items():
            for i, ids in enumerate(segments):
                f.write(json.dumps({"k": "tokens", "lang": lang, "id": str(i), "ids": ids}, separators=(",", ":")) + "\n")

    with open(HERE / "activations.tsv", "w") as f:
        for name in MODELS:
            encoder = name == "bert"
            auto = transformers.AutoModelForMaskedLM if encoder else transformers.AutoModelForCausalLM
            model = auto.from_pretrained(HERE / "models" / name, dtype=torch.float64, attn_implementation="eager").eval()
            prefix = [] if encoder else [model.config.bos_token_id]
            with safetensors.safe_open(HERE / "models" / name / "model.safetensors", "np") as file:
                files = set(file.keys())
            for lang, segments in SEGMENTS.items():
                rows = {}
                for ids in segments:
                    step = CONTEXT - len(prefix)
                    for at in range(0, len(ids), step):
                        seen(model, prefix + ids[at : at + step], len(prefix), rows)
                for tensor in sorted(rows):
                    x = np.concatenate(rows[tensor])
                    wave = np.sin(np.arange(1, x.shape[1] + 1))
                    assert tensor in files, tensor
                    values = [x.mean(), x.var(), stats.kurtosis(x, axis=None), np.abs(x).max(),
                              (wave * x.mean(0)).sum(), (wave * (x * x).mean(0)).sum()]
                    f.write("\t".join([name, tensor, lang, str(len(x))] + [f"{v:.10g}" for v in values]) + "\n")
