/* arch.h: families of models as data.
 *
 * A row says how a family's config is spelled and which tensors stand where; config.c, model.c and forward.c read these
 * fields and know no names of models. All blocks are so far as GPT-2's: learned positions, a norm before attention and
 * before the MLP, queries, keys and values in one matrix. A family that differs adds the field that says so. To add a
 * family: a row in arch.c, golden files in tests/golden, a line in eq-ppl's manual. */
#ifndef EQ_MODEL_ARCH_H
#define EQ_MODEL_ARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/kernels.h"
#include "lib/base/buffer.h"
#include "lib/recipe/recipe.h"

/* The places of a forward pass that want a tensor. Those up to EQ_W_POS enter at the embedding, those from
 * EQ_W_FINAL_GAIN on at the head, the rest are in each layer. */
enum eq_place {
  EQ_W_EMBED,
  EQ_W_POS,
  EQ_W_ATTN_GAIN,
  EQ_W_ATTN_SHIFT,
  EQ_W_QKV,
  EQ_W_QKV_BIAS,
  EQ_W_ATTN_OUT,
  EQ_W_ATTN_OUT_BIAS,
  EQ_W_MLP_GAIN,
  EQ_W_MLP_SHIFT,
  EQ_W_UP,
  EQ_W_UP_BIAS,
  EQ_W_DOWN,
  EQ_W_DOWN_BIAS,
  EQ_W_FINAL_GAIN,
  EQ_W_FINAL_SHIFT,
  EQ_W_HEAD,
  EQ_PLACES
};

/* A size that a config gives. */
enum eq_dim { EQ_D_ONE, EQ_D_VOCAB, EQ_D_POSITIONS, EQ_D_WIDTH, EQ_D_QKV, EQ_D_INNER, EQ_DIMS };

/* A tensor that a family's files hold. rows are outputs, cols inputs; EQ_D_ONE rows is a vector. */
struct eq_slot {
  enum eq_place place;
  const char *name; /* %d: the layer */
  enum eq_dim rows, cols;
  unsigned roles;  /* of enum eq_role */
  bool transposed; /* lies [cols][rows] */
};

struct eq_arch {
  const char *name; /* config.json's model_type */
  /* Keys of config.json. */
  const char *layers_key, *width_key, *heads_key, *inner_key, *positions_key, *activation_key, *epsilon_key;
  bool tied_by_default; /* of tie_word_embeddings */
  const char *prefix;   /* that tensor names may have */
  const char *ignored;  /* words in the names of tensors that old files carry and nobody needs, between blanks */
  const struct eq_slot *slots;
  size_t n_slots;
};

/* NULL when unknown. */
const struct eq_arch *eq_arch_find(const char *name);

/* Adds the names there are, "gpt2, ...", for messages. */
void eq_arch_names(struct eq_buffer *out);

#endif
