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

/* Control symbols, and the unknown one, are special where they stand in a text. */
static bool add_control(struct eq_tokenizer *t, struct eq_err *err) {
  for (uint32_t id = 0; id < t->vocab; id++) {
    struct eq_sentencepiece_facts f = eq_sentencepiece_facts(t->sentencepiece, id);
    const struct eq_added_token token = { .id = id, .special = true };
    bool special = f.type == EQ_SP_CONTROL || f.type == EQ_SP_UNKNOWN;
    if (special && f.piece.n <= EQ_ADDED_TOKEN_MAX && !eq_added_tokens_add(&t->verbatim, f.piece, token, err))
      return false;
  }
  return true;
}

/* A token of the frame, if there is one. */
static bool put(uint32_t id, uint32_t **ids, size_t *n, struct eq_err *err) {
  if (id == EQ_NO_PIECE) return true;
  if (!(*ids = eq_array(1, sizeof **ids))) return eq_fail_memory(err, sizeof **ids, "a frame");
  (*ids)[(*n)++] = id;
  return true;
}

static bool read_sentencepiece(struct eq_tokenizer *t, const struct eq_file *f, uint64_t *digest, struct eq_err *err) {
  if (!digest_whole(f, digest, err)) return false;
  t->sentencepiece = eq_sentencepiece_read(f->path, (struct eq_str){ f->data, f->size }, err);
  if (!t->sentencepiece) return false;
  t->vocab = eq_sentencepiece_size(t->sentencepiece);
  return add_control(t, err) &&
         put(eq_sentencepiece_bos(t->sentencepiece), &t->frame.before, &t->frame.n_before, err) &&
         put(eq_sentencepiece_eos(t->sentencepiece), &t->frame.after, &t->frame.n_after, err);
}

/* "cl100k_base" of "vocab/cl100k_base.tiktoken" */
static struct eq_str stem(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  return (struct eq_str){ name, (size_t)(strrchr(name, '.') - name) };
}

/* The encoding's special tokens, whose ids no rank may have. */
static bool add_special(struct eq_tokenizer *t, const char *path, struct eq_err *err) {
  char made[32];
  struct eq_str spelling;
  uint32_t id;
  for (size_t i = 0; (spelling = eq_tiktoken_special(t->tiktoken, i, made, &id)).p; i++) {
    const struct eq_added_token token = { .id = id, .special = true };
    if (eq_tiktoken_bytes(t->tiktoken, id).p)
      return eq_fail(err, EQ_BAD, "%s: the rank %u is that of the encoding's %.*s", path, id, EQ_STR(spelling));
    if (!eq_added_tokens_add(&t->verbatim, spelling, token, err) ||
        !eq_tokenizer_add_content(t, id, spelling, EQ_TOKEN_SPECIAL, err))
      return false;
    if (id >= t->vocab) t->vocab = (size_t)id + 1;
  }
  return true;
}

static bool read_tiktoken(struct eq_tokenizer *t, const struct eq_file *f, uint64_t *digest, struct eq_err *err) {
  if (!digest_whole(f, digest, err)) return false;
  t->tiktoken = eq_tiktoken_read(f->path, stem(f->path), (struct eq_str){ f->data, f->size }, &t->unicode, err);
  if (!t->tiktoken) return false;
  t->vocab = eq_tiktoken_size(t->tiktoken);
  t->no_frame = "tiktoken puts nothing around a text";
  return add_special(t, f->path, err);
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
