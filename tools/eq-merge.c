#include "lib/stream/merge.h"

#include "lib/tool/tool.h"

static const struct eq_command command = {
  .name = "eq-merge",
  .summary = "streams as one: sorted, each record once, conflicts named",
  .usage = "[-i PORT] [-o PORT]",
  .examples = "eq-text -c corpora/udhr -l en,de | eq-shard -n 2 -s 0 >0.mp\n"
              "eq-text -c corpora/udhr -l en,de | eq-shard -n 2 -s 1 >1.mp\n"
              "cat 0.mp 1.mp | eq-merge | eq-show",
  .see_also = "eq-shard(1), eq-show(1), eq(1)",
  .streams = EQ_READS | EQ_WRITES | EQ_LATER | EQ_NAMELESS,
};

static bool collect(struct eq_tool *t, struct eq_merge *m) {
  struct eq_record r;
  if (!eq_tool_open(t, EQ_READS)) return false;
  while (eq_tool_read(t, &r))
    if (!eq_merge_add(m, &r, &t->err)) return false;
  return eq_reader_error(t->in)->code != EQ_BAD && eq_merge_add_chain(m, eq_reader_chain(t->in), &t->err);
}

/* The header names the first chain, `source` records the others. */
static void write_all(struct eq_tool *t, const struct eq_merge *m) {
  if (!eq_tool_open(t, EQ_WRITES)) return;
  t->chain = eq_merge_chain(m, 0);
  eq_tool_header(t);
  for (size_t i = 1; i < eq_merge_chains(m); i++) eq_write_source(t->out, eq_merge_chain(m, i));
  for (size_t i = 0; i < eq_merge_count(m) && !eq_writer_failed(t->out); i++)
    eq_write_raw(t->out, eq_merge_record(m, i));
  if (eq_merge_repeated(m))
    eq_tool_say(t, "%llu records came again and are there once", (unsigned long long)eq_merge_repeated(m));
}

int main(int argc, char **argv) {
  struct eq_tool t;
  struct eq_merge *m = NULL;
  if (eq_tool_begin(&t, &command, argc, argv, NULL) && (m = eq_merge_new(&t.err)) && collect(&t, m) &&
      eq_merge_close(m, &t.err))
    write_all(&t, m);
  int status = eq_tool_end(&t);
  eq_merge_free(m);
  return status;
}
