#include <stdlib.h>
#include <string.h>

#include "lib/base/pool.h"
#include "lib/text/tokenizer.h"
#include "lib/tool/tool.h"

struct args {
  const char *model, *special;
  bool template;
  uint64_t threads;
};

static const struct eq_option options[] = {
  { 'm', "model", EQ_TEXT, offsetof(struct args, model), "MODEL",
    "a model's folder with its tokenizer, or a vocabulary file", false },
  { 0, "special", EQ_TEXT, offsetof(struct args, special), "HOW", "special tokens in a text are text or tokens (text)",
    false },
  { 0, "template", EQ_FLAG, offsetof(struct args, template), NULL, "put the model's special tokens around each text",
    false },
  { 't', "threads", EQ_UINT, offsetof(struct args, threads), "N", "how many threads (all processors)", true },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-token",
  .summary = "cut text records into the tokens of a model",
  .usage = "-m MODEL [--special text|tokens] [--template] [-t N] [-i PORT] [-o PORT]",
  .options = options,
  .examples = "eq-text -c corpora/udhr -l en,he | eq-token -m corpora/mini | eq-show | head\n"
              "eq-text -c corpora/udhr -l sw | eq-token -m corpora/mini | eq-ppl -m corpora/mini | eq-show",
  .see_also = "eq-text(1), eq-ppl(1), eq-show(1), eq(1)",
  .streams = EQ_READS | EQ_WRITES,
};

/* Records that are tokenized together; they are written in the order in which they came. */
enum { BATCH_RECORDS = 512, BATCH_BYTES = 4 << 20 };

struct unit {
  struct eq_record *record;
  struct eq_text text;
  struct eq_token_list tokens;
  struct eq_err err;
};

struct work {
  struct eq_tool tool;
  struct args args;
  struct eq_tokenizer *tokenizer;
  struct eq_pool *pool;
  struct eq_token_scratch **scratch; /* one a thread */
  struct unit *units;                /* [BATCH_RECORDS] */
  size_t n_units, bytes;
  struct eq_progress progress;
};

static bool is_text(const struct unit *u) { return eq_record_is(u->record, &eq_kind_text); }

/* A tokens record holds the text and three numbers for each token, and must fit in a record. */
static bool check_size(const struct unit *u, struct eq_err *err) {
  size_t size = u->record->raw.n + 12 * u->tokens.n + 256;
  return size <= EQ_RECORD_MAX ||
         eq_fail(err, EQ_BAD, "the segment has %zu tokens: %zu bytes as a record, at most %d; cut it into segments",
                 u->tokens.n, size, EQ_RECORD_MAX);
}

static void tokenize_unit(void *context, size_t item, size_t thread) {
  struct work *w = context;
  struct unit *u = &w->units[item];
  u->err.code = EQ_OK;
  if (!is_text(u) || !eq_record_get(u->record, &eq_kind_text, &u->text, &u->err)) return;
  if (!eq_tokenize(w->tokenizer, w->scratch[thread], u->text.text.p, u->text.text.n, &u->tokens, &u->err) ||
      !check_size(u, &u->err))
    eq_fail_prefix(&u->err, "%s: record %llu (language %.*s, id %.*s): ", u->record->where,
                   (unsigned long long)u->record->number, EQ_STR(u->text.lang), EQ_STR(u->text.id));
}

static void write_unit(struct work *w, const struct unit *u) {
  const struct eq_token_list *l = &u->tokens;
  struct eq_tokens tokens = { .lang = u->text.lang,
                              .id = u->text.id,
                              .text = u->text.text,
                              .tokenizer = eq_str(eq_tokenizer_name(w->tokenizer)),
                              .ids = eq_u32s(l->ids, l->n),
                              .starts = eq_u32s(l->starts, l->n),
                              .ends = eq_u32s(l->ends, l->n) };
  if (is_text(u))
    eq_write_kind(w->tool.out, &eq_kind_tokens, &tokens, u->record);
  else
    eq_write(w->tool.out, u->record);
}

/* Tokenizes and writes what is held. After an error nothing more is written. */
static bool flush(struct work *w) {
  eq_pool_run(w->pool, w->n_units, tokenize_unit, w);
  for (size_t i = 0; i < w->n_units; i++) {
    struct unit *u = &w->units[i];
    if (u->err.code != EQ_OK) eq_fail(&w->tool.err, u->err.code, "%s", u->err.text);
    if (w->tool.err.code == EQ_OK) write_unit(w, u);
    eq_record_free(u->record);
  }
  eq_progress_add(&w->progress, w->n_units);
  w->n_units = w->bytes = 0;
  return w->tool.err.code == EQ_OK && !eq_writer_failed(w->tool.out);
}

static bool hold(struct work *w, const struct eq_record *r) {
  struct unit *u = &w->units[w->n_units];
  if (!(u->record = eq_record_copy(r))) return eq_fail_memory(&w->tool.err, r->raw.n, "a record");
  w->n_units++;
  w->bytes += r->raw.n;
  return (w->n_units < BATCH_RECORDS && w->bytes < BATCH_BYTES) || flush(w);
}

static bool set_up(struct work *w) {
  struct eq_err *err = &w->tool.err;
  if (!w->args.model) return eq_fail(err, EQ_BAD, "-m is missing: name a model's folder, as in -m corpora/mini");
  bool tokens = w->args.special && !strcmp(w->args.special, "tokens");
  if (w->args.special && !tokens && strcmp(w->args.special, "text") != 0)
    return eq_fail(err, EQ_BAD, "--special is '%s', expected text or tokens", w->args.special);
  if (!(w->tokenizer = eq_tokenizer_open(w->args.model, err)) || !(w->pool = eq_pool_new(w->args.threads, err)))
    return false;
  const struct eq_tokenizer_options asked = { .special = tokens, .frame = w->args.template };
  if (!eq_tokenizer_set(w->tokenizer, asked, err)) return false;
  size_t threads = eq_pool_threads(w->pool);
  w->scratch = eq_array(threads, sizeof *w->scratch);
  w->units = eq_array(BATCH_RECORDS, sizeof *w->units);
  if (!w->scratch || !w->units) return eq_fail_memory(err, BATCH_RECORDS * sizeof *w->units, "records");
  for (size_t i = 0; i < threads; i++)
    if (!(w->scratch[i] = eq_token_scratch_new(err))) return false;
  return true;
}

static void tear_down(struct work *w) {
  for (size_t i = 0; w->scratch && i < eq_pool_threads(w->pool); i++) eq_token_scratch_free(w->scratch[i]);
  for (size_t i = 0; w->units && i < BATCH_RECORDS; i++) eq_token_list_free(&w->units[i].tokens);
  for (size_t i = 0; i < w->n_units; i++) eq_record_free(w->units[i].record);
  free(w->scratch);
  free(w->units);
  eq_pool_free(w->pool);
  eq_tokenizer_free(w->tokenizer);
}

int main(int argc, char **argv) {
  struct work w = { 0 };
  struct eq_record r;
  if (eq_tool_begin(&w.tool, &command, argc, argv, &w.args) && set_up(&w)) {
    eq_progress_begin(&w.progress, "tokenizing", "segments", 0, w.tool.draw);
    while (eq_tool_read(&w.tool, &r) && hold(&w, &r)) continue;
    if (w.tool.err.code != EQ_BAD) flush(&w);
    eq_progress_end(&w.progress);
  }
  tear_down(&w);
  return eq_tool_end(&w.tool);
}
