#include "lib/tool/tool.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/stop.h"
#include "lib/stream/port.h"
#include "lib/stream/socket.h"

#define TOOL(field) offsetof(struct eq_tool, field)

static const struct eq_option input_options[] = {
  { 'i', "input", EQ_TEXT, TOOL(input), "PORT", "-, a file, tcp://... or ipc://... (-)", true },
  { 0 },
};
static const struct eq_option output_options[] = {
  { 'o', "output", EQ_TEXT, TOOL(output), "PORT", "-, a file, tcp://... or ipc://... (-)", true },
  { 0 },
};
static const struct eq_option text_options[] = {
  { 'o', "output", EQ_TEXT, TOOL(output), "FILE", "where to write, - for stdout (-)", true },
  { 0 },
};
static const struct eq_option talk_options[] = {
  { 'q', "quiet", EQ_FLAG, TOOL(quiet), NULL, "no progress, no remarks", true },
  { 'v', "verbose", EQ_FLAG, TOOL(verbose), NULL, "end with wall time, CPU time and peak memory", true },
  { 'h', "help", EQ_FLAG, TOOL(help), NULL, "show this", true },
  { 0, "version", EQ_FLAG, TOOL(version), NULL, "show the version", true },
  { 0 },
};

/* The tables of a command: its own first, then the ports it has, then what every command has. */
enum { SETS_MAX = 4 };
static size_t option_sets(struct eq_tool *t, void *args, struct eq_option_set sets[SETS_MAX]) {
  size_t n = 0;
  unsigned streams = t->command->streams;
  if (t->command->options) sets[n++] = (struct eq_option_set){ t->command->options, args };
  if (streams & EQ_READS) sets[n++] = (struct eq_option_set){ input_options, t };
  if (streams & EQ_WRITES)
    sets[n++] = (struct eq_option_set){ output_options, t };
  else if (streams & EQ_PRINTS)
    sets[n++] = (struct eq_option_set){ text_options, t };
  sets[n++] = (struct eq_option_set){ talk_options, t };
  return n;
}

/* ---- the beginning ---- */

/* A closed descriptor 0, 1 or 2 would be given to the next file that is opened. In its place comes /dev/null, opened
 * the wrong way round, so that using it is still the error it was. */
static void keep_standard_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0) {
      int null = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
      if (null >= 0 && null != fd) close(null);
    }
}

static void draw_line(const char *line) { fprintf(stderr, "\r\033[K%s", line); }

bool eq_tool_open(struct eq_tool *t, unsigned streams) {
  if (streams & EQ_READS) t->in = eq_reader_open(t->input, &t->err);
  if (t->err.code) return false;
  if (streams & EQ_WRITES) t->out = eq_writer_open(t->output, &t->err);
  if ((streams & EQ_PRINTS) && eq_socket_is(t->output))
    return eq_fail(&t->err, EQ_BAD, "--output: %s: text goes to a file; only streams go over ZeroMQ", t->output);
  if (streams & EQ_PRINTS) t->text = eq_port_output(t->output, &t->err);
  return t->err.code == EQ_OK;
}

bool eq_tool_begin(struct eq_tool *t, const struct eq_command *command, int argc, char **argv, void *args) {
  *t = (struct eq_tool){ .command = command, .input = "-", .output = "-", .stop_fd = -1, .began = eq_clock() };
  keep_standard_descriptors();
  signal(SIGPIPE, SIG_IGN); /* write(2) then says EPIPE, and the tool ends in order, quietly */
  signal(SIGXFSZ, SIG_IGN); /* and EFBIG where a file may not grow, which is an error as any other */
  struct eq_option_set sets[SETS_MAX];
  size_t n_sets = option_sets(t, args, sets);
  t->recorded = eq_array((size_t)argc, sizeof *t->recorded);
  if (!t->recorded) return eq_fail_memory(&t->err, (size_t)argc * sizeof *t->recorded, "options");
  if (!eq_options_parse(sets, n_sets, argc, argv, &t->n_operands, t->recorded, &t->n_recorded, &t->err)) return false;
  if (t->help || t->version) return false;
  t->operands = (const char *const *)argv + 1;
  if (t->n_operands > command->max_operands)
    return eq_fail(&t->err, EQ_BAD, "unexpected argument '%s': -h shows the usage", t->operands[command->max_operands]);
  if (!t->quiet && isatty(STDERR_FILENO)) t->draw = draw_line;
  return (command->streams & EQ_LATER) || eq_tool_open(t, command->streams);
}

