/* arch.h: families of models as data.
 *
 * A row says how a family's config is read, how its blocks differ and which tensors stand where; model.c and forward.c
 * read these fields and know no names of models. To add a family: a row in a file arch_*.c, its name in arch.c's list,
 * a golden model in tests/golden/models, a line in eq-ppl's manual. */
#ifndef EQ_MODEL_ARCH_H
#define EQ_MODEL_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "lib/base/buffer.h"
#include "lib/recipe/recipe.h"

/* The places of a forward pass that want a tensor. Those before EQ_W_ATTN_GAIN enter at the embedding, those from
 * EQ_W_FINAL_GAIN on at the head, the rest are in each layer. A bias or shift follows its weight or gain. */
enum eq_place {
  EQ_W_EMBED,
  EQ_W_POS,
  EQ_W_TYPE,       /* of a text's part: each token gets the first */
  EQ_W_EMBED_GAIN, /* a norm of embeddings */
  EQ_W_EMBED_SHIFT,
  EQ_W_PROJECT_IN, /* from embeddings that are narrower than the hidden states */
  EQ_W_ATTN_GAIN,
  EQ_W_ATTN_SHIFT,
  EQ_W_QKV, /* queries, keys and values in one matrix; or the three below */
  EQ_W_QKV_BIAS,
  EQ_W_Q,
  EQ_W_Q_BIAS,
  EQ_W_K,
  EQ_W_K_BIAS,
  EQ_W_V,
  EQ_W_V_BIAS,
  EQ_W_Q_GAIN, /* norms of queries and keys */
  EQ_W_K_GAIN,
  EQ_W_ATTN_OUT,
  EQ_W_ATTN_OUT_BIAS,
  EQ_W_ATTN_POST_GAIN, /* a norm of what attention brings, before it is added */
  EQ_W_MLP_GAIN,
  EQ_W_MLP_SHIFT,
  EQ_W_GATE,
  EQ_W_GATE_BIAS,
  EQ_W_UP, /* with EQ_FUSED_GATE the gate's rows come first in it */
  EQ_W_UP_BIAS,
  EQ_W_DOWN,
  EQ_W_DOWN_BIAS,
  EQ_W_ROUTER, /* of a mixture of experts, in place of the MLP */
  EQ_W_EXPERT_GATE,
  EQ_W_EXPERT_UP,
  EQ_W_EXPERT_DOWN,
  EQ_W_MLP_POST_GAIN,
  EQ_W_FINAL_GAIN,
  EQ_W_FINAL_SHIFT,
  EQ_W_PROJECT_OUT,
  EQ_W_HEAD_DENSE, /* an encoder's head: a layer, its activation and a norm before the last matrix */
  EQ_W_HEAD_DENSE_BIAS,
  EQ_W_HEAD_GAIN,
  EQ_W_HEAD_SHIFT,
  EQ_W_HEAD,
  EQ_W_HEAD_BIAS,
  EQ_PLACES
};

/* A size that a config gives. */
enum eq_dim {
  EQ_D_ONE,
  EQ_D_VOCAB,
  EQ_D_POSITIONS, /* rows of a table of positions */
  EQ_D_WIDTH,     /* of hidden states */
  EQ_D_EMBED,     /* of embeddings */
  EQ_D_Q,         /* heads times head size */
  EQ_D_KV,        /* key-value heads times head size */
  EQ_D_QKV,       /* queries, keys and values */
  EQ_D_HEAD,      /* head size */
  EQ_D_HEADS,
  EQ_D_KV_HEADS,
  EQ_D_INNER, /* of the MLP */
  EQ_D_TYPES, /* kinds of parts of a text */
  EQ_D_EXPERTS,
  EQ_D_EXPERT_INNER,
  EQ_D_INNER_2, /* gate and up in one matrix */
  EQ_DIMS
};

/* What a config may say a model has. */
enum eq_feature {
  EQ_ALWAYS,
  EQ_NEVER,
  EQ_ATTN_BIAS, /* of queries, keys and values */
  EQ_OUT_BIAS,  /* of attention's output */
  EQ_MLP_BIAS,
  EQ_NORM_SHIFT,
  EQ_QK_NORM,
  EQ_MLP_NORM, /* the MLP has a norm of its own */
  EQ_FINAL_NORM,
  EQ_PROJECTED, /* embeddings are narrower than the hidden states */
  EQ_ONE_NORM,  /* Falcon: the norms before attention and MLP have the names that they have in other models */
  EQ_TWO_NORMS, /* Falcon: or others */
  EQ_SEQUENTIAL,
  EQ_DENSE,  /* in the layers that have an MLP */
  EQ_SPARSE, /* in those that have experts */
  EQ_FEATURES
};
#define EQ_HAS(FEATURE) (1U << EQ_##FEATURE)

/* A tensor that a family's files hold. rows are outputs, cols inputs; EQ_D_ONE rows is a vector. */
struct eq_slot {
  enum eq_place place;
  const char *name; /* the first %d: the layer; the second: the item of `each` */
  enum eq_dim rows, cols;
  unsigned roles;          /* of enum eq_role */
  enum eq_feature feature; /* it is there when the config has this */
  bool transposed;         /* lies [cols][rows] */
  enum eq_dim each;        /* so many such tensors, one after the other; EQ_D_ONE: one */
};

