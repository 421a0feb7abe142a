/* The trie of recipes against closed forms: a recipe here is a bit mask, bit l saying what is done to layer l. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/progress.h"
#include "lib/model/trie.h"

enum { LAYERS = 12, LEVELS = LAYERS + 2 };

static bool same_bit(void *context, size_t level, size_t a, size_t b) {
  const unsigned *masks = context;
  if (level == 0 || level == LEVELS - 1) return true;
  return ((masks[a] ^ masks[b]) >> (level - 1) & 1) == 0;
}

static uint64_t hash_bit(void *context, size_t level, size_t recipe) {
  const unsigned *masks = context;
  return level == 0 || level == LEVELS - 1 ? 7 : masks[recipe] >> (level - 1) & 1;
}

/* A hash that says nothing: slow, and right. */
static uint64_t hash_nothing(void *context, size_t level, size_t recipe) {
  return (void)context, (void)level, (void)recipe, 0;
}

static struct eq_trie build(unsigned *masks, size_t n) {
  struct eq_trie t, u;
  struct eq_err err = { 0 };
  assert_true(eq_trie_build(&t, n, LEVELS, (struct eq_trie_source){ same_bit, hash_bit, masks }, &err));
  assert_true(eq_trie_build(&u, n, LEVELS, (struct eq_trie_source){ same_bit, hash_nothing, masks }, &err));
  assert_int_equal(t.n_nodes, u.n_nodes);
  assert_memory_equal(t.nodes, u.nodes, t.n_nodes * sizeof *t.nodes);
  assert_memory_equal(t.leaf_of, u.leaf_of, n * sizeof *t.leaf_of);
  eq_trie_free(&u);
  return t;
}

static void all_subsets_cost_two_blocks_a_prefix(void **state) {
  (void)state;
  unsigned masks[4096];
  for (unsigned i = 0; i < 4096; i++) masks[i] = i * 2731u % 4096; /* in no order */
  struct eq_trie t = build(masks, 4096);
  assert_int_equal(t.n_blocks, 8190); /* 2 + 4 + ... + 4096 */
  assert_true(t.copies <= LAYERS);
  eq_trie_free(&t);
}

static void a_single_layer_sweep_costs_a_triangle_and_one_copy(void **state) {
  (void)state;
  unsigned
      masks[LAYERS]; /* from the last layer to the first: where recipes part, the branch that is long comes first */
  for (unsigned i = 0; i < LAYERS; i++) masks[i] = 1u << (LAYERS - 1 - i);
  struct eq_trie t = build(masks, LAYERS);
  /* l of the recipes have been touched by layer l, and up to the last layer one chain has not: 12 * 13 / 2 + 11 */
  assert_int_equal(t.n_blocks, LAYERS * (LAYERS + 1) / 2 + LAYERS - 1);
  assert_int_equal(t.copies, 1);
  eq_trie_free(&t);
}

static void equal_recipes_share_a_leaf(void **state) {
  (void)state;
  unsigned masks[3] = { 5, 9, 5 };
  struct eq_trie t = build(masks, 3);
  assert_int_equal(t.leaf_of[0], t.leaf_of[2]);
  assert_int_not_equal(t.leaf_of[0], t.leaf_of[1]);
  assert_int_equal(t.nodes[0].n_leaves, 2);
  eq_trie_free(&t);
}

static void blocks_of_random_recipes_are_their_distinct_prefixes(void **state) {
  (void)state;
  for (unsigned seed = 1; seed < 20; seed++) {
    unsigned masks[50];
    for (unsigned i = 0; i < 50; i++) masks[i] = (seed * 7919u + i * i * 104729u) >> 3 & 4095;
    size_t distinct = 0;
    for (int l = 0; l < LAYERS; l++)
      for (int i = 0; i < 50; i++) {
        int first = 1;
        for (int j = 0; j < i; j++) first &= ((masks[i] ^ masks[j]) & ((2u << l) - 1)) != 0;
        distinct += (size_t)first;
      }
    struct eq_trie t = build(masks, 50);
    assert_int_equal(t.n_blocks, distinct);
    assert_true(1u << t.copies <= t.nodes[0].n_leaves);
    eq_trie_free(&t);
  }
}

/* Recipes that all differ at the first level have one node each there and, below, a chain of their own. */
static bool same_number(void *context, size_t level, size_t a, size_t b) {
  (void)context;
  return level > 0 || a == b;
}

static uint64_t hash_number(void *context, size_t level, size_t recipe) {
  (void)context;
  return level > 0 ? 0 : recipe * UINT64_C(0x9e3779b97f4a7c15);
}

static void fifty_thousand_siblings_take_no_square_of_them(void **state) {
  (void)state;
  enum { N = 50000 };
  struct eq_trie t;
  struct eq_err err = { 0 };
  double began = eq_clock();
  assert_true(eq_trie_build(&t, N, LEVELS, (struct eq_trie_source){ same_number, hash_number, NULL }, &err));
  assert_true(eq_clock() - began < 5); /* a tenth of a second; each against all others took minutes */
  assert_int_equal(t.n_nodes, 1 + N * LEVELS);
  assert_int_equal(t.n_blocks, N * LAYERS);
  assert_int_equal(t.copies, 0); /* embeddings are made anew for each */
  eq_trie_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(all_subsets_cost_two_blocks_a_prefix),
    cmocka_unit_test(a_single_layer_sweep_costs_a_triangle_and_one_copy),
    cmocka_unit_test(fifty_thousand_siblings_take_no_square_of_them),
    cmocka_unit_test(equal_recipes_share_a_leaf),
    cmocka_unit_test(blocks_of_random_recipes_are_their_distinct_prefixes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
