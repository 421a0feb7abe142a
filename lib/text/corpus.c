#include "lib/text/corpus.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/text/id_set.h"
#include "lib/text/normal_form.h"

/* Streams of random numbers of the seed that the user gives. */
enum { RANDOM_SAMPLE = 0x73616d70 };

enum { LANGUAGES_MAX = 4096 }; /* in one corpus; more is not a column of languages */

/* One language of the output. */
struct part {
  char *tag;  /* owned */
  char *path; /* owned; NULL: the shared file */
};

/* Where a segment of a file with many languages stands. */
struct place {
  size_t part, at;
  uint64_t line;
};

struct eq_corpus {
  struct eq_corpus_request want;
  struct eq_unicode unicode;
  struct eq_form_scratch form;
  struct eq_aligned nfc;
  struct part *parts;
  size_t n_parts, parts_capacity;
  struct place *places; /* of a JSONL file that names languages: its segments by language, in file order */
  size_t n_places, places_capacity;
  bool many;                  /* places are in use */
  struct eq_id_set seen;      /* ids of the current part */
  struct eq_id_set drawn;     /* value 1: drawn */
  uint64_t left_out, given;   /* segments given of the current part */
  struct eq_buffer joined;    /* with want.join */
  struct eq_segments current; /* its file: open between begin_part and its end */
  size_t part, place;
  bool open;
};

static bool add_part(struct eq_corpus *c, struct eq_str tag, char *path, struct eq_err *err) {
  if (c->n_parts == LANGUAGES_MAX) {
    free(path);
    return eq_fail(err, EQ_BAD, "%s: more than %d languages, '%.*s' is the next", c->want.path, LANGUAGES_MAX,
                   EQ_STR(tag));
  }
  struct part *parts = eq_array_grow(c->parts, c->n_parts, &c->parts_capacity, sizeof *parts);
  char *copy = eq_copy_string(tag.p, tag.n);
  if (parts) c->parts = parts;
  if (!parts || !copy) {
    free(copy);
    free(path);
    return eq_fail_memory(err, tag.n + sizeof *parts, "a list of languages");
  }
  parts[c->n_parts++] = (struct part){ copy, path };
  return true;
}

static size_t find_part(const struct eq_corpus *c, struct eq_str tag) {
  size_t i = 0;
  while (i < c->n_parts && !eq_str_is(tag, c->parts[i].tag)) i++;
  return i;
}

/* The tag that a name stands for: the table's, or the name itself when it has the form of a tag. */
static bool tag_of(const struct eq_corpus *c, struct eq_str name, struct eq_str *tag) {
  const struct eq_language *row = eq_languages_find(c->want.languages, name);
  *tag = row ? row->tag : name;
  return row || eq_language_tag_is_well_formed(name);
}

/* ---- a folder: a file for each language ---- */

/* "folder/stem.extension" when there is such a file, else NULL. */
static char *try_file(const struct eq_corpus *c, struct eq_str stem) {
  static const char *const extensions[] = { "tsv", "jsonl", "txt" };
  for (size_t e = 0; stem.n && e < sizeof extensions / sizeof *extensions; e++) {
    struct eq_buffer path = { 0 };
    eq_buffer_format(&path, "%s/%.*s.%s", c->want.path, EQ_STR(stem), extensions[e]);
    if (!path.failed && eq_path_exists(path.data)) return path.data;
    eq_buffer_free(&path);
  }
  return NULL;
}

static char *file_of(const struct eq_corpus *c, struct eq_str name, const struct eq_language *row) {
  char *path = memchr(name.p, '/', name.n) ? NULL : try_file(c, name);
  if (!row || path) return path;
  const struct eq_str stems[] = { row->tag, row->udhr, row->iso639_3 };
  for (size_t i = 0; !path && i < sizeof stems / sizeof *stems; i++) {
    /* an ISO 639-3 code is the file of the default variety only */
    if (i == 2 && eq_languages_find(c->want.languages, row->iso639_3) != row) break;
    path = try_file(c, stems[i]);
  }
  return path;
}

static bool unknown_language(const struct eq_corpus *c, struct eq_str name, struct eq_err *err) {
  return eq_fail(
      err, EQ_BAD, "%s: no file for language '%.*s'%s", c->want.path, EQ_STR(name),
      eq_languages_find(c->want.languages, name)
          ? " (expected its tag, ISO 639-3 code or UDHR name, with .tsv, .jsonl or .txt)"
          : ", which corpora/languages.tsv does not list either (expected a BCP 47 tag such as en or sr-Latn)");
}

