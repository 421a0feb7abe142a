#include "lib/text/decoder_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/normalizer_file.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Takes the step when all of it could be read. */
static bool add(const struct eq_source *s, struct eq_decoder *d, struct eq_decode_step step, bool good) {
  if (good) return eq_decoder_add(d, step, s->err);
  eq_decode_step_free(&step);
  return false;
}

/* A string that must be there. */
static bool read_text(const struct eq_source *s, struct eq_str span, const char *key, char **text) {
  if (!span.p) return eq_fail(s->err, EQ_BAD, "%s: the decoder has no '%s'", s->where, key);
  return eq_source_string(s, span, text);
}

/* A string of one character. */
static bool read_character(const struct eq_source *s, struct eq_str span, const char *key, char **text) {
  if (!read_text(s, span, key, text)) return false;
  size_t n = strlen(*text);
  return (n && eq_utf8_length(*text, n) == n) ||
         eq_fail(s->err, EQ_BAD, "%s: the decoder's '%s' is '%s', expected one character", s->where, key, *text);
}

static bool read_byte_level(const struct eq_source *s, struct eq_str object, void *into) {
  (void)object;
  return add(s, into, (struct eq_decode_step){ .kind = EQ_DECODE_BYTES }, true);
}

static bool read_byte_fallback(const struct eq_source *s, struct eq_str object, void *into) {
  (void)object;
  return add(s, into, (struct eq_decode_step){ .kind = EQ_DECODE_BYTE_FALLBACK }, true);
}

static bool read_fuse(const struct eq_source *s, struct eq_str object, void *into) {
  (void)object;
  return add(s, into, (struct eq_decode_step){ .kind = EQ_DECODE_FUSE }, true);
}

static bool read_replace(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "pattern", "content" };
  struct eq_decode_step step = { .kind = EQ_DECODE_REPLACE };
  struct eq_str found[2];
  bool good = eq_source_members(s, object, keys, found, 2) &&
              eq_source_pattern(s, found[0], &step.pattern, &step.text) && read_text(s, found[1], keys[1], &step.with);
  return add(s, into, step, good);
}

static bool read_wordpiece(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "prefix", "cleanup" };
  struct eq_decode_step step = { .kind = EQ_DECODE_WORDPIECE };
  struct eq_str found[2];
  bool good = eq_source_members(s, object, keys, found, 2) && read_text(s, found[0], keys[0], &step.text) &&
              eq_source_flag(s, found[1], true, &step.clean);
  return add(s, into, step, good);
}

static bool read_strip(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "content", "start", "stop" };
  struct eq_decode_step step = { .kind = EQ_DECODE_STRIP };
  struct eq_str found[3];
  uint64_t left = 0, right = 0;
  bool good = eq_source_members(s, object, keys, found, 3) && read_character(s, found[0], keys[0], &step.text) &&
              eq_source_u64(s, found[1], 0, &left) && eq_source_u64(s, found[2], 0, &right);
  step.n_left = (size_t)left;
  step.n_right = (size_t)right;
  return add(s, into, step, good);
}

/* What the first text loses is the space that the pre-tokenizer of the same name puts before a text. */
static bool read_metaspace(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "replacement", "prepend_scheme", "add_prefix_space" };
  struct eq_decode_step step = { .kind = EQ_DECODE_METASPACE };
  struct eq_str found[3];
  char *scheme = NULL;
  bool prefix = true;
  bool good = eq_source_members(s, object, keys, found, 3) && read_character(s, found[0], keys[0], &step.text) &&
              eq_source_string(s, found[1], &scheme) && eq_source_flag(s, found[2], true, &prefix);
  if (good && found[1].p && strcmp(scheme, "always") != 0 && strcmp(scheme, "first") != 0 &&
      strcmp(scheme, "never") != 0)
    good = eq_source_refuse(s, "prepend_scheme", scheme, "always, first or never");
  step.clean = good && (found[1].p ? strcmp(scheme, "never") != 0 : prefix);
  free(scheme);
  return add(s, into, step, good);
}

static bool read_suffix(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "suffix" };
  struct eq_decode_step step = { .kind = EQ_DECODE_SUFFIX };
  struct eq_str found;
  bool good = eq_source_members(s, object, keys, &found, 1) && read_text(s, found, keys[0], &step.text);
  return add(s, into, step, good);
}

static bool read_ctc(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "pad_token", "word_delimiter_token", "cleanup" };
  struct eq_decode_step step = { .kind = EQ_DECODE_CTC };
  struct eq_str found[3];
  bool good = eq_source_members(s, object, keys, found, 3) && read_text(s, found[0], keys[0], &step.text) &&
              read_text(s, found[1], keys[1], &step.with) && eq_source_flag(s, found[2], true, &step.clean);
  return add(s, into, step, good);
}

static bool read_sequence(const struct eq_source *s, struct eq_str object, void *into);

/* To add a decoder: a row here, a kind in decoder.c, a line in eq-token(1). */
static const struct eq_variant variants[] = {
  { "ByteLevel", read_byte_level },
  { "Replace", read_replace },
  { "WordPiece", read_wordpiece },
  { "Fuse", read_fuse },
  { "Strip", read_strip },
  { "ByteFallback", read_byte_fallback },
  { "CTC", read_ctc },
  { "Metaspace", read_metaspace },
  { "BPEDecoder", read_suffix },
  { "Sequence", read_sequence },
};

static bool read(const struct eq_source *s, struct eq_str object, void *into) {
  return eq_source_variant(s, object, "decoder", variants, LENGTH(variants), into);
}

static bool read_sequence(const struct eq_source *s, struct eq_str object, void *into) {
  return eq_source_sequence(s, object, "decoders", read, into);
}

bool eq_decoder_read(const struct eq_source *s, struct eq_str object, struct eq_decoder *d) {
  return object.p ? read(s, object, d) : add(s, d, (struct eq_decode_step){ .kind = EQ_DECODE_SPACES }, true);
}
