/* scheme.h: what may be done to the weights of a matrix, as data and as text: a step (`int4/g128,clip=mse`) or a few of
 * them one after the other (`prune=0.5+int4/g128`).
 *
 *   keep, fp16, bf16
 *   int2 to int8     symmetric integers; u2 to u8: with a zero point. /tensor, /row or /gN (N inputs a group) say what
 *                    shares a scale, /g128 when none is said. Options: s16 (scales rounded to float16)
 *
 * This file knows the words; rounding.h, codes.h and the others know what they do to numbers. A new scheme is a row of
 * the table in scheme.c and a file. */
#ifndef EQ_RECIPE_SCHEME_H
#define EQ_RECIPE_SCHEME_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

enum eq_scheme_kind { EQ_KEEP, EQ_FP16_CAST, EQ_BF16_CAST, EQ_INT, EQ_ASYMMETRIC };
enum eq_granularity { EQ_PER_TENSOR, EQ_PER_ROW, EQ_PER_GROUP };

/* Compare with eq_scheme_equal, not memcmp. {0} is keep. */
struct eq_scheme {
  enum eq_scheme_kind kind;
  unsigned bits;                   /* of EQ_INT and EQ_ASYMMETRIC: 2 to 8 */
  enum eq_granularity granularity; /* of what has one */
  uint32_t group;                  /* of EQ_PER_GROUP: inputs a group, the last of a row may be shorter */
  bool half_scales;                /* s16 */
};
bool eq_scheme_equal(struct eq_scheme a, struct eq_scheme b);

/* Does the text begin with the name of a scheme, up to its end or one of / , = +? */
bool eq_scheme_begins(struct eq_str text);

/* The scheme that `s`, a part of `text`, spells; errors have a caret under the place. */
bool eq_scheme_parse(const char *text, struct eq_str s, struct eq_scheme *scheme, struct eq_err *err);

/* The canonical spelling, defaults said: int4 -> int4/g128. */
void eq_scheme_print(struct eq_buffer *out, struct eq_scheme scheme);

/* Adds the names there are, "keep, fp16, ...", for messages. */
void eq_scheme_names(struct eq_buffer *out);

#endif
