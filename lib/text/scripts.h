/* scripts.h: the Unicode property Script (UAX #24), version 18, by the four letters of ISO 15924. */
#ifndef EQ_TEXT_SCRIPTS_H
#define EQ_TEXT_SCRIPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buffer.h"

/* Small numbers, stable only within one run: what to count by. */
enum { EQ_SCRIPT_UNKNOWN, EQ_SCRIPT_COMMON, EQ_SCRIPT_INHERITED, EQ_SCRIPTS_MAX = 256 };

unsigned eq_script(uint32_t code_point); /* O(log ranges) */

/* "Latn"; "Zyyy" common to scripts (digits, punctuation, spaces), "Zinh" inherited (marks), "Zzzz" none. */
const char *eq_script_name(unsigned script);

/* Texts in it are written without spaces between words. */
bool eq_script_is_continuous(unsigned script);

/* Of the whole characters in a string of any bytes: their one script, common and inherited ones aside; "mixed" when
 * there are several; Zyyy, Zinh or Zzzz (the first of these that is there) when there is no other; NULL without any
 * whole character. */
const char *eq_script_of(struct eq_str text);

#endif
