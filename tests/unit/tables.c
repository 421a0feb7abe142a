/* Scripts, classes of bytes, and the counts behind eq-token --stats: closed forms and brute force. The tables as a
 * whole are held against Python in tests/cli/tables.bats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/base/utf8.h"
#include "lib/measure/tokenization.h"
#include "lib/measure/vocab.h"
#include "lib/text/scripts.h"

static struct eq_err err;

static void a_character_has_its_script(void **state) {
  (void)state;
  static const struct {
    uint32_t c;
    const char *script;
  } cases[] = { { 'a', "Latn" },     { 'Z', "Latn" },     { '@', "Zyyy" },     { '[', "Zyyy" },     { '0', "Zyyy" },
                { 0, "Zyyy" },       { 0x7F, "Zyyy" },    { 0x300, "Zinh" },   { 0x3B1, "Grek" },   { 0x378, "Zzzz" },
                { 0x430, "Cyrl" },   { 0x5D0, "Hebr" },   { 0x660, "Arab" },   { 0x964, "Zyyy" },   { 0x905, "Deva" },
                { 0xE01, "Thai" },   { 0x1000, "Mymr" },  { 0x1361, "Ethi" },  { 0x3042, "Hira" },  { 0x30A2, "Kana" },
                { 0x30FC, "Zyyy" },  { 0x4E00, "Hani" },  { 0xAC00, "Hang" },  { 0xD800, "Zzzz" },  { 0xE000, "Zzzz" },
                { 0x10D40, "Gara" }, { 0x1E900, "Adlm" }, { 0x1F600, "Zyyy" }, { 0x3FFFF, "Zzzz" }, { 0xE01EF, "Zinh" },
                { 0xE01F0, "Zzzz" }, { 0x10FFFF, "Zzzz" } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(eq_script_name(eq_script(cases[i].c)), cases[i].script);
}

static void a_token_has_the_script_of_its_letters(void **state) {
  (void)state;
  static const char *const cases[][2] = { { " abc.", "Latn" },  { "\u0431\u0301 1", "Cyrl" }, { "a\u0431", "mixed" },
                                          { " 12", "Zyyy" },    { "\u0301", "Zinh" },         { "1\u0301", "Zyyy" },
                                          { "\ue000", "Zzzz" }, { "a\ue000", "Latn" },        { "\x80 x", "Latn" } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(eq_script_of(eq_str(cases[i][0])), cases[i][1]);
  assert_null(eq_script_of((struct eq_str){ "", 0 }));
  assert_null(eq_script_of(eq_str("\xe2\x96")));
}

/* Whether something before and after the bytes makes whole characters of them. */
static bool can_be_completed(const char *s, size_t n) {
  static const char *const heads[] = { "", "\xd0", "\xe1\x80", "\xe1", "\xf1\x80\x80", "\xf1\x80", "\xf1" };
  static const char *const tails[] = { "",         "\x80",     "\xa0",         "\x90",        "\x80\x80",
                                       "\xa0\x80", "\x90\x80", "\x90\x80\x80", "\x80\x80\x80" };
  char text[16];
  for (size_t h = 0; h < sizeof heads / sizeof *heads; h++)
    for (size_t t = 0; t < sizeof tails / sizeof *tails; t++) {
      size_t head = strlen(heads[h]), tail = strlen(tails[t]);
      memcpy(text, heads[h], head);
      memcpy(text + head, s, n);
      memcpy(text + head + n, tails[t], tail);
      if (eq_utf8_invalid(text, head + n + tail) == head + n + tail) return true;
    }
  return false;
}

static void check_class(const char *s, size_t n) {
  const char *class = eq_byte_class((struct eq_str){ s, n });
  bool whole = eq_utf8_invalid(s, n) == n;
  if (whole)
    assert_true(strcmp(class, "partial") != 0 && strcmp(class, "invalid") != 0);
  else
    assert_string_equal(class, can_be_completed(s, n) ? "partial" : "invalid");
}

static void bytes_that_begin_or_end_inside_a_character_are_partial(void **state) {
  (void)state;
  for (unsigned i = 0; i < 0x10000; i++) {
    const char s[2] = { (char)(i >> 8), (char)i };
    check_class(s, 2);
    if (i < 256) check_class(s + 1, 1);
  }
  for (uint64_t i = 0; i < 200000; i++) { /* mostly bytes of characters */
    char s[6];
    size_t n = 3 + (size_t)eq_random_below(11, i, 0, 4);
    for (size_t k = 0; k < n; k++) {
      uint64_t x = eq_random_u64(11, i, k + 1);
      s[k] = (char)(x % 4 ? 0x80 | (x >> 8 & 0x3F) : x >> 8);
    }
    check_class(s, n);
  }
}

static void whole_characters_are_space_ascii_or_not(void **state) {
  (void)state;
  assert_string_equal(eq_byte_class(eq_str(" \n")), "space");
  assert_string_equal(eq_byte_class(eq_str("\u3000")), "space");
  assert_string_equal(eq_byte_class(eq_str(" a")), "ascii");
  assert_string_equal(eq_byte_class(eq_str(" \u00e9")), "utf8");
  assert_null(eq_byte_class((struct eq_str){ "", 0 }));
}

