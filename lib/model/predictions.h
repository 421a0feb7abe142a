/* predictions.h: what a model predicts of a text, kept in a file, so that another model or recipe can be compared with
 * it in a later run, when the first is too large to be held beside it, or gone.
 *
 * Logits are products of the rows that enter a model's last matrix with that matrix. A file keeps both: of each scored
 * token `width` numbers in place of the vocabulary's many, and the matrix once. Nothing is rounded, so the logits that
 * are made of them again are the same bits (on the same processor, with the same kernels).
 *
 * A segment is found by a digest of its token ids; how it was cut into windows must be as it is now. All numbers are
 * little-endian; a file is
 *
 *   a header  see struct header in predictions.c, with digests of itself and of all that follows
 *   texts     the names of model and recipe
 *   matrix    float32 [vocab][width], at the next multiple of 64 bytes
 *   bias      float32 [vocab], when there is one
 *   rows      float32 [n_rows][width]
 *   segments  at the next multiple of 8: struct eq_kept_segment, ascending by key */
#ifndef EQ_MODEL_PREDICTIONS_H
#define EQ_MODEL_PREDICTIONS_H

#include "lib/base/file.h"
#include "lib/model/model.h"
#include "lib/model/windows.h"

/* How the rows of a segment came about. */
struct eq_kept_how {
  struct eq_cut cut;
  int64_t prefix, mask; /* as in struct eq_scoring */
};

/* XXH3's 128 bits. */
struct eq_kept_key {
  uint64_t low, high;
};

struct eq_kept_segment {
  struct eq_kept_key key;
  uint64_t first, n; /* its rows: one for each scored token, in order */
};

/* Digest of a segment's ids (prefix included) and, unless NULL, of which are scored. */
struct eq_kept_key eq_kept_key(const uint32_t *ids, const bool *scored, size_t n);

/* ---- to be read ---- */

/* Pointers lie in the file, which is mapped. */
struct eq_predictions {
  struct eq_file file;
  struct eq_str model, recipe; /* UTF-8 */
  struct eq_kept_how how;
  size_t vocab, width, n_rows, n_segments;
  const float *matrix, *bias, *rows; /* bias: NULL when there is none */
  struct eq_logit_rule rule;
  const struct eq_kept_segment *segments;
};

/* Checks every size against the bytes that are there, the digests and the order of segments: EQ_BAD, in one line. A
 * file on a big-endian machine is refused as another's. */
bool eq_predictions_open(struct eq_predictions *p, const char *path, struct eq_err *err);
/* The same of bytes in memory that begin at a multiple of 8; they are borrowed. */
bool eq_predictions_parse(struct eq_predictions *p, const char *path, const char *bytes, size_t n, struct eq_err *err);
void eq_predictions_close(struct eq_predictions *p); /* of {0} too */

/* NULL when there is none. O(log n). */
const struct eq_kept_segment *eq_predictions_find(const struct eq_predictions *p, struct eq_kept_key key);

/* Can a model be compared with them, its segments cut like this? The error says what differs. */
bool eq_predictions_fit(const struct eq_predictions *p, const struct eq_model *m, struct eq_kept_how how,
                        struct eq_err *err);

/* ---- to be written ---- */

struct eq_predictions_writer;

/* Begins a file with what a recipe makes of the model's last matrix. It appears when it is committed. */
struct eq_predictions_writer *eq_predictions_create(const char *path, const struct eq_model *m,
                                                    const struct eq_treatment **treatments, const char *recipe,
                                                    struct eq_kept_how how, struct eq_err *err);

/* A segment of n rows; and rows, of all segments in the order in which these were added. A failure sticks and is
 * reported by these and by commit. */
bool eq_predictions_add_segment(struct eq_predictions_writer *w, struct eq_kept_key key, size_t n, struct eq_err *err);
void eq_predictions_add_rows(struct eq_predictions_writer *w, const float *rows, size_t n);

/* Names the file. The writer is still to be freed; without a commit that removes what was written. */
bool eq_predictions_commit(struct eq_predictions_writer *w, struct eq_err *err);
void eq_predictions_free(struct eq_predictions_writer *w); /* NULL too */

#endif
