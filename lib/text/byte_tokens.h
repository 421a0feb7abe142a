/* byte_tokens.h: every byte of a text as a token of its own: what a model makes of a text without the help of its
 * vocabulary, the same number of tokens in every language for the same number of bytes. */
#ifndef EQ_TEXT_BYTE_TOKENS_H
#define EQ_TEXT_BYTE_TOKENS_H

#include "lib/text/tokenizer.h"

struct eq_byte_tokens {
  uint32_t ids[256]; /* EQ_NO_TOKEN for a byte that no UTF-8 has */
};

/* Ids that are the bytes. */
void eq_byte_tokens_plain(struct eq_byte_tokens *b);

/* The tokens by which a vocabulary spells single bytes: those of byte fallback (<0x00> to <0xFF>), else of the alphabet
 * of byte-level BPE, of tiktoken those of one byte. False when one that UTF-8 may have is not there. */
bool eq_byte_tokens_of(struct eq_byte_tokens *b, const struct eq_tokenizer *t, struct eq_err *err);

/* Replaces `out` by the bytes of the text, which must be UTF-8 of at most 1 GB. */
bool eq_byte_tokens_cut(const struct eq_byte_tokens *b, struct eq_str text, struct eq_token_list *out,
                        struct eq_err *err);

#endif
