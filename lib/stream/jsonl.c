#include "lib/stream/jsonl.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/number.h"
#include "lib/base/utf8.h"
#include "lib/stream/port.h"
#include "lib/stream/reader.h"

/* ---- to JSON ---- */

static void add_string(struct eq_buffer *out, const char *s, size_t n) {
  eq_buffer_add(out, "\"", 1);
  for (size_t i = 0; i < n;) {
    uint32_t c = 0;
    size_t len = eq_utf8_decode(s + i, n - i, &c);
    if (len == 0)
      eq_buffer_string(out, "\\ufffd");
    else if (c == '"' || c == '\\')
      eq_buffer_format(out, "\\%c", (char)c);
    else if (c == '\n' || c == '\t')
      eq_buffer_string(out, c == '\n' ? "\\n" : "\\t");
    else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
      eq_buffer_format(out, "\\u%04x", (unsigned)c);
    else
      eq_buffer_add(out, s + i, len);
    i += len ? len : 1;
  }
  eq_buffer_add(out, "\"", 1);
}

static void add_number(struct eq_buffer *out, const char *text) {
  if (strcmp(text, "nan") == 0)
    eq_buffer_string(out, "null");
  else if (strchr(text, 'i'))
    eq_buffer_format(out, "\"%s\"", text);
  else
    eq_buffer_format(out, strpbrk(text, ".e") ? "%s" : "%s.0", text);
}

static void add_hex(struct eq_buffer *out, const char *bytes, size_t n) {
  eq_buffer_add(out, "\"", 1);
  for (size_t i = 0; i < n; i++) eq_buffer_format(out, "%02x", (unsigned)(unsigned char)bytes[i]);
  eq_buffer_add(out, "\"", 1);
}

/* An ext array as [1,2,3]; anything else in an ext as hexadecimal. */
static void add_ext(struct eq_buffer *out, const msgpack_object_ext *e) {
  size_t width = e->type == EQ_EXT_F64 ? 8 : 4;
  if (e->type < EQ_EXT_U32 || e->type > EQ_EXT_F64 || e->size % width) {
    add_hex(out, e->ptr, e->size);
    return;
  }
  struct eq_numbers a = { (const unsigned char *)e->ptr, e->size / width };
  char text[EQ_NUMBER_TEXT];
  eq_buffer_add(out, "[", 1);
  for (size_t i = 0; i < a.n; i++) {
    if (i) eq_buffer_add(out, ",", 1);
    if (e->type == EQ_EXT_U32) {
      eq_buffer_format(out, "%u", eq_u32_at(a, i));
      continue;
    }
    if (e->type == EQ_EXT_F32)
      eq_format_f32(eq_f32_at(a, i), text);
    else
      eq_format_f64(eq_f64_at(a, i), text);
    add_number(out, text);
  }
  eq_buffer_add(out, "]", 1);
}

/* JSON has only strings for keys: another key becomes its own JSON text in a string; a list or map merely "[]" or "{}",
 * for text in text in text would double its quotes' backslashes at every depth. */
static void add_key(struct eq_buffer *out, const msgpack_object *key) {
  struct eq_buffer text = { 0 };
  if (key->type == MSGPACK_OBJECT_STR) {
    eq_json_add(out, key);
    return;
  }
  if (key->type == MSGPACK_OBJECT_ARRAY || key->type == MSGPACK_OBJECT_MAP)
    eq_buffer_string(&text, key->type == MSGPACK_OBJECT_ARRAY ? "[]" : "{}");
  else
    eq_json_add(&text, key);
  add_string(out, text.data, text.size);
  out->failed |= text.failed;
  eq_buffer_free(&text);
}

void eq_json_add(struct eq_buffer *out, const msgpack_object *o) {
  char text[EQ_NUMBER_TEXT];
  switch (o->type) {
  case MSGPACK_OBJECT_NIL: eq_buffer_string(out, "null"); break;
  case MSGPACK_OBJECT_BOOLEAN: eq_buffer_string(out, o->via.boolean ? "true" : "false"); break;
  case MSGPACK_OBJECT_POSITIVE_INTEGER: eq_buffer_format(out, "%llu", (unsigned long long)o->via.u64); break;
  case MSGPACK_OBJECT_NEGATIVE_INTEGER: eq_buffer_format(out, "%lld", (long long)o->via.i64); break;
  case MSGPACK_OBJECT_FLOAT32:
  case MSGPACK_OBJECT_FLOAT64:
    eq_format_f64(o->via.f64, text);
    add_number(out, text);
    break;
  case MSGPACK_OBJECT_STR: add_string(out, o->via.str.ptr, o->via.str.size); break;
  case MSGPACK_OBJECT_BIN: add_hex(out, o->via.bin.ptr, o->via.bin.size); break;
  case MSGPACK_OBJECT_EXT: add_ext(out, &o->via.ext); break;
  case MSGPACK_OBJECT_ARRAY:
    eq_buffer_add(out, "[", 1);
    for (uint32_t i = 0; i < o->via.array.size; i++) {
      if (i) eq_buffer_add(out, ",", 1);
      eq_json_add(out, &o->via.array.ptr[i]);
    }
    eq_buffer_add(out, "]", 1);
    break;
  case MSGPACK_OBJECT_MAP:
    eq_buffer_add(out, "{", 1);
    for (uint32_t i = 0; i < o->via.map.size; i++) {
      if (i) eq_buffer_add(out, ",", 1);
      add_key(out, &o->via.map.ptr[i].key);
      eq_buffer_add(out, ":", 1);
      eq_json_add(out, &o->via.map.ptr[i].val);
    }
    eq_buffer_add(out, "}", 1);
    break;
  }
}

