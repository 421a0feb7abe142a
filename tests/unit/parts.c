/* Parts of layers where families keep them, by what must follow when they are taken away: without values attention
 * brings nothing, whatever its output matrix; without queries, as without keys, all scores are equal; and a head whose
 * columns of the output matrix are gone may as well have no values. On all golden models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/score.h"
#include "lib/recipe/list.h"

enum { TOKENS = 24, RECIPES = 16 };

struct sums {
  size_t n_recipes;
  double nll[RECIPES];
};

static void take(void *context, const struct eq_scored *s) {
  struct sums *sums = context;
  memcpy(sums->nll, s->nll, sums->n_recipes * sizeof *s->nll);
}

static void drop(void *tag) { (void)tag; }

/* Surprisal of one sequence under each of the recipes; false when the model has not what they select. */
static bool score(const struct eq_model *m, struct eq_pool *pool, const char *const *recipes, struct sums *sums) {
  struct eq_err err = { 0 };
  struct eq_recipe_list list = { 0 };
  uint32_t ids[TOKENS];
  for (size_t i = 0; recipes[i]; i++)
    if (!eq_recipes_add(&list, recipes[i], &err)) fail_msg("%s", err.text);
  sums->n_recipes = list.n;
  bool ok = eq_recipes_resolve(&list, m->params, m->n_params, m->config.n_layers, &err);
  if (ok) {
    struct eq_scoring how = { .cut = { .context = TOKENS, .stride = TOKENS }, .prefix = -1, .mask = -1 };
    if (m->config.arch->encoder) how.mask = 1;
    assert_true(eq_model_prepare(m, &list.all, pool, NULL, &err));
    struct eq_scorer *s = eq_scorer_new(m, eq_kernels_find("ref", &err), pool, list.treatments, list.n, how,
                                        (struct eq_sink){ take, drop, sums, NULL }, &err);
    if (!s) fail_msg("%s", err.text);
    for (uint32_t i = 0; i < TOKENS; i++) ids[i] = i * 37 % (uint32_t)m->config.dims[EQ_D_VOCAB];
    assert_true(eq_scorer_add(s, ids, NULL, TOKENS, NULL, NULL, 0, &err));
    eq_scorer_flush(s);
    eq_scorer_free(s);
  }
  eq_recipes_free(&list);
  return ok;
}

/* Recipes in pairs that must do the same, and something. */
static size_t check_pairs(const char *name, const struct eq_model *m, struct eq_pool *pool,
                          const char *const recipes[3]) {
  const char *with_none[4] = { "none", recipes[0], recipes[1], NULL };
  struct sums sums;
  if (!score(m, pool, with_none, &sums)) return 0;
  double none = sums.nll[0], a = sums.nll[1], b = sums.nll[2];
  if (!(fabs(a - b) <= 1e-4 * (1 + fabs(a)))) fail_msg("%s: %s is %.9g, %s %.9g", name, recipes[0], a, recipes[1], b);
  if (a == none) fail_msg("%s: %s does nothing", name, recipes[0]);
  return 1;
}

static void what_follows_from_a_missing_part_does_follow(void **state) {
  (void)state;
  static const char *const pairs[][3] = {
    { "v=zero", "o=prune=1" },
    { "L0.v=zero", "L0.o=prune=1" },
    { "q=zero", "k=zero" },
    { "L0.gate=zero", "L0.up=zero" },
    { "L0.attn=zero", "L0.o=zero" },
    { "L0=zero", "L0.attn,L0.mlp=zero" },
    { "L0.attn.h0,L0.attn.h1=zero;L0.q,L0.k=keep", "L0.attn.h0,L0.attn.h1=zero;L0.q,L0.k,L0.v=keep" },
    { "top100%=int4/tensor", "int4/tensor" },
    { "q,k,v,o,gate,up,down=fp8/row", "fp8/row" },
  };
  enum { N = sizeof pairs / sizeof *pairs };
  size_t checked[N] = { 0 };
  struct eq_err err = { 0 };
  struct eq_pool *pool = eq_pool_new(2, &err);
  DIR *d = opendir("tests/golden/models");
  assert_non_null(d);
  for (struct dirent *e; (e = readdir(d));) {
    char folder[512];
    struct eq_model m;
    if (e->d_name[0] == '.') continue;
    snprintf(folder, sizeof folder, "tests/golden/models/%s", e->d_name);
    if (!eq_model_open(&m, folder, pool, &err)) fail_msg("%s", err.text);
    bool gated = m.config.arch->gated, normed = m.config.has[EQ_QK_NORM];
    for (size_t i = 0; i < N; i++) {
      if ((i == 2 && normed) || (i == 3 && !gated)) continue; /* a norm makes something of nothing */
      checked[i] += check_pairs(e->d_name, &m, pool, pairs[i]);
    }
    eq_model_close(&m);
  }
  closedir(d);
  eq_pool_free(pool);
  for (size_t i = 0; i < N; i++)
    if (checked[i] < 5) fail_msg("%s was checked on %zu models", pairs[i][0], checked[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(what_follows_from_a_missing_part_does_follow) };
  return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
