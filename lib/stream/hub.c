#include "lib/stream/hub.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  NAME_MAX_BYTES = 16, /* of a worker's name */
  OUT_BYTES = 4 << 20, /* that a worker holds; but one unit always */
  CREDIT_MAX = 1 << 16,
  STALL = 1, /* seconds: when no time was taken for so long, the hub itself stood still, and nobody is to blame */
  PEOPLE_TEXT = 512,
};

enum unit_state { WAITING, OUT, DONE };

/* WAITING below `next`: it is in the queue that its tries say. */
struct unit {
  enum unit_state state;
  uint32_t tries, worker; /* workers lost with it; who has it */
  struct eq_str record;
  struct eq_work_unit result; /* while it waits for its turn */
};

/* JOINED: its HEADER is still to be sent. STARTING: until its HELLO. */
enum worker_state { JOINED, STARTING, READY, LOST, LEFT };

struct worker {
  char name[NAME_MAX_BYTES];
  size_t name_n;
  enum worker_state state;
  double seen;
  uint32_t credit, out; /* units that it may have, that it has */
  size_t out_bytes;
  bool alone;    /* what it has is a unit with tries */
  bool draining; /* gets nothing until it has nothing, and then such a unit */
  bool told;     /* END was sent */
};

/* Units to be handed out again: [first, end), with some that are no more WAITING; waiting: those that are. */
struct queue {
  uint64_t *units;
  size_t first, end, capacity, waiting;
};

struct eq_hub {
  struct eq_hub_settings settings;
  struct eq_hub_sink sink;
  struct unit *units;       /* [EQ_HUB_WINDOW], unit u at u % EQ_HUB_WINDOW */
  uint64_t base, next, end; /* the first not delivered, the first never handed out, the first not taken yet */
  size_t bytes, kept_bytes; /* of its units and results; of results that wait for their turn */
  struct queue again, back; /* units that a worker was lost with; that one gave back */
  struct worker *workers;
  size_t n_workers, workers_capacity, n_alive, n_ready, n_draining;
  struct eq_buffer input, output, message; /* both "prog" arrays; what is being sent */
  bool headed, begun, closed;
  double alone, ticked; /* when there was a worker last; the last time that was given */
  char last_words[PEOPLE_TEXT];
  struct eq_hub_counts counts;
};

static struct unit *unit_at(struct eq_hub *h, uint64_t u) { return &h->units[u % EQ_HUB_WINDOW]; }

struct eq_hub *eq_hub_new(struct eq_hub_settings settings, struct eq_hub_sink sink, double now, struct eq_err *err) {
  struct eq_hub *h = eq_array(1, sizeof *h);
  if (h && (h->units = eq_array(EQ_HUB_WINDOW, sizeof *h->units))) {
    h->settings = settings;
    h->sink = sink;
    h->alone = h->ticked = now;
    return h;
  }
  free(h);
  eq_fail_memory(err, EQ_HUB_WINDOW * sizeof *h->units, "units of work");
  return NULL;
}

static void unit_free(struct eq_hub *h, struct unit *u) {
  h->bytes -= u->record.n + u->result.records.n;
  h->kept_bytes -= u->result.records.n;
  free((char *)u->record.p);
  free((char *)u->result.records.p);
  u->record = u->result.records = (struct eq_str){ NULL, 0 };
}

void eq_hub_free(struct eq_hub *h) {
  if (!h) return;
  for (uint64_t u = h->base; u < h->end; u++) unit_free(h, unit_at(h, u));
  free(h->units);
  free(h->again.units);
  free(h->back.units);
  free(h->workers);
  eq_buffer_free(&h->input);
  eq_buffer_free(&h->output);
  eq_buffer_free(&h->message);
  free(h);
}

struct eq_hub_counts eq_hub_counts(const struct eq_hub *h) {
  struct eq_hub_counts counts = h->counts;
  counts.workers = h->n_alive;
  return counts;
}

/* ---- units ---- */

bool eq_hub_header(struct eq_hub *h, struct eq_str prog, struct eq_err *err) {
  eq_buffer_add(&h->input, prog.p, prog.n);
  h->headed = true;
  return !h->input.failed || eq_fail_memory(err, prog.n, "a header");
}

