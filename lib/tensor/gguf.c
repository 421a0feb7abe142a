#include "lib/tensor/gguf.h"

#include <stdlib.h>
#include <string.h>

/* ---- element types of tensors ---- */

/* ggml.h, enum ggml_type, and the sizes of the blocks in ggml-common.h; of types that files have. */
static const struct eq_gguf_dtype dtypes[] = {
  { "F32", 0, 1, 4 },         { "F16", 1, 1, 2 },         { "Q4_0", 2, 32, 18 },     { "Q4_1", 3, 32, 20 },
  { "Q5_0", 6, 32, 22 },      { "Q5_1", 7, 32, 24 },      { "Q8_0", 8, 32, 34 },     { "Q2_K", 10, 256, 84 },
  { "Q3_K", 11, 256, 110 },   { "Q4_K", 12, 256, 144 },   { "Q5_K", 13, 256, 176 },  { "Q6_K", 14, 256, 210 },
  { "Q8_K", 15, 256, 292 },   { "IQ2_XXS", 16, 256, 66 }, { "IQ2_XS", 17, 256, 74 }, { "IQ3_XXS", 18, 256, 98 },
  { "IQ1_S", 19, 256, 50 },   { "IQ4_NL", 20, 32, 18 },   { "IQ3_S", 21, 256, 110 }, { "IQ2_S", 22, 256, 82 },
  { "IQ4_XS", 23, 256, 136 }, { "I8", 24, 1, 1 },         { "I16", 25, 1, 2 },       { "I32", 26, 1, 4 },
  { "I64", 27, 1, 8 },        { "F64", 28, 1, 8 },        { "IQ1_M", 29, 256, 56 },  { "BF16", 30, 1, 2 },
  { "TQ1_0", 34, 256, 54 },   { "TQ2_0", 35, 256, 66 },   { "MXFP4", 39, 32, 17 },
};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

const struct eq_gguf_dtype *eq_gguf_dtype(uint32_t number) {
  for (size_t i = 0; i < DTYPES; i++)
    if (dtypes[i].number == number) return &dtypes[i];
  return NULL;
}

const struct eq_gguf_dtype *eq_gguf_dtype_find(struct eq_str name) {
  for (size_t i = 0; i < DTYPES; i++)
    if (eq_str_is(name, dtypes[i].name)) return &dtypes[i];
  return NULL;
}

/* ---- reading ---- */

/* Bytes of an element; 0 for strings and arrays, whose size varies. */
static const size_t sizes[EQ_GGUF_TYPES] = {
  [EQ_GGUF_U8] = 1,  [EQ_GGUF_I8] = 1,   [EQ_GGUF_U16] = 2, [EQ_GGUF_I16] = 2, [EQ_GGUF_U32] = 4, [EQ_GGUF_I32] = 4,
  [EQ_GGUF_F32] = 4, [EQ_GGUF_BOOL] = 1, [EQ_GGUF_U64] = 8, [EQ_GGUF_I64] = 8, [EQ_GGUF_F64] = 8
};

enum { MAGIC_SIZE = 4, STRING_MIN = 8, KEY_MIN = 8 + 4 + 1, TENSOR_MIN = 8 + 4 + 4 + 8, ALIGNMENT = 32 };

struct cursor {
  const char *where, *begin, *at, *end;
  struct eq_err *err;
};

#define FAIL(c, format, ...) \
  eq_fail((c)->err, EQ_BAD, "%s: byte %zu: " format, (c)->where, (size_t)((c)->at - (c)->begin), __VA_ARGS__)

static size_t left(const struct cursor *c) { return (size_t)(c->end - c->at); }

static bool take(struct cursor *c, void *to, size_t n, const char *what) {
  if (left(c) < n) return FAIL(c, "the file ends inside %s (cut off?)", what);
  memcpy(to, c->at, n);
  c->at += n;
  return true;
}

static bool take_u32(struct cursor *c, uint32_t *x, const char *what) { return take(c, x, sizeof *x, what); }
static bool take_u64(struct cursor *c, uint64_t *x, const char *what) { return take(c, x, sizeof *x, what); }

