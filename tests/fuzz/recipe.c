/* Any text as a recipe: what parses has a canonical form that parses to itself, and resolves to something or fails. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/recipe/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct eq_parameter params[] = {
  { "wte.weight", -1, EQ_EMBED | EQ_HEAD },
  { "wpe.weight", -1, EQ_POS },
  { "h.0.ln_1.weight", 0, EQ_NORM },
  { "h.0.attn.c_attn.weight", 0, EQ_LINEAR | EQ_ATTN },
  { "h.0.attn.c_attn.bias", 0, EQ_BIAS | EQ_ATTN },
  { "h.1.mlp.c_fc.weight", 1, EQ_LINEAR | EQ_MLP },
  { "ln_f.bias", -1, EQ_NORM | EQ_BIAS | EQ_FINAL },
};
enum { PARAMS = sizeof params / sizeof *params };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  char *text = malloc(n + 1);
  if (!text) return 0;
  if (n) memcpy(text, bytes, n);
  text[n] = 0;
  struct eq_err err = { 0 };
  struct eq_recipe *r = eq_recipe_parse(text, &err);
  if (!r == !err.code) abort();
  if (r) {
    struct eq_scheme schemes[PARAMS], again[PARAMS];
    struct eq_recipe *canonical = eq_recipe_parse(eq_recipe_canonical(r), NULL);
    if (!canonical || strcmp(eq_recipe_canonical(canonical), eq_recipe_canonical(r)) != 0) abort();
    bool ok = eq_recipe_resolve(r, params, PARAMS, 2, schemes, &err);
    if (ok == (err.code != EQ_OK) || eq_recipe_resolve(canonical, params, PARAMS, 2, again, NULL) != ok) abort();
    for (size_t i = 0; ok && i < PARAMS; i++)
      if (!eq_scheme_equal(schemes[i], again[i])) abort();
    eq_recipe_free(canonical);
  }
  eq_recipe_free(r);
  free(text);
  return 0;
}
