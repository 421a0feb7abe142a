/* scheme.h: what may be done to the weights of a matrix, as data and as text: a step (`int4/g128`) or up to four, one
 * after the other (`prune=0.5+int4/g128`).
 *
 *   keep, fp16, bf16
 *   int2 to int8     symmetric integers; u2 to u8: with a zero point. /tensor, /row or /gN (N inputs a group) say what
 *                    shares a scale, /g128 when none is said. Options: s16 (scales rounded to float16); of int<b>
 *                    clip=max|mse|aciq|laciq|laciq-uniform|p99.9 (what the largest code stands for), scale=m7|m8
 *   q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q3_k q4_k q5_k q6_k iq4_nl iq4_xs mxfp4     GGML's blocks
 *   nf4, fp4         bitsandbytes' levels, /gN weights a block, /g64 when none is said. Options: row, dq
 *   fp8, fp8-e5m2    with a scale a /tensor, or a /row
 *   prune=0.5        the smallest half of a tensor becomes 0; prune=0.5,global: of all tensors that the clause touches;
 *                    prune=2:4: in each four inputs the two smallest
 *   lowrank=64       the nearest matrix of that rank
 *   zero             all weights become 0
 *   mean             what enters o or down, and so what a head, attention, MLP or layer brings, is its mean over the
 *                    tokens of the model's statistics; weights stay
 *   noise=0.1@7      adds a tenth of the standard deviation, of Gaussian random numbers; the seed is 7, or 0
 *
 * This file knows the words, step.h what they do to numbers. A new scheme is a row of the table in scheme.c, one in
 * step.c, and a file. */
#ifndef EQ_RECIPE_SCHEME_H
#define EQ_RECIPE_SCHEME_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/tensor/dtype.h"

enum eq_scheme_kind {
  EQ_KEEP,
  EQ_FP16_CAST,
  EQ_BF16_CAST,
  EQ_INT,
  EQ_ASYMMETRIC, /* u<b> */
  EQ_GGML,
  EQ_NF4,
  EQ_FP4,
  EQ_FP8,
  EQ_PRUNE,
  EQ_PRUNE_PATTERN, /* 2:4 */
  EQ_LOWRANK,
  EQ_ZERO,
  EQ_MEAN,
  EQ_NOISE,
  EQ_SCHEME_KINDS
};
enum eq_granularity { EQ_PER_TENSOR, EQ_PER_ROW, EQ_PER_GROUP };
enum eq_clip {
  EQ_CLIP_MAX,
  EQ_CLIP_MSE,
  EQ_CLIP_ACIQ,
  EQ_CLIP_LACIQ, /* this and the next need statistics of the model: laciq.h */
  EQ_CLIP_LACIQ_UNIFORM,
  EQ_CLIP_QUANTILE
};

/* A number as it was typed: n / unit, the unit a power of ten, at most 10^9, as small as can be. */
struct eq_decimal {
  uint64_t n, unit;
};
/* floor(d x), exact, for d of at most 1. */
uint64_t eq_decimal_of(struct eq_decimal d, uint64_t x);
bool eq_decimal_parse(struct eq_str s, struct eq_decimal *d); /* 0.5, 12, 99.90 */
void eq_decimal_print(struct eq_buffer *out, struct eq_decimal d);

/* Compare with eq_scheme_equal, not memcmp. {0} is keep. */
struct eq_scheme {
  enum eq_scheme_kind kind;
  unsigned bits;                   /* of integers: 2 to 8 */
  enum eq_dtype type;              /* of EQ_GGML and EQ_FP8 */
  enum eq_granularity granularity; /* of what has one */
  uint32_t group;                  /* of EQ_PER_GROUP: inputs a group, the last of a row may be shorter */
  bool half_scales;                /* s16 */
  bool by_row, nested;             /* row, dq */
  bool global;
  bool full_scale; /* scale=m8: the largest magnitude is code 2^(b-1), of which the positive one is clamped */
  enum eq_clip clip;
  struct eq_decimal quantile; /* of EQ_CLIP_QUANTILE: percent */
  struct eq_decimal amount;   /* of EQ_PRUNE and EQ_NOISE */
  uint32_t n, m;              /* of EQ_PRUNE_PATTERN; n: the rank of EQ_LOWRANK */
  uint64_t seed;              /* of EQ_NOISE */
};
static inline bool eq_scheme_needs_statistics(const struct eq_scheme *s) {
  return s->kind == EQ_MEAN || s->clip == EQ_CLIP_LACIQ || s->clip == EQ_CLIP_LACIQ_UNIFORM;
}
static inline bool eq_scheme_is_integers(const struct eq_scheme *s) {
  return s->kind == EQ_INT || s->kind == EQ_ASYMMETRIC;
}
/* Inputs that share a scale in rows of `cols`. */
static inline size_t eq_scheme_group(const struct eq_scheme *s, size_t cols) {
  return s->granularity == EQ_PER_GROUP && s->group < cols ? s->group : cols;
}
bool eq_scheme_equal(struct eq_scheme a, struct eq_scheme b);

enum { EQ_SCHEME_STEPS_MAX = 4 };
struct eq_steps {
  size_t n; /* 1 to EQ_SCHEME_STEPS_MAX; keep stands alone */
  struct eq_scheme step[EQ_SCHEME_STEPS_MAX];
};
bool eq_steps_equal(const struct eq_steps *a, const struct eq_steps *b);

/* Does the text begin with the name of a scheme, up to its end or one of / , = +? */
bool eq_scheme_begins(struct eq_str text);

/* The steps that `s`, a part of `text`, spells; errors have a caret under the place. */
bool eq_steps_parse(const char *text, struct eq_str s, struct eq_steps *steps, struct eq_err *err);
/* One step. */
bool eq_scheme_parse(const char *text, struct eq_str s, struct eq_scheme *scheme, struct eq_err *err);

/* The canonical spelling, defaults said: int4 -> int4/g128. */
void eq_steps_print(struct eq_buffer *out, const struct eq_steps *steps);
void eq_scheme_print(struct eq_buffer *out, struct eq_scheme scheme);

/* Adds the names there are, "keep, fp16, ...", for messages. */
void eq_scheme_names(struct eq_buffer *out);

#endif
