/* The hub with a clock and workers of ours: whatever happens to workers and messages, each unit comes out once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/stream/hub.h"

static const struct eq_str prog = { "\x90", 1 }, other_prog = { "\x91\x01", 2 };

/* Unit i's record: {"k":"t","n":i}. */
static struct eq_buffer record_of(uint64_t i) {
  struct eq_buffer b = { 0 };
  msgpack_packer p;
  msgpack_sbuffer s;
  msgpack_sbuffer_init(&s);
  msgpack_packer_init(&p, &s, msgpack_sbuffer_write);
  msgpack_pack_map(&p, 2);
  msgpack_pack_str_with_body(&p, "k", 1);
  msgpack_pack_str_with_body(&p, "t", 1);
  msgpack_pack_str_with_body(&p, "n", 1);
  msgpack_pack_uint64(&p, i);
  eq_buffer_add(&b, s.data, s.size);
  msgpack_sbuffer_destroy(&s);
  return b;
}

/* ---- a world: what the hub sends, what comes out ---- */

enum { UNITS_MAX = 1 << 17, WORKERS_MAX = 1000, HELD_MAX = 64 };

/* What a worker of ours has, and its fate. */
struct hand {
  bool dead, starts, heard_end, left;
  double silent_until, busy_until, beaten;
  uint64_t session;
  size_t n;
  struct held {
    uint64_t number;
    struct eq_buffer record;
  } held[HELD_MAX];
};

struct world {
  struct eq_hub *hub;
  double now;
  bool ordered;
  unsigned char *came; /* [UNITS_MAX] */
  uint64_t n_came;
  size_t n_hands, began;
  struct hand *hands;      /* [n_hands] */
  enum eq_work_type sent;  /* the last message's type, */
  uint64_t sent_units[64]; /* and its units */
  size_t n_sent;
  char said[512];
};

static void take_units(struct hand *h, struct eq_work *m) {
  struct eq_work_unit u;
  while (eq_work_next(m, &u)) {
    assert_true(h->n < HELD_MAX);
    struct held *held = &h->held[h->n++];
    *held = (struct held){ .number = u.number };
    eq_buffer_add(&held->record, u.records.p, u.records.n);
  }
}

static void drop_units(struct hand *h) {
  for (size_t i = 0; i < h->n; i++) eq_buffer_free(&h->held[i].record);
  h->n = 0;
}

static void tell(struct world *w, size_t hand, enum eq_work_type type, const char *text) {
  struct eq_buffer b = { 0 };
  char name[8];
  uint64_t session = w->hands ? w->hands[hand].session : 7;
  snprintf(name, sizeof name, "%zu", hand);
  if (type == EQ_WORK_HELLO)
    eq_work_hello(&b, session, 8, text ? eq_str(text) : prog);
  else
    eq_work_text(&b, type, session, eq_str(text ? text : ""));
  struct eq_err err = { 0 };
  assert_true(eq_hub_take(w->hub, eq_str(name), (struct eq_str){ b.data, b.size }, w->now, &err));
  eq_buffer_free(&b);
}

static void on_send(void *context, struct eq_str worker, const struct eq_buffer *message) {
  struct world *w = context;
  struct eq_work m, again;
  struct eq_work_unit u;
  const char *reason;
  assert_true(eq_work_read(&m, message->data, message->size, &reason));
  again = m;
  w->sent = m.type;
  for (w->n_sent = 0; w->n_sent < 64 && eq_work_next(&again, &u);) w->sent_units[w->n_sent++] = u.number;
  if (!w->hands) return;
  struct hand *h = &w->hands[atoi(worker.p)];
  if (h->dead) return;
  if (m.type == EQ_WORK_HEADER) h->session = m.session, h->starts = true;
  if (m.type == EQ_WORK_UNITS && m.session == h->session) take_units(h, &m);
  if (m.type == EQ_WORK_END) h->heard_end = true;
}

