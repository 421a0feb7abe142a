/* pairs.h: the segments of one language under one recipe, each beside itself under the base. */
#ifndef EQ_MEASURE_PAIRS_H
#define EQ_MEASURE_PAIRS_H

#include "lib/measure/scores.h"

/* A pair counts when both of its records are scored. */
struct eq_pairs {
  size_t n;       /* pairs that count */
  uint32_t *unit; /* [n], rising: the draw of the bootstrap that the segment's id is */
  double *delta;  /* [n], bits of surprisal, recipe minus base */
  double *bytes;  /* [n]; used only when has_bytes */
  bool has_bytes; /* every record of the pairs says its bytes; has_chars likewise */
  bool has_chars;
  uint64_t tokens, n_bytes, n_chars; /* sums over the pairs; tokens that were scored */
  double nll, base_nll;              /* sums, nats */
  uint64_t unscored, unpaired;       /* segments left out: one of the two not scored; one of the two absent */
  uint64_t lost;                     /* those of them that the base scored */
  uint64_t vocab;                    /* EQ_ABSENT when the records don't say it */
};

/* Joins the rows of a recipe and the base, of one language. unit[], delta[] and bytes[] are the caller's, with room for
 * base.n; unit_of[id] numbers the ids. Fails (EQ_BAD) where a segment has other tokens, bytes, characters or another
 * vocabulary under the recipe than under the base: then the two did not score the same text. */
bool eq_pairs_join(struct eq_pairs *p, const struct eq_scores *s, struct eq_score_rows recipe,
                   struct eq_score_rows base, const uint32_t *unit_of, struct eq_err *err);

#endif
