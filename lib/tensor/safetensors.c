#include "lib/tensor/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* jansson reads one value at a time, of at most so many bytes: a tree of a whole header takes many times its size, and
 * a header may be hostile. NAMES_MAX is for all names together. */
enum { NAME_MAX_BYTES = 1 << 12, ENTRY_MAX = 1 << 12, METADATA_MAX = 1 << 21, NAMES_MAX = 1 << 24 };

/* Where the header is read. */
struct cursor {
  const char *where; /* the file's name */
  const char *begin, *at, *end;
  struct eq_err *err;
};

/* What lies behind the header. */
struct data {
  const char *begin;
  size_t size;
};

#define FAIL(c, format, ...) \
  eq_fail((c)->err, EQ_BAD, "%s: header, byte %zu: " format, (c)->where, (size_t)((c)->at - (c)->begin), __VA_ARGS__)

static void skip_blanks(struct cursor *c) {
  while (c->at < c->end && strchr(" \t\r\n", *c->at) && *c->at) c->at++;
}

/* True and one further when the next byte that is not blank is `byte`. */
static bool accept(struct cursor *c, char byte) {
  skip_blanks(c);
  bool is = c->at < c->end && *c->at == byte;
  c->at += is;
  return is;
}

static bool expect(struct cursor *c, char byte) {
  if (accept(c, byte)) return true;
  if (c->at == c->end) return FAIL(c, "the JSON ends early, expected '%c'", byte);
  return FAIL(c, "found '%c', expected '%c'", *c->at, byte);
}

/* The JSON value at the cursor, to json_decref; NULL and an error when it is none or longer than max bytes. */
static json_t *read_value(struct cursor *c, size_t max, const char *what) {
  skip_blanks(c);
  size_t left = (size_t)(c->end - c->at), n = left < max ? left : max;
  json_error_t e;
  json_t *value = json_loadb(c->at, n, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &e);
  if (value)
    c->at += e.position;
  else if (n < left && json_error_code(&e) == json_error_premature_end_of_input)
    FAIL(c, "%s is longer than %zu bytes", what, max);
  else
    FAIL(c, "%s: not valid JSON: %s", what, e.text);
  return value;
}

/* The numbers of a JSON array, none negative; false when it is no such array or has more than max. */
static bool read_sizes(const json_t *array, size_t max, size_t *out, size_t *n) {
  if (!json_is_array(array) || json_array_size(array) > max) return false;
  *n = json_array_size(array);
  for (size_t i = 0; i < *n; i++) {
    const json_t *item = json_array_get(array, i);
    if (!json_is_integer(item) || json_integer_value(item) < 0) return false;
    out[i] = (size_t)json_integer_value(item);
  }
  return true;
}

static bool set_dtype(struct cursor *c, struct eq_tensor *t, const json_t *value) {
  static const char *const others[] = { "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4", "C64" };
  const char *name = json_string_value(value);
  if (!name) return FAIL(c, "tensor '%s' has no dtype, or one that is not a string", t->name);
  if (eq_dtype_find(eq_str(name), &t->dtype) && t->dtype < EQ_SAFETENSORS_DTYPES) return true;
  struct eq_buffer known = { 0 };
  for (enum eq_dtype i = 0; i < EQ_SAFETENSORS_DTYPES; i++)
    eq_buffer_format(&known, "%s%s", i ? ", " : "", eq_dtype_name(i));
  bool is_other = false;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) is_other |= strcmp(name, others[i]) == 0;
  FAIL(c, "tensor '%s' has %s dtype '%s', expected one of %s", t->name, is_other ? "the unsupported" : "an unknown",
       name, known.failed ? "" : known.data);
  eq_buffer_free(&known);
  return false;
}

static bool set_shape(struct cursor *c, struct eq_tensor *t, const json_t *value) {
  if (!read_sizes(value, EQ_DIMS_MAX, t->dims, &t->n_dims))
    return FAIL(c, "tensor '%s' has no shape, expected an array of at most %d sizes", t->name, EQ_DIMS_MAX);
  t->n = 1;
  for (size_t i = 0; i < t->n_dims; i++)
    if (__builtin_mul_overflow(t->n, t->dims[i], &t->n))
      return FAIL(c, "tensor '%s' has a shape whose product overflows", t->name);
  return true;
}

