#!/usr/bin/env python3
"""Writes configs.jsonl: config.json files as they are found in the wild, and what transformers reads in them.

Made with transformers 5.23.0, torch 2.15.0. Run: python3 tests/golden/configs.py
A line is {"name", "config": the essential keys as they were published (transformers 4 or older), "saved": the same as
transformers 5 writes them, "read": what its classes make of either}. read.parameters counts the parameters of the model
that transformers would build, a tied head once; read.windows says how many layers in a row have which, 0 for none. read.rotary has an item for each kind of layer: how many dimensions of
a head turn, and the sines of a token at position 1 (times the attention factor) of five pairs, from the first to the
last; those of LongRoPE for short and for long sequences."""
import importlib
import itertools
import json
import pathlib

import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, CONFIG_MAPPING
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
          "rope_type": "llama3"}
SHORT, LONG = [1.0 + i / 64 for i in range(48)], [1.0 + i * i / 32 for i in range(48)]
QWEN = {"hidden_act": "silu", "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "use_sliding_window": False}
PUBLISHED = {
    "gpt2": {"model_type": "gpt2", "activation_function": "gelu_new", "bos_token_id": 50256, "eos_token_id": 50256,
             "layer_norm_epsilon": 1e-05, "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12,
             "n_positions": 1024, "vocab_size": 50257},
    "gpt-j-6b": {"model_type": "gptj", "activation_function": "gelu_new", "bos_token_id": 50256, "eos_token_id": 50256,
                 "n_embd": 4096, "n_head": 16, "n_inner": None, "n_layer": 28, "n_positions": 2048, "rotary": True,
                 "rotary_dim": 64, "tie_word_embeddings": False, "vocab_size": 50400},
    "pythia-160m": {"model_type": "gpt_neox", "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "gelu",
                    "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-05,
                    "max_position_embeddings": 2048, "num_attention_heads": 12, "num_hidden_layers": 12,
                    "rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": False,
                    "torch_dtype": "float16", "use_parallel_residual": True, "vocab_size": 50304},
    "opt-350m": {"model_type": "opt", "_remove_final_layer_norm": False, "activation_function": "relu",
                 "bos_token_id": 2, "do_layer_norm_before": False, "eos_token_id": 2, "ffn_dim": 4096,
                 "hidden_size": 1024, "max_position_embeddings": 2048, "num_attention_heads": 16,
                 "num_hidden_layers": 24, "prefix": "</s>", "torch_dtype": "float16", "vocab_size": 50272,
                 "word_embed_proj_dim": 512},
    "xglm-564m": {"model_type": "xglm", "activation_function": "gelu", "attention_heads": 16, "d_model": 1024,
                  "decoder_start_token_id": 2, "ffn_dim": 4096, "max_position_embeddings": 2048, "num_layers": 24,
                  "scale_embedding": True, "vocab_size": 256008},
    "bloom-560m": {"model_type": "bloom", "apply_residual_connection_post_layernorm": False, "bos_token_id": 1,
                   "eos_token_id": 2, "layer_norm_epsilon": 1e-05, "masked_softmax_fusion": True, "n_embed": 1024,
                   "n_inner": None, "n_layer": 24, "num_attention_heads": 16, "offset_alibi": 100, "pretraining_tp": 1,
                   "seq_length": 2048, "skip_bias_add": True, "slow_but_exact": False, "unk_token_id": 0,
                   "vocab_size": 250880},
    "falcon-7b": {"model_type": "falcon", "alibi": False, "apply_residual_connection_post_layernorm": False,
                  "bias": False, "bos_token_id": 11, "eos_token_id": 11, "hidden_size": 4544,
                  "layer_norm_epsilon": 1e-05, "multi_query": True, "new_decoder_architecture": False,
                  "num_attention_heads": 71, "num_hidden_layers": 32, "parallel_attn": True, "torch_dtype": "bfloat16",
                  "vocab_size": 65024},
    "falcon-40b": {"model_type": "falcon", "alibi": False, "bias": False, "bos_token_id": 11, "eos_token_id": 11,
                   "hidden_size": 8192, "layer_norm_epsilon": 1e-05, "multi_query": True,
                   "new_decoder_architecture": True, "num_attention_heads": 128, "num_hidden_layers": 60,
                   "num_kv_heads": 8, "parallel_attn": True, "vocab_size": 65024},
    "falcon-rw-1b": {"model_type": "falcon", "alibi": True, "bias": True, "bos_token_id": 1, "eos_token_id": 2,
                     "hidden_size": 2048, "multi_query": False, "new_decoder_architecture": False,
                     "num_attention_heads": 32, "num_hidden_layers": 24, "parallel_attn": False, "vocab_size": 50304},
    "mpt-7b": {"model_type": "mpt", "attn_config": {"alibi": True, "alibi_bias_max": 8, "attn_pdrop": 0,
               "attn_type": "multihead_attention", "clip_qkv": None, "prefix_lm": False, "qk_ln": False,
               "softmax_scale": None}, "d_model": 4096, "emb_pdrop": 0, "expansion_ratio": 4, "learned_pos_emb": True,
               "logit_scale": None, "max_seq_len": 2048, "n_heads": 32, "n_layers": 32, "no_bias": True,
               "vocab_size": 50432},
    "llama-7b": {"model_type": "llama", "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
                 "hidden_size": 4096, "intermediate_size": 11008, "max_sequence_length": 2048,
                 "num_attention_heads": 32, "num_hidden_layers": 32, "rms_norm_eps": 1e-06, "vocab_size": 32000},
    "llama-2-7b": {"model_type": "llama", "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
                   "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 4096,
                   "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "pretraining_tp": 1,
                   "rms_norm_eps": 1e-05, "rope_scaling": None, "tie_word_embeddings": False, "torch_dtype": "float16",
                   "vocab_size": 32000},
    "llama-2-7b-32k": {"model_type": "llama", "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
                       "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 32768,
                       "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
                       "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "type": "linear"}, "vocab_size": 32000},
    "llama-3.1-8b": {"model_type": "llama", "attention_bias": False, "bos_token_id": 128000,
                     "eos_token_id": [128001, 128008, 128009], "hidden_act": "silu", "hidden_size": 4096,
                     "intermediate_size": 14336, "max_position_embeddings": 131072, "mlp_bias": False,
                     "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
                     "rms_norm_eps": 1e-05, "rope_scaling": LLAMA3, "rope_theta": 500000.0,
                     "tie_word_embeddings": False, "torch_dtype": "bfloat16", "vocab_size": 128256},
    "smollm2-135m": {"model_type": "llama", "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "silu",
                     "hidden_size": 576, "intermediate_size": 1536, "is_llama_config": True,
                     "max_position_embeddings": 8192, "num_attention_heads": 9, "num_hidden_layers": 30,
                     "num_key_value_heads": 3, "rms_norm_eps": 1e-05, "rope_interleaved": False, "rope_scaling": None,
                     "rope_theta": 100000, "tie_word_embeddings": True, "vocab_size": 49152},
    "mistral-7b-v0.1": {"model_type": "mistral", "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
                        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 32768,
                        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
                        "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096,
                        "tie_word_embeddings": False, "vocab_size": 32000},
    "mistral-7b-v0.3": {"model_type": "mistral", "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
                        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 32768,
                        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
                        "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": None, "vocab_size": 32768},
    "mistral-nemo": {"model_type": "mistral", "bos_token_id": 1, "eos_token_id": 2, "head_dim": 128,
                     "hidden_act": "silu", "hidden_size": 5120, "intermediate_size": 14336,
                     "max_position_embeddings": 1024000, "num_attention_heads": 32, "num_hidden_layers": 40,
                     "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": None,
                     "tie_word_embeddings": False, "vocab_size": 131072},
    "qwen2.5-0.5b": {**QWEN, "model_type": "qwen2", "bos_token_id": 151643, "eos_token_id": 151643, "hidden_size": 896,
                     "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 24,
                     "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2,
                     "sliding_window": 32768, "tie_word_embeddings": True, "use_mrope": False, "vocab_size": 151936},
    "qwen2.5-7b-yarn": {**QWEN, "model_type": "qwen2", "bos_token_id": 151643, "eos_token_id": 151645,
                        "hidden_size": 3584, "intermediate_size": 18944, "max_position_embeddings": 32768,
                        "max_window_layers": 28, "num_attention_heads": 28, "num_hidden_layers": 28,
                        "num_key_value_heads": 4, "sliding_window": 131072, "tie_word_embeddings": False,
                        "rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32768, "type": "yarn"},
                        "vocab_size": 152064},
    "qwen2-windowed": {**QWEN, "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864,
                       "max_position_embeddings": 32768, "max_window_layers": 21, "num_attention_heads": 14,
                       "num_hidden_layers": 24, "num_key_value_heads": 2, "sliding_window": 4096,
                       "use_sliding_window": True, "vocab_size": 151936},
    "qwen3-0.6b": {**QWEN, "model_type": "qwen3", "attention_bias": False, "bos_token_id": 151643,
                   "eos_token_id": 151645, "head_dim": 128, "hidden_size": 1024, "intermediate_size": 3072,
                   "max_position_embeddings": 40960, "max_window_layers": 28, "num_attention_heads": 16,
                   "num_hidden_layers": 28, "num_key_value_heads": 8, "rope_scaling": None, "sliding_window": None,
                   "tie_word_embeddings": True, "vocab_size": 151936},
    "qwen3-30b-a3b": {**QWEN, "model_type": "qwen3_moe", "bos_token_id": 151643, "decoder_sparse_step": 1,
                      "eos_token_id": 151645, "head_dim": 128, "hidden_size": 2048, "intermediate_size": 6144,
                      "max_position_embeddings": 40960, "max_window_layers": 48, "mlp_only_layers": [],
                      "moe_intermediate_size": 768, "norm_topk_prob": True, "num_attention_heads": 32,
                      "num_experts": 128, "num_experts_per_tok": 8, "num_hidden_layers": 48, "num_key_value_heads": 4,
                      "sliding_window": None, "vocab_size": 151936},
    "gemma-2b": {"model_type": "gemma", "bos_token_id": 2, "eos_token_id": 1, "head_dim": 256, "hidden_act": "gelu",
                 "hidden_activation": None, "hidden_size": 2048, "intermediate_size": 16384,
                 "max_position_embeddings": 8192, "num_attention_heads": 8, "num_hidden_layers": 18,
                 "num_key_value_heads": 1, "rms_norm_eps": 1e-06, "rope_scaling": None, "rope_theta": 10000.0,
                 "vocab_size": 256000},
    "gemma-2-2b": {"model_type": "gemma2", "attn_logit_softcapping": 50.0, "bos_token_id": 2, "cache_implementation":
                   "hybrid", "eos_token_id": 1, "final_logit_softcapping": 30.0, "head_dim": 256,
                   "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304,
                   "intermediate_size": 9216, "max_position_embeddings": 8192, "num_attention_heads": 8,
                   "num_hidden_layers": 26, "num_key_value_heads": 4, "query_pre_attn_scalar": 256,
                   "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "sliding_window": 4096, "vocab_size": 256000},
    "gemma-3-270m": {"model_type": "gemma3_text", "_sliding_window_pattern": 6, "bos_token_id": 2, "eos_token_id": 1,
                     "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 640,
                     "intermediate_size": 2048, "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 3,
                     "max_position_embeddings": 32768, "num_attention_heads": 4, "num_hidden_layers": 18,
                     "num_key_value_heads": 1, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06,
                     "rope_local_base_freq": 10000.0, "rope_scaling": None, "rope_theta": 1000000.0,
                     "sliding_window": 512, "vocab_size": 262144},
    "gemma-3-1b": {"model_type": "gemma3_text", "attn_logit_softcapping": None, "bos_token_id": 2, "eos_token_id": 1,
                   "final_logit_softcapping": None, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh",
                   "hidden_size": 1152, "intermediate_size": 6912, "max_position_embeddings": 32768,
                   "num_attention_heads": 4, "num_hidden_layers": 26, "num_key_value_heads": 1,
                   "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000,
                   "rope_scaling": None, "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6,
                   "vocab_size": 262144},
    "gemma-3-4b": {"model_type": "gemma3", "boi_token_index": 255999, "eoi_token_index": 256000, "eos_token_id": [1, 106],
                   "image_token_index": 262144, "mm_tokens_per_image": 256,
                   "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                                   "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
                                   "sliding_window": 1024},
                   "torch_dtype": "bfloat16", "vision_config": {"hidden_size": 1152, "model_type": "siglip_vision_model"}},
    "phi-2": {"model_type": "phi", "bos_token_id": 50256, "eos_token_id": 50256, "hidden_act": "gelu_new",
              "hidden_size": 2560, "intermediate_size": 10240, "layer_norm_eps": 1e-05,
              "max_position_embeddings": 2048, "num_attention_heads": 32, "num_hidden_layers": 32,
              "num_key_value_heads": 32, "partial_rotary_factor": 0.4, "qk_layernorm": False, "rope_scaling": None,
              "rope_theta": 10000.0, "tie_word_embeddings": False, "vocab_size": 51200},
    "phi-3-mini-4k": {"model_type": "phi3", "bos_token_id": 1, "eos_token_id": 32000, "hidden_act": "silu",
                      "hidden_size": 3072, "intermediate_size": 8192, "max_position_embeddings": 4096,
                      "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
                      "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "rope_scaling": None,
                      "rope_theta": 10000.0, "sliding_window": 2047, "vocab_size": 32064},
    "phi-3-mini-128k": {"model_type": "phi3", "bos_token_id": 1, "eos_token_id": 32000, "hidden_act": "silu",
                        "hidden_size": 3072, "intermediate_size": 8192, "max_position_embeddings": 131072,
                        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
                        "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-05,
                        "rope_scaling": {"long_factor": LONG, "short_factor": SHORT, "type": "longrope"},
                        "rope_theta": 10000.0, "sliding_window": 262144, "vocab_size": 32064},
    "phi-3-mini-128k-first": {"model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192,
                              "max_position_embeddings": 131072, "num_attention_heads": 32, "num_hidden_layers": 32,
                              "original_max_position_embeddings": 4096,
                              "rope_scaling": {"long_factor": LONG, "short_factor": SHORT, "type": "su"},
                              "vocab_size": 32064},
    "phi-4-mini": {"model_type": "phi3", "bos_token_id": 199999, "eos_token_id": 199999, "hidden_act": "silu",
                   "hidden_size": 3072, "intermediate_size": 8192, "max_position_embeddings": 131072,
                   "num_attention_heads": 24, "num_hidden_layers": 32, "num_key_value_heads": 8,
                   "original_max_position_embeddings": 4096, "partial_rotary_factor": 0.75, "rms_norm_eps": 1e-05,
                   "rope_scaling": {"long_factor": LONG, "short_factor": SHORT, "type": "longrope"},
                   "rope_theta": 10000.0, "sliding_window": 262144, "tie_word_embeddings": True, "vocab_size": 200064},
    "olmo-2-7b": {"model_type": "olmo2", "attention_bias": False, "eos_token_id": 100257, "hidden_act": "silu",
                  "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 4096,
                  "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "rms_norm_eps": 1e-06,
                  "rope_theta": 500000, "tie_word_embeddings": False, "vocab_size": 100352},
    "olmoe-1b-7b": {"model_type": "olmoe", "attention_bias": False, "clip_qkv": None, "eos_token_id": 50279,
                    "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 1024,
                    "max_position_embeddings": 4096, "norm_topk_prob": False, "num_attention_heads": 16,
                    "num_experts": 64, "num_experts_per_tok": 8, "num_hidden_layers": 16, "num_key_value_heads": 16,
                    "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "vocab_size": 50304},
    "mixtral-8x7b": {"model_type": "mixtral", "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
                     "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 32768,
                     "num_attention_heads": 32, "num_experts_per_tok": 2, "num_hidden_layers": 32,
                     "num_key_value_heads": 8, "num_local_experts": 8, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
                     "sliding_window": None, "tie_word_embeddings": False, "vocab_size": 32000},
    "command-r": {"model_type": "cohere", "attention_bias": False, "bos_token_id": 5, "eos_token_id": 255001,
                  "hidden_act": "silu", "hidden_size": 8192, "intermediate_size": 22528, "layer_norm_eps": 1e-05,
                  "logit_scale": 0.0625, "max_position_embeddings": 8192, "model_max_length": 131072,
                  "num_attention_heads": 64, "num_hidden_layers": 40, "num_key_value_heads": 64,
                  "rope_theta": 8000000.0, "vocab_size": 256000},
    "command-r-plus": {"model_type": "cohere", "bos_token_id": 5, "eos_token_id": 255001, "hidden_act": "silu",
                       "hidden_size": 12288, "intermediate_size": 33792, "layer_norm_eps": 1e-05,
                       "logit_scale": 0.8333333333333334, "max_position_embeddings": 8192, "model_max_length": 131072,
                       "num_attention_heads": 96, "num_hidden_layers": 64, "num_key_value_heads": 8,
                       "rope_theta": 75000000.0, "use_qk_norm": True, "vocab_size": 256000},
    "stablelm-2-1.6b": {"model_type": "stablelm", "bos_token_id": 100257, "eos_token_id": 100257, "hidden_act": "silu",
                        "hidden_size": 2048, "intermediate_size": 5632, "layer_norm_eps": 1e-05,
                        "max_position_embeddings": 4096, "num_attention_heads": 32, "num_hidden_layers": 24,
                        "num_key_value_heads": 32, "partial_rotary_factor": 0.25, "rope_theta": 10000,
                        "tie_word_embeddings": False, "use_qkv_bias": True, "vocab_size": 100352},
    "stablelm-2-12b": {"model_type": "stablelm", "bos_token_id": 100257, "eos_token_id": 100257, "hidden_act": "silu",
                       "hidden_size": 5120, "intermediate_size": 13824, "layer_norm_eps": 1e-05,
                       "max_position_embeddings": 4096, "num_attention_heads": 32, "num_hidden_layers": 40,
                       "num_key_value_heads": 8, "qk_layernorm": True, "rope_pct": 0.25, "rotary_scaling_factor": 1.0,
                       "use_parallel_residual": True, "use_qkv_bias": False, "vocab_size": 100352},
    "starcoder2-3b": {"model_type": "starcoder2", "attention_dropout": 0.1, "bos_token_id": 0, "eos_token_id": 0,
                      "hidden_act": "gelu_pytorch_tanh", "hidden_size": 3072, "intermediate_size": 12288,
                      "max_position_embeddings": 16384, "mlp_type": "default", "norm_epsilon": 1e-05,
                      "norm_type": "layer_norm", "num_attention_heads": 24, "num_hidden_layers": 30,
                      "num_key_value_heads": 2, "rope_theta": 999999.4420358813, "sliding_window": 4096,
                      "use_bias": True, "vocab_size": 49152},
    "bert-base-multilingual-cased": {"model_type": "bert", "directionality": "bidi", "hidden_act": "gelu",
                                     "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-12,
                                     "max_position_embeddings": 512, "num_attention_heads": 12,
                                     "num_hidden_layers": 12, "pooler_fc_size": 768, "type_vocab_size": 2,
                                     "vocab_size": 119547},
    "xlm-roberta-base": {"model_type": "xlm-roberta", "bos_token_id": 0, "eos_token_id": 2, "hidden_act": "gelu",
                         "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-05,
                         "max_position_embeddings": 514, "num_attention_heads": 12, "num_hidden_layers": 12,
                         "output_past": True, "pad_token_id": 1, "position_embedding_type": "absolute",
                         "type_vocab_size": 1, "vocab_size": 250002},
}
FAMILIES = ("gpt2 gptj gpt_neox opt xglm bloom falcon mpt llama mistral qwen2 qwen3 gemma gemma2 gemma3_text phi phi3 "
            "olmo2 cohere stablelm starcoder2 mixtral qwen3_moe olmoe bert roberta xlm-roberta").split()
# What a config that says nothing but its family is; and what differs between the layouts and no published one has.
for family in FAMILIES:
    PUBLISHED[f"bare {family}"] = {"model_type": family}
PUBLISHED["qwen3_moe step"] = {"model_type": "qwen3_moe", "num_local_experts": 8, "num_hidden_layers": 6,
                               "decoder_sparse_step": 2, "mlp_only_layers": [3], "use_sliding_window": True,
                               "sliding_window": 64, "max_window_layers": 2}
PUBLISHED["null kv heads"] = {"model_type": "qwen2", "hidden_size": 64, "num_attention_heads": 4,
                              "num_key_value_heads": None}
PUBLISHED["windows off the pattern"] = {"model_type": "gemma2", "num_hidden_layers": 3, "layer_types": [
    "full_attention", "full_attention", "sliding_attention"]}
PUBLISHED["rope by layer type"] = {"model_type": "gemma3_text", "num_hidden_layers": 6, "rope_parameters": {
    "full_attention": {"rope_type": "yarn", "factor": 2.0, "rope_theta": 50000.0,
                       "original_max_position_embeddings": 4096},
    "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}}
DROPPED = {"architectures", "attention_dropout", "hidden_dropout", "initializer_range", "transformers_version",
           "use_cache", "pad_token_id", "return_dict", "output_hidden_states", "output_attentions", "id2label",
           "label2id", "vision_config", "is_encoder_decoder", "chunk_size_feed_forward", "problem_type"}


def five(inv_freq, factor):
    n = len(inv_freq)
    at = [0, n // 4, n // 2, 3 * n // 4, n - 1]
    return [float(f"{x:.9g}") for x in (torch.sin(inv_freq.double()[at]) * factor).tolist()]


def rotaries(config, module):
    if config.model_type == "gptj":
        inverse = 1.0 / 10000 ** (torch.arange(0, config.rotary_dim, 2, dtype=torch.int64) / config.rotary_dim)
        return [{"size": config.rotary_dim, "sines": five(inverse, 1)}]
    classes = [v for k, v in vars(module).items() if k.endswith("RotaryEmbedding")]
    if not classes or getattr(config, "alibi", False):
        return []
    rope = classes[0](config=config)
    out = []
    for prefix in ("", "full_attention_", "sliding_attention_"):
        inverse = getattr(rope, prefix + "inv_freq", None)
        if inverse is not None:
            factor = getattr(rope, prefix + "attention_scaling")
            out.append({"size": 2 * len(inverse), "sines": five(inverse, factor)})
    if config.rope_parameters.get("rope_type") == "longrope":
        inverse, factor = ROPE_INIT_FUNCTIONS["longrope"](config, torch.device("cpu"), seq_len=1 << 20)
        out[0]["long"] = five(inverse, factor)
    return out


def first(model, *names):
    """The first attribute of one of these names in any module."""
    for m in model.modules():
        for n in names:
            if isinstance(getattr(m, n, None), float):
                return getattr(m, n)


def windows(config):
    n = config.num_hidden_layers
    window = getattr(config, "sliding_window", None) or 0
    types = getattr(config, "layer_types", None) or ["sliding_attention"] * n
    runs = itertools.groupby(window if t == "sliding_attention" else 0 for t in types)
    return [[w, len(list(layers))] for w, layers in runs]


ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "relu": "relu", "silu": "silu"}


def activation(config):
    for key in ("activation_function", "activation", "hidden_activation", "hidden_act"):
        if getattr(config, key, None):
            return ACTIVATIONS[getattr(config, key)]
    return {"bloom": "gelu_tanh", "mpt": "gelu"}[config.model_type]


def read(config):
    with torch.device("meta"):
        encoder = config.model_type in ("bert", "roberta", "xlm-roberta")
        model = (AutoModelForMaskedLM if encoder else AutoModelForCausalLM).from_config(config)
    module = importlib.import_module(type(model).__module__)
    heads = config.num_attention_heads
    eos = config.eos_token_id
    return {"layers": config.num_hidden_layers, "width": config.hidden_size, "heads": heads,
            "vocab": config.vocab_size, "parameters": sum(p.numel() for p in {id(p): p for p in model.parameters()}.values()),
            "epsilon": first(model, "variance_epsilon", "eps"), "activation": activation(config),
            "scale": first(model, "scaling", "softmax_scale", "inv_norm_factor"),
            "tied": config.tie_word_embeddings, "windows": windows(config),
            "bos": config.bos_token_id, "eos": eos[0] if isinstance(eos, list) else eos,
            "experts": getattr(config, "num_local_experts", None) or getattr(config, "num_experts", None) or 0,
            "experts_a_token": getattr(config, "num_experts_per_tok", 0), "rotary": rotaries(config, module)}


def line(name, published):
    known = json.loads(json.dumps(published).replace('"su"', '"longrope"'))  # transformers 5.23 fails on the old name
    config = CONFIG_MAPPING[known.pop("model_type")](**known)
    saved = json.loads(json.dumps(config.to_diff_dict()))
    text = config.text_config if "text_config" in published else config
    for d in (saved, saved.get("text_config", {})):
        for key in DROPPED & set(d):
            del d[key]
    return {"name": name, "config": published, "saved": saved, "read": read(text)}


def main():
    path = pathlib.Path(__file__).parent / "configs.jsonl"
    with open(path, "w") as f:
        for name, published in PUBLISHED.items():
            f.write(json.dumps(line(name, published), separators=(",", ":")) + "\n")


main()
