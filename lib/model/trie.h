/* trie.h: which recipes share which hidden states.
 *
 * What enters a level depends only on the treatments of the levels before it, so recipes form a trie over the levels
 * (0: embedding, then the layers, last the head) and a depth-first walk computes each shared prefix once. A node's
 * largest child comes last, so that the walk keeps at most log2(leaves) copies of the hidden states. */
#ifndef EQ_MODEL_TRIE_H
#define EQ_MODEL_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

/* A level of some recipes: compute it under the treatments of `recipe` on what the parent left. */
struct eq_trie_node {
  size_t recipe;         /* one of those that share the node: the first of them */
  size_t level;          /* 0 to n_levels - 1 */
  size_t child, sibling; /* indices of the first child and the next sibling, 0 for none (0 is the root) */
  size_t n_leaves;       /* below it; a node of the last level is a leaf */
};

struct eq_trie {
  struct eq_trie_node *nodes; /* nodes[0] is the root: it has only children */
  size_t n_nodes, n_levels, n_recipes;
  size_t *leaf_of; /* [n_recipes]: the recipes of a leaf are those whose leaf_of is its index */
  size_t copies;   /* hidden states that a walk must keep beside the current one */
  size_t n_blocks; /* nodes of the layers: blocks computed a batch; apart they were recipes times layers */
};

/* What recipes do to levels. same: do recipes a and b do the same to all parameters of a level? hash: equal for those
 * that do. */
struct eq_trie_source {
  bool (*same)(void *context, size_t level, size_t a, size_t b);
  uint64_t (*hash)(void *context, size_t level, size_t recipe);
  void *context;
};

/* O(recipes times levels), as long as hashes differ. */
bool eq_trie_build(struct eq_trie *t, size_t n_recipes, size_t n_levels, struct eq_trie_source from,
                   struct eq_err *err);
void eq_trie_free(struct eq_trie *t);

/* Must a walk work on a copy at this node? Only where a sibling still needs what the parent left: the embedding needs
 * nothing and the head changes nothing. */
static inline bool eq_trie_copies(const struct eq_trie *t, size_t node) {
  const struct eq_trie_node *n = &t->nodes[node];
  return n->sibling && n->level > 0 && n->level < t->n_levels - 1;
}

#endif
