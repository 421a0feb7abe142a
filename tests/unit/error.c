/* Messages that are safe to print, and carets under their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"

static void the_first_error_stays(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  assert_false(eq_fail(&err, EQ_DATA, "one"));
  assert_false(eq_fail(&err, EQ_BAD, "two"));
  assert_int_equal(err.code, EQ_DATA);
  assert_string_equal(err.text, "one");
  assert_false(eq_fail(NULL, EQ_BAD, "nobody asks"));
}

static void controls_and_broken_utf8_are_escaped(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  eq_fail(&err, EQ_BAD, "%s", "a\x1b[31m\nb\xff\xc3\xa9\x7f\xc2\x9b\xc2\xa0");
  assert_string_equal(err.text, "a\\x1b[31m\\x0ab\\xff\xc3\xa9\\x7f\\xc2\\x9b\xc2\xa0"); /* U+009B too */
}

static void a_long_message_is_cut_and_says_so(void **state) {
  (void)state;
  char text[3000];
  struct eq_err err = { 0 };
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  eq_fail(&err, EQ_BAD, "%s", text);
  assert_true(strlen(err.text) < EQ_ERR_TEXT);
  assert_string_equal(err.text + strlen(err.text) - 3, "...");
}

static void the_caret_stands_under_its_place(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  eq_fail_at(&err, "recipe", "int4;L99=keep", 5, "the model has layers L0-L%d", 11);
  assert_string_equal(err.text, "recipe: int4;L99=keep\n             ^ the model has layers L0-L11");
  struct eq_err wide = { 0 };
  eq_fail_at(&wide, "r", "\xc3\xa9=x", 2, "no"); /* e acute takes two bytes and one column */
  assert_string_equal(wide.text, "r: \xc3\xa9=x\n    ^ no");
}

static void the_caret_survives_any_place_in_any_source(void **state) {
  (void)state;
  char source[1500];
  memset(source, 'y', sizeof source);
  source[sizeof source - 1] = 0;
  for (size_t at = 0; at < sizeof source; at += 7) {
    struct eq_err err = { 0 };
    eq_fail_at(&err, "what", source, at, "why");
    const char *second = strchr(err.text, '\n');
    assert_non_null(second);
    assert_true(strlen(err.text) < EQ_ERR_TEXT);
    assert_string_equal(strchr(second, '^'), "^ why");
  }
}

static void a_system_error_says_where_what_and_why(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  errno = ENOSPC;
  assert_false(eq_fail_errno(&err, "out.mp", "write"));
  assert_string_equal(err.text, "out.mp: write: No space left on device");
  assert_int_equal(err.code, EQ_BAD);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_first_error_stays),
    cmocka_unit_test(controls_and_broken_utf8_are_escaped),
    cmocka_unit_test(a_long_message_is_cut_and_says_so),
    cmocka_unit_test(the_caret_stands_under_its_place),
    cmocka_unit_test(the_caret_survives_any_place_in_any_source),
    cmocka_unit_test(a_system_error_says_where_what_and_why),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
