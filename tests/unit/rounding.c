/* Rounding against NumPy's float32 (tests/golden/rounding.py), bit for bit, and what must hold for any weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/recipe/clip.h"
#include "lib/tensor/safetensors.h"

enum { KINDS = 4 };
static const struct eq_scheme keep = { .kind = EQ_KEEP };

static struct eq_scheme int_scheme(unsigned bits, enum eq_granularity granularity, uint32_t group) {
  return (struct eq_scheme){ .kind = EQ_INT, .bits = bits, .granularity = granularity, .group = group };
}

static float *copy_of(const float *w, size_t n) {
  float *copy = malloc(n * sizeof *copy);
  assert_non_null(copy);
  memcpy(copy, w, n * sizeof *copy);
  return copy;
}

/* [rows][cols] as [cols][rows]. */
static float *transposed(const float *w, size_t rows, size_t cols) {
  float *t = malloc(rows * cols * sizeof *t);
  assert_non_null(t);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < cols; c++) t[c * rows + r] = w[r * cols + c];
  return t;
}

/* w rounded in both layouts gives the same bits, which are returned. */
static float *rounded(struct eq_scheme scheme, const float *w, size_t rows, size_t cols) {
  float *plain = copy_of(w, rows * cols), *t = transposed(w, rows, cols);
  eq_round(scheme, (struct eq_matrix){ plain, rows, cols, false });
  eq_round(scheme, (struct eq_matrix){ t, rows, cols, true });
  float *back = transposed(t, cols, rows);
  assert_memory_equal(plain, back, rows * cols * sizeof *plain);
  free(t);
  free(back);
  return plain;
}

/* Heavy-tailed, as weights are: the quotient of two uniform numbers. */
static float *random_weights(uint64_t seed, size_t n) {
  float *w = malloc(n * sizeof *w);
  assert_non_null(w);
  for (size_t i = 0; i < n; i++) w[i] = (float)((eq_random_f64(seed, 0, i) - 0.5) / (eq_random_f64(seed, 1, i) + 0.05));
  return w;
}

static struct eq_scheme parse_scheme(const char *text) {
  struct eq_scheme scheme;
  struct eq_err err = { 0 };
  if (!eq_scheme_parse(text, eq_str(text), &scheme, &err)) fail_msg("%s", err.text);
  return scheme;
}

/* ---- codes ---- */

struct stored {
  struct eq_codes codes;
  size_t groups, group;
};

static struct stored encoded(struct eq_scheme scheme, const float *w, size_t rows, size_t cols, bool is_transposed) {
  size_t groups = eq_codes_groups(scheme, cols);
  struct stored s = { { malloc(rows * cols), malloc(rows * groups * sizeof(float)), malloc(rows * groups) },
                      groups,
                      0 };
  s.group = scheme.granularity == EQ_PER_GROUP ? scheme.group : cols;
  float *m = is_transposed ? transposed(w, rows, cols) : copy_of(w, rows * cols);
  struct eq_extremes of = eq_extremes_of(w, rows * cols);
  float *limits = scheme.clip ? eq_limits_of(scheme, 0, w, rows, cols) : NULL;
  for (size_t first = 0; first < rows; first += 3) {
    size_t last = first + 3 < rows ? first + 3 : rows;
    if (limits)
      eq_codes_encode_clipped(scheme, limits, (struct eq_matrix){ m, rows, cols, is_transposed }, first, last, s.codes);
    else
      eq_codes_encode(scheme, of, (struct eq_matrix){ m, rows, cols, is_transposed }, first, last, s.codes);
  }
  free(limits);
  free(m);
  return s;
}

static void stored_free(struct stored s) { free(s.codes.codes), free(s.codes.scales), free(s.codes.zeros); }

static float *clipped(struct eq_scheme scheme, const float *w, size_t rows, size_t cols) {
  float *copy = copy_of(w, rows * cols), *limits = eq_limits_of(scheme, 0, w, rows, cols);
  for (size_t r = 0; r < rows; r++) eq_round_clipped(scheme, limits, r, cols, copy + r * cols);
  free(limits);
  return copy;
}

