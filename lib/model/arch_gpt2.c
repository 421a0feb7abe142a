/* GPT-2 (Radford et al. 2019). Its Conv1D layers hold the transpose, [inputs][outputs]. */
#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

static const struct eq_slot gpt2_slots[] = {
  { EQ_W_EMBED, "wte.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, false, EQ_ALWAYS },
  { EQ_W_POS, "wpe.weight", EQ_D_POSITIONS, EQ_D_WIDTH, EQ_POS, false, EQ_ALWAYS },
  { EQ_W_ATTN_GAIN, "h.%d.ln_1.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false, EQ_ALWAYS },
  { EQ_W_ATTN_SHIFT, "h.%d.ln_1.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, false, EQ_ALWAYS },
  { EQ_W_QKV, "h.%d.attn.c_attn.weight", EQ_D_QKV, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, true, EQ_ALWAYS },
  { EQ_W_QKV_BIAS, "h.%d.attn.c_attn.bias", EQ_D_ONE, EQ_D_QKV, EQ_BIAS | EQ_ATTN, false, EQ_ALWAYS },
  { EQ_W_ATTN_OUT, "h.%d.attn.c_proj.weight", EQ_D_WIDTH, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, true, EQ_ALWAYS },
  { EQ_W_ATTN_OUT_BIAS, "h.%d.attn.c_proj.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_BIAS | EQ_ATTN, false, EQ_ALWAYS },
  { EQ_W_MLP_GAIN, "h.%d.ln_2.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false, EQ_ALWAYS },
  { EQ_W_MLP_SHIFT, "h.%d.ln_2.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, false, EQ_ALWAYS },
  { EQ_W_UP, "h.%d.mlp.c_fc.weight", EQ_D_INNER, EQ_D_WIDTH, EQ_LINEAR | EQ_MLP, true, EQ_ALWAYS },
  { EQ_W_UP_BIAS, "h.%d.mlp.c_fc.bias", EQ_D_ONE, EQ_D_INNER, EQ_BIAS | EQ_MLP, false, EQ_ALWAYS },
  { EQ_W_DOWN, "h.%d.mlp.c_proj.weight", EQ_D_WIDTH, EQ_D_INNER, EQ_LINEAR | EQ_MLP, true, EQ_ALWAYS },
  { EQ_W_DOWN_BIAS, "h.%d.mlp.c_proj.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_BIAS | EQ_MLP, false, EQ_ALWAYS },
  { EQ_W_FINAL_GAIN, "ln_f.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_FINAL, false, EQ_ALWAYS },
  { EQ_W_FINAL_SHIFT, "ln_f.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS | EQ_FINAL, false, EQ_ALWAYS },
  { EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, false, EQ_ALWAYS },
};

static void read_gpt2(struct eq_config *c, struct eq_config_reader *r) {
  if (!eq_key_truth(r, "scale_attn_weights", true)) c->attention_scale = 1;
  c->scale_by_layer = eq_key_truth(r, "scale_attn_by_inverse_layer_idx", false);
}

const struct eq_arch eq_arch_gpt2 = {
  .name = "gpt2",
  .layers_key = "n_layer",
  .width_key = "n_embd",
  .heads_key = "n_head",
  .inner_key = "n_inner",
  .positions_key = "n_positions",
  .activation_key = "activation_function",
  .activation = "gelu_new",
  .epsilon_key = "layer_norm_epsilon",
  .tied_by_default = true,
  .norm = EQ_LAYERNORM,
  .positions = EQ_LEARNED,
  .features = 1 << EQ_MLP_NORM | 1 << EQ_FINAL_NORM,
  .read = read_gpt2,
  .prefix = "transformer.",
  .ignored = " attn.bias attn.masked_bias ",
  EQ_SLOTS(gpt2_slots),
};
