/* bootstrap.h: confidence intervals by resampling units jointly (Efron 1987; Efron & Tibshirani 1993, chapter 14).
 *
 * A unit is what is drawn: a parallel segment, in all its languages at once. Data come as sparse columns over the
 * units; every statistic here is made of sums of columns, so a replicate is how often each unit was drawn and the
 * weighted sums that follow. Draw j of replicate b is a pure function of (seed, b, j): threads change no digit. */
#ifndef EQ_MEASURE_BOOTSTRAP_H
#define EQ_MEASURE_BOOTSTRAP_H

#include <stdint.h>

#include "lib/base/pool.h"

struct eq_bootstrap {
  uint64_t seed;
  size_t replicates; /* 10,000 is usual for 95 % intervals: Efron & Tibshirani 1993, section 14.3 */
  size_t units;      /* at least 1, below 2^32 */
  struct eq_pool *pool;
};

/* Values x[0..n) of the units unit[0..n), which rise; the others have none and add nothing to a sum. x NULL: each
 * value is 1, so the sum counts. Borrowed. */
struct eq_column {
  const uint32_t *unit;
  const double *x;
  size_t n;
};

/* sums[c][b] = the sum of column c under replicate b, row-major [n_columns][replicates]. Draw j of replicate b is unit
 * floor(w n / 2^32), w the word j mod 4 of Philox block j / 4 of stream b (a bias below n / 2^32). Sums run in the
 * order of the units. O(replicates (units + values)); fails only when memory is out. */
bool eq_bootstrap_sums(const struct eq_bootstrap *b, const struct eq_column *columns, size_t n_columns, double *sums,
                       struct eq_err *err);

/* A statistic, what it becomes in each replicate, and what it becomes when one unit is left out. Where it is not
 * defined (no draw had this language, or the number is out of range) it is NaN. The caller owns the arrays. */
struct eq_resampled {
  double estimate;
  double *replicates; /* [b->replicates] */
  double *jackknife;  /* [b->units] */
};

/* Sum of `over` / sum of `under`, which hold the same units; their sums are rows that eq_bootstrap_sums filled. */
void eq_resampled_ratio(struct eq_resampled *s, const struct eq_bootstrap *b, struct eq_column over,
                        const double *over_sums, struct eq_column under, const double *under_sums);

struct eq_interval {
  double lo, hi;
};

/* The bias-corrected and accelerated interval (BCa, Efron & Tibshirani 1993, eq. 14.9-14.15) of that level: z0 from the
 * share of replicates below the estimate (half of the ties), kept within [1/2B, 1 - 1/2B]; the acceleration from the
 * jackknife, 0 when that does not vary; quantiles interpolate linearly (Hyndman & Fan 1996, type 7). Undefined
 * replicates are left out; NaN when the estimate or more than a tenth of the replicates is undefined, and for a single
 * unit, which says nothing of its spread. Reorders s->replicates. */
struct eq_interval eq_bca(struct eq_resampled *s, const struct eq_bootstrap *b, double level);

/* The p quantile of the replicates, for intervals of another make; NaN where eq_bca's would be. Reorders them too. */
double eq_resampled_quantile(struct eq_resampled *s, const struct eq_bootstrap *b, double p);

/* The jackknife's standard error of a - b, two estimates over the same units: Efron & Tibshirani 1993, eq. 11.5. */
double eq_jackknife_error(const double *a, const double *b, size_t units);

#endif
