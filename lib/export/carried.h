/* carried.h: the files beside a model's weights that an exported folder has too: its config, mended, and the
 * tokenizer's. */
#ifndef EQ_EXPORT_CARRIED_H
#define EQ_EXPORT_CARRIED_H

#include <jansson.h>

#include "lib/base/error.h"
#include "lib/tensor/dtype.h"

/* The source's config.json with the type of its weights, and with `quantization` (may be NULL: then none) in place of
 * what it says of quantization. */
bool eq_carry_config(const char *source, const char *out, enum eq_dtype dtype, json_t *quantization,
                     struct eq_err *err);

/* All that is neither weights nor a config of them: files of names that end in .json, .txt, .model, .tiktoken or
 * .jinja. */
bool eq_carry_files(const char *source, const char *out, struct eq_err *err);

#endif
