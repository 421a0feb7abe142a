#include "lib/recipe/rounding.h"

#include <math.h>
#include <string.h>

#include "lib/tensor/dtype.h"

/* Output channels that the transposed layout handles side by side: a group of 128 inputs of them stays in a first-level
 * cache between the pass for the maximum and the pass that rounds. */
enum { BLOCK = 64 };

bool eq_scheme_equal(struct eq_scheme a, struct eq_scheme b) {
  if (a.kind != b.kind) return false;
  if (a.kind != EQ_INT) return true;
  if (a.bits != b.bits || a.granularity != b.granularity) return false;
  return a.granularity != EQ_PER_GROUP || a.group == b.group;
}

size_t eq_short_groups(struct eq_scheme scheme, size_t rows, size_t cols) {
  bool grouped = scheme.kind == EQ_INT && scheme.granularity == EQ_PER_GROUP;
  return grouped && cols > scheme.group && cols % scheme.group ? rows : 0;
}

/* |w| as its bits, 0 for NaN. Floats without a sign are ordered as integers, and a loop over those vectorises. */
static inline int32_t magnitude_bits(float w) {
  int32_t b;
  memcpy(&b, &w, sizeof b);
  b &= 0x7fffffff;
  return b > 0x7f800000 ? 0 : b;
}

static inline float magnitude(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

float eq_absmax(const float *w, size_t n) {
  int32_t max = 0;
  for (size_t i = 0; i < n; i++) {
    int32_t b = magnitude_bits(w[i]);
    max = b > max ? b : max;
  }
  return magnitude(max);
}

/* The integers of a scheme, as floats. */
struct range {
  float min, max;
};

static struct range range_of(struct eq_scheme scheme) {
  float half = (float)(1u << (scheme.bits - 1));
  return (struct range){ -half, half - 1 };
}

/* The definition. |w / s| is below 2^8 (a subnormal s may be a third too small), and adding 2^23, where the unit is 1,
 * rounds it half to even: rintf without SSE4.1's instruction. */
static inline float round_weight(float w, float s, struct range r) {
  float q = w / s;
  q = copysignf(fabsf(q) + 0x1p23f - 0x1p23f, q);
  q = q < r.min ? r.min : q;
  q = q > r.max ? r.max : q;
  float zero = w != w ? w : 0.0f;
  return s == 0.0f ? zero : q * s;
}

/* n weights that share a scale. */
static void round_span(float *w, size_t n, float s, struct range r) {
  for (size_t i = 0; i < n; i++) w[i] = round_weight(w[i], s, r);
}

/* [first, last) of `rows` output channels of the transposed layout, at most BLOCK of them, inputs from..to-1. */
static void round_block(struct eq_matrix m, size_t first, size_t last, size_t from, size_t to, struct range r) {
  int32_t max[BLOCK] = { 0 };
  float s[BLOCK];
  size_t n = last - first;
  for (size_t c = from; c < to; c++) {
    const float *w = m.w + c * m.rows + first;
    for (size_t i = 0; i < n; i++) {
      int32_t b = magnitude_bits(w[i]);
      max[i] = b > max[i] ? b : max[i];
    }
  }
  for (size_t i = 0; i < n; i++) s[i] = magnitude(max[i]) / r.max;
  for (size_t c = from; c < to; c++) {
    float *w = m.w + c * m.rows + first;
    for (size_t i = 0; i < n; i++) w[i] = round_weight(w[i], s[i], r);
  }
}

static void round_groups(struct eq_scheme scheme, struct eq_matrix m, size_t first, size_t last) {
  struct range r = range_of(scheme);
  size_t group = scheme.granularity == EQ_PER_GROUP && scheme.group < m.cols ? scheme.group : m.cols;
  size_t step = m.transposed ? BLOCK : 1;
  for (size_t row = first; row < last; row += step)
    for (size_t from = 0; from < m.cols; from += group) {
      size_t to = m.cols - from < group ? m.cols : from + group;
      float *w = m.w + row * m.cols + from;
      if (m.transposed)
        round_block(m, row, last - row < step ? last : row + step, from, to, r);
      else
        round_span(w, to - from, eq_absmax(w, to - from) / r.max, r);
    }
}

/* What treats each weight by itself: casts, and integers with one scale a tensor. */
static void round_each(struct eq_scheme scheme, float absmax, float *w, size_t n) {
  if (scheme.kind == EQ_FP16_CAST)
    eq_cast_f16(w, n);
  else if (scheme.kind == EQ_BF16_CAST)
    eq_cast_bf16(w, n);
  else
    round_span(w, n, absmax / range_of(scheme).max, range_of(scheme));
}

void eq_round_rows(struct eq_scheme scheme, float absmax, struct eq_matrix m, size_t first, size_t last) {
  if (scheme.kind == EQ_KEEP || first >= last || m.cols == 0) return;
  if (scheme.kind == EQ_INT && scheme.granularity != EQ_PER_TENSOR)
    round_groups(scheme, m, first, last);
  else if (!m.transposed)
    round_each(scheme, absmax, m.w + first * m.cols, (last - first) * m.cols);
  else
    for (size_t c = 0; c < m.cols; c++) round_each(scheme, absmax, m.w + c * m.rows + first, last - first);
}

void eq_round(struct eq_scheme scheme, struct eq_matrix m) {
  bool whole = scheme.kind == EQ_INT && scheme.granularity == EQ_PER_TENSOR;
  eq_round_rows(scheme, whole ? eq_absmax(m.w, m.rows * m.cols) : 0, m, 0, m.rows);
}
