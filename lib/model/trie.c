#include "lib/model/trie.h"

#include <stdlib.h>

#include "lib/base/buffer.h"

/* The child of `parent` that does to the next level what `recipe` does, made if need be; 0 when memory is out. */
static size_t descend(struct eq_trie *t, size_t *capacity, size_t parent, size_t level, size_t recipe,
                      bool (*same)(void *, size_t, size_t, size_t), void *context) {
  size_t *link = &t->nodes[parent].child;
  for (; *link; link = &t->nodes[*link].sibling)
    if (same(context, level, t->nodes[*link].recipe, recipe)) return *link;
  *link = t->n_nodes; /* before the array may move */
  struct eq_trie_node *nodes = eq_array_grow(t->nodes, t->n_nodes, capacity, sizeof *nodes);
  if (!nodes) return 0;
  t->nodes = nodes;
  nodes[t->n_nodes] = (struct eq_trie_node){ .recipe = recipe, .level = level };
  return t->n_nodes++;
}

static size_t count_leaves(struct eq_trie *t, size_t node) {
  struct eq_trie_node *n = &t->nodes[node];
  if (!n->child) n->n_leaves = 1;
  for (size_t c = n->child; c; c = t->nodes[c].sibling) n->n_leaves += count_leaves(t, c);
  return n->n_leaves;
}

/* Insertion by n_leaves, ascending and stable: a node has few children. */
static void sort_children(struct eq_trie *t, size_t node) {
  size_t rest = t->nodes[node].child;
  t->nodes[node].child = 0;
  while (rest) {
    size_t c = rest, *link = &t->nodes[node].child;
    rest = t->nodes[c].sibling;
    while (*link && t->nodes[*link].n_leaves <= t->nodes[c].n_leaves) link = &t->nodes[*link].sibling;
    t->nodes[c].sibling = *link;
    *link = c;
  }
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

bool eq_trie_build(struct eq_trie *t, size_t n_recipes, size_t n_levels, bool (*same)(void *, size_t, size_t, size_t),
                   void *context, struct eq_err *err) {
  size_t capacity = 64;
  *t = (struct eq_trie){ .n_nodes = 1, .n_levels = n_levels, .n_recipes = n_recipes };
  t->nodes = eq_array(capacity, sizeof *t->nodes);
  t->leaf_of = eq_array(n_recipes, sizeof *t->leaf_of);
  bool ok = t->nodes && t->leaf_of;
  for (size_t r = 0; ok && r < n_recipes; r++)
    for (size_t level = 0; ok && level < n_levels; level++)
      ok = (t->leaf_of[r] = descend(t, &capacity, t->leaf_of[r], level, r, same, context)) != 0;
  if (!ok) {
    eq_trie_free(t);
    return eq_fail_memory(err, n_recipes * n_levels * sizeof *t->nodes, "the trie of recipes");
  }
  count_leaves(t, 0);
  for (size_t i = 0; i < t->n_nodes; i++) sort_children(t, i);
  t->copies = count_copies(t, 0);
  for (size_t i = 1; i < t->n_nodes; i++) t->n_blocks += t->nodes[i].level > 0 && t->nodes[i].level < n_levels - 1;
  return true;
}

void eq_trie_free(struct eq_trie *t) {
  free(t->nodes);
  free(t->leaf_of);
  *t = (struct eq_trie){ 0 };
}
