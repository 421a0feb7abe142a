/* A file that the gguf package wrote (tests/golden/gguf_file.py), and files that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tensor/gguf.h"

static const struct eq_gguf_value *key(const struct eq_gguf *g, const char *name) {
  const struct eq_gguf_value *v = eq_gguf_find(g, name);
  if (!v) fail_msg("no key '%s'", name);
  return v;
}

static void a_file_of_the_gguf_package_is_read(void **state) {
  (void)state;
  static const struct {
    const char *key;
    double value;
  } numbers[] = {
    { "x.uint8", 200 },         { "x.int8", -100 },         { "x.uint16", 60000 },       { "x.int16", -30000 },
    { "x.uint32", 4000000000 }, { "x.int32", -2000000000 }, { "x.int64", -0x1p62 },      { "x.float32", 0.5 },
    { "x.float64", 0.1 },       { "x.floats", 0.25 },       { "general.alignment", 64 },
  };
  struct eq_gguf g;
  struct eq_err err = { 0 };
  if (!eq_gguf_open(&g, "tests/golden/small.gguf", &err)) fail_msg("%s", err.text);
  assert_int_equal(g.version, 3);
  assert_int_equal(g.alignment, 64);
  double x;
  uint64_t u;
  bool yes = false;
  struct eq_str s;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    assert_true(eq_gguf_f64(key(&g, numbers[i].key), 0, &x));
    assert_true(x == numbers[i].value);
  }
  assert_true(eq_gguf_u64(key(&g, "x.uint64"), 0, &u));
  assert_true(u == (UINT64_C(1) << 63) + 1);
  assert_false(eq_gguf_u64(key(&g, "x.int8"), 0, &u)); /* negative */
  assert_false(eq_gguf_u64(key(&g, "x.float32"), 0, &u));
  assert_false(eq_gguf_u64(key(&g, "x.uint8"), 1, &u));
  assert_false(eq_gguf_u64(eq_gguf_find(&g, "y"), 0, &u));
  assert_false(eq_gguf_f64(key(&g, "x.string"), 0, &x));
  assert_true(eq_gguf_f64(key(&g, "x.numbers"), 1, &x) && x == -2);
  assert_true(eq_gguf_bool(key(&g, "x.bool"), &yes) && yes);
  assert_false(eq_gguf_bool(key(&g, "x.uint8"), &yes));
  assert_true(eq_gguf_string(key(&g, "x.string"), &s) && eq_str_is(s, "h\xC3\xA9"));
  assert_false(eq_gguf_string(key(&g, "x.strings"), &s));
  static const char *const strings[] = { "a", "", "bc" };
  struct eq_str rest = key(&g, "x.strings")->bytes;
  for (size_t i = 0; i < 3; i++) assert_true(eq_gguf_next_string(&rest, &s) && eq_str_is(s, strings[i]));
  assert_false(eq_gguf_next_string(&rest, &s));
  assert_int_equal(g.n_tensors, 3);
  const struct eq_gguf_tensor *b = eq_gguf_tensor(&g, eq_str("b")), *q = eq_gguf_tensor(&g, eq_str("q"));
  assert_string_equal(b->dtype->name, "F32");
  assert_int_equal(b->n_dims, 2);
  assert_int_equal(b->dims[0], 3);
  assert_int_equal(b->dims[1], 2);
  assert_memory_equal(b->data, ((const float[]){ 0, 1, 2, 3, 4, 5 }), 24);
  assert_string_equal(q->dtype->name, "Q8_0");
  assert_int_equal(q->n, 64);
  assert_int_equal(q->size, 68);
  for (size_t i = 0; i < q->size; i++) assert_int_equal(q->data[i], i);
  assert_null(eq_gguf_tensor(&g, eq_str("c")));
  eq_gguf_close(&g);
}

/* ---- lies ---- */

static void u32(struct eq_buffer *b, uint32_t x) { eq_buffer_add(b, &x, sizeof x); }
static void u64(struct eq_buffer *b, uint64_t x) { eq_buffer_add(b, &x, sizeof x); }
static void string(struct eq_buffer *b, const char *s) {
  u64(b, strlen(s));
  eq_buffer_string(b, s);
}

static void head(struct eq_buffer *b, uint64_t tensors, uint64_t keys) {
  eq_buffer_string(b, "GGUF");
  u32(b, 3);
  u64(b, tensors);
  u64(b, keys);
}

