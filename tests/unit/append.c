/* A stream cut at any byte is gone on with, and ends as the same bytes; what is something else is left alone. */
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
#include "lib/measure/resumed.h"
#include "lib/stream/append.h"
#include "lib/stream/reader.h"

enum { RECORDS = 6 };
/* "prog": one program, eq-x, of one version or another. */
static const struct eq_str prog = { "\x91\x82\xa4name\xa4"
                                    "eq-x\xa7version\xa1"
                                    "1",
                                    1 + 1 + 5 + 5 + 8 + 2 };
static const struct eq_str later = { "\x91\x82\xa4name\xa4"
                                     "eq-x\xa7version\xa1"
                                     "2",
                                     1 + 1 + 5 + 5 + 8 + 2 };

static void path_of(char path[256]) {
  const char *folder = getenv("TMPDIR");
  snprintf(path, 256, "%s/append-%d", folder ? folder : "/tmp", (int)getpid());
}

static void write_file(const char *path, const char *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  fclose(f);
}

static void read_file(const char *path, struct eq_buffer *bytes) {
  struct eq_file f;
  bytes->size = 0;
  assert_true(eq_file_map(&f, path, NULL));
  eq_buffer_add(bytes, f.data, f.size);
  eq_file_unmap(&f);
}

/* Record i is {"k": "t", "i": i}. */
static void write_record(struct eq_writer *w, size_t i) {
  char map[] = "\x82\xa1k\xa1t\xa1i\0";
  map[sizeof map - 2] = (char)i;
  eq_write_raw(w, (struct eq_str){ map, sizeof map - 1 });
}

static bool note(void *context, const struct eq_record *r, struct eq_err *err) {
  bool *there = context;
  (void)err;
  if (!eq_record_is(r, &eq_kind_source)) there[(int)r->raw.p[r->raw.n - 1]] = true;
  return true;
}

/* Adds the records below n that are not there; returns how many were. */
static size_t go_on(const char *path, size_t n, struct eq_str by) {
  bool there[RECORDS] = { false };
  struct eq_err err = { 0 };
  struct eq_append *a = eq_append_open(path, "eq-x", note, there, &err);
  struct eq_writer *w = NULL;
  size_t found = 0;
  assert_string_equal(err.text, "");
  assert_non_null(a);
  for (size_t i = 0; i < n; i++) {
    found += there[i];
    if (there[i]) continue;
    if (!w) assert_non_null(w = eq_append_writer(a, by, &err));
    write_record(w, i);
    assert_true(eq_append_sync(a, 1e9, &err));
  }
  if (!w && !eq_append_whole(a)) assert_non_null(w = eq_append_writer(a, by, &err));
  if (w) assert_true(eq_writer_finish(w, EQ_COMPLETE, &err));
  eq_append_free(a);
  return found;
}

static void undisturbed(struct eq_buffer *bytes) {
  struct eq_writer *w = eq_writer_memory(bytes, NULL);
  eq_write_header(w, prog, NULL, NULL, NULL, 0);
  for (size_t i = 0; i < RECORDS; i++) write_record(w, i);
  assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
}

static void cut_at_any_byte_it_becomes_the_same_bytes(void **state) {
  (void)state;
  char path[256];
  struct eq_buffer whole = { 0 }, out = { 0 };
  size_t last = 0;
  path_of(path);
  undisturbed(&whole);
  for (size_t n = 0; n <= whole.size; n++) {
    write_file(path, whole.data, n);
    size_t found = go_on(path, RECORDS, prog);
    assert_true(found >= last && found <= last + 1);
    last = found;
    read_file(path, &out);
    assert_int_equal(out.size, whole.size);
    assert_memory_equal(out.data, whole.data, whole.size);
  }
  assert_int_equal(last, RECORDS);
  unlink(path);
  eq_buffer_free(&whole);
  eq_buffer_free(&out);
}

