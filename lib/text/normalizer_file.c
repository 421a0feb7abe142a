#include "lib/text/normalizer_file.h"

#include <stdlib.h>

#include "lib/base/base64.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

bool eq_source_pattern(const struct eq_source *s, struct eq_str object, struct eq_pattern **pattern, char **text) {
  static const char *const keys[] = { "Regex", "String" };
  struct eq_str found[2];
  char *expression = NULL;
  *pattern = NULL;
  *text = NULL;
  if (!object.p) return eq_fail(s->err, EQ_BAD, "%s: no pattern to look for", s->where);
  if (!eq_source_members(s, object, keys, found, 2)) return false;
  if (!found[0].p) return eq_source_string(s, found[1], text);
  if (!eq_source_string(s, found[0], &expression)) return false;
  *pattern = eq_pattern_new(eq_str(expression), s->err);
  free(expression);
  if (!*pattern) eq_fail_prefix(s->err, "%s: ", s->where);
  return *pattern;
}

static bool add(const struct eq_source *s, struct eq_normalizer *n, struct eq_rewrite_step step) {
  return eq_normalizer_add(n, step, s->err);
}

/* Kinds without members. */
#define READ_SIMPLE(name, ...)                                                    \
  static bool name(const struct eq_source *s, struct eq_str object, void *into) { \
    (void)object;                                                                 \
    return add(s, into, (struct eq_rewrite_step){ __VA_ARGS__ });                 \
  }
READ_SIMPLE(read_nfc, .kind = EQ_REWRITE_FORM, .form = EQ_NFC_9)
READ_SIMPLE(read_nfd, .kind = EQ_REWRITE_FORM, .form = EQ_NFD_9)
READ_SIMPLE(read_nfkc, .kind = EQ_REWRITE_FORM, .form = EQ_NFKC_9)
READ_SIMPLE(read_nfkd, .kind = EQ_REWRITE_FORM, .form = EQ_NFKD_9)
READ_SIMPLE(read_lowercase, .kind = EQ_REWRITE_LOWERCASE)
READ_SIMPLE(read_strip_accents, .kind = EQ_REWRITE_ACCENTS)
READ_SIMPLE(read_nmt, .kind = EQ_REWRITE_NMT)
READ_SIMPLE(read_byte_level, .kind = EQ_REWRITE_BYTES)

static bool read_strip(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "strip_left", "strip_right" };
  struct eq_rewrite_step step = { .kind = EQ_REWRITE_STRIP };
  struct eq_str found[2];
  return eq_source_members(s, object, keys, found, 2) && eq_source_flag(s, found[0], true, &step.left) &&
         eq_source_flag(s, found[1], true, &step.right) && add(s, into, step);
}

/* A step whose one member is a text. */
static bool read_text(const struct eq_source *s, struct eq_str object, const char *key, enum eq_rewrite_kind kind,
                      struct eq_normalizer *into) {
  struct eq_rewrite_step step = { .kind = kind };
  struct eq_str found;
  return eq_source_members(s, object, &key, &found, 1) && eq_source_string(s, found, &step.text) && add(s, into, step);
}

static bool read_prepend(const struct eq_source *s, struct eq_str object, void *into) {
  return read_text(s, object, "prepend", EQ_REWRITE_PREPEND, into);
}

static bool read_append(const struct eq_source *s, struct eq_str object, void *into) {
  return read_text(s, object, "append", EQ_REWRITE_APPEND, into);
}

static bool read_replace(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "pattern", "content" };
  struct eq_rewrite_step step = { .kind = EQ_REWRITE_REPLACE };
  struct eq_str found[2];
  if (eq_source_members(s, object, keys, found, 2) && eq_source_pattern(s, found[0], &step.pattern, &step.text) &&
      eq_source_string(s, found[1], &step.with))
    return add(s, into, step);
  eq_rewrite_step_free(&step);
  return false;
}