bool eq_hub_full(const struct eq_hub *h) {
  return h->end - h->base >= EQ_HUB_WINDOW || (h->bytes >= EQ_HUB_BYTES && h->end > h->base);
}

bool eq_hub_add(struct eq_hub *h, struct eq_str record, struct eq_err *err) {
  char *copy = eq_copy_string(record.p, record.n);
  if (!copy) return eq_fail_memory(err, record.n, "a unit of work");
  *unit_at(h, h->end++) = (struct unit){ .record = { copy, record.n } };
  h->bytes += record.n;
  h->counts.taken++;
  return true;
}

void eq_hub_close(struct eq_hub *h) { h->closed = true; }

static bool all_done(const struct eq_hub *h) { return h->closed && h->base == h->end && h->begun; }

bool eq_hub_done(const struct eq_hub *h) { return all_done(h) && h->n_alive == 0; }

/* ---- workers ---- */

static struct eq_str name_of(const struct worker *w) { return (struct eq_str){ w->name, w->name_n }; }

static bool is_alive(const struct worker *w) { return w->state < LOST; }

static struct worker *find_worker(struct eq_hub *h, struct eq_str name) {
  for (size_t i = 0; i < h->n_workers; i++)
    if (eq_str_equal(name_of(&h->workers[i]), name)) return &h->workers[i];
  return NULL;
}

/* A worker of that name, which has not joined yet. Those that left make room; the dead do not, for they may be only
 * slow and come again. */
static struct worker *enter_worker(struct eq_hub *h, struct eq_str name, struct eq_err *err) {
  size_t i = 0;
  while (i < h->n_workers && h->workers[i].state != LEFT) i++;
  if (i == h->n_workers) {
    struct worker *grown = eq_array_grow(h->workers, h->n_workers, &h->workers_capacity, sizeof *grown);
    if (!grown) return eq_fail_memory(err, (i + 1) * sizeof *grown, "workers"), NULL;
    h->workers = grown;
    h->n_workers++;
  }
  h->workers[i] = (struct worker){ .name_n = name.n, .state = LEFT };
  memcpy(h->workers[i].name, name.p, name.n);
  return &h->workers[i];
}

static void set_state(struct eq_hub *h, struct worker *w, enum worker_state state) {
  h->n_alive += (state < LOST) - (size_t)is_alive(w);
  h->n_ready += (state == READY) - (size_t)(w->state == READY);
  if (w->draining && state != READY) h->n_draining--, w->draining = false;
  w->state = state;
}

static void send_plain(struct eq_hub *h, struct eq_str name, enum eq_work_type type) {
  eq_work_begin(&h->message, type, h->settings.session);
  h->sink.send(h->sink.context, name, &h->message);
}

static void send_text(struct eq_hub *h, struct eq_str name, enum eq_work_type type, struct eq_str text) {
  eq_work_text(&h->message, type, h->settings.session, text);
  h->sink.send(h->sink.context, name, &h->message);
}

static void say(struct eq_hub *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct eq_hub *h, const char *format, ...) {
  char text[PEOPLE_TEXT];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  h->sink.say(h->sink.context, text);
}

/* ---- what is lost ---- */

/* "unit 12 (tokens de 3)": a unit's record as people know it. */
static void name_unit(const struct unit *u, uint64_t number, char *text, size_t size) {
  size_t off = 0;
  msgpack_zone *zone = msgpack_zone_new(256);
  msgpack_object map;
  struct eq_record r = { .map = &map };
  struct eq_str kind = { "", 0 }, lang = kind, id = kind;
  if (zone && msgpack_unpack(u->record.p, u->record.n, &off, zone, &map) >= 0) {
    eq_record_string(&r, "k", &kind);
    eq_record_string(&r, "lang", &lang);
    eq_record_string(&r, "id", &id);
  }
  snprintf(text, size, "record %llu (%.*s %.*s %.*s)", (unsigned long long)number + 1, EQ_STR(kind), EQ_STR(lang),
           EQ_STR(id));
  if (zone) msgpack_zone_free(zone);
}