/* ---- from JSON ---- */

struct eq_jsonl_reader {
  struct eq_port *port;
  struct eq_buffer text; /* read, from `at` on not yet handed on */
  size_t at, searched;   /* bytes of text before `searched` hold no line break behind `at` */
  bool ended;
  uint64_t line;
  struct eq_buffer packed; /* the record */
  msgpack_packer packer;
  msgpack_zone zone;
  msgpack_object object;
};

static int append(void *buffer, const char *bytes, size_t n) {
  eq_buffer_add(buffer, bytes, n);
  return 0;
}

struct eq_jsonl_reader *eq_jsonl_open(const char *where, struct eq_err *err) {
  struct eq_port *port = eq_port_input(where, err);
  if (!port) return NULL;
  struct eq_jsonl_reader *r = eq_array(1, sizeof *r);
  if (r && msgpack_zone_init(&r->zone, MSGPACK_ZONE_CHUNK_SIZE)) {
    r->port = port;
    msgpack_packer_init(&r->packer, &r->packed, append);
    return r;
  }
  free(r);
  eq_port_close(port, false, NULL);
  eq_fail_memory(err, sizeof *r, "JSON lines");
  return NULL;
}

void eq_jsonl_free(struct eq_jsonl_reader *r) {
  if (!r) return;
  eq_port_close(r->port, false, NULL);
  eq_buffer_free(&r->text);
  eq_buffer_free(&r->packed);
  msgpack_zone_destroy(&r->zone);
  free(r);
}

/* A number for a double field: also null (NaN) and the strings of infinities. */
static bool number_of(const json_t *v, double *x) {
  if (json_is_number(v))
    *x = json_number_value(v);
  else if (json_is_null(v))
    *x = NAN;
  else if (json_is_string(v) && strcmp(json_string_value(v), "inf") == 0)
    *x = INFINITY;
  else if (json_is_string(v) && strcmp(json_string_value(v), "-inf") == 0)
    *x = -INFINITY;
  else
    return false;
  return true;
}

/* A whole number: some programs write 3 as 3.0. */
static bool whole_of(const json_t *v, uint64_t most, uint64_t *x) {
  double d = json_number_value(v);
  if (json_is_integer(v) && json_integer_value(v) >= 0)
    *x = (uint64_t)json_integer_value(v);
  else if (json_is_real(v) && d >= 0 && d <= 0x1p53 && floor(d) >= d)
    *x = (uint64_t)d;
  else
    return false;
  return *x <= most;
}

/* A JSON array as an ext array; false when an element does not fit. */
static bool pack_numbers(msgpack_packer *p, const json_t *array, enum eq_type type) {
  size_t n = json_array_size(array), width = eq_types[type].width;
  unsigned char *bytes = eq_array(n, width);
  bool ok = bytes && n < EQ_RECORD_MAX / width;
  for (size_t i = 0; ok && i < n; i++) {
    const json_t *v = json_array_get(array, i);
    uint64_t whole;
    double x;
    ok = type == EQ_T_U32S ? whole_of(v, UINT32_MAX, &whole) : number_of(v, &x);
    if (!ok) break;
    if (type == EQ_T_U32S)
      memcpy(bytes + 4 * i, &(uint32_t){ (uint32_t)whole }, 4);
    else if (type == EQ_T_F32S)
      memcpy(bytes + 4 * i, &(float){ (float)x }, 4);
    else
      memcpy(bytes + 8 * i, &x, 8);
  }
  if (ok) {
    msgpack_pack_ext(p, n * width, (int8_t)eq_types[type].ext);
    msgpack_pack_ext_body(p, bytes, n * width);
  }
  free(bytes);
  return ok;
}

static void pack_string(msgpack_packer *p, const char *s, size_t n) {
  msgpack_pack_str(p, n);
  msgpack_pack_str_body(p, s, n);
}

/* A value that no table says anything about. */
static bool pack_value(msgpack_packer *p, json_t *v, int depth) {
  size_t i;
  const char *key;
  json_t *item;
  bool ok = true;
  if (depth > EQ_DEPTH_MAX) return false;
  switch (json_typeof(v)) {
  case JSON_NULL: msgpack_pack_nil(p); break;
  case JSON_TRUE: msgpack_pack_true(p); break;
  case JSON_FALSE: msgpack_pack_false(p); break;
  case JSON_INTEGER: msgpack_pack_int64(p, json_integer_value(v)); break;
  case JSON_REAL: msgpack_pack_double(p, json_real_value(v)); break;
  case JSON_STRING: pack_string(p, json_string_value(v), json_string_length(v)); break;
  case JSON_ARRAY:
    msgpack_pack_array(p, json_array_size(v));
    json_array_foreach(v, i, item) ok = ok && pack_value(p, item, depth + 1);
    break;
  case JSON_OBJECT:
    msgpack_pack_map(p, json_object_size(v));
    json_object_foreach(v, key, item) {
      pack_string(p, key, strlen(key));
      ok = ok && pack_value(p, item, depth + 1);
    }
    break;
  }
  return ok;
}

