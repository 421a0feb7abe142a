#include "lib/tensor/columns.h"

#include "lib/tensor/quantization.h"

/* Inputs and outputs that are decoded at a time: outputs share a line of the cache. */
enum { RUN = 32, LANES = 16 };

bool eq_columns_open(const struct eq_quantization *q, struct eq_packed *p, size_t zero_words, struct eq_err *err) {
  size_t groups = (p->cols - 1) / p->col_block + 1;
  const struct eq_tensor *group_of = p->parts[EQ_COLUMN_GROUPS];
  if (group_of) groups = p->parts[EQ_COLUMN_SCALES]->dims[0];
  p->dtype = p->parts[EQ_COLUMN_SCALES]->dtype;
  return eq_part_is(q, p->parts[EQ_COLUMN_SCALES], EQ_SCALE_TYPES, 2, groups, p->rows, err) &&
         eq_part_is(q, p->parts[EQ_COLUMN_ZEROS], EQ_TYPE(I32), 2, groups, zero_words, err);
}

static size_t group_of(const struct eq_packed *p, size_t col) {
  const struct eq_tensor *groups = p->parts[EQ_COLUMN_GROUPS];
  return groups ? eq_part_word(groups, col) : col / p->col_block;
}

/* A tile of at most LANES rows and RUN columns, into rows `stride` apart. */
static void decode_block(const struct eq_packed *p, struct eq_tile t, eq_column_reader *codes, eq_column_reader *zeros,
                         float *out, size_t stride) {
  float values[RUN * LANES], scale[LANES];
  int32_t code[LANES], zero[LANES];
  size_t group = SIZE_MAX;
  for (size_t c = 0; c < t.cols; c++) {
    size_t g = group_of(p, t.col + c);
    if (g != group) {
      group = g;
      zeros(p, g, t.row, t.rows, zero);
      eq_tensor_decode(p->parts[EQ_COLUMN_SCALES], g * p->rows + t.row, t.rows, scale);
    }
    codes(p, t.col + c, t.row, t.rows, code);
    for (size_t r = 0; r < t.rows; r++) values[c * t.rows + r] = (float)(code[r] - zero[r]) * scale[r];
  }
  eq_packed_round(p, values, t.cols * t.rows);
  for (size_t r = 0; r < t.rows; r++)
    for (size_t c = 0; c < t.cols; c++) out[r * stride + c] = values[c * t.rows + r];
}

void eq_columns_decode(const struct eq_packed *p, struct eq_tile t, eq_column_reader *codes, eq_column_reader *zeros,
                       float *out) {
  for (size_t r = 0; r < t.rows; r += LANES)
    for (size_t c = 0; c < t.cols; c += RUN) {
      size_t rows = t.rows - r < LANES ? t.rows - r : LANES, cols = t.cols - c < RUN ? t.cols - c : RUN;
      struct eq_tile block = { t.row + r, rows, t.col + c, cols };
      decode_block(p, block, codes, zeros, out + r * t.cols + c, t.cols);
    }
}
