#include "lib/stream/append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/progress.h"
#include "lib/stream/reader.h"
#include "lib/stream/socket.h"

static const double SYNC = 5; /* seconds between fdatasync */

struct eq_append {
  char *path;
  int fd;
  size_t end;             /* of the last whole record, or of the header; 0: there is none */
  uint64_t records;       /* up to there */
  bool whole, begun;      /* ends with its trailer; a writer was made */
  struct eq_buffer chain; /* the programs that made the last records, "prog" of a header or of a source record */
  double synced;
};

/* ---- what is there ---- */

static bool refuse(const struct eq_append *a, const char *what, struct eq_err *err) {
  return eq_fail(err, EQ_BAD, "%s: %s: it is left as it is", a->path, what);
}

/* Names a header's "prog" this program? */
static bool is_named(struct eq_str chain, const char *program) {
  struct eq_buffer link = { 0 };
  eq_buffer_format(&link, "\xa4name%c%s", (int)(0xa0 | strlen(program)), program);
  bool found = !link.failed && chain.n && memmem(chain.p, chain.n, link.data, link.size);
  eq_buffer_free(&link);
  return found;
}

static bool keep_chain(struct eq_append *a, struct eq_str chain, struct eq_err *err) {
  a->chain.size = 0;
  eq_buffer_add(&a->chain, chain.p, chain.n);
  return !a->chain.failed || eq_fail_memory(err, chain.n, "a header");
}

/* A record behind those so far. */
static bool take(struct eq_append *a, const struct eq_record *r, const char *data,
                 bool (*see)(void *, const struct eq_record *, struct eq_err *), void *context, struct eq_err *err) {
  if (r->raw.p != data + a->end) return refuse(a, "holds several streams: make one of them with eq-merge", err);
  if (eq_record_is(r, &eq_kind_source) && !keep_chain(a, eq_record_bytes(r, "prog"), err)) return false;
  a->end += r->raw.n;
  a->records++;
  return see(context, r, err);
}

/* Could n bytes without a whole header be the beginning of one? */
static bool begins_header(const char *data, size_t n) {
  static const char header[] = "\x82\xa6"
                               "equant\x01\xa4prog";
  return memcmp(data, header, n < sizeof header - 1 ? n : sizeof header - 1) == 0;
}

/* How the stream ended: whole or torn, or as something that must not be touched. */
static bool take_end(struct eq_append *a, const struct eq_reader *in, const char *data, size_t n, struct eq_err *err) {
  const struct eq_err *how = eq_reader_error(in);
  const char *reason;
  size_t last = eq_msgpack_size((const unsigned char *)data + a->end, n - a->end, &reason);
  a->whole = how->code == EQ_OK;
  if (a->whole && a->end + last != n) return refuse(a, "holds several streams: make one of them with eq-merge", err);
  return how->code == EQ_OK || (how->code == EQ_DATA && last == 0) || eq_fail(err, EQ_BAD, "%s", how->text);
}

static bool read_records(struct eq_append *a, const char *program, const char *data, size_t n,
                         bool (*see)(void *, const struct eq_record *, struct eq_err *), void *context,
                         struct eq_err *err) {
  struct eq_reader *in = eq_reader_memory(data, n, a->path, err);
  struct eq_record r;
  const char *reason;
  bool ok = in;
  a->end = eq_msgpack_size((const unsigned char *)data, n, &reason);
  if (ok && a->end == 0 && !begins_header(data, n)) ok = refuse(a, "is not an equant stream", err);
  bool more = ok && eq_read(in, &r);
  struct eq_str chain = ok ? eq_reader_chain(in) : eq_str("");
  if (ok && chain.n && !is_named(chain, program))
    ok = eq_fail(err, EQ_BAD, "%s: %s had no part in this stream: it is left as it is", a->path, program);
  ok = ok && keep_chain(a, chain, err);
  for (; ok && more; more = eq_read(in, &r)) ok = take(a, &r, data, see, context, err);
  ok = ok && take_end(a, in, data, n, err);
  if (in) eq_reader_free(in);
  return ok;
}

/* A lock of the open file, which also holds between machines where the file system can do that, and ends with us. */
static bool lock(const struct eq_append *a, struct eq_err *err) {
  struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  if (fcntl(a->fd, F_OFD_SETLK, &all) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return eq_fail(err, EQ_BAD, "%s: another run is writing to it", a->path);
  return eq_fail_errno(err, a->path, "lock");
}

static bool open_file(struct eq_append *a, struct eq_err *err) {
  struct stat st;
  if (eq_socket_is(a->path) || strcmp(a->path, "-") == 0)
    return eq_fail(err, EQ_BAD, "%s: expected a file, which a later run can go on with", a->path);
  if (stat(a->path, &st) == 0 && !S_ISREG(st.st_mode)) return refuse(a, "is no regular file", err);
  a->fd = open(a->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  return a->fd >= 0 || eq_fail_errno(err, a->path, "open");
}

struct eq_append *eq_append_open(const char *path, const char *program,
                                 bool (*see)(void *, const struct eq_record *, struct eq_err *), void *context,
                                 struct eq_err *err) {
  struct eq_append *a = eq_array(1, sizeof *a);
  if (!a || !(a->path = eq_copy_string(path, strlen(path)))) {
    free(a);
    return eq_fail_memory(err, sizeof *a, "a stream"), NULL;
  }
  struct eq_file f = { 0 };
  a->fd = -1;
  a->synced = eq_clock();
  bool ok = open_file(a, err) && lock(a, err) && eq_file_map(&f, path, err);
  ok = ok && (f.size == 0 || read_records(a, program, f.data, f.size, see, context, err));
  eq_file_unmap(&f);
  if (ok) return a;
  eq_append_free(a);
  return NULL;
}

void eq_append_free(struct eq_append *a) {
  if (!a) return;
  if (a->begun) fdatasync(a->fd); /* whatever comes of it, the run has ended */
  if (a->fd >= 0) close(a->fd);
  eq_buffer_free(&a->chain);
  free(a->path);
  free(a);
}

bool eq_append_whole(const struct eq_append *a) { return a->whole && !a->begun; }

/* ---- what comes new ---- */

struct eq_writer *eq_append_writer(struct eq_append *a, struct eq_str prog, struct eq_err *err) {
  struct eq_file f = { 0 };
  struct eq_writer *w = NULL;
  if (ftruncate(a->fd, (off_t)a->end) || lseek(a->fd, (off_t)a->end, SEEK_SET) < 0)
    return eq_fail_errno(err, a->path, "cut the end"), NULL;
  int fd = fcntl(a->fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return eq_fail_errno(err, a->path, "open"), NULL;
  if (eq_file_map(&f, a->path, err))
    w = eq_writer_append(fd, a->path, (struct eq_str){ f.data, f.size }, a->records, err);
  else
    close(fd);
  eq_file_unmap(&f);
  a->begun = w != NULL;
  if (w && a->end == 0)
    eq_write_header(w, prog, NULL, NULL, NULL, 0);
  else if (w && !eq_str_equal(prog, (struct eq_str){ a->chain.data, a->chain.size }))
    eq_write_source(w, prog);
  return w;
}

bool eq_append_sync(struct eq_append *a, double now, struct eq_err *err) {
  if (!a->begun || now - a->synced < SYNC) return true;
  a->synced = now;
  return fdatasync(a->fd) == 0 || eq_fail_errno(err, a->path, "sync");
}
