/* reader.h: a stream of records from a port: checks header, counts, digest and trailer; safe on hostile bytes.
 *
 *   while (eq_read(in, &r)) ...;      then eq_reader_error(in) tells how it ended
 *
 * Concatenated streams are one stream; where a further header names another chain of programs than the first, a
 * `source` record comes in its place. Every object's depth, counts and lengths are checked against the bytes that are
 * really there before msgpack-c sees it; one record has at most 64 MiB. */
#ifndef EQ_STREAM_READER_H
#define EQ_STREAM_READER_H

#include "lib/stream/record.h"

enum { EQ_RECORD_MAX = 64 << 20, EQ_DEPTH_MAX = 16 };

struct eq_reader;

/* `where`: "-" for stdin, a path, or a ZeroMQ endpoint (see port.h). */
struct eq_reader *eq_reader_open(const char *where, struct eq_err *err);
/* What comes out of a descriptor, which becomes the reader's. */
struct eq_reader *eq_reader_descriptor(int fd, const char *name, struct eq_err *err);
/* The n bytes at `bytes`, borrowed; `name` for messages. For tests and fuzzing. */
struct eq_reader *eq_reader_memory(const void *bytes, size_t n, const char *name, struct eq_err *err);

/* The next record; false at the end or at the first error. Reads ahead no more than the port has. */
bool eq_read(struct eq_reader *r, struct eq_record *record);

/* For who waits for several things: as eq_read, but where that would wait it returns false and sets *waits; poll(2) on
 * eq_reader_fd tells when to try again. A ZeroMQ endpoint cannot be read so. */
bool eq_read_now(struct eq_reader *r, struct eq_record *record, bool *waits);
int eq_reader_fd(const struct eq_reader *r);

/* Whether eq_read would have to wait: no whole object is here and the port has no bytes now. Always true of a socket
 * whose last frame is read, for who would rather flush once too often. */
bool eq_reader_idle(struct eq_reader *r);

/* How many records there will be, for progress: what the trailer at the end of a regular file counts; 0: not known. */
uint64_t eq_reader_expects(const struct eq_reader *r);

/* EQ_OK: the stream ended with its trailer. EQ_DATA: truncated (no trailer, or it counts more records) or altered
 * (digest). EQ_BAD: not a stream, or malformed. Names the stream, the byte or record, what was found and expected. */
const struct eq_err *eq_reader_error(const struct eq_reader *r);

/* The "prog" array of the first header, msgpack bytes; empty before the first eq_read. */
struct eq_str eq_reader_chain(const struct eq_reader *r);

void eq_reader_free(struct eq_reader *r);

/* Size of the one msgpack object that begins at bytes[0..n): 0 when it is not complete there or is not acceptable, and
 * then *reason says why (NULL: only more bytes are missing). Never reads past n, allocates nothing. */
size_t eq_msgpack_size(const unsigned char *bytes, size_t n, const char **reason);

#endif
