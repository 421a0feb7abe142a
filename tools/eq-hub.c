/* eq-hub: hands records to workers, and loses none when one dies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/progress.h"
#include "lib/stream/curve.h"
#include "lib/stream/hub.h"
#include "lib/stream/journal.h"
#include "lib/stream/socket.h"
#include "lib/stream/work_socket.h"
#include "lib/tool/tool.h"

struct args {
  bool ordered, insecure;
  const char *resume, *key, *worker_keys, *make_key;
  double expire, wait;
};

static const struct eq_option options[] = {
  { .type = EQ_HEADING, .help = "How it runs" },
  { 0, "ordered", EQ_FLAG, offsetof(struct args, ordered), NULL, "results in the order of the input", true },
  { 0, "resume", EQ_TEXT, offsetof(struct args, resume), "JOURNAL",
    "keep results in this file, and go on where it ends; ordered", true },
  { 0, "expire", EQ_REAL, offsetof(struct args, expire), "S", "a worker silent for S seconds is dead (10)", true },
  { 0, "wait", EQ_REAL, offsetof(struct args, wait), "S",
    "seconds without any worker before it gives up; 0: never (60)", true },
  { .type = EQ_HEADING, .help = "Over tcp" },
  { 0, "keygen", EQ_TEXT, offsetof(struct args, make_key), "FILE", "only make a key: FILE, secret, and FILE.pub",
    true },
  { 0, "key", EQ_TEXT, offsetof(struct args, key), "FILE", "the hub's key; workers need the same, or its public part",
    true },
  { 0, "worker-keys", EQ_TEXT, offsetof(struct args, worker_keys), "FILE",
    "let in who has these public keys (who has the hub's)", true },
  { 0, "insecure", EQ_FLAG, offsetof(struct args, insecure), NULL, "no keys: anybody may read along, and be a worker",
    true },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-hub",
  .summary = "hand records to workers, and lose none when one dies",
  .usage = "[options] ENDPOINT < records > results\n"
           "--keygen FILE",
  .options = options,
  .examples = "for i in 1 2; do eq-work ipc:///tmp/hub -- eq-ppl -m corpora/mini -r int4 -t 1 & done\n"
              "eq-text -c corpora/udhr -l en,he --limit 20 | eq-token -m corpora/mini |\n"
              "  eq-hub --ordered ipc:///tmp/hub | eq-show",
  .see_also = "eq-work, eq-shard, eq",
  .streams = EQ_READS | EQ_WRITES | EQ_LATER,
  .max_operands = 1,
};

/* TURN_RECORDS, TURN_MESSAGES: what is taken of either before the other has its turn. */
enum { TURN_RECORDS = 4096, TURN_MESSAGES = 64 };

/* A unit of the hub: which record of the input, and its hash. */
struct pending {
  uint64_t record, hash;
};

struct work_hub {
  struct eq_tool tool;
  struct args args;
  struct eq_work_socket *socket;
  struct eq_hub *hub;
  struct eq_journal *journal; /* NULL without --resume */
  struct pending *pending;    /* with it: of each unit of the hub, which records they are */
  size_t n_pending, pending_capacity;
  uint64_t n_records, refused; /* refused: connections, for their keys */
  bool input_ended, headed;
  bool delivered; /* since the output was flushed */
  struct eq_progress progress;
  char what[64]; /* of the progress */
};

/* ---- what the hub asks for ---- */

static void send_message(void *context, struct eq_str worker, const struct eq_buffer *message) {
  struct work_hub *w = context;
  eq_work_socket_send(w->socket, worker, message);
}

static bool begin(void *context, struct eq_str prog) {
  struct work_hub *w = context;
  eq_tool_header_of(&w->tool, prog);
  return !w->journal || eq_journal_begin(w->journal, prog, &w->tool.err);
}

/* Into the journal; the output is written from there at the end. */
static bool keep(struct work_hub *w, const struct eq_work_unit *result) {
  const struct pending *p = &w->pending[result->number];
  struct eq_work_unit of_record = { p->record, result->n, result->records };
  return eq_journal_add(w->journal, &of_record, p->hash, &w->tool.err);
}

static bool deliver(void *context, const struct eq_work_unit *result) {
  struct work_hub *w = context;
  if (w->journal && !keep(w, result)) return false;
  if (!w->journal) eq_write_maps(w->tool.out, result->records, result->n);
  eq_progress_add(&w->progress, 1);
  w->delivered = true;
  return !eq_writer_failed(w->tool.out);
}