static bool asked_twice(const struct eq_corpus *c, struct eq_str name, const char *tag, struct eq_err *err) {
  return eq_fail(err, EQ_BAD, "%s: '%.*s' asks for language %s twice", c->want.path, EQ_STR(name), tag);
}

static bool plan_folder_all(struct eq_corpus *c, struct eq_err *err) {
  for (size_t i = 0; i < c->want.languages->n; i++) {
    const struct eq_language *row = &c->want.languages->rows[i];
    char *path = file_of(c, row->tag, row);
    if (path && !add_part(c, row->tag, path, err)) return false;
  }
  return c->n_parts || eq_fail(err, EQ_BAD, "%s: the folder has no file that is named after a language", c->want.path);
}

static bool plan_folder(struct eq_corpus *c, struct eq_err *err) {
  if (!c->want.langs.p)
    return eq_fail(err, EQ_BAD, "%s is a folder: name the languages with -l en,de,..., or -l all", c->want.path);
  if (eq_str_is(c->want.langs, "all")) return plan_folder_all(c, err);
  for (struct eq_str rest = c->want.langs; rest.n;) {
    struct eq_str name = eq_str_cut(&rest, ','), tag;
    if (!tag_of(c, name, &tag)) return unknown_language(c, name, err);
    size_t known = find_part(c, tag);
    if (known < c->n_parts) return asked_twice(c, name, c->parts[known].tag, err);
    char *path = file_of(c, name, eq_languages_find(c->want.languages, name));
    if (!path) return unknown_language(c, name, err);
    if (!add_part(c, tag, path, err)) return false;
  }
  return c->n_parts || eq_fail(err, EQ_BAD, "-l: the list of languages is empty");
}

/* ---- one file ---- */

static bool add_place(struct eq_corpus *c, struct place place, struct eq_err *err) {
  struct place *places = eq_array_grow(c->places, c->n_places, &c->places_capacity, sizeof *places);
  if (!places) return eq_fail_memory(err, 2 * c->n_places * sizeof *places, "the places of segments");
  c->places = places;
  places[c->n_places++] = place;
  return true;
}

/* Notes where the segments of each language stand. With languages asked for, others are passed over. */
static bool index_languages(struct eq_corpus *c, struct eq_segments *s, struct eq_err *err) {
  struct eq_segment segment;
  bool listed = c->want.langs.p && !eq_str_is(c->want.langs, "all");
  for (size_t at = s->at; eq_segments_next(s, &segment, err); at = s->at) {
    struct eq_str tag;
    if (!segment.lang.p)
      return eq_fail(err, EQ_BAD, "%s:%llu: the object has no 'lang', unlike those before it", c->want.path,
                     (unsigned long long)s->line);
    size_t part = find_part(c, tag = segment.lang); /* mostly the tag of a language that was there before */
    if (part == c->n_parts && !tag_of(c, segment.lang, &tag))
      return eq_fail(err, EQ_BAD, "%s:%llu: 'lang' is '%.*s', expected a BCP 47 tag", c->want.path,
                     (unsigned long long)s->line, EQ_STR(segment.lang));
    if (part == c->n_parts) part = find_part(c, tag);
    if (part == c->n_parts && (listed || !add_part(c, tag, NULL, err))) {
      if (listed) continue;
      return false;
    }
    if (!add_place(c, (struct place){ part, at, s->line - 1 }, err)) return false;
  }
  return err->code == EQ_OK;
}

