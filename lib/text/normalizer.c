#include "lib/text/normalizer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/byte_alphabet.h"
#include "lib/text/classes.h"

/* What a step is called with. */
struct job {
  const struct eq_rewrite_step *step;
  const struct eq_unicode *unicode;
  struct eq_normalizer_scratch *scratch;
  bool at_start;
  struct eq_rewriting *r;
  struct eq_err *err;
};

/* The next character and its length; 0 at the end. */
static size_t next(const struct eq_rewriting *r, uint32_t *c) {
  return eq_utf8_decode(r->in.text.p + r->at, r->in.text.n - r->at, c);
}

/* Keeps ASCII up to what a step must look at: what is not between `first` and `last`. */
static void keep_ascii(struct eq_rewriting *r, unsigned char first, unsigned char last) {
  const unsigned char *p = (const unsigned char *)r->in.text.p, span = (unsigned char)(last - first);
  size_t at = r->at;
  while (at < r->in.text.n && (unsigned char)(p[at] - first) <= span) at++;
  eq_rewrite_keep(r, at - r->at);
}

static bool form(const struct job *j) {
  eq_form_rewrite(&j->scratch->form, j->unicode, j->step->form, j->r);
  return true;
}

static bool lowercase(const struct job *j) {
  uint32_t c, lower[2];
  for (size_t n;;) {
    keep_ascii(j->r, 'Z' + 1, 0x7F);
    keep_ascii(j->r, 0, 'A' - 1);
    if (!(n = next(j->r, &c))) break;
    size_t made = eq_lowercase(c, lower);
    eq_rewrite_replace(j->r, n, lower[0]);
    if (made == 2) eq_rewrite_insert(j->r, lower[1]);
  }
  return true;
}

static bool strip(const struct job *j) {
  uint32_t c;
  const struct eq_str text = j->r->in.text;
  size_t start = 0, end = text.n, at = text.n;
  for (size_t n; j->step->left && start < end && eq_utf8_decode(text.p + start, end - start, &c) && eq_is_space(c);
       start += n)
    n = eq_utf8_length(text.p + start, end - start);
  while (j->step->right && end > start) {
    do at--;
    while (at > start && ((unsigned char)text.p[at] & 0xC0) == 0x80);
    eq_utf8_decode(text.p + at, end - at, &c);
    if (!eq_is_space(c)) break;
    end = at;
  }
  eq_rewrite_drop(j->r, start);
  eq_rewrite_keep(j->r, end - start);
  eq_rewrite_drop(j->r, text.n - end);
  return true;
}

static void drop_all(const struct job *j, bool (*goes)(uint32_t c)) {
  uint32_t c;
  for (size_t n; keep_ascii(j->r, 0, 0x7F), (n = next(j->r, &c));)
    if (goes(c))
      eq_rewrite_drop(j->r, n);
    else
      eq_rewrite_keep(j->r, n);
}

static bool accents(const struct job *j) {
  drop_all(j, eq_is_mark);
  return true;
}

static bool nonspacing(const struct job *j) {
  drop_all(j, eq_is_nonspacing);
  return true;
}

static bool clean(const struct job *j) {
  uint32_t c;
  for (size_t n; keep_ascii(j->r, ' ', '~'), (n = next(j->r, &c));)
    if (c == '\t' || c == '\n' || c == '\r')
      eq_rewrite_replace(j->r, n, ' ');
    else if (c == 0 || c == 0xFFFD || eq_is_other(c))
      eq_rewrite_drop(j->r, n);
    else if (eq_is_space(c))
      eq_rewrite_replace(j->r, n, ' ');
    else
      eq_rewrite_keep(j->r, n);
  return true;
}

static bool ideographs(const struct job *j) {
  uint32_t c;
  for (size_t n; keep_ascii(j->r, 0, 0x7F), (n = next(j->r, &c));)
    if (eq_is_ideograph(c)) {
      eq_rewrite_replace(j->r, n, ' ');
      eq_rewrite_insert(j->r, c);
      eq_rewrite_insert(j->r, ' ');
    } else
      eq_rewrite_keep(j->r, n);
  return true;
}

static bool begins_with(struct eq_str text, struct eq_str with) {
  return text.n >= with.n && !memcmp(text.p, with.p, with.n);
}

