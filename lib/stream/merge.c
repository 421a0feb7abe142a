#include "lib/stream/merge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A piece of a buffer. */
struct span {
  size_t at, n;
};

struct item {
  struct span key, raw;
  uint64_t number; /* in the order in which records came, from 1 */
};

struct list {
  struct item *items;
  size_t n, capacity;
};

struct eq_merge {
  struct eq_buffer keys, raws; /* of all records; of chains too, whose bytes are their keys */
  struct list records, chains;
  uint64_t came, repeated; /* came: records, chains not counted */
};

struct eq_merge *eq_merge_new(struct eq_err *err) {
  struct eq_merge *m = eq_array(1, sizeof *m);
  if (!m) eq_fail_memory(err, sizeof *m, "a merge");
  return m;
}

void eq_merge_free(struct eq_merge *m) {
  if (!m) return;
  eq_buffer_free(&m->keys);
  eq_buffer_free(&m->raws);
  free(m->records.items);
  free(m->chains.items);
  free(m);
}

/* ---- keys: bytes whose order is that of the records ---- */

/* A string ends in 0 0, and a 0 in it becomes 0 1: so a prefix comes first, whatever follows. Absent is before "". */
static void key_string(struct eq_buffer *key, struct eq_str s) {
  eq_buffer_add(key, "\1", 1);
  for (size_t i = 0; i < s.n; i++) eq_buffer_add(key, s.p[i] ? &s.p[i] : "\0\1", s.p[i] ? 1 : 2);
  eq_buffer_add(key, "\0", 2);
}

static void key_number(struct eq_buffer *key, uint64_t v) {
  char bytes[9] = { 1 };
  for (int i = 0; i < 8; i++) bytes[1 + i] = (char)(v >> (56 - 8 * i));
  eq_buffer_add(key, bytes, sizeof bytes);
}