/* ---- counts ---- */

static void add(struct eq_tokenizations *t, const char *lang, const char *id, const char *text, size_t tokens) {
  const uint32_t ids[8] = { 0 };
  const unsigned char traits[] = { EQ_IS_ONE_BYTE };
  struct eq_segment_counts c =
      eq_segment_count(text ? eq_str(text) : (struct eq_str){ 0 }, ids, tokens, strcmp(lang, "xx") ? traits : NULL);
  assert_true(eq_tokenizations_add(t, eq_str("t"), eq_str(lang), eq_str(id), &c, &err));
}

static void a_segment_is_counted(void **state) {
  (void)state;
  const uint32_t ids[] = { 2, 0, 1, 1 };
  const unsigned char traits[] = { EQ_IS_UNKNOWN, EQ_IS_ONE_BYTE, 0 };
  struct eq_segment_counts c = eq_segment_count(eq_str(" \u12a0\u1361\u12a1  b\u3000"), ids, 4, traits);
  assert_int_equal(c.tokens, 4);
  assert_int_equal(c.unknown, 1);
  assert_int_equal(c.one_byte, 2);
  assert_int_equal(c.bytes, 16);
  assert_int_equal(c.chars, 8);
  assert_int_equal(c.words, 3);
  assert_int_equal(c.letters, 4); /* the wordspace is of the script Ethi */
  assert_int_equal(c.continuous, 0);
  c = eq_segment_count((struct eq_str){ 0 }, ids, 4, NULL);
  assert_true(c.bytes == EQ_ABSENT && c.words == EQ_ABSENT && c.unknown == EQ_ABSENT && c.tokens == 4);
}

static const struct eq_tokenization *row_of(const struct eq_tokenization *rows, size_t n, const char *lang) {
  for (size_t i = 0; i < n; i++)
    if (eq_str_is(rows[i].lang, lang)) return &rows[i];
  fail_msg("no row for %s", lang);
  return NULL;
}

static void premiums_are_over_the_segments_that_both_have(void **state) {
  (void)state;
  struct eq_tokenizations t = { 0 };
  size_t n;
  add(&t, "sw", "3", "x y", 6);
  add(&t, "sw", "1", "x", 2);
  add(&t, "sw", "4", "x", 5); /* not in English */
  add(&t, "en", "1", "x", 1);
  add(&t, "en", "2", "x", 4); /* not in Swahili */
  add(&t, "en", "3", "x", 3);
  add(&t, "th", "1", "\u0e01\u0e02", 2);
  add(&t, "th", "1", "\u0e01\u0e02", 2); /* twice, in English once: no pair */
  add(&t, "qq", "9", "x", 2);
  add(&t, "zz", "1", "", 0);
  struct eq_tokenization *rows = eq_tokenizations_close(&t, eq_str("en"), &n, &err);
  assert_int_equal(n, 5);
  assert_true(eq_str_is(rows[0].lang, "en") && eq_str_is(rows[4].lang, "zz"));
  const struct eq_tokenization *r = row_of(rows, n, "sw");
  assert_true(r->premium == 8.0 / 4.0 && r->pairs == 2);
  assert_true(r->segments == 3 && r->tokens == 13 && r->words == 4 && r->tokens_word == 13.0 / 4 && r->byte_share == 1);
  assert_true(row_of(rows, n, "en")->premium == 1 && row_of(rows, n, "en")->pairs == 3);
  r = row_of(rows, n, "th");
  assert_true(isnan(r->premium) && r->pairs == 0 && isnan(r->tokens_word) && r->bytes_token == 3);
  assert_true(isnan(row_of(rows, n, "qq")->premium));
  r = row_of(rows, n, "zz");
  assert_true(r->premium == 0 && r->pairs == 1 && isnan(r->bytes_token) && isnan(r->byte_share));
  free(rows);
  eq_tokenizations_free(&t);
}

static void what_is_not_known_is_not_a_number(void **state) {
  (void)state;
  struct eq_tokenizations t = { 0 };
  size_t n;
  add(&t, "xx", "1", "abc", 1);
  add(&t, "xx", "2", NULL, 2);
  struct eq_tokenization *rows = eq_tokenizations_close(&t, eq_str("en"), &n, &err);
  assert_int_equal(n, 1);
  assert_true(rows->bytes == EQ_ABSENT && isnan(rows->bytes_token) && isnan(rows->tokens_word));
  assert_true(isnan(rows->byte_share) && isnan(rows->unknown_share) && isnan(rows->premium) && rows->tokens == 3);
  free(rows);
  eq_tokenizations_free(&t);
  rows = eq_tokenizations_close(&t, eq_str("en"), &n, &err);
  assert_true(rows && n == 0);
  free(rows);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_character_has_its_script),
    cmocka_unit_test(a_token_has_the_script_of_its_letters),
    cmocka_unit_test(bytes_that_begin_or_end_inside_a_character_are_partial),
    cmocka_unit_test(whole_characters_are_space_ascii_or_not),
    cmocka_unit_test(a_segment_is_counted),
    cmocka_unit_test(premiums_are_over_the_segments_that_both_have),
    cmocka_unit_test(what_is_not_known_is_not_a_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
