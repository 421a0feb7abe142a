#include "lib/stream/writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define XXH_INLINE_ALL /* the state is then a struct of ours, not an allocation */
#include <xxhash.h>

#include "lib/base/progress.h"
#include "lib/stream/port.h"
#include "lib/stream/reader.h"

enum { BATCH = 64 << 10 }; /* bytes that go out together: one write(2), one ZeroMQ frame */

struct eq_writer {
  struct eq_port *port;   /* NULL: memory */
  struct eq_buffer *out;  /* &batch, or the caller's */
  struct eq_buffer batch; /* not yet written */
  size_t hashed;          /* bytes of *out that the digest knows */
  XXH64_state_t hash;     /* of all bytes before the trailer */
  uint64_t records;       /* without the header */
  double flushed;         /* when the last batch went out */
  bool owes;              /* a mark came since then */
  msgpack_packer packer;  /* packs into *out */
  struct eq_err err;
};

static int append(void *buffer, const char *bytes, size_t n) {
  eq_buffer_add(buffer, bytes, n);
  return 0;
}

static struct eq_writer *writer_new(struct eq_port *port, struct eq_buffer *out, struct eq_err *err) {
  struct eq_writer *w = eq_array(1, sizeof *w);
  if (!w) {
    eq_fail_memory(err, sizeof *w, "a stream");
    return NULL;
  }
  w->port = port;
  w->out = out ? out : &w->batch;
  w->hashed = w->out->size;
  w->flushed = eq_clock();
  XXH64_reset(&w->hash, 0);
  msgpack_packer_init(&w->packer, w->out, append);
  return w;
}

struct eq_writer *eq_writer_open(const char *where, struct eq_err *err) {
  struct eq_port *port = eq_port_output(where, err);
  struct eq_writer *w = port ? writer_new(port, NULL, err) : NULL;
  if (port && !w) eq_port_close(port, false, NULL);
  return w;
}

struct eq_writer *eq_writer_append(int fd, const char *name, struct eq_str there, uint64_t records,
                                   struct eq_err *err) {
  struct eq_port *port = eq_port_opened(fd, name, err);
  struct eq_writer *w = port ? writer_new(port, NULL, err) : NULL;
  if (!port) close(fd);
  if (port && !w) eq_port_close(port, false, NULL);
  if (!w) return NULL;
  XXH64_update(&w->hash, there.p, there.n);
  w->records = records;
  return w;
}

struct eq_writer *eq_writer_memory(struct eq_buffer *out, struct eq_err *err) {
  return writer_new(NULL, out, err);
}

static void digest(struct eq_writer *w) {
  if (w->out->size > w->hashed) XXH64_update(&w->hash, w->out->data + w->hashed, w->out->size - w->hashed);
  w->hashed = w->out->size;
}

/* Hands the batch to the port. The digest must know it. */
static void flush(struct eq_writer *w) {
  if (w->out->failed) eq_fail_memory(&w->err, w->out->size, "a record");
  if (!w->port || w->err.code) return;
  eq_port_write(w->port, w->batch.data, w->batch.size, &w->err);
  w->batch.size = w->hashed = 0;
  w->owes = false;
  w->flushed = eq_clock();
}

/* After each record. A slow stream must not sit in the batch while somebody waits for it, so time counts too. */
static void record_done(struct eq_writer *w) {
  w->records++;
  if (w->out->size - w->hashed < BATCH && (!w->port || eq_clock() - w->flushed < 0.1)) return;
  digest(w);
  flush(w);
}

static void pack_string(msgpack_packer *p, struct eq_str s) {
  char small[32]; /* most strings: the byte that says so and the text in one piece */
  if (s.n < sizeof small) {
    small[0] = (char)(0xa0 | s.n);
    if (s.n) memcpy(small + 1, s.p, s.n);
    append(p->data, small, 1 + s.n);
    return;
  }
  msgpack_pack_str(p, s.n);
  msgpack_pack_str_body(p, s.p, s.n);
}