static void say(void *context, const char *text) {
  struct work_hub *w = context;
  eq_tool_say(&w->tool, "%s", text);
}

/* ---- the loop ---- */

static bool choose_keys(struct work_hub *w, const char *where) {
  const struct args *a = &w->args;
  struct eq_err *err = &w->tool.err;
  if (a->insecure && a->key) return eq_fail(err, EQ_BAD, "--insecure is tcp without --key: leave out one of them");
  if (a->worker_keys && !a->key) return eq_fail(err, EQ_BAD, "--worker-keys goes with --key, the hub's own");
  if (strncmp(where, "tcp://", 6) == 0 && !a->key && !a->insecure)
    return eq_fail(err, EQ_BAD,
                   "%s: expected --key FILE (eq-hub --keygen FILE makes one), or --insecure: anybody may "
                   "then read along and be a worker",
                   where);
  return true;
}

static bool set_up(struct work_hub *w) {
  struct eq_tool *t = &w->tool;
  const char *where = t->n_operands ? t->operands[0] : "";
  if (!eq_socket_is(where))
    return eq_fail(&t->err, EQ_BAD, "'%s': expected the endpoint where workers find it, ipc://PATH or tcp://HOST:PORT",
                   where);
  if (!choose_keys(w, where)) return false;
  if (eq_socket_is(t->input))
    return eq_fail(&t->err, EQ_BAD, "--input: %s: a hub reads a file or a pipe (eq-shard -i %s | eq-hub ...)", t->input,
                   t->input);
  if (!(w->args.expire > 0)) return eq_fail(&t->err, EQ_BAD, "--expire: expected seconds, more than 0");
  struct eq_hub_settings settings = {
    .where = where, .ordered = w->args.ordered && !w->args.resume, .expire = w->args.expire, .wait = w->args.wait
  };
  if (getrandom(&settings.session, sizeof settings.session, 0) != sizeof settings.session)
    return eq_fail_errno(&t->err, where, "number a session");
  settings.session |= 1;
  if (!eq_tool_open(t, EQ_READS | EQ_WRITES)) return false;
  if (w->args.resume && !(w->journal = eq_journal_open(w->args.resume, &t->err))) return false;
  if (w->journal && w->tool.verbose)
    eq_tool_say(t, "%s: %llu units are there", w->args.resume, (unsigned long long)eq_journal_found(w->journal));
  if (!(w->socket = eq_work_socket_bind(where, (struct eq_work_keys){ w->args.key, w->args.worker_keys }, &t->err)))
    return false;
  w->hub = eq_hub_new(settings, (struct eq_hub_sink){ send_message, begin, deliver, say, w }, eq_clock(), &t->err);
  return w->hub;
}

static void make_key(struct work_hub *w) {
  struct eq_err *err = &w->tool.err;
  if (w->tool.n_operands)
    eq_fail(err, EQ_BAD, "--keygen only makes a key: leave out '%s'", w->tool.operands[0]);
  else if (eq_curve_make(w->args.make_key, err))
    eq_tool_say(&w->tool, "%s is secret: for this hub, and workers that share it; %s.pub is for others to know it by",
                w->args.make_key, w->args.make_key);
}

/* A record is a unit, unless the journal has its result. */
static bool add_record(struct work_hub *w, const struct eq_record *r) {
  struct eq_err *err = &w->tool.err;
  uint64_t number = w->n_records++;
  bool done = false;
  if (!w->journal) return eq_hub_add(w->hub, r->raw, err);
  if (!eq_journal_has(w->journal, number, r->raw, &done, err)) return false;
  if (done) return true;
  struct pending *grown = eq_array_grow(w->pending, w->n_pending, &w->pending_capacity, sizeof *grown);
  if (!grown) return eq_fail_memory(err, w->n_pending * sizeof *grown, "units of work");
  w->pending = grown;
  w->pending[w->n_pending++] = (struct pending){ number, eq_journal_hash(r->raw) };
  return eq_hub_add(w->hub, r->raw, err);
}

