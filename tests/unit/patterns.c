/* Regular expressions against Oniguruma (tests/golden/patterns.py); what is refused, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/utf8.h"
#include "lib/text/json.h"
#include "lib/text/pattern.h"

static struct eq_err err;

/* The code points that sets are asked about: SAMPLE of tests/golden/patterns.py. */
static const struct {
  uint32_t first, end, step;
} sample[] = {
  { 0, 0xD800, 1 },        { 0x10C00, 0x11500, 1 }, { 0x11B00, 0x12000, 1 },  { 0x13400, 0x14400, 7 },
  { 0x16100, 0x17000, 1 }, { 0x1B000, 0x1E700, 1 }, { 0x1F000, 0x1FC00, 1 },  { 0x2B700, 0x2B740, 1 },
  { 0x31300, 0x32400, 5 }, { 0xE0001, 0xE0002, 1 }, { 0xFFFFF, 0x100000, 1 },
};

static void add_code_point(struct eq_buffer *b, uint32_t c) {
  const char bytes[] = { (char)(c < 0x80      ? c
                                : c < 0x800   ? 0xC0 | c >> 6
                                : c < 0x10000 ? 0xE0 | c >> 12
                                              : 0xF0 | c >> 18),
                         (char)(0x80 | (c >> 12 & 0x3F)), (char)(0x80 | (c >> 6 & 0x3F)), (char)(0x80 | (c & 0x3F)) };
  size_t n = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  eq_buffer_add(b, bytes, 1);
  eq_buffer_add(b, bytes + 4 - n, n);
}

static struct eq_buffer all_of_sample(void) {
  struct eq_buffer b = { 0 };
  for (size_t i = 0; i < sizeof sample / sizeof *sample; i++)
    for (uint32_t c = sample[i].first; c < sample[i].end; c += sample[i].step) add_code_point(&b, c);
  return b;
}

/* What came of a text. */
struct cutting {
  const char *text;
  struct eq_buffer replaced;
  uint64_t members, hash;
};

static void mix(struct cutting *c, uint32_t word) {
  for (int shift = 0; shift < 32; shift += 8) c->hash = (c->hash ^ (word >> shift & 0xFF)) * 0x100000001B3;
}

static bool replace(void *context, size_t start, size_t end, bool match) {
  struct cutting *c = context;
  if (match)
    eq_buffer_string(&c->replaced, "\xC2\xA4");
  else
    eq_buffer_add(&c->replaced, c->text + start, end - start);
  return true;
}

static bool collect(void *context, size_t start, size_t end, bool match) {
  struct cutting *c = context;
  uint32_t code_point;
  if (!match) return true;
  for (size_t n; (n = eq_utf8_decode(c->text + start, end - start, &code_point)); start += n) {
    c->members++;
    mix(c, code_point);
  }
  return true;
}

static void check_set(const struct eq_pattern *p, struct eq_str text, struct eq_str pattern, const char *count,
                      const char *hash) {
  struct cutting c = { .text = text.p, .hash = 0xCBF29CE484222325 };
  assert_true(eq_pattern_cut(p, NULL, text.p, text.n, collect, &c, &err));
  if (c.members != strtoull(count, NULL, 10) || c.hash != strtoull(hash, NULL, 16))
    fail_msg("%.*s: %llu members, expected %s", EQ_STR(pattern), (unsigned long long)c.members, count);
}

static void check_text(const struct eq_pattern *p, struct eq_str text, struct eq_str pattern, struct eq_str expected) {
  struct cutting c = { .text = text.p };
  eq_buffer_string(&c.replaced, "");
  assert_true(eq_pattern_cut(p, NULL, text.p, text.n, replace, &c, &err));
  if (!eq_str_equal((struct eq_str){ c.replaced.data, c.replaced.size }, expected))
    fail_msg("%.*s in '%.*s': '%s', expected '%.*s'", EQ_STR(pattern), EQ_STR(text), c.replaced.data, EQ_STR(expected));
  eq_buffer_free(&c.replaced);
}

