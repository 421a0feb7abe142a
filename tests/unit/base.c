/* Buffers, views, checked arrays; numbers as text and back; UTF-8; threads that share a job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/number.h"
#include "lib/base/pool.h"
#include "lib/base/random.h"
#include "lib/base/utf8.h"

static void a_buffer_holds_what_was_added(void **state) {
  (void)state;
  struct eq_buffer b = { 0 };
  for (int i = 0; i < 1000; i++) eq_buffer_format(&b, "%d,", i % 10);
  eq_buffer_add(&b, NULL, 0);
  assert_int_equal(b.size, 2000);
  assert_memory_equal(b.data, "0,1,2,3,4,5,6,7,8,9,0,", 22);
  assert_int_equal(b.data[b.size], 0);
  eq_buffer_free(&b);
}

static void an_impossible_size_fails_and_stays_failed(void **state) {
  (void)state;
  struct eq_buffer b = { 0 };
  eq_buffer_string(&b, "x");
  assert_false(eq_buffer_reserve(&b, SIZE_MAX - 1));
  eq_buffer_string(&b, "y");
  assert_true(b.failed);
  assert_int_equal(b.size, 1);
  assert_null(eq_array(SIZE_MAX / 2, 3));
  eq_buffer_free(&b);
}

static void views_compare_by_bytes(void **state) {
  (void)state;
  assert_true(eq_str_compare(eq_str("ab"), eq_str("abc")) < 0);
  assert_true(eq_str_compare(eq_str("\xc3\xa9"), eq_str("z")) > 0);
  assert_true(eq_str_compare((struct eq_str){ 0 }, eq_str("")) == 0);
  assert_true(eq_str_is((struct eq_str){ "a\0b", 1 }, "a"));
  assert_false(eq_str_is((struct eq_str){ "a\0b", 3 }, "a"));
}

static void an_array_grows_one_by_one(void **state) {
  (void)state;
  size_t capacity = 0;
  int *items = NULL;
  for (int i = 0; i < 100; i++) {
    items = eq_array_grow(items, (size_t)i, &capacity, sizeof *items);
    assert_non_null(items);
    items[i] = i;
  }
  for (int i = 0; i < 100; i++) assert_int_equal(items[i], i);
  free(items);
}

static void shortest_numbers_read_back(void **state) {
  (void)state;
  static const struct {
    double x;
    const char *text;
  } known[] = {
    { 0.1, "0.1" }, { 3, "3" },      { -0.0, "-0" },      { 1e22, "1e+22" },     { 0.1 + 0.2, "0.30000000000000004" },
    { NAN, "nan" }, { -NAN, "nan" }, { INFINITY, "inf" }, { -INFINITY, "-inf" }, { 5e-324, "4.94065645841247e-324" }
  };
  char text[EQ_NUMBER_TEXT];
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    eq_format_f64(known[i].x, text);
    assert_string_equal(text, known[i].text);
  }
  for (uint64_t i = 0; i < 20000; i++) { /* any bits that are a number */
    uint64_t bits = eq_random_u64(5, 0, i);
    double x, back;
    memcpy(&x, &bits, sizeof x);
    if (!isfinite(x)) continue;
    eq_format_f64(x, text);
    back = strtod(text, NULL);
    assert_memory_equal(&back, &x, sizeof x);
    uint32_t half = (uint32_t)bits;
    float f, again;
    memcpy(&f, &half, sizeof f);
    if (!isfinite(f)) continue;
    eq_format_f32(f, text);
    again = (float)strtod(text, NULL);
    assert_memory_equal(&again, &f, sizeof f);
  }
  eq_format_f32(0.1f, text);
  assert_string_equal(text, "0.1");
}

static void typed_numbers_are_read_strictly(void **state) {
  (void)state;
  uint64_t u;
  int64_t i;
  double x;
  assert_true(eq_parse_u64(eq_str("18446744073709551615"), &u) && u == UINT64_MAX);
  assert_false(eq_parse_u64(eq_str("18446744073709551616"), &u));
  assert_false(eq_parse_u64(eq_str(""), &u) || eq_parse_u64(eq_str("+1"), &u) || eq_parse_u64(eq_str("1 "), &u));
  assert_true(eq_parse_i64(eq_str("-9"), &i) && i == -9);
  assert_true(eq_parse_f64(eq_str("1e-3"), &x) && x > 0.00099 && x < 0.00101);
  assert_false(eq_parse_f64(eq_str("nan"), &x) || eq_parse_f64(eq_str("1e999"), &x) || eq_parse_f64(eq_str("0x1"), &x));
}

