#include "lib/text/score_bpe.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

#define NONE EQ_NO_PIECE

uint32_t eq_score_rank(float score) {
  uint32_t bits;
  if (score != score) return NONE - 1;
  if (score == 0) score = 0; /* -0 is 0 */
  memcpy(&bits, &score, sizeof bits);
  uint32_t ascending = bits >> 31 ? ~bits : bits | 1u << 31;
  return ~ascending < NONE ? ~ascending : NONE - 1;
}

void eq_score_scratch_free(struct eq_score_scratch *s) {
  free(s->symbols);
  free(s->heap);
  *s = (struct eq_score_scratch){ 0 };
}

/* ---- the heap: rank in the high half, place in the low one, so the least is the leftmost of the best ---- */

static bool heap_push(struct eq_score_scratch *s, uint64_t x) {
  uint64_t *heap = eq_array_grow(s->heap, s->heap_size, &s->heap_capacity, sizeof *heap);
  if (!heap) return false;
  s->heap = heap;
  size_t at = s->heap_size++;
  for (; at && x < heap[(at - 1) / 2]; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
  heap[at] = x;
  return true;
}

static uint64_t heap_pop(struct eq_score_scratch *s) {
  uint64_t least = s->heap[0], x = s->heap[--s->heap_size];
  size_t at = 0, n = s->heap_size;
  for (size_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && s->heap[child + 1] < s->heap[child]) child++;
    if (x <= s->heap[child]) break;
    s->heap[at] = s->heap[child];
  }
  s->heap[at] = x;
  return least;
}

/* ---- symbols ---- */

/* Bytes of the longest frozen symbol at text[0..n), 0 when none is there. */
static size_t frozen_at(const struct eq_piece_trie *frozen, const char *text, size_t n) {
  size_t length = 0;
  uint32_t node = 0;
  for (size_t i = 0; frozen->n && i < n && eq_piece_trie_step(frozen, &node, text[i]); i++)
    if (frozen->units[node].value != NONE) length = i + 1;
  return length;
}

/* The node of text[0..n) in the trie, from `node` on. */
static uint32_t walk(const struct eq_piece_trie *t, uint32_t node, const char *text, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!eq_piece_trie_step(t, &node, text[i])) return NONE;
  return node;
}

static uint32_t piece_of(const struct eq_piece_trie *t, uint32_t node) {
  return node == NONE ? NONE : t->units[node].value;
}

/* A symbol that merges with nothing has no node. */
static bool cut(const struct eq_piece_trie *pieces, enum eq_score_start from, const struct eq_piece_trie *frozen,
                const char *text, size_t n, struct eq_score_scratch *s) {
  s->n = s->heap_size = 0;
  for (size_t at = 0, size; at < n; at += size) {
    size_t whole = frozen_at(frozen, text + at, n - at);
    size = whole ? whole : from == EQ_FROM_BYTES ? 1 : eq_utf8_length(text + at, n - at);
    struct eq_score_symbol *symbols = eq_array_grow(s->symbols, s->n, &s->capacity, sizeof *symbols);
    if (!symbols) return false;
    s->symbols = symbols;
    uint32_t i = (uint32_t)s->n++, node = walk(pieces, 0, text + at, size);
    symbols[i] = (struct eq_score_symbol){ .start = (uint32_t)at,
                                           .size = (uint32_t)size,
                                           .node = whole ? NONE : node,
                                           .piece = piece_of(pieces, node),
                                           .previous = i ? i - 1 : NONE,
                                           .next = at + size < n ? i + 1 : NONE,
                                           .rank = NONE };
  }
  return true;
}

/* What is merged by which pieces. */
struct merging {
  const struct eq_piece_trie *pieces;
  const uint32_t *ranks;
  const char *text;
  size_t n, reach; /* bytes of the text, and where the pieces end that begin before the place that was asked of last */
  struct eq_score_scratch *s;
};

/* The rank of what two symbols make. A symbol may be no piece and yet begin one: a character merges whether or not it
 * is a piece. */
static uint32_t rank_at(void *context, uint32_t left_at, uint32_t right_at) {
  const struct merging *m = context;
  const struct eq_score_symbol *left = &m->s->symbols[left_at], *right = &m->s->symbols[right_at];
  bool frozen = left->node == NONE || (right->node == NONE && right->piece != NONE);
  uint32_t made = frozen ? NONE : walk(m->pieces, left->node, m->text + right->start, right->size);
  const uint32_t piece = piece_of(m->pieces, made);
  if (piece != NONE && m->s->lefts) m->s->lefts[piece] = left->size;
  return piece == NONE ? NONE : m->ranks[piece];
}

static void merge_at(void *context, uint32_t left_at, uint32_t right_at) {
  const struct merging *m = context;
  struct eq_score_symbol *left = &m->s->symbols[left_at], *right = &m->s->symbols[right_at];
  left->node = walk(m->pieces, left->node, m->text + right->start, right->size);
  left->piece = piece_of(m->pieces, left->node);
  left->size += right->size;
  left->next = right->next;
  right->size = 0;
  right->rank = NONE;
  if (left->next != NONE) m->s->symbols[left->next].previous = left_at;
}

static struct eq_str spelling_of(const struct merging *m, uint32_t at) {
  return (struct eq_str){ m->text + m->s->symbols[at].start, m->s->symbols[at].size };
}

/* A word begins where white space begins or ends and no piece that stands in the text crosses the place. Asked of each
 * place in turn. */
static bool word_begins(void *context, uint32_t at) {
  struct merging *m = context;
  const struct eq_score_symbol *symbols = m->s->symbols;
  uint32_t node = 0;
  for (size_t i = symbols[at - 1].start; i < m->n && eq_piece_trie_step(m->pieces, &node, m->text[i]); i++)
    if (piece_of(m->pieces, node) != NONE && i + 1 > m->reach) m->reach = i + 1;
  return m->reach <= symbols[at].start &&
         eq_dropping_is_space(spelling_of(m, at - 1)) != eq_dropping_is_space(spelling_of(m, at));
}

/* Puts the merge of a symbol with the next one on the heap. */
static bool look_up(struct merging *m, uint32_t at) {
  struct eq_score_symbol *left = &m->s->symbols[at];
  left->rank = left->next == NONE ? NONE : rank_at(m, at, left->next);
  return left->rank == NONE || heap_push(m->s, (uint64_t)left->rank << 32 | at);
}

bool eq_score_bpe(const struct eq_piece_trie *pieces, const uint32_t *ranks, enum eq_score_start from,
                  const struct eq_piece_trie *frozen, const char *text, size_t n, struct eq_dropping *dropping,
                  struct eq_score_scratch *s) {
  struct merging m = { pieces, ranks, text, n, 0, s };
  if (!cut(pieces, from, frozen, text, n, s)) return false;
  if (dropping) return eq_merge_dropping(dropping, s->n, &(struct eq_merging){ &m, rank_at, merge_at, word_begins });
  for (uint32_t i = 0; i < s->n; i++)
    if (!look_up(&m, i)) return false;
  while (s->heap_size) {
    uint64_t best = heap_pop(s);
    uint32_t at = (uint32_t)best;
    struct eq_score_symbol *left = &s->symbols[at];
    if (left->rank != best >> 32) continue; /* the pair has changed since */
    merge_at(&m, at, left->next);
    if (left->previous != NONE && !look_up(&m, left->previous)) return false;
    if (!look_up(&m, at)) return false;
  }
  return true;
}
