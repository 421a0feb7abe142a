/* Gemma 1, 2 and 3 (Gemma Team 2024, 2024, 2025): gains are stored less 1, embeddings scaled by the root of the width;
 * from 2 on norms after attention and MLP too, and windows in most layers; 2 caps scores and logits; 3 normalizes
 * queries and keys and has a second rotary base for the layers with windows. */
#include <math.h>

#include "lib/model/arch_list.h"
#include "lib/model/arch_llama_slots.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

static const struct eq_slot gemma_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_NEVER),
  LLAMA_QKV,
  LLAMA_OUT,
  EQ_NORM_SLOTS(MLP, "layers.%d.post_attention_layernorm", 0, EQ_NEVER),
  LLAMA_MLP,
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_NEVER),
  LLAMA_HEAD,
};

static const struct eq_slot gemma2_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_NEVER),
  LLAMA_QKV,
  LLAMA_GAIN(Q, "layers.%d.self_attn.q_norm.weight", HEAD, EQ_QK_NORM),
  LLAMA_GAIN(K, "layers.%d.self_attn.k_norm.weight", HEAD, EQ_QK_NORM),
  LLAMA_OUT,
  LLAMA_GAIN(ATTN_POST, "layers.%d.post_attention_layernorm.weight", WIDTH, EQ_ALWAYS),
  EQ_NORM_SLOTS(MLP, "layers.%d.pre_feedforward_layernorm", 0, EQ_NEVER),
  LLAMA_MLP,
  LLAMA_GAIN(MLP_POST, "layers.%d.post_feedforward_layernorm.weight", WIDTH, EQ_ALWAYS),
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_NEVER),
  LLAMA_HEAD,
};

static void read_gemma(struct eq_config *c, struct eq_config_reader *r) {
  c->has[EQ_ATTN_BIAS] = c->has[EQ_OUT_BIAS] = eq_key_truth(r, "attention_bias", false);
  c->embed_scale = (float)sqrt((double)c->dims[EQ_D_WIDTH]);
}

/* Soft caps of 0: none. */
static void read_caps_and_windows(struct eq_config *c, struct eq_config_reader *r, double attention_cap,
                                  double logit_cap, size_t full_every) {
  size_t window = eq_key_optional_size(r, "sliding_window", 4096);
  read_gemma(c, r);
  c->attention_scale = 1 / sqrt(eq_key_number(r, "query_pre_attn_scalar", 256, 1e-6, 1e9));
  c->attention_softcap = (float)eq_key_optional_number(r, "attn_logit_softcapping", attention_cap, 1e-6, 1e9);
  c->logit_softcap = (float)eq_key_optional_number(r, "final_logit_softcapping", logit_cap, 1e-6, 1e9);
  if (!eq_config_read_layer_types(c, r, window))
    eq_config_slide(c, window, eq_key_size(r, "sliding_window_pattern", full_every));
  if (eq_key_truth(r, "use_bidirectional_attention", false))
    eq_key_refuse(r, "use_bidirectional_attention", "is true: a model that sees what follows has no surprisal");
}

static void read_gemma2(struct eq_config *c, struct eq_config_reader *r) { read_caps_and_windows(c, r, 50, 30, 2); }

static void read_gemma3(struct eq_config *c, struct eq_config_reader *r) { read_caps_and_windows(c, r, 0, 0, 6); }

#define COMMON                                                                                             \
  LLAMA_COMMON, .activation_key = "hidden_activation", .activation = "gelu_pytorch_tanh", .epsilon = 1e-6, \
                .tied_by_default = true, .norm = EQ_RMSNORM, .gain_offset = 1, .gated = true

const struct eq_arch eq_arch_gemma = { .name = "gemma",
                                       .defaults = { .layers = 28,
                                                     .width = 3072,
                                                     .heads = 16,
                                                     .vocab = 256000,
                                                     .positions = 8192,
                                                     .kv_heads = 16,
                                                     .head_size = 256,
                                                     .inner = 24576,
                                                     EQ_TOKENS(2, 1) },
                                       COMMON,
                                       .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM),
                                       .read = read_gemma,
                                       EQ_SLOTS(gemma_slots) };
const struct eq_arch eq_arch_gemma2 = {
  .name = "gemma2",
  .defaults = { .layers = 26,
                .width = 2304,
                .heads = 8,
                .vocab = 256000,
                .positions = 8192,
                .kv_heads = 4,
                .head_size = 256,
                .inner = 9216,
                EQ_TOKENS(2, 1) },
  COMMON,
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM),
  .read = read_gemma2,
  EQ_SLOTS(gemma2_slots),
};
const struct eq_arch eq_arch_gemma3 = {
  .name = "gemma3_text",
  .defaults = { .layers = 26,
                .width = 2304,
                .heads = 8,
                .vocab = 262208,
                .positions = 131072,
                .kv_heads = 4,
                .head_size = 256,
                .inner = 9216,
                EQ_TOKENS(2, 1) },
  COMMON,
  .rotary_base = 1e6,
  .local_rotary_base = 1e4,
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM) | EQ_HAS(QK_NORM),
  .read = read_gemma3,
  EQ_SLOTS(gemma2_slots),
};
