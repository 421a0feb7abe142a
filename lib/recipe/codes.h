/* codes.h: matrices as small integers with scales, int<b> and u<b>, for those who store them. What rounding.h makes of
 * a weight is what eq_codes_value gives of its code (but for the sign of a zero, which codes have none of), so that a
 * file behaves as it was measured.
 *
 * A weight is (code - zero) scale in float32, code and zero from 0 to 2^b - 1. With int<b> every zero is 2^(b-1) and
 * the code less that is the signed integer that formats with signed codes hold. A group whose scale is 0 has zero as
 * all its codes. Groups run along a row's inputs, the last may be shorter; /row has one a row, /tensor one for all. */
#ifndef EQ_RECIPE_CODES_H
#define EQ_RECIPE_CODES_H

#include "lib/recipe/rounding.h"

struct eq_codes {
  uint8_t *codes; /* [rows][cols], whatever the layout of the matrix */
  float *scales;  /* [rows][groups]; of /tensor [1] */
  uint8_t *zeros; /* likewise */
};

/* Scales a row: 1 for /row, and for /tensor, whose only one all rows share. */
size_t eq_codes_groups(struct eq_scheme scheme, size_t cols);

/* Codes of rows first..last-1, each at its place. of: eq_extremes_of the whole matrix, which only /tensor reads. NaN,
 * which readers of models refuse, gets the code of 0. Rows may be shared out to threads; /tensor's scale and zero are
 * written with row 0. */
void eq_codes_encode(struct eq_scheme scheme, struct eq_extremes of, struct eq_matrix m, size_t first, size_t last,
                     struct eq_codes out);

static inline float eq_codes_value(uint8_t code, uint8_t zero, float scale) {
  return scale == 0 ? 0 : (float)(code - zero) * scale;
}

#endif
