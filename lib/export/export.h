/* export.h: a model under a recipe as files that other programs run. Values are those that eq-ppl measures: both get
 * them from eq_model_decode. What a recipe keeps goes into the file as it lies in the source, byte for byte, where the
 * format can hold it so.
 *
 * To add a format: its file, here its struct eq_export_format, a row of the table in export.c, a line in eq-quant's
 * manual, a script in tests/golden that opens what it writes with somebody else's program. */
#ifndef EQ_EXPORT_EXPORT_H
#define EQ_EXPORT_EXPORT_H

#include "lib/base/pool.h"
#include "lib/base/progress.h"
#include "lib/model/model.h"
#include "lib/recipe/codes.h"
#include "lib/stream/schema.h"

struct eq_export_format;

/* What is exported, and as what. The caller fills all but the last three. */
struct eq_export {
  const struct eq_model *model;
  const char *source;                     /* the model's path */
  const struct eq_treatment **treatments; /* [n_params], ready */
  const char *recipe;                     /* its canonical form */
  const char *programs;                   /* JSON: what made the file, [{"name", "version", "argv"}] */
  const struct eq_treatment **base;       /* and of the recipe without its clauses of keep: for a patch */
  const char *base_recipe;
  const struct eq_safetensors *patch; /* tensors that take the place of the model's, in hf; NULL: none */
  const char *patch_model;            /* what they are of */
  enum eq_dtype dtype;                /* of what is rounded, where the format stores values */
  bool values;                        /* which formats that have codes of their own shall do too */
  struct eq_pool *pool;
  struct eq_progress progress; /* begun; gets a weight's worth of steps for each weight */
  /* Gets what became of each parameter, in order; false stops. */
  bool (*report)(void *context, const struct eq_quant *q);
  void *context;
  const struct eq_export_format *format; /* NULL: nothing is written */
  const char *out;
  bool no_vocabulary; /* the format wants a tokenizer, and the model's folder has none */
  float *scratch;     /* [threads][eq_model_scratch], while it runs */
  void *state;        /* the format's own */
};

/* What the recipe does to a parameter, for formats. Nothing: */
bool eq_export_keeps(const struct eq_export *x, size_t param);
/* The scheme whose codes a format may hold, the last step of what is done; of kind EQ_SCHEME_KINDS where that does not
 * make all of the matrix, or where its codes are about a mean: such are only stored as values. */
struct eq_scheme eq_export_scheme(const struct eq_export *x, size_t param);
/* Codes of output rows first..last-1 of `source`, which has eq_export_before of these; codes.h. */
void eq_export_encode(const struct eq_export *x, size_t param, float *source, size_t first, size_t last,
                      struct eq_codes out);
/* Adds it as the recipe spells it. */
void eq_export_print(const struct eq_export *x, size_t param, struct eq_buffer *out);
/* Fails: a format of that name cannot hold what is done to it, and why. */
bool eq_export_refuse(const struct eq_export *x, size_t param, const char *format, const char *why, struct eq_err *err);
/* Output rows first..last-1 into their place in `whole`, which has its file's layout: under the recipe, and the weights
 * that the scheme is to encode. By any thread, with its own eq_model_scratch floats of scratch. */
void eq_export_rows(const struct eq_export *x, size_t param, size_t first, size_t last, float *whole, float *scratch);
void eq_export_before(const struct eq_export *x, size_t param, size_t first, size_t last, float *whole, float *scratch);
/* The whole of it under the recipe. Fails when some of that is not finite. */
bool eq_export_round(const struct eq_export *x, size_t param, float *values, struct eq_err *err);
/* Fails when float16, rounded to, holds one of them no more: `name` is the tensor's. */
bool eq_export_fits_f16(const char *name, const float *values, size_t n, struct eq_err *err);
/* Are they the source's own? */
bool eq_export_starts_plain(const struct eq_export *x, size_t param);

/* How a format is written. `begin` refuses what the format cannot hold, in one line that names the tensor, before
 * anything is written; then `put` gets each parameter in order; then `end` names the files, or `discard` removes them.
 */
struct eq_export_format {
  const char *name;
  bool (*begin)(struct eq_export *x, struct eq_err *err);
  /* values: the parameter under its scheme, in its file's layout, which may be overwritten; NULL when it is kept.
   * *bytes: what it takes there. */
  bool (*put)(struct eq_export *x, size_t param, float *values, uint64_t *bytes, struct eq_err *err);
  bool (*end)(struct eq_export *x, struct eq_err *err);
  void (*discard)(struct eq_export *x); /* after all, of what failed too */
};
extern const struct eq_export_format eq_export_hf, eq_export_gguf, eq_export_compressed_tensors, eq_export_gptq,
    eq_export_patch;

/* NULL and err, with the names that there are, when there is none of that name. */
const struct eq_export_format *eq_export_format_find(const char *name, struct eq_err *err);

/* Have the files that are read, the patch's too, stayed as they were? For formats, before they name theirs. */
bool eq_export_unchanged(const struct eq_export *x, struct eq_err *err);

/* May a file be made there? Not in the place of another, not over one of the model's and not in its folder. */
bool eq_export_new_file(const struct eq_export *x, const char *path, struct eq_err *err);

/* Exports. In memory it takes the largest rounded tensor as float32 and a few MiB, whatever the model's size. Fails,
 * and leaves nothing, when the output is there already (a folder that is not empty) or in the model's folder, when the
 * format cannot hold the recipe, when the disk is full, and when the model's files or the patch changed meanwhile. */
bool eq_export_run(struct eq_export *x, struct eq_err *err);

/* Adds what llama-quantize --tensor-type-file reads, to do to a GGUF of the model in float what --format gguf writes: a
 * line for each matrix, a pattern that its name alone matches and its type. Fails as that format does. */
bool eq_export_tensor_types(struct eq_export *x, struct eq_buffer *out, struct eq_err *err);

/* The same without looking at weights: reports bytes alone, and writes nothing. */
bool eq_export_plan(struct eq_export *x, struct eq_err *err);

#endif
