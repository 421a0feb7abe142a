/* rows.h: records kept in memory, to be sorted or set in a table. */
#ifndef EQ_STREAM_ROWS_H
#define EQ_STREAM_ROWS_H

#include "lib/stream/record.h"

/* Start from {0}, end with eq_rows_free. */
struct eq_rows {
  struct eq_buffer bytes; /* the records, one behind the other */
  struct eq_span {
    size_t at, n;
  } * spans; /* [n]; sorting moves these */
  size_t n, capacity;
  struct eq_writer *writer; /* of eq_rows_add_kind, into bytes */
  msgpack_zone *zone;       /* of the record that eq_rows_get gave last */
  msgpack_object object;
};

/* Keeps a copy of the record. */
bool eq_rows_add(struct eq_rows *rows, const struct eq_record *r, struct eq_err *err);

/* Adds a record of that kind from its struct, as eq_write_kind would write it. */
bool eq_rows_add_kind(struct eq_rows *rows, const struct eq_kind *kind, const void *fields, struct eq_err *err);

/* Row i as a record, borrowed until the next call; its strings stay valid until a row is added. */
bool eq_rows_get(struct eq_rows *rows, size_t i, struct eq_record *r, struct eq_err *err);

/* Sorts by `keys`, a comma list, "-key" descending; rows that are equal keep their order. Numbers sort as numbers and
 * before strings, which sort by bytes; what is absent, NaN, or anything else comes last either way. */
bool eq_rows_sort(struct eq_rows *rows, const char *keys, struct eq_err *err);

void eq_rows_free(struct eq_rows *rows);

#endif
