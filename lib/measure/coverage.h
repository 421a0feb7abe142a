/* coverage.h: how much text the scored tokens of a segment cover: the denominators of bits a byte and a character. */
#ifndef EQ_MEASURE_COVERAGE_H
#define EQ_MEASURE_COVERAGE_H

#include "lib/stream/schema.h"

/* Bytes and code points (those that start there) of t->text from the start of token first_scored on; the whole text
 * when that is 0. EQ_ABSENT without text, or without the offsets that it takes. */
void eq_coverage(const struct eq_tokens *t, size_t first_scored, uint64_t *bytes, uint64_t *chars);

/* Adds those of the tokens from..to-1, up to where the next one begins, to counts that begin at 0. */
void eq_coverage_add(const struct eq_tokens *t, size_t from, size_t to, uint64_t *bytes, uint64_t *chars);

#endif
