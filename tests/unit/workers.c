/* A thousand workers, each a thread with a socket of its own, on one hub: while a tenth of them die without a word, no
 * unit is lost and none comes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/base/progress.h"
#include "lib/stream/hub.h"
#include "lib/stream/work_socket.h"
#include "lib/stream/worker.h"

enum { WORKERS = 1000, UNITS = 20000, FDS = 8 * WORKERS, DELAY = 2000 /* microseconds a unit */ };
static const struct eq_str prog = { "\x90", 1 };
static const struct eq_str record = { "\x81\xa1k\xa1t", 5 };

struct hand {
  const char *where;
  void *context;
  size_t dies_after; /* units; 0: never */
  pthread_t thread;
  bool good;
};

/* Works on what came; false when it is to die, with units in its hands. */
static bool work_on(struct eq_worker *w, struct hand *h, struct eq_work *m, size_t *n_done) {
  struct eq_work_unit u;
  while (eq_work_next(m, &u)) {
    if (h->dies_after && ++*n_done > h->dies_after) return false;
    usleep(DELAY);
    eq_worker_result(w, m->session, &u);
  }
  return true;
}

static void *live(void *context) {
  struct hand *h = context;
  struct eq_err err = { 0 };
  struct eq_work m;
  enum eq_news news = EQ_NEWS_NONE;
  size_t n_done = 0;
  struct eq_worker *w = eq_worker_new((struct eq_worker_settings){ h->where, 60, h->context, { NULL, NULL } }, &err);
  bool alive = w;
  while (alive && news != EQ_NEWS_END && eq_worker_wait(w, NULL, 0, 1, &err)) {
    while (alive && eq_worker_read(w, &news, &m, &err) && news != EQ_NEWS_NONE && news != EQ_NEWS_END) {
      if (news == EQ_NEWS_HEADER) eq_worker_hello(w, 4, prog);
      if (news == EQ_NEWS_UNITS) alive = work_on(w, h, &m, &n_done);
    }
  }
  if (alive) eq_worker_leave(w, eq_str(""), false);
  h->good = err.code == EQ_OK;
  if (!h->good) fprintf(stderr, "%s\n", err.text);
  eq_worker_free(w);
  return NULL;
}

/* ---- the hub ---- */

struct world {
  struct eq_work_socket *socket;
  unsigned char came[UNITS];
};

static void on_send(void *context, struct eq_str worker, const struct eq_buffer *message) {
  struct world *w = context;
  eq_work_socket_send(w->socket, worker, message);
}

static bool on_begin(void *context, struct eq_str chain) {
  (void)context;
  return eq_str_equal(chain, prog);
}

static bool on_deliver(void *context, const struct eq_work_unit *result) {
  struct world *w = context;
  return result->number < UNITS && w->came[result->number]++ == 0 && eq_str_equal(result->records, record);
}

static void on_say(void *context, const char *text) { (void)context, (void)text; }

static struct eq_hub_counts serve(struct world *w, const char *where) {
  struct eq_err err = { 0 };
  struct eq_str worker, message;
  struct eq_hub_settings settings = { where, false, 3, 60, 7 };
  struct eq_hub *h =
      eq_hub_new(settings, (struct eq_hub_sink){ on_send, on_begin, on_deliver, on_say, w }, eq_clock(), &err);
  assert_true(h && eq_hub_header(h, prog, &err));
  for (size_t i = 0; i < UNITS; i++) assert_true(eq_hub_add(h, record, &err));
  eq_hub_close(h);
  while (!eq_hub_done(h)) {
    for (int i = 0; i < 64 && eq_work_socket_receive(w->socket, &worker, &message); i++)
      assert_true(eq_hub_take(h, worker, message, eq_clock(), &err));
    assert_true(eq_hub_tick(h, eq_clock(), &err));
    assert_true(eq_work_socket_wait(w->socket, NULL, 0, 0.1, &err));
  }
  struct eq_hub_counts counts = eq_hub_counts(h);
  eq_hub_free(h);
  return counts;
}

static bool room_for_sockets(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < FDS) return false;
  files.rlim_cur = files.rlim_cur < FDS ? FDS : files.rlim_cur;
  return setrlimit(RLIMIT_NOFILE, &files) == 0;
}

static void a_thousand_sockets_lose_nothing_while_a_tenth_die(void **state) {
  (void)state;
  if (!room_for_sockets()) skip();
  char where[256];
  const char *folder = getenv("TMPDIR");
  snprintf(where, sizeof where, "ipc://%s/workers-%d", folder ? folder : "/tmp", (int)getpid());
  struct eq_err err = { 0 };
  struct world *w = calloc(1, sizeof *w);
  struct hand *hands = calloc(WORKERS, sizeof *hands);
  void *context = zmq_ctx_new();
  zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 4 * WORKERS);
  assert_non_null(w->socket = eq_work_socket_bind(where, (struct eq_work_keys){ NULL, NULL }, &err));
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 512 << 10);
  for (size_t i = 0; i < WORKERS; i++) {
    hands[i] = (struct hand){ .where = where, .context = context, .dies_after = i % 10 ? 0 : 1 + i / 10 % 3 };
    assert_int_equal(pthread_create(&hands[i].thread, &small, live, &hands[i]), 0);
  }
  struct eq_hub_counts counts = serve(w, where);
  for (size_t i = 0; i < WORKERS; i++) {
    pthread_join(hands[i].thread, NULL);
    assert_true(hands[i].good);
  }
  for (size_t i = 0; i < UNITS; i++) assert_int_equal(w->came[i], 1);
  assert_true(counts.lost >= WORKERS / 20 && counts.again >= WORKERS / 20);
  pthread_attr_destroy(&small);
  eq_work_socket_free(w->socket);
  zmq_ctx_term(context);
  free(hands);
  free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(a_thousand_sockets_lose_nothing_while_a_tenth_die) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
