#include "kernels/blas/panels.h"

#include <string.h>

static size_t count(size_t out) { return (out + EQ_PANEL - 1) / EQ_PANEL; }

size_t eq_panels_size(size_t in, size_t out) { return eq_panels_pick() ? count(out) * EQ_PANEL * in : 0; }

void eq_panels_pack(float *panels, struct eq_weight w, size_t first, size_t last) {
  for (size_t p = first / EQ_PANEL; p * EQ_PANEL < last; p++) {
    float *panel = panels + p * EQ_PANEL * w.in;
    size_t at = p * EQ_PANEL, n = w.out - at < EQ_PANEL ? w.out - at : EQ_PANEL;
    if (n < EQ_PANEL) memset(panel, 0, EQ_PANEL * w.in * sizeof *panel);
    if (!w.by_output)
      for (size_t k = 0; k < w.in; k++) memcpy(panel + k * EQ_PANEL, w.w + k * w.out + at, n * sizeof *panel);
    else
      for (size_t j = 0; j < n; j++)
        for (size_t k = 0; k < w.in; k++) panel[k * EQ_PANEL + j] = w.w[(at + j) * w.in + k];
  }
}

#ifdef __x86_64__
#include <immintrin.h>

/* What of a block's sums belongs to a panel's n < EQ_PANEL outputs. */
static void put(float *y, size_t y_stride, const float *sums, size_t rows, size_t n, const float *bias, bool add) {
  for (size_t r = 0; r < rows; r++)
    for (size_t j = 0; j < n; j++) {
      float sum = bias ? sums[r * EQ_PANEL + j] + bias[j] : sums[r * EQ_PANEL + j];
      y[r * y_stride + j] = add ? y[r * y_stride + j] + sum : sum;
    }
}

/* A block of ROWS rows against two vectors of LANES columns, its sums all in registers. bias may be NULL. */
#define BLOCK(NAME, TARGET, VECTOR, LANES, ROWS, OP)                                                                 \
  TARGET static void NAME(float *y, size_t y_stride, const float *x, size_t x_stride, const float *panel, size_t in, \
                          const float *bias, bool add) {                                                             \
    VECTOR sum[ROWS][2];                                                                                             \
    for (size_t r = 0; r < ROWS; r++) sum[r][0] = sum[r][1] = OP(setzero)();                                         \
    for (size_t k = 0; k < in; k++, panel += EQ_PANEL) {                                                             \
      VECTOR left = OP(loadu)(panel), right = OP(loadu)(panel + (LANES));                                            \
      for (size_t r = 0; r < ROWS; r++) {                                                                            \
        VECTOR a = OP(set1)(x[r * x_stride + k]);                                                                    \
        sum[r][0] = OP(fmadd)(a, left, sum[r][0]);                                                                   \
        sum[r][1] = OP(fmadd)(a, right, sum[r][1]);                                                                  \
      }                                                                                                              \
    }                                                                                                                \
    for (size_t r = 0; r < ROWS; r++)                                                                                \
      for (size_t v = 0; v < 2; v++) {                                                                               \
        float *at = y + r * y_stride + v * (LANES);                                                                  \
        VECTOR s = bias ? OP(add)(sum[r][v], OP(loadu)(bias + v * (LANES))) : sum[r][v];                             \
        OP(storeu)(at, add ? OP(add)(OP(loadu)(at), s) : s);                                                         \
      }                                                                                                              \
  }

/* All blocks of a product, panel by panel. */
#define MULTIPLY(NAME, BLOCK_OF, LANES, ROWS)                                                                         \
  static void NAME(float *y, size_t y_stride, const float *x, size_t x_stride, struct eq_weight w, const float *bias, \
                   bool add) {                                                                                        \
    float sums[(ROWS)*EQ_PANEL];                                                                                      \
    for (size_t at = 0; at < w.out; at += EQ_PANEL)                                                                   \
      for (size_t row = 0; row < EQ_TILE; row += (ROWS)) {                                                            \
        const float *rows = x + row * x_stride, *panel = w.packed + at * w.in;                                        \
        bool whole = w.out - at >= EQ_PANEL;                                                                          \
        float *to = whole ? y + row * y_stride + at : sums;                                                           \
        for (size_t part = 0; part < EQ_PANEL; part += 2 * (LANES))                                                   \
          BLOCK_OF(to + part, whole ? y_stride : EQ_PANEL, rows, x_stride, panel + part, w.in,                        \
                   whole && bias ? bias + at + part : NULL, whole && add);                                            \
        if (!whole) put(y + row * y_stride + at, y_stride, sums, ROWS, w.out - at, bias ? bias + at : NULL, add);     \
      }                                                                                                               \
  }

#define OP_512(NAME) _mm512_##NAME##_ps
#define OP_256(NAME) _mm256_##NAME##_ps
BLOCK(block_512, __attribute__((target("avx512f,fma"))), __m512, 16, 12, OP_512)
BLOCK(block_256, __attribute__((target("avx2,fma"))), __m256, 8, 6, OP_256)
MULTIPLY(multiply_512, block_512, 16, 12)
MULTIPLY(multiply_256, block_256, 8, 6)

static bool has_avx512(void) { return __builtin_cpu_supports("avx512f"); }
static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

const struct eq_panels_variant eq_panels_variants[] = {
  { "avx512", has_avx512, multiply_512 },
  { "avx2", has_avx2, multiply_256 },
  { 0 },
};
#else
const struct eq_panels_variant eq_panels_variants[] = { { 0 } };
#endif

const struct eq_panels_variant *eq_panels_pick(void) {
  for (const struct eq_panels_variant *v = eq_panels_variants; v->name; v++)
    if (v->runs_here()) return v;
  return NULL;
}
