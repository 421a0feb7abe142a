/* results.h: records as people or programs want them: a table, Markdown, TSV, CSV, JSON lines, or a stream. What
 * eq-show prints, and tools that show what they found. */
#ifndef EQ_TOOL_RESULTS_H
#define EQ_TOOL_RESULTS_H

#include "lib/stream/table.h"
#include "lib/tool/tool.h"

enum eq_format_form { EQ_FORM_TABLE, EQ_FORM_LINES, EQ_FORM_STREAM };

struct eq_format {
  const char *name;
  enum eq_format_form form;
  enum eq_table_format table; /* of EQ_FORM_TABLE */
};

/* "table", "md", "tsv", "csv", "jsonl" or "stream"; NULL and err, which calls the option --format, for another name. */
const struct eq_format *eq_format_find(const char *name, struct eq_err *err);

/* For EQ_LATER: opens the output that the format needs, and the input when `reads`. */
bool eq_format_open(const struct eq_format *f, struct eq_tool *t, bool reads);

/* Writes a record in a format that is no table. `line` is for work. False once nothing more can be written. */
bool eq_format_put(const struct eq_format *f, struct eq_tool *t, const struct eq_record *r, struct eq_buffer *line);

/* Writes all rows, which are of one kind, in any format. */
bool eq_format_put_rows(const struct eq_format *f, struct eq_tool *t, struct eq_rows *rows, const struct eq_kind *kind);

/* Writes the one record of a tool, from its struct, in any format; in tables its fields are the rows. */
bool eq_format_put_one(const struct eq_format *f, struct eq_tool *t, const struct eq_kind *kind, const void *fields);

#endif
