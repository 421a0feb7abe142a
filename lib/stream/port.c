#include "lib/stream/port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/stream/socket.h"

enum {
  CHUNK = 256 << 10, /* bytes asked of read(2) at a time */
  PIPE = 1 << 20,    /* bytes a pipe holds, where the system lets us: both ends then work at once */
};

struct eq_port {
  char *name;
  int fd;                   /* -1 when a socket */
  struct eq_output file;    /* path NULL unless an output that appears whole */
  struct eq_socket *socket; /* NULL unless ZeroMQ */
  bool synced;              /* when it is closed */
  bool broken;
};

static struct eq_port *port_new(const char *name, struct eq_err *err) {
  struct eq_port *p = eq_array(1, sizeof *p);
  if (p) p->name = eq_copy_string(name, strlen(name));
  if (!p || !p->name) {
    free(p);
    eq_fail_memory(err, strlen(name), "a port");
    return NULL;
  }
  p->fd = -1;
  return p;
}

static void port_free(struct eq_port *p) {
  free(p->name);
  free(p);
}

struct eq_port *eq_port_input(const char *where, struct eq_err *err) {
  bool standard = strcmp(where, "-") == 0;
  struct eq_port *p = port_new(standard ? "stdin" : where, err);
  if (!p) return NULL;
  if (standard)
    fcntl(p->fd = STDIN_FILENO, F_SETPIPE_SZ, PIPE);
  else if (eq_socket_is(where))
    p->socket = eq_socket_receiver(where, err);
  else if ((p->fd = open(where, O_RDONLY | O_CLOEXEC)) < 0)
    eq_fail_errno(err, where, "open");
  if (p->fd >= 0 || p->socket) return p;
  port_free(p);
  return NULL;
}

struct eq_port *eq_port_descriptor(int fd, const char *name, struct eq_err *err) {
  struct eq_port *p = port_new(name, err);
  if (p) p->fd = fd;
  return p;
}

struct eq_port *eq_port_opened(int fd, const char *name, struct eq_err *err) {
  struct eq_port *p = eq_port_descriptor(fd, name, err);
  if (p) p->synced = true;
  return p;
}

/* A result appears whole; what is there already and is no regular file (/dev/null, a FIFO)
 * must not be replaced by one. */
static bool open_path(struct eq_port *p, const char *path, struct eq_err *err) {
  struct stat st, out;
  bool there = stat(path, &st) == 0;
  if (there && S_ISDIR(st.st_mode)) return eq_fail(err, EQ_BAD, "%s: is a folder, expected a file", path);
  if (there && S_ISREG(st.st_mode) && fstat(STDOUT_FILENO, &out) == 0 && st.st_dev == out.st_dev &&
      st.st_ino == out.st_ino) { /* /dev/stdout: the shell opened that file, and more may be written there */
    p->fd = STDOUT_FILENO;
    return true;
  }
  if (!there || S_ISREG(st.st_mode)) {
    if (!eq_output_open(&p->file, path, err)) return false;
    p->fd = p->file.fd;
    return true;
  }
  p->fd = open(path, O_WRONLY | O_CLOEXEC);
  return p->fd >= 0 || eq_fail_errno(err, path, "open");
}

struct eq_port *eq_port_output(const char *where, struct eq_err *err) {
  bool standard = strcmp(where, "-") == 0;
  struct eq_port *p = port_new(standard ? "stdout" : where, err);
  if (!p) return NULL;
  if (standard)
    fcntl(p->fd = STDOUT_FILENO, F_SETPIPE_SZ, PIPE);
  else if (eq_socket_is(where))
    p->socket = eq_socket_sender(where, err);
  else
    open_path(p, where, err);
  if (p->fd >= 0 || p->socket) return p;
  port_free(p);
  return NULL;
}

const char *eq_port_name(const struct eq_port *p) { return p->name; }
size_t eq_port_senders(const struct eq_port *p) { return p->socket ? eq_socket_senders(p->socket) : 1; }
bool eq_port_broken(const struct eq_port *p) { return p->broken; }

bool eq_port_read(struct eq_port *p, struct eq_buffer *into, size_t *sender, struct eq_err *err) {
  *sender = 0;
  if (p->socket) return eq_socket_receive(p->socket, into, sender, err);
  if (!eq_buffer_reserve(into, CHUNK)) return eq_fail_memory(err, into->capacity, "reading");
  ssize_t n;
  do n = read(p->fd, into->data + into->size, CHUNK);
  while (n < 0 && errno == EINTR);
  if (n < 0) return eq_fail_errno(err, p->name, "read");
  into->size += (size_t)n;
  return n > 0;
}

int eq_port_fd(const struct eq_port *p) { return p->fd; }

bool eq_port_ready(const struct eq_port *p) {
  struct pollfd at = { .fd = p->fd, .events = POLLIN };
  return !p->socket && poll(&at, 1, 0) != 0; /* an error too: reading will say which */
}

bool eq_port_write(struct eq_port *p, const void *bytes, size_t n, struct eq_err *err) {
  if (p->broken || n == 0) return true;
  if (p->socket) return eq_socket_send(p->socket, bytes, n, err);
  const char *at = bytes;
  while (n) {
    ssize_t k = write(p->fd, at, n);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0 && errno == EPIPE) return p->broken = true;
    if (k < 0) return eq_fail_errno(err, p->name, "write");
    at += k;
    n -= (size_t)k;
  }
  return true;
}

bool eq_port_close(struct eq_port *p, bool keep, struct eq_err *err) {
  bool ok = true;
  if (p->socket)
    ok = eq_socket_close(p->socket, keep, err);
  else if (p->file.path && keep)
    ok = eq_output_commit(&p->file, err);
  else if (p->file.path)
    eq_output_discard(&p->file);
  else if (p->synced && fsync(p->fd))
    ok = eq_fail_errno(err, p->name, "sync");
  else if (close(p->fd) && errno != EINTR) /* also stdout: a network file system reports a full disk only now */
    ok = eq_fail_errno(err, p->name, "close");
  port_free(p);
  return ok;
}
