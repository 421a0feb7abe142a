#include "lib/text/segments.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/json.h"

static const struct {
  const char *name;
  enum eq_corpus_format format;
} formats[] = { { "tsv", EQ_CORPUS_TSV }, { "lines", EQ_CORPUS_LINES }, { "jsonl", EQ_CORPUS_JSONL } };

static const struct {
  const char *extension;
  enum eq_corpus_format format;
} extensions[] = {
  { ".tsv", EQ_CORPUS_TSV }, { ".jsonl", EQ_CORPUS_JSONL }, { ".ndjson", EQ_CORPUS_JSONL }, { ".txt", EQ_CORPUS_LINES }
};

bool eq_corpus_format_find(const char *name, enum eq_corpus_format *format) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (!strcmp(formats[i].name, name)) {
      *format = formats[i].format;
      return true;
    }
  return false;
}

/* The line at s->at without its end; false when there is none. */
static bool next_line(struct eq_segments *s, struct eq_str *line) {
  if (s->at >= s->all.n) return false;
  const char *p = s->all.p + s->at;
  size_t left = s->all.n - s->at;
  const char *end = memchr(p, '\n', left);
  *line = (struct eq_str){ p, end ? (size_t)(end - p) : left };
  s->at += line->n + (end ? 1 : 0);
  s->line++;
  if (line->n && p[line->n - 1] == '\r') line->n--;
  return true;
}

static enum eq_corpus_format recognise(struct eq_segments *s) {
  size_t n = strlen(s->name);
  for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
    size_t e = strlen(extensions[i].extension);
    if (n > e && !strcmp(s->name + n - e, extensions[i].extension)) return extensions[i].format;
  }
  struct eq_segments peek = *s;
  struct eq_str line = { 0 };
  next_line(&peek, &line);
  for (size_t i = 0; i < line.n && (line.p[i] == ' ' || line.p[i] == '{'); i++)
    if (line.p[i] == '{') return EQ_CORPUS_JSONL;
  return line.n && memchr(line.p, '\t', line.n) ? EQ_CORPUS_TSV : EQ_CORPUS_LINES;
}

bool eq_segments_memory(struct eq_segments *s, const char *name, struct eq_str text, enum eq_corpus_format format,
                        struct eq_err *err) {
  *s = (struct eq_segments){ .name = name, .all = text };
  if (text.n >= 3 && !memcmp(text.p, "\xEF\xBB\xBF", 3)) s->at = 3;
  if (s->at >= text.n) return eq_fail(err, EQ_BAD, "%s: the file is empty, expected at least one segment", name);
  s->format = format == EQ_CORPUS_AUTO ? recognise(s) : format;
  return true;
}

bool eq_segments_open(struct eq_segments *s, const char *path, enum eq_corpus_format format, struct eq_err *err) {
  struct eq_file file;
  *s = (struct eq_segments){ 0 };
  if (!eq_file_map(&file, path, err)) return false;
  bool good = eq_segments_memory(s, file.path, (struct eq_str){ file.data, file.size }, format, err);
  s->file = file;
  if (!good) eq_segments_close(s);
  return good;
}

void eq_segments_close(struct eq_segments *s) {
  eq_file_unmap(&s->file);
  eq_buffer_free(&s->lang);
  eq_buffer_free(&s->id);
  eq_buffer_free(&s->text);
  eq_buffer_free(&s->key);
  *s = (struct eq_segments){ 0 };
}

static bool bad_line(const struct eq_segments *s, struct eq_err *err, const char *message) {
  return eq_fail(err, EQ_BAD, "%s:%llu: %s", s->name, (unsigned long long)s->line, message);
}

