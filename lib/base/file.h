/* file.h: files mapped for reading, and files that appear whole or not at all. */
#ifndef EQ_BASE_FILE_H
#define EQ_BASE_FILE_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* A regular file mapped read-only; data is NULL when size is 0. */
struct eq_file {
  char *path; /* owned copy, for messages */
  const char *data;
  size_t size;
  uint64_t device, inode, changed; /* when it was mapped: which file, and its time of change in ns */
};
bool eq_file_map(struct eq_file *f, const char *path, struct eq_err *err);
void eq_file_unmap(struct eq_file *f); /* of {0} too */
/* Lets what was read of it leave this process's memory; it is read again, mostly from the system's cache, when it is
 * touched. */
void eq_file_release(const struct eq_file *f);
/* Fails when the file's bytes may have changed since it was mapped: who copied them has a mixture. A file that another
 * took the place of is still mapped as it was. */
bool eq_file_unchanged(const struct eq_file *f, struct eq_err *err);
/* From here on pages of mapped files that cannot be read, because a file became shorter or a disk fails, are zeros and
 * do not end the program; eq_file_unchanged then fails for every file. For programs that ask it before they keep what
 * they made. */
void eq_file_survive_loss(void);
/* Is `path` the mapped file, by whatever name? */
bool eq_file_is(const struct eq_file *f, const char *path);

/* "folder/name", to free(); NULL when memory is out. */
char *eq_path_join(const char *folder, const char *name);
bool eq_path_exists(const char *path);
bool eq_path_is_folder(const char *path);

/* A file being written: without a name where the file system can do that, else under a temporary one beside its own.
 * Nothing shows under `path` until eq_output_commit, which flushes, fsyncs and names it; eq_output_discard removes what
 * was written. fd is for the caller to write to. A symbolic link stays: the file that it leads to is replaced. What is
 * there and is no regular file (a folder, /dev/null, a FIFO) is refused: it must not be replaced. */
struct eq_output {
  int fd;
  char *path, *temporary; /* temporary: NULL while the file has no name */
};
bool eq_output_open(struct eq_output *o, const char *path, struct eq_err *err);
bool eq_output_commit(struct eq_output *o, struct eq_err *err);
void eq_output_discard(struct eq_output *o);

/* write(2) until all is written; `where` names the file in the message (a full disk, say). */
bool eq_write_all(int fd, const void *bytes, size_t n, const char *where, struct eq_err *err);

/* The same with pwrite(2), from byte `at` of the file on. */
bool eq_write_at(int fd, size_t at, const void *bytes, size_t n, const char *where, struct eq_err *err);

/* A folder being written, under a temporary name beside its own: nothing shows under `path` until eq_folder_commit,
 * which names it; eq_folder_discard removes it with the files in it. `path` may be there already when it is an empty
 * folder. */
struct eq_folder {
  char *path, *temporary;
};
bool eq_folder_create(struct eq_folder *f, const char *path, struct eq_err *err);
bool eq_folder_commit(struct eq_folder *f, struct eq_err *err);
void eq_folder_discard(struct eq_folder *f); /* of {0} too */

#endif
