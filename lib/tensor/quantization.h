/* quantization.h: how the weights of a folder were quantized, as its config.json says it (quantization_config), and the
 * table of schemes that we read. */
#ifndef EQ_TENSOR_QUANTIZATION_H
#define EQ_TENSOR_QUANTIZATION_H

#include <jansson.h>

#include "lib/tensor/checkpoint.h"
#include "lib/tensor/packed.h"

struct eq_quantization {
  const char *file, *path; /* the weights' and the config's, for messages */
  const char *method;      /* quant_method */
  json_t *json;
};

/* Looks for a quantization in the folder's config.json (or AutoGPTQ's quantize_config.json, AutoAWQ's
 * quant_config.json) and makes of each quantized layer's tensors one, LAYER.weight, in c->tensors. Layers that were
 * left as they were stay as they are, and so does all of a folder without a quantization. Fails when the scheme is not
 * one of the table, or a layer's tensors do not fit together. */
bool eq_quantization_open(struct eq_checkpoint *c, const char *folder, struct eq_err *err);

/* The same with the text of a config, whose name `path` is for messages; method: when the config names none, NULL for
 * a config.json. */
bool eq_quantization_read(struct eq_checkpoint *c, const char *path, struct eq_str config, const char *method,
                          struct eq_err *err);

/* For the schemes: a key's text or whole number; `otherwise` when it is not there or another thing. */
const char *eq_quantization_text(const struct eq_quantization *q, const char *key, const char *otherwise);
int64_t eq_quantization_number(const struct eq_quantization *q, const char *key, int64_t otherwise);

/* "CONFIG: 'KEY' is 'VALUE', expected EXPECTED"; always false. */
bool eq_quantization_refuse(const struct eq_quantization *q, const char *key, const char *value, const char *expected,
                            struct eq_err *err);

#endif
