#include "lib/tensor/gguf_writer.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 32, VERSION = 3 };

static void add_u32(struct eq_buffer *b, uint32_t x) { eq_buffer_add(b, &x, sizeof x); }
static void add_u64(struct eq_buffer *b, uint64_t x) { eq_buffer_add(b, &x, sizeof x); }

static void add_string(struct eq_buffer *b, struct eq_str s) {
  add_u64(b, s.n);
  if (s.n) eq_buffer_add(b, s.p, s.n);
}

static void begin(struct eq_gguf_keys *k, struct eq_str name, uint32_t type) {
  add_string(&k->bytes, name);
  add_u32(&k->bytes, type);
  k->n++;
}

void eq_gguf_add_u32(struct eq_gguf_keys *k, const char *name, uint32_t x) {
  begin(k, eq_str(name), EQ_GGUF_U32);
  add_u32(&k->bytes, x);
}

void eq_gguf_add_f32(struct eq_gguf_keys *k, const char *name, float x) {
  begin(k, eq_str(name), EQ_GGUF_F32);
  eq_buffer_add(&k->bytes, &x, sizeof x);
}

void eq_gguf_add_bool(struct eq_gguf_keys *k, const char *name, bool x) {
  begin(k, eq_str(name), EQ_GGUF_BOOL);
  eq_buffer_add(&k->bytes, x ? "\1" : "\0", 1);
}

void eq_gguf_add_text(struct eq_gguf_keys *k, const char *name, struct eq_str text) {
  begin(k, eq_str(name), EQ_GGUF_STRING);
  add_string(&k->bytes, text);
}

static void begin_array(struct eq_gguf_keys *k, struct eq_str name, enum eq_gguf_type type, uint64_t n) {
  begin(k, name, EQ_GGUF_ARRAY);
  add_u32(&k->bytes, type);
  add_u64(&k->bytes, n);
}

void eq_gguf_add_array(struct eq_gguf_keys *k, const char *name, enum eq_gguf_type type, uint64_t n) {
  begin_array(k, eq_str(name), type, n);
}

void eq_gguf_add_element(struct eq_gguf_keys *k, struct eq_str text) { add_string(&k->bytes, text); }

void eq_gguf_add_key(struct eq_gguf_keys *k, const struct eq_gguf_key *key) {
  if (key->value.is_array)
    begin_array(k, key->name, key->value.type, key->value.n);
  else
    begin(k, key->name, key->value.type);
  if (key->value.bytes.n) eq_buffer_add(&k->bytes, key->value.bytes.p, key->value.bytes.n);
}

/* ---- the header ---- */

static void pad(struct eq_buffer *b) {
  static const char zeros[ALIGNMENT] = { 0 };
  eq_buffer_add(b, zeros, (ALIGNMENT - b->size % ALIGNMENT) % ALIGNMENT);
}

