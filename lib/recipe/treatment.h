/* treatment.h: what a recipe does to one parameter: overlays, one over the other, of which the last that covers a
 * weight counts. An overlay is a part of the matrix (the rows of a head, say), which of its weights (top5%), and the
 * steps that they go through. Steps always start from the weights of the file, and scales are made of the part as a
 * whole, so that `int4/tensor;top5%=keep` rounds by the scale of the full tensor and then restores what the last clause
 * names.
 *
 * A treatment is made once for all the recipes that have it: equal ones are the same pointer, and NULL leaves the
 * parameter as it is. What is known of whole matrices is found by eq_treatments_prepare; then rows are treated one by
 * one, in any order, by any thread. */
#ifndef EQ_RECIPE_TREATMENT_H
#define EQ_RECIPE_TREATMENT_H

#include "lib/base/pool.h"
#include "lib/recipe/step.h"

struct eq_overlay {
  struct eq_slice slice;
  struct eq_pick pick;
  struct eq_steps steps;
  size_t clause;                                    /* of its recipe; not compared, recipes share treatments */
  size_t group;                                     /* of a global prune: its clause's, from 1; 0: none */
  struct eq_prepared prepared[EQ_SCHEME_STEPS_MAX]; /* of each step */
  struct eq_threshold picked;
};

struct eq_statistics;

struct eq_treatment {
  size_t param;
  const char *name; /* of the parameter, borrowed */
  size_t rows, cols;
  uint64_t stream; /* of random numbers: a digest of the parameter's name */
  size_t n;
  struct eq_overlay *overlays;
  bool ready; /* prepared, or in no need of it */
  struct eq_treatment *next;
};

/* All treatments of a run. Start from {0}. */
struct eq_treatments {
  struct eq_treatment **of_param; /* [n_params]: chains */
  size_t n_params, n, n_groups;
  const struct eq_statistics *statistics; /* of the model, borrowed; set it before preparing where a step needs them */
};
void eq_treatments_free(struct eq_treatments *all);

/* The treatment with these overlays, borrowed by the call; NULL with *err untouched for none, NULL and err when memory
 * is out. */
const struct eq_treatment *eq_treatments_intern(struct eq_treatments *all, size_t n_params,
                                                const struct eq_treatment *like, bool *ok, struct eq_err *err);

/* Does an overlay cover all weights of the parameter? */
bool eq_overlay_is_whole(const struct eq_treatment *t, const struct eq_overlay *o);

/* Does some overlay begin with a step of that kind? */
bool eq_treatment_has(const struct eq_treatment *t, enum eq_scheme_kind kind);
/* The mean that takes the place of what enters column c (EQ_MEAN); NULL: none does. */
const float *eq_treatment_mean(const struct eq_treatment *t, size_t c);

/* Is it one scheme for the whole parameter? Then that is what an exporter stores. steps: what comes before it. */
bool eq_treatment_is_whole(const struct eq_treatment *t);
/* The same with a single step. NULL is keep. */
bool eq_treatment_is_plain(const struct eq_treatment *t, struct eq_scheme *scheme);

/* Where weights come from: load fills out[rows][cols] of a parameter, from any thread; extremes are known beforehand.
 */
struct eq_weights_source {
  void *context;
  bool (*load)(void *context, size_t param, float *out, struct eq_err *err);
  struct eq_extremes (*extremes)(void *context, size_t param);
  void (*done)(void *context, size_t n_done, size_t n); /* after each load, in turn, for progress; may be NULL */
  size_t most; /* weights that may be in memory at once, a single tensor apart; 0: a tensor a thread */
};
/* Finds what is not ready yet. Memory: what `most` says, the parts (of layers, heads) that overlays cover, and what
 * steps keep; twice a tensor where what a step makes of all of it must not be seen by a later clause
 * (prune=0.5+int4;top5%=keep). */
bool eq_treatments_prepare(struct eq_treatments *all, struct eq_weights_source from, struct eq_pool *pool,
                           struct eq_err *err);

/* As its clauses spell it: "int4/g128", and for parts of the matrix "int4/g128; a part: keep". */
void eq_treatment_print(struct eq_buffer *out, const struct eq_treatment *t);

/* Bytes that the parameter takes when it is stored so; kept weights count as `source_bytes` of all rows x cols. */
size_t eq_treatment_bytes(const struct eq_treatment *t, size_t source_bytes);

/* The first `n_steps` steps of a treatment of a whole matrix, on rows first..first+n-1 in place: what stands before the
 * step that an exporter encodes itself. */
void eq_treatment_apply_steps(const struct eq_treatment *t, size_t n_steps, size_t first, size_t n, float *rows);

/* Rows first..first+n-1, which hold the file's weights, [n][cols], in place. scratch: [2][cols]. */
void eq_treatment_apply(const struct eq_treatment *t, size_t first, size_t n, float *rows, float *scratch);

#endif
