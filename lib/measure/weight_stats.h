/* weight_stats.h: what the weights of a model are like, tensor by tensor and layer by layer. */
#ifndef EQ_MEASURE_WEIGHT_STATS_H
#define EQ_MEASURE_WEIGHT_STATS_H

#include "lib/measure/moments.h"
#include "lib/model/model.h"

/* Of a tensor. An outlier is further than 3 standard deviations from the mean: of Gaussian numbers 0.27 % are. */
struct eq_weight_stats {
  struct eq_moments moments;
  uint64_t n_outliers;
  size_t n_channels; /* inputs of a linear weight; 0 of other tensors */
  double *squares;   /* [n_channels]: the mean of (w - mean of the tensor)^2 over the weights of an input */
  double *fourths;   /* [n_channels]: of the fourth power */
};

/* Statistics of a parameter of an open model. The pool shares its rows; the result depends on nothing but the weights.
 * Memory: a few MiB and, of linear weights, a sixteenth of the tensor as float32. End with eq_weight_stats_free. */
bool eq_weight_stats_of(const struct eq_model *m, struct eq_pool *pool, size_t param, struct eq_weight_stats *s,
                        struct eq_err *err);
void eq_weight_stats_free(struct eq_weight_stats *s);

#endif
