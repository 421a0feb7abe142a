/* Windows by brute force over all small sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/model/windows.h"

static void every_row_is_scored_once_with_enough_before_it(void **state) {
  (void)state;
  for (size_t n = 1; n < 60; n++)
    for (size_t context = 1; context < 20; context++)
      for (size_t stride = 1; stride <= context; stride++) {
        struct eq_cut cut = { .context = context, .stride = stride };
        size_t next = 0, count = eq_windows_count(n, &cut);
        for (size_t w = 0; w < count; w++) {
          struct eq_window at = eq_window_at(n, &cut, w);
          assert_true(at.n <= context && at.first + at.n <= n);
          assert_int_equal(at.first + at.score_from, next);
          assert_true(at.score_from < at.n);
          if (w) assert_true(at.score_from >= context - stride);
          next = at.first + at.n;
        }
        assert_int_equal(next, n);
        assert_int_equal(eq_windows_scored(n, &cut), n);
      }
}

static void a_sequence_that_fits_is_one_window(void **state) {
  (void)state;
  struct eq_cut by_one = { .context = 256, .stride = 1 }, by_half = { .context = 256, .stride = 128 };
  assert_int_equal(eq_windows_count(256, &by_one), 1);
  assert_int_equal(eq_windows_count(257, &by_half), 2);
  assert_int_equal(eq_windows_count(0, &by_half), 0);
}

static void rows_between_windows_are_left_out(void **state) {
  (void)state;
  for (size_t n = 1; n < 60; n++)
    for (size_t context = 1; context < 20; context++) {
      struct eq_cut cut = { .context = context, .stride = context + 1 };
      size_t scored = 0, count = eq_windows_count(n, &cut);
      for (size_t w = 0; w < count; w++) {
        struct eq_window at = eq_window_at(n, &cut, w);
        assert_int_equal(at.first, w * (context + 1));
        assert_true(at.n >= 1 && at.n <= context && at.score_from == 0);
        scored += at.n;
      }
      assert_int_equal(scored, n - n / (context + 1));
      assert_int_equal(scored, eq_windows_scored(n, &cut));
    }
}

static void whole_windows_score_their_ends_only(void **state) {
  (void)state;
  for (size_t n = 0; n < 60; n++)
    for (size_t context = 1; context < 20; context++)
      for (size_t unscored = 0; unscored < context; unscored++) {
        struct eq_cut cut = { .context = context, .stride = context + 1, .unscored = unscored, .whole = true };
        size_t count = eq_windows_count(n, &cut);
        assert_int_equal(count, (n + 1) / (context + 1)); /* n + 1 tokens make so many chunks of context + 1 */
        for (size_t w = 0; w < count; w++) {
          struct eq_window at = eq_window_at(n, &cut, w);
          assert_true(at.n == context && at.score_from == unscored && at.first + at.n <= n);
        }
        assert_int_equal(eq_windows_scored(n, &cut), count * (context - unscored));
      }
}

static void full_windows_score_each_row_once_with_all_the_context_there_is(void **state) {
  (void)state;
  for (size_t n = 1; n < 60; n++)
    for (size_t context = 1; context < 20; context++) {
      struct eq_cut cut = { .context = context, .stride = context, .full = true };
      size_t next = 0, count = eq_windows_count(n, &cut);
      for (size_t w = 0; w < count; w++) {
        struct eq_window at = eq_window_at(n, &cut, w);
        assert_int_equal(at.n, n < context ? n : context);
        assert_int_equal(at.first + at.score_from, next);
        next = at.first + at.n;
      }
      assert_int_equal(next, n);
      assert_int_equal(eq_windows_scored(n, &cut), n);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_row_is_scored_once_with_enough_before_it),
    cmocka_unit_test(a_sequence_that_fits_is_one_window),
    cmocka_unit_test(rows_between_windows_are_left_out),
    cmocka_unit_test(whole_windows_score_their_ends_only),
    cmocka_unit_test(full_windows_score_each_row_once_with_all_the_context_there_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