static bool on_begin(void *context, struct eq_str chain) {
  struct world *w = context;
  assert_true(eq_str_equal(chain, prog));
  return ++w->began == 1;
}

static bool on_deliver(void *context, const struct eq_work_unit *result) {
  struct world *w = context;
  struct eq_buffer expected = record_of(result->number);
  assert_true(w->began);
  assert_true(result->number < UNITS_MAX && !w->came[result->number]);
  assert_int_equal(result->n, 1);
  assert_true(eq_str_equal(result->records, (struct eq_str){ expected.data, expected.size }));
  if (w->ordered) assert_true(result->number == w->n_came);
  w->came[result->number] = 1;
  w->n_came++;
  eq_buffer_free(&expected);
  return true;
}

static void on_say(void *context, const char *text) {
  struct world *w = context;
  snprintf(w->said, sizeof w->said, "%s", text);
}

static struct world world_new(bool ordered, size_t n_hands) {
  struct world w = { .ordered = ordered, .now = 100, .n_hands = n_hands };
  w.came = calloc(UNITS_MAX, 1);
  if (n_hands) w.hands = calloc(n_hands, sizeof *w.hands);
  return w;
}

static void open_hub(struct world *w) {
  struct eq_hub_settings settings = { "ipc://x", w->ordered, 2, 5, 7 };
  struct eq_hub_sink sink = { on_send, on_begin, on_deliver, on_say, w };
  w->hub = eq_hub_new(settings, sink, w->now, NULL);
  assert_true(eq_hub_header(w->hub, prog, NULL));
}

static void add_units(struct world *w, uint64_t n) {
  for (uint64_t i = 0; i < n; i++) {
    struct eq_buffer b = record_of(eq_hub_counts(w->hub).taken);
    assert_true(eq_hub_add(w->hub, (struct eq_str){ b.data, b.size }, NULL));
    eq_buffer_free(&b);
  }
}

static void close_world(struct world *w) {
  for (size_t i = 0; i < w->n_hands; i++) drop_units(&w->hands[i]);
  eq_hub_free(w->hub);
  free(w->hands);
  free(w->came);
}

static void tick(struct world *w, double seconds) {
  struct eq_err err = { 0 };
  w->now += seconds;
  assert_true(eq_hub_tick(w->hub, w->now, &err));
}

static bool give_result(struct world *w, size_t hand, uint64_t number, struct eq_err *err) {
  struct eq_buffer b = { 0 }, record = record_of(number);
  char name[8];
  snprintf(name, sizeof name, "%zu", hand);
  eq_work_begin(&b, EQ_WORK_RESULTS, 7);
  eq_work_add_unit(&b, &(struct eq_work_unit){ number, 1, { record.data, record.size } });
  bool ok = eq_hub_take(w->hub, eq_str(name), (struct eq_str){ b.data, b.size }, w->now, err);
  eq_buffer_free(&b);
  eq_buffer_free(&record);
  return ok;
}

/* ---- a thousand workers, and what may befall them ---- */

/* A worker's turn: it is silent, or beats, and gives the result of what it has had for long enough. */
static void live(struct world *w, size_t i, double delay) {
  struct hand *h = &w->hands[i];
  if (h->dead || h->left || w->now < h->silent_until) return;
  if (h->starts) tell(w, i, EQ_WORK_HELLO, NULL), h->starts = false;
  if (w->now - h->beaten >= 1) tell(w, i, EQ_WORK_BEAT, NULL), h->beaten = w->now;
  if (h->n == 0) h->busy_until = w->now + delay;
  if (h->n && w->now >= h->busy_until) {
    struct eq_err err = { 0 };
    assert_true(give_result(w, i, h->held[0].number, &err));
    eq_buffer_free(&h->held[0].record);
    memmove(h->held, h->held + 1, --h->n * sizeof *h->held);
    h->busy_until = w->now + delay;
  }
  if (h->heard_end && !h->n) tell(w, i, EQ_WORK_LEAVE, NULL), h->left = true;
}

