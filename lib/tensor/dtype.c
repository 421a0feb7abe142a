#include "lib/tensor/dtype.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "lib/tensor/ggml_blocks.h"

/* Formats on disk are little-endian, and elements are read by memcpy. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian machine must swap the bytes of each element");

static const struct {
  const char *name;
  size_t block, size;
  bool is_float;
} dtypes[EQ_DTYPES] = {
  [EQ_F64] = { "F64", 1, 8, true },           [EQ_F32] = { "F32", 1, 4, true },
  [EQ_F16] = { "F16", 1, 2, true },           [EQ_BF16] = { "BF16", 1, 2, true },
  [EQ_I64] = { "I64", 1, 8, false },          [EQ_I32] = { "I32", 1, 4, false },
  [EQ_I16] = { "I16", 1, 2, false },          [EQ_I8] = { "I8", 1, 1, false },
  [EQ_U64] = { "U64", 1, 8, false },          [EQ_U32] = { "U32", 1, 4, false },
  [EQ_U16] = { "U16", 1, 2, false },          [EQ_U8] = { "U8", 1, 1, false },
  [EQ_BOOL] = { "BOOL", 1, 1, false },        [EQ_F8_E4M3] = { "F8_E4M3", 1, 1, true },
  [EQ_F8_E5M2] = { "F8_E5M2", 1, 1, true },   [EQ_Q4_0] = { "Q4_0", 32, 18, true },
  [EQ_Q4_1] = { "Q4_1", 32, 20, true },       [EQ_Q5_0] = { "Q5_0", 32, 22, true },
  [EQ_Q5_1] = { "Q5_1", 32, 24, true },       [EQ_Q8_0] = { "Q8_0", 32, 34, true },
  [EQ_Q2_K] = { "Q2_K", 256, 84, true },      [EQ_Q3_K] = { "Q3_K", 256, 110, true },
  [EQ_Q4_K] = { "Q4_K", 256, 144, true },     [EQ_Q5_K] = { "Q5_K", 256, 176, true },
  [EQ_Q6_K] = { "Q6_K", 256, 210, true },     [EQ_IQ4_NL] = { "IQ4_NL", 32, 18, true },
  [EQ_IQ4_XS] = { "IQ4_XS", 256, 136, true }, [EQ_MXFP4] = { "MXFP4", 32, 17, true },
};

const char *eq_dtype_name(enum eq_dtype t) { return dtypes[t].name; }
size_t eq_dtype_block(enum eq_dtype t) { return dtypes[t].block; }
size_t eq_dtype_size(enum eq_dtype t) { return dtypes[t].size; }
bool eq_dtype_is_float(enum eq_dtype t) { return dtypes[t].is_float; }

bool eq_dtype_find(struct eq_str name, enum eq_dtype *t) {
  for (enum eq_dtype i = 0; i < EQ_DTYPES; i++)
    if (eq_str_is(name, dtypes[i].name)) return *t = i, true;
  return false;
}

static inline uint32_t bits_of(float x) {
  uint32_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}

static inline float float_of(uint32_t b) {
  float x;
  memcpy(&x, &b, sizeof x);
  return x;
}

/* ---- halves: IEEE 754-2008 binary16 (1 sign, 5 exponent, 10 fraction bits; bias 15) and bfloat16 (the high half of
 * a binary32), without branches so that loops vectorise ---- */

static inline float f16_value(uint16_t h) {
  uint32_t magnitude = h & 0x7fffu, exponent = magnitude >> 10;
  uint32_t rebiased = (magnitude << 13) + ((127u - 15u) << 23);
  uint32_t subnormal = bits_of((float)(int32_t)magnitude * 0x1p-24f); /* exact: fraction units of 2^-24 */
  uint32_t special = magnitude << 13 | 0x7f800000u;
  uint32_t b = exponent == 0 ? subnormal : exponent == 31 ? special : rebiased;
  return float_of(b | (uint32_t)(h & 0x8000u) << 16);
}