static bool read_bert(const struct eq_source *s, struct eq_str object, void *into) {
  enum { CLEAN, IDEOGRAPHS, ACCENTS, LOWERCASE, N };
  static const char *const keys[N] = { "clean_text", "handle_chinese_chars", "strip_accents", "lowercase" };
  struct eq_str found[N];
  bool on[N];
  if (!eq_source_members(s, object, keys, found, N) || !eq_source_flag(s, found[CLEAN], true, &on[CLEAN]) ||
      !eq_source_flag(s, found[IDEOGRAPHS], true, &on[IDEOGRAPHS]) ||
      !eq_source_flag(s, found[LOWERCASE], true, &on[LOWERCASE]) ||
      !eq_source_flag(s, found[ACCENTS], on[LOWERCASE], &on[ACCENTS]))
    return false;
  const struct {
    int flag;
    struct eq_rewrite_step step;
  } steps[] = { { CLEAN, { .kind = EQ_REWRITE_CLEAN } },
                { IDEOGRAPHS, { .kind = EQ_REWRITE_IDEOGRAPHS } },
                { ACCENTS, { .kind = EQ_REWRITE_FORM, .form = EQ_NFD_9 } },
                { ACCENTS, { .kind = EQ_REWRITE_NONSPACING } },
                { LOWERCASE, { .kind = EQ_REWRITE_LOWERCASE } } };
  for (size_t i = 0; i < LENGTH(steps); i++)
    if (on[steps[i].flag] && !add(s, into, steps[i].step)) return false;
  return true;
}

static bool read_precompiled(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "precompiled_charsmap" };
  struct eq_str found;
  char *base64 = NULL;
  struct eq_buffer blob = { 0 };
  if (!eq_source_members(s, object, keys, &found, 1) || !eq_source_string(s, found, &base64)) return false;
  struct eq_rewrite_step step = { .kind = EQ_REWRITE_PRECOMPILED, .charsmap = eq_array(1, sizeof *step.charsmap) };
  bool good = eq_base64_decode(eq_str(base64), &blob) ||
              eq_fail(s->err, EQ_BAD, "%s: Precompiled's map is not base64", s->where);
  good = good && (step.charsmap || eq_fail_memory(s->err, sizeof *step.charsmap, "a charsmap"));
  if (good && blob.size && !eq_charsmap_open(step.charsmap, (struct eq_str){ blob.data, blob.size }, s->err)) {
    eq_fail_prefix(s->err, "%s: ", s->where);
    good = false;
  }
  bool empty = !blob.size;
  free(base64);
  eq_buffer_free(&blob);
  if (good && !empty) return add(s, into, step);
  eq_rewrite_step_free(&step);
  return good;
}

static bool read_sequence(const struct eq_source *s, struct eq_str object, void *into);

/* To add a normalizer: a row here, a kind in normalizer.c, a line in eq-token(1). */
static const struct eq_variant variants[] = {
  { "NFC", read_nfc },
  { "NFD", read_nfd },
  { "NFKC", read_nfkc },
  { "NFKD", read_nfkd },
  { "Lowercase", read_lowercase },
  { "Strip", read_strip },
  { "StripAccents", read_strip_accents },
  { "Prepend", read_prepend },
  { "Append", read_append },
  { "Replace", read_replace },
  { "BertNormalizer", read_bert },
  { "Precompiled", read_precompiled },
  { "Nmt", read_nmt },
  { "ByteLevel", read_byte_level },
  { "Sequence", read_sequence },
};

static bool read(const struct eq_source *s, struct eq_str object, void *into) {
  return eq_source_variant(s, object, "normalizer", variants, LENGTH(variants), into);
}

static bool read_sequence(const struct eq_source *s, struct eq_str object, void *into) {
  return eq_source_sequence(s, object, "normalizers", read, into);
}

bool eq_normalizer_read(const struct eq_source *s, struct eq_str object, struct eq_normalizer *n) {
  return read(s, object, n);
}
