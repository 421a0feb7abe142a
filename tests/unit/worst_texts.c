/* A megabyte of one thing, which no pre-tokenizer cuts, in each model with a vocabulary made for it: time goes with the
 * length. The bound only tells that from a quadratic way, which takes minutes and more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/text/tokenizer_file.h"

enum { BYTES = 1 << 20, LONGEST = 48, SECONDS_MAX = 30 };

static const char *const units[] = { "a", "\xE2\x96\x81", "\xF0\x9F\x99\x82", "7", "\xCC\x81", "ab" };
enum { UNITS = sizeof units / sizeof *units };

static struct eq_err err;

/* Each unit and its repetitions up to LONGEST bytes. */
static void add_repetitions(struct eq_buffer *json, const char *prefix, const char *row) {
  size_t id = 1;
  for (size_t u = 0; u < UNITS; u++) {
    struct eq_buffer spelling = { 0 };
    while (spelling.size + strlen(units[u]) <= LONGEST) {
      eq_buffer_string(&spelling, units[u]);
      eq_buffer_format(json, row, spelling.data, id++);
      if (prefix) {
        struct eq_buffer continuing = { 0 };
        eq_buffer_format(&continuing, "%s%s", prefix, spelling.data);
        eq_buffer_format(json, row, continuing.data, id++);
        eq_buffer_free(&continuing);
      }
    }
    eq_buffer_free(&spelling);
  }
}

/* Merges of a repetition with one more. */
static void add_merges(struct eq_buffer *json) {
  const char *comma = "";
  for (size_t u = 0; u < UNITS - 1; u++) {
    struct eq_buffer left = { 0 };
    eq_buffer_string(&left, units[u]);
    for (; left.size + strlen(units[u]) <= LONGEST; comma = ",", eq_buffer_string(&left, units[u]))
      eq_buffer_format(json, "%s[\"%s\",\"%s\"]", comma, left.data, units[u]);
    eq_buffer_free(&left);
  }
}

static void wordpiece(struct eq_buffer *json) {
  eq_buffer_string(json, "\"type\":\"WordPiece\",\"unk_token\":\"?\",\"max_input_chars_per_word\":10000000,"
                         "\"vocab\":{\"?\":0");
  add_repetitions(json, "##", ",\"%s\":%zu");
  eq_buffer_string(json, "}");
}

static void unigram(struct eq_buffer *json) {
  eq_buffer_string(json, "\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"?\",0]");
  add_repetitions(json, NULL, ",[\"%s\",-%zu]");
  eq_buffer_string(json, "]");
}

static void bpe(struct eq_buffer *json) {
  eq_buffer_string(json, "\"type\":\"BPE\",\"unk_token\":\"?\",\"fuse_unk\":true,\"vocab\":{\"?\":0");
  add_repetitions(json, NULL, ",\"%s\":%zu");
  eq_buffer_string(json, "},\"merges\":[");
  add_merges(json);
  eq_buffer_string(json, "]");
}

static struct eq_tokenizer *open(void (*add_model)(struct eq_buffer *json)) {
  struct eq_buffer json = { 0 };
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  eq_buffer_string(&json, "{\"model\":{");
  add_model(&json);
  eq_buffer_string(&json, "}}");
  eq_tokenizer_read_json(t, "made", (struct eq_str){ json.data, json.size }, &err);
  if (err.code) print_message("%s\n", err.text);
  assert_int_equal(err.code, EQ_OK);
  eq_buffer_free(&json);
  return t;
}

static void check(void (*add_model)(struct eq_buffer *json)) {
  struct eq_tokenizer *t = open(add_model);
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_token_list out = { 0 };
  struct eq_buffer text = { 0 };
  for (size_t u = 0; u < UNITS; u++) {
    text.size = 0;
    while (text.size + strlen(units[u]) <= BYTES) eq_buffer_string(&text, units[u]);
    const clock_t began = clock();
    assert_true(eq_tokenize(t, s, text.data, text.size, &out, &err));
    assert_true((clock() - began) / CLOCKS_PER_SEC < SECONDS_MAX);
    assert_true(out.n >= text.size / LONGEST);
    assert_int_equal(out.ends[out.n - 1], text.size);
  }
  eq_buffer_free(&text);
  eq_token_list_free(&out);
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
}

static void wordpiece_takes_linear_time(void **state) {
  (void)state;
  check(wordpiece);
}

static void unigram_takes_linear_time(void **state) {
  (void)state;
  check(unigram);
}

static void bpe_over_characters_takes_linear_time(void **state) {
  (void)state;
  check(bpe);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(wordpiece_takes_linear_time),
    cmocka_unit_test(unigram_takes_linear_time),
    cmocka_unit_test(bpe_over_characters_takes_linear_time),
  };
  return cmocka_run_group_tests_name("worst texts", tests, NULL, NULL);
}
