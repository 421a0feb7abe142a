#include "lib/recipe/clip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of 2 to 8 bits: the limit in units of the deviation (Gaussian) or the mean magnitude (Laplace) at which the squared
 * error of 2^b - 1 symmetric, evenly spaced codes is least (Max 1960 for the former). */
static const float gaussian[] = { 1.224006f, 1.952309f, 2.473879f, 2.898728f, 3.270115f, 3.607460f, 3.920501f };
static const float laplace[] = { 2.000000f, 3.486401f, 4.819915f, 6.098038f, 7.358589f, 8.617837f, 9.882651f };

enum { EVENTS_MAX = 1 << 20, TRIED_FIRST = 12 };

static float top_code(struct eq_scheme s) { return (float)(1U << (s.bits - 1)) - 1; }

static float scale_of(struct eq_scheme s, float limit) {
  float scale = limit / (top_code(s) + (s.full_scale ? 1.0f : 0.0f));
  return s.half_scales ? eq_to_f16(scale) : scale;
}

/* ---- the least squared error ---- */

/* Where the code of a weight changes from k - 1 to k: below the step s = magnitude / (k - 1/2). */
struct event {
  double s, magnitude, k;
};

/* Sums of w^2, w q and q^2 at a step. */
struct sums {
  double ww, wq, qq;
};

static double code_at(double magnitude, double s, double top) {
  double q = magnitude / s + 0x1p52 - 0x1p52; /* half to even */
  return q < top ? q : top;
}

static struct sums sums_at(const float *w, size_t n, double s, double top) {
  struct sums sum = { 0, 0, 0 };
  for (size_t i = 0; i < n; i++) {
    double m = fabs((double)w[i]), q = code_at(m, s, top);
    sum.ww += m * m;
    sum.wq += m * q;
    sum.qq += q * q;
  }
  return sum;
}

/* What weights beyond the top code add to the squared error. */
static double clipped_at(const float *w, size_t n, double limit) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double beyond = fabs((double)w[i]) - limit;
    beyond = beyond > 0 ? beyond : 0;
    sum += beyond * beyond;
  }
  return sum;
}

static double error_at(struct sums t, double s) { return t.ww - 2 * s * t.wq + s * s * t.qq; }

/* Events between steps low and high, in *events or, where that is NULL, only counted. */
static size_t find_events(const float *w, size_t n, double low, double high, double top, struct event *events) {
  size_t found = 0;
  for (size_t i = 0; i < n; i++) {
    double m = fabs((double)w[i]);
    for (double k = code_at(m, high, top) + 1; k <= top && m / (k - 0.5) > low; k++) {
      if (events) events[found] = (struct event){ m / (k - 0.5), m, k };
      found++;
    }
  }
  return found;
}

/* The best step over all of them from `high` down: between two events the error is a parabola. */
static double sweep(const struct event *e, size_t n, struct sums t, double low, double high) {
  double best = high, least = error_at(t, high);
  for (size_t i = 0; i <= n; i++) {
    double end = i < n ? e[i].s : low, begin = i ? e[i - 1].s : high, s = t.qq > 0 ? t.wq / t.qq : begin;
    s = s < end ? end : s > begin ? begin : s;
    if (s > 0 && error_at(t, s) < least) {
      least = error_at(t, s);
      best = s;
    }
    if (i == n) break;
    t.wq += e[i].magnitude;
    t.qq += 2 * e[i].k - 1;
  }
  return best;
}

/* ---- the same of many weights, counted by magnitude ---- */

/* A bucket holds magnitudes that have the exponent and the first 13 bits of the fraction in common; those 2^-31 below
 * the largest and smaller share the last one, which no code but 0 reaches. */
enum { FRACTION = 13, BUCKETS = 32 << FRACTION };

struct counted {
  double *n, *sum; /* [BUCKETS + 1]: of the weights in a bucket and those above it */
  uint32_t base;   /* key of bucket 0 */
  double ww;
};

static uint32_t key_of(float magnitude) {
  uint32_t bits;
  memcpy(&bits, &magnitude, sizeof bits);
  return bits >> (23 - FRACTION);
}

/* The smallest magnitude with that key. */
static double floor_of(uint32_t key) {
  float x;
  key <<= 23 - FRACTION;
  memcpy(&x, &key, sizeof x);
  return (double)x;
}

