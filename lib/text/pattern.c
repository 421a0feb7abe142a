#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/text/pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

enum { EXPRESSION_MAX = 10000, MATCH_LIMIT = 1000000, HEAP_LIMIT_KIB = 65536 };

struct eq_pattern {
  pcre2_code *code;
  pcre2_match_context *limits;
};

/* White_Space of Unicode; PCRE2's \s has U+180E too. */
#define SPACES \
  "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

/* \w of Oniguruma in a class: letters, marks, decimal digits, number letters, connectors, letters in shapes, and what
 * of them Unicode 16 has and PCRE2's 14 has not. Alone it takes six numbers of Latin-1 too. */
#define WORDS                                                                                                     \
  "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{" \
  "1f189}"                                                                                                        \
  "\\x{897}\\x{cf3}\\x{ece}\\x{1c89}-\\x{1c8a}\\x{a7cb}-\\x{a7cd}\\x{a7da}-\\x{a7dc}"                             \
  "\\x{105c0}-\\x{105f3}\\x{10d40}-\\x{10d65}\\x{10d69}-\\x{10d6d}\\x{10d6f}-\\x{10d85}"                          \
  "\\x{10ec2}-\\x{10ec4}\\x{10efc}-\\x{10eff}\\x{1123f}-\\x{11241}\\x{11380}-\\x{11389}\\x{1138b}"                \
  "\\x{1138e}\\x{11390}-\\x{113b5}\\x{113b7}-\\x{113c0}\\x{113c2}\\x{113c5}\\x{113c7}-\\x{113ca}"                 \
  "\\x{113cc}-\\x{113d3}\\x{113e1}-\\x{113e2}\\x{116d0}-\\x{116e3}\\x{11bc0}-\\x{11be0}"                          \
  "\\x{11bf0}-\\x{11bf9}\\x{11f00}-\\x{11f10}\\x{11f12}-\\x{11f3a}\\x{11f3e}-\\x{11f42}"                          \
  "\\x{11f50}-\\x{11f5a}\\x{1342f}\\x{13440}-\\x{13455}\\x{13460}-\\x{143fa}\\x{16100}-\\x{16139}"                \
  "\\x{16d40}-\\x{16d6c}\\x{16d70}-\\x{16d79}\\x{18cff}\\x{1b132}\\x{1b155}\\x{1ccf0}-\\x{1ccf9}"                 \
  "\\x{1df25}-\\x{1df2a}\\x{1e030}-\\x{1e06d}\\x{1e08f}\\x{1e4d0}-\\x{1e4f9}\\x{1e5d0}-\\x{1e5fa}"                \
  "\\x{2b739}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}"
#define WORDS_ALONE WORDS "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define HEXADECIMAL "0-9a-fA-F"

/* Letters and numbers of Unicode 16, which Oniguruma knows and PCRE2 10.42, of Unicode 14, does not. */
#define LETTERS                                                                                         \
  "\\p{L}"                                                                                              \
  "\\x{1c89}-\\x{1c8a}\\x{a7cb}-\\x{a7cd}\\x{a7da}-\\x{a7dc}\\x{105c0}-\\x{105f3}\\x{10d4a}-\\x{10d65}" \
  "\\x{10d6f}-\\x{10d85}\\x{10ec2}-\\x{10ec4}\\x{1123f}-\\x{11240}\\x{11380}-\\x{11389}\\x{1138b}"      \
  "\\x{1138e}\\x{11390}-\\x{113b5}\\x{113b7}\\x{113d1}\\x{113d3}\\x{11bc0}-\\x{11be0}\\x{11f02}"        \
  "\\x{11f04}-\\x{11f10}\\x{11f12}-\\x{11f33}\\x{1342f}\\x{13441}-\\x{13446}\\x{13460}-\\x{143fa}"      \
  "\\x{16100}-\\x{1611d}\\x{16d40}-\\x{16d6c}\\x{18cff}\\x{1b132}\\x{1b155}\\x{1df25}-\\x{1df2a}"       \
  "\\x{1e030}-\\x{1e06d}\\x{1e4d0}-\\x{1e4eb}\\x{1e5d0}-\\x{1e5ed}\\x{1e5f0}\\x{2b739}"                 \
  "\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}"
