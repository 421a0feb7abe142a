/* forward.h: the forward pass, once for all families, level by level, on a batch of sequences.
 *
 * Sequences lie one below the other in one matrix of hidden states, each from a multiple of the kernels' row period,
 * and are worked on in tiles; attention keeps them apart. So a batch has no padding to a common length, and what a
 * sequence gets does not depend on its neighbours. */
#ifndef EQ_MODEL_FORWARD_H
#define EQ_MODEL_FORWARD_H

#include "lib/model/model.h"

struct eq_sequence {
  const uint32_t *ids;         /* [n]: the inputs */
  const uint32_t *targets;     /* [n]: what each row predicts; only those of scored rows are read */
  size_t n;                    /* rows */
  size_t score_from, score_to; /* rows from the first on, before the second, are scored */
  size_t row, scored_row;      /* where it begins in the hidden states, and its scores in the scores */
};

/* A layout of sequences; add with eq_batch_add. */
struct eq_batch {
  struct eq_sequence *sequences; /* room for max_rows of them */
  size_t n, rows, scored;        /* sequences; rows and scores in use, padding between sequences included */
};

struct eq_forward;

/* Working memory for batches of at most max_rows rows of sequences of at most `context` rows. The model, kernels and
 * pool are borrowed. */
struct eq_forward *eq_forward_new(const struct eq_model *m, const struct eq_kernels *k, struct eq_pool *pool,
                                  size_t max_rows, size_t context, struct eq_err *err);
void eq_forward_free(struct eq_forward *f);

/* Places a sequence after those in the batch; false when it does not fit. */
bool eq_batch_add(const struct eq_forward *f, struct eq_batch *b, struct eq_sequence s);

/* Hidden states x: [eq_forward_rows(f)][width]. schemes: [n_params], what the recipe does. */
size_t eq_forward_rows(const struct eq_forward *f);
void eq_forward_embed(struct eq_forward *f, const struct eq_batch *b, const struct eq_scheme *schemes, float *x);
void eq_forward_block(struct eq_forward *f, const struct eq_batch *b, size_t layer, const struct eq_scheme *schemes,
                      float *x);

/* nll[scored_row + i] = surprisal in nats of the target of the sequence's i-th scored row; x stays. No more than a tile
 * of logits exists at a time. */
void eq_forward_head(struct eq_forward *f, const struct eq_batch *b, const struct eq_scheme *schemes, const float *x,
                     double *nll);

/* Logits of one sequence of n tokens, out[n][vocab], no recipe: for tests and for who wants to look. */
bool eq_forward_logits(struct eq_forward *f, const uint32_t *ids, size_t n, float *out, struct eq_err *err);

#endif
