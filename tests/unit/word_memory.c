/* What a memory of words promises: it may forget, but what it answers is what it was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "lib/text/word_memory.h"

static struct eq_err err;

static struct eq_word_memory *open(void) {
  struct eq_word_memory *m = eq_word_memory_new(&err);
  assert_non_null(m);
  return m;
}

/* The tokens that stand for a word in these tests: its bytes two by two, in ids that depend on word and place. */
static void add_tokens(const char *word, size_t n, size_t start, struct eq_token_list *out) {
  for (size_t i = 0; i < n; i += 2)
    assert_true(eq_token_list_add(out, (uint32_t)(n << 15 | i << 8) + (unsigned char)word[i], start + i,
                                  start + (i + 2 < n ? i + 2 : n)));
}

static void keep(struct eq_word_memory *m, const char *p, size_t n) {
  struct eq_token_list out = { 0 };
  struct eq_word w = eq_word_memory_expect(m, p, n, 0);
  assert_false(eq_word_memory_recall(m, &w, &out));
  add_tokens(p, n, 0, &out);
  eq_word_memory_keep(m, &w, &out, 0);
  eq_token_list_free(&out);
}

static bool recall(const struct eq_word_memory *m, const char *p, size_t n, size_t start, struct eq_token_list *out) {
  struct eq_word w = eq_word_memory_expect(m, p, n, start);
  eq_word_memory_fetch(m, &w);
  return eq_word_memory_recall(m, &w, out);
}

static void assert_same(const struct eq_token_list *a, const struct eq_token_list *b) {
  assert_int_equal(a->n, b->n);
  if (!a->n) return;
  assert_memory_equal(a->ids, b->ids, a->n * sizeof *a->ids);
  assert_memory_equal(a->starts, b->starts, a->n * sizeof *a->starts);
  assert_memory_equal(a->ends, b->ends, a->n * sizeof *a->ends);
}

static void words_of_every_length_are_recalled_wherever_they_stand(void **state) {
  (void)state;
  struct eq_word_memory *m = open();
  char word[EQ_WORD_BYTES_MAX + 1];
  memset(word, 'a', sizeof word);
  for (size_t n = 1; n <= EQ_WORD_BYTES_MAX; n++) keep(m, word, n);
  for (size_t n = 1; n <= EQ_WORD_BYTES_MAX; n++) {
    struct eq_token_list expected = { 0 }, out = { 0 };
    add_tokens("before", 6, 0, &expected);
    add_tokens("before", 6, 0, &out);
    add_tokens(word, n, 100000 * n, &expected);
    assert_true(recall(m, word, n, 100000 * n, &out));
    assert_same(&out, &expected);
    eq_token_list_free(&out);
    eq_token_list_free(&expected);
  }
  keep(m, word, sizeof word);
  keep(m, word, sizeof word); /* too long: still not there */
  eq_word_memory_free(m);
}

/* Only tokens that cover the word, each byte once, can be kept by their lengths. */
static void words_with_gaps_or_overlaps_are_not_kept(void **state) {
  (void)state;
  static const uint32_t spans[][4] = {
    { 10, 12, 13, 14 }, { 10, 12, 11, 14 }, { 10, 12, 12, 13 }, { 11, 12, 12, 14 }, { 10, 14, 10, 14 }
  };
  struct eq_word_memory *m = open();
  struct eq_token_list out = { 0 };
  for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
    out.n = 0;
    struct eq_word w = eq_word_memory_expect(m, "word", 4, 10);
    assert_true(eq_token_list_add(&out, 1, spans[i][0], spans[i][1]));
    assert_true(eq_token_list_add(&out, 2, spans[i][2], spans[i][3]));
    eq_word_memory_keep(m, &w, &out, 0);
    assert_false(eq_word_memory_recall(m, &w, &out));
  }
  keep(m, "word", 4);
  assert_true(recall(m, "word", 4, 10, &out));
  eq_token_list_free(&out);
  eq_word_memory_free(m);
}

/* Many times what it holds, drawn so that some words come often. */
static void a_full_memory_forgets_but_never_errs(void **state) {
  (void)state;
  enum { DRAWS = 1200000 };
  struct eq_word_memory *m = open();
  struct eq_token_list out = { 0 }, expected = { 0 };
  size_t recalled = 0;
  for (uint64_t i = 0; i < DRAWS; i++) {
    char word[40];
    uint64_t which = eq_random_below(5, 0, i, (uint64_t)1 << (4 + i % 20));
    size_t n = (size_t)snprintf(word, sizeof word, "%llx, %0*d", (unsigned long long)which, (int)(which % 20), 0);
    out.n = expected.n = 0;
    add_tokens(word, n, 7, &expected);
    bool found = recall(m, word, n, 7, &out);
    recalled += found;
    if (found)
      assert_same(&out, &expected);
    else
      keep(m, word, n);
  }
  assert_in_range(recalled, DRAWS / 2, DRAWS - DRAWS / 10);
  eq_token_list_free(&out);
  eq_token_list_free(&expected);
  eq_word_memory_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(words_of_every_length_are_recalled_wherever_they_stand),
    cmocka_unit_test(words_with_gaps_or_overlaps_are_not_kept),
    cmocka_unit_test(a_full_memory_forgets_but_never_errs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
