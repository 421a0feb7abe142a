#include "lib/text/normal_form.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/base/utf8.h"
#include "lib/text/classes.h"

enum { DECOMPOSED_MAX = 32 };

/* What a form does: takes compatibility characters apart too, and composes again. */
static bool compatible(enum eq_form f) { return f == EQ_NFKC_9 || f == EQ_NFKD_9; }
static bool composes(enum eq_form f) { return f == EQ_NFC || f == EQ_NFC_9 || f == EQ_NFKC_9; }

/* Whether the form's version of Unicode does not know c as one that combines or decomposes. */
static bool inert(enum eq_form f, int32_t c) { return f != EQ_NFC && eq_is_after_9((uint32_t)c); }

static unsigned class_of(enum eq_form f, int32_t c) {
  return inert(f, c) ? 0 : (unsigned)utf8proc_get_property(c)->combining_class;
}

void eq_form_scratch_free(struct eq_form_scratch *s) {
  free(s->parts);
  free(s->spare);
  *s = (struct eq_form_scratch){ 0 };
}

static bool room(struct eq_form_scratch *s, size_t n) {
  if (n <= s->capacity) return true;
  size_t capacity = 2 * n;
  struct eq_form_part *parts = realloc(s->parts, capacity * sizeof *parts);
  if (parts) s->parts = parts;
  struct eq_form_part *spare = realloc(s->spare, capacity * sizeof *spare);
  if (spare) s->spare = spare;
  if (!parts || !spare) return false;
  s->capacity = capacity;
  return true;
}

bool eq_form_push(struct eq_form_scratch *s, size_t *n, uint32_t c, int32_t stands_for) {
  if (!room(s, *n + 1)) return false;
  s->parts[(*n)++] = (struct eq_form_part){ (int32_t)c, stands_for };
  return true;
}

static size_t next_length(const struct eq_rewriting *r) {
  return eq_utf8_length(r->in.text.p + r->at, r->in.text.n - r->at);
}

void eq_form_apply(const struct eq_form_scratch *s, size_t n, struct eq_rewriting *r) {
  for (size_t i = 0; i < n; i++) {
    const struct eq_form_part *p = &s->parts[i];
    if (p->stands_for <= 0 || r->at == r->in.text.n)
      eq_rewrite_insert(r, (uint32_t)p->c);
    else
      eq_rewrite_replace(r, next_length(r), (uint32_t)p->c);
    for (int32_t k = 1; k < p->stands_for; k++) eq_rewrite_drop(r, next_length(r));
  }
}

/* Full decomposition of a character; the number of code points. */
static size_t decompose(int32_t c, enum eq_form form, int32_t out[DECOMPOSED_MAX]) {
  int boundary = 0;
  utf8proc_option_t options = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (compatible(form) ? UTF8PROC_COMPAT : 0);
  utf8proc_ssize_t n = inert(form, c) ? 0 : utf8proc_decompose_char(c, out, DECOMPOSED_MAX, options, &boundary);
  if (n > 0 && n <= DECOMPOSED_MAX) return (size_t)n;
  out[0] = c;
  return 1;
}

/* Puts each run of combining marks into canonical order (by class, stable). Counting keeps long runs linear. */
static void order_marks(enum eq_form f, struct eq_form_part *p, size_t n, struct eq_form_part *spare) {
  for (size_t at = 0; at < n;) {
    size_t end = at;
    while (end < n && class_of(f, p[end].c)) end++;
    if (end - at > 1) {
      size_t count[257] = { 0 };
      for (size_t i = at; i < end; i++) count[class_of(f, p[i].c) + 1]++;
      for (size_t k = 1; k < 257; k++) count[k] += count[k - 1];
      for (size_t i = at; i < end; i++) spare[count[class_of(f, p[i].c)]++] = p[i];
      memcpy(p + at, spare, (end - at) * sizeof *p);
    }
    at = end + 1;
  }
}

/* The primary composite of two characters, 0 when there is none. */
static int32_t compose_pair(enum eq_form f, int32_t a, int32_t b) {
  int32_t pair[2] = { a, b };
  if (inert(f, a) || inert(f, b)) return 0;
  utf8proc_ssize_t n = utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  return n == 1 && !inert(f, pair[0]) ? pair[0] : 0;
}

