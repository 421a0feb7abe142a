#include "lib/tensor/ggml_encode.h"

#include <limits.h>
#include <math.h>

#include "lib/tensor/ggml_lanes.h"

/* ---- blocks of 32 ---- */

/* Towards 0; what an int cannot hold (from the inverse of a denormal scale) becomes INT_MIN, as x86 has it. */
static inline int truncated(float x) { return x >= -0x1p31f && x < 0x1p31f ? (int)x : INT_MIN; }

/* The low byte of that, with and without a sign, as a cast to a byte leaves it. */
static inline int signed_byte(float x) { return (int8_t)(unsigned char)truncated(x); }
static inline int byte(float x) { return (unsigned char)truncated(x); }

static inline float inverse(float d) { return d != 0 ? 1.0f / d : 0.0f; }

/* The weight of the largest magnitude, the first of them. */
static float farthest(const float x[32]) {
  int32_t most = 0, bits[32];
  int at = 0;
  memcpy(bits, x, sizeof bits); /* magnitudes are ordered as their bits are, and a loop over those vectorises */
  for (int i = 0; i < 32; i++) most = (bits[i] & 0x7fffffff) > most ? bits[i] & 0x7fffffff : most;
  while ((bits[at] & 0x7fffffff) != most) at++;
  return most ? x[at] : 0;
}

struct range {
  float min, max;
};

static struct range range_of(const float x[32]) {
  float min[4], max[4];
  for (int k = 0; k < 4; k++) min[k] = max[k] = x[k];
  for (int i = 4; i < 32; i += 4)
    for (int k = 0; k < 4; k++) {
      min[k] = x[i + k] < min[k] ? x[i + k] : min[k];
      max[k] = x[i + k] > max[k] ? x[i + k] : max[k];
    }
  struct range r = { min[0], max[0] };
  for (int k = 1; k < 4; k++) {
    r.min = min[k] < r.min ? min[k] : r.min;
    r.max = max[k] > r.max ? max[k] : r.max;
  }
  return r;
}