static bool set_data(struct cursor *c, struct eq_tensor *t, const json_t *value, struct data data) {
  size_t offsets[2], n, size;
  if (!read_sizes(value, 2, offsets, &n) || n != 2 || offsets[1] < offsets[0])
    return FAIL(c, "tensor '%s' has no data_offsets, expected [begin, end] with begin <= end", t->name);
  if (offsets[1] > data.size)
    return FAIL(c, "tensor '%s' ends at byte %zu of the data, but the file has only %zu bytes of data (cut off?)",
                t->name, offsets[1], data.size);
  if (__builtin_mul_overflow(t->n, eq_dtype_size(t->dtype), &size) || size != offsets[1] - offsets[0])
    return FAIL(c, "tensor '%s' has data_offsets of %zu bytes, but its shape and dtype need %zu elements of %zu bytes",
                t->name, offsets[1] - offsets[0], t->n, eq_dtype_size(t->dtype));
  t->data = data.begin + offsets[0];
  return true;
}

/* Fills all of t but its name, which it has, from {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}. */
static bool set_tensor(struct cursor *c, struct eq_tensor *t, const json_t *entry, struct data data) {
  if (!json_is_object(entry)) return FAIL(c, "tensor '%s' is not a JSON object", t->name);
  if (json_object_size(entry) != 3)
    return FAIL(c, "tensor '%s' has %zu keys, expected dtype, shape and data_offsets", t->name,
                json_object_size(entry));
  return set_dtype(c, t, json_object_get(entry, "dtype")) && set_shape(c, t, json_object_get(entry, "shape")) &&
         set_data(c, t, json_object_get(entry, "data_offsets"), data);
}

/* Reads a tensor's entry into s->tensors[s->n_tensors], whose name is owned from here on. */
static bool read_tensor(struct cursor *c, struct eq_safetensors *s, const char *name, size_t name_size,
                        struct data data) {
  struct eq_tensor *t = &s->tensors[s->n_tensors];
  *t = (struct eq_tensor){ .name = eq_copy_string(name, name_size) };
  if (!t->name) return eq_fail_memory(c->err, name_size, "a tensor's name");
  s->n_tensors++;
  const char *begin = c->at;
  json_t *entry = read_value(c, ENTRY_MAX, "a tensor's entry");
  if (!entry) return false;
  const char *end = c->at;
  c->at = begin; /* where a message points */
  bool ok = set_tensor(c, t, entry, data);
  c->at = end;
  json_decref(entry);
  return ok;
}

/* {"key": "value", ...}, which is for people. */
static bool read_metadata(struct cursor *c, struct eq_str *text) {
  const char *key;
  skip_blanks(c);
  const char *begin = c->at;
  json_t *value, *metadata = read_value(c, METADATA_MAX, "__metadata__");
  if (!metadata) return false;
  *text = (struct eq_str){ begin, (size_t)(c->at - begin) };
  bool ok = json_is_object(metadata);
  json_object_foreach(metadata, key, value) ok &= json_is_string(value);
  json_decref(metadata);
  return ok || FAIL(c, "%s is not an object of strings", "__metadata__");
}

/* "key": value. *names is how many bytes of names there are so far. */
static bool read_member(struct cursor *c, struct eq_safetensors *s, size_t *names, bool *metadata, struct data data) {
  json_t *key = read_value(c, NAME_MAX_BYTES, "a tensor's name");
  if (!key) return false;
  const char *name = json_string_value(key);
  bool ok = name || FAIL(c, "%s is not a string", "a tensor's name");
  ok = ok && expect(c, ':');
  if (ok && strcmp(name, "__metadata__") == 0) {
    ok = *metadata ? FAIL(c, "%s comes twice", name) : read_metadata(c, &s->metadata);
    *metadata = true;
  } else if (ok) {
    *names += json_string_length(key) + 1;
    ok = *names <= NAMES_MAX || FAIL(c, "the tensors' names take more than %d bytes", NAMES_MAX);
    ok = ok && read_tensor(c, s, name, json_string_length(key), data);
  }
  json_decref(key);
  return ok;
}

static bool read_header(struct cursor *c, struct eq_safetensors *s, struct data data) {
  size_t capacity = 0, names = 0;
  bool metadata = false;
  if (c->at == c->end || *c->at != '{') return FAIL(c, "expected '%c'", '{');
  c->at++;
  for (bool more = !accept(c, '}'); more;) {
    if (s->n_tensors == EQ_TENSORS_MAX) return FAIL(c, "more than %d tensors", EQ_TENSORS_MAX);
    struct eq_tensor *grown = eq_array_grow(s->tensors, s->n_tensors, &capacity, sizeof *grown);
    if (!grown) return eq_fail_memory(c->err, s->n_tensors * sizeof *grown, "a table of tensors");
    s->tensors = grown;
    if (!read_member(c, s, &names, &metadata, data)) return false;
    more = accept(c, ',');
    if (!more && !expect(c, '}')) return false;
  }
  skip_blanks(c);
  return c->at == c->end || FAIL(c, "found '%c' after the end of the JSON", *c->at);
}

static size_t tensor_size(const struct eq_tensor *t) { return t->n * eq_dtype_size(t->dtype); }

