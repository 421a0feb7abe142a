#include "lib/stream/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stream/writer.h"

bool eq_rows_add(struct eq_rows *rows, const struct eq_record *r, struct eq_err *err) {
  struct eq_span *spans = eq_array_grow(rows->spans, rows->n, &rows->capacity, sizeof *spans);
  if (spans) rows->spans = spans;
  size_t at = rows->bytes.size;
  eq_buffer_add(&rows->bytes, r->raw.p, r->raw.n);
  if (!spans || rows->bytes.failed) return eq_fail_memory(err, at + r->raw.n, "records that wait for the end");
  rows->spans[rows->n++] = (struct eq_span){ at, r->raw.n };
  return true;
}

bool eq_rows_add_kind(struct eq_rows *rows, const struct eq_kind *kind, const void *fields, struct eq_err *err) {
  struct eq_span *spans = eq_array_grow(rows->spans, rows->n, &rows->capacity, sizeof *spans);
  if (spans) rows->spans = spans;
  if (!rows->writer && !(rows->writer = eq_writer_memory(&rows->bytes, err))) return false;
  size_t at = rows->bytes.size;
  eq_write_kind(rows->writer, kind, fields, NULL);
  if (!spans || rows->bytes.failed) return eq_fail_memory(err, at, "records that wait for the end");
  rows->spans[rows->n++] = (struct eq_span){ at, rows->bytes.size - at };
  return true;
}

bool eq_rows_get(struct eq_rows *rows, size_t i, struct eq_record *r, struct eq_err *err) {
  struct eq_span s = rows->spans[i];
  size_t off = 0;
  if (!rows->zone) rows->zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
  if (!rows->zone) return eq_fail_memory(err, MSGPACK_ZONE_CHUNK_SIZE, "a record");
  msgpack_zone_clear(rows->zone);
  if (msgpack_unpack(rows->bytes.data + s.at, s.n, &off, rows->zone, &rows->object) != MSGPACK_UNPACK_SUCCESS)
    return eq_fail_memory(err, s.n, "a record");
  *r =
      (struct eq_record){ .map = &rows->object, .raw = { rows->bytes.data + s.at, s.n }, .where = "", .number = i + 1 };
  return eq_record_string(r, "k", &r->kind);
}

void eq_rows_free(struct eq_rows *rows) {
  struct eq_err ignored = { 0 };
  if (rows->writer) eq_writer_finish(rows->writer, EQ_FAILED, &ignored);
  if (rows->zone) msgpack_zone_free(rows->zone);
  eq_buffer_free(&rows->bytes);
  free(rows->spans);
  *rows = (struct eq_rows){ 0 };
}

/* ---- sorting ---- */

enum { KEYS_MAX = 16 };

/* What a row sorts by under one key. */
struct sort_value {
  enum { NUMBER, STRING, NOTHING } type;
  double number;
  struct eq_str string;
};

struct sort_row {
  struct eq_span span;
  size_t before; /* its place so far: what makes the sort stable */
  size_t n_keys;
  const bool *descending;
  const struct sort_value *values;
};

static struct sort_value value_of(const msgpack_object *o) {
  struct sort_value v = { .type = NOTHING };
  if (!o) return v;
  if (o->type == MSGPACK_OBJECT_STR)
    v = (struct sort_value){ STRING, 0, { o->via.str.ptr, o->via.str.size } };
  else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
    v = (struct sort_value){ NUMBER, (double)o->via.u64, { 0 } };
  else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
    v = (struct sort_value){ NUMBER, (double)o->via.i64, { 0 } };
  else if ((o->type == MSGPACK_OBJECT_FLOAT64 || o->type == MSGPACK_OBJECT_FLOAT32) && !isnan(o->via.f64))
    v = (struct sort_value){ NUMBER, o->via.f64, { 0 } };
  return v;
}

static int compare_rows(const void *a, const void *b) {
  const struct sort_row *x = a, *y = b;
  for (size_t k = 0; k < x->n_keys; k++) {
    const struct sort_value *v = &x->values[k], *w = &y->values[k];
    if (v->type != w->type) return v->type < w->type ? -1 : 1;
    int order = v->type == NUMBER   ? (v->number > w->number) - (v->number < w->number)
                : v->type == STRING ? eq_str_compare(v->string, w->string)
                                    : 0;
    if (order) return x->descending[k] ? -order : order;
  }
  return (x->before > y->before) - (x->before < y->before);
}

static bool parse_keys(const char *keys, char *text, const char **names, bool *descending, size_t *n,
                       struct eq_err *err) {
  char *rest = text;
  *n = 0;
  for (char *key; (key = strsep(&rest, ","));) {
    if (*n == KEYS_MAX) return eq_fail(err, EQ_BAD, "--sort: '%s' has more than %d keys", keys, KEYS_MAX);
    descending[*n] = *key == '-';
    names[*n] = key + descending[*n];
    if (!*names[(*n)++]) return eq_fail(err, EQ_BAD, "--sort: '%s' has an empty key", keys);
  }
  return true;
}

bool eq_rows_sort(struct eq_rows *rows, const char *keys, struct eq_err *err) {
  const char *names[KEYS_MAX];
  bool descending[KEYS_MAX], ok;
  size_t n_keys = 0;
  char *text = eq_copy_string(keys, strlen(keys));
  ok = text ? parse_keys(keys, text, names, descending, &n_keys, err) : eq_fail_memory(err, strlen(keys), "sorting");
  struct sort_row *order = eq_array(rows->n, sizeof *order);
  struct sort_value *values = eq_array(rows->n * n_keys, sizeof *values);
  if (ok && (!order || !values)) ok = eq_fail_memory(err, rows->n * sizeof *order, "sorting");
  for (size_t i = 0; ok && i < rows->n; i++) {
    struct eq_record r;
    ok = eq_rows_get(rows, i, &r, err);
    for (size_t k = 0; ok && k < n_keys; k++) values[i * n_keys + k] = value_of(eq_record_find(&r, names[k]));
    order[i] = (struct sort_row){ rows->spans[i], i, n_keys, descending, values + i * n_keys };
  }
  if (ok) qsort(order, rows->n, sizeof *order, compare_rows);
  for (size_t i = 0; ok && i < rows->n; i++) rows->spans[i] = order[i].span;
  free(values);
  free(order);
  free(text);
  return ok;
}
