/* number.h: numbers that people type, read strictly: the whole text must be one number in range. */
#ifndef EQ_BASE_NUMBER_H
#define EQ_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buffer.h"

/* Decimal digits only (no sign, space or 0x). False when empty, not a number, or over UINT64_MAX. */
bool eq_parse_u64(struct eq_str s, uint64_t *value);

/* As eq_parse_u64 with an optional leading '-'. */
bool eq_parse_i64(struct eq_str s, int64_t *value);

/* A finite decimal number as strtod reads it in the C locale, without hexadecimal, inf or nan. */
bool eq_parse_f64(struct eq_str s, double *value);

#endif
