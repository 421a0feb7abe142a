/* unicode.h: the properties of code points that the fastest of the pre-tokenizers ask for, in a table: letters and
 * numbers of Unicode 16 (classes.h), and what normal forms may change. */
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
/* Takes back letters and numbers that Unicode 15.1, which is llama.cpp's, had not. */
void eq_unicode_limit(struct eq_unicode *u);
/* The first code point of the canonical decomposition of c, c itself when it has none. */
uint32_t eq_unicode_base(uint32_t c);
void eq_unicode_close(struct eq_unicode *u); /* of {0} too */

#endif
