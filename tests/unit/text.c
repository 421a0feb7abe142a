/* What stands under tokenizers and corpora: JSON read piece by piece, Unicode, NFC, languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/base/random.h"
#include "lib/base/utf8.h"
#include "lib/text/json.h"
#include "lib/text/languages.h"
#include "lib/text/normal_form.h"
#include "lib/text/unicode.h"

/* ---- JSON ---- */

static bool skips(const char *text, struct eq_err *err) {
  struct eq_json j;
  *err = (struct eq_err){ 0 };
  eq_json_open(&j, "x", eq_str(text), err);
  eq_json_skip(&j, NULL);
  return eq_json_end(&j);
}

static void json_takes_what_rfc_8259_takes(void **state) {
  (void)state;
  static const char *const good[] = {
    "1", "-0.5e+10", "\"\"", " [ ] ", "{}", "[1,[2,{}]]", "{\"a\":[true,false,null]}", "\"\\u00e9\\ud83d\\ude00\\/\"",
    "0", "[0.0]",    "1E5"
  };
  static const char *const bad[] = { "",        "[",
                                     "]",       "[1,]",
                                     "{\"a\"}", "{\"a\":1,}",
                                     "{a:1}",   "01",
                                     "1.",      ".5",
                                     "+1",      "1e",
                                     "-",       "tru",
                                     "nulL",    "\"",
                                     "\"\\x\"", "\"\\u12\"",
                                     "\"\n\"",  "\"\\udc00\"",
                                     "[1 2]",   "{\"a\" 1}",
                                     "[1}",     "{]",
                                     "1 2",     "\"\\ud800\\u0041\"",
                                     "[,1]",    "{,}" };
  struct eq_err err;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!skips(good[i], &err)) fail_msg("%s: %s", good[i], err.text);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (skips(bad[i], &err)) fail_msg("%s was taken", bad[i]);
    assert_int_equal(err.code, EQ_BAD);
  }
}

static void json_strings_are_decoded(void **state) {
  (void)state;
  struct eq_json j;
  struct eq_err err = { 0 };
  struct eq_buffer scratch = { 0 };
  struct eq_str s = { 0 };
  eq_json_open(&j, "x", eq_str("[\"plain\", \"a\\n\\t\\\\\\\"\\u00E9\\u4e2d\\ud83d\\uDE42z\", \"\"]"), &err);
  assert_true(eq_json_begin(&j, '[') && eq_json_next(&j) && eq_json_string(&j, &scratch, &s));
  assert_true(eq_str_is(s, "plain"));
  assert_true(eq_json_next(&j) && eq_json_string(&j, &scratch, &s));
  assert_true(eq_str_is(s, "a\n\t\\\"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x99\x82z"));
  assert_true(eq_json_next(&j) && eq_json_string(&j, &scratch, &s));
  assert_true(s.n == 0 && s.p);
  assert_false(eq_json_next(&j));
  assert_true(eq_json_end(&j));
  eq_buffer_free(&scratch);
}

/* ---- Unicode ---- */

static struct eq_unicode unicode;
static int open_unicode(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  return eq_unicode_open(&unicode, &err) ? 0 : 1;
}
static int close_unicode(void **state) {
  (void)state;
  eq_unicode_close(&unicode);
  return 0;
}

static void properties_are_those_of_the_unicode_data(void **state) {
  (void)state;
  static const struct {
    uint32_t c;
    unsigned properties;
  } facts[] = {
    { 'a', EQ_LETTER },
    { '1', EQ_NUMBER | EQ_DIGIT },
    { ' ', EQ_SPACE },
    { '\n', EQ_SPACE | EQ_BREAK },
    { '\'', 0 },
    { 0x85, EQ_SPACE },
    { 0xBD, EQ_NUMBER },             /* one half: No */
    { 0x2167, EQ_NUMBER },           /* Roman numeral: Nl */
    { 0x663, EQ_NUMBER | EQ_DIGIT }, /* Arabic digit */
    { 0x4E2D, EQ_LETTER },           /* Lo */
    { 0x180E, 0 },                   /* Mongolian vowel separator: Cf, no white space since Unicode 6.3 */
    { 0x3000, EQ_SPACE },
    { 0x301, EQ_COMBINING | EQ_NFC_MAYBE },
    { 0x94D, EQ_COMBINING },              /* virama: nothing composes with it */
    { 0x1161, EQ_LETTER | EQ_NFC_MAYBE }, /* a vowel of Hangul */
    { 0xAC01, EQ_LETTER },
    { 0x212B, EQ_LETTER | EQ_NFC_MAYBE }, /* Angstrom becomes A with ring */
    { 0x1F642, 0 },
    { 0x10FFFF, 0 },
  };
  for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
    if (unicode.properties[facts[i].c] != facts[i].properties)
      fail_msg("U+%04X has properties %u", facts[i].c, unicode.properties[facts[i].c]);
}

