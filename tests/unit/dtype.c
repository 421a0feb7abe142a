/* Element types against their definition in IEEE 754: every half, and every boundary between two of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tensor/dtype.h"
#include "lib/tensor/safetensors.h"

/* The value of a small float by its formula: `fraction` bits after `exponent` bits, bias 2^(exponent - 1) - 1. */
static float value_of(unsigned bits, unsigned exponent, unsigned fraction) {
  unsigned e = bits >> fraction & ((1u << exponent) - 1), f = bits & ((1u << fraction) - 1);
  int bias = (1 << (exponent - 1)) - 1;
  double sign = bits >> (exponent + fraction) & 1 ? -1 : 1;
  if (e == (1u << exponent) - 1) return f ? NAN : (float)(sign * INFINITY);
  if (e == 0) return (float)(sign * ldexp(f, 1 - bias - (int)fraction));
  return (float)(sign * ldexp(1 + ldexp(f, -(int)fraction), (int)e - bias));
}

static bool same(float a, float b) { return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0; }

static void every_half_decodes_to_its_definition(void **state) {
  (void)state;
  for (unsigned i = 0; i < 65536; i++) {
    uint16_t h = (uint16_t)i;
    float f16, bf16;
    eq_dtype_decode(EQ_F16, &h, 1, &f16);
    eq_dtype_decode(EQ_BF16, &h, 1, &bf16);
    assert_true(same(f16, value_of(i, 5, 10)));
    assert_true(same(bf16, value_of(i, 8, 7)));
    assert_true(same(eq_to_f16(f16), f16));
    assert_true(same(eq_to_bf16(bf16), bf16));
  }
}

/* Between two neighbours the middle goes to the even one, what is nearer to one goes to it; above the largest, the
 * next would be 2^(largest exponent + 1) and is written as infinity. */
static void check_boundaries(float (*round)(float), unsigned exponent, unsigned fraction, unsigned infinity) {
  for (unsigned i = 0; i < infinity; i++) {
    double low = value_of(i, exponent, fraction);
    double unit = i == 0 ? value_of(1, exponent, fraction) : low - (double)value_of(i - 1, exponent, fraction);
    double high = i + 1 < infinity ? value_of(i + 1, exponent, fraction) : low + unit;
    float middle = (float)((low + high) / 2);
    float above = i + 1 < infinity ? (float)high : INFINITY;
    assert_true(same(round(nextafterf(middle, 0)), (float)low));
    assert_true(same(round(middle), i % 2 ? above : (float)low));
    assert_true(same(round(nextafterf(middle, INFINITY)), above));
    assert_true(same(round(-middle), i % 2 ? -above : -(float)low));
  }
  assert_true(round(INFINITY) == INFINITY && round(-INFINITY) == -INFINITY);
  assert_true(isnan(round(NAN)));
}

static void every_half_is_encoded_as_itself(void **state) {
  (void)state;
  static const enum eq_dtype types[] = { EQ_F16, EQ_BF16 };
  for (size_t t = 0; t < 2; t++)
    for (unsigned i = 0; i < 65536; i++) {
      uint16_t h = (uint16_t)i, again;
      float x, y;
      eq_dtype_decode(types[t], &h, 1, &x);
      eq_dtype_encode(types[t], &x, 1, &again);
      eq_dtype_decode(types[t], &again, 1, &y);
      assert_true(isnan(x) ? isnan(y) : again == h);
    }
}

static void encoding_rounds_as_the_cast(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 1u << 20; i++) {
    uint32_t bits = i * 4093u;
    uint16_t f16, bf16;
    float x, a, b;
    memcpy(&x, &bits, sizeof x);
    eq_dtype_encode(EQ_F16, &x, 1, &f16);
    eq_dtype_encode(EQ_BF16, &x, 1, &bf16);
    eq_dtype_decode(EQ_F16, &f16, 1, &a);
    eq_dtype_decode(EQ_BF16, &bf16, 1, &b);
    assert_true(same(a, eq_to_f16(x)) && same(b, eq_to_bf16(x)));
  }
}

static void casts_round_to_nearest_even_at_every_boundary(void **state) {
  (void)state;
  check_boundaries(eq_to_f16, 5, 10, 0x7c00);
  check_boundaries(eq_to_bf16, 8, 7, 0x7f80);
}

static void casting_an_array_casts_its_elements(void **state) {
  (void)state;
  float x[37], f16[37], bf16[37];
  for (int i = 0; i < 37; i++) f16[i] = bf16[i] = x[i] = (float)ldexp(1 + i / 37.0, 5 * i - 150) * (i % 2 ? 1 : -1);
  eq_cast_f16(f16, 37);
  eq_cast_bf16(bf16, 37);
  for (int i = 0; i < 37; i++) assert_true(same(f16[i], eq_to_f16(x[i])) && same(bf16[i], eq_to_bf16(x[i])));
}

