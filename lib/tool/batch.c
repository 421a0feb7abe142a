#include "lib/tool/batch.h"

#include <stdlib.h>

enum { BATCH_RECORDS = 512, BATCH_BYTES = 4 << 20 };

/* A record that is held, and what came of it. */
struct item {
  struct eq_record *record;
  bool known; /* of the kind that is worked on */
  struct eq_err err;
};

struct batch {
  struct eq_tool *tool;
  const struct eq_batch_work *does;
  void *context;
  struct eq_pool *pool;
  struct item *items; /* [BATCH_RECORDS] */
  char *units;        /* [BATCH_RECORDS][does->unit_size] */
  size_t n, bytes;
  uint64_t dropped; /* records of other kinds */
  struct eq_progress progress;
};

static void *unit_of(const struct batch *b, size_t i) { return b->units + i * b->does->unit_size; }

static void work_on(void *context, size_t i, size_t thread) {
  struct batch *b = context;
  struct item *item = &b->items[i];
  item->err.code = EQ_OK;
  if (item->known) b->does->work(b->context, item->record, unit_of(b, i), thread, &item->err);
}

static bool finish(struct batch *b, size_t i) {
  const struct item *item = &b->items[i];
  struct eq_tool *t = b->tool;
  if (item->err.code != EQ_OK) return eq_fail(&t->err, item->err.code, "%s", item->err.text);
  if (item->known) return b->does->finish(b->context, item->record, unit_of(b, i), &t->err);
  if (t->out) eq_write(t->out, item->record);
  b->dropped += !t->out && !eq_record_is(item->record, &eq_kind_source);
  return true;
}

/* Works on what is held and finishes it. After an error nothing more is finished. */
static bool flush(struct batch *b) {
  bool good = true;
  eq_pool_run(b->pool, b->n, work_on, b);
  for (size_t i = 0; i < b->n; i++) {
    good = good && finish(b, i);
    eq_record_free(b->items[i].record);
  }
  eq_progress_add(&b->progress, b->n);
  b->n = b->bytes = 0;
  return good && (!b->tool->out || !eq_writer_failed(b->tool->out));
}

static bool hold(struct batch *b, const struct eq_record *r) {
  struct item *item = &b->items[b->n];
  if (!(item->record = eq_record_copy(r))) return eq_fail_memory(&b->tool->err, r->raw.n, "a record");
  const struct eq_kind *const *kinds = b->does->kinds;
  item->known = eq_record_is(r, kinds[0]) || (kinds[1] && eq_record_is(r, kinds[1]));
  b->n++;
  b->bytes += r->raw.n;
  return (b->n < BATCH_RECORDS && b->bytes < BATCH_BYTES) || flush(b);
}

static bool open_batch(struct batch *b) {
  b->items = eq_array(BATCH_RECORDS, sizeof *b->items);
  b->units = eq_array(BATCH_RECORDS, b->does->unit_size);
  return (b->items && b->units) || eq_fail_memory(&b->tool->err, BATCH_RECORDS * sizeof *b->items, "records");
}

static void close_batch(struct batch *b) {
  for (size_t i = 0; b->units && b->does->close && i < BATCH_RECORDS; i++) b->does->close(unit_of(b, i));
  for (size_t i = 0; i < b->n; i++) eq_record_free(b->items[i].record);
  free(b->items);
  free(b->units);
}

bool eq_batch_run(struct eq_tool *t, struct eq_pool *pool, const struct eq_batch_work *work, void *context) {
  struct batch b = { .tool = t, .does = work, .context = context, .pool = pool };
  struct eq_record r;
  bool good = open_batch(&b);
  eq_progress_begin(&b.progress, work->what, "segments", 0, t->draw);
  while (good && eq_tool_read(t, &r)) good = hold(&b, &r);
  if (good && t->err.code != EQ_BAD) good = flush(&b);
  eq_progress_end(&b.progress);
  if (b.dropped) eq_tool_say(t, "%llu records of other kinds are left out", (unsigned long long)b.dropped);
  close_batch(&b);
  return good && t->err.code == EQ_OK;
}
