/* GPT-NeoX and Pythia (Black et al. 2022; Biderman et al. 2023). */
#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

static const struct eq_slot slots[] = {
  { EQ_W_EMBED, "embed_in.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, false, EQ_ALWAYS },
  { EQ_W_ATTN_GAIN, "layers.%d.input_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false, EQ_ALWAYS },
  { EQ_W_ATTN_SHIFT, "layers.%d.input_layernorm.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, false, EQ_ALWAYS },
  { EQ_W_QKV, "layers.%d.attention.query_key_value.weight", EQ_D_QKV, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, false,
    EQ_ALWAYS },
  { EQ_W_QKV_BIAS, "layers.%d.attention.query_key_value.bias", EQ_D_ONE, EQ_D_QKV, EQ_BIAS | EQ_ATTN, false,
    EQ_ATTN_BIAS },
  { EQ_W_ATTN_OUT, "layers.%d.attention.dense.weight", EQ_D_WIDTH, EQ_D_Q, EQ_LINEAR | EQ_ATTN, false, EQ_ALWAYS },
  { EQ_W_ATTN_OUT_BIAS, "layers.%d.attention.dense.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_BIAS | EQ_ATTN, false,
    EQ_ATTN_BIAS },
  { EQ_W_MLP_GAIN, "layers.%d.post_attention_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false, EQ_ALWAYS },
  { EQ_W_MLP_SHIFT, "layers.%d.post_attention_layernorm.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, false,
    EQ_ALWAYS },
  { EQ_W_UP, "layers.%d.mlp.dense_h_to_4h.weight", EQ_D_INNER, EQ_D_WIDTH, EQ_LINEAR | EQ_MLP, false, EQ_ALWAYS },
  { EQ_W_UP_BIAS, "layers.%d.mlp.dense_h_to_4h.bias", EQ_D_ONE, EQ_D_INNER, EQ_BIAS | EQ_MLP, false, EQ_ALWAYS },
  { EQ_W_DOWN, "layers.%d.mlp.dense_4h_to_h.weight", EQ_D_WIDTH, EQ_D_INNER, EQ_LINEAR | EQ_MLP, false, EQ_ALWAYS },
  { EQ_W_DOWN_BIAS, "layers.%d.mlp.dense_4h_to_h.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_BIAS | EQ_MLP, false, EQ_ALWAYS },
  { EQ_W_FINAL_GAIN, "final_layer_norm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_FINAL, false, EQ_ALWAYS },
  { EQ_W_FINAL_SHIFT, "final_layer_norm.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS | EQ_FINAL, false, EQ_ALWAYS },
  { EQ_W_HEAD, "embed_out.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, false, EQ_ALWAYS },
};

static void read_neox(struct eq_config *c, struct eq_config_reader *r) {
  c->parallel = eq_key_truth(r, "use_parallel_residual", true);
  c->has[EQ_ATTN_BIAS] = eq_key_truth(r, "attention_bias", true);
}

const struct eq_arch eq_arch_gpt_neox = {
  .name = "gpt_neox",
  .epsilon_key = "layer_norm_eps",
  .activation = "gelu",
  .norm = EQ_LAYERNORM,
  .positions = EQ_ROTARY,
  .rotary_share = 0.25,
  .qkv = EQ_QKV_GROUPED,
  .features = 1 << EQ_MLP_NORM | 1 << EQ_FINAL_NORM,
  .read = read_neox,
  .prefix = "gpt_neox.",
  .ignored = " attention.bias attention.masked_bias rotary_emb.inv_freq ",
  EQ_SLOTS(slots),
};