/* More records, of a later version: a reader finds one whole stream and both chains. */
static void a_whole_stream_grows_and_says_who_made_the_rest(void **state) {
  (void)state;
  char path[256];
  struct eq_buffer out = { 0 };
  struct eq_record r;
  size_t n = 0;
  path_of(path);
  unlink(path);
  assert_int_equal(go_on(path, 3, prog), 0);
  assert_int_equal(go_on(path, RECORDS, later), 3);
  assert_int_equal(go_on(path, RECORDS, prog), RECORDS); /* nothing to add: no trace */
  read_file(path, &out);
  struct eq_reader *in = eq_reader_memory(out.data, out.size, path, NULL);
  while (eq_read(in, &r)) {
    assert_int_equal(eq_record_is(&r, &eq_kind_source), n == 3);
    n++;
  }
  assert_int_equal(eq_reader_error(in)->code, EQ_OK);
  assert_true(eq_str_equal(eq_reader_chain(in), prog));
  assert_int_equal(n, RECORDS + 1);
  eq_reader_free(in);
  unlink(path);
  eq_buffer_free(&out);
}

static void refuses(const char *path, const char *bytes, size_t n, const char *why) {
  bool there[RECORDS];
  struct eq_err err = { 0 };
  struct eq_buffer out = { 0 };
  write_file(path, bytes, n);
  assert_null(eq_append_open(path, "eq-x", note, there, &err));
  assert_int_equal(err.code, EQ_BAD);
  assert_non_null(strstr(err.text, why));
  read_file(path, &out);
  assert_int_equal(out.size, n);
  assert_memory_equal(out.data, bytes, n);
  eq_buffer_free(&out);
}

static void what_is_no_such_stream_is_left_as_it_is(void **state) {
  (void)state;
  char path[256];
  struct eq_buffer whole = { 0 }, two = { 0 };
  path_of(path);
  undisturbed(&whole);
  refuses(path, "hello", 5, "not an equant stream");
  refuses(path, "\x92\x01", 2, "not an equant stream");
  for (int i = 0; i < 2; i++) eq_buffer_add(&two, whole.data, whole.size);
  refuses(path, two.data, two.size, "several streams");
  refuses(path, two.data, two.size - 5, "several streams");
  two.size = whole.size;
  two.data[whole.size - 30] ^= 1; /* of the last record's number, before a trailer of 21 bytes */
  refuses(path, two.data, two.size, "");
  two.size = 0;
  struct eq_writer *w = eq_writer_memory(&two, NULL);
  eq_write_header(w, eq_str(""), "eq-y", "1", NULL, 0);
  assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
  refuses(path, two.data, two.size, "eq-x had no part in this stream");
  unlink(path);
  eq_buffer_free(&whole);
  eq_buffer_free(&two);
}

static void two_runs_do_not_write_to_one(void **state) {
  (void)state;
  char path[256];
  bool there[RECORDS];
  struct eq_err err = { 0 };
  path_of(path);
  unlink(path);
  struct eq_append *a = eq_append_open(path, "eq-x", note, there, &err);
  assert_non_null(a);
  assert_null(eq_append_open(path, "eq-x", note, there, &err));
  assert_non_null(strstr(err.text, "another run is writing to it"));
  eq_append_free(a);
  err = (struct eq_err){ 0 };
  assert_non_null(a = eq_append_open(path, "eq-x", note, there, &err));
  eq_append_free(a);
  unlink(path);
}

/* ---- cells ---- */

/* Shows the one record of a kind to a function. */
static void with_record(const struct eq_kind *kind, const void *fields,
                        void (*use)(void *context, const struct eq_record *r), void *context) {
  struct eq_buffer bytes = { 0 };
  struct eq_record r;
  struct eq_writer *w = eq_writer_memory(&bytes, NULL);
  eq_write_header(w, prog, NULL, NULL, NULL, 0);
  eq_write_kind(w, kind, fields, NULL);
  assert_true(eq_writer_finish(w, EQ_COMPLETE, NULL));
  struct eq_reader *in = eq_reader_memory(bytes.data, bytes.size, "FILE", NULL);
  assert_true(eq_read(in, &r));
  use(context, &r);
  eq_reader_free(in);
  eq_buffer_free(&bytes);
}

