/* Blocks against GGML's own (tests/golden/ggml_encode.py), byte for byte, and what must hold for any weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/tensor/ggml_encode.h"
#include "lib/tensor/safetensors.h"

enum { ROW = 256 };

static void blocks_are_those_of_ggml(void **state) {
  (void)state;
  struct eq_safetensors golden;
  struct eq_err err = { 0 };
  if (!eq_safetensors_open(&golden, "tests/golden/ggml_encode.safetensors", &err)) fail_msg("%s", err.text);
  const struct eq_tensor *rows = eq_safetensors_find(&golden, "ROWS");
  assert_non_null(rows);
  for (enum eq_dtype t = EQ_Q4_0; t < EQ_DTYPES; t++) {
    const struct eq_tensor *want = eq_safetensors_find(&golden, eq_dtype_name(t));
    size_t bytes = ROW / eq_dtype_block(t) * eq_dtype_size(t);
    if (!want) fail_msg("no %s", eq_dtype_name(t));
    assert_int_equal(want->n, rows->dims[0] * bytes);
    for (size_t r = 0; r < rows->dims[0]; r++) {
      float x[ROW];
      unsigned char got[2 * ROW];
      eq_tensor_decode(rows, r * ROW, ROW, x);
      eq_ggml_encode(t, x, ROW, got);
      if (memcmp(got, (const char *)want->data + r * bytes, bytes)) fail_msg("%s: row %zu", eq_dtype_name(t), r);
    }
  }
  eq_safetensors_close(&golden);
}

/* Each block is encoded by itself, wherever it lies among others. */
static void a_block_does_not_depend_on_its_neighbours(void **state) {
  (void)state;
  enum { N = 5 * ROW };
  float x[N];
  for (size_t i = 0; i < N; i++) x[i] = (float)((eq_random_f64(5, 0, i) - 0.5) / (eq_random_f64(5, 1, i) + 0.05));
  for (enum eq_dtype t = EQ_Q4_0; t < EQ_DTYPES; t++) {
    unsigned char whole[2 * N], alone[2 * ROW];
    size_t block = eq_dtype_block(t), size = eq_dtype_size(t);
    eq_ggml_encode(t, x, N, whole);
    for (size_t b = 0; b < N / block; b++) {
      eq_ggml_encode(t, x + b * block, block, alone);
      assert_memory_equal(alone, whole + b * size, size);
    }
  }
}

/* The error, relative to the largest weight of a block, at most: half a step of the coarsest codes. */
static void decoding_gives_back_about_the_same(void **state) {
  (void)state;
  static const double bound[EQ_DTYPES] = {
    [EQ_Q4_0] = 0.13, [EQ_Q4_1] = 0.07,  [EQ_Q5_0] = 0.07,   [EQ_Q5_1] = 0.04, [EQ_Q8_0] = 0.005,
    [EQ_Q2_K] = 0.6,  [EQ_Q3_K] = 0.35,  [EQ_Q4_K] = 0.12,   [EQ_Q5_K] = 0.07, [EQ_Q6_K] = 0.06,
    [EQ_MXFP4] = 0.5, [EQ_IQ4_NL] = 0.2, [EQ_IQ4_XS] = 0.25,
  };
  for (enum eq_dtype t = EQ_Q4_0; t < EQ_DTYPES; t++)
    for (uint64_t seed = 0; seed < 50; seed++) {
      float x[ROW], y[ROW], most = 0;
      unsigned char bytes[2 * ROW];
      for (size_t i = 0; i < ROW; i++) {
        x[i] = (float)eq_random_f64(seed, 9, i) - 0.5f;
        most = fmaxf(most, fabsf(x[i]));
      }
      eq_ggml_encode(t, x, ROW, bytes);
      eq_dtype_decode(t, bytes, ROW, y);
      for (size_t i = 0; i < ROW; i++)
        if (!(fabsf(x[i] - y[i]) <= (float)bound[t] * most))
          fail_msg("%s: %g became %g", eq_dtype_name(t), (double)x[i], (double)y[i]);
    }
}

static void a_row_that_blocks_do_not_divide_falls_back(void **state) {
  (void)state;
  static const struct {
    enum eq_dtype asked, row_32, row_1;
  } cases[] = {
    { EQ_Q2_K, EQ_Q4_0, EQ_F16 },     { EQ_Q3_K, EQ_Q4_0, EQ_F16 },   { EQ_Q4_K, EQ_Q5_0, EQ_F16 },
    { EQ_Q5_K, EQ_Q5_1, EQ_F16 },     { EQ_Q6_K, EQ_Q8_0, EQ_F16 },   { EQ_IQ4_XS, EQ_IQ4_NL, EQ_F16 },
    { EQ_IQ4_NL, EQ_IQ4_NL, EQ_F16 }, { EQ_MXFP4, EQ_MXFP4, EQ_F16 }, { EQ_Q4_0, EQ_Q4_0, EQ_F16 },
    { EQ_Q8_0, EQ_Q8_0, EQ_F16 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(eq_ggml_type(cases[i].asked, 512), cases[i].asked);
    assert_int_equal(eq_ggml_type(cases[i].asked, 96), cases[i].row_32);
    assert_int_equal(eq_ggml_type(cases[i].asked, 33), cases[i].row_1);
  }
}

static void halves_are_stored_as_they_are_rounded(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 65536; h++) {
    uint16_t half = (uint16_t)h;
    float x, y;
    eq_dtype_decode(EQ_F16, &half, 1, &x);
    eq_dtype_decode(EQ_BF16, &half, 1, &y);
    if (!isnan(x)) assert_int_equal(eq_f16_bits(x), h);
    if (!isnan(y)) assert_int_equal(eq_bf16_bits(y), h);
  }
  uint16_t nan[2] = { eq_f16_bits(NAN), eq_bf16_bits(NAN) };
  float x[2];
  eq_dtype_decode(EQ_F16, &nan[0], 1, &x[0]);
  eq_dtype_decode(EQ_BF16, &nan[1], 1, &x[1]);
  assert_true(isnan(x[0]) && isnan(x[1]));
  assert_int_equal(eq_f16_bits(1e9f), 0x7c00);
  assert_int_equal(eq_f16_bits(-0x1.002p-25f), 0x8001); /* above half of the smallest subnormal */
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(blocks_are_those_of_ggml),
    cmocka_unit_test(a_block_does_not_depend_on_its_neighbours),
    cmocka_unit_test(decoding_gives_back_about_the_same),
    cmocka_unit_test(a_row_that_blocks_do_not_divide_falls_back),
    cmocka_unit_test(halves_are_stored_as_they_are_rounded),
  };
  return cmocka_run_group_tests_name("ggml_encode", tests, NULL, NULL);
}
