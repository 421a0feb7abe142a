#include "lib/stream/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL /* the state is then a struct of ours, not an allocation */
#include <xxhash.h>

#include "lib/stream/port.h"

enum {
  VALUES_MAX = 1 << 20, /* in one object: an msgpack_object takes 24 bytes, however few the value took */
};

/* ---- one object's size, before msgpack-c sees it ---- */

/* What the first byte of a value says: its fixed bytes, and how the rest is counted. */
struct shape {
  size_t head;    /* bytes before a body or items */
  size_t body;    /* bytes that follow */
  uint64_t items; /* values that follow: twice the pairs of a map */
};

static uint64_t big_endian(const unsigned char *b, size_t n) {
  uint64_t v = 0;
  for (size_t i = 0; i < n; i++) v = v << 8 | b[i];
  return v;
}

/* 0xc0-0xdf: bytes of the header, of which the last `length` (after the type byte) are a length; `fixed` bytes follow
 * in any case; `item` values for each unit of the length, or bytes when 0. Row 1 (0xc1) is no msgpack. */
static const struct {
  unsigned char head, length, fixed, item;
} variable[32] = {
  { 1, 0, 0, 0 },  { 0, 0, 0, 0 }, { 1, 0, 0, 0 }, { 1, 0, 0, 0 }, /* nil, none, false, true */
  { 2, 1, 0, 0 },  { 3, 2, 0, 0 }, { 5, 4, 0, 0 },                 /* bin */
  { 2, 1, 1, 0 },  { 3, 2, 1, 0 }, { 5, 4, 1, 0 },                 /* ext: a type byte more */
  { 1, 0, 4, 0 },  { 1, 0, 8, 0 },                                 /* floats */
  { 1, 0, 1, 0 },  { 1, 0, 2, 0 }, { 1, 0, 4, 0 }, { 1, 0, 8, 0 }, /* unsigned */
  { 1, 0, 1, 0 },  { 1, 0, 2, 0 }, { 1, 0, 4, 0 }, { 1, 0, 8, 0 }, /* signed */
  { 1, 0, 2, 0 },  { 1, 0, 3, 0 }, { 1, 0, 5, 0 }, { 1, 0, 9, 0 }, /* fixext 1, 2, 4, 8 */
  { 1, 0, 17, 0 },                                                 /* fixext 16 */
  { 2, 1, 0, 0 },  { 3, 2, 0, 0 }, { 5, 4, 0, 0 },                 /* str */
  { 3, 2, 0, 1 },  { 5, 4, 0, 1 },                                 /* array */
  { 3, 2, 0, 2 },  { 5, 4, 0, 2 },                                 /* map */
};

/* The shape of the value at b[0..n), n > 0; head is more than n when bytes are missing, 0 when it is no msgpack. */
static struct shape shape_of(const unsigned char *b, size_t n) {
  unsigned char c = b[0];
  if (c < 0x80 || c >= 0xe0) return (struct shape){ 1, 0, 0 };
  if (c < 0x90) return (struct shape){ 1, 0, 2u * (c & 0x0f) };
  if (c < 0xa0) return (struct shape){ 1, 0, c & 0x0f };
  if (c < 0xc0) return (struct shape){ 1, c & 0x1f, 0 };
  size_t head = variable[c & 0x1f].head, length = variable[c & 0x1f].length, item = variable[c & 0x1f].item;
  if (n < head || head == 0) return (struct shape){ head, 0, 0 };
  uint64_t count = big_endian(b + 1, length);
  return item ? (struct shape){ head, 0, item * count }
              : (struct shape){ head, variable[c & 0x1f].fixed + (size_t)count, 0 };
}

/* As eq_msgpack_size; *least is the size that the object has at least, so that a caller who waits for more bytes need
 * not look again before they are there. */