/* Adds half of the unit that is dropped, less one, plus the last kept bit: nearest, ties to even. A carry out of the
 * fraction raises the exponent, as it must. */
static inline uint32_t drop_bits(uint32_t b, unsigned dropped) {
  return (b + (1u << (dropped - 1)) - 1 + (b >> dropped & 1)) >> dropped << dropped;
}

float eq_to_f16(float x) {
  uint32_t b = bits_of(x), magnitude = b & 0x7fffffffu;
  uint32_t normal = drop_bits(magnitude, 13);
  /* Below 2^-14 the units are 2^-24, which is the unit of floats in [0.5, 1): the addition rounds. */
  uint32_t subnormal = bits_of(fabsf(x) + 0.5f - 0.5f);
  uint32_t rounded = magnitude < 0x38800000u ? subnormal : normal;
  if (rounded > 0x477fe000u) rounded = 0x7f800000u; /* above 65504 */
  if (magnitude > 0x7f800000u) rounded = magnitude; /* NaN */
  return float_of(rounded | (b & 0x80000000u));
}

float eq_to_bf16(float x) {
  uint32_t b = bits_of(x);
  return float_of((b & 0x7fffffffu) > 0x7f800000u ? b : drop_bits(b, 16));
}

/* The half whose value x is. */
static inline uint16_t f16_bits(float x) {
  uint32_t b = bits_of(x), magnitude = b & 0x7fffffffu;
  uint32_t normal = (magnitude >> 13) - ((127u - 15u) << 10);
  uint32_t subnormal = (uint32_t)(int32_t)(float_of(magnitude < 0x38800000u ? magnitude : 0) * 0x1p24f);
  uint32_t special = 0x7c00u | (magnitude >> 13 & 0x3ffu) | (magnitude > 0x7f800000u ? 0x200u : 0);
  uint32_t h = magnitude >= 0x7f800000u ? special : magnitude < 0x38800000u ? subnormal : normal;
  return (uint16_t)(h | (b >> 16 & 0x8000u));
}

uint16_t eq_f16_bits(float x) { return f16_bits(eq_to_f16(x)); }

uint16_t eq_bf16_bits(float x) {
  uint32_t b = bits_of(eq_to_bf16(x));
  return (uint16_t)(b >> 16 | ((b & 0x7fffffffu) > 0x7f800000u ? 0x40u : 0)); /* NaN stays one */
}

void eq_cast_f16(float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = eq_to_f16(x[i]);
}

void eq_cast_bf16(float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = eq_to_bf16(x[i]);
}

/* ---- arrays ---- */

/* One loop a type: `value` turns the element v, read from any alignment, into a float. */
#define DECODER(name, type, value)                            \
  static void name(const char *bytes, size_t n, float *out) { \
    for (size_t i = 0; i < n; i++) {                          \
      type v;                                                 \
      memcpy(&v, bytes + i * sizeof v, sizeof v);             \
      out[i] = value;                                         \
    }                                                         \
  }
DECODER(decode_f64, double, (float)v)
DECODER(decode_f16, uint16_t, f16_value(v))
DECODER(decode_bf16, uint16_t, float_of((uint32_t)v << 16))
DECODER(decode_i64, int64_t, (float)v)
DECODER(decode_i32, int32_t, (float)v)
DECODER(decode_i16, int16_t, (float)v)
DECODER(decode_i8, int8_t, (float)v)
DECODER(decode_u64, uint64_t, (float)v)
DECODER(decode_u32, uint32_t, (float)v)
DECODER(decode_u16, uint16_t, (float)v)
DECODER(decode_u8, uint8_t, (float)v)
DECODER(decode_bool, uint8_t, v ? 1.0f : 0.0f)

/* E5M2 is the high byte of a binary16. E4M3 (Micikevicius et al. 2022, table 1) has bias 7, no infinities, and one NaN
 * of each sign. */
