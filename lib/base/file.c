#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t time_of_change(const struct stat *st) {
  return (uint64_t)st->st_mtim.tv_sec * 1000000000U + (uint64_t)st->st_mtim.tv_nsec;
}

static bool map_descriptor(struct eq_file *f, int fd, const char *path, struct eq_err *err) {
  struct stat st;
  if (fstat(fd, &st)) return eq_fail_errno(err, path, "stat");
  if (S_ISDIR(st.st_mode)) return eq_fail(err, EQ_BAD, "%s: is a folder, expected a file", path);
  if (!S_ISREG(st.st_mode)) return eq_fail(err, EQ_BAD, "%s: is not a regular file, so it cannot be mapped", path);
  f->size = (size_t)st.st_size;
  f->device = (uint64_t)st.st_dev, f->inode = (uint64_t)st.st_ino, f->changed = time_of_change(&st);
  if (f->size) {
    void *data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) return eq_fail_errno(err, path, "map");
    f->data = data;
  }
  f->path = eq_copy_string(path, strlen(path));
  return f->path ? true : eq_fail_memory(err, strlen(path), "a path");
}

bool eq_file_map(struct eq_file *f, const char *path, struct eq_err *err) {
  *f = (struct eq_file){ 0 };
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must be refused, not waited for */
  if (fd < 0) return eq_fail_errno(err, path, "open");
  bool ok = map_descriptor(f, fd, path, err);
  close(fd);
  if (!ok) eq_file_unmap(f);
  return ok;
}

void eq_file_unmap(struct eq_file *f) {
  if (f->data) munmap((void *)(uintptr_t)f->data, f->size);
  free(f->path);
  *f = (struct eq_file){ 0 };
}

void eq_file_release(const struct eq_file *f) {
  if (f->data) madvise((void *)(uintptr_t)f->data, f->size, MADV_DONTNEED); /* a mapping of a file: nothing is lost */
}

bool eq_file_is(const struct eq_file *f, const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && (uint64_t)st.st_dev == f->device && (uint64_t)st.st_ino == f->inode;
}

/* The one variable of the library that is not const: a signal handler has nothing else to speak through. */
static volatile sig_atomic_t pages_lost;

static void put_zeros(int signal_number, siginfo_t *info, void *context) {
  uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)info->si_addr / size * size;
  (void)context;
  pages_lost = 1;
  if (mmap((void *)page, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    signal(signal_number, SIG_DFL);
}

void eq_file_survive_loss(void) {
  struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESTART };
  action.sa_sigaction = put_zeros;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, NULL);
}

bool eq_file_unchanged(const struct eq_file *f, struct eq_err *err) {
  struct stat st;
  if (!f->path || stat(f->path, &st) || (uint64_t)st.st_dev != f->device || (uint64_t)st.st_ino != f->inode)
    return true;
  if ((size_t)st.st_size == f->size && time_of_change(&st) == f->changed)
    return !pages_lost || eq_fail(err, EQ_BAD, "%s: a part of a mapped file could not be read", f->path);
  return eq_fail(err, EQ_BAD, "%s: changed while it was read", f->path);
}

char *eq_path_join(const char *folder, const char *name) {
  struct eq_buffer b = { 0 };
  size_t n = strlen(folder);
  eq_buffer_add(&b, folder, n);
  if (n && folder[n - 1] != '/') eq_buffer_string(&b, "/");
  eq_buffer_string(&b, name);
  if (b.failed) eq_buffer_free(&b);
  return b.data;
}

bool eq_path_exists(const char *path) {
  struct stat st;
  return stat(path, &st) == 0;
}

bool eq_path_is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A file without a name beside `path`, -1 where there can be none: whatever ends the program, nothing of it stays. */
static int open_nameless(const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? eq_copy_string(path, (size_t)(slash - path) + 1) : eq_copy_string(".", 1);
  bool can_be_named = access("/proc/self/fd", X_OK) == 0;
  int fd = folder && can_be_named ? open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;
  free(folder);
  return fd;
}

