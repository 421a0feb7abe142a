#include "lib/text/piece_trie.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256, TRIES_MAX = 64 };

struct key {
  struct eq_str s;
  uint32_t value, order;
};

/* A node whose children are still to be placed: the keys [begin, end), which share their first `depth` bytes. */
struct open_node {
  size_t begin, end, depth;
  uint32_t node;
};

/* Free units are a ring: next[0] is the first, next[last] is 0. Unit 0 is the root and never free. */
struct builder {
  struct key *keys;
  struct eq_piece_unit *units;
  uint32_t *next, *previous;
  size_t n, capacity;
  struct open_node *stack;
  size_t n_stack, stack_capacity;
};

static int compare_keys(const void *a, const void *b) {
  const struct key *x = a, *y = b;
  int order = eq_str_compare(x->s, y->s);
  return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Adds a block of free units. */
static bool add_block(struct builder *b) {
  size_t n = b->n + BLOCK;
  if (n >= EQ_NO_PIECE) return false;
  if (n > b->capacity) {
    size_t capacity = 2 * n;
    struct eq_piece_unit *units = realloc(b->units, capacity * sizeof *units);
    if (units) b->units = units;
    uint32_t *next = realloc(b->next, capacity * sizeof *next);
    if (next) b->next = next;
    uint32_t *previous = realloc(b->previous, capacity * sizeof *previous);
    if (previous) b->previous = previous;
    if (!units || !next || !previous) return false;
    b->capacity = capacity;
  }
  if (!b->n) b->next[0] = b->previous[0] = 0;
  for (size_t i = b->n; i < n; i++) {
    b->units[i] = (struct eq_piece_unit){ 0, EQ_NO_PIECE, EQ_NO_PIECE };
    if (!i) continue;
    uint32_t last = b->previous[0];
    b->next[last] = b->previous[0] = (uint32_t)i;
    b->previous[i] = last;
    b->next[i] = 0;
  }
  b->n = n;
  return true;
}

static void take(struct builder *b, uint32_t unit, uint32_t parent) {
  b->next[b->previous[unit]] = b->next[unit];
  b->previous[b->next[unit]] = b->previous[unit];
  b->units[unit].parent = parent;
}

static bool fits(const struct builder *b, uint32_t base, const unsigned char *labels, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t unit = base ^ labels[i];
    if (!unit || b->units[unit].parent != EQ_NO_PIECE) return false;
  }
  return true;
}

/* A base under which units for all labels are free: one among the first free units, else in a new block. An only child
 * takes the first free unit, so that little stays empty. */
static bool find_base(struct builder *b, const unsigned char *labels, size_t n, uint32_t *base) {
  uint32_t at = b->next[0];
  for (size_t tries = 0; at && tries < TRIES_MAX; at = b->next[at], tries++) {
    *base = at ^ labels[0];
    if (fits(b, *base, labels, n)) return true;
  }
  *base = (uint32_t)b->n;
  return add_block(b);
}

static bool push(struct builder *b, struct open_node node) {
  struct open_node *stack = eq_array_grow(b->stack, b->n_stack, &b->stack_capacity, sizeof *stack);
  if (!stack) return false;
  b->stack = stack;
  stack[b->n_stack++] = node;
  return true;
}

static bool place_children(struct builder *b, struct open_node o) {
  unsigned char labels[BLOCK];
  size_t firsts[BLOCK + 1], n = 0;
  for (; o.begin < o.end && b->keys[o.begin].s.n == o.depth; o.begin++)
    if (o.depth) b->units[o.node].value = b->keys[o.begin].value;
  for (size_t i = o.begin; i < o.end; i++) {
    unsigned char label = (unsigned char)b->keys[i].s.p[o.depth];
    if (n && labels[n - 1] == label) continue;
    labels[n] = label;
    firsts[n++] = i;
  }
  firsts[n] = o.end;
  uint32_t base;
  if (!n) return true;
  if (!find_base(b, labels, n, &base)) return false;
  b->units[o.node].base = base;
  for (size_t i = 0; i < n; i++) take(b, base ^ labels[i], o.node);
  for (size_t i = n; i-- > 0;)
    if (!push(b, (struct open_node){ firsts[i], firsts[i + 1], o.depth + 1, base ^ labels[i] })) return false;
  return true;
}

bool eq_piece_trie_build(struct eq_piece_trie *t, const struct eq_str *pieces, const uint32_t *values, size_t n,
                         struct eq_err *err) {
  struct builder b = { .keys = eq_array(n, sizeof *b.keys) };
  bool good = b.keys && n < EQ_NO_PIECE && add_block(&b);
  for (size_t i = 0; good && i < n; i++)
    b.keys[i] = (struct key){ pieces[i], values ? values[i] : (uint32_t)i, (uint32_t)i };
  if (good && n) qsort(b.keys, n, sizeof *b.keys, compare_keys);
  good = good && push(&b, (struct open_node){ 0, n, 0, 0 });
  while (good && b.n_stack) good = place_children(&b, b.stack[--b.n_stack]);
  free(b.keys);
  free(b.next);
  free(b.previous);
  free(b.stack);
  if (!good) {
    free(b.units);
    return eq_fail_memory(err, n * sizeof *b.keys, "a trie of pieces");
  }
  *t = (struct eq_piece_trie){ b.units, b.n };
  return true;
}

void eq_piece_trie_free(struct eq_piece_trie *t) {
  free(t->units);
  *t = (struct eq_piece_trie){ 0 };
}

uint32_t eq_piece_trie_find(const struct eq_piece_trie *t, struct eq_str s) {
  uint32_t node = 0;
  for (size_t i = 0; i < s.n; i++)
    if (!eq_piece_trie_step(t, &node, s.p[i])) return EQ_NO_PIECE;
  return t->units[node].value;
}
