#include "lib/figure/gnuplot.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/utf8.h"

extern char **environ;

void eq_gnuplot_string(struct eq_buffer *script, struct eq_str text) {
  eq_buffer_add(script, "'", 1);
  for (size_t i = 0; i < text.n;) {
    size_t n = eq_utf8_length(text.p + i, text.n - i);
    unsigned char c = (unsigned char)text.p[i];
    if (n == 0)
      eq_buffer_add(script, "?", 1);
    else if (c < 0x20 || c == 0x7f)
      eq_buffer_add(script, " ", 1);
    else if (c == '\'')
      eq_buffer_add(script, "''", 2);
    else
      eq_buffer_add(script, text.p + i, n);
    i += n ? n : 1;
  }
  eq_buffer_add(script, "'", 1);
}

/* The three files that stand for gnuplot's stdin, stdout and stderr: files, so that neither side waits for the other.
 */
struct files {
  FILE *script, *image, *complaint;
};

static void close_files(struct files *f) {
  FILE *const all[] = { f->script, f->image, f->complaint };
  for (size_t i = 0; i < 3; i++)
    if (all[i]) fclose(all[i]);
}

static bool open_files(struct files *f, const struct eq_buffer *script, struct eq_err *err) {
  *f = (struct files){ tmpfile(), tmpfile(), tmpfile() };
  if (!f->script || !f->image || !f->complaint) return eq_fail_errno(err, "a temporary file", "create");
  if (!eq_write_all(fileno(f->script), script->data, script->size, "a temporary file", err)) return false;
  if (lseek(fileno(f->script), 0, SEEK_SET) < 0) return eq_fail_errno(err, "a temporary file", "rewind");
  return true;
}

static bool read_back(FILE *f, struct eq_buffer *out, struct eq_err *err) {
  char part[4096];
  size_t n;
  rewind(f);
  while ((n = fread(part, 1, sizeof part, f)) > 0) eq_buffer_add(out, part, n);
  if (ferror(f)) return eq_fail_errno(err, "a temporary file", "read");
  return !out->failed || eq_fail_memory(err, out->size, "gnuplot's output");
}

/* The status of gnuplot's end, -1 when it couldn't be started. -d: what stands in ~/.gnuplot is not for this image. The
 * tool's ignored SIGPIPE is not for gnuplot. */
static int run(const struct files *f, struct eq_err *err) {
  char name[] = "gnuplot", option[] = "-d", *const argv[] = { name, option, NULL };
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t pipe_signal;
  pid_t child;
  int status = -1;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, fileno(f->script), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, fileno(f->image), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, fileno(f->complaint), STDERR_FILENO);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  int failed = posix_spawnp(&child, name, &files, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failed == ENOENT)
    eq_fail(err, EQ_BAD, "there is no gnuplot on the PATH: install it (Debian: apt-get install gnuplot-nox)");
  else if (failed)
    eq_fail(err, EQ_BAD, "gnuplot cannot be started: %s", strerror(failed));
  else
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

/* Its last line says what is wrong; those before show the script. */
static struct eq_str last_line(const struct eq_buffer *text) {
  size_t end = text->size, start;
  while (end && (text->data[end - 1] == '\n' || text->data[end - 1] == ' ')) end--;
  for (start = end; start && text->data[start - 1] != '\n';) start--;
  return (struct eq_str){ text->data + start, end - start };
}

bool eq_gnuplot_run(const struct eq_buffer *script, struct eq_buffer *image, struct eq_err *err) {
  struct files f;
  struct eq_buffer complaint = { 0 };
  size_t before = image->size;
  bool ok = open_files(&f, script, err);
  int status = ok ? run(&f, err) : -1;
  ok = ok && status != -1 && read_back(f.complaint, &complaint, err) && read_back(f.image, image, err);
  if (ok && (status != 0 || image->size == before)) {
    struct eq_str line = complaint.size ? last_line(&complaint) : eq_str("it gave no image and no reason");
    ok = eq_fail(err, EQ_BAD, "gnuplot failed (%s %d): %.*s", WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), EQ_STR(line));
  }
  close_files(&f);
  eq_buffer_free(&complaint);
  return ok;
}
