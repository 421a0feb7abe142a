#include "kernels/blas/elementwise.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { LANES = 16 }; /* partial sums of a reduction, whatever the vector width */

#define FMA(A, B, C) __builtin_fmaf(A, B, C)

/* exp(x) within 2 ulp, from 88 on exp(88): x = n ln2 + r, |r| <= ln2 / 2, a polynomial for exp(r) (Taylor to degree 7,
 * whose remainder is below 2^-27), then 2^n by the exponent's bits. Below -87 the result is 0. NaN stays NaN. */
INLINE float exp_float(float x) {
  const float round = 0x1.8p23f; /* adding and subtracting rounds to an integer */
  float clamped = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  float n = FMA(clamped, 1.44269504f, round);
  uint32_t bits;
  memcpy(&bits, &n, 4);
  n -= round;
  float r = FMA(n, -0x1.7f7d1cp-20f, FMA(n, -0x1.62e400p-1f, clamped)); /* ln 2 in two parts (Cody and Waite 1980) */
  float p = FMA(1.0f / 5040, r, 1.0f / 720);
  p = FMA(p, r, 1.0f / 120);
  p = FMA(p, r, 1.0f / 24);
  p = FMA(p, r, 1.0f / 6);
  p = FMA(p, r, 0.5f);
  p = FMA(p, r, 1.0f);
  p = FMA(p, r, 1.0f);
  uint32_t exponent = (bits + 127) << 23; /* the low bits of n + round are n */
  float power;
  memcpy(&power, &exponent, 4);
  return x < -87.0f ? 0.0f : p * power;
}

INLINE float lanes_max(const float *x, size_t n) {
  float lane[LANES], max = -INFINITY;
  for (int l = 0; l < LANES; l++) lane[l] = -INFINITY;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
  for (; i < n; i++) max = x[i] > max ? x[i] : max;
  for (int l = 0; l < LANES; l++) max = lane[l] > max ? lane[l] : max;
  return max;
}

INLINE double lanes_exp(float *x, size_t n, float max) {
  float lane[LANES] = { 0 };
  double sum = 0;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) lane[l] += x[i + l] = exp_float(x[i + l] - max);
  for (; i < n; i++) sum += (double)(x[i] = exp_float(x[i] - max));
  for (int l = 0; l < LANES; l++) sum += (double)lane[l];
  return sum;
}

/* As lanes_exp, without storing the terms. */
INLINE double lanes_sum_exp(const float *x, size_t n, float max) {
  float lane[LANES] = { 0 };
  double sum = 0;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) lane[l] += exp_float(x[i + l] - max);
  for (; i < n; i++) sum += (double)exp_float(x[i] - max);
  for (int l = 0; l < LANES; l++) sum += (double)lane[l];
  return sum;
}

INLINE double lanes_dot_difference(const float *w, const float *p, const float *q, size_t n) {
  double lane[LANES] = { 0 }, sum = 0;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) lane[l] += (double)w[i + l] * ((double)p[i + l] - (double)q[i + l]);
  for (; i < n; i++) sum += (double)w[i] * ((double)p[i] - (double)q[i]);
  for (int l = 0; l < LANES; l++) sum += lane[l];
  return sum;
}

INLINE double lanes_sum(const double lane[LANES]) {
  double sum = 0;
  for (int l = 0; l < LANES; l++) sum += lane[l];
  return sum;
}

INLINE void normalize_row(float *y, const float *x, const struct eq_norm *f) {
  double lane[LANES] = { 0 }, square[LANES] = { 0 }, mean = 0;
  size_t i = 0, n = f->n;
  if (f->kind == EQ_LAYERNORM) {
    for (; i + LANES <= n; i += LANES)
      for (size_t l = 0; l < LANES; l++) lane[l] += (double)x[i + l];
    for (; i < n; i++) lane[0] += (double)x[i];
    mean = lanes_sum(lane) / (double)n;
  }
  for (i = 0; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) square[l] += ((double)x[i + l] - mean) * ((double)x[i + l] - mean);
  for (; i < n; i++) square[0] += ((double)x[i] - mean) * ((double)x[i] - mean);
  double scale = 1 / sqrt(lanes_sum(square) / (double)n + (double)f->epsilon);
  for (i = 0; i < n; i++) y[i] = (float)(((double)x[i] - mean) * scale);
  for (i = 0; f->gain && i < n; i++) y[i] *= f->gain[i] + f->gain_offset;
  for (i = 0; f->shift && i < n; i++) y[i] += f->shift[i];
}

INLINE float logistic_times(float x, float u) { /* x / (1 + exp(-u)), without overflow */
  float e = exp_float(u < 0 ? u : -u);
  return x * (u < 0 ? e : 1.0f) / (1.0f + e);
}

INLINE void activate_all(enum eq_activation f, float *x, size_t n) {
  /* 0.5 (1 + tanh u) = 1 / (1 + exp(-2u)), and 2 sqrt(2 / pi) = 1.5957691. */
  if (f == EQ_GELU_TANH)
    for (size_t i = 0; i < n; i++) x[i] = logistic_times(x[i], 1.59576912f * (x[i] + 0.044715f * x[i] * x[i] * x[i]));
  if (f == EQ_SILU)
    for (size_t i = 0; i < n; i++) x[i] = logistic_times(x[i], x[i]);
  if (f == EQ_RELU)
    for (size_t i = 0; i < n; i++) x[i] = x[i] < 0 ? 0 : x[i];
  if (f == EQ_GELU_ERF)
    for (size_t i = 0; i < n; i++) x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f));
}

