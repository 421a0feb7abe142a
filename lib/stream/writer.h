/* writer.h: a stream of records to a port: header, records, trailer. The first error sticks; check at the end. */
#ifndef EQ_STREAM_WRITER_H
#define EQ_STREAM_WRITER_H

#include "lib/stream/record.h"

struct eq_writer;

/* `where`: "-" for stdout, a path (appears whole, on eq_writer_finish, or not at all), a ZeroMQ endpoint. */
struct eq_writer *eq_writer_open(const char *where, struct eq_err *err);
/* Goes on with a stream in a file: `there` are its bytes so far, a header and `records` records, or nothing. fd stands
 * behind them, and becomes the writer's. */
struct eq_writer *eq_writer_append(int fd, const char *name, struct eq_str there, uint64_t records, struct eq_err *err);
/* Appends to a buffer of the caller's, for tests. */
struct eq_writer *eq_writer_memory(struct eq_buffer *out, struct eq_err *err);

/* Writes the header {"equant": 1, "prog": chain + {name, version, argv}} once, before the first record. `chain` is
 * what eq_reader_chain gives, or empty. name NULL: the chain only. */
void eq_write_header(struct eq_writer *w, struct eq_str chain, const char *name, const char *version,
                     const char *const *argv, size_t argc);

/* Adds the "prog" array of that header. */
void eq_add_programs(struct eq_buffer *out, struct eq_str chain, const char *name, const char *version,
                     const char *const *argv, size_t argc);

/* Passes a record on as it is, byte for byte. */
void eq_write(struct eq_writer *w, const struct eq_record *record);

/* Writes `fields`, a struct of that kind, as a record: absent fields are left out, NaN stays NaN. Then, when `carry` is
 * not NULL, its keys that neither `kind` nor carry's own kind knows, as they are. */
void eq_write_kind(struct eq_writer *w, const struct eq_kind *kind, const void *fields, const struct eq_record *carry);

/* Writes a `source` record: what follows was made by this chain of programs, as a header's "prog" has it. */
void eq_write_source(struct eq_writer *w, struct eq_str chain);

/* Writes one msgpack map with "k" that the caller packed. */
void eq_write_raw(struct eq_writer *w, struct eq_str map);

/* Writes n records, msgpack maps with "k" that stand behind each other in `maps`. */
void eq_write_maps(struct eq_writer *w, struct eq_str maps, uint64_t n);

/* Of eq_writer_memory: forgets the first n bytes of the caller's buffer, which it has used. */
void eq_writer_drop(struct eq_writer *w, size_t n);

/* Hands all that was written to the port. */
void eq_writer_flush(struct eq_writer *w);

/* True when a mark (schema.h) may still lie here: who waits for the unit's result waits for this writer, so who would
 * wait for more input must flush first. */
bool eq_writer_owes(const struct eq_writer *w);

/* Ends the stream: with its trailer when `complete`; else without, so that who reads it knows. Flushes, closes and
 * checks; a file appears under its name only when complete (or when nothing is wrong but the input was truncated:
 * keep). Frees w. False and err when anything failed since it was opened. EPIPE is not an error. */
enum eq_ending { EQ_COMPLETE, EQ_TRUNCATED, EQ_FAILED };
bool eq_writer_finish(struct eq_writer *w, enum eq_ending ending, struct eq_err *err);

/* True once something failed: a loop may stop early. */
bool eq_writer_failed(const struct eq_writer *w);

#endif
