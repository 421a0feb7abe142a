/* Any text as a recipe: what parses has a canonical form that parses to itself, and resolves to something or fails. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/recipe/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct eq_heads heads = { 4, 2, 2, true };
#define PARAMETER(NAME, LAYER, ROLES, ROWS, COLS) \
  { .name = NAME, .layer = LAYER, .roles = ROLES, .rows = ROWS, .cols = COLS, .heads = &heads, .expert = 3 }
static const struct eq_parameter params[] = {
  PARAMETER("wte.weight", -1, EQ_EMBED | EQ_HEAD, 10, 8),
  PARAMETER("wpe.weight", -1, EQ_POS, 5, 8),
  PARAMETER("h.0.ln_1.weight", 0, EQ_NORM, 1, 8),
  PARAMETER("h.0.attn.c_attn.weight", 0, EQ_LINEAR | EQ_ATTN | EQ_Q | EQ_K | EQ_V, 16, 8),
  PARAMETER("h.0.attn.c_attn.bias", 0, EQ_BIAS | EQ_ATTN | EQ_Q | EQ_K | EQ_V, 1, 16),
  PARAMETER("h.0.attn.c_proj.weight", 0, EQ_LINEAR | EQ_ATTN | EQ_O, 8, 8),
  PARAMETER("h.1.mlp.c_fc.weight", 1, EQ_LINEAR | EQ_MLP | EQ_GATE | EQ_UP, 12, 8),
  PARAMETER("h.1.mlp.experts.3.weight", 1, EQ_LINEAR | EQ_MLP | EQ_UP | EQ_EXPERT, 6, 8),
  PARAMETER("ln_f.bias", -1, EQ_NORM | EQ_BIAS | EQ_FINAL, 1, 8),
};
enum { PARAMS = sizeof params / sizeof *params };

static bool load(void *context, size_t param, float *out, struct eq_err *err) {
  (void)context, (void)err;
  for (size_t i = 0; i < params[param].rows * params[param].cols; i++) out[i] = (float)(i * i % 17) - 8;
  return true;
}

static struct eq_extremes extremes(void *context, size_t param) {
  (void)context, (void)param;
  return (struct eq_extremes){ -8, 8 };
}

/* Finite weights stay finite. */
static void treat(struct eq_treatments *all, const struct eq_treatment **treatments) {
  static struct eq_pool *pool;
  if (!pool && !(pool = eq_pool_new(1, NULL))) abort();
  if (!eq_treatments_prepare(all, (struct eq_weights_source){ NULL, load, extremes, NULL, 0 }, pool, NULL)) return;
  for (size_t i = 0; i < PARAMS; i++) {
    float w[256], scratch[64];
    if (!treatments[i]) continue;
    load(NULL, i, w, NULL);
    eq_treatment_apply(treatments[i], 0, params[i].rows, w, scratch);
    for (size_t k = 0; k < params[i].rows * params[i].cols; k++)
      if (!isfinite(w[k])) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  char *text = malloc(n + 1);
  if (!text) return 0;
  if (n) memcpy(text, bytes, n);
  text[n] = 0;
  struct eq_err err = { 0 };
  struct eq_recipe *r = eq_recipe_parse(text, &err);
  if (!r == !err.code) abort();
  if (r) {
    const struct eq_treatment *once[PARAMS], *again[PARAMS];
    struct eq_treatments all = { 0 };
    struct eq_recipe *canonical = eq_recipe_parse(eq_recipe_canonical(r), NULL);
    if (!canonical || strcmp(eq_recipe_canonical(canonical), eq_recipe_canonical(r)) != 0) abort();
    bool ok = eq_recipe_resolve(r, params, PARAMS, 2, &all, once, &err);
    if (ok == (err.code != EQ_OK) || eq_recipe_resolve(canonical, params, PARAMS, 2, &all, again, NULL) != ok) abort();
    for (size_t i = 0; ok && i < PARAMS; i++)
      if (once[i] != again[i] && all.n_groups == 0) abort();
    if (ok) treat(&all, once);
    eq_treatments_free(&all);
    eq_recipe_free(canonical);
  }
  eq_recipe_free(r);
  free(text);
  return 0;
}