/* An array's header and what follows it. */
static size_t array_header(struct eq_str array, size_t *count) {
  const unsigned char *b = (const unsigned char *)array.p;
  if (array.n >= 1 && (b[0] & 0xf0) == 0x90) return *count = b[0] & 0x0f, 1;
  if (array.n >= 3 && b[0] == 0xdc) return *count = (size_t)b[1] << 8 | b[2], 3;
  if (array.n >= 5 && b[0] == 0xdd)
    return *count = (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4], 5;
  return *count = 0, array.n;
}

void eq_add_programs(struct eq_buffer *out, struct eq_str chain, const char *name, const char *version,
                     const char *const *argv, size_t argc) {
  msgpack_packer packer, *p = &packer;
  size_t links, skip = array_header(chain, &links);
  msgpack_packer_init(p, out, append);
  msgpack_pack_array(p, links + (name != NULL));
  if (chain.n > skip) eq_buffer_add(out, chain.p + skip, chain.n - skip);
  if (!name) return;
  msgpack_pack_map(p, 3);
  pack_string(p, eq_str("name"));
  pack_string(p, eq_str(name));
  pack_string(p, eq_str("version"));
  pack_string(p, eq_str(version));
  pack_string(p, eq_str("argv"));
  msgpack_pack_array(p, argc);
  for (size_t i = 0; i < argc; i++) { /* a path may be any bytes, a string of the stream is UTF-8 */
    struct eq_buffer text = { 0 };
    eq_buffer_text(&text, argv[i], strlen(argv[i]));
    pack_string(p, (struct eq_str){ text.data ? text.data : "", text.size });
    eq_buffer_free(&text);
  }
}

void eq_write_header(struct eq_writer *w, struct eq_str chain, const char *name, const char *version,
                     const char *const *argv, size_t argc) {
  msgpack_packer *p = &w->packer;
  msgpack_pack_map(p, 2);
  pack_string(p, eq_str("equant"));
  msgpack_pack_int(p, 1);
  pack_string(p, eq_str("prog"));
  eq_add_programs(w->out, chain, name, version, argv, argc);
}

void eq_write(struct eq_writer *w, const struct eq_record *record) {
  w->owes = w->owes || (w->port && eq_record_is(record, &eq_kind_mark));
  eq_write_raw(w, record->raw);
}

void eq_write_maps(struct eq_writer *w, struct eq_str maps, uint64_t n) {
  if (!n) return;
  w->records += n - 1;
  eq_write_raw(w, maps);
}

void eq_writer_drop(struct eq_writer *w, size_t n) {
  digest(w);
  memmove(w->out->data, w->out->data + n, w->out->size - n);
  w->hashed = w->out->size -= n;
}

void eq_writer_flush(struct eq_writer *w) {
  digest(w);
  flush(w);
}

bool eq_writer_owes(const struct eq_writer *w) { return w->owes && !eq_writer_failed(w); }

void eq_write_raw(struct eq_writer *w, struct eq_str map) {
  eq_buffer_add(w->out, map.p, map.n);
  record_done(w);
}

void eq_write_source(struct eq_writer *w, struct eq_str chain) {
  msgpack_pack_map(&w->packer, 2);
  pack_string(&w->packer, eq_str("k"));
  pack_string(&w->packer, eq_str("source"));
  pack_string(&w->packer, eq_str("prog"));
  eq_buffer_add(w->out, chain.p, chain.n);
  record_done(w);
}

/* ---- records of a kind ---- */

static bool is_absent(const struct eq_field *f, const void *field) {
  switch (f->type) {
  case EQ_T_STR: return ((const struct eq_str *)field)->p == NULL;
  case EQ_T_U64: return *(const uint64_t *)field == EQ_ABSENT;
  case EQ_T_F64: return eq_is_absent_f64(*(const double *)field);
  case EQ_T_U32S:
  case EQ_T_F32S:
  case EQ_T_F64S: return ((const struct eq_numbers *)field)->bytes == NULL;
  }
  return true;
}

