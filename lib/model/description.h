/* description.h: what a model is, for who has only its files: the record of eq-show -m. */
#ifndef EQ_MODEL_DESCRIPTION_H
#define EQ_MODEL_DESCRIPTION_H

#include "lib/model/model.h"
#include "lib/stream/schema.h"

/* The texts that a description refers to. */
struct eq_description_texts {
  struct eq_buffer format, window, position, types, tokenizer, provenance, unused;
};

/* Fills a record from an open model (eq_model_look is enough) that was opened at `path`. Strings of `d` lie in `texts`
 * and in the model. False when memory is out. */
bool eq_describe(struct eq_description *d, struct eq_description_texts *texts, const struct eq_model *m,
                 const char *path, struct eq_err *err);
void eq_description_texts_free(struct eq_description_texts *texts); /* of {0} too */

#endif
