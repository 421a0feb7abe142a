/* Files that a good writer makes, and files that it never would. The golden ones in tests/golden are written by the
 * safetensors package; here they are bytes in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/base/buffer.h"
#include "lib/tensor/safetensors.h"

/* A file of this header and n_data bytes 0, 1, 2, ... */
static struct eq_buffer file_of(const char *header, size_t n_data) {
  struct eq_buffer b = { 0 };
  uint64_t size = strlen(header);
  eq_buffer_add(&b, &size, sizeof size);
  eq_buffer_string(&b, header);
  for (size_t i = 0; i < n_data; i++) eq_buffer_add(&b, &(char){ (char)i }, 1);
  assert_false(b.failed);
  return b;
}

/* The reader must see the end of what it was given: a copy without the buffer's spare bytes, for the sanitizer. */
static bool parses(const void *bytes, size_t n, struct eq_safetensors *s, struct eq_err *err) {
  char *exact = malloc(n ? n : 1);
  assert_non_null(exact);
  if (n) memcpy(exact, bytes, n);
  *err = (struct eq_err){ 0 };
  bool ok = eq_safetensors_parse(s, "x.safetensors", exact, n, err);
  if (ok)
    for (size_t i = 0; i < s->n_tensors; i++) s->tensors[i].data = NULL;
  free(exact);
  return ok;
}

static void a_file_of_three_tensors_is_read(void **state) {
  (void)state;
  struct eq_buffer b =
      file_of("{\"__metadata__\":{\"format\":\"pt\"}, \"m\":{\"dtype\":\"F32\",\"shape\":[1,2],"
              "\"data_offsets\":[2,10]},\n \"a\":{\"data_offsets\":[0,2],\"shape\":[],\"dtype\":\"BF16\"},"
              "\"e\\u0041\":{\"dtype\":\"I64\",\"shape\":[3,0],\"data_offsets\":[10,10]}}  ",
              10);
  struct eq_safetensors s;
  struct eq_err err = { 0 };
  if (!eq_safetensors_parse(&s, "x", b.data, b.size, &err)) fail_msg("%s", err.text);
  assert_int_equal(s.n_tensors, 3);
  const struct eq_tensor *m = eq_safetensors_find(&s, "m"), *a = eq_safetensors_find(&s, "a");
  assert_int_equal(m->dtype, EQ_F32);
  assert_int_equal(m->n_dims, 2);
  assert_int_equal(m->dims[1], 2);
  assert_int_equal(m->n, 2);
  assert_ptr_equal(m->data, b.data + b.size - 8);
  assert_int_equal(a->n_dims, 0);
  assert_int_equal(a->n, 1);
  assert_int_equal(eq_safetensors_find(&s, "eA")->n, 0);
  assert_null(eq_safetensors_find(&s, "b"));
  assert_string_equal(s.tensors[0].name, "a"); /* sorted */
  eq_safetensors_close(&s);
  eq_buffer_free(&b);
}

static void a_file_may_have_no_tensor(void **state) {
  (void)state;
  struct eq_buffer b = file_of("{}", 0);
  struct eq_safetensors s;
  struct eq_err err;
  assert_true(parses(b.data, b.size, &s, &err));
  assert_null(eq_safetensors_find(&s, "a"));
  eq_safetensors_close(&s);
  eq_buffer_free(&b);
}

#define F32_1(name, begin, end) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" #begin "," #end "]}"

