#include "lib/stream/work_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/stream/curve.h"
#include "lib/stream/work.h"
#include "lib/stream/zap.h"

enum {
  NAME = 16,            /* random bytes by which a worker is known */
  LINGER = 3000,        /* milliseconds for the last messages to leave */
  HEARTBEAT = 2000,     /* milliseconds between ZeroMQ's own heartbeats */
  SILENCE = 20000,      /* milliseconds after which a silent peer's connection is dead */
  RECONNECT = 10,       /* milliseconds between attempts to connect at first, */
  RECONNECT_MAX = 1000, /* and at most */
  FDS_MAX = 4,
  FAILURES = 5, /* of shaking hands in a row, until it is no accident */
};

struct eq_work_socket {
  char *name;
  void *context, *socket, *monitor;     /* monitor: a worker's */
  struct eq_zap *zap;                   /* a hub's, with keys; NULL: all are let in */
  bool own_context, connected, unknown; /* unknown: the hub does not know our key */
  uint64_t connections, failures;       /* failures: since there was a connection */
  zmq_msg_t peer, message;              /* what was received last */
};

static bool fail_zmq(const struct eq_work_socket *s, const char *action, struct eq_err *err) {
  return eq_fail(err, EQ_BAD, "%s: %s: %s", s->name, action, zmq_strerror(errno));
}