/* Unicode 15, table 3-7, by brute force over the ranges of code points. */
static void utf8_is_what_unicode_says(void **state) {
  (void)state;
  for (uint32_t c = 0; c <= 0x110000; c++) {
    char s[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint32_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    s[0] = (char)(lead[n] | c >> 6 * (n - 1));
    for (size_t i = 1; i < n; i++) s[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
    bool valid = c < 0x110000 && (c < 0xd800 || c > 0xdfff);
    uint32_t back = 0;
    size_t len = eq_utf8_decode(s, n, &back);
    if (len != (valid ? n : 0) || (valid && back != c)) fail_msg("U+%04X", c);
    if (valid && n > 1 && eq_utf8_length(s, n - 1) != 0) fail_msg("U+%04X cut", c);
  }
  const char *broken[] = { "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xed\xa0\x80",
                           "\x80",     "\xff",         "\xf4\x90\x80\x80" };
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
    assert_int_equal(eq_utf8_invalid(broken[i], strlen(broken[i])), 0);
  assert_int_equal(eq_utf8_invalid("0123456789\xc3\xa9\xc3", 13), 12);
  assert_int_equal(eq_utf8_count("a\xc3\xa9\xf0\x9f\x98\x80", 7), 3);
}

/* Unicode 15, section 3.9, tables 3-8 to 3-11 and the text above them. */
static void broken_text_becomes_u_fffd_as_unicode_advises(void **state) {
  (void)state;
  static const struct {
    const char *bytes, *lossy; /* each . is a U+FFFD */
  } rows[] = {
    { "\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64", "a...b.c..d" },
    { "\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", "........A" },
    { "\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", "........A" },
    { "\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", ".....A..B" },
    { "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "....A" },
    { "\xF0\x9F\x99", "." },
    { "\xF0\x9F\x99\xF0", ".." },
    { "", "" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct eq_buffer expected = { 0 }, got = { 0 };
    for (const char *p = rows[i].lossy; *p; p++) eq_buffer_string(&expected, *p == '.' ? "\uFFFD" : (char[]){ *p, 0 });
    eq_buffer_lossy(&got, rows[i].bytes, strlen(rows[i].bytes));
    assert_true(eq_str_equal((struct eq_str){ got.data, got.size }, (struct eq_str){ expected.data, expected.size }));
    eq_buffer_free(&expected);
    eq_buffer_free(&got);
  }
}

static void square(void *context, size_t item, size_t thread) {
  (void)thread;
  ((size_t *)context)[item] += item * item + 1;
}

static void every_item_is_done_once_by_any_number_of_threads(void **state) {
  (void)state;
  for (size_t threads = 1; threads <= 4; threads++) {
    struct eq_err err = { 0 };
    struct eq_pool *pool = eq_pool_new(threads, &err);
    assert_non_null(pool);
    assert_int_equal(eq_pool_threads(pool), threads);
    size_t results[500] = { 0 };
    for (size_t n = 0; n <= 500; n += 100) eq_pool_run(pool, n, square, results);
    for (size_t i = 0; i < 500; i++) assert_int_equal(results[i], (5 - i / 100) * (i * i + 1));
    eq_pool_free(pool);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_buffer_holds_what_was_added),
    cmocka_unit_test(an_impossible_size_fails_and_stays_failed),
    cmocka_unit_test(views_compare_by_bytes),
    cmocka_unit_test(an_array_grows_one_by_one),
    cmocka_unit_test(shortest_numbers_read_back),
    cmocka_unit_test(typed_numbers_are_read_strictly),
    cmocka_unit_test(utf8_is_what_unicode_says),
    cmocka_unit_test(broken_text_becomes_u_fffd_as_unicode_advises),
    cmocka_unit_test(every_item_is_done_once_by_any_number_of_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
