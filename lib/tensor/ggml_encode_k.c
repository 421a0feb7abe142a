/* The K types: 256 weights a block, with scales of its sub-blocks as small integers. Each sub-block's scale (and
 * minimum) is searched by itself: for a number of first guesses the codes are rounded, the scale that fits these codes
 * best in weighted least squares follows in closed form, and the best pair stays. Eight sub-blocks are searched side by
 * side, each in its own lane and in the order in which GGML sums, so that the bytes are GGML's; lanes vectorise. */
#include <math.h>

#include "lib/tensor/ggml_encode.h"
#include "lib/tensor/ggml_lanes.h"

enum { BLOCK = 256, LANES = EQ_LANES, LONGEST = 32 };
typedef eq_lanes lanes;
typedef eq_codes4 codes;

/* ---- scale and minimum: Q2_K, Q4_K, Q5_K ---- */

/* How a type searches: codes 0 to most; the first guesses of the inverse scale are (first + step i + most) / range for
 * i from 0 to n. */
struct ranged_search {
  int length, most, n;
  float first, step;
  bool absolute; /* errors count by magnitude, else squared */
};

struct ranged_fit {
  lanes scale, min;    /* the best so far */
  lanes inverse, from; /* what its codes were rounded with */
  lanes error;
};

static inline lanes error_of(lanes difference, bool absolute) {
  return absolute ? eq_lanes_magnitude(difference) : difference * difference;
}

static inline codes codes_of(const struct ranged_search *s, lanes x, lanes inverse, lanes from) {
  return eq_lanes_clamp(eq_lanes_nearest(inverse * (x - from)), 0, s->most);
}

/* Tries one guess in all lanes. */
static inline void try_guess(const struct ranged_search *s, const lanes *x, const lanes *w, lanes sum_w, lanes sum_x,
                             lanes max, float guess, struct ranged_fit *f) {
  lanes sum_l = { 0 }, sum_l2 = { 0 }, sum_xl = { 0 }, error = { 0 }, code[LONGEST];
  lanes inverse = guess / (max - f->min);
  for (int i = 0; i < s->length; i++) {
    lanes l = code[i] = eq_lanes_float(codes_of(s, x[i], inverse, f->min)), wl = w[i] * l;
    sum_l += wl;
    sum_l2 += wl * l;
    sum_xl += wl * x[i];
  }
  lanes determinant = sum_w * sum_l2 - sum_l * sum_l;
  lanes scale = (sum_w * sum_xl - sum_x * sum_l) / determinant;
  lanes min = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
  codes positive = min > 0;
  scale = eq_lanes_select(positive, sum_xl / sum_l2, scale);
  min = eq_lanes_select(positive, (lanes){ 0 }, min);
  for (int i = 0; i < s->length; i++) error += w[i] * error_of(scale * code[i] + min - x[i], s->absolute);
  codes better = (determinant > 0) & (error < f->error);
  f->from = eq_lanes_select(better, f->min, f->from);
  f->error = eq_lanes_select(better, error, f->error);
  f->scale = eq_lanes_select(better, scale, f->scale);
  f->min = eq_lanes_select(better, min, f->min);
  f->inverse = eq_lanes_select(better, inverse, f->inverse);
}

/* Scales and (negated) minima of four sub-blocks, and the codes that they were found with. */
static inline void search_ranged(const struct ranged_search *s, const lanes *x, const lanes *w, float scales[LANES],
                                 float mins[LANES], unsigned char *out) {
  lanes min = x[0], max = x[0], sum_w = w[0], sum_x = w[0] * x[0];
  for (int i = 1; i < s->length; i++) {
    min = eq_lanes_select(x[i] < min, x[i], min);
    max = eq_lanes_select(x[i] > max, x[i], max);
    sum_w += w[i];
    sum_x += w[i] * x[i];
  }
  min = eq_lanes_select(min > 0, (lanes){ 0 }, min);
  struct ranged_fit f = { .min = min, .from = min, .inverse = (float)s->most / (max - min) };
  f.scale = 1.0f / f.inverse;
  for (int i = 0; i < s->length; i++) {
    lanes l = eq_lanes_float(codes_of(s, x[i], f.inverse, min));
    f.error += w[i] * error_of(f.scale * l + min - x[i], s->absolute);
  }
  for (int i = 0; i <= s->n; i++)
    try_guess(s, x, w, sum_w, sum_x, max, s->first + s->step * (float)i + (float)s->most, &f);
  codes flat = max == min; /* no range: no scale, all codes 0 */
  lanes scale = eq_lanes_select(flat, (lanes){ 0 }, f.scale), low = -eq_lanes_select(flat, min, f.min);
  memcpy(scales, &scale, sizeof scale);
  memcpy(mins, &low, sizeof low);
  for (int i = 0; i < s->length; i++) {
    codes l = codes_of(s, x[i], f.inverse, f.from) & ~flat;
    for (int k = 0; k < LANES; k++) out[k * s->length + i] = (unsigned char)l[k];
  }
}

