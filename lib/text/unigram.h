/* unigram.h: the unigram language model of pieces: a text is cut into the pieces whose log probabilities have the
 * largest sum. Kudo 2018, "Subword regularization", section 3.2; Viterbi from left to right over bytes, as
 * SentencePiece and Hugging Face tokenizers do it, to the last tie: of two ways to one place that have the same sum the
 * one found first stays, the one whose last piece is longer.
 *
 * A character that is no piece is unknown: it costs the least score of all, less 10. */
#ifndef EQ_TEXT_UNIGRAM_H
#define EQ_TEXT_UNIGRAM_H

#include "lib/text/bpe.h"
#include "lib/text/piece_trie.h"

enum eq_piece_kind {
  EQ_PIECE_NORMAL,
  EQ_PIECE_USER,   /* chosen wherever it stands: SentencePiece's user-defined symbols */
  EQ_PIECE_UNUSED, /* found where the rules say so, and does not count for the least score */
  EQ_PIECE_UNSEEN, /* has an id, is never found in a text and does not count for the least score */
};

/* The two implementations sum with different precision, which decides between close ways. */
enum eq_unigram_sums {
  EQ_SUMS_F64,   /* Hugging Face tokenizers */
  EQ_SUMS_F32,   /* SentencePiece: f32, begun anew from 0 where a sum passes 100,000 */
  EQ_SUMS_LLAMA, /* llama.cpp: f64, but the score of unknown characters; of symbols of the user it is 0 */
};

struct eq_unigram;
struct eq_unigram *eq_unigram_new(struct eq_err *err);
void eq_unigram_free(struct eq_unigram *u); /* NULL too */

/* Adds a piece, whose id is the number of pieces before it. Of pieces with one spelling the last is found. The score
 * must be finite. */
bool eq_unigram_add(struct eq_unigram *u, struct eq_str piece, double score, enum eq_piece_kind kind,
                    struct eq_err *err);

struct eq_unigram_rules {
  uint32_t unknown;   /* its id, or EQ_NO_PIECE: then a text with an unknown character is refused */
  bool byte_fallback; /* an unknown stretch becomes its bytes' pieces <0x00> to <0xFF>, if all of them are there */
  bool every_piece;   /* pieces of all kinds are found in texts */
  bool unused;        /* unused ones are */
  enum eq_unigram_sums sums;
};
/* Ends the building. The unknown id must be one of a piece. */
bool eq_unigram_finish(struct eq_unigram *u, struct eq_unigram_rules rules, struct eq_err *err);

/* The id of a piece of any kind. */
bool eq_unigram_find(const struct eq_unigram *u, struct eq_str piece, uint32_t *id);
size_t eq_unigram_size(const struct eq_unigram *u);
/* The pieces that are found in texts, with their ids; for who merges them instead. */
const struct eq_piece_trie *eq_unigram_trie(const struct eq_unigram *u);
struct eq_str eq_unigram_spelling(const struct eq_unigram *u, uint32_t id); /* id < size */
double eq_unigram_score(const struct eq_unigram *u, uint32_t id);           /* id < size; as it was added */
const struct eq_unigram_rules *eq_unigram_rules(const struct eq_unigram *u);

/* A thread's scratch. Start from {0}. */
struct eq_unigram_scratch {
  struct eq_way *ways; /* [capacity], by the byte where a way ends */
  size_t capacity;
};
void eq_unigram_scratch_free(struct eq_unigram_scratch *s);

/* Adds the tokens of the well-formed text[0..n) to `out`, with offsets from `start`. Neighbouring unknown characters
 * are one token; of byte fallback each byte's token covers that byte. Linear in n times the longest piece. False when
 * memory is out or a character is unknown and there is no unknown id. */
bool eq_unigram_encode(const struct eq_unigram *u, struct eq_unigram_scratch *s, const char *text, size_t n,
                       size_t start, struct eq_token_list *out, struct eq_err *err);

#endif
