/* tool.h: what every command does around its loop: options, help, ports, the first error on stderr, the exit status.
 * This room alone of lib/ prints and ends the program. */
#ifndef EQ_TOOL_TOOL_H
#define EQ_TOOL_TOOL_H

#include "lib/base/options.h"
#include "lib/base/progress.h"
#include "lib/stream/reader.h"
#include "lib/stream/writer.h"

#define EQ_VERSION "0.1.0"

enum eq_streams { EQ_NO_STREAM = 0, EQ_READS = 1, EQ_WRITES = 2 };

/* What a tool is: its -h text comes from here, and tests hold its manual page against it. */
struct eq_command {
  const char *name, *summary; /* summary: one line without a full stop */
  const char *usage;          /* what follows the name, a line each */
  const struct eq_option *options;
  const char *examples; /* lines of shell, each runnable in the project's root */
  const char *see_also;
  unsigned streams;    /* which ports to open: EQ_READS | EQ_WRITES */
  size_t max_operands; /* more are refused */
};

struct eq_tool {
  struct eq_reader *in;  /* NULL unless EQ_READS */
  struct eq_writer *out; /* NULL unless EQ_WRITES */
  struct eq_err err;     /* put what goes wrong here */
  const char *const *operands;
  size_t n_operands;
  bool quiet, verbose;
  void (*draw)(const char *line); /* for eq_progress_begin: NULL when quiet or stderr is no terminal */
  /* the rest is tool.c's */
  const struct eq_command *command;
  const char *input, *output;
  const char **recorded;
  size_t n_recorded;
  bool help, version, done, header;
  double began;
};

/* Parses argv into `args` (whose fields command->options describes) and opens the ports. False: nothing is left to do
 * (help was asked for, or t->err is set): return eq_tool_end(t). Common options: -i -o -q -v -h --version. */
bool eq_tool_begin(struct eq_tool *t, const struct eq_command *command, int argc, char **argv, void *args);

/* Loops of filters: the next record; the header of the output is written before the first comes back. */
bool eq_tool_read(struct eq_tool *t, struct eq_record *record);

/* Writes the header of the output now: for tools without input, before their first record. */
void eq_tool_header(struct eq_tool *t);

/* A line on stderr, "eq-ppl: ...", unless -q; for what a user should know although nothing failed. */
void eq_tool_say(const struct eq_tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the trailer (none after an error or a truncated input), closes and checks the ports, prints the first error,
 * and with -v wall time, CPU time and peak memory. Returns the exit status. */
int eq_tool_end(struct eq_tool *t);

#endif
