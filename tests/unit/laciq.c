/* Language-aware clipping: the multipliers beside brute force in SciPy (tests/golden/laciq.py), closed forms, and what
 * becomes of statistics that do not fit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/recipe/laciq.h"
#include "lib/recipe/statistics.h"
#include "lib/stream/writer.h"

enum { ROWS = 40, COLS = 12, PARAMS = 4 };
#define MATRIX(NAME, LAYER) \
  { .name = NAME, .layer = LAYER, .roles = EQ_LINEAR | EQ_MLP | EQ_UP, .rows = ROWS, .cols = COLS }
static const struct eq_parameter params[PARAMS] = {
  MATRIX("a.weight", 0), MATRIX("b.weight", 1), MATRIX("c.weight", 2),
  MATRIX("d.weight", 3), /* the statistics have nothing of it */
};

static struct eq_scheme scheme_of(const char *text) {
  struct eq_scheme s;
  struct eq_err err = { 0 };
  if (!eq_scheme_parse(text, eq_str(text), &s, &err)) fail_msg("%s", err.text);
  return s;
}

static bool near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * fabs(b); }

/* Limits to 3e-5: the error is flat there. */
static void multipliers_are_those_of_brute_force(void **state) {
  (void)state;
  struct eq_statistics s;
  struct eq_err err = { 0 };
  FILE *golden = fopen("tests/golden/laciq.tsv", "r");
  char scheme[64], name[32];
  double want, worst, got;
  size_t n = 0;
  assert_non_null(golden);
  if (!eq_statistics_open(&s, "tests/golden/laciq.mp", "renamed@01234567", params, PARAMS, &err))
    fail_msg("%s", err.text);
  assert_int_equal(s.n_languages, 3);
  for (; fscanf(golden, "%63s %31s %lf %lf", scheme, name, &want, &worst) == 4; n++) {
    struct eq_scheme c = scheme_of(scheme);
    size_t param = 0;
    while (param < PARAMS - 1 && strcmp(params[param].name, name) != 0) param++;
    if (!eq_statistics_multiplier(&s, &c, param, name, &got, &err)) fail_msg("%s", err.text);
    if (!near(got, want, 3e-5)) fail_msg("%s %s: %.9g, expected %.9g", scheme, name, got, want);
  }
  assert_int_equal(n, 16);
  fclose(golden);
  struct eq_scheme c = scheme_of("int4,clip=laciq");
  assert_false(eq_statistics_multiplier(&s, &c, 3, "d.weight", &got, &err));
  assert_non_null(strstr(err.text, "nothing of what enters 'd.weight'"));
  err.code = EQ_OK;
  assert_false(eq_statistics_multiplier(NULL, &c, 0, "a.weight", &got, &err));
  assert_non_null(strstr(err.text, "eq-stats -m MODEL -l all < tokens > FILE"));
  eq_statistics_close(&s);
}

/* Max 1960, table II: the best step and its error, of 3, 5 and 7 equally spaced levels. */
static void a_gaussian_has_max_s_errors(void **state) {
  (void)state;
  assert_true(near(eq_generalized_shape(0), 2, 1e-12) && near(eq_generalized_shape(3), 1, 1e-12));
  assert_true(eq_generalized_shape(1e9) == 0.2 && eq_generalized_shape(-2) == 20);
  assert_true(near(eq_generalized_error(2, 1.224, 1), 0.1902, 2e-4));   /* 3 levels */
  assert_true(near(eq_generalized_error(2, 0.8430, 2), 0.08218, 2e-4)); /* 5 */
  assert_true(near(eq_generalized_error(2, 0.6508, 3), 0.04686, 3e-4)); /* 7 */
}

/* One language: the multipliers of clip=aciq, which are for Gaussian and Laplace. */
static void one_language_gets_aciqs_limits(void **state) {
  (void)state;
  static const double gaussian[] = { 1.224006, 1.952309, 2.473879, 2.898728, 3.270115, 3.607460, 3.920501 };
  static const double laplace[] = { 2.000000, 3.486401, 4.819915, 6.098038, 7.358589, 8.617837, 9.882651 };
  for (unsigned bits = 2; bits <= 8; bits++) {
    char text[32];
    snprintf(text, sizeof text, "int%u/tensor,clip=laciq", bits);
    struct eq_scheme s = scheme_of(text);
    struct eq_mixture normal = { 1, 0 }, heavy = { 1, 3 }, wide = { 9, 0 }, none = { 0, 0 };
    assert_true(near(eq_laciq_limit(&s, &normal, 1), gaussian[bits - 2], 1e-5));
    assert_true(near(eq_laciq_limit(&s, &heavy, 1), laplace[bits - 2] / sqrt(2), 1e-5)); /* mean |x| is 1 / sqrt 2 */
    assert_true(near(eq_laciq_limit(&s, &wide, 1), 3 * gaussian[bits - 2], 1e-5));
    assert_true(eq_laciq_limit(&s, &none, 1) == 0);
    struct eq_mixture both[] = { normal, none, wide };
    double limit = eq_laciq_limit(&s, both, 3);
    assert_true(limit > gaussian[bits - 2] && limit < 3 * gaussian[bits - 2]);
    s.full_scale = true;
    double codes = (double)(1U << (bits - 1)) - 1;
    assert_true(near(eq_laciq_limit(&s, &normal, 1), gaussian[bits - 2] * (codes + 1) / codes, 1e-5));
  }
}

/* Two components of equal weight: variance 5, fourth moment (3 + 6 * 81) / 2. */
static void a_mixture_has_its_moments(void **state) {
  (void)state;
  const double weights[] = { 2, 2, 0 }, variances[] = { 1, 9, 50 }, fourths[] = { 3, 486, 1 };
  struct eq_mixture m = eq_mixture_of(weights, variances, fourths, 3);
  assert_true(near(m.variance, 5, 1e-15) && near(m.kurtosis, 244.5 / 25 - 3, 1e-14));
}

