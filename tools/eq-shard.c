#include "lib/tool/tool.h"

struct args {
  uint64_t shards, shard;
};

static const struct eq_option options[] = {
  { 'n', "shards", EQ_UINT, offsetof(struct args, shards), "N", "how many shards there are (1)", false },
  { 's', "shard", EQ_UINT, offsetof(struct args, shard), "I", "which to keep, from 0 (0)", false },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-shard",
  .summary = "keep one of n shards of a stream, by hash of (lang, id)",
  .usage = "-n N -s I [-i PORT] [-o PORT]",
  .options = options,
  .examples = "eq-text -c corpora/udhr -l en,de | eq-shard -n 4 -s 0 | eq-show",
  .see_also = "eq-merge(1), eq-text(1), eq(1)",
  .streams = EQ_READS | EQ_WRITES | EQ_NAMELESS,
};

int main(int argc, char **argv) {
  struct args a = { .shards = 1 };
  struct eq_tool t;
  struct eq_record r;
  uint64_t hash;
  if (!eq_tool_begin(&t, &command, argc, argv, &a)) return eq_tool_end(&t);
  if (a.shard >= a.shards)
    eq_fail(&t.err, EQ_BAD, "--shard: %llu of %llu shards: expected 0 to N-1", (unsigned long long)a.shard,
            (unsigned long long)a.shards);
  while (eq_tool_read(&t, &r))
    if (!eq_record_unit_hash(&r, &hash) || hash % a.shards == a.shard) eq_write(t.out, &r);
  return eq_tool_end(&t);
}
