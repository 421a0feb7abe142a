/* batch.h: the loop of a filter whose records are worked on by threads, some hundred at a time, and leave in the order
 * in which they came. The output does not depend on the threads. */
#ifndef EQ_TOOL_BATCH_H
#define EQ_TOOL_BATCH_H

#include "lib/base/pool.h"
#include "lib/tool/tool.h"

/* What is done to a record. `unit` is memory of unit_size bytes for what comes of it, zeros at first and then as the
 * record before left it, so that its arrays can be used again. */
struct eq_batch_work {
  /* Those worked on; others are passed on, or counted and said where the tool writes no stream. That nothing else came
   * is said too. */
  const struct eq_kind *kinds[2];
  size_t unit_size;
  /* In a thread, for a record of the kind; false with err->code set. err is the unit's own. */
  bool (*work)(void *context, const struct eq_record *r, void *unit, size_t thread, struct eq_err *err);
  /* Then for each record in order, while nothing has failed: writes or counts. False ends the loop. Later records may
   * be worked on meanwhile. */
  bool (*finish)(void *context, const struct eq_record *r, void *unit, struct eq_err *err);
  void (*close)(void *unit); /* frees what a unit holds, also of zeros; may be NULL */
  const char *what;          /* on the line of progress: "tokenizing" */
};

/* Reads t->in to its end. What goes wrong is in t->err, the first in the order of records; nothing is finished after
 * it. Returns whether all records that came were dealt with: true at a truncated input too. */
bool eq_batch_run(struct eq_tool *t, struct eq_pool *pool, const struct eq_batch_work *work, void *context);

#endif