static bool take_string(struct cursor *c, struct eq_str *s, const char *what) {
  uint64_t n = 0;
  if (!take_u64(c, &n, what)) return false;
  if (n > left(c))
    return FAIL(c, "%s has %llu bytes, but only %zu are left (cut off?)", what, (unsigned long long)n, left(c));
  *s = (struct eq_str){ c->at, (size_t)n };
  c->at += n;
  return true;
}

static bool take_name(struct cursor *c, struct eq_str *s, const char *what) {
  if (!take_string(c, s, what)) return false;
  return s->n <= EQ_GGUF_NAME_MAX || FAIL(c, "%s has %zu bytes, expected at most %d", what, s->n, EQ_GGUF_NAME_MAX);
}

/* ---- keys and values ---- */

static bool take_type(struct cursor *c, struct eq_str key, uint32_t *type) {
  if (!take_u32(c, type, "the type of a value")) return false;
  return *type < EQ_GGUF_TYPES ||
         FAIL(c, "key '%.*s' has the type %u, expected 0 to %d", EQ_STR(key), *type, EQ_GGUF_TYPES - 1);
}

/* The elements; v has their type and number. */
static bool take_elements(struct cursor *c, struct eq_str key, struct eq_gguf_value *v) {
  size_t size = sizes[v->type] ? sizes[v->type] : STRING_MIN;
  if (v->n > left(c) / size)
    return FAIL(c, "key '%.*s' has %llu elements, but only %zu bytes are left (cut off?)", EQ_STR(key),
                (unsigned long long)v->n, left(c));
  v->bytes.p = c->at;
  if (v->type != EQ_GGUF_STRING) c->at += v->n * size;
  struct eq_str s;
  for (uint64_t i = 0; v->type == EQ_GGUF_STRING && i < v->n; i++)
    if (!take_string(c, &s, "a string")) return false;
  v->bytes.n = (size_t)(c->at - v->bytes.p);
  for (size_t i = 0; v->type == EQ_GGUF_BOOL && i < v->bytes.n; i++)
    if ((unsigned char)v->bytes.p[i] > 1)
      return FAIL(c, "key '%.*s' has a bool of %d, expected 0 or 1", EQ_STR(key), (unsigned char)v->bytes.p[i]);
  return true;
}

static bool take_value(struct cursor *c, struct eq_str key, struct eq_gguf_value *v) {
  uint32_t type = 0;
  if (!take_type(c, key, &type)) return false;
  *v = (struct eq_gguf_value){ .is_array = type == EQ_GGUF_ARRAY, .n = 1 };
  if (v->is_array) {
    if (!take_type(c, key, &type) || !take_u64(c, &v->n, "the length of an array")) return false;
    if (type == EQ_GGUF_ARRAY) return FAIL(c, "key '%.*s' is an array of arrays, which is not supported", EQ_STR(key));
  }
  v->type = (enum eq_gguf_type)type;
  return take_elements(c, key, v);
}

static bool take_keys(struct cursor *c, struct eq_gguf *g, uint64_t n) {
  size_t capacity = 0;
  for (uint64_t i = 0; i < n; i++) {
    struct eq_gguf_key *keys = eq_array_grow(g->keys, g->n_keys, &capacity, sizeof *keys);
    if (!keys) return eq_fail_memory(c->err, g->n_keys * sizeof *keys, "a table of keys");
    g->keys = keys;
    struct eq_gguf_key *key = &keys[g->n_keys];
    if (!take_name(c, &key->name, "a key")) return false;
    if (!take_value(c, key->name, &key->value)) return false;
    g->n_keys++;
  }
  return true;
}

static int compare_keys(const void *a, const void *b) {
  return eq_str_compare(((const struct eq_gguf_key *)a)->name, ((const struct eq_gguf_key *)b)->name);
}

static bool sort_keys(struct cursor *c, struct eq_gguf *g) {
  if (g->n_keys) qsort(g->keys, g->n_keys, sizeof *g->keys, compare_keys);
  for (size_t i = 1; i < g->n_keys; i++)
    if (compare_keys(&g->keys[i - 1], &g->keys[i]) == 0)
      return FAIL(c, "key '%.*s' comes twice", EQ_STR(g->keys[i].name));
  return true;
}