/* Canonical composition, definition D117; the number of parts that are left. */
static size_t compose(enum eq_form f, struct eq_form_part *p, size_t n) {
  enum { NONE = -1 };
  size_t out = 0, starter = SIZE_MAX;
  int last = NONE; /* class of what stands between the starter and the next part */
  for (size_t i = 0; i < n; i++) {
    int class = (int)class_of(f, p[i].c);
    int32_t made = starter != SIZE_MAX && last < class ? compose_pair(f, p[starter].c, p[i].c) : 0;
    if (made) {
      p[starter].c = made;
      p[starter].stands_for += p[i].stands_for;
      continue;
    }
    if (class == 0) starter = out;
    last = class == 0 ? NONE : class;
    p[out++] = p[i];
  }
  return out;
}

/* Rewrites the next n bytes, which can be normalised by themselves. */
static bool normalise(struct eq_form_scratch *s, enum eq_form form, struct eq_rewriting *r, size_t n) {
  const char *text = r->in.text.p + r->at;
  size_t n_parts = 0;
  for (size_t i = 0; i < n;) {
    uint32_t c;
    int32_t made[DECOMPOSED_MAX];
    i += eq_utf8_decode(text + i, n - i, &c);
    size_t k = decompose((int32_t)c, form, made);
    for (size_t j = 0; j < k; j++)
      if (!eq_form_push(s, &n_parts, (uint32_t)made[j], j == 0)) return false;
  }
  order_marks(form, s->parts, n_parts, s->spare);
  if (composes(form)) n_parts = compose(form, s->parts, n_parts);
  eq_form_apply(s, n_parts, r);
  return true;
}

/* What a form asks about a character. */
struct looked_up {
  size_t n;       /* bytes */
  unsigned class; /* combining class */
  bool joins;     /* what stands before it may change it, or be changed by it */
  bool changes;   /* the form may replace it */
};

static struct looked_up look(const struct eq_unicode *u, enum eq_form form, struct eq_str text) {
  uint32_t c;
  struct looked_up l = { .n = eq_utf8_next(text.p, &c) };
  unsigned found = u->properties[c];
  if (found & EQ_COMBINING) l.class = class_of(form, (int32_t)c);
  l.joins = found & (EQ_COMBINING | EQ_NFC_MAYBE);
  l.changes = composes(form) && (found & EQ_NFC_MAYBE);
  if (form == EQ_NFC || form == EQ_NFC_9 || c < 0x80) return l;
  bool apart = utf8proc_get_property((int32_t)c)->decomp_seqindex != UINT16_MAX || (c >= 0xAC00 && c <= 0xD7A3);
  l.joins |= apart && compatible(form);
  l.changes |= apart;
  return l;
}

/* A stretch is what can be normalised by itself: a character that nothing before it can change, and those after it up
 * to the next such one. Its length. */
static size_t stretch(const struct eq_unicode *u, enum eq_form form, struct eq_str text, bool *changes) {
  struct looked_up l = look(u, form, text);
  size_t n = l.n;
  unsigned last = l.class;
  *changes = l.changes;
  while (n < text.n && (unsigned char)text.p[n] >= 0x80) {
    l = look(u, form, (struct eq_str){ text.p + n, text.n - n });
    if (!l.joins) break;
    *changes |= l.changes || (l.class && l.class < last);
    last = l.class;
    n += l.n;
  }
  return n;
}

/* Bytes at the start of characters that the form keeps, whatever stands beside them, and that such characters follow:
 * ASCII, and of forms that compose what has no combining class and does not compose. */
static size_t kept_run(const struct eq_unicode *u, enum eq_form form, struct eq_str text) {
  const unsigned changing = form == EQ_NFC || form == EQ_NFC_9 ? EQ_COMBINING | EQ_NFC_MAYBE : 0;
  size_t n = 0, last = 0;
  uint32_t c;
  for (size_t length; n < text.n; last = n, n += length) {
    length = eq_utf8_next(text.p + n, &c);
    if (c >= 0x80 && (!changing || u->properties[c] & changing)) return last;
  }
  return n;
}

void eq_form_rewrite(struct eq_form_scratch *s, const struct eq_unicode *u, enum eq_form form, struct eq_rewriting *r) {
  while (!r->failed && r->at < r->in.text.n) {
    struct eq_str rest = { r->in.text.p + r->at, r->in.text.n - r->at };
    size_t kept = kept_run(u, form, rest);
    bool changes;
    if (kept) {
      eq_rewrite_keep(r, kept);
      continue;
    }
    size_t n = stretch(u, form, rest, &changes);
    if (!changes)
      eq_rewrite_keep(r, n);
    else if (!normalise(s, form, r, n))
      r->failed = true;
  }
}
