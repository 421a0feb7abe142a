/* NF4 and FP4 as bitsandbytes rounds them on a processor (Dettmers et al. 2023, its backends/default/ops.py and
 * csrc/cpu_ops.cpp): each block of weights of the flattened [outputs][inputs] matrix, or of a row, is multiplied by
 * 1 / max|w| (the last block of all, when it is shorter, divided by max|w|), each weight gets the nearest of sixteen
 * levels, the lower one on a midpoint, and is multiplied by max|w| again. With nested scales ("double quantization")
 * max|w| less the mean of all goes through an 8-bit code, "dynamic", in blocks of 256. */
#include <math.h>
#include <stdlib.h>

#include "lib/recipe/step.h"

enum { LEVELS = 16, NESTED_BLOCK = 256, DYNAMIC = 256 };

/* In order; where a normal distribution's quantiles are (their table, NF4), and E2M1 with a smallest number of 0.0625
 * of its unit, over 12 (FP4). */
static const float nf4[LEVELS] = { -1.0f,
                                   -0.6961928009986877f,
                                   -0.5250730514526367f,
                                   -0.39491748809814453f,
                                   -0.28444138169288635f,
                                   -0.18477343022823334f,
                                   -0.09105003625154495f,
                                   0.0f,
                                   0.07958029955625534f,
                                   0.16093020141124725f,
                                   0.24611230194568634f,
                                   0.33791524171829224f,
                                   0.44070982933044434f,
                                   0.5626170039176941f,
                                   0.7229568362236023f,
                                   1.0f };
static const float fp4[LEVELS] = { -12 / 12.0f,      -8 / 12.0f, -6 / 12.0f, -4 / 12.0f,      -3 / 12.0f, -2 / 12.0f,
                                   -0.0625f / 12.0f, -0.0f,      0.0f,       0.0625f / 12.0f, 2 / 12.0f,  3 / 12.0f,
                                   4 / 12.0f,        6 / 12.0f,  8 / 12.0f,  12 / 12.0f };

static float nearest_level(const float *levels, float x) {
  int k = 0;
  for (int i = 1; i < LEVELS; i++) k += x > (levels[i - 1] + levels[i]) / 2;
  return levels[k];
}

/* Blocks a row, where rows have blocks of their own; else of all. */
static size_t blocks_of(const struct eq_scheme *s, size_t n) { return (n + s->group - 1) / s->group; }

/* ---- nested scales ---- */

/* Signed codes of 8 bits: seven decades, the finer the nearer to 1 (Dettmers 2016): of 2^i steps between a tenth of a
 * decade and its end the middles; 0, and 1. In order. */
static void make_dynamic(float code[DYNAMIC]) {
  size_t zero = 127, above = zero, i_max = 7;
  double decade = 1e-6;
  code[zero] = 0;
  for (size_t i = 0; i < i_max; i++) {
    static const double decades[] = { 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1 };
    int steps = 1 << i;
    float step = 0.9f / (float)steps, before = 0.1f;
    decade = decades[i];
    for (int k = 1; k <= steps; k++) {
      /* As torch.linspace, whose products and sums are one operation. */
      float at =
          k < (steps + 1) / 2 ? (float)((double)0.1f + (double)step * k) : (float)(1.0 - (double)step * (steps - k));
      above++;
      code[above] = (float)decade * ((before + at) / 2);
      code[zero - (above - zero)] = -code[above];
      before = at;
    }
  }
  code[DYNAMIC - 1] = 1;
}

/* The nearest of codes in order, the lower one on a midpoint; x is first put on a grid of 65536 numbers from -1 to 1,
 * as bitsandbytes looks codes up. */
static float nearest_dynamic(const float code[DYNAMIC], float x) {
  x = x > -1 ? (x < 1 ? x : 1) : -1;
  int at = (int)((x + 1.0f) * 0.5f * 65535.0f + 0.5f);
  double on_grid = -1.0 + 2.0 * at / 65535.0;
  size_t low = 0, high = DYNAMIC - 1;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if ((double)code[middle] <= on_grid)
      low = middle;
    else
      high = middle;
  }
  return on_grid > (double)((code[low] + code[high]) / 2) ? code[high] : code[low];
}

static void nest(float *scales, size_t n) {
  float code[DYNAMIC];
  double sum = 0;
  make_dynamic(code);
  for (size_t i = 0; i < n; i++) sum += (double)scales[i];
  float offset = (float)(sum / (double)n);
  for (size_t i = 0; i < n; i++) scales[i] -= offset;
  for (size_t i = 0; i < n; i += NESTED_BLOCK) {
    size_t end = n - i < NESTED_BLOCK ? n : i + NESTED_BLOCK;
    float absmax = eq_absmax(scales + i, end - i);
    for (size_t k = i; k < end; k++)
      scales[k] = absmax == 0 ? offset : nearest_dynamic(code, scales[k] / absmax) * absmax + offset;
  }
}

/* ---- blocks ---- */

/* Scales of the codes, and after them those of the weights, which double quantization leaves apart. */
bool eq_levels_prepare(const struct eq_scheme *s, const float *w, size_t rows, size_t cols, struct eq_prepared *p,
                       struct eq_err *err) {
  size_t length = s->by_row ? cols : rows * cols, lines = s->by_row ? rows : 1, blocks = blocks_of(s, length);
  size_t n = lines * blocks;
  p->rows = rows;
  float *scales = p->table = eq_array(n, 2 * sizeof *scales);
  if (!scales) return eq_fail_memory(err, 2 * n * sizeof *scales, "scales");
  for (size_t i = 0; i < n; i++) {
    size_t from = i % blocks * s->group, size = length - from < s->group ? length - from : s->group;
    scales[2 * i] = scales[2 * i + 1] = eq_absmax(w + i / blocks * length + from, size);
  }
  if (!s->nested || n == 0) return true;
  for (size_t i = 0; i < n; i++) scales[i] = scales[2 * i]; /* side by side for a while */
  nest(scales, n);
  for (size_t i = n; i-- > 0;) scales[2 * i] = scales[i];
  for (size_t i = 0; i < n; i++) {
    size_t from = i % blocks * s->group, size = length - from < s->group ? length - from : s->group;
    scales[2 * i + 1] = eq_absmax(w + i / blocks * length + from, size);
  }
  return true;
}

void eq_levels_apply(const struct eq_scheme *s, const struct eq_prepared *p, size_t r, size_t cols, float *row) {
  const float *levels = s->kind == EQ_NF4 ? nf4 : fp4;
  size_t first = s->by_row ? 0 : r * cols, per_row = s->by_row ? blocks_of(s, cols) : 0;
  for (size_t c = 0; c < cols;) {
    size_t at = (first + c) % s->group, n = s->group - at < cols - c ? s->group - at : cols - c;
    const float *known =
        p->table ? p->table + 2 * (s->by_row ? r * per_row + c / s->group : (first + c) / s->group) : NULL;
    float absmax = known ? known[1] : eq_absmax(row + c, n), scale = known ? known[0] : absmax;
    float floored = absmax > 1e-38f ? absmax : 1e-38f, inverse = 1.0f / floored;
    bool divides = s->by_row ? n < s->group : p->table && first + c - at + s->group > p->rows * cols;
    for (size_t i = c; i < c + n; i++) {
      float x = divides ? row[i] / floored : row[i] * inverse, zero = row[i] != row[i] ? row[i] : 0;
      x = x < -1 ? -1 : x > 1 ? 1 : x;
      row[i] = row[i] != row[i] || scale == 0 ? zero : nearest_level(levels, x) * scale;
    }
    c += n;
  }
}
