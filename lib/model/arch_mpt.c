/* MPT (MosaicML 2023): ALiBi, no biases anywhere. */
#include <math.h>
#include <stdlib.h>

#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

static const struct eq_slot slots[] = {
  EQ_SLOT(EQ_W_EMBED, "wte.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS),
  EQ_NORM_SLOTS(ATTN, "blocks.%d.norm_1", 0, EQ_NEVER),
  EQ_LINEAR_SLOTS(QKV, "blocks.%d.attn.Wqkv", QKV, WIDTH, EQ_ATTN, EQ_NEVER),
  EQ_LINEAR_SLOTS(ATTN_OUT, "blocks.%d.attn.out_proj", WIDTH, Q, EQ_ATTN, EQ_NEVER),
  EQ_NORM_SLOTS(MLP, "blocks.%d.norm_2", 0, EQ_NEVER),
  EQ_LINEAR_SLOTS(UP, "blocks.%d.ffn.up_proj", INNER, WIDTH, EQ_MLP, EQ_NEVER),
  EQ_LINEAR_SLOTS(DOWN, "blocks.%d.ffn.down_proj", WIDTH, INNER, EQ_MLP, EQ_NEVER),
  EQ_NORM_SLOTS(FINAL, "norm_f", EQ_FINAL, EQ_NEVER),
  EQ_SLOT(EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS),
};

/* Slopes 2^(-bias_max i / n) for the power of two n that is not below the heads; where it is above, every other one
 * from the second on comes first. transformers has 8 whatever alibi_bias_max says; StoryWriter was trained with 16, and
 * MosaicML's own code and llama.cpp take what the config says, as we do. */
static void make_slopes(struct eq_config *c, struct eq_config_reader *r, double bias_max) {
  size_t power = 1;
  while (power < c->n_heads) power *= 2;
  if (!(c->alibi = eq_array(c->n_heads, sizeof *c->alibi))) {
    eq_fail_memory(r->err, c->n_heads * sizeof *c->alibi, "slopes");
    return;
  }
  for (size_t h = 0; h < c->n_heads; h++) {
    size_t i = power == c->n_heads ? h : h < power / 2 ? 2 * h + 1 : 2 * (h - power / 2);
    c->alibi[h] = 1 / powf(2, (float)(i + 1) * (float)(bias_max / (double)power));
  }
}

static void read_mpt(struct eq_config *c, struct eq_config_reader *r) {
  struct eq_config_reader attn = eq_key_object(r, "attn_config");
  double scale = eq_key_number(&attn, "softmax_scale", 0, 0, 1e6);
  c->dims[EQ_D_INNER] = 4 * c->dims[EQ_D_WIDTH]; /* transformers has no other, whatever expansion_ratio says */
  if (eq_key_number(r, "expansion_ratio", 4, 0, 1e6) != 4)
    eq_key_refuse(r, "expansion_ratio", "is not 4, which transformers does not support either");
  c->qkv_clip = (float)eq_key_optional_number(&attn, "clip_qkv", 0, 0, 1e9);
  if (scale > 0) c->attention_scale = scale;
  if (eq_key_truth(&attn, "qk_ln", false)) eq_key_refuse(&attn, "qk_ln", "is true, which is not supported");
  if (!eq_key_truth(r, "no_bias", true)) eq_key_refuse(r, "no_bias", "is false, which is not supported");
  if (eq_key_truth(&attn, "alibi", true))
    make_slopes(c, r, eq_key_number(&attn, "alibi_bias_max", 8, 1e-6, 1e6));
  else
    eq_key_refuse(&attn, "alibi", "is false: learned positions of MPT are not supported");
}

const struct eq_arch eq_arch_mpt = {
  .name = "mpt",
  .defaults = { .layers = 24, .width = 2048, .heads = 16, .vocab = 50368, .positions = 2048 },
  .layers_key = "n_layers",
  .width_key = "d_model",
  .heads_key = "n_heads",
  .positions_key = "max_seq_len",
  .activation_key = "activation", /* no config has it */
  .activation = "gelu",
  .epsilon_key = "layer_norm_epsilon",
  .tied_by_default = true,
  .norm = EQ_LAYERNORM,
  .positions = EQ_ALIBI,
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM),
  .read = read_mpt,
  .prefix = "transformer.",
  .ignored = "",
  EQ_SLOTS(slots),
};
