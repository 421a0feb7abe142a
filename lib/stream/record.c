#include "lib/stream/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/stream/reader.h"

/* A copy's own memory; the record comes first, so that its address is the copy's. */
struct copy {
  struct eq_record record;
  msgpack_object map;
  msgpack_zone *zone;
  char where[64];
  char raw[];
};

struct eq_record *eq_record_copy(const struct eq_record *r) {
  struct copy *c = malloc(sizeof *c + r->raw.n);
  msgpack_zone *zone = c ? msgpack_zone_new(256) : NULL;
  size_t off = 0;
  if (!zone || (memcpy(c->raw, r->raw.p, r->raw.n), msgpack_unpack(c->raw, r->raw.n, &off, zone, &c->map) < 0)) {
    if (zone) msgpack_zone_free(zone);
    free(c);
    return NULL;
  }
  c->zone = zone;
  snprintf(c->where, sizeof c->where, "%s", r->where);
  struct eq_str raw = { c->raw, r->raw.n };
  c->record = (struct eq_record){ { NULL, 0 }, &c->map, raw, c->where, r->number };
  eq_record_string(&c->record, "k", &c->record.kind);
  return &c->record;
}

void eq_record_free(struct eq_record *r) {
  struct copy *c = (struct copy *)r;
  if (!c) return;
  msgpack_zone_free(c->zone);
  free(c);
}

bool eq_record_is(const struct eq_record *r, const struct eq_kind *kind) { return eq_str_is(r->kind, kind->name); }

static struct eq_str string_of(const msgpack_object *o) {
  /* msgpack-c leaves the pointer of an empty string undefined */
  return o->via.str.size ? (struct eq_str){ o->via.str.ptr, o->via.str.size } : (struct eq_str){ "", 0 };
}

const msgpack_object *eq_record_find(const struct eq_record *r, const char *key) {
  struct eq_str wanted = eq_str(key);
  for (uint32_t i = 0; i < r->map->via.map.size; i++)
    if (eq_str_equal(string_of(&r->map->via.map.ptr[i].key), wanted)) return &r->map->via.map.ptr[i].val;
  return NULL;
}

struct eq_str eq_record_bytes(const struct eq_record *r, const char *key) {
  const unsigned char *b = (const unsigned char *)r->raw.p;
  const char *reason;
  size_t at = b[0] == 0xdf ? 5 : b[0] == 0xde ? 3 : 1;
  for (uint32_t i = 0; i < r->map->via.map.size; i++) {
    size_t n_key = eq_msgpack_size(b + at, r->raw.n - at, &reason);
    size_t n = eq_msgpack_size(b + at + n_key, r->raw.n - at - n_key, &reason);
    if (eq_str_is(string_of(&r->map->via.map.ptr[i].key), key))
      return (struct eq_str){ (const char *)b + at + n_key, n };
    at += n_key + n;
  }
  return (struct eq_str){ "", 0 };
}

bool eq_record_string(const struct eq_record *r, const char *key, struct eq_str *value) {
  const msgpack_object *o = eq_record_find(r, key);
  if (!o || o->type != MSGPACK_OBJECT_STR) return false;
  *value = string_of(o);
  return true;
}

bool eq_record_unit_hash(const struct eq_record *r, uint64_t *hash) {
  struct eq_str lang, id;
  if (!eq_record_string(r, "lang", &lang) || !eq_record_string(r, "id", &id)) return false;
  *hash = XXH64(id.p, id.n, XXH64(lang.p, lang.n, 0)); /* chained through the seed, so "a","bc" is not "ab","c" */
  return true;
}