struct asked {
  struct eq_resumed *cells;
  uint32_t of;
  uint64_t missing[2];
  size_t n;
  struct eq_err err;
};

static void take_tokens(void *context, const struct eq_record *r) {
  struct asked *a = context;
  const uint64_t *missing;
  a->of = eq_resumed_of(r);
  if (a->cells && eq_resumed_take(a->cells, r, &missing, &a->n, &a->err))
    memcpy(a->missing, missing, sizeof a->missing);
}

static void note_cell(void *context, const struct eq_record *r) {
  struct asked *a = context;
  eq_resumed_note(a->cells, r, &a->err);
}

static struct eq_tokens tokens_of(const char *id, const uint32_t *ids, size_t n) {
  return (struct eq_tokens){ .lang = eq_str("en"), .id = eq_str(id), .ids = eq_u32s(ids, n) };
}

static void only_what_lacks_is_asked_for(void **state) {
  (void)state;
  enum { N = 70 };
  static const uint32_t ids[] = { 1, 2, 3 };
  char names[N][8];
  struct eq_str recipes[N];
  struct asked a = { 0 };
  for (int i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "r%d", i);
    recipes[i] = eq_str(names[i]);
  }
  struct eq_resumed_terms terms = { .model = eq_str("m"), .settings = eq_str("s") };
  struct eq_tokens one = tokens_of("1", ids, 3), two = tokens_of("2", ids, 3), other = tokens_of("1", ids, 2);
  with_record(&eq_kind_tokens, &one, take_tokens, &a);
  a.cells = eq_resumed_new(recipes, N, terms, NULL);
  assert_non_null(a.cells);
  struct eq_surprisal cell = { .lang = one.lang, .id = one.id, .model = terms.model, .settings = terms.settings };
  cell.n_tokens = cell.n_scored = 3, cell.of = a.of;
  cell.bytes = cell.chars = cell.vocab = cell.same_top = cell.n_experts = cell.words = EQ_ABSENT;
  for (int i = 0; i < N + 1; i++) { /* all but two, and one that nobody asks for */
    cell.recipe = i < N ? recipes[i] : eq_str("another");
    if (i != 3 && i != 66) with_record(&eq_kind_surprisal, &cell, note_cell, &a);
  }
  assert_int_equal(eq_resumed_found(a.cells), N - 1);
  with_record(&eq_kind_tokens, &one, take_tokens, &a);
  assert_int_equal(a.n, 2);
  assert_true(a.missing[0] == 8 && a.missing[1] == 4);
  with_record(&eq_kind_tokens, &one, take_tokens, &a);
  assert_int_equal(a.n, 0); /* each once */
  with_record(&eq_kind_tokens, &two, take_tokens, &a);
  assert_int_equal(a.n, N);
  assert_true(a.missing[0] == UINT64_MAX && a.missing[1] == 63);
  assert_int_equal(a.err.code, EQ_OK);
  with_record(&eq_kind_tokens, &other, take_tokens, &a);
  assert_non_null(strstr(a.err.text, "is not the one that its results were made of"));
  a.err = (struct eq_err){ 0 };
  cell.model = eq_str("n");
  with_record(&eq_kind_surprisal, &cell, note_cell, &a);
  assert_string_equal(a.err.text, "FILE: is stale: record 1 has model 'n', this run has 'm': it is left as it is");
  eq_resumed_free(a.cells);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(cut_at_any_byte_it_becomes_the_same_bytes),
    cmocka_unit_test(a_whole_stream_grows_and_says_who_made_the_rest),
    cmocka_unit_test(what_is_no_such_stream_is_left_as_it_is),
    cmocka_unit_test(two_runs_do_not_write_to_one),
    cmocka_unit_test(only_what_lacks_is_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