/* A value of a field: as the table says where it can be, else as it is, and who reads the record will say so. */
static bool pack_field(msgpack_packer *p, json_t *v, const struct eq_field *f) {
  double x;
  uint64_t whole;
  if (f && eq_types[f->type].ext && json_is_array(v)) return pack_numbers(p, v, f->type);
  if (f && f->type == EQ_T_F64 && number_of(v, &x))
    msgpack_pack_double(p, x);
  else if (f && f->type == EQ_T_U64 && whole_of(v, UINT64_MAX, &whole))
    msgpack_pack_uint64(p, whole);
  else
    return pack_value(p, v, 2);
  return true;
}

static bool pack_line(struct eq_jsonl_reader *r, json_t *object, struct eq_err *err) {
  const char *where = eq_port_name(r->port), *key;
  unsigned long long line = r->line;
  json_t *k = json_object_get(object, "k"), *v;
  if (!json_is_string(k))
    return eq_fail(err, EQ_BAD, "%s: line %llu: expected an object with a string \"k\", the record's kind", where,
                   line);
  const struct eq_kind *kind = eq_kind_find((struct eq_str){ json_string_value(k), json_string_length(k) });
  r->packed.size = 0;
  msgpack_pack_map(&r->packer, json_object_size(object));
  json_object_foreach(object, key, v) {
    pack_string(&r->packer, key, strlen(key));
    if (!pack_field(&r->packer, v, eq_kind_field(kind, eq_str(key))))
      return eq_fail(err, EQ_BAD, "%s: line %llu: '%s' does not fit: expected %s of at most 64 MiB, 16 levels deep",
                     where, line, key,
                     eq_kind_field(kind, eq_str(key)) ? eq_types[eq_kind_field(kind, eq_str(key))->type].name
                                                      : "a value");
  }
  const char *reason;
  if (r->packed.failed) return eq_fail_memory(err, r->packed.size, "a record");
  if (!eq_msgpack_size((const unsigned char *)r->packed.data, r->packed.size, &reason))
    return eq_fail(err, EQ_BAD, "%s: line %llu: the record %s", where, line, reason);
  return true;
}

/* The next line, without its break, into *line; false at the end or with err. */
static bool next_line(struct eq_jsonl_reader *r, struct eq_str *line, struct eq_err *err) {
  for (;;) {
    char *from = r->text.data + r->at;
    char *stop =
        r->text.size > r->searched ? memchr(r->text.data + r->searched, '\n', r->text.size - r->searched) : NULL;
    if (!stop && r->ended && r->at < r->text.size) stop = r->text.data + r->text.size;
    if (stop) {
      *line = (struct eq_str){ from, (size_t)(stop - from) };
      r->line++;
      r->at += line->n + 1;
      if (r->at > r->text.size) r->at = r->text.size;
      r->searched = r->at;
      return true;
    }
    if (r->ended) return false;
    size_t left = r->text.size - r->at, sender;
    if (left > EQ_RECORD_MAX)
      return eq_fail(err, EQ_BAD, "%s: line %llu has more than 64 MiB", eq_port_name(r->port),
                     (unsigned long long)r->line + 1);
    if (r->at && left) memmove(r->text.data, from, left);
    r->text.size = r->searched = left;
    r->at = 0;
    struct eq_err failed = { 0 };
    r->ended = !eq_port_read(r->port, &r->text, &sender, &failed);
    if (failed.code) return eq_fail(err, failed.code, "%s", failed.text);
  }
}

bool eq_jsonl_read(struct eq_jsonl_reader *r, struct eq_record *record, struct eq_err *err) {
  struct eq_str line = { 0 };
  do
    if (!next_line(r, &line, err)) return false;
  while (strspn(line.p, " \t\r\n") >= line.n);
  json_error_t wrong;
  json_t *object = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &wrong);
  if (!object)
    return eq_fail(err, EQ_BAD, "%s: line %llu, column %d: %s", eq_port_name(r->port), (unsigned long long)r->line,
                   wrong.column, wrong.text);
  bool ok = pack_line(r, object, err);
  json_decref(object);
  if (!ok) return false;
  size_t off = 0;
  msgpack_zone_clear(&r->zone);
  if (msgpack_unpack(r->packed.data, r->packed.size, &off, &r->zone, &r->object) != MSGPACK_UNPACK_SUCCESS)
    return eq_fail_memory(err, r->packed.size, "a record");
  *record = (struct eq_record){
    .map = &r->object, .raw = { r->packed.data, r->packed.size }, .where = eq_port_name(r->port), .number = r->line
  };
  return eq_record_string(record, "k", &record->kind);
}
