/* The bootstrap beside NumPy with the same draws, SciPy with its own, closed forms, and its coverage of the truth. */
#include "lib/measure/bootstrap.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "lib/measure/normal.h"

static void normal_quantile_inverts_the_cdf(void **state) {
  (void)state;
  for (double z = -8; z < 6; z += 0.01) {
    double p = eq_normal_cdf(z);
    assert_true(fabs(eq_normal_quantile(p) - z) < 1e-12 + 2e-16 / (exp(-z * z / 2) / 2.5)); /* the rounding of p */
  }
}

/* scipy.special.ndtri at these (scipy 1.17.1). */
static void normal_quantile_is_scipys(void **state) {
  (void)state;
  const double p[] = { 1e-300, 1e-20, 5e-5, 0.025, 0.075, 0.3, 0.975, 0.9999 };
  const double z[] = { -37.0470962993612,   -9.262340089798408,  -3.890591886413094, -1.9599639845400545,
                       -1.4395314709384563, -0.5244005127080409, 1.959963984540054,  3.719016485455709 };
  for (size_t i = 0; i < 8; i++) assert_true(fabs(eq_normal_quantile(p[i]) / z[i] - 1) < 4e-15);
  assert_true(eq_normal_quantile(0) == -INFINITY && eq_normal_quantile(1) == INFINITY);
  assert_true(isnan(eq_normal_quantile(1.5)) && isnan(eq_normal_quantile(NAN)));
}

/* ---- the golden cases ---- */

enum { MAX_COLUMNS = 6, MAX_UNITS = 150 };
struct sample {
  char name[64], statistic[16];
  size_t n_columns;
  struct eq_bootstrap draws;
  struct eq_column columns[MAX_COLUMNS];
  uint32_t units[MAX_COLUMNS][MAX_UNITS];
  double values[MAX_COLUMNS][MAX_UNITS], same[3], scipy[2];
};

static void read_column(struct sample *s, char *text) {
  size_t c = s->n_columns++, n = 0;
  assert_true(c < MAX_COLUMNS);
  for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n"), n++) {
    char *end;
    assert_true(n < MAX_UNITS);
    s->units[c][n] = (uint32_t)strtoul(word, &end, 10);
    s->values[c][n] = strtod(end + 1, NULL);
  }
  s->columns[c] = (struct eq_column){ s->units[c], s->values[c], n };
}

/* The next case of the file; false at its end. */
static bool read_sample(FILE *f, struct sample *s) {
  static char line[1 << 13];
  memset(s, 0, sizeof *s);
  while (fgets(line, sizeof line, f)) {
    if (strncmp(line, "column ", 7) == 0)
      read_column(s, line + 7);
    else if (strncmp(line, "same ", 5) == 0)
      assert_int_equal(sscanf(line + 5, "%lf %lf %lf", &s->same[0], &s->same[1], &s->same[2]), 3);
    else if (strncmp(line, "scipy ", 6) == 0)
      return assert_int_equal(sscanf(line + 6, "%lf %lf", &s->scipy[0], &s->scipy[1]), 2), true;
    else
      assert_int_equal(sscanf(line, "case %63s %zu %lu %zu %15s", s->name, &s->draws.units, &s->draws.seed,
                              &s->draws.replicates, s->statistic),
                       5);
  }
  return false;
}

static struct eq_resampled resampled(const struct eq_bootstrap *b) {
  return (struct eq_resampled){ 0, calloc(b->replicates, sizeof(double)), calloc(b->units, sizeof(double)) };
}

static void resampled_free(struct eq_resampled *r) {
  free(r->replicates);
  free(r->jackknife);
}

/* Mean of columns 0/1 and 2/3 over 4/5, from parts[3], into parts[0]. */
static void combine(const struct eq_bootstrap *b, struct eq_resampled *parts) {
  parts[0].estimate = (parts[0].estimate + parts[1].estimate) / 2 / parts[2].estimate;
  for (size_t i = 0; i < b->replicates; i++)
    parts[0].replicates[i] = (parts[0].replicates[i] + parts[1].replicates[i]) / 2 / parts[2].replicates[i];
  for (size_t i = 0; i < b->units; i++)
    parts[0].jackknife[i] = (parts[0].jackknife[i] + parts[1].jackknife[i]) / 2 / parts[2].jackknife[i];
}

