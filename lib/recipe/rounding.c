#include "lib/recipe/rounding.h"

#include <math.h>
#include <string.h>

#include "lib/recipe/codes.h"
#include "lib/tensor/dtype.h"

/* Output channels that the transposed layout handles side by side: a group of 128 inputs of them stays in a first-level
 * cache between the pass for the extremes and the pass that rounds. */
enum { BLOCK = 64 };

size_t eq_short_groups(struct eq_scheme scheme, size_t rows, size_t cols) {
  bool grouped = eq_scheme_is_integers(&scheme) && scheme.granularity == EQ_PER_GROUP;
  return grouped && cols > scheme.group && cols % scheme.group ? rows : 0;
}

/* ---- extremes ---- */

/* A weight as an integer, 0 for NaN: floats are ordered as these are, and a loop over integers vectorises. Its own
 * inverse. */
static inline int32_t ordered(float w) {
  int32_t b;
  memcpy(&b, &w, sizeof b);
  b = (b & 0x7fffffff) > 0x7f800000 ? 0 : b;
  return b ^ (b >> 31 & 0x7fffffff);
}

static inline float unordered(int32_t b) {
  float x;
  b ^= b >> 31 & 0x7fffffff;
  memcpy(&x, &b, sizeof x);
  return x;
}

/* |w| likewise. */
static inline int32_t magnitude(float w) {
  int32_t b;
  memcpy(&b, &w, sizeof b);
  b &= 0x7fffffff;
  return b > 0x7f800000 ? 0 : b;
}

float eq_absmax(const float *w, size_t n) {
  int32_t max = 0;
  for (size_t i = 0; i < n; i++) {
    int32_t b = magnitude(w[i]);
    max = b > max ? b : max;
  }
  return unordered(max);
}

struct eq_extremes eq_extremes_of(const float *w, size_t n) {
  int32_t min = 0, max = 0;
  for (size_t i = 0; i < n; i++) {
    int32_t b = ordered(w[i]);
    min = b < min ? b : min;
    max = b > max ? b : max;
  }
  return (struct eq_extremes){ unordered(min), unordered(max) };
}

/* What a scheme's scale is made of: int<b> needs magnitudes only, which are found faster. */
static struct eq_extremes extremes_for(struct eq_scheme s, const float *w, size_t n) {
  if (s.kind == EQ_ASYMMETRIC) return eq_extremes_of(w, n);
  float most = eq_absmax(w, n);
  return (struct eq_extremes){ -most, most };
}

/* ---- a scale and its integers ---- */

/* Half to even: adding 2^23, where the unit is 1, rounds x below 2^22: rintf without SSE4.1's instruction. */
static inline float nearest(float x) { return copysignf(fabsf(x) + 0x1p23f - 0x1p23f, x); }

static float levels_of(struct eq_scheme s) { return (float)(1u << (s.kind == EQ_INT ? s.bits - 1 : s.bits)) - 1; }

struct eq_scale eq_scale_of(struct eq_scheme s, struct eq_extremes of) {
  float top = levels_of(s), range = s.kind == EQ_INT ? fmaxf(-of.min, of.max) : of.max - of.min;
  float scale = range / (s.full_scale ? top + 1 : top), zero = 0;
  if (s.half_scales) scale = eq_to_f16(scale);
  if (s.kind == EQ_ASYMMETRIC && scale > 0) zero = nearest(fminf(-of.min / scale, top));
  return (struct eq_scale){ scale, zero };
}

/* What rounds a weight: it becomes an integer from min to max, times s. */
struct step {
  float s, min, max;
  float zero; /* of an integer's sign: int<b> keeps that of -0, u<b> has none */
};

static struct step step_of(struct eq_scheme scheme, struct eq_extremes of) {
  struct eq_scale s = eq_scale_of(scheme, of);
  float top = levels_of(scheme);
  if (scheme.kind == EQ_INT) return (struct step){ s.scale, -top - 1, top, -0.0f };
  return (struct step){ s.scale, -s.zero, top - s.zero, 0.0f };
}

static inline float round_to_integer(float w, struct step t) {
  float q = nearest(w / t.s);
  q = q < t.min ? t.min : q;
  q = q > t.max ? t.max : q;
  return q + t.zero;
}

/* The definition. |w / s| is below 2^10 (a small s may be a third too small). */
static inline float round_weight(float w, struct step t) {
  float q = round_to_integer(w, t);
  float zero = w != w ? w : 0.0f;
  return t.s == 0.0f ? zero : q * t.s;
}

/* n weights that share a scale. */
static void round_span(float *w, size_t n, struct step t) {
  for (size_t i = 0; i < n; i++) w[i] = round_weight(w[i], t);
}

/* ---- matrices ---- */

