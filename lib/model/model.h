/* model.h: a model (a folder with config.json and safetensors, or a GGUF file): its parameters by place, and their
 * values as float32 under a scheme. Weights stay mapped; what is decoded or rounded goes into memory of the caller's.
 */
#ifndef EQ_MODEL_MODEL_H
#define EQ_MODEL_MODEL_H

#include "lib/base/pool.h"
#include "lib/model/config.h"
#include "lib/recipe/rounding.h"
#include "lib/tensor/checkpoint.h"

/* A tensor of the file at its place in the forward pass: what a parameter is beside its name and roles. */
struct eq_placed_tensor {
  const struct eq_slot *slot;
  const struct eq_tensor *tensor;
  size_t rows, cols;           /* outputs, inputs */
  bool transposed;             /* lies [cols][rows] */
  struct eq_extremes extremes; /* of the whole tensor: the scale of a /tensor scheme */
};

/* Levels are what recipes share: level 0 is the embedding, level 1 + l layer l, the last one the final norm and head.
 */
struct eq_model {
  char *name; /* "mini@1f2e3d4c": the folder's name and a digest of config and weights, as these are stored */
  struct eq_config config;
  struct eq_checkpoint file;
  size_t n_params;
  struct eq_placed_tensor *weights; /* [n_params] */
  struct eq_parameter *params;      /* [n_params], the same as recipes see them: for eq_recipe_resolve */
  size_t n_levels;
  int *at; /* [n_levels][EQ_PLACES], see eq_model_at. A tied head stands in two levels; of a slot for each
head or expert this is the first, and the others follow it */
  uint64_t config_digest;
  struct eq_heads heads;
  bool frugal;        /* set it after eq_model_look: what was read of the files leaves memory after each level */
  size_t n_unused;    /* tensors of the file that nothing needs */
  const char *unused; /* the first of them */
};

/* Opens a folder, or a file that checkpoint.h takes, and checks: every tensor there with the shape that config.json
 * says, float, without NaN or infinity. The pool reads all weights once, for digest, extremes and that check. */
bool eq_model_open(struct eq_model *m, const char *path, struct eq_pool *pool, struct eq_err *err);
/* The same without reading weights, for who only asks what a model is: no digest in the name, no extremes, and weights
 * that are not numbers stay unnoticed. */
bool eq_model_look(struct eq_model *m, const char *path, struct eq_err *err);
/* The rest of opening. False leaves it to eq_model_close. */
bool eq_model_open_weights(struct eq_model *m, const char *path, struct eq_pool *pool, struct eq_err *err);
void eq_model_close(struct eq_model *m); /* of {0} too */

/* Index of the parameter at a place of a level, -1 for none. */
static inline int eq_model_at(const struct eq_model *m, size_t level, enum eq_place place) {
  return m->at[level * EQ_PLACES + place];
}

/* True when a parameter can be used where it lies: float32, aligned, kept. */
bool eq_model_in_place(const struct eq_model *m, size_t param, const struct eq_treatment *t);

/* Makes treatments ready (treatment.h), which has to be before rows are decoded under them. Draws progress where that
 * takes time, if `draw` is not NULL. At a time no more weights are in memory as float32 than the largest tensor has. */
bool eq_model_prepare(const struct eq_model *m, struct eq_treatments *all, struct eq_pool *pool,
                      void (*draw)(const char *line), struct eq_err *err);

/* Rows of a matrix that a job of the pool takes: some 64 Ki weights, and of transposed ones whole cache lines. */
static inline size_t eq_model_job_rows(size_t cols) { return cols < 1024 ? 65536 / cols : 64; }

/* Floats of scratch that decoding needs, a thread. */
size_t eq_model_scratch(const struct eq_model *m);

/* Output rows first..last-1 of a parameter, decoded and treated, into their place in `whole`, which has room for all of
 * it and its file's layout. Threads may share a parameter. */
void eq_model_decode(const struct eq_model *m, size_t param, const struct eq_treatment *t, size_t first, size_t last,
                     float *whole, float *scratch);

/* The same rows alone, out[last - first][cols]; for parameters that are not transposed (embeddings, heads). */
void eq_model_rows(const struct eq_model *m, size_t param, const struct eq_treatment *t, size_t first, size_t last,
                   float *out, float *scratch);

/* All of a parameter as the file has it, [rows][cols], whatever its layout: what an exporter encodes. */
void eq_model_source(const struct eq_model *m, size_t param, float *out);

/* Rows (output channels) of all parameters whose last group is shorter than the rest under these treatments. */
size_t eq_model_short_groups(const struct eq_model *m, const struct eq_treatment **treatments);

/* Matrices that get another type of GGML's than the recipe asks for, since blocks do not divide their rows; the first
 * of them and its type. */
size_t eq_model_fallbacks(const struct eq_model *m, const struct eq_treatment **treatments, const char **name,
                          enum eq_dtype *type);

/* The least share of a matrix's energy (its squared singular values) that lowrank keeps; 1 where there is none. After
 * eq_model_prepare. */
double eq_model_energy_kept(const struct eq_model *m, const struct eq_treatment **treatments);

/* Bytes of the parameters as float32. */
size_t eq_model_bytes(const struct eq_model *m);

#endif
