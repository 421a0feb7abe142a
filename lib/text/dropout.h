/* dropout.h: BPE-dropout: at each step every merge that could be done is left out with probability p, and of the others
 * the first is done; merging ends at the step that leaves out all of them. Provilkov et al. 2020, "BPE-dropout: simple
 * and effective subword regularization", algorithm 1. p = 0 is BPE, p = 1 leaves single symbols.
 *
 * Symbols stand at places 0..n-1; a pair of neighbours is named by the place of the left one, and one step merges one
 * pair. A step is one of a word: in a longer stretch a merge that was left out has more steps to be drawn again, until
 * hardly any is left out, so who merges whole texts must say where words begin. Draws are counted within a text, and a
 * text has its own stream of random numbers, so that what becomes of it does not depend on other texts, their order or
 * threads. */
#ifndef EQ_TEXT_DROPOUT_H
#define EQ_TEXT_DROPOUT_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

enum { EQ_DROPOUT_POWERS = 32 };

struct eq_dropout {
  double p;
  uint64_t seed;
  double powers[EQ_DROPOUT_POWERS]; /* p to the power of 1, 2, 4... */
};

/* p in 0..1. */
struct eq_dropout eq_dropout_of(double p, uint64_t seed);
/* Reads "P@SEED", as in 0.1@7; the message shows the place. */
bool eq_dropout_parse(const char *text, struct eq_dropout *dropout, struct eq_err *err);

/* A thread's random numbers and scratch. Start from {0}; free with eq_dropping_free. */
struct eq_dropping {
  const struct eq_dropout *dropout; /* borrowed */
  uint64_t stream, index;           /* of the next draw */
  struct eq_dropping_pair *pairs;   /* [capacity], by place */
  size_t capacity;
  uint32_t root; /* of the tree of pairs that can be merged */
};
void eq_dropping_free(struct eq_dropping *d);

/* The random numbers of the text with this language and id. */
void eq_dropping_begin(struct eq_dropping *d, const struct eq_dropout *dropout, struct eq_str lang, struct eq_str id);

/* What is merged. rank: of the merge of two neighbours, smaller first (of equal ones the leftmost), or EQ_NO_MERGE;
 * merge: the symbol at `left` becomes what both make, the one at `right` is no more. */
#define EQ_NO_MERGE UINT32_MAX
struct eq_merging {
  void *context;
  uint32_t (*rank)(void *context, uint32_t left, uint32_t right);
  void (*merge)(void *context, uint32_t left, uint32_t right);
  /* A word begins at `place`, > 0: nothing is ever merged across. NULL: all symbols are one word. */
  bool (*begins)(void *context, uint32_t place);
};

/* A space or U+2581: what words begin with, or in some models end. */
bool eq_dropping_is_space(struct eq_str character);

/* Merges n symbols. O(n log n) expected for every p; false when memory is out. */
bool eq_merge_dropping(struct eq_dropping *d, size_t n, const struct eq_merging *m);

#endif
