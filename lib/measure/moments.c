#include "lib/measure/moments.h"

#include <math.h>

enum { BLOCK = 1024 };

/* A block about its own mean. */
static struct eq_moments block_of(const float *x, size_t n) {
  struct eq_moments b = { 0 };
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double w = (double)x[i], size = fabs(w);
    if (x[i] != x[i]) {
      b.n_nan++;
      continue;
    }
    b.n++;
    b.n_zero += w == 0;
    sum += w, b.sum_abs += size;
    b.max_abs = size > b.max_abs ? size : b.max_abs;
  }
  b.mean = b.n ? sum / (double)b.n : 0;
  for (size_t i = 0; i < n; i++) {
    if (x[i] != x[i]) continue;
    double d = (double)x[i] - b.mean, d2 = d * d;
    b.m2 += d2, b.m3 += d2 * d, b.m4 += d2 * d2;
  }
  return b;
}

void eq_moments_merge(struct eq_moments *m, const struct eq_moments *other) {
  struct eq_moments a = *m;
  const struct eq_moments *b = other;
  m->n_nan += b->n_nan, m->n_zero += b->n_zero, m->sum_abs += b->sum_abs;
  m->max_abs = b->max_abs > m->max_abs ? b->max_abs : m->max_abs;
  if (b->n == 0) return;
  double na = (double)a.n, nb = (double)b->n, n = na + nb, d = b->mean - a.mean, dn = d / n;
  m->n += b->n;
  m->mean = a.n ? a.mean + dn * nb : b->mean;
  m->m2 = a.m2 + b->m2 + d * dn * na * nb;
  m->m3 = a.m3 + b->m3 + d * dn * dn * na * nb * (na - nb) + 3 * dn * (na * b->m2 - nb * a.m2);
  m->m4 = a.m4 + b->m4 + d * dn * dn * dn * na * nb * (na * na - na * nb + nb * nb) +
          6 * dn * dn * (na * na * b->m2 + nb * nb * a.m2) + 4 * dn * (na * b->m3 - nb * a.m3);
}

void eq_moments_add(struct eq_moments *m, const float *x, size_t n) {
  for (size_t i = 0; i < n; i += BLOCK) {
    struct eq_moments block = block_of(x + i, n - i < BLOCK ? n - i : BLOCK);
    eq_moments_merge(m, &block);
  }
}

double eq_moments_variance(const struct eq_moments *m) { return m->n ? m->m2 / (double)m->n : (double)NAN; }

double eq_moments_skew(const struct eq_moments *m) {
  double v = eq_moments_variance(m);
  return v > 0 ? m->m3 / (double)m->n / (v * sqrt(v)) : (double)NAN;
}

double eq_moments_kurtosis(const struct eq_moments *m) {
  double v = eq_moments_variance(m);
  return v > 0 ? m->m4 / (double)m->n / (v * v) - 3 : (double)NAN;
}

double eq_moments_kurtosis_error(uint64_t n) {
  double x = (double)n;
  if (n < 4) return (double)NAN;
  double skew = sqrt(6 * x * (x - 1) / ((x - 2) * (x + 1) * (x + 3)));
  return 2 * skew * sqrt((x * x - 1) / ((x - 3) * (x + 5)));
}
