/* SentencePiece models against the sentencepiece package, ranks against tiktoken, GGUF against llama.cpp, Precompiled
 * against Hugging Face: tests/golden/pieces.py. EQ_PIECES names another folder of such files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/number.h"
#include "lib/base/utf8.h"
#include "lib/text/gguf_vocabulary.h"
#include "lib/text/json.h"
#include "lib/text/protobuf.h"
#include "lib/text/sentencepiece_file.h"
#include "lib/text/tiktoken.h"
#include "lib/text/tokenizer_file.h"

static struct eq_file map(const char *name) {
  const char *folder = getenv("EQ_PIECES");
  struct eq_file f;
  struct eq_err err = { 0 };
  char *path = eq_path_join(folder ? folder : "tests/golden/pieces", name);
  if (!eq_file_map(&f, path, &err)) fail_msg("%s", err.text);
  free(path);
  return f;
}

static struct eq_sentencepiece *open_model(struct eq_str name) {
  struct eq_err err = { 0 };
  char file[64];
  snprintf(file, sizeof file, "%.*s.model", EQ_STR(name));
  struct eq_file f = map(file);
  struct eq_sentencepiece *m = eq_sentencepiece_read(file, (struct eq_str){ f.data, f.size }, &err);
  if (!m) fail_msg("%s", err.text);
  eq_file_unmap(&f);
  return m;
}

/* A line of JSON: strings under "model", "text" and "normalized", numbers under "ids", "starts" and "ends". */
struct line {
  struct eq_buffer scratch[3];
  struct eq_str model, text, normalized;
  uint32_t numbers[3][4096];
  size_t n[3];
};

static void read_line(struct line *l, struct eq_str json) {
  static const char *const strings[] = { "model", "text", "normalized" }, *const arrays[] = { "ids", "starts", "ends" };
  struct eq_str *const to[] = { &l->model, &l->text, &l->normalized };
  struct eq_err err = { 0 };
  struct eq_buffer scratch = { 0 };
  struct eq_str key;
  struct eq_json j;
  uint64_t x;
  l->model = l->text = l->normalized = (struct eq_str){ 0 };
  eq_json_open(&j, "golden", json, &err);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);)
    for (size_t i = 0; i < 3; i++) {
      if (eq_str_is(key, strings[i])) eq_json_string(&j, &l->scratch[i], to[i]);
      if (!eq_str_is(key, arrays[i])) continue;
      l->n[i] = 0;
      for (eq_json_begin(&j, '['); eq_json_next(&j) && eq_json_u64(&j, &x);) l->numbers[i][l->n[i]++] = (uint32_t)x;
    }
  if (!eq_json_end(&j)) fail_msg("%s", err.text);
  eq_buffer_free(&scratch);
}

static void free_line(struct line *l) {
  for (size_t i = 0; i < 3; i++) eq_buffer_free(&l->scratch[i]);
  free(l);
}

/* The start of the character that holds byte `at`. */
static uint32_t character(struct eq_str text, uint32_t at) {
  while (at && at < text.n && ((unsigned char)text.p[at] & 0xC0) == 0x80) at--;
  return at;
}

/* Of the bytes of one character the package gives all to the last token, we give each its own. */
static void compare(const struct line *l, const struct eq_token_list *out) {
  bool same = out->n == l->n[0];
  for (size_t i = 0; same && i < out->n; i++)
    same = out->ids[i] == l->numbers[0][i] && character(l->text, out->starts[i]) == l->numbers[1][i] &&
           (out->ends[i] == l->numbers[2][i] || character(l->text, out->ends[i]) == l->numbers[2][i]);
  if (same) return;
  print_message("'%.*s'\n", EQ_STR(l->text));
  for (size_t i = 0; i < out->n || i < l->n[0]; i++) {
    if (i < out->n) print_message("%u [%u,%u)", out->ids[i], out->starts[i], out->ends[i]);
    if (i < l->n[0]) print_message("\texpected %u [%u,%u)", l->numbers[0][i], l->numbers[1][i], l->numbers[2][i]);
    print_message("\n");
  }
  fail();
}

