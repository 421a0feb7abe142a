#include "lib/stream/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <zmq.h>

#include "lib/base/number.h"
#include "lib/base/progress.h"

enum {
  HEAD = 24,                            /* bytes of a frame before its records */
  LAST = 1,                             /* flag of a sender's last frame */
  ACK = 8,                              /* bytes of an answer: u64, how many frames of the sender were taken */
  WINDOW = 8,                           /* frames of a sender that may be under way */
  HIGH_WATER = 4 * WINDOW,              /* messages in a queue; the window stays below, see socket.h */
  MESSAGE_MAX = (64 << 20) + (1 << 20), /* the largest record, and a batch */
  SENDERS_MAX = 4096,
  TICK = 250,       /* milliseconds between looks at clocks while waiting */
  OPENING_MAX = 64, /* connections before their handshake that are told apart */
  LINGER = 5000,    /* milliseconds for a receiver's last answers to leave */
  HEARTBEAT = 2000, /* milliseconds between heartbeats */
  SILENCE = 20000,  /* milliseconds after which a silent peer is dead */
};

static const double GRACE = 1; /* seconds that what a dead connection left may take to come out of the socket */
static const char MAGIC[4] = { 'E', 'Q', 'F', '1' };

/* One of a receiver's senders. */
struct peer {
  uint64_t id, next; /* of its frames: the sequence number that must come next */
  bool ended;
};

struct eq_socket {
  char *name, *address; /* as given; as ZeroMQ wants it */
  bool bound;
  void *context, *socket, *monitor;
  uint64_t senders, wait;   /* the endpoint's parameters; wait in seconds */
  double alone;             /* when a sender last had no connection, by the clock */
  int opening[OPENING_MAX]; /* descriptors of connections before their handshake, the newest last */
  size_t n_opening;
  bool hung_up;        /* the next connection to end did so before its handshake, without a wrong byte */
  uint64_t live, gone; /* connections that are there, that were */
  bool stranger;       /* something connected that is no equant peer */
  bool failed;
  uint64_t id, sequence, acked; /* a sender's own: frames sent, frames that the receiver has taken */
  struct peer *peers;           /* a receiver's [senders] */
  size_t n_peers, n_ended;
};

bool eq_socket_is(const char *where) { return strncmp(where, "tcp://", 6) == 0 || strncmp(where, "ipc://", 6) == 0; }

size_t eq_socket_senders(const struct eq_socket *s) { return (size_t)s->senders; }

/* ---- endpoints ---- */

static bool parse_parameter(struct eq_socket *s, struct eq_str p, struct eq_err *err) {
  const struct {
    const char *name;
    uint64_t *value, least, most;
  } known[] = { { "senders", &s->senders, 1, SENDERS_MAX }, { "wait", &s->wait, 0, 1000000 } };
  const char *equals = memchr(p.p, '=', p.n);
  size_t n = equals ? (size_t)(equals - p.p) : p.n;
  for (size_t i = 0; equals && i < sizeof known / sizeof *known; i++)
    if (eq_str_is((struct eq_str){ p.p, n }, known[i].name))
      return (eq_parse_u64((struct eq_str){ equals + 1, p.n - n - 1 }, known[i].value) &&
              *known[i].value >= known[i].least && *known[i].value <= known[i].most) ||
             eq_fail(err, EQ_BAD, "%s: '%.*s': expected a whole number from %llu to %llu", s->name, EQ_STR(p),
                     (unsigned long long)known[i].least, (unsigned long long)known[i].most);
  return eq_fail(err, EQ_BAD, "%s: '%.*s' is no parameter: there are senders=N and wait=SECONDS", s->name, EQ_STR(p));
}

