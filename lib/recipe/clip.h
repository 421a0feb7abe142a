/* clip.h: int<b> with clipping: the largest code stands for a limit below max|w|, and codes are symmetric.
 *
 * With K = 2^(b-1) - 1, s = limit / K (scale=m8: / (K + 1)) and q = (w - c) / s, rounded half to even and clamped to
 * [-K, K], a weight becomes q s + c. Each group of a scale has its own limit; c is 0 but with aciq and laciq.
 *
 *   mse    the limit of least squared error: the error is a parabola of s between the values of s at which a code
 *          changes, so that going over these finds the least of all. Of groups with over a million of them (whole
 *          tensors) magnitudes are counted in buckets, 8192 an octave, and limits tried that are less than an eighth of
 *          a code apart. At most max|w|, with scale=m8 what its K + 1 stands for.
 *
 *   aciq   the limit that is best for a Gaussian or a Laplace distribution (Banner et al. 2019), times the deviation or
 *          mean |w - c| of the group, c the group's mean; Laplace where the excess kurtosis of the matrix is over 1.5.
 *          Their multipliers for 2, 3 and 4 bits (1.71 2.15 2.55 and 2.83 3.89 5.03) are for a step of 2 limit / 2^b;
 *          these here are for ours, limit / K, where 2^b - 1 codes are used
 *
 *   laciq, laciq-uniform
 *          a multiplier times the deviation of the group, c the group's mean: laciq.h
 *
 *   p99.9  that percentile of |w|, linear between order statistics */
#ifndef EQ_RECIPE_CLIP_H
#define EQ_RECIPE_CLIP_H

#include "lib/recipe/codes.h"

/* Limit and c of each group, [rows][groups][2], of /tensor [2]; NULL when memory is out; free() it. w: [rows][cols].
 * multiplier: laciq's, of a group's deviation. */
float *eq_limits_of(struct eq_scheme scheme, double multiplier, const float *w, size_t rows, size_t cols);

/* A limit whose scale, with s16, is beyond float16 (aciq's may be above max|w|); 0 when there is none. */
float eq_limits_beyond_half(struct eq_scheme scheme, const float *limits, size_t rows, size_t cols);

/* Row r, in place. */
void eq_round_clipped(struct eq_scheme scheme, const float *limits, size_t r, size_t cols, float *row);

/* Is c a group's mean? Then codes and scales alone do not make the weights. */
bool eq_clip_is_centered(enum eq_clip clip);

/* As eq_codes_encode (codes.h), where c is 0. */
void eq_codes_encode_clipped(struct eq_scheme scheme, const float *limits, struct eq_matrix m, size_t first,
                             size_t last, struct eq_codes out);

/* The share of a group's weights beyond its limit is what is clipped; for reports. */
size_t eq_clipped(struct eq_scheme scheme, const float *limits, size_t r, size_t cols, const float *row);

#endif
