#include "lib/recipe/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/recipe/clip.h"
#include "lib/tensor/ggml_encode.h"

/* ---- GGML's blocks, FP8 ---- */

static void apply_blocks(enum eq_dtype asked, size_t cols, float *row) {
  enum { MOST = 2048 };
  unsigned char bytes[MOST / 32 * 34];
  enum eq_dtype t = eq_ggml_type(asked, cols);
  if (t == EQ_F16) {
    eq_cast_f16(row, cols);
    return;
  }
  for (size_t c = 0; c < cols; c += MOST) {
    size_t n = cols - c < MOST ? cols - c : MOST;
    eq_ggml_encode(t, row + c, n, bytes);
    eq_dtype_decode(t, bytes, n, row + c);
  }
}

/* x to the nearest float of `fraction` bits after the first, exponents from `least` on, ties to even. Adding the number
 * whose last bit is the wanted unit rounds. */
static float to_small_float(float x, int fraction, int least, float most) {
  int exponent;
  float magnitude = fabsf(x);
  if (!(magnitude < most)) return magnitude >= most ? copysignf(most, x) : x;
  frexpf(magnitude, &exponent);
  exponent = exponent - 1 < least ? least : exponent - 1;
  float unit = ldexpf(1, exponent - fraction);
  return copysignf(nearbyintf(magnitude / unit) * unit, x);
}

static float fp8_most(const struct eq_scheme *s) { return s->type == EQ_F8_E4M3 ? 448 : 57344; }

static void apply_fp8(const struct eq_scheme *s, float absmax, size_t cols, float *row) {
  bool e4m3 = s->type == EQ_F8_E4M3;
  float scale = (s->granularity == EQ_PER_ROW ? eq_absmax(row, cols) : absmax) / fp8_most(s);
  for (size_t c = 0; c < cols; c++)
    row[c] = scale == 0 ? (row[c] != row[c] ? row[c] : 0)
                        : to_small_float(row[c] / scale, e4m3 ? 3 : 2, e4m3 ? -6 : -14, fp8_most(s)) * scale;
}

/* ---- what is pruned, noise ---- */

static struct eq_pick smallest(const struct eq_scheme *s) { return (struct eq_pick){ EQ_PICK_SMALLEST, s->amount, 0 }; }

static void apply_prune(const struct eq_prepared *p, size_t r, size_t cols, float *row) {
  uint32_t key = p->threshold.key;
  uint64_t first = r * cols, limit = p->threshold.limit > first ? p->threshold.limit - first : 0;
  size_t before = limit < cols ? (size_t)limit : cols; /* of equals, those before it are pruned */
  for (size_t c = 0; c < cols; c++) {
    uint32_t bits;
    memcpy(&bits, &row[c], sizeof bits);
    bits &= 0x7fffffffu;
    row[c] = bits < key + (c < before) ? 0 : row[c];
  }
}

/* Of each m inputs the n largest stay; of equals the lower index goes. Fewer than m at the end keep n too. */
static void apply_pattern(const struct eq_scheme *s, size_t cols, float *row) {
  for (size_t c = 0; c < cols; c += s->m) {
    size_t m = cols - c < s->m ? cols - c : s->m, gone = s->n;
    for (size_t i = 0; i < m; i++) gone += row[c + i] == 0;
    for (; gone < m; gone++) {
      size_t least = m;
      for (size_t i = 0; i < m; i++)
        if (row[c + i] != 0 && (least == m || fabsf(row[c + i]) < fabsf(row[c + least]))) least = i;
      if (least < m) row[c + least] = 0;
    }
  }
}

/* Box and Muller 1958: of two uniform numbers two Gaussian ones, for weights 2 i and 2 i + 1. */
static double gaussian(uint64_t seed, uint64_t stream, uint64_t i) {
  uint32_t w[4];
  eq_random_block(seed, stream, i / 2, w);
  double u = (double)((((uint64_t)w[1] << 32 | w[0]) >> 11) + 1) * 0x1p-53;
  double v = (double)(((uint64_t)w[3] << 32 | w[2]) >> 11) * 0x1p-53 * 6.283185307179586;
  return sqrt(-2 * log(u)) * (i % 2 ? sin(v) : cos(v));
}

static void apply_noise(const struct eq_scheme *s, const struct eq_prepared *p, const struct eq_origin *o, size_t r,
                        size_t cols, float *row) {
  double size = p->number * ((double)s->amount.n / (double)s->amount.unit);
  uint64_t first = (uint64_t)eq_stretch_at(o->slice.rows, r) * o->cols;
  for (size_t c = 0; c < cols; c++)
    row[c] = (float)((double)row[c] + size * gaussian(s->seed, o->stream, first + eq_stretch_at(o->slice.cols, c)));
}