/* Takes records while there are some and the hub has room. *waits: none is there now. */
static bool read_records(struct work_hub *w, bool *waits) {
  struct eq_record r;
  struct eq_err *err = &w->tool.err;
  *waits = false;
  for (int i = 0; i < TURN_RECORDS && !w->input_ended && !*waits && !eq_hub_full(w->hub); i++) {
    bool more = eq_read_now(w->tool.in, &r, waits);
    struct eq_str prog = eq_reader_chain(w->tool.in);
    if (!w->headed && prog.n && !(w->headed = eq_hub_header(w->hub, prog, err))) return false;
    if (more && eq_record_is(&r, &eq_kind_mark))
      return eq_fail(err, EQ_BAD, "%s: record %llu is a mark: eq-work sets them, no input may have any", r.where,
                     (unsigned long long)r.number);
    if (more && !add_record(w, &r)) return false;
    w->input_ended = !more && !*waits;
  }
  if (w->input_ended) eq_hub_close(w->hub);
  if (w->input_ended && w->journal && !w->n_pending && eq_journal_prog(w->journal).n && /* nothing is left to be done */
      !eq_hub_begin(w->hub, eq_journal_prog(w->journal), err))
    return false;
  return eq_reader_error(w->tool.in)->code != EQ_BAD;
}

static bool read_messages(struct work_hub *w) {
  struct eq_str worker, message;
  for (int i = 0; i < TURN_MESSAGES && eq_work_socket_receive(w->socket, &worker, &message); i++)
    if (!eq_hub_take(w->hub, worker, message, eq_clock(), &w->tool.err)) return false;
  return true;
}

static void say_refused(struct work_hub *w) {
  uint64_t refused = eq_work_socket_refused(w->socket);
  if (refused && !w->refused) eq_tool_say(&w->tool, "somebody whose key is not among the workers' was not let in");
  w->refused = refused;
}

static void show_progress(struct work_hub *w) {
  struct eq_hub_counts c = eq_hub_counts(w->hub);
  snprintf(w->what, sizeof w->what, "%zu worker%s", c.workers, c.workers == 1 ? "" : "s");
  if (w->input_ended) w->progress.total = c.taken;
  eq_progress_add(&w->progress, 0);
}

/* Waits for the workers, and for the input while there is room; results that are there go out before. */
static bool wait_for_more(struct work_hub *w, bool waits) {
  struct pollfd input = { .fd = eq_reader_fd(w->tool.in), .events = POLLIN };
  bool reads = !w->input_ended && !eq_hub_full(w->hub);
  if (w->delivered) eq_writer_flush(w->tool.out);
  w->delivered = false;
  return !eq_writer_failed(w->tool.out) &&
         eq_work_socket_wait(w->socket, &input, reads && waits, reads && !waits ? 0 : 0.25, &w->tool.err);
}

static bool turn(struct work_hub *w) {
  bool waits;
  if (w->journal && !eq_journal_sync(w->journal, eq_clock(), &w->tool.err)) return false;
  if (!read_records(w, &waits) || !read_messages(w) || !eq_hub_tick(w->hub, eq_clock(), &w->tool.err)) return false;
  say_refused(w);
  show_progress(w);
  return !eq_hub_done(w->hub) && wait_for_more(w, waits);
}

/* Workers learn why, when the hub ends before its time. */
static void send_away(struct work_hub *w) {
  const struct eq_err *bad = w->tool.err.code ? &w->tool.err : eq_reader_error(w->tool.in);
  if (!eq_hub_done(w->hub))
    eq_hub_refuse(w->hub, eq_str(bad->code == EQ_BAD ? bad->text : "the hub's output was closed"));
}

static void report(struct work_hub *w) {
  struct eq_hub_counts c = eq_hub_counts(w->hub);
  if (w->tool.verbose)
    eq_tool_say(&w->tool,
                "%llu of %llu units done, %llu handed out again, %llu late results dropped, %llu workers lost",
                (unsigned long long)c.done, (unsigned long long)c.taken, (unsigned long long)c.again,
                (unsigned long long)c.late, (unsigned long long)c.lost);
}

int main(int argc, char **argv) {
  struct work_hub w = { .args = { .expire = 10, .wait = 60 } };
  bool goes_on = eq_tool_begin(&w.tool, &command, argc, argv, &w.args);
  if (goes_on && w.args.make_key)
    make_key(&w);
  else if (goes_on && set_up(&w)) {
    eq_progress_begin(&w.progress, w.what, "units", 0, w.tool.draw);
    while (turn(&w)) continue;
    if (w.journal && eq_hub_done(w.hub) && !w.tool.err.code && eq_reader_error(w.tool.in)->code != EQ_BAD)
      eq_journal_copy(w.journal, w.n_records, w.tool.out, &w.tool.err);
    eq_progress_end(&w.progress);
    send_away(&w);
    report(&w);
  }
  eq_work_socket_free(w.socket);
  eq_hub_free(w.hub);
  eq_journal_free(w.journal);
  free(w.pending);
  return eq_tool_end(&w.tool);
}
