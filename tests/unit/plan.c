/* Plans: counts against brute force and closed forms; sets of a matched size are drawn evenly; grids; cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/measure/cells.h"
#include "lib/model/footprint.h"
#include "lib/model/plan.h"
#include "lib/recipe/grid.h"
#include "lib/recipe/matched.h"
#include "lib/stream/reader.h"
#include "lib/stream/writer.h"

/* ---- sets of a matched size ---- */

static uint64_t sum_of(const uint64_t *sizes, size_t n, uint64_t mask) {
  uint64_t sum = 0;
  for (size_t i = 0; i < n; i++) sum += mask >> i & 1 ? sizes[i] : 0;
  return sum;
}

static void matched_sets_are_counted_as_brute_force_counts_them(void **state) {
  (void)state;
  for (uint64_t round = 0; round < 200; round++) {
    uint64_t sizes[12], all = 0, lo, hi, count = 0;
    size_t n = eq_random_below(1, round, 0, 13);
    for (size_t i = 0; i < n; i++) all += sizes[i] = eq_random_below(1, round, 1 + i, round % 2 ? 4 : 1000);
    lo = eq_random_below(1, round, 20, all + 1), hi = lo + eq_random_below(1, round, 21, all / 8 + 1);
    for (uint64_t mask = 0; mask < UINT64_C(1) << n; mask++) {
      uint64_t sum = sum_of(sizes, n, mask);
      count += sum >= lo && sum <= hi;
    }
    struct eq_matched m;
    assert_true(eq_matched_count(&m, sizes, n, lo, hi, NULL));
    assert_true(m.count == (double)count);
    bool chosen[12];
    for (uint64_t i = 0; count && i < 20; i++) {
      uint64_t mask = 0;
      eq_matched_draw(&m, round, i, chosen);
      for (size_t k = 0; k < n; k++) mask |= (uint64_t)chosen[k] << k;
      assert_in_range(sum_of(sizes, n, mask), lo, hi);
    }
    eq_matched_free(&m);
  }
}

/* Chi-squared of 60,000 draws over the sets there are: its mean is n - 1, its deviation sqrt(2 (n - 1)). */
static void each_matched_set_is_as_likely_as_the_others(void **state) {
  (void)state;
  static const uint64_t sizes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 1, 2 };
  enum { N = 10, DRAWS = 60000 };
  struct eq_matched m;
  double seen[1 << N] = { 0 }, chi = 0;
  bool chosen[N];
  assert_true(eq_matched_count(&m, sizes, N, 14, 16, NULL));
  for (uint64_t i = 0; i < DRAWS; i++) {
    size_t mask = 0;
    eq_matched_draw(&m, 5, i, chosen);
    for (size_t k = 0; k < N; k++) mask |= (size_t)chosen[k] << k;
    seen[mask]++;
  }
  double expected = DRAWS / m.count;
  for (size_t mask = 0; mask < 1 << N; mask++) {
    uint64_t sum = sum_of(sizes, N, mask);
    if (sum >= 14 && sum <= 16) chi += (seen[mask] - expected) * (seen[mask] - expected) / expected;
  }
  assert_true(m.count > 100);
  assert_true(fabs(chi - (m.count - 1)) < 4 * sqrt(2 * (m.count - 1)));
  eq_matched_free(&m);
}

static void many_parts_of_one_size_are_no_burden_and_many_sizes_are_refused(void **state) {
  (void)state;
  uint64_t sizes[4096];
  struct eq_matched m;
  struct eq_err err = { 0 };
  for (size_t i = 0; i < 100; i++) sizes[i] = UINT64_C(1) << 40;
  assert_true(eq_matched_count(&m, sizes, 100, UINT64_C(50) << 40, UINT64_C(50) << 40, &err));
  assert_true(fabs(m.count / 1.0089134454556415e29 - 1) < 1e-12); /* 100 choose 50 */
  eq_matched_free(&m);
  for (size_t i = 0; i < 40; i++) sizes[i] = UINT64_C(1) << i;
  assert_false(eq_matched_count(&m, sizes, 40, 0, UINT64_MAX / 2, &err));
  assert_string_equal(err.text, "40 parts have too many different sizes: their sets cannot be counted");
  eq_matched_free(&m);
}

/* ---- grids ---- */

static void expect_grid(const char *text, const char *const *recipes, size_t n) {
  struct eq_grid g;
  struct eq_err err = { 0 };
  if (!eq_grid_read(&g, "g", eq_str(text), &err)) fail_msg("%s", err.text);
  assert_int_equal(g.combinations, n);
  for (size_t i = 0; i < n; i++) {
    char *recipe = eq_grid_recipe(&g, i);
    assert_string_equal(recipe, recipes[i]);
    free(recipe);
  }
  eq_grid_free(&g);
}

