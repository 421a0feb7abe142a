/* seams.h: places in a text that no token can cross: between two characters that stand side by side in no token of the
 * vocabulary. Byte-pair encoding of a text is that of the stretches between its seams, which are mostly words, so a
 * memory of words serves a tokenizer that does not cut its texts first (Llama 2, Gemma, SentencePiece).
 *
 * A seam lies only between characters that are tokens themselves: of unknown ones the neighbours may be joined, or
 * those that stand side by side. Where only the latter is so, as in SentencePiece, one of the two is enough. Between
 * two letters of ASCII none is looked for: a word is remembered as a whole, and not looked at twice. */
#ifndef EQ_TEXT_SEAMS_H
#define EQ_TEXT_SEAMS_H

#include <stdint.h>

#include "lib/base/buffer.h"

/* Start from {0}. */
struct eq_seams {
  uint64_t *pairs; /* bits by the hash of a pair: it stands in some token, or another of the same hash does */
  uint64_t *known; /* bits by code point: it is a token */
  unsigned shift;  /* of a product to a hash */
  bool one_known;  /* one of two characters is enough */
};
/* For so many tokens. False when memory is out. */
bool eq_seams_open(struct eq_seams *s, size_t n_tokens, bool one_known);
void eq_seams_close(struct eq_seams *s); /* of {0} too */

/* Adds a token's spelling. What is not UTF-8 in it joins no characters. */
void eq_seams_add(struct eq_seams *s, struct eq_str token);

/* Bytes of text[0..n), n > 0, up to its first seam; n when there is none. Beside what is not UTF-8 none is. */
size_t eq_seams_next(const struct eq_seams *s, const char *text, size_t n);

#endif