static bool check_line(const struct eq_segments *s, struct eq_str line, struct eq_err *err) {
  char message[120];
  if (line.n > EQ_LINE_MAX) return bad_line(s, err, "the line is longer than 32 MiB; cut the text into segments");
  size_t bad = eq_utf8_invalid(line.p, line.n);
  const char *nul = line.n ? memchr(line.p, 0, line.n) : NULL;
  if (nul && (size_t)(nul - line.p) < bad) {
    snprintf(message, sizeof message, "byte %zu of the line is NUL; is this a text file?", (size_t)(nul - line.p) + 1);
    return bad_line(s, err, message);
  }
  if (bad == line.n) return true;
  snprintf(message, sizeof message, "byte %zu of the line (0x%02x) is not UTF-8; convert the file, or remove the line",
           bad + 1, (unsigned)(unsigned char)line.p[bad]);
  return bad_line(s, err, message);
}

static bool tsv_line(struct eq_segments *s, struct eq_str line, struct eq_segment *segment, struct eq_err *err) {
  const char *tab = line.n ? memchr(line.p, '\t', line.n) : NULL;
  if (!tab) return bad_line(s, err, "no tab in the line, expected 'id<TAB>text'");
  segment->id = (struct eq_str){ line.p, (size_t)(tab - line.p) };
  segment->text = (struct eq_str){ tab + 1, line.n - segment->id.n - 1 };
  return true;
}

static bool plain_line(struct eq_segments *s, struct eq_str line, struct eq_segment *segment, struct eq_err *err) {
  s->id.size = 0;
  eq_buffer_format(&s->id, "%llu", (unsigned long long)s->line);
  if (s->id.failed) return eq_fail_memory(err, 24, "a line's number");
  segment->id = (struct eq_str){ s->id.data, s->id.size };
  segment->text = line;
  return true;
}

/* A string as it is, or the digits of a whole number. */
static bool json_id(struct eq_segments *s, struct eq_json *j, struct eq_str *id) {
  uint64_t number;
  if (eq_json_peek(j) != '0') return eq_json_string(j, &s->id, id);
  if (!eq_json_u64(j, &number)) return false;
  s->id.size = 0;
  eq_buffer_format(&s->id, "%llu", (unsigned long long)number);
  *id = (struct eq_str){ s->id.data, s->id.size };
  return !s->id.failed || eq_json_fail(j, "out of memory");
}

static bool json_line(struct eq_segments *s, struct eq_str line, struct eq_segment *segment, struct eq_err *err) {
  char where[512];
  snprintf(where, sizeof where, "%.480s:%llu", s->name, (unsigned long long)s->line);
  struct eq_json j;
  struct eq_str key;
  eq_json_open(&j, where, line, err);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &s->key, &key);) {
    struct eq_str *target = eq_str_is(key, "id")     ? &segment->id
                            : eq_str_is(key, "text") ? &segment->text
                            : eq_str_is(key, "lang") ? &segment->lang
                                                     : NULL;
    if (!target)
      eq_json_skip(&j, NULL);
    else if (target->p)
      eq_json_fail(&j, "the same key twice");
    else if (target == &segment->id)
      json_id(s, &j, target);
    else
      eq_json_string(&j, target == &segment->text ? &s->text : &s->lang, target);
  }
  if (!eq_json_end(&j)) return false;
  if (!segment->id.p) return bad_line(s, err, "the object has no 'id'");
  if (!segment->text.p) return bad_line(s, err, "the object has no 'text'");
  return true;
}

bool eq_segments_next(struct eq_segments *s, struct eq_segment *segment, struct eq_err *err) {
  static bool (*const readers[])(struct eq_segments *, struct eq_str, struct eq_segment *, struct eq_err *) = {
    [EQ_CORPUS_TSV] = tsv_line, [EQ_CORPUS_LINES] = plain_line, [EQ_CORPUS_JSONL] = json_line
  };
  struct eq_str line;
  *segment = (struct eq_segment){ 0 };
  if (!next_line(s, &line)) return false;
  if (!check_line(s, line, err) || !readers[s->format](s, line, segment, err)) return false;
  return segment->id.n || bad_line(s, err, "the id is empty");
}
