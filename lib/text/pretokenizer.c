#include "lib/text/pretokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/classes.h"
#include "lib/text/pattern.h"
#include "lib/text/scripts.h"

/* What the patterns of the GPT family differ in. */
struct family {
  bool any_prefix;  /* one character before letters may be any but a letter, number or line break, not just a space */
  bool fold_case;   /* contractions in capitals too... */
  bool long_s;      /* ...and with a long s */
  bool break_lines; /* line breaks end a piece of white space, and follow punctuation */
  size_t numbers;   /* numbers in a piece at most; a space may stand before them when there is no limit */
};
static const struct family gpt2 = { .numbers = SIZE_MAX };
static const struct family qwen2 = {
  .any_prefix = true, .fold_case = true, .long_s = true, .break_lines = true, .numbers = 1
};
static const struct family llama3 = {
  .any_prefix = true, .fold_case = true, .long_s = true, .break_lines = true, .numbers = 3
};
/* As llama.cpp spells the last two. */
static const struct family qwen2_short = { .any_prefix = true, .fold_case = true, .break_lines = true, .numbers = 1 };
static const struct family llama3_short = { .any_prefix = true, .fold_case = true, .break_lines = true, .numbers = 3 };

/* To add a family: its parameters above, a row here for each spelling of its pattern, a line in eq-token(1). */
static const struct {
  const char *pattern;
  const struct family *family;
} known_patterns[] = {
  { "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", &gpt2 },
  { "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", &gpt2 },
  { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+",
    &qwen2 },
  { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    &llama3 },
  { "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    &qwen2_short },
  { "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    &llama3_short },
};

struct eq_step {
  /* End of the stretch at the start of text[0..n), n > 0, and whether it is of those that are looked for. */
  size_t (*cut)(const struct eq_step *s, const struct eq_unicode *u, const char *text, size_t n, bool *match);
  const struct family *family;
  bool (*is)(uint32_t c);
  uint32_t character;
  struct eq_pattern *pattern; /* instead of cut, unless NULL */
  enum eq_split split;
  bool invert;
};

/* ---- matchers ---- */

/* Properties of the code point at text[at], and its length; 0 and 0 at the end. */
static unsigned look(const struct eq_unicode *u, const char *text, size_t at, size_t n, size_t *length) {
  *length = 0;
  if (at >= n) return 0;
  uint32_t c;
  *length = eq_utf8_next(text + at, &c);
  return u->properties[c];
}

/* End of the run of code points at `at` that have one of `wanted` properties, or none of them when not `has`. */
static size_t run(const struct eq_unicode *u, const char *text, size_t at, size_t n, unsigned wanted, bool has) {
  uint32_t c;
  for (size_t length; at < n; at += length) {
    length = eq_utf8_next(text + at, &c);
    if (!(u->properties[c] & wanted) == has) break;
  }
  return at;
}

/* Length of the contraction at text[0..n), which starts with an apostrophe; 0 when there is none. */
static size_t contraction(const char *text, size_t n, const struct family *f) {
  static const char *const endings[] = { "s", "t", "re", "ve", "m", "ll", "d" };
  if (f->long_s && n >= 3 && !memcmp(text + 1, "\xC5\xBF", 2)) return 3;
  for (size_t e = 0; e < sizeof endings / sizeof *endings; e++) {
    size_t length = strlen(endings[e]), i = 0;
    while (i < length && 1 + i < n && (text[1 + i] | (f->fold_case ? 0x20 : 0)) == endings[e][i]) i++;
    if (i == length) return 1 + length;
  }
  return 0;
}

/* \s*[\r\n]+ where lines break, \s+(?!\S), \s+: the white space at the start of text. */
static size_t white_space(const struct family *f, const struct eq_unicode *u, const char *text, size_t n) {
  size_t end = 0, last = 0, breaks = 0, length;
  while (look(u, text, end, n, &length) & EQ_SPACE) {
    last = end;
    end += length;
    if (text[last] == '\n' || text[last] == '\r') breaks = end;
  }
  if (f->break_lines && breaks) return breaks;
  return end == n || last == 0 ? end : last; /* the last one goes with what follows, when others stand before it */
}

static size_t cut_family(const struct eq_step *s, const struct eq_unicode *u, const char *text, size_t n, bool *match) {
  const struct family *f = s->family;
  enum { NAMED = EQ_LETTER | EQ_NUMBER };
  size_t length, after;
  *match = true;
  if (*text == '\'' && (length = contraction(text, n, f))) return length;
  unsigned first = look(u, text, 0, n, &length), second = look(u, text, length, n, &after);
  if (first & EQ_LETTER) return run(u, text, length, n, EQ_LETTER, true);
  bool prefix = f->any_prefix ? !(first & (NAMED | EQ_BREAK)) : *text == ' ';
  if (prefix && (second & EQ_LETTER)) return run(u, text, length + after, n, EQ_LETTER, true);
  if (f->numbers == SIZE_MAX && ((first & EQ_NUMBER) || (*text == ' ' && (second & EQ_NUMBER))))
    return run(u, text, length, n, EQ_NUMBER, true);
  if (first & EQ_NUMBER) {
    size_t end = length;
    for (size_t i = 1; i < f->numbers && (look(u, text, end, n, &length) & EQ_NUMBER); i++) end += length;
    return end;
  }
  bool space_first = *text == ' ' && after && !(second & (NAMED | EQ_SPACE));
  if (!(first & EQ_SPACE) || space_first) {
    size_t end = run(u, text, length, n, NAMED | EQ_SPACE, false);
    return f->break_lines ? run(u, text, end, n, EQ_BREAK, true) : end;
  }
  return white_space(f, u, text, n);
}

/* A character that is looked for, or those up to the next such one. */
static size_t cut_characters(const struct eq_step *s, const struct eq_unicode *u, const char *text, size_t n,
                             bool *match) {
  (void)u;
  size_t at = 0;
  uint32_t c;
  while (at < n) {
    size_t length = eq_utf8_decode(text + at, n - at, &c);
    bool found = s->is ? s->is(c) : c == s->character;
    if (found) *match = at == 0;
    if (found) return at ? at : length;
    at += length;
  }
  *match = false;
  return n;
}

static size_t cut_words(const struct eq_step *s, const struct eq_unicode *u, const char *text, size_t n, bool *match) {
  (void)s;
  (void)u;
  uint32_t c;
  size_t at = eq_utf8_decode(text, n, &c);
  bool word = eq_is_word(c), space = eq_is_space(c);
  *match = !space;
  for (size_t length; at < n; at += length) {
    length = eq_utf8_decode(text + at, n - at, &c);
    if (eq_is_word(c) != word || eq_is_space(c) != space) break;
  }
  return at;
}

/* A run of one script, with what goes with any; at the start of a text the latter goes. */
static size_t cut_scripts(const struct eq_step *s, const struct eq_unicode *u, const char *text, size_t n,
                          bool *match) {
  (void)s;
  (void)u;
  uint32_t c;
  size_t at = eq_utf8_decode(text, n, &c);
  unsigned first = eq_script_9(c), script;
  *match = first == EQ_SCRIPT_UNKNOWN;
  for (size_t length; at < n; at += length) {
    length = eq_utf8_decode(text + at, n - at, &c);
    script = eq_script_9(c);
    if (script != EQ_SCRIPT_UNKNOWN && script != first) break;
  }
  return at;
}

/* ---- steps ---- */

bool eq_pretokenizer_open(struct eq_pretokenizer *p, const struct eq_unicode *unicode, struct eq_err *err) {
  *p = (struct eq_pretokenizer){ .unicode = unicode, .steps = eq_array(EQ_STEPS_MAX, sizeof *p->steps) };
  return p->steps || eq_fail_memory(err, EQ_STEPS_MAX * sizeof *p->steps, "a pre-tokenizer");
}

void eq_pretokenizer_close(struct eq_pretokenizer *p) {
  for (size_t i = 0; i < p->n_steps; i++) eq_pattern_free(p->steps[i].pattern);
  free(p->steps);
  *p = (struct eq_pretokenizer){ 0 };
}

static bool add_step(struct eq_pretokenizer *p, struct eq_step step, struct eq_err *err) {
  if (p->n_steps == EQ_STEPS_MAX) return eq_fail(err, EQ_BAD, "more than %d pre-tokenizers in a row", EQ_STEPS_MAX);
  p->steps[p->n_steps++] = step;
  return true;
}

bool eq_pretokenizer_add_gpt2(struct eq_pretokenizer *p, struct eq_err *err) {
  return add_step(p, (struct eq_step){ .cut = cut_family, .family = &gpt2 }, err);
}

bool eq_pretokenizer_add_qwen2(struct eq_pretokenizer *p, struct eq_err *err) {
  return add_step(p, (struct eq_step){ .cut = cut_family, .family = &qwen2 }, err);
}

bool eq_pretokenizer_add_class(struct eq_pretokenizer *p, bool (*is)(uint32_t c), enum eq_split split,
                               struct eq_err *err) {
  return add_step(p, (struct eq_step){ .cut = cut_characters, .is = is, .split = split }, err);
}

bool eq_pretokenizer_add_character(struct eq_pretokenizer *p, uint32_t c, enum eq_split split, struct eq_err *err) {
  return add_step(p, (struct eq_step){ .cut = cut_characters, .character = c, .split = split }, err);
}

bool eq_pretokenizer_add_words(struct eq_pretokenizer *p, struct eq_err *err) {
  return add_step(p, (struct eq_step){ .cut = cut_words, .split = EQ_SPLIT_REMOVED, .invert = true }, err);
}

bool eq_pretokenizer_add_scripts(struct eq_pretokenizer *p, struct eq_err *err) {
  return add_step(p, (struct eq_step){ .cut = cut_scripts, .split = EQ_SPLIT_REMOVED }, err);
}

/* The matcher of a pattern that is known; NULL for others. */
static const struct family *family_of(struct eq_str pattern) {
  for (size_t i = 0; i < sizeof known_patterns / sizeof *known_patterns; i++)
    if (eq_str_is(pattern, known_patterns[i].pattern)) return known_patterns[i].family;
  return NULL;
}

/* A step that a pattern, which may be NULL for want of one, goes into. */
static bool add_pattern(struct eq_pretokenizer *p, struct eq_step step, struct eq_err *err) {
  if (step.pattern && add_step(p, step, err)) return true;
  eq_pattern_free(step.pattern);
  return false;
}

bool eq_pretokenizer_add_regex(struct eq_pretokenizer *p, struct eq_str pattern, enum eq_split split, bool invert,
                               struct eq_err *err) {
  struct eq_step step = { .split = split, .invert = invert, .family = family_of(pattern) };
  if (step.family) {
    step.cut = cut_family;
    return add_step(p, step, err);
  }
  step.pattern = eq_pattern_new(pattern, err);
  return add_pattern(p, step, err);
}

bool eq_pretokenizer_add_pcre2(struct eq_pretokenizer *p, struct eq_str pattern, struct eq_err *err) {
  if (family_of(pattern)) return eq_pretokenizer_add_regex(p, pattern, EQ_SPLIT_ISOLATED, false, err);
  return add_pattern(p, (struct eq_step){ .pattern = eq_pattern_new_pcre2(pattern, err) }, err);
}

/* ---- cutting ---- */

struct cutting {
  const struct eq_pretokenizer *p;
  struct eq_pattern_work *work;
  const char *text;
  bool (*piece)(void *context, size_t start, size_t end);
  void *context;
  struct eq_err *err;
};

static bool cut_by(const struct cutting *c, size_t step, size_t start, size_t end);

/* A stretch that is being cut by a step, from text[start] on, and the piece that may yet grow. */
struct splitting {
  const struct cutting *c;
  size_t step, start;
  size_t piece_start, piece_end;
  bool waits, match; /* a piece waits; it, or the last that went into it, is of those that are looked for */
};

static bool give(const struct splitting *s, size_t start, size_t end) {
  return start == end || cut_by(s->c, s->step + 1, s->start + start, s->start + end);
}

/* Whether a stretch goes into the piece that waits. */
static bool joins(enum eq_split split, bool before, bool match) {
  switch (split) {
  case EQ_SPLIT_PREVIOUS: return match && !before;
  case EQ_SPLIT_NEXT: return before && !match;
  case EQ_SPLIT_CONTIGUOUS: return before == match;
  default: return false;
  }
}

static bool add_stretch(void *context, size_t start, size_t end, bool match) {
  struct splitting *s = context;
  const struct eq_step *step = &s->c->p->steps[s->step];
  match ^= step->invert;
  if (step->split == EQ_SPLIT_ISOLATED) return give(s, start, end);
  if (step->split == EQ_SPLIT_REMOVED) return match || give(s, start, end);
  bool join = s->waits && joins(step->split, s->match, match);
  if (s->waits && !join && !give(s, s->piece_start, s->piece_end)) return false;
  if (!join) s->piece_start = start;
  s->piece_end = end;
  s->waits = true;
  s->match = match;
  return true;
}

static bool split_by(struct splitting *s, const char *text, size_t n) {
  const struct eq_step *step = &s->c->p->steps[s->step];
  bool match;
  if (step->pattern) {
    if (!eq_pattern_cut(step->pattern, s->c->work, text, n, add_stretch, s, s->c->err)) return false;
  } else
    for (size_t at = 0, length; at < n; at += length) {
      length = step->cut(step, s->c->p->unicode, text + at, n - at, &match);
      if (!add_stretch(s, at, at + length, match)) return false;
    }
  return !s->waits || give(s, s->piece_start, s->piece_end);
}

/* Cuts text[start..end) by the steps from `step` on. */
static bool cut_by(const struct cutting *c, size_t step, size_t start, size_t end) {
  if (step == c->p->n_steps) return c->piece(c->context, start, end);
  const bool last = step + 1 == c->p->n_steps;
  const struct eq_step *s = &c->p->steps[step];
  if (s->pattern || s->split != EQ_SPLIT_ISOLATED) {
    struct splitting splitting = { .c = c, .step = step, .start = start };
    return split_by(&splitting, c->text + start, end - start);
  }
  while (start < end) {
    bool match;
    size_t n = s->cut(s, c->p->unicode, c->text + start, end - start, &match);
    if (!(last ? c->piece(c->context, start, start + n) : cut_by(c, step + 1, start, start + n))) return false;
    start += n;
  }
  return true;
}

bool eq_pretokenize(const struct eq_pretokenizer *p, struct eq_pattern_work *work, const char *text, size_t n,
                    bool (*piece)(void *context, size_t start, size_t end), void *context, struct eq_err *err) {
  struct cutting c = { p, work, text, piece, context, err };
  return !n || cut_by(&c, 0, 0, n);
}
