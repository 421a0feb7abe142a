/* forward.h: the forward pass, once for all families, level by level, on a batch of sequences.
 *
 * Sequences lie one below the other in one matrix of hidden states, each from a multiple of the kernels' row period,
 * and are worked on in tiles; attention keeps them apart. So a batch has no padding to a common length, and what a
 * sequence gets does not depend on its neighbours. */
#ifndef EQ_MODEL_FORWARD_H
#define EQ_MODEL_FORWARD_H

#include "lib/model/predictions.h"

struct eq_sequence {
  const uint32_t *ids;         /* [n]: the inputs */
  const uint32_t *targets;     /* [n]: what each row predicts; only those of scored rows are read */
  const uint32_t *mask;        /* of encoders: the input in place of ids[score_from]; NULL: none */
  size_t n;                    /* rows */
  size_t score_from, score_to; /* rows from the first on, before the second, are scored */
  size_t row, scored_row;      /* where it begins in the hidden states, and its scores in the scores */
  size_t kept_row;             /* and the reference's rows for its scored ones, when they were kept in a file */
};

/* A layout of sequences; add with eq_batch_add. */
struct eq_batch {
  struct eq_sequence *sequences; /* room for max_rows of them */
  size_t n, rows, scored;        /* sequences; rows and scores in use, padding between sequences included */
};

struct eq_forward;

/* Working memory for batches of at most max_rows rows of sequences of at most `context` rows (not more than the model
 * has positions, where these are learned); compares: also for eq_forward_compare. The model, kernels and pool are
 * borrowed. */
struct eq_forward *eq_forward_new(const struct eq_model *m, const struct eq_kernels *k, struct eq_pool *pool,
                                  size_t max_rows, size_t context, bool compares, struct eq_err *err);
/* How much memory it takes, about, beside its variants; `decoded` is what the treatments take that it is used under,
 * the most of eq_forward_decoded: what need not be decoded takes none. */
size_t eq_forward_bytes(const struct eq_model *m, size_t threads, size_t max_rows, size_t context, bool compares,
                        size_t decoded);
size_t eq_forward_decoded(const struct eq_model *m, const struct eq_treatment **treatments);

/* Weights are packed for the kernels, once for all nodes of a trie that find them still there: so many variants of a
 * level, each under some treatments, and so many parts of the last matrix. Who does not ask for more has the least;
 * none where the kernels do not pack. Asking forgets those that are there. */
struct eq_variants {
  size_t levels, panels;
};
/* Parts of the last matrix. */
size_t eq_forward_parts(const struct eq_model *m);
struct eq_variants eq_forward_least(const struct eq_model *m, const struct eq_kernels *k, bool compares);
size_t eq_forward_variants_bytes(const struct eq_model *m, const struct eq_kernels *k, struct eq_variants n);
bool eq_forward_keep_variants(struct eq_forward *f, struct eq_variants n, struct eq_err *err);
/* How often a variant was there, of so many times that one was asked for. */
void eq_forward_hits(const struct eq_forward *f, uint64_t *hits, uint64_t *asked);

void eq_forward_free(struct eq_forward *f);

/* Places a sequence after those in the batch; false when it does not fit. */
bool eq_batch_add(const struct eq_forward *f, struct eq_batch *b, struct eq_sequence s);

/* Hidden states x: [eq_forward_rows(f)][width]. treatments: [n_params], what the recipe does. */
size_t eq_forward_rows(const struct eq_forward *f);
void eq_forward_embed(struct eq_forward *f, const struct eq_batch *b, const struct eq_treatment **treatments, float *x);
void eq_forward_block(struct eq_forward *f, const struct eq_batch *b, size_t layer,
                      const struct eq_treatment **treatments, float *x);

/* Where activations enter a layer's linear weights: q, k and v see the same, gate and up too. What experts see is not
 * among these. */
enum eq_site { EQ_AT_QKV, EQ_AT_O, EQ_AT_UP, EQ_AT_DOWN, EQ_SITES };
/* The site of a parameter; EQ_SITES of what is not linear, or an expert's. */
enum eq_site eq_site_of(const struct eq_parameter *p);
size_t eq_site_width(const struct eq_model *m, enum eq_site site);

/* Shows activations to who wants to see them: `see` gets each tile of EQ_TILE rows that enters a site, rows `stride`
 * floats apart, in any order and from any thread of the pool; rows between sequences hold anything. */
struct eq_watch {
  void *context;
  void (*see)(void *context, size_t layer, enum eq_site site, size_t tile, const float *in, size_t stride);
};
void eq_forward_watch(struct eq_forward *f, struct eq_watch watch);

/* Of a layer with experts, after its block: adds to counts[experts] to how many of the sequence's scored rows its
 * router gave each of them. */
void eq_forward_count_experts(const struct eq_forward *f, const struct eq_sequence *s, uint32_t *counts);

/* nll[scored_row + i] = surprisal in nats of the target of the sequence's i-th scored row; x stays. No more than a tile
 * of logits exists at a time. */
void eq_forward_head(struct eq_forward *f, const struct eq_batch *b, const struct eq_treatment **treatments,
                     const float *x, double *nll);

/* What a recipe does to what the model predicts, at a scored row. */
struct eq_divergence {
  double kl;     /* of the recipe's distribution from the reference's, in nats: Kullback and Leibler 1951, eq. 2.2 */
  bool same_top; /* both find the same token likeliest */
};

/* Keeps the scored rows of x, through the final norm, as the reference's; then the head as eq_forward_head has it, and
 * beside it how it diverges from the reference, whose logits are made once more, tile by tile. divergence: [scored].
 * The reference's treatments are borrowed. */
void eq_forward_keep_reference(struct eq_forward *f, const struct eq_batch *b, const struct eq_treatment **treatments,
                               const float *x);
void eq_forward_compare(struct eq_forward *f, const struct eq_batch *b, const struct eq_treatment **treatments,
                        const float *x, double *nll, struct eq_divergence *divergence);

/* The same with a reference that another run kept: once, that it is these, which are borrowed and fit the model; and
 * then in place of eq_forward_keep_reference the rows of a batch. */
bool eq_forward_use_kept(struct eq_forward *f, const struct eq_predictions *kept, struct eq_err *err);
void eq_forward_take_kept(struct eq_forward *f, const struct eq_batch *b);

/* What entered the last matrix in the last call of eq_forward_head, to be kept: [scored][width of the embeddings]. */
const float *eq_forward_head_rows(const struct eq_forward *f);

/* Logits of one sequence of n tokens, out[n][vocab], no recipe: for tests and for who wants to look. */
bool eq_forward_logits(struct eq_forward *f, const uint32_t *ids, size_t n, float *out, struct eq_err *err);

#endif
