/* tool.h: what every command does around its loop: options, help, ports, the first error on stderr, the exit status.
 * This room alone of lib/ prints and ends the program. */
#ifndef EQ_TOOL_TOOL_H
#define EQ_TOOL_TOOL_H

#include "lib/base/options.h"
#include "lib/base/progress.h"
#include "lib/stream/append.h"
#include "lib/stream/port.h"
#include "lib/stream/reader.h"
#include "lib/stream/writer.h"

#define EQ_VERSION "0.1.0"

/* Which ports a command has. EQ_READS: -i is a stream of records; EQ_WRITES: -o is one; EQ_PRINTS: -o is text, see
 * eq_tool_print. EQ_NAMELESS: the command changes no record, and the header of its output does not name it, so that it
 * leaves no trace there. EQ_LATER: -i and -o are options as the other bits say, and the command itself calls
 * eq_tool_open, for which ports it needs depends on its other options. */
enum eq_streams { EQ_NO_STREAM = 0, EQ_READS = 1, EQ_WRITES = 2, EQ_PRINTS = 4, EQ_LATER = 8, EQ_NAMELESS = 16 };

/* What a tool is: its -h text comes from here, and tests hold its manual page against it. */
struct eq_command {
  const char *name, *summary; /* summary: one line without a full stop */
  const char *usage;          /* what follows the name, a line each */
  const struct eq_option *options;
  const char *examples; /* lines of shell, each runnable in the project's root */
  const char *see_also;
  unsigned streams;    /* enum eq_streams, added up */
  size_t max_operands; /* more are refused */
};

struct eq_tool {
  struct eq_reader *in;  /* NULL unless EQ_READS */
  struct eq_writer *out; /* NULL unless EQ_WRITES */
  struct eq_err err;     /* put what goes wrong here */
  struct eq_err verdict; /* and what the data say no to although all was done: the output is whole, the status not 0 */
  const char *const *operands;
  size_t n_operands;
  bool quiet, verbose;
  void (*draw)(const char *line); /* for eq_progress_begin: NULL when quiet or stderr is no terminal */
  struct eq_str chain; /* the programs that the header of the output names before this one; p NULL: the input's */
  bool bare;           /* set it before the first record, and the header of the output names no programs */
  const char *input, *output; /* -i and -o, "-" when not given */
  /* the rest is tool.c's */
  const struct eq_command *command;
  const char **recorded;
  size_t n_recorded;
  bool help, version, header, finished;
  bool stopped; /* eq_tool_read returned false because of a signal */
  int stop_fd;
  struct eq_err output_err; /* of the output, once it is finished */
  struct eq_append *append; /* the output, when it is a file that is appended to */
  struct eq_port *text;     /* -o when it is text */
  struct eq_buffer printed;
  double began;
};

/* Parses argv into `args` (whose fields command->options describes) and opens the ports. False: nothing is left to do
 * (help was asked for, or t->err is set): return eq_tool_end(t). Common options: -i -o -q -v -h --version. */
bool eq_tool_begin(struct eq_tool *t, const struct eq_command *command, int argc, char **argv, void *args);

/* For EQ_LATER: opens the ports that `streams` names. */
bool eq_tool_open(struct eq_tool *t, unsigned streams);

/* For EQ_LATER, in place of EQ_WRITES: the output is appended to a file (append.h), whose records `see` is shown. Then
 * `out` is NULL until there is something to write: call eq_tool_appends before that. The file gets its trailer in
 * eq_tool_end. */
bool eq_tool_append(struct eq_tool *t, const char *path,
                    bool (*see)(void *context, const struct eq_record *r, struct eq_err *err), void *context);
bool eq_tool_appends(struct eq_tool *t);

/* Loops of filters: the next record; the header of the output is written before the first comes back. False at the
 * end, and as soon as t->err is set or the output failed, so that a loop need not ask. */
bool eq_tool_read(struct eq_tool *t, struct eq_record *record);

/* For work that can go on where it was stopped: at SIGTERM and SIGUSR1 eq_tool_read then
 * returns false, with `stopped`, the output gets no trailer, and the status is EQ_STOPPED, unless worse happened. */
enum { EQ_STOPPED = 75 }; /* EX_TEMPFAIL: try again */
bool eq_tool_stops(struct eq_tool *t);

/* For filters that hold records back, once they hold a mark (schema.h): whether eq_tool_read would have to wait. Then
 * they let out what they hold, for somebody waits for it. */
bool eq_tool_idle(struct eq_tool *t);

/* Writes the header of the output now: for tools without input, before their first record. */
void eq_tool_header(struct eq_tool *t);

/* What a header says of this program, as JSON, for files of other formats: [{"name", "version", "argv"}]. */
bool eq_tool_programs(struct eq_tool *t, struct eq_buffer *json);

/* The same with only these programs ("prog", msgpack): for who writes what others made. */
void eq_tool_header_of(struct eq_tool *t, struct eq_str prog);

/* Adds text to the output, for EQ_PRINTS; errors stay for eq_tool_end. False once nothing more can be written. */
bool eq_tool_print(struct eq_tool *t, const void *text, size_t n);

/* A line on stderr, "eq-ppl: ...", unless -q; for what a user should know although nothing failed. */
void eq_tool_say(const struct eq_tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends the output before eq_tool_end would, for who keeps something else only when this was taken whole: whether it
 * was, asked once. Nothing can be written after it. */
bool eq_tool_finish(struct eq_tool *t);

/* Writes the trailer (none after an error or a truncated input), closes and checks the ports, prints what went wrong
 * (the input's error, the tool's, the output's: a line each), and with -v wall time, CPU time and peak memory. Returns
 * the exit status, the highest of the errors. */
int eq_tool_end(struct eq_tool *t);

#endif