static size_t scan(const unsigned char *b, size_t n, size_t *least, const char **reason) {
  uint64_t open[EQ_DEPTH_MAX + 1] = { 1 }; /* values still to come at each depth */
  uint64_t waiting = 1, values = 1;        /* still to come at all depths; seen or promised in all */
  size_t depth = 0, at = 0;
  *reason = NULL;
  while (waiting) {
    *least = at + (size_t)waiting;
    if (*least > EQ_RECORD_MAX) return *reason = "has more than 64 MiB", 0;
    if (at >= n) return 0;
    struct shape s = shape_of(b + at, n - at);
    if (s.head == 0) return *reason = "holds the byte 0xc1, which is not MessagePack", 0;
    at += s.head + s.body;
    values += s.items;
    if (values > VALUES_MAX) return *reason = "has more than 1,048,576 values (numbers belong in ext arrays)", 0;
    waiting = waiting - 1 + s.items;
    open[depth]--;
    if (s.items) {
      if (depth == EQ_DEPTH_MAX) return *reason = "is nested more than 16 deep", 0;
      open[++depth] = s.items;
    }
    while (depth && open[depth] == 0) depth--;
  }
  *least = at;
  if (at > EQ_RECORD_MAX) *reason = "has more than 64 MiB";
  return at > n || *reason ? 0 : at;
}

size_t eq_msgpack_size(const unsigned char *bytes, size_t n, const char **reason) {
  size_t least;
  return scan(bytes, n, &least, reason);
}

/* ---- the stream ---- */

/* What one sender sends: header, records, trailer, perhaps several times. A file or a pipe is one sender. */
struct sender {
  bool open, complete; /* between a header and its trailer; behind a trailer */
  uint64_t records;    /* since the header */
  XXH64_state_t hash;  /* of the bytes since the header began */
};

struct eq_reader {
  struct eq_port *port; /* NULL: memory */
  char *name;
  struct eq_buffer buffer;   /* what the port gave */
  const unsigned char *data; /* the buffer's bytes, or the caller's */
  size_t size, at, hashed;   /* bytes of data there, handed on, known to the digest */
  size_t least;              /* the object at `at` has at least so many bytes */
  uint64_t before, records;  /* bytes before data; records handed on */
  struct sender *senders;
  size_t n_senders, now;                 /* whose bytes data holds */
  bool begun, done;                      /* a header came; nothing more will */
  bool hasty, waits;                     /* does not wait for the port; would have to */
  struct eq_buffer first, chain, source; /* "prog" of the first header and of the last; a source record */
  msgpack_zone zone;
  msgpack_object object;
  struct eq_err err;
};

static struct eq_reader *reader_new(struct eq_port *port, const char *name, struct eq_err *err) {
  struct eq_reader *r = eq_array(1, sizeof *r);
  if (r) {
    r->n_senders = port ? eq_port_senders(port) : 1;
    r->senders = eq_array(r->n_senders, sizeof *r->senders);
    r->name = eq_copy_string(name, strlen(name));
    if (r->senders && r->name && msgpack_zone_init(&r->zone, MSGPACK_ZONE_CHUNK_SIZE)) {
      r->port = port;
      return r;
    }
    free(r->senders);
    free(r->name);
    free(r);
  }
  if (port) eq_port_close(port, false, NULL);
  eq_fail_memory(err, sizeof *r, "a stream");
  return NULL;
}

struct eq_reader *eq_reader_open(const char *where, struct eq_err *err) {
  struct eq_port *port = eq_port_input(where, err);
  return port ? reader_new(port, eq_port_name(port), err) : NULL;
}

struct eq_reader *eq_reader_descriptor(int fd, const char *name, struct eq_err *err) {
  struct eq_port *port = eq_port_descriptor(fd, name, err);
  return port ? reader_new(port, name, err) : NULL;
}

struct eq_reader *eq_reader_memory(const void *bytes, size_t n, const char *name, struct eq_err *err) {
  struct eq_reader *r = reader_new(NULL, name, err);
  if (r) r->data = bytes, r->size = n;
  return r;
}

