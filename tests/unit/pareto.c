/* Fronts against brute force; plans joined with measurements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/measure/fronts.h"
#include "lib/measure/pareto.h"

/* By the definition: O(n^2). */
static bool is_beaten(const struct eq_point *p, size_t n, size_t i) {
  for (size_t k = 0; k < n; k++)
    if (p[k].cost <= p[i].cost && p[k].loss <= p[i].loss && (p[k].cost < p[i].cost || p[k].loss < p[i].loss))
      return true;
  return false;
}

static void a_front_is_what_no_point_beats(void **state) {
  (void)state;
  for (uint64_t round = 0; round < 2000; round++) {
    struct eq_point p[40];
    bool front[40];
    size_t n = eq_random_below(1, round, 0, 41);
    for (size_t i = 0; i < n; i++) /* half of the rounds are full of ties */
      p[i] = round % 2 ? (struct eq_point){ eq_random_f64(1, round, 1 + i), eq_random_f64(2, round, i) }
                       : (struct eq_point){ (double)eq_random_below(1, round, 1 + i, 5),
                                            (double)eq_random_below(2, round, i, 5) - 2 };
    assert_true(eq_pareto_front(p, n, front, NULL));
    for (size_t i = 0; i < n; i++) assert_int_equal(front[i], !is_beaten(p, n, i));
  }
}

static void equal_points_share_a_front_and_infinity_is_beaten(void **state) {
  (void)state;
  struct eq_point p[] = { { 1, 2 },  { 1, 2 },   { 1, 3 },   { 2, 2 }, { -INFINITY, INFINITY },
                          { 5, -1 }, { 0.0, 2 }, { -0.0, 2 } };
  bool front[8], wanted[8] = { false, false, false, false, true, true, true, true };
  assert_true(eq_pareto_front(p, 8, front, NULL));
  assert_memory_equal(front, wanted, sizeof front);
}

static void what_is_no_number_has_no_place_on_a_front(void **state) {
  (void)state;
  struct eq_point p[] = { { 1, 2 }, { 1, NAN } };
  bool front[2];
  struct eq_err err = { 0 };
  assert_false(eq_pareto_front(p, 2, front, &err));
  assert_string_equal(err.text, "point 2 of a front has no loss");
}

/* ---- plans and measurements ---- */

static void plan(struct eq_fronts *f, const char *recipe, const char *kind, double overhead) {
  struct eq_planned r = { .recipe = eq_str(recipe), .base = eq_str("int4/g128"), .bytes = 1000 + (uint64_t)overhead };
  if (kind) r.plan = eq_str(kind);
  r.overhead = overhead, r.overhead_percent = overhead / 10;
  assert_true(eq_fronts_add_size(f, &r, NULL));
}

static void measure(struct eq_fronts *f, const char *recipe, double mean, double spread) {
  struct eq_disparity d = {
    .model = eq_str("m"), .recipe = eq_str(recipe), .base = eq_str("none"), .delta_mean = mean
  };
  d.worst_minus_best = spread;
  assert_true(eq_fronts_add_damage(f, &d, NULL));
}

