/* plan.h: lists of recipes for a study of a model, with what each costs in bytes.
 *
 * Most kinds vary what a base recipe protects: they put SELECTOR=keep behind it. A set of layers is spelled the same in
 * every kind (int4/g128;L0,L3=keep), so that results of one study serve another. */
#ifndef EQ_MODEL_PLAN_H
#define EQ_MODEL_PLAN_H

#include "lib/model/model.h"
#include "lib/recipe/list.h"
#include "lib/stream/schema.h"

/* More than that is refused, with the number that there would be. */
enum { EQ_PLAN_MAX = 1 << 17 };

struct eq_plan_options {
  const char *base; /* the recipe that is varied, and what sizes are compared with */
  const char *grid; /* of the kind grid: a file, see grid.h */
  /* Of the kind random: how many, matched with which recipe, of what, and how closely, in percent. */
  uint64_t n, seed;
  bool up_to; /* fewer will do where there are no more: a remark then, no error */
  const char *like, *of;
  double within;
};

struct eq_plan {
  const struct eq_model *model; /* NULL: sizes are not known */
  struct eq_plan_options options;
  const char *kind;                 /* as eq_plan_make was given it; NULL before */
  struct eq_recipe_list list, base; /* base: one recipe */
  size_t first;                     /* of the list: the first of the kind; those before were given */
  char **parts;                     /* [list.n - first]: what the study varies there; NULL for nothing to say */
  size_t parts_capacity;
  struct eq_treatments made;              /* of all that was weighed */
  const struct eq_treatment **treatments; /* [n_params]: of the recipe at hand */
  uint64_t base_bytes;
  struct eq_buffer remarks; /* a line each: what a user should know although nothing failed */
};

/* `model` may be NULL, for who only wants to pass a list on: then nothing can be made or weighed. The owner calls
 * eq_plan_close, also after a failure. */
bool eq_plan_open(struct eq_plan *p, const struct eq_model *model, struct eq_plan_options options, struct eq_err *err);
void eq_plan_close(struct eq_plan *p);

/* Adds the recipes of a kind of study to the list, in which there may be others; those that come out the same once.
 * Fails (EQ_BAD) where the kind is not known (the message lists them), where there would be more than EQ_PLAN_MAX,
 * where the model has not what it varies; and (EQ_DATA) where fewer random sets of that size exist than were asked for.
 */
bool eq_plan_make(struct eq_plan *p, const char *kind, struct eq_err *err);

/* Recipe i as a record; strings are borrowed from the plan. Fails when it does not fit the model. */
bool eq_plan_record(struct eq_plan *p, size_t i, struct eq_planned *record, struct eq_err *err);

/* Adds to an -h text or a message: "single, pairs, ...". */
void eq_plan_kinds(struct eq_buffer *out);

#endif