/* A memory of words for another model. */
static void forget(struct eq_word_memory **words) {
  struct eq_err err = { 0 };
  eq_word_memory_free(*words);
  *words = eq_word_memory_new(&err);
  assert_non_null(*words);
}

static void ids_and_spans_are_those_of_the_sentencepiece_package(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  struct eq_file golden = map("ids.jsonl");
  struct eq_str rest = { golden.data, golden.size };
  struct line *l = calloc(1, sizeof *l);
  struct eq_sentencepiece *m = NULL;
  struct eq_sentencepiece_scratch *s = eq_sentencepiece_scratch_new(&err);
  struct eq_word_memory *words = NULL;
  struct eq_token_list out = { 0 };
  while (rest.n) {
    read_line(l, eq_str_cut(&rest, '\n'));
    if (l->model.p) {
      eq_sentencepiece_free(m);
      m = open_model(l->model);
      forget(&words);
      print_message("%.*s: %zu pieces\n", EQ_STR(l->model), eq_sentencepiece_size(m));
      continue;
    }
    for (int remembers = 0; remembers < 2; remembers++) {
      out.n = 0;
      eq_sentencepiece_remember(s, remembers ? words : NULL);
      if (!eq_sentencepiece_encode(m, s, l->text, (struct eq_cuts){ 0 }, NULL, &out, &err)) fail_msg("%s", err.text);
      compare(l, &out);
    }
  }
  eq_sentencepiece_free(m);
  eq_word_memory_free(words);
  eq_sentencepiece_scratch_free(s);
  eq_token_list_free(&out);
  free_line(l);
  eq_file_unmap(&golden);
}

/* ---- GGUF ---- */

static struct eq_tokenizer *open_tokenizer(const char *folder, const char *name) {
  struct eq_err err = { 0 };
  char *path = eq_path_join(folder, name);
  struct eq_tokenizer *t = eq_tokenizer_open(path, &err);
  if (!t) fail_msg("%s", err.text);
  free(path);
  return t;
}

/* The lines of llama.model; takes the tokenizer. */
static void check_llama(struct eq_tokenizer *t) {
  struct eq_err err = { 0 };
  struct eq_file golden = map("ids.jsonl");
  struct eq_str rest = { golden.data, golden.size };
  struct line *l = calloc(1, sizeof *l);
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_token_list out = { 0 };
  size_t n = 0;
  for (bool here = false; rest.n;) {
    read_line(l, eq_str_cut(&rest, '\n'));
    if (l->model.p) here = eq_str_is(l->model, "llama");
    if (l->model.p || !here) continue;
    if (!eq_tokenize(t, s, l->text.p, l->text.n, &out, &err)) fail_msg("%s", err.text);
    compare(l, &out);
    n++;
  }
  assert_true(n > 50);
  eq_tokenizer_free(t);
  eq_token_scratch_free(s);
  eq_token_list_free(&out);
  free_line(l);
  eq_file_unmap(&golden);
}

static void a_gguf_made_of_a_sentencepiece_model_gives_the_same_ids(void **state) {
  (void)state;
  check_llama(open_tokenizer("tests/golden/pieces", "llama.gguf"));
}