static bool set_alignment(struct cursor *c, struct eq_gguf *g) {
  const struct eq_gguf_value *v = eq_gguf_find(g, "general.alignment");
  uint64_t alignment = ALIGNMENT;
  if (v && !eq_gguf_u64(v, 0, &alignment)) return FAIL(c, "%s is not a whole number", "general.alignment");
  if (!alignment || alignment & (alignment - 1) || alignment > EQ_GGUF_ALIGNMENT_MAX)
    return FAIL(c, "general.alignment is %llu, expected a power of two up to %d", (unsigned long long)alignment,
                EQ_GGUF_ALIGNMENT_MAX);
  g->alignment = (size_t)alignment;
  return true;
}

/* ---- tensors ---- */

static bool take_dims(struct cursor *c, struct eq_gguf_tensor *t) {
  uint32_t n_dims = 0;
  if (!take_u32(c, &n_dims, "a tensor's dimensions")) return false;
  if (n_dims < 1 || n_dims > EQ_GGUF_DIMS_MAX)
    return FAIL(c, "tensor '%.*s' has %u dimensions, expected 1 to %d", EQ_STR(t->name), n_dims, EQ_GGUF_DIMS_MAX);
  t->n_dims = n_dims;
  t->n = 1;
  for (size_t i = 0; i < n_dims; i++) {
    uint64_t dim = 0;
    if (!take_u64(c, &dim, "a tensor's dimensions")) return false;
    t->dims[i] = (size_t)dim;
    if (dim > SIZE_MAX || __builtin_mul_overflow(t->n, t->dims[i], &t->n))
      return FAIL(c, "tensor '%.*s' has a shape whose product overflows", EQ_STR(t->name));
  }
  return true;
}

static bool take_dtype(struct cursor *c, struct eq_gguf_tensor *t) {
  uint32_t number = 0;
  if (!take_u32(c, &number, "a tensor's type")) return false;
  if (!(t->dtype = eq_gguf_dtype(number)))
    return FAIL(c, "tensor '%.*s' has the unknown type %u", EQ_STR(t->name), number);
  size_t row = t->n_dims ? t->dims[0] : 1;
  if (row % t->dtype->block)
    return FAIL(c, "tensor '%.*s' has rows of %zu elements, expected a multiple of %u for %s", EQ_STR(t->name), row,
                t->dtype->block, t->dtype->name);
  if (__builtin_mul_overflow(t->n / t->dtype->block, (size_t)t->dtype->bytes, &t->size))
    return FAIL(c, "tensor '%.*s' has a size that overflows", EQ_STR(t->name));
  return true;
}

/* *offset: from where the data begin, which is not known yet. */
static bool take_tensor(struct cursor *c, const struct eq_gguf *g, struct eq_gguf_tensor *t, uint64_t *offset) {
  *t = (struct eq_gguf_tensor){ 0 };
  if (!take_name(c, &t->name, "a tensor's name") || !take_dims(c, t) || !take_dtype(c, t) ||
      !take_u64(c, offset, "a tensor's offset"))
    return false;
  return *offset % g->alignment == 0 || FAIL(c, "tensor '%.*s' has the offset %llu, expected a multiple of %zu",
                                             EQ_STR(t->name), (unsigned long long)*offset, g->alignment);
}

static bool take_tensors(struct cursor *c, struct eq_gguf *g, uint64_t n, uint64_t *offsets) {
  for (; g->n_tensors < n; g->n_tensors++)
    if (!take_tensor(c, g, &g->tensors[g->n_tensors], &offsets[g->n_tensors])) return false;
  return true;
}

/* The data begin at the next multiple of the alignment. */
static bool place_data(struct cursor *c, struct eq_gguf *g, const uint64_t *offsets) {
  size_t begin = (g->header + g->alignment - 1) / g->alignment * g->alignment, n = (size_t)(c->end - c->begin);
  size_t there = n > begin ? n - begin : 0;
  for (size_t i = 0; i < g->n_tensors; i++) {
    struct eq_gguf_tensor *t = &g->tensors[i];
    if (offsets[i] > there || t->size > there - offsets[i])
      return FAIL(c,
                  "tensor '%.*s' has %zu bytes at byte %llu of the data, but the file has only %zu bytes of data (cut "
                  "off?)",
                  EQ_STR(t->name), t->size, (unsigned long long)offsets[i], there);
    t->data = t->size ? c->begin + begin + offsets[i] : c->end;
  }
  return true;
}

