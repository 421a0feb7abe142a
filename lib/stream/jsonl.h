/* jsonl.h: records as JSON lines and back, so that jq or a script can stand in a pipeline.
 *
 * Ext arrays of numbers are JSON arrays, and come back as what the kind's table (schema.h) says. A NaN is null, which
 * comes back as NaN where the table says double; infinities are the strings "inf" and "-inf". Doubles have a point or
 * an exponent, whole numbers have none. So a record of a kind's own keys comes back byte for byte. Binary and unknown
 * ext types are shown as hexadecimal strings, bytes that are not UTF-8 as U+FFFD: these do not come back. */
#ifndef EQ_STREAM_JSONL_H
#define EQ_STREAM_JSONL_H

#include "lib/stream/record.h"

/* One value, without blanks or line breaks; control characters are escaped. */
void eq_json_add(struct eq_buffer *out, const msgpack_object *o);

struct eq_jsonl_reader;

/* `where` as for a port; lines of JSON objects, empty lines are skipped. */
struct eq_jsonl_reader *eq_jsonl_open(const char *where, struct eq_err *err);
/* The next line as a record, borrowed until the next call. False at the end, or with err: "stdin: line 3: ...". */
bool eq_jsonl_read(struct eq_jsonl_reader *r, struct eq_record *record, struct eq_err *err);
void eq_jsonl_free(struct eq_jsonl_reader *r);

#endif