static double mean_of(const float *w, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)w[i];
  return n ? sum / (double)n : 0;
}

static double deviation_of(const float *w, size_t n) {
  double mean = mean_of(w, n), sum = 0;
  for (size_t i = 0; i < n; i++) sum += ((double)w[i] - mean) * ((double)w[i] - mean);
  return n ? sqrt(sum / (double)n) : 0;
}

/* ---- all kinds ---- */

enum eq_needs eq_step_needs(const struct eq_scheme *s, size_t cols) {
  bool whole = s->granularity == EQ_PER_TENSOR;
  switch (s->kind) {
  case EQ_INT:
  case EQ_ASYMMETRIC:
    return s->clip ? EQ_NEEDS_WEIGHTS : whole || s->half_scales ? EQ_NEEDS_EXTREMES : EQ_NEEDS_NOTHING;
  case EQ_FP8: return whole ? EQ_NEEDS_EXTREMES : EQ_NEEDS_NOTHING;
  case EQ_NF4:
  case EQ_FP4: return s->nested || (!s->by_row && cols % s->group) ? EQ_NEEDS_WEIGHTS : EQ_NEEDS_NOTHING;
  case EQ_PRUNE:
  case EQ_LOWRANK:
  case EQ_MEAN:
  case EQ_NOISE: return EQ_NEEDS_WEIGHTS;
  default: return EQ_NEEDS_NOTHING;
  }
}

static bool fits_half(const struct eq_scheme *s, struct eq_extremes of) {
  return !eq_scheme_is_integers(s) || !s->half_scales || eq_scale_of(*s, of).scale <= 65504;
}

/* A group of u<b> may have a range that fits where the whole matrix's does not. */
bool eq_step_extremes_do(const struct eq_scheme *s, struct eq_extremes of) {
  return s->granularity == EQ_PER_TENSOR || fits_half(s, of);
}

bool eq_step_prepare_extremes(const struct eq_scheme *s, struct eq_extremes of, struct eq_prepared *p,
                              struct eq_err *err) {
  p->of = of;
  return fits_half(s, of) || eq_fail(err, EQ_BAD, "s16: weights from %g to %g need a scale that is beyond float16",
                                     (double)of.min, (double)of.max);
}

/* Each group's scale must be a float16. */
static bool prepare_groups(const struct eq_scheme *s, const float *w, size_t rows, size_t cols, struct eq_prepared *p,
                           struct eq_err *err) {
  size_t group = eq_scheme_group(s, cols);
  p->of = eq_extremes_of(w, rows * cols);
  if (fits_half(s, p->of)) return true;
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < cols; c += group) {
      struct eq_prepared of_group;
      size_t n = cols - c < group ? cols - c : group;
      if (!eq_step_prepare_extremes(s, eq_extremes_of(w + r * cols + c, n), &of_group, err)) return false;
    }
  return true;
}

static bool prepare_integers(const struct eq_scheme *s, const float *w, size_t rows, size_t cols, struct eq_prepared *p,
                             struct eq_err *err) {
  if (s->granularity == EQ_PER_TENSOR && !s->clip)
    return eq_step_prepare_extremes(s, eq_extremes_of(w, rows * cols), p, err);
  if (!s->clip) return prepare_groups(s, w, rows, cols, p, err);
  p->of = eq_extremes_of(w, rows * cols);
  p->table = eq_limits_of(*s, p->number, w, rows, cols);
  if (!p->table) return eq_fail_memory(err, rows * cols, "clipping");
  float beyond = eq_limits_beyond_half(*s, p->table, rows, cols);
  return beyond == 0 || eq_fail(err, EQ_BAD, "s16: a limit of %g needs a scale that is beyond float16", (double)beyond);
}

bool eq_step_prepare(const struct eq_scheme *s, const float *w, size_t rows, size_t cols, struct eq_prepared *p,
                     struct eq_err *err) {
  size_t n = rows * cols;
  switch (s->kind) {
  case EQ_INT:
  case EQ_ASYMMETRIC: return prepare_integers(s, w, rows, cols, p, err);
  case EQ_FP8: return eq_step_prepare_extremes(s, eq_extremes_of(w, n), p, err);
  case EQ_NF4:
  case EQ_FP4: return eq_levels_prepare(s, w, rows, cols, p, err);
  case EQ_PRUNE: return s->global || eq_select(smallest(s), 0, w, n, &p->threshold, err);
  case EQ_LOWRANK: return eq_lowrank_prepare(s, w, rows, cols, p, err);
  case EQ_NOISE: p->number = deviation_of(w, n); return true;
  default: return true;
  }
}

/* What a matrix is stored as: values, of which those that are 0 may be left out, and what stays anyway. */
struct stored {
  double values, rest;
};

