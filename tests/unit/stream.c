/* Streams in memory: what is written is read; what is cut, altered or hostile is refused. The golden stream was made by
 * another implementation, in Python (tests/golden/streams.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/base/file.h"
#include "lib/base/random.h"
#include "lib/stream/reader.h"
#include "lib/stream/rows.h"
#include "lib/stream/writer.h"

static const char *const no_arguments[] = { "-x" };

static struct eq_writer *begin(struct eq_buffer *out) {
  struct eq_writer *w = eq_writer_memory(out, NULL);
  assert_non_null(w);
  eq_write_header(w, (struct eq_str){ "", 0 }, "eq-test", "1", no_arguments, 1);
  return w;
}

/* A stream of n text records, ids from `first`. */
static struct eq_buffer texts(size_t n, size_t first, const char *program) {
  struct eq_buffer out = { 0 };
  struct eq_writer *w = eq_writer_memory(&out, NULL);
  eq_write_header(w, (struct eq_str){ "", 0 }, program, "1", NULL, 0);
  for (size_t i = 0; i < n; i++) {
    char id[24];
    snprintf(id, sizeof id, "%zu", first + i);
    struct eq_text t = { eq_str("en"), eq_str(id), eq_str("some text") };
    eq_write_kind(w, &eq_kind_text, &t, NULL);
  }
  assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
  return out;
}

/* Reads to the end; the error in *err. */
static uint64_t count(const void *bytes, size_t n, struct eq_err *err) {
  struct eq_reader *in = eq_reader_memory(bytes, n, "memory", NULL);
  struct eq_record r;
  uint64_t records = 0;
  while (eq_read(in, &r)) records++;
  *err = *eq_reader_error(in);
  eq_reader_free(in);
  return records;
}

static void every_field_comes_back(void **state) {
  (void)state;
  const uint32_t ids[] = { 1, UINT32_MAX };
  const float nlls[] = { 0.1f, NAN };
  struct eq_surprisal s = { .lang = eq_str("en"),
                            .id = eq_str(""),
                            .model = eq_str("m"),
                            .recipe = eq_str("none"),
                            .n_tokens = UINT64_MAX - 1,
                            .n_scored = 0,
                            .bytes = EQ_ABSENT,
                            .chars = 3,
                            .nll = 0.1,
                            .vocab = EQ_ABSENT,
                            .nlls = eq_f32s(nlls, 2) },
                      s2;
  struct eq_tokens t = { .lang = eq_str("he"), .id = eq_str("7"), .ids = eq_u32s(ids, 2), .starts = eq_u32s(NULL, 0) },
                   t2;
  struct eq_buffer out = { 0 };
  struct eq_writer *w = begin(&out);
  eq_write_kind(w, &eq_kind_surprisal, &s, NULL);
  eq_write_kind(w, &eq_kind_tokens, &t, NULL);
  assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
  struct eq_reader *in = eq_reader_memory(out.data, out.size, "memory", NULL);
  struct eq_record r;
  struct eq_err err = { 0 };
  assert_true(eq_read(in, &r) && eq_record_is(&r, &eq_kind_surprisal));
  assert_true(eq_record_get(&r, &eq_kind_surprisal, &s2, &err));
  assert_true(s2.n_tokens == s.n_tokens && s2.bytes == EQ_ABSENT && s2.chars == 3 && s2.vocab == EQ_ABSENT);
  assert_memory_equal(&s2.nll, &s.nll, sizeof s.nll);
  assert_true(s2.id.p && s2.id.n == 0 && s2.excluded.p == NULL);
  assert_int_equal(s2.nlls.n, 2);
  assert_true(isnan(eq_f32_at(s2.nlls, 1)));
  assert_true(eq_read(in, &r) && eq_record_get(&r, &eq_kind_tokens, &t2, &err));
  assert_int_equal(eq_u32_at(t2.ids, 1), UINT32_MAX);
  assert_true(t2.starts.bytes && t2.starts.n == 0 && !t2.ends.bytes && !t2.text.p);
  assert_false(eq_read(in, &r));
  assert_int_equal(eq_reader_error(in)->code, EQ_OK);
  eq_reader_free(in);
  eq_buffer_free(&out);
}

