/* The scorer on the embedded model: what a segment gets depends on nothing but the segment, the recipe and the kernels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/model/score.h"
#include "lib/recipe/list.h"

static struct eq_pool *pool;
static struct eq_model model;

/* ---- segments and what comes back ---- */

enum { MANY = 60, LONGEST = 700 };

struct segment {
  uint32_t ids[LONGEST];
  size_t n;
};

/* The i-th of a fixed set of random segments; lengths of 0, 1 and over the context are among them. */
static struct segment segment(size_t i, size_t longest) {
  struct segment s;
  s.n = i < 3 ? i : eq_random_below(3, 1, i, longest + 1);
  for (size_t k = 0; k < s.n; k++) s.ids[k] = (uint32_t)eq_random_below(3, 2 + i, k, model.config.dims[EQ_D_VOCAB]);
  return s;
}

struct result {
  size_t n_scored;
  double nll[16];
  float nlls[LONGEST];
};

struct results {
  struct result of[MANY];
  size_t n, n_recipes;
};

static void deliver(void *context, const struct eq_scored *s) {
  struct results *r = context;
  struct result *to = &r->of[r->n];
  assert_ptr_equal(s->tag, (void *)(uintptr_t)r->n); /* in the order they were added */
  r->n++;
  to->n_scored = s->n_scored;
  memcpy(to->nll, s->nll, r->n_recipes * sizeof *s->nll);
  if (s->nlls && s->n_scored) memcpy(to->nlls, s->nlls, s->n_scored * sizeof *s->nlls);
}

static void drop(void *tag) { (void)tag; }

struct how {
  bool some; /* of segment i only the recipes r with (i + r) % 3 are wanted */
  const char *kernels, *recipes[16];
  struct eq_scoring scoring;
  size_t first, last, longest; /* segments first..last-1 */
  struct eq_pool *pool;
};

static struct results score(struct how h) {
  struct results *r = calloc(1, sizeof *r), out;
  struct eq_err err = { 0 };
  struct eq_recipe_list list = { 0 };
  if (!h.scoring.cut.context) h.scoring.cut.context = 256, h.scoring.cut.stride = 128;
  for (size_t i = 0; h.recipes[i]; i++) assert_true(eq_recipes_add(&list, h.recipes[i], &err));
  assert_true(eq_recipes_resolve(&list, model.params, model.n_params, model.config.n_layers, &err));
  assert_true(eq_model_prepare(&model, &list.all, pool, NULL, &err));
  struct eq_scorer *s = eq_scorer_new(&model, eq_kernels_find(h.kernels ? h.kernels : "auto", &err),
                                      h.pool ? h.pool : pool, list.treatments, r->n_recipes = list.n, h.scoring,
                                      (struct eq_sink){ deliver, drop, r, NULL }, &err);
  assert_non_null(s);
  for (size_t i = h.first; i < h.last; i++) {
    struct segment g = segment(i, h.longest ? h.longest : 100);
    uint64_t wanted = 0;
    for (size_t k = 0; k < list.n; k++) wanted |= (uint64_t)((i + k) % 3 > 0) << k;
    assert_true(eq_scorer_add(s, g.ids, NULL, g.n, h.some ? &wanted : NULL, (void *)(uintptr_t)(i - h.first), 0, &err));
  }
  eq_scorer_flush(s);
  if (h.some) /* three kinds of segments, each in batches of its own, and no node of a recipe that nobody wants */
    assert_int_equal(eq_scorer_sharing(s).heads, 3 * (list.n - list.n / 3));
  assert_int_equal(r->n, h.last - h.first);
  eq_scorer_free(s);
  eq_recipes_free(&list);
  out = *r;
  free(r);
  return out;
}

/* ---- what must be true
 * ----------------------------------------------------------------------------------------------- */

static void a_segment_scores_the_same_in_any_batch(void **state) {
  (void)state;
  struct how h = { .recipes = { "none", "int4" },
                   .scoring = { .cut = { .context = 256, .stride = 128 }, .prefix = 0, .mask = -1 },
                   .last = MANY,
                   .longest = LONGEST };
  struct results all = score(h);
  for (h.first = 0; h.first < MANY; h.first += 7) {
    h.last = h.first + 1;
    struct results alone = score(h);
    assert_memory_equal(alone.of[0].nll, all.of[h.first].nll, 2 * sizeof(double));
  }
}

static void only_what_is_wanted_is_computed_and_it_is_the_same(void **state) {
  (void)state;
  struct how h = { .recipes = { "none", "int4", "int8" }, .last = 30 };
  h.scoring = (struct eq_scoring){ .cut = { .context = 256, .stride = 128 }, .prefix = 0, .mask = -1 };
  struct results all = score(h);
  h.some = true;
  struct results some = score(h);
  for (size_t i = 0; i < h.last; i++)
    for (size_t r = 0; r < 3; r++)
      if ((i + r) % 3) assert_memory_equal(&some.of[i].nll[r], &all.of[i].nll[r], sizeof(double));
}

static void threads_do_not_change_a_bit(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  struct eq_pool *one = eq_pool_new(1, &err), *three = eq_pool_new(3, &err);
  struct how h = { .recipes = { "none", "int4/tensor;L0=keep", "seed-w" },
                   .scoring = { .cut = { .context = 256, .stride = 128 }, .prefix = 0, .mask = -1 },
                   .last = 20 };
  h.pool = one;
  struct results a = score(h);
  h.pool = three;
  struct results b = score(h);
  for (size_t i = 0; i < 20; i++) assert_memory_equal(a.of[i].nll, b.of[i].nll, 3 * sizeof(double));
  eq_pool_free(one);
  eq_pool_free(three);
}