/* A row is of a set when its last member is a hash. */
static void matches_are_those_of_oniguruma(void **state) {
  (void)state;
  struct eq_file f;
  struct eq_buffer asked = all_of_sample(), buffer[3] = { { 0 }, { 0 }, { 0 } }, last = { 0 };
  struct eq_pattern *p = NULL;
  size_t rows = 0;
  assert_true(eq_file_map(&f, "tests/golden/patterns.jsonl", &err));
  for (struct eq_str rest = { f.data, f.size }; rest.n; rows++) {
    struct eq_str row[3];
    struct eq_json j;
    eq_json_open(&j, f.path, eq_str_cut(&rest, '\n'), &err);
    eq_json_begin(&j, '[');
    for (size_t i = 0; i < 3; i++) assert_true(eq_json_next(&j) && eq_json_string(&j, &buffer[i], &row[i]));
    if (!p || !eq_str_equal(row[0], (struct eq_str){ last.data, last.size })) {
      eq_pattern_free(p);
      if (!(p = eq_pattern_new(row[0], &err))) fail_msg("%s", err.text);
      last.size = 0;
      eq_buffer_add(&last, row[0].p, row[0].n);
    }
    char count[32] = "", hash[32] = "";
    memcpy(count, row[1].p, row[1].n < 31 ? row[1].n : 31);
    memcpy(hash, row[2].p, row[2].n < 31 ? row[2].n : 31);
    if (strspn(hash, "0123456789abcdef") == 16 && strspn(count, "0123456789") == row[1].n)
      check_set(p, (struct eq_str){ asked.data, asked.size }, row[0], count, hash);
    else
      check_text(p, row[1], row[0], row[2]);
  }
  assert_true(rows > 900);
  eq_pattern_free(p);
  for (size_t i = 0; i < 3; i++) eq_buffer_free(&buffer[i]);
  eq_buffer_free(&last);
  eq_buffer_free(&asked);
  eq_file_unmap(&f);
}

/* A text of runs: "a900 b3" is 900 times a and three times b; _ is a space and / a line break. */
static struct eq_buffer spelled(const char *runs) {
  struct eq_buffer b = { 0 };
  for (char *p = (char *)(uintptr_t)runs; *p;) {
    const char letter = *p == '_' ? ' ' : *p == '/' ? '\n' : *p;
    for (unsigned long n = strtoul(p + 1, &p, 10); n > 0; n--) eq_buffer_add(&b, &letter, 1);
    p += strspn(p, " ");
  }
  return b;
}

static bool add_length(void *context, size_t start, size_t end, bool match) {
  eq_buffer_format(context, match ? "[%zu]" : "%zu", end - start);
  return true;
}

/* Lengths of what is matched, in brackets, and of what lies between: by the meaning of the expression. */
static void what_reaches_far_matches_as_what_is_near(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *text, *expected;
  } cases[] = {
    { "a+|b+", "a1000 b300 a1", "[1000][300][1]" },
    { "b", "a5000 b1 a5000 b2", "5000[1]5000[1][1]" },
    { "(?<=a)b+", "b700 a700 b700", "1400[700]" },
    { "(?<=a)b", "a256 b2 a254 b1", "256[1]255[1]" },
    { "\\s+(?!\\S)|\\s+", "a1 _1000 a1", "1[999][1]1" },
    { "\\s*[\\r\\n]+|\\s+", "_300000 /2 a1", "[300002]1" },
    { "\\s*[\\r\\n]+|\\s+", "_1000000 a1", "[1000000]1" },
    { "a*(?=b)", "a600 b1 a600", "[600]601" },
    { "(?<!a)a(?=a*b)", "a400 b1 a400", "[1]800" },
    { ".*?b", "a900 b1 a900", "[901]900" },
    { "^.*$", "a700 /1 b700", "[700]1[700]" },
    { "\\Gb", "a300 b1 a9", "310" },
    { "\\Ab|a$", "a400 b1 a1", "401[1]" },
    { "(a+)b\\1", "a800 b1 a900", "[1601]100" },
    { "a\\Kb+", "a1 b900", "1[900]" },
    { "\\ba+\\b|b(?!\\w)", "a999 _1 b999", "[999]999[1]" },
    { "(?:a|b)*c", "a700 b700 c1", "[1401]" },
    { "$", "a500 /1 a1", "500[0]2[0]" },
    { "", "a3", "[0]1[0]1[0]1[0]" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_pattern *p = eq_pattern_new(eq_str(cases[i].pattern), &err);
    struct eq_buffer text = spelled(cases[i].text), found = { 0 };
    if (!p || !eq_pattern_cut(p, NULL, text.data, text.size, add_length, &found, &err)) fail_msg("%s", err.text);
    if (strcmp(found.data, cases[i].expected) != 0)
      fail_msg("%s in %s: %s, expected %s", cases[i].pattern, cases[i].text, found.data, cases[i].expected);
    eq_buffer_free(&text);
    eq_buffer_free(&found);
    eq_pattern_free(p);
  }
}

static bool take(void *context, size_t start, size_t end, bool match) {
  (void)context, (void)start, (void)end, (void)match;
  return true;
}