/* What was found where a field of type f was expected. */
static const char *object_name(const msgpack_object *o, const struct eq_field *f) {
  static const char *const names[] = {
    [MSGPACK_OBJECT_NIL] = "is nil",
    [MSGPACK_OBJECT_BOOLEAN] = "is a boolean",
    [MSGPACK_OBJECT_ARRAY] = "is an array",
    [MSGPACK_OBJECT_POSITIVE_INTEGER] = "is an integer",
    [MSGPACK_OBJECT_NEGATIVE_INTEGER] = "is a negative integer",
    [MSGPACK_OBJECT_STR] = "is a string",
    [MSGPACK_OBJECT_FLOAT32] = "is a float",
    [MSGPACK_OBJECT_FLOAT64] = "is a float",
    [MSGPACK_OBJECT_EXT] = "is another ext type",
    [MSGPACK_OBJECT_MAP] = "is a map",
    [MSGPACK_OBJECT_BIN] = "is binary",
  };
  if (o->type == MSGPACK_OBJECT_EXT && o->via.ext.type == eq_types[f->type].ext)
    return "is an array of numbers cut short";
  return (size_t)o->type < sizeof names / sizeof *names && names[o->type] ? names[o->type] : "is of another type";
}

static bool wrong(const struct eq_record *r, const char *key, const char *found, const char *expected,
                  struct eq_err *err) {
  return eq_fail(err, EQ_BAD, "%s: record %llu (%.*s): '%s' %s, expected %s", r->where, (unsigned long long)r->number,
                 EQ_STR(r->kind), key, found, expected);
}

/* Stores one value in its field of the struct; false when it has another type. */
static bool store(const msgpack_object *o, const struct eq_field *f, void *field) {
  switch (f->type) {
  case EQ_T_STR:
    if (o->type != MSGPACK_OBJECT_STR) return false;
    *(struct eq_str *)field = string_of(o);
    return true;
  case EQ_T_U64:
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER) return false;
    *(uint64_t *)field = o->via.u64;
    return true;
  case EQ_T_F64:
    if (o->type == MSGPACK_OBJECT_FLOAT64 || o->type == MSGPACK_OBJECT_FLOAT32)
      *(double *)field = o->via.f64;
    else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
      *(double *)field = (double)o->via.u64;
    else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
      *(double *)field = (double)o->via.i64;
    else
      return false;
    return true;
  case EQ_T_U32S:
  case EQ_T_F32S:
  case EQ_T_F64S:
    if (o->type != MSGPACK_OBJECT_EXT || o->via.ext.type != eq_types[f->type].ext) return false;
    *(struct eq_numbers *)field =
        (struct eq_numbers){ (const unsigned char *)o->via.ext.ptr, o->via.ext.size / eq_types[f->type].width };
    return o->via.ext.size % eq_types[f->type].width == 0;
  }
  return false;
}

static void store_absent(const struct eq_field *f, void *field) {
  if (f->type == EQ_T_U64)
    *(uint64_t *)field = EQ_ABSENT;
  else if (f->type == EQ_T_F64)
    *(double *)field = eq_absent_f64();
}

bool eq_record_get(const struct eq_record *r, const struct eq_kind *kind, void *out, struct eq_err *err) {
  uint64_t seen = 0;
  size_t next = 0; /* our own writers keep the table's order, so the next field is mostly the right one */
  memset(out, 0, kind->size);
  for (size_t i = 0; i < kind->n_fields; i++) store_absent(&kind->fields[i], (char *)out + kind->fields[i].offset);
  for (uint32_t i = 0; i < r->map->via.map.size; i++) {
    const msgpack_object_kv *pair = &r->map->via.map.ptr[i];
    struct eq_str key = string_of(&pair->key);
    if (key.n == 1 && key.p[0] == 'k') continue;
    const struct eq_field *f =
        next < kind->n_fields && eq_field_is(&kind->fields[next], key) ? &kind->fields[next] : eq_kind_field(kind, key);
    if (!f) continue;
    size_t at = (size_t)(f - kind->fields);
    next = at + 1;
    if (seen >> at & 1) return wrong(r, f->key, "occurs twice", "once", err);
    if (pair->val.type == MSGPACK_OBJECT_NIL && !eq_field_is_required(f)) continue; /* what jq makes of "nothing" */
    if (!store(&pair->val, f, (char *)out + f->offset))
      return wrong(r, f->key, object_name(&pair->val, f), eq_types[f->type].name, err);
    seen |= 1ull << at;
  }
  for (size_t i = 0; i < kind->n_fields; i++)
    if (eq_field_is_required(&kind->fields[i]) && !(seen >> i & 1))
      return wrong(r, kind->fields[i].key, "is missing", eq_types[kind->fields[i].type].name, err);
  return true;
}
