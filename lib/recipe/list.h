/* list.h: the recipes of a run: parsed, without repetitions, resolved on one model. */
#ifndef EQ_RECIPE_LIST_H
#define EQ_RECIPE_LIST_H

#include "lib/recipe/recipe.h"

struct eq_recipe_list {
  struct eq_recipe **recipes; /* [n], in the order given */
  size_t n, capacity;
  uint32_t *slots;                        /* hash table of canonical forms: number + 1, 0 where free */
  size_t n_slots;                         /* a power of 2 */
  size_t repeated;                        /* recipes left out because their canonical form was there already */
  struct eq_treatments all;               /* after eq_recipes_resolve: what the recipes do, each treatment once */
  const struct eq_treatment **treatments; /* [n][n_params]: what each recipe does to each parameter */
};

bool eq_recipes_add(struct eq_recipe_list *l, const char *text, struct eq_err *err);

/* What a file, a pipe or "-" (stdin) holds. Either text, a recipe a line, of which blank lines and lines that begin
 * with
 * '#' are passed over; or a stream, of which the `recipe` and `pareto` records count: what eq-plan and eq-pareto write.
 * Which of the two its first byte tells, for no line begins with that of a map. At most 256 MiB. Errors name file and
 * line, or record; a stream that is not whole is an error too. */
bool eq_recipes_add_file(struct eq_recipe_list *l, const char *path, struct eq_err *err);
/* The same of bytes that are here already; `name` for messages. */
bool eq_recipes_add_bytes(struct eq_recipe_list *l, const char *name, struct eq_str bytes, struct eq_err *err);

/* Before rows are treated, eq_treatments_prepare has to see the weights (lib/model: eq_model_prepare). */
bool eq_recipes_resolve(struct eq_recipe_list *l, const struct eq_parameter *params, size_t n_params, size_t n_layers,
                        struct eq_err *err);

void eq_recipes_free(struct eq_recipe_list *l); /* of {0} too */

#endif
