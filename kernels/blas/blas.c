/* blas.c: products by OpenBLAS, called single-threaded from our own threads. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/blas/elementwise.h"
#include "kernels/blas/panels.h"
#include "kernels/kernels.h"

/* y[m][n] = alpha x[m][k] W + beta y, where W lies [n][k] (transposed) or [k][n]. */
static void product(float *y, size_t y_stride, const float *x, size_t x_stride, const float *w, size_t w_stride,
                    bool transposed, size_t m, size_t n, size_t k, float alpha, float beta) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, alpha, x,
              (int)x_stride, w, (int)w_stride, beta, y, (int)y_stride);
}

static void linear(float *y, size_t y_stride, const float *x, size_t x_stride, struct eq_weight w, const float *bias,
                   bool add) {
  if (w.packed) {
    eq_panels_pick()->multiply(y, y_stride, x, x_stride, w, bias, add);
    return;
  }
  for (size_t i = 0; bias && i < EQ_TILE; i++) {
    float *row = y + i * y_stride;
    if (!add) memcpy(row, bias, w.out * sizeof *row);
    for (size_t j = 0; add && j < w.out; j++) row[j] += bias[j];
  }
  product(y, y_stride, x, x_stride, w.w, w.by_output ? w.in : w.out, w.by_output, EQ_TILE, w.out, w.in, 1,
          add || bias ? 1 : 0);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Keys from..to-1 that a query sees. */
struct keys {
  size_t from, to;
};

static struct keys seen_by(const struct eq_head *h, size_t query) {
  size_t window = h->window ? h->window : h->n;
  return (struct keys){ query + 1 > window ? query + 1 - window : 0,
                        h->bidirectional ? least(h->n, query + window) : query + 1 };
}

/* Scores of a query to the probabilities of the keys from..to-1 that its tile has; 0 for those that it does not see. */
static void softmax(const struct eq_head *h, float *p, size_t query, struct keys tile) {
  struct keys k = seen_by(h, query);
  float *row = p + (k.from - tile.from);
  size_t n = k.to - k.from;
  if (h->softcap > 0) eq_simd_softcap(row, n, h->softcap);
  for (size_t j = 0; h->key_bias && j < n; j++) row[j] += h->key_bias[k.from + j] - h->key_bias[query];
  double sum = eq_simd_exp(row, n, eq_simd_max(row, n));
  eq_simd_scale(row, n, (float)(1 / sum));
  memset(p, 0, (k.from - tile.from) * sizeof *p);
  memset(row + n, 0, (tile.to - k.to) * sizeof *p);
}

/* Queries go in tiles, each against the keys that any of its queries sees: the shapes depend on nothing but the
 * sequence. */
static void attend(float *out, size_t out_stride, struct eq_head h, float *p) {
  for (size_t first = 0; first < h.n; first += EQ_QUERY_TILE) {
    size_t rows = least(h.n - first, EQ_QUERY_TILE);
    struct keys tile = { seen_by(&h, first).from, seen_by(&h, first + rows - 1).to };
    size_t keys = tile.to - tile.from, at = tile.from * h.stride;
    product(p, keys, h.q + first * h.stride, h.stride, h.k + at, h.stride, true, rows, keys, h.head_size, h.scale, 0);
    for (size_t i = 0; i < rows; i++) softmax(&h, p + i * keys, first + i, tile);
    product(out + first * out_stride, out_stride, p, keys, h.v + at, h.stride, false, rows, h.head_size, keys, 1, 0);
  }
}

/* Adds a part of a row's logits. The maximum that the log-sum-exp began with serves for the later parts too, without a
 * look for theirs, until a logit lies so far above it that the sum might overflow. */
static void collect(struct eq_logsumexp *lse, const float *logits, size_t n) {
  double sum = lse->sum > 0 ? eq_simd_sum_exp(logits, n, lse->max) : (double)INFINITY;
  if (!(sum < 1e30)) { /* also when it is NaN, which stays */
    float max = fmaxf(lse->max, eq_simd_max(logits, n));
    lse->sum *= lse->sum > 0 ? exp((double)lse->max - (double)max) : 0;
    lse->max = max;
    sum = eq_simd_sum_exp(logits, n, max);
  }
  lse->sum += sum;
}

static void logits(float *out, const float *x, struct eq_weight w, struct eq_logit_rule rule, size_t first) {
  if (w.packed) {
    eq_panels_pick()->multiply(out, w.out, x, w.in, w, rule.bias ? rule.bias + first : NULL, false);
    if (rule.scale != 1) eq_simd_scale(out, EQ_TILE * w.out, rule.scale);
    if (rule.softcap > 0) eq_simd_softcap(out, EQ_TILE * w.out, rule.softcap);
    return;
  }
  for (size_t i = 0; rule.bias && i < EQ_TILE; i++) memcpy(out + i * w.out, rule.bias + first, w.out * sizeof *out);
  if (rule.bias && rule.scale != 1) eq_simd_scale(out, EQ_TILE * w.out, rule.scale);
  product(out, w.out, x, w.in, w.w, w.by_output ? w.in : w.out, w.by_output, EQ_TILE, w.out, w.in, rule.scale,
          rule.bias ? 1 : 0);
  if (rule.softcap > 0) eq_simd_softcap(out, EQ_TILE * w.out, rule.softcap);
}

static void find_top(const float *x, size_t n, float max, uint32_t first, float *best, uint32_t *top) {
  size_t i = 0;
  if (!(max > *best)) return;
  while (i + 1 < n && x[i] != max) i++;
  *best = max;
  *top = first + (uint32_t)i;
}

static void compare(struct eq_comparison *c, const float *p, const float *q, size_t n, uint32_t first, float *scratch) {
  float before = c->best_p;
  find_top(p, n, eq_simd_max(p, n), first, &c->best_p, &c->top_p);
  find_top(q, n, eq_simd_max(q, n), first, &c->best_q, &c->top_q);
  collect(&c->p, p, n);
  if (c->best_p > before) c->cross *= exp((double)before - (double)c->best_p);
  memcpy(scratch, p, n * sizeof *p);
  eq_simd_exp(scratch, n, c->best_p);
  c->cross += eq_simd_dot_difference(scratch, p, q, n);
}

/* Does a row's result repeat with this period? Every row of x is the same, so rows a period apart must be. */
static bool repeats(size_t period, const float *y, size_t n) {
  for (size_t i = period; i < EQ_TILE; i++)
    if (memcmp(y + i * n, y + (i - period) * n, n * sizeof *y)) return false;
  return true;
}

/* The row period is asked of OpenBLAS itself, on small products of every kind that linear and head make: its kernels
 * differ from one processor to the next, and so does the answer (12 on Haswell and Zen, 1 with AVX-512). */
static size_t begin(void) {
  static const struct { size_t n, k; } shapes[] = { { 48, 32 }, { 100, 100 }, { 257, 33 }, { 512, 384 } };
  static const size_t periods[] = { 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96 };
  enum { MOST = 512 * 384 };
  openblas_set_num_threads(1);
  size_t at = 0, n_periods = sizeof periods / sizeof *periods;
  float *x = malloc(3 * MOST * sizeof *x);
  if (!x) return EQ_TILE; /* every sequence in tiles of its own: always right */
  float *w = x + MOST, *y = w + MOST;
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int transposed = 0; transposed < 2; transposed++) {
      size_t n = shapes[s].n, k = shapes[s].k;
      for (size_t i = 0; i < k * n; i++) w[i] = sinf((float)(i % 9973) * 1.7f);
      for (size_t i = 0; i < EQ_TILE * k; i++) x[i] = cosf((float)(i % k) * 2.3f);
      product(y, n, x, k, w, transposed ? k : n, transposed, EQ_TILE, n, k, 1, 0);
      while (at < n_periods && !repeats(periods[at], y, n)) at++;
    }
  free(x);
  return at < n_periods ? periods[at] : EQ_TILE;
}

const struct eq_kernels eq_kernels_blas = { .name = "blas",
                                            .begin = begin,
                                            .packed_size = eq_panels_size,
                                            .pack = eq_panels_pack,
                                            .linear = linear,
                                            .normalize = eq_simd_normalize,
                                            .activate = eq_simd_activate,
                                            .multiply = eq_simd_multiply,
                                            .rotate = eq_simd_rotate,
                                            .attend = attend,
                                            .logits = logits,
                                            .collect = collect,
                                            .compare = compare };