static void codes_stand_for_what_rounding_makes(void **state) {
  (void)state;
  static const char *const texts[] = { "int4/g16",
                                       "int8/row",
                                       "int3/tensor",
                                       "int2/g7",
                                       "u4/g16",
                                       "u2/row",
                                       "u8/tensor",
                                       "u3/g7,s16",
                                       "int5/g16,s16",
                                       "u4/g1",
                                       "int4/g16,clip=mse,s16",
                                       "int3/tensor,clip=p90",
                                       "int2/row,clip=mse,scale=m8",
                                       "int4/g7,scale=m8" };
  const size_t rows = 11, cols = 37;
  float *w = random_weights(77, rows * cols);
  for (size_t c = 0; c < cols; c++) w[2 * cols + c] = 0;                      /* groups without a scale */
  for (size_t c = 0; c < cols; c++) w[3 * cols + c] = fabsf(w[3 * cols + c]); /* a zero point at an end */
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct eq_scheme scheme = parse_scheme(texts[i]);
    bool whole = scheme.granularity == EQ_PER_TENSOR;
    struct stored a = encoded(scheme, w, rows, cols, false), b = encoded(scheme, w, rows, cols, true);
    size_t scales = whole ? 1 : rows * a.groups;
    float *want = scheme.clip ? clipped(scheme, w, rows, cols) : rounded(scheme, w, rows, cols);
    assert_memory_equal(a.codes.codes, b.codes.codes, rows * cols);
    assert_memory_equal(a.codes.scales, b.codes.scales, scales * sizeof(float));
    assert_memory_equal(a.codes.zeros, b.codes.zeros, scales);
    for (size_t k = 0; k < rows * cols; k++) {
      size_t g = whole ? 0 : k / cols * a.groups + k % cols / a.group;
      assert_true(a.codes.codes[k] < 1 << scheme.bits);
      if (scheme.kind == EQ_INT) assert_int_equal(a.codes.zeros[g], 1 << (scheme.bits - 1));
      float got = eq_codes_value(a.codes.codes[k], a.codes.zeros[g], a.codes.scales[g]);
      if (got != want[k])
        fail_msg("%s: weight %zu is %g stored, %g rounded", texts[i], k, (double)got, (double)want[k]);
    }
    stored_free(a), stored_free(b);
    free(want);
  }
  free(w);
}

/* Zero has a code in u<b>, and a weight moves by at most half a step, but for a zero point that was rounded. */
static void asymmetric_codes_keep_zero_and_stay_within_a_step(void **state) {
  (void)state;
  const size_t rows = 9, cols = 50;
  for (unsigned bits = 2; bits <= 8; bits++) {
    struct eq_scheme scheme = { .kind = EQ_ASYMMETRIC, .bits = bits, .granularity = EQ_PER_ROW };
    float *w = random_weights(bits, rows * cols);
    w[0] = w[cols] = 0;
    float *q = rounded(scheme, w, rows, cols);
    assert_true(q[0] == 0 && q[cols] == 0);
    for (size_t i = 0; i < rows * cols; i++) {
      struct eq_extremes of = eq_extremes_of(w + i / cols * cols, cols);
      double step = ((double)of.max - (double)of.min) / ((1 << bits) - 1);
      assert_true(fabs((double)q[i] - (double)w[i]) <= step * (1 + 1e-4));
    }
    free(w);
    free(q);
  }
}

static void every_scheme_rounds_as_numpy_does(void **state) {
  (void)state;
  struct eq_safetensors golden;
  struct eq_err err = { 0 };
  if (!eq_safetensors_open(&golden, "tests/golden/rounding.safetensors", &err)) fail_msg("%s", err.text);
  size_t checked = 0;
  for (size_t i = 0; i < golden.n_tensors; i++) {
    const struct eq_tensor *want = &golden.tensors[i];
    const char *colon = strchr(want->name, ':');
    if (!colon) continue;
    char matrix[32] = { 0 };
    memcpy(matrix, want->name, (size_t)(colon - want->name));
    const struct eq_tensor *t = eq_safetensors_find(&golden, matrix);
    assert_non_null(t);
    float *w = copy_of(t->data, t->n);
    float *got = rounded(parse_scheme(colon + 1), w, t->dims[0], t->dims[1]);
    if (memcmp(got, want->data, t->n * sizeof *got)) fail_msg("%s differs", want->name);
    free(w);
    free(got);
    checked++;
  }
  assert_int_equal(checked, 3 * (7 * 4 + 2 + 3 * 2) + 2);
  eq_safetensors_close(&golden);
}