/* "tcp://HOST:PORT?x=1&y=2" into address, bound and parameters. */
static bool parse_endpoint(struct eq_socket *s, struct eq_err *err) {
  const char *name = s->name, *query = strchr(name, '?');
  bool ipc = strncmp(name, "ipc://", 6) == 0;
  size_t n = query ? (size_t)(query - name) : strlen(name);
  s->bound = name[6] == '*';
  s->address = eq_copy_string(name, n);
  if (!s->address) return eq_fail_memory(err, n, "an endpoint");
  if (ipc && s->bound) memmove(s->address + 6, s->address + 7, n - 6);
  while (query && *query) {
    size_t k = strcspn(query + 1, "&");
    if (!parse_parameter(s, (struct eq_str){ query + 1, k }, err)) return false;
    query += 1 + k;
  }
  return true;
}

/* ---- opening ---- */

static bool fail_zmq(struct eq_socket *s, const char *action, struct eq_err *err) {
  s->failed = true;
  return eq_fail(err, EQ_BAD, "%s: %s: %s", s->name, action, zmq_strerror(errno));
}

static bool set_options(struct eq_socket *s) {
  const struct {
    int option, value;
  } options[] = {
    { ZMQ_SNDHWM, HIGH_WATER },       { ZMQ_RCVHWM, HIGH_WATER },         { ZMQ_LINGER, LINGER },
    { ZMQ_HEARTBEAT_IVL, HEARTBEAT }, { ZMQ_HEARTBEAT_TIMEOUT, SILENCE }, { ZMQ_IPV6, 1 },
  };
  int64_t most = MESSAGE_MAX;
  static const char domain[] = "equant"; /* with one, ZeroMQ hangs up on ZMTP 1.0, which any bytes could be */
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (zmq_setsockopt(s->socket, options[i].option, &options[i].value, sizeof(int))) return false;
  return zmq_setsockopt(s->socket, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1) == 0 &&
         zmq_setsockopt(s->socket, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0;
}

static bool watch_connections(struct eq_socket *s) {
  int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
               ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  if (zmq_socket_monitor(s->socket, "inproc://connections", events)) return false;
  s->monitor = zmq_socket(s->context, ZMQ_PAIR);
  int any = 0; /* at a high-water mark ZeroMQ's own thread would wait for us, and heartbeats with it */
  return s->monitor && zmq_setsockopt(s->monitor, ZMQ_RCVHWM, &any, sizeof any) == 0 &&
         zmq_connect(s->monitor, "inproc://connections") == 0;
}

/* ZeroMQ removes whatever bears the name of an ipc endpoint that it binds: that may only be a socket. */
static bool may_bind(struct eq_socket *s, struct eq_err *err) {
  struct stat st;
  if (strncmp(s->address, "ipc://", 6) != 0 || lstat(s->address + 6, &st) || S_ISSOCK(st.st_mode)) return true;
  return eq_fail(err, EQ_BAD, "%s: there is a file %s already, and it is no socket", s->name, s->address + 6);
}

static bool start(struct eq_socket *s, int type, struct eq_err *err) {
  s->context = zmq_ctx_new();
  s->socket = s->context ? zmq_socket(s->context, type) : NULL;
  if (!s->socket || !set_options(s) || !watch_connections(s)) return fail_zmq(s, "open", err);
  if (s->bound && !may_bind(s, err)) return false;
  if ((s->bound ? zmq_bind : zmq_connect)(s->socket, s->address) == 0) return true;
  return fail_zmq(s, s->bound ? "bind" : "connect", err);
}

/* now: drop what is not sent yet. */
static void socket_free(struct eq_socket *s, bool now) {
  int none = 0;
  if (s->monitor) zmq_close(s->monitor);
  if (s->socket) {
    if (now) zmq_setsockopt(s->socket, ZMQ_LINGER, &none, sizeof none);
    zmq_close(s->socket);
  }
  while (s->context && zmq_ctx_term(s->context) && errno == EINTR) continue; /* waits until all is sent */
  free(s->peers);
  free(s->address);
  free(s->name);
  free(s);
}

static struct eq_socket *socket_new(const char *where, int type, uint64_t wait, struct eq_err *err) {
  struct eq_socket *s = eq_array(1, sizeof *s);
  if (!s) {
    eq_fail_memory(err, sizeof *s, "a socket");
    return NULL;
  }
  s->senders = 1;
  s->wait = wait;
  s->alone = eq_clock();
  s->name = eq_copy_string(where, strlen(where));
  bool ok = s->name || eq_fail_memory(err, strlen(where), "an endpoint");
  ok = ok && parse_endpoint(s, err) && start(s, type, err);
  if (ok && type == ZMQ_ROUTER) {
    s->peers = eq_array((size_t)s->senders, sizeof *s->peers);
    ok = s->peers || eq_fail_memory(err, (size_t)s->senders * sizeof *s->peers, "senders");
  }
  if (ok && type == ZMQ_DEALER && getrandom(&s->id, sizeof s->id, 0) != sizeof s->id)
    ok = eq_fail_errno(err, where, "number a sender");
  if (ok) return s;
  socket_free(s, true);
  return NULL;
}

struct eq_socket *eq_socket_receiver(const char *where, struct eq_err *err) {
  return socket_new(where, ZMQ_ROUTER, 0, err);
}
struct eq_socket *eq_socket_sender(const char *where, struct eq_err *err) {
  return socket_new(where, ZMQ_DEALER, 60, err);
}

/* ---- connections ---- */

/* Takes descriptor fd off those before their handshake; false when it is not among them. */
static bool was_opening(struct eq_socket *s, int fd) {
  size_t i = 0;
  while (i < s->n_opening && s->opening[i] != fd) i++;
  if (i == s->n_opening) return false;
  memmove(s->opening + i, s->opening + i + 1, (--s->n_opening - i) * sizeof *s->opening);
  return true;
}

/* A connection ended. A port scan, or who looks whether somebody listens, hangs up before the handshake: no harm.
 * Bytes that are no ZeroMQ, or a socket of another type, end it in ZeroMQ's name, and then nothing was hung up. */
static void disconnected(struct eq_socket *s, int fd) {
  if (was_opening(s, fd))
    s->stranger = s->stranger || !s->hung_up;
  else if (s->live && !s->hung_up)
    s->live--, s->gone++;
  s->hung_up = false;
}

static void take_event(struct eq_socket *s, uint16_t event, int value) {
  switch (event) {
  case ZMQ_EVENT_CONNECTED:
  case ZMQ_EVENT_ACCEPTED:
    if (s->n_opening < OPENING_MAX) s->opening[s->n_opening++] = value;
    break;
  case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: /* whose, is not said: the newest, for who never shakes hands stays behind */
    if (s->n_opening) s->n_opening--;
    s->live++;
    break;
  case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: s->hung_up = true; break; /* its disconnection comes next */
  case ZMQ_EVENT_DISCONNECTED: disconnected(s, value); break;
  default: s->stranger = true; /* a handshake that is none */
  }
}

/* Takes the events that have come. Each is two parts: u16 event and u32 value, then an address. */
static void look_at_connections(struct eq_socket *s) {
  unsigned char part[512];
  int n;
  while ((n = zmq_recv(s->monitor, part, sizeof part, ZMQ_DONTWAIT)) >= 0) {
    uint16_t event;
    int32_t value;
    if (n < (int)(sizeof event + sizeof value)) continue;
    memcpy(&event, part, sizeof event);
    memcpy(&value, part + sizeof event, sizeof value);
    zmq_recv(s->monitor, part, sizeof part, 0);
    take_event(s, event, value);
  }
}

/* Waits for the socket (ZMQ_POLLIN, ZMQ_POLLOUT) or a connection's event, a tick at most. */
static void pause_for(struct eq_socket *s, short events) {
  zmq_pollitem_t items[] = { { s->socket, 0, events, 0 }, { s->monitor, 0, ZMQ_POLLIN, 0 } };
  zmq_poll(items, 2, TICK);
}

/* ---- sending ---- */

static void put_u64(unsigned char *b, uint64_t v, int n) {
  for (int i = 0; i < n; i++) b[i] = (unsigned char)(v >> 8 * i);
}

static uint64_t get_u64(const unsigned char *b, int n) {
  uint64_t v = 0;
  for (int i = n - 1; i >= 0; i--) v = v << 8 | b[i];
  return v;
}

/* Whether what was sent may still be taken, as far as connections tell. */
static bool receiver_is_there(struct eq_socket *s, struct eq_err *err) {
  look_at_connections(s);
  if (s->live) s->alone = eq_clock();
  if (s->stranger)
    return eq_fail(err, EQ_BAD, "%s: what listens there is no equant receiver (-i %s)", s->name, s->address);
  if (s->gone)
    return eq_fail(err, EQ_BAD, "%s: the receiver has gone; it took %llu of %llu frames", s->name,
                   (unsigned long long)s->acked, (unsigned long long)s->sequence);
  if (s->live > 1) return eq_fail(err, EQ_BAD, "%s: two receivers are connected: a stream goes to one", s->name);
  if (eq_clock() - s->alone > (double)s->wait)
    return eq_fail(err, EQ_BAD, "%s: nobody listens there (waited %llu s; the parameter ?wait=SECONDS changes that)",
                   s->name, (unsigned long long)s->wait);
  return true;
}

static void take_answers(struct eq_socket *s) {
  unsigned char answer[ACK];
  while (zmq_recv(s->socket, answer, sizeof answer, ZMQ_DONTWAIT) == ACK) {
    uint64_t taken = get_u64(answer, ACK);
    if (taken > s->acked && taken <= s->sequence) s->acked = taken;
  }
}

/* Waits until at most n frames are under way. The last answer may come out behind the news that its sender left. */
static bool settle(struct eq_socket *s, uint64_t n, struct eq_err *err) {
  double left_at = 0;
  for (take_answers(s); s->sequence - s->acked > n; take_answers(s)) {
    look_at_connections(s);
    if (s->gone && left_at == 0) left_at = eq_clock();
    if ((!s->gone || eq_clock() - left_at > GRACE) && !receiver_is_there(s, err)) return !(s->failed = true);
    pause_for(s, ZMQ_POLLIN);
  }
  return true;
}

static bool send_frame(struct eq_socket *s, const void *bytes, size_t n, uint32_t flags, struct eq_err *err) {
  zmq_msg_t frame;
  if (!settle(s, WINDOW - 1, err)) return false;
  if (zmq_msg_init_size(&frame, HEAD + n)) return fail_zmq(s, "send", err);
  unsigned char *b = zmq_msg_data(&frame);
  memcpy(b, MAGIC, sizeof MAGIC);
  put_u64(b + 4, flags, 4);
  put_u64(b + 8, s->id, 8);
  put_u64(b + 16, s->sequence, 8);
  if (n) memcpy(b + HEAD, bytes, n);
  while (receiver_is_there(s, err)) {
    if (zmq_msg_send(&frame, s->socket, ZMQ_DONTWAIT) >= 0) return ++s->sequence;
    if (errno != EAGAIN && errno != EINTR) {
      fail_zmq(s, "send", err);
      break;
    }
    pause_for(s, ZMQ_POLLOUT);
  }
  zmq_msg_close(&frame);
  return !(s->failed = true);
}

bool eq_socket_send(struct eq_socket *s, const void *bytes, size_t n, struct eq_err *err) {
  return send_frame(s, bytes, n, 0, err);
}

bool eq_socket_close(struct eq_socket *s, bool complete, struct eq_err *err) {
  bool ok = true, tell = !s->peers && !s->failed;
  if (tell && !complete) look_at_connections(s); /* nobody is waited for, only to be told that nothing comes */
  if (tell && (complete || s->live)) ok = send_frame(s, NULL, 0, LAST, err) && settle(s, 0, err);
  socket_free(s, !s->peers);
  return ok;
}

/* ---- receiving ---- */

static bool no_frame(struct eq_socket *s, const char *what, struct eq_err *err) {
  return eq_fail(err, EQ_BAD, "%s: %s: expected the frames of an equant sender (-o %s)", s->name, what, s->address);
}

/* The sender that a frame is of, entered when new; `senders` when there is one too many. */
static size_t peer_of(struct eq_socket *s, uint64_t id) {
  size_t i = 0;
  while (i < s->n_peers && s->peers[i].id != id) i++;
  if (i == s->n_peers && i < s->senders) s->peers[s->n_peers++] = (struct peer){ .id = id };
  return i;
}

static bool take_frame(struct eq_socket *s, const unsigned char *b, size_t n, struct eq_buffer *into, size_t *sender,
                       struct eq_err *err) {
  if (n < HEAD || memcmp(b, MAGIC, sizeof MAGIC) != 0 || get_u64(b + 4, 4) > LAST)
    return no_frame(s, "a message on the socket is no frame", err);
  uint64_t sequence = get_u64(b + 16, 8);
  *sender = peer_of(s, get_u64(b + 8, 8));
  if (*sender == s->senders)
    return eq_fail(err, EQ_BAD, "%s: one sender too many: expected %llu (the parameter ?senders=N says how many)",
                   s->name, (unsigned long long)s->senders);
  struct peer *p = &s->peers[*sender];
  if (p->ended) return no_frame(s, "a frame came behind its sender's last", err);
  if (sequence != p->next)
    return eq_fail(err, EQ_DATA, "%s: frames were lost when a connection broke: %llu came where %llu was expected",
                   s->name, (unsigned long long)sequence, (unsigned long long)p->next);
  p->next++;
  if (get_u64(b + 4, 4) == LAST) p->ended = true, s->n_ended++;
  eq_buffer_add(into, b + HEAD, n - HEAD);
  return !into->failed || eq_fail_memory(err, n, "a frame");
}

/* Whether more may come, now that nothing is there. `idle`: seconds since something was. */
static bool more_may_come(struct eq_socket *s, double idle, struct eq_err *err) {
  if (s->n_ended == s->senders) return false;
  look_at_connections(s);
  if (s->stranger) return no_frame(s, "something that does not speak as a sender does connected", err);
  if (s->live == 0 && s->gone > s->n_ended && idle > GRACE) return false; /* it died: its stream lacks its trailer */
  if (s->wait && s->live == 0 && idle > (double)s->wait)
    return eq_fail(err, EQ_BAD, "%s: nobody sends (waited %llu s)", s->name, (unsigned long long)s->wait);
  return true;
}

/* A message is two parts: who sent it, as ZeroMQ names connections, and the frame. The answer goes back the same way;
 * when that sender is gone ZeroMQ drops it. */
static bool take_message(struct eq_socket *s, const void *from, size_t n_from, struct eq_buffer *into, size_t *sender,
                         struct eq_err *err) {
  zmq_msg_t frame;
  zmq_msg_init(&frame);
  bool ok = zmq_msg_recv(&frame, s->socket, 0) >= 0 || fail_zmq(s, "receive", err);
  if (ok && zmq_msg_more(&frame)) ok = no_frame(s, "a message on the socket has more than one part", err);
  ok = ok && take_frame(s, zmq_msg_data(&frame), zmq_msg_size(&frame), into, sender, err);
  zmq_msg_close(&frame);
  if (!ok) return false;
  unsigned char answer[ACK];
  put_u64(answer, s->peers[*sender].next, ACK);
  zmq_send(s->socket, from, n_from, ZMQ_SNDMORE | ZMQ_DONTWAIT);
  zmq_send(s->socket, answer, sizeof answer, ZMQ_DONTWAIT);
  return true;
}

bool eq_socket_receive(struct eq_socket *s, struct eq_buffer *into, size_t *sender, struct eq_err *err) {
  double began = eq_clock();
  unsigned char from[256];
  for (;;) {
    int n = zmq_recv(s->socket, from, sizeof from, ZMQ_DONTWAIT);
    if (n >= 0) return take_message(s, from, (size_t)n, into, sender, err);
    if (errno != EAGAIN && errno != EINTR) return fail_zmq(s, "receive", err);
    if (!more_may_come(s, eq_clock() - began, err)) return false;
    pause_for(s, ZMQ_POLLIN);
  }
}
