/* score_bpe.h: byte-pair encoding as SentencePiece does it, over a whole text: of all neighbours that together are a
 * piece, those with the highest score are merged, the leftmost of equal ones first, until none are left. There is no
 * list of merges. Characters are what it starts from, and symbols that are frozen: these merge with nothing.
 * SentencePiece, bpe_model.cc; Kudo and Richardson 2018, section 3.1. */
#ifndef EQ_TEXT_SCORE_BPE_H
#define EQ_TEXT_SCORE_BPE_H

#include "lib/text/dropout.h"
#include "lib/text/piece_trie.h"

/* What a text is cut to: a stretch of it and its piece, EQ_NO_PIECE for a character that is none. */
struct eq_score_symbol {
  uint32_t start, size; /* bytes; size 0: merged into the one before it */
  uint32_t node, piece; /* in the trie, or EQ_NO_PIECE */
  uint32_t previous, next;
  uint32_t rank; /* of its merge with the next one */
};

/* A thread's scratch; its symbols are the result: those of size > 0, in order. Start from {0}. */
struct eq_score_scratch {
  struct eq_score_symbol *symbols;
  size_t n, capacity;
  uint64_t *heap;
  uint32_t *lefts; /* borrowed: when not NULL, of each piece the bytes of the left of the last two that were found to
                      make it */
  size_t heap_size, heap_capacity;
};
void eq_score_scratch_free(struct eq_score_scratch *s);

enum eq_score_start { EQ_FROM_CHARACTERS, EQ_FROM_BYTES };

/* pieces: what neighbours may become, with ids. ranks[id]: smaller merges first (see eq_score_rank). frozen: symbols
 * that are found first, the longest at each place; may be {0}. text[0..n) is well-formed, shorter than 4 GB.
 * dropping: with dropout, by words where pieces keep within them; NULL: without. O(n log n) times the longest piece;
 * false when memory is out. */
bool eq_score_bpe(const struct eq_piece_trie *pieces, const uint32_t *ranks, enum eq_score_start from,
                  const struct eq_piece_trie *frozen, const char *text, size_t n, struct eq_dropping *dropping,
                  struct eq_score_scratch *s);

/* An integer that orders scores from the highest down; of a NaN the last. */
uint32_t eq_score_rank(float score);

#endif
