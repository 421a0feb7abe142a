/* How much text scored tokens cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/measure/coverage.h"

/* "a", U+05D0 (2 bytes), U+20AC (3 bytes), "b": tokens of 1, 2, 2 (cutting U+20AC) and 2 bytes. */
static const char text[] = "a\xd7\x90\xe2\x82\xac"
                           "b";
static const uint32_t ids[] = { 1, 2, 3, 4 }, starts[] = { 0, 1, 3, 5 }, ends[] = { 1, 3, 5, 7 };

static void check(struct eq_tokens t, size_t first, uint64_t want_bytes, uint64_t want_chars) {
  uint64_t bytes, chars;
  eq_coverage(&t, first, &bytes, &chars);
  assert_int_equal(bytes, want_bytes);
  assert_int_equal(chars, want_chars);
}

static void bytes_and_characters_are_counted_from_the_first_scored_token(void **state) {
  struct eq_tokens t = {
    .text = { text, 7 }, .ids = eq_u32s(ids, 4), .starts = eq_u32s(starts, 4), .ends = eq_u32s(ends, 4)
  };
  (void)state;
  check(t, 0, 7, 4);
  check(t, 1, 6, 3);
  check(t, 2, 4, 2);
  check(t, 3, 2, 1); /* the character that it continues began before */
  check(t, 4, 0, 0);
}

static void what_is_not_known_is_absent(void **state) {
  struct eq_tokens t = { .ids = eq_u32s(ids, 4) };
  (void)state;
  check(t, 0, EQ_ABSENT, EQ_ABSENT);
  t.text = (struct eq_str){ text, 7 };
  check(t, 0, 7, 4); /* all tokens are scored: the offsets are not needed */
  check(t, 1, EQ_ABSENT, EQ_ABSENT);
  t.starts = eq_u32s((const uint32_t[]){ 0, 900, 901, 902 }, 4); /* beyond the text */
  check(t, 1, EQ_ABSENT, EQ_ABSENT);
}

static void ranges_of_tokens_add_up(void **state) {
  struct eq_tokens t = { .text = { text, 7 }, .ids = eq_u32s(ids, 4), .starts = eq_u32s(starts, 4) };
  uint64_t bytes = 0, chars = 0;
  (void)state;
  eq_coverage_add(&t, 1, 2, &bytes, &chars);
  assert_true(bytes == 2 && chars == 1);
  eq_coverage_add(&t, 2, 2, &bytes, &chars);
  assert_true(bytes == 2 && chars == 1);
  eq_coverage_add(&t, 3, 4, &bytes, &chars);
  assert_true(bytes == 4 && chars == 2);
  t.starts = (struct eq_numbers){ 0 };
  eq_coverage_add(&t, 0, 4, &bytes, &chars); /* the whole text takes no offsets */
  assert_true(bytes == 11 && chars == 6);
  eq_coverage_add(&t, 0, 3, &bytes, &chars);
  assert_true(bytes == EQ_ABSENT && chars == EQ_ABSENT);
  eq_coverage_add(&t, 0, 4, &bytes, &chars);
  assert_true(bytes == EQ_ABSENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bytes_and_characters_are_counted_from_the_first_scored_token),
    cmocka_unit_test(what_is_not_known_is_absent),
    cmocka_unit_test(ranges_of_tokens_add_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
