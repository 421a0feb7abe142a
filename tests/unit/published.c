/* Ids that others have published for texts, with vocabularies that are not in the tree: where those are at hand
 * (EQ_SHARED). More of them, for GPT-2 and Qwen2, are in tokenizer.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/text/json.h"
#include "lib/text/tokenizer_file.h"

static struct eq_err err;

/* A path among the shared data. */
static char *shared(const char *name) {
  const char *folder = getenv("EQ_SHARED");
  return eq_path_join(folder ? folder : "../shared/data", name);
}

/* A folder, a vocabulary in one file or NAME.json, which stands for the tokenizer.json of a folder. */
static struct eq_tokenizer *open_any(const char *path) {
  const char *end = strrchr(path, '.');
  struct eq_file f;
  err.code = EQ_OK;
  if (!end || strcmp(end, ".json") != 0) return eq_tokenizer_open(path, &err);
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  assert_true(eq_file_map(&f, path, &err));
  if (!eq_tokenizer_read_json(t, path, (struct eq_str){ f.data, f.size }, &err)) fail_msg("%s", err.text);
  assert_true(eq_tokenizer_set(t, (struct eq_tokenizer_options){ .special = true }, &err));
  eq_file_unmap(&f);
  return t;
}

/* An object {"text": ..., "ids": [...]}, which may have other members. */
static void check_case(const struct eq_tokenizer *t, struct eq_token_scratch *s, struct eq_str object) {
  struct eq_buffer scratch = { 0 }, decoded = { 0 };
  struct eq_str key, text = { 0 }, ids = { 0 };
  struct eq_token_list out = { 0 };
  struct eq_json j;
  uint64_t id;
  size_t n = 0;
  eq_json_open(&j, "case", object, &err);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);)
    if (eq_str_is(key, "text"))
      eq_json_string(&j, &decoded, &text);
    else
      eq_json_skip(&j, eq_str_is(key, "ids") ? &ids : NULL);
  if (!eq_tokenize(t, s, text.p, text.n, &out, &err)) fail_msg("%s", err.text);
  eq_json_open(&j, "ids", ids, &err);
  for (eq_json_begin(&j, '['); eq_json_next(&j) && eq_json_u64(&j, &id); n++)
    if (n >= out.n || out.ids[n] != id) fail_msg("%s: '%.*s'", eq_tokenizer_name(t), EQ_STR(text));
  assert_int_equal(n, out.n);
  eq_token_list_free(&out);
  eq_buffer_free(&scratch);
  eq_buffer_free(&decoded);
}

/* {"tokenizer": "file", "cases": [...]}; how many cases. */
static size_t check_cases(struct eq_str object) {
  struct eq_buffer scratch = { 0 }, name = { 0 };
  struct eq_str key, cases = { 0 }, one, file = { 0 };
  struct eq_json j;
  size_t n = 0;
  eq_json_open(&j, "cases", object, &err);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);)
    if (eq_str_is(key, "tokenizer"))
      eq_json_string(&j, &name, &file);
    else
      eq_json_skip(&j, eq_str_is(key, "cases") ? &cases : NULL);
  char *copy = eq_copy_string(file.p, file.n), *folder = shared("tiny_models"), *path = eq_path_join(folder, copy);
  struct eq_tokenizer *t = open_any(path);
  if (!t) fail_msg("%s", err.text);
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  eq_json_open(&j, copy, cases, &err);
  for (eq_json_begin(&j, '['); eq_json_next(&j) && eq_json_skip(&j, &one); n++) check_case(t, s, one);
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
  free(path);
  free(folder);
  free(copy);
  eq_buffer_free(&scratch);
  eq_buffer_free(&name);
  return n;
}

static void ids_are_those_of_small_tokenizers_of_every_kind(void **state) {
  (void)state;
  struct eq_buffer scratch = { 0 };
  struct eq_str key, value;
  struct eq_file f;
  struct eq_json j;
  size_t kinds = 0, cases = 0;
  char *path = shared("tiny_models/hf_tokenizer_cases.json");
  bool there = eq_path_exists(path);
  if (there) {
    assert_true(eq_file_map(&f, path, &err));
    eq_json_open(&j, path, (struct eq_str){ f.data, f.size }, &err);
    for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key) && eq_json_skip(&j, &value); kinds++)
      cases += check_cases(value);
    assert_true(kinds >= 18 && cases >= 280);
    eq_buffer_free(&scratch);
    eq_file_unmap(&f);
  }
  free(path);
  if (!there) skip();
}

static void ids_are_llamas_on_flores(void **state) {
  (void)state;
  struct eq_file f;
  size_t rows = 0;
  char *model = shared("tokenizers/llama_cpp/ggml-vocab-llama-spm.gguf"), *path = shared("tokenizer_gold/LLAMA.jsonl");
  bool there = eq_path_exists(path) && eq_path_exists(model);
  if (there) {
    struct eq_tokenizer *t = open_any(model);
    struct eq_token_scratch *s = eq_token_scratch_new(&err);
    assert_non_null(t);
    assert_true(eq_file_map(&f, path, &err));
    for (struct eq_str rest = { f.data, f.size }; rest.n; rows++) check_case(t, s, eq_str_cut(&rest, '\n'));
    assert_true(rows >= 770);
    eq_file_unmap(&f);
    eq_token_scratch_free(s);
    eq_tokenizer_free(t);
  }
  free(model);
  free(path);
  if (!there) skip();
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ids_are_those_of_small_tokenizers_of_every_kind),
    cmocka_unit_test(ids_are_llamas_on_flores),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