/* By place in the file; of those at one place, empty ones first. */
static int compare_data(const void *a, const void *b) {
  const struct eq_tensor *x = a, *y = b;
  uintptr_t p = (uintptr_t)x->data, q = (uintptr_t)y->data;
  if (p != q) return p < q ? -1 : 1;
  return (tensor_size(x) > tensor_size(y)) - (tensor_size(x) < tensor_size(y));
}

static int compare_name(const void *a, const void *b) {
  return strcmp(((const struct eq_tensor *)a)->name, ((const struct eq_tensor *)b)->name);
}

/* Every byte of the data belongs to one tensor. */
static bool check_cover(struct eq_safetensors *s, const char *where, struct data data, struct eq_err *err) {
  size_t covered = 0;
  if (s->n_tensors) qsort(s->tensors, s->n_tensors, sizeof *s->tensors, compare_data);
  for (size_t i = 0; i < s->n_tensors; i++) {
    const struct eq_tensor *t = &s->tensors[i];
    const char *before = i ? t[-1].name : "(the start)";
    size_t begin = (size_t)((const char *)t->data - data.begin);
    if (begin < covered)
      return eq_fail(err, EQ_BAD,
                     "%s: tensors '%s' and '%s' overlap: one ends at byte %zu of the data, one begins at %zu", where,
                     before, t->name, covered, begin);
    if (begin > covered)
      return eq_fail(err, EQ_BAD, "%s: bytes %zu to %zu of the data, between tensors '%s' and '%s', belong to none",
                     where, covered, begin, before, t->name);
    covered += tensor_size(t);
  }
  if (covered < data.size)
    return eq_fail(err, EQ_BAD, "%s: %zu bytes after the last tensor belong to none", where, data.size - covered);
  return true;
}

static bool check_names(struct eq_safetensors *s, const char *where, struct eq_err *err) {
  if (s->n_tensors) qsort(s->tensors, s->n_tensors, sizeof *s->tensors, compare_name);
  for (size_t i = 1; i < s->n_tensors; i++)
    if (compare_name(&s->tensors[i - 1], &s->tensors[i]) == 0)
      return eq_fail(err, EQ_BAD, "%s: tensor '%s' comes twice", where, s->tensors[i].name);
  return true;
}

static bool parse(struct eq_safetensors *s, const char *where, const char *bytes, size_t n, struct eq_err *err) {
  uint64_t size;
  if (n < sizeof size) return eq_fail(err, EQ_BAD, "%s: %zu bytes, too short for a safetensors file", where, n);
  memcpy(&size, bytes, sizeof size);
  if (size > EQ_SAFETENSORS_HEADER_MAX)
    return eq_fail(err, EQ_BAD, "%s: a header of %llu bytes, at most %d are allowed: not a safetensors file?", where,
                   (unsigned long long)size, EQ_SAFETENSORS_HEADER_MAX);
  if (size > n - sizeof size)
    return eq_fail(err, EQ_BAD, "%s: a header of %llu bytes, but only %zu bytes follow (cut off?)", where,
                   (unsigned long long)size, n - sizeof size);
  const char *begin = bytes + sizeof size;
  struct cursor c = { where, begin, begin, begin + size, err };
  struct data data = { begin + size, n - sizeof size - (size_t)size };
  return read_header(&c, s, data) && check_cover(s, where, data, err) && check_names(s, where, err);
}

bool eq_safetensors_parse(struct eq_safetensors *s, const char *where, const void *bytes, size_t n,
                          struct eq_err *err) {
  *s = (struct eq_safetensors){ 0 };
  bool ok = parse(s, where, bytes, n, err);
  if (!ok) eq_safetensors_close(s);
  return ok;
}

bool eq_safetensors_open(struct eq_safetensors *s, const char *path, struct eq_err *err) {
  struct eq_file file;
  *s = (struct eq_safetensors){ 0 };
  if (!eq_file_map(&file, path, err)) return false;
  if (!eq_safetensors_parse(s, path, file.data, file.size, err)) {
    eq_file_unmap(&file);
    return false;
  }
  s->file = file;
  return true;
}

void eq_safetensors_close(struct eq_safetensors *s) {
  for (size_t i = 0; i < s->n_tensors; i++) free((char *)(uintptr_t)s->tensors[i].name);
  free(s->tensors);
  eq_file_unmap(&s->file);
  *s = (struct eq_safetensors){ 0 };
}

const struct eq_tensor *eq_safetensors_find(const struct eq_safetensors *s, const char *name) {
  struct eq_tensor key = { .name = name };
  return s->n_tensors ? bsearch(&key, s->tensors, s->n_tensors, sizeof key, compare_name) : NULL;
}