/* As in the GGUF of Gemma 3, whose <unk> is a control token: all that is unknown falls back to bytes. */
static void a_gguf_needs_no_unknown_piece(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  struct eq_file f = map("llama.gguf");
  struct eq_buffer bytes = { 0 };
  struct eq_gguf g;
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  uint64_t type = 0;
  eq_buffer_add(&bytes, f.data, f.size);
  assert_true(eq_gguf_parse(&g, "x.gguf", bytes.data, bytes.size, &err));
  const struct eq_gguf_value *types = eq_gguf_find(&g, "tokenizer.ggml.token_type");
  assert_true(eq_gguf_u64(types, 0, &type) && type == EQ_SP_UNKNOWN);
  bytes.data[types->bytes.p - bytes.data] = EQ_SP_CONTROL;
  for (uint64_t i = 0; i < types->n; i++) assert_true(eq_gguf_u64(types, i, &type) && type != EQ_SP_UNKNOWN);
  if (!eq_gguf_vocabulary_read(t, "x.gguf", &g, &err)) fail_msg("%s", err.text);
  check_llama(t);
  eq_gguf_close(&g);
  eq_buffer_free(&bytes);
  eq_file_unmap(&f);
}

/* Takes from *rest what stands before the separator of llama.cpp's test files, or all of it. */
static struct eq_str cut_text(struct eq_str *rest) {
  static const char separator[] = "\n__ggml_vocab_test__\n";
  const char *at = memmem(rest->p, rest->n, separator, sizeof separator - 1);
  struct eq_str text = { rest->p, at ? (size_t)(at - rest->p) : rest->n };
  size_t used = at ? text.n + sizeof separator - 1 : rest->n;
  *rest = (struct eq_str){ rest->p + used, rest->n - used };
  return text;
}

static bool same_ids(struct eq_str line, const struct eq_token_list *out) {
  size_t n = 0;
  while (line.n) {
    struct eq_str number = eq_str_cut(&line, ' ');
    uint64_t id;
    if (!number.n) continue;
    if (!eq_parse_u64(number, &id) || n == out->n || out->ids[n++] != id) return false;
  }
  return n == out->n;
}

static struct eq_file map_beside(const char *folder, const char *name, const char *ending) {
  struct eq_file f;
  struct eq_err err = { 0 };
  char *path = eq_path_join(folder, name), full[4096];
  snprintf(full, sizeof full, "%s%s", path, ending);
  if (!eq_file_map(&f, full, &err)) fail_msg("%s", err.text);
  free(path);
  return f;
}

/* One vocabulary of llama.cpp's tests; the number of texts. */
static size_t try_vocabulary(const char *folder, const char *name) {
  struct eq_err err = { 0 };
  struct eq_tokenizer *t = open_tokenizer(folder, name);
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_token_list out = { 0 };
  struct eq_file in = map_beside(folder, name, ".inp"), ids = map_beside(folder, name, ".out");
  struct eq_str texts = { in.data, in.size }, lines = { ids.data, ids.size };
  size_t n = 0;
  for (; texts.n; n++) {
    struct eq_str text = cut_text(&texts), line = eq_str_cut(&lines, '\n');
    if (!eq_tokenize(t, s, text.p, text.n, &out, &err)) fail_msg("%s", err.text);
    if (!same_ids(line, &out)) fail_msg("%s: '%.*s': other ids than %.*s", name, EQ_STR(text), EQ_STR(line));
  }
  eq_file_unmap(&in);
  eq_file_unmap(&ids);
  eq_token_list_free(&out);
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
  return n;
}

static void ids_are_those_of_llama_cpps_own_tests(void **state) {
  (void)state;
  static const char *const names[] = { "ggml-vocab-llama-spm.gguf", "ggml-vocab-gpt-2.gguf", "ggml-vocab-falcon.gguf" };
  const char *shared = getenv("EQ_SHARED");
  char *folder = eq_path_join(shared ? shared : "../shared/data", "tokenizers/llama_cpp");
  bool there = eq_path_exists(folder);
  for (size_t i = 0; there && i < sizeof names / sizeof *names; i++)
    assert_true(try_vocabulary(folder, names[i]) >= 40);
  free(folder);
  if (!there) skip();
}

/* ---- tiktoken ---- */

