#include "lib/stream/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/base/number.h"
#include "lib/base/utf8.h"
#include "lib/stream/jsonl.h"

enum {
  WIDTH_MAX = 48,     /* terminal columns of a text */
  COLUMNS_MAX = 1024, /* more keys are no table, and each is looked up among them */
};

/* A cell's text in the table's `text`. */
struct cell {
  size_t at, n, width;
};

struct column {
  struct eq_str key;
  char *lo, *hi;     /* the keys of its interval, NULL when it has none; owned */
  bool numeric;      /* all its values are numbers: aligned to the right */
  bool same;         /* in all rows, and said above the table */
  size_t width;      /* in terminal columns */
  struct cell title; /* the key, safe to show */
};

struct table {
  enum eq_table_format format;
  struct eq_rows *rows;
  struct eq_str kind;
  struct column *columns;
  size_t n_columns, capacity;
  struct cell *cells; /* [rows of the kind][n_columns] */
  size_t n_rows;
  struct eq_buffer text;
};

static bool for_people(const struct table *t) { return t->format == EQ_TABLE_TEXT || t->format == EQ_TABLE_MARKDOWN; }

/* ---- numbers for people ---- */

/* Digits behind the point that show x with four significant ones. */
static int decimals_of(double x) {
  double a = fabs(x);
  if (!(a > 0) || isinf(a)) return 0;
  int d = 3 - (int)floor(log10(a));
  return d < 0 ? 0 : d;
}

static void add_decimal(struct eq_buffer *out, double x, int decimals) {
  if (isnan(x))
    eq_buffer_string(out, "nan");
  else if (fabs(x) >= 1e9 && !isinf(x))
    eq_buffer_format(out, "%.3e", x);
  else
    eq_buffer_format(out, "%.*f", decimals, x + 0.0); /* -0 is shown as 0 */
}

static void add_readable(struct eq_buffer *out, double x) {
  if (fabs(x) > 0 && fabs(x) < 1e-4)
    eq_buffer_format(out, "%.3e", x);
  else
    add_decimal(out, x, decimals_of(x));
}

static bool number_in(const msgpack_object *o, double *x) {
  if (!o) return false;
  switch (o->type) {
  case MSGPACK_OBJECT_FLOAT32:
  case MSGPACK_OBJECT_FLOAT64: *x = o->via.f64; return true;
  case MSGPACK_OBJECT_POSITIVE_INTEGER: *x = (double)o->via.u64; return true;
  case MSGPACK_OBJECT_NEGATIVE_INTEGER: *x = (double)o->via.i64; return true;
  default: return false;
  }
}

/* "x [lo, hi]", all with the decimals that the largest of them needs, but enough for x. */
static void add_interval(struct eq_buffer *out, double x, double lo, double hi) {
  double largest = 0;
  if (isnan(x) && isnan(lo) && isnan(hi)) {
    eq_buffer_string(out, "nan");
    return;
  }
  const double all[] = { x, lo, hi };
  for (size_t i = 0; i < 3; i++)
    if (isfinite(all[i]) && fabs(all[i]) > largest) largest = fabs(all[i]);
  int decimals = decimals_of(largest);
  const char *around[] = { "", " [", ", ", "]" };
  for (size_t i = 0; i < 3; i++) {
    eq_buffer_string(out, around[i]);
    if (decimals > 9)
      add_readable(out, all[i]);
    else
      add_decimal(out, all[i], decimals);
  }
  eq_buffer_string(out, around[3]);
}

/* ---- text that is safe to show ---- */