static struct eq_interval interval(const struct sample *s, struct eq_pool *pool, double *estimate) {
  struct eq_bootstrap b = s->draws;
  struct eq_err err = { 0 };
  struct eq_resampled parts[MAX_COLUMNS / 2];
  double *sums = calloc(s->n_columns * b.replicates, sizeof *sums);
  b.pool = pool;
  assert_true(eq_bootstrap_sums(&b, s->columns, s->n_columns, sums, &err));
  for (size_t i = 0; i < s->n_columns / 2; i++) {
    parts[i] = resampled(&b);
    eq_resampled_ratio(&parts[i], &b, s->columns[2 * i], sums + 2 * i * b.replicates, s->columns[2 * i + 1],
                       sums + (2 * i + 1) * b.replicates);
  }
  if (strcmp(s->statistic, "groups") == 0) combine(&b, parts);
  *estimate = parts[0].estimate;
  struct eq_interval result = eq_bca(&parts[0], &b, 0.95);
  for (size_t i = 0; i < s->n_columns / 2; i++) resampled_free(&parts[i]);
  free(sums);
  return result;
}

static void bca_is_numpys_from_the_same_draws_and_scipys_within_its_error(void **state) {
  struct sample s;
  size_t n = 0;
  FILE *f = fopen("tests/golden/bootstrap.txt", "r");
  assert_non_null(f);
  for (; read_sample(f, &s); n++) {
    double estimate, width = s.same[2] - s.same[1];
    struct eq_interval i = interval(&s, *state, &estimate);
    print_message("           %-18s %.6f [%.6f, %.6f]\n", s.name, estimate, i.lo, i.hi);
    assert_true(fabs(estimate - s.same[0]) <= 1e-9 * fabs(estimate));
    assert_true(fabs(i.lo - s.same[1]) <= 1e-9 * width && fabs(i.hi - s.same[2]) <= 1e-9 * width);
    assert_true(fabs(i.lo - s.scipy[0]) <= 0.06 * width && fabs(i.hi - s.scipy[1]) <= 0.06 * width);
  }
  fclose(f);
  assert_int_equal(n, 7);
}

static void results_do_not_depend_on_the_threads(void **state) {
  enum { UNITS = 97, REPLICATES = 1003 };
  uint32_t unit[UNITS];
  double x[UNITS], *one = calloc(2 * REPLICATES, sizeof *one), *three = calloc(2 * REPLICATES, sizeof *three);
  for (uint32_t i = 0; i < UNITS; i++) unit[i] = i, x[i] = sin(i);
  struct eq_column columns[] = { { unit, x, UNITS }, { unit, NULL, UNITS } };
  struct eq_pool *pool = eq_pool_new(3, NULL);
  struct eq_bootstrap b = { 1, REPLICATES, UNITS, *state };
  assert_true(eq_bootstrap_sums(&b, columns, 2, one, NULL));
  b.pool = pool;
  assert_true(eq_bootstrap_sums(&b, columns, 2, three, NULL));
  assert_memory_equal(one, three, 2 * REPLICATES * sizeof *one);
  for (size_t i = 0; i < REPLICATES; i++) assert_true(one[REPLICATES + i] == UNITS); /* as many draws as units */
  eq_pool_free(pool);
  free(one);
  free(three);
}

/* Closed form: what does not vary has an interval of no width. */
static void a_constant_has_an_interval_of_no_width(void **state) {
  struct sample s = { .statistic = "ratio", .n_columns = 2, .draws = { 0, 1000, 20, NULL } };
  for (uint32_t i = 0; i < 20; i++) s.units[0][i] = i, s.values[0][i] = 2.5;
  s.columns[0] = (struct eq_column){ s.units[0], s.values[0], 20 };
  s.columns[1] = (struct eq_column){ s.units[0], NULL, 20 };
  double estimate;
  struct eq_interval i = interval(&s, *state, &estimate);
  assert_true(estimate == 2.5 && i.lo == 2.5 && i.hi == 2.5);
}

static void what_is_undefined_is_nan_and_not_a_number_of_somebody(void **state) {
  uint32_t unit[1] = { 3 }; /* one of 20 units: a third of the replicates don't draw it */
  double x[1] = { 2 }, estimate;
  struct sample s = { .statistic = "ratio", .n_columns = 2, .draws = { 0, 1000, 20, NULL } };
  s.columns[0] = (struct eq_column){ unit, x, 1 };
  s.columns[1] = (struct eq_column){ unit, NULL, 1 };
  struct eq_interval i = interval(&s, *state, &estimate);
  assert_true(estimate == 2 && isnan(i.lo) && isnan(i.hi));
  s.columns[0].n = s.columns[1].n = 0;
  i = interval(&s, *state, &estimate);
  assert_true(isnan(estimate) && isnan(i.lo) && isnan(i.hi));
}

