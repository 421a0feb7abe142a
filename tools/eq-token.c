#include <stdlib.h>
#include <string.h>

#include "lib/text/tokenizer.h"
#include "lib/tool/batch.h"

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
  .streams = EQ_READS | EQ_WRITES | EQ_LATER,
};

struct token {
  struct eq_tool tool;
  struct args args;
  const struct eq_batch_work *work; /* of the mode */
  struct eq_tokenizer *tokenizer;
  struct eq_pool *pool;
  struct eq_token_scratch **scratch; /* one a thread */
};

/* What comes of a record. */
struct unit {
  struct eq_text text;
  struct eq_token_list tokens;
};

static void unit_close(void *unit) {
  struct unit *u = unit;
  eq_token_list_free(&u->tokens);
}

/* Says which record an error is about. */
static bool in_segment(struct eq_err *err, const struct eq_record *r, struct eq_str lang, struct eq_str id) {
  eq_fail_prefix(err, "%s: record %llu (language %.*s, id %.*s): ", r->where, (unsigned long long)r->number,
                 EQ_STR(lang), EQ_STR(id));
  return false;
}

/* ---- text to tokens ---- */

/* A tokens record holds the text and three numbers for each token, and must fit in a record. */
static bool check_size(const struct eq_record *r, size_t n_tokens, struct eq_err *err) {
  size_t size = r->raw.n + 12 * n_tokens + 256;
  return size <= EQ_RECORD_MAX ||
         eq_fail(err, EQ_BAD, "the segment has %zu tokens: %zu bytes as a record, at most %d; cut it into segments",
                 n_tokens, size, EQ_RECORD_MAX);
}

static bool cut(void *context, const struct eq_record *r, void *unit, size_t thread, struct eq_err *err) {
  struct token *t = context;
  struct unit *u = unit;
  if (!eq_record_get(r, &eq_kind_text, &u->text, err)) return false;
  return (eq_tokenize(t->tokenizer, t->scratch[thread], u->text.text.p, u->text.text.n, &u->tokens, err) &&
          check_size(r, u->tokens.n, err)) ||
         in_segment(err, r, u->text.lang, u->text.id);
}

static bool write_tokens(void *context, const struct eq_record *r, void *unit, struct eq_err *err) {
  struct token *t = context;
  const struct unit *u = unit;
  const struct eq_token_list *l = &u->tokens;
  const struct eq_tokens tokens = { .lang = u->text.lang,
                                    .id = u->text.id,
                                    .text = u->text.text,
                                    .tokenizer = eq_str(eq_tokenizer_name(t->tokenizer)),
                                    .ids = eq_u32s(l->ids, l->n),
                                    .starts = eq_u32s(l->starts, l->n),
                                    .ends = eq_u32s(l->ends, l->n) };
  (void)err; /* the writer keeps its own */
  eq_write_kind(t->tool.out, &eq_kind_tokens, &tokens, r);
  return true;
}

/* ---- modes ---- */

static bool open_tokenizer(struct token *t) {
  struct eq_err *err = &t->tool.err;
  if (!t->args.model) return eq_fail(err, EQ_BAD, "-m is missing: name a model's folder, as in -m corpora/mini");
  bool tokens = t->args.special && !strcmp(t->args.special, "tokens");
  if (t->args.special && !tokens && strcmp(t->args.special, "text") != 0)
    return eq_fail(err, EQ_BAD, "--special is '%s', expected text or tokens", t->args.special);
  const struct eq_tokenizer_options asked = { .special = tokens, .frame = t->args.template };
  return (t->tokenizer = eq_tokenizer_open(t->args.model, err)) && eq_tokenizer_set(t->tokenizer, asked, err);
}

static bool open_threads(struct token *t) {
  struct eq_err *err = &t->tool.err;
  if (!(t->pool = eq_pool_new(t->args.threads, err))) return false;
  size_t threads = eq_pool_threads(t->pool);
  if (!(t->scratch = eq_array(threads, sizeof *t->scratch)))
    return eq_fail_memory(err, threads * sizeof *t->scratch, "threads");
  for (size_t i = 0; i < threads; i++)
    if (!(t->scratch[i] = eq_token_scratch_new(err))) return false;
  return true;
}

/* Records in, records out. */
static bool filter(struct token *t) {
  return eq_tool_open(&t->tool, EQ_READS | EQ_WRITES) && open_tokenizer(t) && open_threads(t) &&
         eq_batch_run(&t->tool, t->pool, t->work, t);
}

/* What the tool does to its records; the first row is done when no other is asked for. To add one: a row here, its
 * option above (a bool, at `option` in struct args), its part of the manual. */
static const struct mode {
  const char *name;
  size_t option;
  bool (*run)(struct token *t);
  struct eq_batch_work work; /* of modes that read records */
} modes[] = {
  { "cut", SIZE_MAX, filter, { { &eq_kind_text }, sizeof(struct unit), cut, write_tokens, unit_close, "tokenizing" } },
};
enum { MODES = sizeof modes / sizeof *modes };

static const struct mode *choose_mode(struct token *t) {
  const struct mode *mode = &modes[0];
  for (size_t i = 1; i < MODES; i++) {
    if (!*(const bool *)((const char *)&t->args + modes[i].option)) continue;
    if (mode != &modes[0]) {
      eq_fail(&t->tool.err, EQ_BAD, "--%s and --%s are two things to do: run eq-token for each", mode->name,
              modes[i].name);
      return NULL;
    }
    mode = &modes[i];
  }
  t->work = &mode->work;
  return mode;
}

static void tear_down(struct token *t) {
  for (size_t i = 0; t->scratch && i < eq_pool_threads(t->pool); i++) eq_token_scratch_free(t->scratch[i]);
  free(t->scratch);
  eq_pool_free(t->pool);
  eq_tokenizer_free(t->tokenizer);
}

int main(int argc, char **argv) {
  struct token t = { 0 };
  const struct mode *mode;
  if (eq_tool_begin(&t.tool, &command, argc, argv, &t.args) && (mode = choose_mode(&t))) mode->run(&t);
  tear_down(&t);
  return eq_tool_end(&t.tool);
}