static int compare_data(const void *a, const void *b) {
  const struct eq_gguf_tensor *x = a, *y = b;
  return (x->data > y->data) - (x->data < y->data);
}

static int compare_tensors(const void *a, const void *b) {
  return eq_str_compare(((const struct eq_gguf_tensor *)a)->name, ((const struct eq_gguf_tensor *)b)->name);
}

static bool check_tensors(struct cursor *c, struct eq_gguf *g) {
  if (!g->n_tensors) return true;
  qsort(g->tensors, g->n_tensors, sizeof *g->tensors, compare_data);
  for (size_t i = 1; i < g->n_tensors; i++) {
    const struct eq_gguf_tensor *t = &g->tensors[i];
    if (t->size && t[-1].data + t[-1].size > t->data)
      return FAIL(c, "tensors '%.*s' and '%.*s' overlap", EQ_STR(t[-1].name), EQ_STR(t->name));
  }
  qsort(g->tensors, g->n_tensors, sizeof *g->tensors, compare_tensors);
  for (size_t i = 1; i < g->n_tensors; i++)
    if (compare_tensors(&g->tensors[i - 1], &g->tensors[i]) == 0)
      return FAIL(c, "tensor '%.*s' comes twice", EQ_STR(g->tensors[i].name));
  return true;
}

static bool read_tensors(struct cursor *c, struct eq_gguf *g, uint64_t n) {
  if (n > left(c) / TENSOR_MIN)
    return FAIL(c, "the file says that it has %llu tensors, but only %zu bytes are left (cut off?)",
                (unsigned long long)n, left(c));
  uint64_t *offsets = eq_array((size_t)n, sizeof *offsets);
  g->tensors = eq_array((size_t)n, sizeof *g->tensors);
  bool good = (offsets && g->tensors) || eq_fail_memory(c->err, (size_t)n * sizeof *g->tensors, "a table of tensors");
  good = good && take_tensors(c, g, n, offsets);
  g->header = (size_t)(c->at - c->begin);
  good = good && place_data(c, g, offsets) && check_tensors(c, g);
  free(offsets);
  return good;
}

/* ---- a file ---- */

static bool check_version(struct cursor *c, struct eq_gguf *g) {
  char magic[MAGIC_SIZE];
  if (!take(c, magic, sizeof magic, "the magic bytes")) return false;
  if (memcmp(magic, "GGUF", sizeof magic) != 0)
    return eq_fail(c->err, EQ_BAD, "%s: does not begin with GGUF: not a GGUF file", c->where);
  if (!take_u32(c, &g->version, "the version")) return false;
  if (g->version == 2 || g->version == 3) return true;
  bool swapped = !(g->version & 0xFFFFFF) && g->version;
  return FAIL(c, "version %u%s, expected 2 or 3", swapped ? g->version >> 24 : g->version,
              swapped ? " in big-endian order, which is not supported" : "");
}

static bool parse(struct cursor *c, struct eq_gguf *g) {
  uint64_t n_tensors = 0, n_keys = 0;
  if (!check_version(c, g) || !take_u64(c, &n_tensors, "the number of tensors") ||
      !take_u64(c, &n_keys, "the number of keys"))
    return false;
  if (n_keys > left(c) / KEY_MIN || n_keys > EQ_GGUF_KEYS_MAX)
    return FAIL(c, "the file says that it has %llu keys, but only %zu bytes are left, and at most %d keys are allowed",
                (unsigned long long)n_keys, left(c), EQ_GGUF_KEYS_MAX);
  if (n_tensors > EQ_GGUF_TENSORS_MAX)
    return FAIL(c, "the file says that it has %llu tensors, at most %d are allowed", (unsigned long long)n_tensors,
                EQ_GGUF_TENSORS_MAX);
  return take_keys(c, g, n_keys) && sort_keys(c, g) && set_alignment(c, g) && read_tensors(c, g, n_tensors);
}

bool eq_gguf_parse(struct eq_gguf *g, const char *where, const void *bytes, size_t n, struct eq_err *err) {
  const char *begin = n ? bytes : "";
  struct cursor c = { where, begin, begin, begin + n, err };
  *g = (struct eq_gguf){ 0 };
  if (parse(&c, g)) return true;
  eq_gguf_close(g);
  return false;
}

