/* activations.h: what enters the linear weights of a model in each language.
 *
 * Segments are held, sorted by language and id, and run through the untouched model in batches of one language, so that
 * sums depend neither on the order in which segments came nor on threads. Before a segment stands the model's bos, or
 * else eos, token, where it has one; its own row is not counted, for it is the same in every language and often by far
 * the largest. A segment longer than the context is cut into pieces that lie side by side. */
#ifndef EQ_MEASURE_ACTIVATIONS_H
#define EQ_MEASURE_ACTIVATIONS_H

#include "lib/base/progress.h"
#include "lib/measure/moments.h"
#include "lib/model/forward.h"

/* What entered a linear weight in a language. */
struct eq_input_stats {
  struct eq_moments moments; /* of all numbers */
  uint64_t tokens;           /* rows */
  size_t n_channels;
  const float *means, *powers; /* [n_channels]: each channel's mean and mean square over the tokens */
};

struct eq_activations;

/* The model, kernels and pool are borrowed. context: rows of a sequence, at least 2. */
struct eq_activations *eq_activations_new(const struct eq_model *m, const struct eq_kernels *k, struct eq_pool *pool,
                                          size_t context, struct eq_err *err);
void eq_activations_free(struct eq_activations *a); /* of NULL too */

/* Holds a segment; ids are below the size of the vocabulary. */
bool eq_activations_add(struct eq_activations *a, struct eq_str lang, struct eq_str id, const uint32_t *ids, size_t n,
                        struct eq_err *err);

/* Does the segments of all languages, and reports for each language, in the order of its name's bytes, each linear
 * parameter in order, but for those of experts: which tokens come to them is the router's to say. The progress, begun,
 * gets a step a segment. False when `report` is. */
bool eq_activations_run(struct eq_activations *a, struct eq_progress *progress,
                        bool (*report)(void *context, struct eq_str lang, size_t param, const struct eq_input_stats *s),
                        void *context);

#endif
