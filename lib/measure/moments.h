/* moments.h: the first four moments of a stream of numbers, in one pass and mergeable.
 *
 * Use it for weights and for activations. Numbers are taken in blocks that stay in the cache: a block's sums are made
 * about its own mean, and blocks are merged, so that nothing is lost to cancellation however far the mean is from 0.
 * The same numbers in the same calls give the same bytes; split otherwise they agree within a few ulp (of m3 and m4:
 * within a few ulp of what they are sums of), so who wants bytes cuts the data at fixed places and merges in order.
 * Merge of mean and m2: Chan, Golub, LeVeque 1979, eq. 2.1; of m3 and m4: Pebay 2008, eqs. 3.1 and 3.2; of single
 * numbers these are Welford's of 1962. */
#ifndef EQ_MEASURE_MOMENTS_H
#define EQ_MEASURE_MOMENTS_H

#include <stddef.h>
#include <stdint.h>

/* mk is the sum of (x - mean)^k. {0} is the state of no numbers. */
struct eq_moments {
  uint64_t n, n_zero, n_nan; /* numbers, those of them that are 0; NaN is counted apart and otherwise left out */
  double mean, m2, m3, m4;
  double max_abs, sum_abs;
};

/* Adds x[0..n). O(n), no allocation. */
void eq_moments_add(struct eq_moments *m, const float *x, size_t n);
/* As if what `other` saw had been added behind. */
void eq_moments_merge(struct eq_moments *m, const struct eq_moments *other);

/* m2 / n, biased as in the formulas below; NaN of no numbers. */
double eq_moments_variance(const struct eq_moments *m);
/* m3 / n over variance^1.5, and m4 / n over variance^2, less 3: both 0 for a Gaussian; NaN without variance (g1 and g2
 * of Joanes and Gill 1998; scipy.stats.skew and kurtosis). */
double eq_moments_skew(const struct eq_moments *m);
double eq_moments_kurtosis(const struct eq_moments *m);
/* The standard error that the excess kurtosis of n Gaussian numbers has (Joanes and Gill 1998, the root of their
 * variance of G2, which for n in the thousands is that of g2); NaN below 4 numbers. What is not Gaussian has another.
 */
double eq_moments_kurtosis_error(uint64_t n);

#endif