static bool key_field(struct eq_buffer *key, const struct eq_record *r, const struct eq_field *f, struct eq_err *err) {
  const msgpack_object *o = eq_record_find(r, f->key);
  if ((!o || o->type == MSGPACK_OBJECT_NIL) && !eq_field_is_required(f)) /* nil: what jq makes of "nothing" */
    eq_buffer_add(key, "\0", 1);
  else if (o && f->type == EQ_T_STR && o->type == MSGPACK_OBJECT_STR)
    key_string(key, (struct eq_str){ o->via.str.size ? o->via.str.ptr : "", o->via.str.size });
  else if (o && f->type == EQ_T_U64 && o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
    key_number(key, o->via.u64);
  else
    return eq_fail(err, EQ_BAD, "%s: record %llu (%.*s): '%s' %s, expected %s", r->where, (unsigned long long)r->number,
                   EQ_STR(r->kind), f->key, o ? "is something else" : "is missing", eq_types[f->type].name);
  return true;
}

/* The kind's place in eq_kinds, then its keys. */
static bool key_of(struct eq_buffer *key, const struct eq_record *r, struct eq_err *err) {
  const struct eq_kind *kind = eq_kind_find(r->kind);
  unsigned char place = 0;
  while (eq_kinds[place] && eq_kinds[place] != kind) place++;
  eq_buffer_add(key, &place, 1);
  if (!kind) {
    key_string(key, r->kind);
    eq_buffer_add(key, r->raw.p, r->raw.n);
  }
  for (size_t i = 0; kind && i < kind->n_fields; i++)
    if (eq_field_is_key(&kind->fields[i]) && !key_field(key, r, &kind->fields[i], err)) return false;
  return true;
}

/* ---- collecting ---- */

static bool add_item(struct eq_merge *m, struct list *list, size_t key, struct eq_str raw, struct eq_err *err) {
  struct item *items = eq_array_grow(list->items, list->n, &list->capacity, sizeof *items);
  if (items) list->items = items;
  struct item item = { { key, m->keys.size - key }, { m->raws.size, raw.n }, list == &m->records ? ++m->came : 0 };
  eq_buffer_add(&m->raws, raw.p, raw.n);
  if (!items || m->keys.failed || m->raws.failed) return eq_fail_memory(err, m->raws.size, "the records of a merge");
  items[list->n++] = item;
  return true;
}

bool eq_merge_add_chain(struct eq_merge *m, struct eq_str chain, struct eq_err *err) {
  size_t key = m->keys.size;
  eq_buffer_add(&m->keys, chain.p, chain.n);
  return add_item(m, &m->chains, key, chain, err);
}

bool eq_merge_add(struct eq_merge *m, const struct eq_record *r, struct eq_err *err) {
  size_t key = m->keys.size;
  if (eq_record_is(r, &eq_kind_source)) {
    struct eq_str chain = eq_record_bytes(r, "prog");
    return eq_merge_add_chain(m, chain.n ? chain : (struct eq_str){ "\x90", 1 }, err);
  }
  return key_of(&m->keys, r, err) && add_item(m, &m->records, key, r->raw, err);
}

/* ---- sorting ---- */

static struct eq_str piece(const struct eq_buffer *b, struct span s) { return (struct eq_str){ b->data + s.at, s.n }; }

static int compare(const void *a, const void *b, void *merge) {
  const struct eq_merge *m = merge;
  const struct item *p = a, *q = b;
  int order = eq_str_compare(piece(&m->keys, p->key), piece(&m->keys, q->key));
  if (order == 0) order = eq_str_compare(piece(&m->raws, p->raw), piece(&m->raws, q->raw));
  return order ? order : (p->number > q->number) - (p->number < q->number);
}

/* A record's own words, for a message: the values of its keys. */
static void describe(const msgpack_object_map *map, struct eq_buffer *text) {
  const struct eq_kind *kind = NULL;
  for (uint32_t i = 0; i < map->size; i++) {
    const msgpack_object *key = &map->ptr[i].key, *value = &map->ptr[i].val;
    struct eq_str name = { key->via.str.ptr, key->via.str.size };
    if (eq_str_is(name, "k")) kind = eq_kind_find((struct eq_str){ value->via.str.ptr, value->via.str.size });
    const struct eq_field *f = kind ? eq_kind_field(kind, name) : NULL;
    if (!eq_str_is(name, "k") && (!f || !eq_field_is_key(f))) continue;
    if (value->type == MSGPACK_OBJECT_STR)
      eq_buffer_format(text, " %.*s", (int)value->via.str.size, value->via.str.ptr);
    else
      eq_buffer_format(text, " %llu", (unsigned long long)value->via.u64);
  }
}

/* Two NaNs say the same. */
static bool same_value(const msgpack_object *a, const msgpack_object *b) {
  bool floats = a->type == MSGPACK_OBJECT_FLOAT64 && b->type == MSGPACK_OBJECT_FLOAT64;
  return (floats && isnan(a->via.f64) && isnan(b->via.f64)) || msgpack_object_equal(*a, *b);
}

/* The first key of a that b has not, or has otherwise; "" when there is none. */
static struct eq_str first_difference(const msgpack_object_map *a, const msgpack_object_map *b) {
  for (uint32_t i = 0; i < a->size; i++) {
    bool same = false;
    for (uint32_t j = 0; j < b->size && !same; j++)
      same = msgpack_object_equal(a->ptr[i].key, b->ptr[j].key) && same_value(&a->ptr[i].val, &b->ptr[j].val);
    if (!same) return (struct eq_str){ a->ptr[i].key.via.str.ptr, a->ptr[i].key.via.str.size };
  }
  return eq_str("");
}

static bool conflict(const struct eq_merge *m, const struct item *a, const struct item *b, struct eq_err *err) {
  msgpack_unpacked p, q;
  struct eq_str x = piece(&m->raws, a->raw), y = piece(&m->raws, b->raw);
  struct eq_buffer text = { 0 };
  msgpack_unpacked_init(&p);
  msgpack_unpacked_init(&q);
  bool there = msgpack_unpack_next(&p, x.p, x.n, NULL) == MSGPACK_UNPACK_SUCCESS &&
               msgpack_unpack_next(&q, y.p, y.n, NULL) == MSGPACK_UNPACK_SUCCESS;
  struct eq_str key = there ? first_difference(&p.data.via.map, &q.data.via.map) : eq_str("");
  if (there && !key.n) key = first_difference(&q.data.via.map, &p.data.via.map);
  if (there) describe(&p.data.via.map, &text);
  uint64_t first = a->number < b->number ? a->number : b->number, second = a->number + b->number - first;
  eq_fail(err, EQ_DATA,
          "records %llu and %llu are of the same thing and differ in '%.*s':%s (were both made with the same model, "
          "settings and version?)",
          (unsigned long long)first, (unsigned long long)second, EQ_STR(key), text.data ? text.data : "");
  eq_buffer_free(&text);
  msgpack_unpacked_destroy(&p);
  msgpack_unpacked_destroy(&q);
  return false;
}

/* Sorts and keeps each once; what has the same key and other bytes is a conflict. */
static bool close_list(struct eq_merge *m, struct list *list, uint64_t *repeated, struct eq_err *err) {
  size_t kept = 0;
  if (list->n) qsort_r(list->items, list->n, sizeof *list->items, compare, m);
  for (size_t i = 0; i < list->n; i++) {
    const struct item *last = kept ? &list->items[kept - 1] : NULL, *item = &list->items[i];
    if (last && eq_str_equal(piece(&m->keys, last->key), piece(&m->keys, item->key))) {
      if (!eq_str_equal(piece(&m->raws, last->raw), piece(&m->raws, item->raw))) return conflict(m, last, item, err);
      ++*repeated;
    } else
      list->items[kept++] = *item;
  }
  list->n = kept;
  return true;
}

bool eq_merge_close(struct eq_merge *m, struct eq_err *err) {
  uint64_t ignored = 0;
  return close_list(m, &m->chains, &ignored, err) && close_list(m, &m->records, &m->repeated, err);
}

size_t eq_merge_count(const struct eq_merge *m) { return m->records.n; }
struct eq_str eq_merge_record(const struct eq_merge *m, size_t i) {
  return piece(&m->raws, m->records.items[i].raw);
}
uint64_t eq_merge_repeated(const struct eq_merge *m) { return m->repeated; }
size_t eq_merge_chains(const struct eq_merge *m) { return m->chains.n; }
struct eq_str eq_merge_chain(const struct eq_merge *m, size_t i) {
  return piece(&m->raws, m->chains.items[i].raw);
}
