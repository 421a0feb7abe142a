#!/usr/bin/env python3
"""Writes models/NAME/{config.json,model.safetensors,logits.json}: a random tiny model of each family, as its own class
saves it, and its logits in float64.

Made with transformers 5.23.0, torch 2.15.0, safetensors 0.8.0. Run: python3 tests/golden/families.py [NAME ...]
No gain is 1 and no bias is 0, so that one which is left out shows; sequences are longer than the windows.
logits.json: {"sequences": [[id]], "logits": [sequence][position][vocabulary]}."""
import json
import pathlib
import shutil
import sys

import torch
import transformers

HERE = pathlib.Path(__file__).parent / "models"
VOCAB = 17
LLAMA = dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=32, bos_token_id=0, eos_token_id=1, pad_token_id=None)
NEOX = {k: v for k, v in LLAMA.items() if k != "num_key_value_heads"}
GEMMA = dict(LLAMA, head_dim=6, num_hidden_layers=3, tie_word_embeddings=True)
ROPE = dict(rope_theta=100.0)

# name: class of the config, what it is given, how weights are stored
MODELS = {
    "gpt_neox": ("GPTNeoXConfig", dict(NEOX, rotary_pct=0.5), torch.float32),
    "gpt_neox-sequential": ("GPTNeoXConfig", dict(NEOX, rotary_pct=1.0, use_parallel_residual=False), torch.float16),
    "llama": ("LlamaConfig", dict(LLAMA, rope_parameters=dict(ROPE, rope_type="default")), torch.float32),
    "llama-linear-biases": ("LlamaConfig", dict(LLAMA, attention_bias=True, mlp_bias=True, rope_parameters=dict(
        ROPE, rope_type="linear", factor=4.0)), torch.bfloat16),
    "llama3": ("LlamaConfig", dict(LLAMA, head_dim=8, tie_word_embeddings=True, rope_parameters=dict(
        ROPE, rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=16)), torch.float32),
    "llama-yarn": ("LlamaConfig", dict(LLAMA, head_dim=8, rope_parameters=dict(
        ROPE, rope_type="yarn", factor=2.0, original_max_position_embeddings=16)), torch.float32),
    "mistral": ("MistralConfig", dict(LLAMA, sliding_window=5), torch.float32),
    "qwen2": ("Qwen2Config", dict(LLAMA, use_sliding_window=False, sliding_window=3), torch.float32),
    "qwen2-window": ("Qwen2Config", dict(LLAMA, use_sliding_window=True, sliding_window=5, max_window_layers=1),
                     torch.float32),
    "qwen3": ("Qwen3Config", dict(LLAMA, head_dim=6), torch.float32),
    "gemma": ("GemmaConfig", GEMMA, torch.float32),
    "gemma2": ("Gemma2Config", dict(GEMMA, sliding_window=5, query_pre_attn_scalar=7, attn_logit_softcapping=2.0,
                                    final_logit_softcapping=3.0), torch.float32),
    "gemma3": ("Gemma3TextConfig", dict(GEMMA, sliding_window=5, query_pre_attn_scalar=7, layer_types=[
        "sliding_attention", "full_attention", "sliding_attention"], rope_parameters=dict(
            full_attention=dict(rope_type="linear", factor=4.0, rope_theta=1000.0),
            sliding_attention=dict(rope_type="default", rope_theta=10.0))), torch.float32),
}


def spread(tensor, generator):
    """Gains about 1 (or about 0, where a model adds 1), everything else about 0; large enough that attention is not
    uniform."""
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    if tensor.dim() == 1:
        return tensor + 0.3 * noise
    return 0.3 * noise


def build(config, storage, seed):
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, p in model.named_parameters():  # a tied head comes once
            p.copy_(spread(p, generator).to(storage).double())
    return model


def sequences(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(VOCAB, (n,), generator=generator).tolist() for n in (20, 7, 1)]


def write(name, seed):
    config_class, options, storage = MODELS[name]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config = getattr(transformers, config_class)(**options)
    model = build(config, storage, seed)
    ids = sequences(seed)
    with torch.no_grad():
        logits = [[[float(f"{x:.9g}") for x in row] for row in model(torch.tensor([s])).logits[0].tolist()] for s in ids]
    model.to(storage).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "logits.json").write_text(json.dumps({"sequences": ids, "logits": logits}, separators=(",", ":")) + "\n")


def main():
    for seed, name in enumerate(MODELS):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            write(name, seed)


main()