static struct eq_tiktoken *open_ranks(struct eq_str name, const struct eq_unicode *unicode) {
  struct eq_err err = { 0 };
  struct eq_file f = map("ranks.tiktoken");
  struct eq_tiktoken *t = eq_tiktoken_read("ranks.tiktoken", name, (struct eq_str){ f.data, f.size }, unicode, &err);
  if (!t) fail_msg("%s", err.text);
  eq_file_unmap(&f);
  return t;
}

static void compare_ids(const struct eq_tiktoken *t, struct eq_tiktoken_scratch *s, const struct line *l) {
  struct eq_err err = { 0 };
  struct eq_token_list out = { 0 };
  if (!eq_tiktoken_encode(t, s, l->text, (struct eq_cuts){ 0 }, NULL, &out, &err)) fail_msg("%s", err.text);
  bool same = out.n == l->n[0] && (!out.n || !memcmp(out.ids, l->numbers[0], out.n * sizeof *out.ids));
  if (!same) fail_msg("'%.*s' has other ids", EQ_STR(l->text));
  for (size_t i = 0; i < out.n; i++) assert_int_equal(out.starts[i], i ? out.ends[i - 1] : 0);
  if (out.n) assert_int_equal(out.ends[out.n - 1], l->text.n);
  eq_token_list_free(&out);
}

static void ids_are_those_of_the_tiktoken_package(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  struct eq_file golden = map("ranks.jsonl");
  struct eq_str rest = { golden.data, golden.size };
  struct line *l = calloc(1, sizeof *l);
  struct eq_unicode unicode;
  struct eq_tiktoken *t = NULL;
  struct eq_tiktoken_scratch s = { 0 };
  struct eq_word_memory *words = NULL;
  assert_true(eq_unicode_open(&unicode, &err));
  while (rest.n) {
    read_line(l, eq_str_cut(&rest, '\n'));
    if (l->model.p) {
      eq_tiktoken_free(t);
      t = open_ranks(l->model, &unicode);
      forget(&words);
      continue;
    }
    for (int remembers = 0; remembers < 2; remembers++) {
      s.words = remembers ? words : NULL;
      compare_ids(t, &s, l);
    }
  }
  eq_tiktoken_free(t);
  eq_word_memory_free(words);
  eq_tiktoken_scratch_free(&s);
  eq_unicode_close(&unicode);
  free_line(l);
  eq_file_unmap(&golden);
}

static void bad_ranks_are_refused_with_their_line(void **state) {
  (void)state;
  static const struct {
    const char *name, *lines, *message;
  } bad[] = {
    { "gpt2", "", "x: no tokens" },
    { "gpt2", "IQ==", "x: line 1: the rank is '', expected a number" },
    { "gpt2", "IQ== 0\nIg 1\n", "x: line 2: 'Ig' is not a token in base64" },
    { "gpt2", " 0\n", "x: line 1: '' is not a token in base64" },
    { "gpt2", "IQ== 99999999\n", "x: line 1: the rank is '99999999'" },
    { "gpt2", "IQ== -1\n", "x: line 1: the rank is '-1'" },
    { "gpt2", "IQ== 0\nIg== 0\n", "x: two tokens have the rank 0" },
    { "gpt2", "IQ== 0\r\nIQ== 1\n", "x: the token of rank 0 is there twice" },
    { "gpt2", "IQ== 0\n", "x: there is no token for byte 0x00" },
    { "mine", "IQ== 0\n", "x: the encoding 'mine' is not known" },
  };
  struct eq_err none = { 0 };
  struct eq_unicode unicode;
  assert_true(eq_unicode_open(&unicode, &none));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct eq_err err = { 0 };
    assert_null(eq_tiktoken_read("x", eq_str(bad[i].name), eq_str(bad[i].lines), &unicode, &err));
    if (!strstr(err.text, bad[i].message)) fail_msg("'%s', expected '%s'", err.text, bad[i].message);
  }
  eq_unicode_close(&unicode);
}

/* ---- Precompiled ---- */

struct rewriting {
  struct eq_buffer out;
  struct eq_str text;
  size_t done;
};

