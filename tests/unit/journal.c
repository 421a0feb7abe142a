/* A journal cut at any byte keeps what was whole, and goes on to the same output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/stream/journal.h"

enum { UNITS = 5 };
static const struct eq_str prog = { "\x91\x80", 2 };
/* Unit i has i % 3 records of these bytes. */
static const struct eq_str record = { "\x81\xa1k\xa1t\x81\xa1k\xa1t", 10 };

static struct eq_work_unit result_of(uint64_t i) {
  return (struct eq_work_unit){ i, (uint32_t)(i % 3), { record.p, 5 * (i % 3) } };
}

static struct eq_str input_of(uint64_t i) { return (struct eq_str){ "abcdefgh", 1 + (size_t)i }; }

static void path_of(char path[256]) {
  const char *folder = getenv("TMPDIR");
  snprintf(path, 256, "%s/journal-%d", folder ? folder : "/tmp", (int)getpid());
}

/* Adds the units that are not there, the last first; returns how many were. */
static uint64_t go_on(const char *path, struct eq_buffer *out) {
  struct eq_err err = { 0 };
  struct eq_journal *j = eq_journal_open(path, &err);
  assert_non_null(j);
  bool done[UNITS];
  for (uint64_t i = 0; i < UNITS; i++) assert_true(eq_journal_has(j, i, input_of(i), &done[i], &err));
  assert_true(eq_journal_begin(j, prog, &err));
  uint64_t found = eq_journal_found(j), n_done = 0;
  for (uint64_t i = UNITS; i-- > 0;) {
    struct eq_work_unit u = result_of(i);
    n_done += done[i];
    if (!done[i]) assert_true(eq_journal_add(j, &u, eq_journal_hash(input_of(i)), &err));
  }
  assert_int_equal(found, n_done);
  struct eq_writer *w = eq_writer_memory(out, NULL);
  eq_write_header(w, prog, NULL, NULL, NULL, 0);
  assert_true(eq_journal_copy(j, UNITS, w, &err));
  assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
  eq_journal_free(j);
  return found;
}

static void write_file(const char *path, const char *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  fclose(f);
}

static void cut_at_any_byte_it_goes_on(void **state) {
  (void)state;
  char path[256];
  struct eq_buffer expected = { 0 }, whole = { 0 };
  struct eq_writer *w = eq_writer_memory(&expected, NULL);
  struct eq_file f;
  uint64_t last = 0;
  path_of(path);
  unlink(path);
  eq_write_header(w, prog, NULL, NULL, NULL, 0);
  for (uint64_t i = 0; i < UNITS; i++) eq_write_maps(w, result_of(i).records, result_of(i).n);
  assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
  struct eq_buffer out = { 0 };
  assert_int_equal(go_on(path, &out), 0);
  assert_true(out.size == expected.size && memcmp(out.data, expected.data, out.size) == 0);
  assert_true(eq_file_map(&f, path, NULL));
  eq_buffer_add(&whole, f.data, f.size);
  eq_file_unmap(&f);
  for (size_t n = 0; n <= whole.size; n++) {
    write_file(path, whole.data, n);
    out.size = 0;
    uint64_t found = go_on(path, &out);
    assert_true(found >= last && found <= UNITS);
    last = found;
    assert_true(out.size == expected.size && memcmp(out.data, expected.data, out.size) == 0);
  }
  assert_int_equal(last, UNITS);
  unlink(path);
  eq_buffer_free(&out);
  eq_buffer_free(&expected);
  eq_buffer_free(&whole);
}

static void what_is_no_journal_is_refused(void **state) {
  (void)state;
  static const char text[] = "hello", two[] = "\x81\xa6"
                                              "equant\x01\x82\xa6"
                                              "equant\x01\xa4prog\x91\x01";
  char path[256];
  path_of(path);
  for (int i = 0; i < 2; i++) {
    struct eq_err err = { 0 };
    write_file(path, i ? two : text, i ? sizeof two - 1 : sizeof text - 1);
    assert_null(eq_journal_open(path, &err));
    assert_int_equal(err.code, EQ_BAD);
  }
  unlink(path);
}

static void two_hubs_do_not_share_one(void **state) {
  (void)state;
  char path[256];
  struct eq_err err = { 0 };
  path_of(path);
  unlink(path);
  struct eq_journal *j = eq_journal_open(path, &err);
  assert_non_null(j);
  assert_null(eq_journal_open(path, &err));
  assert_non_null(strstr(err.text, "another hub writes to this journal"));
  eq_journal_free(j);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(cut_at_any_byte_it_goes_on),
    cmocka_unit_test(what_is_no_journal_is_refused),
    cmocka_unit_test(two_hubs_do_not_share_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
