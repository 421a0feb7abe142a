#include "lib/text/json_source.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

bool eq_source_check(const struct eq_source *s) {
  size_t bad = s->text.n ? eq_utf8_invalid(s->text.p, s->text.n) : 0;
  return bad == s->text.n || eq_fail(s->err, EQ_BAD, "%s: byte %zu (0x%02x) is not UTF-8", s->where, bad,
                                     (unsigned)(unsigned char)s->text.p[bad]);
}

void eq_source_open(const struct eq_source *s, struct eq_json *j, struct eq_str span) {
  eq_json_open(j, s->where, span, s->err);
  j->text = s->text.p;
}

bool eq_source_members(const struct eq_source *s, struct eq_str object, const char *const *keys, struct eq_str *spans,
                       size_t n) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str key, value;
  eq_source_open(s, &j, object);
  memset(spans, 0, n * sizeof *spans);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);) {
    size_t i = 0;
    while (i < n && !eq_str_is(key, keys[i])) i++;
    bool null = eq_json_peek(&j) == 'n';
    if (!eq_json_skip(&j, &value)) break;
    if (i == n || null) continue;
    if (spans[i].p) eq_json_fail(&j, "the same key twice");
    spans[i] = value;
  }
  eq_buffer_free(&scratch);
  return eq_json_end(&j);
}

bool eq_source_flag(const struct eq_source *s, struct eq_str span, bool when_absent, bool *value) {
  struct eq_json j;
  *value = when_absent;
  if (!span.p) return true;
  eq_source_open(s, &j, span);
  return eq_json_bool(&j, value);
}

bool eq_source_string(const struct eq_source *s, struct eq_str span, char **value) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str found = { "", 0 };
  eq_source_open(s, &j, span);
  bool good = !span.p || eq_json_string(&j, &scratch, &found);
  *value = good ? eq_copy_string(found.p, found.n) : NULL;
  eq_buffer_free(&scratch);
  return *value || (good && eq_fail_memory(s->err, found.n, "a string"));
}

bool eq_source_type(const struct eq_source *s, struct eq_str object, char **type) {
  static const char *const keys[] = { "type" };
  struct eq_str span;
  return eq_source_members(s, object, keys, &span, 1) && eq_source_string(s, span, type);
}

bool eq_source_refuse(const struct eq_source *s, const char *what, const char *name, const char *expected) {
  return eq_fail(s->err, EQ_BAD, "%s: %s '%s' is not supported, expected %s", s->where, what, name, expected);
}

bool eq_source_u64(const struct eq_source *s, struct eq_str span, uint64_t when_absent, uint64_t *value) {
  struct eq_json j;
  *value = when_absent;
  if (!span.p) return true;
  eq_source_open(s, &j, span);
  return eq_json_u64(&j, value);
}

bool eq_source_named(const struct eq_source *s, const char *type, struct eq_str object, const char *what,
                     const struct eq_variant *variants, size_t n, void *into) {
  size_t i = 0;
  while (i < n && strcmp(type, variants[i].type) != 0) i++;
  return i < n ? variants[i].read(s, object, into)
               : eq_fail(s->err, EQ_BAD, "%s: %s '%s' is not supported", s->where, what, type);
}

bool eq_source_variant(const struct eq_source *s, struct eq_str object, const char *what,
                       const struct eq_variant *variants, size_t n, void *into) {
  char *type;
  if (!eq_source_type(s, object, &type)) return false;
  bool good = eq_source_named(s, type, object, what, variants, n, into);
  free(type);
  return good;
}

bool eq_source_each(const struct eq_source *s, struct eq_str array, eq_variant_reader read, void *into) {
  struct eq_json j;
  struct eq_str element;
  eq_source_open(s, &j, array);
  for (eq_json_begin(&j, '['); eq_json_next(&j);)
    if (!eq_json_skip(&j, &element) || !read(s, element, into)) return false;
  return eq_json_end(&j);
}

bool eq_source_sequence(const struct eq_source *s, struct eq_str object, const char *key, eq_variant_reader read,
                        void *into) {
  struct eq_str array;
  if (!eq_source_members(s, object, &key, &array, 1) || !array.p) return s->err->code == EQ_OK;
  return eq_source_each(s, array, read, into);
}
