/* number.h: numbers as text. What people type is read strictly: the whole text must be one number in range. What we
 * write reads back as the same number. */
#ifndef EQ_BASE_NUMBER_H
#define EQ_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buffer.h"

/* Decimal digits only (no sign, space or 0x). False when empty, not a number, or over UINT64_MAX. */
bool eq_parse_u64(struct eq_str s, uint64_t *value);

/* As eq_parse_u64 with an optional leading '-'. */
bool eq_parse_i64(struct eq_str s, int64_t *value);

/* Bytes: a whole number, perhaps with K, M, G or T behind it (1024 each); false likewise. */
bool eq_parse_bytes(struct eq_str s, uint64_t *value);

/* A finite decimal number as strtod reads it in the C locale, without hexadecimal, inf or nan. */
bool eq_parse_f64(struct eq_str s, double *value);

/* The shortest decimal text that reads back as x (of at most 17 digits, for a float 9): "0.1", "3", "1e-07", "nan",
 * "inf", "-inf". */
enum { EQ_NUMBER_TEXT = 32 };
void eq_format_f64(double x, char text[EQ_NUMBER_TEXT]);
void eq_format_f32(float x, char text[EQ_NUMBER_TEXT]);

#endif
