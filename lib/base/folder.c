#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

/* Names in a folder but . and .. */
static struct dirent *next_entry(DIR *d) {
  struct dirent *e;
  while ((e = readdir(d)) && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)) continue;
  return e;
}

static bool is_empty_folder(const char *path) {
  DIR *d = opendir(path);
  bool empty = d && !next_entry(d);
  if (d) closedir(d);
  return empty;
}

/* The path without the slashes at its end, so that a name can be put behind it. */
static size_t length_of(const char *path) {
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/') n--;
  return n;
}

bool eq_folder_create(struct eq_folder *f, const char *path, struct eq_err *err) {
  *f = (struct eq_folder){ 0 };
  struct stat st;
  struct eq_buffer name = { 0 };
  if (lstat(path, &st) == 0 && !is_empty_folder(path))
    return eq_fail(err, EQ_BAD, "%s: is there already: name a new folder, or an empty one", path);
  f->path = eq_copy_string(path, length_of(path));
  eq_buffer_format(&name, "%.*s.XXXXXX", (int)length_of(path), path);
  if (!f->path || name.failed) {
    eq_buffer_free(&name);
    eq_folder_discard(f);
    return eq_fail_memory(err, strlen(path), "a path");
  }
  mode_t mask = umask(0);
  umask(mask);
  if (!mkdtemp(name.data) || chmod(name.data, 0777 & ~mask)) {
    eq_fail_errno(err, path, "create the folder");
    eq_buffer_free(&name);
    eq_folder_discard(f);
    return false;
  }
  f->temporary = name.data;
  return true;
}

/* A folder's own entries reach the disk; file systems that cannot do this say so, and that is no error. */
static void sync_folder(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

bool eq_folder_commit(struct eq_folder *f, struct eq_err *err) {
  sync_folder(f->temporary);
  bool ok = rename(f->temporary, f->path) == 0; /* an empty folder of that name gives way */
  if (ok) {
    free(f->temporary);
    f->temporary = NULL;
  } else if (errno == ENOTEMPTY || errno == EEXIST)
    eq_fail(err, EQ_BAD, "%s: is there already: something else made it meanwhile", f->path);
  else
    eq_fail_errno(err, f->path, "write");
  eq_folder_discard(f);
  return ok;
}

void eq_folder_discard(struct eq_folder *f) {
  DIR *d = f->temporary ? opendir(f->temporary) : NULL;
  for (struct dirent *e; d && (e = next_entry(d));) unlinkat(dirfd(d), e->d_name, 0);
  if (d) closedir(d);
  if (f->temporary) rmdir(f->temporary);
  free(f->temporary);
  free(f->path);
  *f = (struct eq_folder){ 0 };
}
