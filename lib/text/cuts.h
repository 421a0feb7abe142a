/* cuts.h: places in a text that no token may cross, and what becomes of them when the text is rewritten. */
#ifndef EQ_TEXT_CUTS_H
#define EQ_TEXT_CUTS_H

#include <stdint.h>

#include "lib/base/buffer.h"

/* Bytes of a text, ascending, each the first of a character; no token may cover bytes on both sides of one. {0}: none.
 * Borrowed. */
struct eq_cuts {
  const uint32_t *at;
  size_t n;
};

/* Grows. Start from {0}; free with eq_cut_list_free. */
struct eq_cut_list {
  uint32_t *at;
  size_t n, capacity;
};
bool eq_cut_list_add(struct eq_cut_list *l, size_t at); /* false when memory is out */
void eq_cut_list_free(struct eq_cut_list *l);
/* Puts them in order, each once. */
struct eq_cuts eq_cut_list_sort(struct eq_cut_list *l);

/* The first cut after byte `at`, SIZE_MAX when there is none; and the last that is not after it, 0 when there is none.
 */
size_t eq_cuts_after(struct eq_cuts c, size_t at);
size_t eq_cuts_before(struct eq_cuts c, size_t at);

/* The cuts in a rewriting of the n bytes of a text from `origin` on: byte i of it came of bytes from origin + from[i]
 * on (from NULL: just of byte origin + i). A cut is put wherever two neighbours came from different sides of an old
 * one, so that no stretch without a cut holds characters of both. What was rewritten as one, or has swallowed its
 * neighbour, stays one: a cut inside it moves to its end. False when memory is out. */
bool eq_cuts_rewritten(struct eq_cuts c, size_t origin, const uint32_t *from, size_t n, struct eq_cut_list *memory,
                       struct eq_cuts *result);

#endif