static bool prepend(const struct job *j) {
  struct eq_str text = eq_str(j->step->text);
  bool there = j->step->unless_there && begins_with(j->r->in.text, text);
  if (!there && (j->at_start || !j->step->at_start)) eq_rewrite_prepend(j->r, text);
  return true;
}

static void insert_text(struct eq_rewriting *r, struct eq_str text) {
  uint32_t c;
  for (size_t i = 0, n; (n = eq_utf8_decode(text.p + i, text.n - i, &c)); i += n) eq_rewrite_insert(r, c);
}

static bool append(const struct job *j) {
  eq_rewrite_keep(j->r, j->r->in.text.n);
  if (j->r->in.text.n) insert_text(j->r, eq_str(j->step->text));
  return true;
}

static bool replace_match(void *context, size_t start, size_t end, bool match) {
  const struct job *j = context;
  if (!match) return true;
  eq_rewrite_keep(j->r, start - j->r->at);
  eq_rewrite_drop(j->r, end - start);
  insert_text(j->r, eq_str(j->step->with));
  return true;
}

static bool replace(const struct job *j) {
  struct job job = *j;
  const struct eq_str text = j->r->in.text;
  if (j->step->pattern)
    return eq_pattern_cut(j->step->pattern, j->scratch->work, text.p, text.n, replace_match, &job, j->err);
  struct eq_str what = eq_str(j->step->text);
  const char *end = text.p + text.n;
  for (const char *p = text.p, *found; what.n && p < end && (found = memmem(p, (size_t)(end - p), what.p, what.n));
       p = found + what.n)
    replace_match(&job, (size_t)(found - text.p), (size_t)(found - text.p) + what.n, true);
  return true;
}

static bool nmt(const struct job *j) {
  uint32_t c;
  for (size_t n; keep_ascii(j->r, ' ', '~'), (n = next(j->r, &c));)
    if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
      eq_rewrite_drop(j->r, n);
    else if (c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
             c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD)
      eq_rewrite_replace(j->r, n, ' ');
    else
      eq_rewrite_keep(j->r, n);
  return true;
}

/* The parts of a text that a charsmap rewrites, up to text[at]. */
struct clusters {
  const struct job *j;
  size_t at, n;
};

static bool keep_until(struct clusters *k, size_t end) {
  const struct eq_str text = k->j->r->in.text;
  uint32_t c;
  for (size_t n; k->at < end; k->at += n) {
    n = eq_utf8_decode(text.p + k->at, end - k->at, &c);
    if (!eq_form_push(&k->j->scratch->form, &k->n, c, 1)) return false;
  }
  return true;
}

/* Characters take the places of as many of the old. Of more, the last are put in; of fewer, the last, or else what
 * stands before, takes the rest, and where nothing does they count for what follows: the reference's way. */
static bool replace_cluster(void *context, size_t at, size_t size, struct eq_str to) {
  struct clusters *k = context;
  struct eq_form_scratch *form = &k->j->scratch->form;
  uint32_t c;
  if (!keep_until(k, at)) return false;
  size_t old = eq_utf8_count(k->j->r->in.text.p + at, size), new = eq_utf8_count(to.p, to.n);
  for (size_t i = 0, left = new, n; (n = eq_utf8_decode(to.p + i, to.n - i, &c)); i += n, left--)
    if (!eq_form_push(form, &k->n, c, new <= old || left > new - old)) return false;
  if (old > new && k->n) form->parts[k->n - 1].stands_for += (int32_t)(old - new);
  k->at = at + size;
  return true;
}

static bool precompiled(const struct job *j) {
  struct eq_rewriting *r = j->r;
  struct clusters k = { .j = j };
  if (!eq_charsmap_clusters(j->step->charsmap, r->in.text.p, r->in.text.n, replace_cluster, &k)) return false;
  if (!k.at) return true; /* nothing was replaced */
  if (!keep_until(&k, r->in.text.n)) return false;
  eq_form_apply(&j->scratch->form, k.n, r);
  eq_rewrite_drop(r, r->in.text.n - r->at);
  return true;
}

