/* matched.h: random sets of parts of a matched size: of all sets whose parts' sizes sum to within a range, each is as
 * likely as the others. For controls: other protections of the same cost.
 *
 * How many sets there are is counted exactly (dynamic programming over the sums that can be reached, in doubles: exact
 * up to 2^53), and a set is drawn part by part, with the odds that these counts give. */
#ifndef EQ_RECIPE_MATCHED_H
#define EQ_RECIPE_MATCHED_H

#include <stdint.h>

#include "lib/base/error.h"

/* Start from {0}; the owner calls eq_matched_free. */
struct eq_matched {
  size_t n;     /* parts */
  double count; /* of sets */
  const uint64_t *sizes;
  struct eq_matched_stage {
    uint64_t *sums; /* [n], rising: what the parts before can sum to */
    double *counts; /* [n]: in how many ways the parts from here on bring it into the range */
    size_t n;
  } * stages; /* [parts + 1] */
};

/* sizes[n] is borrowed. The sum of a set is in lo..hi. Fails when memory is out, and where parts have so many different
 * sizes that more than 4 Mi sums would have to be kept. Sums may not overflow 64 bits. */
bool eq_matched_count(struct eq_matched *m, const uint64_t *sizes, size_t n, uint64_t lo, uint64_t hi,
                      struct eq_err *err);

/* Draw i of a seed: chosen[k] says whether part k is in the set. A pure function of (seed, i); m->count is not 0. */
void eq_matched_draw(const struct eq_matched *m, uint64_t seed, uint64_t i, bool *chosen);

void eq_matched_free(struct eq_matched *m);

#endif
