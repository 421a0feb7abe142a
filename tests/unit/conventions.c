/* What other programs report, against closed forms; against the programs themselves: tests/golden/conventions.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "lib/measure/conventions.h"

static const struct eq_convention *named(const char *name) {
  struct eq_err err = { 0 };
  const struct eq_convention *c = eq_convention_find(name, &err);
  assert_non_null(c);
  return c;
}

static void words_are_what_python_splits(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t words; /* len(re.split(r"\\s+", text)) in Python 3.11 */
  } cases[] = { { "", 1 },
                { "a", 1 },
                { "a b", 2 },
                { " a  b\n", 4 },
                { " ", 2 },
                { "a\x1d\x1f"
                  "b",
                  2 },
                { "a\xc2\xa0"
                  "b\xe3\x80\x80"
                  "c",
                  3 },
                { "a\xe2\x80\x8b"
                  "b",
                  1 } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(eq_split_words(eq_str(cases[i].text)), cases[i].words);
}

/* Four chunks of four tokens and one left: of each its last token is scored. */
static void the_standard_error_is_that_of_a_mean(void **state) {
  (void)state;
  const struct eq_convention *c = named("llama.cpp");
  struct eq_cut cut = eq_convention_cut(c, 4, 1);
  const float nlls[] = { 1, 2, 3, 6 };
  struct eq_surprisal r = { .nll = 12, .n_scored = eq_windows_scored(16, &cut) };
  assert_int_equal(r.n_scored, 4);
  eq_convention_report(c, &cut, 16, nlls, (struct eq_str){ 0 }, &r);
  assert_true(fabs(r.ppl - exp(3)) < 1e-12);
  assert_true(fabs(r.ppl_error - exp(3) * sqrt((50.0 / 4 - 9) / 3)) < 1e-12);
  assert_true(r.words == EQ_ABSENT && eq_is_absent_f64(r.bits_byte) && eq_is_absent_f64(r.word_ppl));
  const float alike[] = { 3, 3, 3, 3 };
  eq_convention_report(c, &cut, 16, alike, (struct eq_str){ 0 }, &r);
  assert_true(isnan(r.ppl_error) && !eq_is_absent_f64(r.ppl_error)); /* not defined, and says so */
}

/* Windows of 4 tokens (3 rows), 2 apart, over 7 tokens: 3, 2 and 1 scored; the guide counts 3, 1 and 0. */
static void the_guide_weights_windows_unevenly(void **state) {
  (void)state;
  const struct eq_convention *c = named("hf");
  struct eq_cut cut = eq_convention_cut(c, 4, 2);
  const float nlls[] = { 1, 2, 3, 7, 9, 100 };
  struct eq_surprisal r = { .nll = 122, .n_scored = eq_windows_scored(6, &cut) };
  assert_int_equal(r.n_scored, 6);
  eq_convention_report(c, &cut, 6, nlls, (struct eq_str){ 0 }, &r);
  assert_true(fabs(r.ppl - exp((2 * 3 + 8 * 1) / 4.0)) < 1e-12);
  assert_true(eq_is_absent_f64(r.ppl_error));
}

static void the_harness_divides_by_words_and_bytes(void **state) {
  (void)state;
  const struct eq_convention *c = named("lm-eval");
  struct eq_cut cut = eq_convention_cut(c, 4, 1);
  const float nlls[] = { 2, 4 };
  struct eq_surprisal r = { .nll = 6, .n_scored = 2, .bytes = 5 };
  eq_convention_report(c, &cut, 2, nlls, eq_str("ab cd"), &r);
  assert_int_equal(r.words, 2);
  assert_true(fabs(r.word_ppl - exp(3)) < 1e-12 && fabs(r.byte_ppl - exp(1.2)) < 1e-12);
  assert_true(fabs(r.bits_byte - 1.2 / log(2)) < 1e-12 && eq_is_absent_f64(r.ppl));
}

static void the_opening_token_replaces_the_first_of_each_chunk(void **state) {
  (void)state;
  uint32_t ids[] = { 9, 1, 2, 3, 4, 5, 6 };
  struct eq_cut cut = eq_convention_cut(named("llama.cpp"), 3, 1);
  eq_convention_open(named("llama.cpp"), &cut, ids, 7);
  const uint32_t want[] = { 9, 1, 2, 9, 4, 5, 9 };
  assert_memory_equal(ids, want, sizeof want);
  cut = eq_convention_cut(named("hf"), 3, 3);
  ids[3] = 3;
  eq_convention_open(named("hf"), &cut, ids, 7);
  assert_int_equal(ids[3], 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(words_are_what_python_splits),
    cmocka_unit_test(the_standard_error_is_that_of_a_mean),
    cmocka_unit_test(the_guide_weights_windows_unevenly),
    cmocka_unit_test(the_harness_divides_by_words_and_bytes),
    cmocka_unit_test(the_opening_token_replaces_the_first_of_each_chunk),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