/* Codes of four bits: i in the low half of a byte, i + 16 in the high one. */
static void put_nibbles(unsigned char *out, const int codes[32]) {
  for (int i = 0; i < 16; i++) out[i] = (unsigned char)((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

/* The fifth bits as a word, then the rest. */
static void put_fives(unsigned char *out, const int codes[32]) {
  uint32_t high = 0;
  for (int i = 0; i < 32; i++) high |= (uint32_t)(codes[i] >> 4 & 1) << i;
  memcpy(out, &high, sizeof high);
  put_nibbles(out + sizeof high, codes);
}

static inline int at_most(int x, int max) { return x < max ? x : max; }

/* Codes of x * id + middle, at most `most`; where id is finite they are small. */
static void to_codes(const float x[32], float from, float id, float middle, int most, int codes[32]) {
  if (fabsf(id) <= 0x1p127f)
    for (int i = 0; i < 32; i++) codes[i] = at_most((int)((x[i] - from) * id + middle), most);
  else
    for (int i = 0; i < 32; i++) codes[i] = at_most(signed_byte((x[i] - from) * id + middle), most) & 0xff;
}

/* Q4_0, Q5_0: the farthest weight gets the lowest code, which is half of them all. */
static void signed_codes(const float x[32], int half, unsigned char *out, int codes[32]) {
  float d = farthest(x) / (float)-half;
  eq_put_half(out, d);
  to_codes(x, 0, inverse(d), (float)half + 0.5f, 2 * half - 1, codes);
}

/* Q4_1, Q5_1: from the least weight to the greatest. */
static void ranged_codes(const float x[32], int most, unsigned char *out, int codes[32]) {
  struct range r = range_of(x);
  float d = (r.max - r.min) / (float)most;
  eq_put_half(out, d);
  eq_put_half(out + 2, r.min);
  to_codes(x, r.min, inverse(d), 0.5f, most, codes);
}

static void q4_0(const float *x, unsigned char *out) {
  int codes[32];
  signed_codes(x, 8, out, codes);
  put_nibbles(out + 2, codes);
}

static void q4_1(const float *x, unsigned char *out) {
  int codes[32];
  ranged_codes(x, 15, out, codes);
  put_nibbles(out + 4, codes);
}

static void q5_0(const float *x, unsigned char *out) {
  int codes[32];
  signed_codes(x, 16, out, codes);
  put_fives(out + 2, codes);
}

static void q5_1(const float *x, unsigned char *out) {
  int codes[32];
  ranged_codes(x, 31, out, codes);
  put_fives(out + 4, codes);
}

/* Half away from zero, as roundf, which is a call where SSE4.1 is not there; x is at most 2^22 or not finite. */
static inline float round_away(float x) {
  float whole = (float)truncated(fabsf(x)), up = whole + (fabsf(x) - whole >= 0.5f ? 1.0f : 0.0f);
  return fabsf(x) < 0x1p22f ? copysignf(up, x) : x;
}

static void q8_0(const float *x, unsigned char *out) {
  float d = fabsf(farthest(x)) / 127, id = inverse(d);
  eq_put_half(out, d);
  for (int i = 0; i < 32; i++) out[2 + i] = (unsigned char)byte(round_away(x[i] * id));
}

/* E2M1 values, doubled, nearest by the error of the product; of equal errors the first. The scale's exponent is that of
 * the largest magnitude, less 2. */
static void mxfp4(const float *x, unsigned char *out) {
  static const float doubled[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };
  float most = fabsf(farthest(x)), d;
  int codes[32];
  out[0] = (unsigned char)(most > 0 ? byte(floorf(log2f(most)) - 2 + 127) : 0);
  uint32_t bits = out[0] < 2 ? 0x00200000u << out[0] : (uint32_t)(out[0] - 1) << 23; /* half of 2^(e - 127) */
  memcpy(&d, &bits, sizeof d);
  for (int i = 0; i < 32; i += EQ_LANES) {
    eq_lanes w, least;
    eq_codes4 code = { 0 };
    memcpy(&w, x + i, sizeof w);
    least = eq_lanes_magnitude(w);
    for (int k = 1; k < 16; k++) {
      eq_lanes error = eq_lanes_magnitude(doubled[k] * d - w);
      eq_codes4 better = error < least;
      code = (better & k) | (~better & code);
      least = eq_lanes_select(better, error, least);
    }
    memcpy(codes + i, &code, sizeof code);
  }
  put_nibbles(out + 1, codes);
}

/* An encoder from the function of one block. */
#define ENCODER(NAME, BYTES)                                                \
  static void encode_##NAME(const float *x, size_t n, unsigned char *out) { \
    for (size_t i = 0; i < n; i += 32, out += (BYTES)) NAME(x + i, out);    \
  }
ENCODER(q4_0, 18)
ENCODER(q4_1, 20)
ENCODER(q5_0, 22)
ENCODER(q5_1, 24)
ENCODER(q8_0, 34)
ENCODER(mxfp4, 17)

/* ---- all types ---- */

static const struct row {
  eq_block_encoder *encode;
  enum eq_dtype otherwise; /* where its blocks do not divide a row */
} rows[EQ_DTYPES] = {
  [EQ_Q4_0] = { encode_q4_0, EQ_F16 },        [EQ_Q4_1] = { encode_q4_1, EQ_F16 },
  [EQ_Q5_0] = { encode_q5_0, EQ_F16 },        [EQ_Q5_1] = { encode_q5_1, EQ_F16 },
  [EQ_Q8_0] = { encode_q8_0, EQ_F16 },        [EQ_Q2_K] = { eq_encode_q2_k, EQ_Q4_0 },
  [EQ_Q3_K] = { eq_encode_q3_k, EQ_Q4_0 },    [EQ_Q4_K] = { eq_encode_q4_k, EQ_Q5_0 },
  [EQ_Q5_K] = { eq_encode_q5_k, EQ_Q5_1 },    [EQ_Q6_K] = { eq_encode_q6_k, EQ_Q8_0 },
  [EQ_IQ4_NL] = { eq_encode_iq4_nl, EQ_F16 }, [EQ_IQ4_XS] = { eq_encode_iq4_xs, EQ_IQ4_NL },
  [EQ_MXFP4] = { encode_mxfp4, EQ_F16 },
};

enum eq_dtype eq_ggml_type(enum eq_dtype t, size_t cols) {
  while (cols % eq_dtype_block(t)) t = rows[t].otherwise;
  return t;
}

void eq_ggml_encode(enum eq_dtype t, const float *x, size_t n, void *out) { rows[t].encode(x, n, out); }