/* Powers of two scale without rounding, so that the interval must scale with them, though cubes leave the range. */
static void an_interval_scales_with_its_data_however_large_or_small(void **state) {
  double estimate, plain, scales[] = { 1, 0x1p600, 0x1p-600 };
  struct eq_interval one = { 0 };
  for (int k = 0; k < 3; k++) {
    struct sample s = { .statistic = "ratio", .n_columns = 2, .draws = { 0, 1000, 20, NULL } };
    for (uint32_t i = 0; i < 20; i++) s.units[0][i] = i, s.values[0][i] = scales[k] * exp(i / 4.0);
    s.columns[0] = (struct eq_column){ s.units[0], s.values[0], 20 };
    s.columns[1] = (struct eq_column){ s.units[0], NULL, 20 };
    struct eq_interval i = interval(&s, *state, &estimate);
    if (k == 0) one = i, plain = estimate;
    assert_true(one.lo < plain && plain < one.hi);
    assert_true(i.lo == scales[k] * one.lo && i.hi == scales[k] * one.hi && estimate == scales[k] * plain);
  }
}

static void what_overflows_is_undefined(void **state) {
  double estimate;
  struct sample s = { .statistic = "ratio", .n_columns = 2, .draws = { 0, 1000, 20, NULL } };
  for (uint32_t i = 0; i < 20; i++) s.units[0][i] = i, s.values[0][i] = 1.7e308;
  s.columns[0] = (struct eq_column){ s.units[0], s.values[0], 20 };
  s.columns[1] = (struct eq_column){ s.units[0], NULL, 20 };
  struct eq_interval i = interval(&s, *state, &estimate);
  assert_true(isnan(estimate) && isnan(i.lo) && isnan(i.hi));
}

static void jackknife_error_of_a_mean_is_the_standard_error(void **state) {
  (void)state;
  double x[10], zero[10] = { 0 }, leave[10], mean = 0, squares = 0;
  for (int i = 0; i < 10; i++) mean += (x[i] = cos(i * i)) / 10;
  for (int i = 0; i < 10; i++) leave[i] = (10 * mean - x[i]) / 9, squares += (x[i] - mean) * (x[i] - mean);
  assert_true(fabs(eq_jackknife_error(leave, zero, 10) - sqrt(squares / 90)) < 1e-15);
  assert_true(eq_jackknife_error(leave, leave, 10) == 0);
}

/* 1000 sets of 150 lognormal values with sigma 0.5, whose mean is exp(0.125): the 95 % intervals cover it in 93 to 97
 * %.
 */
static void intervals_cover_the_truth_as_often_as_they_say(void **state) {
  enum { SETS = 1000, N = 150 };
  size_t covered = 0;
  struct sample s = { .statistic = "ratio", .n_columns = 2, .draws = { 0, 1000, N, NULL } };
  for (uint32_t i = 0; i < N; i++) s.units[0][i] = i;
  s.columns[0] = (struct eq_column){ s.units[0], s.values[0], N };
  s.columns[1] = (struct eq_column){ s.units[0], NULL, N };
  for (uint64_t set = 0; set < SETS; set++) {
    double estimate;
    for (uint64_t i = 0; i < N; i++) s.values[0][i] = exp(0.5 * eq_normal_quantile(eq_random_f64(99, set, i)));
    s.draws.seed = set;
    struct eq_interval i = interval(&s, *state, &estimate);
    covered += i.lo <= exp(0.125) && exp(0.125) <= i.hi;
  }
  print_message("           covered: %zu of %d\n", covered, SETS);
  assert_in_range(covered, 930, 970);
}

static int start(void **state) { return (*state = eq_pool_new(1, NULL)) == NULL; }
static int stop(void **state) { return eq_pool_free(*state), 0; }

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(normal_quantile_inverts_the_cdf),
    cmocka_unit_test(normal_quantile_is_scipys),
    cmocka_unit_test(bca_is_numpys_from_the_same_draws_and_scipys_within_its_error),
    cmocka_unit_test(results_do_not_depend_on_the_threads),
    cmocka_unit_test(a_constant_has_an_interval_of_no_width),
    cmocka_unit_test(what_is_undefined_is_nan_and_not_a_number_of_somebody),
    cmocka_unit_test(an_interval_scales_with_its_data_however_large_or_small),
    cmocka_unit_test(what_overflows_is_undefined),
    cmocka_unit_test(jackknife_error_of_a_mean_is_the_standard_error),
    cmocka_unit_test(intervals_cover_the_truth_as_often_as_they_say),
  };
  return cmocka_run_group_tests(tests, start, stop);
}