/* Every tenth worker has an accident, each of its own kind and at its own time. */
static void befall(struct world *w, size_t i, uint64_t step) {
  struct hand *h = &w->hands[i];
  if (i % 10 || h->left || step != 8 + eq_random_below(1, 2, i, 40)) return;
  if (i % 40 == 0)
    h->dead = true; /* kill -9 */
  else if (i % 40 == 10)
    h->silent_until = w->now + 4; /* it hangs, is taken for dead, and goes on with what it has */
  else if (i % 40 == 20) {        /* its command died */
    drop_units(h);
    tell(w, i, EQ_WORK_LEAVE, "ended with status 1");
    tell(w, i, EQ_WORK_JOIN, NULL);
  } else { /* its connection broke */
    drop_units(h);
    tell(w, i, EQ_WORK_JOIN, NULL);
  }
}

static void a_thousand(bool ordered) {
  enum { UNITS = 50000 };
  struct world w = world_new(ordered, WORKERS_MAX);
  open_hub(&w);
  for (size_t i = 0; i < w.n_hands; i++) tell(&w, i, EQ_WORK_JOIN, NULL);
  for (uint64_t step = 0; !eq_hub_done(w.hub); step++) {
    assert_true(step < 5000);
    if (eq_hub_counts(w.hub).taken < UNITS) add_units(&w, 5000);
    if (eq_hub_counts(w.hub).taken == UNITS) eq_hub_close(w.hub);
    for (size_t i = 0; i < w.n_hands; i++) {
      befall(&w, i, step);
      live(&w, i, 0.1 + 0.0001 * (double)(i % 100));
    }
    tick(&w, 0.01);
  }
  struct eq_hub_counts c = eq_hub_counts(w.hub);
  assert_int_equal(w.n_came, UNITS);
  assert_int_equal(c.done, UNITS);
  assert_int_equal(c.lost, 75);
  assert_true(c.again >= 100 && c.late > 0);
  close_world(&w);
}

static void a_thousand_workers_lose_nothing_while_a_tenth_of_them_fail(void **state) {
  (void)state;
  a_thousand(false);
}

static void and_the_order_is_kept(void **state) {
  (void)state;
  a_thousand(true);
}

/* ---- one thing at a time ---- */

/* A hub with n units, and two workers who have said hello; the first got his share before the second came. */
static void two_workers(struct world *w, uint64_t n) {
  *w = world_new(true, 0);
  open_hub(w);
  add_units(w, n);
  for (size_t i = 0; i < 2; i++) {
    tell(w, i, EQ_WORK_JOIN, NULL);
    tick(w, 0.1);
    assert_int_equal(w->sent, EQ_WORK_HEADER);
    tell(w, i, EQ_WORK_HELLO, NULL);
    assert_int_equal(w->sent, i < n ? EQ_WORK_UNITS : EQ_WORK_HEADER);
  }
}

static void a_worker_has_its_credit_at_most_and_few_at_the_end(void **state) {
  (void)state;
  struct world w;
  two_workers(&w, 100);
  assert_int_equal(w.n_sent, 8); /* the second; its credit is 8 */
  assert_int_equal(w.sent_units[0], 8);
  close_world(&w);
  two_workers(&w, 10);
  assert_int_equal(w.n_sent, 2); /* 10 / 2 + 1 went to the first, of 4 the second has 4 / 4 + 1 */
  assert_int_equal(w.sent_units[0], 6);
  close_world(&w);
}

static void units_of_a_lost_worker_go_to_others_one_at_a_time(void **state) {
  (void)state;
  struct world w;
  struct eq_err err = { 0 };
  two_workers(&w, 10); /* the first has 0-5, the second 6 and 7 */
  for (int i = 0; i < 30; i++) {
    tell(&w, 1, EQ_WORK_BEAT, NULL);
    tick(&w, 0.1);
  }
  assert_non_null(strstr(w.said, "silent for 2 s"));
  assert_int_equal(eq_hub_counts(w.hub).again, 6);
  assert_true(give_result(&w, 1, 6, &err)); /* it is to be free before it gets what may be poison */
  w.n_sent = 0;
  assert_true(give_result(&w, 1, 7, &err));
  for (uint64_t i = 0; i < 6; i++) {
    assert_int_equal(w.n_sent, 1);
    assert_int_equal(w.sent_units[0], i);
    w.n_sent = 0;
    assert_true(give_result(&w, 1, i, &err));
  }
  assert_int_equal(w.n_came, 8);
  close_world(&w);
}

