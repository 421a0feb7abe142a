/* token_facts.h: what a tokenizer's vocabulary says of a token: how it is spelled, what kind it is, the bytes of text
 * that it stands for. One answer for every kind of vocabulary. */
#ifndef EQ_TEXT_TOKEN_FACTS_H
#define EQ_TEXT_TOKEN_FACTS_H

#include "lib/text/tokenizer.h"

struct eq_token_facts {
  enum eq_token_kind kind;
  struct eq_str spelling; /* as its file spells it, of tiktoken its bytes; {NULL, 0} where no token has the id */
  double score;           /* of a piece, its log probability mostly; NaN where the vocabulary has no scores */
};

/* What is known of an id; borrowed from the tokenizer. An id that no token has is EQ_TOKEN_UNUSED. O(1). */
struct eq_token_facts eq_token_facts(const struct eq_tokenizer *t, uint32_t id);

/* The byte that a token of byte fallback, <0x00> to <0xFF>, stands for; -1 when the spelling is not one. */
int eq_fallback_byte(struct eq_str spelling);

/* Adds the bytes of text that a token stands for inside a text: a byte-level token's are decoded from GPT-2's
 * alphabet, U+2581 (or what the tokenizer puts for a space) is a space, the marks of a piece that continues or ends a
 * word are taken off, <0x41> of byte fallback is its byte. Added, special and unknown tokens are as they are spelled,
 * an unused id is nothing. Decoding whole sequences is more than joining these. False when memory is out. */
bool eq_token_bytes(const struct eq_tokenizer *t, uint32_t id, struct eq_buffer *out);

/* Of a BPE, for each id below n the rank of the first merge that makes it, or of tiktoken its own; EQ_NO_TOKEN where
 * there is none. */
void eq_token_ranks(const struct eq_tokenizer *t, uint32_t *ranks, size_t n);

#endif
