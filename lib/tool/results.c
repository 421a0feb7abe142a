#include "lib/tool/results.h"

#include <string.h>

#include "lib/stream/jsonl.h"

static const struct eq_format formats[] = {
  { "table", EQ_FORM_TABLE, EQ_TABLE_TEXT },
  { "md", EQ_FORM_TABLE, EQ_TABLE_MARKDOWN },
  { "tsv", EQ_FORM_TABLE, EQ_TABLE_TSV },
  { "csv", EQ_FORM_TABLE, EQ_TABLE_CSV },
  { "jsonl", EQ_FORM_LINES, 0 },
  { "stream", EQ_FORM_STREAM, 0 },
};

const struct eq_format *eq_format_find(const char *name, struct eq_err *err) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (strcmp(name, formats[i].name) == 0) return &formats[i];
  eq_fail(err, EQ_BAD, "--format: '%s': expected table, md, tsv, csv, jsonl or stream", name);
  return NULL;
}

bool eq_format_open(const struct eq_format *f, struct eq_tool *t, bool reads) {
  return eq_tool_open(t, (reads ? EQ_READS : 0u) | (f->form == EQ_FORM_STREAM ? EQ_WRITES : EQ_PRINTS));
}

bool eq_format_put(const struct eq_format *f, struct eq_tool *t, const struct eq_record *r, struct eq_buffer *line) {
  if (f->form == EQ_FORM_STREAM) {
    eq_write(t->out, r);
    return !eq_writer_failed(t->out);
  }
  line->size = 0;
  eq_json_add(line, r->map);
  eq_buffer_string(line, "\n");
  if (line->failed) return eq_fail_memory(&t->err, line->size, "a line");
  return eq_tool_print(t, line->data, line->size);
}

bool eq_format_put_rows(const struct eq_format *f, struct eq_tool *t, struct eq_rows *rows,
                        const struct eq_kind *kind) {
  struct eq_buffer text = { 0 };
  struct eq_record r;
  const char *unknown;
  bool good = true;
  eq_tool_header(t);
  if (f->form == EQ_FORM_TABLE)
    good = eq_table_add(&text, rows, eq_str(kind->name), f->table, NULL, &unknown, &t->err) &&
           eq_tool_print(t, text.data, text.size);
  for (size_t i = 0; f->form != EQ_FORM_TABLE && good && i < rows->n; i++)
    good = eq_rows_get(rows, i, &r, &t->err) && eq_format_put(f, t, &r, &text);
  eq_buffer_free(&text);
  return good;
}

/* A field of a struct as text, {NULL, 0} where it is absent. */
static struct eq_str value_of(const struct eq_field *field, const void *fields, struct eq_buffer *b) {
  const char *at = (const char *)fields + field->offset;
  uint64_t whole;
  double real;
  struct eq_str text;
  b->size = 0;
  if (field->type == EQ_T_STR) {
    memcpy(&text, at, sizeof text);
    return text;
  }
  memcpy(&whole, at, sizeof whole);
  memcpy(&real, at, sizeof real);
  if (field->type == EQ_T_U64 && whole != EQ_ABSENT) eq_buffer_format(b, "%llu", (unsigned long long)whole);
  if (field->type == EQ_T_F64) eq_buffer_format(b, "%.6g", real);
  return (struct eq_str){ b->size ? b->data : NULL, b->size };
}

bool eq_format_put_one(const struct eq_format *f, struct eq_tool *t, const struct eq_kind *kind, const void *fields) {
  struct eq_rows rows = { 0 };
  struct eq_buffer b = { 0 };
  bool good = true;
  if (f->form != EQ_FORM_TABLE) good = eq_rows_add_kind(&rows, kind, fields, &t->err);
  for (size_t i = 0; f->form == EQ_FORM_TABLE && good && i < kind->n_fields; i++) {
    const struct eq_field *field = &kind->fields[i];
    struct eq_fact row = { .fact = { field->key, field->key_length },
                           .value = value_of(field, fields, &b),
                           .meaning = eq_str(field->meaning) };
    if (row.value.p) good = eq_rows_add_kind(&rows, &eq_kind_fact, &row, &t->err);
  }
  good = good && eq_format_put_rows(f, t, &rows, f->form == EQ_FORM_TABLE ? &eq_kind_fact : kind);
  eq_buffer_free(&b);
  eq_rows_free(&rows);
  return good;
}
