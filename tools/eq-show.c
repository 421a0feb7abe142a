#include <stdlib.h>
#include <string.h>

#include "lib/model/description.h"
#include "lib/stream/jsonl.h"
#include "lib/tool/results.h"

struct args {
  const char *format, *from, *kinds, *columns, *sort, *model;
  bool bare;
};

static const struct eq_option options[] = {
  { 'f', "format", EQ_TEXT, offsetof(struct args, format), "F", "table, md, tsv, csv, jsonl or stream (table)", false },
  { 0, "from", EQ_TEXT, offsetof(struct args, from), "F", "what comes in: stream or jsonl (stream)", false },
  { 'k', "kind", EQ_TEXT, offsetof(struct args, kinds), "KINDS", "only these kinds of records, a comma list", false },
  { 'c', "columns", EQ_TEXT, offsetof(struct args, columns), "KEYS", "only these columns of a table, in this order",
    false },
  { 's', "sort", EQ_TEXT, offsetof(struct args, sort), "KEYS", "sort by these keys, -KEY descending", false },
  { 'm', "model", EQ_TEXT, offsetof(struct args, model), "PATH", "no stream: what the model in this folder or file is",
    false },
  { 0, "bare", EQ_FLAG, offsetof(struct args, bare), NULL, "streams without provenance, to compare records", false },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-show",
  .summary = "show any stream as a table, TSV, CSV, JSON lines or Markdown, and read JSON lines back",
  .usage = "[-f FORMAT] [-k KINDS] [-c KEYS] [-s KEYS] [-i PORT] [-o PORT]\n"
           "--from jsonl -f stream\n"
           "-m PATH [-f FORMAT]",
  .options = options,
  .examples = "eq-text -c corpora/udhr -l en,de | eq-show -s -lang | head\n"
              "eq-text -c corpora/udhr -l en | eq-show -f jsonl | eq-show --from jsonl -f stream | eq-show -f csv",
  .see_also = "eq-disparity(1), eq-shard(1), eq(1), jq(1)",
  .streams = EQ_READS | EQ_WRITES | EQ_LATER,
};

struct show {
  struct eq_tool t;
  struct args a;
  const struct eq_format *format;
  struct eq_jsonl_reader *json; /* NULL: records come from t.in */
  struct eq_rows rows;          /* what has to wait for the end */
  struct eq_str *kinds;         /* of the rows, as they came first; names lie in rows */
  size_t n_kinds, kinds_capacity;
  struct eq_buffer line;
};

static bool choose(struct show *s) {
  if (!(s->format = eq_format_find(s->a.format, &s->t.err))) return false;
  if (strcmp(s->a.from, "stream") != 0 && strcmp(s->a.from, "jsonl") != 0)
    return eq_fail(&s->t.err, EQ_BAD, "--from: '%s': expected stream or jsonl", s->a.from);
  if (s->a.columns && s->format->form != EQ_FORM_TABLE)
    return eq_fail(&s->t.err, EQ_BAD, "--columns: records of '%s' keep all their keys", s->format->name);
  bool json = s->a.from[0] == 'j';
  if (json) s->json = eq_jsonl_open(s->t.input, &s->t.err);
  return eq_format_open(s->format, &s->t, !json);
}

static bool next(struct show *s, struct eq_record *r) {
  if (!s->json) return eq_tool_read(&s->t, r);
  eq_tool_header(&s->t);
  return s->t.err.code == EQ_OK && eq_jsonl_read(s->json, r, &s->t.err);
}

/* Whether a comma list names s. */
static bool names(const char *list, struct eq_str s) {
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (eq_str_equal((struct eq_str){ at, strcspn(at, ",") }, s)) return true;
  return false;
}

static bool put(struct show *s, const struct eq_record *r) { return eq_format_put(s->format, &s->t, r, &s->line); }

static bool put_rows(struct show *s) {
  struct eq_record r;
  for (size_t i = 0; i < s->rows.n; i++)
    if (!eq_rows_get(&s->rows, i, &r, &s->t.err) || !put(s, &r)) return false;
  return true;
}

/* ---- tables ---- */