static void a_stream_made_in_python_is_read(void **state) {
  (void)state;
  struct eq_file f;
  struct eq_err err = { 0 };
  assert_true(eq_file_map(&f, "tests/golden/one.mp", &err));
  assert_int_equal(count(f.data, f.size, &err), 6);
  assert_int_equal(err.code, EQ_OK);
  struct eq_reader *in = eq_reader_memory(f.data, f.size, "golden", NULL);
  struct eq_record r;
  struct eq_surprisal s;
  struct eq_disparity d;
  for (int i = 0; i < 3; i++) assert_true(eq_read(in, &r));
  assert_true(eq_record_get(&r, &eq_kind_surprisal, &s, &err));
  assert_true(s.nll > 2.4999 && s.nll < 2.5001 && s.nlls.n == 2);
  assert_true(eq_read(in, &r) && eq_record_get(&r, &eq_kind_surprisal, &s, &err));
  assert_true(isnan(s.nll) && eq_str_is(s.excluded, "too short"));
  assert_true(eq_read(in, &r) && eq_record_get(&r, &eq_kind_disparity, &d, &err));
  assert_true(signbit(d.ratio) && isinf(d.ratio_lo) && isnan(d.delta_low) && !d.worst.p);
  eq_reader_free(in);
  eq_file_unmap(&f);
}

static void a_stream_cut_at_any_byte_is_truncated_after_its_whole_records(void **state) {
  (void)state;
  struct eq_buffer whole = texts(5, 0, "p");
  size_t most = 0;
  for (size_t n = 0; n < whole.size; n++) {
    struct eq_err err;
    char *copy = malloc(n ? n : 1); /* of just that size, so that a sanitizer sees a step too far */
    if (n) memcpy(copy, whole.data, n);
    size_t records = (size_t)count(copy, n, &err);
    assert_int_equal(err.code, EQ_DATA);
    assert_non_null(strstr(err.text, "without its trailer"));
    assert_true(records >= most);
    most = records;
    free(copy);
  }
  assert_int_equal(most, 5);
  eq_buffer_free(&whole);
}

static void an_empty_stream_is_truncated_and_one_without_records_is_not(void **state) {
  (void)state;
  struct eq_err err;
  assert_int_equal(count("", 0, &err), 0);
  assert_string_equal(err.text,
                      "memory: stream ends after 0 records without its trailer: the program before it stopped "
                      "early (what came is processed)");
  struct eq_buffer none = texts(0, 0, "p");
  assert_int_equal(count(none.data, none.size, &err), 0);
  assert_int_equal(err.code, EQ_OK);
  eq_buffer_free(&none);
}

static void a_flipped_bit_anywhere_is_noticed(void **state) {
  (void)state;
  struct eq_buffer whole = texts(3, 0, "p");
  for (size_t bit = 0; bit < 8 * whole.size; bit++) {
    struct eq_err err;
    whole.data[bit / 8] ^= (char)(1 << bit % 8);
    count(whole.data, whole.size, &err);
    if (err.code == EQ_OK) fail_msg("bit %zu", bit);
    whole.data[bit / 8] ^= (char)(1 << bit % 8);
  }
  eq_buffer_free(&whole);
}

static void a_trailer_that_counts_otherwise_names_both_numbers(void **state) {
  (void)state;
  static const char stream[] = "\x82\xa6"
                               "equant"
                               "\x01\xa4"
                               "prog\x90"
                               "\x81\xa1k\xa1x"
                               "\x81\xa3"
                               "end\x02";
  struct eq_err err;
  assert_int_equal(count(stream, sizeof stream - 1, &err), 1);
  assert_string_equal(err.text, "memory: stream is not whole: its trailer counts 2 records, 1 came");
  assert_int_equal(err.code, EQ_DATA);
}

