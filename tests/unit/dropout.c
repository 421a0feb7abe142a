/* BPE-dropout against the exact distribution of algorithm 1 of Provilkov et al. 2020 (tests/golden/dropout.py), and
 * against BPE itself at its ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/file.h"
#include "lib/base/number.h"
#include "lib/base/random.h"
#include "lib/text/tokenizer_file.h"

static struct eq_err err;
static struct eq_token_list out;

static void no_error(void) {
  if (err.code) print_message("%s\n", err.text);
  assert_int_equal(err.code, EQ_OK);
}

static bool ends_in(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  return n > m && !strcmp(name + n - m, end);
}

/* A tokenizer of a folder, or of one file of any kind that the golden files have. */
static struct eq_tokenizer *open_any(const char *path) {
  struct eq_file f;
  err.code = EQ_OK;
  bool json = ends_in(path, ".json");
  if (!json && !ends_in(path, ".tiktoken")) {
    struct eq_tokenizer *t = eq_tokenizer_open(path, &err);
    no_error();
    return t;
  }
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  assert_true(eq_file_map(&f, path, &err));
  const struct eq_str text = { f.data, f.size };
  if (json)
    eq_tokenizer_read_json(t, path, text, &err);
  else
    t->tiktoken = eq_tiktoken_read(path, eq_str("r50k_base"), text, &t->unicode, &err);
  no_error();
  t->name = eq_copy_string("x", 1);
  eq_file_unmap(&f);
  return t;
}

static void set(struct eq_tokenizer *t, double p, uint64_t seed) {
  const struct eq_dropout dropout = eq_dropout_of(p, seed);
  assert_true(eq_tokenizer_set(t, (struct eq_tokenizer_options){ .dropout = &dropout }, &err));
}

/* ---- the distribution ---- */

enum { DRAWS = 20000, WAYS_MAX = 512 }; /* DRAWS as in dropout.py */

/* A line of the golden file. */
struct expected {
  struct eq_str tokenizer, word;
  double p, critical, probability[WAYS_MAX];
  struct eq_str ids[WAYS_MAX];
  size_t counts[WAYS_MAX], n;
};

static double number(struct eq_str s) {
  double x;
  assert_true(eq_parse_f64(s, &x));
  return x;
}

static void read_line(struct eq_str line, struct expected *e) {
  e->tokenizer = eq_str_cut(&line, '\t');
  e->p = number(eq_str_cut(&line, '\t'));
  e->word = eq_str_cut(&line, '\t');
  e->critical = number(eq_str_cut(&line, '\t'));
  for (e->n = 0; line.n; e->n++) {
    assert_true(e->n < WAYS_MAX);
    e->ids[e->n] = eq_str_cut(&line, '\t');
    e->probability[e->n] = number(eq_str_cut(&line, '\t'));
    e->counts[e->n] = 0;
  }
}

static void count(struct expected *e, struct eq_buffer *b) {
  b->size = 0;
  for (size_t i = 0; i < out.n; i++) eq_buffer_format(b, i ? " %u" : "%u", out.ids[i]);
  for (size_t i = 0; i < e->n; i++)
    if (eq_str_equal(e->ids[i], (struct eq_str){ b->data, b->size })) e->counts[i]++;
}

static double chi_square(const struct expected *e) {
  double x = 0, rest = DRAWS, rest_counted = DRAWS;
  for (size_t i = 0; i < e->n; i++) {
    double mean = DRAWS * e->probability[i], difference = (double)e->counts[i] - mean;
    x += difference * difference / mean;
    rest -= mean;
    rest_counted -= (double)e->counts[i];
  }
  if (rest < 1e-6) return rest_counted > 0 ? 1e9 : x; /* nothing else is possible */
  return x + (rest_counted - rest) * (rest_counted - rest) / rest;
}

/* The ids of segments count up, so each draw has a stream of random numbers of its own. */
static void draw(const struct eq_tokenizer *t, struct expected *e) {
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_buffer b = { 0 };
  char id[16];
  for (unsigned i = 0; i < DRAWS; i++) {
    snprintf(id, sizeof id, "%u", i);
    assert_true(eq_tokenize_segment(t, s, eq_str("en"), eq_str(id), e->word, &out, &err));
    count(e, &b);
  }
  eq_buffer_free(&b);
  eq_token_scratch_free(s);
}

