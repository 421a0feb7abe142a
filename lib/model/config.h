/* config.h: what a model's config.json says, checked: sizes, and how its blocks differ from other families'. */
#ifndef EQ_MODEL_CONFIG_H
#define EQ_MODEL_CONFIG_H

#include <stdint.h>

#include "lib/base/error.h"
#include "lib/model/arch.h"
#include "lib/model/rotary.h"
#include "lib/tensor/gguf_writer.h"

/* What differs between the layers of one model. */
struct eq_layer_kind {
  uint32_t window; /* a token sees the window's last keys, itself among them: i - j < window; 0: all before it */
  uint32_t rotary; /* index of its rotary embedding */
  bool sparse;     /* a mixture of experts, not an MLP */
};

enum { EQ_ROTARIES = 2, EQ_LAYERS_MAX = 4096, EQ_HEADS_MAX = 65536, EQ_EXPERTS_MAX = 4096 };

struct eq_config {
  const struct eq_arch *arch;
  size_t n_layers, n_heads, n_kv_heads, head_size;
  size_t dims[EQ_DIMS]; /* by enum eq_dim */
  size_t max_positions; /* the longest sequence that the config promises */
  bool wrapped;         /* the language model of one that sees images too: its tensors' names have one more prefix */
  float epsilon, gain_offset;
  enum eq_activation activation;
  bool tied, parallel;
  size_t experts_a_token; /* of a mixture */
  bool normalize_experts; /* the weights of a token's experts are made to sum to 1 */
  bool has[EQ_FEATURES];
  enum eq_positions positions;
  enum eq_norm_place norm_place;
  enum eq_qkv_layout qkv;
  struct eq_rotary rotary[EQ_ROTARIES];
  struct eq_layer_kind *layers; /* [n_layers] */
  double attention_scale;       /* of q.k, before a layer's own */
  bool scale_by_layer;          /* GPT-2's scale_attn_by_inverse_layer_idx */
  float attention_softcap;      /* s -> cap tanh(s / cap); 0: none. Gemma 2, section 2 */
  float *alibi;                 /* [n_heads] slopes; NULL: none. A key's bias is its position times the slope */
  bool alibi_in_bf16;           /* slope, position and product are rounded to bfloat16 */
  float alibi_scale;            /* of the product */
  float qkv_clip;               /* queries, keys and values are clamped to -clip..clip; 0: not */
  float logit_scale, logit_softcap;
  float embed_scale;
  int64_t bos, eos; /* token ids, -1 for none; of a list of ids the first. Perhaps beyond the vocabulary: a config
 may carry its family's default, so who uses one checks it */
};

/* Reads the text of a config.json; `path` is its name in messages. Every size is at least 1 and small enough that
 * products of two cannot overflow; that the tensors are really there is eq_model_open's to check. Messages name the
 * file, the key, what was found and expected. Free with eq_config_free, also after a failure. */
bool eq_config_read(struct eq_config *c, const char *path, struct eq_str text, struct eq_err *err);
/* The same of a GGUF's keys. */
bool eq_config_read_gguf(struct eq_config *c, const char *path, const struct eq_gguf *g, struct eq_err *err);
/* How one of llama.cpp's architectures is one of our families. */
struct eq_gguf_dialect {
  const char *name, *model_type;
  bool interleaved;     /* the converter permutes queries and keys so that rotary pairs are neighbours */
  bool gains_are_whole; /* it adds the 1 to Gemma's gains */
  unsigned full_every;  /* sliding windows in all layers but each so-manyth; 0: in none, whatever the file says */
};
/* NULL when llama.cpp doesn't run the family. */
const struct eq_gguf_dialect *eq_gguf_dialect_of(const struct eq_arch *a);
/* The way back: adds the keys that say what the config says, but for the vocabulary's. Fails when llama.cpp doesn't run
 * the family, or when the config has what no key says; `path` is the config's name in messages. */
bool eq_config_add_gguf(const struct eq_config *c, const char *path, struct eq_gguf_keys *keys, struct eq_err *err);
/* The name of a place's tensor in a GGUF file, with a %d for the layer; NULL when there is none. */
const char *eq_gguf_tensor_name(const struct eq_slot *slot);
void eq_config_free(struct eq_config *c); /* of {0} too */

/* Has a layer what a slot wants? */
static inline bool eq_config_has(const struct eq_config *c, enum eq_feature f, size_t layer) {
  if (f == EQ_DENSE || f == EQ_SPARSE) return c->layers[layer].sparse == (f == EQ_SPARSE);
  return c->has[f];
}

/* How many tensors a slot stands for. */
static inline size_t eq_slot_tensors(const struct eq_config *c, const struct eq_slot *s) {
  return s->each == EQ_D_ONE ? 1 : c->dims[s->each];
}

/* For families' own readers. */

/* All layers slide over `window` keys (0: none) but each full_every-th (0: none of them). */
void eq_config_slide(struct eq_config *c, size_t window, size_t full_every);

/* Windows as 'layer_types' has them; false when it is not there. */
bool eq_config_read_layer_types(struct eq_config *c, const struct eq_config_reader *r, size_t window);

/* Qwen's: the window counts only when 'use_sliding_window' asks for it, and then not in the first max_window_layers. */
void eq_config_read_optional_window(struct eq_config *c, const struct eq_config_reader *r);

#endif
