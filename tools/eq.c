#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/tool/tool.h"

/* What `eq help` lists. To add a tool: a row here; tests/cli/eq.bats fails while a tools/eq-*.c has none. */
static const struct {
  const char *name, *does;
} tools[] = {
  { "text", "corpora (TSV, lines, JSON lines) to text records" },
  { "token", "text to tokens with their byte offsets" },
  { "stats", "what the weights of a model are like, and what enters them in each language" },
  { "ppl", "the surprisal of each segment under each recipe" },
  { "plan", "the recipes of a study and what each costs, or those that results still lack" },
  { "quant", "what a recipe does to each tensor, and the model written as others run it" },
  { "disparity", "pair, bootstrap, aggregate: what each language loses, and how unevenly" },
  { "pareto", "what recipes cost beside what they hurt, and those that nothing beats" },
  { "hub", "hand records to workers, and lose none when one dies" },
  { "work", "do units of work for a hub, with any filter" },
  { "shard", "keep one of n shards of a stream" },
  { "merge", "streams as one, sorted, each record once" },
  { "show", "any stream as a table, TSV, CSV, JSON lines or Markdown, and back" },
  { "plot", "the damage to each language as a figure" },
};

static const struct eq_command command = {
  .name = "eq",
  .summary = "measure how quantizing a language model hurts some languages more than others",
  .usage = "TOOL [ARGUMENT...]   runs eq-TOOL\n"
           "help [TOOL]          lists the tools, or shows one's options",
  .examples = "eq help ppl\n"
              "eq text -c corpora/udhr -l en,de | eq show | head",
  .see_also = "eq-text, eq-token, eq-stats, eq-ppl, eq-quant, eq-disparity, eq-hub, eq-work,\n"
              "          eq-shard, eq-merge, eq-show, eq-plot",
  .streams = EQ_PRINTS | EQ_LATER,
  .max_operands = 2,
};

/* Becomes eq-NAME, from the folder where this program lies, else from the PATH. Comes back only when it cannot. */
static void become(struct eq_tool *t, const char *name, char **argv) {
  struct eq_buffer path = { 0 };
  char self[4096];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;
  if (slash) {
    eq_buffer_add(&path, self, (size_t)(slash - self) + 1);
    eq_buffer_format(&path, "eq-%s", name);
    if (!path.failed) execv(path.data, argv);
  }
  path.size = 0;
  eq_buffer_format(&path, "eq-%s", name);
  if (!path.failed) execvp(path.data, argv);
  if (errno == ENOENT)
    eq_fail(&t->err, EQ_BAD, "there is no tool '%s': eq help lists them", name);
  else
    eq_fail_errno(&t->err, path.data ? path.data : name, "run");
  eq_buffer_free(&path);
}

static void list_tools(struct eq_tool *t) {
  if (!eq_tool_open(t, EQ_PRINTS)) return;
  struct eq_buffer b = { 0 };
  eq_buffer_format(&b, "eq: %s\n\n", command.summary);
  for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
    eq_buffer_format(&b, "  eq %-10s  %s\n", tools[i].name, tools[i].does);
  eq_buffer_string(&b, "\neq help TOOL shows a tool's options, man eq-TOOL its manual.\n");
  eq_tool_print(t, b.data, b.size);
  eq_buffer_free(&b);
}

static void help(struct eq_tool *t) {
  if (t->n_operands < 2) {
    list_tools(t);
    return;
  }
  char option[] = "-h";
  char *argv[] = { option, option, NULL };
  become(t, t->operands[1], argv);
}

int main(int argc, char **argv) {
  struct eq_tool t;
  if (argc > 1 && argv[1][0] != '-' && strcmp(argv[1], "help") != 0) { /* the rest is that tool's, unread */
    t = (struct eq_tool){ .command = &command };
    become(&t, argv[1], argv + 1);
  } else if (eq_tool_begin(&t, &command, argc, argv, NULL))
    help(&t);
  return eq_tool_end(&t);
}
