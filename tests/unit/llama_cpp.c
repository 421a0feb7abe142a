/* Vocabularies in GGUF against llama.cpp's own ids: tests/golden/llama_cpp.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/text/gguf_vocabulary.h"
#include "lib/text/json.h"
#include "lib/text/tokenizer_file.h"

#define FOLDER "tests/golden/llama_cpp"

static struct eq_file map(const char *name) {
  struct eq_file f;
  struct eq_err err = { 0 };
  char *path = eq_path_join(FOLDER, name);
  if (!eq_file_map(&f, path, &err)) fail_msg("%s", err.text);
  free(path);
  return f;
}

/* {"model"}, {"text", "ids"} or {"model", "ids"}. */
struct line {
  struct eq_buffer scratch[2];
  struct eq_str model, text;
  uint32_t ids[4096];
  size_t n;
};

static void read_line(struct line *l, struct eq_str json) {
  struct eq_err err = { 0 };
  struct eq_buffer scratch = { 0 };
  struct eq_str key;
  struct eq_json j;
  uint64_t x;
  l->model = l->text = (struct eq_str){ 0 };
  l->n = 0;
  eq_json_open(&j, "golden", json, &err);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);)
    if (eq_str_is(key, "model"))
      eq_json_string(&j, &l->scratch[0], &l->model);
    else if (eq_str_is(key, "text"))
      eq_json_string(&j, &l->scratch[1], &l->text);
    else
      for (eq_json_begin(&j, '['); eq_json_next(&j) && eq_json_u64(&j, &x);) l->ids[l->n++] = (uint32_t)x;
  if (!eq_json_end(&j)) fail_msg("%s", err.text);
  eq_buffer_free(&scratch);
}

static void free_line(struct line *l) {
  eq_buffer_free(&l->scratch[0]);
  eq_buffer_free(&l->scratch[1]);
  free(l);
}

/* A tokenizer and what one thread needs of it. */
struct cutter {
  struct eq_tokenizer *t;
  struct eq_token_scratch *s;
  struct eq_token_list out;
};

static void open_cutter(struct cutter *c, struct eq_tokenizer *t) {
  struct eq_err err = { 0 };
  *c = (struct cutter){ .t = t, .s = eq_token_scratch_new(&err) };
  assert_non_null(c->s);
}

static void close_cutter(struct cutter *c) {
  eq_tokenizer_free(c->t);
  eq_token_scratch_free(c->s);
  eq_token_list_free(&c->out);
  *c = (struct cutter){ 0 };
}

static void cut(struct cutter *c, struct eq_str text) {
  struct eq_err err = { 0 };
  if (!eq_tokenize(c->t, c->s, text.p, text.n, &c->out, &err)) fail_msg("%s", err.text);
  for (size_t i = 0; i < c->out.n; i++) {
    assert_true(c->out.starts[i] <= c->out.ends[i] && c->out.ends[i] <= text.n);
    assert_true(!i || c->out.starts[i] >= c->out.starts[i - 1]);
  }
}

/* NAME, or NAME+frame. */
static void open_named(struct cutter *c, struct eq_str name) {
  struct eq_err err = { 0 };
  struct eq_str frame = name, stem = eq_str_cut(&frame, '+');
  char file[64];
  snprintf(file, sizeof file, FOLDER "/%.*s.gguf", EQ_STR(stem));
  struct eq_tokenizer *t = eq_tokenizer_open(file, &err);
  const struct eq_tokenizer_options options = { .special = frame.n, .frame = frame.n };
  if (!t || !eq_tokenizer_set(t, options, &err)) fail_msg("%s", err.text);
  open_cutter(c, t);
}

static void ids_are_llama_cpps(void **state) {
  (void)state;
  struct eq_file golden = map("ids.jsonl");
  struct eq_str rest = { golden.data, golden.size };
  struct line *l = calloc(1, sizeof *l);
  struct cutter c = { 0 };
  while (rest.n) {
    read_line(l, eq_str_cut(&rest, '\n'));
    if (l->model.p) {
      close_cutter(&c);
      open_named(&c, l->model);
      print_message("%.*s\n", EQ_STR(l->model));
      continue;
    }
    cut(&c, l->text);
    bool same = c.out.n == l->n && (!l->n || !memcmp(c.out.ids, l->ids, l->n * sizeof *l->ids));
    for (size_t i = 0; !same && (i < l->n || i < c.out.n); i++)
      print_message("%d, expected %d\n", i < c.out.n ? (int)c.out.ids[i] : -1, i < l->n ? (int)l->ids[i] : -1);
    if (!same) fail_msg("'%.*s' has other ids", EQ_STR(l->text));
  }
  close_cutter(&c);
  free_line(l);
  eq_file_unmap(&golden);
}

/* ---- cuttings ---- */

static void put_u64(struct eq_buffer *b, uint64_t x) {
  for (size_t i = 0; i < 8; i++) eq_buffer_add(b, &(char){ (char)(x >> 8 * i) }, 1);
}