static float largest(const float *x, int n) {
  float most = 0;
  for (int i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
  return most;
}

/* Codes 0 to most of n weights under the scale and minimum that were stored; without a scale they stay. */
static void recode_ranged(const float *x, int n, float d, float m, int most, unsigned char *out) {
  if (d == 0) return;
  for (int i = 0; i < n; i++) out[i] = (unsigned char)eq_clamp(eq_nearest((x[i] + m) / d), 0, most);
}

/* Two bits of each code: bytes 0-31 hold weights 0-127, four sub-rows of 32 by shift, bytes 32-63 the rest. */
static void put_pairs(const unsigned char code[BLOCK], unsigned char *out) {
  for (int half = 0; half < 2; half++)
    for (int i = 0; i < 32; i++) {
      const unsigned char *c = code + half * 128 + i;
      out[half * 32 + i] = (unsigned char)((c[0] & 3) | (c[32] & 3) << 2 | (c[64] & 3) << 4 | (c[96] & 3) << 6);
    }
}

static void q2_k(const float *x, unsigned char *out) {
  static const struct ranged_search search = { 16, 3, 15, -0.5f, 0.1f, true };
  unsigned char code[BLOCK];
  float scales[16], mins[16];
  for (int j = 0; j < 16; j += LANES) {
    lanes at[16], w[16];
    eq_to_lanes(x + j * 16, 16, at);
    for (int i = 0; i < 16; i++) w[i] = eq_lanes_magnitude(at[i]);
    search_ranged(&search, at, w, scales + j, mins + j, code + j * 16);
  }
  float scale = largest(scales, 16), min = largest(mins, 16), d = eq_to_f16(scale / 15), m = eq_to_f16(min / 15);
  for (int j = 0; j < 16; j++) {
    int s = scale > 0 ? eq_nearest(15 / scale * scales[j]) : 0, l = min > 0 ? eq_nearest(15 / min * mins[j]) : 0;
    out[j] = (unsigned char)((s & 0xff) | (l & 15) << 4);
    recode_ranged(x + j * 16, 16, d * (float)(out[j] & 15), m * (float)(out[j] >> 4), 3, code + j * 16);
  }
  put_pairs(code, out + 16);
  eq_put_half(out + 80, scale > 0 ? scale / 15 : 0);
  eq_put_half(out + 82, min > 0 ? min / 15 : 0);
}

/* A scale or minimum in six bits. */
static int six_bits(float x) {
  int low = eq_nearest(x) & 0xff;
  return low < 63 ? low : 63;
}

/* Q4_K and Q5_K up to their codes: the two scales, and scales and minima of sub-blocks as ggml_blocks.c reads them. */
static inline void ranged_block(const struct ranged_search *search, const float *x, unsigned char *out,
                                unsigned char code[BLOCK]) {
  float scales[8], mins[8];
  for (int j = 0; j < 8; j += LANES) {
    lanes at[32], w[32], sum = { 0 };
    eq_to_lanes(x + j * 32, 32, at);
    for (int i = 0; i < 32; i++) sum += at[i] * at[i];
    for (int k = 0; k < LANES; k++) sum[k] = sqrtf(sum[k] / 32);
    for (int i = 0; i < 32; i++) w[i] = sum + eq_lanes_magnitude(at[i]);
    search_ranged(search, at, w, scales + j, mins + j, code + j * 32);
  }
  float scale = largest(scales, 8), min = largest(mins, 8);
  float inverse_scale = scale > 0 ? 63 / scale : 0, inverse_min = min > 0 ? 63 / min : 0;
  float d = eq_to_f16(scale / 63), m = eq_to_f16(min / 63);
  unsigned char *packed = out + 4;
  eq_put_half(out, scale / 63);
  eq_put_half(out + 2, min / 63);
  for (int j = 0; j < 8; j++) {
    int s = six_bits(inverse_scale * scales[j]), l = six_bits(inverse_min * mins[j]);
    if (j < 4) {
      packed[j] = (unsigned char)s;
      packed[j + 4] = (unsigned char)l;
    } else {
      packed[j + 4] = (unsigned char)((s & 15) | (l & 15) << 4);
      packed[j - 4] |= (unsigned char)(s >> 4 << 6);
      packed[j] |= (unsigned char)(l >> 4 << 6);
    }
    recode_ranged(x + j * 32, 32, d * (float)s, m * (float)l, search->most, code + j * 32);
  }
}

/* Low four bits: each 32 bytes hold a sub-block in their low bits and the next in their high ones. */
static void put_low_fours(const unsigned char code[BLOCK], unsigned char *out) {
  for (int s = 0; s < 4; s++)
    for (int i = 0; i < 32; i++)
      out[s * 32 + i] = (unsigned char)((code[s * 64 + i] & 15) | (code[s * 64 + 32 + i] & 15) << 4);
}

static void q4_k(const float *x, unsigned char *out) {
  static const struct ranged_search search = { 32, 15, 20, -1.0f, 0.1f, false };
  unsigned char code[BLOCK];
  ranged_block(&search, x, out, code);
  put_low_fours(code, out + 16);
}

static void q5_k(const float *x, unsigned char *out) {
  static const struct ranged_search search = { 32, 31, 15, -0.5f, 0.1f, false };
  unsigned char code[BLOCK];
  ranged_block(&search, x, out, code);
  memset(out + 16, 0, 32);
  for (int i = 0; i < BLOCK; i++) out[16 + i % 32] |= (unsigned char)((code[i] >> 4 & 1) << i / 32);
  put_low_fours(code, out + 48);
}

/* ---- a scale of either sign: Q3_K, Q6_K ---- */

/* 0 where nothing is there to speak of. */
static lanes farthest(const lanes *x) {
  lanes at = eq_lanes_farthest(x, 16);
  return eq_lanes_select(eq_lanes_magnitude(at) < EQ_GGML_NOTHING, (lanes){ 0 }, at);
}

/* Codes to bytes, `half` added; 0 where there is no weight. */
static void put_codes(codes l, codes none, int half, unsigned char *out) {
  l = (l + half) & ~none;
  for (int k = 0; k < LANES; k++) out[k * 16] = (unsigned char)l[k];
}

/* A pass of coordinate descent over the codes l of Q3_K: each is set to what fits best when the others stay, if that
 * raises (sum w x l)^2 / sum w l^2. Did any change? */
static bool descend(const lanes *x, codes *l, lanes *sum_xl, lanes *sum_l2) {
  codes changed = { 0 };
  for (int i = 0; i < 16; i++) {
    lanes w = x[i] * x[i], wx = w * x[i], old = eq_lanes_float(l[i]);
    lanes xl = *sum_xl - wx * old, l2 = *sum_l2 - w * old * old;
    codes other = eq_lanes_clamp(eq_lanes_nearest(x[i] * l2 / xl), -4, 3);
    lanes new = eq_lanes_float(other), with_xl = xl + wx *new, with_l2 = l2 + w *new *new;
    codes better =
        (xl > 0) & (other != l[i]) & (with_l2 > 0) & (with_xl * with_xl * *sum_l2 > *sum_xl * *sum_xl * with_l2);
    l[i] = (better & other) | (~better & l[i]);
    *sum_xl = eq_lanes_select(better, with_xl, *sum_xl);
    *sum_l2 = eq_lanes_select(better, with_l2, *sum_l2);
    changed |= better;
  }
  return changed[0] | changed[1] | changed[2] | changed[3];
}

static void search_q3(const lanes *x, float scales[LANES], unsigned char *out) {
  lanes at = farthest(x), sum_xl = { 0 }, sum_l2 = { 0 };
  codes l[16], none = at == 0;
  for (int i = 0; i < 16; i++) {
    lanes w = x[i] * x[i], start;
    l[i] = eq_lanes_clamp(eq_lanes_nearest(-4 / at * x[i]), -4, 3);
    start = eq_lanes_float(l[i]);
    sum_xl += w * x[i] * start;
    sum_l2 += w * start * start;
  }
  for (int round = 0; round < 5 && descend(x, l, &sum_xl, &sum_l2); round++) continue;
  lanes scale = eq_lanes_select((sum_l2 > 0) & ~none, sum_xl / sum_l2, (lanes){ 0 });
  memcpy(scales, &scale, sizeof scale);
  for (int i = 0; i < 16; i++) put_codes(l[i], none, 4, out + i);
}

static void recode_signed(const float *x, float d, int half, unsigned char *out) {
  if (d == 0) return;
  for (int i = 0; i < 16; i++) out[i] = (unsigned char)(eq_clamp(eq_nearest(x[i] / d), -half, half - 1) + half);
}

static void q3_k(const float *x, unsigned char *out) {
  unsigned char code[BLOCK], *high = out, *packed = out + 96;
  float scales[16];
  for (int j = 0; j < 16; j += LANES) {
    lanes at[16];
    eq_to_lanes(x + j * 16, 16, at);
    search_q3(at, scales + j, code + j * 16);
  }
  float scale = eq_farthest_scale(scales, 16), inverse = scale != 0 ? -32 / scale : 0, d = scale != 0 ? 1 / inverse : 0;
  memset(out, 0, 110);
  eq_put_half(out + 108, d);
  for (int j = 0; j < 16; j++) {
    int s = scale != 0 ? eq_clamp((int8_t)(unsigned char)eq_nearest(inverse * scales[j]), -32, 31) + 32 : 0;
    packed[j % 8] |= (unsigned char)(j < 8 ? s & 15 : (s & 15) << 4);
    packed[8 + j % 4] |= (unsigned char)(s >> 4 << j / 4 * 2);
    recode_signed(x + j * 16, eq_to_f16(d) * (float)(s - 32), 4, code + j * 16);
  }
  for (int i = 0; i < BLOCK; i++) high[i % 32] |= (unsigned char)((code[i] >> 2 & 1) << i / 32);
  put_pairs(code, out + 32);
}

/* What the codes of Q6_K for an inverse scale say of the best scale for them. */
static inline void try_q6(const lanes *x, lanes inverse, lanes *sum_xl, lanes *sum_l2) {
  lanes xl = { 0 }, l2 = { 0 };
  for (int i = 0; i < 16; i++) {
    lanes l = eq_lanes_float(eq_lanes_clamp(eq_lanes_nearest(inverse * x[i]), -32, 31)), w = x[i] * x[i];
    xl += w * x[i] * l;
    l2 += w * l * l;
  }
  *sum_xl = xl;
  *sum_l2 = l2;
}

static void search_q6(const lanes *x, float scales[LANES], unsigned char *out) {
  lanes at = farthest(x), best_inverse = -32 / at, sum_xl, sum_l2;
  codes none = at == 0;
  try_q6(x, best_inverse, &sum_xl, &sum_l2);
  lanes scale = eq_lanes_select(sum_l2 != 0, sum_xl / sum_l2, (lanes){ 0 }), best = scale * sum_xl;
  for (int i = -9; i <= 9; i++) {
    if (i == 0) continue;
    lanes inverse = -(32 + 0.1f * (float)i) / at;
    try_q6(x, inverse, &sum_xl, &sum_l2);
    lanes fit = sum_xl / sum_l2;
    codes better = (sum_l2 > 0) & (sum_xl * sum_xl > best * sum_l2);
    best_inverse = eq_lanes_select(better, inverse, best_inverse);
    scale = eq_lanes_select(better, fit, scale);
    best = eq_lanes_select(better, fit * sum_xl, best);
  }
  scale = eq_lanes_select(none, (lanes){ 0 }, scale);
  memcpy(scales, &scale, sizeof scale);
  for (int i = 0; i < 16; i++)
    put_codes(eq_lanes_clamp(eq_lanes_nearest(best_inverse * x[i]), -32, 31), none, 32, out + i);
}

/* Low four bits: of each half of 128 in 64 bytes, weights 0-63 low and 64-127 high; then the high two bits. */
static void put_sixes(const unsigned char code[BLOCK], unsigned char *out) {
  unsigned char high[BLOCK];
  for (int half = 0; half < 2; half++)
    for (int i = 0; i < 64; i++)
      out[half * 64 + i] = (unsigned char)((code[half * 128 + i] & 15) | (code[half * 128 + 64 + i] & 15) << 4);
  for (int i = 0; i < BLOCK; i++) high[i] = code[i] >> 4;
  put_pairs(high, out + 128);
}

static void q6_k(const float *x, unsigned char *out) {
  unsigned char code[BLOCK];
  float scales[16];
  for (int j = 0; j < 16; j += LANES) {
    lanes at[16];
    eq_to_lanes(x + j * 16, 16, at);
    search_q6(at, scales + j, code + j * 16);
  }
  float scale = eq_farthest_scale(scales, 16);
  if (fabsf(scale) < EQ_GGML_NOTHING) {
    memset(out, 0, 210);
    return;
  }
  float inverse = -128 / scale, d = eq_to_f16(1 / inverse);
  eq_put_half(out + 208, 1 / inverse);
  for (int j = 0; j < 16; j++) {
    int s = eq_nearest(inverse * scales[j]);
    out[192 + j] = (unsigned char)(s < 127 ? s : 127);
    recode_signed(x + j * 16, d * (float)(int8_t)out[192 + j], 32, code + j * 16);
  }
  put_sixes(code, out);
}

/* An encoder from the function of one block. */
#define ENCODER(NAME, BYTES)                                                \
  void eq_encode_##NAME(const float *x, size_t n, unsigned char *out) {     \
    for (size_t i = 0; i < n; i += BLOCK, out += (BYTES)) NAME(x + i, out); \
  }
ENCODER(q2_k, 84)
ENCODER(q3_k, 110)
ENCODER(q4_k, 144)
ENCODER(q5_k, 176)
ENCODER(q6_k, 210)
