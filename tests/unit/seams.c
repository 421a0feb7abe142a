/* Seams: no token can cross them. That tokens are the same with them, tests/unit/families.c and pieces.c say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/text/seams.h"

static struct eq_seams seams;

static size_t next(const char *text) {
  struct eq_str s = eq_str(text);
  return eq_seams_next(&seams, s.p, s.n);
}

static void a_seam_parts_tokens_that_never_touch(void **state) {
  (void)state;
  assert_int_equal(next("12_12"), 2); /* "2" and "_" are tokens, and in none side by side */
  assert_int_equal(next("_1212"), 3);
  assert_int_equal(next("112"), 1);
}

static void what_stands_in_a_token_is_not_parted(void **state) {
  (void)state;
  assert_int_equal(next("12"), 2);
  assert_int_equal(next("_12"), 3);
}

static void an_unknown_character_has_no_seam_beside_it(void **state) {
  (void)state;
  assert_int_equal(next("292"), 3);
  assert_int_equal(next("9\xF0\x9F\x99\x82"), 5);
  assert_int_equal(next("23"), 2); /* 3 stands in a token and is none */
}

static void one_known_character_is_enough_where_unknown_ones_join_only_each_other(void **state) {
  (void)state;
  seams.one_known = true;
  assert_int_equal(next("292"), 1);
  assert_int_equal(next("992"), 2);
  assert_int_equal(next("\xF0\x9F\x99\x82\xF0\x9F\x99\x82_12"), 8);
  assert_int_equal(next("12_12"), 2);
  assert_int_equal(next("_312"), 1); /* 3 is no token, and stands in one, but not behind _ */
  assert_int_equal(next("312"), 3);
  assert_int_equal(next("2\xD7"), 2);
  assert_int_equal(next("\xD7\xD7_12"), 5);
  seams.one_known = false;
}

static void bytes_that_are_no_character_have_no_seam_beside_them(void **state) {
  (void)state;
  assert_int_equal(next("2\xD7"), 2);
  assert_int_equal(next("\xD7\xD7_12"), 5);
  assert_int_equal(next("\xE2\x96_12_"), 5);
}

static void words_of_ascii_stay_whole(void **state) {
  (void)state;
  assert_int_equal(next("abab_"), 4);
}

static void one_character_is_a_stretch(void **state) {
  (void)state;
  assert_int_equal(next("\xF0\x9F\x99\x82"), 4);
}

static int open_seams(void **state) {
  static const char *const tokens[] = { "1", "2", "_", "_1", "12", "31", "a", "b" };
  (void)state;
  if (!eq_seams_open(&seams, sizeof tokens / sizeof *tokens, false)) return -1;
  for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) eq_seams_add(&seams, eq_str(tokens[i]));
  return 0;
}

static int close_seams(void **state) {
  (void)state;
  eq_seams_close(&seams);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_seam_parts_tokens_that_never_touch),
    cmocka_unit_test(what_stands_in_a_token_is_not_parted),
    cmocka_unit_test(an_unknown_character_has_no_seam_beside_it),
    cmocka_unit_test(one_known_character_is_enough_where_unknown_ones_join_only_each_other),
    cmocka_unit_test(bytes_that_are_no_character_have_no_seam_beside_them),
    cmocka_unit_test(words_of_ascii_stay_whole),
    cmocka_unit_test(one_character_is_a_stretch),
  };
  return cmocka_run_group_tests_name("seams", tests, open_seams, close_seams);
}
