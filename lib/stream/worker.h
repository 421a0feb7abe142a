/* worker.h: a worker's line to its hub (work.h): joining, again when the hub was started anew, heartbeats, and how long
 * to wait for a hub that is not there. What is done with the units is somebody else's (coprocess.h). */
#ifndef EQ_STREAM_WORKER_H
#define EQ_STREAM_WORKER_H

#include "lib/base/error.h"
#include "lib/stream/work.h"
#include "lib/stream/work_socket.h"

struct eq_worker;

struct eq_worker_settings {
  const char *where; /* the hub's endpoint: tcp://host:port or ipc://path */
  double wait;       /* seconds without a hub, before it gives up; 0: for ever */
  void *context;     /* a ZeroMQ context to share; NULL: its own */
  struct eq_work_keys keys;
};

/* EQ_NEWS_HEADER: start, or go on when that is done already, and then call eq_worker_hello. EQ_NEWS_UNITS: see below.
 * EQ_NEWS_END: there are no more units. */
enum eq_news { EQ_NEWS_NONE, EQ_NEWS_HEADER, EQ_NEWS_UNITS, EQ_NEWS_END };

struct eq_worker *eq_worker_new(struct eq_worker_settings settings, struct eq_err *err);
/* Waits a moment for what it told the hub to leave. */
void eq_worker_free(struct eq_worker *w);

/* Waits at most `seconds` for the hub or for one of the `fds` (POLLIN, POLLOUT in events; revents is set), and keeps
 * the heartbeat. False with err when there is no hub any more. */
struct pollfd;
bool eq_worker_wait(struct eq_worker *w, struct pollfd *fds, size_t n_fds, double seconds, struct eq_err *err);

/* The next news. With EQ_NEWS_HEADER *m->text is the "prog" array of the input, with EQ_NEWS_UNITS eq_work_next gives
 * the units; borrowed until the next call. False when the hub refuses this worker, or speaks another language. */
bool eq_worker_read(struct eq_worker *w, enum eq_news *news, struct eq_work *m, struct eq_err *err);

/* Which hub the units that come now are of: results of another's are not wanted. */
uint64_t eq_worker_session(const struct eq_worker *w);

void eq_worker_hello(struct eq_worker *w, uint32_t credit, struct eq_str prog);
/* Results leave when there are many, or when eq_worker_wait is called. Those of another session are dropped. */
void eq_worker_result(struct eq_worker *w, uint64_t session, const struct eq_work_unit *result);
/* Why: empty when all went well. Joins again when `again`. */
void eq_worker_leave(struct eq_worker *w, struct eq_str why, bool again);

#endif
