/* Moments beside closed forms, SciPy's numbers, and sums in long double; merged in any way they are the same. */
#include "lib/measure/moments.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"

static bool near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * fabs(b); }

static struct eq_moments of(const float *x, size_t n) {
  struct eq_moments m = { 0 };
  eq_moments_add(&m, x, n);
  return m;
}

/* scipy.stats 1.17.1: skew and kurtosis of these. */
static void moments_are_scipys(void **state) {
  (void)state;
  const float x[] = { 1, 2, 2, 3, 10, -4, 0, 0.5f };
  struct eq_moments m = of(x, 8);
  assert_true(m.n == 8 && m.n_zero == 1 && m.mean == 1.8125 && m.max_abs == 10 && m.sum_abs == 22.5);
  assert_true(near(eq_moments_variance(&m), 13.49609375, 1e-15));
  assert_true(near(eq_moments_skew(&m), 0.8708292070806244, 1e-14));
  assert_true(near(eq_moments_kurtosis(&m), 0.878331577591569, 1e-13));
  assert_true(near(eq_moments_kurtosis_error(8), 1.4808804789742462, 1e-14)); /* SPSS's formula, in Python */
}

/* Numbers whose mean is far from 0 beside two passes in long double. */
static void nothing_is_lost_far_from_zero(void **state) {
  (void)state;
  enum { N = 100000 };
  static float x[N];
  long double mean = 0, power[3] = { 0, 0, 0 };
  for (size_t i = 0; i < N; i++) {
    double u = eq_random_f64(5, 0, i);
    x[i] = (float)(1000 + u * u * u);
    mean += (long double)x[i] / N;
  }
  for (size_t i = 0; i < N; i++)
    for (int k = 0; k < 3; k++) power[k] += powl((long double)x[i] - mean, k + 2);
  struct eq_moments m = of(x, N);
  assert_true(near(m.mean, (double)mean, 1e-14));
  assert_true(near(m.m2, (double)power[0], 1e-12) && near(m.m3, (double)power[1], 1e-11) &&
              near(m.m4, (double)power[2], 1e-11));
}

static void any_split_merges_to_the_same(void **state) {
  (void)state;
  enum { N = 20000 };
  static float x[N];
  for (size_t i = 0; i < N; i++) x[i] = (float)(log(eq_random_f64(6, 0, i) + 1e-9) + (double)(i > N / 2));
  struct eq_moments whole = of(x, N);
  for (uint64_t seed = 0; seed < 50; seed++) {
    struct eq_moments merged = { 0 };
    for (size_t at = 0, n; at < N; at += n) {
      n = 1 + (size_t)(eq_random_f64(seed, 1, at) * (seed % 2 ? 3000 : 30));
      n = n < N - at ? n : N - at;
      struct eq_moments part = of(x + at, n);
      eq_moments_merge(&merged, &part);
    }
    assert_true(merged.n == N && merged.max_abs == whole.max_abs);
    assert_true(near(merged.mean, whole.mean, 1e-14) && near(merged.m2, whole.m2, 1e-13));
    assert_true(near(merged.m3, whole.m3, 1e-12) && near(merged.m4, whole.m4, 1e-12));
  }
}

static void what_is_undefined_is_nan(void **state) {
  (void)state;
  const float same[] = { 3, 3, 3 }, odd[] = { NAN, 1, NAN, 3 };
  struct eq_moments none = { 0 }, constant = of(same, 3), with_nan = of(odd, 4), merged = none;
  assert_true(isnan(eq_moments_variance(&none)) && isnan(eq_moments_kurtosis(&none)));
  assert_true(eq_moments_variance(&constant) == 0 && isnan(eq_moments_skew(&constant)));
  assert_true(isnan(eq_moments_kurtosis(&constant)) && isnan(eq_moments_kurtosis_error(3)));
  assert_true(with_nan.n == 2 && with_nan.n_nan == 2 && with_nan.mean == 2 && with_nan.m2 == 2);
  eq_moments_merge(&merged, &constant);
  assert_memory_equal(&merged, &constant, sizeof merged);
  eq_moments_merge(&merged, &none);
  assert_memory_equal(&merged, &constant, sizeof merged);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(moments_are_scipys),
    cmocka_unit_test(nothing_is_lost_far_from_zero),
    cmocka_unit_test(any_split_merges_to_the_same),
    cmocka_unit_test(what_is_undefined_is_nan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