static void what_goes_over_a_text_again_and_again_is_an_error(void **state) {
  (void)state;
  static const char *const patterns[] = { "a*a*[bc]", "a(?=a*[bc])|a", "(a*)*[bc]", "\\G(?:a+a+[bc]|a)" };
  struct eq_buffer text = spelled("a100000");
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    struct eq_pattern *p = eq_pattern_new(eq_str(patterns[i]), &err);
    struct eq_err why = { 0 };
    if (!p) fail_msg("%s", err.text);
    if (eq_pattern_cut(p, NULL, text.data, text.size, take, NULL, &why)) fail_msg("%s is no error", patterns[i]);
    if (!strstr(why.text, "goes over the same bytes again and again: it takes more than 300000000 steps"))
      fail_msg("%s: %s", patterns[i], why.text);
    eq_pattern_free(p);
  }
  eq_buffer_free(&text);
}

/* Pieces of which each takes less than a text may. */
static void the_steps_are_those_of_all_pieces(void **state) {
  (void)state;
  struct eq_buffer text = spelled("a10000");
  struct eq_pattern *p = eq_pattern_new(eq_str("a*[bc]"), &err);
  struct eq_pattern_work work = eq_pattern_work_of(text.size), half = work;
  struct eq_err why = { 0 };
  assert_non_null(p);
  assert_true(eq_pattern_cut(p, &work, text.data, text.size, take, NULL, &err));
  assert_true(work.done > text.size * text.size / 2 && work.done < work.most);
  half.most = work.done * 3 / 2;
  assert_true(eq_pattern_cut(p, &half, text.data, text.size, take, NULL, &err));
  assert_false(eq_pattern_cut(p, &half, text.data, text.size, take, NULL, &why));
  eq_pattern_free(p);
  eq_buffer_free(&text);
}

static void what_would_match_otherwise_is_refused(void **state) {
  (void)state;
  static const char *const cases[][2] = {
    { "\\X", "pattern '\\X': byte 0: graphemes" },
    { "a\\y", "byte 1: graphemes" },
    { "(?~ab)", "byte 2: expected a group as" },
    { "(?W)a", "expected a group as" },
    { "(?<", "expected the name of a group" },
    { "(*FAIL)", "callouts are not supported" },
    { "\\g<n>", "calls of groups" },
    { "(?i)Ss", "ss, st, ff, fi and fl where case does not count" },
    { "(?i)\xC3\xA9", "letters beyond ASCII where case does not count" },
    { "(?i)[\xC3\xA9]", "a class of more than ASCII where case does not count" },
    { "(?i)[\\p{L}]", "sets in a class where case does not count" },
    { "[a-[b]]", "a hyphen before a set" },
    { "[\\d-z]", "a hyphen after a set" },
    { "[a-\\d]", "a range that ends in a set" },
    { "[z-a]", "a range that ends before it begins" },
    { "[[a]", "a class without its end" },
    { "[[:foo:]]", "no such class of characters" },
    { "\\p{Age=6.0}", "this property is not supported" },
    { "\\p{Foo}", "unknown property" },
    { "\\p{Foo", "this property is not supported" },
    { "(a", "a group without its end" },
    { "a)", "a ) without its group" },
    { "a(?#b", "a comment without its end" },
    { "(?i", "a group without its end" },
    { "*a", "nothing to repeat" },
    { "a|+", "nothing to repeat" },
    { "a{3,1}", "numbers out of order" },
    { "(?<=a+)", "lookbehind assertion is not fixed length" },
    { "\\x{110000}", "expected the number of one character in braces" },
    { "\\x{41 42}", "expected the number of one character in braces" },
    { "\\xe9", "expected a character as" },
    { "\\12", "numbers of groups above 9" },
    { "\\M-a", "this escape is not supported" },
    { "\\c1", "expected a letter after \\c" },
    { "\\k<a", "expected the name of a group" },
    { "a\\", "ends in a backslash" },
    { "\\2", "reference to non-existent" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_err why = { 0 };
    struct eq_pattern *p = eq_pattern_new(eq_str(cases[i][0]), &why);
    if (p || !strstr(why.text, cases[i][1])) fail_msg("%s: %s, expected %s", cases[i][0], why.text, cases[i][1]);
  }
}

static void nesting_is_bounded(void **state) {
  (void)state;
  char deep[301] = { 0 };
  for (size_t i = 0; i < 2; i++) {
    struct eq_err why = { 0 };
    memset(deep, "(["[i], 300);
    assert_null(eq_pattern_new(eq_str(deep), &why));
    assert_non_null(strstr(why.text, "nested too deep"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(matches_are_those_of_oniguruma),
    cmocka_unit_test(what_reaches_far_matches_as_what_is_near),
    cmocka_unit_test(what_goes_over_a_text_again_and_again_is_an_error),
    cmocka_unit_test(the_steps_are_those_of_all_pieces),
    cmocka_unit_test(what_would_match_otherwise_is_refused),
    cmocka_unit_test(nesting_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