static float e4m3_value(uint8_t b) {
  uint32_t magnitude = b & 0x7fu;
  uint32_t normal = (magnitude << 20) + ((127u - 7u) << 23), subnormal = bits_of((float)(int32_t)magnitude * 0x1p-9f);
  uint32_t bits = magnitude == 0x7f ? 0x7fc00000u : magnitude < 8 ? subnormal : normal;
  return float_of(bits | (uint32_t)(b & 0x80) << 24);
}
DECODER(decode_f8_e4m3, uint8_t, e4m3_value(v))
DECODER(decode_f8_e5m2, uint8_t, f16_value((uint16_t)(v << 8)))

static void decode_f32(const char *bytes, size_t n, float *out) {
  if (n) memcpy(out, bytes, n * sizeof *out);
}

void eq_dtype_decode(enum eq_dtype t, const void *bytes, size_t n, float *out) {
  static void (*const decoders[EQ_DTYPES])(const char *, size_t, float *) = {
    [EQ_F64] = decode_f64,          [EQ_F32] = decode_f32,
    [EQ_F16] = decode_f16,          [EQ_BF16] = decode_bf16,
    [EQ_I64] = decode_i64,          [EQ_I32] = decode_i32,
    [EQ_I16] = decode_i16,          [EQ_I8] = decode_i8,
    [EQ_U64] = decode_u64,          [EQ_U32] = decode_u32,
    [EQ_U16] = decode_u16,          [EQ_U8] = decode_u8,
    [EQ_BOOL] = decode_bool,        [EQ_F8_E4M3] = decode_f8_e4m3,
    [EQ_F8_E5M2] = decode_f8_e5m2,  [EQ_Q4_0] = eq_decode_q4_0,
    [EQ_Q4_1] = eq_decode_q4_1,     [EQ_Q5_0] = eq_decode_q5_0,
    [EQ_Q5_1] = eq_decode_q5_1,     [EQ_Q8_0] = eq_decode_q8_0,
    [EQ_Q2_K] = eq_decode_q2_k,     [EQ_Q3_K] = eq_decode_q3_k,
    [EQ_Q4_K] = eq_decode_q4_k,     [EQ_Q5_K] = eq_decode_q5_k,
    [EQ_Q6_K] = eq_decode_q6_k,     [EQ_IQ4_NL] = eq_decode_iq4_nl,
    [EQ_IQ4_XS] = eq_decode_iq4_xs, [EQ_MXFP4] = eq_decode_mxfp4,
  };
  decoders[t](bytes, n, out);
}

static void encode_f16(const float *x, size_t n, char *bytes) {
  for (size_t i = 0; i < n; i++) {
    uint16_t h = eq_f16_bits(x[i]);
    memcpy(bytes + i * sizeof h, &h, sizeof h);
  }
}

static void encode_bf16(const float *x, size_t n, char *bytes) {
  for (size_t i = 0; i < n; i++) {
    uint16_t h = eq_bf16_bits(x[i]);
    memcpy(bytes + i * sizeof h, &h, sizeof h);
  }
}

void eq_dtype_encode(enum eq_dtype t, const float *x, size_t n, void *bytes) {
  if (t == EQ_F16)
    encode_f16(x, n, bytes);
  else if (t == EQ_BF16)
    encode_bf16(x, n, bytes);
  else if (n)
    memcpy(bytes, x, n * sizeof *x);
}

size_t eq_count_not_finite(const float *x, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i < n;) { /* 32-bit sums are those that vectors are made for */
    size_t end = n - i < 1 << 20 ? n : i + (1 << 20);
    uint32_t here = 0;
    for (; i < end; i++) {
      uint32_t b;
      memcpy(&b, &x[i], sizeof b);
      here += (b & 0x7f800000) == 0x7f800000;
    }
    count += here;
  }
  return count;
}