/* Scales of four bytes; zero points of as many bits as codes. */
static struct stored integers(const struct eq_scheme *s, double n, double groups) {
  double zeros = s->kind == EQ_ASYMMETRIC ? ceil(groups * s->bits / 8) : 0;
  return (struct stored){ ceil(n * s->bits / 8), zeros + groups * (s->half_scales ? 2 : 4) };
}

/* Of a step that makes codes. GGML's blocks have their scales among the codes, and stay whole. */
static struct stored codes(struct eq_scheme s, size_t rows, size_t cols) {
  double n = (double)rows * (double)cols, groups = (double)(s.granularity == EQ_PER_TENSOR ? 1 : rows);
  size_t group = eq_scheme_group(&s, cols);
  enum eq_dtype t = s.kind == EQ_GGML ? eq_ggml_type(s.type, cols) : EQ_F16;
  double blocks = s.by_row ? (double)rows * ceil((double)cols / s.group) : s.group ? ceil(n / s.group) : 0;
  if (s.granularity == EQ_PER_GROUP && group) groups = (double)(rows * ((cols + group - 1) / group));
  switch (s.kind) {
  case EQ_FP16_CAST:
  case EQ_BF16_CAST: return (struct stored){ 2 * n, 0 };
  case EQ_INT:
  case EQ_ASYMMETRIC: return integers(&s, n, groups);
  case EQ_GGML: return (struct stored){ 0, (double)(rows * (cols / eq_dtype_block(t) * eq_dtype_size(t))) };
  case EQ_NF4:
  case EQ_FP4: return (struct stored){ ceil(n / 2), s.nested ? blocks + 4 * ceil(blocks / 256) + 4 : 4 * blocks };
  case EQ_FP8: return (struct stored){ n, 4 * groups };
  default: return (struct stored){ 4 * n, 0 };
  }
}

/* What a step makes of the share of weights that are not 0, and of how they are stored. */
static void store_step(const struct eq_scheme *s, size_t rows, size_t cols, struct stored *as, double *kept) {
  double n = (double)rows * (double)cols;
  switch (s->kind) {
  case EQ_KEEP: return;
  case EQ_PRUNE: *kept *= 1 - (double)s->amount.n / (double)s->amount.unit; return;
  case EQ_PRUNE_PATTERN: *kept *= (double)s->n / (double)s->m; return;
  case EQ_LOWRANK: *as = (struct stored){ 0, fmin(4 * n, 4.0 * s->n * (double)(rows + cols)) }; break;
  case EQ_ZERO: *as = (struct stored){ 0, 0 }; break;
  case EQ_MEAN: *as = (struct stored){ 0, 4 * (double)rows }; break; /* a bias */
  case EQ_NOISE: *as = (struct stored){ 4 * n, 0 }; break;
  default: *as = codes(*s, rows, cols); return;
  }
  *kept = 1;
}

size_t eq_steps_bytes(const struct eq_steps *steps, size_t rows, size_t cols, double source) {
  double n = (double)rows * (double)cols, kept = 1;
  struct stored as = { n * source, 0 };
  for (size_t i = 0; i < steps->n; i++) store_step(&steps->step[i], rows, cols, &as, &kept);
  return (size_t)(fmin(as.values, kept * as.values + ceil(n / 8)) + as.rest + 0.5);
}

void eq_step_apply(const struct eq_scheme *s, const struct eq_prepared *p, const struct eq_origin *o, size_t r,
                   size_t cols, float *row) {
  switch (s->kind) {
  case EQ_KEEP:
  case EQ_MEAN: /* of what enters */
  case EQ_SCHEME_KINDS: return;
  case EQ_FP16_CAST: eq_cast_f16(row, cols); return;
  case EQ_BF16_CAST: eq_cast_bf16(row, cols); return;
  case EQ_INT:
  case EQ_ASYMMETRIC:
    if (s->clip)
      eq_round_clipped(*s, p->table, r, cols, row);
    else
      eq_round_rows(*s, p->of, (struct eq_matrix){ row, 1, cols, false }, 0, 1);
    return;
  case EQ_GGML: apply_blocks(s->type, cols, row); return;
  case EQ_NF4:
  case EQ_FP4: eq_levels_apply(s, p, r, cols, row); return;
  case EQ_FP8: apply_fp8(s, fmaxf(-p->of.min, p->of.max), cols, row); return;
  case EQ_PRUNE: apply_prune(p, r, cols, row); return;
  case EQ_PRUNE_PATTERN: apply_pattern(s, cols, row); return;
  case EQ_LOWRANK: eq_lowrank_apply(p, r, cols, row); return;
  case EQ_ZERO: memset(row, 0, cols * sizeof *row); return;
  case EQ_NOISE: apply_noise(s, p, o, r, cols, row); return;
  }
}
