/* OPT (Zhang et al. 2022), and XGLM (Lin et al. 2022), its multilingual cousin from the same code: sinusoids in place
 * of learned positions. Positions of both begin at 2. OPT-350M normalizes after the sublayers, and its embeddings are
 * narrower than its hidden states. */
#include <math.h>

#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

#define LAYERS                                                                                    \
  EQ_NORM_SLOTS(ATTN, "layers.%d.self_attn_layer_norm", 0, EQ_NORM_SHIFT),                        \
      EQ_LINEAR_SLOTS(Q, "layers.%d.self_attn.q_proj", Q, WIDTH, EQ_ATTN, EQ_ATTN_BIAS),          \
      EQ_LINEAR_SLOTS(K, "layers.%d.self_attn.k_proj", KV, WIDTH, EQ_ATTN, EQ_ATTN_BIAS),         \
      EQ_LINEAR_SLOTS(V, "layers.%d.self_attn.v_proj", KV, WIDTH, EQ_ATTN, EQ_ATTN_BIAS),         \
      EQ_LINEAR_SLOTS(ATTN_OUT, "layers.%d.self_attn.out_proj", WIDTH, Q, EQ_ATTN, EQ_ATTN_BIAS), \
      EQ_NORM_SLOTS(MLP, "layers.%d.final_layer_norm", 0, EQ_NORM_SHIFT),                         \
      EQ_LINEAR_SLOTS(UP, "layers.%d.fc1", INNER, WIDTH, EQ_MLP, EQ_MLP_BIAS),                    \
      EQ_LINEAR_SLOTS(DOWN, "layers.%d.fc2", WIDTH, INNER, EQ_MLP, EQ_MLP_BIAS)
#define COMMON                                                                                                    \
  .activation_key = "activation_function", .inner_key = "ffn_dim", .tied_by_default = true, .norm = EQ_LAYERNORM, \
  .position_offset = 2

static const struct eq_slot opt_slots[] = {
  EQ_SLOT(EQ_W_EMBED, "embed_tokens.weight", EQ_D_VOCAB, EQ_D_EMBED, EQ_EMBED, EQ_ALWAYS),
  EQ_SLOT(EQ_W_POS, "embed_positions.weight", EQ_D_POSITIONS, EQ_D_WIDTH, EQ_POS, EQ_ALWAYS),
  EQ_SLOT(EQ_W_PROJECT_IN, "project_in.weight", EQ_D_WIDTH, EQ_D_EMBED, EQ_EMBED, EQ_PROJECTED),
  LAYERS,
  EQ_SLOT(EQ_W_FINAL_GAIN, "final_layer_norm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_FINAL, EQ_FINAL_NORM),
  EQ_SLOT(EQ_W_FINAL_SHIFT, "final_layer_norm.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS | EQ_FINAL, EQ_FINAL_NORM),
  EQ_SLOT(EQ_W_PROJECT_OUT, "project_out.weight", EQ_D_EMBED, EQ_D_WIDTH, EQ_HEAD, EQ_PROJECTED),
  EQ_SLOT(EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_EMBED, EQ_HEAD, EQ_ALWAYS),
};

static void read_opt(struct eq_config *c, struct eq_config_reader *r) {
  bool before = eq_key_truth(r, "do_layer_norm_before", true);
  c->dims[EQ_D_EMBED] = eq_key_size(r, "word_embed_proj_dim", c->dims[EQ_D_WIDTH]);
  c->has[EQ_PROJECTED] = c->dims[EQ_D_EMBED] != c->dims[EQ_D_WIDTH];
  c->norm_place = before ? EQ_NORM_BEFORE : EQ_NORM_AFTER;
  c->has[EQ_FINAL_NORM] = before && !eq_key_truth(r, "_remove_final_layer_norm", false);
  c->has[EQ_ATTN_BIAS] = c->has[EQ_MLP_BIAS] = eq_key_truth(r, "enable_bias", true);
  if (!eq_key_truth(r, "layer_norm_elementwise_affine", true))
    eq_key_refuse(r, "layer_norm_elementwise_affine", "norms without gains are not supported");
}

const struct eq_arch eq_arch_opt = {
  .name = "opt",
  .defaults = { .layers = 12,
                .width = 768,
                .heads = 12,
                .vocab = 50272,
                .positions = 2048,
                .inner = 3072,
                EQ_TOKENS(2, 2) },
  COMMON,
  .activation = "relu",
  .epsilon_key = "layer_norm_eps", /* no config has it: 1e-5 */
  .positions = EQ_LEARNED,
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(NORM_SHIFT),
  .read = read_opt,
  .prefix = "model.decoder.",
  .other_prefix = "decoder.",
  .ignored = "",
  EQ_SLOTS(opt_slots),
};

static const struct eq_slot xglm_slots[] = {
  EQ_SLOT(EQ_W_EMBED, "embed_tokens.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS),
  LAYERS,
  EQ_NORM_SLOTS(FINAL, "layer_norm", EQ_FINAL, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS),
};

static void read_xglm(struct eq_config *c, struct eq_config_reader *r) {
  if (c->dims[EQ_D_WIDTH] % 2 || c->dims[EQ_D_WIDTH] < 4)
    eq_key_refuse(r, "d_model", "expected an even number of at least 4, for sines and cosines");
  if (eq_key_truth(r, "scale_embedding", true)) c->embed_scale = (float)sqrt((double)c->dims[EQ_D_WIDTH]);
}

const struct eq_arch eq_arch_xglm = {
  .name = "xglm",
  .defaults = { .layers = 24,
                .width = 1024,
                .heads = 16,
                .vocab = 256008,
                .positions = 2048,
                .inner = 4096,
                EQ_TOKENS(0, 2) },
  COMMON,
  .layers_key = "num_layers",
  .width_key = "d_model",
  .heads_key = "attention_heads",
  .activation = "gelu",
  .epsilon_key = "layer_norm_eps",
  .positions = EQ_SINUSOIDAL,
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(NORM_SHIFT) | EQ_HAS(FINAL_NORM) | EQ_HAS(ATTN_BIAS) | EQ_HAS(MLP_BIAS),
  .read = read_xglm,
  .prefix = "model.",
  .ignored = " embed_positions.weights ",
  EQ_SLOTS(xglm_slots),
};
