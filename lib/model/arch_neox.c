/* GPT-NeoX and Pythia (Black et al. 2022; Biderman et al. 2023). */
#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

static const struct eq_slot slots[] = {
  EQ_SLOT(EQ_W_EMBED, "embed_in.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS),
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(QKV, "layers.%d.attention.query_key_value", QKV, WIDTH, EQ_ATTN, EQ_ATTN_BIAS),
  EQ_LINEAR_SLOTS(ATTN_OUT, "layers.%d.attention.dense", WIDTH, Q, EQ_ATTN, EQ_ATTN_BIAS),
  EQ_NORM_SLOTS(MLP, "layers.%d.post_attention_layernorm", 0, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(UP, "layers.%d.mlp.dense_h_to_4h", INNER, WIDTH, EQ_MLP, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(DOWN, "layers.%d.mlp.dense_4h_to_h", WIDTH, INNER, EQ_MLP, EQ_ALWAYS),
  EQ_NORM_SLOTS(FINAL, "final_layer_norm", EQ_FINAL, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD, "embed_out.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS),
};

static void read_neox(struct eq_config *c, struct eq_config_reader *r) {
  c->parallel = eq_key_truth(r, "use_parallel_residual", true);
  c->has[EQ_ATTN_BIAS] = eq_key_truth(r, "attention_bias", true);
}

const struct eq_arch eq_arch_gpt_neox = {
  .name = "gpt_neox",
  .defaults = { .layers = 44,
                .width = 6144,
                .heads = 64,
                .vocab = 50432,
                .positions = 2048,
                .inner = 24576,
                EQ_TOKENS(0, 2) },
  .epsilon_key = "layer_norm_eps",
  .activation = "gelu",
  .norm = EQ_LAYERNORM,
  .positions = EQ_ROTARY,
  .rotary_share = 0.25,
  .qkv = EQ_QKV_GROUPED,
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM),
  .read = read_neox,
  .prefix = "gpt_neox.",
  .ignored = " attention.bias attention.masked_bias rotary_emb.inv_freq ",
  EQ_SLOTS(slots),
};
