#include "lib/stream/work.h"

#include <string.h>

#include "lib/stream/reader.h"

enum { HEAD = 16, UNIT_HEAD = 16 };
static const char MAGIC[4] = { 'E', 'Q', 'W', '1' };

/* What stands behind a message's head. To add a type: a value in work.h and a row here. */
static const struct {
  const char *name;
  enum { NOTHING, TEXT, PROG, CREDIT_PROG, UNITS } body;
} types[] = {
  [EQ_WORK_JOIN] = { "JOIN", NOTHING },     [EQ_WORK_HELLO] = { "HELLO", CREDIT_PROG },
  [EQ_WORK_RESULTS] = { "RESULTS", UNITS }, [EQ_WORK_BEAT] = { "BEAT", NOTHING },
  [EQ_WORK_LEAVE] = { "LEAVE", TEXT },      [EQ_WORK_HEADER] = { "HEADER", PROG },
  [EQ_WORK_UNITS] = { "UNITS", UNITS },     [EQ_WORK_WHO] = { "WHO", NOTHING },
  [EQ_WORK_END] = { "END", NOTHING },       [EQ_WORK_REFUSE] = { "REFUSE", TEXT },
};

const char *eq_work_name(enum eq_work_type type) { return types[type].name; }

static uint64_t number_at(const char *bytes, size_t n) {
  uint64_t v = 0;
  memcpy(&v, bytes, n); /* little-endian, as the host is: schema.c asserts that */
  return v;
}

static void add_number(struct eq_buffer *b, uint64_t v, size_t n) { eq_buffer_add(b, &v, n); }

/* ---- reading ---- */

/* Whether `s` is exactly one msgpack object that begins with one of those bytes: a small, a 16- or a 32-bit one. */
static bool is_one(struct eq_str s, unsigned char small, unsigned char two, unsigned char four) {
  const char *reason;
  unsigned char c = s.n ? (unsigned char)s.p[0] : 0;
  return s.n && ((c & 0xf0) == small || c == two || c == four) &&
         eq_msgpack_size((const unsigned char *)s.p, s.n, &reason) == s.n;
}

/* Takes the first object of `s`, which is whole. */
static struct eq_str take_object(struct eq_str *s) {
  const char *reason;
  struct eq_str object = { s->p, eq_msgpack_size((const unsigned char *)s->p, s->n, &reason) };
  *s = (struct eq_str){ s->p + object.n, s->n - object.n };
  return object;
}

/* What a msgpack string says; an empty one for anything else. */
static struct eq_str string_of(struct eq_str object) {
  unsigned char c = (unsigned char)object.p[0];
  size_t head = (c & 0xe0) == 0xa0 ? 1 : c == 0xd9 ? 2 : c == 0xda ? 3 : c == 0xdb ? 5 : object.n;
  return (struct eq_str){ object.p + head, object.n - head };
}

/* Whether a whole map has a kind, without which no reader takes it, and is no mark, which would split a stream. */
static bool has_kind(struct eq_str map) {
  unsigned char c = (unsigned char)map.p[0];
  size_t head = c == 0xde ? 3 : c == 0xdf ? 5 : 1;
  for (struct eq_str s = { map.p + head, map.n - head }; s.n;) {
    struct eq_str key = take_object(&s), value = take_object(&s);
    if (!eq_str_equal(string_of(key), (struct eq_str){ "k", 1 })) continue;
    struct eq_str kind = string_of(value);
    return (kind.n || value.p[0] == (char)0xa0) && !eq_str_equal(kind, (struct eq_str){ "mark", 4 });
  }
  return false;
}

static bool are_records(struct eq_str s, uint32_t n) {
  const char *reason;
  for (; n && s.n; n--) {
    size_t size = eq_msgpack_size((const unsigned char *)s.p, s.n, &reason);
    if (!is_one((struct eq_str){ s.p, size }, 0x80, 0xde, 0xdf) || !has_kind((struct eq_str){ s.p, size }))
      return false;
    s = (struct eq_str){ s.p + size, s.n - size };
  }
  return n == 0 && s.n == 0;
}

bool eq_work_next(struct eq_work *m, struct eq_work_unit *u) {
  struct eq_str *s = &m->units;
  if (s->n < UNIT_HEAD) return false;
  size_t n = number_at(s->p + 12, 4);
  if (n > s->n - UNIT_HEAD) return false;
  *u = (struct eq_work_unit){ number_at(s->p, 8), (uint32_t)number_at(s->p + 8, 4), { s->p + UNIT_HEAD, n } };
  *s = (struct eq_str){ s->p + UNIT_HEAD + n, s->n - UNIT_HEAD - n };
  return true;
}

static bool check_units(struct eq_work m, const char **reason) {
  struct eq_work_unit u;
  if (!m.units.n) return *reason = "has no units", false;
  while (eq_work_next(&m, &u))
    if (!are_records(u.records, u.n)) return *reason = "has a unit that is not the records it says", false;
  if (m.units.n) return *reason = "ends within a unit", false;
  return true;
}

bool eq_work_read(struct eq_work *m, const void *bytes, size_t n, const char **reason) {
  const char *b = bytes;
  *m = (struct eq_work){ .type = 0 };
  if (n < HEAD || memcmp(b, MAGIC, sizeof MAGIC) != 0) return *reason = "is none of a hub and its workers", false;
  uint64_t type = number_at(b + 4, 4);
  if (type >= sizeof types / sizeof *types || !types[type].name) return *reason = "has an unknown type", false;
  m->type = (enum eq_work_type)type;
  m->session = number_at(b + 8, 8);
  struct eq_str body = { b + HEAD, n - HEAD };
  switch (types[type].body) {
  case NOTHING: return body.n == 0 || (*reason = "has bytes behind its end", false);
  case TEXT: m->text = body; return true;
  case UNITS: m->units = body; return check_units(*m, reason);
  case CREDIT_PROG:
    if (body.n < 4 || !(m->credit = (uint32_t)number_at(body.p, 4))) return *reason = "gives no credit", false;
    body = (struct eq_str){ body.p + 4, body.n - 4 };
    break;
  case PROG: break;
  }
  m->text = body;
  return is_one(body, 0x90, 0xdc, 0xdd) || (*reason = "does not name its programs", false);
}

/* ---- writing ---- */

void eq_work_begin(struct eq_buffer *b, enum eq_work_type type, uint64_t session) {
  b->size = 0;
  eq_buffer_add(b, MAGIC, sizeof MAGIC);
  add_number(b, type, 4);
  add_number(b, session, 8);
}

void eq_work_add_unit(struct eq_buffer *b, const struct eq_work_unit *u) {
  add_number(b, u->number, 8);
  add_number(b, u->n, 4);
  add_number(b, u->records.n, 4);
  eq_buffer_add(b, u->records.p, u->records.n);
}

void eq_work_hello(struct eq_buffer *b, uint64_t session, uint32_t credit, struct eq_str prog) {
  eq_work_begin(b, EQ_WORK_HELLO, session);
  add_number(b, credit, 4);
  eq_buffer_add(b, prog.p, prog.n);
}

void eq_work_text(struct eq_buffer *b, enum eq_work_type type, uint64_t session, struct eq_str text) {
  eq_work_begin(b, type, session);
  eq_buffer_add(b, text.p, text.n);
}
