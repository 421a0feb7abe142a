#include "lib/stream/coprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/stream/reader.h"
#include "lib/stream/writer.h"

extern char **environ;

enum {
  PIPE = 1 << 20,     /* bytes a pipe holds, where the system lets us */
  USED_MAX = 1 << 20, /* bytes that are written and still kept */
  RESULT_MAX = 256 << 20,
  PATIENCE = 500, /* hundredths of a second between the end of its output and its own */
};

/* A unit that it has. */
struct given {
  uint64_t session, number;
};

struct eq_coprocess {
  char *name;               /* of the program */
  pid_t pid;                /* 0 once it has ended */
  int to;                   /* its stdin, -1 once closed */
  struct eq_writer *writer; /* into `input`; NULL once closed */
  struct eq_buffer input;   /* of which `used` bytes are written */
  size_t used;
  struct eq_reader *reader;
  struct eq_buffer result;
  uint32_t n_records;
  struct given *given; /* [first, end) */
  size_t first, end, capacity;
  uint64_t serial, marks;  /* the last unit's mark, from 1; marks that came, the first mark too */
  bool closed, handed_out; /* no more units come; the result was given to the caller */
};

/* ---- ending ---- */

static void close_input(struct eq_coprocess *c) {
  close(c->to);
  c->to = -1;
  c->input.size = c->used = 0;
}

/* Waits for the program, whose output has ended, a few seconds. */
static int wait_for_end(struct eq_coprocess *c) {
  int status = 0;
  pid_t got = 0;
  if (c->to >= 0) close_input(c);
  for (int i = 0; i < PATIENCE && (got = waitpid(c->pid, &status, WNOHANG)) == 0; i++) usleep(10000);
  if (got == 0) {
    kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) continue;
  }
  c->pid = 0;
  return status;
}

static enum eq_coprocess_news stop(struct eq_coprocess *c) {
  kill(c->pid, SIGTERM);
  wait_for_end(c);
  return EQ_CO_ENDED;
}

/* ---- starting ---- */

static bool spawn(struct eq_coprocess *c, const char *const *argv, int in, int out, struct eq_err *err) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  sigset_t normal;
  sigemptyset(&normal);
  sigaddset(&normal, SIGPIPE); /* the tools ignore it, others count on it */
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&how);
  posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  posix_spawnattr_setsigdefault(&how, &normal);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF);
  char **args;
  memcpy(&args, &argv, sizeof args); /* POSIX has it without const, and changes nothing */
  errno = posix_spawnp(&c->pid, argv[0], &files, &how, args, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&how);
  if (errno == 0) return true;
  c->pid = 0;
  return eq_fail_errno(err, argv[0], "run");
}

/* Two pipes, the program between them, and a reader behind it. */
static bool connect_to(struct eq_coprocess *c, const char *const *argv, struct eq_err *err) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC)) return eq_fail_errno(err, argv[0], "pipe");
  c->to = in[1];
  if (pipe2(out, O_CLOEXEC)) {
    close(in[0]);
    return eq_fail_errno(err, argv[0], "pipe");
  }
  fcntl(in[1], F_SETPIPE_SZ, PIPE);
  fcntl(out[0], F_SETPIPE_SZ, PIPE);
  fcntl(in[1], F_SETFL, O_NONBLOCK);
  bool ok = spawn(c, argv, in[0], out[1], err);
  close(in[0]);
  close(out[1]);
  if (!(c->reader = eq_reader_descriptor(out[0], argv[0], err))) close(out[0]);
  return ok && c->reader;
}

static void add_mark(struct eq_coprocess *c, uint64_t serial) {
  eq_write_kind(c->writer, &eq_kind_mark, &(struct eq_mark){ serial, EQ_ABSENT }, NULL);
}

struct eq_coprocess *eq_coprocess_start(const char *const *argv, struct eq_str prog, struct eq_err *err) {
  struct eq_coprocess *c = eq_array(1, sizeof *c);
  if (!c) return eq_fail_memory(err, sizeof *c, "a command"), NULL;
  c->to = -1;
  c->name = eq_copy_string(argv[0], strlen(argv[0]));
  if (!c->name) eq_fail_memory(err, strlen(argv[0]), "a command");
  c->writer = eq_writer_memory(&c->input, err);
  if (c->name && c->writer && connect_to(c, argv, err)) {
    eq_write_header(c->writer, prog, NULL, NULL, NULL, 0);
    add_mark(c, 0);
    return c;
  }
  eq_coprocess_free(c);
  return NULL;
}

void eq_coprocess_free(struct eq_coprocess *c) {
  if (!c) return;
  if (c->pid) stop(c);
  if (c->to >= 0) close_input(c);
  if (c->writer) eq_writer_finish(c->writer, EQ_FAILED, NULL);
  eq_reader_free(c->reader);
  eq_buffer_free(&c->input);
  eq_buffer_free(&c->result);
  free(c->given);
  free(c->name);
  free(c);
}

size_t eq_coprocess_has(const struct eq_coprocess *c) { return c->end - c->first; }

struct eq_str eq_coprocess_prog(const struct eq_coprocess *c) {
  return c->marks ? eq_reader_chain(c->reader) : (struct eq_str){ "", 0 };
}

/* ---- its input ---- */

