/* folder_model.h: a Hugging Face folder in the making: one safetensors file with what is kept as it lies in the source
 * and what is rounded as values or as codes; config and tokenizer beside it. hf.c stores values, other formats say how
 * codes lie. */
#ifndef EQ_EXPORT_FOLDER_MODEL_H
#define EQ_EXPORT_FOLDER_MODEL_H

#include <jansson.h>

#include "lib/export/export.h"
#include "lib/tensor/safetensors_writer.h"

struct eq_folder_model;

/* How a format stores a matrix of codes: as a few tensors LAYER.PART in place of LAYER.weight. */
struct eq_codes_layout {
  /* Refuses a scheme, or a place in the model, that the format cannot hold. */
  bool (*check)(const struct eq_export *x, size_t param, struct eq_err *err);
  /* Adds its parts, eq_folder_model_add. */
  bool (*add)(const struct eq_export *x, struct eq_folder_model *f, size_t param, struct eq_err *err);
  /* Writes them, in the order of adding, eq_folder_model_put. */
  bool (*put)(const struct eq_export *x, struct eq_folder_model *f, size_t param, const struct eq_codes *codes,
              struct eq_err *err);
  /* The config's quantization_config; NULL when memory is out. */
  json_t *(*describe)(const struct eq_export *x);
};

extern const struct eq_codes_layout eq_compressed_tensors_layout, eq_gptq_layout;

struct eq_folder_model {
  const struct eq_codes_layout *layout; /* NULL: values alone */
  struct eq_folder folder;
  struct eq_safetensors_writer file;
  struct eq_tensor *tensors;        /* [n], what the file gets */
  const struct eq_tensor **sources; /* [n], what is copied of the source; NULL where values or parts come */
  size_t n, capacity, n_own;        /* n_own: those of parameters, which come first */
  size_t *of_param;                 /* [n_params], the first of its tensors */
  char **names;                     /* [n_names], of parts */
  size_t n_names, names_capacity;
  float *floats; /* a chunk of elements */
  char *bytes;   /* and of what is written */
  struct eq_codes codes;
  size_t codes_capacity, scales_capacity;
};

/* begin, put, end and discard of an eq_export_format. */
bool eq_folder_model_begin(struct eq_export *x, const struct eq_codes_layout *layout, struct eq_err *err);
bool eq_folder_model_write(struct eq_export *x, size_t param, float *values, uint64_t *bytes, struct eq_err *err);
bool eq_folder_model_end(struct eq_export *x, struct eq_err *err);
void eq_folder_model_discard(struct eq_export *x);

/* Where its files are until it has its name. */
const char *eq_folder_model_path(const struct eq_export *x);

/* Is a parameter stored as codes? */
bool eq_folder_model_codes(const struct eq_export *x, size_t param);
/* Is it the matrix of a module that multiplies (a linear layer, a router, a projection, the head; no table of vectors)
 * and not stored as codes? A config must name such, or who reads it looks for their codes. */
bool eq_folder_model_is_left(const struct eq_export *x, size_t param);
/* The module of a parameter: its name without ".weight", of which n bytes are. */
size_t eq_folder_model_module(const struct eq_export *x, size_t param);

/* For layouts: a part of a parameter, of two dimensions, of one when cols is 0. */
bool eq_folder_model_add(const struct eq_export *x, struct eq_folder_model *f, size_t param, const char *part,
                         enum eq_dtype dtype, size_t rows, size_t cols, struct eq_err *err);
/* The whole of its part-th tensor. */
bool eq_folder_model_put(struct eq_folder_model *f, const struct eq_export *x, size_t param, size_t part,
                         const void *bytes, struct eq_err *err);
/* Scales as the scheme has them, float16 with s16, else float32: their type, and n of them as bytes in f->bytes. */
enum eq_dtype eq_folder_model_scales(struct eq_scheme s);

/* words |= a field of so many bits at bit `at` of a string of 32-bit words, `stride` words apart. */
static inline void eq_set_field(uint32_t *words, size_t stride, size_t at, unsigned bits, uint32_t value) {
  size_t word = at / 32 * stride;
  unsigned shift = at % 32;
  words[word] |= value << shift;
  if (shift + bits > 32) words[word + stride] |= value >> (32 - shift);
}

#endif