/* For the families' tables: a slot, and slots in pairs: a norm's gain and shift, a matrix and its bias. */
#define EQ_SLOT(PLACE, NAME, ROWS, COLS, ROLES, FEATURE) \
  { PLACE, NAME, ROWS, COLS, ROLES, FEATURE, false, EQ_D_ONE }
#define EQ_NORM_SLOTS(PLACE, NAME, ROLES, SHIFT)                                                                  \
  { EQ_W_##PLACE##_GAIN, NAME ".weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | (ROLES), EQ_ALWAYS, false, EQ_D_ONE }, { \
    EQ_W_##PLACE##_SHIFT, NAME ".bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS | (ROLES), SHIFT, false, EQ_D_ONE \
  }
#define EQ_LINEAR_SLOTS(PLACE, NAME, ROWS, COLS, BLOCK, BIAS)                                                    \
  { EQ_W_##PLACE, NAME ".weight", EQ_D_##ROWS, EQ_D_##COLS, EQ_LINEAR | (BLOCK), EQ_ALWAYS, false, EQ_D_ONE }, { \
    EQ_W_##PLACE##_BIAS, NAME ".bias", EQ_D_ONE, EQ_D_##ROWS, EQ_BIAS | (BLOCK), BIAS, false, EQ_D_ONE           \
  }

enum eq_positions { EQ_NO_POSITIONS, EQ_LEARNED, EQ_SINUSOIDAL, EQ_ROTARY, EQ_ALIBI };

/* Where a head's rows are in EQ_W_QKV. */
enum eq_qkv_layout {
  EQ_QKV_PLAIN,   /* all queries, all keys, all values */
  EQ_QKV_GROUPED, /* by key-value head: its queries, its key, its value */
};

/* Over what queries and keys are normalized, where they are. */
enum eq_qk_norm {
  EQ_QK_BY_HEAD,       /* each head by itself, all by the same gains */
  EQ_QK_BY_HEAD_GAINS, /* each head by itself, by gains of its own */
  EQ_QK_WHOLE,         /* all heads of a token together */
};

enum eq_norm_place {
  EQ_NORM_BEFORE, /* of what enters attention and MLP (where the gain is there: OLMo 2 has none) */
  EQ_NORM_AFTER,  /* of the hidden states after each is added */
};

/* What a config leaves out, as transformers' class of the family has it. */
struct eq_defaults {
  size_t layers, width, heads, vocab, positions;
  size_t kv_heads;  /* 0: as many as heads */
  size_t head_size; /* 0: width / heads */
  size_t inner;     /* 0: 4 times the width */
  bool tokens;      /* these are the first and the last token of a text; -1: none */
  int64_t bos, eos;
};
#define EQ_TOKENS(BOS, EOS) .tokens = true, .bos = BOS, .eos = EOS

struct eq_config;
struct eq_config_reader;

struct eq_arch {
  const char *name; /* config.json's model_type */
  /* Keys of config.json that families spell differently; NULL: as Llama's. */
  const char *layers_key, *width_key, *heads_key, *inner_key, *positions_key, *activation_key, *epsilon_key;
  const char *other_layers_key, *other_width_key, *other_heads_key; /* that older configs have; NULL: none */
  const char *kv_heads_key; /* NULL: every head has keys and values of its own */
  struct eq_defaults defaults;
  const char *activation;                /* when the config names none */
  double epsilon;                        /* likewise; 0: 1e-5 */
  double original_positions;             /* of LongRoPE, when the config does not say; 0: the positions */
  double rotary_share;                   /* of a head's dimensions, when the config does not say; 0: all */
  double rotary_base, local_rotary_base; /* when the config names none; 0: 10000, and none for local layers */
  bool tied_by_default;                  /* of tie_word_embeddings */
  enum eq_norm_kind norm;
  float gain_offset; /* what is added to each gain: 1 in Gemma */
  enum eq_norm_place norm_place;
  enum eq_positions positions;
  unsigned position_offset; /* the first token's position */
  bool interleaved;         /* rotary pairs are neighbours; else a half apart */
  enum eq_qkv_layout qkv;
  enum eq_qk_norm qk_norm;
  bool encoder;  /* sees the whole text and predicts what a mask hides */
  bool parallel; /* attention and MLP both see what enters the block */
  bool gated;    /* the MLP is down(activation(gate) up) */
  bool fused_gate;
  unsigned features; /* EQ_HAS(...) of what it has, unless `read` says otherwise */
  /* Reads what is the family's own, after the common keys; NULL for nothing. */
  void (*read)(struct eq_config *c, struct eq_config_reader *r);
  const char *prefix, *other_prefix; /* that tensor names may have; the other may be NULL */
  const char *ignored; /* ends of the names of tensors that old files carry and nobody needs, between blanks */
  const struct eq_slot *slots;
  size_t n_slots;
};
#define EQ_SLOTS(TABLE) .slots = TABLE, .n_slots = sizeof TABLE / sizeof *TABLE

/* NULL when unknown. */
const struct eq_arch *eq_arch_find(const char *name);

/* Adds the names there are, "gpt2, ...", for messages. */
void eq_arch_names(struct eq_buffer *out);

#endif
