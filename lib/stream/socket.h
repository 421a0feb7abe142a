/* socket.h: the ZeroMQ side of a port: PUSH and PULL sockets that carry frames; see port.h for endpoints and frames. */
#ifndef EQ_STREAM_SOCKET_H
#define EQ_STREAM_SOCKET_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

struct eq_socket;

/* Whether a port's name is an endpoint: tcp://... or ipc://... */
bool eq_socket_is(const char *where);

struct eq_socket *eq_socket_pull(const char *where, struct eq_err *err);
struct eq_socket *eq_socket_push(const char *where, struct eq_err *err);
size_t eq_socket_senders(const struct eq_socket *s);

/* Waits for a frame and appends its records to `into`. False when every sender has ended or died (err untouched), or
 * with err: a frame that is none, a gap in a sender's sequence, one sender too many, a system error. */
bool eq_socket_receive(struct eq_socket *s, struct eq_buffer *into, size_t *sender, struct eq_err *err);

/* Sends n bytes, whole records, as one frame; waits while the receiver is slow, fails when there is none (port.h). */
bool eq_socket_send(struct eq_socket *s, const void *bytes, size_t n, struct eq_err *err);

/* A sender's last frame; waits until all is sent or the receiver is gone. Frees s. */
bool eq_socket_close(struct eq_socket *s, struct eq_err *err);

#endif