/* The text in NFC, with the way back. */
static struct eq_view nfc_of(struct eq_str text) {
  static struct eq_aligned out;
  static struct eq_form_scratch scratch;
  struct eq_rewriting r;
  struct eq_view view = { .text = text };
  eq_rewrite_begin(&r, view, &out);
  eq_form_rewrite(&scratch, &unicode, EQ_NFC, &r);
  assert_true(eq_rewrite_end(&r, &view));
  return view;
}

static void every_code_point_is_normalised_as_utf8proc_does(void **state) {
  (void)state;
  for (uint32_t c = 1; c < 0x110000; c++) {
    if (c >= 0xD800 && c < 0xE000) continue;
    unsigned char bytes[5] = { 0 };
    utf8proc_ssize_t n = utf8proc_encode_char((int32_t)c, bytes);
    unsigned char *expected = utf8proc_NFC(bytes);
    if (!eq_str_is(nfc_of((struct eq_str){ (const char *)bytes, (size_t)n }).text, (const char *)expected))
      fail_msg("U+%04X", c);
    free(expected);
  }
}

/* Random texts of what composes, decomposes and is put in order. */
static void random_texts_are_normalised_as_utf8proc_does(void **state) {
  (void)state;
  static const uint32_t pool[] = { 'a',    'e',    'o',    ' ',    0x301,  0x323,  0x308,   0x344,   0x1EA5,
                                   0xE9,   0x915,  0x93C,  0x958,  0x94D,  0x9C7,  0x9BE,   0x1100,  0x1161,
                                   0x11A8, 0xAC00, 0xAC01, 0x212B, 0x2126, 0xFB1D, 0x1D15E, 0x11131, 0x11127,
                                   0xF73,  0xFB2,  0xF80,  0x4E2D, 0x3099, 0x304B };
  uint64_t draw = 0;
  for (int round = 0; round < 20000; round++) {
    char text[200];
    size_t n = 0, count = 1 + (size_t)eq_random_below(3, 0, draw++, 40);
    for (size_t i = 0; i < count; i++)
      n += (size_t)utf8proc_encode_char((int32_t)pool[eq_random_below(3, 1, draw++, sizeof pool / sizeof *pool)],
                                        (unsigned char *)text + n);
    text[n] = 0;
    char *expected = (char *)utf8proc_NFC((unsigned char *)text);
    struct eq_view nfc = nfc_of((struct eq_str){ text, n });
    assert_true(eq_str_is(nfc.text, expected));
    for (size_t i = 0; nfc.from && i < nfc.text.n; i++) assert_true(nfc.from[i] < nfc.to[i] && nfc.to[i] <= n);
    free(expected);
  }
}

static void offsets_in_nfc_lead_to_the_original_bytes(void **state) {
  (void)state;
  const char *original = "ae\xCC\x81"
                         "b\xE0\xA5\x98"
                         "c"; /* a, e + acute, b, U+0958, c */
  struct eq_view nfc = nfc_of(eq_str(original));
  assert_true(eq_str_is(nfc.text, "a\xC3\xA9"
                                  "b\xE0\xA4\x95\xE0\xA4\xBC"
                                  "c"));
  /* What two characters became covers the first, as in Hugging Face's tokenizers; what one became covers that. */
  static const uint32_t from[] = { 0, 1, 1, 4, 5, 5, 5, 5, 5, 5, 8 }, to[] = { 1, 2, 2, 5, 8, 8, 8, 8, 8, 8, 9 };
  assert_int_equal(nfc.text.n, sizeof from / sizeof *from);
  assert_memory_equal(nfc.from, from, sizeof from);
  assert_memory_equal(nfc.to, to, sizeof to);
}

/* ---- languages ---- */

