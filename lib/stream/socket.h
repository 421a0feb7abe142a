/* socket.h: the ZeroMQ side of a port: senders and a receiver of frames; see port.h for endpoints and frames.
 *
 * A sender is a DEALER, the receiver a ROUTER that answers each frame it takes; at most eight frames of a sender are
 * under way, and a sender ends when its last is answered. PUSH and PULL would be simpler and lose data: a PULL socket
 * at its high-water mark stops reading, so a slow receiver answers no heartbeats and its live senders are cut off, and
 * when a sender has closed, libzmq 4.3 drops what such a socket had not yet read (both seen, in tests/cli/port.bats).
 * With the window no queue ever gets to its high-water mark. */
#ifndef EQ_STREAM_SOCKET_H
#define EQ_STREAM_SOCKET_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

struct eq_socket;

/* Whether a port's name is an endpoint: tcp://... or ipc://... */
bool eq_socket_is(const char *where);

struct eq_socket *eq_socket_receiver(const char *where, struct eq_err *err);
struct eq_socket *eq_socket_sender(const char *where, struct eq_err *err);
size_t eq_socket_senders(const struct eq_socket *s);

/* Waits for a frame and appends its records to `into`. False when every sender has ended or died (err untouched), or
 * with err: a frame that is none, a gap in a sender's sequence, one sender too many, a system error. */
bool eq_socket_receive(struct eq_socket *s, struct eq_buffer *into, size_t *sender, struct eq_err *err);

/* Sends n bytes, whole records, as one frame; waits while the receiver is slow, fails when there is none (port.h). */
bool eq_socket_send(struct eq_socket *s, const void *bytes, size_t n, struct eq_err *err);

/* Ends a sender's frames, waits until the receiver has taken all, and frees s; fails when that cannot be any more. When
 * not `complete`, a receiver that is connected is told, but none is waited for. A receiver's socket just closes. */
bool eq_socket_close(struct eq_socket *s, bool complete, struct eq_err *err);

#endif
