#include "lib/stream/curve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/base/buffer.h"
#include "lib/base/file.h"

static const char public_word[] = "equant-public-key ", secret_word[] = "equant-secret-key ";

/* ---- writing ---- */

static bool write_file(const char *path, mode_t mode, const char *text, struct eq_err *err) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) return eq_fail_errno(err, path, "make");
  bool ok = eq_write_all(fd, text, strlen(text), path, err);
  if (ok && fsync(fd)) ok = eq_fail_errno(err, path, "write");
  if (close(fd) && ok) ok = eq_fail_errno(err, path, "write");
  if (!ok) unlink(path);
  return ok;
}

bool eq_curve_make(const char *path, struct eq_err *err) {
  struct eq_curve_pair pair;
  struct eq_buffer pub = { 0 };
  char secret[2 * (sizeof public_word + EQ_CURVE_TEXT)], open_part[sizeof public_word + EQ_CURVE_TEXT];
  eq_buffer_format(&pub, "%s.pub", path);
  if (pub.failed) return eq_fail_memory(err, strlen(path), "a name");
  if (zmq_curve_keypair(pair.public_key, pair.secret_key)) {
    eq_buffer_free(&pub);
    return eq_fail(err, EQ_BAD, "%s: no key can be made: %s (libzmq with CURVE is needed)", path, zmq_strerror(errno));
  }
  snprintf(open_part, sizeof open_part, "%s%s\n", public_word, pair.public_key);
  snprintf(secret, sizeof secret, "%s%s%s\n", open_part, secret_word, pair.secret_key);
  bool ok = write_file(path, 0600, secret, err);
  if (ok && !write_file(pub.data, 0644, open_part, err)) ok = false, unlink(path);
  explicit_bzero(&pair, sizeof pair);
  explicit_bzero(secret, sizeof secret);
  eq_buffer_free(&pub);
  return ok;
}

/* ---- reading ---- */

/* A file's text by lines. */
struct lines {
  const char *path, *at, *end;
  size_t number;
};

/* The next line that is not empty; false at the end. */
static bool next_line(struct lines *l, struct eq_str *line) {
  while (l->at < l->end) {
    const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
    stop = stop ? stop : l->end;
    *line = (struct eq_str){ l->at, (size_t)(stop - l->at) };
    l->at = stop + 1;
    l->number++;
    if (line->n) return true;
  }
  return false;
}

static bool begins(struct eq_str line, const char *word) {
  return line.n >= strlen(word) && memcmp(line.p, word, strlen(word)) == 0;
}

/* The key behind `word`, as text and as bytes. */
static bool take_key(const struct lines *l, struct eq_str line, const char *word, char text[EQ_CURVE_TEXT],
                     unsigned char bytes[EQ_CURVE_KEY], struct eq_err *err) {
  size_t n = strlen(word);
  if (!begins(line, word))
    return eq_fail(err, EQ_BAD, "%s: line %zu: expected '%sKEY', as eq-hub --keygen writes it", l->path, l->number,
                   word);
  if (line.n == n + EQ_CURVE_TEXT - 1) {
    memcpy(text, line.p + n, EQ_CURVE_TEXT - 1);
    text[EQ_CURVE_TEXT - 1] = 0;
    if (strlen(text) == EQ_CURVE_TEXT - 1 && zmq_z85_decode(bytes, text)) return true;
  }
  return eq_fail(err, EQ_BAD, "%s: line %zu: its key is not 40 characters of Z85", l->path, l->number);
}

static bool only_its_owner_reads(const char *path, struct eq_err *err) {
  struct stat st;
  if (stat(path, &st)) return eq_fail_errno(err, path, "open");
  if (!(st.st_mode & 077)) return true;
  return eq_fail(err, EQ_BAD, "%s: others may read or write this secret key (mode %04o): chmod 600, or make another",
                 path, (unsigned)st.st_mode & 07777);
}

bool eq_curve_parse(const char *path, struct eq_str text, struct eq_curve_pair *pair, struct eq_err *err) {
  struct eq_str line = { "", 0 };
  unsigned char bytes[EQ_CURVE_KEY];
  char derived[EQ_CURVE_TEXT];
  struct lines l = { path, text.p, text.p + text.n, 0 };
  next_line(&l, &line);
  bool ok = take_key(&l, line, public_word, pair->public_key, bytes, err);
  if (ok && !next_line(&l, &line))
    ok = eq_fail(err, EQ_BAD, "%s: holds a public key only: expected the file of the pair", path);
  ok = ok && take_key(&l, line, secret_word, pair->secret_key, bytes, err);
  if (ok && next_line(&l, &line)) ok = eq_fail(err, EQ_BAD, "%s: line %zu: expected one pair only", path, l.number);
  if (ok && (zmq_curve_public(derived, pair->secret_key) || strcmp(derived, pair->public_key) != 0))
    ok = eq_fail(err, EQ_BAD, "%s: its public and its secret key are not of one pair", path);
  explicit_bzero(bytes, sizeof bytes);
  return ok;
}

bool eq_curve_read(const char *path, struct eq_curve_pair *pair, struct eq_err *err) {
  struct eq_file file;
  if (!only_its_owner_reads(path, err) || !eq_file_map(&file, path, err)) return false;
  bool ok = eq_curve_parse(path, (struct eq_str){ file.data ? file.data : "", file.size }, pair, err);
  eq_file_unmap(&file);
  return ok;
}

bool eq_curve_parse_public(const char *path, struct eq_str text, unsigned char **keys, size_t *n, struct eq_err *err) {
  struct eq_str line;
  char key[EQ_CURVE_TEXT];
  size_t capacity = 0;
  bool ok = true;
  struct lines l = { path, text.p, text.p + text.n, 0 };
  *keys = NULL;
  for (*n = 0; ok && next_line(&l, &line); *n += ok) {
    unsigned char *grown = eq_array_grow(*keys, *n, &capacity, EQ_CURVE_KEY);
    if (!grown) ok = eq_fail_memory(err, (*n + 1) * EQ_CURVE_KEY, "keys");
    *keys = grown ? grown : *keys;
    if (ok && begins(line, secret_word))
      ok = eq_fail(err, EQ_BAD, "%s: line %zu is a secret key, which nobody else should have: expected FILE.pub", path,
                   l.number);
    ok = ok && take_key(&l, line, public_word, key, *keys + *n * EQ_CURVE_KEY, err);
  }
  if (ok && !*n) ok = eq_fail(err, EQ_BAD, "%s: holds no key", path);
  if (ok) return true;
  free(*keys);
  *keys = NULL;
  return false;
}

bool eq_curve_read_public(const char *path, unsigned char **keys, size_t *n, struct eq_err *err) {
  struct eq_file file;
  if (!eq_file_map(&file, path, err)) return false;
  bool ok = eq_curve_parse_public(path, (struct eq_str){ file.data ? file.data : "", file.size }, keys, n, err);
  eq_file_unmap(&file);
  return ok;
}
