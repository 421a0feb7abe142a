/* IQ4: codes of four bits that are indices of sixteen values, not evenly spaced. A sub-block's scale is searched: for
 * fifteen guesses, and one more, the nearest values are taken and the scale that fits these best in weighted least
 * squares; the best stays. Four sub-blocks side by side. */
#include "lib/tensor/ggml_encode.h"
#include "lib/tensor/ggml_lanes.h"

enum { SUB = 32, LANES = EQ_LANES, GUESSES = 7, VALUES = 16 };
typedef eq_lanes lanes;
typedef eq_codes4 codes;

static const float values[VALUES] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

/* A number belongs to the value above where it is at least half way there. (That is where its distances from the two,
 * in float32, are equal: both are exact there.) */
static inline float middle(int i) { return (values[i] + values[i - 1]) / 2; }

static inline lanes nearest_value(lanes x) {
  lanes v = values[0] - (lanes){ 0 };
  for (int i = 1; i < VALUES; i++) {
    lanes step = values[i] - values[i - 1] - (lanes){ 0 };
    v += (lanes)((x >= middle(i)) & (codes)step);
  }
  return v;
}

static inline int nearest_index(float x) {
  int index = 0;
  for (int i = 1; i < VALUES; i++) index += x >= middle(i);
  return index;
}

static inline void try_guess(const lanes x[SUB], lanes inverse, lanes *sum_xq, lanes *sum_q2) {
  lanes xq = { 0 }, q2 = { 0 };
  for (int i = 0; i < SUB; i++) {
    lanes q = nearest_value(inverse * x[i]), wq = x[i] * x[i] * q;
    xq += wq * x[i];
    q2 += wq * q;
  }
  *sum_xq = xq;
  *sum_q2 = q2;
}

/* Scales of four sub-blocks. */
static void search(const lanes x[SUB], float scales[LANES]) {
  lanes at = eq_lanes_farthest(x, SUB), sum_xq, sum_q2;
  try_guess(x, 1 / (-at / values[0]), &sum_xq, &sum_q2);
  lanes scale = eq_lanes_select(sum_q2 > 0, sum_xq / sum_q2, (lanes){ 0 }), best = scale * sum_xq;
  for (int i = -GUESSES; i <= GUESSES; i++) {
    try_guess(x, ((float)i + values[0]) / at, &sum_xq, &sum_q2);
    lanes fit = sum_xq / sum_q2;
    codes better = (sum_q2 > 0) & (sum_xq * sum_xq > best * sum_q2);
    scale = eq_lanes_select(better, fit, scale);
    best = eq_lanes_select(better, fit * sum_xq, best);
  }
  scale = eq_lanes_select(eq_lanes_magnitude(at) < EQ_GGML_NOTHING, (lanes){ 0 }, scale);
  memcpy(scales, &scale, sizeof scale);
}

static inline float inverse_of(float d) { return d != 0 ? 1 / d : 0; }

/* Code i of a sub-block in the low half of a byte, i + 16 in the high one. */
static void put_codes(const float x[SUB], float inverse, unsigned char *out) {
  for (int i = 0; i < SUB / 2; i++)
    out[i] = (unsigned char)(nearest_index(inverse * x[i]) | nearest_index(inverse * x[i + SUB / 2]) << 4);
}

void eq_encode_iq4_nl(const float *x, size_t n, unsigned char *out) {
  for (size_t left = n / SUB; left > 0;) {
    int some = left < LANES ? (int)left : LANES;
    float scales[LANES], padded[LANES * SUB] = { 0 };
    lanes lane[SUB];
    memcpy(padded, x, (size_t)some * SUB * sizeof *x);
    eq_to_lanes(padded, SUB, lane);
    search(lane, scales);
    for (int j = 0; j < some; j++, x += SUB, out += 18) {
      eq_put_half(out, scales[j]);
      put_codes(x, inverse_of(scales[j]), out + 2);
    }
    left -= (size_t)some;
  }
}

/* The scale of the largest magnitude becomes -32 of six bits. */
static void iq4_xs(const float *x, unsigned char *out) {
  float scales[8];
  int high = 0;
  for (int j = 0; j < 8; j += LANES) {
    lanes lane[SUB];
    eq_to_lanes(x + j * SUB, SUB, lane);
    search(lane, scales + j);
  }
  float d = -eq_farthest_scale(scales, 8) / 32, inverse = inverse_of(d);
  eq_put_half(out, d);
  for (int j = 0; j < 8; j++) {
    int s = eq_clamp(eq_nearest(inverse * scales[j]), -32, 31), low = (s + 32) & 15;
    put_codes(x + j * SUB, inverse_of(d * (float)s), out + 8 + j * SUB / 2);
    out[4 + j / 2] = (unsigned char)(j % 2 ? out[4 + j / 2] | low << 4 : low);
    high |= (s + 32) >> 4 << 2 * j;
  }
  out[2] = (unsigned char)high;
  out[3] = (unsigned char)(high >> 8);
}

void eq_encode_iq4_xs(const float *x, size_t n, unsigned char *out) {
  for (size_t i = 0; i < n; i += 8 * SUB, out += 136) iq4_xs(x + i, out);
}