static void rows_do_not_depend_on_how_they_are_shared_out(void **state) {
  (void)state;
  const size_t rows = 131, cols = 77; /* more than a block of the transposed layout, no multiple of it */
  const struct eq_scheme schemes[KINDS] = { int_scheme(4, EQ_PER_GROUP, 32),
                                            int_scheme(3, EQ_PER_ROW, 0),
                                            int_scheme(8, EQ_PER_TENSOR, 0),
                                            { .kind = EQ_FP16_CAST } };
  float *w = random_weights(1, rows * cols);
  for (int layout = 0; layout < 2; layout++)
    for (int k = 0; k < KINDS; k++) {
      struct eq_matrix whole = { copy_of(w, rows * cols), rows, cols, layout };
      struct eq_matrix parts = { copy_of(w, rows * cols), rows, cols, layout };
      eq_round(schemes[k], whole);
      struct eq_extremes of = eq_extremes_of(parts.w, rows * cols);
      const size_t cuts[] = { 0, 1, 1, 60, 129, rows };
      for (size_t i = 5; i > 0; i--) eq_round_rows(schemes[k], of, parts, cuts[i - 1], cuts[i]);
      assert_memory_equal(whole.w, parts.w, rows * cols * sizeof *w);
      free(whole.w);
      free(parts.w);
    }
  free(w);
}

static void keep_changes_nothing(void **state) {
  (void)state;
  float *w = random_weights(2, 60), *same = rounded(keep, w, 6, 10);
  assert_memory_equal(w, same, 60 * sizeof *w);
  free(w);
  free(same);
}

/* The error of a weight is at most half a step, and a little for the rounding of w / s and q s. */
static void no_weight_moves_by_more_than_half_a_step(void **state) {
  (void)state;
  const size_t rows = 9, cols = 50;
  for (unsigned bits = 2; bits <= 8; bits++) {
    float *w = random_weights(bits, rows * cols), *q = rounded(int_scheme(bits, EQ_PER_ROW, 0), w, rows, cols);
    for (size_t i = 0; i < rows * cols; i++) {
      double step = (double)eq_absmax(w + i / cols * cols, cols) / ((1 << (bits - 1)) - 1);
      assert_true(fabs((double)q[i] - (double)w[i]) <= step * (0.5 + 1e-4));
    }
    free(w);
    free(q);
  }
}

static void the_sign_and_a_power_of_two_pass_through(void **state) {
  (void)state;
  const size_t n = 200;
  float *w = random_weights(3, n), *scaled = copy_of(w, n);
  for (size_t i = 0; i < n; i++) scaled[i] *= -0x1p-20f;
  for (unsigned bits = 2; bits <= 8; bits++) {
    float *a = rounded(int_scheme(bits, EQ_PER_GROUP, 16), w, 8, 25);
    float *b = rounded(int_scheme(bits, EQ_PER_GROUP, 16), scaled, 8, 25);
    for (size_t i = 0; i < n; i++) assert_true(a[i] * -0x1p-20f == b[i]);
    free(a);
    free(b);
  }
  free(w);
  free(scaled);
}