static void tensor(struct eq_buffer *b, const char *name, uint64_t rows, uint64_t columns, uint32_t type,
                   uint64_t offset) {
  string(b, name);
  u32(b, 2);
  u64(b, columns);
  u64(b, rows);
  u32(b, type);
  u64(b, offset);
}

static void number(struct eq_buffer *b, const char *name, uint32_t value) {
  string(b, name);
  u32(b, EQ_GGUF_U32);
  u32(b, value);
}

static void array(struct eq_buffer *b, uint32_t type, uint64_t n) {
  head(b, 0, 1);
  string(b, "k");
  u32(b, EQ_GGUF_ARRAY);
  u32(b, type);
  u64(b, n);
}

static void data(struct eq_buffer *b, size_t n) {
  while (b->size % 32) eq_buffer_add(b, "", 1);
  while (n--) eq_buffer_add(b, "x", 1);
}

/* Reads a copy without spare bytes, for the sanitizer; empties b. */
static void expect(struct eq_buffer *b, const char *message) {
  struct eq_gguf g;
  struct eq_err err = { 0 };
  char *exact = malloc(b->size ? b->size : 1);
  if (b->size) memcpy(exact, b->data, b->size);
  bool good = eq_gguf_parse(&g, "x.gguf", exact, b->size, &err);
  if (message ? good || !strstr(err.text, message) : !good)
    fail_msg("'%s', expected '%s'", err.text, message ? message : "success");
  eq_gguf_close(&g);
  free(exact);
  eq_buffer_free(b);
  *b = (struct eq_buffer){ 0 };
}

static void the_head_is_checked(void **state) {
  (void)state;
  struct eq_buffer b = { 0 };
  expect(&b, "x.gguf: byte 0: the file ends inside the magic bytes");
  eq_buffer_string(&b, "GGML....");
  expect(&b, "does not begin with GGUF");
  eq_buffer_string(&b, "GGUF");
  u32(&b, 1);
  expect(&b, "version 1, expected 2 or 3");
  eq_buffer_string(&b, "GGUF");
  u32(&b, 0x03000000);
  expect(&b, "version 3 in big-endian order, which is not supported, expected 2 or 3");
  head(&b, 0, UINT64_MAX);
  expect(&b, "the file says that it has 18446744073709551615 keys, but only 0 bytes are left");
  head(&b, UINT64_MAX, 0);
  expect(&b, "18446744073709551615 tensors, at most");
  head(&b, 1000, 0);
  expect(&b, "1000 tensors, but only 0 bytes are left");
  head(&b, 0, 0);
  expect(&b, NULL);
}

static void keys_are_checked(void **state) {
  (void)state;
  struct eq_buffer b = { 0 };
  head(&b, 0, 1);
  u64(&b, 1 << 20);
  data(&b, 64);
  expect(&b, "a key has 1048576 bytes, but only");
  head(&b, 0, 1);
  u64(&b, 5000);
  data(&b, 6000);
  expect(&b, "a key has 5000 bytes, expected at most 4096");
  head(&b, 0, 1);
  string(&b, "k\x1b[2J");
  u32(&b, 13);
  data(&b, 9);
  expect(&b, "key 'k\\x1b[2J' has the type 13, expected 0 to 12");
  array(&b, EQ_GGUF_ARRAY, 1);
  expect(&b, "key 'k' is an array of arrays");
  array(&b, EQ_GGUF_F64, UINT64_MAX / 8 + 1);
  expect(&b, "key 'k' has 2305843009213693952 elements, but only 0 bytes are left");
  array(&b, EQ_GGUF_STRING, 3);
  data(&b, 0);
  expect(&b, "key 'k' has 3 elements, but only");
  array(&b, EQ_GGUF_STRING, 1);
  u64(&b, UINT64_MAX);
  expect(&b, "a string has 18446744073709551615 bytes, but only 0 are left");
  array(&b, EQ_GGUF_BOOL, 2);
  eq_buffer_add(&b, "\1\2", 2);
  expect(&b, "key 'k' has a bool of 2");
  array(&b, EQ_GGUF_U8, 0);
  expect(&b, NULL);
  head(&b, 0, 2);
  number(&b, "k", 1);
  number(&b, "k", 2);
  expect(&b, "key 'k' comes twice");
  head(&b, 0, 1);
  number(&b, "general.alignment", 48);
  expect(&b, "general.alignment is 48, expected a power of two");
  head(&b, 0, 1);
  number(&b, "general.alignment", 0);
  expect(&b, "general.alignment is 0");
  head(&b, 0, 1);
  string(&b, "general.alignment");
  u32(&b, EQ_GGUF_F32);
  u32(&b, 0);
  expect(&b, "general.alignment is not a whole number");
}

