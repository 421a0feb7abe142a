/* record.h: one record of a stream, as msgpack-c sees it and as a kind's struct. */
#ifndef EQ_STREAM_RECORD_H
#define EQ_STREAM_RECORD_H

#include <msgpack.h>

#include "lib/base/error.h"
#include "lib/stream/schema.h"

/* Borrowed from the reader until its next eq_read. */
struct eq_record {
  struct eq_str kind; /* the value of "k" */
  const msgpack_object *map;
  struct eq_str raw; /* the record's own bytes: pass-through writes just these */
  const char *where; /* the stream's name, for messages */
  uint64_t number;   /* of the record in its stream, from 1 */
};

/* A copy that lives until eq_record_free, for who must hold a record back; NULL when memory is out. */
struct eq_record *eq_record_copy(const struct eq_record *r);
void eq_record_free(struct eq_record *copy); /* of NULL too */

bool eq_record_is(const struct eq_record *r, const struct eq_kind *kind);

/* The value of a key, NULL when absent. */
const msgpack_object *eq_record_find(const struct eq_record *r, const char *key);

/* The bytes of a key's value in the record; empty when the key is absent. */
struct eq_str eq_record_bytes(const struct eq_record *r, const char *key);

/* The value of a key that is a string (never NULL, also when empty); false when it is absent or something else. */
bool eq_record_string(const struct eq_record *r, const char *key, struct eq_str *value);

/* A hash of the record's unit of account, (lang, id), for shards; false when the record has no such unit. */
bool eq_record_unit_hash(const struct eq_record *r, uint64_t *hash);

/* Fills `out`, a struct of that kind, from a record; strings and arrays stay borrowed. Fails when a required key is
 * missing or a known key has another type (an integer is welcome where a double is expected; NaN and absence are not
 * errors for optional doubles): "stdin: record 12 (tokens): 'ids' is a string, expected ext type 1 (u32 array)". */
bool eq_record_get(const struct eq_record *r, const struct eq_kind *kind, void *out, struct eq_err *err);

#endif