static void ways_are_as_probable_as_algorithm_1_makes_them(void **state) {
  (void)state;
  static struct expected e;
  struct eq_file golden;
  struct eq_tokenizer *t = NULL;
  char *path = NULL;
  size_t lines = 0;
  assert_true(eq_file_map(&golden, "tests/golden/dropout.tsv", &err));
  for (struct eq_str rest = { golden.data, golden.size }; rest.n; lines++) {
    read_line(eq_str_cut(&rest, '\n'), &e);
    if (!path || !eq_str_is(e.tokenizer, path)) { /* lines of one tokenizer stand together */
      free(path);
      eq_tokenizer_free(t);
      path = eq_copy_string(e.tokenizer.p, e.tokenizer.n);
      t = open_any(path);
    }
    set(t, e.p, 7);
    draw(t, &e);
    double x = chi_square(&e);
    if (x > e.critical)
      fail_msg("%s, p = %g, '%.*s': chi-square %g, expected at most %g", path, e.p, EQ_STR(e.word), x, e.critical);
  }
  eq_tokenizer_free(t);
  free(path);
  eq_file_unmap(&golden);
  assert_true(lines > 60);
}

/* ---- its ends ---- */

/* What is merged in the closed form: digits, of which two that differ by 1 make the larger one, of rank `larger`. */
struct digits {
  int value[64];
  bool gone[64];
};

static uint32_t rank_of(void *context, uint32_t left, uint32_t right) {
  const struct digits *d = context;
  assert_true(!d->gone[left] && !d->gone[right] && left < right);
  int a = d->value[left], b = d->value[right];
  return a - b == 1 || b - a == 1 ? (uint32_t)(a > b ? a : b) : EQ_NO_MERGE;
}

static void merge(void *context, uint32_t left, uint32_t right) {
  struct digits *d = context;
  if (d->value[right] > d->value[left]) d->value[left] = d->value[right];
  d->gone[right] = true;
}

/* The same by looking for the first pair again and again. */
static void merge_plainly(struct digits *d, uint32_t n) {
  for (;;) {
    uint32_t least = EQ_NO_MERGE, at = 0, next = 0;
    for (uint32_t left = 0, right = 1; right < n; right++) {
      if (d->gone[right]) continue;
      uint32_t rank = rank_of(d, left, right);
      if (rank < least) least = rank, at = left, next = right;
      left = right;
    }
    if (least == EQ_NO_MERGE) return;
    merge(d, at, next);
  }
}

static void nothing_is_dropped_at_0_and_all_is_at_1(void **state) {
  (void)state;
  struct eq_dropping d = { 0 };
  const struct eq_dropout none = eq_dropout_of(0, 1), all = eq_dropout_of(1, 1);
  for (uint64_t text = 0; text < 2000; text++) {
    struct digits a = { 0 }, b, c;
    uint32_t n = (uint32_t)eq_random_below(1, text, 0, 65);
    for (uint32_t i = 0; i < n; i++) a.value[i] = (int)eq_random_below(1, text, i + 1, 5);
    b = c = a;
    eq_dropping_begin(&d, &none, eq_str("x"), eq_str("y"));
    assert_true(eq_merge_dropping(&d, n, &(struct eq_merging){ &a, rank_of, merge, NULL }));
    merge_plainly(&b, n);
    for (uint32_t i = 0; i < n; i++) {
      assert_int_equal(a.gone[i], b.gone[i]);
      if (!a.gone[i]) assert_int_equal(a.value[i], b.value[i]);
    }
    eq_dropping_begin(&d, &all, eq_str("x"), eq_str("y"));
    assert_true(eq_merge_dropping(&d, n, &(struct eq_merging){ &c, rank_of, merge, NULL }));
    for (uint32_t i = 0; i < n; i++) assert_false(c.gone[i]);
  }
  eq_dropping_free(&d);
}