#define NUMBERS                                                                          \
  "\\p{N}"                                                                               \
  "\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}\\x{11bf0}-\\x{11bf9}\\x{11f50}-\\x{11f59}" \
  "\\x{16130}-\\x{16139}\\x{16d70}-\\x{16d79}\\x{1ccf0}-\\x{1ccf9}\\x{1d2c0}-\\x{1d2d3}" \
  "\\x{1e4f0}-\\x{1e4f9}\\x{1e5f1}-\\x{1e5fa}"

/* Puts \p{L}, \P{L}, \p{N} and \P{N} in PCRE2's terms; bytes of the expression that were read, 0 when it is another. */
static size_t translate_property(struct eq_str rest, bool in_class, struct eq_buffer *out) {
  static const struct {
    const char *name, *members;
    bool positive;
  } properties[] = {
    { "\\p{L}", LETTERS, true }, { "\\p{N}", NUMBERS, true }, { "\\P{L}", LETTERS, false }, { "\\P{N}", NUMBERS, false }
  };
  for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
    size_t n = strlen(properties[i].name);
    if (rest.n < n || memcmp(rest.p, properties[i].name, n) != 0 || (in_class && !properties[i].positive)) continue;
    const char *open = in_class ? "" : properties[i].positive ? "[" : "[^";
    eq_buffer_format(out, "%s%s%s", open, properties[i].members, in_class ? "" : "]");
    return n;
  }
  return 0;
}

static void translate_escape(char letter, bool in_class, struct eq_buffer *out) {
  if (letter == 'w' || letter == 'h')
    eq_buffer_format(out, in_class ? "%s" : "[%s]", letter == 'h' ? HEXADECIMAL : in_class ? WORDS : WORDS_ALONE);
  else if ((letter == 'W' || letter == 'H') && !in_class)
    eq_buffer_format(out, "[^%s]", letter == 'W' ? WORDS_ALONE : HEXADECIMAL);
  else if (letter == 's')
    eq_buffer_string(out, in_class ? SPACES : "[" SPACES "]");
  else if (letter == 'S' && !in_class)
    eq_buffer_string(out, "[^" SPACES "]");
  else {
    eq_buffer_string(out, "\\");
    eq_buffer_add(out, &letter, 1);
  }
}

static bool translate(struct eq_str e, struct eq_buffer *out, struct eq_err *err) {
  bool in_class = false;
  for (size_t i = 0; i < e.n; i++) {
    char c = e.p[i], next = i + 1 < e.n ? e.p[i + 1] : 0;
    size_t property = translate_property((struct eq_str){ e.p + i, e.n - i }, in_class, out);
    if (property) {
      i += property - 1;
      continue;
    }
    if (c == '\\' && next) {
      translate_escape(next, in_class, out);
      i++;
      continue;
    }
    if (in_class && ((c == '[' && next != ':') || (c == '&' && next == '&')))
      return eq_fail(err, EQ_BAD, "pattern '%.*s': character %zu: sets of classes are not supported", EQ_STR(e), i);
    eq_buffer_add(out, &c, 1);
    if (in_class && c == '[') { /* [:alpha:] */
      while (i + 1 < e.n && e.p[i] != ']') eq_buffer_add(out, &e.p[++i], 1);
    } else if (c == '[') {
      in_class = true;
      if (next == '^') eq_buffer_add(out, &e.p[++i], 1);
      if (i + 1 < e.n && e.p[i + 1] == ']') eq_buffer_add(out, &e.p[++i], 1);
    } else if (c == ']')
      in_class = false;
  }
  return !out->failed || eq_fail_memory(err, e.n, "a pattern");
}