static void concatenated_streams_are_one(void **state) {
  (void)state;
  struct eq_buffer a = texts(2, 0, "p"), b = texts(3, 2, "p"), c = texts(1, 5, "q");
  struct eq_err err;
  eq_buffer_add(&a, b.data, b.size);
  assert_int_equal(count(a.data, a.size, &err), 5);
  assert_int_equal(err.code, EQ_OK);
  eq_buffer_add(&a, c.data, c.size); /* another program made this part */
  struct eq_reader *in = eq_reader_memory(a.data, a.size, "memory", NULL);
  struct eq_record r;
  for (int i = 0; i < 5; i++) assert_true(eq_read(in, &r) && eq_record_is(&r, &eq_kind_text));
  assert_true(eq_read(in, &r) && eq_record_is(&r, &eq_kind_source));
  const msgpack_object *prog = eq_record_find(&r, "prog");
  assert_true(prog && prog->type == MSGPACK_OBJECT_ARRAY && prog->via.array.size == 1);
  assert_true(eq_read(in, &r) && eq_record_is(&r, &eq_kind_text));
  assert_false(eq_read(in, &r));
  assert_int_equal(eq_reader_error(in)->code, EQ_OK);
  eq_reader_free(in);
  eq_buffer_free(&a);
  eq_buffer_free(&b);
  eq_buffer_free(&c);
}

static void a_truncated_part_does_not_hide_behind_a_whole_one(void **state) {
  (void)state;
  struct eq_buffer a = { 0 }, b = texts(3, 2, "p");
  struct eq_writer *w = begin(&a);
  struct eq_text t = { eq_str("en"), eq_str("1"), eq_str("x") };
  struct eq_err err;
  eq_write_kind(w, &eq_kind_text, &t, NULL);
  assert_true(eq_writer_finish(w, EQ_TRUNCATED, NULL));
  eq_buffer_add(&a, b.data, b.size);
  assert_int_equal(count(a.data, a.size, &err), 1 + 1 + 3); /* the source record of the second chain among them */
  assert_int_equal(err.code, EQ_DATA);
  eq_buffer_free(&a);
  eq_buffer_free(&b);
}

static void a_whole_stream_does_not_hide_the_truncated_one_behind_it(void **state) {
  (void)state;
  struct eq_buffer a = texts(3, 2, "p"), b = { 0 };
  struct eq_writer *w = begin(&b);
  struct eq_text t = { eq_str("en"), eq_str("1"), eq_str("x") };
  struct eq_err err;
  eq_write_kind(w, &eq_kind_text, &t, NULL);
  assert_true(eq_writer_finish(w, EQ_TRUNCATED, NULL)); /* ends with a whole record */
  eq_buffer_add(&a, b.data, b.size);
  assert_int_equal(count(a.data, a.size, &err), 3 + 1 + 1);
  assert_int_equal(err.code, EQ_DATA);
  eq_buffer_free(&a);
  eq_buffer_free(&b);
}

static void strings_of_every_header_come_back(void **state) {
  (void)state;
  static const size_t sizes[] = { 0, 1, 30, 31, 32, 33, 255, 256, 65535, 65536 };
  struct eq_err err = { 0 };
  char *text = malloc(65536);
  memset(text, 'x', 65536);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct eq_buffer out = { 0 };
    struct eq_writer *w = begin(&out);
    struct eq_text t = { eq_str("en"), eq_str("1"), { text, sizes[i] } }, back;
    eq_write_kind(w, &eq_kind_text, &t, NULL);
    assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
    struct eq_reader *in = eq_reader_memory(out.data, out.size, "memory", NULL);
    struct eq_record r;
    assert_true(eq_read(in, &r));
    assert_true(eq_record_get(&r, &eq_kind_text, &back, &err));
    assert_true(eq_str_equal(t.text, back.text));
    assert_false(eq_read(in, &r));
    assert_int_equal(eq_reader_error(in)->code, EQ_OK);
    eq_reader_free(in);
    eq_buffer_free(&out);
  }
  free(text);
}