static bool give_up(struct eq_hub *h, uint64_t number, struct eq_err *err) {
  char name[PEOPLE_TEXT];
  name_unit(unit_at(h, number), number, name, sizeof name);
  return eq_fail(err, EQ_BAD, "%s: %d workers were lost with it, and nobody gets it again%s%s", name, EQ_HUB_TRIES,
                 h->last_words[0] ? "; the last said: " : "", h->last_words);
}

static struct queue *queue_of(struct eq_hub *h, const struct unit *u) { return u->tries ? &h->again : &h->back; }

static bool queue_again(struct eq_hub *h, uint64_t number, struct eq_err *err) {
  struct queue *q = queue_of(h, unit_at(h, number));
  if (q->first == q->end) q->first = q->end = 0;
  uint64_t *grown = eq_array_grow(q->units, q->end, &q->capacity, sizeof *grown);
  if (!grown) return eq_fail_memory(err, q->end * sizeof *grown, "units to hand out again");
  q->units = grown;
  q->units[q->end++] = number;
  q->waiting++;
  return true;
}

/* The first that still waits; there is one. */
static uint64_t take_from(struct eq_hub *h, struct queue *q) {
  uint64_t number;
  do number = q->units[q->first++];
  while (number < h->base || unit_at(h, number)->state != WAITING);
  q->waiting--;
  return number;
}

/* Its units are to be done by others. blame: it may have died of one of them. */
static bool lose_units(struct eq_hub *h, struct worker *w, bool blame, struct eq_err *err) {
  uint32_t index = (uint32_t)(w - h->workers);
  for (uint64_t i = h->base; w->out && i < h->next; i++) {
    struct unit *u = unit_at(h, i);
    if (u->state != OUT || u->worker != index) continue;
    u->state = WAITING;
    w->out--;
    h->counts.again++;
    u->tries += blame;
    if (u->tries == EQ_HUB_TRIES) return give_up(h, i, err);
    if (!queue_again(h, i, err)) return false;
  }
  w->out_bytes = 0;
  w->alone = false;
  return true;
}

static bool bury(struct eq_hub *h, struct worker *w, struct eq_err *err) {
  say(h, "a worker has been silent for %g s and is taken for dead; its %u units go to others", h->settings.expire,
      w->out);
  h->last_words[0] = 0;
  h->counts.lost++;
  set_state(h, w, LOST);
  return lose_units(h, w, true, err);
}

/* ---- handing out ---- */

static void put_unit(struct eq_hub *h, struct worker *w, uint64_t number) {
  struct unit *u = unit_at(h, number);
  struct eq_work_unit out = { number, 1, u->record };
  u->state = OUT;
  u->worker = (uint32_t)(w - h->workers);
  w->out++;
  w->out_bytes += u->record.n;
  eq_work_add_unit(&h->message, &out);
}

/* The first unit that some worker was lost with. */
static void give_again(struct eq_hub *h, struct worker *w) {
  eq_work_begin(&h->message, EQ_WORK_UNITS, h->settings.session);
  put_unit(h, w, take_from(h, &h->again));
  w->alone = true;
  h->sink.send(h->sink.context, name_of(w), &h->message);
}

/* How many units a worker should have now: half of its even share of what waits, so that others find some when the end
 * comes near; two, so that it need not wait for the next. */
static uint64_t share_of(const struct eq_hub *h, const struct worker *w) {
  uint64_t share = (h->end - h->next + h->back.waiting) / (2 * h->n_ready) + 1;
  if (share < 2) share = 2;
  return share < w->credit ? share : w->credit;
}

/* Units that nobody was lost with, those that came back first. Nothing new while so much waits for its turn: the unit
 * that it waits for is out, or came back, or is to be handed out again. */
static bool has_more(const struct eq_hub *h) {
  return h->back.waiting || (h->next < h->end && h->kept_bytes < EQ_HUB_BYTES);
}

static void give_new(struct eq_hub *h, struct worker *w) {
  uint64_t most = share_of(h, w);
  if (2 * (uint64_t)w->out > most) return;
  while (w->out < most && has_more(h) && (w->out == 0 || w->out_bytes < OUT_BYTES)) {
    eq_work_begin(&h->message, EQ_WORK_UNITS, h->settings.session);
    do put_unit(h, w, h->back.waiting ? take_from(h, &h->back) : h->next++);
    while (w->out < most && has_more(h) && w->out_bytes < OUT_BYTES && h->message.size < EQ_WORK_BATCH);
    h->sink.send(h->sink.context, name_of(w), &h->message);
  }
}