static void units_of_who_leaves_in_order_go_out_together_and_first(void **state) {
  (void)state;
  struct world w;
  struct eq_err err = { 0 };
  two_workers(&w, 10); /* the first has 0-5, the second 6 and 7 */
  tell(&w, 0, EQ_WORK_LEAVE, NULL);
  w.n_sent = 0;
  tick(&w, 0.1);
  assert_int_equal(w.n_sent, 3); /* of 8 that wait its share is 5, and it has two */
  for (uint64_t i = 0; i < 3; i++) assert_int_equal(w.sent_units[i], i);
  for (uint64_t i = 0; i < 10; i++) assert_true(give_result(&w, 1, i < 2 ? 6 + i : i < 8 ? i - 2 : i, &err));
  assert_int_equal(w.n_came, 10);
  assert_int_equal(eq_hub_counts(w.hub).lost, 0);
  assert_int_equal(eq_hub_counts(w.hub).again, 6);
  close_world(&w);
}

static void the_first_result_counts_whoever_gives_it(void **state) {
  (void)state;
  struct world w;
  struct eq_err err = { 0 };
  two_workers(&w, 10);
  for (int i = 0; i < 30; i++) {
    tell(&w, 1, EQ_WORK_BEAT, NULL);
    tick(&w, 0.1);
  }
  assert_true(give_result(&w, 0, 0, &err)); /* it was thought dead */
  assert_int_equal(w.n_came, 1);
  assert_true(give_result(&w, 1, 0, &err));
  assert_true(give_result(&w, 1, 9, &err)); /* never handed out */
  assert_true(give_result(&w, 1, UINT64_MAX, &err));
  assert_int_equal(w.n_came, 1);
  assert_int_equal(eq_hub_counts(w.hub).late, 3);
  close_world(&w);
}

static void a_record_that_kills_three_workers_is_named(void **state) {
  (void)state;
  struct world w;
  struct eq_err err = { 0 };
  two_workers(&w, 1);
  struct eq_buffer leave = { 0 };
  tell(&w, 1, EQ_WORK_LEAVE, NULL);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(err.code, EQ_OK);
    eq_work_text(&leave, EQ_WORK_LEAVE, 7, eq_str("it burns"));
    bool ok = eq_hub_take(w.hub, eq_str("0"), (struct eq_str){ leave.data, leave.size }, w.now, &err);
    assert_int_equal(ok, i < 2);
    if (!ok) break;
    tell(&w, 0, EQ_WORK_JOIN, NULL);
    tick(&w, 0.1);
    tell(&w, 0, EQ_WORK_HELLO, NULL);
  }
  assert_string_equal(err.text,
                      "record 1 (t  ): 3 workers were lost with it, and nobody gets it again; the last said: it burns");
  eq_buffer_free(&leave);
  close_world(&w);
}

static void who_runs_another_command_is_refused(void **state) {
  (void)state;
  struct world w;
  two_workers(&w, 20);
  tell(&w, 2, EQ_WORK_JOIN, NULL);
  tick(&w, 0.1);
  tell(&w, 2, EQ_WORK_HELLO, "\x91\x01");
  assert_int_equal(w.sent, EQ_WORK_REFUSE);
  assert_int_equal(eq_hub_counts(w.hub).workers, 2);
  close_world(&w);
}

static void a_stranger_is_asked_who_it_is(void **state) {
  (void)state;
  struct world w;
  struct eq_err err = { 0 };
  two_workers(&w, 20);
  assert_true(give_result(&w, 5, 0, &err));
  assert_int_equal(w.sent, EQ_WORK_WHO);
  assert_int_equal(w.n_came, 0);
  close_world(&w);
}

