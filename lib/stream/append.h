/* append.h: a stream in a file that grows from run to run, so that a run that was killed goes on where it was.
 *
 * What is there stays, new records come behind it, and the trailer once a run has all that it wants. A last record that
 * was torn off is cut, so it survives a kill at any byte; and nothing at all is written before there is something to
 * write, so that a file that has everything stays as it is, to the byte. It is one stream, with the header of the run
 * that began it; records of a run that other programs or options made come behind a `source` record (schema.h). */
#ifndef EQ_STREAM_APPEND_H
#define EQ_STREAM_APPEND_H

#include "lib/stream/writer.h"

struct eq_append;

/* Opens or makes the file, locks it against others who would append, and shows each whole record to `see`, which fails
 * when it has no place in this run; `context` is for it. Refused are what is no regular file, a stream that `program`
 * had no part in, one that was altered, and several that were concatenated. */
struct eq_append *eq_append_open(const char *path, const char *program,
                                 bool (*see)(void *context, const struct eq_record *r, struct eq_err *err),
                                 void *context, struct eq_err *err);
/* Brings to the disk what was written, unless eq_writer_finish did. */
void eq_append_free(struct eq_append *a); /* NULL too */

/* Does it end with its trailer, and has nothing been written since it was opened? */
bool eq_append_whole(const struct eq_append *a);

/* The writer of what comes new, for once: its header is written, or if need be a `source` record. prog: what made it, a
 * header's "prog" array. eq_writer_finish ends it. */
struct eq_writer *eq_append_writer(struct eq_append *a, struct eq_str prog, struct eq_err *err);

/* Brings what the writer flushed to the disk when that was done five seconds ago; to be called again and again
 * (eq_clock). */
bool eq_append_sync(struct eq_append *a, double now, struct eq_err *err);

#endif
