/* Small tokenizers of every family against Hugging Face tokenizers (tests/golden/trained.py): ids and spans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/utf8.h"
#include "lib/text/corpus.h"
#include "lib/text/tokenizer_file.h"

/* A tokenizer and what it gave so far. */
struct giving {
  struct eq_tokenizer *t;
  struct eq_token_scratch *s;
  struct eq_token_list out;
  uint64_t hash;
  size_t tokens;
};

static struct eq_err err;

static void no_error(void) {
  if (err.code) print_message("%s\n", err.text);
  assert_int_equal(err.code, EQ_OK);
}

static void mix(struct giving *g, uint32_t word) {
  for (int shift = 0; shift < 32; shift += 8) g->hash = (g->hash ^ (word >> shift & 0xFF)) * 0x100000001B3;
}

/* Characters that begin before text[end]: where a span ends once it is widened to whole characters. */
static uint32_t characters(struct eq_str text, size_t end) {
  uint32_t n = 0;
  for (size_t i = 0; i < end; i++) n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
  return n;
}

static void give(struct giving *g, struct eq_str text) {
  assert_true(eq_tokenize(g->t, g->s, text.p, text.n, &g->out, &err));
  uint32_t done = 0, at = 0; /* characters before byte `at` */
  for (size_t i = 0; i < g->out.n; i++) {
    uint32_t start = g->out.starts[i], end = g->out.ends[i];
    while (start > 0 && ((unsigned char)text.p[start] & 0xC0) == 0x80) start--;
    assert_true(start >= at && end >= start && end <= text.n);
    done += characters((struct eq_str){ text.p + at, text.n - at }, start - at);
    at = start;
    mix(g, g->out.ids[i]);
    mix(g, done);
    mix(g, done + characters((struct eq_str){ text.p + start, text.n - start }, end - start));
  }
  mix(g, UINT32_MAX);
  g->tokens += g->out.n;
}

static void give_lines(struct giving *g, const char *path) {
  struct eq_file f;
  assert_true(eq_file_map(&f, path, &err));
  for (struct eq_str rest = { f.data, f.size }; rest.n;) give(g, eq_str_cut(&rest, '\n'));
  eq_file_unmap(&f);
}

/* Every fifth segment of each language. */
static void give_udhr(struct giving *g) {
  struct eq_languages languages;
  assert_true(eq_languages_open(&languages, &err));
  for (size_t i = 0; i < languages.n; i++) {
    struct eq_corpus_request request = { .path = "corpora/udhr",
                                         .languages = &languages,
                                         .langs = languages.rows[i].tag,
                                         .limit = UINT64_MAX,
                                         .sample = UINT64_MAX };
    struct eq_corpus *c = eq_corpus_open(&request, &err);
    struct eq_segment segment;
    for (size_t n = 0; c && eq_corpus_next(c, &segment, &err); n++)
      if (n % 5 == 0) give(g, segment.text);
    no_error();
    eq_corpus_close(c);
  }
  eq_languages_free(&languages);
}

static struct eq_tokenizer *read_family(const char *name) {
  char path[128];
  struct eq_file f;
  snprintf(path, sizeof path, "tests/golden/trained/%s.json", name);
  assert_true(eq_file_map(&f, path, &err));
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  eq_tokenizer_read_json(t, path, (struct eq_str){ f.data, f.size }, &err);
  no_error();
  eq_file_unmap(&f);
  return t;
}

static void ids_and_spans_are_hugging_faces_for_every_family(void **state) {
  (void)state;
  FILE *golden = fopen("tests/golden/trained.tsv", "r");
  char line[256], name[64], special[16], texts[16];
  size_t rows = 0;
  assert_non_null(golden);
  for (; fgets(line, sizeof line, golden); rows++) {
    unsigned long tokens;
    unsigned long long expected;
    assert_int_equal(sscanf(line, "%63s %15s %15s %lu %llx", name, special, texts, &tokens, &expected), 5);
    struct giving g = { .t = read_family(name), .s = eq_token_scratch_new(&err), .hash = 0xCBF29CE484222325 };
    const struct eq_tokenizer_options options = { .special = !strcmp(special, "tokens") };
    assert_true(eq_tokenizer_set(g.t, options, &err));
    if (strcmp(texts, "udhr") != 0)
      give_lines(&g, "tests/golden/trained.txt");
    else
      give_udhr(&g);
    if (g.tokens != tokens || g.hash != expected)
      fail_msg("%s, special %s, %s: %zu tokens", name, special, texts, g.tokens);
    eq_token_list_free(&g.out);
    eq_token_scratch_free(g.s);
    eq_tokenizer_free(g.t);
  }
  fclose(golden);
  assert_true(rows >= 36);
}

/* TemplateProcessing, BertProcessing, RobertaProcessing. */
static void a_template_is_put_around_a_text(void **state) {
  (void)state;
  static const struct {
    const char *name;
    size_t before, after;
  } families[] = {
    { "llama2", 1, 0 }, { "bert_cased", 1, 1 }, { "roberta", 1, 1 }, { "xlmr", 1, 1 }, { "llama3", 0, 0 }
  };
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
    struct eq_tokenizer *t = read_family(families[i].name);
    struct eq_token_scratch *s = eq_token_scratch_new(&err);
    struct eq_token_list bare = { 0 }, framed = { 0 };
    assert_true(eq_tokenize(t, s, "a word", 6, &bare, &err));
    assert_true(eq_tokenizer_set(t, (struct eq_tokenizer_options){ .frame = true }, &err));
    assert_true(eq_tokenize(t, s, "a word", 6, &framed, &err));
    assert_int_equal(framed.n, bare.n + families[i].before + families[i].after);
    assert_memory_equal(framed.ids + families[i].before, bare.ids, bare.n * sizeof *bare.ids);
    if (families[i].before) assert_int_equal(framed.ends[0], 0);
    if (families[i].after) assert_int_equal(framed.starts[framed.n - 1], 6);
    eq_token_list_free(&bare);
    eq_token_list_free(&framed);
    eq_token_scratch_free(s);
    eq_tokenizer_free(t);
  }
}

/* Two of them in four spaces: the first takes the rest, as it does in Hugging Face tokenizers. */
static void white_space_goes_to_one_added_token(void **state) {
  (void)state;
  static const char json[] =
      "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"u\":0},\"unk_token\":\"u\"},\"added_tokens\":"
      "[{\"id\":1,\"content\":\"  \",\"lstrip\":true,\"rstrip\":true}]}";
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  assert_true(eq_tokenizer_read_json(t, "x", eq_str(json), &err));
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_token_list l = { 0 };
  assert_true(eq_tokenize(t, s, "    ", 4, &l, &err));
  assert_int_equal(l.n, 1);
  assert_int_equal(l.ids[0], 1);
  assert_int_equal(l.starts[0], 0);
  assert_int_equal(l.ends[0], 4);
  eq_token_list_free(&l);
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(white_space_goes_to_one_added_token),
    cmocka_unit_test(ids_and_spans_are_hugging_faces_for_every_family),
    cmocka_unit_test(a_template_is_put_around_a_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
