#include "lib/text/pretokenizer_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/classes.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- stages ---- */

static struct eq_pretokenizer *cuts(struct eq_tokenizer *t) { return &t->stages[t->n_stages - 1].cuts; }

/* Adds a step that rewrites pieces: to the last stage when that has not cut yet, else to a new one. */
static bool add_rewrite(const struct eq_source *s, struct eq_tokenizer *t, struct eq_rewrite_step step) {
  if (t->n_stages == 1 || cuts(t)->n_steps) {
    if (t->n_stages == EQ_STAGES_MAX) {
      eq_rewrite_step_free(&step);
      return eq_fail(s->err, EQ_BAD, "%s: more than %d pre-tokenizers in a row", s->where, EQ_STAGES_MAX);
    }
    t->n_stages++;
    if (!eq_pretokenizer_open(cuts(t), &t->unicode, s->err)) {
      eq_rewrite_step_free(&step);
      return false;
    }
  }
  return eq_normalizer_add(&t->stages[t->n_stages - 1].rewrite, step, s->err);
}

static size_t count_bytes(const struct eq_normalizer *n) {
  size_t found = 0;
  for (size_t i = 0; i < n->n; i++) found += n->steps[i].kind == EQ_REWRITE_BYTES;
  return found;
}

bool eq_stages_end_in_bytes(const struct eq_tokenizer *t) {
  const struct eq_stage *last = &t->stages[t->n_stages - 1];
  size_t found = 0;
  for (size_t i = 0; i < t->n_stages; i++) found += count_bytes(&t->stages[i].rewrite);
  return found == 1 && t->n_stages > 1 && !last->cuts.n_steps &&
         last->rewrite.steps[last->rewrite.n - 1].kind == EQ_REWRITE_BYTES;
}

void eq_stages_drop_bytes(struct eq_tokenizer *t) {
  struct eq_stage *last = &t->stages[t->n_stages - 1];
  if (--last->rewrite.n) return;
  eq_normalizer_free(&last->rewrite);
  eq_pretokenizer_close(&last->cuts);
  t->n_stages--;
}

/* ---- kinds ---- */

/* "text" before a piece unless it begins so. */
static bool add_prefix(const struct eq_source *s, struct eq_tokenizer *t, const char *text, bool at_start) {
  struct eq_rewrite_step step = {
    .kind = EQ_REWRITE_PREPEND, .unless_there = true, .at_start = at_start, .text = eq_copy_string(text, strlen(text))
  };
  return step.text ? add_rewrite(s, t, step) : eq_fail_memory(s->err, strlen(text), "a prefix");
}

static bool read_byte_level(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "add_prefix_space", "use_regex" };
  struct eq_str found[2];
  bool prefix_space, use_regex;
  return eq_source_members(s, object, keys, found, 2) && eq_source_flag(s, found[0], true, &prefix_space) &&
         eq_source_flag(s, found[1], true, &use_regex) && (!prefix_space || add_prefix(s, into, " ", false)) &&
         (!use_regex || eq_pretokenizer_add_gpt2(cuts(into), s->err)) &&
         add_rewrite(s, into, (struct eq_rewrite_step){ .kind = EQ_REWRITE_BYTES });
}

static bool read_behavior(const struct eq_source *s, struct eq_str span, enum eq_split *split) {
  static const char *const names[] = { [EQ_SPLIT_ISOLATED] = "Isolated",
                                       [EQ_SPLIT_REMOVED] = "Removed",
                                       [EQ_SPLIT_PREVIOUS] = "MergedWithPrevious",
                                       [EQ_SPLIT_NEXT] = "MergedWithNext",
                                       [EQ_SPLIT_CONTIGUOUS] = "Contiguous" };
  char *name;
  size_t i = 0;
  *split = EQ_SPLIT_ISOLATED;
  if (!span.p) return true;
  if (!eq_source_string(s, span, &name)) return false;
  while (i < LENGTH(names) && strcmp(name, names[i]) != 0) i++;
  bool good =
      i < LENGTH(names) || eq_source_refuse(s, "split behavior", name,
                                            "Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous");
  *split = (enum eq_split)i;
  free(name);
  return good;
}

