/* score.h: the surprisal of a stream of segments under many recipes at once.
 *
 * Segments are cut into windows, windows collected into batches of bounded size, and each batch walks the trie of
 * recipes. Memory does not grow with the stream, and what a segment gets does not depend on the others. */
#ifndef EQ_MODEL_SCORE_H
#define EQ_MODEL_SCORE_H

#include "lib/model/forward.h"
#include "lib/model/trie.h"
#include "lib/model/windows.h"

struct eq_scoring {
  struct eq_cut cut; /* into windows; of encoders only the context counts */
  int64_t prefix;    /* a token before each segment, so that its first token is scored; -1 for none */
  bool per_token;    /* keep each token's surprisal */
  int64_t mask;      /* of encoders: the token that hides the one that is scored */
  bool experts;      /* count which experts see the scored tokens; the model must have some */
  const struct eq_treatment *
      *reference;                     /* [n_params]: what each recipe's predictions are compared with; NULL: nothing */
  const struct eq_predictions *kept;  /* or these, which fit the model and the cut; NULL: nothing */
  struct eq_predictions_writer *keep; /* where predictions are kept, of the only recipe; NULL: nowhere */
  size_t memory;                      /* that it may take, eq_scorer_bytes; 0: no limit */
};

/* A segment's result; borrowed during a call of eq_sink's deliver. */
struct eq_scored {
  void *tag;              /* what eq_scorer_add was given */
  const uint64_t *wanted; /* likewise: what other recipes have got is undefined */
  size_t n_tokens, n_scored;
  const double *nll; /* [n_recipes] nats, summed over the scored tokens in order; 0 when n_scored is 0 */
  const float *nlls; /* [n_recipes][n_scored] nats; NULL unless per_token */
  /* NULL without a reference or kept predictions. Over the scored tokens: the divergence from the reference's
   * predictions, summed, in nats; and how often both find the same token likeliest. */
  const double *kl;       /* [n_recipes] */
  const size_t *same_top; /* [n_recipes] */
  /* NULL unless asked for: to how many of the scored rows (those from which a token is predicted) each router gave each
   * expert; zeros where a layer has an MLP. */
  const uint32_t *experts; /* [n_recipes][n_layers][experts] */
};

/* Where results go. */
struct eq_sink {
  void (*deliver)(void *context, const struct eq_scored *s); /* once a segment, in the order they were added */
  void (*drop)(void *tag); /* instead, for segments that are still there when the scorer is freed */
  void *context;
  void (*step)(void *context, size_t n); /* n more cells (a segment under a recipe) are done; NULL: nobody asks */
};

struct eq_scorer;

/* treatments: [n_recipes][n_params], borrowed like all else. */
struct eq_scorer *eq_scorer_new(const struct eq_model *m, const struct eq_kernels *k, struct eq_pool *pool,
                                const struct eq_treatment **treatments, size_t n_recipes, struct eq_scoring scoring,
                                struct eq_sink sink, struct eq_err *err);
void eq_scorer_free(struct eq_scorer *s);

/* How much memory a run takes, about, once there is enough to score: hidden states, decoded parameters, and what is
 * resident of the model's files: all of them, or of a frugal model those of a level. Beside it there are the program
 * and its libraries. Batches are made smaller to hold a limit; the least that would do is named when that isn't enough.
 */
size_t eq_scorer_bytes(const struct eq_scorer *s);

/* Takes a copy of a segment's ids[0..n), each below the vocabulary's size; may deliver segments that are done. Of the
 * recipes it is scored under those that are wanted: bit r % 64 of wanted[r / 64]; NULL: all. Segments of which the same
 * are wanted share batches; others wait for more of their kind (an encoder's do not, and should come one after the
 * other).
 *
 * A model that predicts the next token scores what the cut says: mostly all but the first, or all with a prefix. An
 * encoder scores each token with scored[i] (all, when NULL) from a sequence of its own, in which the mask stands for
 * it: its pseudo-log-likelihood (Salazar et al. 2020, eq. 2). Of a segment longer than the context it then sees the
 * context around the token. A batch is also run when the segments that wait hold too much memory; tag_bytes says what a
 * tag holds. A segment of which nothing was kept fails, when predictions are to be compared with kept ones. */
bool eq_scorer_add(struct eq_scorer *s, const uint32_t *ids, const bool *scored, size_t n, const uint64_t *wanted,
                   void *tag, size_t tag_bytes, struct eq_err *err);

/* Scores and delivers what is left. */
void eq_scorer_flush(struct eq_scorer *s);

/* What recipes share: of a batch, as far as it is known beforehand; and so far, by batches that lacked what they may.
 */
struct eq_sharing {
  uint64_t blocks, blocks_asked; /* layers computed, and those of separate runs */
  uint64_t heads, heads_asked;
  uint64_t weights_found, weights_asked; /* packed weights that were still there; of so many that were needed */
};
struct eq_sharing eq_scorer_batch(const struct eq_scorer *s);
struct eq_sharing eq_scorer_sharing(const struct eq_scorer *s);
/* Packed weights that there is room for, see forward.h. */
struct eq_variants eq_scorer_variants(const struct eq_scorer *s);

#endif
