/* cells.h: which cells of a sweep some results hold, and which they lack. A cell is a segment under a recipe; model and
 * settings are the same in all cells of a sweep. */
#ifndef EQ_MEASURE_CELLS_H
#define EQ_MEASURE_CELLS_H

#include "lib/base/error.h"
#include "lib/measure/names.h"
#include "lib/stream/record.h"

/* Start from {0}; the owner calls eq_cells_free. First come the recipes, then the segments, if they are known, then the
 * results. */
struct eq_cells {
  struct eq_names recipes, segments; /* planned ones first; segments as "lang\0id" */
  size_t n_recipes;                  /* that are planned */
  size_t n_segments;                 /* that are planned; 0: those that some result names */
  struct eq_names models, settings;  /* one each */
  uint64_t *texts;                   /* [n_segments]: 1 + what results of a planned `tokens` record have in `of` */
  size_t texts_capacity;
  struct eq_cell {
    uint32_t recipe, segment;
  } * done; /* [n] */
  size_t n, capacity;
};

/* A planned recipe, canonical. */
bool eq_cells_recipe(struct eq_cells *c, const char *recipe, struct eq_err *err);

/* A planned segment: a `tokens` or `text` record; others don't count. Fails (EQ_BAD) where another record came under
 * its name. */
bool eq_cells_segment(struct eq_cells *c, const struct eq_record *r, struct eq_err *err);

/* A result: a `surprisal` record, also one that excludes its segment; others don't count. Fails (EQ_BAD) where it is of
 * another model, or of other settings (fingerprint, reference, way of scoring), than those before, or of another text
 * than the planned one. */
bool eq_cells_result(struct eq_cells *c, const struct eq_record *r, struct eq_err *err);

/* How many segments there are, and how many of them each of the planned recipes lacks: missing[n_recipes], in the order
 * that they came in. */
bool eq_cells_count(const struct eq_cells *c, uint64_t *missing, uint64_t *segments, struct eq_err *err);

void eq_cells_free(struct eq_cells *c);

#endif
