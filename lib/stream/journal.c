#include "lib/stream/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "lib/base/file.h"
#include "lib/base/progress.h"
#include "lib/stream/reader.h"

static const double SYNC = 5; /* seconds between fdatasync */

/* Where a unit's records are. */
struct entry {
  uint64_t unit, hash, at, size, n;
};

struct eq_journal {
  char *path;
  int fd;
  uint64_t size, synced_size; /* bytes of the file, that are on the disk */
  uint64_t found;             /* units that were there */
  struct eq_buffer prog, bytes;
  struct eq_writer *writer; /* into bytes */
  struct entry *entries;
  size_t n, capacity;
  size_t looked; /* of [0, found), sorted: entries below it were asked for, in the order of their units */
  bool sorted;
  double synced;
};

uint64_t eq_journal_hash(struct eq_str record) { return XXH64(record.p, record.n, 0); }
struct eq_str eq_journal_prog(const struct eq_journal *j) {
  return (struct eq_str){ j->prog.data, j->prog.size };
}
uint64_t eq_journal_found(const struct eq_journal *j) { return j->found; }

static bool add_entry(struct eq_journal *j, struct entry e, struct eq_err *err) {
  struct entry *grown = eq_array_grow(j->entries, j->n, &j->capacity, sizeof *grown);
  if (!grown) return eq_fail_memory(err, j->n * sizeof *grown, "a journal");
  j->entries = grown;
  j->entries[j->n++] = e;
  j->sorted = false;
  return true;
}

static int by_unit(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  return (x->unit > y->unit) - (x->unit < y->unit);
}

static void sort(struct eq_journal *j) {
  if (!j->sorted && j->n) qsort(j->entries, j->n, sizeof *j->entries, by_unit);
  j->sorted = true;
}

/* ---- reading what is there ---- */

/* Whether it is the mark behind the header, which tells a journal from another stream that was cut. */
static bool opens(const struct eq_mark *m, struct eq_str prog) {
  return m->unit == 0 && m->of == eq_journal_hash(prog);
}

/* Takes the records up to each whole mark; *end becomes where the last one ends. */
static bool read_entries(struct eq_journal *j, const char *data, size_t n, uint64_t *end, struct eq_err *err) {
  struct eq_reader *in = eq_reader_memory(data, n, j->path, err);
  struct eq_record r;
  struct eq_mark m;
  uint64_t begin = 0, records = 0;
  bool ok = in;
  for (*end = 0; ok && eq_read(in, &r);) {
    uint64_t at = (uint64_t)(r.raw.p - data);
    if (at >= n) ok = eq_fail(err, EQ_BAD, "%s: is no journal of eq-hub: it has two headers", j->path);
    if (records++ == 0) begin = at;
    if (!ok || !eq_record_is(&r, &eq_kind_mark)) continue;
    ok = eq_record_get(&r, &eq_kind_mark, &m, err);
    if (ok && m.of == EQ_ABSENT) ok = eq_fail(err, EQ_BAD, "%s: is no journal of eq-hub: a mark lacks 'of'", j->path);
    if (ok && (*end || records > 1 || !opens(&m, eq_reader_chain(in))))
      ok = add_entry(j, (struct entry){ m.unit, m.of, begin, at - begin, records - 1 }, err);
    *end = at + r.raw.n;
    records = 0;
  }
  if (ok && eq_reader_error(in)->code == EQ_BAD && !eq_reader_chain(in).n)
    ok = eq_fail(err, EQ_BAD, "%s", eq_reader_error(in)->text);
  if (ok && eq_reader_error(in)->code == EQ_OK)
    ok = eq_fail(err, EQ_BAD, "%s: is a whole stream, and no journal of eq-hub: it is left as it is", j->path);
  if (ok && records && !*end)
    ok = eq_fail(err, EQ_BAD, "%s: has records without a mark, and is no journal of eq-hub: it is left as it is",
                 j->path);
  if (ok && *end) eq_buffer_add(&j->prog, eq_reader_chain(in).p, eq_reader_chain(in).n);
  if (in) eq_reader_free(in);
  return ok && (!j->prog.failed || eq_fail_memory(err, n, "a journal"));
}

static bool read_file(struct eq_journal *j, struct eq_err *err) {
  struct eq_file f;
  uint64_t end = 0;
  if (!eq_file_map(&f, j->path, err)) return false;
  bool ok = f.size == 0 || read_entries(j, f.data, f.size, &end, err);
  eq_file_unmap(&f);
  if (ok && (ftruncate(j->fd, (off_t)end) || lseek(j->fd, 0, SEEK_END) < 0))
    ok = eq_fail_errno(err, j->path, "cut the torn end");
  j->size = j->synced_size = end;
  j->found = j->n;
  sort(j);
  return ok;
}

