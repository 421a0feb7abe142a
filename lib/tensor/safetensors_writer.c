#include "lib/tensor/safetensors_writer.h"

#include <jansson.h>
#include <stdlib.h>

/* A text as JSON; false when it is not UTF-8. */
static bool add_text(struct eq_buffer *b, const char *text, const char *path, struct eq_err *err) {
  json_t *json = json_string(text);
  char *quoted = json ? json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  if (quoted) eq_buffer_string(b, quoted);
  free(quoted);
  json_decref(json);
  return json || eq_fail(err, EQ_BAD, "%s: the name '%s' is not UTF-8, as safetensors wants it", path, text);
}

static bool add_notes(struct eq_buffer *b, const char *path, const struct eq_safetensors_note *notes, size_t n,
                      struct eq_err *err) {
  eq_buffer_string(b, "{\"__metadata__\":{");
  for (size_t i = 0; i < n; i++) {
    if (i) eq_buffer_string(b, ",");
    if (!add_text(b, notes[i].key, path, err)) return false;
    eq_buffer_string(b, ":");
    if (!add_text(b, notes[i].value, path, err)) return false;
  }
  eq_buffer_string(b, "}");
  return true;
}

/* offsets from the first byte of data on. */
static bool add_tensors(struct eq_buffer *b, const struct eq_safetensors_writer *w, const char *path,
                        struct eq_err *err) {
  for (size_t i = 0; i < w->n; i++) {
    const struct eq_tensor *t = &w->tensors[i];
    eq_buffer_string(b, ",");
    if (!add_text(b, t->name, path, err)) return false;
    eq_buffer_format(b, ":{\"dtype\":\"%s\",\"shape\":[", eq_dtype_name(t->dtype));
    for (size_t d = 0; d < t->n_dims; d++) eq_buffer_format(b, "%s%zu", d ? "," : "", t->dims[d]);
    eq_buffer_format(b, "],\"data_offsets\":[%zu,%zu]}", w->offsets[i], w->offsets[i] + eq_tensor_bytes(t, t->n));
  }
  eq_buffer_string(b, "}");
  while (b->size % 8) eq_buffer_string(b, " ");
  return true;
}

/* The largest elements first: 8, 4, 2, 1 bytes. */
static void lay_out(struct eq_safetensors_writer *w) {
  size_t at = 0;
  for (size_t size = 8; size; size /= 2)
    for (size_t i = 0; i < w->n; i++)
      if (eq_dtype_size(w->tensors[i].dtype) == size) {
        w->offsets[i] = at;
        at += eq_tensor_bytes(&w->tensors[i], w->tensors[i].n);
      }
}

static bool write_header(struct eq_safetensors_writer *w, const struct eq_safetensors_note *notes, size_t n_notes,
                         struct eq_err *err) {
  const char *path = w->out.path;
  struct eq_buffer b = { 0 };
  bool ok = add_notes(&b, path, notes, n_notes, err) && add_tensors(&b, w, path, err);
  if (ok && b.failed) ok = eq_fail_memory(err, b.size, "a header");
  uint64_t size = b.size;
  ok = ok && eq_write_at(w->out.fd, 0, &size, sizeof size, path, err) &&
       eq_write_at(w->out.fd, sizeof size, b.data, b.size, path, err);
  for (size_t i = 0; i < w->n; i++) w->offsets[i] += sizeof size + b.size;
  eq_buffer_free(&b);
  return ok;
}

bool eq_safetensors_create(struct eq_safetensors_writer *w, const char *path, const struct eq_tensor *tensors, size_t n,
                           const struct eq_safetensors_note *notes, size_t n_notes, struct eq_err *err) {
  *w = (struct eq_safetensors_writer){ .tensors = tensors, .n = n, .out = { .fd = -1 } };
  w->offsets = eq_array(n, sizeof *w->offsets);
  w->written = eq_array(n, sizeof *w->written);
  bool ok = w->offsets && w->written ? true : eq_fail_memory(err, n * sizeof *w->offsets, "tensors");
  if (ok) lay_out(w);
  ok = ok && eq_output_open(&w->out, path, err) && write_header(w, notes, n_notes, err);
  if (!ok) eq_safetensors_discard(w);
  return ok;
}

bool eq_safetensors_put(struct eq_safetensors_writer *w, size_t i, const void *bytes, size_t n, struct eq_err *err) {
  const struct eq_tensor *t = &w->tensors[i];
  if (n > eq_tensor_bytes(t, t->n) - w->written[i])
    return eq_fail(err, EQ_BAD, "%s: tensor '%s' gets more bytes than its shape has", w->out.path, t->name);
  if (!eq_write_at(w->out.fd, w->offsets[i] + w->written[i], bytes, n, w->out.path, err)) return false;
  w->written[i] += n;
  return true;
}

bool eq_safetensors_commit(struct eq_safetensors_writer *w, struct eq_err *err) {
  bool ok = true;
  for (size_t i = 0; ok && i < w->n; i++) {
    size_t size = eq_tensor_bytes(&w->tensors[i], w->tensors[i].n);
    if (w->written[i] != size)
      ok = eq_fail(err, EQ_BAD, "%s: tensor '%s' got %zu of its %zu bytes", w->out.path, w->tensors[i].name,
                   w->written[i], size);
  }
  ok = ok && eq_output_commit(&w->out, err);
  eq_safetensors_discard(w);
  return ok;
}

void eq_safetensors_discard(struct eq_safetensors_writer *w) {
  if (w->out.path) eq_output_discard(&w->out);
  free(w->offsets);
  free(w->written);
  *w = (struct eq_safetensors_writer){ .out = { .fd = -1 } };
}