static void controls_are_on_no_front_and_rank_those_of_their_size(void **state) {
  (void)state;
  struct eq_fronts f = { 0 };
  struct eq_pareto before = { .recipe = eq_str("b"), .front = eq_str("delta_mean") };
  measure(&f, "a", 5, 5);
  plan(&f, "a", "subsets", 0);
  plan(&f, "b", "random", 10); /* drawn, but the study's own too */
  plan(&f, "b", NULL, 10);
  plan(&f, "c", "subsets", 10);
  for (int i = 0; i < 4; i++) {
    char name[8];
    snprintf(name, sizeof name, "r%d", i);
    plan(&f, name, "random", i < 3 ? 10 : 20);
    measure(&f, name, 1 + i, 4 - i);
  }
  measure(&f, "b", 2, 3);
  measure(&f, "c", 3, 4);
  measure(&f, "none", 0, 0);
  plan(&f, "never", "subsets", 7);
  plan(&f, "nan", "subsets", 7);
  measure(&f, "nan", (double)NAN, 1);
  assert_true(eq_fronts_add_choice(&f, &before, NULL));
  assert_true(eq_fronts_close(&f, NULL));
  static const struct {
    const char *recipe, *front, *chosen;
    uint64_t controls, mean, spread;
  } wanted[] = {
    { "a", "delta_mean,worst_minus_best", "", 0, 0, 0 },
    { "b", "delta_mean,worst_minus_best", "delta_mean", 3, 2, 2 }, /* means 1 2 3, spreads 4 3 2 */
    { "c", "", "", 3, 3, 3 },
    { "r0", "", "", 2, 0, 2 },
    { "r1", "", "", 2, 1, 1 },
    { "r2", "", "", 2, 2, 0 },
    { "r3", "", "", 0, 0, 0 },
  };
  assert_int_equal(f.n, sizeof wanted / sizeof *wanted);
  for (size_t i = 0; i < f.n; i++) {
    const struct eq_pareto *p = &f.items[i].is;
    assert_true(eq_str_is(p->recipe, wanted[i].recipe));
    assert_true(eq_str_is(p->front, wanted[i].front) && eq_str_is(p->chosen, wanted[i].chosen));
    assert_int_equal(p->controls, wanted[i].controls);
    assert_int_equal(p->controls_mean, wanted[i].mean);
    assert_int_equal(p->controls_spread, wanted[i].spread);
  }
  assert_int_equal(f.unsized, 1);
  assert_int_equal(f.unmeasured, 1);
  assert_int_equal(f.undefined, 1);
  eq_fronts_free(&f);
}

static void what_does_not_compare_is_refused(void **state) {
  (void)state;
  struct eq_fronts f = { 0 };
  struct eq_err err = { 0 };
  struct eq_disparity d = { .model = eq_str("other"), .recipe = eq_str("b"), .base = eq_str("none") };
  struct eq_planned r = { .recipe = eq_str("a"), .bytes = 7 };
  assert_false(eq_fronts_close(&f, &err));
  assert_int_equal(err.code, EQ_DATA);
  eq_fronts_free(&f);
  plan(&f, "a", "subsets", 1);
  plan(&f, "b", "subsets", 2);
  measure(&f, "a", 1, 1);
  err = (struct eq_err){ 0 };
  assert_false(eq_fronts_add_size(&f, &r, &err));
  assert_string_equal(err.text, "two plans disagree on the size of a: 1001 and 7 bytes");
  assert_true(eq_fronts_add_damage(&f, &d, NULL));
  err = (struct eq_err){ 0 };
  assert_false(eq_fronts_add_damage(&f, &d, &err));
  assert_string_equal(err.text, "two disparities of b: expected one of each");
  err = (struct eq_err){ 0 };
  assert_false(eq_fronts_close(&f, &err));
  assert_non_null(strstr(err.text, "a and b do not compare: of the model m and other"));
  eq_fronts_free(&f);
}

static void a_size_is_of_the_model_that_was_measured(void **state) {
  static const struct {
    const char *planned, *measured;
    bool ok;
  } cases[] = { { NULL, "m@1", true }, { "m", "m@1", true },    { "m@1", "m@1", true }, { "m", "m", true },
                { "n", "m@1", false }, { "m@2", "m@1", false }, { "m@1", "m", false },  { "m@", "m@1", false } };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_fronts f = { 0 };
    struct eq_err err = { 0 };
    struct eq_planned r = { .recipe = eq_str("a"), .bytes = 7 };
    struct eq_disparity d = { .model = eq_str(cases[i].measured), .recipe = eq_str("a"), .base = eq_str("none") };
    if (cases[i].planned) r.model = eq_str(cases[i].planned);
    assert_true(eq_fronts_add_size(&f, &r, NULL) && eq_fronts_add_damage(&f, &d, NULL));
    assert_int_equal(eq_fronts_close(&f, &err), cases[i].ok);
    assert_true(cases[i].ok || strstr(err.text, "its size is another's"));
    eq_fronts_free(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_front_is_what_no_point_beats),
    cmocka_unit_test(equal_points_share_a_front_and_infinity_is_beaten),
    cmocka_unit_test(what_is_no_number_has_no_place_on_a_front),
    cmocka_unit_test(controls_are_on_no_front_and_rank_those_of_their_size),
    cmocka_unit_test(what_does_not_compare_is_refused),
    cmocka_unit_test(a_size_is_of_the_model_that_was_measured),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
