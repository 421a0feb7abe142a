/* oniguruma.h: regular expressions in Oniguruma's Ruby syntax, as tokenizer.json has them, in the terms of PCRE2.
 *
 * What differs between the two: sets of characters know Unicode 16 (properties.h), classes nest and intersect, options
 * in the middle hold to the end of the group, (?m) is for the dot, {n,m}+ is not possessive nor {n}? lazy, \h, \v and
 * \w mean something else, spaces that (?x) skips are those of ASCII. What PCRE2 could only take for something else is
 * refused: graphemes (\X, \y), absent operators, calls and conditions, callouts, letters that match in any case unless
 * they fold one to one. */
#ifndef EQ_TEXT_ONIGURUMA_H
#define EQ_TEXT_ONIGURUMA_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* Adds to `out` what PCRE2 is to compile with PCRE2_UTF, PCRE2_UCP and PCRE2_MULTILINE; its newline is \n. The
 * expression is UTF-8. False and err (place and what is not supported) when it cannot be translated; PCRE2 may yet
 * refuse it. */
bool eq_oniguruma_translate(struct eq_str expression, struct eq_buffer *out, struct eq_err *err);

#endif