static void a_grid_is_the_product_of_its_lines(void **state) {
  (void)state;
  expect_grid("a\n\n# c {x|y}\n b{1|2}c{|3} \r\n", (const char *[]){ "a;b1c", "a;b1c3", "a;b2c", "a;b2c3" }, 4);
  expect_grid("{|a}\n{|b}", (const char *[]){ "none", "b", "a", "a;b" }, 4);
  expect_grid("name:x|y=keep", (const char *[]){ "name:x|y=keep" }, 1);
  expect_grid("{}{a}{ }", (const char *[]){ "a " }, 1);
  struct eq_grid g;
  struct eq_buffer huge = { 0 };
  for (size_t i = 0; i < 70; i++) eq_buffer_string(&huge, "{a|b}\n");
  assert_true(eq_grid_read(&g, "g", (struct eq_str){ huge.data, huge.size }, NULL));
  assert_true(g.combinations == UINT64_MAX);
  eq_grid_free(&g);
  eq_buffer_free(&huge);
}

static void what_is_no_grid_is_named_by_its_line(void **state) {
  (void)state;
  static const struct {
    const char *text, *error;
  } cases[] = {
    { "", "g: holds no line of a grid" },
    { "\n# only this\n", "g: holds no line of a grid" },
    { "a\nb}", "g:2: a '}' without its '{'" },
    { "a\n\n{b|", "g:3: a '{' without its '}'" },
    { "{a|{b}}", "g:1: a '{' within braces: they do not nest" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_grid g = { 0 };
    struct eq_err err = { 0 };
    assert_false(eq_grid_read(&g, "g", eq_str(cases[i].text), &err));
    assert_string_equal(err.text, cases[i].error);
    eq_grid_free(&g);
  }
}

/* ---- plans of a model ---- */

static void make(struct eq_plan *p, const struct eq_model *m, const char *kind, struct eq_plan_options o) {
  struct eq_err err = { 0 };
  if (!eq_plan_open(p, m, o, &err) || !eq_plan_make(p, kind, &err)) fail_msg("%s: %s", kind, err.text);
}

/* Whether a recipe of the plan keeps a layer, by its name: ";L0,L3=keep". */
static uint64_t layers_of(const char *recipe) {
  uint64_t mask = 0;
  const char *at = strchr(recipe, ';');
  for (at = at ? at + 1 : "="; *at != '=';) {
    char *end;
    assert_int_equal(*at, 'L');
    mask |= UINT64_C(1) << strtoul(at + 1, &end, 10);
    at = *end == ',' ? end + 1 : end;
  }
  return mask;
}

/* A brute-force twin: all masks of 12 bits with so many of them set. */
static void sets_of_layers_are_all_that_there_are(void **state) {
  (void)state;
  static const struct {
    const char *kind;
    int layers; /* -1: any number */
  } kinds[] = { { "single", 1 }, { "pairs", 2 }, { "triples", 3 }, { "subsets", -1 } };
  struct eq_model m;
  struct eq_err err = { 0 };
  if (!eq_model_look(&m, "corpora/mini", &err)) fail_msg("%s", err.text);
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    struct eq_plan p;
    bool seen[4096] = { false };
    size_t n = 0;
    make(&p, &m, kinds[k].kind, (struct eq_plan_options){ .base = "int4" });
    for (size_t i = 0; i < p.list.n; i++) seen[layers_of(eq_recipe_canonical(p.list.recipes[i]))] = true;
    for (int mask = 0; mask < 4096; mask++) {
      bool wanted = kinds[k].layers < 0 || __builtin_popcount((unsigned)mask) == kinds[k].layers;
      assert_int_equal(seen[mask], wanted);
      n += wanted;
    }
    assert_int_equal(p.list.n, n);
    eq_plan_close(&p);
  }
  eq_model_close(&m);
}

/* What keeping a layer costs, by hand: 12 width^2 weights, float16 in place of 4 bits and a float32 scale in 128. */
static void overheads_are_what_the_shapes_say(void **state) {
  (void)state;
  struct eq_model m;
  struct eq_plan p;
  struct eq_planned r;
  assert_true(eq_model_look(&m, "corpora/mini", NULL));
  make(&p, &m, "subsets", (struct eq_plan_options){ .base = "int4" });
  double weights = 12.0 * (double)m.config.dims[EQ_D_WIDTH] * (double)m.config.dims[EQ_D_WIDTH];
  double layer = weights * 2 - weights / 2 - weights / 128 * 4;
  for (size_t i = 0; i < p.list.n; i += 7) {
    assert_true(eq_plan_record(&p, i, &r, NULL));
    int kept = __builtin_popcountll(layers_of(eq_recipe_canonical(p.list.recipes[i])));
    assert_true(r.overhead == kept * layer);
    assert_true((double)r.bytes == (double)p.base_bytes + r.overhead);
  }
  eq_plan_close(&p);
  eq_model_close(&m);
}