/* Every kind of BPE, and how many symbols it cuts "abc" to when nothing is merged. */
static const struct {
  const char *path;
  size_t symbols;
} kinds[] = {
  { "corpora/mini", 3 },
  { "tests/golden/trained/roberta.json", 4 }, /* and a space before it */
  { "tests/golden/trained/llama3.json", 3 },
  { "tests/golden/trained/prefixed.json", 3 },
  { "tests/golden/trained/clip.json", 3 },
  { "tests/golden/trained/llama2.json", 4 }, /* and U+2581 */
  { "tests/golden/trained/gemma.json", 3 },
  { "tests/golden/pieces/bpe.model", 4 },
  { "tests/golden/pieces/plain_bpe.model", 3 },
  { "tests/golden/pieces/llama.gguf", 4 },
  { "tests/golden/pieces/ranks.tiktoken", 3 },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void tokenize(const struct eq_tokenizer *t, struct eq_str text, struct eq_token_list *list) {
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  if (!eq_tokenize_segment(t, s, eq_str("en"), eq_str("1"), text, list, &err)) fail_msg("%s", err.text);
  eq_token_scratch_free(s);
}

static void every_kind_of_bpe_drops(void **state) {
  (void)state;
  const struct eq_str text =
      eq_str("the freedoms and rights of the people of the world, \xC3\xA9t\xC3\xA9 \xE4\xBA\xBA");
  struct eq_token_list plain = { 0 };
  for (size_t i = 0; i < KINDS; i++) {
    struct eq_tokenizer *t = open_any(kinds[i].path);
    tokenize(t, text, &plain);
    set(t, 0, 7);
    tokenize(t, text, &out);
    assert_int_equal(out.n, plain.n);
    assert_memory_equal(out.ids, plain.ids, out.n * sizeof *out.ids);
    set(t, 0.5, 7);
    tokenize(t, text, &out);
    if (out.n <= plain.n) fail_msg("%s: %zu tokens, expected more than %zu", kinds[i].path, out.n, plain.n);
    for (size_t k = 0; k < out.n; k++)
      assert_true(out.starts[k] <= out.ends[k] && out.ends[k] <= text.n &&
                  out.starts[k] >= (k ? out.starts[k - 1] : 0));
    set(t, 1, 7);
    tokenize(t, eq_str("abc"), &out);
    if (out.n != kinds[i].symbols)
      fail_msg("%s: 'abc' is %zu tokens, expected %zu", kinds[i].path, out.n, kinds[i].symbols);
    eq_tokenizer_free(t);
  }
  eq_token_list_free(&plain);
}

static void other_models_refuse(void **state) {
  (void)state;
  static const char *const others[][2] = { { "tests/golden/trained/xlmr.json", "the model is Unigram" },
                                           { "tests/golden/trained/bert_cased.json", "the model is WordPiece" },
                                           { "tests/golden/trained/words.json", "the model is WordLevel" },
                                           { "tests/golden/pieces/unigram.model", "the model is Unigram" } };
  const struct eq_dropout dropout = eq_dropout_of(0.1, 1);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    struct eq_tokenizer *t = open_any(others[i][0]);
    struct eq_err why = { 0 };
    assert_false(eq_tokenizer_set(t, (struct eq_tokenizer_options){ .dropout = &dropout }, &why));
    assert_non_null(strstr(why.text, others[i][1]));
    assert_non_null(strstr(why.text, "dropout works with BPE"));
    eq_tokenizer_free(t);
  }
}

/* Where nothing but white space parts the words of a text, each is one of algorithm 1 all the same. "ab" is made of "a"
 * and "b", then a word of it and its U+2581: of 3, 2 and 1 tokens with probability 1/2, 1/4 and 1/4. */
static void words_are_cut_by_themselves_in_a_long_text(void **state) {
  (void)state;
  static const char json[] =
      "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"},"
      "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}]},\"pre_tokenizer\":null,"
      "\"model\":{\"type\":\"BPE\",\"vocab\":{\"\xE2\x96\x81\":0,\"a\":1,\"b\":2,\"ab\":3,\"\xE2\x96\x81"
      "ab\":4},\"merges\":[\"a b\",\"\xE2\x96\x81 ab\"]}}";
  enum { N = 10000 };
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  eq_tokenizer_read_json(t, "x", eq_str(json), &err);
  no_error();
  t->name = eq_copy_string("x", 1);
  set(t, 0.5, 7);
  char *text = malloc(3 * N);
  for (size_t i = 0; i < 3 * N; i++) text[i] = "ab "[i % 3];
  tokenize(t, (struct eq_str){ text, 3 * N - 1 }, &out);
  assert_in_range(out.n, 22500 - 415, 22500 + 415); /* 5 standard deviations */
  free(text);
  eq_tokenizer_free(t);
}

/* ---- its random numbers ---- */

