/* aligned.h: rewriting a text and keeping, for each of its bytes, the bytes of the original that it came from.
 *
 * A rewriting reads a text from left to right and says of each stretch what becomes of it. While nothing changes
 * nothing is copied. How offsets go through a change is that of Hugging Face's tokenizers: a character that replaces
 * another covers what that covered; one that is put in covers what the character before it covered.
 *
 *   eq_rewrite_begin(&r, view, &memory);
 *   while (r.at < r.in.text.n) eq_rewrite_keep(&r, n) or another of the verbs below
 *   good = eq_rewrite_end(&r, &view);                                                                            */
#ifndef EQ_TEXT_ALIGNED_H
#define EQ_TEXT_ALIGNED_H

#include <stdint.h>

#include "lib/base/buffer.h"

/* A text with the way back: byte i of text came of bytes [from[i], to[i]) of the original; both NULL: of byte i. */
struct eq_view {
  struct eq_str text;
  const uint32_t *from, *to;
};

/* Where a token that covers bytes [start, end) of a view's text begins and ends in the original. */
void eq_view_to_original(const struct eq_view *v, uint32_t *start, uint32_t *end);

/* The memory of one rewritten text. Start from {0}. */
struct eq_aligned {
  struct eq_buffer text;
  uint32_t *from, *to;
  size_t capacity;
};
void eq_aligned_free(struct eq_aligned *a);

struct eq_rewriting {
  struct eq_view in;
  size_t at;     /* bytes of in that are dealt with */
  size_t copied; /* and those that are in out: what stays is copied when something after it changes */
  struct eq_aligned *out;
  bool changed, failed; /* failed: memory is out */
};

void eq_rewrite_begin(struct eq_rewriting *r, struct eq_view in, struct eq_aligned *out);
/* The next n bytes stay. */
static inline void eq_rewrite_keep(struct eq_rewriting *r, size_t n) { r->at += n; }
/* The next n bytes go. */
void eq_rewrite_drop(struct eq_rewriting *r, size_t n);
/* The next character, n bytes long, becomes c. */
void eq_rewrite_replace(struct eq_rewriting *r, size_t n, uint32_t c);
/* Puts in c, which covers what the character before it (in the text that is read) covers. */
void eq_rewrite_insert(struct eq_rewriting *r, uint32_t c);
/* Puts in a text that covers what the next character covers, which stays to be dealt with. */
void eq_rewrite_prepend(struct eq_rewriting *r, struct eq_str text);
/* The rest stays. *result is the new text, or the old view when nothing changed. False when memory was out. */
bool eq_rewrite_end(struct eq_rewriting *r, struct eq_view *result);

#endif
