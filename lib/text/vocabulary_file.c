#include "lib/text/vocabulary_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/base/file.h"
#include "lib/text/gguf_vocabulary.h"
#include "lib/text/sentencepiece_file.h"
#include "lib/text/tiktoken.h"

enum { FILE_MAX = 256 << 20 };

static bool digest_whole(const struct eq_file *f, uint64_t *digest, struct eq_err *err) {
  if (f->size > FILE_MAX)
    return eq_fail(err, EQ_BAD, "%s: the file has %zu bytes, expected at most %d", f->path, f->size, FILE_MAX);
  *digest = XXH64(f->data, f->size, 0);
  return true;
}

static bool read_sentencepiece(struct eq_tokenizer *t, const struct eq_file *f, uint64_t *digest, struct eq_err *err) {
  if (!digest_whole(f, digest, err)) return false;
  t->sentencepiece = eq_sentencepiece_read(f->path, (struct eq_str){ f->data, f->size }, err);
  if (t->sentencepiece) t->vocab = eq_sentencepiece_size(t->sentencepiece);
  return t->sentencepiece;
}

/* "cl100k_base" of "vocab/cl100k_base.tiktoken" */
static struct eq_str stem(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  return (struct eq_str){ name, (size_t)(strrchr(name, '.') - name) };
}

static bool read_tiktoken(struct eq_tokenizer *t, const struct eq_file *f, uint64_t *digest, struct eq_err *err) {
  if (!digest_whole(f, digest, err)) return false;
  t->tiktoken = eq_tiktoken_read(f->path, stem(f->path), (struct eq_str){ f->data, f->size }, &t->unicode, err);
  if (t->tiktoken) t->vocab = eq_tiktoken_size(t->tiktoken);
  return t->tiktoken;
}

/* Only what stands before the tensors is digested. */
static bool read_gguf(struct eq_tokenizer *t, const struct eq_file *f, uint64_t *digest, struct eq_err *err) {
  struct eq_gguf g;
  if (!eq_gguf_parse(&g, f->path, f->data, f->size, err)) return false;
  *digest = XXH64(f->data, g.header, 0);
  bool good = eq_gguf_vocabulary_read(t, f->path, &g, err);
  eq_gguf_close(&g);
  return good;
}

/* To add a kind of file: a row here, a line in the header and in eq-token(1). */
static const struct {
  const char *ending;
  bool (*read)(struct eq_tokenizer *t, const struct eq_file *f, uint64_t *digest, struct eq_err *err);
} kinds[] = { { ".model", read_sentencepiece }, { ".tiktoken", read_tiktoken }, { ".gguf", read_gguf } };
enum { KINDS = sizeof kinds / sizeof *kinds };

static size_t kind_of(const char *name) {
  size_t n = strlen(name), i = 0;
  for (; i < KINDS; i++) {
    size_t size = strlen(kinds[i].ending);
    if (n > size && !strcmp(name + n - size, kinds[i].ending)) break;
  }
  return i;
}

bool eq_vocabulary_file_read(struct eq_tokenizer *t, const char *path, uint64_t *digest, struct eq_err *err) {
  struct eq_file f;
  size_t kind = kind_of(path);
  if (kind == KINDS)
    return eq_fail(err, EQ_BAD,
                   "%s: expected the folder of a model, or a vocabulary: FILE.model, NAME.tiktoken or FILE.gguf", path);
  if (!eq_file_map(&f, path, err)) return false;
  bool good = kinds[kind].read(t, &f, digest, err);
  eq_file_unmap(&f);
  return good;
}

/* The first name of each kind in the order of bytes, and how many there are. */
struct found {
  char *name;
  size_t n;
};

static bool list(const char *folder, struct found found[KINDS], struct eq_err *err) {
  DIR *d = opendir(folder);
  if (!d) return eq_fail_errno(err, folder, "opening the folder");
  bool good = true;
  for (const struct dirent *e; good && (e = readdir(d));) {
    size_t kind = kind_of(e->d_name);
    if (kind == KINDS || *e->d_name == '.') continue;
    struct found *f = &found[kind];
    f->n++;
    if (f->name && strcmp(f->name, e->d_name) < 0) continue;
    free(f->name);
    good = (f->name = eq_copy_string(e->d_name, strlen(e->d_name))) || eq_fail_memory(err, 256, "a name");
  }
  closedir(d);
  return good;
}

char *eq_vocabulary_file_find(const char *folder, struct eq_err *err) {
  struct found found[KINDS] = { { 0 } };
  char *usual = eq_path_join(folder, "tokenizer.model"), *path = NULL;
  if (usual && eq_path_exists(usual)) return usual;
  free(usual);
  if (list(folder, found, err)) {
    size_t i = 0;
    while (i < KINDS && !found[i].n) i++;
    if (i == KINDS)
      eq_fail(err, EQ_BAD,
              "%s: no tokenizer.json there, nor vocab.json with merges.txt, nor FILE.model, NAME.tiktoken or FILE.gguf",
              folder);
    else if (found[i].n > 1)
      eq_fail(err, EQ_BAD, "%s: %zu files there end in %s; name one of them, as in -m %s/%s", folder, found[i].n,
              kinds[i].ending, folder, found[i].name);
    else if (!(path = eq_path_join(folder, found[i].name)))
      eq_fail_memory(err, strlen(folder), "a path");
  }
  for (size_t i = 0; i < KINDS; i++) free(found[i].name);
  return path;
}