static void a_segment_is_cut_alike_whatever_came_before_it(void **state) {
  (void)state;
  const struct eq_str text = eq_str("all human beings are born free and equal in dignity and rights");
  struct eq_tokenizer *t = open_any("corpora/mini");
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_token_list fresh = { 0 };
  char id[16];
  size_t differ = 0;
  set(t, 0.3, 7);
  for (int i = 99; i >= 0; i--) {
    snprintf(id, sizeof id, "%d", i);
    assert_true(eq_tokenize_segment(t, s, eq_str("en"), eq_str(id), text, &out, &err));
    struct eq_token_scratch *new = eq_token_scratch_new(&err);
    assert_true(eq_tokenize_segment(t, new, eq_str("en"), eq_str(id), text, &fresh, &err));
    assert_int_equal(out.n, fresh.n);
    assert_memory_equal(out.ids, fresh.ids, out.n * sizeof *out.ids);
    assert_true(eq_tokenize_segment(t, new, eq_str("de"), eq_str(id), text, &fresh, &err));
    differ += out.n != fresh.n || memcmp(out.ids, fresh.ids, out.n * sizeof *out.ids);
    eq_token_scratch_free(new);
  }
  assert_true(differ > 95); /* another language, other draws */
  eq_token_list_free(&fresh);
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
}

/* Whatever p is: near 1 a step passes over most of the word. */
static void a_word_of_a_megabyte_takes_a_moment(void **state) {
  (void)state;
  static const double ps[] = { 0.1, 0.9, 0.999999, 1 };
  enum { LONG = 1 << 20, LIMIT = 20 }; /* bytes, seconds of CPU */
  char *word = malloc(LONG);
  for (size_t i = 0; i < LONG; i++) word[i] = "etaoin"[eq_random_below(1, 0, i, 6)];
  for (size_t i = 0; i < 2 * sizeof ps / sizeof *ps; i++) {
    struct eq_tokenizer *t = open_any(i % 2 ? "tests/golden/pieces/bpe.model" : "corpora/mini");
    set(t, ps[i / 2], 7);
    clock_t began = clock();
    tokenize(t, (struct eq_str){ word, LONG }, &out);
    assert_true((double)(clock() - began) / CLOCKS_PER_SEC < LIMIT);
    assert_true(out.n > LONG / 16 && out.n <= LONG + 1);
    eq_tokenizer_free(t);
  }
  free(word);
}

static void the_name_says_it(void **state) {
  (void)state;
  struct eq_tokenizer *t = open_any("tests/golden/trained/roberta.json");
  set(t, 0.1, 7);
  assert_string_equal(eq_tokenizer_name(t), "x+dropout=0.1@7");
  set(t, 0, UINT64_MAX);
  assert_string_equal(eq_tokenizer_name(t), "x+dropout=0@18446744073709551615");
  assert_true(eq_tokenizer_set(t, (struct eq_tokenizer_options){ 0 }, &err));
  assert_string_equal(eq_tokenizer_name(t), "x");
  eq_tokenizer_free(t);
}

static void only_a_probability_and_a_seed_are_read(void **state) {
  (void)state;
  static const char *const bad[] = { "",     "x",     "0.1",   "@7",      "0.1@",    "0.1@x",  "0.1@-1", "1.01@7",
                                     "-1@7", "nan@7", "inf@7", "0.1@7@8", "0.1@1.5", " 0.1@7", "0.1@7 " };
  struct eq_dropout d;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct eq_err why = { 0 };
    if (eq_dropout_parse(bad[i], &d, &why)) fail_msg("'%s' was read", bad[i]);
    assert_non_null(strstr(why.text, "as in 0.1@7"));
  }
  assert_true(eq_dropout_parse("0.25@18446744073709551615", &d, &err));
  assert_true(d.p == 0.25 && d.seed == UINT64_MAX && d.powers[1] == 0.0625);
  assert_true(eq_dropout_parse("1@0", &d, &err) && d.p == 1 && d.seed == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ways_are_as_probable_as_algorithm_1_makes_them),
    cmocka_unit_test(nothing_is_dropped_at_0_and_all_is_at_1),
    cmocka_unit_test(every_kind_of_bpe_drops),
    cmocka_unit_test(other_models_refuse),
    cmocka_unit_test(words_are_cut_by_themselves_in_a_long_text),
    cmocka_unit_test(a_segment_is_cut_alike_whatever_came_before_it),
    cmocka_unit_test(a_word_of_a_megabyte_takes_a_moment),
    cmocka_unit_test(the_name_says_it),
    cmocka_unit_test(only_a_probability_and_a_seed_are_read),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  eq_token_list_free(&out);
  return failed;
}
