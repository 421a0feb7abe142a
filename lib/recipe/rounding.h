/* rounding.h: casts and integers, exactly as their users' own code rounds, in place.
 *
 * A matrix has `rows` output channels of `cols` inputs each. It lies row-major, [rows][cols], or transposed,
 * [cols][rows] (GPT-2's Conv1D): the result is the same. A row is one output channel and a group runs along its inputs;
 * a vector is one row.
 *
 * In float32 without contraction, denormals kept, ties to even; K = 2^(b-1):
 *
 *   int<b>  s = max|w| / (K - 1), q = w / s rounded, clamped to [-K, K - 1]; the weight is q s
 *
 *   u<b>    lo = min(w, 0), hi = max(w, 0), s = (hi - lo) / (2^b - 1), z = -lo / s rounded, clamped to [0, 2^b - 1],
 *           q = (w / s rounded) + z clamped likewise; the weight is (q - z) s: GPTQ's quantizer, Frantar et al. 2023
 *
 *   s16     rounds s to float16 first
 *
 * A group whose s is 0 becomes 0. NaN stays NaN and doesn't count for s; an infinite weight makes its whole group NaN,
 * as the formula has it (readers of models refuse both). Rounding again what is rounded may move it: q s is itself
 * rounded, and so the next s. */
#ifndef EQ_RECIPE_ROUNDING_H
#define EQ_RECIPE_ROUNDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/recipe/scheme.h"

struct eq_matrix {
  float *w;
  size_t rows, cols;
  bool transposed;
};

/* Of numbers and 0, without NaN: what a scale is made of. */
struct eq_extremes {
  float min, max;
};

/* max |w|. NaN is passed over. O(n). */
float eq_absmax(const float *w, size_t n);
struct eq_extremes eq_extremes_of(const float *w, size_t n);

/* The scale and zero point that weights between these share; the zero point of int<b> is 0. */
struct eq_scale {
  float scale, zero;
};
struct eq_scale eq_scale_of(struct eq_scheme scheme, struct eq_extremes of);

/* Rounds rows first..last-1 in place; rows are independent given the extremes of the whole matrix (which only /tensor
 * reads), so threads may share a matrix. */
void eq_round_rows(struct eq_scheme scheme, struct eq_extremes of, struct eq_matrix m, size_t first, size_t last);

/* eq_extremes_of if need be, then all rows. */
void eq_round(struct eq_scheme scheme, struct eq_matrix m);

/* Groups of /gN that are shorter than the rest: rows when whole groups of a row leave a remainder, else 0 (a row below
 * the group size is one group). */
size_t eq_short_groups(struct eq_scheme scheme, size_t rows, size_t cols);

#endif
