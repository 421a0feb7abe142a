#include "lib/model/arch.h"

#include <string.h>

/* GPT-2 (Radford et al. 2019). Its Conv1D layers hold the transpose, [inputs][outputs]. */
static const struct eq_slot gpt2_slots[] = {
  { EQ_W_EMBED, "wte.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, false },
  { EQ_W_POS, "wpe.weight", EQ_D_POSITIONS, EQ_D_WIDTH, EQ_POS, false },
  { EQ_W_ATTN_GAIN, "h.%d.ln_1.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false },
  { EQ_W_ATTN_SHIFT, "h.%d.ln_1.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, false },
  { EQ_W_QKV, "h.%d.attn.c_attn.weight", EQ_D_QKV, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, true },
  { EQ_W_QKV_BIAS, "h.%d.attn.c_attn.bias", EQ_D_ONE, EQ_D_QKV, EQ_BIAS | EQ_ATTN, false },
  { EQ_W_ATTN_OUT, "h.%d.attn.c_proj.weight", EQ_D_WIDTH, EQ_D_WIDTH, EQ_LINEAR | EQ_ATTN, true },
  { EQ_W_ATTN_OUT_BIAS, "h.%d.attn.c_proj.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_BIAS | EQ_ATTN, false },
  { EQ_W_MLP_GAIN, "h.%d.ln_2.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, false },
  { EQ_W_MLP_SHIFT, "h.%d.ln_2.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS, false },
  { EQ_W_UP, "h.%d.mlp.c_fc.weight", EQ_D_INNER, EQ_D_WIDTH, EQ_LINEAR | EQ_MLP, true },
  { EQ_W_UP_BIAS, "h.%d.mlp.c_fc.bias", EQ_D_ONE, EQ_D_INNER, EQ_BIAS | EQ_MLP, false },
  { EQ_W_DOWN, "h.%d.mlp.c_proj.weight", EQ_D_WIDTH, EQ_D_INNER, EQ_LINEAR | EQ_MLP, true },
  { EQ_W_DOWN_BIAS, "h.%d.mlp.c_proj.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_BIAS | EQ_MLP, false },
  { EQ_W_FINAL_GAIN, "ln_f.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_FINAL, false },
  { EQ_W_FINAL_SHIFT, "ln_f.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS | EQ_FINAL, false },
  { EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, false },
};

#define SLOTS(TABLE) TABLE, sizeof TABLE / sizeof *TABLE

static const struct eq_arch arches[] = {
  { "gpt2", "n_layer", "n_embd", "n_head", "n_inner", "n_positions", "activation_function", "layer_norm_epsilon", true,
    "transformer.", " attn.bias attn.masked_bias ", SLOTS(gpt2_slots) },
};
enum { N_ARCHES = sizeof arches / sizeof *arches };

const struct eq_arch *eq_arch_find(const char *name) {
  for (size_t i = 0; i < N_ARCHES; i++)
    if (strcmp(arches[i].name, name) == 0) return &arches[i];
  return NULL;
}

void eq_arch_names(struct eq_buffer *out) {
  for (size_t i = 0; i < N_ARCHES; i++) eq_buffer_format(out, "%s%s", i ? ", " : "", arches[i].name);
}