static void count_magnitudes(struct counted *c, const float *w, size_t n, float absmax) {
  uint32_t top = key_of(absmax);
  c->base = top > BUCKETS - 1 ? top - (BUCKETS - 1) : 0;
  for (size_t i = 0; i < n; i++) {
    float m = fabsf(w[i]);
    uint32_t key = m != m ? 0 : key_of(m), at = key > c->base ? key - c->base : 0;
    c->n[at]++, c->sum[at] += (double)m, c->ww += (double)m * (double)m;
  }
  for (size_t i = BUCKETS; i-- > 0;) c->n[i] += c->n[i + 1], c->sum[i] += c->sum[i + 1];
}

/* How many weights are above a magnitude and their sum; those of its own bucket as if they were spread evenly. */
static void above(const struct counted *c, double magnitude, double *n, double *sum) {
  uint32_t key = key_of((float)magnitude), at = key > c->base ? key - c->base : 0;
  if (at >= BUCKETS) {
    *n = *sum = 0;
    return;
  }
  double from = floor_of(key), to = floor_of(key + 1), share = (to - magnitude) / (to - from);
  share = share < 0 ? 0 : share > 1 ? 1 : share;
  double some = share * (c->n[at] - c->n[at + 1]);
  *n = c->n[at + 1] + some;
  *sum = c->sum[at + 1] + some * (magnitude + to) / 2;
}

static struct sums counted_sums(const struct counted *c, double s, double top) {
  struct sums t = { c->ww, 0, 0 };
  for (double k = 1; k <= top; k++) {
    double n, sum;
    above(c, (k - 0.5) * s, &n, &sum);
    t.wq += sum, t.qq += (2 * k - 1) * n;
  }
  return t;
}

/* Steps from `from` down to `to`, each `ratio` times the last; of each also the best step for its codes. The least
 * error so far and its step are kept. */
static void try_steps(const struct counted *c, double from, double to, double ratio, double top, double *least,
                      double *best) {
  for (double s = from; s > to; s *= ratio) {
    struct sums t = counted_sums(c, s, top);
    double fitted = t.qq > 0 ? t.wq / t.qq : s, error = error_at(t, s);
    if (error < *least) *least = error, *best = s;
    if (!(fitted <= from)) continue;
    error = error_at(counted_sums(c, fitted, top), fitted);
    if (error < *least) *least = error, *best = fitted;
  }
}

/* 0 when memory is out. */
static double best_of_many(const float *w, size_t n, float absmax, double high, double top) {
  struct counted c = { eq_array(BUCKETS + 1, sizeof *c.n), eq_array(BUCKETS + 1, sizeof *c.sum), 0, 0 };
  double best = 0;
  if (c.n && c.sum) {
    count_magnitudes(&c, w, n, absmax);
    double least = INFINITY, ratio = fmax(0.998, 1 - 1 / (8 * top));
    try_steps(&c, high, 1e-4 * high, ratio, top, &least, &best);
    try_steps(&c, fmin(best / ratio, high), best * ratio, 1 - (1 - ratio) / 32, top, &least, &best);
  }
  free(c.n), free(c.sum);
  return best;
}

/* ---- the least error of a group ---- */

/* Steps that are tried first: the error there is what others must go below. A step that clips with more than that, from
 * `*low` down, cannot. */
static void bound_steps(const float *w, size_t n, double high, double top, double *low) {
  double least = INFINITY;
  *low = 0; /* the first clips nothing, but for what rounding makes of absmax / top * top */
  for (int i = TRIED_FIRST; i > 0 && *low == 0; i--) {
    double s = high * i / TRIED_FIRST;
    least = fmin(least, error_at(sums_at(w, n, s, top), s));
    if (i < TRIED_FIRST && clipped_at(w, n, top * s) > least) *low = s;
  }
}

static size_t place_of(const struct event *e, double high, double scale, size_t places) {
  double at = (high - e->s) * scale;
  return !(at > 0) ? 0 : at < (double)places ? (size_t)at : places - 1;
}

/* Events by their steps, the largest first: nearly so by their place between the ends, then by insertion. first:
 * [n / 4 + 2] of zeros. */
