#include "lib/text/frame_file.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Puts n ids at the outside of those that are there, before them or after. */
static bool put(const struct eq_source *s, uint32_t **ids, size_t *n, const uint32_t *more, size_t n_more,
                bool before) {
  if (!n_more) return true;
  uint32_t *grown = realloc(*ids, (*n + n_more + 1) * sizeof *grown);
  if (!grown) return eq_fail_memory(s->err, *n + n_more, "a template");
  if (before) memmove(grown + n_more, grown, *n * sizeof *grown);
  memcpy(grown + (before ? 0 : *n), more, n_more * sizeof *more);
  *ids = grown;
  *n += n_more;
  return true;
}

static bool put_around(const struct eq_source *s, struct eq_frame *f, const struct eq_frame *outer) {
  return put(s, &f->before, &f->n_before, outer->before, outer->n_before, true) &&
         put(s, &f->after, &f->n_after, outer->after, outer->n_after, false);
}

/* ["[CLS]", 101] */
static bool read_pair(const struct eq_source *s, struct eq_str span, const char *key, uint32_t *id) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str text;
  uint64_t value = 0;
  if (!span.p) return eq_fail(s->err, EQ_BAD, "%s: the post-processor has no '%s'", s->where, key);
  eq_source_open(s, &j, span);
  bool good = eq_json_begin(&j, '[') && eq_json_next(&j) && eq_json_string(&j, &scratch, &text) && eq_json_next(&j) &&
              eq_json_u64(&j, &value) && !eq_json_next(&j) && eq_json_end(&j);
  eq_buffer_free(&scratch);
  if (!good || value >= EQ_VOCAB_MAX)
    return eq_fail(s->err, EQ_BAD, "%s: the post-processor's '%s' is not a token and its id", s->where, key);
  *id = (uint32_t)value;
  return true;
}

static bool read_cls_sep(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "cls", "sep" };
  struct eq_str span[2];
  uint32_t cls, sep;
  struct eq_frame outer = { &cls, &sep, 1, 1 };
  return eq_source_members(s, object, keys, span, 2) && read_pair(s, span[0], keys[0], &cls) &&
         read_pair(s, span[1], keys[1], &sep) && put_around(s, into, &outer);
}

static bool read_byte_level(const struct eq_source *s, struct eq_str object, void *into) {
  (void)s;
  (void)object;
  (void)into;
  return true;
}

/* ---- templates ---- */

struct template {
  struct eq_str special_tokens; /* {"[CLS]": {"ids": [101], ...}, ...} */
  struct eq_frame frame;
  bool after; /* the text has come */
};

static bool read_id(const struct eq_source *s, struct eq_str span, void *into) {
  struct template *t = into;
  uint64_t value;
  if (!eq_source_u64(s, span, 0, &value)) return false;
  if (value >= EQ_VOCAB_MAX) return eq_fail(s->err, EQ_BAD, "%s: the template has too large an id", s->where);
  uint32_t id = (uint32_t)value;
  return t->after ? put(s, &t->frame.after, &t->frame.n_after, &id, 1, false)
                  : put(s, &t->frame.before, &t->frame.n_before, &id, 1, false);
}

static bool read_special(const struct eq_source *s, struct eq_str object, struct template *t) {
  static const char *const keys[] = { "id" };
  struct eq_str span, token;
  char *name = NULL;
  const char *key;
  if (!eq_source_members(s, object, keys, &span, 1) || !eq_source_string(s, span, &name)) return false;
  key = name;
  bool good = t->special_tokens.p && eq_source_members(s, t->special_tokens, &key, &token, 1) && token.p;
  if (!good) eq_fail(s->err, EQ_BAD, "%s: the template's '%s' is not among its special tokens", s->where, name);
  good = good && eq_source_sequence(s, token, "ids", read_id, t);
  free(name);
  return good;
}

/* {"Sequence": {...}} is the text, {"SpecialToken": {"id": ...}} a token. */
static bool read_part(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "Sequence", "SpecialToken" };
  struct template *t = into;
  struct eq_str span[2];
  if (!eq_source_members(s, object, keys, span, 2)) return false;
  if (span[1].p) return read_special(s, span[1], t);
  if (span[0].p && !t->after) return t->after = true;
  return eq_fail(s->err, EQ_BAD, "%s: the template has the text twice, or what is neither text nor token", s->where);
}

static bool read_template(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "special_tokens" };
  struct template t = { 0 };
  bool good = eq_source_members(s, object, keys, &t.special_tokens, 1) &&
              eq_source_sequence(s, object, "single", read_part, &t) &&
              (t.after || eq_fail(s->err, EQ_BAD, "%s: the template leaves out the text", s->where)) &&
              put_around(s, into, &t.frame);
  free(t.frame.before);
  free(t.frame.after);
  return good;
}

static bool read_sequence(const struct eq_source *s, struct eq_str object, void *into);

/* To add a post-processor: a row here, a line in eq-token(1). */
static const struct eq_variant variants[] = {
  { "TemplateProcessing", read_template }, { "BertProcessing", read_cls_sep }, { "RobertaProcessing", read_cls_sep },
  { "ByteLevel", read_byte_level },        { "Sequence", read_sequence },
};

static bool read(const struct eq_source *s, struct eq_str object, void *into) {
  return eq_source_variant(s, object, "post-processor", variants, LENGTH(variants), into);
}

static bool read_sequence(const struct eq_source *s, struct eq_str object, void *into) {
  return eq_source_sequence(s, object, "processors", read, into);
}

bool eq_frame_read(const struct eq_source *s, struct eq_str object, struct eq_frame *frame) {
  return read(s, object, frame);
}
