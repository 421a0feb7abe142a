#!/usr/bin/env python3
"""Writes models/*/{config.json,model.safetensors,logits.json}: random GPT-2s and their logits in float64.

Made with transformers 5.23.0, torch 2.15.0, safetensors 0.8.0. Run: python3 tests/golden/hf_logits.py
No gain is 1 and no bias is 0, so that one which is left out shows. logits.json: {"sequences": [[id]], "logits":
[sequence][position][vocabulary]}."""
import json
import pathlib
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

HERE = pathlib.Path(__file__).parent / "models"
COMMON = dict(n_layer=2, vocab_size=29, n_positions=16, bos_token_id=0, eos_token_id=0,
              embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0)
# name: what differs from COMMON, how weights are stored, the prefix of their names
MODELS = {
    "gpt2-head9-by-layer": (dict(n_embd=36, n_head=4, n_inner=72, layer_norm_epsilon=1e-3, activation_function="gelu_new",
                                 scale_attn_by_inverse_layer_idx=True), torch.float16, "transformer."),
    "gpt2-head16-unscaled": (dict(n_embd=32, n_head=2, layer_norm_epsilon=1e-6, activation_function="gelu",
                                  scale_attn_weights=False), torch.bfloat16, ""),
    "gpt2-head4-untied": (dict(n_embd=20, n_head=5, n_inner=50, activation_function="relu",
                               tie_word_embeddings=False), torch.float32, "transformer."),
}


def spread(tensor, name, generator):
    """Gains about 1, everything else about 0; weights large enough that attention is not uniform."""
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    if name.endswith("weight") and tensor.dim() == 1:
        return 1 + 0.3 * noise
    return noise * (0.2 if tensor.dim() == 1 else 0.25)


def build(options, storage, seed):
    model = GPT2LMHeadModel(GPT2Config(**COMMON, **options, attn_implementation="eager")).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():  # a tied head comes once
            p.copy_(spread(p, name, generator).to(storage).double())
    return model


def weights_of(model, storage, prefix):
    tied = model.config.tie_word_embeddings
    out = {}
    for name, p in model.state_dict().items():
        if tied and name == "lm_head.weight":
            continue
        out[name if name.startswith("lm_head") else prefix + name.removeprefix("transformer.")] = p.to(storage).contiguous()
    return out


def sequences(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(COMMON["vocab_size"], (n,), generator=generator).tolist() for n in (16, 7, 1)]


def main():
    for seed, (name, (options, storage, prefix)) in enumerate(MODELS.items()):
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        model = build(options, storage, seed)
        save_file(weights_of(model, storage, prefix), folder / "model.safetensors", metadata={"format": "pt"})
        config = dict(model_type="gpt2", **COMMON, **options)
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        assert all(t.dtype == storage for t in load_file(folder / "model.safetensors").values())
        ids = sequences(seed)
        with torch.no_grad():
            logits = [[[float(f"{x:.12g}") for x in row] for row in model(torch.tensor([s])).logits[0].tolist()] for s in ids]
        (folder / "logits.json").write_text(json.dumps({"sequences": ids, "logits": logits}, separators=(",", ":")) + "\n")


main()