/* A model of 40 layers without any tensors. */
static void plans_that_are_too_large_are_refused(void **state) {
  (void)state;
  static const struct {
    size_t layers;
    const char *kind, *error;
  } cases[] = {
    { 18, "subsets", "subsets: 262144 recipes of 18 layers, at most 131072 make a plan" },
    { 64, "subsets", "subsets: more than 18446744073709551615 recipes of 64 layers, at most 131072 make a plan" },
    { 1000, "pairs", "pairs: 499500 recipes of 1000 layers, at most 131072 make a plan" },
    { 4096, "triples", "triples: 11444858880 recipes of 4096 layers, at most 131072 make a plan" },
    { 2, "triples", "triples: deep has 2 layers, too few" },
    { 0, "prefixes", "prefixes: deep has no layers" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_parameter norm = { .name = "norm", .layer = -1, .roles = EQ_NORM, .rows = 1, .cols = 1 };
    struct eq_model m = { .name = "deep", .config = { .n_layers = cases[i].layers }, .params = &norm };
    struct eq_plan p = { .model = &m };
    struct eq_err err = { 0 };
    assert_true(eq_recipes_add(&p.base, "int4", &err));
    assert_false(eq_plan_make(&p, cases[i].kind, &err));
    assert_string_equal(err.text, cases[i].error);
    eq_plan_close(&p);
  }
}

/* ---- cells ---- */

/* Random results of random plans, some of them twice, against a table of what was added. */
static void missing_cells_are_those_that_were_not_added(void **state) {
  (void)state;
  enum { RECIPES = 7, SEGMENTS = 21 };
  for (uint64_t round = 0; round < 30; round++) {
    bool there[RECIPES][SEGMENTS] = { { false } };
    struct eq_cells c = { 0 };
    struct eq_buffer bytes = { 0 };
    struct eq_writer *w = eq_writer_memory(&bytes, NULL);
    struct eq_record r;
    char name[24], id[24];
    eq_write_header(w, eq_str(""), "test", "0", NULL, 0);
    for (uint64_t i = 0; i < SEGMENTS; i++) {
      snprintf(id, sizeof id, "%d", (int)(i / 3));
      struct eq_text t = { .lang = eq_str(i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "ab"), .id = eq_str(id) };
      t.text = eq_str("x");
      eq_write_kind(w, &eq_kind_text, &t, NULL);
    }
    for (uint64_t i = 0; i < 100; i++) {
      size_t recipe = eq_random_below(round, 0, i, RECIPES + 2), segment = eq_random_below(round, 1, i, SEGMENTS + 3);
      snprintf(name, sizeof name, "r%zu", recipe);
      snprintf(id, sizeof id, "%d", (int)(segment / 3));
      struct eq_surprisal s = { .recipe = eq_str(name), .model = eq_str("m"), .id = eq_str(id), .nll = 1 };
      s.lang = eq_str(segment % 3 == 0 ? "a" : segment % 3 == 1 ? "b" : "ab");
      s.bytes = s.chars = s.vocab = s.same_top = s.words = s.n_experts = s.of = EQ_ABSENT;
      eq_write_kind(w, &eq_kind_surprisal, &s, NULL);
      if (recipe < RECIPES && segment < SEGMENTS) there[recipe][segment] = true;
    }
    assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
    for (size_t i = 0; i < RECIPES; i++) {
      snprintf(name, sizeof name, "r%zu", i);
      assert_true(eq_cells_recipe(&c, name, NULL));
    }
    for (int pass = 0; pass < 2; pass++) { /* the segments first */
      struct eq_reader *in = eq_reader_memory(bytes.data, bytes.size, "memory", NULL);
      while (eq_read(in, &r)) assert_true(pass ? eq_cells_result(&c, &r, NULL) : eq_cells_segment(&c, &r, NULL));
      assert_int_equal(eq_reader_error(in)->code, EQ_OK);
      eq_reader_free(in);
    }
    uint64_t missing[RECIPES], segments;
    assert_true(eq_cells_count(&c, missing, &segments, NULL));
    assert_int_equal(segments, SEGMENTS);
    for (size_t i = 0; i < RECIPES; i++) {
      uint64_t lacks = 0;
      for (size_t k = 0; k < SEGMENTS; k++) lacks += !there[i][k];
      assert_int_equal(missing[i], lacks);
    }
    eq_cells_free(&c);
    eq_buffer_free(&bytes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(matched_sets_are_counted_as_brute_force_counts_them),
    cmocka_unit_test(each_matched_set_is_as_likely_as_the_others),
    cmocka_unit_test(many_parts_of_one_size_are_no_burden_and_many_sizes_are_refused),
    cmocka_unit_test(a_grid_is_the_product_of_its_lines),
    cmocka_unit_test(what_is_no_grid_is_named_by_its_line),
    cmocka_unit_test(sets_of_layers_are_all_that_there_are),
    cmocka_unit_test(overheads_are_what_the_shapes_say),
    cmocka_unit_test(plans_that_are_too_large_are_refused),
    cmocka_unit_test(missing_cells_are_those_that_were_not_added),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
