/* elementwise.h: what blas/ needs beside products, written for the vectorizer.
 *
 * Each function is compiled for several instruction sets and picked at run time; reductions run in a fixed number of
 * lanes and multiply-adds are written out as such, so all of them give the same bytes. */
#ifndef EQ_KERNELS_BLAS_ELEMENTWISE_H
#define EQ_KERNELS_BLAS_ELEMENTWISE_H

#include <stddef.h>

#include "kernels/kernels.h"

/* As in kernels.h. */
void eq_simd_normalize(float *y, const float *x, struct eq_norm norm, size_t rows);
void eq_simd_multiply(float *y, const float *x, size_t n);
void eq_simd_rotate(float *x, size_t stride, size_t rows, const float *cos, const float *sin, size_t half,
                    bool interleaved);
void eq_simd_activate(enum eq_activation f, float *x, size_t n);

/* max x[0..n), -inf when n is 0. NaN is passed over: it shows in the sum of exponentials. */
float eq_simd_max(const float *x, size_t n);

/* x[i] = exp(x[i] - max) and returns their sum, within 2 ulp a term. max must not be below max x. */
double eq_simd_exp(float *x, size_t n, float max);

/* The same sum; x stays. max may be below max x: a term of 88 or more above it counts as exp(88), about 1.7e38, so a
 * sum that is smaller than that is right. */
double eq_simd_sum_exp(const float *x, size_t n, float max);

/* x[i] = cap tanh(x[i] / cap), within some ulp of cap. */
void eq_simd_softcap(float *x, size_t n, float cap);

/* sum of w[i] (p[i] - q[i]), in double. */
double eq_simd_dot_difference(const float *w, const float *p, const float *q, size_t n);

/* x[i] *= factor. */
void eq_simd_scale(float *x, size_t n, float factor);

#endif
