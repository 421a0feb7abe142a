/* Llama (Touvron et al. 2023) and the families whose blocks are its own but for a few tensors: Mistral (Jiang et al.
 * 2023), Qwen 2 and 3 (Yang et al. 2024, 2025). SmolLM 1 and 2 call themselves Llama. */
#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

static const struct eq_slot slots[] = {
  { EQ_W_EMBED, "embed_tokens.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, false, EQ_ALWAYS },
  { EQ_W_ATTN_GAIN, "layers.%d.input_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false, EQ_ALWAYS },
  { EQ_W_Q, "layers.%d.self_attn.q_proj.weight", EQ_D_Q, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, false, EQ_ALWAYS },
  { EQ_W_Q_BIAS, "layers.%d.self_attn.q_proj.bias", EQ_D_ONE, EQ_D_Q, EQ_BIAS | EQ_ATTN, false, EQ_ATTN_BIAS },
  { EQ_W_K, "layers.%d.self_attn.k_proj.weight", EQ_D_KV, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, false, EQ_ALWAYS },
  { EQ_W_K_BIAS, "layers.%d.self_attn.k_proj.bias", EQ_D_ONE, EQ_D_KV, EQ_BIAS | EQ_ATTN, false, EQ_ATTN_BIAS },
  { EQ_W_V, "layers.%d.self_attn.v_proj.weight", EQ_D_KV, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, false, EQ_ALWAYS },
  { EQ_W_V_BIAS, "layers.%d.self_attn.v_proj.bias", EQ_D_ONE, EQ_D_KV, EQ_BIAS | EQ_ATTN, false, EQ_ATTN_BIAS },
  { EQ_W_Q_GAIN, "layers.%d.self_attn.q_norm.weight", EQ_D_ONE, EQ_D_HEAD, EQ_NORM, false, EQ_QK_NORM },
  { EQ_W_K_GAIN, "layers.%d.self_attn.k_norm.weight", EQ_D_ONE, EQ_D_HEAD, EQ_NORM, false, EQ_QK_NORM },
  { EQ_W_ATTN_OUT, "layers.%d.self_attn.o_proj.weight", EQ_D_WIDTH, EQ_D_Q, EQ_LINEAR | EQ_ATTN, false, EQ_ALWAYS },
  { EQ_W_ATTN_OUT_BIAS, "layers.%d.self_attn.o_proj.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_BIAS | EQ_ATTN, false,
    EQ_OUT_BIAS },
  { EQ_W_MLP_GAIN, "layers.%d.post_attention_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false, EQ_ALWAYS },
  { EQ_W_GATE, "layers.%d.mlp.gate_proj.weight", EQ_D_INNER, EQ_D_WIDTH, EQ_LINEAR | EQ_MLP, false, EQ_ALWAYS },
  { EQ_W_GATE_BIAS, "layers.%d.mlp.gate_proj.bias", EQ_D_ONE, EQ_D_INNER, EQ_BIAS | EQ_MLP, false, EQ_MLP_BIAS },
  { EQ_W_UP, "layers.%d.mlp.up_proj.weight", EQ_D_INNER, EQ_D_WIDTH, EQ_LINEAR | EQ_MLP, false, EQ_ALWAYS },
  { EQ_W_UP_BIAS, "layers.%d.mlp.up_proj.bias", EQ_D_ONE, EQ_D_INNER, EQ_BIAS | EQ_MLP, false, EQ_MLP_BIAS },
  { EQ_W_DOWN, "layers.%d.mlp.down_proj.weight", EQ_D_WIDTH, EQ_D_INNER, EQ_LINEAR | EQ_MLP, false, EQ_ALWAYS },
  { EQ_W_DOWN_BIAS, "layers.%d.mlp.down_proj.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_BIAS | EQ_MLP, false, EQ_MLP_BIAS },
  { EQ_W_FINAL_GAIN, "norm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_FINAL, false, EQ_ALWAYS },
  { EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, false, EQ_ALWAYS },
};

static void read_llama(struct eq_config *c, struct eq_config_reader *r) {
  c->has[EQ_ATTN_BIAS] = c->has[EQ_OUT_BIAS] = eq_key_truth(r, "attention_bias", false);
  c->has[EQ_MLP_BIAS] = eq_key_truth(r, "mlp_bias", false);
}

static void read_mistral(struct eq_config *c, struct eq_config_reader *r) {
  size_t window = eq_key_optional_size(r, "sliding_window", 4096);
  if (!eq_config_read_layer_types(c, r, window)) eq_config_slide(c, window, 0);
}

/* The window counts only when it is asked for, and then not in the first max_window_layers. */
static void read_window(struct eq_config *c, struct eq_config_reader *r) {
  bool used = eq_key_truth(r, "use_sliding_window", false);
  size_t window = used ? eq_key_optional_size(r, "sliding_window", 4096) : 0;
  size_t from = (size_t)eq_key_number(r, "max_window_layers", 28, 0, EQ_LAYERS_MAX);
  if (eq_config_read_layer_types(c, r, window)) return;
  eq_config_slide(c, window, 0);
  for (size_t l = 0; l < c->n_layers && l < from; l++) c->layers[l].window = 0;
}

static void read_qwen3(struct eq_config *c, struct eq_config_reader *r) {
  c->has[EQ_ATTN_BIAS] = c->has[EQ_OUT_BIAS] = eq_key_truth(r, "attention_bias", false);
  read_window(c, r);
}

#define COMMON                                                                                      \
  .kv_heads_key = "num_key_value_heads", .norm = EQ_RMSNORM, .positions = EQ_ROTARY, .gated = true, \
  .prefix = "model.", .ignored = " rotary_emb.inv_freq ", EQ_SLOTS(slots)

const struct eq_arch eq_arch_llama = {
  .name = "llama", COMMON, .epsilon = 1e-6, .features = 1 << EQ_MLP_NORM | 1 << EQ_FINAL_NORM, .read = read_llama
};
const struct eq_arch eq_arch_mistral = {
  .name = "mistral", COMMON, .epsilon = 1e-6, .features = 1 << EQ_MLP_NORM | 1 << EQ_FINAL_NORM, .read = read_mistral
};
const struct eq_arch eq_arch_qwen2 = { .name = "qwen2",
                                       COMMON,
                                       .epsilon = 1e-6,
                                       .features = 1 << EQ_MLP_NORM | 1 << EQ_FINAL_NORM | 1 << EQ_ATTN_BIAS,
                                       .read = read_window };
const struct eq_arch eq_arch_qwen3 = { .name = "qwen3",
                                       COMMON,
                                       .epsilon = 1e-6,
                                       .features = 1 << EQ_MLP_NORM | 1 << EQ_FINAL_NORM | 1 << EQ_QK_NORM,
                                       .read = read_qwen3 };
