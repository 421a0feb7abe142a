/* footprint.h: what a recipe makes of a model's size. One count for all: eq-quant --dry-run, plans, budgets. */
#ifndef EQ_MODEL_FOOTPRINT_H
#define EQ_MODEL_FOOTPRINT_H

#include "lib/model/model.h"

/* Bytes of a parameter stored under a treatment (eq_steps_bytes); NULL: as the model's files have it. */
uint64_t eq_model_stored_bytes(const struct eq_model *m, size_t param, const struct eq_treatment *t);

struct eq_footprint {
  uint64_t weights, bytes; /* of all parameters; a tied head counts once */
};

/* treatments: [n_params], as eq_recipe_resolve gives them. Looks at shapes only: the weights need not be open. */
struct eq_footprint eq_model_footprint(const struct eq_model *m, const struct eq_treatment **treatments);

#endif