static void pack_double(msgpack_packer *p, double x) { msgpack_pack_double(p, isnan(x) ? (double)NAN : x); }

static void pack_field(msgpack_packer *p, const struct eq_field *f, const void *field) {
  pack_string(p, (struct eq_str){ f->key, f->key_length });
  if (f->type == EQ_T_STR)
    pack_string(p, *(const struct eq_str *)field);
  else if (f->type == EQ_T_U64)
    msgpack_pack_uint64(p, *(const uint64_t *)field);
  else if (f->type == EQ_T_F64)
    pack_double(p, *(const double *)field);
  else {
    const struct eq_numbers *a = field;
    size_t size = a->n * eq_types[f->type].width;
    msgpack_pack_ext(p, size, (int8_t)eq_types[f->type].ext);
    msgpack_pack_ext_body(p, a->bytes, size);
  }
}

static bool is_carried(const msgpack_object *key, const struct eq_kind *kind, const struct eq_kind *own) {
  struct eq_str k = { key->via.str.ptr, key->via.str.size };
  return !eq_str_is(k, "k") && !eq_kind_field(kind, k) && !eq_kind_field(own, k);
}

/* Copies the carried pairs as they lie in the record's bytes: no number changes its width on the way. */
static void add_carried(struct eq_writer *w, const struct eq_kind *kind, const struct eq_kind *own,
                        const struct eq_record *carry) {
  const unsigned char *b = (const unsigned char *)carry->raw.p;
  const char *reason;
  size_t at = b[0] == 0xdf ? 5 : b[0] == 0xde ? 3 : 1;
  for (uint32_t i = 0; i < carry->map->via.map.size; i++) {
    size_t key = eq_msgpack_size(b + at, carry->raw.n - at, &reason);
    size_t value = eq_msgpack_size(b + at + key, carry->raw.n - at - key, &reason);
    if (is_carried(&carry->map->via.map.ptr[i].key, kind, own)) eq_buffer_add(w->out, b + at, key + value);
    at += key + value;
  }
}

void eq_write_kind(struct eq_writer *w, const struct eq_kind *kind, const void *fields, const struct eq_record *carry) {
  const struct eq_kind *own = carry ? eq_kind_find(carry->kind) : NULL;
  size_t n = 1, carried = 0;
  for (size_t i = 0; i < kind->n_fields; i++)
    n += !is_absent(&kind->fields[i], (const char *)fields + kind->fields[i].offset);
  for (uint32_t i = 0; carry && i < carry->map->via.map.size; i++)
    carried += is_carried(&carry->map->via.map.ptr[i].key, kind, own);
  msgpack_pack_map(&w->packer, n + carried);
  pack_string(&w->packer, eq_str("k"));
  pack_string(&w->packer, eq_str(kind->name));
  for (size_t i = 0; i < kind->n_fields; i++) {
    const void *field = (const char *)fields + kind->fields[i].offset;
    if (!is_absent(&kind->fields[i], field)) pack_field(&w->packer, &kind->fields[i], field);
  }
  if (carried) add_carried(w, kind, own, carry);
  record_done(w);
}

/* ---- the end ---- */

bool eq_writer_failed(const struct eq_writer *w) { return w->err.code || (w->port && eq_port_broken(w->port)); }

bool eq_writer_finish(struct eq_writer *w, enum eq_ending ending, struct eq_err *err) {
  digest(w);
  if (ending == EQ_COMPLETE) {
    msgpack_pack_map(&w->packer, 2);
    pack_string(&w->packer, eq_str("end"));
    msgpack_pack_uint64(&w->packer, w->records);
    pack_string(&w->packer, eq_str("xxh64"));
    msgpack_pack_uint64(&w->packer, XXH64_digest(&w->hash));
  }
  flush(w);
  if (w->port) eq_port_close(w->port, !w->err.code && ending != EQ_FAILED, &w->err);
  bool ok = w->err.code == EQ_OK;
  if (!ok) eq_fail(err, w->err.code, "%s", w->err.text);
  eq_buffer_free(&w->batch);
  free(w);
  return ok;
}