static size_t round_up(size_t n) { return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static size_t bytes_of(const struct eq_gguf_tensor *t) {
  size_t n = 1;
  for (size_t d = 0; d < t->n_dims; d++) n *= t->dims[d];
  return n / t->dtype->block * t->dtype->bytes;
}

bool eq_gguf_add_header(struct eq_buffer *out, const struct eq_gguf_keys *k, const struct eq_gguf_tensor *tensors,
                        size_t n, size_t *offsets, const char *where, struct eq_err *err) {
  size_t at = 0;
  eq_buffer_add(out, "GGUF", 4);
  add_u32(out, VERSION);
  add_u64(out, n);
  add_u64(out, k->n);
  eq_buffer_add(out, k->bytes.data, k->bytes.size);
  for (size_t i = 0; i < n; i++) {
    const struct eq_gguf_tensor *t = &tensors[i];
    if (t->name.n > EQ_GGUF_NAME_MAX || t->n_dims < 1 || t->n_dims > EQ_GGUF_DIMS_MAX)
      return eq_fail(err, EQ_BAD, "%s: tensor '%.*s' has %zu dimensions, expected 1 to %d", where, EQ_STR(t->name),
                     t->n_dims, EQ_GGUF_DIMS_MAX);
    if (t->dims[0] % t->dtype->block)
      return eq_fail(err, EQ_BAD, "%s: tensor '%.*s' has rows of %zu, which blocks of %u do not divide (%s)", where,
                     EQ_STR(t->name), t->dims[0], t->dtype->block, t->dtype->name);
    add_string(out, t->name);
    add_u32(out, (uint32_t)t->n_dims);
    for (size_t d = 0; d < t->n_dims; d++) add_u64(out, t->dims[d]);
    add_u32(out, t->dtype->number);
    add_u64(out, at);
    offsets[i] = at;
    at += round_up(bytes_of(t));
  }
  pad(out);
  return (!out->failed && !k->bytes.failed) || eq_fail_memory(err, out->size, "a header");
}

/* ---- the file ---- */

/* The header, and behind it as many bytes as the tensors will take, padding too. */
static bool write_header(struct eq_gguf_writer *w, const struct eq_gguf_keys *keys, struct eq_err *err) {
  const char *path = w->out.path;
  struct eq_buffer b = { 0 };
  bool ok = eq_gguf_add_header(&b, keys, w->tensors, w->n, w->offsets, path, err) &&
            eq_write_at(w->out.fd, 0, b.data, b.size, path, err);
  for (size_t i = 0; ok && i < w->n; i++) w->offsets[i] += b.size;
  if (ok && w->n) {
    size_t end = w->offsets[w->n - 1] + round_up(bytes_of(&w->tensors[w->n - 1]));
    ok = end == b.size || eq_write_at(w->out.fd, end - 1, "", 1, path, err);
  }
  eq_buffer_free(&b);
  return ok;
}

bool eq_gguf_create(struct eq_gguf_writer *w, const char *path, const struct eq_gguf_keys *keys,
                    const struct eq_gguf_tensor *tensors, size_t n, struct eq_err *err) {
  *w = (struct eq_gguf_writer){ .tensors = tensors, .n = n, .out = { .fd = -1 } };
  w->offsets = eq_array(n, sizeof *w->offsets);
  w->written = eq_array(n, sizeof *w->written);
  bool ok = w->offsets && w->written ? true : eq_fail_memory(err, n * sizeof *w->offsets, "tensors");
  ok = ok && eq_output_open(&w->out, path, err) && write_header(w, keys, err);
  if (!ok) eq_gguf_discard(w);
  return ok;
}

bool eq_gguf_put(struct eq_gguf_writer *w, size_t i, const void *bytes, size_t n, struct eq_err *err) {
  const struct eq_gguf_tensor *t = &w->tensors[i];
  if (n > bytes_of(t) - w->written[i])
    return eq_fail(err, EQ_BAD, "%s: tensor '%.*s' gets more bytes than its shape has", w->out.path, EQ_STR(t->name));
  if (!eq_write_at(w->out.fd, w->offsets[i] + w->written[i], bytes, n, w->out.path, err)) return false;
  w->written[i] += n;
  return true;
}

bool eq_gguf_commit(struct eq_gguf_writer *w, struct eq_err *err) {
  bool ok = true;
  for (size_t i = 0; ok && i < w->n; i++)
    if (w->written[i] != bytes_of(&w->tensors[i]))
      ok = eq_fail(err, EQ_BAD, "%s: tensor '%.*s' got %zu of its %zu bytes", w->out.path, EQ_STR(w->tensors[i].name),
                   w->written[i], bytes_of(&w->tensors[i]));
  ok = ok && eq_output_commit(&w->out, err);
  eq_gguf_discard(w);
  return ok;
}

void eq_gguf_discard(struct eq_gguf_writer *w) {
  if (w->out.path) eq_output_discard(&w->out);
  free(w->offsets);
  free(w->written);
  *w = (struct eq_gguf_writer){ .out = { .fd = -1 } };
}
