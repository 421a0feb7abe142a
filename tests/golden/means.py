#!/usr/bin/env python3
"""Writes means.tsv: surprisals under mean ablation of tiny models, by hooks on transformers' own modules in float64 that
replace what enters the last matrices of attention and MLPs by its mean over all tokens of activations.jsonl, for
tests/cli/stats.bats.

Made with transformers 5.23.0, torch 2.15.0. Run: python3 tests/golden/means.py
Columns: model, recipe (canonical), segment of language aa, nats."""
import json
import pathlib

import torch
import transformers

from activations import CONTEXT, SEGMENTS

HERE = pathlib.Path(__file__).parent
# the modules "o" and "down" of a layer, and their recipes: (layer, kind, head or None)
MODELS = {"llama": ("model.layers.{}.self_attn.o_proj", "model.layers.{}.mlp.down_proj"),
          "gptj": ("transformer.h.{}.attn.out_proj", "transformer.h.{}.mlp.fc_out"),
          "opt-350m": ("model.decoder.layers.{}.self_attn.out_proj", "model.decoder.layers.{}.fc2"),
          "gemma3": ("model.layers.{}.self_attn.o_proj", "model.layers.{}.mlp.down_proj")}
RECIPES = {"L0.attn.h1=mean": [(0, 0, 1)], "L1=mean": [(1, 0, None), (1, 1, None)],
           "L1.attn=mean;L1.attn.h2=keep": [(1, 0, 0), (1, 0, 1), (1, 0, 3)], "L0.down=mean": [(0, 1, None)]}

with open(HERE / "means.tsv", "w") as f:
    for name, patterns in MODELS.items():
        model = transformers.AutoModelForCausalLM.from_pretrained(
            HERE / "models" / name, dtype=torch.float64, attn_implementation="eager").eval()
        modules, bos, heads = dict(model.named_modules()), model.config.bos_token_id, model.config.num_attention_heads
        rows = {}
        hooks = [modules[p.format(layer)].register_forward_pre_hook(
            lambda _, x, key=(layer, kind): rows.setdefault(key, []).append(x[0].reshape(-1, x[0].shape[-1])[1:]))
            for layer in (0, 1) for kind, p in enumerate(patterns)]
        with torch.no_grad():
            for segments in SEGMENTS.values():
                for ids in segments:
                    for at in range(0, len(ids), CONTEXT - 1):
                        model(torch.tensor([[bos] + ids[at : at + CONTEXT - 1]]))
        for h in hooks:
            h.remove()
        means = {key: torch.cat(x).mean(0) for key, x in rows.items()}
        for recipe, places in RECIPES.items():
            hooks = []
            for layer, kind, head in places:
                def hook(_, inputs, mean=means[layer, kind], head=head):
                    x, size = inputs[0].clone(), len(mean) // heads
                    cols = slice(None) if head is None else slice(head * size, (head + 1) * size)
                    x[..., cols] = mean[cols]
                    return (x, *inputs[1:])
                hooks.append(modules[patterns[kind].format(layer)].register_forward_pre_hook(hook))
            for i, ids in enumerate(SEGMENTS["aa"]):
                with torch.no_grad():
                    p = torch.log_softmax(model(torch.tensor([[bos] + ids])).logits[0], -1)
                nll = -sum(p[k, t].item() for k, t in enumerate(ids))
                f.write(f"{name}\t{recipe}\t{i}\t{nll:.10g}\n")
            for h in hooks:
                h.remove()
