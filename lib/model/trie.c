#include "lib/model/trie.h"

#include <stdlib.h>

#include "lib/base/buffer.h"

/* A trie that grows: its nodes by parent and what is done at their level. */
struct growing {
  struct eq_trie *t;
  struct eq_trie_source from;
  size_t capacity; /* of t->nodes */
  size_t *slots;   /* hash table: a node, 0 where free */
  size_t n_slots;  /* a power of 2 */
  struct {
    size_t parent, last; /* last: child */
    uint64_t hash;
  } * of; /* [capacity] */
};

static size_t slot_at(const struct growing *g, size_t parent, uint64_t hash) {
  uint64_t h = (hash ^ parent * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
  return (size_t)(h >> 32) & (g->n_slots - 1);
}

/* Puts a node where it is found; there is a free slot. */
static void place(struct growing *g, size_t node) {
  size_t at = slot_at(g, g->of[node].parent, g->of[node].hash);
  while (g->slots[at]) at = (at + 1) & (g->n_slots - 1);
  g->slots[at] = node;
}

/* Room for one more node, and slots twice as many as nodes. */
static bool make_room(struct growing *g) {
  struct eq_trie *t = g->t;
  size_t capacity = g->capacity ? 2 * g->capacity : 64, *slots;
  if (t->n_nodes < g->capacity) return true;
  struct eq_trie_node *nodes = capacity < SIZE_MAX / 4 ? realloc(t->nodes, capacity * sizeof *nodes) : NULL;
  if (nodes) t->nodes = nodes;
  void *of = nodes ? realloc(g->of, capacity * sizeof *g->of) : NULL;
  if (of) g->of = of;
  if (!of || !(slots = eq_array(2 * capacity, sizeof *slots))) return false;
  free(g->slots);
  g->slots = slots;
  g->n_slots = 2 * capacity;
  g->capacity = capacity;
  for (size_t i = 1; i < t->n_nodes; i++) place(g, i);
  return true;
}

/* The child of `parent` that does to the next level what `recipe` does, made if need be; 0 when memory is out. */
static size_t descend(struct growing *g, size_t parent, size_t level, size_t recipe) {
  struct eq_trie *t = g->t;
  uint64_t hash = g->from.hash(g->from.context, level, recipe);
  if (!make_room(g)) return 0;
  for (size_t at = slot_at(g, parent, hash), n; (n = g->slots[at]); at = (at + 1) & (g->n_slots - 1))
    if (g->of[n].parent == parent && g->of[n].hash == hash &&
        g->from.same(g->from.context, level, t->nodes[n].recipe, recipe))
      return n;
  size_t node = t->n_nodes++, last = g->of[parent].last;
  t->nodes[node] = (struct eq_trie_node){ .recipe = recipe, .level = level };
  if (last)
    t->nodes[last].sibling = node;
  else
    t->nodes[parent].child = node;
  g->of[parent].last = node;
  g->of[node].parent = parent, g->of[node].hash = hash, g->of[node].last = 0;
  place(g, node);
  return node;
}

static size_t count_leaves(struct eq_trie *t, size_t node) {
  struct eq_trie_node *n = &t->nodes[node];
  if (!n->child) n->n_leaves = 1;
  for (size_t c = n->child; c; c = t->nodes[c].sibling) n->n_leaves += count_leaves(t, c);
  return n->n_leaves;
}

/* Moves the child with the most leaves, the last of equals, behind the others. */
static void put_largest_last(struct eq_trie *t, size_t node) {
  size_t *largest = &t->nodes[node].child, *link = largest;
  for (; *link; link = &t->nodes[*link].sibling)
    if (t->nodes[*link].n_leaves >= t->nodes[*largest].n_leaves) largest = link;
  size_t child = *largest;
  if (!child || !t->nodes[child].sibling) return;
  *largest = t->nodes[child].sibling;
  *link = child;
  t->nodes[child].sibling = 0;
}

/* Copies that a walk below a node keeps: one while a child works on a copy. */
static size_t count_copies(const struct eq_trie *t, size_t node) {
  size_t most = 0;
  for (size_t c = t->nodes[node].child; c; c = t->nodes[c].sibling) {
    size_t need = count_copies(t, c) + eq_trie_copies(t, c);
    most = need > most ? need : most;
  }
  return most;
}

bool eq_trie_build(struct eq_trie *t, size_t n_recipes, size_t n_levels, struct eq_trie_source from,
                   struct eq_err *err) {
  *t = (struct eq_trie){ .n_levels = n_levels, .n_recipes = n_recipes };
  struct growing g = { .t = t, .from = from };
  t->leaf_of = eq_array(n_recipes, sizeof *t->leaf_of);
  bool ok = make_room(&g) && t->leaf_of;
  if (ok) {
    t->nodes[0] = (struct eq_trie_node){ 0 };
    g.of[0].parent = g.of[0].last = 0;
    t->n_nodes = 1;
  }
  for (size_t r = 0; ok && r < n_recipes; r++)
    for (size_t level = 0; ok && level < n_levels; level++)
      ok = (t->leaf_of[r] = descend(&g, t->leaf_of[r], level, r)) != 0;
  free(g.slots), free(g.of);
  if (!ok) {
    eq_trie_free(t);
    return eq_fail_memory(err, n_recipes * n_levels * sizeof *t->nodes, "the trie of recipes");
  }
  count_leaves(t, 0);
  for (size_t i = 0; i < t->n_nodes; i++) put_largest_last(t, i);
  t->copies = count_copies(t, 0);
  for (size_t i = 1; i < t->n_nodes; i++) t->n_blocks += t->nodes[i].level > 0 && t->nodes[i].level < n_levels - 1;
  return true;
}

void eq_trie_free(struct eq_trie *t) {
  free(t->nodes);
  free(t->leaf_of);
  *t = (struct eq_trie){ 0 };
}
