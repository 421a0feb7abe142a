#include "lib/tool/batch.h"

#include <stdlib.h>

enum { BATCH_RECORDS = 256, BATCH_BYTES = 2 << 20 };

/* A record that is held, and what came of it. */
struct item {
  struct eq_record *record;
  bool known; /* of the kind that is worked on */
  struct eq_err err;
};

/* Records that are worked on together. */
struct side {
  struct item *items; /* [BATCH_RECORDS] */
  char *units;        /* [BATCH_RECORDS][does->unit_size] */
  size_t n, bytes;
};

/* While one side is worked on, a thread finishes the other and reads it anew. */
struct batch {
  struct eq_tool *tool;
  const struct eq_batch_work *does;
  void *context;
  struct eq_pool *pool;
  struct side sides[2];
  size_t now;             /* the side that is worked on */
  bool good;              /* nothing has failed */
  bool ended;             /* no more input */
  size_t marks;           /* held: somebody waits for the records before them */
  uint64_t known, others; /* records of the kinds that are worked on, and not */
  struct eq_progress progress;
};

static void *unit_of(const struct batch *b, const struct side *s, size_t i) {
  return s->units + i * b->does->unit_size;
}

static bool finish_item(struct batch *b, const struct side *s, size_t i) {
  const struct item *item = &s->items[i];
  struct eq_tool *t = b->tool;
  if (item->err.code != EQ_OK) return eq_fail(&t->err, item->err.code, "%s", item->err.text);
  b->known += item->known;
  if (item->known) return b->does->finish(b->context, item->record, unit_of(b, s, i), &t->err);
  if (t->out) eq_write(t->out, item->record);
  bool mark = eq_record_is(item->record, &eq_kind_mark);
  b->marks -= mark;
  b->others += !mark && !eq_record_is(item->record, &eq_kind_source);
  return true;
}

/* After an error nothing more is finished. */
static void finish(struct batch *b, struct side *s) {
  for (size_t i = 0; i < s->n; i++) {
    b->good = b->good && finish_item(b, s, i);
    eq_record_free(s->items[i].record);
  }
  eq_progress_add(&b->progress, s->n);
  s->n = s->bytes = 0;
  b->good = b->good && (!b->tool->out || !eq_writer_failed(b->tool->out));
}

static bool hold(struct batch *b, struct side *s, const struct eq_record *r) {
  struct item *item = &s->items[s->n];
  if (!(item->record = eq_record_copy(r))) return eq_fail_memory(&b->tool->err, r->raw.n, "a record");
  const struct eq_kind *const *kinds = b->does->kinds;
  item->known = eq_record_is(r, kinds[0]) || (kinds[1] && eq_record_is(r, kinds[1]));
  b->marks += eq_record_is(r, &eq_kind_mark);
  s->n++;
  s->bytes += r->raw.n;
  return true;
}

/* While a mark is held it does not wait for input: first what is held must go out. */
static void fill(struct batch *b, struct side *s) {
  struct eq_record r;
  while (b->good && !b->ended && s->n < BATCH_RECORDS && s->bytes < BATCH_BYTES &&
         !(b->marks && eq_tool_idle(b->tool))) {
    b->ended = !eq_tool_read(b->tool, &r);
    b->good = b->ended || hold(b, s, &r);
  }
  b->good = b->good && b->tool->err.code != EQ_BAD;
}

/* The first item is the other side, the others are the records of this one. */
static void work_on(void *context, size_t i, size_t thread) {
  struct batch *b = context;
  struct side *s = &b->sides[b->now], *other = &b->sides[!b->now];
  if (i == 0) {
    finish(b, other);
    fill(b, other);
    return;
  }
  struct item *item = &s->items[i - 1];
  item->err.code = EQ_OK;
  if (item->known) b->does->work(b->context, item->record, unit_of(b, s, i - 1), thread, &item->err);
}

static bool open_side(struct batch *b, struct side *s) {
  s->items = eq_array(BATCH_RECORDS, sizeof *s->items);
  s->units = eq_array(BATCH_RECORDS, b->does->unit_size);
  return (s->items && s->units) || eq_fail_memory(&b->tool->err, BATCH_RECORDS * sizeof *s->items, "records");
}

static void close_side(struct batch *b, struct side *s) {
  for (size_t i = 0; s->units && b->does->close && i < BATCH_RECORDS; i++) b->does->close(unit_of(b, s, i));
  for (size_t i = 0; i < s->n; i++) eq_record_free(s->items[i].record);
  free(s->items);
  free(s->units);
}

static void say_others(const struct batch *b) {
  const unsigned long long others = b->others;
  if (others && !b->tool->out)
    eq_tool_say(b->tool, "%llu records of other kinds are left out", others);
  else if (others && !b->known)
    eq_tool_say(b->tool, "no %s record came in (%s makes them); %llu records of other kinds are passed on",
                b->does->kinds[0]->name, b->does->kinds[0]->made_by, others);
}

bool eq_batch_run(struct eq_tool *t, struct eq_pool *pool, const struct eq_batch_work *work, void *context) {
  struct batch b = { .tool = t, .does = work, .context = context, .pool = pool };
  b.good = open_side(&b, &b.sides[0]) && open_side(&b, &b.sides[1]);
  eq_progress_begin(&b.progress, work->what, "segments", 0, t->draw);
  for (fill(&b, &b.sides[0]); b.good && (b.sides[b.now].n || !b.ended); b.now = !b.now)
    eq_pool_run(pool, b.sides[b.now].n + 1, work_on, &b);
  finish(&b, &b.sides[!b.now]);
  eq_progress_end(&b.progress);
  say_others(&b);
  for (size_t i = 0; i < 2; i++) close_side(&b, &b.sides[i]);
  return b.good && t->err.code == EQ_OK;
}
