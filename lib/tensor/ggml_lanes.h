/* ggml_lanes.h: four sub-blocks of weights side by side, each summed in the order in which GGML sums it, so that the
 * search for their scales can use vectors and still give GGML's bytes. Only for ggml_encode*.c. */
#ifndef EQ_TENSOR_GGML_LANES_H
#define EQ_TENSOR_GGML_LANES_H

#include <stdint.h>
#include <string.h>

#include "lib/tensor/dtype.h"

enum { EQ_LANES = 4 };
typedef float eq_lanes __attribute__((vector_size(4 * EQ_LANES)));
typedef int32_t eq_codes4 __attribute__((vector_size(4 * EQ_LANES))); /* codes, or masks: all bits set or none */

/* Below it a block of Q3_K, Q6_K or IQ4 counts as zeros. */
#define EQ_GGML_NOTHING 1e-15f

/* x[n] of each of four sub-blocks that lie one after the other. */
static inline void eq_to_lanes(const float *x, int n, eq_lanes *out) {
  for (int i = 0; i < n; i++) out[i] = (eq_lanes){ x[i], x[n + i], x[2 * n + i], x[3 * n + i] };
}

static inline eq_lanes eq_lanes_select(eq_codes4 mask, eq_lanes yes, eq_lanes no) {
  return (eq_lanes)((mask & (eq_codes4)yes) | (~mask & (eq_codes4)no));
}

static inline eq_lanes eq_lanes_magnitude(eq_lanes x) { return (eq_lanes)((eq_codes4)x & 0x7fffffff); }

/* To the nearest, ties to even, by adding 1.5 * 2^23; what is too large or no number for that comes out as GGML has it:
 * infinity is the lowest, NaN is 0. */
static inline eq_codes4 eq_lanes_nearest(eq_lanes x) {
  return ((eq_codes4)(x + 12582912.0f) & 0x007fffff) - 0x00400000;
}

static inline eq_codes4 eq_lanes_clamp(eq_codes4 x, int32_t min, int32_t max) {
  eq_codes4 above = x - min, below;
  above &= ~(above >> 31);
  below = (max - min) - above;
  below &= ~(below >> 31);
  return max - below;
}

static inline eq_lanes eq_lanes_float(eq_codes4 x) { return __builtin_convertvector(x, eq_lanes); }

/* The same for one number. */
static inline int32_t eq_nearest(float x) {
  float shifted = x + 12582912.0f;
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  return (bits & 0x007fffff) - 0x00400000;
}

static inline int32_t eq_clamp(int32_t x, int32_t min, int32_t max) { return x < min ? min : x > max ? max : x; }

/* The weight of the largest magnitude in each lane, the first of them. */
static inline eq_lanes eq_lanes_farthest(const eq_lanes *x, int n) {
  eq_lanes most = { 0 }, at = { 0 };
  for (int i = 0; i < n; i++) {
    eq_lanes magnitude = eq_lanes_magnitude(x[i]);
    eq_codes4 more = magnitude > most;
    most = eq_lanes_select(more, magnitude, most);
    at = eq_lanes_select(more, x[i], at);
  }
  return at;
}

/* The scale of the largest magnitude, the first of them. */
static inline float eq_farthest_scale(const float *scales, int n) {
  float most = 0, at = 0;
  for (int i = 0; i < n; i++) {
    float magnitude = scales[i] < 0 ? -scales[i] : scales[i];
    at = magnitude > most ? scales[i] : at;
    most = magnitude > most ? magnitude : most;
  }
  return at;
}

static inline void eq_put_half(unsigned char *out, float x) {
  uint16_t bits = eq_f16_bits(x);
  memcpy(out, &bits, sizeof bits);
}

#endif