void eq_reader_free(struct eq_reader *r) {
  if (!r) return;
  if (r->port) eq_port_close(r->port, false, NULL);
  msgpack_zone_destroy(&r->zone);
  eq_buffer_free(&r->buffer);
  eq_buffer_free(&r->first);
  eq_buffer_free(&r->chain);
  eq_buffer_free(&r->source);
  free(r->senders);
  free(r->name);
  free(r);
}

const struct eq_err *eq_reader_error(const struct eq_reader *r) { return &r->err; }

struct eq_str eq_reader_chain(const struct eq_reader *r) {
  return (struct eq_str){ r->first.data, r->first.size };
}

/* n with a comma between thousands. */
static const char *grouped(uint64_t n, char text[32]) {
  char *p = text + 31;
  *p = 0;
  for (int digits = 0; n || digits == 0; n /= 10, digits++) {
    if (digits && digits % 3 == 0) *--p = ',';
    *--p = (char)('0' + n % 10);
  }
  return p;
}

static bool malformed(struct eq_reader *r, const char *reason) {
  char number[32], byte[32];
  if (!r->begun)
    return eq_fail(&r->err, EQ_BAD,
                   "%s: is not an equant stream: the first object %s, expected a header {\"equant\": 1, ...} "
                   "(eq-show --from jsonl reads JSON lines)",
                   r->name, reason);
  return eq_fail(&r->err, EQ_BAD, "%s: record %s (byte %s) %s", r->name, grouped(r->records + 1, number),
                 grouped(r->before + r->at, byte), reason);
}

static bool truncated(struct eq_reader *r, size_t n_open) {
  char number[32], of[64] = "";
  if (r->n_senders > 1) snprintf(of, sizeof of, " (%zu of %zu senders)", n_open, r->n_senders);
  return eq_fail(&r->err, EQ_DATA,
                 "%s: stream ends after %s record%s without its trailer%s: the program before it stopped early (what "
                 "came is processed)",
                 r->name, grouped(r->records, number), r->records == 1 ? "" : "s", of);
}

/* The digest of the sender whose turn it is learns what was handed on. */
static void digest(struct eq_reader *r, size_t until) {
  if (until > r->hashed) XXH64_update(&r->senders[r->now].hash, r->data + r->hashed, until - r->hashed);
  r->hashed = until;
}

/* More bytes behind those that are there. False at the end or after an error. */
static bool fill(struct eq_reader *r) {
  if (!r->port) return false;
  digest(r, r->at);
  size_t left = r->size - r->at, sender;
  if (left && r->at) memmove(r->buffer.data, r->buffer.data + r->at, left);
  r->buffer.size = left;
  r->before += r->at;
  r->at = r->hashed = 0;
  bool more = eq_port_read(r->port, &r->buffer, &sender, &r->err);
  r->data = (const unsigned char *)r->buffer.data;
  r->size = r->buffer.size;
  if (more && sender != r->now && left) return malformed(r, "is not whole in its frame");
  if (more) r->now = sender;
  return more;
}

/* The size of the next object, all of whose bytes are there; 0 at the end or after an error. */
static size_t next_object(struct eq_reader *r) {
  for (;;) {
    size_t have = r->size - r->at;
    if (have && have >= r->least) {
      const char *reason;
      size_t n = scan(r->data + r->at, have, &r->least, &reason);
      if (n) return n;
      if (reason) return malformed(r, reason);
    }
    r->waits = r->hasty && r->port && !eq_port_ready(r->port);
    if (r->waits || !fill(r)) return 0;
  }
}

bool eq_reader_idle(struct eq_reader *r) {
  size_t have = r->size - r->at;
  const char *reason;
  if (r->done || !r->port) return false;
  if (have && have >= r->least && (scan(r->data + r->at, have, &r->least, &reason) || reason)) return false;
  return !eq_port_ready(r->port);
}

static bool unpack(struct eq_reader *r, const void *bytes, size_t n) {
  size_t off = 0;
  msgpack_zone_clear(&r->zone);
  msgpack_unpack_return got = msgpack_unpack(bytes, n, &off, &r->zone, &r->object);
  if (got == MSGPACK_UNPACK_NOMEM_ERROR) return eq_fail_memory(&r->err, n, "a record");
  return got == MSGPACK_UNPACK_SUCCESS || malformed(r, "is not MessagePack");
}

