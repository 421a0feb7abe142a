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
        size_t next = 0, count = eq_windows_count(n, context, stride);
        for (size_t w = 0; w < count; w++) {
          struct eq_window at = eq_window_at(n, context, stride, w);
          assert_true(at.n <= context && at.first + at.n <= n);
          assert_int_equal(at.first + at.score_from, next);
          assert_true(at.score_from < at.n);
          if (w) assert_true(at.score_from >= context - stride);
          next = at.first + at.n;
        }
        assert_int_equal(next, n);
      }
}

static void a_sequence_that_fits_is_one_window(void **state) {
  (void)state;
  assert_int_equal(eq_windows_count(256, 256, 1), 1);
  assert_int_equal(eq_windows_count(257, 256, 128), 2);
  assert_int_equal(eq_windows_count(0, 256, 128), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_row_is_scored_once_with_enough_before_it),
    cmocka_unit_test(a_sequence_that_fits_is_one_window),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
