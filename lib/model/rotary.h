/* rotary.h: rotary position embeddings (Su et al. 2021, "RoFormer", section 3.2.2) and their stretching to longer
 * contexts, as Hugging Face transformers computes them: frequencies and angles in float32. */
#ifndef EQ_MODEL_ROTARY_H
#define EQ_MODEL_ROTARY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/error.h"

enum eq_rotary_scaling {
  EQ_ROTARY_DEFAULT,
  EQ_ROTARY_LINEAR,   /* positions divided by `factor` (Chen et al. 2023) */
  EQ_ROTARY_LLAMA3,   /* low frequencies divided by `factor`, high ones kept, between them a mixture (Llama 3.1) */
  EQ_ROTARY_YARN,     /* Peng et al. 2023, "YaRN", section 3.2 */
  EQ_ROTARY_LONGROPE, /* each frequency has a factor of its own (Ding et al. 2024, "LongRoPE") */
  EQ_ROTARY_SCALINGS
};

/* What a config says of them. */
struct eq_rotary {
  size_t size; /* of a head's dimensions those that are rotated, the first ones; even; 0: none */
  bool interleaved;
  double base;
  enum eq_rotary_scaling scaling;
  double factor;
  double low_freq_factor, high_freq_factor; /* LLAMA3 */
  double beta_fast, beta_slow;              /* YARN */
  bool truncate;                            /* YARN: whole dimensions bound the mixture */
  double attention_factor;                  /* cosines and sines are multiplied by it; 1 for nothing */
  double original_positions;                /* that the model was first trained on: LLAMA3, YARN, LONGROPE */
  float *short_factors, *long_factors;      /* LONGROPE: [size / 2], owned */
};
void eq_rotary_free(struct eq_rotary *r); /* of {0} too */

/* By what LLAMA3 divides the frequency of a pair. */
float eq_rotary_llama3_factor(const struct eq_rotary *r, size_t pair);

/* Cosines and sines of the positions of a sequence, [positions][size / 2]. */
struct eq_rotary_table {
  float *cos, *sin;
};

/* Tables for sequences of up to `positions` rows; long_sequence: one of more rows than original_positions, for which
 * LongRoPE has other factors. Free with eq_rotary_table_free. */
bool eq_rotary_table_new(struct eq_rotary_table *t, const struct eq_rotary *r, size_t positions, bool long_sequence,
                         struct eq_err *err);
void eq_rotary_table_free(struct eq_rotary_table *t); /* of {0} too */

/* Does a sequence of n rows use the long factors? */
static inline bool eq_rotary_is_long(const struct eq_rotary *r, size_t n) {
  return r->scaling == EQ_ROTARY_LONGROPE && (double)n > r->original_positions;
}

#endif