static bool note_kind(struct show *s, struct eq_str kind) {
  for (size_t i = 0; i < s->n_kinds; i++)
    if (eq_str_equal(s->kinds[i], kind)) return true;
  struct eq_str *kinds = eq_array_grow(s->kinds, s->n_kinds, &s->kinds_capacity, sizeof *kinds);
  if (!kinds) return eq_fail_memory(&s->t.err, sizeof *kinds, "kinds");
  s->kinds = kinds;
  s->kinds[s->n_kinds++] = kind;
  return true;
}

static bool note_kinds(struct show *s) {
  struct eq_record r;
  for (size_t i = 0; i < s->rows.n; i++)
    if (!eq_rows_get(&s->rows, i, &r, &s->t.err) || !note_kind(s, r.kind)) return false;
  return true;
}

/* People get the kind's name above its table when there are several kinds. */
static void put_title(struct show *s, struct eq_str kind) {
  struct eq_buffer title = { 0 };
  eq_table_title(&title, kind, s->format->table);
  eq_tool_print(&s->t, title.data, title.size);
  eq_buffer_free(&title);
}

/* A table for each kind that has some of the columns. */
static void put_tables(struct show *s) {
  const char *unknown = NULL, *first = NULL;
  size_t lacking = 0, shown = 0;
  for (size_t i = 0; i < s->n_kinds && !s->t.err.code; i++) {
    s->line.size = 0;
    eq_table_add(&s->line, &s->rows, s->kinds[i], s->format->table, s->a.columns, &unknown, &s->t.err);
    if (i == 0) first = unknown;
    lacking += unknown && unknown == first;
    if (s->line.size == 0) continue;
    if (shown++) eq_tool_print(&s->t, "\n", 1);
    if (s->n_kinds > 1) put_title(s, s->kinds[i]);
    eq_tool_print(&s->t, s->line.data, s->line.size);
  }
  if (first && lacking == s->n_kinds)
    eq_fail(&s->t.err, EQ_BAD, "--columns: no record has '%.*s': without -c all columns are shown",
            (int)strcspn(first, ","), first);
}

/* ---- a model ---- */

static void show_model(struct show *s) {
  struct eq_model m = { 0 };
  struct eq_description d;
  struct eq_description_texts texts = { .format = { 0 } };
  if ((s->format = eq_format_find(s->a.format, &s->t.err)) && eq_model_look(&m, s->a.model, &s->t.err) &&
      eq_describe(&d, &texts, &m, s->a.model, &s->t.err) && eq_format_open(s->format, &s->t, false))
    eq_format_put_one(s->format, &s->t, &eq_kind_description, &d);
  eq_description_texts_free(&texts);
  eq_model_close(&m);
}

/* ---- the loop ---- */

static void show(struct show *s) {
  struct eq_record r;
  uint64_t came = 0, shown = 0;
  bool keep = s->a.sort || s->format->form == EQ_FORM_TABLE;
  while (next(s, &r)) {
    came++;
    if (s->a.kinds && !names(s->a.kinds, r.kind)) continue;
    if (s->a.bare && eq_record_is(&r, &eq_kind_source)) continue;
    shown++;
    if (!(keep ? eq_rows_add(&s->rows, &r, &s->t.err) : put(s, &r))) return;
  }
  if (came && !shown && s->a.kinds)
    eq_fail(&s->t.err, EQ_DATA, "--kind: none of %llu records is of kind '%s'", (unsigned long long)came, s->a.kinds);
  if (s->t.err.code || !keep) return;
  if (s->format->form == EQ_FORM_TABLE && !note_kinds(s)) return;
  if (s->a.sort && !eq_rows_sort(&s->rows, s->a.sort, &s->t.err)) return;
  if (s->format->form == EQ_FORM_TABLE)
    put_tables(s);
  else
    put_rows(s);
}

int main(int argc, char **argv) {
  struct show s = { .a = { .format = "table", .from = "stream" } };
  bool begun = eq_tool_begin(&s.t, &command, argc, argv, &s.a);
  s.t.bare = s.a.bare;
  if (begun && s.a.model)
    show_model(&s);
  else if (begun && choose(&s))
    show(&s);
  eq_jsonl_free(s.json);
  eq_rows_free(&s.rows);
  free(s.kinds);
  eq_buffer_free(&s.line);
  return eq_tool_end(&s.t);
}
