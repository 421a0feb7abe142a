/* base64.h: bytes from base64, RFC 4648 section 4. */
#ifndef EQ_BASE_BASE64_H
#define EQ_BASE_BASE64_H

#include "lib/base/buffer.h"

/* Adds the bytes that `text` spells to `out`. False when it is not base64: a character outside the alphabet (white
 * space too), a length that is not a multiple of 4, padding that is missing or stands elsewhere than at the end, bits
 * that are left over and not 0. */
bool eq_base64_decode(struct eq_str text, struct eq_buffer *out);

#endif
