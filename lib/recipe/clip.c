#include "lib/recipe/clip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/recipe/codes.h"

/* Of 2 to 8 bits: the limit in units of the deviation (Gaussian) or the mean magnitude (Laplace) at which the squared
 * error of 2^b - 1 symmetric, evenly spaced codes is least (Max 1960 for the former). */
static const float gaussian[] = { 1.224006f, 1.952309f, 2.473879f, 2.898728f, 3.270115f, 3.607460f, 3.920501f };
static const float laplace[] = { 2.000000f, 3.486401f, 4.819915f, 6.098038f, 7.358589f, 8.617837f, 9.882651f };

enum { EVENTS_MAX = 1 << 20, LIMITS_TRIED = 512 };

static float top_code(struct eq_scheme s) { return (float)(1U << (s.bits - 1)) - 1; }

static float scale_of(struct eq_scheme s, float limit) {
  float scale = limit / (top_code(s) + (s.full_scale ? 1.0f : 0.0f));
  return s.half_scales ? eq_to_f16(scale) : scale;
}

static size_t group_of(struct eq_scheme s, size_t cols) {
  return s.granularity == EQ_PER_GROUP && s.group < cols ? s.group : cols;
}

/* ---- the least squared error ---- */

/* Where the code of a weight changes from k - 1 to k: below the step s = magnitude / (k - 1/2). */
struct event {
  double s, magnitude, k;
};

static int compare_events(const void *a, const void *b) {
  const struct event *x = a, *y = b;
  return (x->s < y->s) - (x->s > y->s); /* the largest step first */
}

/* Sums of w^2, w q and q^2 at a step. */
struct sums {
  double ww, wq, qq;
};

static double code_at(double magnitude, double s, double top) {
  double q = floor(magnitude / s + 0.5);
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

static double error_at(struct sums t, double s) { return t.ww - 2 * s * t.wq + s * s * t.qq; }

/* Events between steps low and high, in *events or, where that is NULL, only counted. */
static size_t find_events(const float *w, size_t n, double low, double high, double top, struct event *events) {
  size_t found = 0;
  for (size_t i = 0; i < n; i++) {
    double m = fabs((double)w[i]);
    for (double k = code_at(m, high, top) + 1; k <= top && m / (k - 0.5) > low; k++) {
      if (events) events[found] = (struct event){ m / (k - 0.5), m, k };
      found++;
      if (found > EVENTS_MAX) return found;
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

static double try_limits(const float *w, size_t n, double high, double top) {
  double best = high, least = error_at(sums_at(w, n, high, top), high);
  for (int i = 1; i < LIMITS_TRIED; i++) {
    double s = high * i / LIMITS_TRIED;
    struct sums t = sums_at(w, n, s, top);
    double fitted = t.qq > 0 ? t.wq / t.qq : s;
    fitted = fitted < high ? fitted : high;
    for (int k = 0; k < 2; k++, s = fitted) {
      double error = error_at(k ? sums_at(w, n, fitted, top) : t, s);
      if (error < least) least = error, best = s;
    }
  }
  return best;
}

/* The limit of least squared error; 0 for zeros, negative when memory is out. What is below `low` clips the largest
 * weight by more than the error that there is at the start. */
static float best_limit(struct eq_scheme scheme, const float *w, size_t n) {
  double top = top_code(scheme), absmax = (double)eq_absmax(w, n), high = absmax / top;
  double units = top + (scheme.full_scale ? 1 : 0);
  if (absmax == 0) return 0;
  struct sums t = sums_at(w, n, high, top);
  double low = (absmax - sqrt(fmax(error_at(t, high), 0))) / top;
  low = low > 0 ? low : 0;
  size_t n_events = find_events(w, n, low, high, top, NULL);
  if (n_events > EVENTS_MAX) return (float)(try_limits(w, n, high, top) * units);
  struct event *events = eq_array(n_events, sizeof *events);
  if (!events) return -1;
  find_events(w, n, low, high, top, events);
  qsort(events, n_events, sizeof *events, compare_events);
  double best = sweep(events, n_events, t, low, high);
  free(events);
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
  if (eq_scheme_needs_statistics(&scheme)) {
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
  size_t group = whole ? rows * cols : group_of(scheme, cols), n_rows = whole ? 1 : rows;
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

static inline float round_clipped(float w, float s, float center, float top) {
  float q = (w - center) / s;
  q = q < -top ? -top : q > top ? top : q; /* top is an integer: as if rounded first */
  q = copysignf(fabsf(q) + 0x1p23f - 0x1p23f, q);
  return s == 0 ? (w != w ? w : center) : q * s + center;
}

void eq_round_clipped(struct eq_scheme scheme, const float *limits, size_t r, size_t cols, float *row) {
  size_t group = group_of(scheme, cols), groups = eq_codes_groups(scheme, cols);
  bool whole = scheme.granularity == EQ_PER_TENSOR;
  float top = top_code(scheme);
  for (size_t g = 0; g < groups; g++) {
    const float *limit = limits + (whole ? 0 : 2 * (r * groups + g));
    float s = scale_of(scheme, limit[0]), *w = row + g * group;
    for (size_t c = 0, n = cols - g * group < group ? cols - g * group : group; c < n; c++)
      w[c] = round_clipped(w[c], s, limit[1], top);
  }
}

size_t eq_clipped(struct eq_scheme scheme, const float *limits, size_t r, size_t cols, const float *row) {
  size_t group = group_of(scheme, cols), groups = eq_codes_groups(scheme, cols), n = 0;
  bool whole = scheme.granularity == EQ_PER_TENSOR;
  for (size_t c = 0; c < cols; c++) {
    const float *limit = limits + (whole ? 0 : 2 * (r * groups + c / group));
    n += fabsf(row[c] - limit[1]) > limit[0];
  }
  return n;
}