static void sort_events(const struct event *e, size_t n, double low, double high, size_t *first, struct event *sorted) {
  size_t places = n / 4 + 1;
  double scale = (double)places / (high - low);
  for (size_t i = 0; i < n; i++) first[place_of(&e[i], high, scale, places) + 1]++;
  for (size_t i = 0; i < places; i++) first[i + 1] += first[i];
  for (size_t i = 0; i < n; i++) sorted[first[place_of(&e[i], high, scale, places)]++] = e[i];
  for (size_t i = 1; i < n; i++) {
    struct event x = sorted[i];
    size_t at = i;
    for (; at > 0 && sorted[at - 1].s < x.s; at--) sorted[at] = sorted[at - 1];
    sorted[at] = x;
  }
}

/* The limit of least squared error; 0 for zeros, negative when memory is out. */
static float best_limit(struct eq_scheme scheme, const float *w, size_t n) {
  double top = top_code(scheme), absmax = (double)eq_absmax(w, n), high = absmax / top, low, best;
  double units = top + (scheme.full_scale ? 1 : 0);
  if (absmax == 0) return 0;
  if ((double)n > EVENTS_MAX / top) {
    best = best_of_many(w, n, (float)absmax, high, top);
    return best > 0 ? (float)(best * units) : -1;
  }
  bound_steps(w, n, high, top, &low);
  size_t n_events = find_events(w, n, low, high, top, NULL);
  struct event *events = eq_array(n_events, 2 * sizeof *events);
  size_t *first = eq_array(n_events / 4 + 2, sizeof *first);
  bool ok = events && first;
  if (ok) {
    find_events(w, n, low, high, top, events);
    sort_events(events, n_events, low, high, first, events + n_events);
    best = sweep(events + n_events, n_events, sums_at(w, n, high, top), low, high);
  }
  free(events), free(first);
  if (!ok) return -1;
  return (float)(best * units);
}

/* ---- the others ---- */