static void give(struct eq_hub *h, struct worker *w) {
  if (w->state != READY || (w->alone && w->out)) return;
  w->alone = false;
  if (w->out == 0 && w->draining) h->n_draining--, w->draining = false;
  if (w->out == 0 && h->again.waiting) {
    give_again(h, w);
    return;
  }
  if (h->n_draining < h->again.waiting && !w->draining) h->n_draining++, w->draining = true;
  if (!w->draining) give_new(h, w);
}

/* ---- results ---- */

static bool deliver(struct eq_hub *h, const struct eq_work_unit *result) {
  h->counts.done++;
  return h->sink.deliver(h->sink.context, result);
}

/* Lets out what is done at the window's beginning. */
static bool advance(struct eq_hub *h) {
  bool ok = true;
  for (; ok && h->base < h->end && unit_at(h, h->base)->state == DONE; h->base++) {
    struct unit *u = unit_at(h, h->base);
    if (h->settings.ordered) ok = deliver(h, &u->result);
    unit_free(h, u);
  }
  return ok;
}

static bool keep_result(struct eq_hub *h, struct unit *u, const struct eq_work_unit *result, struct eq_err *err) {
  char *copy = eq_copy_string(result->records.p, result->records.n);
  if (!copy) return eq_fail_memory(err, result->records.n, "a result");
  u->result = (struct eq_work_unit){ result->number, result->n, { copy, result->records.n } };
  h->bytes += result->records.n;
  h->kept_bytes += result->records.n;
  return true;
}

static bool take_result(struct eq_hub *h, const struct eq_work_unit *result, struct eq_err *err) {
  struct unit *u = unit_at(h, result->number);
  if (result->number < h->base || result->number >= h->next || u->state == DONE) return h->counts.late++, true;
  if (u->state == OUT) {
    struct worker *w = &h->workers[u->worker]; /* perhaps not who did it, but a dead one that was slow */
    w->out--;
    w->out_bytes -= u->record.n;
  } else
    queue_of(h, u)->waiting--;
  u->state = DONE;
  unit_free(h, u);
  if (h->settings.ordered && result->number != h->base) return keep_result(h, u, result, err);
  if (!deliver(h, result)) return false;
  if (result->number == h->base) h->base++;
  return advance(h);
}

/* ---- messages ---- */

bool eq_hub_begin(struct eq_hub *h, struct eq_str prog, struct eq_err *err) {
  if (h->begun) return true;
  eq_buffer_add(&h->output, prog.p, prog.n);
  if (h->output.failed) return eq_fail_memory(err, prog.n, "a header");
  h->begun = true;
  return h->sink.begin(h->sink.context, prog);
}

static bool take_hello(struct eq_hub *h, struct worker *w, const struct eq_work *m, struct eq_err *err) {
  if (w->state != STARTING) return true;
  if (!eq_hub_begin(h, m->text, err)) return false;
  if (!eq_str_equal(m->text, (struct eq_str){ h->output.data, h->output.size })) {
    static const char why[] =
        "its command, version or options are not those of the first worker: results of two commands "
        "would mix";
    say(h, "a worker is refused: %s", why);
    send_text(h, name_of(w), EQ_WORK_REFUSE, eq_str(why));
    set_state(h, w, LEFT);
    return true;
  }
  w->credit = m->credit < CREDIT_MAX ? m->credit : CREDIT_MAX;
  set_state(h, w, READY);
  return true;
}

/* At the end a command that has worked for us and then fails makes all that it gave doubtful. */
static bool take_leave(struct eq_hub *h, struct worker *w, struct eq_str why, struct eq_err *err) {
  bool was_ready = w->state == READY;
  if (why.n) snprintf(h->last_words, sizeof h->last_words, "%.*s", EQ_STR(why));
  set_state(h, w, LEFT);
  if (!why.n) return lose_units(h, w, false, err);
  if (was_ready && all_done(h)) return eq_fail(err, EQ_BAD, "a worker, after its last unit: %.*s", EQ_STR(why));
  say(h, "a worker left: %.*s", EQ_STR(why));
  h->counts.lost++;
  return lose_units(h, w, true, err);
}