static bool replace(void *context, size_t at, size_t size, struct eq_str to) {
  struct rewriting *r = context;
  assert_true(at >= r->done && size && at + size <= r->text.n);
  eq_buffer_add(&r->out, r->text.p + r->done, at - r->done);
  eq_buffer_add(&r->out, to.p, to.n);
  r->done = at + size;
  return true;
}

/* normalizer_spec (3) . precompiled_charsmap (2) */
static struct eq_str find_charsmap(struct eq_protobuf b) {
  struct eq_protobuf_field f;
  while (eq_protobuf_next(&b, &f))
    if (f.number == 3) {
      struct eq_protobuf inner = eq_protobuf_open(&b, f.bytes);
      while (eq_protobuf_next(&inner, &f))
        if (f.number == 2) return f.bytes;
    }
  fail_msg("no charsmap");
  return (struct eq_str){ 0 };
}

static void clusters_are_replaced_as_tokenizers_does_it(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  struct eq_file model = map("unigram.model"), golden = map("precompiled.jsonl");
  struct eq_str rest = { golden.data, golden.size };
  struct line *l = calloc(1, sizeof *l);
  struct eq_charsmap m;
  struct eq_str blob =
      find_charsmap((struct eq_protobuf){ "unigram.model", model.data, model.data, model.data + model.size, &err });
  assert_true(eq_charsmap_open(&m, blob, &err));
  while (rest.n) {
    read_line(l, eq_str_cut(&rest, '\n'));
    struct rewriting r = { .text = l->text };
    assert_true(eq_charsmap_clusters(&m, l->text.p, l->text.n, replace, &r));
    if (l->text.n) eq_buffer_add(&r.out, l->text.p + r.done, l->text.n - r.done);
    if (!eq_str_equal((struct eq_str){ r.out.data, r.out.size }, l->normalized))
      fail_msg("'%.*s' became '%.*s', expected '%.*s'", EQ_STR(l->text), (int)r.out.size, r.out.data,
               EQ_STR(l->normalized));
    eq_buffer_free(&r.out);
  }
  eq_charsmap_close(&m);
  free_line(l);
  eq_file_unmap(&model);
  eq_file_unmap(&golden);
}

/* ---- bad files ---- */

static void read_fails(struct eq_str bytes, const char *message) {
  struct eq_err err = { 0 };
  char *exact = malloc(bytes.n ? bytes.n : 1); /* without spare bytes, for the sanitizer */
  if (bytes.n) memcpy(exact, bytes.p, bytes.n);
  struct eq_sentencepiece *m = eq_sentencepiece_read("x.model", (struct eq_str){ exact, bytes.n }, &err);
  if (m || !strstr(err.text, message)) fail_msg("'%s', expected '%s'", err.text, message);
  free(exact);
}

