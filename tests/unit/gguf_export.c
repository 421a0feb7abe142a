/* What is written for llama.cpp, against what llama.cpp's own converter wrote of the same models
 * (tests/golden/gguf_models.py), and the writer by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/export/export.h"

static bool report(void *context, const struct eq_quant *q) {
  (void)context;
  (void)q;
  return true;
}

/* Writes a model of tests/golden/models under a recipe. */
static void write_gguf(const char *name, const char *recipe_text, const char *out) {
  struct eq_err err = { 0 };
  struct eq_buffer source = { 0 };
  struct eq_model m;
  eq_buffer_format(&source, "tests/golden/models/%s", name);
  unlink(out); /* no file is replaced */
  struct eq_pool *pool = eq_pool_new(2, &err);
  if (!eq_model_open(&m, source.data, pool, &err)) fail_msg("%s", err.text);
  struct eq_recipe *recipe = eq_recipe_parse(recipe_text, &err);
  struct eq_treatments all = { 0 };
  const struct eq_treatment **treatments = eq_array(m.n_params, sizeof *treatments);
  assert_true(eq_recipe_resolve(recipe, m.params, m.n_params, m.config.n_layers, &all, treatments, &err));
  assert_true(eq_model_prepare(&m, &all, pool, NULL, &err));
  struct eq_export x = { .model = &m,
                         .source = source.data,
                         .treatments = treatments,
                         .recipe = eq_recipe_canonical(recipe),
                         .programs = "[]",
                         .dtype = EQ_F32,
                         .pool = pool,
                         .report = report,
                         .format = &eq_export_gguf,
                         .out = out };
  if (!eq_export_run(&x, &err)) fail_msg("%s: %s", name, err.text);
  assert_true(x.no_vocabulary);
  eq_recipe_free(recipe);
  free(treatments);
  eq_treatments_free(&all);
  eq_model_close(&m);
  eq_pool_free(pool);
  eq_buffer_free(&source);
}

static char *path_of(const char *name) {
  const char *base = getenv("TMPDIR");
  return eq_path_join(base ? base : "/tmp", name);
}

static void check_tensors(const char *name, const struct eq_gguf *ours, const struct eq_gguf *theirs) {
  for (size_t i = 0; i < theirs->n_tensors; i++) {
    const struct eq_gguf_tensor *b = &theirs->tensors[i], *a = eq_gguf_tensor(ours, b->name);
    if (!a) fail_msg("%s: tensor %.*s is missing", name, EQ_STR(b->name));
    if (a->dtype != b->dtype || a->n_dims != b->n_dims || memcmp(a->dims, b->dims, a->n_dims * sizeof *a->dims) != 0)
      fail_msg("%s: tensor %.*s has another type or shape", name, EQ_STR(b->name));
    bool factors = b->name.n > 4 && memcmp(b->name.p, "rope", 4) == 0; /* worked out: to a few ulp */
    if (!factors && memcmp(a->data, b->data, a->size) != 0) fail_msg("%s: tensor %.*s differs", name, EQ_STR(b->name));
    for (size_t k = 0; factors && k < a->n; k++) {
      float x, y;
      memcpy(&x, a->data + k * sizeof x, sizeof x);
      memcpy(&y, b->data + k * sizeof y, sizeof y);
      assert_true(fabsf(x - y) <= 1e-6f * fabsf(y));
    }
  }
  assert_int_equal(ours->n_tensors, theirs->n_tensors);
}

/* Keys that are about the converter, or that it leaves to llama.cpp's defaults. */
static bool is_other(struct eq_str name) {
  static const char *const parts[] = { "general.",      "equant.", "context_length", "value_length", "sliding_window",
                                       "head_count_kv", NULL };
  char text[256];
  snprintf(text, sizeof text, "%.*s", EQ_STR(name));
  for (size_t i = 0; parts[i]; i++)
    if (strstr(text, parts[i])) return true;
  return false;
}

static void check_keys(const char *name, const struct eq_gguf *ours, const struct eq_gguf *theirs) {
  for (size_t i = 0; i < theirs->n_keys; i++) {
    const struct eq_gguf_key *b = &theirs->keys[i];
    char text[256];
    snprintf(text, sizeof text, "%.*s", EQ_STR(b->name));
    const struct eq_gguf_value *a = eq_gguf_find(ours, text);
    struct eq_str said;
    if (is_other(b->name) || (!a && eq_gguf_string(&b->value, &said) && eq_str_is(said, "none"))) continue;
    if (!a) fail_msg("%s: key %s is missing", name, text);
    if (a->type != b->value.type || !eq_str_equal(a->bytes, b->value.bytes))
      fail_msg("%s: key %s has another value", name, text);
  }
}