bool eq_coprocess_give(struct eq_coprocess *c, uint64_t session, const struct eq_work_unit *u, struct eq_err *err) {
  if (c->closed) return eq_fail(err, EQ_BAD, "%s: its input has ended, and it takes no unit", c->name);
  if (c->first && 2 * c->first >= c->end) { /* it moves on average once a unit */
    memmove(c->given, c->given + c->first, (c->end - c->first) * sizeof *c->given);
    c->end -= c->first;
    c->first = 0;
  }
  struct given *grown = eq_array_grow(c->given, c->end, &c->capacity, sizeof *grown);
  if (!grown) return eq_fail_memory(err, c->end * sizeof *grown, "units of work");
  c->given = grown;
  c->given[c->end++] = (struct given){ session, u->number };
  eq_write_maps(c->writer, u->records, u->n);
  add_mark(c, ++c->serial);
  return !c->input.failed || eq_fail_memory(err, u->records.n, "a unit of work");
}

void eq_coprocess_close(struct eq_coprocess *c) {
  if (c->writer) eq_writer_finish(c->writer, EQ_COMPLETE, NULL);
  c->writer = NULL;
  c->closed = true;
}

/* Writes what the pipe takes. When the program does not read any more, its output will tell. */
static void write_input(struct eq_coprocess *c) {
  while (c->to >= 0 && c->used < c->input.size) {
    ssize_t n = write(c->to, c->input.data + c->used, c->input.size - c->used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) close_input(c);
    if (n < 0) break;
    c->used += (size_t)n;
  }
  if (c->writer && (c->used == c->input.size || c->used > USED_MAX)) {
    eq_writer_drop(c->writer, c->used);
    c->used = 0;
  }
  if (c->closed && c->to >= 0 && c->used == c->input.size) close_input(c);
}

size_t eq_coprocess_fds(const struct eq_coprocess *c, struct pollfd fds[EQ_COPROCESS_FDS]) {
  fds[0] = (struct pollfd){ .fd = eq_reader_fd(c->reader), .events = POLLIN };
  fds[1] = (struct pollfd){ .fd = c->to, .events = POLLOUT };
  return c->to >= 0 && c->used < c->input.size ? 2 : 1;
}

/* ---- its output ---- */

static enum eq_coprocess_news ended(struct eq_coprocess *c, struct eq_err *err) {
  const struct eq_err *bad = eq_reader_error(c->reader);
  if (bad->code == EQ_BAD) kill(c->pid, SIGTERM); /* it may write for ever */
  int status = wait_for_end(c);
  if (bad->code == EQ_BAD) eq_fail(err, EQ_BAD, "%s", bad->text);
  if (WIFSIGNALED(status)) eq_fail(err, EQ_BAD, "%s was killed by signal %d", c->name, WTERMSIG(status));
  if (WEXITSTATUS(status)) eq_fail(err, EQ_BAD, "%s ended with status %d", c->name, WEXITSTATUS(status));
  if (!c->closed) eq_fail(err, EQ_BAD, "%s ended before its input did", c->name);
  if (bad->code) eq_fail(err, EQ_BAD, "%s", bad->text);
  if (c->n_records || c->first < c->end)
    eq_fail(err, EQ_BAD, "%s kept records back behind a mark: it is no filter whose units can be told apart", c->name);
  return EQ_CO_ENDED;
}

static enum eq_coprocess_news take_mark(struct eq_coprocess *c, const struct eq_record *r, uint64_t *session,
                                        struct eq_work_unit *result, struct eq_err *err) {
  struct eq_mark m;
  if (!eq_record_get(r, &eq_kind_mark, &m, err)) return stop(c);
  if (m.unit != c->marks || (m.unit && c->first == c->end) || (m.unit == 0 && c->n_records)) {
    eq_fail(err, EQ_BAD, "%s: gave mark %llu in place of %llu: marks must pass it in their order, behind their records",
            c->name, (unsigned long long)m.unit, (unsigned long long)c->marks);
    return stop(c);
  }
  if (c->marks++ == 0) {
    *result = (struct eq_work_unit){ .records = eq_reader_chain(c->reader) };
    return EQ_CO_STARTED;
  }
  *session = c->given[c->first].session;
  *result = (struct eq_work_unit){ c->given[c->first++].number, c->n_records, { c->result.data, c->result.size } };
  c->handed_out = true;
  return EQ_CO_RESULT;
}

enum eq_coprocess_news eq_coprocess_read(struct eq_coprocess *c, uint64_t *session, struct eq_work_unit *result,
                                         struct eq_err *err) {
  struct eq_record r;
  bool waits;
  write_input(c);
  if (c->handed_out) c->result.size = c->n_records = 0;
  c->handed_out = false;
  while (eq_read_now(c->reader, &r, &waits)) {
    if (eq_record_is(&r, &eq_kind_mark)) return take_mark(c, &r, session, result, err);
    eq_buffer_add(&c->result, r.raw.p, r.raw.n);
    c->n_records++;
    if (c->result.failed || c->result.size > RESULT_MAX) {
      eq_fail(err, EQ_BAD, "%s: a unit's result has more than 256 MiB", c->name);
      return stop(c);
    }
  }
  return waits ? EQ_CO_WAITS : ended(c, err);
}
