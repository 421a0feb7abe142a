#include "lib/tensor/ggml_blocks.h"

#include <stdint.h>
#include <string.h>

#include "lib/tensor/dtype.h"

static inline float half_at(const uint8_t *p) {
  float x;
  eq_dtype_decode(EQ_F16, p, 1, &x);
  return x;
}

static inline uint32_t u32_at(const uint8_t *p) {
  uint32_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

/* A decoder from the function of one block. */
#define DECODER(NAME, BLOCK, BYTES)                                                 \
  void eq_decode_##NAME(const char *bytes, size_t n, float *y) {                    \
    const uint8_t *b = (const uint8_t *)bytes;                                      \
    for (size_t i = 0; i < n; i += (BLOCK)) NAME(b + i / (BLOCK) * (BYTES), y + i); \
  }

/* ---- blocks of 32: element i of the first half in a byte's low four bits, i + 16 in its high ones ---- */

static void q4_0(const uint8_t *b, float *y) {
  float d = half_at(b);
  for (int i = 0; i < 16; i++) {
    y[i] = (float)((b[2 + i] & 15) - 8) * d;
    y[i + 16] = (float)((b[2 + i] >> 4) - 8) * d;
  }
}
DECODER(q4_0, 32, 18)

static void q4_1(const uint8_t *b, float *y) {
  float d = half_at(b), m = half_at(b + 2);
  for (int i = 0; i < 16; i++) {
    y[i] = (float)(b[4 + i] & 15) * d + m;
    y[i + 16] = (float)(b[4 + i] >> 4) * d + m;
  }
}
DECODER(q4_1, 32, 20)

/* The fifth bits of all 32 elements are one word. */
static inline int five_bits(const uint8_t *codes, uint32_t high, int i) {
  int low = i < 16 ? codes[i] & 15 : codes[i - 16] >> 4;
  return low | (int)(high >> i & 1) << 4;
}

static void q5_0(const uint8_t *b, float *y) {
  float d = half_at(b);
  uint32_t high = u32_at(b + 2);
  for (int i = 0; i < 32; i++) y[i] = (float)(five_bits(b + 6, high, i) - 16) * d;
}
DECODER(q5_0, 32, 22)

static void q5_1(const uint8_t *b, float *y) {
  float d = half_at(b), m = half_at(b + 2);
  uint32_t high = u32_at(b + 4);
  for (int i = 0; i < 32; i++) y[i] = (float)five_bits(b + 8, high, i) * d + m;
}
DECODER(q5_1, 32, 24)

static void q8_0(const uint8_t *b, float *y) {
  float d = half_at(b);
  for (int i = 0; i < 32; i++) y[i] = (float)(int8_t)b[2 + i] * d;
}
DECODER(q8_0, 32, 34)

/* ---- blocks of 256 ---- */

/* 16 sub-blocks of 16: a byte of scale and minimum each, then codes of two bits. Bytes 0-31 of the codes hold elements
 * 0-127, four sub-rows of 32 by shift; bytes 32-63 the rest. */
