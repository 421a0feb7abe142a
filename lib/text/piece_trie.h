/* piece_trie.h: a vocabulary of byte strings as a double-array trie, to find every piece that a text begins with in one
 * step a byte. Aoe 1989, "An efficient digital search algorithm by using a double-array structure"; the next node is
 * base ^ byte, so that the children of a node lie in one block of 256 units. */
#ifndef EQ_TEXT_PIECE_TRIE_H
#define EQ_TEXT_PIECE_TRIE_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#define EQ_NO_PIECE UINT32_MAX

struct eq_piece_unit {
  uint32_t base;   /* of the children */
  uint32_t parent; /* the node it belongs to; EQ_NO_PIECE: free */
  uint32_t value;  /* of the piece that ends here, or EQ_NO_PIECE */
};

/* Start from {0}. Node 0 is the root. */
struct eq_piece_trie {
  struct eq_piece_unit *units;
  size_t n;
};

/* Builds the trie of n pieces; the value of pieces[i] is values[i], i when values is NULL. Of equal pieces the last
 * counts; empty ones are left out. Time and memory are linear in the bytes of the pieces, but for sorting them. */
bool eq_piece_trie_build(struct eq_piece_trie *t, const struct eq_str *pieces, const uint32_t *values, size_t n,
                         struct eq_err *err);
void eq_piece_trie_free(struct eq_piece_trie *t); /* of {0} too */

/* Goes from *node along a byte; false when no piece goes on so. */
static inline bool eq_piece_trie_step(const struct eq_piece_trie *t, uint32_t *node, char byte) {
  uint32_t next = t->units[*node].base ^ (unsigned char)byte;
  if (t->units[next].parent != *node) return false;
  *node = next;
  return true;
}

/* The value of the piece that is `s`, or EQ_NO_PIECE. */
uint32_t eq_piece_trie_find(const struct eq_piece_trie *t, struct eq_str s);

#endif