static void models_are_written_as_the_converter_writes_them(void **state) {
  (void)state;
  static const char *const names[] = { "bloom",   "cohere-plus",   "falcon-one-norm",      "llama3",
                                       "mixtral", "phi3-longrope", "qwen3_moe-normalized", "stablelm" };
  char *path = path_of("ours.gguf");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct eq_err err = { 0 };
    struct eq_buffer golden = { 0 };
    struct eq_gguf ours, theirs;
    eq_buffer_format(&golden, "tests/golden/gguf/%s.gguf", names[i]);
    write_gguf(names[i], "none", path);
    if (!eq_gguf_open(&ours, path, &err) || !eq_gguf_open(&theirs, golden.data, &err)) fail_msg("%s", err.text);
    check_tensors(names[i], &ours, &theirs);
    check_keys(names[i], &ours, &theirs);
    eq_gguf_close(&ours);
    eq_gguf_close(&theirs);
    eq_buffer_free(&golden);
  }
  unlink(path);
  free(path);
}

static void keys_and_tensors_come_back(void **state) {
  (void)state;
  char *path = path_of("writer.gguf");
  struct eq_err err = { 0 };
  struct eq_gguf_keys k = { 0 };
  eq_gguf_add_u32(&k, "a.u32", 7);
  eq_gguf_add_f32(&k, "a.f32", 1.5f);
  eq_gguf_add_bool(&k, "a.bool", true);
  eq_gguf_add_text(&k, "a.text", eq_str("x\ny"));
  eq_gguf_add_array(&k, "a.list", EQ_GGUF_STRING, 2);
  eq_gguf_add_element(&k, eq_str(""));
  eq_gguf_add_element(&k, eq_str("two"));
  const struct eq_gguf_tensor tensors[] = {
    { .name = eq_str("one"), .dtype = eq_gguf_dtype_find(eq_str("F32")), .n_dims = 1, .dims = { 3 } },
    { .name = eq_str("two"), .dtype = eq_gguf_dtype_find(eq_str("Q8_0")), .n_dims = 2, .dims = { 64, 2 } },
  };
  char bytes[4 * 34], three[12] = "abcdefghijk";
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)i;
  struct eq_gguf_writer w;
  struct eq_gguf g;
  assert_true(eq_gguf_create(&w, path, &k, tensors, 2, &err));
  assert_true(eq_gguf_put(&w, 1, bytes, 34, &err) && eq_gguf_put(&w, 0, three, 12, &err));
  assert_true(eq_gguf_put(&w, 1, bytes + 34, 102, &err));
  assert_true(eq_gguf_commit(&w, &err));
  if (!eq_gguf_open(&g, path, &err)) fail_msg("%s", err.text);
  struct eq_gguf_keys again = { 0 };
  for (size_t i = 0; i < g.n_keys; i++) eq_gguf_add_key(&again, &g.keys[i]);
  assert_int_equal(again.bytes.size, k.bytes.size);
  uint64_t u32 = 0;
  struct eq_str text;
  assert_true(eq_gguf_u64(eq_gguf_find(&g, "a.u32"), 0, &u32) && u32 == 7);
  assert_true(eq_gguf_string(eq_gguf_find(&g, "a.text"), &text) && eq_str_is(text, "x\ny"));
  assert_int_equal(eq_gguf_find(&g, "a.list")->n, 2);
  assert_memory_equal(eq_gguf_tensor(&g, eq_str("two"))->data, bytes, sizeof bytes);
  assert_memory_equal(eq_gguf_tensor(&g, eq_str("one"))->data, three, 12);
  eq_gguf_close(&g);
  assert_true(eq_gguf_create(&w, path, &k, tensors, 2, &err)); /* one that lacks bytes is not there */
  assert_false(eq_gguf_put(&w, 0, bytes, 13, &err));
  err = (struct eq_err){ 0 };
  assert_false(eq_gguf_commit(&w, &err));
  assert_non_null(strstr(err.text, "tensor 'one' got 0 of its 12 bytes"));
  err = (struct eq_err){ 0 };
  const struct eq_gguf_tensor odd = { .name = eq_str("odd"), .dtype = tensors[1].dtype, .n_dims = 1, .dims = { 33 } };
  assert_false(eq_gguf_create(&w, path, &k, &odd, 1, &err));
  assert_non_null(strstr(err.text, "tensor 'odd' has rows of 33, which blocks of 32 do not divide (Q8_0)"));
  eq_buffer_free(&k.bytes);
  eq_buffer_free(&again.bytes);
  unlink(path);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(models_are_written_as_the_converter_writes_them),
    cmocka_unit_test(keys_and_tensors_come_back),
  };
  return cmocka_run_group_tests_name("gguf_export", tests, NULL, NULL);
}