static void when_the_hub_itself_stood_still_nobody_is_dead(void **state) {
  (void)state;
  struct world w;
  two_workers(&w, 20);
  w.now += 59; /* what they said meanwhile is taken first; it buys them no more time */
  tell(&w, 0, EQ_WORK_BEAT, NULL);
  tick(&w, 1);
  assert_int_equal(eq_hub_counts(w.hub).lost, 0);
  for (int i = 0; i < 30; i++) tick(&w, 0.1);
  assert_int_equal(eq_hub_counts(w.hub).lost, 2);
  close_world(&w);
}

static void without_workers_it_gives_up(void **state) {
  (void)state;
  struct world w = world_new(true, 0);
  struct eq_err err = { 0 };
  open_hub(&w);
  while (w.now < 104.9) tick(&w, 0.1);
  w.now += 0.3;
  assert_false(eq_hub_tick(w.hub, w.now, &err));
  assert_string_equal(err.text, "no worker for 5 s: eq-work ipc://x -- COMMAND starts one");
  close_world(&w);
}

static void it_takes_no_more_than_its_window(void **state) {
  (void)state;
  struct world w = world_new(true, 0);
  open_hub(&w);
  add_units(&w, EQ_HUB_WINDOW - 1);
  assert_false(eq_hub_full(w.hub));
  add_units(&w, 1);
  assert_true(eq_hub_full(w.hub));
  close_world(&w);
}

static void results_that_wait_for_their_turn_stop_it(void **state) {
  (void)state;
  enum { LARGE = 40 << 20 };
  struct world w;
  struct eq_err err = { 0 };
  struct eq_buffer large = { 0 }, message = { 0 };
  eq_buffer_add(&large, "\x82\xa1k\xa1t\xa1x\xc6\x02\x80\x00\x00", 12);
  assert_true(eq_buffer_reserve(&large, LARGE));
  memset(large.data + large.size, 0, LARGE);
  large.size += LARGE;
  two_workers(&w, 100); /* the first has 0-7, the second 8-15 */
  for (uint64_t i = 8; i < 16; i++) {
    w.n_sent = 0;
    eq_work_begin(&message, EQ_WORK_RESULTS, 7);
    eq_work_add_unit(&message, &(struct eq_work_unit){ i, 1, { large.data, large.size } });
    assert_true(eq_hub_take(w.hub, eq_str("1"), (struct eq_str){ message.data, message.size }, w.now, &err));
    assert_int_equal(w.n_sent, i == 11 ? 4 : 0); /* at half of its credit it gets more, but not at 15 */
  }
  assert_int_equal(w.said[0], 0);
  assert_true(give_result(&w, 0, 0, &err));
  assert_int_equal(w.n_came, 1);
  close_world(&w);
  eq_buffer_free(&large);
  eq_buffer_free(&message);
}

/* ---- messages ---- */

static void what_is_written_is_read(void **state) {
  (void)state;
  struct eq_buffer b = { 0 }, one = record_of(1);
  struct eq_work m;
  struct eq_work_unit u;
  const char *reason;
  eq_work_hello(&b, 9, 3, other_prog);
  assert_true(eq_work_read(&m, b.data, b.size, &reason));
  assert_true(m.type == EQ_WORK_HELLO && m.session == 9 && m.credit == 3 && eq_str_equal(m.text, other_prog));
  eq_work_begin(&b, EQ_WORK_RESULTS, UINT64_MAX);
  eq_work_add_unit(&b, &(struct eq_work_unit){ 5, 0, { "", 0 } });
  eq_work_add_unit(&b, &(struct eq_work_unit){ 6, 1, { one.data, one.size } });
  assert_true(eq_work_read(&m, b.data, b.size, &reason));
  assert_true(eq_work_next(&m, &u) && u.number == 5 && u.n == 0 && u.records.n == 0);
  assert_true(eq_work_next(&m, &u) && u.number == 6 && u.n == 1 && u.records.n == one.size);
  assert_false(eq_work_next(&m, &u));
  for (size_t n = 0; n < b.size; n++) /* cut anywhere but between two units it is none */
    assert_int_equal(eq_work_read(&m, b.data, n, &reason), n == 32);
  eq_buffer_free(&b);
  eq_buffer_free(&one);
}

