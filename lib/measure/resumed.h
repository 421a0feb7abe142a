/* resumed.h: which cells of a sweep the output of a run holds already, so that it computes the others. (cells.h counts
 * what results lack of a plan.)
 *
 * A cell is what one surprisal record tells: a segment under a recipe, of one model, scored in one way. Recipes are
 * those of the run, by number; a set of them is a bit map, bit r % 64 of word r / 64. Cells of other recipes are let
 * be. Memory: 16 bytes and a bit map for each segment. */
#ifndef EQ_MEASURE_RESUMED_H
#define EQ_MEASURE_RESUMED_H

#include "lib/base/error.h"
#include "lib/stream/record.h"

struct eq_resumed;

/* What all cells of the run have in common; p NULL or false: its records do not have it. */
struct eq_resumed_terms {
  struct eq_str model, settings, reference;
  bool nlls, experts; /* records carry each token's surprisal; counts of experts, where the segment was scored */
};

/* The recipes are canonical; all strings are borrowed. */
struct eq_resumed *eq_resumed_new(const struct eq_str *recipes, size_t n_recipes, struct eq_resumed_terms terms,
                                  struct eq_err *err);
void eq_resumed_free(struct eq_resumed *c); /* NULL too */

/* Notes a record that is there: a surprisal record's cell, or that another record came. Fails when the record is of
 * another model or was scored in another way, and so does not belong to the run ("FILE: is stale: ..."). `cells` is a
 * struct eq_resumed, for eq_append_open. */
bool eq_resumed_note(void *cells, const struct eq_record *r, struct eq_err *err);

/* How many surprisal records were noted. */
uint64_t eq_resumed_found(const struct eq_resumed *c);

/* What lacks of the segment that a tokens record holds: *missing, borrowed until the next call, and how many recipes
 * that is. From here on they count as there. Fails when what is there was made of another record. */
bool eq_resumed_take(struct eq_resumed *c, const struct eq_record *tokens, const uint64_t **missing, size_t *n_missing,
                     struct eq_err *err);
/* The same of a record that is only passed on. */
bool eq_resumed_take_other(struct eq_resumed *c, const struct eq_record *r, bool *missing, struct eq_err *err);

/* What a surprisal record says in `of`. */
uint32_t eq_resumed_of(const struct eq_record *tokens);

#endif
