/* coprocess.h: a filter that runs beside us and does unit after unit: its stdin gets the records of each and a mark
 * (schema.h), and what comes out of its stdout before that mark is the unit's result. Nothing here waits: the caller
 * polls.
 *
 * Its stderr is ours. A first mark, behind the header, shows that it has started and tells its "prog". */
#ifndef EQ_STREAM_COPROCESS_H
#define EQ_STREAM_COPROCESS_H

#include <poll.h>

#include "lib/base/error.h"
#include "lib/stream/work.h"

struct eq_coprocess;

/* argv ends with NULL; a program without a slash is sought in the PATH. prog: the "prog" array that its input names. */
struct eq_coprocess *eq_coprocess_start(const char *const *argv, struct eq_str prog, struct eq_err *err);
/* Ends it, if it has not ended. Of NULL too. */
void eq_coprocess_free(struct eq_coprocess *c);

/* Takes a unit, unless it was closed; what comes of it carries its number and this session. */
bool eq_coprocess_give(struct eq_coprocess *c, uint64_t session, const struct eq_work_unit *u, struct eq_err *err);
/* No more units come: its input ends once it has taken what is there. */
void eq_coprocess_close(struct eq_coprocess *c);

/* What to poll for before the next eq_coprocess_read: fds[0..n). */
enum { EQ_COPROCESS_FDS = 2 };
size_t eq_coprocess_fds(const struct eq_coprocess *c, struct pollfd fds[EQ_COPROCESS_FDS]);

/* WAITS: nothing now. STARTED: once; *result->records is its output's "prog". RESULT: of a unit, borrowed until the
 * next call. ENDED: with err, unless it was closed and did all that it was given with status 0. */
enum eq_coprocess_news { EQ_CO_WAITS, EQ_CO_STARTED, EQ_CO_RESULT, EQ_CO_ENDED };
enum eq_coprocess_news eq_coprocess_read(struct eq_coprocess *c, uint64_t *session, struct eq_work_unit *result,
                                         struct eq_err *err);

/* How many units it was given that it has not done. */
size_t eq_coprocess_has(const struct eq_coprocess *c);

/* "prog" of its output; empty before it has started. */
struct eq_str eq_coprocess_prog(const struct eq_coprocess *c);

#endif
