#include "lib/text/pretokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/pattern.h"

/* What the patterns of the GPT family differ in. */
struct family {
  bool any_prefix;  /* one character before letters may be any but a letter, number or line break, not just a space */
  bool fold_case;   /* contractions in capitals too */
  bool break_lines; /* line breaks end a piece of white space, and follow punctuation */
  size_t numbers;   /* numbers in a piece at most; a space may stand before them when there is no limit */
};
static const struct family gpt2 = { .numbers = SIZE_MAX };
static const struct family qwen2 = { .any_prefix = true, .fold_case = true, .break_lines = true, .numbers = 1 };
static const struct family llama3 = { .any_prefix = true, .fold_case = true, .break_lines = true, .numbers = 3 };

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
};

struct eq_step {
  /* End of the piece at the start of text[0..n), n > 0. */
  size_t (*cut)(const struct eq_step *s, const struct eq_unicode *u, const char *text, size_t n);
  const struct family *family;
  bool each;                  /* digits */
  struct eq_pattern *pattern; /* instead of cut, unless NULL */
  bool drop_gaps;
};

/* ---- matchers ---- */

/* Properties of the code point at text[at], and its length; 0 and 0 at the end. */
static unsigned look(const struct eq_unicode *u, const char *text, size_t at, size_t n, size_t *length) {
  *length = 0;
  if (at >= n) return 0;
  uint32_t c = (unsigned char)text[at];
  *length = 1;
  if (c >= 0x80) *length = eq_utf8_decode(text + at, n - at, &c);
  return u->properties[c];
}

/* End of the run of code points at `at` that have one of `wanted` properties, or none of them when not `has`. */
static size_t run(const struct eq_unicode *u, const char *text, size_t at, size_t n, unsigned wanted, bool has) {
  size_t length;
  while (at < n) {
    bool found = look(u, text, at, n, &length) & wanted;
    if (found != has) break;
    at += length;
  }
  return at;
}

/* Length of the contraction at text[0..n), which starts with an apostrophe; 0 when there is none. */
static size_t contraction(const char *text, size_t n, bool fold_case) {
  static const char *const endings[] = { "s", "t", "re", "ve", "m", "ll", "d" };
  if (fold_case && n >= 3 && !memcmp(text + 1, "\xC5\xBF", 2)) return 3; /* long s folds to s */
  for (size_t e = 0; e < sizeof endings / sizeof *endings; e++) {
    size_t length = strlen(endings[e]), i = 0;
    while (i < length && 1 + i < n && (text[1 + i] | (fold_case ? 0x20 : 0)) == endings[e][i]) i++;
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

static size_t cut_family(const struct eq_step *s, const struct eq_unicode *u, const char *text, size_t n) {
  const struct family *f = s->family;
  enum { NAMED = EQ_LETTER | EQ_NUMBER };
  size_t length, after;
  if (*text == '\'' && (length = contraction(text, n, f->fold_case))) return length;
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

static size_t cut_digits(const struct eq_step *s, const struct eq_unicode *u, const char *text, size_t n) {
  size_t length;
  bool number = look(u, text, 0, n, &length) & EQ_NUMBER;
  return number && s->each ? length : run(u, text, length, n, EQ_NUMBER, number);
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

bool eq_pretokenizer_add_digits(struct eq_pretokenizer *p, bool each, struct eq_err *err) {
  return add_step(p, (struct eq_step){ .cut = cut_digits, .each = each }, err);
}

bool eq_pretokenizer_add_regex(struct eq_pretokenizer *p, struct eq_str pattern, bool drop_gaps, struct eq_err *err) {
  for (size_t i = 0; i < sizeof known_patterns / sizeof *known_patterns; i++)
    if (eq_str_is(pattern, known_patterns[i].pattern))
      return add_step(p, (struct eq_step){ .cut = cut_family, .family = known_patterns[i].family }, err);
  struct eq_step step = { .drop_gaps = drop_gaps, .pattern = eq_pattern_new(pattern, err) };
  if (step.pattern && add_step(p, step, err)) return true;
  eq_pattern_free(step.pattern);
  return false;
}

/* ---- cutting ---- */

struct cutting {
  const struct eq_pretokenizer *p;
  const char *text;
  bool (*piece)(void *context, size_t start, size_t end);
  void *context;
  struct eq_err *err;
};

static bool cut_by(const struct cutting *c, size_t step, size_t start, size_t end);

/* A stretch that a pattern cuts, from text[start] on. */
struct pattern_cutting {
  const struct cutting *c;
  size_t step, start;
};

static bool pattern_piece(void *context, size_t start, size_t end, bool match) {
  const struct pattern_cutting *p = context;
  if (!match && p->c->p->steps[p->step].drop_gaps) return true;
  return cut_by(p->c, p->step + 1, p->start + start, p->start + end);
}

/* Cuts text[start..end) by the steps from `step` on. */
static bool cut_by(const struct cutting *c, size_t step, size_t start, size_t end) {
  if (step == c->p->n_steps) return c->piece(c->context, start, end);
  const struct eq_step *s = &c->p->steps[step];
  struct pattern_cutting context = { c, step, start };
  if (s->pattern) return eq_pattern_cut(s->pattern, c->text + start, end - start, pattern_piece, &context, c->err);
  while (start < end) {
    size_t n = s->cut(s, c->p->unicode, c->text + start, end - start);
    if (!cut_by(c, step + 1, start, start + n)) return false;
    start += n;
  }
  return true;
}

bool eq_pretokenize(const struct eq_pretokenizer *p, const char *text, size_t n,
                    bool (*piece)(void *context, size_t start, size_t end), void *context, struct eq_err *err) {
  struct cutting c = { p, text, piece, context, err };
  return !n || cut_by(&c, 0, 0, n);
}