static void what_is_unknown_passes_byte_for_byte_and_in_order(void **state) {
  (void)state;
  struct eq_file f;
  struct eq_err err = { 0 };
  struct eq_buffer out = { 0 };
  struct eq_record r;
  assert_true(eq_file_map(&f, "tests/golden/one.mp", &err));
  struct eq_reader *in = eq_reader_memory(f.data, f.size, "golden", NULL);
  struct eq_writer *w = eq_writer_memory(&out, NULL);
  size_t records = 0;
  for (; eq_read(in, &r); records += r.raw.n) eq_write(w, &r);
  assert_true(eq_writer_finish(w, EQ_FAILED, NULL));
  assert_int_equal(out.size, records);
  size_t header = 0;
  while (memcmp(f.data + header, out.data, 16) != 0) header++;
  assert_memory_equal(f.data + header, out.data, records);
  eq_reader_free(in);
  eq_buffer_free(&out);
  eq_file_unmap(&f);
}

static void keys_that_nobody_knows_are_carried_over_unchanged(void **state) {
  (void)state;
  /* a text record with extra keys: "n" is 1 in nine bytes, which must stay nine, and "ids" which tokens knows */
  static const char stream[] = "\x82\xa6"
                               "equant"
                               "\x01\xa4"
                               "prog\x90"
                               "\x86\xa1n\xcf\0\0\0\0\0\0\0\x01\xa1k\xa4text\xa4lang\xa2"
                               "en\xa2id\xa1"
                               "1\xa4text\xa1x\xa3ids\x07"
                               "\x81\xa3"
                               "end\x01";
  struct eq_err err = { 0 };
  struct eq_buffer out = { 0 };
  struct eq_record r;
  struct eq_reader *in = eq_reader_memory(stream, sizeof stream - 1, "memory", &err);
  struct eq_writer *w = eq_writer_memory(&out, &err);
  const uint32_t ids[] = { 5 };
  assert_true(eq_read(in, &r));
  struct eq_tokens t = { .lang = eq_str("en"), .id = eq_str("1"), .ids = eq_u32s(ids, 1) };
  eq_write_kind(w, &eq_kind_tokens, &t, &r);
  assert_true(eq_writer_finish(w, EQ_FAILED, &err));
  static const char wanted[] = "\x85\xa1k\xa6tokens\xa4lang\xa2"
                               "en\xa2id\xa1"
                               "1\xa3ids\xd6\x01\x05\0\0\0"
                               "\xa1n\xcf\0\0\0\0\0\0\0\x01";
  assert_int_equal(out.size, sizeof wanted - 1);
  assert_memory_equal(out.data, wanted, sizeof wanted - 1);
  eq_reader_free(in);
  eq_buffer_free(&out);
}

static void bombs_are_refused_before_memory_is_taken(void **state) {
  (void)state;
  static const char header[] = "\x82\xa6"
                               "equant"
                               "\x01\xa4"
                               "prog\x90";
  static const struct {
    const char *bytes;
    size_t n;
    const char *message;
  } bombs[] = {
    { "\xdd\xff\xff\xff\xff", 5, "1,048,576 values" },
    { "\xdf\xff\xff\xff\xff", 5, "1,048,576 values" },
    { "\xdd\x7f\xff\xff\xff", 5, "1,048,576 values" },
    { "\xdb\xff\xff\xff\xff", 5, "64 MiB" },
    { "\xc9\xff\xff\xff\xff\x01", 6, "64 MiB" },
    { "\xc6\x04\x00\x00\x01", 5, "64 MiB" },
    { "\x81\xa1k\xdd\xff\xff\xff\xff", 8, "values" },
    { "\xc1", 1, "0xc1" },
    { "\x93\x01\x02\x03", 4, "is not a map" },
    { "\x81\x01\x02", 3, "key that is not a string" },
    { "\x81\xa1k\x02", 4, "not a string" },
    { "\x81\xa1z\x02", 4, "no key \"k\"" },
  };
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++)
    for (int behind_header = 0; behind_header < 2; behind_header++) {
      struct eq_buffer b = { 0 };
      struct eq_err err;
      if (behind_header) eq_buffer_add(&b, header, sizeof header - 1);
      eq_buffer_add(&b, bombs[i].bytes, bombs[i].n);
      assert_int_equal(count(b.data, b.size, &err), 0);
      assert_int_equal(err.code, EQ_BAD);
      if (behind_header) assert_non_null(strstr(err.text, bombs[i].message));
      eq_buffer_free(&b);
    }
  getrusage(RUSAGE_SELF, &after);
  assert_true(after.ru_maxrss - before.ru_maxrss < 64 << 10); /* KiB */
}

