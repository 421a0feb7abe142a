#!/usr/bin/env python3
"""Writes models/NAME/{config.json,model.safetensors,logits.json}: a random tiny model of each family, as its own class
saves it, and its logits in float64.

Made with transformers 5.23.0, torch 2.15.0, safetensors 0.8.0. Run: python3 tests/golden/families.py [NAME ...]
No gain is 1 and no bias is 0, so that one which is left out shows; sequences are longer than the windows.
logits.json: {"sequences": [[id]], "logits": [sequence][position][vocabulary]}, perhaps of the "last" positions only; of encoders also the "mask" and, by it, each
sequence's "pseudo_nll", and "window_nll" where each token sees 8 around it only; of mixtures of experts each sequence's "experts": [sequence][layer][expert], how many of its
tokens but the last the layer's router gave the expert."""
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
ENCODERS = "bert", "roberta", "xlm-roberta"
ENCODER = dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
               max_position_embeddings=32)
GPT = dict(vocab_size=VOCAB, n_embd=16, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=1)
OPT = dict(vocab_size=VOCAB, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, ffn_dim=24,
           bos_token_id=0, eos_token_id=1)
GEMMA = dict(LLAMA, head_dim=6, num_hidden_layers=3, tie_word_embeddings=True)
ROPE = dict(rope_theta=100.0)

# name: class of the config, what it is given, how weights are stored; its place is its seed, so a new one comes last
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
    "gptj": ("GPTJConfig", dict(GPT, n_positions=32, rotary_dim=2, n_inner=40), torch.float32),
    "opt": ("OPTConfig", dict(OPT, max_position_embeddings=32), torch.float32),
    "opt-350m": ("OPTConfig", dict(OPT, max_position_embeddings=32, word_embed_proj_dim=8, do_layer_norm_before=False),
                 torch.float32),
    "xglm": ("XGLMConfig", dict(vocab_size=VOCAB, d_model=16, num_layers=2, attention_heads=4, ffn_dim=24,
                                max_position_embeddings=32), torch.float32),
    "bloom": ("BloomConfig", dict(vocab_size=VOCAB, hidden_size=18, n_layer=2, n_head=6, seq_length=32), torch.float32),
    "falcon-7b": ("FalconConfig", dict(NEOX), torch.float32),
    "falcon-40b": ("FalconConfig", dict(NEOX, new_decoder_architecture=True, num_kv_heads=2, bias=True), torch.float32),
    "falcon-one-norm": ("FalconConfig", dict(NEOX, new_decoder_architecture=True, num_kv_heads=2,
                                             num_ln_in_parallel_attn=1), torch.float32),
    "falcon-rw": ("FalconConfig", dict(NEOX, alibi=True, multi_query=False, parallel_attn=False, bias=True),
                  torch.float32),
    "mpt": ("MptConfig", dict(vocab_size=VOCAB, d_model=18, n_layers=2, n_heads=6, max_seq_len=32,
                              attn_config=dict(clip_qkv=0.8)), torch.float32),
    "phi": ("PhiConfig", dict(LLAMA), torch.float32),
    "phi3": ("Phi3Config", dict(LLAMA, sliding_window=5), torch.float32),
    "phi3-longrope": ("Phi3Config", dict(LLAMA, hidden_size=32, original_max_position_embeddings=12, rope_parameters=dict(
        ROPE, rope_type="longrope", partial_rotary_factor=0.75, short_factor=[1.0, 1.1, 1.3],
        long_factor=[1.5, 2.0, 3.0])), torch.float32),
    "olmo2": ("Olmo2Config", dict(LLAMA), torch.float32),
    "stablelm": ("StableLmConfig", dict(LLAMA, use_qkv_bias=True, partial_rotary_factor=0.5), torch.float32),
    "stablelm-parallel": ("StableLmConfig", dict(LLAMA, use_parallel_residual=True, qk_layernorm=True,
                                                 partial_rotary_factor=0.5), torch.float32),
    "cohere": ("CohereConfig", dict(LLAMA, logit_scale=0.3), torch.float32),
    "cohere-plus": ("CohereConfig", dict(LLAMA, use_qk_norm=True), torch.float32),
    "starcoder2": ("Starcoder2Config", dict(LLAMA, sliding_window=5), torch.float32),
    "mixtral": ("MixtralConfig", dict(LLAMA, num_local_experts=4, num_experts_per_tok=2, sliding_window=5),
                torch.float32),
    "qwen3_moe": ("Qwen3MoeConfig", dict(LLAMA, num_hidden_layers=3, num_experts=5, num_experts_per_tok=3,
                                         moe_intermediate_size=10, mlp_only_layers=[1]), torch.float32),
    "qwen3_moe-normalized": ("Qwen3MoeConfig", dict(LLAMA, num_experts=4, num_experts_per_tok=2, norm_topk_prob=True,
                                                    moe_intermediate_size=10), torch.float32),
    "olmoe": ("OlmoeConfig", dict(LLAMA, num_experts=4, num_experts_per_tok=2, clip_qkv=0.8), torch.float32),
    "bert": ("BertConfig", ENCODER, torch.float32),
    "xlm-roberta": ("XLMRobertaConfig", dict(ENCODER, max_position_embeddings=34, pad_token_id=1), torch.float32),
    "mpt-heads4": ("MptConfig", dict(vocab_size=VOCAB, d_model=16, n_layers=2, n_heads=4, max_seq_len=32,
                                     attn_config=dict(softmax_scale=0.7)), torch.float32),
    "qwen3_moe-window": ("Qwen3MoeConfig", dict(LLAMA, num_hidden_layers=3, num_experts=3, num_experts_per_tok=1,
                                                moe_intermediate_size=10, decoder_sparse_step=2, attention_bias=True,
                                                use_sliding_window=True, sliding_window=5, max_window_layers=2),
                         torch.float32),
    "llama-yarn-mscale": ("LlamaConfig", dict(LLAMA, head_dim=8, rope_parameters=dict(
        ROPE, rope_type="yarn", factor=3.0, original_max_position_embeddings=12, mscale=0.9, mscale_all_dim=0.4,
        truncate=False, beta_fast=20.0, beta_slow=2.0)), torch.float32),
    "opt-bare": ("OPTConfig", dict(OPT, max_position_embeddings=32, enable_bias=False, _remove_final_layer_norm=True),
                 torch.float32),
    "xglm-unscaled": ("XGLMConfig", dict(vocab_size=VOCAB, d_model=16, num_layers=2, attention_heads=4, ffn_dim=24,
                                         max_position_embeddings=32, scale_embedding=False), torch.float32),
    "gpt_neox-unbiased": ("GPTNeoXConfig", dict(NEOX, rotary_pct=0.5, attention_bias=False), torch.float32),
    "falcon-long": ("FalconConfig", dict(NEOX, alibi=True, multi_query=False, parallel_attn=False, bias=True,
                                         max_position_embeddings=512), torch.float32),
    "roberta": ("RobertaConfig", dict(ENCODER, max_position_embeddings=34, pad_token_id=1), torch.float32),
}
# Sequences so long that positions are no longer exact in bfloat16, which Falcon's ALiBi is in; logits of the last tokens.
LONG = {"falcon-long": ((300, 280, 257), 20)}


