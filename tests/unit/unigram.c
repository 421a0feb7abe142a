/* The unigram model against all ways to cut a short text, its unknown characters, its worst cases; the trie of pieces;
 * base64 of RFC 4648. Goldens of the packages: tests/unit/sentencepiece.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base64.h"
#include "lib/base/random.h"
#include "lib/text/unigram.h"

static struct eq_unigram *model(const char *const *pieces, const double *scores, size_t n,
                                struct eq_unigram_rules rules) {
  struct eq_err err = { 0 };
  struct eq_unigram *u = eq_unigram_new(&err);
  for (size_t i = 0; i < n; i++) assert_true(eq_unigram_add(u, eq_str(pieces[i]), scores[i], EQ_PIECE_NORMAL, &err));
  if (!eq_unigram_finish(u, rules, &err)) fail_msg("%s", err.text);
  return u;
}

static struct eq_token_list encode(const struct eq_unigram *u, const char *text) {
  struct eq_unigram_scratch s = { 0 };
  struct eq_token_list out = { 0 };
  struct eq_err err = { 0 };
  if (!eq_unigram_encode(u, &s, text, strlen(text), 0, &out, &err)) fail_msg("%s", err.text);
  eq_unigram_scratch_free(&s);
  return out;
}

static void expect(const struct eq_unigram *u, const char *text, size_t n, const uint32_t *ids, const uint32_t *ends) {
  struct eq_token_list out = encode(u, text);
  assert_int_equal(out.n, n);
  for (size_t i = 0; i < n; i++) {
    assert_int_equal(out.ids[i], ids[i]);
    assert_int_equal(out.starts[i], i ? ends[i - 1] : 0);
    assert_int_equal(out.ends[i], ends[i]);
  }
  eq_token_list_free(&out);
}

/* The best sum over all ways to cut text[0..n), by trying them. */
static double best(const char *const *pieces, const double *scores, size_t n_pieces, const char *text, size_t n) {
  double most = n ? -INFINITY : 0;
  for (size_t i = 0; i < n_pieces; i++) {
    size_t size = strlen(pieces[i]);
    if (size > n || memcmp(pieces[i], text, size) != 0) continue;
    double sum = scores[i] + best(pieces, scores, n_pieces, text + size, n - size);
    if (sum > most) most = sum;
  }
  return most;
}

static void the_pieces_have_the_best_sum_of_all_ways(void **state) {
  (void)state;
  static const char *const pieces[] = {
    "a", "b", "\xC3\xA9", "ab", "ba", "aab", "b\xC3\xA9", "abab", "\xC3\xA9\xC3\xA9"
  };
  enum { N = sizeof pieces / sizeof *pieces };
  static const char *const letters[] = { "a", "b", "\xC3\xA9" };
  for (uint64_t trial = 0; trial < 300; trial++) {
    double scores[N], sum = 0;
    char text[32] = "";
    for (size_t i = 0; i < N; i++) scores[i] = -10 * eq_random_f64(7, trial, i);
    for (uint64_t i = 0; i < 10; i++) strcat(text, letters[eq_random_u64(8, trial, i) % 3]);
    struct eq_unigram *u = model(pieces, scores, N, (struct eq_unigram_rules){ .unknown = EQ_NO_PIECE });
    struct eq_token_list out = encode(u, text);
    for (size_t i = 0; i < out.n; i++) {
      assert_int_equal(out.ends[i] - out.starts[i], strlen(pieces[out.ids[i]]));
      assert_memory_equal(text + out.starts[i], pieces[out.ids[i]], out.ends[i] - out.starts[i]);
      sum += scores[out.ids[i]];
    }
    assert_int_equal(out.ends[out.n - 1], strlen(text));
    assert_true(fabs(sum - best(pieces, scores, N, text, strlen(text))) < 1e-9);
    eq_token_list_free(&out);
    eq_unigram_free(u);
  }
}

static void neighbouring_unknown_characters_are_one_token(void **state) {
  (void)state;
  static const char *const pieces[] = { "<unk>", "a", "aa" };
  static const double scores[] = { 0, -1, -1.5 };
  struct eq_unigram *u = model(pieces, scores, 3, (struct eq_unigram_rules){ .unknown = 0 });
  expect(u,
         "xy\xC3\xA9"
         "aaz",
         3, (uint32_t[]){ 0, 2, 0 }, (uint32_t[]){ 4, 6, 7 });
  expect(u, "x<unk>", 1, (uint32_t[]){ 0 }, (uint32_t[]){ 6 });
  expect(u, "", 0, NULL, NULL);
  eq_unigram_free(u);
}

static void without_an_unknown_token_an_unknown_character_is_an_error(void **state) {
  (void)state;
  struct eq_unigram *u =
      model((const char *const[]){ "a" }, (double[]){ 0 }, 1, (struct eq_unigram_rules){ .unknown = EQ_NO_PIECE });
  struct eq_unigram_scratch s = { 0 };
  struct eq_token_list out = { 0 };
  struct eq_err err = { 0 };
  assert_false(eq_unigram_encode(u, &s, "a\xC3\xA9", 3, 0, &out, &err));
  assert_string_equal(err.text, "'\xC3\xA9' is not in the vocabulary, which has no unknown token");
  eq_unigram_scratch_free(&s);
  eq_token_list_free(&out);
  eq_unigram_free(u);
}

