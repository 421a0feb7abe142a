#include <stdlib.h>
#include <string.h>

#include "lib/measure/tokenization.h"
#include "lib/measure/vocab.h"
#include "lib/text/byte_tokens.h"
#include "lib/text/detokenizer.h"
#include "lib/text/token_facts.h"
#include "lib/tool/batch.h"
#include "lib/tool/results.h"

struct args {
  const char *model, *special, *dropout, *constrain, *format, *base;
  bool template, decode, bytes, stats, vocab;
  uint64_t threads;
};

static const struct eq_option options[] = {
  { 0, NULL, EQ_HEADING, 0, NULL, "tokenizing", false },
  { 'm', "model", EQ_TEXT, offsetof(struct args, model), "MODEL",
    "a model's folder with its tokenizer, or a vocabulary file", false },
  { 0, "special", EQ_TEXT, offsetof(struct args, special), "HOW", "special tokens in a text are text or tokens (text)",
    false },
  { 0, "template", EQ_FLAG, offsetof(struct args, template), NULL, "put the model's special tokens around each text",
    false },
  { 0, "dropout", EQ_TEXT, offsetof(struct args, dropout), "P@SEED", "BPE-dropout: leave out merges with probability P",
    false },
  { 0, "constrain", EQ_TEXT, offsetof(struct args, constrain), "FILE", "where no token may cross: a table of cuts",
    false },
  { 0, NULL, EQ_HEADING, 0, NULL, "in place of a model's tokens", false },
  { 0, "decode", EQ_FLAG, offsetof(struct args, decode), NULL,
    "tokens records back to text; special tokens are text or drop (text)", false },
  { 0, "bytes", EQ_FLAG, offsetof(struct args, bytes), NULL,
    "each byte of a text is a token: the model's, or without -m its value", false },
  { 0, "stats", EQ_FLAG, offsetof(struct args, stats), NULL, "show by language how the texts are cut", false },
  { 0, "base", EQ_TEXT, offsetof(struct args, base), "LANG", "language that --stats counts premiums against (en)",
    false },
  { 0, "vocab", EQ_FLAG, offsetof(struct args, vocab), NULL, "show the tokens of the vocabulary", false },
  { 'f', "format", EQ_TEXT, offsetof(struct args, format), "F",
    "of --stats and --vocab: table, md, tsv, csv, jsonl or stream (table)", false },
  { 0, NULL, EQ_HEADING, 0, NULL, "all", false },
  { 't', "threads", EQ_UINT, offsetof(struct args, threads), "N", "how many threads (all processors)", true },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-token",
  .summary = "cut text records into the tokens of a model, and back",
  .usage = "-m MODEL [--special HOW] [--template] [--dropout P@SEED] [--constrain FILE]\n"
           "[-m MODEL] --bytes [-t N] [-i PORT] [-o PORT]\n"
           "-m MODEL --decode [--special text|drop] [-t N] [-i PORT] [-o PORT]\n"
           "--stats [-m MODEL] [--base LANG] [-f FORMAT] [OPTION]... <texts or tokens\n"
           "--vocab -m MODEL [-f FORMAT] [-o FILE]",
  .options = options,
  .examples = "eq-text -c corpora/udhr -l en,he | eq-token -m corpora/mini | eq-show | head\n"
              "eq-text -c corpora/udhr -l sw | eq-token -m corpora/mini | eq-ppl -m corpora/mini | eq-show\n"
              "eq-text -c corpora/udhr -l en,he,th | eq-token -m corpora/mini --stats\n"
              "eq-token -m corpora/mini --vocab | head",
  .see_also = "eq-text(1), eq-ppl(1), eq-show(1), eq(1)",
  .streams = EQ_READS | EQ_WRITES | EQ_LATER,
};

struct token {
  struct eq_tool tool;
  struct args args;
  const struct eq_batch_work *work; /* of the mode */
  struct eq_tokenizer *tokenizer;
  struct eq_byte_tokens bytes;
  struct eq_buffer name;      /* of what makes the tokens */
  bool drop_special, doubted; /* doubted: ids of another vocabulary were remarked on */
  struct eq_constraints *constraints;
  struct eq_pool *pool;
  struct thread {
    struct eq_token_scratch *cutting;
    struct eq_decode_scratch decoding;
  } * threads;
  const struct eq_format *format; /* of --stats and --vocab */
  unsigned char *traits;          /* of the tokenizer's ids, or NULL without one */
  struct eq_tokenizations counted;
  struct eq_rows rows;
};