/* ---- statistics that do not fit ---- */

static struct eq_layer a_layer(const char *of, const char *lang) {
  static const double ones[COLS] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
  static const float halves[COLS] = { 0.5f };
  struct eq_layer l = { .model = eq_str("x@1"), .of = eq_str(of), .tensor = eq_str("a.weight"), .n = ROWS * COLS };
  l.variance = 1, l.kurtosis = 0, l.mean_square = 1, l.tokens = 3, l.layer = 0;
  if (lang) l.lang = eq_str(lang);
  if (lang)
    l.channel_means = eq_f32s(halves, COLS), l.channel_powers = eq_f32s(halves, COLS);
  else
    l.channel_squares = eq_f64s(ones, COLS), l.channel_fourths = eq_f64s(ones, COLS);
  return l;
}

static uint64_t digest; /* of what message_of read */

/* The message that these records are refused with, "" when they are taken. */
static const char *message_of(const struct eq_layer *layers, size_t n, size_t cut) {
  static struct eq_err err;
  struct eq_buffer bytes = { 0 };
  struct eq_writer *w = eq_writer_memory(&bytes, NULL);
  struct eq_statistics s;
  eq_write_header(w, (struct eq_str){ "", 0 }, "test", "1", NULL, 0);
  for (size_t i = 0; i < n; i++) eq_write_kind(w, &eq_kind_layer, &layers[i], NULL);
  assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
  struct eq_reader *in = eq_reader_memory(bytes.data, bytes.size - cut, "s.mp", NULL);
  err = (struct eq_err){ 0 };
  bool ok = eq_statistics_read(&s, in, "y@1", params, PARAMS, &err);
  assert_true(ok == !err.code);
  digest = s.digest;
  eq_statistics_close(&s);
  eq_reader_free(in);
  eq_buffer_free(&bytes);
  return err.text;
}

static void a_digest_is_of_each_record_once_in_any_order(void **state) {
  (void)state;
  const struct eq_layer weights = a_layer("weights", NULL), en = a_layer("inputs", "en"), de = a_layer("inputs", "de");
  const struct eq_layer one[] = { weights, en, de }, two[] = { weights, de, weights, en }, less[] = { weights, en };
  assert_string_equal(message_of(one, 3, 0), "");
  uint64_t wanted = digest;
  assert_string_equal(message_of(two, 4, 0), "");
  assert_int_equal(digest, wanted);
  assert_string_equal(message_of(less, 2, 0), "");
  assert_int_not_equal(digest, wanted);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  static const double bad[COLS] = { 1, NAN }, negative[COLS] = { -1 };
  const struct eq_layer weights = a_layer("weights", NULL), inputs = a_layer("inputs", "en");
  struct eq_layer l[4] = { weights, inputs, weights, a_layer("inputs", "de") };
  assert_string_equal(message_of(l, 4, 0), "");
  assert_non_null(strstr(message_of(l, 4, 3), "without its trailer"));
  l[2].variance = 2;
  assert_non_null(strstr(message_of(l, 4, 0), "record 3 (layer): other numbers of 'a.weight', expected the same"));
  l[2] = weights, l[3] = inputs;
  assert_non_null(strstr(message_of(l, 4, 0), "record 4 (layer): once more the inputs in 'en'"));
  assert_non_null(strstr(message_of(&inputs, 1, 0), "has inputs of 'a.weight' but not its weights"));
  l[2] = a_layer("weights", NULL), l[3] = a_layer("inputs", "fr");
  l[2].tensor = l[3].tensor = eq_str("b.weight");
  assert_non_null(strstr(message_of(l, 4, 0), "inputs of 'b.weight' are in other languages"));
  static const char *const expected[] = { "model 'x@2', expected y@1",
                                          "tensor 'z', expected one of the model's",
                                          "another n of 'a.weight'",
                                          "of 'noise', expected weights or inputs",
                                          "variance or kurtosis of",
                                          "the length of 'channels'",
                                          "a number of 'channels'",
                                          "a number of 'channels'",
                                          "channels of 'a.weight', expected their squares' mean to be the variance" };
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    struct eq_layer one = weights;
    if (i == 0) one.model = eq_str("x@2");
    if (i == 1) one.tensor = eq_str("z");
    if (i == 2) one.n = 7;
    if (i == 3) one.of = eq_str("noise");
    if (i == 4) one.kurtosis = INFINITY;
    if (i == 5) one.channel_fourths.n--;
    if (i == 6) one.channel_squares = eq_f64s(bad, COLS);
    if (i == 7) one.channel_squares = eq_f64s(negative, COLS);
    if (i == 8) one.variance = 1.5;
    const char *text = message_of(&one, 1, 0);
    if (!strstr(text, expected[i])) fail_msg("'%s', expected '%s'", text, expected[i]);
  }
  l[1].tokens = 0;
  assert_non_null(strstr(message_of(l, 2, 0), "no tokens or mean square of the inputs of 'a.weight'"));
  l[1] = inputs, l[1].lang.p = NULL;
  assert_non_null(strstr(message_of(l, 2, 0), "no language of the inputs of 'a.weight'"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(multipliers_are_those_of_brute_force),
    cmocka_unit_test(a_gaussian_has_max_s_errors),
    cmocka_unit_test(one_language_gets_aciqs_limits),
    cmocka_unit_test(a_mixture_has_its_moments),
    cmocka_unit_test(what_does_not_fit_is_refused),
    cmocka_unit_test(a_digest_is_of_each_record_once_in_any_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