/* Who reads what it appends to finds its own records there, and passes them on for ever. */
static bool is_input(const struct eq_tool *t, const char *path) {
  struct stat in, out;
  int fd = t->in ? eq_reader_fd(t->in) : -1;
  return fd >= 0 && fstat(fd, &in) == 0 && stat(path, &out) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

bool eq_tool_append(struct eq_tool *t, const char *path, bool (*see)(void *, const struct eq_record *, struct eq_err *),
                    void *context) {
  if (is_input(t, path)) return eq_fail(&t->err, EQ_BAD, "%s: is the input: it is left as it is", path);
  t->append = eq_append_open(path, t->command->name, see, context, &t->err);
  return t->append;
}

/* ---- the loop ---- */

/* The programs that its header names before this one, and the name of this one. */
static struct eq_str chain_before(const struct eq_tool *t, const char **name) {
  struct eq_str chain = t->chain;
  bool nameless = t->bare || (t->command->streams & EQ_NAMELESS);
  if (!chain.p && t->in) chain = eq_reader_chain(t->in);
  *name = nameless ? NULL : t->command->name;
  return t->bare || !chain.p ? eq_str("") : chain;
}

void eq_tool_header(struct eq_tool *t) {
  const char *name;
  if (!t->out || t->header) return;
  struct eq_str chain = chain_before(t, &name);
  eq_write_header(t->out, chain, name, EQ_VERSION, t->recorded, t->n_recorded);
  t->header = true;
}

bool eq_tool_appends(struct eq_tool *t) {
  if (t->out) return eq_append_sync(t->append, eq_clock(), &t->err);
  const char *name;
  struct eq_buffer prog = { 0 };
  struct eq_str chain = chain_before(t, &name);
  eq_add_programs(&prog, chain, name, EQ_VERSION, t->recorded, t->n_recorded);
  if (prog.failed)
    eq_fail_memory(&t->err, prog.size, "a header");
  else
    t->out = eq_append_writer(t->append, (struct eq_str){ prog.data, prog.size }, &t->err);
  t->header = t->out;
  eq_buffer_free(&prog);
  return t->out;
}

void eq_tool_header_of(struct eq_tool *t, struct eq_str prog) {
  eq_write_header(t->out, prog, NULL, NULL, NULL, 0);
  t->header = true;
}

bool eq_tool_programs(struct eq_tool *t, struct eq_buffer *json) {
  json_t *argv = json_array();
  for (size_t i = 0; i < t->n_recorded; i++) {
    struct eq_buffer text = { 0 }; /* arguments may be no UTF-8 */
    eq_buffer_text(&text, t->recorded[i], strlen(t->recorded[i]));
    json_array_append_new(argv, json_stringn(text.data ? text.data : "", text.size));
    eq_buffer_free(&text);
  }
  json_t *all = json_pack("[{s:s,s:s,s:o}]", "name", t->command->name, "version", EQ_VERSION, "argv", argv);
  char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
  if (text) eq_buffer_string(json, text);
  free(text);
  json_decref(all);
  return (text && !json->failed) || eq_fail_memory(&t->err, 1 << 10, "provenance");
}

bool eq_tool_idle(struct eq_tool *t) {
  bool idle = eq_reader_idle(t->in);
  if (idle && t->out && eq_writer_owes(t->out)) eq_writer_flush(t->out);
  return idle;
}

bool eq_tool_stops(struct eq_tool *t) {
  t->stop_fd = eq_stop_open(&t->err);
  return t->stop_fd >= 0;
}

/* Told to stop, perhaps while it would have waited for input. */
static bool is_stopped(struct eq_tool *t) {
  if (t->stop_fd < 0) return false;
  int input = eq_reader_fd(t->in);
  t->stopped =
      eq_stop_asked(t->stop_fd) || (input >= 0 && eq_reader_idle(t->in) && eq_stop_or_input(t->stop_fd, input));
  return t->stopped;
}

bool eq_tool_read(struct eq_tool *t, struct eq_record *record) {
  if (t->out && eq_writer_owes(t->out)) eq_tool_idle(t);
  if (t->err.code || (t->out && eq_writer_failed(t->out)) || (t->text && eq_port_broken(t->text))) return false;
  if (is_stopped(t)) return false;
  bool more = eq_read(t->in, record);
  if (eq_reader_error(t->in)->code != EQ_BAD) eq_tool_header(t); /* nothing at all comes of what is no stream */
  return more;
}

bool eq_tool_print(struct eq_tool *t, const void *text, size_t n) {
  eq_buffer_add(&t->printed, text, n);
  if (t->printed.failed) return eq_fail_memory(&t->err, n, "printing");
  if (t->printed.size >= 64 << 10) {
    eq_port_write(t->text, t->printed.data, t->printed.size, &t->err);
    t->printed.size = 0;
  }
  return !t->err.code && !eq_port_broken(t->text);
}

/* ---- talk ---- */

/* Prints "name: text"; further lines of a text (a caret under its place) are moved as far right as the first. */
static void print_line(const struct eq_tool *t, const char *text) {
  const char *name = t->command->name;
  if (t->draw) fputs("\r\033[K", stderr);
  fprintf(stderr, "%s: ", name);
  for (const char *c = text; *c; c++) {
    putc(*c, stderr);
    if (*c == '\n') fprintf(stderr, "%*s", (int)strlen(name) + 2, "");
  }
  putc('\n', stderr);
}

void eq_tool_say(const struct eq_tool *t, const char *format, ...) {
  if (t->quiet) return;
  char text[EQ_ERR_TEXT];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  struct eq_err line = { 0 }; /* a name that the input gave is escaped there */
  eq_fail(&line, EQ_DATA, "%s", text);
  print_line(t, line.text);
}

static void print_resources(const struct eq_tool *t) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  double cpu =
      (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
  char text[128];
  snprintf(text, sizeof text, "%.2f s wall, %.2f s CPU, %.1f MiB peak memory", eq_clock() - t->began, cpu,
           (double)u.ru_maxrss / 1024);
  print_line(t, text);
}

static void help_text(struct eq_tool *t, struct eq_buffer *b) {
  const struct eq_command *c = t->command;
  struct eq_option_set sets[SETS_MAX];
  size_t n_sets = option_sets(t, NULL, sets), own = c->options != NULL;
  eq_buffer_format(b, "%s: %s\n\n", c->name, c->summary);
  const char *lead = "usage:";
  for (const char *line = c->usage; *line;) {
    size_t n = strcspn(line, "\n");
    eq_buffer_format(b, "%s %s %.*s\n", lead, c->name, (int)n, line);
    line += n + (line[n] == '\n');
    lead = "      ";
  }
  eq_buffer_string(b, "\n");
  if (own) {
    if (c->options->type != EQ_HEADING) eq_buffer_string(b, "options:\n");
    eq_options_help(c->options, b);
  }
  eq_buffer_string(b, n_sets - own > 1 ? "ports and talk:\n" : "talk:\n");
  for (size_t i = own; i < n_sets; i++) eq_options_help(sets[i].table, b);
  if (c->examples) eq_buffer_string(b, "examples:\n");
  for (const char *line = c->examples; line && *line;) {
    size_t n = strcspn(line, "\n");
    eq_buffer_format(b, "  %.*s\n", (int)n, line);
    line += n + (line[n] == '\n');
  }
  if (c->see_also) eq_buffer_format(b, "see also: %s\n", c->see_also);
}

/* What -h and --version say, on stdout. */
static void print_about(struct eq_tool *t) {
  struct eq_buffer b = { 0 };
  if (t->help)
    help_text(t, &b);
  else
    eq_buffer_format(&b, "%s %s\n", t->command->name, EQ_VERSION);
  struct eq_port *out = eq_port_output("-", &t->err);
  if (out) {
    eq_port_write(out, b.data, b.size, &t->err);
    eq_port_close(out, true, &t->err);
  }
  eq_buffer_free(&b);
}

/* ---- the end ---- */

static void close_text(struct eq_tool *t, bool keep) {
  if (t->text && t->printed.size) eq_port_write(t->text, t->printed.data, t->printed.size, &t->err);
  if (t->text) eq_port_close(t->text, keep && t->err.code != EQ_BAD, &t->err);
  eq_buffer_free(&t->printed);
}

/* The worst that went wrong so far but for the output; who was stopped has not read all. */
static enum eq_code worst_of(const struct eq_tool *t) {
  enum eq_code input = t->in ? eq_reader_error(t->in)->code : EQ_OK;
  if (t->stopped && input == EQ_OK) input = EQ_DATA;
  return input > t->err.code ? input : t->err.code;
}

bool eq_tool_finish(struct eq_tool *t) {
  enum eq_code worst = worst_of(t);
  if (t->finished) return false;
  t->finished = true;
  if (t->append && !t->out && worst == EQ_OK && !eq_append_whole(t->append) && !eq_tool_appends(t)) worst = t->err.code;
  if (!t->out) return worst == EQ_OK;
  if (worst != EQ_BAD) eq_tool_header(t);
  eq_writer_flush(t->out);
  bool taken = !eq_writer_failed(t->out);
  taken = eq_writer_finish(t->out,
                           worst == EQ_OK     ? EQ_COMPLETE
                           : worst == EQ_DATA ? EQ_TRUNCATED
                                              : EQ_FAILED,
                           &t->output_err) &&
          taken;
  t->out = NULL;
  return taken && worst == EQ_OK;
}

int eq_tool_end(struct eq_tool *t) {
  struct eq_err input = { 0 };
  if (t->err.code == EQ_OK && (t->help || t->version)) print_about(t);
  eq_tool_finish(t);
  bool resumes = t->append;
  eq_append_free(t->append);
  if (t->in) input = *eq_reader_error(t->in);
  close_text(t, worst_of(t) != EQ_BAD);
  eq_reader_free(t->in);
  free(t->recorded);
  const struct eq_err *errors[] = { &input, &t->err, &t->verdict, &t->output_err };
  enum eq_code worst = EQ_OK;
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    if (errors[i]->code) print_line(t, errors[i]->text);
    if (errors[i]->code > worst) worst = errors[i]->code;
  }
  if (t->stopped) eq_tool_say(t, "stopped by a signal%s", resumes ? ": the same line goes on where it was" : "");
  if (t->verbose) print_resources(t);
  return t->stopped && worst != EQ_BAD ? EQ_STOPPED : (int)worst;
}