def spread(tensor, generator):
    """Gains about 1 (or about 0, where a model adds 1), everything else about 0; large enough that attention is not
    uniform."""
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    if tensor.dim() == 1:
        return tensor + 0.3 * noise
    return 0.3 * noise


def build(config, storage, seed):
    """Falcon's eager attention adds its ALiBi twice (in the mask too); sdpa, the default, once."""
    how = "sdpa" if config.model_type == "falcon" else "eager"
    auto = transformers.AutoModelForMaskedLM if config.model_type in ENCODERS else transformers.AutoModelForCausalLM
    model = auto.from_config(config, attn_implementation=how, experts_implementation="eager").double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, p in model.named_parameters():  # a tied head comes once
            p.copy_(spread(p, generator).to(storage).double())
    return model


def sequences(seed, lengths):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(VOCAB, (n,), generator=generator).tolist() for n in lengths]


def pseudo_nll(model, ids, mask, context=1 << 30):
    """Salazar et al. 2020, eq. 2: each token from the others, the mask in its place; with a context it stands in the
    middle of so many tokens, or as near to that as the ends of the text allow."""
    total, n = 0.0, min(len(ids), context)
    for i, token in enumerate(ids):
        first = min(max(i - n // 2, 0), len(ids) - n)
        hidden = ids[:i] + [mask] + ids[i + 1:]
        total -= model(torch.tensor([hidden[first:first + n]])).logits[0, i - first].log_softmax(-1)[token].item()
    return total


def expert_counts(model, ids):
    """By the router's own logits; zeros in layers that have an MLP."""
    experts, a_token = model.config.num_experts, model.config.num_experts_per_tok
    routers = iter(model(torch.tensor([ids]), output_router_logits=True).router_logits)
    counts = []
    for layer in model.model.layers:
        chosen = next(routers)[:-1].topk(a_token, -1).indices if hasattr(layer.mlp, "experts") else torch.empty(0).long()
        counts.append(torch.bincount(chosen.flatten(), minlength=experts).tolist())
    return counts


def write(name, seed):
    config_class, options, storage = MODELS[name]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config = getattr(transformers, config_class)(**options)
    model = build(config, storage, seed)
    lengths, last = LONG.get(name, ((20, 7, 1), 1 << 30))
    ids = sequences(seed, lengths)
    if config.model_type in ("roberta", "xlm-roberta"):  # whose positions do not count padding
        ids = [[2 if i == config.pad_token_id else i for i in s] for s in ids]
    torch.set_default_dtype(torch.float64 if config.model_type == "xglm" else torch.float32)  # whose mask is of the default type
    with torch.no_grad():
        logits = [[[float(f"{x:.9g}") for x in row] for row in model(torch.tensor([s])).logits[0, -last:].tolist()]
                  for s in ids]
        counts = [expert_counts(model, s) for s in ids] if hasattr(config, "num_experts_per_tok") else None
    torch.set_default_dtype(torch.float32)
    model.to(storage).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    golden = {"sequences": ids, "logits": logits}
    if config.model_type in ENCODERS:
        with torch.no_grad():
            golden |= {"mask": 3, "pseudo_nll": [pseudo_nll(model.double(), s, 3) for s in ids],
                       "window_nll": [pseudo_nll(model.double(), s, 3, 8) for s in ids]}
    if name in LONG:
        golden["last"] = last
    if counts:
        golden["experts"] = counts
    (folder / "logits.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def main():
    for seed, name in enumerate(MODELS):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            write(name, seed)


main()