static void byte_fallback_needs_every_byte_of_the_stretch(void **state) {
  (void)state;
  static const char *const pieces[] = { "<unk>", "a", "<0xC3>", "<0xA9>" };
  static const double scores[] = { 0, -1, -2, -3 };
  const struct eq_unigram_rules rules = { .unknown = 0, .byte_fallback = true };
  struct eq_unigram *u = model(pieces, scores, 4, rules);
  expect(u, "a\xC3\xA9", 3, (uint32_t[]){ 1, 2, 3 }, (uint32_t[]){ 1, 2, 3 });
  expect(u, "a\xC3\xA9x", 2, (uint32_t[]){ 1, 0 }, (uint32_t[]){ 1, 4 });
  expect(u, "<unk>", 1, (uint32_t[]){ 0 }, (uint32_t[]){ 5 });
  eq_unigram_free(u);
}

static void a_bad_vocabulary_is_refused(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  struct eq_unigram *u = eq_unigram_new(&err);
  assert_false(eq_unigram_add(u, eq_str("a"), NAN, EQ_PIECE_NORMAL, &err));
  assert_string_equal(err.text, "piece 0, 'a', has the score nan, expected a finite one");
  err = (struct eq_err){ 0 };
  assert_false(eq_unigram_finish(u, (struct eq_unigram_rules){ .unknown = 0 }, &err));
  assert_string_equal(err.text, "the unknown token has id 0, but there are 0 pieces");
  eq_unigram_free(u);
}

static void a_million_of_one_letter_take_linear_time(void **state) {
  (void)state;
  enum { N = 1 << 20, LONGEST = 64 };
  struct eq_err err = { 0 };
  struct eq_unigram *u = eq_unigram_new(&err);
  char letters[LONGEST];
  memset(letters, 'a', LONGEST);
  for (size_t i = 1; i <= LONGEST; i++)
    assert_true(eq_unigram_add(u, (struct eq_str){ letters, i }, -1, EQ_PIECE_NORMAL, &err));
  assert_true(eq_unigram_finish(u, (struct eq_unigram_rules){ .unknown = EQ_NO_PIECE }, &err));
  char *text = malloc(N + 1);
  memset(text, 'a', N);
  text[N] = 0;
  struct eq_token_list out = encode(u, text);
  assert_int_equal(out.n, N / LONGEST);
  eq_token_list_free(&out);
  eq_unigram_free(u);
  free(text);
}

static void the_trie_finds_what_was_put_in_and_nothing_else(void **state) {
  (void)state;
  enum { N = 5000 };
  static char text[N][8];
  struct eq_str pieces[N];
  struct eq_err err = { 0 };
  struct eq_piece_trie t = { 0 };
  for (uint64_t i = 0; i < N; i++) { /* bytes of all values, many shared beginnings, some twice */
    size_t n = 1 + eq_random_u64(1, i, 0) % 6;
    for (size_t k = 0; k < n; k++) text[i][k] = (char)(eq_random_u64(1, i, k + 1) % (k ? 5 : 256) * 51);
    pieces[i] = (struct eq_str){ text[i], n };
  }
  assert_true(eq_piece_trie_build(&t, pieces, NULL, N / 2, &err));
  for (uint32_t i = 0; i < N; i++) {
    uint32_t expected = EQ_NO_PIECE;
    for (uint32_t k = 0; k < N / 2; k++)
      if (eq_str_equal(pieces[k], pieces[i])) expected = k;
    assert_int_equal(eq_piece_trie_find(&t, pieces[i]), expected);
  }
  assert_int_equal(eq_piece_trie_find(&t, eq_str("")), EQ_NO_PIECE);
  eq_piece_trie_free(&t);
}

static void base64_is_that_of_rfc_4648(void **state) {
  (void)state;
  static const struct {
    const char *text, *bytes;
  } good[] = { { "", "" }, /* section 10 */
               { "Zg==", "f" },
               { "Zm8=", "fo" },
               { "Zm9v", "foo" },
               { "Zm9vYg==", "foob" },
               { "Zm9vYmE=", "fooba" },
               { "Zm9vYmFy", "foobar" },
               { "+/8=", "\xFB\xFF" } };
  static const char *const bad[] = { "Z",        "Zg",   "Zg=",   "Zh==", "Zm9=", "====",
                                     "Zg==Zg==", "Z m8", "Zm8\n", "Zm-_", "=m8=" };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    struct eq_buffer out = { 0 };
    assert_true(eq_base64_decode(eq_str(good[i].text), &out));
    assert_int_equal(out.size, strlen(good[i].bytes));
    if (out.size) assert_memory_equal(out.data, good[i].bytes, out.size);
    eq_buffer_free(&out);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct eq_buffer out = { 0 };
    assert_false(eq_base64_decode(eq_str(bad[i]), &out));
    eq_buffer_free(&out);
  }
}