static int by_part(const void *a, const void *b) {
  const struct place *x = a, *y = b;
  if (x->part != y->part) return x->part < y->part ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

/* Puts the places of each language together; each must have one. */
static bool sort_places(struct eq_corpus *c, struct eq_err *err) {
  if (c->n_places) qsort(c->places, c->n_places, sizeof *c->places, by_part);
  for (size_t part = 0, i = 0; part < c->n_parts; part++) {
    if (i == c->n_places || c->places[i].part != part)
      return eq_fail(err, EQ_BAD, "%s: no segment of language '%s' in the file", c->want.path, c->parts[part].tag);
    while (i < c->n_places && c->places[i].part == part) i++;
  }
  return true;
}

/* The languages asked for, as parts that share the file. */
static bool list_languages(struct eq_corpus *c, struct eq_err *err) {
  for (struct eq_str rest = c->want.langs; rest.n;) {
    struct eq_str name = eq_str_cut(&rest, ','), tag;
    if (!tag_of(c, name, &tag)) return eq_fail(err, EQ_BAD, "-l: '%.*s' is not a language", EQ_STR(name));
    if (find_part(c, tag) < c->n_parts) return asked_twice(c, name, c->parts[find_part(c, tag)].tag, err);
    if (!add_part(c, tag, NULL, err)) return false;
  }
  return true;
}

static bool plan_file(struct eq_corpus *c, struct eq_err *err) {
  struct eq_segments s;
  struct eq_segment first;
  if (!eq_segments_open(&s, c->want.path, c->want.format, err)) return false;
  size_t start = s.at;
  bool good = eq_segments_next(&s, &first, err);
  c->many = good && first.lang.p;
  good = good && (eq_str_is(c->want.langs, "all") || list_languages(c, err));
  if (good && c->many) {
    s.at = start;
    s.line = 0;
    good = index_languages(c, &s, err) && sort_places(c, err);
  } else if (good && c->n_parts != 1)
    good = eq_fail(err, EQ_BAD, "%s: the file does not say its language: name one with -l (found %zu)", c->want.path,
                   c->n_parts);
  eq_segments_close(&s);
  return good;
}

/* ---- reading ---- */

static bool begin_part(struct eq_corpus *c, struct eq_err *err) {
  const char *path = c->parts[c->part].path ? c->parts[c->part].path : c->want.path;
  if (!eq_segments_open(&c->current, path, c->want.format, err)) return false;
  c->open = true;
  c->given = 0;
  if (c->part == 0) c->place = 0;
  while (c->place < c->n_places && c->places[c->place].part < c->part) c->place++;
  eq_id_set_clear(&c->seen);
  return true;
}

static void end_part(struct eq_corpus *c) {
  eq_segments_close(&c->current);
  c->open = false;
  c->part++;
}

/* The next segment of the current part's file. */
static bool next_in_part(struct eq_corpus *c, struct eq_segment *segment, struct eq_err *err) {
  if (c->many) {
    if (c->place == c->n_places || c->places[c->place].part != c->part) return false;
    c->current.at = c->places[c->place].at;
    c->current.line = c->places[c->place++].line;
  }
  if (!eq_segments_next(&c->current, segment, err)) return false;
  bool added;
  if (!eq_id_set_add(&c->seen, segment->id, &added)) return eq_fail_memory(err, 48 * c->seen.n, "the set of ids");
  if (!added)
    return eq_fail(err, EQ_BAD, "%s:%llu: id '%.*s' was used before in language %s; ids must differ", c->current.name,
                   (unsigned long long)c->current.line, EQ_STR(segment->id), c->parts[c->part].tag);
  struct eq_str tag;
  if (segment->lang.p && !eq_str_is(segment->lang, c->parts[c->part].tag) &&
      (!tag_of(c, segment->lang, &tag) || !eq_str_is(tag, c->parts[c->part].tag)))
    return eq_fail(err, EQ_BAD, "%s:%llu: 'lang' is '%.*s', expected %s as for the whole file", c->current.name,
                   (unsigned long long)c->current.line, EQ_STR(segment->lang), c->parts[c->part].tag);
  segment->lang = eq_str(c->parts[c->part].tag);
  return true;
}

static bool is_drawn(const struct eq_corpus *c, struct eq_str id) {
  if (c->want.sample == UINT64_MAX) return true;
  const struct eq_id_entry *e = eq_id_set_find(&c->drawn, id);
  return e && e->value;
}

/* The text in NFC, held by c. */
static bool to_nfc(struct eq_corpus *c, struct eq_str *text, struct eq_err *err) {
  struct eq_rewriting r;
  struct eq_view view = { .text = *text };
  eq_rewrite_begin(&r, view, &c->nfc);
  eq_form_rewrite(&c->form, &c->unicode, EQ_NFC, &r);
  bool good = eq_rewrite_end(&r, &view);
  *text = view.text;
  return good || eq_fail_memory(err, text->n, "a text in NFC");
}

/* The next segment of the current part that is wanted, as it is wanted. */
static bool next_wanted(struct eq_corpus *c, struct eq_segment *segment, struct eq_err *err) {
  while (c->given < c->want.limit && next_in_part(c, segment, err)) {
    if (!is_drawn(c, segment->id)) continue;
    c->given++;
    return !c->want.nfc || to_nfc(c, &segment->text, err);
  }
  return false;
}

/* What is left of the current part as one segment; false when nothing is. */
static bool join_part(struct eq_corpus *c, struct eq_segment *segment, struct eq_err *err) {
  bool any = false;
  c->joined.size = 0;
  for (; next_wanted(c, segment, err); any = true) {
    if (any) eq_buffer_add(&c->joined, c->want.join, strlen(c->want.join));
    eq_buffer_add(&c->joined, segment->text.p, segment->text.n);
    if (c->joined.failed) return eq_fail_memory(err, c->joined.size + segment->text.n, "a joined text");
    if (c->joined.size > EQ_LINE_MAX)
      return eq_fail(err, EQ_BAD, "%s: the segments of %s joined are longer than %d MiB: take fewer, with --limit",
                     c->current.name, c->parts[c->part].tag, EQ_LINE_MAX >> 20);
  }
  struct eq_str text = { c->joined.data ? c->joined.data : "", c->joined.size };
  *segment = (struct eq_segment){ .lang = eq_str(c->parts[c->part].tag), .id = eq_str("all"), .text = text };
  return any && err->code == EQ_OK;
}

bool eq_corpus_next(struct eq_corpus *c, struct eq_segment *segment, struct eq_err *err) {
  while (c->part < c->n_parts) {
    if (!c->open && !begin_part(c, err)) return false;
    if (c->want.join ? join_part(c, segment, err) : next_wanted(c, segment, err)) return true;
    if (err->code != EQ_OK) return false;
    end_part(c);
  }
  return false;
}

/* ---- drawing a sample ---- */

/* An id and its random number: the smallest are drawn; equal ones (never, in practice) go by the hash. */
struct ticket {
  uint64_t number;
  struct eq_id_entry *entry;
};

static int by_number(const void *a, const void *b) {
  const struct ticket *x = a, *y = b;
  if (x->number != y->number) return x->number < y->number ? -1 : 1;
  if (x->entry->low != y->entry->low) return x->entry->low < y->entry->low ? -1 : 1;
  return (x->entry->high > y->entry->high) - (x->entry->high < y->entry->high);
}

/* Counts in how many languages each id is. */
static bool count_ids(struct eq_corpus *c, struct eq_err *err) {
  struct eq_segment segment;
  bool added;
  for (; c->part < c->n_parts; end_part(c)) {
    if (!begin_part(c, err)) return false;
    while (next_in_part(c, &segment, err)) {
      struct eq_id_entry *e = eq_id_set_add(&c->drawn, segment.id, &added);
      if (!e) return eq_fail_memory(err, 48 * c->drawn.n, "the set of ids");
      e->value++;
    }
    if (err->code != EQ_OK) return false;
  }
  c->part = 0;
  return true;
}

static bool draw(struct eq_corpus *c, struct eq_err *err) {
  if (!count_ids(c, err)) return false;
  struct ticket *tickets = eq_array(c->drawn.n, sizeof *tickets);
  if (!tickets) return eq_fail_memory(err, c->drawn.n * sizeof *tickets, "a sample");
  size_t n = 0;
  for (size_t i = 0; i < c->drawn.capacity; i++) {
    struct eq_id_entry *e = &c->drawn.slots[i];
    if (e->low && e->value == c->n_parts)
      tickets[n++] = (struct ticket){ eq_random_u64(c->want.seed, RANDOM_SAMPLE, e->low ^ e->high), e };
    e->value = 0;
  }
  c->left_out = c->drawn.n - n;
  qsort(tickets, n, sizeof *tickets, by_number);
  for (size_t i = 0; i < n && i < c->want.sample; i++) tickets[i].entry->value = 1;
  free(tickets);
  if (c->want.sample <= n) return true;
  return eq_fail(err, EQ_DATA,
                 "%s: a sample of %llu ids was asked for, but only %zu are in every language (%llu are not)",
                 c->want.path, (unsigned long long)c->want.sample, n, (unsigned long long)c->left_out);
}

uint64_t eq_corpus_left_out(const struct eq_corpus *c) { return c->left_out; }

struct eq_corpus *eq_corpus_open(const struct eq_corpus_request *request, struct eq_err *err) {
  struct eq_corpus *c = eq_array(1, sizeof *c);
  if (!c) {
    eq_fail_memory(err, sizeof *c, "a corpus");
    return NULL;
  }
  c->want = *request;
  bool good = eq_path_is_folder(request->path) ? plan_folder(c, err) : plan_file(c, err);
  if (good && request->nfc) good = eq_unicode_open(&c->unicode, err);
  if (good && request->sample != UINT64_MAX) good = draw(c, err);
  if (good) return c;
  eq_corpus_close(c);
  return NULL;
}

void eq_corpus_close(struct eq_corpus *c) {
  if (!c) return;
  for (size_t i = 0; i < c->n_parts; i++) {
    free(c->parts[i].tag);
    free(c->parts[i].path);
  }
  free(c->parts);
  free(c->places);
  eq_buffer_free(&c->joined);
  eq_segments_close(&c->current);
  eq_id_set_free(&c->seen);
  eq_id_set_free(&c->drawn);
  eq_aligned_free(&c->nfc);
  eq_form_scratch_free(&c->form);
  eq_unicode_close(&c->unicode);
  free(c);
}
