#include "lib/text/languages.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The file itself, put between two symbols by the assembler: one copy of the table, found from any folder. */
__asm__(".pushsection .rodata\n"
        ".global eq_languages_table\n"
        ".global eq_languages_table_end\n"
        "eq_languages_table:\n"
        ".incbin \"corpora/languages.tsv\"\n"
        "eq_languages_table_end:\n"
        ".popsection\n");
extern const char eq_languages_table[], eq_languages_table_end[];

static const struct {
  const char *name;
  size_t offset;
} columns[] = {
  { "tag", offsetof(struct eq_language, tag) },
  { "iso639_3", offsetof(struct eq_language, iso639_3) },
  { "name", offsetof(struct eq_language, name) },
  { "script", offsetof(struct eq_language, script) },
  { "direction", offsetof(struct eq_language, direction) },
  { "family", offsetof(struct eq_language, family) },
  { "joshi", offsetof(struct eq_language, joshi) },
  { "group", offsetof(struct eq_language, group) },
  { "udhr", offsetof(struct eq_language, udhr) },
  { "also", offsetof(struct eq_language, also) },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static struct eq_str *column_of(struct eq_language *row, size_t column) {
  return (struct eq_str *)(void *)((char *)row + columns[column].offset);
}

bool eq_languages_open(struct eq_languages *l, struct eq_err *err) {
  *l = (struct eq_languages){ 0 };
  struct eq_str rest = { eq_languages_table, (size_t)(eq_languages_table_end - eq_languages_table) };
  struct eq_str first = eq_str_cut(&rest, '\n');
  for (size_t c = 0; c < COLUMNS; c++)
    if (!eq_str_is(eq_str_cut(&first, '\t'), columns[c].name))
      return eq_fail(err, EQ_BAD, "corpora/languages.tsv: column %zu is not '%s'", c + 1, columns[c].name);
  size_t capacity = 0;
  while (rest.n) {
    struct eq_language *rows = eq_array_grow(l->rows, l->n, &capacity, sizeof *rows);
    if (!rows) {
      eq_languages_free(l);
      return eq_fail_memory(err, 2 * capacity * sizeof *rows, "the table of languages");
    }
    l->rows = rows;
    struct eq_str line = eq_str_cut(&rest, '\n');
    for (size_t c = 0; c < COLUMNS; c++) *column_of(&rows[l->n], c) = eq_str_cut(&line, '\t');
    l->n++;
  }
  return true;
}

void eq_languages_free(struct eq_languages *l) {
  free(l->rows);
  *l = (struct eq_languages){ 0 };
}

static bool same(struct eq_str a, struct eq_str b) { return a.n == b.n && a.n && !strncasecmp(a.p, b.p, a.n); }

static bool has_tag(const struct eq_language *row, struct eq_str name) { return same(row->tag, name); }
static bool has_file(const struct eq_language *row, struct eq_str name) { return same(row->udhr, name); }
static bool has_other_name(const struct eq_language *row, struct eq_str name) {
  for (struct eq_str rest = row->also; rest.n;)
    if (same(eq_str_cut(&rest, ' '), name)) return true;
  return false;
}
static bool has_code(const struct eq_language *row, struct eq_str name) {
  return same(row->iso639_3, name) && !eq_str_is(name, "und");
}

const struct eq_language *eq_languages_find(const struct eq_languages *l, struct eq_str name) {
  static bool (*const rules[])(const struct eq_language *, struct eq_str) = { has_tag, has_file, has_other_name,
                                                                              has_code };
  for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
    for (size_t i = 0; i < l->n; i++)
      if (rules[r](&l->rows[i], name)) return &l->rows[i];
  return NULL;
}

bool eq_language_column(const struct eq_language *row, const char *column, struct eq_str *value) {
  for (size_t c = 0; c < COLUMNS; c++)
    if (!strcmp(columns[c].name, column)) {
      memcpy(value, (const char *)row + columns[c].offset, sizeof *value);
      return true;
    }
  return false;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool eq_language_tag_is_well_formed(struct eq_str tag) {
  if (!tag.n || tag.p[tag.n - 1] == '-') return false;
  for (struct eq_str rest = tag, first = { 0 }; rest.n;) {
    struct eq_str subtag = eq_str_cut(&rest, '-');
    if (!subtag.n || subtag.n > 8) return false;
    bool letters = true;
    for (size_t i = 0; i < subtag.n; i++) {
      if (!is_letter(subtag.p[i]) && !(subtag.p[i] >= '0' && subtag.p[i] <= '9')) return false;
      letters &= is_letter(subtag.p[i]);
    }
    if (!first.n) {
      first = subtag;
      if (!letters || (subtag.n == 1 && (*subtag.p | 0x20) != 'x')) return false;
    }
  }
  return true;
}