/* Header, bytes of data, and what the message says of it. */
static const struct {
  const char *header;
  size_t n_data;
  const char *message;
} bad[] = {
  { "", 0, "header, byte 0: expected '{'" },
  { " {}", 0, "header, byte 0: expected '{'" },
  { "{", 0, "header, byte 1: a tensor's name: not valid JSON" },
  { "[]", 0, "header, byte 0: expected '{'" },
  { "{}x", 0, "found 'x' after the end" },
  { "{1:2}", 0, "a tensor's name is not a string" },
  { "{\"a\" 1}", 0, "found '1', expected ':'" },
  { "{\"a\":", 0, "a tensor's entry: not valid JSON" },
  { "{\"a\":1}", 0, "tensor 'a' is not a JSON object" },
  { "{\"a\":{}}", 0, "tensor 'a' has 0 keys, expected dtype, shape and data_offsets" },
  { "{" F32_1("a", 0, 4) ",}", 4, "not valid JSON" },
  { "{" F32_1("a", 0, 4), 4, "the JSON ends early, expected '}'" },
  { "{" F32_1("a", 0, 4) " " F32_1("b", 4, 8) "}", 8, "expected '}'" },
  { "{" F32_1("a", 0, 4) "," F32_1("a", 4, 8) "}", 8, "tensor 'a' comes twice" },
  { "{" F32_1("a", 0, 4) "," F32_1("\\u0061", 4, 8) "}", 8, "tensor 'a' comes twice" },
  { "{" F32_1("a", 0, 4) "," F32_1("b", 0, 4) "}", 4, "tensors 'a' and 'b' overlap" },
  { "{" F32_1("b", 4, 8) "," F32_1("a", 0, 4) "}", 12, "4 bytes after the last tensor belong to none" },
  { "{" F32_1("a", 0, 4) "," F32_1("b", 6, 10) "}", 10, "bytes 4 to 6 of the data, between tensors 'a' and 'b'" },
  { "{" F32_1("a", 4, 8) "}", 8, "bytes 0 to 4 of the data, between tensors '(the start)' and 'a'" },
  { "{" F32_1("a", 0, 4) "}", 3, "tensor 'a' ends at byte 4 of the data, but the file has only 3 bytes" },
  { "{" F32_1("a", 4, 0) "}", 4, "tensor 'a' has no data_offsets, expected [begin, end]" },
  { "{" F32_1("a", -4, 0) "}", 4, "tensor 'a' has no data_offsets" },
  { "{" F32_1("a", 0.0, 4) "}", 4, "tensor 'a' has no data_offsets" },
  { "{" F32_1("a", 0, 99999999999999999999) "}", 4, "too big integer" },
  { "{" F32_1("a", 0, 9223372036854775807) "}", 4, "ends at byte 9223372036854775807 of the data" },
  { "{" F32_1("a", 0, 8) "}", 8, "data_offsets of 8 bytes, but its shape and dtype need 1 elements of 4 bytes" },
  { "{" F32_1("a\\u001b[2J", 0, 8) "}", 8, "tensor 'a\\x1b[2J' has data_offsets of 8" },
  { "{" F32_1("a\\u0000", 0, 4) "}", 4, "not valid JSON" },
  { "{\"a\":{\"dtype\":\"F8_E8M0\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "the unsupported dtype 'F8_E8M0'" },
  { "{\"a\":{\"dtype\":\"float\",\"shape\":[],\"data_offsets\":[0,1]}}", 1,
    "an unknown dtype 'float', expected one of F64" },
  { "{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,1]}}", 1, "has no dtype" },
  { "{\"a\":{\"dtype\":\"U8\",\"shape\":7,\"data_offsets\":[0,1]}}", 1, "has no shape" },
  { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, "at most 8 sizes" },
  { "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "duplicate" },
  { "{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"x\":1}}", 1, "tensor 'a' has 4 keys" },
  { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "product overflows" },
  { "{\"a\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
    "has data_offsets of 0 bytes" },
  { "{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ is not an object of strings" },
  { "{\"__metadata__\":[]}", 0, "__metadata__ is not an object of strings" },
  { "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "duplicate" },
  { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ comes twice" },
};

static void a_bad_header_is_named(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct eq_buffer b = file_of(bad[i].header, bad[i].n_data);
    struct eq_safetensors s;
    struct eq_err err;
    if (parses(b.data, b.size, &s, &err)) fail_msg("accepted: %s", bad[i].header);
    if (!strstr(err.text, bad[i].message) || !strstr(err.text, "x.safetensors: "))
      fail_msg("%s: said '%s', expected '%s'", bad[i].header, err.text, bad[i].message);
    eq_buffer_free(&b);
  }
}

static void a_file_cut_anywhere_is_refused(void **state) {
  (void)state;
  struct eq_buffer b = file_of("{" F32_1("a", 0, 4) "," F32_1("b", 4, 8) "}", 8);
  struct eq_safetensors s;
  struct eq_err err;
  for (size_t n = 0; n < b.size; n++) assert_false(parses(b.data, n, &s, &err));
  assert_true(parses(b.data, b.size, &s, &err));
  eq_safetensors_close(&s);
  eq_buffer_free(&b);
}

static void a_lying_header_length_is_refused(void **state) {
  (void)state;
  const uint64_t lengths[] = { 11, 99999999, 100000001, UINT64_MAX, UINT64_MAX - 8 };
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    struct eq_buffer b = file_of("{}", 8);
    memcpy(b.data, &lengths[i], sizeof lengths[i]);
    struct eq_safetensors s;
    struct eq_err err;
    assert_false(parses(b.data, b.size, &s, &err));
    assert_non_null(strstr(err.text, lengths[i] > 100000000 ? "at most 100000000 are allowed" : "bytes follow"));
    eq_buffer_free(&b);
  }
}

static size_t peak_memory(void) {
  struct rusage usage;
  assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
  return (size_t)usage.ru_maxrss * 1024;
}

/* 40 MB of header, of each kind of repetition. A tree of it would take 0.5 GB and more. */
static void a_large_bad_header_takes_little_memory(void **state) {
  (void)state;
#if defined(__SANITIZE_ADDRESS__)
  skip(); /* its allocator keeps what is freed */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  skip();
#endif
#endif
  static const char *const starts[] = { "{",   "{",      "{\"a\":{\"dtype\":\"U8\",\"shape\":[", "{\"__metadata__\":{",
                                        "{\"", "{\"a\":" };
  static const char *const repeats[] = { "\"%07zu\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},",
                                         "\"%07zu\":{},",
                                         "%zu,",
                                         "\"%07zu\":\"\",",
                                         "%zu",
                                         "[" };
  size_t most = 40u << 20;
  struct eq_buffer b = { 0 };
  eq_buffer_reserve(&b, most + 200);
  if (b.data) memset(b.data, 1, most + 200);
  size_t before = peak_memory();
  for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
    b.size = 0;
    uint64_t size = 0;
    eq_buffer_add(&b, &size, sizeof size);
    eq_buffer_string(&b, starts[k]);
    for (size_t i = 0; b.size < most; i++) {
      char item[100];
      int n = snprintf(item, sizeof item, repeats[k], i); /* NOLINT: the formats are above */
      eq_buffer_add(&b, item, (size_t)n);
    }
    assert_false(b.failed);
    size = b.size - sizeof size;
    memcpy(b.data, &size, sizeof size);
    struct eq_safetensors s;
    struct eq_err err = { 0 };
    assert_false(eq_safetensors_parse(&s, "x", b.data, b.size, &err));
    if (peak_memory() > before + (64u << 20)) fail_msg("%s... took more than 64 MiB", starts[k]);
  }
  eq_buffer_free(&b);
}

static void a_file_that_is_not_there_is_named(void **state) {
  (void)state;
  struct eq_safetensors s;
  struct eq_err err = { 0 };
  assert_false(eq_safetensors_open(&s, "tests/no.safetensors", &err));
  assert_int_equal(err.code, EQ_BAD);
  assert_non_null(strstr(err.text, "tests/no.safetensors"));
  eq_safetensors_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_large_bad_header_takes_little_memory), /* first: the peak of the process only grows */
    cmocka_unit_test(a_file_of_three_tensors_is_read),
    cmocka_unit_test(a_file_may_have_no_tensor),
    cmocka_unit_test(a_bad_header_is_named),
    cmocka_unit_test(a_file_cut_anywhere_is_refused),
    cmocka_unit_test(a_lying_header_length_is_refused),
    cmocka_unit_test(a_file_that_is_not_there_is_named),
  };
  return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