static void recipes_together_score_as_each_alone(void **state) {
  (void)state;
  static const char *const recipes[] = {
    "none",           "int4/tensor;L0=keep",  "L3=int2",        "seed-w",          "L3=int2;L7.mlp=int3/row",
    "embed=int8/row", "head,pos=int4/tensor", "norm,bias=bf16", "int4;L0,L-1=keep"
  };
  enum { N = sizeof recipes / sizeof *recipes };
  struct how h = { .scoring = { .cut = { .context = 256, .stride = 128 }, .prefix = 0, .mask = -1 }, .last = 6 };
  memcpy(h.recipes, recipes, sizeof recipes);
  struct results together = score(h);
  for (size_t r = 0; r < N; r++) {
    memset(h.recipes, 0, sizeof h.recipes);
    h.recipes[0] = recipes[r];
    struct results alone = score(h);
    for (size_t i = 0; i < 6; i++) assert_memory_equal(alone.of[i].nll, together.of[i].nll + r, sizeof(double));
    for (size_t q = 0; q < r; q++) assert_true(together.of[5].nll[q] != together.of[5].nll[r]);
  }
}

static void the_kernels_agree(void **state) {
  (void)state;
  struct how h = { .recipes = { "none", "int3" },
                   .scoring = { .cut = { .context = 256, .stride = 128 }, .prefix = 0, .mask = -1 },
                   .first = 3,
                   .last = 5,
                   .longest = 40 };
  struct results fast = score(h);
  h.kernels = "ref";
  struct results slow = score(h);
  for (size_t i = 0; i < 2; i++)
    for (size_t r = 0; r < 2; r++)
      assert_true(fabs(fast.of[i].nll[r] - slow.of[i].nll[r]) <= 1e-6 * fabs(slow.of[i].nll[r]));
}

/* Surprisal of the last of ids[0..n], from its logits. */
static double brute_force(struct eq_forward *f, const uint32_t *ids, size_t n, float *logits) {
  struct eq_err err = { 0 };
  size_t vocab = model.config.dims[EQ_D_VOCAB];
  assert_true(eq_forward_logits(f, ids, n, logits, &err));
  double sum = 0;
  for (size_t v = 0; v < vocab; v++) sum += exp((double)logits[(n - 1) * vocab + v]);
  return log(sum) - (double)logits[(n - 1) * vocab + ids[n]];
}

static void a_long_segment_is_scored_in_windows_as_by_hand(void **state) {
  (void)state;
  enum { CONTEXT = 24, STRIDE = 10, SEGMENT = 4 };
  struct eq_err err = { 0 };
  struct eq_forward *f = eq_forward_new(&model, &eq_kernels_blas, pool, CONTEXT, CONTEXT, false, &err);
  float *logits = malloc(CONTEXT * model.config.dims[EQ_D_VOCAB] * sizeof *logits);
  for (int prefix = -1; prefix < 1; prefix++) {
    struct how h = {
      .recipes = { "none" },
      .scoring = { .cut = { .context = CONTEXT, .stride = STRIDE }, .prefix = prefix, .per_token = true, .mask = -1 },
      .first = SEGMENT,
      .last = SEGMENT + 1
    };
    struct segment g = segment(SEGMENT, 100);
    struct results r = score(h);
    uint32_t ids[LONGEST + 1];
    size_t n = 0;
    assert_true(g.n > 2 * CONTEXT);
    if (prefix >= 0) ids[n++] = (uint32_t)prefix;
    memcpy(ids + n, g.ids, g.n * sizeof *ids);
    n += g.n;
    assert_int_equal(r.of[0].n_scored, n - 1);
    double sum = 0;
    for (size_t i = 0; i + 1 < n; i++) { /* the first window that reaches row i scores it */
      size_t window = i < CONTEXT ? 0 : (i - CONTEXT) / STRIDE + 1, first = window * STRIDE;
      double want = brute_force(f, ids + first, i - first + 1, logits);
      assert_true(fabs((double)r.of[0].nlls[i] - want) < 2e-5);
      sum += want;
    }
    assert_true(fabs(r.of[0].nll[0] - sum) < 1e-4);
  }
  free(logits);
  eq_forward_free(f);
}

static void segments_with_nothing_to_score_keep_their_place(void **state) {
  (void)state;
  struct how h = { .recipes = { "none" },
                   .scoring = { .cut = { .context = 256, .stride = 128 }, .prefix = -1, .per_token = true, .mask = -1 },
                   .last = 4 };
  struct results r = score(h);
  assert_int_equal(r.of[0].n_scored, 0); /* no token */
  assert_int_equal(r.of[1].n_scored, 0); /* one token and no prefix */
  assert_int_equal(r.of[2].n_scored, 1);
  h.scoring.prefix = 0;
  r = score(h);
  assert_int_equal(r.of[0].n_scored, 0);
  assert_int_equal(r.of[1].n_scored, 1);
}

static int set_up(void **state) {
  struct eq_err err = { 0 };
  (void)state;
  return (pool = eq_pool_new(2, &err)) && eq_model_open(&model, "corpora/mini", pool, &err) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  eq_model_close(&model);
  eq_pool_free(pool);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_segment_scores_the_same_in_any_batch),
    cmocka_unit_test(only_what_is_wanted_is_computed_and_it_is_the_same),
    cmocka_unit_test(threads_do_not_change_a_bit),
    cmocka_unit_test(recipes_together_score_as_each_alone),
    cmocka_unit_test(the_kernels_agree),
    cmocka_unit_test(a_long_segment_is_scored_in_windows_as_by_hand),
    cmocka_unit_test(segments_with_nothing_to_score_keep_their_place),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