/* What comes of a record. */
struct unit {
  struct eq_text text;
  struct eq_str tokenizer; /* that made the tokens; p NULL when it is not known */
  struct eq_token_list tokens;
  struct eq_buffer decoded;
  struct eq_segment_counts counts;
};

static void unit_close(void *unit) {
  struct unit *u = unit;
  eq_token_list_free(&u->tokens);
  eq_buffer_free(&u->decoded);
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

/* A text record. */
static bool take_text(const struct token *t, const struct eq_record *r, struct unit *u, size_t thread,
                      struct eq_err *err) {
  return eq_record_get(r, &eq_kind_text, &u->text, err) &&
         (eq_tokenize_segment(t->tokenizer, t->threads[thread].cutting, u->text.lang, u->text.id, u->text.text,
                              &u->tokens, err) ||
          in_segment(err, r, u->text.lang, u->text.id));
}

static bool cut(void *context, const struct eq_record *r, void *unit, size_t thread, struct eq_err *err) {
  struct unit *u = unit;
  return take_text(context, r, u, thread, err) &&
         (check_size(r, u->tokens.n, err) || in_segment(err, r, u->text.lang, u->text.id));
}

static bool write_tokens(void *context, const struct eq_record *r, void *unit, struct eq_err *err) {
  struct token *t = context;
  const struct unit *u = unit;
  const struct eq_token_list *l = &u->tokens;
  const struct eq_tokens tokens = { .lang = u->text.lang,
                                    .id = u->text.id,
                                    .text = u->text.text,
                                    .tokenizer = { t->name.data, t->name.size },
                                    .ids = eq_u32s(l->ids, l->n),
                                    .starts = eq_u32s(l->starts, l->n),
                                    .ends = eq_u32s(l->ends, l->n) };
  (void)err; /* the writer keeps its own */
  if (t->constraints) eq_constraints_note(t->constraints, u->text.lang, u->text.id);
  eq_write_kind(t->tool.out, &eq_kind_tokens, &tokens, r);
  return true;
}

static bool cut_bytes(void *context, const struct eq_record *r, void *unit, size_t thread, struct eq_err *err) {
  struct token *t = context;
  struct unit *u = unit;
  (void)thread;
  if (!eq_record_get(r, &eq_kind_text, &u->text, err)) return false;
  return (eq_byte_tokens_cut(&t->bytes, u->text.text, &u->tokens, err) && check_size(r, u->tokens.n, err)) ||
         in_segment(err, r, u->text.lang, u->text.id);
}

/* ---- tokens to text ---- */

static bool take_ids(struct unit *u, struct eq_numbers ids, struct eq_err *err) {
  u->tokens.n = 0;
  if (!eq_token_list_reserve(&u->tokens, ids.n)) return eq_fail_memory(err, 12 * ids.n, "tokens");
  for (; u->tokens.n < ids.n; u->tokens.n++) u->tokens.ids[u->tokens.n] = eq_u32_at(ids, u->tokens.n);
  return true;
}

static bool decode_ids(struct token *t, struct unit *u, struct eq_numbers ids, size_t thread, struct eq_err *err) {
  return take_ids(u, ids, err) && eq_detokenize(t->tokenizer, &t->threads[thread].decoding, u->tokens.ids, u->tokens.n,
                                                t->drop_special, &u->decoded, err);
}

static bool decode(void *context, const struct eq_record *r, void *unit, size_t thread, struct eq_err *err) {
  struct token *t = context;
  struct unit *u = unit;
  struct eq_tokens tokens;
  if (!eq_record_get(r, &eq_kind_tokens, &tokens, err)) return false;
  u->text = (struct eq_text){ tokens.lang, tokens.id, { 0 } };
  if (!decode_ids(t, u, tokens.ids, thread, err)) return in_segment(err, r, u->text.lang, u->text.id);
  u->text.text = (struct eq_str){ u->decoded.size ? u->decoded.data : "", u->decoded.size };
  if (u->decoded.size + r->raw.n <= EQ_RECORD_MAX) return true;
  eq_fail(err, EQ_BAD, "the text has %zu bytes, too many for a record of at most %d", u->decoded.size, EQ_RECORD_MAX);
  return in_segment(err, r, u->text.lang, u->text.id);
}

/* Says so, once, when ids look to be of another vocabulary. */
static void check_maker(struct token *t, struct eq_str maker) {
  if (t->doubted || !maker.n || eq_tokenizer_is(t->tokenizer, maker)) return;
  t->doubted = true;
  eq_tool_say(&t->tool, "the ids were made by %.*s, and are read with %s", EQ_STR(maker),
              eq_tokenizer_name(t->tokenizer));
}

static bool write_text(void *context, const struct eq_record *r, void *unit, struct eq_err *err) {
  struct token *t = context;
  const struct unit *u = unit;
  struct eq_str maker;
  (void)err; /* the writer keeps its own */
  if (eq_record_string(r, "tokenizer", &maker)) check_maker(t, maker);
  eq_write_kind(t->tool.out, &eq_kind_text, &u->text, r);
  return true;
}

/* ---- counts ---- */

/* Ids are those of the model that is given, if one is. */
static bool check_ids(const struct token *t, const struct unit *u, struct eq_err *err) {
  const char *name = eq_tokenizer_name(t->tokenizer);
  if (u->tokenizer.p && !eq_tokenizer_is(t->tokenizer, u->tokenizer))
    return eq_fail(err, EQ_BAD, "the tokens are those of %.*s, but -m is %s", EQ_STR(u->tokenizer), name);
  for (size_t i = 0; i < u->tokens.n; i++)
    if (u->tokens.ids[i] >= eq_tokenizer_vocab(t->tokenizer))
      return eq_fail(err, EQ_BAD, "token id %u, but %s has %zu tokens", u->tokens.ids[i], name,
                     eq_tokenizer_vocab(t->tokenizer));
  return true;
}

/* The option that says how texts are cut, if one is there. */
static const char *way_to_cut(const struct token *t) {
  const char *how = t->args.special ? "special" : t->args.template ? "template" : NULL;
  return t->args.dropout ? "dropout" : t->args.constrain ? "constrain" : how;
}

/* A tokens record. */
static bool take_tokens(const struct token *t, const struct eq_record *r, struct unit *u, struct eq_err *err) {
  struct eq_tokens tokens;
  if (way_to_cut(t))
    return eq_fail(err, EQ_BAD, "%s: record %llu is of tokens, which are counted as they come; --%s is for texts",
                   r->where, (unsigned long long)r->number, way_to_cut(t));
  if (!eq_record_get(r, &eq_kind_tokens, &tokens, err)) return false;
  u->text = (struct eq_text){ tokens.lang, tokens.id, tokens.text };
  u->tokenizer = tokens.tokenizer;
  return take_ids(u, tokens.ids, err) &&
         (!t->tokenizer || check_ids(t, u, err) || in_segment(err, r, tokens.lang, tokens.id));
}

static bool count(void *context, const struct eq_record *r, void *unit, size_t thread, struct eq_err *err) {
  struct token *t = context;
  struct unit *u = unit;
  bool text = eq_record_is(r, &eq_kind_text);
  if (text && !t->tokenizer)
    return eq_fail(err, EQ_BAD, "%s: record %llu is a text: name the model that cuts it, as in -m corpora/mini",
                   r->where, (unsigned long long)r->number);
  if (!(text ? take_text(t, r, u, thread, err) : take_tokens(t, r, u, err))) return false;
  if (text) u->tokenizer = (struct eq_str){ t->name.data, t->name.size };
  u->counts = eq_segment_count(u->text.text, u->tokens.ids, u->tokens.n, t->traits);
  return true;
}

static bool add_counts(void *context, const struct eq_record *r, void *unit, struct eq_err *err) {
  struct token *t = context;
  const struct unit *u = unit;
  (void)r;
  if (t->constraints) eq_constraints_note(t->constraints, u->text.lang, u->text.id);
  return eq_tokenizations_add(&t->counted, u->tokenizer, u->text.lang, u->text.id, &u->counts, err);
}

static bool show_counts(struct token *t) {
  struct eq_err *err = &t->tool.err;
  size_t n;
  if (!t->counted.n)
    return eq_reader_error(t->tool.in)->code || eq_fail(err, EQ_DATA, "no text or tokens record came in");
  struct eq_tokenization *rows =
      eq_tokenizations_close(&t->counted, eq_str(t->args.base ? t->args.base : "en"), &n, err);
  bool good = rows;
  for (size_t i = 0; good && i < n; i++) good = eq_rows_add_kind(&t->rows, &eq_kind_tokenization, &rows[i], err);
  free(rows);
  return good && eq_format_put_rows(t->format, &t->tool, &t->rows, &eq_kind_tokenization);
}

/* ---- modes ---- */

/* --special is text, or what else the mode knows. */
static bool read_special(struct token *t, bool *other) {
  const char *name = t->args.decode ? "drop" : "tokens", *special = t->args.special;
  *other = special && !strcmp(special, name);
  return !special || *other || !strcmp(special, "text") ||
         eq_fail(&t->tool.err, EQ_BAD, "--special is '%s', expected text or %s", special, name);
}

/* --bytes: the bytes' own values, or the tokens that a model has for them. */
static bool open_bytes(struct token *t) {
  struct eq_err *err = &t->tool.err;
  eq_byte_tokens_plain(&t->bytes);
  eq_buffer_string(&t->name, "bytes");
  if (!t->args.model) return true;
  if (!(t->tokenizer = eq_tokenizer_open(t->args.model, err)) || !eq_byte_tokens_of(&t->bytes, t->tokenizer, err))
    return false;
  t->name.size = 0;
  eq_buffer_format(&t->name, "%s+bytes", eq_tokenizer_name(t->tokenizer));
  return !t->name.failed || eq_fail_memory(err, 64, "a name");
}

static bool open_tokenizer(struct token *t) {
  struct eq_err *err = &t->tool.err;
  bool other;
  if (t->args.bytes) return open_bytes(t);
  if (!t->args.model) return eq_fail(err, EQ_BAD, "-m is missing: name a model's folder, as in -m corpora/mini");
  if (!read_special(t, &other)) return false;
  t->drop_special = t->args.decode && other;
  struct eq_dropout dropout;
  if (t->args.dropout && !eq_dropout_parse(t->args.dropout, &dropout, err)) return false;
  if (t->args.constrain && !(t->constraints = eq_constraints_open(t->args.constrain, err))) return false;
  const struct eq_tokenizer_options asked = { .special = !t->args.decode && other,
                                              .frame = t->args.template,
                                              .dropout = t->args.dropout ? &dropout : NULL,
                                              .constraints = t->constraints };
  if (!(t->tokenizer = eq_tokenizer_open(t->args.model, err)) || !eq_tokenizer_set(t->tokenizer, asked, err))
    return false;
  eq_buffer_string(&t->name, eq_tokenizer_name(t->tokenizer));
  if (t->name.failed) return eq_fail_memory(err, 64, "a name");
  return !t->args.decode || eq_detokenizer_check(t->tokenizer, err);
}

static bool open_threads(struct token *t) {
  struct eq_err *err = &t->tool.err;
  if (!(t->pool = eq_pool_new(t->args.threads, err))) return false;
  size_t threads = eq_pool_threads(t->pool);
  if (!(t->threads = eq_array(threads, sizeof *t->threads)))
    return eq_fail_memory(err, threads * sizeof *t->threads, "threads");
  for (size_t i = 0; i < threads; i++)
    if (!(t->threads[i].cutting = eq_token_scratch_new(err))) return false;
  return true;
}

/* A constraint of what never came may be a slip: a language that the stream spells otherwise. */
static void say_unused(const struct token *t) {
  struct eq_buffer unused = { 0 };
  if (t->constraints) eq_constraints_unused(t->constraints, &unused);
  if (unused.size) eq_tool_say(&t->tool, "%s: %s", t->args.constrain, unused.data);
  eq_buffer_free(&unused);
}

/* Records in, records out. */
static bool filter(struct token *t) {
  bool good = eq_tool_open(&t->tool, EQ_READS | EQ_WRITES) && open_tokenizer(t) && open_threads(t) &&
              eq_batch_run(&t->tool, t->pool, t->work, t);
  if (good) say_unused(t);
  return good;
}

static bool show_stats(struct token *t) {
  if (!t->args.model && way_to_cut(t))
    return eq_fail(&t->tool.err, EQ_BAD,
                   "--%s is about cutting a text: name the model that does it, as in -m corpora/mini", way_to_cut(t));
  bool good = eq_format_open(t->format, &t->tool, true) && (!t->args.model || open_tokenizer(t)) && open_threads(t) &&
              (!t->tokenizer || (t->traits = eq_token_traits(t->tokenizer, &t->tool.err))) &&
              eq_batch_run(&t->tool, t->pool, t->work, t) && show_counts(t);
  if (good) say_unused(t);
  return good;
}

static bool show_vocab(struct token *t) {
  struct eq_err *err = &t->tool.err;
  struct eq_vocab_reader reader = { 0 };
  struct eq_vocab row;
  bool good = eq_format_open(t->format, &t->tool, false) && open_tokenizer(t) &&
              eq_vocab_reader_open(&reader, t->tokenizer, err);
  for (uint32_t id = 0; good && id < eq_tokenizer_vocab(t->tokenizer); id++)
    good = eq_vocab_describe(&reader, id, &row, err) && eq_rows_add_kind(&t->rows, &eq_kind_vocab, &row, err);
  good = good && eq_format_put_rows(t->format, &t->tool, &t->rows, &eq_kind_vocab);
  eq_vocab_reader_close(&reader);
  return good;
}

/* What the tool does to its records; the first row is done when no other is asked for. To add one: a row here, its
 * option above (a bool, at `option` in struct args) and in the table below, its part of the manual. */
enum { CUT = 1, BYTES = 2, DECODE = 4, STATS = 8, VOCAB = 16 };
static const struct mode {
  unsigned bit;
  const char *name;
  size_t option;
  bool (*run)(struct token *t);
  struct eq_batch_work work; /* of modes that read records */
} modes[] = {
  { CUT,
    "tokenizing",
    SIZE_MAX,
    filter,
    { { &eq_kind_text }, sizeof(struct unit), cut, write_tokens, unit_close, "tokenizing" } },
  { BYTES,
    "--bytes",
    offsetof(struct args, bytes),
    filter,
    { { &eq_kind_text }, sizeof(struct unit), cut_bytes, write_tokens, unit_close, "cutting" } },
  { DECODE,
    "--decode",
    offsetof(struct args, decode),
    filter,
    { { &eq_kind_tokens }, sizeof(struct unit), decode, write_text, unit_close, "decoding" } },
  { STATS,
    "--stats",
    offsetof(struct args, stats),
    show_stats,
    { { &eq_kind_text, &eq_kind_tokens }, sizeof(struct unit), count, add_counts, unit_close, "counting" } },
  { VOCAB, "--vocab", offsetof(struct args, vocab), show_vocab, { { NULL }, 0, NULL, NULL, NULL, NULL } },
};
enum { MODES = sizeof modes / sizeof *modes };

/* Options that not every mode has a use for. */
static const struct {
  const char *option;
  unsigned modes;
} parts[] = {
  { "special", CUT | DECODE | STATS }, { "template", CUT | STATS }, { "dropout", CUT | STATS },
  { "constrain", CUT | STATS },        { "base", STATS },           { "format", STATS | VOCAB },
};
enum { PARTS = sizeof parts / sizeof *parts };

static bool is_given(const struct token *t, const char *name) {
  const struct eq_option *o = options;
  while (!o->name || strcmp(o->name, name) != 0) o++;
  const void *value = (const char *)&t->args + o->offset;
  return o->type == EQ_FLAG ? *(const bool *)value : *(const char *const *)value != NULL;
}

static const struct mode *choose_mode(struct token *t) {
  struct eq_err *err = &t->tool.err;
  const struct mode *mode = &modes[0];
  for (size_t i = 1; i < MODES; i++) {
    if (!*(const bool *)((const char *)&t->args + modes[i].option)) continue;
    if (mode != &modes[0])
      eq_fail(err, EQ_BAD, "%s and %s are two things to do: run eq-token for each", mode->name, modes[i].name);
    mode = &modes[i];
  }
  for (size_t i = 0; i < PARTS; i++)
    if (!(parts[i].modes & mode->bit) && is_given(t, parts[i].option))
      eq_fail(err, EQ_BAD, "--%s has no part in %s: -h shows what goes together", parts[i].option, mode->name);
  t->work = &mode->work;
  t->format = eq_format_find(t->args.format ? t->args.format : "table", err);
  return err->code == EQ_OK ? mode : NULL;
}

static void tear_down(struct token *t) {
  for (size_t i = 0; t->threads && i < eq_pool_threads(t->pool); i++) {
    eq_token_scratch_free(t->threads[i].cutting);
    eq_decode_scratch_free(&t->threads[i].decoding);
  }
  free(t->threads);
  eq_tokenizations_free(&t->counted);
  eq_rows_free(&t->rows);
  free(t->traits);
  eq_pool_free(t->pool);
  eq_tokenizer_free(t->tokenizer);
  eq_buffer_free(&t->name);
  eq_constraints_free(t->constraints);
}

int main(int argc, char **argv) {
  struct token t = { 0 };
  const struct mode *mode;
  if (eq_tool_begin(&t.tool, &command, argc, argv, &t.args) && (mode = choose_mode(&t))) mode->run(&t);
  tear_down(&t);
  return eq_tool_end(&t.tool);
}
