/* unicode.h: the properties of code points that pre-tokenizers ask for, and the normal form NFC with the way back to
 * the original bytes. Properties and tables are utf8proc's (Unicode 15); NFC is Unicode Standard Annex #15. */
#ifndef EQ_TEXT_UNICODE_H
#define EQ_TEXT_UNICODE_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

enum eq_property {
  EQ_LETTER = 1,     /* general category L* */
  EQ_NUMBER = 2,     /* N* */
  EQ_DIGIT = 4,      /* Nd */
  EQ_SPACE = 8,      /* White_Space, as \s of regular expressions has it */
  EQ_BREAK = 16,     /* CR and LF */
  EQ_COMBINING = 32, /* canonical combining class is not 0 */
  EQ_NFC_MAYBE = 64, /* NFC_Quick_Check is not Yes: NFC may replace it, alone or with what stands before it */
};

/* One byte of properties for each code point, looked up once at opening. */
struct eq_unicode {
  unsigned char *properties; /* [0x110000] */
};
bool eq_unicode_open(struct eq_unicode *u, struct eq_err *err);
void eq_unicode_close(struct eq_unicode *u); /* of {0} too */

/* A stretch of the original text that NFC rewrote, and what came of it; bytes from the start of either text. */
struct eq_rewrite {
  size_t in, in_size, out, out_size;
};

/* A text in NFC. When the original is in NFC already, text is the original and nothing was copied. */
struct eq_nfc {
  struct eq_str text;
  struct eq_rewrite *rewrites; /* in order */
  size_t n_rewrites, capacity;
  struct eq_buffer out;
  int32_t *code_points; /* scratch */
  size_t code_points_capacity;
};

/* Normalises well-formed UTF-8; reuses the memory of `nfc`, which starts from {0}. Linear in the length of the text. */
bool eq_nfc_apply(struct eq_nfc *nfc, const struct eq_unicode *u, struct eq_str original, struct eq_err *err);
void eq_nfc_free(struct eq_nfc *nfc);

/* Turns n byte offsets in nfc->text, in ascending order, into offsets in the original. Inside a rewritten stretch
 * offsets are counted from its start and stop at its end; so cuts of the text become cuts of the original, in the same
 * order. */
void eq_nfc_to_original(const struct eq_nfc *nfc, uint32_t *offsets, size_t n);

#endif
