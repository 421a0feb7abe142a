#include "lib/tensor/dtype.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Formats on disk are little-endian, and elements are read by memcpy. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian machine must swap the bytes of each element");

static const struct {
  const char *name;
  size_t size;
  bool is_float;
} dtypes[EQ_DTYPES] = {
  [EQ_F64] = { "F64", 8, true },    [EQ_F32] = { "F32", 4, true },  [EQ_F16] = { "F16", 2, true },
  [EQ_BF16] = { "BF16", 2, true },  [EQ_I64] = { "I64", 8, false }, [EQ_I32] = { "I32", 4, false },
  [EQ_I16] = { "I16", 2, false },   [EQ_I8] = { "I8", 1, false },   [EQ_U64] = { "U64", 8, false },
  [EQ_U32] = { "U32", 4, false },   [EQ_U16] = { "U16", 2, false }, [EQ_U8] = { "U8", 1, false },
  [EQ_BOOL] = { "BOOL", 1, false },
};

const char *eq_dtype_name(enum eq_dtype t) { return dtypes[t].name; }
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

static void decode_f32(const char *bytes, size_t n, float *out) {
  if (n) memcpy(out, bytes, n * sizeof *out);
}

void eq_dtype_decode(enum eq_dtype t, const void *bytes, size_t n, float *out) {
  static void (*const decoders[EQ_DTYPES])(const char *, size_t, float *) = {
    [EQ_F64] = decode_f64,   [EQ_F32] = decode_f32, [EQ_F16] = decode_f16, [EQ_BF16] = decode_bf16,
    [EQ_I64] = decode_i64,   [EQ_I32] = decode_i32, [EQ_I16] = decode_i16, [EQ_I8] = decode_i8,
    [EQ_U64] = decode_u64,   [EQ_U32] = decode_u32, [EQ_U16] = decode_u16, [EQ_U8] = decode_u8,
    [EQ_BOOL] = decode_bool,
  };
  decoders[t](bytes, n, out);
}
