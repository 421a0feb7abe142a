/* select.h: the smallest, the largest or any k weights of a tensor, exactly: of equal magnitudes those with the lower
 * index in the [outputs][inputs] matrix. */
#ifndef EQ_RECIPE_SELECT_H
#define EQ_RECIPE_SELECT_H

#include "lib/recipe/scheme.h"

enum eq_pick_kind { EQ_PICK_ALL, EQ_PICK_SMALLEST, EQ_PICK_LARGEST, EQ_PICK_RANDOM };

/* A share of a tensor's weights: floor(share n) of n. */
struct eq_pick {
  enum eq_pick_kind kind;
  struct eq_decimal share;
  uint64_t seed; /* of EQ_PICK_RANDOM: a weight is drawn by (seed, the tensor's stream, its index) */
};
bool eq_pick_equal(struct eq_pick a, struct eq_pick b);

/* Weights have keys of 31 bits; those below `key` are picked, and of those with that key the ones before `limit`. */
struct eq_threshold {
  uint32_t key;
  uint64_t limit;
};

/* Of several tensors together: counts keys by their high bits in a first pass over all of them, by their low bits in a
 * second one, and then says for each tensor in turn where its threshold is. */
struct eq_selection {
  struct eq_pick pick;
  uint64_t n, left;   /* weights in all; of those with the threshold's key, how many are still to be picked */
  uint64_t *counts;   /* [65536] */
  uint32_t high, key; /* after the first pass, the second */
  bool none;          /* nothing is picked */
};
bool eq_selection_begin(struct eq_selection *s, struct eq_pick pick, struct eq_err *err);
void eq_selection_count(struct eq_selection *s, int pass, uint64_t stream, const float *w, uint64_t n);
void eq_selection_end_pass(struct eq_selection *s, int pass);
struct eq_threshold eq_selection_threshold(struct eq_selection *s, uint64_t stream, const float *w, uint64_t n);
void eq_selection_free(struct eq_selection *s);

/* All of it for one tensor. */
bool eq_select(struct eq_pick pick, uint64_t stream, const float *w, uint64_t n, struct eq_threshold *t,
               struct eq_err *err);

/* Is weight i one of them? */
bool eq_is_picked(struct eq_pick pick, struct eq_threshold t, uint64_t stream, float w, uint64_t i);

#endif