static void nesting_is_refused_below_sixteen(void **state) {
  (void)state;
  unsigned char deep[64];
  const char *reason;
  memset(deep, 0x91, sizeof deep);
  deep[16] = 0x01;
  assert_int_equal(eq_msgpack_size(deep, 17, &reason), 17);
  assert_int_equal(eq_msgpack_size(deep, 16, &reason), 0);
  assert_null(reason); /* only the last byte is missing */
  deep[16] = 0x91;
  assert_int_equal(eq_msgpack_size(deep, sizeof deep, &reason), 0);
  assert_string_equal(reason, "is nested more than 16 deep");
}

/* msgpack-c itself is the judge of sizes, on objects made at random. */
static void sizes_are_those_that_msgpack_finds(void **state) {
  (void)state;
  for (uint64_t i = 0; i < 200000; i++) {
    unsigned char b[24];
    size_t off = 0, n = 1 + (size_t)eq_random_below(3, 0, i, sizeof b);
    const char *reason;
    for (size_t j = 0; j < sizeof b; j += 8) {
      uint64_t word = eq_random_u64(4, i, j);
      memcpy(b + j, &word, 8);
    }
    if (i % 2) b[0] = (unsigned char)(0xc0 | (b[0] & 0x1f)); /* the forms with a length are rare otherwise */
    if (i % 2 && i % 3) b[1] = b[2] = b[3] = 0;
    size_t size = eq_msgpack_size(b, n, &reason);
    msgpack_zone zone;
    msgpack_object o;
    msgpack_zone_init(&zone, 1024);
    if (!reason && b[0] != 0xc1) { /* what is refused could take all memory */
      msgpack_unpack_return got = msgpack_unpack((const char *)b, n, &off, &zone, &o);
      bool whole = got == MSGPACK_UNPACK_SUCCESS || got == MSGPACK_UNPACK_EXTRA_BYTES;
      if (whole != (size > 0) || (whole && off != size)) fail_msg("input %llu", (unsigned long long)i);
    }
    msgpack_zone_destroy(&zone);
  }
}

static void a_field_of_another_type_is_named(void **state) {
  (void)state;
  static const struct {
    const char *record;
    size_t n;
    const char *message;
  } wrong[] = {
#define RECORD(bytes) bytes, sizeof bytes - 1
    { RECORD("\x84\xa1k\xa6tokens\xa4lang\xa2"
             "en\xa2id\xa1"
             "1\xa3ids\xa1x"),
      "memory: record 1 (tokens): 'ids' is a string, expected ext type 1 (u32 array)" },
    { RECORD("\x84\xa1k\xa6tokens\xa4lang\xa2"
             "en\xa2id\xa1"
             "1\xa3ids\xc7\x03\x01"
             "abc"),
      "memory: record 1 (tokens): 'ids' is an array of numbers cut short, expected ext type 1 (u32 array)" },
    { RECORD("\x84\xa1k\xa6tokens\xa4lang\xa2"
             "en\xa2id\xa1"
             "1\xa3ids\xd6\x02"
             "abcd"),
      "memory: record 1 (tokens): 'ids' is another ext type, expected ext type 1 (u32 array)" },
    { RECORD("\x83\xa1k\xa6tokens\xa4lang\xa2"
             "en\xa2id\xa1"
             "1"),
      "memory: record 1 (tokens): 'ids' is missing, expected ext type 1 (u32 array)" },
    { RECORD("\x84\xa1k\xa6tokens\xa4lang\x07\xa2id\xa1"
             "1\xa3ids\xd6\x01"
             "abcd"),
      "memory: record 1 (tokens): 'lang' is an integer, expected a string" },
    { RECORD("\x85\xa1k\xa6tokens\xa4lang\xa2"
             "en\xa2id\xa1"
             "1\xa2id\xa1"
             "1\xa3ids\xd6\x01"
             "abcd"),
      "memory: record 1 (tokens): 'id' occurs twice, expected once" },
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct eq_buffer b = { 0 };
    struct eq_err err = { 0 };
    struct eq_record r;
    struct eq_tokens t;
    eq_buffer_add(&b,
                  "\x82\xa6"
                  "equant"
                  "\x01\xa4"
                  "prog\x90",
                  15);
    eq_buffer_add(&b, wrong[i].record, wrong[i].n);
    struct eq_reader *in = eq_reader_memory(b.data, b.size, "memory", NULL);
    assert_true(eq_read(in, &r));
    assert_false(eq_record_get(&r, &eq_kind_tokens, &t, &err));
    assert_string_equal(err.text, wrong[i].message);
    eq_reader_free(in);
    eq_buffer_free(&b);
  }
}