static int compare_floats(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static float quantile_limit(struct eq_scheme scheme, const float *w, size_t n) {
  float *sorted = eq_array(n, sizeof *sorted);
  if (!sorted) return -1;
  for (size_t i = 0; i < n; i++) sorted[i] = fabsf(w[i]);
  qsort(sorted, n, sizeof *sorted, compare_floats);
  double at = (double)(n - 1) * ((double)scheme.quantile.n / (100 * (double)scheme.quantile.unit));
  size_t below = (size_t)at, above = below + 1 < n ? below + 1 : below;
  double low = (double)sorted[below], high = (double)sorted[above];
  free(sorted);
  return (float)(low + (high - low) * (at - (double)below));
}

struct moments {
  double mean, deviation, magnitude; /* the last: mean |w - mean| */
};

static struct moments moments_of(const float *w, size_t n) {
  struct moments m = { 0, 0, 0 };
  for (size_t i = 0; i < n; i++) m.mean += (double)w[i] / (double)n;
  for (size_t i = 0; i < n; i++) {
    double d = (double)w[i] - m.mean;
    m.deviation += d * d / (double)n;
    m.magnitude += fabs(d) / (double)n;
  }
  m.deviation = sqrt(m.deviation);
  return m;
}

static double excess_kurtosis(const float *w, size_t n) {
  struct moments m = moments_of(w, n);
  double fourth = 0;
  for (size_t i = 0; i < n; i++) {
    double d = ((double)w[i] - m.mean) / m.deviation;
    fourth += d * d * d * d / (double)n;
  }
  return m.deviation > 0 ? fourth - 3 : 0;
}

static void limit_group(struct eq_scheme scheme, double multiplier, bool heavy, const float *w, size_t n,
                        float out[2]) {
  if (scheme.clip == EQ_CLIP_LACIQ || scheme.clip == EQ_CLIP_LACIQ_UNIFORM) {
    struct moments m = moments_of(w, n);
    out[0] = (float)(multiplier * m.deviation);
    out[1] = (float)m.mean;
  } else if (scheme.clip == EQ_CLIP_ACIQ) {
    struct moments m = moments_of(w, n);
    size_t b = scheme.bits - 2;
    out[0] = (float)(heavy ? (double)laplace[b] * m.magnitude : (double)gaussian[b] * m.deviation);
    out[1] = (float)m.mean;
  } else
    out[0] = scheme.clip == EQ_CLIP_MSE ? best_limit(scheme, w, n) : quantile_limit(scheme, w, n);
}

float *eq_limits_of(struct eq_scheme scheme, double multiplier, const float *w, size_t rows, size_t cols) {
  bool whole = scheme.granularity == EQ_PER_TENSOR;
  bool heavy = scheme.clip == EQ_CLIP_ACIQ && excess_kurtosis(w, rows * cols) > 1.5;
  size_t group = whole ? rows * cols : eq_scheme_group(&scheme, cols), n_rows = whole ? 1 : rows;
  size_t groups = group ? (whole ? 1 : (cols + group - 1) / group) : 0;
  float *limits = eq_array(n_rows, 2 * groups * sizeof *limits);
  for (size_t i = 0; limits && i < n_rows * groups; i++) {
    size_t from = i % groups * group, n = !whole && cols - from < group ? cols - from : group;
    limit_group(scheme, multiplier, heavy, w + i / groups * cols + from, n, limits + 2 * i);
    if (limits[2 * i] >= 0) continue;
    free(limits);
    return NULL;
  }
  return limits;
}

float eq_limits_beyond_half(struct eq_scheme scheme, const float *limits, size_t rows, size_t cols) {
  size_t n = scheme.granularity == EQ_PER_TENSOR ? 1 : rows * eq_codes_groups(scheme, cols);
  for (size_t i = 0; scheme.half_scales && i < n; i++)
    if (!(scale_of(scheme, limits[2 * i]) <= 65504)) return limits[2 * i];
  return 0;
}

/* ---- rounding ---- */

static inline float code_of(float w, float s, float center, float top) {
  float q = (w - center) / s;
  q = q < -top ? -top : q > top ? top : q; /* top is an integer: as if rounded first */
  return copysignf(fabsf(q) + 0x1p23f - 0x1p23f, q);
}

static inline float round_clipped(float w, float s, float center, float top) {
  float q = code_of(w, s, center, top);
  return s == 0 ? (w != w ? w : center) : q * s + center;
}

void eq_round_clipped(struct eq_scheme scheme, const float *limits, size_t r, size_t cols, float *row) {
  size_t group = eq_scheme_group(&scheme, cols), groups = eq_codes_groups(scheme, cols);
  bool whole = scheme.granularity == EQ_PER_TENSOR;
  float top = top_code(scheme);
  for (size_t g = 0; g < groups; g++) {
    const float *limit = limits + (whole ? 0 : 2 * (r * groups + g));
    float s = scale_of(scheme, limit[0]), *w = row + g * group;
    for (size_t c = 0, n = cols - g * group < group ? cols - g * group : group; c < n; c++)
      w[c] = round_clipped(w[c], s, limit[1], top);
  }
}

bool eq_clip_is_centered(enum eq_clip clip) {
  return clip == EQ_CLIP_ACIQ || clip == EQ_CLIP_LACIQ || clip == EQ_CLIP_LACIQ_UNIFORM;
}

void eq_codes_encode_clipped(struct eq_scheme scheme, const float *limits, struct eq_matrix m, size_t first,
                             size_t last, struct eq_codes out) {
  size_t group = eq_scheme_group(&scheme, m.cols), groups = eq_codes_groups(scheme, m.cols),
         stride = m.transposed ? m.rows : 1;
  bool whole = scheme.granularity == EQ_PER_TENSOR;
  uint8_t zero = (uint8_t)(1U << (scheme.bits - 1));
  for (size_t row = first; row < last; row++)
    for (size_t g = 0; g < groups; g++) {
      size_t from = g * group, n = m.cols - from < group ? m.cols - from : group, at = whole ? 0 : row * groups + g;
      const float *w = m.w + (m.transposed ? from * m.rows + row : row * m.cols + from);
      float s = scale_of(scheme, limits[2 * at]);
      for (size_t c = 0; c < n; c++) {
        float x = w[c * stride], q = x != x || s == 0 ? 0 : code_of(x, s, 0, top_code(scheme));
        out.codes[row * m.cols + from + c] = (uint8_t)(zero + (int)q);
      }
      if (whole && row + g > 0) continue;
      out.scales[at] = s;
      out.zeros[at] = zero;
    }
}

size_t eq_clipped(struct eq_scheme scheme, const float *limits, size_t r, size_t cols, const float *row) {
  size_t group = eq_scheme_group(&scheme, cols), groups = eq_codes_groups(scheme, cols), n = 0;
  bool whole = scheme.granularity == EQ_PER_TENSOR;
  for (size_t c = 0; c < cols; c++) {
    const float *limit = limits + (whole ? 0 : 2 * (r * groups + c / group));
    n += fabsf(row[c] - limit[1]) > limit[0];
  }
  return n;
}
