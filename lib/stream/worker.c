#include "lib/stream/worker.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/progress.h"

static const double BEAT = 1; /* seconds */

struct eq_worker {
  struct eq_worker_settings settings;
  struct eq_work_socket *socket;
  uint64_t session, answered; /* of the hub; of the one that asked who this is */
  uint64_t connections;       /* how often there was one */
  double beaten, alone;       /* when the last heartbeat left; when there was a hub last */
  struct eq_buffer results;   /* a message that fills */
  struct eq_buffer message;
};

static void send(struct eq_worker *w) { eq_work_socket_send(w->socket, (struct eq_str){ "", 0 }, &w->message); }

static void send_plain(struct eq_worker *w, enum eq_work_type type) {
  eq_work_begin(&w->message, type, w->session);
  send(w);
}

static void join(struct eq_worker *w) {
  w->session = 0;
  w->results.size = 0;
  send_plain(w, EQ_WORK_JOIN);
}

struct eq_worker *eq_worker_new(struct eq_worker_settings settings, struct eq_err *err) {
  struct eq_worker *w = eq_array(1, sizeof *w);
  if (!w) return eq_fail_memory(err, sizeof *w, "a worker"), NULL;
  w->settings = settings;
  w->beaten = w->alone = eq_clock();
  if ((w->socket = eq_work_socket_connect(settings.where, settings.context, settings.keys, err))) return w;
  free(w);
  return NULL;
}

static void send_results(struct eq_worker *w) {
  if (w->results.size) eq_work_socket_send(w->socket, (struct eq_str){ "", 0 }, &w->results);
  w->results.size = 0;
}

void eq_worker_free(struct eq_worker *w) {
  if (!w) return;
  eq_work_socket_free(w->socket);
  eq_buffer_free(&w->results);
  eq_buffer_free(&w->message);
  free(w);
}

uint64_t eq_worker_session(const struct eq_worker *w) { return w->session; }

/* A connection that came again has lost what was under way: the hub learns that by JOIN. */
static bool look_at_connection(struct eq_worker *w, double now, struct eq_err *err) {
  uint64_t connections;
  if (eq_work_socket_connected(w->socket, &connections)) w->alone = now;
  if (connections != w->connections) join(w);
  w->connections = connections;
  const char *misfit = eq_work_socket_misfit(w->socket);
  if (misfit) return eq_fail(err, EQ_BAD, "%s: %s", w->settings.where, misfit);
  if (w->settings.wait <= 0 || now - w->alone <= w->settings.wait) return true;
  return eq_fail(err, EQ_BAD, "%s: no hub %s (waited %g s): eq-hub %s starts one", w->settings.where,
                 connections ? "any more" : "is there", w->settings.wait, w->settings.where);
}

bool eq_worker_wait(struct eq_worker *w, struct pollfd *fds, size_t n_fds, double seconds, struct eq_err *err) {
  double now = eq_clock(), left = w->beaten + BEAT - now;
  if (left <= 0) {
    if (w->connections) send_plain(w, EQ_WORK_BEAT);
    w->beaten = now;
    left = BEAT;
  }
  send_results(w);
  if (w->results.failed || w->message.failed) return eq_fail_memory(err, EQ_WORK_BATCH, "a message");
  return look_at_connection(w, now, err) &&
         eq_work_socket_wait(w->socket, fds, n_fds, seconds < left ? seconds : left, err);
}

/* What the hub says; *news stays EQ_NEWS_NONE where it is nothing for the caller. */
static bool take(struct eq_worker *w, enum eq_news *news, struct eq_work *m, struct eq_err *err) {
  bool is_ours = m->session == w->session;
  switch (m->type) {
  case EQ_WORK_WHO: /* each message that it did not expect makes it ask: it is answered once */
    if (m->session != w->answered) join(w);
    w->answered = m->session;
    return true;
  case EQ_WORK_HEADER:
    w->session = m->session;
    *news = EQ_NEWS_HEADER;
    return true;
  case EQ_WORK_UNITS: *news = is_ours ? EQ_NEWS_UNITS : EQ_NEWS_NONE; return true;
  case EQ_WORK_END: *news = is_ours || !w->session ? EQ_NEWS_END : EQ_NEWS_NONE; return true;
  case EQ_WORK_REFUSE:
    return eq_fail(err, EQ_BAD, "%s: the hub refuses this worker: %.*s", w->settings.where, EQ_STR(m->text));
  default:
    return eq_fail(err, EQ_BAD, "%s: what listens there is no hub: it sent %s", w->settings.where,
                   eq_work_name(m->type));
  }
}

bool eq_worker_read(struct eq_worker *w, enum eq_news *news, struct eq_work *m, struct eq_err *err) {
  struct eq_str peer, message;
  const char *reason;
  *news = EQ_NEWS_NONE;
  while (*news == EQ_NEWS_NONE && eq_work_socket_receive(w->socket, &peer, &message)) {
    if (!eq_work_read(m, message.p, message.n, &reason))
      return eq_fail(err, EQ_BAD, "%s: what listens there is no hub: its message %s", w->settings.where, reason);
    if (!take(w, news, m, err)) return false;
  }
  return true;
}

void eq_worker_hello(struct eq_worker *w, uint32_t credit, struct eq_str prog) {
  eq_work_hello(&w->message, w->session, credit, prog);
  send(w);
}

void eq_worker_result(struct eq_worker *w, uint64_t session, const struct eq_work_unit *result) {
  if (session != w->session || !session) return;
  if (!w->results.size) eq_work_begin(&w->results, EQ_WORK_RESULTS, session);
  eq_work_add_unit(&w->results, result);
  if (w->results.size >= EQ_WORK_BATCH) send_results(w);
}

void eq_worker_leave(struct eq_worker *w, struct eq_str why, bool again) {
  send_results(w);
  eq_work_text(&w->message, EQ_WORK_LEAVE, w->session, why);
  send(w);
  if (again) join(w);
}
