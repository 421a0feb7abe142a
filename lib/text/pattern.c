#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/text/pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/oniguruma.h"

enum { EXPRESSION_MAX = 10000, HEAP_LIMIT_KIB = 65536 };

/* PCRE2 says nothing of the work that it does, and its limits count steps of backtracking from one place only: not what
 * each of them passes over, nor the places. So a match is looked for within NEAR bytes first, in at most NEAR_STEPS;
 * that is bounded. One that takes more is looked for by the same expression with a callout at each of its items, where
 * the work is counted: CALLOUT for each, and the bytes that were passed over since the one before it. */
enum { NEAR = 256, NEAR_STEPS = 100, CALLOUT = 8, WORK_OF_BYTE = 1000, WORK_OF_TEXT = 200000000 };

struct eq_pattern {
  pcre2_code *code, *counting;
  pcre2_match_context *near;
  char *expression;
  bool to_the_end; /* \G knows where a search began: that is not moved */
};

/* `source` is what `expression` means in PCRE2's terms. */
static pcre2_code *compile(struct eq_str expression, struct eq_str source, uint32_t options, uint32_t jit,
                           struct eq_err *err) {
  int code = 0;
  PCRE2_SIZE at = 0;
  PCRE2_UCHAR message[120] = "";
  options |= PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE;
  pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)source.p, source.n, options, &code, &at, NULL);
  pcre2_get_error_message(code, message, sizeof message);
  if (!compiled)
    eq_fail(err, EQ_BAD, "pattern '%.*s': %s", EQ_STR(expression), (const char *)message);
  else
    pcre2_jit_compile(compiled, jit); /* where that fails the pattern is interpreted */
  return compiled;
}

static bool fill_in(struct eq_pattern *p, struct eq_str expression, struct eq_str source, struct eq_err *err) {
  p->code = compile(expression, source, 0, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD, err);
  p->counting = p->code ? compile(expression, source, PCRE2_AUTO_CALLOUT, PCRE2_JIT_COMPLETE, err) : NULL;
  if (!p->counting) return false;
  p->near = pcre2_match_context_create(NULL);
  p->expression = eq_copy_string(expression.p, expression.n);
  if (!p->near || !p->expression) return eq_fail_memory(err, expression.n, "a pattern");
  pcre2_set_match_limit(p->near, NEAR_STEPS);
  p->to_the_end = memmem(source.p, source.n, "\\G", 2);
  return true;
}

static struct eq_pattern *new_pattern(struct eq_str expression, struct eq_str source, struct eq_err *err) {
  struct eq_pattern *p = eq_array(1, sizeof *p);
  if (!p) eq_fail_memory(err, sizeof *p, "a pattern");
  if (p && fill_in(p, expression, source, err)) return p;
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
  pcre2_code_free(p->counting);
  pcre2_match_context_free(p->near);
  free(p->expression);
  free(p);
}

/* ---- cutting ---- */

/* A text that is being searched. */
struct search {
  const struct eq_pattern *p;
  const char *text;
  size_t n;
  pcre2_match_data *match;
  const PCRE2_SIZE *at; /* of the match: its start and end */
  /* Of searches that count. */
  pcre2_match_context *counted; /* NULL before the first */
  struct eq_pattern_work *work;
  size_t last; /* where the last callout was */
};

static int count(pcre2_callout_block *block, void *context) {
  struct search *s = context;
  const size_t at = block->current_position;
  s->work->done += CALLOUT + (at > s->last ? at - s->last : 0);
  s->last = at;
  return s->work->done > s->work->most ? PCRE2_ERROR_CALLOUT : 0;
}

