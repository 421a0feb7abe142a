/* parts.h: where the projections and heads of a layer are in its matrices, fused or not. */
#ifndef EQ_RECIPE_PARTS_H
#define EQ_RECIPE_PARTS_H

#include "lib/recipe/recipe.h"
#include "lib/recipe/treatment.h"

/* All of a parameter. */
struct eq_slice eq_slice_whole(const struct eq_parameter *p);

/* One projection (EQ_Q to EQ_DOWN) of a parameter that has it: rows of a matrix, of a bias its elements. */
struct eq_slice eq_slice_projection(const struct eq_parameter *p, unsigned projection);

/* A head in one of q, k, v and o; of keys and values, the head that a query head shares. False where a parameter has no
 * part of it: biases of o. */
bool eq_slice_head(const struct eq_parameter *p, unsigned projection, size_t head, struct eq_slice *slice);

#endif
