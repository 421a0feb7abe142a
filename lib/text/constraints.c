#include "lib/text/constraints.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/base/number.h"
#include "lib/base/utf8.h"
#include "lib/text/classes.h"
#include "lib/text/piece_trie.h"
#include "lib/text/segments.h"

/* A line: what it is about, and where it cuts that. */
struct entry {
  struct eq_str lang, key; /* an id or a word */
  size_t first, n;         /* of its cuts in `cuts` */
  uint64_t line;
  bool seen;
};

/* The entries of one language stand together. */
struct language {
  struct eq_str lang;
  size_t first, n;
  struct eq_piece_trie words; /* to indices of entries */
  bool seen;
};

struct eq_constraints {
  struct eq_segments file;
  bool by_word;
  struct entry *entries; /* sorted by language and key */
  size_t n, capacity;
  struct language *languages; /* sorted */
  size_t n_languages, languages_capacity;
  struct eq_cut_list cuts;
};

static const char every[] = "*";

/* ---- lines ---- */

static bool out_of_memory(const struct eq_constraints *c, struct eq_err *err) {
  return eq_fail_memory(err, c->n * sizeof *c->entries, "constraints");
}

/* "4,9,17": digits of ascending numbers. */
static bool read_cuts(struct eq_constraints *c, struct eq_str key, struct eq_str text, struct eq_err *err) {
  uint64_t value, last = 0;
  (void)key;
  for (struct eq_str rest = text; rest.n;) {
    bool more = rest.p[rest.n - 1] == ','; /* nothing follows the last comma */
    struct eq_str number = eq_str_cut(&rest, ',');
    if (!eq_parse_u64(number, &value) || value > UINT32_MAX || (!rest.n && more))
      return eq_fail(err, EQ_BAD, "the cuts are '%.*s', expected bytes of the text between commas, as in 4,9,17",
                     EQ_STR(text));
    if (number.p > text.p && value <= last)
      return eq_fail(err, EQ_BAD, "cut %llu comes after cut %llu, expected them in ascending order",
                     (unsigned long long)value, (unsigned long long)last);
    if (!eq_cut_list_add(&c->cuts, value)) return out_of_memory(c, err);
    last = value;
  }
  return true;
}

/* "un lock able": the word, with blanks. */
static bool read_parts(struct eq_constraints *c, struct eq_str word, struct eq_str parts, struct eq_err *err) {
  size_t at = 0;
  if (!word.n) return eq_fail(err, EQ_BAD, "the word is empty");
  for (struct eq_str rest = parts; rest.n;) {
    struct eq_str part = eq_str_cut(&rest, ' ');
    if (!part.n || part.n > word.n - at || memcmp(part.p, word.p + at, part.n)) break;
    at += part.n;
    if (at < word.n && !eq_cut_list_add(&c->cuts, at)) return out_of_memory(c, err);
    if (at == word.n && part.p + part.n == parts.p + parts.n) return true;
  }
  return eq_fail(err, EQ_BAD, "the parts are '%.*s', expected the word '%.*s' with single blanks where it is cut",
                 EQ_STR(parts), EQ_STR(word));
}

/* Cuts a line into three columns. */
static bool columns_of(struct eq_str line, struct eq_str column[3]) {
  size_t tabs = 0;
  for (size_t i = 0; i < line.n; i++) tabs += line.p[i] == '\t';
  for (size_t i = 0; i < 3; i++) column[i] = eq_str_cut(&line, '\t');
  return tabs == 2;
}

static bool read_heading(struct eq_constraints *c, struct eq_err *err) {
  struct eq_segment heading;
  if (!eq_segments_next(&c->file, &heading, err)) return false;
  c->by_word = eq_str_is(heading.text, "lang\tword\tparts");
  return c->by_word || eq_str_is(heading.text, "lang\tid\tcuts") ||
         eq_fail(err, EQ_BAD,
                 "%s:1: found '%.*s', expected the heading lang, word, parts or lang, id, cuts, with tabs between",
                 c->file.name, (int)(heading.text.n < 80 ? heading.text.n : 80), heading.text.p);
}

static bool read_entry(struct eq_constraints *c, struct eq_str line, struct eq_err *err) {
  struct eq_str column[3];
  const char *names = c->by_word ? "word, parts" : "id, cuts";
  if (!columns_of(line, column) || !column[0].n || !column[1].n)
    return eq_fail(err, EQ_BAD, "expected three columns, lang, %s, with tabs between", names);
  if (!c->by_word && eq_str_is(column[0], every))
    return eq_fail(err, EQ_BAD, "the language is *, which is for words; expected that of a segment");
  struct entry *entries = eq_array_grow(c->entries, c->n, &c->capacity, sizeof *entries);
  if (!entries) return out_of_memory(c, err);
  c->entries = entries;
  struct entry *e = &entries[c->n++];
  *e = (struct entry){ .lang = column[0], .key = column[1], .first = c->cuts.n, .line = c->file.line };
  if (!(c->by_word ? read_parts : read_cuts)(c, column[1], column[2], err)) return false;
  e->n = c->cuts.n - e->first;
  return true;
}