static void every_name_of_the_table_finds_its_row(void **state) {
  (void)state;
  struct eq_languages l;
  struct eq_err err = { 0 };
  assert_true(eq_languages_open(&l, &err));
  assert_int_equal(l.n, 521);
  for (size_t i = 0; i < l.n; i++) {
    assert_ptr_equal(eq_languages_find(&l, l.rows[i].tag), &l.rows[i]);
    assert_ptr_equal(eq_languages_find(&l, l.rows[i].udhr), &l.rows[i]);
    assert_true(eq_language_tag_is_well_formed(l.rows[i].tag));
    char path[300];
    snprintf(path, sizeof path, "corpora/udhr/%.*s.tsv", EQ_STR(l.rows[i].udhr));
    FILE *f = fopen(path, "r");
    if (!f) fail_msg("%s is missing", path);
    fclose(f);
  }
  eq_languages_free(&l);
}

static void names_that_people_use_find_the_default_variety(void **state) {
  (void)state;
  static const char *const names[][2] = { { "en", "eng" },           { "EN", "eng" },       { "zh", "cmn_hans" },
                                          { "zh-Hant", "cmn_hant" }, { "zho", "cmn_hans" }, { "sw", "swh" },
                                          { "swh", "swh" },          { "de", "deu_1996" },  { "deu", "deu_1996" },
                                          { "pt", "por_BR" },        { "pt-PT", "por_PT" }, { "he", "heb" },
                                          { "iw", "heb" },           { "sr", "srp_cyrl" },  { "sr-Latn", "srp_latn" },
                                          { "no", "nob" },           { "fa", "pes_1" },     { "yi", "ydd" } };
  struct eq_languages l;
  struct eq_err err = { 0 };
  assert_true(eq_languages_open(&l, &err));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const struct eq_language *row = eq_languages_find(&l, eq_str(names[i][0]));
    if (!row || !eq_str_is(row->udhr, names[i][1])) fail_msg("%s", names[i][0]);
  }
  assert_null(eq_languages_find(&l, eq_str("und")));
  assert_null(eq_languages_find(&l, eq_str("")));
  assert_null(eq_languages_find(&l, eq_str("xx")));
  eq_languages_free(&l);
}

static void the_groups_are_those_of_the_public_experiments(void **state) {
  (void)state;
  static const char *const groups[][2] = { { "en", "high" },   { "de", "high" }, { "fr", "high" }, { "es", "high" },
                                           { "zh", "medium" }, { "ar", "low" },  { "he", "low" },  { "ru", "low" },
                                           { "ja", "low" },    { "ko", "low" },  { "it", "" },     { "sw", "" } };
  struct eq_languages l;
  struct eq_err err = { 0 };
  struct eq_str value;
  assert_true(eq_languages_open(&l, &err));
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
    assert_true(eq_language_column(eq_languages_find(&l, eq_str(groups[i][0])), "group", &value));
    assert_true(eq_str_is(value, groups[i][1]));
  }
  assert_false(eq_language_column(l.rows, "no such column", &value));
  eq_languages_free(&l);
}

static void tags_have_the_form_of_rfc_5646(void **state) {
  (void)state;
  static const char *const good[] = { "en", "zh-Hant", "sl-rozaj-biske", "x-mine", "de-1996", "yue", "und-x-klau" };
  static const char *const bad[] = { "", "e", "-en", "en-", "en--x", "123", "toolonglanguage", "en_US", "\xC3\xA9n" };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(eq_language_tag_is_well_formed(eq_str(good[i])));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(eq_language_tag_is_well_formed(eq_str(bad[i])));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(json_takes_what_rfc_8259_takes),
    cmocka_unit_test(json_strings_are_decoded),
    cmocka_unit_test(properties_are_those_of_the_unicode_data),
    cmocka_unit_test(every_code_point_is_normalised_as_utf8proc_does),
    cmocka_unit_test(random_texts_are_normalised_as_utf8proc_does),
    cmocka_unit_test(offsets_in_nfc_lead_to_the_original_bytes),
    cmocka_unit_test(every_name_of_the_table_finds_its_row),
    cmocka_unit_test(names_that_people_use_find_the_default_variety),
    cmocka_unit_test(the_groups_are_those_of_the_public_experiments),
    cmocka_unit_test(tags_have_the_form_of_rfc_5646),
  };
  return cmocka_run_group_tests(tests, open_unicode, close_unicode);
}
