/* constraints.h: a file that says where no token may cross: boundaries of morphemes, syllables, or whatever is studied.
 * Its first line says of which two kinds it is:
 *
 * lang TAB id TAB cuts     cuts: bytes of the text of that segment, ascending, between commas ("4,9,17"); or nothing
 * lang TAB word TAB parts  parts: the word, with a blank wherever it is cut ("un lock able")
 *
 * A word is cut wherever it stands in a text of that language, byte for byte, with no word character (letter, mark,
 * digit, joiner: eq_is_word) before or after it; lang * is every language. Of words within words all cuts count. UTF-8,
 * lines end in LF or CRLF. Two lines about the same thing must say the same. */
#ifndef EQ_TEXT_CONSTRAINTS_H
#define EQ_TEXT_CONSTRAINTS_H

#include "lib/base/error.h"
#include "lib/text/cuts.h"

struct eq_constraints;

/* Reads a file, which stays mapped. Messages name the file, the line, what was found and what was expected. */
struct eq_constraints *eq_constraints_open(const char *path, struct eq_err *err);
/* The same for a text in memory, borrowed as is `name`. For tests and fuzzing. */
struct eq_constraints *eq_constraints_memory(const char *name, struct eq_str text, struct eq_err *err);
void eq_constraints_free(struct eq_constraints *c); /* NULL too */

/* XXH64 of the file. */
uint64_t eq_constraints_digest(const struct eq_constraints *c);

/* The cuts of a text, held by `memory`. False when a cut lies beyond the text or inside a character, or memory is out.
 * Threads may share c. */
bool eq_constraints_cuts(const struct eq_constraints *c, struct eq_str lang, struct eq_str id, struct eq_str text,
                         struct eq_cut_list *memory, struct eq_cuts *cuts, struct eq_err *err);

/* Notes that a segment came. Not while another thread uses c. */
void eq_constraints_note(struct eq_constraints *c, struct eq_str lang, struct eq_str id);

/* What no segment had, of all that were noted: adds "no segment has the languages de, fr" or "3 of 40 ids..." to `b`;
 * nothing when all was there. */
void eq_constraints_unused(const struct eq_constraints *c, struct eq_buffer *b);

#endif
