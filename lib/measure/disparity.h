/* disparity.h: how unequally recipes hurt languages: paired damages with intervals, and their ratios.
 *
 * A unit of the bootstrap is a segment id that the base scored in some language, drawn for all languages and recipes at
 * once. delta_segment is the mean over a language's pairs of (bits under the recipe - bits under the base), delta_byte
 * the sum of those differences over the sum of bytes; ratio is the mean delta_segment of the low group's languages over
 * that of the high group's; delta_mean is the mean over all languages, worst_minus_best the largest less the smallest,
 * which noise alone makes positive, the more the fewer the segments; its interval covers at least 95 %. Intervals: 95
 * %, BCa (bootstrap.h). The base's own deltas are 0 with the interval [0, 0].
 */
#ifndef EQ_MEASURE_DISPARITY_H
#define EQ_MEASURE_DISPARITY_H

#include "lib/base/pool.h"
#include "lib/base/progress.h"
#include "lib/measure/scores.h"

struct eq_disparity_options {
  struct eq_str base;          /* the recipe that the others are compared with */
  struct eq_str low, high;     /* the two groups: a name each, or a comma list of names */
  const struct eq_str *groups; /* [scores->langs.n], each language's group; p NULL for none */
  uint64_t seed;
  size_t replicates; /* 1 at least */
  struct eq_pool *pool;
  struct eq_progress *progress; /* counts recipes; may be NULL */
};

/* The results for one model. The base comes first, other recipes and the languages in the order of bytes. Strings are
 * borrowed from the scores, the options and `texts`. */
struct eq_disparities {
  struct eq_damage *damages;        /* [n_recipes][n_langs] */
  struct eq_disparity *disparities; /* [n_recipes] */
  size_t n_recipes, n_langs;
  uint64_t unscored, unpaired; /* segments left out, over all recipes and languages */
  char **texts;                /* what the reasons point to */
  size_t n_texts, texts_capacity;
};

/* Fills *d from the closed scores of a model; the owner calls eq_disparities_free, also after a failure. Fails (EQ_BAD)
 * when the model has no record under the base (the message lists the recipes that it has), where a pair does not match,
 * where a language is in both groups, or when memory is out.
 *
 * A recipe `levels-down` when its ratio is significantly lower than that of some other recipe of the model, which yet
 * hurts the high group significantly less, and the low group not significantly more: then the low ratio is bought by
 * hurting the high group, and the low group has nothing of it. Both ratios must be numbers. Significant: the paired
 * difference is more than 1.96 jackknife standard errors from 0. levels_down_from names the one of those recipes with
 * the least delta_low. */
bool eq_disparities_measure(struct eq_disparities *d, const struct eq_scores *scores, uint32_t model,
                            const struct eq_disparity_options *options, struct eq_err *err);

void eq_disparities_free(struct eq_disparities *d);

#endif
