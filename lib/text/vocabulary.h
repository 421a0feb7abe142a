/* vocabulary.h: tokens by their spelling and by their id. Every model of a tokenizer keeps its tokens here; what the
 * spelling of a token means (bytes in GPT-2's alphabet, a piece with U+2581 for its space) is the model's affair. */
#ifndef EQ_TEXT_VOCABULARY_H
#define EQ_TEXT_VOCABULARY_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

enum { EQ_VOCAB_MAX = 1 << 22 }; /* ids are below this */
#define EQ_NO_TOKEN UINT32_MAX

/* Start from {0}; free with eq_vocabulary_free. */
struct eq_vocabulary {
  struct eq_buffer spellings;
  struct eq_spelling {
    uint32_t at, n, id; /* where the spelling stands in `spellings` */
  } * tokens;           /* in the order of adding */
  size_t n_tokens, capacity;
  struct eq_spelling_slot {
    uint32_t hash;            /* the upper half */
    struct eq_spelling token; /* a copy; id EQ_NO_TOKEN: free */
  } * by_spelling;            /* open addressing */
  size_t slots;
  uint32_t *by_id; /* [by_id_capacity] index in tokens, or EQ_NO_TOKEN */
  size_t by_id_capacity;
  size_t size;    /* one above the largest id */
  size_t longest; /* bytes of the longest spelling */
};

/* Two tokens must not share a spelling or an id. Messages do not name the file: the caller does. */
bool eq_vocabulary_add(struct eq_vocabulary *v, struct eq_str spelling, uint64_t id, struct eq_err *err);
bool eq_vocabulary_find(const struct eq_vocabulary *v, struct eq_str spelling, uint32_t *id);
/* The ids of n <= 4 spellings, looked up side by side; how many of them, from the first on, are there. */
size_t eq_vocabulary_find_each(const struct eq_vocabulary *v, const struct eq_str *spellings, size_t n, uint32_t *ids);
/* {NULL, 0} when no token has this id. */
struct eq_str eq_vocabulary_spelling(const struct eq_vocabulary *v, uint32_t id);
void eq_vocabulary_free(struct eq_vocabulary *v);

#endif
