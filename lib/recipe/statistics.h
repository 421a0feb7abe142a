/* statistics.h: what eq-stats found of a model, for steps that are made from it: clip=laciq, mean. */
#ifndef EQ_RECIPE_STATISTICS_H
#define EQ_RECIPE_STATISTICS_H

#include "lib/recipe/recipe.h"
#include "lib/stream/reader.h"

/* What enters a tensor in a language. */
struct eq_language_inputs {
  char *lang;
  uint64_t tokens;
  double power;          /* mean square */
  float *means, *powers; /* [cols] by input channel */
};

/* Of a linear parameter; the others have n_languages 0. */
struct eq_tensor_statistics {
  uint64_t n;  /* weights; 0: no record came */
  size_t cols; /* inputs */
  double variance, kurtosis;
  double *squares, *fourths;            /* [cols] by input channel, about the tensor's mean */
  struct eq_language_inputs *languages; /* in the order of their records */
  size_t n_languages, capacity;
};

struct eq_statistics {
  size_t n_params;
  struct eq_tensor_statistics *tensors; /* [n_params] */
  uint64_t digest;                      /* of the records, each once, whatever their order */
  size_t n_languages;                   /* that every tensor with inputs has */
};

/* Takes the `layer` records of a stream, from the file (or port) `where`; others are passed over. Fails when one is of
 * another model than `model` (the digest behind its @ counts, not the folder's name), of a tensor that it does not have
 * or with other channels, holds what is no number, or comes again and says something else; when the stream is no whole
 * one; and when tensors have inputs in different languages. Close it, also after a failure. */
bool eq_statistics_open(struct eq_statistics *s, const char *where, const char *model,
                        const struct eq_parameter *params, size_t n_params, struct eq_err *err);
/* The same from an open reader. */
bool eq_statistics_read(struct eq_statistics *s, struct eq_reader *in, const char *model,
                        const struct eq_parameter *params, size_t n_params, struct eq_err *err);
void eq_statistics_close(struct eq_statistics *s); /* of {0} too */

/* laciq's and laciq-uniform's multiplier of a parameter's deviation (laciq.h). s may be NULL. Fails, and says which
 * command makes the file, when there are no statistics, or none of what enters the parameter. */
bool eq_statistics_multiplier(const struct eq_statistics *s, const struct eq_scheme *scheme, size_t param,
                              const char *name, double *multiplier, struct eq_err *err);

/* means[cols]: what enters a parameter, on average over the tokens of all languages. Fails likewise. */
bool eq_statistics_means(const struct eq_statistics *s, size_t param, const char *name, float *means,
                         struct eq_err *err);

#endif