static int open_temporary(char *name) {
  int fd = mkostemp(name, O_CLOEXEC);
  mode_t mask = umask(0);
  umask(mask);
  if (fd >= 0) fchmod(fd, 0666 & ~mask); /* mkstemp makes it private; a result is for whom the umask says */
  return fd;
}

bool eq_output_open(struct eq_output *o, const char *path, struct eq_err *err) {
  *o = (struct eq_output){ .fd = -1 };
  struct stat st;
  if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) o->path = realpath(path, NULL); /* NULL: it leads nowhere */
  if (!o->path) o->path = eq_copy_string(path, strlen(path));
  if (!o->path) return eq_fail_memory(err, strlen(path), "a path");
  if (stat(o->path, &st) == 0 && !S_ISREG(st.st_mode)) { /* a name given to /dev/null would take its place */
    eq_output_discard(o);
    return eq_fail(err, EQ_BAD, "%s: is a %s, expected a file that may be replaced", path,
                   S_ISDIR(st.st_mode) ? "folder" : "device, a pipe or a socket");
  }
  if ((o->fd = open_nameless(o->path)) >= 0) return true;
  struct eq_buffer name = { 0 };
  eq_buffer_format(&name, "%s.XXXXXX", o->path);
  if (name.failed)
    eq_fail_memory(err, strlen(path), "a path");
  else if ((o->fd = open_temporary(name.data)) >= 0) {
    o->temporary = name.data;
    return true;
  } else
    eq_fail_errno(err, path, "create");
  eq_buffer_free(&name);
  eq_output_discard(o);
  return false;
}

/* Gives a nameless file its own name, or where a file has that already, one beside it. */
static bool give_name(struct eq_output *o) {
  char from[32];
  struct eq_buffer name = { 0 };
  snprintf(from, sizeof from, "/proc/self/fd/%d", o->fd);
  for (unsigned i = 0; i < 1000; i++) {
    name.size = 0;
    eq_buffer_string(&name, o->path);
    if (i) eq_buffer_format(&name, ".%06x", (1000 * (unsigned)getpid() + i) & 0xffffff);
    if (name.failed) break;
    if (linkat(AT_FDCWD, from, AT_FDCWD, name.data, AT_SYMLINK_FOLLOW) == 0) {
      o->temporary = name.data;
      return true;
    }
    if (errno != EEXIST) break;
  }
  eq_buffer_free(&name);
  return false;
}

bool eq_output_commit(struct eq_output *o, struct eq_err *err) {
  bool ok = fsync(o->fd) == 0 || errno == EINVAL || errno == EROFS;
  ok = ok && (o->temporary || give_name(o));
  if (close(o->fd)) ok = false;
  o->fd = -1;
  if (ok && rename(o->temporary, o->path) == 0) { /* of a name to itself: done already */
    free(o->temporary);
    o->temporary = NULL;
  } else
    ok = eq_fail_errno(err, o->path, "write");
  eq_output_discard(o);
  return ok;
}

void eq_output_discard(struct eq_output *o) {
  if (o->fd >= 0) close(o->fd);
  if (o->temporary) unlink(o->temporary);
  free(o->temporary);
  free(o->path);
  *o = (struct eq_output){ .fd = -1 };
}

bool eq_write_all(int fd, const void *bytes, size_t n, const char *where, struct eq_err *err) {
  const char *at = bytes;
  while (n) {
    ssize_t k = write(fd, at, n);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return eq_fail_errno(err, where, "write");
    at += k;
    n -= (size_t)k;
  }
  return true;
}

bool eq_write_at(int fd, size_t at, const void *bytes, size_t n, const char *where, struct eq_err *err) {
  const char *from = bytes;
  while (n) {
    ssize_t k = pwrite(fd, from, n, (off_t)at);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return eq_fail_errno(err, where, "write");
    from += k, at += (size_t)k, n -= (size_t)k;
  }
  return true;
}