/* rows, columns, type, offset of one tensor, how many bytes of data there are, and what is wrong. */
static const struct {
  uint64_t rows, columns;
  uint32_t type;
  uint64_t offset;
  size_t n;
  const char *message;
} lies[] = {
  { 2, 2, 0, 0, 16, NULL },
  { 2, 0, 0, 0, 0, NULL },
  { 2, 32, 8, 32, 100, NULL },
  { 2, 2, 0, 0, 15, "tensor 't' has 16 bytes at byte 0 of the data, but the file has only 15" },
  { 2, 2, 0, 32, 40, "tensor 't' has 16 bytes at byte 32 of the data" },
  { 2, 2, 0, UINT64_MAX - 31, 40, "at byte 18446744073709551584 of the data" },
  { 2, 2, 0, 8, 40, "tensor 't' has the offset 8, expected a multiple of 32" },
  { 2, 2, 4, 0, 16, "tensor 't' has the unknown type 4" },
  { 2, 33, 2, 0, 100, "tensor 't' has rows of 33 elements, expected a multiple of 32 for Q4_0" },
  { 1ull << 32, 1ull << 32, 0, 0, 16, "tensor 't' has a shape whose product overflows" },
  { 1ull << 31, 1ull << 31, 28, 0, 16, "tensor 't' has a size that overflows" },
};

static void tensors_are_checked(void **state) {
  (void)state;
  struct eq_buffer b = { 0 };
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    head(&b, 1, 0);
    tensor(&b, "t", lies[i].rows, lies[i].columns, lies[i].type, lies[i].offset);
    data(&b, lies[i].n);
    expect(&b, lies[i].message);
  }
  head(&b, 2, 0);
  tensor(&b, "s", 9, 1, 0, 0);
  tensor(&b, "t", 1, 1, 0, 32);
  data(&b, 64);
  expect(&b, "tensors 's' and 't' overlap");
  head(&b, 2, 0);
  tensor(&b, "t", 1, 1, 0, 0);
  tensor(&b, "t", 1, 1, 0, 32);
  data(&b, 64);
  expect(&b, "tensor 't' comes twice");
  head(&b, 1, 0);
  string(&b, "t");
  u32(&b, 5);
  data(&b, 64);
  expect(&b, "tensor 't' has 5 dimensions, expected 1 to 4");
  head(&b, 1, 0);
  string(&b, "t");
  u32(&b, 0);
  data(&b, 64);
  expect(&b, "tensor 't' has 0 dimensions, expected 1 to 4");
}

static void a_file_cut_off_anywhere_is_refused(void **state) {
  (void)state;
  struct eq_file f;
  struct eq_err err = { 0 };
  assert_true(eq_file_map(&f, "tests/golden/small.gguf", &err));
  struct eq_gguf whole;
  assert_true(eq_gguf_parse(&whole, "x", f.data, f.size, &err));
  size_t used = 0;
  for (size_t i = 0; i < whole.n_tensors; i++) {
    size_t end = (size_t)(whole.tensors[i].data - f.data) + whole.tensors[i].size;
    if (end > used) used = end;
  }
  eq_gguf_close(&whole);
  for (size_t n = 0; n < used; n++) {
    struct eq_buffer b = { 0 };
    eq_buffer_add(&b, f.data, n);
    expect(&b, "x.gguf: ");
  }
  eq_file_unmap(&f);
}

static void element_types_have_their_numbers_and_blocks(void **state) {
  (void)state;
  const struct eq_gguf_dtype *t = eq_gguf_dtype_find(eq_str("Q6_K"));
  assert_int_equal(t->number, 14);
  assert_int_equal(t->block, 256);
  assert_int_equal(t->bytes, 210);
  assert_ptr_equal(eq_gguf_dtype(14), t);
  assert_null(eq_gguf_dtype(4));
  assert_null(eq_gguf_dtype_find(eq_str("q6_k")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_file_of_the_gguf_package_is_read),
    cmocka_unit_test(the_head_is_checked),
    cmocka_unit_test(keys_are_checked),
    cmocka_unit_test(tensors_are_checked),
    cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
    cmocka_unit_test(element_types_have_their_numbers_and_blocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
