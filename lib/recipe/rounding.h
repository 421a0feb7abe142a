/* rounding.h: what a scheme does to a weight, exactly as its users' own code rounds.
 *
 * A matrix has `rows` output channels of `cols` inputs each. It lies row-major, [rows][cols], or transposed,
 * [cols][rows] (GPT-2's Conv1D): the result is the same. A row is one output channel and a group runs along its inputs;
 * a vector is one row. */
#ifndef EQ_RECIPE_ROUNDING_H
#define EQ_RECIPE_ROUNDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum eq_scheme_kind { EQ_KEEP, EQ_FP16_CAST, EQ_BF16_CAST, EQ_INT };
enum eq_granularity { EQ_PER_TENSOR, EQ_PER_ROW, EQ_PER_GROUP };

/* Compare with eq_scheme_equal, not memcmp. */
struct eq_scheme {
  enum eq_scheme_kind kind;
  unsigned bits;                   /* of EQ_INT: 2 to 8 */
  enum eq_granularity granularity; /* of EQ_INT */
  uint32_t group;                  /* of EQ_PER_GROUP: inputs a group, the last of a row may be shorter */
};
bool eq_scheme_equal(struct eq_scheme a, struct eq_scheme b);

struct eq_matrix {
  float *w;
  size_t rows, cols;
  bool transposed;
};

/* max |w| of the whole matrix; what /tensor needs before eq_round_rows. NaN is passed over. O(rows cols). */
float eq_absmax(const float *w, size_t n);

/* Rounds rows first..last-1 in place; rows are independent given absmax (which only EQ_PER_TENSOR reads), so threads
 * may share a matrix. EQ_INT: s = absmax / (2^(b-1) - 1) of the tensor, row or group, q = w / s rounded half to even
 * and clamped to [-2^(b-1), 2^(b-1) - 1], result q s; all in float32, no contraction, denormals kept; 0 where s is 0.
 * NaN stays NaN and doesn't count for s; an infinite weight makes its whole group NaN, as the formula has it (readers
 * of models refuse both). Rounding again what is rounded may move it: q s is itself rounded, and so the next s. */
void eq_round_rows(struct eq_scheme scheme, float absmax, struct eq_matrix m, size_t first, size_t last);

/* eq_absmax if need be, then all rows. */
void eq_round(struct eq_scheme scheme, struct eq_matrix m);

/* Groups of EQ_PER_GROUP that are shorter than the rest: rows when whole groups of a row leave a remainder, else 0 (a
 * row below the group size is one group). */
size_t eq_short_groups(struct eq_scheme scheme, size_t rows, size_t cols);

#endif