struct eq_journal *eq_journal_open(const char *path, struct eq_err *err) {
  struct eq_journal *j = eq_array(1, sizeof *j);
  if (!j) return eq_fail_memory(err, sizeof *j, "a journal"), NULL;
  j->synced = eq_clock();
  j->path = eq_copy_string(path, strlen(path));
  j->writer = eq_writer_memory(&j->bytes, err);
  j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (!j->path || !j->writer)
    eq_fail_memory(err, strlen(path), "a journal");
  else if (j->fd < 0)
    eq_fail_errno(err, path, "open");
  else if (flock(j->fd, LOCK_EX | LOCK_NB))
    eq_fail(err, EQ_BAD, "%s: another hub writes to this journal", path);
  else if (read_file(j, err))
    return j;
  eq_journal_free(j);
  return NULL;
}

void eq_journal_free(struct eq_journal *j) {
  if (!j) return;
  if (j->fd >= 0 && j->synced_size != j->size) fdatasync(j->fd); /* whatever comes of it, the run has ended */
  if (j->fd >= 0) close(j->fd);
  if (j->writer) eq_writer_finish(j->writer, EQ_FAILED, NULL);
  eq_buffer_free(&j->prog);
  eq_buffer_free(&j->bytes);
  free(j->entries);
  free(j->path);
  free(j);
}

/* ---- finding ---- */

bool eq_journal_has(struct eq_journal *j, uint64_t unit, struct eq_str record, bool *done, struct eq_err *err) {
  *done = false;
  if (!j->found) return true;
  while (j->looked < j->found && j->entries[j->looked].unit < unit) j->looked++;
  const struct entry *e = &j->entries[j->looked];
  if (j->looked == j->found || e->unit != unit) return true;
  *done = true;
  return e->hash == eq_journal_hash(record) ||
         eq_fail(err, EQ_BAD, "%s: is stale: record %llu of the input is not the one that its result was made of",
                 j->path, (unsigned long long)unit + 1);
}

/* ---- adding ---- */

bool eq_journal_sync(struct eq_journal *j, double now, struct eq_err *err) {
  if (j->synced_size == j->size || now - j->synced < SYNC) return true;
  j->synced = now;
  j->synced_size = j->size;
  return fdatasync(j->fd) == 0 || eq_fail_errno(err, j->path, "sync");
}

static bool write_bytes(struct eq_journal *j, struct eq_err *err) {
  if (j->bytes.failed) return eq_fail_memory(err, j->bytes.size, "a journal");
  if (!eq_write_all(j->fd, j->bytes.data, j->bytes.size, j->path, err)) return false;
  j->size += j->bytes.size;
  eq_writer_drop(j->writer, j->bytes.size);
  return true;
}

bool eq_journal_begin(struct eq_journal *j, struct eq_str prog, struct eq_err *err) {
  if (j->prog.size)
    return eq_str_equal(prog, eq_journal_prog(j)) ||
           eq_fail(err, EQ_BAD, "%s: is stale: its results were made by another command, version or options", j->path);
  eq_buffer_add(&j->prog, prog.p, prog.n);
  if (j->prog.failed) return eq_fail_memory(err, prog.n, "a journal");
  eq_write_header(j->writer, prog, NULL, NULL, NULL, 0);
  eq_write_kind(j->writer, &eq_kind_mark, &(struct eq_mark){ 0, eq_journal_hash(prog) }, NULL);
  return write_bytes(j, err);
}

bool eq_journal_add(struct eq_journal *j, const struct eq_work_unit *result, uint64_t hash, struct eq_err *err) {
  struct entry e = { result->number, hash, j->size, result->records.n, result->n };
  struct eq_mark m = { .unit = result->number, .of = hash };
  eq_write_maps(j->writer, result->records, result->n);
  eq_write_kind(j->writer, &eq_kind_mark, &m, NULL);
  return add_entry(j, e, err) && write_bytes(j, err);
}

/* ---- the end ---- */

static bool copy_entry(struct eq_journal *j, const struct entry *e, struct eq_writer *w, struct eq_err *err) {
  j->bytes.size = 0;
  if (!eq_buffer_reserve(&j->bytes, e->size + 1)) return eq_fail_memory(err, e->size, "a result");
  for (size_t at = 0; at < e->size;) {
    ssize_t n = pread(j->fd, j->bytes.data + at, e->size - at, (off_t)(e->at + at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return eq_fail_errno(err, j->path, "read");
    at += (size_t)n;
  }
  eq_write_maps(w, (struct eq_str){ j->bytes.data, e->size }, e->n);
  return !eq_writer_failed(w);
}

bool eq_journal_copy(struct eq_journal *j, uint64_t n, struct eq_writer *w, struct eq_err *err) {
  sort(j);
  if (j->n != n || (n && j->entries[n - 1].unit != n - 1))
    return eq_fail(err, EQ_BAD, "%s: is stale: it has results of %zu units, the input has %llu", j->path, j->n,
                   (unsigned long long)n);
  for (size_t i = 0; i < j->n; i++)
    if (!copy_entry(j, &j->entries[i], w, err)) return false;
  return true;
}