/* Sums near 65,536 in steps of u = 1/128: that of "a" and "bc" is halfway between steps and goes to the even one, that
 * of "ab" and "c" goes there too, so the first stays; in f64 the second is better. */
static void sums_of_sentencepiece_are_single_precision(void **state) {
  (void)state;
  static const char *const pieces[] = { "a", "bc", "ab", "c", "b" };
  static const double scores[] = { -65536, -1.5 / 128, -65536, -1.75 / 128 - 1.0 / 65536 / 65536, -99999 };
  struct eq_unigram_rules rules = { .unknown = EQ_NO_PIECE, .sums = EQ_SUMS_F32 };
  struct eq_unigram *u = model(pieces, scores, 5, rules);
  expect(u, "abc", 2, (const uint32_t[]){ 0, 1 }, (const uint32_t[]){ 1, 3 });
  eq_unigram_free(u);
  rules.sums = EQ_SUMS_F64;
  static const double close[] = { -65536, -1.5 / 128, -65536, -1.25 / 128, -99999 };
  u = model(pieces, close, 5, rules);
  expect(u, "abc", 2, (const uint32_t[]){ 2, 3 }, (const uint32_t[]){ 2, 3 });
  eq_unigram_free(u);
}

/* After two pieces of -60,000 the sum passes 100,000 and begins anew from 0, so that what follows is told apart, which
 * it is not at -120,000, where f32 has steps of 1/128. */
static void sums_of_sentencepiece_begin_anew_past_a_hundred_thousand(void **state) {
  (void)state;
  static const char *const pieces[] = { "x", "a", "bc", "ab", "c", "b" };
  static const double scores[] = { -60000, -1, -1.001, -1, -1.0005, -99 };
  struct eq_unigram *u = model(pieces, scores, 6, (struct eq_unigram_rules){ EQ_NO_PIECE, .sums = EQ_SUMS_F32 });
  expect(u, "xxabc", 4, (const uint32_t[]){ 0, 0, 3, 4 }, (const uint32_t[]){ 1, 2, 4, 5 });
  expect(u, "xabc", 3, (const uint32_t[]){ 0, 1, 2 }, (const uint32_t[]){ 1, 2, 4 });
  eq_unigram_free(u);
}

/* 0.1 (n - 1) for a symbol of n bytes: nothing but a score near 0 outweighs it. In llama.cpp it is 0. */
static void a_symbol_of_the_user_has_a_score_of_its_own(void **state) {
  (void)state;
  static const struct {
    enum eq_unigram_sums sums;
    double whole; /* of the piece that holds the symbol and one letter more */
    size_t n;
  } cases[] = {
    { EQ_SUMS_F32, 0.05, 2 }, { EQ_SUMS_F32, 0.15, 1 }, { EQ_SUMS_LLAMA, -0.25, 2 }, { EQ_SUMS_LLAMA, -0.15, 1 }
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_err err = { 0 };
    struct eq_unigram *u = eq_unigram_new(&err);
    assert_true(eq_unigram_add(u, eq_str("ab"), -50, EQ_PIECE_USER, &err) &&
                eq_unigram_add(u, eq_str("c"), cases[i].sums == EQ_SUMS_F32 ? 0 : -0.2, EQ_PIECE_NORMAL, &err) &&
                eq_unigram_add(u, eq_str("abc"), cases[i].whole, EQ_PIECE_NORMAL, &err) &&
                eq_unigram_add(u, eq_str("?"), -50, EQ_PIECE_NORMAL, &err));
    assert_true(eq_unigram_finish(u, (struct eq_unigram_rules){ 3, .sums = cases[i].sums }, &err));
    struct eq_token_list out = { 0 };
    struct eq_unigram_scratch s = { 0 };
    bool cuts = eq_unigram_encode(u, &s, "abc", 3, 0, &out, &err);
    assert_true(cuts && out.n == cases[i].n);
    eq_unigram_scratch_free(&s);
    eq_token_list_free(&out);
    eq_unigram_free(u);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_pieces_have_the_best_sum_of_all_ways),
    cmocka_unit_test(neighbouring_unknown_characters_are_one_token),
    cmocka_unit_test(without_an_unknown_token_an_unknown_character_is_an_error),
    cmocka_unit_test(byte_fallback_needs_every_byte_of_the_stretch),
    cmocka_unit_test(sums_of_sentencepiece_are_single_precision),
    cmocka_unit_test(sums_of_sentencepiece_begin_anew_past_a_hundred_thousand),
    cmocka_unit_test(a_symbol_of_the_user_has_a_score_of_its_own),
    cmocka_unit_test(a_bad_vocabulary_is_refused),
    cmocka_unit_test(a_million_of_one_letter_take_linear_time),
    cmocka_unit_test(the_trie_finds_what_was_put_in_and_nothing_else),
    cmocka_unit_test(base64_is_that_of_rfc_4648),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
