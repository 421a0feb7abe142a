/* port.h: where bytes come from and go to: stdin, stdout, a file, or a ZeroMQ socket.
 *
 * "-" is stdin or stdout. Endpoints: tcp://host:port and ipc://path connect; with '*' for the host (tcp:, two slashes,
 * *:5555), or '*' before the path of an ipc endpoint, they bind. After a '?', joined by '&':
 *   senders=N   a reader waits for the end of stream of N senders (1)
 *   wait=S      a sender gives up when nobody listens for S seconds (60); a reader when nobody is connected for so long
 *               (0: it waits for ever)
 * Each ZeroMQ message is a frame: 24 bytes of header (magic "EQF1", u32 flags: 1 = the sender's last, u64 sender, u64
 * sequence number; little-endian), then whole records. The receiver answers with a u64, how many frames of that sender
 * it has taken. Anything else on the socket is an error that names it; but who hangs up before it sent a byte that
 * ZeroMQ would not send (a port scan) is ignored. A sender that ends with status 0 knows that all was taken.
 *
 * What waits, and for how long: a sender for a slow receiver as long as that is connected; a reader for its senders as
 * long as one is connected, and with wait=0 for those that never came. When a sender disconnects before its last frame,
 * or is silent for 20 s (heartbeats), and no other is connected, the reader ends a second later: that stream is
 * truncated. */
#ifndef EQ_STREAM_PORT_H
#define EQ_STREAM_PORT_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

struct eq_port;

struct eq_port *eq_port_input(const char *where, struct eq_err *err);
/* A descriptor that is open already, which becomes the port's. */
struct eq_port *eq_port_descriptor(int fd, const char *name, struct eq_err *err);
/* A path's file appears under its name when the port is closed, or not at all; a device, a FIFO and the file that
 * stdout is already (/dev/stdout) are written directly. */
struct eq_port *eq_port_output(const char *where, struct eq_err *err);
/* What is written goes into a file that is open already, at its place there; the descriptor becomes the port's. When
 * the port is closed all is on the disk. */
struct eq_port *eq_port_opened(int fd, const char *name, struct eq_err *err);

/* "stdin", "stdout", the path or the endpoint: for messages. The port owns it. */
const char *eq_port_name(const struct eq_port *p);

/* How many senders feed an input, 1 unless the endpoint says otherwise. */
size_t eq_port_senders(const struct eq_port *p);

/* Waits for bytes and appends what there is to `into`; *sender says whose they are, from 0. With several senders, or
 * ZeroMQ at all, the bytes are whole records. False at the end, or with err when something failed; a sender that died
 * is no failure here: its stream merely lacks its trailer. */
bool eq_port_read(struct eq_port *p, struct eq_buffer *into, size_t *sender, struct eq_err *err);

/* What poll(2) waits for; -1 of a socket. */
int eq_port_fd(const struct eq_port *p);
/* Whether eq_port_read would come back at once, with bytes or at the end; of a socket it is never said. */
bool eq_port_ready(const struct eq_port *p);

/* Writes all n bytes: whole records, when the port is a socket. When who reads a pipe has gone (EPIPE) it does nothing
 * from then on, and eq_port_broken is true. */
bool eq_port_write(struct eq_port *p, const void *bytes, size_t n, struct eq_err *err);
bool eq_port_broken(const struct eq_port *p);

/* Sends what is under way, closes, checks and frees. keep: let the file appear; otherwise nothing of it stays. */
bool eq_port_close(struct eq_port *p, bool keep, struct eq_err *err);

#endif