static int match_far(struct search *s, size_t from) {
  PCRE2_SPTR text = (PCRE2_SPTR)s->text;
  if (!s->counted && !(s->counted = pcre2_match_context_create(NULL))) return PCRE2_ERROR_NOMEMORY;
  pcre2_set_callout(s->counted, count, s);
  pcre2_set_match_limit(s->counted, UINT32_MAX);
  pcre2_set_heap_limit(s->counted, HEAP_LIMIT_KIB);
  s->last = from;
  int found = pcre2_match(s->p->counting, text, s->n, from, PCRE2_NO_UTF_CHECK, s->match, s->counted);
  if (found != PCRE2_ERROR_JIT_STACKLIMIT) return found;
  /* the interpreter has the heap for its stack */
  return pcre2_match(s->p->counting, text, s->n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->match, s->counted);
}

/* The end of the stretch from `from` on that is near. */
static size_t near_end(const struct search *s, size_t from) {
  size_t end = from + NEAR;
  if (s->n - from <= NEAR) return s->n;
  while (((unsigned char)s->text[end] & 0xC0) == 0x80) end--;
  return end;
}

/* The first match from `from` on, as pcre2_match says it. */
static int find(struct search *s, size_t from) {
  while (!s->p->to_the_end) {
    const size_t end = near_end(s, from);
    const bool whole = end == s->n;
    const uint32_t options = PCRE2_NO_UTF_CHECK | (whole ? 0 : PCRE2_PARTIAL_HARD);
    const int found = pcre2_match(s->p->code, (PCRE2_SPTR)s->text, end, from, options, s->match, s->p->near);
    if (found > 0 ? whole || s->at[1] < end : found == PCRE2_ERROR_NOMATCH && whole) return found;
    /* none begins before the end; or one begins at s->at[0] unless what comes behind the end is against it */
    const size_t next = found == PCRE2_ERROR_NOMATCH ? end : found == PCRE2_ERROR_PARTIAL ? s->at[0] : from;
    if (next <= from) break;
    from = next;
  }
  return match_far(s, from);
}

static bool fail(const struct search *s, int code, size_t from, struct eq_err *err) {
  PCRE2_UCHAR message[120];
  if (code == PCRE2_ERROR_CALLOUT)
    return eq_fail(err, EQ_BAD,
                   "the pattern '%.60s' goes over the same bytes again and again: it takes more than %llu steps, the "
                   "most for a text of this length; cut the text into shorter segments",
                   s->p->expression, (unsigned long long)s->work->most);
  pcre2_get_error_message(code, message, sizeof message);
  return eq_fail(err, EQ_BAD, "the pattern '%.60s' fails from byte %zu of the text: %s", s->p->expression, from,
                 (const char *)message);
}

static bool cut(struct search *s, bool (*piece)(void *context, size_t start, size_t end, bool match), void *context,
                struct eq_err *err) {
  const PCRE2_SIZE *at = s->at;
  const char *text = s->text;
  const size_t n = s->n;
  size_t done = 0, last = SIZE_MAX; /* pieces before `done` are given; the last match ended at `last` */
  bool good = true;
  for (size_t from = 0; good && from <= n;) {
    int found = find(s, from);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0)
      good = fail(s, found, from, err);
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
  return good && (done == n || piece(context, done, n, false));
}

struct eq_pattern_work eq_pattern_work_of(size_t n) {
  return (struct eq_pattern_work){ .most = WORK_OF_TEXT + (uint64_t)n * WORK_OF_BYTE };
}

bool eq_pattern_cut(const struct eq_pattern *p, struct eq_pattern_work *work, const char *text, size_t n,
                    bool (*piece)(void *context, size_t start, size_t end, bool match), void *context,
                    struct eq_err *err) {
  struct eq_pattern_work own = eq_pattern_work_of(n);
  struct search s = { .p = p, .text = text, .n = n, .work = work ? work : &own };
  if (!(s.match = pcre2_match_data_create_from_pattern(p->code, NULL))) return eq_fail_memory(err, 256, "a match");
  s.at = pcre2_get_ovector_pointer(s.match);
  bool good = cut(&s, piece, context, err);
  pcre2_match_data_free(s.match);
  pcre2_match_context_free(s.counted);
  return good;
}