/* A pattern that matches just this text. */
static char *quote(const char *literal) {
  struct eq_buffer b = { 0 };
  eq_buffer_string(&b, "");
  for (; *literal; literal++) {
    if (strchr("\\^$.[]|()?*+{}-#", *literal)) eq_buffer_string(&b, "\\");
    eq_buffer_add(&b, literal, 1);
  }
  if (b.failed) eq_buffer_free(&b);
  return b.data;
}

/* {"Regex": "..."} or {"String": "..."} as a pattern; free it. NULL for no text, which is nowhere. */
static bool read_pattern(const struct eq_source *s, struct eq_str span, char **pattern) {
  static const char *const keys[] = { "Regex", "String" };
  struct eq_str found[2];
  char *literal;
  *pattern = NULL;
  if (!span.p || !eq_source_members(s, span, keys, found, 2))
    return eq_fail(s->err, EQ_BAD, "%s: Split has no pattern", s->where);
  if (found[0].p) return eq_source_string(s, found[0], pattern);
  if (!eq_source_string(s, found[1], &literal)) return false;
  bool is_empty = !*literal;
  *pattern = is_empty ? NULL : quote(literal);
  free(literal);
  return is_empty || *pattern || eq_fail_memory(s->err, found[1].n, "a pattern");
}

static bool read_split(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "pattern", "behavior", "invert" };
  struct eq_str found[3];
  char *pattern = NULL;
  enum eq_split split;
  bool invert;
  bool good = eq_source_members(s, object, keys, found, 3) && eq_source_flag(s, found[2], false, &invert) &&
              read_behavior(s, found[1], &split) && read_pattern(s, found[0], &pattern);
  if (good && pattern && !eq_pretokenizer_add_regex(cuts(into), eq_str(pattern), split, invert, s->err)) {
    eq_fail_prefix(s->err, "%s: ", s->where);
    good = false;
  }
  free(pattern);
  return good;
}

static bool read_digits(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "individual_digits" };
  struct eq_str found;
  bool individual;
  return eq_source_members(s, object, keys, &found, 1) && eq_source_flag(s, found, false, &individual) &&
         eq_pretokenizer_add_class(cuts(into), eq_is_numeric, individual ? EQ_SPLIT_ISOLATED : EQ_SPLIT_CONTIGUOUS,
                                   s->err);
}

static bool read_punctuation(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "behavior" };
  struct eq_str found;
  enum eq_split split;
  return eq_source_members(s, object, keys, &found, 1) && read_behavior(s, found, &split) &&
         eq_pretokenizer_add_class(cuts(into), eq_is_punctuation, split, s->err);
}

static bool read_whitespace(const struct eq_source *s, struct eq_str object, void *into) {
  (void)object;
  return eq_pretokenizer_add_words(cuts(into), s->err);
}

static bool read_scripts(const struct eq_source *s, struct eq_str object, void *into) {
  (void)object;
  return eq_pretokenizer_add_scripts(cuts(into), s->err);
}

static bool read_whitespace_split(const struct eq_source *s, struct eq_str object, void *into) {
  (void)object;
  return eq_pretokenizer_add_class(cuts(into), eq_is_space, EQ_SPLIT_REMOVED, s->err);
}

static bool read_bert(const struct eq_source *s, struct eq_str object, void *into) {
  return read_whitespace_split(s, object, into) &&
         eq_pretokenizer_add_class(cuts(into), eq_is_punctuation, EQ_SPLIT_ISOLATED, s->err);
}

