/* work_socket.h: the ZeroMQ sockets between a hub (ROUTER, bound) and its workers (DEALER, connected).
 *
 * Sending never waits: no queue has a high-water mark, for credit bounds what is under way (hub.h). A worker names
 * itself by 16 random bytes, so that it stays the same one for the hub when its connection breaks and comes again; what
 * was under way then is lost without a word, so it must join again. */
#ifndef EQ_STREAM_WORK_SOCKET_H
#define EQ_STREAM_WORK_SOCKET_H

#include <poll.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

struct eq_work_socket;

/* CURVE (curve.h). key: the file of one's own pair, NULL for none: then nothing is encrypted, and anybody is let in.
 * others: public keys; a worker's: the hub's; a hub's: of all workers that it lets in; NULL: they share the pair. */
struct eq_work_keys {
  const char *key, *others;
};

/* where: tcp://host:port or ipc://path. A hub's: '*' for the host is any of this machine. An ipc path that another
 * program listens at is left to it. context: a ZeroMQ context to share, NULL for one of its own. */
struct eq_work_socket *eq_work_socket_bind(const char *where, struct eq_work_keys keys, struct eq_err *err);
struct eq_work_socket *eq_work_socket_connect(const char *where, void *context, struct eq_work_keys keys,
                                              struct eq_err *err);
/* Waits a moment for what was sent to leave. */
void eq_work_socket_free(struct eq_work_socket *s);

/* Waits at most so many seconds, until a message comes or something happens at one of the fds, whose revents are set.
 */
bool eq_work_socket_wait(struct eq_work_socket *s, struct pollfd *fds, size_t n_fds, double seconds,
                         struct eq_err *err);

/* The next message, if one is there; both are borrowed until the next call. peer: who sent it, empty of a worker's. */
bool eq_work_socket_receive(struct eq_work_socket *s, struct eq_str *peer, struct eq_str *message);
/* peer: a hub's receiver; empty of a worker's. What cannot be delivered is dropped. */
void eq_work_socket_send(struct eq_work_socket *s, struct eq_str peer, const struct eq_buffer *message);

/* Of a worker's: whether there is a hub now; *connections counts how often there came to be one. */
bool eq_work_socket_connected(struct eq_work_socket *s, uint64_t *connections);
/* Of a worker's, after that: why it will never come to an understanding with who listens there; NULL when it may. */
const char *eq_work_socket_misfit(const struct eq_work_socket *s);
/* Of a hub's: how often somebody was not let in. */
uint64_t eq_work_socket_refused(const struct eq_work_socket *s);

#endif
