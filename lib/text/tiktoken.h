/* tiktoken.h: vocabularies of the tiktoken package: a line is the bytes of a token in base64, a space, and its rank,
 * which is its id too. Inside each piece that the pattern cuts, the two neighbours that together are the token of least
 * rank are merged until none are a token; a piece that is a token is not cut.
 *
 * The file does not say its pattern, nor its special tokens, such as <|endoftext|>: the encoding's name does. To cut
 * what is one in a text out of it is for the caller; here it is text (encode_ordinary). */
#ifndef EQ_TEXT_TIKTOKEN_H
#define EQ_TEXT_TIKTOKEN_H

#include "lib/text/bpe.h"
#include "lib/text/cuts.h"
#include "lib/text/pretokenizer.h"
#include "lib/text/score_bpe.h"
#include "lib/text/word_memory.h"

struct eq_tiktoken;

/* Reads the lines of a file of the encoding `name` (cl100k_base, o200k_base, o200k_harmony, p50k_base, p50k_edit,
 * r50k_base, gpt2), which is borrowed as is `unicode`. Every byte must have a token, and no two tokens the same bytes
 * or rank. */
struct eq_tiktoken *eq_tiktoken_read(const char *where, struct eq_str name, struct eq_str lines,
                                     const struct eq_unicode *unicode, struct eq_err *err);
void eq_tiktoken_free(struct eq_tiktoken *t);                              /* NULL too */
size_t eq_tiktoken_size(const struct eq_tiktoken *t);                      /* one above the largest rank */
struct eq_str eq_tiktoken_bytes(const struct eq_tiktoken *t, uint32_t id); /* {NULL, 0} when no token has the rank */

/* The encoding's special token number i, from 0 on, {NULL, 0} after the last, and its id; spelled in `made` perhaps. */
struct eq_str eq_tiktoken_special(const struct eq_tiktoken *t, size_t i, char made[32], uint32_t *id);

/* A thread's scratch. Start from {0}; a memory of words may be lent to it, for this vocabulary alone. */
struct eq_tiktoken_scratch {
  struct eq_score_scratch merging;
  struct eq_word_memory *words; /* borrowed; NULL: none */
  struct eq_pattern_work *work; /* borrowed; NULL: each text has its own */
};
void eq_tiktoken_scratch_free(struct eq_tiktoken_scratch *s);

/* Adds the tokens of a well-formed text to `out`; each begins where the one before it ends. Pieces are cut at `cuts`
 * too. With dropout (NULL: without) a piece that is a token is merged like any other. */
bool eq_tiktoken_encode(const struct eq_tiktoken *t, struct eq_tiktoken_scratch *s, struct eq_str text,
                        struct eq_cuts cuts, struct eq_dropping *dropping, struct eq_token_list *out,
                        struct eq_err *err);

#endif