static bool compile(struct eq_pattern *p, struct eq_str expression, struct eq_err *err) {
  struct eq_buffer translated = { 0 };
  int code = 0;
  PCRE2_SIZE at = 0;
  if (!expression.n || expression.n > EXPRESSION_MAX)
    return eq_fail(err, EQ_BAD, "a pattern of %zu bytes, expected 1 to %d", expression.n, EXPRESSION_MAX);
  if (translate(expression, &translated, err)) {
    p->code = pcre2_compile((PCRE2_SPTR)translated.data, translated.size,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE, &code, &at, NULL);
    p->limits = pcre2_match_context_create(NULL);
    PCRE2_UCHAR message[120] = "";
    pcre2_get_error_message(code, message, sizeof message);
    if (!p->code)
      eq_fail(err, EQ_BAD, "pattern '%s': character %zu: %s", translated.data, (size_t)at, (const char *)message);
  }
  eq_buffer_free(&translated);
  if (!p->code) return false;
  if (!p->limits) return eq_fail_memory(err, 256, "a pattern");
  pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* where that fails the pattern is interpreted */
  pcre2_set_match_limit(p->limits, MATCH_LIMIT);
  pcre2_set_heap_limit(p->limits, HEAP_LIMIT_KIB);
  return true;
}

struct eq_pattern *eq_pattern_new(struct eq_str expression, struct eq_err *err) {
  struct eq_pattern *p = eq_array(1, sizeof *p);
  if (!p) eq_fail_memory(err, sizeof *p, "a pattern");
  if (p && compile(p, expression, err)) return p;
  eq_pattern_free(p);
  return NULL;
}

void eq_pattern_free(struct eq_pattern *p) {
  if (!p) return;
  pcre2_code_free(p->code);
  pcre2_match_context_free(p->limits);
  free(p);
}

static int match_at(const struct eq_pattern *p, const char *text, size_t n, size_t from, pcre2_match_data *match) {
  PCRE2_SPTR subject = (PCRE2_SPTR)text;
  int found = pcre2_match(p->code, subject, n, from, PCRE2_NO_UTF_CHECK, match, p->limits);
  if (found != PCRE2_ERROR_JIT_STACKLIMIT) return found;
  /* the interpreter has the heap for its stack */
  return pcre2_match(p->code, subject, n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match, p->limits);
}

static bool past_limit(int code, size_t at, struct eq_err *err) {
  PCRE2_UCHAR message[120];
  pcre2_get_error_message(code, message, sizeof message);
  return eq_fail(err, EQ_BAD, "the pre-tokenizer's pattern fails from byte %zu of the text: %s", at,
                 (const char *)message);
}

bool eq_pattern_cut(const struct eq_pattern *p, const char *text, size_t n,
                    bool (*piece)(void *context, size_t start, size_t end, bool match), void *context,
                    struct eq_err *err) {
  pcre2_match_data *match = pcre2_match_data_create_from_pattern(p->code, NULL);
  if (!match) return eq_fail_memory(err, 256, "a match");
  const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match);
  size_t done = 0, last = SIZE_MAX; /* pieces before `done` are given; the last match ended at `last` */
  bool good = true;
  for (size_t from = 0; good && from <= n;) {
    int found = match_at(p, text, n, from, match);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0)
      good = past_limit(found, from, err);
    else if (at[1] < at[0] || at[0] < done) { /* \K in a lookaround */
      from = at[0] > from ? at[0] : from;
      from += from < n ? eq_utf8_length(text + from, n - from) : 1;
    } else if (at[1] == at[0] && at[0] == last) { /* as regular expressions go on after a match */
      from = at[0] + (at[0] < n ? eq_utf8_length(text + at[0], n - at[0]) : 1);
    } else {
      good = (at[0] == done || piece(context, done, at[0], false)) && piece(context, at[0], at[1], true);
      from = done = last = at[1];
    }
  }
  pcre2_match_data_free(match);
  return good && (done == n || piece(context, done, n, false));
}
