#include "lib/measure/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/random.h"
#include "lib/measure/normal.h"

/* Replicates are summed LANES at a time: times[unit][lane], so that the inner loop runs along lanes, in vectors. */
enum { LANES = 8 };

struct summing {
  const struct eq_bootstrap *bootstrap;
  const struct eq_column *columns;
  size_t n_columns;
  double *sums;
  double *times; /* [threads][units][LANES]: how often a unit was drawn */
};

static void draw(const struct eq_bootstrap *b, uint64_t replicate, double *times) {
  uint32_t words[4];
  for (size_t j = 0; j < b->units; j++) {
    if (j % 4 == 0) eq_random_block(b->seed, replicate, j / 4, words);
    times[((uint64_t)words[j % 4] * b->units >> 32) * LANES] += 1;
  }
}

static void sum_column(const struct eq_column *c, const double *restrict times, double *restrict sums) {
  double sum[LANES] = { 0 };
  for (size_t i = 0; i < c->n; i++) {
    const double *t = times + (size_t)c->unit[i] * LANES, x = c->x ? c->x[i] : 1;
    for (int lane = 0; lane < LANES; lane++) sum[lane] += t[lane] * x;
  }
  memcpy(sums, sum, sizeof sum);
}

static void sum_lanes(void *context, size_t item, size_t thread) {
  struct summing *s = context;
  const struct eq_bootstrap *b = s->bootstrap;
  double *times = s->times + thread * b->units * LANES, sums[LANES];
  size_t first = item * LANES, n = b->replicates - first < LANES ? b->replicates - first : LANES;
  memset(times, 0, b->units * LANES * sizeof *times);
  for (size_t lane = 0; lane < n; lane++) draw(b, first + lane, times + lane);
  for (size_t c = 0; c < s->n_columns; c++) {
    sum_column(&s->columns[c], times, sums);
    memcpy(s->sums + c * b->replicates + first, sums, n * sizeof *sums);
  }
}

bool eq_bootstrap_sums(const struct eq_bootstrap *b, const struct eq_column *columns, size_t n_columns, double *sums,
                       struct eq_err *err) {
  struct summing s = { b, columns, n_columns, sums, NULL };
  size_t lanes = eq_pool_threads(b->pool) * b->units * LANES;
  s.times = eq_array(lanes, sizeof *s.times);
  if (!s.times) return eq_fail_memory(err, lanes * sizeof *s.times, "the bootstrap's draws");
  eq_pool_run(b->pool, (b->replicates + LANES - 1) / LANES, sum_lanes, &s);
  free(s.times);
  return true;
}

static double total(struct eq_column c) {
  double sum = 0;
  for (size_t i = 0; i < c.n; i++) sum += c.x ? c.x[i] : 1;
  return sum;
}

static double divide(double over, double under) {
  double quotient = over / under;
  return isfinite(quotient) ? quotient : NAN;
}

void eq_resampled_ratio(struct eq_resampled *s, const struct eq_bootstrap *b, struct eq_column over,
                        const double *over_sums, struct eq_column under, const double *under_sums) {
  double all_over = total(over), all_under = total(under);
  s->estimate = divide(all_over, all_under);
  for (size_t i = 0; i < b->replicates; i++) s->replicates[i] = divide(over_sums[i], under_sums[i]);
  for (size_t u = 0; u < b->units; u++) s->jackknife[u] = s->estimate;
  for (size_t i = 0; i < over.n; i++)
    s->jackknife[over.unit[i]] = divide(all_over - (over.x ? over.x[i] : 1), all_under - (under.x ? under.x[i] : 1));
}

/* Moves the finite values to the front, in order; how many there are. */
static size_t keep_finite(double *x, size_t n) {
  size_t kept = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(x[i])) x[kept++] = x[i];
  return kept;
}

/* Puts at x[k] what sorting would put there, nothing greater before it and nothing less after: Hoare 1961, "Algorithm
 * 65: FIND", with the middle one of three as pivot. O(n) on replicates, whose order is random. */
