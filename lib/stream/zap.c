#include "lib/stream/zap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "lib/base/buffer.h"
#include "lib/stream/curve.h"

/* The frames of a question; behind them stand credentials, of CURVE the client's public key. */
enum { VERSION, REQUEST, DOMAIN_NAME, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAMES };

struct eq_zap {
  void *socket;
  unsigned char *keys;
  size_t n;
  uint64_t refused;
};

struct eq_zap *eq_zap_new(void *context, unsigned char *keys, size_t n, struct eq_err *err) {
  struct eq_zap *z = eq_array(1, sizeof *z);
  if (!z) {
    free(keys);
    eq_fail_memory(err, sizeof *z, "a list of keys");
    return NULL;
  }
  *z = (struct eq_zap){ .socket = zmq_socket(context, ZMQ_REP), .keys = keys, .n = n };
  if (z->socket && zmq_bind(z->socket, "inproc://zeromq.zap.01") == 0) return z;
  eq_fail(err, EQ_BAD, "keys cannot be checked: %s", zmq_strerror(errno));
  eq_zap_free(z);
  return NULL;
}

void eq_zap_free(struct eq_zap *z) {
  int none = 0;
  if (!z) return;
  if (z->socket) zmq_setsockopt(z->socket, ZMQ_LINGER, &none, sizeof none);
  if (z->socket) zmq_close(z->socket);
  free(z->keys);
  free(z);
}

void *eq_zap_socket(const struct eq_zap *z) { return z->socket; }

uint64_t eq_zap_refused(const struct eq_zap *z) { return z->refused; }

static bool may(const struct eq_zap *z, const unsigned char *key) {
  for (size_t i = 0; i < z->n; i++)
    if (memcmp(z->keys + i * EQ_CURVE_KEY, key, EQ_CURVE_KEY) == 0) return true;
  return false;
}

/* Reads the frames of a question; false when none is there. The sizes are of the frames as they were sent. */
static bool read_question(struct eq_zap *z, unsigned char frames[FRAMES][256], int sizes[FRAMES]) {
  size_t n = 0;
  int more = 1;
  size_t more_size = sizeof more;
  memset(sizes, 0, FRAMES * sizeof *sizes);
  for (; more; n++) {
    unsigned char spare[256];
    int got = zmq_recv(z->socket, n < FRAMES ? frames[n] : spare, sizeof spare, n ? 0 : ZMQ_DONTWAIT);
    if (got < 0) return false;
    if (n < FRAMES) sizes[n] = got;
    if (zmq_getsockopt(z->socket, ZMQ_RCVMORE, &more, &more_size)) return false;
  }
  return true;
}

void eq_zap_answer(struct eq_zap *z) {
  unsigned char frames[FRAMES][256];
  int sizes[FRAMES];
  while (read_question(z, frames, sizes)) {
    bool ok = sizes[MECHANISM] == 5 && memcmp(frames[MECHANISM], "CURVE", 5) == 0 &&
              sizes[CREDENTIALS] == EQ_CURVE_KEY && may(z, frames[CREDENTIALS]);
    z->refused += !ok;
    size_t n_request = sizes[REQUEST] < 256 ? (size_t)sizes[REQUEST] : 255;
    zmq_send(z->socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(z->socket, frames[REQUEST], n_request, ZMQ_SNDMORE);
    zmq_send(z->socket, ok ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(z->socket, ok ? "OK" : "unknown key", ok ? 2 : 11, ZMQ_SNDMORE);
    zmq_send(z->socket, "", 0, ZMQ_SNDMORE);
    zmq_send(z->socket, "", 0, 0);
  }
}
