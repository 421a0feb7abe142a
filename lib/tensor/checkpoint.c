#include "lib/tensor/checkpoint.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json_memory.h"
#include "lib/tensor/quantization.h"

enum { INDEX_MEMORY_MAX = 60 << 20, PATH_BYTES = 4096 };

static int compare_names(const void *a, const void *b) {
  return strcmp(((const struct eq_tensor *)a)->name, ((const struct eq_tensor *)b)->name);
}

const struct eq_tensor *eq_checkpoint_find(const struct eq_checkpoint *c, const char *name) {
  struct eq_tensor key = { .name = name };
  return c->n_tensors ? bsearch(&key, c->tensors, c->n_tensors, sizeof key, compare_names) : NULL;
}

bool eq_checkpoint_sort(struct eq_checkpoint *c, struct eq_err *err) {
  if (c->n_tensors) qsort(c->tensors, c->n_tensors, sizeof *c->tensors, compare_names);
  for (size_t i = 1; i < c->n_tensors; i++)
    if (strcmp(c->tensors[i - 1].name, c->tensors[i].name) == 0)
      return eq_fail(err, EQ_BAD, "%s: tensor '%s' %s", c->path, c->tensors[i].name,
                     c->packed ? "is there packed and plain" : "is in two files");
  return true;
}

/* ---- safetensors ---- */

static bool gather_shards(struct eq_checkpoint *c, struct eq_err *err) {
  size_t n = 0;
  for (size_t s = 0; s < c->n_shards; s++) n += c->shards[s].n_tensors;
  if (!(c->tensors = eq_array(n, sizeof *c->tensors))) return eq_fail_memory(err, n * sizeof *c->tensors, "tensors");
  for (size_t s = 0; s < c->n_shards; s++)
    for (size_t i = 0; i < c->shards[s].n_tensors; i++) c->tensors[c->n_tensors++] = c->shards[s].tensors[i];
  return eq_checkpoint_sort(c, err);
}

static bool add_shard(struct eq_checkpoint *c, const char *path, struct eq_err *err) {
  size_t capacity = c->n_shards; /* grown by one: there are few */
  struct eq_safetensors *shards = realloc(c->shards, (capacity + 1) * sizeof *shards);
  if (!shards) return eq_fail_memory(err, (capacity + 1) * sizeof *shards, "shards");
  c->shards = shards;
  if (!eq_safetensors_open(&shards[c->n_shards], path, err)) return false;
  c->n_shards++;
  return true;
}

