/* eq-work: does units of work for a hub, with any filter. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/stop.h"
#include "lib/stream/coprocess.h"
#include "lib/stream/worker.h"
#include "lib/tool/tool.h"

struct args {
  uint64_t credit;
  double wait;
  const char *key, *hub_key;
  bool insecure;
};

static const struct eq_option options[] = {
  { 'c', "credit", EQ_UINT, offsetof(struct args, credit), "N", "units that may lie here at a time (256)", true },
  { 0, "wait", EQ_REAL, offsetof(struct args, wait), "S", "seconds without a hub before it gives up; 0: never (60)",
    true },
  { 0, "key", EQ_TEXT, offsetof(struct args, key), "FILE", "tcp: the key of this worker, or the hub's own", true },
  { 0, "hub-key", EQ_TEXT, offsetof(struct args, hub_key), "FILE", "the hub's public key (that of --key)", true },
  { 0, "insecure", EQ_FLAG, offsetof(struct args, insecure), NULL, "tcp without keys, for a hub that has none", true },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-work",
  .summary = "do units of work for a hub, with any filter",
  .usage = "[options] ENDPOINT -- COMMAND [ARGUMENT...]",
  .options = options,
  .examples = "eq-work ipc:///tmp/hub -- eq-ppl -m corpora/mini -r none -r int4 -t 1 &\n"
              "eq-text -c corpora/udhr -l en,he --limit 20 | eq-token -m corpora/mini |\n"
              "  eq-hub --ordered ipc:///tmp/hub | eq-disparity | eq-show",
  .see_also = "eq-hub, eq-ppl, eq",
  .streams = EQ_NO_STREAM,
  .max_operands = 1 << 16,
};

struct work {
  struct eq_tool tool;
  struct args args;
  const char **argv; /* of the command */
  struct eq_worker *worker;
  struct eq_coprocess *process; /* NULL before the hub's header came, and after its death */
  struct eq_buffer prog;        /* of the hub's input, for which it was started */
  bool given;                   /* it took a unit since it was started */
  bool ended;                   /* no more units come */
  bool stops;                   /* it was told to, and does the unit at hand */
  bool done;
};

static bool choose_keys(struct work *w) {
  const struct args *a = &w->args;
  const char *where = w->tool.operands[0];
  struct eq_err *err = &w->tool.err;
  if (a->insecure && a->key) return eq_fail(err, EQ_BAD, "--insecure is tcp without --key: leave out one of them");
  if (a->hub_key && !a->key) return eq_fail(err, EQ_BAD, "--hub-key goes with --key, the worker's own");
  if (strncmp(where, "tcp://", 6) == 0 && !a->key && !a->insecure)
    return eq_fail(err, EQ_BAD, "%s: expected --key FILE, the hub's or one that it lets in (or --insecure, as the hub)",
                   where);
  return true;
}

static bool set_up(struct work *w) {
  struct eq_tool *t = &w->tool;
  if (t->n_operands < 2)
    return eq_fail(&t->err, EQ_BAD, "expected the hub's ENDPOINT, -- and a COMMAND: -h shows an example");
  if (!w->args.credit || w->args.credit > 65536)
    return eq_fail(&t->err, EQ_BAD, "--credit: %llu, expected 1 to 65536", (unsigned long long)w->args.credit);
  if (!choose_keys(w)) return false;
  if (!(w->argv = eq_array(t->n_operands, sizeof *w->argv)))
    return eq_fail_memory(&t->err, t->n_operands * sizeof *w->argv, "a command");
  memcpy(w->argv, t->operands + 1, (t->n_operands - 1) * sizeof *w->argv);
  struct eq_worker_settings settings = { .where = t->operands[0],
                                         .wait = w->args.wait,
                                         .keys = { w->args.key, w->args.hub_key } };
  w->worker = eq_worker_new(settings, &t->err);
  return w->worker && eq_tool_stops(t);
}

/* Starts the command, or goes on with it: for the same input its output is the same. One whose input was ended gives
 * way: the hub died behind its END and was started again. */