static void what_is_no_message_is_dropped_and_said(void **state) {
  (void)state;
  struct world w;
  struct eq_err err = { 0 };
  two_workers(&w, 20);
  const struct {
    const char *bytes;
    size_t n;
    const char *says;
  } rows[] = {
    { "", 0, "a message is none of a hub and its workers: dropped" },
    { "EQF1\1\0\0\0\7\0\0\0\0\0\0\0", 16, "a message is none of a hub and its workers: dropped" },
    { "EQW1\0\0\0\0\7\0\0\0\0\0\0\0", 16, "a message has an unknown type: dropped" },
    { "EQW1\77\0\0\0\7\0\0\0\0\0\0\0", 16, "a message has an unknown type: dropped" },
    { "EQW1\1\0\0\0\7\0\0\0\0\0\0\0x", 17, "a message has bytes behind its end: dropped" },
    { "EQW1\2\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\x90", 21, "a message gives no credit: dropped" },
    { "EQW1\2\0\0\0\7\0\0\0\0\0\0\0\1\0\0\0\x91", 21, "a message does not name its programs: dropped" },
    { "EQW1\3\0\0\0\7\0\0\0\0\0\0\0", 16, "a message has no units: dropped" },
    { "EQW1\3\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\377\377\377\377", 32,
      "a message ends within a unit: dropped" },
    { "EQW1\3\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\7", 33,
      "a message has a unit that is not the records it says: dropped" },
    { "EQW1\3\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\1\0\0\0\x80", 33,
      "a message has a unit that is not the records it says: dropped" },
    { "EQW1\3\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\x80", 33,
      "a message has a unit that is not the records it says: dropped" },
    { "EQW1\3\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\x81\xa1k\1", 36,
      "a message has a unit that is not the records it says: dropped" },
    { "EQW1\3\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\12\0\0\0\x82\1\2\xa1k\xa4mark", 42,
      "a message has a unit that is not the records it says: dropped" },
    { "EQW1\7\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\5\0\0\0\x81\xa1k\xa1t", 37,
      "a worker sent a message that only a hub sends (UNITS): dropped" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    w.said[0] = 0;
    assert_true(eq_hub_take(w.hub, eq_str("0"), (struct eq_str){ rows[i].bytes, rows[i].n }, w.now, &err));
    assert_string_equal(w.said, rows[i].says);
  }
  assert_int_equal(w.n_came, 0);
  close_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_thousand_workers_lose_nothing_while_a_tenth_of_them_fail),
    cmocka_unit_test(and_the_order_is_kept),
    cmocka_unit_test(a_worker_has_its_credit_at_most_and_few_at_the_end),
    cmocka_unit_test(units_of_a_lost_worker_go_to_others_one_at_a_time),
    cmocka_unit_test(units_of_who_leaves_in_order_go_out_together_and_first),
    cmocka_unit_test(the_first_result_counts_whoever_gives_it),
    cmocka_unit_test(a_record_that_kills_three_workers_is_named),
    cmocka_unit_test(who_runs_another_command_is_refused),
    cmocka_unit_test(a_stranger_is_asked_who_it_is),
    cmocka_unit_test(when_the_hub_itself_stood_still_nobody_is_dead),
    cmocka_unit_test(without_workers_it_gives_up),
    cmocka_unit_test(it_takes_no_more_than_its_window),
    cmocka_unit_test(results_that_wait_for_their_turn_stop_it),
    cmocka_unit_test(what_is_written_is_read),
    cmocka_unit_test(what_is_no_message_is_dropped_and_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