static void granularities_agree_where_their_groups_do(void **state) {
  (void)state;
  float *w = random_weights(4, 120);
  struct eq_scheme row = int_scheme(4, EQ_PER_ROW, 0), tensor = int_scheme(4, EQ_PER_TENSOR, 0);
  float *a = rounded(row, w, 4, 30);
  float *b = rounded(int_scheme(4, EQ_PER_GROUP, 30), w, 4, 30);
  float *c = rounded(int_scheme(4, EQ_PER_GROUP, UINT32_MAX), w, 4, 30);
  float *d = rounded(row, w, 1, 120), *e = rounded(tensor, w, 1, 120);
  assert_memory_equal(a, b, 120 * sizeof *a);
  assert_memory_equal(a, c, 120 * sizeof *a);
  assert_memory_equal(d, e, 120 * sizeof *d);
  float *const all[] = { w, a, b, c, d, e };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void half_steps_go_to_the_even_integer(void **state) {
  (void)state; /* int4, s = 1 */
  const float w[8] = { 7, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, -6.5f }, want[8] = { 7, 0, 2, 2, -0.0f, -2, -2, -6 };
  float *q = rounded(int_scheme(4, EQ_PER_ROW, 0), w, 1, 8);
  assert_memory_equal(q, want, sizeof want);
  free(q);
}

static void a_group_without_a_scale_becomes_zero(void **state) {
  (void)state; /* 63 / 127 of the smallest float rounds to a scale of 0 */
  const float w[4] = { 0, -0.0f, 63 * 0x1p-149f, -0x1p-149f }, want[4] = { 0 };
  float *q = rounded(int_scheme(8, EQ_PER_ROW, 0), w, 1, 4);
  assert_memory_equal(q, want, sizeof want);
  free(q);
}

static void subnormal_weights_survive(void **state) {
  (void)state; /* s = 2^-149 */
  const float w[3] = { 7 * 0x1p-149f, -3 * 0x1p-149f, 0x1p-149f };
  float *q = rounded(int_scheme(4, EQ_PER_ROW, 0), w, 1, 3);
  assert_memory_equal(q, w, sizeof w);
  free(q);
}

static void nan_stays_nan_and_leaves_the_others_alone(void **state) {
  (void)state;
  const float w[4] = { NAN, 7, 2.5f, -1 };
  float *q = rounded(int_scheme(4, EQ_PER_ROW, 0), w, 1, 4);
  assert_true(isnan(q[0]) && q[1] == 7 && q[2] == 2 && q[3] == -1);
  free(q);
  const float nothing_else[2] = { NAN, 0 };
  q = rounded(int_scheme(4, EQ_PER_ROW, 0), nothing_else, 1, 2);
  assert_true(isnan(q[0]) && q[1] == 0);
  free(q);
  assert_true(eq_absmax(w, 4) == 7);
  assert_true(eq_absmax(w, 0) == 0);
}

static void an_empty_matrix_is_left_alone(void **state) {
  (void)state;
  float w = 1;
  eq_round(int_scheme(4, EQ_PER_TENSOR, 0), (struct eq_matrix){ &w, 0, 5, false });
  eq_round(int_scheme(4, EQ_PER_GROUP, 2), (struct eq_matrix){ &w, 5, 0, true });
  eq_round(int_scheme(4, EQ_PER_ROW, 0), (struct eq_matrix){ &w, 5, 0, false });
  assert_true(w == 1);
}

static void short_groups_are_counted(void **state) {
  (void)state;
  assert_int_equal(eq_short_groups(int_scheme(4, EQ_PER_GROUP, 128), 10, 256), 0);
  assert_int_equal(eq_short_groups(int_scheme(4, EQ_PER_GROUP, 128), 10, 300), 10);
  assert_int_equal(eq_short_groups(int_scheme(4, EQ_PER_GROUP, 128), 10, 64), 0); /* one group, shorter than no other */
  assert_int_equal(eq_short_groups(int_scheme(4, EQ_PER_ROW, 0), 10, 300), 0);
  assert_int_equal(eq_short_groups(keep, 10, 300), 0);
}

static void schemes_are_equal_when_what_they_use_is(void **state) {
  (void)state;
  assert_true(
      eq_scheme_equal(keep, (struct eq_scheme){ .kind = EQ_KEEP, .bits = 4, .granularity = EQ_PER_ROW, .group = 7 }));
  assert_true(eq_scheme_equal(int_scheme(4, EQ_PER_ROW, 7), int_scheme(4, EQ_PER_ROW, 8)));
  assert_false(eq_scheme_equal(int_scheme(4, EQ_PER_GROUP, 7), int_scheme(4, EQ_PER_GROUP, 8)));
  assert_false(eq_scheme_equal(int_scheme(4, EQ_PER_ROW, 0), int_scheme(3, EQ_PER_ROW, 0)));
  assert_false(eq_scheme_equal(int_scheme(4, EQ_PER_ROW, 0), int_scheme(4, EQ_PER_TENSOR, 0)));
  assert_false(eq_scheme_equal(keep, (struct eq_scheme){ .kind = EQ_BF16_CAST }));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_scheme_rounds_as_numpy_does),
    cmocka_unit_test(codes_stand_for_what_rounding_makes),
    cmocka_unit_test(asymmetric_codes_keep_zero_and_stay_within_a_step),
    cmocka_unit_test(rows_do_not_depend_on_how_they_are_shared_out),
    cmocka_unit_test(keep_changes_nothing),
    cmocka_unit_test(no_weight_moves_by_more_than_half_a_step),
    cmocka_unit_test(the_sign_and_a_power_of_two_pass_through),
    cmocka_unit_test(granularities_agree_where_their_groups_do),
    cmocka_unit_test(half_steps_go_to_the_even_integer),
    cmocka_unit_test(a_group_without_a_scale_becomes_zero),
    cmocka_unit_test(subnormal_weights_survive),
    cmocka_unit_test(nan_stays_nan_and_leaves_the_others_alone),
    cmocka_unit_test(an_empty_matrix_is_left_alone),
    cmocka_unit_test(short_groups_are_counted),
    cmocka_unit_test(schemes_are_equal_when_what_they_use_is),
  };
  return cmocka_run_group_tests_name("rounding", tests, NULL, NULL);
}
