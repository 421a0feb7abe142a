#include "lib/tensor/scaled.h"

#include "lib/tensor/quantization.h"

/* Scales of a row. */
static size_t scales_a_row(const struct eq_packed *p) {
  const struct eq_tensor *scales = p->parts[EQ_SCALED_SCALES];
  return scales->n_dims == 2 ? scales->dims[1] : 1;
}

static float zero_at(const struct eq_packed *p, size_t row, size_t scale) {
  const struct eq_tensor *zeros = p->parts[EQ_SCALED_ZEROS];
  if (!zeros) return 0;
  if (zeros->dtype != EQ_I32) return eq_part_at(zeros, zeros->n == 1 ? 0 : scale);
  size_t groups = scales_a_row(p), group = scale % groups;
  return (float)((int)eq_part_field(zeros, group, groups, row * p->bits, p->bits) - (1 << (p->bits - 1)));
}

static void read_codes(const struct eq_packed *p, size_t row, size_t col, size_t n, float *out) {
  const struct eq_tensor *codes = p->parts[EQ_SCALED_CODES];
  if (!p->bits) {
    eq_tensor_decode(codes, row * p->cols + col, n, out);
    return;
  }
  size_t words = codes->dims[1];
  int middle = 1 << (p->bits - 1);
  for (size_t i = 0; i < n; i++)
    out[i] = (float)((int)eq_part_field(codes, row * words, 1, (col + i) * p->bits, p->bits) - middle);
}

/* Elements col..col+n-1 of a row. */
static void decode_row(const struct eq_packed *p, size_t row, size_t col, size_t n, float *out) {
  const struct eq_tensor *groups = p->parts[EQ_SCALED_GROUPS], *scales = p->parts[EQ_SCALED_SCALES];
  read_codes(p, row, col, n, out);
  for (size_t i = 0; i < n;) {
    size_t c = col + i, in_block = p->col_block - c % p->col_block, run = groups ? 1 : in_block;
    if (run > n - i) run = n - i;
    size_t group = groups ? eq_part_word(groups, c) : c / p->col_block;
    size_t at = row / p->row_block * scales_a_row(p) + group;
    float scale = eq_part_at(scales, at), zero = zero_at(p, row, at);
    for (size_t j = i; j < i + run; j++) out[j] = (out[j] - zero) * scale;
    i += run;
  }
  eq_packed_round(p, out, n);
}

static void decode(const struct eq_packed *p, struct eq_tile t, float *out) {
  for (size_t r = 0; r < t.rows; r++) decode_row(p, t.row + r, t.col, t.cols, out + r * t.cols);
}

static size_t divide_up(size_t n, size_t by) { return (n - 1) / by + 1; }

/* Which elements share a scale is told by the shape of the scales. */
static bool find_blocks(struct eq_packed *p, const struct eq_quantization *q, size_t block_rows, size_t block_cols,
                        struct eq_err *err) {
  const struct eq_tensor *s = p->parts[EQ_SCALED_SCALES];
  size_t rows = s->n_dims ? s->dims[0] : 1, groups = scales_a_row(p);
  bool blocks = block_rows && block_cols;
  size_t want[2] = { blocks ? divide_up(p->rows, block_rows) : p->rows, blocks ? divide_up(p->cols, block_cols) : 1 };
  p->row_block = 1;
  p->col_block = p->cols;
  if (s->n == 1 && s->n_dims <= 2) return p->row_block = p->rows, true;
  if (blocks && s->n_dims == 2 && rows == want[0] && groups == want[1])
    return p->row_block = block_rows, p->col_block = block_cols, true;
  if (s->n_dims && s->n_dims <= 2 && rows == p->rows && p->cols % groups == 0)
    return p->col_block = p->cols / groups, true;
  return eq_part_is(q, s, EQ_SCALE_TYPES, 2, want[0], want[1], err);
}

static bool check_zeros(const struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *zeros = p->parts[EQ_SCALED_ZEROS], *scales = p->parts[EQ_SCALED_SCALES];
  if (!zeros) return true;
  if (p->bits && zeros->dtype == EQ_I32)
    return p->row_block == 1
               ? eq_part_is(q, zeros, EQ_TYPE(I32), 2, divide_up(p->rows * p->bits, 32), scales_a_row(p), err)
               : eq_part_is(q, zeros, EQ_TYPE(I8), EQ_ANY_DIMS, 0, 0, err);
  if (!eq_part_is(q, zeros, EQ_TYPE(I8), EQ_ANY_DIMS, 0, 0, err)) return false;
  if (zeros->n == 1 || zeros->n == scales->n) return true;
  return eq_fail(err, EQ_BAD, "%s: tensor '%s' has %zu zero points, expected one a scale: %zu (%s)", q->file,
                 zeros->name, zeros->n, scales->n, q->method);
}

/* Groups as g_idx gives them; -1 anywhere in it means that it says nothing. */
static bool check_groups(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *groups = p->parts[EQ_SCALED_GROUPS];
  size_t n = scales_a_row(p);
  if (!groups) return true;
  if (!eq_part_is(q, groups, EQ_TYPE(I32), 1, p->cols, 0, err)) return false;
  for (size_t i = 0; i < p->cols; i++)
    if (eq_part_word(groups, i) == UINT32_MAX) return p->parts[EQ_SCALED_GROUPS] = NULL, true;
  for (size_t i = 0; i < p->cols; i++)
    if (eq_part_word(groups, i) >= n)
      return eq_fail(err, EQ_BAD, "%s: tensor '%s' puts input %zu into group %d, expected 0 to %zu (%s)", q->file,
                     groups->name, i, (int)eq_part_word(groups, i), n - 1, q->method);
  return true;
}

bool eq_scaled_open(struct eq_packed *p, const struct eq_quantization *q, size_t block_rows, size_t block_cols,
                    struct eq_err *err) {
  p->dtype = p->parts[EQ_SCALED_SCALES]->dtype;
  p->decode = decode;
  return eq_part_is(q, p->parts[EQ_SCALED_SCALES], EQ_SCALE_TYPES, EQ_ANY_DIMS, 0, 0, err) &&
         find_blocks(p, q, block_rows, block_cols, err) && check_zeros(p, q, err) && check_groups(p, q, err);
}