/* Extremes of rows first..first+n-1, at most BLOCK, of the transposed layout, inputs from..to-1. */
static void block_extremes(struct eq_scheme scheme, struct eq_matrix m, size_t first, size_t n, size_t from, size_t to,
                           struct eq_extremes out[BLOCK]) {
  int32_t min[BLOCK] = { 0 }, max[BLOCK] = { 0 };
  bool both = scheme.kind == EQ_ASYMMETRIC;
  for (size_t c = from; c < to; c++) {
    const float *w = m.w + c * m.rows + first;
    for (size_t i = 0; both && i < n; i++) {
      int32_t b = ordered(w[i]);
      min[i] = b < min[i] ? b : min[i];
      max[i] = b > max[i] ? b : max[i];
    }
    for (size_t i = 0; !both && i < n; i++) {
      int32_t b = magnitude(w[i]);
      max[i] = b > max[i] ? b : max[i];
    }
  }
  for (size_t i = 0; i < n; i++)
    out[i] = (struct eq_extremes){ both ? unordered(min[i]) : -unordered(max[i]), unordered(max[i]) };
}

static void round_block(struct eq_scheme scheme, struct eq_matrix m, size_t first, size_t n, size_t from, size_t to) {
  struct eq_extremes of[BLOCK];
  struct step steps[BLOCK];
  block_extremes(scheme, m, first, n, from, to, of);
  for (size_t i = 0; i < n; i++) steps[i] = step_of(scheme, of[i]);
  for (size_t c = from; c < to; c++) {
    float *w = m.w + c * m.rows + first;
    for (size_t i = 0; i < n; i++) w[i] = round_weight(w[i], steps[i]);
  }
}

static void round_groups(struct eq_scheme scheme, struct eq_matrix m, size_t first, size_t last) {
  size_t group = eq_scheme_group(&scheme, m.cols), step = m.transposed ? BLOCK : 1;
  for (size_t row = first; row < last; row += step)
    for (size_t from = 0; from < m.cols; from += group) {
      size_t to = m.cols - from < group ? m.cols : from + group;
      float *w = m.w + row * m.cols + from;
      if (m.transposed)
        round_block(scheme, m, row, last - row < step ? last - row : step, from, to);
      else
        round_span(w, to - from, step_of(scheme, extremes_for(scheme, w, to - from)));
    }
}

/* What treats each weight by itself: casts, and integers with one scale a tensor. */
static void round_each(struct eq_scheme scheme, struct eq_extremes of, float *w, size_t n) {
  if (scheme.kind == EQ_FP16_CAST)
    eq_cast_f16(w, n);
  else if (scheme.kind == EQ_BF16_CAST)
    eq_cast_bf16(w, n);
  else
    round_span(w, n, step_of(scheme, of));
}

void eq_round_rows(struct eq_scheme scheme, struct eq_extremes of, struct eq_matrix m, size_t first, size_t last) {
  if (scheme.kind == EQ_KEEP || first >= last || m.cols == 0) return;
  if (eq_scheme_is_integers(&scheme) && scheme.granularity != EQ_PER_TENSOR)
    round_groups(scheme, m, first, last);
  else if (!m.transposed)
    round_each(scheme, of, m.w + first * m.cols, (last - first) * m.cols);
  else
    for (size_t c = 0; c < m.cols; c++) round_each(scheme, of, m.w + c * m.rows + first, last - first);
}

void eq_round(struct eq_scheme scheme, struct eq_matrix m) {
  bool whole = eq_scheme_is_integers(&scheme) && scheme.granularity == EQ_PER_TENSOR;
  eq_round_rows(scheme, whole ? eq_extremes_of(m.w, m.rows * m.cols) : (struct eq_extremes){ 0, 0 }, m, 0, m.rows);
}

/* ---- codes ---- */

size_t eq_codes_groups(struct eq_scheme scheme, size_t cols) {
  size_t group = eq_scheme_group(&scheme, cols);
  return group ? (cols + group - 1) / group : 0;
}

/* n weights of a row, `stride` apart. */
static void encode_group(struct step t, const float *w, size_t n, size_t stride, uint8_t *codes) {
  for (size_t i = 0; i < n; i++) {
    float x = w[i * stride], q = x != x || t.s == 0 ? 0 : round_to_integer(x, t);
    codes[i] = (uint8_t)(q - t.min);
  }
}

static struct eq_extremes strided_extremes(const float *w, size_t n, size_t stride) {
  int32_t min = 0, max = 0;
  for (size_t i = 0; i < n; i++) {
    int32_t b = ordered(w[i * stride]);
    min = b < min ? b : min;
    max = b > max ? b : max;
  }
  return (struct eq_extremes){ unordered(min), unordered(max) };
}

void eq_codes_encode(struct eq_scheme scheme, struct eq_extremes of, struct eq_matrix m, size_t first, size_t last,
                     struct eq_codes out) {
  size_t group = eq_scheme_group(&scheme, m.cols), groups = eq_codes_groups(scheme, m.cols),
         stride = m.transposed ? m.rows : 1;
  bool whole = scheme.granularity == EQ_PER_TENSOR;
  for (size_t row = first; row < last; row++)
    for (size_t g = 0; g < groups; g++) {
      size_t from = g * group, n = m.cols - from < group ? m.cols - from : group;
      const float *w = m.w + (m.transposed ? from * m.rows + row : row * m.cols + from);
      struct step t = step_of(scheme, whole ? of : strided_extremes(w, n, stride));
      encode_group(t, w, n, stride, out.codes + row * m.cols + from);
      if (whole && row + g > 0) continue;
      out.scales[row * groups + g] = t.s;
      out.zeros[row * groups + g] = (uint8_t)-t.min;
    }
}