static bool key_is(const msgpack_object *key, const char *name) {
  size_t n = strlen(name);
  return key->via.str.size == n && memcmp(key->via.str.ptr, name, n) == 0;
}

static const msgpack_object *find(const struct eq_reader *r, const char *name) {
  const msgpack_object_map *m = &r->object.via.map;
  for (uint32_t i = 0; i < m->size; i++)
    if (key_is(&m->ptr[i].key, name)) return &m->ptr[i].val;
  return NULL;
}

static bool all_keys_are_strings(const msgpack_object_map *m) {
  for (uint32_t i = 0; i < m->size; i++)
    if (m->ptr[i].key.type != MSGPACK_OBJECT_STR) return false;
  return true;
}

/* ---- header, record, trailer ---- */

/* Takes the header's n bytes; *changed when another chain of programs than so far made what follows. */
static bool take_header(struct eq_reader *r, const msgpack_object *version, size_t n, bool *changed) {
  struct sender *s = &r->senders[r->now];
  const msgpack_object *prog = find(r, "prog");
  if (version->type != MSGPACK_OBJECT_POSITIVE_INTEGER || version->via.u64 != 1)
    return malformed(r, "is a header of another version than 1, the one that this program reads");
  if (prog && prog->type != MSGPACK_OBJECT_ARRAY) return malformed(r, "is a header whose \"prog\" is not an array");
  if (s->open) truncated(r, 1); /* cat of a truncated stream and another: the error stays, reading goes on */
  struct eq_record header = { .map = &r->object, .raw = { (const char *)r->data + r->at, n } };
  struct eq_str chain = eq_record_bytes(&header, "prog");
  if (!chain.n) chain = (struct eq_str){ "\x90", 1 }; /* a hand-made stream need not say who made it */
  *changed = r->begun && !eq_str_equal(chain, (struct eq_str){ r->chain.data, r->chain.size });
  r->chain.size = 0;
  eq_buffer_add(&r->chain, chain.p, chain.n);
  if (!r->begun) eq_buffer_add(&r->first, chain.p, chain.n);
  if (r->chain.failed || r->first.failed) return eq_fail_memory(&r->err, chain.n, "a header");
  s->open = r->begun = true;
  s->complete = false;
  s->records = 0;
  XXH64_reset(&s->hash, 0);
  r->hashed = r->at;
  return true;
}

static bool take_trailer(struct eq_reader *r, const msgpack_object *end) {
  struct sender *s = &r->senders[r->now];
  const msgpack_object *sum = find(r, "xxh64");
  char counted[32], came[32];
  if (r->object.via.map.size != 1u + (sum != NULL) || end->type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
      (sum && sum->type != MSGPACK_OBJECT_POSITIVE_INTEGER))
    return malformed(r, "is a trailer other than {\"end\": records, \"xxh64\": digest}");
  if (!s->open) return malformed(r, "is a trailer without a header");
  digest(r, r->at);
  if (end->via.u64 != s->records)
    eq_fail(&r->err, EQ_DATA, "%s: stream is not whole: its trailer counts %s records, %s came", r->name,
            grouped(end->via.u64, counted), grouped(s->records, came));
  else if (sum && sum->via.u64 != XXH64_digest(&s->hash))
    eq_fail(&r->err, EQ_DATA, "%s: stream was altered: its trailer's digest is %016llx, its bytes give %016llx",
            r->name, (unsigned long long)sum->via.u64, (unsigned long long)XXH64_digest(&s->hash));
  s->open = false;
  s->complete = true;
  return true;
}

