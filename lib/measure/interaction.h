/* interaction.h: is a combination of interventions worse than the sum of its parts?
 *
 * A recipe combines others when its text is theirs, joined: steps of one scheme (prune=0.5+int4, of prune=0.5 and int4)
 * or clauses that surely share no weight (attn=int4;mlp=prune=0.5; L0-3=int4;L4=int8; not int4;L0=int8, of which the
 * second replaces what the first did to L0). Where all parts were measured too, the excess of a segment is the bits
 * that the combination adds over the base, less the sum of what each part adds alone; 0 were damages additive. Means,
 * intervals and draws are disparity.h's, with the sum of the parts for a base. */
#ifndef EQ_MEASURE_INTERACTION_H
#define EQ_MEASURE_INTERACTION_H

#include "lib/measure/disparity.h"

/* The results for one model: for each combination its languages, then the low and the high group. Strings are borrowed
 * as disparity.h's are; `parts` are texts of the results' own. */
struct eq_interactions {
  struct eq_interaction *items;
  size_t n, capacity;
  char **parts;
  size_t n_parts, parts_capacity;
};

/* Fills *x from the closed scores of a model; no combination, no items. Segments count that the combination, all parts
 * and the base scored. The owner calls eq_interactions_free, also after a failure (as eq_disparities_measure's). */
bool eq_interactions_measure(struct eq_interactions *x, const struct eq_scores *scores, uint32_t model,
                             const struct eq_disparity_options *options, struct eq_err *err);

void eq_interactions_free(struct eq_interactions *x);

#endif
