/* BLOOM (BigScience 2022) and Falcon (Almazrouei et al. 2023), whose attention comes from it: queries, keys and values
 * in one matrix by key-value head, ALiBi or rotary positions. */
#include <math.h>
#include <stdlib.h>

#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

/* Slopes of Press et al. 2022 for any number of heads: those of the power of two below, then every other one of the
 * power above, in float32 as transformers has them. */
static void make_slopes(struct eq_config *c, struct eq_config_reader *r) {
  size_t power = 1;
  while (2 * power <= c->n_heads) power *= 2;
  float base = (float)pow(2, -8.0 / (double)power), between = (float)pow(2, -4.0 / (double)power);
  if (!(c->alibi = eq_array(c->n_heads, sizeof *c->alibi))) {
    eq_fail_memory(r->err, c->n_heads * sizeof *c->alibi, "slopes");
    return;
  }
  for (size_t h = 0; h < c->n_heads; h++)
    c->alibi[h] = h < power ? powf(base, (float)(h + 1)) : powf(between, (float)(2 * (h - power) + 1));
}

static const struct eq_slot bloom_slots[] = {
  EQ_SLOT(EQ_W_EMBED, "word_embeddings.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS),
  EQ_NORM_SLOTS(EMBED, "word_embeddings_layernorm", 0, EQ_ALWAYS),
  EQ_NORM_SLOTS(ATTN, "h.%d.input_layernorm", 0, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(QKV, "h.%d.self_attention.query_key_value", QKV, WIDTH, EQ_ATTN, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(ATTN_OUT, "h.%d.self_attention.dense", WIDTH, Q, EQ_ATTN, EQ_ALWAYS),
  EQ_NORM_SLOTS(MLP, "h.%d.post_attention_layernorm", 0, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(UP, "h.%d.mlp.dense_h_to_4h", INNER, WIDTH, EQ_MLP, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(DOWN, "h.%d.mlp.dense_4h_to_h", WIDTH, INNER, EQ_MLP, EQ_ALWAYS),
  EQ_NORM_SLOTS(FINAL, "ln_f", EQ_FINAL, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS),
};

/* Older configs spell the width n_embed and the heads as others do. */
static void read_bloom(struct eq_config *c, struct eq_config_reader *r) {
  c->dims[EQ_D_INNER] = 4 * c->dims[EQ_D_WIDTH];
  make_slopes(c, r);
  if (eq_key_truth(r, "apply_residual_connection_post_layernorm", false))
    eq_key_refuse(r, "apply_residual_connection_post_layernorm", "is true, which is not supported");
}

const struct eq_arch eq_arch_bloom = {
  .name = "bloom",
  .defaults = { .layers = 2, .width = 64, .heads = 8, .vocab = 250880, .positions = 2048, EQ_TOKENS(1, 2) },
  .layers_key = "n_layer",
  .other_layers_key = "num_hidden_layers",
  .other_width_key = "n_embed",
  .heads_key = "n_head",
  .other_heads_key = "num_attention_heads",
  .positions_key = "seq_length",
  .activation_key = "activation", /* no config has it */
  .activation = "gelu_new",
  .epsilon_key = "layer_norm_epsilon",
  .tied_by_default = true,
  .norm = EQ_LAYERNORM,
  .positions = EQ_ALIBI,
  .qkv = EQ_QKV_GROUPED,
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM),
  .read = read_bloom,
  .prefix = "transformer.",
  .ignored = "",
  EQ_SLOTS(bloom_slots),
};

/* Falcon's norms have other names with two of them before a parallel block (40B) than with one (7B), or in a sequential
 * one (RW). */
static const struct eq_slot falcon_slots[] = {
  EQ_SLOT(EQ_W_EMBED, "word_embeddings.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS),
  EQ_SLOT(EQ_W_ATTN_GAIN, "h.%d.input_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, EQ_ONE_NORM),
  EQ_SLOT(EQ_W_ATTN_SHIFT, "h.%d.input_layernorm.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, EQ_ONE_NORM),
  EQ_SLOT(EQ_W_MLP_GAIN, "h.%d.post_attention_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, EQ_SEQUENTIAL),
  EQ_SLOT(EQ_W_MLP_SHIFT, "h.%d.post_attention_layernorm.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, EQ_SEQUENTIAL),
  EQ_SLOT(EQ_W_ATTN_GAIN, "h.%d.ln_attn.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, EQ_TWO_NORMS),
  EQ_SLOT(EQ_W_ATTN_SHIFT, "h.%d.ln_attn.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, EQ_TWO_NORMS),
  EQ_SLOT(EQ_W_MLP_GAIN, "h.%d.ln_mlp.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, EQ_TWO_NORMS),
  EQ_SLOT(EQ_W_MLP_SHIFT, "h.%d.ln_mlp.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, EQ_TWO_NORMS),
  EQ_LINEAR_SLOTS(QKV, "h.%d.self_attention.query_key_value", QKV, WIDTH, EQ_ATTN, EQ_ATTN_BIAS),
  EQ_LINEAR_SLOTS(ATTN_OUT, "h.%d.self_attention.dense", WIDTH, Q, EQ_ATTN, EQ_ATTN_BIAS),
  EQ_LINEAR_SLOTS(UP, "h.%d.mlp.dense_h_to_4h", INNER, WIDTH, EQ_MLP, EQ_ATTN_BIAS),
  EQ_LINEAR_SLOTS(DOWN, "h.%d.mlp.dense_4h_to_h", WIDTH, INNER, EQ_MLP, EQ_ATTN_BIAS),
  EQ_NORM_SLOTS(FINAL, "ln_f", EQ_FINAL, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS),
};

static void read_falcon(struct eq_config *c, struct eq_config_reader *r) {
  bool new = eq_key_truth(r, "new_decoder_architecture", false), multi_query = eq_key_truth(r, "multi_query", true);
  size_t kv_heads = eq_key_size(r, "num_kv_heads", eq_key_size(r, "n_head_kv", c->n_heads));
  size_t norms = eq_key_size(r, "num_ln_in_parallel_attn", new ? 2 : 1);
  c->n_kv_heads = new ? kv_heads : multi_query ? 1 : c->n_heads;
  c->parallel = new || eq_key_truth(r, "parallel_attn", true);
  c->has[EQ_TWO_NORMS] = new &&norms == 2;
  c->has[EQ_ONE_NORM] = !c->has[EQ_TWO_NORMS];
  c->has[EQ_SEQUENTIAL] = !c->parallel;
  c->has[EQ_MLP_NORM] = c->has[EQ_TWO_NORMS] || !c->parallel;
  c->has[EQ_ATTN_BIAS] = eq_key_truth(r, "bias", false);
  if (!eq_key_truth(r, "alibi", false)) return;
  c->positions = EQ_ALIBI;
  c->alibi_in_bf16 = true;
  c->alibi_scale = (float)(1 / sqrt((double)c->head_size)); /* scores and biases are scaled together */
  make_slopes(c, r);
}

const struct eq_arch eq_arch_falcon = {
  .name = "falcon",
  .defaults = { .layers = 32, .width = 4544, .heads = 71, .vocab = 65024, .positions = 2048, EQ_TOKENS(11, 11) },
  .other_layers_key = "n_layer",
  .other_heads_key = "n_head",
  .inner_key = "ffn_hidden_size",
  .activation_key = "activation",
  .activation = "gelu",
  .epsilon_key = "layer_norm_epsilon",
  .tied_by_default = true,
  .norm = EQ_LAYERNORM,
  .positions = EQ_ROTARY,
  .qkv = EQ_QKV_GROUPED,
  .features = EQ_HAS(FINAL_NORM),
  .read = read_falcon,
  .prefix = "transformer.",
  .ignored = " rotary_emb.inv_freq self_attention.bias ",
  EQ_SLOTS(falcon_slots),
};