static double select_kth(double *x, size_t n, size_t k) {
  for (size_t low = 0, high = n - 1; low < high;) {
    double first = x[low], middle = x[low + (high - low) / 2], last = x[high];
    double pivot = fmax(fmin(first, middle), fmin(fmax(first, middle), last));
    size_t i = low, j = high;
    for (;;) {
      while (x[i] < pivot) i++;
      while (x[j] > pivot) j--;
      if (i >= j) break;
      double swap = x[i];
      x[i++] = x[j];
      x[j--] = swap;
    }
    /* x[low..j] <= pivot <= x[j+1..high], or i == j with the pivot there */
    if (k <= j)
      high = j;
    else
      low = j + 1;
  }
  return x[k];
}

static double quantile(double *x, size_t n, double p) {
  double at = p * (double)(n - 1), low = floor(at);
  size_t i = (size_t)low;
  double value = select_kth(x, n, i), next = value;
  if (i + 1 < n) next = x[i + 1];
  for (size_t j = i + 1; j < n; j++) next = fmin(next, x[j]);
  return value + (at - low) * (next - value);
}

/* Efron & Tibshirani 1993, eq. 14.14. */
static double bias_correction(const double *replicates, size_t n, double estimate) {
  double below = 0, least = 0.5 / (double)n;
  for (size_t i = 0; i < n; i++) below += replicates[i] < estimate ? 1 : replicates[i] == estimate ? 0.5 : 0;
  double share = below / (double)n;
  return eq_normal_quantile(fmin(fmax(share, least), 1 - least));
}

/* Efron & Tibshirani 1993, eq. 14.15. Its absolute value is at most 1/6. Deviations are measured in the largest one:
 * their cubes may be out of range. */
static double acceleration(const double *jackknife, size_t n) {
  double mean = 0, largest = 0, squares = 0, cubes = 0;
  size_t defined = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(jackknife[i])) mean += jackknife[i], defined++;
  mean /= (double)defined;
  for (size_t i = 0; i < n; i++)
    if (isfinite(jackknife[i])) largest = fmax(largest, fabs(mean - jackknife[i]));
  if (largest == 0 || !isfinite(largest)) return 0;
  for (size_t i = 0; i < n; i++) {
    double d = isfinite(jackknife[i]) ? (mean - jackknife[i]) / largest : 0;
    squares += d * d;
    cubes += d * d * d;
  }
  return cubes / (6 * squares * sqrt(squares));
}

/* Efron & Tibshirani 1993, eq. 14.10; at the pole of the fraction the quantile has reached its end. */
static double adjusted(double z0, double a, double z) {
  double sum = z0 + z, under = 1 - a * sum;
  if (under <= 0) return sum > 0 ? 1 : 0;
  return eq_normal_cdf(z0 + sum / under);
}

/* Moves the defined replicates to the front; 0 where there are too few to speak of. */
static size_t keep_defined(struct eq_resampled *s, const struct eq_bootstrap *b) {
  size_t n = keep_finite(s->replicates, b->replicates);
  bool enough = b->units >= 2 && isfinite(s->estimate) && n >= b->replicates - b->replicates / 10;
  return enough ? n : 0;
}

double eq_resampled_quantile(struct eq_resampled *s, const struct eq_bootstrap *b, double p) {
  size_t n = keep_defined(s, b);
  return n ? quantile(s->replicates, n, p) : NAN;
}

struct eq_interval eq_bca(struct eq_resampled *s, const struct eq_bootstrap *b, double level) {
  size_t n = keep_defined(s, b);
  if (n == 0) return (struct eq_interval){ NAN, NAN };
  double z0 = bias_correction(s->replicates, n, s->estimate), a = acceleration(s->jackknife, b->units);
  double z = eq_normal_quantile(0.5 + level / 2);
  return (struct eq_interval){ quantile(s->replicates, n, adjusted(z0, a, -z)),
                               quantile(s->replicates, n, adjusted(z0, a, z)) };
}

double eq_jackknife_error(const double *a, const double *b, size_t units) {
  double mean = 0, squares = 0, n = (double)units;
  for (size_t i = 0; i < units; i++) mean += (a[i] - b[i]) / n;
  for (size_t i = 0; i < units; i++) squares += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
  return sqrt((n - 1) / n * squares);
}