static bool read_lines(struct eq_constraints *c, struct eq_err *err) {
  struct eq_segment line;
  struct eq_err bad = { 0 };
  if (!read_heading(c, err)) return false;
  while (eq_segments_next(&c->file, &line, &bad))
    if (!read_entry(c, line.text, err)) {
      eq_fail_prefix(err, "%s:%llu: ", c->file.name, (unsigned long long)c->file.line);
      return false;
    }
  return bad.code == EQ_OK || eq_fail(err, bad.code, "%s", bad.text);
}

/* ---- order ---- */

static int compare(const struct entry *e, struct eq_str lang, struct eq_str key) {
  int order = eq_str_compare(e->lang, lang);
  return order ? order : eq_str_compare(e->key, key);
}

static int by_key(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  int order = compare(x, y->lang, y->key);
  return order ? order : (x->line > y->line) - (x->line < y->line);
}

static struct entry *find_entry(const struct eq_constraints *c, struct eq_str lang, struct eq_str key) {
  size_t low = 0, high = c->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = compare(&c->entries[middle], lang, key);
    if (!order) return &c->entries[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static struct language *find_language(const struct eq_constraints *c, struct eq_str lang) {
  for (size_t i = 0; i < c->n_languages; i++)
    if (eq_str_equal(c->languages[i].lang, lang)) return &c->languages[i];
  return NULL;
}

static bool agree(const struct eq_constraints *c, const struct entry *a, const struct entry *b, struct eq_err *err) {
  const uint32_t *cuts = c->cuts.at;
  if (a->n == b->n && (!a->n || !memcmp(cuts + a->first, cuts + b->first, a->n * sizeof *cuts))) return true;
  const struct entry *later = a->line > b->line ? a : b, *earlier = later == a ? b : a;
  return eq_fail(err, EQ_BAD, "%s:%llu: %s '%.*s' is cut otherwise than in line %llu; expected one way to cut it",
                 c->file.name, (unsigned long long)later->line, c->by_word ? "word" : "id", EQ_STR(later->key),
                 (unsigned long long)earlier->line);
}

/* Sorts the entries and leaves out repetitions. */
static bool sort_entries(struct eq_constraints *c, struct eq_err *err) {
  size_t n = 0;
  if (c->n) qsort(c->entries, c->n, sizeof *c->entries, by_key);
  for (size_t i = 0; i < c->n; i++) {
    const struct entry *e = &c->entries[i];
    bool again = n && !compare(e, c->entries[n - 1].lang, c->entries[n - 1].key);
    if (again && !agree(c, e, &c->entries[n - 1], err)) return false;
    if (!again) c->entries[n++] = *e;
  }
  c->n = n;
  for (size_t i = 0; c->by_word && i < n; i++) {
    const struct entry *general = find_entry(c, eq_str(every), c->entries[i].key);
    if (general && !agree(c, &c->entries[i], general, err)) return false;
  }
  return true;
}

static bool index_words(struct eq_constraints *c, struct language *l, struct eq_err *err) {
  struct eq_str *words = eq_array(l->n, sizeof *words);
  uint32_t *values = eq_array(l->n, sizeof *values);
  bool good = (words && values) || out_of_memory(c, err);
  for (size_t i = 0; good && i < l->n; i++) {
    words[i] = c->entries[l->first + i].key;
    values[i] = (uint32_t)(l->first + i);
  }
  good = good && eq_piece_trie_build(&l->words, words, values, l->n, err);
  free(words);
  free(values);
  return good;
}

static bool index_languages(struct eq_constraints *c, struct eq_err *err) {
  for (size_t i = 0, end; i < c->n; i = end) {
    for (end = i + 1; end < c->n && eq_str_equal(c->entries[end].lang, c->entries[i].lang);) end++;
    struct language *languages = eq_array_grow(c->languages, c->n_languages, &c->languages_capacity, sizeof *languages);
    if (!languages) return out_of_memory(c, err);
    c->languages = languages;
    languages[c->n_languages] = (struct language){ .lang = c->entries[i].lang, .first = i, .n = end - i };
    if (c->by_word && !index_words(c, &languages[c->n_languages], err)) return false;
    c->n_languages++;
  }
  return true;
}

/* ---- opening ---- */

static struct eq_constraints *open_file(struct eq_constraints *c, bool opened, struct eq_err *err) {
  if (opened && read_lines(c, err) && sort_entries(c, err) && index_languages(c, err)) return c;
  eq_constraints_free(c);
  return NULL;
}

static struct eq_constraints *create(struct eq_err *err) {
  struct eq_constraints *c = eq_array(1, sizeof *c);
  if (!c) eq_fail_memory(err, sizeof *c, "constraints");
  return c;
}

struct eq_constraints *eq_constraints_open(const char *path, struct eq_err *err) {
  struct eq_constraints *c = create(err);
  return c ? open_file(c, eq_segments_open(&c->file, path, EQ_CORPUS_LINES, err), err) : NULL;
}

struct eq_constraints *eq_constraints_memory(const char *name, struct eq_str text, struct eq_err *err) {
  struct eq_constraints *c = create(err);
  return c ? open_file(c, eq_segments_memory(&c->file, name, text, EQ_CORPUS_LINES, err), err) : NULL;
}

void eq_constraints_free(struct eq_constraints *c) {
  if (!c) return;
  for (size_t i = 0; i < c->n_languages; i++) eq_piece_trie_free(&c->languages[i].words);
  eq_segments_close(&c->file);
  eq_cut_list_free(&c->cuts);
  free(c->languages);
  free(c->entries);
  free(c);
}

uint64_t eq_constraints_digest(const struct eq_constraints *c) { return XXH64(c->file.all.p, c->file.all.n, 0); }

/* ---- texts ---- */

static bool is_continuation(char byte) { return ((unsigned char)byte & 0xC0) == 0x80; }

/* The cuts of an entry, counted from `start`; those at the ends of the text cut nothing. */
static bool add_cuts(const struct eq_constraints *c, const struct entry *e, size_t start, struct eq_str text,
                     struct eq_cut_list *memory, struct eq_err *err) {
  for (size_t i = 0; i < e->n; i++) {
    size_t at = start + c->cuts.at[e->first + i];
    if (at > text.n || (at < text.n && is_continuation(text.p[at])))
      return eq_fail(err, EQ_BAD, "%s:%llu: cut %zu is %s, which has %zu bytes; expected where a character begins",
                     c->file.name, (unsigned long long)e->line, at,
                     at > text.n ? "beyond the text" : "inside a character of the text", text.n);
    if (at && at < text.n && !eq_cut_list_add(memory, at)) return eq_fail_memory(err, memory->n, "cuts");
  }
  return true;
}

/* The words of one language that begin at text[start]. */
static bool add_words(const struct eq_constraints *c, const struct language *l, struct eq_str text, size_t start,
                      struct eq_cut_list *memory, struct eq_err *err) {
  uint32_t node = 0, after;
  for (size_t i = start; i < text.n && eq_piece_trie_step(&l->words, &node, text.p[i]); i++) {
    uint32_t entry = l->words.units[node].value;
    if (entry == EQ_NO_PIECE || (eq_utf8_decode(text.p + i + 1, text.n - i - 1, &after) && eq_is_word(after))) continue;
    if (!add_cuts(c, &c->entries[entry], start, text, memory, err)) return false;
  }
  return true;
}

static bool add_all_words(const struct eq_constraints *c, struct eq_str lang, struct eq_str text,
                          struct eq_cut_list *memory, struct eq_err *err) {
  const struct language *of[2] = { find_language(c, lang), find_language(c, eq_str(every)) };
  bool inside = false; /* a word character comes before */
  uint32_t character;
  if (!of[0] && !of[1]) return true;
  for (size_t at = 0; at < text.n; inside = eq_is_word(character)) {
    for (size_t i = 0; !inside && i < 2; i++)
      if (of[i] && !add_words(c, of[i], text, at, memory, err)) return false;
    at += eq_utf8_decode(text.p + at, text.n - at, &character);
  }
  return true;
}

bool eq_constraints_cuts(const struct eq_constraints *c, struct eq_str lang, struct eq_str id, struct eq_str text,
                         struct eq_cut_list *memory, struct eq_cuts *cuts, struct eq_err *err) {
  const struct entry *e = c->by_word ? NULL : find_entry(c, lang, id);
  memory->n = 0;
  if (c->by_word && !add_all_words(c, lang, text, memory, err)) return false;
  if (e && !add_cuts(c, e, 0, text, memory, err)) return false;
  *cuts = eq_cut_list_sort(memory);
  return true;
}

/* ---- what was there ---- */

void eq_constraints_note(struct eq_constraints *c, struct eq_str lang, struct eq_str id) {
  struct language *l = find_language(c, lang), *all = find_language(c, eq_str(every));
  struct entry *e = c->by_word || !l ? NULL : find_entry(c, lang, id);
  if (l) l->seen = true;
  if (all) all->seen = true;
  if (e) e->seen = true;
}

void eq_constraints_unused(const struct eq_constraints *c, struct eq_buffer *b) {
  size_t ids = 0, languages = 0;
  for (size_t i = 0; i < c->n_languages; i++) {
    const struct language *l = &c->languages[i];
    for (size_t e = l->first; !c->by_word && l->seen && e < l->first + l->n; e++) ids += !c->entries[e].seen;
    if (l->seen) continue;
    eq_buffer_string(b, languages++ ? ", " : "no segment has the language ");
    eq_buffer_text(b, l->lang.p, l->lang.n);
  }
  if (ids)
    eq_buffer_format(b, "%sno segment has %zu of the ids in the languages that came", languages ? "; " : "", ids);
}