static void put_string(struct eq_buffer *b, struct eq_str s) {
  put_u64(b, s.n);
  eq_buffer_add(b, s.p, s.n);
}

/* The file with one key more, tokenizer.ggml.pre. */
static struct eq_tokenizer *with_pre(const struct eq_file *f, struct eq_str pre, struct eq_err *err) {
  enum { N_KEYS = 16, KEYS = 24 }; /* where the header says how many keys there are, and where they begin */
  struct eq_buffer b = { 0 };
  struct eq_gguf g;
  const unsigned char *n = (const unsigned char *)f->data + N_KEYS;
  eq_buffer_add(&b, f->data, N_KEYS);
  put_u64(&b, n[0] + 1u);
  put_string(&b, eq_str("tokenizer.ggml.pre"));
  eq_buffer_add(&b, "\x08\0\0", 4);
  put_string(&b, pre);
  eq_buffer_add(&b, f->data + KEYS, f->size - KEYS);
  struct eq_tokenizer *t = eq_tokenizer_new(err);
  if (!eq_gguf_parse(&g, "x.gguf", b.data, b.size, err)) fail_msg("%s", err->text);
  if (!eq_gguf_vocabulary_read(t, "x.gguf", &g, err)) {
    eq_tokenizer_free(t);
    t = NULL;
  }
  eq_gguf_close(&g);
  eq_buffer_free(&b);
  return t;
}

/* FNV-1a, 24 bits. */
static uint32_t sum_of(const struct eq_token_list *l) {
  uint32_t h = 2166136261;
  for (size_t i = 0; i < 4 * l->n; i++) h = (h ^ (l->ids[i / 4] >> 8 * (i % 4) & 0xFF)) * 16777619;
  return h & 0xFFFFFF;
}

static void try_cutting(const struct eq_file *words, struct eq_str name, const struct line *sums, struct eq_str lines) {
  struct eq_err err = { 0 };
  struct line *l = calloc(1, sizeof *l);
  struct cutter c;
  struct eq_tokenizer *t = with_pre(words, name, &err);
  if (!t) fail_msg("%s", err.text);
  open_cutter(&c, t);
  for (size_t i = 0; i < sums->n; i++) {
    read_line(l, eq_str_cut(&lines, '\n'));
    cut(&c, l->text);
    if (sum_of(&c.out) != sums->ids[i]) fail_msg("%.*s: '%.*s' has other ids", EQ_STR(name), EQ_STR(l->text));
  }
  close_cutter(&c);
  free_line(l);
}

static void every_name_cuts_as_in_llama_cpp(void **state) {
  (void)state;
  struct eq_file golden = map("cuttings.jsonl"), words = map("words.gguf");
  const struct eq_str all = { golden.data, golden.size };
  struct eq_str rest = all;
  struct line *l = calloc(1, sizeof *l);
  size_t n = 0;
  while (rest.n) {
    read_line(l, eq_str_cut(&rest, '\n'));
    for (struct eq_str names = l->model; names.n; n++) try_cutting(&words, eq_str_cut(&names, ' '), l, all);
  }
  assert_true(n >= 90);
  free_line(l);
  eq_file_unmap(&golden);
  eq_file_unmap(&words);
}

static void a_name_that_is_not_known_is_refused_with_the_list(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  struct eq_file words = map("words.gguf");
  assert_null(with_pre(&words, eq_str("hyperspace"), &err));
  const char *message =
      "x.gguf: the pre-tokenizer 'hyperspace' (tokenizer.ggml.pre) is not known, expected one of default";
  if (strncmp(err.text, message, strlen(message)) != 0 || !strstr(err.text, " qwen2 ")) fail_msg("%s", err.text);
  eq_file_unmap(&words);
}

static void a_quarter_megabyte_of_one_thing_stays_in_the_limits(void **state) {
  (void)state;
  static const char *const names[] = {
    "default",  "gpt-4o",     "tekken",      "superbpe",     "afmoe", "tiny_aya",   "kimi-k2",
    "jais-2",   "exaone-moe", "deepseek-v3", "deepseek-llm", "bloom", "seed-coder", "granite-embed-multi-97m",
    "chameleon"
  };
  static const char *const units[] = { "a", "A", " ", "7", "\xC3\xA9", "\xCC\x81", "!", "\n" };
  struct eq_file words = map("words.gguf");
  char *text = malloc(1 << 20);
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    struct eq_err err = { 0 };
    struct cutter c;
    open_cutter(&c, with_pre(&words, eq_str(names[k]), &err));
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
      size_t n = 0, size = strlen(units[i]);
      for (; n + size <= 1 << 18; n += size) memcpy(text + n, units[i], size);
      text[n++] = 'x';
      cut(&c, (struct eq_str){ text, n });
    }
    close_cutter(&c);
  }
  free(text);
  eq_file_unmap(&words);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ids_are_llama_cpps),
    cmocka_unit_test(every_name_cuts_as_in_llama_cpp),
    cmocka_unit_test(a_name_that_is_not_known_is_refused_with_the_list),
    cmocka_unit_test(a_quarter_megabyte_of_one_thing_stays_in_the_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
