/* scaled.h: codes that lie output by output, and one scale for a tensor, a row, a group of a row or a block of rows and
 * columns: compressed-tensors' and FP8's. */
#ifndef EQ_TENSOR_SCALED_H
#define EQ_TENSOR_SCALED_H

#include "lib/tensor/packed.h"

/* Codes: elements [rows][cols] of a type of their own (p->bits 0), or fields of p->bits bits along each row of 32-bit
 * words, offset by half of their range. Zero points: elements in the shape of the scales, or fields down their columns
 * likewise. */
enum { EQ_SCALED_CODES, EQ_SCALED_SCALES, EQ_SCALED_ZEROS, EQ_SCALED_GROUPS };

/* Checks scales, zero points and groups and sets how to decode. p->rows, p->cols and p->bits are there, codes are
 * checked; rows and cols of a block are what the config says, or 0. */
bool eq_scaled_open(struct eq_packed *p, const struct eq_quantization *q, size_t block_rows, size_t block_cols,
                    struct eq_err *err);

#endif