/* The one character of a string. */
static bool read_character(const struct eq_source *s, struct eq_str span, char **text, uint32_t *c) {
  if (!eq_source_string(s, span, text)) return false;
  size_t n = strlen(*text);
  return (n && eq_utf8_decode(*text, n, c) == n) || eq_source_refuse(s, "character", *text, "just one");
}

static bool read_delimiter(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "delimiter" };
  struct eq_str found;
  char *text = NULL;
  uint32_t c;
  bool good = eq_source_members(s, object, keys, &found, 1) && read_character(s, found, &text, &c) &&
              eq_pretokenizer_add_character(cuts(into), c, EQ_SPLIT_REMOVED, s->err);
  free(text);
  return good;
}

/* Spaces become the replacement, which is put before a piece too, and begins a new one. */
static bool add_metaspace(const struct eq_source *s, struct eq_tokenizer *t, const char *replacement, uint32_t c,
                          const char *scheme, bool split) {
  struct eq_rewrite_step replace = { .kind = EQ_REWRITE_REPLACE,
                                     .text = eq_copy_string(" ", 1),
                                     .with = eq_copy_string(replacement, strlen(replacement)) };
  if (!replace.text || !replace.with) {
    eq_rewrite_step_free(&replace);
    return eq_fail_memory(s->err, 8, "a replacement");
  }
  bool always = !strcmp(scheme, "always"), first = !strcmp(scheme, "first");
  return add_rewrite(s, t, replace) && (!(always || first) || add_prefix(s, t, replacement, first)) &&
         (!split || eq_pretokenizer_add_character(cuts(t), c, EQ_SPLIT_NEXT, s->err));
}

static bool read_metaspace(const struct eq_source *s, struct eq_str object, void *into) {
  enum { REPLACEMENT, SCHEME, PREFIX_SPACE, SPLIT, N };
  static const char *const keys[N] = { "replacement", "prepend_scheme", "add_prefix_space", "split" };
  struct eq_str found[N];
  char *text = NULL, *scheme = NULL;
  uint32_t c;
  bool prefix_space, split;
  bool good = eq_source_members(s, object, keys, found, N) && read_character(s, found[REPLACEMENT], &text, &c) &&
              eq_source_string(s, found[SCHEME], &scheme) &&
              eq_source_flag(s, found[PREFIX_SPACE], true, &prefix_space) &&
              eq_source_flag(s, found[SPLIT], true, &split);
  if (good && strcmp(scheme, "") != 0 && strcmp(scheme, "always") != 0 && strcmp(scheme, "first") != 0 &&
      strcmp(scheme, "never") != 0)
    good = eq_source_refuse(s, "prepend_scheme", scheme, "always, first or never");
  good = good && add_metaspace(s, into, text, c, !prefix_space ? "never" : *scheme ? scheme : "always", split);
  free(text);
  free(scheme);
  return good;
}

static bool read_sequence(const struct eq_source *s, struct eq_str object, void *into);

/* To add a pre-tokenizer: a row here, its steps in normalizer.c and pretokenizer.c, a line in eq-token(1). */
static const struct eq_variant variants[] = {
  { "ByteLevel", read_byte_level },   { "Split", read_split },
  { "Digits", read_digits },          { "Punctuation", read_punctuation },
  { "Whitespace", read_whitespace },  { "WhitespaceSplit", read_whitespace_split },
  { "BertPreTokenizer", read_bert },  { "CharDelimiterSplit", read_delimiter },
  { "Metaspace", read_metaspace },    { "Sequence", read_sequence },
  { "UnicodeScripts", read_scripts },
};

static bool read(const struct eq_source *s, struct eq_str object, void *into) {
  return eq_source_variant(s, object, "pre-tokenizer", variants, LENGTH(variants), into);
}

static bool read_sequence(const struct eq_source *s, struct eq_str object, void *into) {
  return eq_source_sequence(s, object, "pretokenizers", read, into);
}

bool eq_pretokenizer_read(const struct eq_source *s, struct eq_str object, struct eq_tokenizer *t) {
  return read(s, object, t);
}
