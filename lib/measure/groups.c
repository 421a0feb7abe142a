#include "lib/measure/groups.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

bool eq_group_listed(struct eq_str group, struct eq_str names) { return group.p && eq_str_listed(group, names); }

/* The tag that a name means; the name itself where the table doesn't know it. */
static struct eq_str tag_of(const struct eq_groups *g, struct eq_str name) {
  const struct eq_language *row = eq_languages_find(&g->languages, name);
  return row ? row->tag : name;
}

static void read_column(struct eq_groups *g, const char *column, const struct eq_names *langs) {
  for (size_t i = 0; i < langs->n; i++) {
    const struct eq_language *row = eq_languages_find(&g->languages, langs->items[i]);
    struct eq_str value;
    if (row && eq_language_column(row, column, &value) && value.n) g->of[i] = value;
  }
}

static bool read_line(struct eq_groups *g, struct eq_str line, size_t number, const struct eq_names *langs,
                      struct eq_err *err) {
  if (line.n && line.p[line.n - 1] == '\r') line.n--;
  if (line.n == 0 || line.p[0] == '#') return true;
  if (eq_utf8_invalid(line.p, line.n) < line.n)
    return eq_fail(err, EQ_BAD, "%s: line %zu: byte %zu is not UTF-8", g->file.path, number,
                   eq_utf8_invalid(line.p, line.n) + 1);
  const char *tab = memchr(line.p, '\t', line.n);
  struct eq_str lang = { line.p, tab ? (size_t)(tab - line.p) : 0 };
  struct eq_str group = { tab ? tab + 1 : NULL, tab ? line.n - lang.n - 1 : 0 };
  if (lang.n == 0 || group.n == 0 || memchr(group.p, '\t', group.n))
    return eq_fail(err, EQ_BAD, "%s: line %zu: expected 'language TAB group'", g->file.path, number);
  struct eq_str tag = tag_of(g, lang);
  for (size_t i = 0; i < langs->n; i++) {
    if (!eq_str_equal(langs->items[i], lang) && !eq_str_equal(tag_of(g, langs->items[i]), tag)) continue;
    if (g->of[i].p && !eq_str_equal(g->of[i], group))
      return eq_fail(err, EQ_BAD, "%s: line %zu: '%.*s' is in the group '%.*s' already", g->file.path, number,
                     EQ_STR(lang), EQ_STR(g->of[i]));
    g->of[i] = group;
  }
  return true;
}

static bool read_file(struct eq_groups *g, const struct eq_names *langs, struct eq_err *err) {
  struct eq_str rest = { g->file.data, g->file.size };
  if (rest.n >= 3 && memcmp(rest.p, "\xEF\xBB\xBF", 3) == 0) rest = (struct eq_str){ rest.p + 3, rest.n - 3 };
  for (size_t number = 1; rest.n; number++)
    if (!read_line(g, eq_str_cut(&rest, '\n'), number, langs, err)) return false;
  return true;
}

bool eq_groups_open(struct eq_groups *g, const char *where, const struct eq_names *langs, struct eq_err *err) {
  struct eq_str value;
  *g = (struct eq_groups){ .of = eq_array(langs->n, sizeof *g->of) };
  if (!g->of) return eq_fail_memory(err, langs->n * sizeof *g->of, "the groups of languages");
  if (!eq_languages_open(&g->languages, err)) return false;
  if (eq_language_column(&g->languages.rows[0], where, &value)) {
    read_column(g, where, langs);
    return true;
  }
  if (!eq_path_exists(where))
    return eq_fail(err, EQ_BAD,
                   "--groups: '%s' is neither a file nor a column of the table of languages (group, family, joshi, "
                   "script, direction, ...)",
                   where);
  return eq_file_map(&g->file, where, err) && read_file(g, langs, err);
}

void eq_groups_close(struct eq_groups *g) {
  free(g->of);
  eq_languages_free(&g->languages);
  eq_file_unmap(&g->file);
  *g = (struct eq_groups){ 0 };
}
