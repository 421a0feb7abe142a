/* columns.h: codes that lie input by input, [inputs][outputs], as GPTQ's and AWQ's do: a row of the matrix is a column
 * of the file. Parts: codes, scales [groups][outputs], zero points, and perhaps which group an input is of. */
#ifndef EQ_TENSOR_COLUMNS_H
#define EQ_TENSOR_COLUMNS_H

#include "lib/tensor/packed.h"

enum { EQ_COLUMN_CODES, EQ_COLUMN_SCALES, EQ_COLUMN_ZEROS, EQ_COLUMN_GROUPS };

/* out[0..n) = codes of the n outputs from `row` on, for input `line`; or their zero points, for group `line`. */
typedef void eq_column_reader(const struct eq_packed *p, size_t line, size_t row, size_t n, int32_t *out);

/* Checks what both have, scales and zero points of all groups with zero_words words each, and sets p->dtype; p->rows,
 * p->cols and p->col_block (inputs in a group) are there. */
bool eq_columns_open(const struct eq_quantization *q, struct eq_packed *p, size_t zero_words, struct eq_err *err);

/* (code - zero point) * scale for a tile. */
void eq_columns_decode(const struct eq_packed *p, struct eq_tile t, eq_column_reader *codes, eq_column_reader *zeros,
                       float *out);

#endif
