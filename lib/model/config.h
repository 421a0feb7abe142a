/* config.h: a model's config.json, checked. */
#ifndef EQ_MODEL_CONFIG_H
#define EQ_MODEL_CONFIG_H

#include "lib/base/error.h"
#include "lib/model/arch.h"

struct eq_config {
  const struct eq_arch *arch;
  size_t n_layers, n_heads;
  size_t dims[EQ_DIMS]; /* by enum eq_dim; dims[EQ_D_QKV] is three times the width */
  float epsilon;
  enum eq_activation activation;
  bool tied;
  bool scale_attention, scale_by_layer; /* GPT-2's scale_attn_weights, scale_attn_by_inverse_layer_idx */
  int64_t bos, eos; /* token ids, -1 for none; of a list of ids the first. Perhaps beyond the vocabulary: a config
 may carry its family's default, so who uses one checks it */
};

/* Reads the text of a config.json; `path` is its name in messages. Every size is at least 1 and small enough that
 * products of two cannot overflow; that the tensors are really there is eq_model_open's to check. Messages name the
 * file, the key, what was found and expected. */
bool eq_config_read(struct eq_config *c, const char *path, struct eq_str text, struct eq_err *err);

#endif
