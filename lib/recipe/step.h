/* step.h: one step of a treatment (scheme.h) done to a matrix: first what it must know of the whole is found, then each
 * row can be treated by itself, in any order, by any thread. */
#ifndef EQ_RECIPE_STEP_H
#define EQ_RECIPE_STEP_H

#include <stdlib.h>

#include "lib/recipe/rounding.h"
#include "lib/recipe/scheme.h"
#include "lib/recipe/select.h"

/* Blocks of `size` rows (or columns), `stride` apart. */
struct eq_stretch {
  size_t first, size, stride, blocks;
};
struct eq_slice {
  struct eq_stretch rows, cols;
};
static inline size_t eq_stretch_size(struct eq_stretch s) { return s.size * s.blocks; }
/* The row (or column) of the tensor that is the i-th of these. */
static inline size_t eq_stretch_at(struct eq_stretch s, size_t i) {
  return s.first + i / s.size * s.stride + i % s.size;
}

/* The index in the stretch of row (or column) r of the tensor; false when it is not in there. */
static inline bool eq_stretch_find(struct eq_stretch s, size_t r, size_t *index) {
  if (r < s.first || (r - s.first) / s.stride >= s.blocks || (r - s.first) % s.stride >= s.size) return false;
  *index = (r - s.first) / s.stride * s.size + (r - s.first) % s.stride;
  return true;
}

/* Where a matrix is in its tensor: random numbers are drawn by a weight's index there, so that parts draw others. */
struct eq_origin {
  uint64_t stream; /* of the tensor */
  size_t cols;     /* of the tensor */
  struct eq_slice slice;
};

/* What a step knows of the whole matrix. */
struct eq_prepared {
  struct eq_extremes of;         /* what /tensor's scale is made of */
  double number;                 /* noise: the deviation; lowrank: the share of the energy that is kept; laciq: the
                multiplier, known before the weights are */
  struct eq_threshold threshold; /* of prune */
  float *table;                  /* clip: limits (clip.h); nf4, fp4: scales of blocks; lowrank: its factors;
mean: what enters the columns instead */
  size_t rank, rows;             /* of lowrank, and of its first factor */
};
static inline void eq_prepared_free(struct eq_prepared *p) { free(p->table); }

/* What a step needs before rows can be treated: nothing, the extremes of the matrix, or all of it. */
enum eq_needs { EQ_NEEDS_NOTHING, EQ_NEEDS_EXTREMES, EQ_NEEDS_WEIGHTS };
enum eq_needs eq_step_needs(const struct eq_scheme *s, size_t cols);

/* Fills *p from w, [rows][cols]. Fails when memory is out, when a scale is beyond float16 (s16), when LAPACK finds no
 * singular values. A global prune's threshold is set by treating.c. */
bool eq_step_prepare(const struct eq_scheme *s, const float *w, size_t rows, size_t cols, struct eq_prepared *p,
                     struct eq_err *err);
/* The part of it that extremes are enough for: where a step that needs them has these and they do, which those of a
 * matrix whose groups have s16 scales may not: then groups must be looked at. */
bool eq_step_extremes_do(const struct eq_scheme *s, struct eq_extremes of);
bool eq_step_prepare_extremes(const struct eq_scheme *s, struct eq_extremes of, struct eq_prepared *p,
                              struct eq_err *err);

/* Treats a row in place: row r of the matrix, which is at o, of `cols` inputs. */
void eq_step_apply(const struct eq_scheme *s, const struct eq_prepared *p, const struct eq_origin *o, size_t r,
                   size_t cols, float *row);

/* Bytes of a matrix after these steps, at its smallest: codes, scales of float32 (float16 with s16) and zero points of
 * the last step that makes codes, else the `source` bytes a weight that the file has. Of a pruned one the codes that
 * are not 0, and a bit a weight that says where they stand (as many as 2:4's indices take); GGML's blocks stay whole. A
 * global prune counts as if it took its share of each tensor. lowrank=R: two factors in float32. */
size_t eq_steps_bytes(const struct eq_steps *steps, size_t rows, size_t cols, double source);

/* For the files of single schemes. */
bool eq_levels_prepare(const struct eq_scheme *s, const float *w, size_t rows, size_t cols, struct eq_prepared *p,
                       struct eq_err *err);
void eq_levels_apply(const struct eq_scheme *s, const struct eq_prepared *p, size_t r, size_t cols, float *row);
bool eq_lowrank_prepare(const struct eq_scheme *s, const float *w, size_t rows, size_t cols, struct eq_prepared *p,
                        struct eq_err *err);
void eq_lowrank_apply(const struct eq_prepared *p, size_t r, size_t cols, float *row);

#endif