static bool set_options(struct eq_work_socket *s) {
  const struct {
    int option, value;
  } options[] = {
    { ZMQ_SNDHWM, 0 },
    { ZMQ_RCVHWM, 0 },
    { ZMQ_LINGER, LINGER },
    { ZMQ_HEARTBEAT_IVL, HEARTBEAT },
    { ZMQ_HEARTBEAT_TIMEOUT, SILENCE },
    { ZMQ_IPV6, 1 },
    { ZMQ_RECONNECT_IVL, RECONNECT },
    { ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX },
  };
  int64_t most = EQ_WORK_MESSAGE_MAX;
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (zmq_setsockopt(s->socket, options[i].option, &options[i].value, sizeof(int))) return false;
  return zmq_setsockopt(s->socket, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0;
}

static bool set_name(struct eq_work_socket *s) {
  unsigned char name[NAME];
  if (getrandom(name, sizeof name, 0) != sizeof name) return false;
  name[0] |= 1; /* names that begin with 0 are ZeroMQ's own */
  return zmq_setsockopt(s->socket, ZMQ_ROUTING_ID, name, sizeof name) == 0;
}

enum {
  EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
           ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
};

static bool watch_connection(struct eq_work_socket *s) {
  char where[64];
  int any = 0;
  snprintf(where, sizeof where, "inproc://connection-%p", (void *)s);
  if (zmq_socket_monitor(s->socket, where, EVENTS)) return false;
  s->monitor = zmq_socket(s->context, ZMQ_PAIR);
  return s->monitor && zmq_setsockopt(s->monitor, ZMQ_RCVHWM, &any, sizeof any) == 0 &&
         zmq_connect(s->monitor, where) == 0;
}

/* Opens the socket, not yet bound or connected. */
static struct eq_work_socket *open_socket(const char *where, int type, void *context, struct eq_err *err) {
  struct eq_work_socket *s = eq_array(1, sizeof *s);
  if (!s || !(s->name = eq_copy_string(where, strlen(where)))) {
    free(s);
    eq_fail_memory(err, sizeof *s, "a socket");
    return NULL;
  }
  zmq_msg_init(&s->peer);
  zmq_msg_init(&s->message);
  s->own_context = !context;
  s->context = context ? context : zmq_ctx_new();
  s->socket = s->context ? zmq_socket(s->context, type) : NULL;
  if (s->socket && set_options(s) && (type == ZMQ_ROUTER || (set_name(s) && watch_connection(s)))) return s;
  fail_zmq(s, "open", err);
  eq_work_socket_free(s);
  return NULL;
}

void eq_work_socket_free(struct eq_work_socket *s) {
  if (!s) return;
  zmq_msg_close(&s->peer);
  zmq_msg_close(&s->message);
  int none = 0;
  uint64_t connections;
  if (s->monitor && !eq_work_socket_connected(s, &connections)) /* nobody is there who could take what was sent */
    zmq_setsockopt(s->socket, ZMQ_LINGER, &none, sizeof none);
  if (s->monitor) zmq_close(s->monitor);
  if (s->socket) zmq_close(s->socket);
  eq_zap_free(s->zap);
  while (s->own_context && s->context && zmq_ctx_term(s->context) && errno == EINTR) continue;
  free(s->name);
  free(s);
}

/* ZeroMQ removes whatever bears the name of an ipc endpoint that it binds: that may only be a socket nobody uses. */
static bool may_bind(const struct eq_work_socket *s, struct eq_err *err) {
  struct sockaddr_un at = { .sun_family = AF_UNIX };
  const char *path = s->name + 6;
  struct stat st;
  if (strncmp(s->name, "ipc://", 6) != 0 || lstat(path, &st)) return true;
  if (!S_ISSOCK(st.st_mode))
    return eq_fail(err, EQ_BAD, "%s: there is a file %s already, and it is no socket", s->name, path);
  snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool used = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
  if (fd >= 0) close(fd);
  return !used || eq_fail(err, EQ_BAD, "%s: another program listens there", s->name);
}

/* ---- keys ---- */

static bool set_pair(struct eq_work_socket *s, const struct eq_curve_pair *pair) {
  return zmq_setsockopt(s->socket, ZMQ_CURVE_PUBLICKEY, pair->public_key, EQ_CURVE_TEXT) == 0 &&
         zmq_setsockopt(s->socket, ZMQ_CURVE_SECRETKEY, pair->secret_key, EQ_CURVE_TEXT) == 0;
}

/* The public keys of the others: of a file, or our own where all share it. */
static bool read_others(const char *path, const struct eq_curve_pair *pair, unsigned char **keys, size_t *n,
                        struct eq_err *err) {
  if (path) return eq_curve_read_public(path, keys, n, err);
  *n = 1;
  *keys = eq_array(1, EQ_CURVE_KEY);
  if (!*keys) return eq_fail_memory(err, EQ_CURVE_KEY, "a key");
  zmq_z85_decode(*keys, pair->public_key);
  return true;
}

static bool secure_hub(struct eq_work_socket *s, const struct eq_curve_pair *pair, unsigned char *keys, size_t n,
                       struct eq_err *err) {
  int yes = 1;
  s->zap = eq_zap_new(s->context, keys, n, err);
  if (!s->zap) return false;
  return (zmq_setsockopt(s->socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) == 0 && set_pair(s, pair) &&
          zmq_setsockopt(s->socket, ZMQ_ZAP_DOMAIN, "equant", 6) == 0) ||
         fail_zmq(s, "set keys", err);
}

static bool secure_worker(struct eq_work_socket *s, const struct eq_curve_pair *pair, unsigned char *keys, size_t n,
                          const char *path, struct eq_err *err) {
  bool ok = n == 1 || eq_fail(err, EQ_BAD, "%s: holds %zu keys, expected the hub's alone", path, n);
  if (ok && (zmq_setsockopt(s->socket, ZMQ_CURVE_SERVERKEY, keys, EQ_CURVE_KEY) || !set_pair(s, pair)))
    ok = fail_zmq(s, "set keys", err);
  free(keys);
  return ok;
}

/* Before it is bound or connected. */
static bool secure(struct eq_work_socket *s, struct eq_work_keys keys, bool is_hub, struct eq_err *err) {
  struct eq_curve_pair pair;
  unsigned char *others = NULL;
  size_t n = 0;
  if (!keys.key) return true;
  bool ok = eq_curve_read(keys.key, &pair, err) && read_others(keys.others, &pair, &others, &n, err) &&
            (is_hub ? secure_hub(s, &pair, others, n, err) : secure_worker(s, &pair, others, n, keys.others, err));
  explicit_bzero(&pair, sizeof pair);
  return ok;
}

/* ---- both ends ---- */

struct eq_work_socket *eq_work_socket_bind(const char *where, struct eq_work_keys keys, struct eq_err *err) {
  struct eq_work_socket *s = open_socket(where, ZMQ_ROUTER, NULL, err);
  int yes = 1; /* a worker that comes again takes the place of its old connection */
  if (!s) return NULL;
  if (zmq_setsockopt(s->socket, ZMQ_ROUTER_HANDOVER, &yes, sizeof yes))
    fail_zmq(s, "open", err);
  else if (secure(s, keys, true, err) && may_bind(s, err)) {
    if (zmq_bind(s->socket, where) == 0) return s;
    fail_zmq(s, "bind", err);
  }
  eq_work_socket_free(s);
  return NULL;
}

struct eq_work_socket *eq_work_socket_connect(const char *where, void *context, struct eq_work_keys keys,
                                              struct eq_err *err) {
  struct eq_work_socket *s = open_socket(where, ZMQ_DEALER, context, err);
  if (!s) return NULL;
  if (secure(s, keys, false, err)) {
    if (zmq_connect(s->socket, where) == 0) return s;
    fail_zmq(s, "connect", err);
  }
  eq_work_socket_free(s);
  return NULL;
}

bool eq_work_socket_wait(struct eq_work_socket *s, struct pollfd *fds, size_t n_fds, double seconds,
                         struct eq_err *err) {
  void *beside = s->monitor ? s->monitor : s->zap ? eq_zap_socket(s->zap) : NULL;
  zmq_pollitem_t items[2 + FDS_MAX] = { { s->socket, 0, ZMQ_POLLIN, 0 }, { beside, 0, ZMQ_POLLIN, 0 } };
  size_t n = beside ? 2 : 1;
  for (size_t i = 0; i < n_fds; i++)
    items[n + i] = (zmq_pollitem_t){
      NULL, fds[i].fd, (short)((fds[i].events & POLLIN ? ZMQ_POLLIN : 0) | (fds[i].events & POLLOUT ? ZMQ_POLLOUT : 0)),
      0
    };
  int got = zmq_poll(items, (int)(n + n_fds), (long)(seconds * 1000));
  for (size_t i = 0; i < n_fds; i++) fds[i].revents = (short)(got > 0 && items[n + i].revents ? fds[i].events : 0);
  bool ok = got >= 0 || errno == EINTR || fail_zmq(s, "poll", err);
  if (s->zap) eq_zap_answer(s->zap);
  return ok;
}

/* ---- messages ---- */

/* Receives a part; false when none is there. *more: another follows. */
static bool receive_part(struct eq_work_socket *s, zmq_msg_t *part, bool *more) {
  if (zmq_msg_recv(part, s->socket, ZMQ_DONTWAIT) < 0) return false;
  *more = zmq_msg_more(part);
  return true;
}

bool eq_work_socket_receive(struct eq_work_socket *s, struct eq_str *peer, struct eq_str *message) {
  bool more = false, is_hub = !s->monitor;
  *peer = (struct eq_str){ "", 0 };
  if (is_hub && (!receive_part(s, &s->peer, &more) || !more)) return false;
  if (!receive_part(s, &s->message, &more)) return false;
  if (is_hub) *peer = (struct eq_str){ zmq_msg_data(&s->peer), zmq_msg_size(&s->peer) };
  *message = (struct eq_str){ zmq_msg_data(&s->message), zmq_msg_size(&s->message) };
  while (more) { /* a message of many parts is none of ours */
    *message = (struct eq_str){ "", 0 };
    if (!receive_part(s, &s->message, &more)) break;
  }
  return true;
}

void eq_work_socket_send(struct eq_work_socket *s, struct eq_str peer, const struct eq_buffer *message) {
  if (peer.n && zmq_send(s->socket, peer.p, peer.n, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) return;
  zmq_send(s->socket, message->data, message->size, ZMQ_DONTWAIT);
}

/* Those who listen without our kind of keys, or with others, hang up in the middle of the handshake; what we find wrong
 * ourselves is final, and ZeroMQ does not try again. */
static void take_event(struct eq_work_socket *s, uint16_t event) {
  s->connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
  s->connections += s->connected;
  s->unknown = s->unknown || event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  if (s->connected) s->failures = 0;
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) s->failures++;
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) s->failures = FAILURES;
}

bool eq_work_socket_connected(struct eq_work_socket *s, uint64_t *connections) {
  unsigned char part[512];
  uint16_t event;
  while (zmq_recv(s->monitor, part, sizeof part, ZMQ_DONTWAIT) >= (int)sizeof event) { /* u16 event, u32; an address */
    memcpy(&event, part, sizeof event);
    zmq_recv(s->monitor, part, sizeof part, 0);
    take_event(s, event);
  }
  *connections = s->connections;
  return s->connected;
}

const char *eq_work_socket_misfit(const struct eq_work_socket *s) {
  if (s->unknown) return "the hub does not let in who has this key";
  if (s->failures < FAILURES) return NULL;
  return "no handshake succeeds there: is the hub's key another, or does one of both have none?";
}

uint64_t eq_work_socket_refused(const struct eq_work_socket *s) { return s->zap ? eq_zap_refused(s->zap) : 0; }