static bool take_header(struct work *w, struct eq_str prog) {
  if (w->ended) {
    eq_coprocess_free(w->process);
    w->process = NULL;
    w->ended = false;
  }
  if (w->process && !eq_str_equal(prog, (struct eq_str){ w->prog.data, w->prog.size }))
    return eq_fail(&w->tool.err, EQ_BAD, "%s: the hub came again with another input", w->tool.operands[0]);
  if (w->process) {
    struct eq_str ready = eq_coprocess_prog(w->process);
    if (ready.n) eq_worker_hello(w->worker, (uint32_t)w->args.credit, ready);
    return true;
  }
  w->prog.size = 0;
  eq_buffer_add(&w->prog, prog.p, prog.n);
  if (w->prog.failed) return eq_fail_memory(&w->tool.err, prog.n, "a header");
  w->given = false;
  w->process = eq_coprocess_start(w->argv, prog, &w->tool.err);
  return w->process;
}

static bool take_units(struct work *w, struct eq_work *m) {
  struct eq_work_unit u;
  while (w->process && !w->ended && !w->stops &&
         eq_work_next(m, &u)) { /* without it they go to others: the hub was told */
    if (!eq_coprocess_give(w->process, m->session, &u, &w->tool.err)) return false;
    w->given = true;
  }
  return true;
}

static bool hear(struct work *w) {
  enum eq_news news;
  struct eq_work m;
  while (eq_worker_read(w->worker, &news, &m, &w->tool.err)) {
    if (news == EQ_NEWS_NONE) return true;
    if (news == EQ_NEWS_HEADER && !take_header(w, m.text)) return false;
    if (news == EQ_NEWS_UNITS && !take_units(w, &m)) return false;
    if (news == EQ_NEWS_END) {
      w->ended = true;
      if (w->process) eq_coprocess_close(w->process);
    }
  }
  return false;
}

/* Told to stop: what is not done goes back. */
static bool leave(struct work *w) {
  eq_worker_leave(w->worker, eq_str(""), false);
  w->tool.stopped = w->done = true;
  return true;
}

/* The command has ended. When it did so too early, others get what it had, and it is started anew; but one that never
 * got so far as to take a unit would not do better. */
static bool bury(struct work *w, const struct eq_err *why) {
  eq_coprocess_free(w->process);
  w->process = NULL;
  if (w->stops) return leave(w); /* the signal was perhaps for both */
  bool again = why->code && w->given && !w->ended;
  eq_worker_leave(w->worker, eq_str(why->text), again);
  w->done = !again;
  if (!why->code) return true;
  if (!again) return eq_fail(&w->tool.err, why->code, "%s", why->text);
  eq_tool_say(&w->tool, "%s: it is started again", why->text);
  return true;
}

static bool harvest(struct work *w) {
  struct eq_work_unit result;
  struct eq_err why = { 0 };
  uint64_t session = 0;
  bool got = false;
  while (w->process) switch (eq_coprocess_read(w->process, &session, &result, &why)) {
    case EQ_CO_WAITS: return !w->stops || !got || leave(w);
    case EQ_CO_STARTED: eq_worker_hello(w->worker, (uint32_t)w->args.credit, result.records); break;
    case EQ_CO_RESULT:
      eq_worker_result(w->worker, session, &result);
      got = true;
      break;
    case EQ_CO_ENDED: return bury(w, &why);
    }
  return true;
}

static bool work_on(struct work *w) {
  struct pollfd fds[EQ_COPROCESS_FDS + 1];
  size_t n = w->process ? eq_coprocess_fds(w->process, fds) : 0;
  bool told = eq_stop_asked(w->tool.stop_fd);
  if (!told) fds[n++] = (struct pollfd){ .fd = w->tool.stop_fd, .events = POLLIN };
  w->stops = told && !w->ended;
  if (w->stops && (!w->process || !eq_coprocess_has(w->process))) return leave(w) && false;
  if (!eq_worker_wait(w->worker, fds, n, 1, &w->tool.err) || !hear(w) || !harvest(w)) return false;
  if (w->ended && !w->process && !w->done) {
    eq_worker_leave(w->worker, eq_str(""), false);
    w->done = true;
  }
  return !w->done;
}

int main(int argc, char **argv) {
  struct work w = { .args = { .credit = 256, .wait = 60 } };
  if (eq_tool_begin(&w.tool, &command, argc, argv, &w.args) && set_up(&w))
    while (work_on(&w)) continue;
  if (w.worker && w.tool.err.code && !w.done) eq_worker_leave(w.worker, eq_str(w.tool.err.text), false);
  eq_coprocess_free(w.process);
  eq_worker_free(w.worker);
  eq_buffer_free(&w.prog);
  free(w.argv);
  return eq_tool_end(&w.tool);
}
