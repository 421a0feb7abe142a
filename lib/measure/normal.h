/* normal.h: the standard normal distribution. */
#ifndef EQ_MEASURE_NORMAL_H
#define EQ_MEASURE_NORMAL_H

/* P(Z <= z), by erfc, so that both tails keep their digits. */
double eq_normal_cdf(double z);

/* The z whose cdf is p; -inf at 0, inf at 1, NaN outside [0, 1]. Relative error about 1e-16: Wichura 1988, "Algorithm
 * AS 241: the percentage points of the normal distribution", PPND16. */
double eq_normal_quantile(double p);

#endif
