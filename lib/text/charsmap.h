/* charsmap.h: the table of replacements that SentencePiece compiles its normalization rules to, in model files and, in
 * base64, in a tokenizer.json (`Precompiled`).
 *
 * The blob is the size of the trie in bytes (u32, little-endian), the units of a darts-clone double array (u32), and
 * the replacements, each ended by a 0 byte; a key's value is where its replacement begins. A unit: bit 8 a key ends
 * here (its value is in the first child), bits 0-7 and 31 its label, bits 10-30 the offset of its children, shifted by
 * 8 more when bit 9 is set; a value unit: bits 0-30. */
#ifndef EQ_TEXT_CHARSMAP_H
#define EQ_TEXT_CHARSMAP_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* Start from {0}. */
struct eq_charsmap {
  uint32_t *units;
  size_t n_units;
  char *strings; /* ends in 0 */
  size_t n_strings;
  bool keys[128]; /* characters of ASCII that are keys */
};

/* Copies the blob; refuses sizes that cannot be. Offsets are checked on every step, so no blob leads outside. */
bool eq_charsmap_open(struct eq_charsmap *m, struct eq_str blob, struct eq_err *err);
void eq_charsmap_close(struct eq_charsmap *m); /* of {0} too */

/* The longest key that text[0..n) begins with, as SentencePiece asks: its length, 0 when there is none; *to is what
 * replaces it, owned by m. */
size_t eq_charsmap_longest(const struct eq_charsmap *m, const char *text, size_t n, struct eq_str *to);
/* The same of the shortest key. */
size_t eq_charsmap_shortest(const struct eq_charsmap *m, const char *text, size_t n, struct eq_str *to);

/* What keys have to do with a character. */
enum eq_charsmap_role {
  EQ_CHARSMAP_NONE = 0,
  EQ_CHARSMAP_KEY = 1,    /* it is one, or one is a part of it */
  EQ_CHARSMAP_BEGINS = 2, /* longer ones begin with it */
};
/* The roles of the character c[0..n), and marks the bytes by which longer keys go on. */
unsigned eq_charsmap_roles(const struct eq_charsmap *m, const char *c, size_t n, bool goes_on[256]);

/* Normalizes the well-formed text[0..n) as Hugging Face's Precompiled does: a grapheme cluster of less than 6 bytes
 * that begins with a key is replaced, whole, by that of its shortest key; of any other cluster each character for
 * itself. Calls replace(context, at, size, to) in order for each replacement of text[at..at+size); what lies between
 * stays. False when replace returned false. */
bool eq_charsmap_clusters(const struct eq_charsmap *m, const char *text, size_t n,
                          bool (*replace)(void *context, size_t at, size_t size, struct eq_str to), void *context);

#endif
