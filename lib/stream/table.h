/* table.h: records of one kind as a table: for a terminal, in Markdown, TSV or CSV. */
#ifndef EQ_STREAM_TABLE_H
#define EQ_STREAM_TABLE_H

#include "lib/stream/rows.h"

/* TEXT and MARKDOWN are for people: numbers of four digits (counts whole), x with x_lo and x_hi as "x [lo, hi]",
 * arrays as their length, long texts cut (TEXT only), and what is the same in all rows said once above the table. TSV
 * and CSV are for programs: all columns, all digits, arrays in JSON's notation. TSV escapes tab, line break and
 * backslash as \t \n \\; CSV quotes (RFC 4180). Control characters never come out of any of them: they become \xNN. */
enum eq_table_format { EQ_TABLE_TEXT, EQ_TABLE_MARKDOWN, EQ_TABLE_TSV, EQ_TABLE_CSV };

/* Adds the table of the rows of that kind to `out`. columns: a comma list of keys, in this order; NULL for all there
 * are: those of the kind's table, then others as they come. *unknown gets the first name in `columns` that neither the
 * kind nor any of its rows knows (it is left out of the table), NULL when there is none. Fails when the rows have more
 * than 1024 keys. */
bool eq_table_add(struct eq_buffer *out, struct eq_rows *rows, struct eq_str kind, enum eq_table_format format,
                  const char *columns, const char **unknown, struct eq_err *err);

/* The kind's name as a line above its table, for people; nothing in the other formats. */
void eq_table_title(struct eq_buffer *out, struct eq_str kind, enum eq_table_format format);

#endif