static int compare_strings(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The shards that an index names, each once, in order of their names. */
static bool open_shards(struct eq_checkpoint *c, const char *folder, const char **files, size_t n, struct eq_err *err) {
  if (n) qsort(files, n, sizeof *files, compare_strings);
  for (size_t i = 0; i < n; i++) {
    if (i && strcmp(files[i - 1], files[i]) == 0) continue;
    if (c->n_shards == EQ_SHARDS_MAX)
      return eq_fail(err, EQ_BAD, "%s: names more than %d files", c->path, EQ_SHARDS_MAX);
    char *path = eq_path_join(folder, files[i]);
    bool ok = path ? add_shard(c, path, err) : eq_fail_memory(err, strlen(folder), "a path");
    free(path);
    if (!ok) return false;
  }
  return true;
}

/* A file beside the index, not one that its name leads to elsewhere. */
static bool check_shard_name(const struct eq_checkpoint *c, const char *tensor, json_t *file, struct eq_err *err) {
  const char *name = json_string_value(file);
  if (name && *name && *name != '.' && !strchr(name, '/')) return true;
  return eq_fail(err, EQ_BAD, "%s: 'weight_map' puts tensor '%s' into '%s', expected a file of the same folder",
                 c->path, tensor, name ? name : "(not a string)");
}

static bool read_index(struct eq_checkpoint *c, const char *folder, json_t *index, struct eq_err *err) {
  json_t *map = json_object_get(index, "weight_map"), *file;
  const char *tensor;
  size_t n = 0;
  if (!json_is_object(map) || json_object_size(map) == 0)
    return eq_fail(err, EQ_BAD, "%s: has no 'weight_map' from tensors to files", c->path);
  const char **files = eq_array(json_object_size(map), sizeof *files);
  bool ok = files ? true : eq_fail_memory(err, json_object_size(map) * sizeof *files, "an index");
  json_object_foreach(map, tensor, file) {
    ok = ok && check_shard_name(c, tensor, file, err);
    if (ok) files[n++] = json_string_value(file);
  }
  ok = ok && open_shards(c, folder, files, n, err) && gather_shards(c, err);
  json_object_foreach(map, tensor, file) if (ok && !eq_checkpoint_find(c, tensor)) ok =
      eq_fail(err, EQ_BAD, "%s: tensor '%s' is not in '%s'", c->path, tensor, json_string_value(file));
  free(files);
  return ok;
}

static bool open_index(struct eq_checkpoint *c, const char *folder, struct eq_err *err) {
  struct eq_file file;
  json_error_t at;
  if (!eq_file_map(&file, c->path, err)) return false;
  size_t memory = eq_json_memory((struct eq_str){ file.data, file.size });
  bool fits = memory <= INDEX_MEMORY_MAX;
  json_t *index = fits ? json_loadb(file.data ? file.data : "", file.size, JSON_REJECT_DUPLICATES, &at) : NULL;
  bool ok = index != NULL;
  if (!fits)
    eq_fail(err, EQ_BAD, "%s: has %zu bytes and would take %zu of memory, expected an index of at most %d", c->path,
            file.size, memory, INDEX_MEMORY_MAX);
  else if (!ok)
    eq_fail(err, EQ_BAD, "%s:%d: %s", c->path, at.line, at.text);
  ok = ok && read_index(c, folder, index, err);
  json_decref(index);
  eq_file_unmap(&file);
  return ok;
}

/* ---- GGUF ---- */

enum { SLICES_MAX = 4096, SLICE_NAME = 8 /* more bytes in its name */ };

/* A layer's experts lie in one tensor, "blk.0.ffn_up_exps.weight"; how many, 0 when it is none such. */
static size_t count_slices(const struct eq_gguf_tensor *g) {
  static const char end[] = "_exps.weight";
  size_t n = sizeof end - 1;
  bool experts = g->n_dims == 3 && g->n && g->name.n > n && memcmp(g->name.p + g->name.n - n, end, n) == 0;
  return experts && g->dims[2] <= SLICES_MAX ? g->dims[2] : 0;
}

/* Makes them tensors of their own, "blk.0.ffn_up_exps.3.weight". */
static void add_slices(struct eq_checkpoint *c, struct eq_tensor whole, size_t n, char **names) {
  int stem = (int)(strlen(whole.name) - strlen(".weight"));
  size_t a_slice = whole.n / n;
  for (size_t i = 0; i < n; i++) {
    struct eq_tensor t = { .name = *names, .dtype = whole.dtype, .n_dims = 2, .n = a_slice };
    t.dims[0] = whole.dims[1], t.dims[1] = whole.dims[2];
    t.data = (const char *)whole.data + eq_tensor_bytes(&whole, i * a_slice);
    *names += sprintf(*names, "%.*s.%zu.weight", stem, whole.name, i) + 1;
    c->tensors[c->n_tensors++] = t;
  }
}

static bool set_tensor(const struct eq_checkpoint *c, struct eq_tensor *t, const struct eq_gguf_tensor *g, char **names,
                       struct eq_err *err) {
  enum eq_dtype dtype;
  if (!eq_dtype_find(eq_str(g->dtype->name), &dtype))
    return eq_fail(err, EQ_BAD, "%s: tensor '%.*s' is %s, which is not supported", c->path, EQ_STR(g->name),
                   g->dtype->name);
  if (memchr(g->name.p, 0, g->name.n))
    return eq_fail(err, EQ_BAD, "%s: the name of tensor '%.*s' has a zero byte", c->path, EQ_STR(g->name));
  *t = (struct eq_tensor){ .name = *names, .dtype = dtype, .n_dims = g->n_dims, .n = g->n, .data = g->data };
  for (size_t d = 0; d < g->n_dims; d++) t->dims[d] = g->dims[g->n_dims - 1 - d];
  if (g->name.n) memcpy(*names, g->name.p, g->name.n);
  *names += g->name.n + 1;
  return true;
}

static bool gather_parts(struct eq_checkpoint *c, struct eq_err *err) {
  size_t n = 0, bytes = 0;
  for (size_t p = 0; p < c->n_parts; p++)
    for (size_t i = 0; i < c->parts[p].n_tensors; i++) {
      const struct eq_gguf_tensor *t = &c->parts[p].tensors[i];
      size_t slices = count_slices(t);
      n += slices ? slices : 1, bytes += t->name.n + 1 + slices * (t->name.n + 1 + SLICE_NAME);
    }
  c->tensors = eq_array(n, sizeof *c->tensors);
  c->names = eq_array(bytes, 1);
  if (!c->tensors || !c->names) return eq_fail_memory(err, n * sizeof *c->tensors, "tensors");
  char *names = c->names;
  for (size_t p = 0; p < c->n_parts; p++)
    for (size_t i = 0; i < c->parts[p].n_tensors; i++) {
      struct eq_tensor t;
      size_t slices = count_slices(&c->parts[p].tensors[i]);
      if (!set_tensor(c, &t, &c->parts[p].tensors[i], &names, err)) return false;
      if (slices)
        add_slices(c, t, slices, &names);
      else
        c->tensors[c->n_tensors++] = t;
    }
  return eq_checkpoint_sort(c, err);
}

static bool add_part(struct eq_checkpoint *c, const char *path, struct eq_err *err) {
  struct eq_gguf *parts = realloc(c->parts, (c->n_parts + 1) * sizeof *parts);
  if (!parts) return eq_fail_memory(err, (c->n_parts + 1) * sizeof *parts, "parts");
  c->parts = parts;
  if (!eq_gguf_open(&parts[c->n_parts], path, err)) return false;
  c->n_parts++;
  return true;
}

/* Of NAME-00001-of-00003.gguf, which says that there are three, the others. */
static bool open_other_parts(struct eq_checkpoint *c, struct eq_err *err) {
  static const char suffix[] = "-00001-of-00000.gguf";
  uint64_t count = 1, number = 0;
  eq_gguf_u64(eq_gguf_find(&c->parts[0], "split.count"), 0, &count);
  eq_gguf_u64(eq_gguf_find(&c->parts[0], "split.no"), 0, &number);
  if (count <= 1) return true;
  size_t n = strlen(c->path), length = sizeof suffix - 1;
  char expected[sizeof suffix + 32], path[PATH_BYTES];
  snprintf(expected, sizeof expected, "-00001-of-%05llu.gguf", (unsigned long long)count);
  if (count > EQ_SHARDS_MAX || number != 0 || n < length || n >= PATH_BYTES ||
      strcmp(c->path + n - length, expected) != 0)
    return eq_fail(err, EQ_BAD, "%s: is part %llu of %llu: name the first, which ends in '%s'", c->path,
                   (unsigned long long)number + 1, (unsigned long long)count, expected);
  for (uint64_t i = 2; i <= count; i++) {
    snprintf(path, sizeof path, "%.*s-%05llu-of-%05llu.gguf", (int)(n - length), c->path, (unsigned long long)i,
             (unsigned long long)count);
    if (!add_part(c, path, err)) return false;
  }
  return true;
}

static bool open_gguf(struct eq_checkpoint *c, struct eq_err *err) {
  return add_part(c, c->path, err) && open_other_parts(c, err) && gather_parts(c, err);
}

/* ---- which files ---- */

static bool ends_in(const char *s, const char *end) {
  size_t n = strlen(s), n_end = strlen(end);
  return n >= n_end && strcmp(s + n - n_end, end) == 0;
}

/* The one .gguf file of a folder, or the first part of a split one; NULL when there is none, or several. */
static char *find_gguf(const char *folder) {
  DIR *d = opendir(folder);
  char *found = NULL;
  size_t n = 0;
  for (struct dirent *e; d && (e = readdir(d));) {
    bool is_later_part = strstr(e->d_name, "-of-") && !strstr(e->d_name, "-00001-of-");
    if (!ends_in(e->d_name, ".gguf") || is_later_part || n++) continue;
    found = eq_path_join(folder, e->d_name);
  }
  if (d) closedir(d);
  if (n == 1) return found;
  free(found);
  return NULL;
}

static bool refuse_folder(const char *folder, struct eq_err *err) {
  static const char *const pickled[] = { "pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth" };
  for (size_t i = 0; i < sizeof pickled / sizeof *pickled; i++) {
    char *path = eq_path_join(folder, pickled[i]);
    bool there = path && eq_path_exists(path);
    free(path);
    if (there)
      return eq_fail(err, EQ_BAD,
                     "%s: has pickled weights (%s), which may run code when read: convert them with transformers, "
                     "from_pretrained(FOLDER).save_pretrained(NEW), which writes safetensors",
                     folder, pickled[i]);
  }
  return eq_fail(err, EQ_BAD, "%s: has no model.safetensors, no model.safetensors.index.json and not one .gguf file",
                 folder);
}

static bool open_folder(struct eq_checkpoint *c, const char *folder, struct eq_err *err) {
  char *one = eq_path_join(folder, "model.safetensors"), *index = eq_path_join(folder, "model.safetensors.index.json");
  char *gguf = NULL;
  bool ok = one && index ? true : eq_fail_memory(err, strlen(folder), "a path");
  if (ok && eq_path_exists(one)) {
    c->path = one, one = NULL;
    ok = add_shard(c, c->path, err) && gather_shards(c, err) && eq_quantization_open(c, folder, err);
  } else if (ok && eq_path_exists(index)) {
    c->path = index, index = NULL;
    ok = open_index(c, folder, err) && eq_quantization_open(c, folder, err);
  } else if (ok && (gguf = find_gguf(folder))) {
    c->path = gguf;
    ok = open_gguf(c, err);
  } else if (ok)
    ok = refuse_folder(folder, err);
  free(one);
  free(index);
  return ok;
}

static bool open_file(struct eq_checkpoint *c, const char *path, struct eq_err *err) {
  if (!(c->path = eq_copy_string(path, strlen(path)))) return eq_fail_memory(err, strlen(path), "a path");
  if (ends_in(path, ".gguf")) return open_gguf(c, err);
  if (ends_in(path, ".safetensors")) return add_shard(c, path, err) && gather_shards(c, err);
  return eq_fail(err, EQ_BAD, "%s: expected a model's folder, or a file that ends in .safetensors or .gguf", path);
}

bool eq_checkpoint_open(struct eq_checkpoint *c, const char *path, struct eq_err *err) {
  *c = (struct eq_checkpoint){ 0 };
  bool ok = eq_path_is_folder(path) ? open_folder(c, path, err) : open_file(c, path, err);
  if (!c->stored) c->stored = c->tensors, c->n_stored = c->n_tensors;
  if (!ok) eq_checkpoint_close(c);
  return ok;
}

void eq_checkpoint_close(struct eq_checkpoint *c) {
  for (size_t i = 0; i < c->n_shards; i++) eq_safetensors_close(&c->shards[i]);
  for (size_t i = 0; i < c->n_parts; i++) eq_gguf_close(&c->parts[i]);
  for (size_t i = 0; i < c->n_tensors; i++)
    if (c->tensors[i].packed) free((char *)(uintptr_t)c->tensors[i].name);
  free(c->packed);
  if (c->stored != c->tensors) free(c->stored);
  free(c->shards);
  free(c->parts);
  free(c->tensors);
  free(c->names);
  free(c->path);
  *c = (struct eq_checkpoint){ 0 };
}

void eq_checkpoint_release(const struct eq_checkpoint *c) {
  for (size_t i = 0; i < c->n_shards; i++) eq_file_release(&c->shards[i].file);
  for (size_t i = 0; i < c->n_parts; i++) eq_file_release(&c->parts[i].file);
}

size_t eq_checkpoint_bytes(const struct eq_checkpoint *c) {
  size_t n = 0;
  for (size_t i = 0; i < c->n_shards; i++) n += c->shards[i].file.size;
  for (size_t i = 0; i < c->n_parts; i++) n += c->parts[i].file.size;
  return n;
}

bool eq_checkpoint_unchanged(const struct eq_checkpoint *c, struct eq_err *err) {
  for (size_t i = 0; i < c->n_shards; i++)
    if (!eq_file_unchanged(&c->shards[i].file, err)) return false;
  for (size_t i = 0; i < c->n_parts; i++)
    if (!eq_file_unchanged(&c->parts[i].file, err)) return false;
  return true;
}

bool eq_checkpoint_has_file(const struct eq_checkpoint *c, const char *path) {
  bool has = false;
  for (size_t i = 0; i < c->n_shards; i++) has |= eq_file_is(&c->shards[i].file, path);
  for (size_t i = 0; i < c->n_parts; i++) has |= eq_file_is(&c->parts[i].file, path);
  return has;
}