static bool bytes(const struct job *j) {
  uint32_t c;
  for (size_t n; keep_ascii(j->r, '!', '~'), (n = next(j->r, &c));) {
    const char *p = j->r->in.text.p + j->r->at;
    eq_rewrite_replace(j->r, n, eq_byte_character((unsigned char)p[0]));
    for (size_t i = 1; i < n; i++) eq_rewrite_insert(j->r, eq_byte_character((unsigned char)p[i]));
  }
  return true;
}

static bool llama(const struct job *j) {
  uint32_t c;
  for (size_t n; (n = next(j->r, &c));) {
    if (j->step->bare) c = eq_unicode_base(c);
    bool dirt = j->step->clean && (!c || c == 0xFFFD || eq_is_llama_control(c)) && !eq_is_space(c);
    if (dirt || (j->step->bare && eq_is_llama_mark(c)))
      eq_rewrite_drop(j->r, n);
    else
      eq_rewrite_replace(j->r, n, j->step->lower ? eq_llama_lowercase(c) : c);
  }
  return true;
}

static bool (*const kinds[EQ_REWRITE_KINDS])(const struct job *j) = {
  [EQ_REWRITE_FORM] = form,       [EQ_REWRITE_LOWERCASE] = lowercase,
  [EQ_REWRITE_STRIP] = strip,     [EQ_REWRITE_ACCENTS] = accents,
  [EQ_REWRITE_CLEAN] = clean,     [EQ_REWRITE_NONSPACING] = nonspacing,
  [EQ_REWRITE_PREPEND] = prepend, [EQ_REWRITE_IDEOGRAPHS] = ideographs,
  [EQ_REWRITE_APPEND] = append,   [EQ_REWRITE_REPLACE] = replace,
  [EQ_REWRITE_NMT] = nmt,         [EQ_REWRITE_PRECOMPILED] = precompiled,
  [EQ_REWRITE_BYTES] = bytes,     [EQ_REWRITE_LLAMA] = llama,
};

/* ---- lists of steps ---- */

void eq_rewrite_step_free(struct eq_rewrite_step *step) {
  free(step->text);
  free(step->with);
  eq_pattern_free(step->pattern);
  if (step->charsmap) eq_charsmap_close(step->charsmap);
  free(step->charsmap);
}

bool eq_normalizer_add(struct eq_normalizer *n, struct eq_rewrite_step step, struct eq_err *err) {
  struct eq_rewrite_step *steps = eq_array_grow(n->steps, n->n, &n->capacity, sizeof *steps);
  if (!steps) {
    eq_rewrite_step_free(&step);
    return eq_fail_memory(err, n->n * sizeof *steps, "a normalizer");
  }
  n->steps = steps;
  steps[n->n++] = step;
  return true;
}

void eq_normalizer_free(struct eq_normalizer *n) {
  for (size_t i = 0; i < n->n; i++) eq_rewrite_step_free(&n->steps[i]);
  free(n->steps);
  *n = (struct eq_normalizer){ 0 };
}

void eq_normalizer_scratch_free(struct eq_normalizer_scratch *s) {
  eq_aligned_free(&s->texts[0]);
  eq_aligned_free(&s->texts[1]);
  eq_form_scratch_free(&s->form);
}

/* A text may grow by a step; what no offset could count any more is refused. */
enum { TEXT_MAX = 1 << 30 };

bool eq_normalize(const struct eq_normalizer *n, const struct eq_unicode *u, struct eq_normalizer_scratch *s,
                  struct eq_str text, bool at_start, struct eq_view *result, struct eq_err *err) {
  *result = (struct eq_view){ .text = text };
  for (size_t i = 0, memory = 0; i < n->n; i++) {
    struct eq_rewriting r;
    struct job job = { &n->steps[i], u, s, at_start, &r, err };
    eq_rewrite_begin(&r, *result, &s->texts[memory]);
    if (!kinds[n->steps[i].kind](&job)) return eq_fail_memory(err, text.n, "a normalized text");
    if (!eq_rewrite_end(&r, result)) return eq_fail_memory(err, text.n, "a normalized text");
    if (result->text.n > TEXT_MAX) return eq_fail(err, EQ_BAD, "the text has more than 1 GB once it is normalized");
    if (r.changed) memory = !memory;
  }
  return true;
}
