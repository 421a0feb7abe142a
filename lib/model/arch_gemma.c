/* Gemma 1, 2 and 3 (Gemma Team 2024, 2024, 2025): gains are stored less 1, embeddings scaled by the root of the width;
 * from 2 on norms after attention and MLP too, and windows in most layers; 2 caps scores and logits; 3 normalizes
 * queries and keys and has a second rotary base for the layers with windows. */
#include <math.h>

#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

#define SLOTS_OF_ALL(MLP_GAIN)                                                                                           \
  { EQ_W_EMBED, "embed_tokens.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, false, EQ_ALWAYS },                             \
      { EQ_W_ATTN_GAIN, "layers.%d.input_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false, EQ_ALWAYS },           \
      { EQ_W_Q, "layers.%d.self_attn.q_proj.weight", EQ_D_Q, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, false, EQ_ALWAYS },        \
      { EQ_W_Q_BIAS, "layers.%d.self_attn.q_proj.bias", EQ_D_ONE, EQ_D_Q, EQ_BIAS | EQ_ATTN, false, EQ_ATTN_BIAS },      \
      { EQ_W_K, "layers.%d.self_attn.k_proj.weight", EQ_D_KV, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, false, EQ_ALWAYS },       \
      { EQ_W_K_BIAS, "layers.%d.self_attn.k_proj.bias", EQ_D_ONE, EQ_D_KV, EQ_BIAS | EQ_ATTN, false, EQ_ATTN_BIAS },     \
      { EQ_W_V, "layers.%d.self_attn.v_proj.weight", EQ_D_KV, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, false, EQ_ALWAYS },       \
      { EQ_W_V_BIAS, "layers.%d.self_attn.v_proj.bias", EQ_D_ONE, EQ_D_KV, EQ_BIAS | EQ_ATTN, false, EQ_ATTN_BIAS },     \
      { EQ_W_ATTN_OUT, "layers.%d.self_attn.o_proj.weight", EQ_D_WIDTH, EQ_D_Q, EQ_LINEAR | EQ_ATTN, false, EQ_ALWAYS }, \
      { EQ_W_ATTN_OUT_BIAS, "layers.%d.self_attn.o_proj.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_BIAS | EQ_ATTN, false,           \
        EQ_ATTN_BIAS },                                                                                                  \
      { EQ_W_MLP_GAIN, MLP_GAIN, EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false, EQ_ALWAYS },                                      \
      { EQ_W_GATE, "layers.%d.mlp.gate_proj.weight", EQ_D_INNER, EQ_D_WIDTH, EQ_LINEAR | EQ_MLP, false, EQ_ALWAYS },     \
      { EQ_W_UP, "layers.%d.mlp.up_proj.weight", EQ_D_INNER, EQ_D_WIDTH, EQ_LINEAR | EQ_MLP, false, EQ_ALWAYS },         \
      { EQ_W_DOWN, "layers.%d.mlp.down_proj.weight", EQ_D_WIDTH, EQ_D_INNER, EQ_LINEAR | EQ_MLP, false, EQ_ALWAYS },     \
      { EQ_W_FINAL_GAIN, "norm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_FINAL, false, EQ_ALWAYS }, {                  \
    EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, false, EQ_ALWAYS                                       \
  }

static const struct eq_slot gemma_slots[] = { SLOTS_OF_ALL("layers.%d.post_attention_layernorm.weight") };

static const struct eq_slot gemma2_slots[] = {
  SLOTS_OF_ALL("layers.%d.pre_feedforward_layernorm.weight"),
  { EQ_W_Q_GAIN, "layers.%d.self_attn.q_norm.weight", EQ_D_ONE, EQ_D_HEAD, EQ_NORM, false, EQ_QK_NORM },
  { EQ_W_K_GAIN, "layers.%d.self_attn.k_norm.weight", EQ_D_ONE, EQ_D_HEAD, EQ_NORM, false, EQ_QK_NORM },
  { EQ_W_ATTN_POST_GAIN, "layers.%d.post_attention_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false, EQ_ALWAYS },
  { EQ_W_MLP_POST_GAIN, "layers.%d.post_feedforward_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false,
    EQ_ALWAYS },
};

/* Old configs call the tanh GELU "gelu" in 'hidden_act'; 'hidden_activation' has the last word, and neither the tanh.
 */
static void read_gemma(struct eq_config *c, struct eq_config_reader *r) {
  c->has[EQ_ATTN_BIAS] = eq_key_truth(r, "attention_bias", false);
  c->embed_scale = (float)sqrt((double)c->dims[EQ_D_WIDTH]);
}

static void read_windows(struct eq_config *c, struct eq_config_reader *r, size_t full_every) {
  size_t window = eq_key_optional_size(r, "sliding_window", 4096);
  c->attention_scale = 1 / sqrt(eq_key_number(r, "query_pre_attn_scalar", 256, 1e-6, 1e9));
  c->attention_softcap = (float)eq_key_optional_number(r, "attn_logit_softcapping", c->attention_softcap, 1e-6, 1e9);
  c->logit_softcap = (float)eq_key_optional_number(r, "final_logit_softcapping", c->logit_softcap, 1e-6, 1e9);
  if (!eq_config_read_layer_types(c, r, window))
    eq_config_slide(c, window, eq_key_size(r, "sliding_window_pattern", full_every));
  if (eq_key_truth(r, "use_bidirectional_attention", false))
    eq_key_refuse(r, "use_bidirectional_attention", "models that see the whole text have no surprisal");
}

static void read_gemma2(struct eq_config *c, struct eq_config_reader *r) {
  read_gemma(c, r);
  c->attention_softcap = 50;
  c->logit_softcap = 30;
  read_windows(c, r, 2);
}

static void read_gemma3(struct eq_config *c, struct eq_config_reader *r) {
  read_gemma(c, r);
  read_windows(c, r, 6);
}

#define COMMON                                                                                                        \
  .activation_key = "hidden_activation", .activation = "gelu_pytorch_tanh", .epsilon = 1e-6, .tied_by_default = true, \
  .kv_heads_key = "num_key_value_heads", .norm = EQ_RMSNORM, .gain_offset = 1, .positions = EQ_ROTARY, .gated = true, \
  .prefix = "model.", .ignored = " rotary_emb.inv_freq "

const struct eq_arch eq_arch_gemma = {
  .name = "gemma", COMMON, .features = 1 << EQ_MLP_NORM | 1 << EQ_FINAL_NORM, .read = read_gemma, EQ_SLOTS(gemma_slots)
};
const struct eq_arch eq_arch_gemma2 = { .name = "gemma2",
                                        COMMON,
                                        .features = 1 << EQ_MLP_NORM | 1 << EQ_FINAL_NORM,
                                        .read = read_gemma2,
                                        EQ_SLOTS(gemma2_slots) };
const struct eq_arch eq_arch_gemma3 = {
  .name = "gemma3_text",
  COMMON,
  .rotary_base = 1e6,
  .local_rotary_base = 1e4,
  .features = 1 << EQ_MLP_NORM | 1 << EQ_FINAL_NORM | 1 << EQ_QK_NORM,
  .read = read_gemma3,
  EQ_SLOTS(gemma2_slots),
};
