/* check.h: an exported file held against its source: what the recipe keeps is the source's bit for bit, what it rounds
 * is what the recipe makes of it. */
#ifndef EQ_EXPORT_CHECK_H
#define EQ_EXPORT_CHECK_H

#include "lib/export/export.h"

/* The recipe that an exported folder or file says it was made with, to free(). NULL and err when it says none. */
char *eq_export_recipe_of(const struct eq_model *exported, struct eq_err *err);

struct eq_export_check {
  size_t kept, kept_differ, rounded, rounded_differ; /* tensors */
  const char *first;                                 /* the first that differs, the exported model's; NULL for none */
};

/* Compares every parameter: one that is kept must have the source's bytes, or where the format stores it otherwise (the
 * vectors and rows of a GGUF, layers that others had quantized) exactly its values; one that is rounded the values that
 * the recipe gives, rounded to the type of the file (a zero may have either sign, for codes have none). Of x the model,
 * the recipe, the pool and the progress are used. Fails when the two are not the same kind of model. */
bool eq_export_check(struct eq_export *x, const struct eq_model *exported, struct eq_export_check *result,
                     struct eq_err *err);

/* The same of patch.safetensors alone: it must have those tensors that the recipe of x keeps and its base does not, the
 * source's byte for byte, and no others. Fails when it was made of another model. */
bool eq_export_check_patch(struct eq_export *x, const struct eq_safetensors *patch, struct eq_export_check *result,
                           struct eq_err *err);

#endif