static void a_header_of_another_version_is_refused(void **state) {
  (void)state;
  static const char stream[] = "\x81\xa6"
                               "equant"
                               "\x02\x81\xa3"
                               "end\0";
  struct eq_err err;
  count(stream, sizeof stream - 1, &err);
  assert_int_equal(err.code, EQ_BAD);
  assert_non_null(strstr(err.text, "version"));
}

static void rows_sort_by_numbers_then_strings_then_nothing_and_stay_stable(void **state) {
  (void)state;
  struct eq_buffer out = { 0 };
  struct eq_writer *w = begin(&out);
  const double nll[] = { 10, 9, NAN, -1, 9 };
  for (int i = 0; i < 5; i++) {
    char id[2] = { (char)('a' + i), 0 };
    struct eq_surprisal s = {
      .lang = eq_str(i % 2 ? "de" : "en"), .id = eq_str(id), .model = eq_str("m"), .recipe = eq_str("r"), .nll = nll[i]
    };
    eq_write_kind(w, &eq_kind_surprisal, &s, NULL);
  }
  eq_writer_finish(w, EQ_COMPLETE, NULL);
  static const char *const sorts[][2] = {
    { "nll", "dbeac" }, { "-nll", "abedc" }, { "lang,-nll", "bdaec" }, { "zzz", "abcde" }
  };
  for (size_t i = 0; i < 4; i++) {
    struct eq_reader *in = eq_reader_memory(out.data, out.size, "memory", NULL);
    struct eq_rows rows = { 0 };
    struct eq_record r;
    struct eq_str id;
    struct eq_err err = { 0 };
    while (eq_read(in, &r)) assert_true(eq_rows_add(&rows, &r, &err));
    assert_true(eq_rows_sort(&rows, sorts[i][0], &err));
    for (size_t j = 0; j < 5; j++) {
      assert_true(eq_rows_get(&rows, j, &r, &err) && eq_record_string(&r, "id", &id));
      assert_int_equal(id.p[0], sorts[i][1][j]);
    }
    eq_rows_free(&rows);
    eq_reader_free(in);
  }
  eq_buffer_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_field_comes_back),
    cmocka_unit_test(a_stream_made_in_python_is_read),
    cmocka_unit_test(a_stream_cut_at_any_byte_is_truncated_after_its_whole_records),
    cmocka_unit_test(an_empty_stream_is_truncated_and_one_without_records_is_not),
    cmocka_unit_test(a_flipped_bit_anywhere_is_noticed),
    cmocka_unit_test(a_trailer_that_counts_otherwise_names_both_numbers),
    cmocka_unit_test(concatenated_streams_are_one),
    cmocka_unit_test(a_truncated_part_does_not_hide_behind_a_whole_one),
    cmocka_unit_test(what_is_unknown_passes_byte_for_byte_and_in_order),
    cmocka_unit_test(keys_that_nobody_knows_are_carried_over_unchanged),
    cmocka_unit_test(bombs_are_refused_before_memory_is_taken),
    cmocka_unit_test(nesting_is_refused_below_sixteen),
    cmocka_unit_test(sizes_are_those_that_msgpack_finds),
    cmocka_unit_test(a_whole_stream_does_not_hide_the_truncated_one_behind_it),
    cmocka_unit_test(strings_of_every_header_come_back),
    cmocka_unit_test(a_field_of_another_type_is_named),
    cmocka_unit_test(a_header_of_another_version_is_refused),
    cmocka_unit_test(rows_sort_by_numbers_then_strings_then_nothing_and_stay_stable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