static void join(struct eq_hub *h, struct worker *w) {
  set_state(h, w, JOINED);
  w->credit = 0;
  w->told = false;
}

static bool take_results(struct eq_hub *h, struct worker *w, struct eq_work *m, struct eq_err *err) {
  struct eq_work_unit u;
  if (w->state == JOINED || w->state == STARTING) return true; /* nothing can be of ours */
  while (eq_work_next(m, &u))
    if (!take_result(h, &u, err)) return false;
  return true;
}

static bool dispatch(struct eq_hub *h, struct worker *w, struct eq_work *m, struct eq_err *err) {
  switch (m->type) {
  case EQ_WORK_JOIN:
    if (!lose_units(h, w, false, err)) return false; /* its connection broke: what was under way is gone */
    join(h, w);
    return true;
  case EQ_WORK_HELLO: return take_hello(h, w, m, err);
  case EQ_WORK_RESULTS: return take_results(h, w, m, err);
  case EQ_WORK_BEAT: return true;
  case EQ_WORK_LEAVE: return take_leave(h, w, m->text, err);
  default: say(h, "a worker sent a message that only a hub sends (%s): dropped", eq_work_name(m->type)); return true;
  }
}

bool eq_hub_take(struct eq_hub *h, struct eq_str name, struct eq_str message, double now, struct eq_err *err) {
  struct eq_work m;
  const char *reason;
  if (name.n > NAME_MAX_BYTES || !eq_work_read(&m, message.p, message.n, &reason)) {
    say(h, "a message %s: dropped", name.n > NAME_MAX_BYTES ? "of a stranger" : reason);
    return true;
  }
  struct worker *w = find_worker(h, name);
  bool joins = m.type == EQ_WORK_JOIN,
       is_ours = m.session == h->settings.session || m.type == EQ_WORK_BEAT || m.type == EQ_WORK_LEAVE;
  if (!joins && (!w || w->state == LEFT || !is_ours)) {
    if (m.type != EQ_WORK_LEAVE) send_plain(h, name, EQ_WORK_WHO);
    return true;
  }
  if (!w && !(w = enter_worker(h, name, err))) return false;
  w->seen = now;
  if (w->state == LOST && !joins) set_state(h, w, w->credit ? READY : JOINED); /* it was only slow */
  if (!dispatch(h, w, &m, err)) return false;
  give(h, w);
  return true;
}

void eq_hub_refuse(struct eq_hub *h, struct eq_str why) {
  for (size_t i = 0; i < h->n_workers; i++) send_text(h, name_of(&h->workers[i]), EQ_WORK_REFUSE, why);
}

/* ---- time ---- */

static void attend(struct eq_hub *h, struct worker *w) {
  if (all_done(h) && !w->told) {
    send_plain(h, name_of(w), EQ_WORK_END);
    w->told = true;
  } else if (w->state == JOINED && h->headed) {
    set_state(h, w, STARTING);
    send_text(h, name_of(w), EQ_WORK_HEADER, (struct eq_str){ h->input.data, h->input.size });
  } else
    give(h, w);
}

bool eq_hub_tick(struct eq_hub *h, double now, struct eq_err *err) {
  double stalled = now - h->ticked > STALL ? now - h->ticked : 0;
  h->ticked = now;
  h->alone = h->n_alive ? now : h->alone + stalled;
  for (size_t i = 0; i < h->n_workers; i++) {
    struct worker *w = &h->workers[i];
    w->seen = fmin(now, w->seen + stalled);
    if (!is_alive(w)) continue;
    if (now - w->seen <= h->settings.expire)
      attend(h, w);
    else if (!bury(h, w, err))
      return false;
  }
  if (h->settings.wait > 0 && now - h->alone > h->settings.wait && !all_done(h))
    return eq_fail(err, EQ_BAD, "no worker for %g s: eq-work %s -- COMMAND starts one%s%s", h->settings.wait,
                   h->settings.where, h->last_words[0] ? "; the last said: " : "", h->last_words);
  return !h->message.failed || eq_fail_memory(err, h->message.size, "a message");
}
