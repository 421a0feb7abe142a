/* fronts.h: what recipes cost beside what they hurt, and which of them nothing beats: plans (`recipe` records) joined
 * with measurements (`disparity` records).
 *
 * There are two measures, delta_mean and worst_minus_best, and a front for each (pareto.h). Recipes that a plan of the
 * kind `random` drew, and no other has, are controls: they are on no front, and each other recipe is ranked among those
 * of its own size. */
#ifndef EQ_MEASURE_FRONTS_H
#define EQ_MEASURE_FRONTS_H

#include "lib/base/error.h"
#include "lib/measure/names.h"
#include "lib/stream/schema.h"

/* Start from {0}; the owner calls eq_fronts_free. */
struct eq_fronts {
  struct eq_names recipes, texts; /* texts: all other strings of the items */
  struct eq_front_item {
    struct eq_pareto is;
    struct eq_str planned; /* the model that its size is of, absent where the plan does not say */
    bool sized, measured, control, chosen;
  } * items; /* [recipes.n] until they are closed, then [n] */
  size_t n, capacity;
  bool choice;                           /* some item was chosen beforehand */
  size_t unsized, unmeasured, undefined; /* left out: without a size, without a measurement, with one that is NaN */
};

/* What a plan says of a recipe; the first that knows its size counts. */
bool eq_fronts_add_size(struct eq_fronts *f, const struct eq_planned *r, struct eq_err *err);
/* What was measured. Fails (EQ_BAD) when a recipe comes twice, and where models, bases or ways of scoring differ, also
 * the model of a plan from the one that was measured. */
bool eq_fronts_add_damage(struct eq_fronts *f, const struct eq_disparity *d, struct eq_err *err);
/* What other segments chose: the fronts that they put a recipe on. */
bool eq_fronts_add_choice(struct eq_fronts *f, const struct eq_pareto *chosen, struct eq_err *err);

/* Joins, finds the fronts and ranks: items[0..n) in the order of overhead, then of the recipes' bytes. Fails (EQ_DATA)
 * when no recipe has both a size and a measurement. */
bool eq_fronts_close(struct eq_fronts *f, struct eq_err *err);

/* Does the comma list `front` or `chosen` of an item name the measure? */
extern const char eq_front_mean[], eq_front_spread[];

void eq_fronts_free(struct eq_fronts *f);

#endif
