/* bpe.h: byte-level byte-pair encoding: a vocabulary, its merges, and the tokens of one word (a piece that the
 * pre-tokenizer cut). Sennrich et al. 2016, "Neural machine translation of rare words with subword units", algorithm 1;
 * over bytes as in Radford et al. 2019 (GPT-2), section 2.2.
 *
 * Tokens are spelled in GPT-2's alphabet, in which each of the 256 bytes has a printable character of its own. */
#ifndef EQ_TEXT_BPE_H
#define EQ_TEXT_BPE_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* Ids are below this. */
enum { EQ_VOCAB_MAX = 1 << 22 };

/* Token ids with the bytes that each stands for, from the start of the segment; ends are exclusive. Start from {0}. */
struct eq_token_list {
  uint32_t *ids, *starts, *ends;
  size_t n, capacity;
};
/* Room for `more` tokens; false when memory is out. */
bool eq_token_list_reserve(struct eq_token_list *l, size_t more);
void eq_token_list_free(struct eq_token_list *l);

struct eq_bpe;
struct eq_bpe *eq_bpe_new(struct eq_err *err);
void eq_bpe_free(struct eq_bpe *b); /* NULL too */

/* Adds a token; two tokens must not share a spelling or an id. Messages do not name the file: the caller does. */
bool eq_bpe_add_token(struct eq_bpe *b, struct eq_str spelling, uint64_t id, struct eq_err *err);
/* Adds the next merge; both sides and what they make must be tokens that are already there. */
bool eq_bpe_add_merge(struct eq_bpe *b, struct eq_str left, struct eq_str right, struct eq_err *err);
/* Ends the building: every byte of UTF-8 must have a token. With whole_words a word that is a token is not merged. */
bool eq_bpe_finish(struct eq_bpe *b, bool whole_words, struct eq_err *err);

bool eq_bpe_find(const struct eq_bpe *b, struct eq_str spelling, uint32_t *id);
/* One above the largest id. */
size_t eq_bpe_size(const struct eq_bpe *b);

/* A thread's memory of words it has seen, of a fixed size, and its scratch. */
struct eq_bpe_memory;
struct eq_bpe_memory *eq_bpe_memory_new(struct eq_err *err);
void eq_bpe_memory_free(struct eq_bpe_memory *m); /* NULL too */

/* Adds the tokens of word[0..n) to `out`, with offsets from `start`. O(n log n), whatever the bytes. */
bool eq_bpe_encode(const struct eq_bpe *b, struct eq_bpe_memory *m, const char *word, size_t n, size_t start,
                   struct eq_token_list *out);

#endif
