#include "lib/tensor/packed.h"

#include "lib/tensor/quantization.h"

/* Whole rows are one tile; a part of a row before and after them is a tile too. */
void eq_packed_decode(const struct eq_packed *p, size_t first, size_t n, float *out) {
  while (n) {
    size_t row = first / p->cols, col = first % p->cols, left = p->cols - col;
    struct eq_tile t = { row, 1, col, n < left ? n : left };
    if (!col && n >= p->cols) t.rows = n / p->cols;
    p->decode(p, t, out);
    size_t done = t.rows * t.cols;
    first += done, out += done, n -= done;
  }
}

void eq_packed_round(const struct eq_packed *p, float *x, size_t n) {
  if (p->dtype == EQ_F16) eq_cast_f16(x, n);
  if (p->dtype == EQ_BF16) eq_cast_bf16(x, n);
}

static bool fits(const struct eq_tensor *t, unsigned types, size_t n_dims, const size_t want[2]) {
  bool ok = t->dtype < EQ_SAFETENSORS_DTYPES && types >> t->dtype & 1 && (n_dims == EQ_ANY_DIMS || t->n_dims == n_dims);
  for (size_t d = 0; d < t->n_dims; d++) ok &= t->dims[d] > 0 && (d >= 2 || !want[d] || t->dims[d] == want[d]);
  return ok;
}

bool eq_part_is(const struct eq_quantization *q, const struct eq_tensor *part, unsigned types, size_t n_dims,
                size_t rows, size_t cols, struct eq_err *err) {
  const size_t want[2] = { rows, cols };
  if (fits(part, types, n_dims, want)) return true;
  struct eq_buffer found = { 0 }, expected = { 0 };
  for (size_t d = 0; d < part->n_dims; d++) eq_buffer_format(&found, "%s%zu", d ? "," : "", part->dims[d]);
  for (unsigned t = 0; t < EQ_SAFETENSORS_DTYPES; t++)
    if (types >> t & 1)
      eq_buffer_format(&expected, "%s%s", expected.size ? " or " : "", eq_dtype_name((enum eq_dtype)t));
  for (size_t d = 0; d < n_dims && d < 2; d++) {
    eq_buffer_string(&expected, d ? "," : " [");
    if (want[d])
      eq_buffer_format(&expected, "%zu", want[d]);
    else
      eq_buffer_string(&expected, "?");
  }
  eq_buffer_string(&expected, n_dims && n_dims != EQ_ANY_DIMS ? "]" : "");
  eq_fail(err, EQ_BAD, "%s: tensor '%s' is %s [%s], expected %s (%s)", q->file, part->name, eq_dtype_name(part->dtype),
          found.data ? found.data : "", expected.data ? expected.data : "", q->method);
  eq_buffer_free(&found);
  eq_buffer_free(&expected);
  return false;
}
