#include "kernels/blas/elementwise.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { LANES = 16 }; /* partial sums of a reduction, whatever the vector width */

/* exp(x) for x <= 0 within 2 ulp: x = n ln2 + r, |r| <= ln2 / 2, a polynomial for exp(r) (Taylor to degree 7, whose
 * remainder is below 2^-27), then 2^n by the exponent's bits. Below -87 the result is 0. NaN stays NaN. */
INLINE float exp_negative(float x) {
  const float round = 0x1.8p23f; /* adding and subtracting rounds to an integer */
  float clamped = x < -87.0f ? -87.0f : x;
  float n = clamped * 1.44269504f + round;
  uint32_t bits;
  memcpy(&bits, &n, 4);
  n -= round;
  float r = (clamped - n * 0x1.62e400p-1f) - n * 0x1.7f7d1cp-20f; /* ln 2 in two parts (Cody and Waite 1980) */
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  uint32_t exponent = (bits + 127) << 23; /* the low bits of n + round are n */
  float power;
  memcpy(&power, &exponent, 4);
  return x < -87.0f ? 0.0f : p * power;
}

INLINE float lanes_max(const float *x, size_t n) {
  float lane[LANES], unordered[LANES] = { 0 }, max = -INFINITY, nan = 0;
  for (int l = 0; l < LANES; l++) lane[l] = -INFINITY;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) {
      lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
      unordered[l] = x[i + l] != x[i + l] ? x[i + l] : unordered[l]; /* a comparison would lose a NaN */
    }
  for (; i < n; i++) {
    max = x[i] > max ? x[i] : max;
    nan = x[i] != x[i] ? x[i] : nan;
  }
  for (int l = 0; l < LANES; l++) {
    max = lane[l] > max ? lane[l] : max;
    nan = unordered[l] != unordered[l] ? unordered[l] : nan;
  }
  return nan != nan ? nan : max;
}

INLINE double lanes_exp(float *x, size_t n, float max) {
  float lane[LANES] = { 0 };
  double sum = 0;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) lane[l] += x[i + l] = exp_negative(x[i + l] - max);
  for (; i < n; i++) sum += (double)(x[i] = exp_negative(x[i] - max));
  for (int l = 0; l < LANES; l++) sum += (double)lane[l];
  return sum;
}

INLINE double lanes_sum(const double lane[LANES]) {
  double sum = 0;
  for (int l = 0; l < LANES; l++) sum += lane[l];
  return sum;
}

INLINE void layernorm_row(float *y, const float *x, const float *gain, const float *shift, size_t n, float epsilon) {
  double lane[LANES] = { 0 }, square[LANES] = { 0 };
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) lane[l] += (double)x[i + l];
  for (; i < n; i++) lane[0] += (double)x[i];
  double mean = lanes_sum(lane) / (double)n;
  for (i = 0; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++) square[l] += ((double)x[i + l] - mean) * ((double)x[i + l] - mean);
  for (; i < n; i++) square[0] += ((double)x[i] - mean) * ((double)x[i] - mean);
  double scale = 1 / sqrt(lanes_sum(square) / (double)n + (double)epsilon);
  for (i = 0; i < n; i++) y[i] = (float)(((double)x[i] - mean) * scale) * gain[i] + shift[i];
}

INLINE float logistic_times(float x, float u) { /* x / (1 + exp(-u)), without overflow */
  float e = exp_negative(u < 0 ? u : -u);
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

/* The same bodies for each instruction set. */
#define VARIANT(SUFFIX, TARGET)                                                                                    \
  TARGET static float max_##SUFFIX(const float *x, size_t n) { return lanes_max(x, n); }                           \
  TARGET static double exp_##SUFFIX(float *x, size_t n, float max) { return lanes_exp(x, n, max); }                \
  TARGET static void scale_##SUFFIX(float *x, size_t n, float factor) { scale_all(x, n, factor); }                 \
  TARGET static void activate_##SUFFIX(enum eq_activation f, float *x, size_t n) { activate_all(f, x, n); }        \
  TARGET static void layernorm_##SUFFIX(float *y, const float *x, const float *gain, const float *shift, size_t n, \
                                        float epsilon) {                                                           \
    layernorm_row(y, x, gain, shift, n, epsilon);                                                                  \
  }
VARIANT(plain, )
#ifdef __x86_64__
VARIANT(avx2, __attribute__((target("avx2"))))
#define PICK(NAME) (__builtin_cpu_supports("avx2") ? NAME##_avx2 : NAME##_plain)
#else
#define PICK(NAME) NAME##_plain
#endif

float eq_simd_max(const float *x, size_t n) { return PICK(max)(x, n); }

double eq_simd_exp(float *x, size_t n, float max) { return PICK(exp)(x, n, max); }

void eq_simd_scale(float *x, size_t n, float factor) { PICK(scale)(x, n, factor); }

void eq_simd_activate(enum eq_activation f, float *x, size_t n) { PICK(activate)(f, x, n); }

void eq_simd_layernorm(float *y, const float *x, const float *gain, const float *shift, size_t rows, size_t n,
                       float epsilon) {
  for (size_t i = 0; i < rows; i++) PICK(layernorm)(y + i * n, x + i * n, gain, shift, n, epsilon);
}