/* A record in place of a header that names other programs: {"k": "source", "prog": [...]}. */
static bool make_source(struct eq_reader *r, struct eq_record *record) {
  r->source.size = 0;
  eq_buffer_string(&r->source, "\x82\xa1k\xa6source\xa4prog");
  eq_buffer_add(&r->source, r->chain.data, r->chain.size);
  if (r->source.failed) return eq_fail_memory(&r->err, r->chain.size, "a source record");
  if (!unpack(r, r->source.data, r->source.size)) return false;
  *record = (struct eq_record){ eq_str("source"), &r->object, { r->source.data, r->source.size }, r->name, r->records };
  return true;
}

enum taken { TAKEN, RECORD, FAILED };

static enum taken take_record(struct eq_reader *r, const msgpack_object *kind, size_t n, struct eq_record *record) {
  struct sender *s = &r->senders[r->now];
  if (kind->type != MSGPACK_OBJECT_STR) return malformed(r, "has a \"k\" that is not a string"), FAILED;
  if (!s->open) return malformed(r, s->complete ? "stands behind a trailer" : "comes before a header"), FAILED;
  s->records++;
  r->records++;
  *record = (struct eq_record){
    { kind->via.str.ptr, kind->via.str.size }, &r->object, { (const char *)r->data + r->at, n }, r->name, r->records
  };
  return RECORD;
}

/* One object of n bytes: header, record or trailer. */
static enum taken take(struct eq_reader *r, size_t n, struct eq_record *record) {
  bool changed = false, ok;
  if (!unpack(r, r->data + r->at, n)) return FAILED;
  if (r->object.type != MSGPACK_OBJECT_MAP) return malformed(r, "is not a map"), FAILED;
  if (!all_keys_are_strings(&r->object.via.map)) return malformed(r, "has a key that is not a string"), FAILED;
  const msgpack_object *o = find(r, "k");
  if (o) return take_record(r, o, n, record);
  if ((o = find(r, "equant")))
    ok = take_header(r, o, n, &changed);
  else if ((o = find(r, "end")))
    ok = take_trailer(r, o);
  else
    ok = malformed(r, "has no key \"k\"");
  if (!ok) return FAILED;
  if (changed) return make_source(r, record) ? RECORD : FAILED;
  return TAKEN;
}

/* Nothing more comes: is every sender's stream whole? */
static bool finish(struct eq_reader *r) {
  size_t n_open = 0;
  for (size_t i = 0; i < r->n_senders; i++) n_open += !r->senders[i].complete;
  r->done = true;
  if (n_open || r->at < r->size) truncated(r, n_open);
  return false;
}

bool eq_read(struct eq_reader *r, struct eq_record *record) {
  while (!r->done) {
    size_t n = next_object(r);
    if (n == 0) return !r->waits && finish(r);
    enum taken got = take(r, n, record);
    r->at += n;
    r->least = 0;
    if (got == FAILED) return finish(r);
    if (!r->senders[r->now].open) r->hashed = r->at; /* a trailer is not in any digest */
    if (got == RECORD) return true;
  }
  return false;
}

bool eq_read_now(struct eq_reader *r, struct eq_record *record, bool *waits) {
  r->hasty = true;
  bool more = eq_read(r, record);
  *waits = r->waits;
  r->hasty = r->waits = false;
  return more;
}

int eq_reader_fd(const struct eq_reader *r) { return r->port ? eq_port_fd(r->port) : -1; }

uint64_t eq_reader_expects(const struct eq_reader *r) {
  enum { TRAILER = 64 };
  unsigned char end[TRAILER];
  struct stat st;
  int fd = eq_reader_fd(r);
  if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < TRAILER) return 0;
  if (pread(fd, end, TRAILER, st.st_size - TRAILER) != TRAILER) return 0;
  for (size_t at = TRAILER - 5; at-- > 0;) {
    if (memcmp(end + at,
               "\x82\xa3"
               "end",
               5) != 0)
      continue;
    const unsigned char *n = end + at + 5;
    size_t size = *n < 0x80 ? 0 : *n >= 0xcc && *n <= 0xcf ? (size_t)1 << (*n - 0xcc) : SIZE_MAX;
    if (size > TRAILER - (at + 6)) return 0;
    return size ? big_endian(n + 1, size) : *n;
  }
  return 0;
}
