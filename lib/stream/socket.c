#include "lib/stream/socket.h"

#include <string.h>

bool eq_socket_is(const char *where) { return strncmp(where, "tcp://", 6) == 0 || strncmp(where, "ipc://", 6) == 0; }

struct eq_socket *eq_socket_pull(const char *where, struct eq_err *err) {
  eq_fail(err, EQ_BAD, "%s: ZeroMQ is not here yet", where);
  return NULL;
}
struct eq_socket *eq_socket_push(const char *where, struct eq_err *err) {
  return eq_socket_pull(where, err);
}
size_t eq_socket_senders(const struct eq_socket *s) { return s != NULL; }
bool eq_socket_receive(struct eq_socket *s, struct eq_buffer *into, size_t *sender, struct eq_err *err) {
  return s && into && sender && err;
}
bool eq_socket_send(struct eq_socket *s, const void *bytes, size_t n, struct eq_err *err) {
  return s && bytes && n && err;
}
bool eq_socket_close(struct eq_socket *s, struct eq_err *err) { return s && err; }
