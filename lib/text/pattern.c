#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/text/pattern.h"

#include <pcre2.h>
#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/text/oniguruma.h"

enum { EXPRESSION_MAX = 10000, MATCH_LIMIT = 1000000, HEAP_LIMIT_KIB = 65536 };

struct eq_pattern {
  pcre2_code *code;
  pcre2_match_context *limits;
};

/* `source` is what `expression` means in PCRE2's terms. */
static bool compile(struct eq_pattern *p, struct eq_str expression, struct eq_str source, struct eq_err *err) {
  int code = 0;
  PCRE2_SIZE at = 0;
  PCRE2_UCHAR message[120] = "";
  p->code = pcre2_compile((PCRE2_SPTR)source.p, source.n,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE, &code, &at, NULL);
  p->limits = pcre2_match_context_create(NULL);
  pcre2_get_error_message(code, message, sizeof message);
  if (!p->code) return eq_fail(err, EQ_BAD, "pattern '%.*s': %s", EQ_STR(expression), (const char *)message);
  if (!p->limits) return eq_fail_memory(err, 256, "a pattern");
  pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* where that fails the pattern is interpreted */
  pcre2_set_match_limit(p->limits, MATCH_LIMIT);
  pcre2_set_heap_limit(p->limits, HEAP_LIMIT_KIB);
  return true;
}

static struct eq_pattern *new_pattern(struct eq_str expression, struct eq_str source, struct eq_err *err) {
  struct eq_pattern *p = eq_array(1, sizeof *p);
  if (!p) eq_fail_memory(err, sizeof *p, "a pattern");
  if (p && compile(p, expression, source, err)) return p;
  eq_pattern_free(p);
  return NULL;
}

struct eq_pattern *eq_pattern_new(struct eq_str expression, struct eq_err *err) {
  struct eq_buffer translated = { 0 };
  struct eq_pattern *p = NULL;
  if (expression.n > EXPRESSION_MAX)
    eq_fail(err, EQ_BAD, "a pattern of %zu bytes, expected at most %d", expression.n, EXPRESSION_MAX);
  else if (eq_oniguruma_translate(expression, &translated, err))
    p = new_pattern(expression, (struct eq_str){ translated.data, translated.size }, err);
  eq_buffer_free(&translated);
  return p;
}

struct eq_pattern *eq_pattern_new_pcre2(struct eq_str expression, struct eq_err *err) {
  return new_pattern(expression, expression, err);
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
