/* GPT-J (Wang and Komatsuzaki 2021): attention and MLP side by side behind one norm, rotary pairs that are neighbours.
 */
#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

static const struct eq_slot slots[] = {
  EQ_SLOT(EQ_W_EMBED, "wte.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS),
  EQ_NORM_SLOTS(ATTN, "h.%d.ln_1", 0, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(Q, "h.%d.attn.q_proj", Q, WIDTH, EQ_ATTN, EQ_NEVER),
  EQ_LINEAR_SLOTS(K, "h.%d.attn.k_proj", KV, WIDTH, EQ_ATTN, EQ_NEVER),
  EQ_LINEAR_SLOTS(V, "h.%d.attn.v_proj", KV, WIDTH, EQ_ATTN, EQ_NEVER),
  EQ_LINEAR_SLOTS(ATTN_OUT, "h.%d.attn.out_proj", WIDTH, Q, EQ_ATTN, EQ_NEVER),
  EQ_LINEAR_SLOTS(UP, "h.%d.mlp.fc_in", INNER, WIDTH, EQ_MLP, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(DOWN, "h.%d.mlp.fc_out", WIDTH, INNER, EQ_MLP, EQ_ALWAYS),
  EQ_NORM_SLOTS(FINAL, "ln_f", EQ_FINAL, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD_BIAS, "lm_head.bias", EQ_D_ONE, EQ_D_VOCAB, EQ_HEAD | EQ_BIAS, EQ_ALWAYS),
};

static void read_gptj(struct eq_config *c, struct eq_config_reader *r) {
  size_t size = eq_key_optional_size(r, "rotary_dim", 64);
  if (size > c->head_size || size % 2)
    eq_key_refuse(r, "rotary_dim", "expected an even number, at most the size of a head");
  else if (size)
    c->rotary[0].size = size;
}

const struct eq_arch eq_arch_gptj = {
  .name = "gptj",
  .defaults = { .layers = 28, .width = 4096, .heads = 16, .vocab = 50400, .positions = 2048, EQ_TOKENS(50256, 50256) },
  .layers_key = "n_layer",
  .width_key = "n_embd",
  .heads_key = "n_head",
  .inner_key = "n_inner",
  .positions_key = "n_positions",
  .activation_key = "activation_function",
  .activation = "gelu_new",
  .epsilon_key = "layer_norm_epsilon",
  .norm = EQ_LAYERNORM,
  .positions = EQ_ROTARY,
  .interleaved = true,
  .parallel = true,
  .features = EQ_HAS(FINAL_NORM),
  .read = read_gptj,
  .prefix = "transformer.",
  .ignored = " attn.bias attn.masked_bias ",
  EQ_SLOTS(slots),
};