static void q2_k(const uint8_t *b, float *y) {
  const uint8_t *scales = b, *codes = b + 16;
  float d = half_at(b + 80), m = half_at(b + 82);
  for (int i = 0; i < 256; i++) {
    int scale = scales[i / 16], code = codes[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    y[i] = d * (float)(scale & 15) * (float)code - m * (float)(scale >> 4);
  }
}
DECODER(q2_k, 256, 84)

/* Sub-blocks of 16 with scales of six bits: the low four bits of scales i and i + 8 in byte i, the high two of scales
 * i, i + 4, i + 8 and i + 12 in byte 8 + i. The third bit of a code says, when it is off, that 4 is to be taken off. */
static int q3_scale(const uint8_t *s, int i) {
  int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4, high = s[8 + i % 4] >> (i / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

static void q3_k(const uint8_t *b, float *y) {
  const uint8_t *mask = b, *codes = b + 32, *scales = b + 96;
  float d = half_at(b + 108);
  for (int i = 0; i < 256; i++) {
    int code = codes[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3, kept = mask[i % 32] >> (i / 32) & 1;
    y[i] = d * (float)q3_scale(scales, i / 16) * (float)(code - (kept ? 0 : 4));
  }
}
DECODER(q3_k, 256, 110)

/* 8 sub-blocks of 32 with scales and minima of six bits: of the first four in bytes 0-3 and 4-7; of the others the low
 * four bits in bytes 8-11, scale below minimum, the high two on top of the first four's. */
static void q4_scale(const uint8_t *s, int i, int *scale, int *min) {
  *scale = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | s[i - 4] >> 6 << 4;
  *min = i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | s[i] >> 6 << 4;
}

/* Codes of four bits: each 32 bytes hold a sub-block in their low bits and the next in their high ones. fifth: NULL, or
 * a bit more of each code, bit i / 32 of byte i % 32. */
static void q45_k(const uint8_t *b, const uint8_t *fifth, const uint8_t *codes, float *y) {
  float d = half_at(b), m = half_at(b + 2);
  for (int s = 0; s < 8; s++) {
    int scale, min;
    q4_scale(b + 4, s, &scale, &min);
    float step = d * (float)scale, low = m * (float)min;
    for (int i = 0; i < 32; i++) {
      int code = codes[s / 2 * 32 + i] >> (s % 2 * 4) & 15;
      if (fifth) code |= (fifth[i] >> s & 1) << 4;
      y[s * 32 + i] = step * (float)code - low;
    }
  }
}

static void q4_k(const uint8_t *b, float *y) { q45_k(b, NULL, b + 16, y); }
DECODER(q4_k, 256, 144)

static void q5_k(const uint8_t *b, float *y) { q45_k(b, b + 16, b + 48, y); }
DECODER(q5_k, 256, 176)

/* Sub-blocks of 16 with scales of a byte. Each half of 128 elements has 64 bytes of low four bits (elements 0-63 low,
 * 64-127 high) and 32 of high two, four sub-rows of 32 by shift. */
static void q6_k(const uint8_t *b, float *y) {
  const uint8_t *low = b, *high = b + 128;
  const int8_t *scales = (const int8_t *)(b + 192);
  float d = half_at(b + 208);
  for (int i = 0; i < 256; i++) {
    int half = i / 128, j = i % 128;
    int code = (low[half * 64 + j % 64] >> (j / 64 * 4) & 15) | (high[half * 32 + j % 32] >> (j / 32 * 2) & 3) << 4;
    y[i] = d * (float)scales[i / 16] * (float)(code - 32);
  }
}
DECODER(q6_k, 256, 210)

/* ---- codes that are indices of values ---- */

static const int8_t iq4_values[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
static const int8_t e2m1_doubled[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

static void iq4_nl(const uint8_t *b, float *y) {
  float d = half_at(b);
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)iq4_values[b[2 + i] & 15];
    y[i + 16] = d * (float)iq4_values[b[2 + i] >> 4];
  }
}
DECODER(iq4_nl, 32, 18)

/* 8 sub-blocks of 32 with scales of six bits, less 32: low four bits in bytes 4-7, high two in bytes 2-3. */
static void iq4_xs(const uint8_t *b, float *y) {
  float d = half_at(b);
  int high = b[2] | b[3] << 8;
  for (int s = 0; s < 8; s++) {
    int scale = (b[4 + s / 2] >> (s % 2 * 4) & 15) | (high >> (2 * s) & 3) << 4;
    float step = d * (float)(scale - 32);
    const uint8_t *codes = b + 8 + s * 16;
    for (int i = 0; i < 16; i++) {
      y[s * 32 + i] = step * (float)iq4_values[codes[i] & 15];
      y[s * 32 + i + 16] = step * (float)iq4_values[codes[i] >> 4];
    }
  }
}
DECODER(iq4_xs, 256, 136)

/* Half of 2^(e - 127), as the values are doubled; below e = 2 that is a denormal. */
static float e8m0_half(uint8_t e) {
  uint32_t bits = e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static void mxfp4(const uint8_t *b, float *y) {
  float d = e8m0_half(b[0]);
  for (int i = 0; i < 16; i++) {
    y[i] = (float)e2m1_doubled[b[1 + i] & 15] * d;
    y[i + 16] = (float)e2m1_doubled[b[1 + i] >> 4] * d;
  }
}
DECODER(mxfp4, 32, 17)