INLINE void scale_all(float *x, size_t n, float factor) {
  for (size_t i = 0; i < n; i++) x[i] *= factor;
}

/* cap tanh(x / cap), as cap (1 - 2 / (1 + exp(2 x / cap))): off by some ulp of cap. */
INLINE void softcap_all(float *x, size_t n, float cap) {
  for (size_t i = 0; i < n; i++) {
    float u = 2.0f * (x[i] / cap), e = exp_float(u < 0 ? u : -u), t = (1.0f - e) / (1.0f + e);
    x[i] = cap * (u < 0 ? -t : t);
  }
}

INLINE void multiply_all(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] *= x[i];
}

INLINE void rotate_row(float *x, const float *c, const float *s, size_t half, size_t step, size_t apart) {
  for (size_t d = 0; d < half; d++) {
    float a = x[d * step], b = x[d * step + apart];
    x[d * step] = a * c[d] - b * s[d];
    x[d * step + apart] = b * c[d] + a * s[d];
  }
}

/* The same bodies for each instruction set. */
#define VARIANT(SUFFIX, TARGET)                                                                                   \
  TARGET static float max_##SUFFIX(const float *x, size_t n) { return lanes_max(x, n); }                          \
  TARGET static double exp_##SUFFIX(float *x, size_t n, float max) { return lanes_exp(x, n, max); }               \
  TARGET static double sum_exp_##SUFFIX(const float *x, size_t n, float max) { return lanes_sum_exp(x, n, max); } \
  TARGET static double dot_difference_##SUFFIX(const float *w, const float *p, const float *q, size_t n) {        \
    return lanes_dot_difference(w, p, q, n);                                                                      \
  }                                                                                                               \
  TARGET static void scale_##SUFFIX(float *x, size_t n, float factor) { scale_all(x, n, factor); }                \
  TARGET static void activate_##SUFFIX(enum eq_activation f, float *x, size_t n) { activate_all(f, x, n); }       \
  TARGET static void softcap_##SUFFIX(float *x, size_t n, float cap) { softcap_all(x, n, cap); }                  \
  TARGET static void multiply_##SUFFIX(float *y, const float *x, size_t n) { multiply_all(y, x, n); }             \
  TARGET static void rotate_##SUFFIX(float *x, const float *c, const float *s, size_t half, bool interleaved) {   \
    if (interleaved)                                                                                              \
      rotate_row(x, c, s, half, 2, 1);                                                                            \
    else                                                                                                          \
      rotate_row(x, c, s, half, 1, half);                                                                         \
  }                                                                                                               \
  TARGET static void normalize_##SUFFIX(float *y, const float *x, const struct eq_norm *f) { normalize_row(y, x, f); }
VARIANT(plain, )
#ifdef __x86_64__
VARIANT(avx2, __attribute__((target("avx2,fma"))))
#ifdef __clang__
#define WIDE __attribute__((target("avx512f,avx512vl,avx512dq,fma"), min_vector_width(512)))
#else
#define WIDE __attribute__((target("avx512f,avx512vl,avx512dq,fma,prefer-vector-width=512")))
#endif
VARIANT(avx512, WIDE)
static bool has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#define PICK(NAME)                                                                   \
  (has_avx512()                                                      ? NAME##_avx512 \
   : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? NAME##_avx2   \
                                                                     : NAME##_plain)
#else
#define PICK(NAME) NAME##_plain
#endif

float eq_simd_max(const float *x, size_t n) { return PICK(max)(x, n); }

double eq_simd_exp(float *x, size_t n, float max) { return PICK(exp)(x, n, max); }

double eq_simd_sum_exp(const float *x, size_t n, float max) { return PICK(sum_exp)(x, n, max); }

double eq_simd_dot_difference(const float *w, const float *p, const float *q, size_t n) {
  return PICK(dot_difference)(w, p, q, n);
}

void eq_simd_scale(float *x, size_t n, float factor) { PICK(scale)(x, n, factor); }

void eq_simd_activate(enum eq_activation f, float *x, size_t n) { PICK(activate)(f, x, n); }

void eq_simd_softcap(float *x, size_t n, float cap) { PICK(softcap)(x, n, cap); }

void eq_simd_multiply(float *y, const float *x, size_t n) { PICK(multiply)(y, x, n); }

void eq_simd_rotate(float *x, size_t stride, size_t rows, const float *c, const float *s, size_t half,
                    bool interleaved) {
  for (size_t i = 0; i < rows; i++) PICK(rotate)(x + i * stride, c + i * half, s + i * half, half, interleaved);
}

void eq_simd_normalize(float *y, const float *x, struct eq_norm f, size_t rows) {
  for (size_t i = 0; i < rows; i++) PICK(normalize)(y + i * f.n, x + i * f.n, &f);
}
