/* port.h: where bytes come from and go to: stdin, stdout, a file, memory, or a ZeroMQ PUSH/PULL socket.
 *
 * Endpoints: tcp://host:port and ipc://path connect; with '*' for the host ('tcp://' '*:5555'), or before the path of
 * an ipc endpoint, they bind. A reader that several senders feed says how many: ...:5555?senders=2; it ends when each
 * has sent its end of stream. Each ZeroMQ message is a frame: magic, the sender's number, a flag for the last one, then
 * whole records; anything else on the socket is an error that names the socket. */