/* Controls, and the characters that turn the direction of what follows: they let a text pose as another. */
static bool is_control(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Letters, digits and spaces from s on: no format escapes them. */
static size_t plain_run(const char *s, size_t n) {
  size_t i = 0;
  while (i < n && (s[i] == ' ' || (unsigned)(s[i] - '0') < 10 || (unsigned)((s[i] | 0x20) - 'a') < 26)) i++;
  return i;
}

static void add_escaped(struct eq_buffer *out, const char *s, size_t n, enum eq_table_format format) {
  bool csv = format == EQ_TABLE_CSV;
  for (size_t i = 0; i < n;) {
    uint32_t c = 0;
    size_t len = plain_run(s + i, n - i);
    if (len) {
      eq_buffer_add(out, s + i, len);
      i += len;
      continue;
    }
    len = eq_utf8_decode(s + i, n - i, &c);
    if (len == 0)
      eq_buffer_format(out, "\\x%02x", (unsigned)(unsigned char)s[i]);
    else if (csv && c == '"')
      eq_buffer_string(out, "\"\"");
    else if (!csv && (c == '\n' || c == '\t' || c == '\r'))
      eq_buffer_string(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
    else if (format == EQ_TABLE_TSV && c == '\\')
      eq_buffer_string(out, "\\\\");
    else if (format == EQ_TABLE_MARKDOWN && c < 0x80 && c > 0 && strchr("|<>*_`\\", (char)c))
      eq_buffer_format(out, "\\%c", (char)c);
    else if (is_control(c) && !(csv && (c == '\n' || c == '\t' || c == '\r')))
      eq_buffer_format(out, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
    else
      eq_buffer_add(out, s + i, len);
    i += len ? len : 1;
  }
}

/* Columns that s takes on a terminal; when more than `most`, *cut is where it must end. */
static size_t width_of(const char *s, size_t n, size_t most, size_t *cut) {
  size_t width = 0;
  *cut = n;
  for (size_t i = 0; i < n;) {
    uint32_t c = 0;
    bool ascii = s[i] >= 0x20 && s[i] < 0x7f;
    size_t len = ascii ? 1 : eq_utf8_decode(s + i, n - i, &c);
    int w = ascii ? 1 : utf8proc_charwidth((utf8proc_int32_t)c);
    if (width + (w > 0 ? (size_t)w : 0) > most && *cut == n) *cut = i;
    width += w > 0 ? (size_t)w : 0;
    i += len ? len : 1;
  }
  return width;
}

/* ---- cells ---- */

static const char *array_name(const msgpack_object *o, size_t *n) {
  static const char *const names[] = { "", "u32", "f32", "f64" };
  if (o->type == MSGPACK_OBJECT_ARRAY) return *n = o->via.array.size, "values";
  if (o->type != MSGPACK_OBJECT_EXT || o->via.ext.type < EQ_EXT_U32 || o->via.ext.type > EQ_EXT_F64) return NULL;
  return *n = o->via.ext.size / (o->via.ext.type == EQ_EXT_F64 ? 8 : 4), names[o->via.ext.type];
}

static void add_value(struct table *t, struct eq_buffer *out, const msgpack_object *o) {
  char text[EQ_NUMBER_TEXT];
  size_t n;
  const char *array;
  if (!o || o->type == MSGPACK_OBJECT_NIL) return;
  if (o->type == MSGPACK_OBJECT_STR)
    eq_buffer_add(out, o->via.str.ptr, o->via.str.size);
  else if (o->type == MSGPACK_OBJECT_FLOAT64 || o->type == MSGPACK_OBJECT_FLOAT32) {
    if (for_people(t)) {
      add_readable(out, o->via.f64);
      return;
    }
    eq_format_f64(o->via.f64, text);
    eq_buffer_string(out, text);
  } else if (for_people(t) && (array = array_name(o, &n)))
    eq_buffer_format(out, "(%zu %s)", n, array);
  else
    eq_json_add(out, o);
}

static bool needs_quotes(const char *s, size_t n) {
  return n && (memchr(s, '"', n) || memchr(s, ',', n) || memchr(s, '\n', n) || memchr(s, '\r', n));
}

/* A cell of those bytes, behind t->text: escaped, quoted, cut. */
static struct cell make_cell(struct table *t, const char *s, size_t n) {
  struct cell cell = { .at = t->text.size };
  size_t cut;
  bool quoted = t->format == EQ_TABLE_CSV && needs_quotes(s, n);
  if (quoted) eq_buffer_string(&t->text, "\"");
  add_escaped(&t->text, s, n, t->format);
  if (quoted) eq_buffer_string(&t->text, "\"");
  if (t->text.failed) return cell;
  cell.n = t->text.size - cell.at;
  if (cell.n && for_people(t)) cell.width = width_of(t->text.data + cell.at, cell.n, WIDTH_MAX, &cut);
  if (t->format == EQ_TABLE_TEXT && cell.width > WIDTH_MAX) {
    width_of(t->text.data + cell.at, cell.n, WIDTH_MAX - 1, &cut);
    t->text.size = cell.at + cut;
    eq_buffer_string(&t->text, "\u2026");
    cell.n = t->text.size - cell.at;
    cell.width = width_of(t->text.data + cell.at, cell.n, WIDTH_MAX, &cut);
  }
  return cell;
}

/* What a record has in a column, o; NULL when nothing. `raw` is for work, emptied first. */
static struct cell value_cell(struct table *t, const struct column *c, const struct eq_record *r,
                              const msgpack_object *o, struct eq_buffer *raw) {
  double x, lo, hi;
  raw->size = 0;
  if (c->lo && number_in(o, &x) && number_in(eq_record_find(r, c->lo), &lo) && number_in(eq_record_find(r, c->hi), &hi))
    add_interval(raw, x, lo, hi);
  else
    add_value(t, raw, o);
  return make_cell(t, raw->data, raw->size);
}

/* ---- columns ---- */

static struct column *column_find(struct table *t, struct eq_str key) {
  for (size_t i = 0; i < t->n_columns; i++)
    if (eq_str_equal(t->columns[i].key, key)) return &t->columns[i];
  return NULL;
}

static bool column_add(struct table *t, struct eq_str key, struct eq_err *err) {
  if (column_find(t, key)) return true;
  if (t->n_columns == COLUMNS_MAX)
    return eq_fail(err, EQ_BAD,
                   "records of kind '%.*s' have more than %d keys, too many for a table (-f jsonl has them)",
                   EQ_STR(t->kind), COLUMNS_MAX);
  struct column *columns = eq_array_grow(t->columns, t->n_columns, &t->capacity, sizeof *columns);
  if (columns) t->columns = columns;
  char *name = eq_copy_string(key.p, key.n);
  if (!columns || !name) {
    free(name);
    return eq_fail_memory(err, key.n, "a column");
  }
  t->columns[t->n_columns++] = (struct column){ .key = { name, key.n }, .numeric = true };
  return true;
}

/* Column i goes; the others keep their order. */
static void column_remove(struct table *t, size_t i) {
  struct column *c = &t->columns[i];
  free((char *)(uintptr_t)c->key.p);
  free(c->lo);
  free(c->hi);
  memmove(c, c + 1, (--t->n_columns - i) * sizeof *c);
}

static bool is_row(const struct table *t, const struct eq_record *r) { return eq_str_equal(r->kind, t->kind); }

/* Every key that occurs: first those of the kind's table, in its order, then the others as they come. */
static bool columns_of_rows(struct table *t, struct eq_err *err) {
  const struct eq_kind *kind = eq_kind_find(t->kind);
  struct table seen = { .kind = t->kind };
  struct eq_record r;
  bool ok = true;
  for (size_t i = 0; ok && i < t->rows->n; i++) {
    ok = eq_rows_get(t->rows, i, &r, err);
    for (uint32_t k = 0; ok && is_row(t, &r) && k < r.map->via.map.size; k++) {
      const msgpack_object *key = &r.map->via.map.ptr[k].key;
      struct eq_str name = key->via.str.size ? (struct eq_str){ key->via.str.ptr, key->via.str.size } : eq_str("");
      if (!eq_str_is(name, "k")) ok = column_add(&seen, name, err);
    }
  }
  for (size_t i = 0; ok && kind && i < kind->n_fields; i++)
    if (column_find(&seen, eq_str(kind->fields[i].key))) ok = column_add(t, eq_str(kind->fields[i].key), err);
  for (size_t i = 0; ok && i < seen.n_columns; i++) ok = column_add(t, seen.columns[i].key, err);
  while (seen.n_columns) column_remove(&seen, seen.n_columns - 1);
  free(seen.columns);
  return ok;
}

/* Keeps those that `wanted` names, in its order. `t` holds all there are. */
static bool choose_columns(struct table *t, const char *wanted, const char **unknown, struct eq_err *err) {
  const struct eq_kind *kind = eq_kind_find(t->kind);
  struct table chosen = { .kind = t->kind };
  bool ok = true;
  for (const char *at = wanted; ok && at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
    struct eq_str key = { at, strcspn(at, ",") };
    if (column_find(t, key) || eq_kind_field(kind, key) || eq_str_is(key, "k"))
      ok = column_add(&chosen, key, err);
    else if (!*unknown)
      *unknown = at;
  }
  while (t->n_columns) column_remove(t, t->n_columns - 1);
  free(t->columns);
  t->columns = chosen.columns;
  t->n_columns = chosen.n_columns;
  t->capacity = chosen.capacity;
  return ok;
}

/* x, x_lo and x_hi become one column. `all`: the names that there are; with chosen columns x alone stands for all. */
static bool join_intervals(struct table *t, bool chosen, struct eq_err *err) {
  const struct eq_kind *kind = eq_kind_find(t->kind);
  for (size_t i = 0; i < t->n_columns; i++) {
    struct column *c = &t->columns[i];
    struct eq_buffer lo = { 0 }, hi = { 0 };
    eq_buffer_format(&lo, "%s_lo", c->key.p);
    eq_buffer_format(&hi, "%s_hi", c->key.p);
    if (lo.failed || hi.failed) return eq_fail_memory(err, c->key.n, "a column");
    struct eq_str low = { lo.data, lo.size }, high = { hi.data, hi.size };
    bool both = column_find(t, low) && column_find(t, high);
    if (both || (chosen && eq_kind_field(kind, low) && eq_kind_field(kind, high))) {
      c->lo = lo.data;
      c->hi = hi.data;
      for (size_t j = t->n_columns; both && j-- > 0;)
        if (eq_str_equal(t->columns[j].key, low) || eq_str_equal(t->columns[j].key, high)) {
          column_remove(t, j);
          if (j < i) i--;
        }
    } else {
      eq_buffer_free(&lo);
      eq_buffer_free(&hi);
    }
  }
  return true;
}

/* ---- filling ---- */

static bool fill(struct table *t, struct eq_err *err) {
  struct eq_record r;
  struct eq_buffer raw = { 0 };
  bool ok = true;
  t->cells = eq_array(t->rows->n * t->n_columns, sizeof *t->cells);
  if (!t->cells) return eq_fail_memory(err, t->rows->n * t->n_columns * sizeof *t->cells, "a table");
  for (size_t j = 0; j < t->n_columns; j++)
    t->columns[j].title = make_cell(t, t->columns[j].key.p, t->columns[j].key.n);
  for (size_t i = 0; ok && i < t->rows->n; i++) {
    if (!(ok = eq_rows_get(t->rows, i, &r, err)) || !is_row(t, &r)) continue;
    for (size_t j = 0; j < t->n_columns; j++) {
      double x;
      const msgpack_object *o = eq_record_find(&r, t->columns[j].key.p);
      if (o && o->type != MSGPACK_OBJECT_NIL && !number_in(o, &x)) t->columns[j].numeric = false;
      t->cells[t->n_rows * t->n_columns + j] = value_cell(t, &t->columns[j], &r, o, &raw);
    }
    t->n_rows++;
  }
  if (ok && (t->text.failed || raw.failed)) ok = eq_fail_memory(err, t->text.size, "a table");
  eq_buffer_free(&raw);
  return ok;
}

static const struct cell *cell_at(const struct table *t, size_t row, size_t column) {
  return &t->cells[row * t->n_columns + column];
}

static struct eq_str text_of(const struct table *t, const struct cell *c) {
  return (struct eq_str){ c->n ? t->text.data + c->at : "", c->n };
}

static void measure(struct table *t, bool say_same_once) {
  for (size_t j = 0; j < t->n_columns; j++) {
    struct column *c = &t->columns[j];
    c->width = c->title.width;
    if (t->format == EQ_TABLE_MARKDOWN && c->width < 3) c->width = 3; /* its rule has three characters at least */
    c->same = say_same_once && t->n_rows > 1;
    for (size_t i = 0; i < t->n_rows; i++) {
      size_t width = cell_at(t, i, j)->width;
      if (width > c->width) c->width = width;
      c->same = c->same && eq_str_equal(text_of(t, cell_at(t, i, j)), text_of(t, cell_at(t, 0, j)));
    }
  }
}

/* ---- writing ---- */

static void add_padding(struct eq_buffer *out, size_t n) {
  static const char blanks[] = "                                ";
  for (size_t most = sizeof blanks - 1; n; n -= n < most ? n : most) eq_buffer_add(out, blanks, n < most ? n : most);
}

static void add_padded(struct eq_buffer *out, struct eq_str text, size_t width, const struct column *c) {
  size_t pad = c->width > width ? c->width - width : 0;
  if (c->numeric) add_padding(out, pad);
  eq_buffer_add(out, text.p, text.n);
  if (!c->numeric) add_padding(out, pad);
}

/* What is the same in all rows: "model: mini   base: none", in lines of about 100 columns. */
static void add_caption(const struct table *t, struct eq_buffer *out) {
  size_t begin = out->size, line = begin;
  for (size_t j = 0; j < t->n_columns; j++) {
    if (!t->columns[j].same) continue;
    struct eq_str title = text_of(t, &t->columns[j].title), text = text_of(t, cell_at(t, 0, j));
    bool wrap = out->size - line > 80;
    if (out->size > begin) eq_buffer_string(out, wrap ? "\n" : "   ");
    if (wrap) line = out->size;
    eq_buffer_format(out, "%.*s: %.*s", EQ_STR(title), EQ_STR(text.n ? text : eq_str("-")));
  }
  if (out->size > begin) eq_buffer_string(out, t->format == EQ_TABLE_MARKDOWN ? "\n\n" : "\n");
}

static void add_text_row(const struct table *t, struct eq_buffer *out, size_t row, bool head) {
  size_t last = 0;
  bool md = t->format == EQ_TABLE_MARKDOWN;
  for (size_t j = 0; j < t->n_columns; j++)
    if (!t->columns[j].same) last = j;
  if (md) eq_buffer_string(out, "| ");
  for (size_t j = 0; j < t->n_columns; j++) {
    const struct column *c = &t->columns[j];
    if (c->same) continue;
    const struct cell *cell = head ? &c->title : cell_at(t, row, j);
    add_padded(out, text_of(t, cell), cell->width, c);
    if (j != last) eq_buffer_string(out, md ? " | " : "  ");
  }
  while (!md && out->size && out->data[out->size - 1] == ' ') out->size--; /* empty cells at the end */
  eq_buffer_string(out, md ? " |\n" : "\n");
}

static void add_rule(const struct table *t, struct eq_buffer *out) {
  eq_buffer_string(out, "|");
  for (size_t j = 0; j < t->n_columns; j++) {
    if (t->columns[j].same) continue;
    eq_buffer_string(out, t->columns[j].numeric ? " " : " :");
    for (size_t i = 1; i < t->columns[j].width; i++) eq_buffer_string(out, "-");
    eq_buffer_string(out, t->columns[j].numeric ? ": |" : " |");
  }
  eq_buffer_string(out, "\n");
}

static void add_separated_row(const struct table *t, struct eq_buffer *out, size_t row, bool head) {
  bool csv = t->format == EQ_TABLE_CSV;
  for (size_t j = 0; j < t->n_columns; j++) {
    struct eq_str text = text_of(t, head ? &t->columns[j].title : cell_at(t, row, j));
    if (j) eq_buffer_string(out, csv ? "," : "\t");
    eq_buffer_add(out, text.p, text.n);
  }
  eq_buffer_string(out, csv ? "\r\n" : "\n");
}

static void write_table(const struct table *t, struct eq_buffer *out) {
  bool people = for_people(t);
  if (people) add_caption(t, out);
  (people ? add_text_row : add_separated_row)(t, out, 0, true);
  if (t->format == EQ_TABLE_MARKDOWN) add_rule(t, out);
  for (size_t i = 0; i < t->n_rows; i++) (people ? add_text_row : add_separated_row)(t, out, i, false);
}

bool eq_table_add(struct eq_buffer *out, struct eq_rows *rows, struct eq_str kind, enum eq_table_format format,
                  const char *columns, const char **unknown, struct eq_err *err) {
  struct table t = { .format = format, .rows = rows, .kind = kind };
  *unknown = NULL;
  bool ok = columns_of_rows(&t, err) && (!columns || choose_columns(&t, columns, unknown, err));
  ok = ok && (!for_people(&t) || join_intervals(&t, columns != NULL, err));
  if (ok && t.n_columns && fill(&t, err)) {
    if (for_people(&t)) measure(&t, !columns);
    write_table(&t, out);
  }
  while (t.n_columns) column_remove(&t, t.n_columns - 1);
  free(t.columns);
  free(t.cells);
  eq_buffer_free(&t.text);
  return ok && err->code == EQ_OK && (!out->failed || eq_fail_memory(err, out->size, "a table"));
}

void eq_table_title(struct eq_buffer *out, struct eq_str kind, enum eq_table_format format) {
  bool md = format == EQ_TABLE_MARKDOWN;
  if (!md && format != EQ_TABLE_TEXT) return;
  if (md) eq_buffer_string(out, "**");
  add_escaped(out, kind.p, kind.n, format);
  eq_buffer_string(out, md ? "**\n\n" : "\n");
}