static void other_types_decode_to_the_nearest_float(void **state) {
  (void)state;
  float out[3];
#define DECODES(dtype, type, a, b, c, x, y, z)                    \
  do {                                                            \
    const type in[3] = { a, b, c };                               \
    char shifted[sizeof in + 1]; /* at an odd address */          \
    memcpy(shifted + 1, in, sizeof in);                           \
    assert_int_equal(eq_dtype_size(dtype), sizeof(type));         \
    eq_dtype_decode(dtype, shifted + 1, 3, out);                  \
    assert_true(out[0] == (x) && out[1] == (y) && out[2] == (z)); \
  } while (0)
  DECODES(EQ_F64, double, 1 + 0x1p-24, 1 + 0x3p-24, 1e300, 1, 1 + 0x1p-22f, INFINITY); /* ties to even */
  DECODES(EQ_F64, double, 0x1p-149, -0.1, 0x1p-150, 0x1p-149f, -0.1f, 0);
  DECODES(EQ_F32, float, 0x1p-149f, -0.1f, 3e38f, 0x1p-149f, -0.1f, 3e38f);
  DECODES(EQ_I64, int64_t, INT64_MIN, -1, 16777217, -0x1p63f, -1, 16777216);
  DECODES(EQ_U64, uint64_t, UINT64_MAX, 1, 16777219, 0x1p64f, 1, 16777220);
  DECODES(EQ_I32, int32_t, INT32_MIN, -1, 16777219, -0x1p31f, -1, 16777220);
  DECODES(EQ_U32, uint32_t, UINT32_MAX, 1, 16777217, 0x1p32f, 1, 16777216);
  DECODES(EQ_I16, int16_t, INT16_MIN, -1, INT16_MAX, -32768, -1, 32767);
  DECODES(EQ_U16, uint16_t, 0, 1, UINT16_MAX, 0, 1, 65535);
  DECODES(EQ_I8, int8_t, INT8_MIN, -1, INT8_MAX, -128, -1, 127);
  DECODES(EQ_U8, uint8_t, 0, 1, UINT8_MAX, 0, 1, 255);
  DECODES(EQ_BOOL, uint8_t, 0, 1, 2, 0, 1, 1);
}

/* tests/golden/blocks.py made the file: the gguf package's values, to the bit; any NaN for a NaN. */
static void quantized_blocks_decode_as_ggml_does(void **state) {
  (void)state;
  struct eq_safetensors golden;
  struct eq_err err = { 0 };
  size_t n_types = 0;
  assert_true(eq_safetensors_open(&golden, "tests/golden/blocks.safetensors", &err));
  for (enum eq_dtype t = EQ_F8_E4M3; t < EQ_DTYPES; t++) {
    char name[32];
    snprintf(name, sizeof name, "%s.bytes", eq_dtype_name(t));
    const struct eq_tensor *bytes = eq_safetensors_find(&golden, name);
    const struct eq_tensor *want = eq_safetensors_find(&golden, eq_dtype_name(t));
    if (!bytes) fail_msg("no golden values of %s", eq_dtype_name(t));
    assert_int_equal(bytes->n / eq_dtype_size(t) * eq_dtype_block(t), want->n);
    float *out = malloc(want->n * sizeof *out);
    eq_dtype_decode(t, bytes->data, want->n, out);
    for (size_t i = 0; i < want->n; i++) {
      float x;
      memcpy(&x, (const char *)want->data + i * sizeof x, sizeof x);
      if (memcmp(&x, &out[i], sizeof x) != 0 && !(isnan(x) && isnan(out[i])))
        fail_msg("%s, element %zu: %.9g, expected %.9g", eq_dtype_name(t), i, (double)out[i], (double)x);
    }
    free(out);
    n_types++;
  }
  assert_int_equal(n_types, EQ_DTYPES - EQ_F8_E4M3);
  eq_safetensors_close(&golden);
}

static void names_are_found_again(void **state) {
  (void)state;
  enum eq_dtype t;
  for (enum eq_dtype i = 0; i < EQ_DTYPES; i++) {
    assert_true(eq_dtype_find(eq_str(eq_dtype_name(i)), &t));
    assert_int_equal(t, i);
    assert_int_equal(eq_dtype_is_float(i), strpbrk(eq_dtype_name(i), "FQ") != NULL);
  }
  assert_false(eq_dtype_find(eq_str("F8_E8M0"), &t));
  assert_false(eq_dtype_find(eq_str("f32"), &t));
  assert_false(eq_dtype_find(eq_str(""), &t));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_half_decodes_to_its_definition),
    cmocka_unit_test(every_half_is_encoded_as_itself),
    cmocka_unit_test(encoding_rounds_as_the_cast),
    cmocka_unit_test(casts_round_to_nearest_even_at_every_boundary),
    cmocka_unit_test(casting_an_array_casts_its_elements),
    cmocka_unit_test(other_types_decode_to_the_nearest_float),
    cmocka_unit_test(quantized_blocks_decode_as_ggml_does),
    cmocka_unit_test(names_are_found_again),
  };
  return cmocka_run_group_tests_name("dtype", tests, NULL, NULL);
}
