/* scores.h: the surprisal of every segment of a stream, ordered by model, recipe, language and id. */
#ifndef EQ_MEASURE_SCORES_H
#define EQ_MEASURE_SCORES_H

#include "lib/base/error.h"
#include "lib/measure/names.h"
#include "lib/stream/schema.h"

/* Names are numbers: places in the tables of names below. Once closed, the order of numbers is the order of bytes. */
struct eq_score {
  uint32_t model, recipe, lang, id;
  uint64_t n_scored, bytes, chars, vocab; /* bytes, chars, vocab: EQ_ABSENT when the record had none */
  double nll;                             /* nats; NaN when the segment was not scored */
};

/* Start from {0}; the owner calls eq_scores_free. */
struct eq_scores {
  struct eq_names models, recipes, langs, ids;
  struct eq_names ways;     /* of scoring, what records have in `as`, "" for none: one, once closed */
  struct eq_names settings; /* "model\0settings": one a model, once closed */
  struct eq_buffer key;
  struct eq_score *rows; /* [n] */
  size_t n, capacity;
};

/* Copies what a record says. A record with `excluded`, without scored tokens or with an nll that is not finite is kept
 * as not scored. Fails only when memory is out. */
bool eq_scores_add(struct eq_scores *s, const struct eq_surprisal *record, struct eq_err *err);

/* Sorts the rows, and joins those that say the same twice. Fails (EQ_BAD) when two records of one segment, recipe and
 * model differ, and when records, or those of one model, were scored in different ways: it names them. The order in
 * which records came leaves no trace. */
bool eq_scores_close(struct eq_scores *s, struct eq_err *err);

/* The rows of a key, after closing: recipe or lang EQ_ANY leaves that and what follows it open. Borrowed. */
#define EQ_ANY UINT32_MAX
struct eq_score_rows {
  const struct eq_score *rows;
  size_t n;
};
struct eq_score_rows eq_scores_of(const struct eq_scores *s, uint32_t model, uint32_t recipe, uint32_t lang);

void eq_scores_free(struct eq_scores *s);

#endif
