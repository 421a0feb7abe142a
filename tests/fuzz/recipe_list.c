/* Any bytes as a list of recipes, lines or a stream, and as a grid: every recipe of a list is a recipe. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/recipe/grid.h"
#include "lib/recipe/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_str text = { (const char *)bytes, n };
  struct eq_recipe_list l = { 0 };
  struct eq_grid g = { 0 };
  struct eq_err err = { 0 };
  if (eq_recipes_add_bytes(&l, "input", text, &err) == (err.code != EQ_OK)) abort();
  for (size_t i = 0; i < l.n; i++) {
    size_t repeated = l.repeated;
    if (!eq_recipes_add(&l, eq_recipe_canonical(l.recipes[i]), NULL) || l.repeated != repeated + 1) abort();
  }
  eq_recipes_free(&l);
  err = (struct eq_err){ 0 };
  if (eq_grid_read(&g, "input", text, &err) == (err.code != EQ_OK)) abort();
  for (uint64_t i = 0; !err.code && g.combinations < 64 && i < g.combinations; i++) free(eq_grid_recipe(&g, i));
  eq_grid_free(&g);
  return 0;
}
