/* bpe.h: byte-pair encoding: the merges of a vocabulary, and the tokens of one word (a piece that the pre-tokenizer
 * cut). Sennrich et al. 2016, "Neural machine translation of rare words with subword units", algorithm 1. Merging
 * starts from bytes, as in Radford et al. 2019 (GPT-2), section 2.2, or from characters.
 *
 * Over bytes tokens are spelled in GPT-2's alphabet (byte_alphabet.h), and words are the bytes themselves. Over
 * characters a character that is no token becomes its bytes' tokens <0x00> to <0xFF>, where byte fallback finds all of
 * them, else the unknown token; without one it is left out. */
#ifndef EQ_TEXT_BPE_H
#define EQ_TEXT_BPE_H

#include "lib/text/dropout.h"
#include "lib/text/seams.h"
#include "lib/text/token_list.h"
#include "lib/text/vocabulary.h"

struct eq_bpe;
/* Borrows the vocabulary, which must be complete. */
struct eq_bpe *eq_bpe_new(const struct eq_vocabulary *v, struct eq_err *err);
void eq_bpe_free(struct eq_bpe *b); /* NULL too */

/* Adds the next merge; both sides and what they make must be tokens. What they make is left and right without the first
 * `prefix` bytes of right (the length of the continuing-subword prefix). Messages do not name the file. */
bool eq_bpe_add_merge(struct eq_bpe *b, struct eq_str left, struct eq_str right, size_t prefix, struct eq_err *err);

/* Says whether the model can run over bytes: every byte of UTF-8 has a token, and all merges are spelled in the
 * alphabet.
 */
bool eq_bpe_spells_bytes(const struct eq_bpe *b);

struct eq_bpe_rules {
  bool over_bytes;    /* else over characters: what follows whole_words is for these */
  bool whole_words;   /* a word that is a token is not merged */
  bool whole_lines;   /* nor is one of line breaks */
  bool byte_fallback; /* tried before the unknown token */
  bool fuse_unknown;  /* neighbouring unknown characters are one token */
  uint32_t unknown;   /* EQ_NO_TOKEN: unknown characters are left out... */
  bool keep_apart;    /* ...after merging: what stands on both sides of one does not merge */
  const char *prefix; /* before each character but the first of a word; NULL or "" for none */
  const char *suffix; /* after the last */
};
/* Ends the building. Over bytes every byte of UTF-8 must have a token. */
bool eq_bpe_finish(struct eq_bpe *b, struct eq_bpe_rules rules, struct eq_err *err);

/* The rules, with prefix and suffix as copies that live as long; and for each id below n the rank of the first merge
 * that makes it, or EQ_NO_TOKEN. */
struct eq_bpe_rules eq_bpe_rules(const struct eq_bpe *b);
void eq_bpe_ranks(const struct eq_bpe *b, uint32_t *ranks, size_t n);

/* How many merges were added; pairs (may be NULL) has room for so many: by rank the tokens that merge. A pair that was
 * added again stands at its later rank alone, with EQ_NO_TOKEN at the earlier. */
size_t eq_bpe_merges(const struct eq_bpe *b, uint32_t (*pairs)[2]);

/* Where a word can be cut and its tokens stay the same; NULL when that is not known. */
const struct eq_seams *eq_bpe_seams(const struct eq_bpe *b);

/* A thread's scratch. Start from {0}. */
struct eq_bpe_scratch {
  uint32_t *id, *next, *previous, *rank, *made; /* [capacity] of a long word, by place */
  uint32_t *begin, *end;                        /* bytes of the word that each place covers, over characters */
  uint64_t *heap;                               /* [2 * capacity] */
  size_t capacity, heap_size;
  struct eq_buffer spelling;
};
void eq_bpe_scratch_free(struct eq_bpe_scratch *m);

/* Adds the tokens of word[0..n) to `out`, with offsets from `start`. O(n log n), whatever the bytes. False when memory
 * is out. */
bool eq_bpe_encode(const struct eq_bpe *b, struct eq_bpe_scratch *m, const char *word, size_t n, size_t start,
                   struct eq_token_list *out);

/* A word, or a part of one that was cut where no token may cross. */
struct eq_word_part {
  const char *p;
  size_t n, start;       /* bytes, and the offset of the first */
  bool follows, goes_on; /* more of the same word stands before it, after it */
};

/* eq_bpe_encode for a part of a word, which has prefix and suffix as inside the word, or with dropout (d may be NULL).
 * With dropout nothing is remembered, and whole_words does not count: the reference does so too. */
bool eq_bpe_encode_part(const struct eq_bpe *b, struct eq_bpe_scratch *m, struct eq_word_part w, struct eq_dropping *d,
                        struct eq_token_list *out);

#endif