static void a_bad_model_is_refused_by_what_is_wrong(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t n;
    const char *message;
  } bad[] = {
    { "", 0, "x.model: no pieces" },
    { "\x0A", 1, "byte 1: the message ends inside a number (cut off?)" },
    { "\x0A\x7F"
      "ab",
      4, "a field is longer than what is left of the message (cut off?)" },
    { "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11, "a field is longer" },
    { "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 11, "a number of more than 64 bits" },
    { "\x0B", 1, "a field of an unknown kind" },
    { "\x02\x01"
      "a",
      3, "a field without a proper number" },
    { "\x0A\x03\x0A\x01"
      "a",
      5, "x.model: no piece is of type unknown" },
    { "\x0A\x00", 2, "x.model: piece 0 is empty" },
    { "\x0A\x05\x0A\x01"
      "a\x18\x02\x0A\x05\x0A\x01"
      "b\x18\x02",
      14, "pieces 0 and 1 are both of type unknown" },
    { "\x0A\x05\x0A\x01"
      "a\x18\x07",
      7, "piece 0 has type 0, expected 1 to 6" },
    { "\x0A\x08\x0A\x01"
      "a\x15\x00\x00\xC0\x7F",
      10, "has the score nan" },
    { "\x0A\x05\x0A\x01"
      "a\x18\x02\x12\x02\x18\x05",
      11, "the model's type is 5, expected 1 (unigram), 2 (BPE), 3 (word) or 4 (char)" },
    { "\x0A\x05\x0A\x01"
      "a\x18\x02\x12\x03\x98\x02\x01",
      12, "there is no piece <0x00> of type byte" },
    { "\x0A\x05\x0A\x01"
      "a\x18\x02\x1A\x05\x12\x03"
      "abc",
      14, "the charsmap has 3 bytes, expected at least 4" },
    { "\x0A\x05\x0A\x01"
      "a\x18\x02\x1A\x0A\x12\x08\x08\0\0\0"
      "abcd",
      19, "its trie has 8 bytes, expected a multiple of 4 up to 4" },
    { "\x0A\x05\x0A\x01"
      "a\x18\x02\x1A\x0B\x12\x09\x04\0\0\0"
      "abcdx",
      20, "does not end in a 0 byte" },
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    read_fails((struct eq_str){ bad[i].bytes, bad[i].n }, bad[i].message);
}

static void a_model_cut_off_anywhere_is_refused_or_complete(void **state) {
  (void)state;
  struct eq_file f = map("suffix.model");
  for (size_t n = 0; n < f.size; n += 1 + n / 64) {
    struct eq_err err = { 0 };
    char *exact = malloc(n ? n : 1);
    memcpy(exact, f.data, n);
    struct eq_sentencepiece *m = eq_sentencepiece_read("x.model", (struct eq_str){ exact, n }, &err);
    assert_true(!m == (err.code != EQ_OK));
    eq_sentencepiece_free(m);
    free(exact);
  }
  eq_file_unmap(&f);
}

static void a_megabyte_of_one_thing_takes_linear_time(void **state) {
  (void)state;
  static const char *const units[] = { "a", " ", "\xF0\x9F\x99\x82", "7", "\xCC\x81", "<tag>" };
  static const char *const models[] = { "unigram", "bpe" };
  struct eq_err err = { 0 };
  struct eq_sentencepiece_scratch *s = eq_sentencepiece_scratch_new(&err);
  struct eq_token_list out = { 0 };
  char *text = malloc(1 << 20);
  for (size_t k = 0; k < 2; k++) {
    struct eq_sentencepiece *m = open_model(eq_str(models[k]));
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
      size_t n = 0, size = strlen(units[i]);
      for (; n + size <= 1 << 20; n += size) memcpy(text + n, units[i], size);
      out.n = 0;
      assert_true(eq_sentencepiece_encode(m, s, (struct eq_str){ text, n }, (struct eq_cuts){ 0 }, NULL, &out, &err));
      if (out.n) assert_int_equal(out.ends[out.n - 1], n);
    }
    eq_sentencepiece_free(m);
  }
  free(text);
  eq_token_list_free(&out);
  eq_sentencepiece_scratch_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ids_and_spans_are_those_of_the_sentencepiece_package),
    cmocka_unit_test(a_gguf_made_of_a_sentencepiece_model_gives_the_same_ids),
    cmocka_unit_test(a_gguf_needs_no_unknown_piece),
    cmocka_unit_test(ids_are_those_of_llama_cpps_own_tests),
    cmocka_unit_test(ids_are_those_of_the_tiktoken_package),
    cmocka_unit_test(bad_ranks_are_refused_with_their_line),
    cmocka_unit_test(clusters_are_replaced_as_tokenizers_does_it),
    cmocka_unit_test(a_bad_model_is_refused_by_what_is_wrong),
    cmocka_unit_test(a_model_cut_off_anywhere_is_refused_or_complete),
    cmocka_unit_test(a_megabyte_of_one_thing_takes_linear_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