bool eq_gguf_open(struct eq_gguf *g, const char *path, struct eq_err *err) {
  struct eq_file file;
  *g = (struct eq_gguf){ 0 };
  if (!eq_file_map(&file, path, err)) return false;
  if (!eq_gguf_parse(g, path, file.data, file.size, err)) {
    eq_file_unmap(&file);
    return false;
  }
  g->file = file;
  return true;
}

void eq_gguf_close(struct eq_gguf *g) {
  free(g->keys);
  free(g->tensors);
  eq_file_unmap(&g->file);
  *g = (struct eq_gguf){ 0 };
}

/* ---- asking ---- */

const struct eq_gguf_value *eq_gguf_find(const struct eq_gguf *g, const char *key) {
  const struct eq_gguf_key wanted = { .name = eq_str(key) };
  const struct eq_gguf_key *found =
      g->n_keys ? bsearch(&wanted, g->keys, g->n_keys, sizeof wanted, compare_keys) : NULL;
  return found ? &found->value : NULL;
}

const struct eq_gguf_tensor *eq_gguf_tensor(const struct eq_gguf *g, struct eq_str name) {
  const struct eq_gguf_tensor wanted = { .name = name };
  return g->n_tensors ? bsearch(&wanted, g->tensors, g->n_tensors, sizeof wanted, compare_tensors) : NULL;
}

static bool is_signed(enum eq_gguf_type type) {
  return type == EQ_GGUF_I8 || type == EQ_GGUF_I16 || type == EQ_GGUF_I32 || type == EQ_GGUF_I64;
}

static bool is_whole(enum eq_gguf_type type) {
  return is_signed(type) || type == EQ_GGUF_U8 || type == EQ_GGUF_U16 || type == EQ_GGUF_U32 || type == EQ_GGUF_U64;
}

/* A whole number, its sign extended. */
static uint64_t whole_at(const struct eq_gguf_value *v, uint64_t i) {
  size_t size = sizes[v->type];
  uint64_t x = 0;
  memcpy(&x, v->bytes.p + i * size, size);
  if (is_signed(v->type) && size < 8 && x >> (8 * size - 1)) x |= ~UINT64_C(0) << 8 * size;
  return x;
}

bool eq_gguf_u64(const struct eq_gguf_value *v, uint64_t i, uint64_t *x) {
  if (!v || i >= v->n || !is_whole(v->type)) return false;
  uint64_t found = whole_at(v, i);
  if (is_signed(v->type) && found >> 63) return false;
  *x = found;
  return true;
}

bool eq_gguf_f64(const struct eq_gguf_value *v, uint64_t i, double *x) {
  if (!v || i >= v->n) return false;
  if (v->type == EQ_GGUF_F32) {
    float f;
    memcpy(&f, v->bytes.p + i * sizeof f, sizeof f);
    *x = (double)f;
  } else if (v->type == EQ_GGUF_F64)
    memcpy(x, v->bytes.p + i * sizeof *x, sizeof *x);
  else if (is_signed(v->type))
    *x = (double)(int64_t)whole_at(v, i);
  else if (is_whole(v->type))
    *x = (double)whole_at(v, i);
  else
    return false;
  return true;
}

bool eq_gguf_bool(const struct eq_gguf_value *v, bool *x) {
  if (!v || v->is_array || v->type != EQ_GGUF_BOOL) return false;
  *x = *v->bytes.p;
  return true;
}

bool eq_gguf_next_string(struct eq_str *rest, struct eq_str *s) {
  uint64_t n = 0;
  if (rest->n < sizeof n) return false;
  memcpy(&n, rest->p, sizeof n);
  *s = (struct eq_str){ rest->p + sizeof n, (size_t)n };
  *rest = (struct eq_str){ s->p + n, rest->n - sizeof n - (size_t)n };
  return true;
}

bool eq_gguf_string(const struct eq_gguf_value *v, struct eq_str *s) {
  if (!v || v->is_array || v->type != EQ_GGUF_STRING) return false;
  struct eq_str rest = v->bytes;
  return eq_gguf_next_string(&rest, s);
}
