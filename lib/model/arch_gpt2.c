/* GPT-2 (Radford et al. 2019). Its Conv1D layers hold the transpose, [inputs][outputs]. */
#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

#define CONV1D(PLACE, NAME, ROWS, COLS, BLOCK)                                                                \
  { EQ_W_##PLACE, NAME ".weight", EQ_D_##ROWS, EQ_D_##COLS, EQ_LINEAR | BLOCK, EQ_ALWAYS, true, EQ_D_ONE }, { \
    EQ_W_##PLACE##_BIAS, NAME ".bias", EQ_D_ONE, EQ_D_##ROWS, EQ_BIAS | BLOCK, EQ_ALWAYS, false, EQ_D_ONE     \
  }

static const struct eq_slot slots[] = {
  EQ_SLOT(EQ_W_EMBED, "wte.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS),
  EQ_SLOT(EQ_W_POS, "wpe.weight", EQ_D_POSITIONS, EQ_D_WIDTH, EQ_POS, EQ_ALWAYS),
  EQ_NORM_SLOTS(ATTN, "h.%d.ln_1", 0, EQ_ALWAYS),
  CONV1D(QKV, "h.%d.attn.c_attn", QKV, WIDTH, EQ_ATTN),
  CONV1D(ATTN_OUT, "h.%d.attn.c_proj", WIDTH, Q, EQ_ATTN),
  EQ_NORM_SLOTS(MLP, "h.%d.ln_2", 0, EQ_ALWAYS),
  CONV1D(UP, "h.%d.mlp.c_fc", INNER, WIDTH, EQ_MLP),
  CONV1D(DOWN, "h.%d.mlp.c_proj", WIDTH, INNER, EQ_MLP),
  EQ_NORM_SLOTS(FINAL, "ln_f", EQ_FINAL, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS),
};

static void read_gpt2(struct eq_config *c, struct eq_config_reader *r) {
  if (!eq_key_truth(r, "scale_attn_weights", true)) c->attention_scale = 1;
  c->scale_by_layer = eq_key_truth(r, "scale_attn_by_inverse_layer_idx", false);
}

const struct eq_arch eq_arch_gpt2 = {
  .name = "gpt2",
  .defaults = { .layers = 12, .width = 768, .heads = 12, .vocab = 50257, .positions = 1024, EQ_TOKENS(50256, 50256) },
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
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM),
  .read = read_gpt2,
  .prefix = "transformer.",
  .ignored = " attn.bias attn.masked_bias ",
  EQ_SLOTS(slots),
};
