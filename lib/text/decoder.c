#include "lib/text/decoder.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/byte_alphabet.h"

/* ---- lists of texts ---- */

static struct eq_str text_at(const struct eq_text_list *t, size_t i) {
  size_t start = i ? t->ends[i - 1] : 0;
  return (struct eq_str){ t->bytes.data + start, t->ends[i] - start };
}

enum { TEXT_MAX = 1 << 30 };

bool eq_text_list_end(struct eq_text_list *t) {
  size_t *ends = eq_array_grow(t->ends, t->n, &t->capacity, sizeof *ends);
  if (!ends || t->bytes.failed || t->bytes.size > TEXT_MAX) return false;
  t->ends = ends;
  ends[t->n++] = t->bytes.size;
  return true;
}

void eq_text_list_clear(struct eq_text_list *t) { t->n = t->bytes.size = 0; }

static void add(struct eq_buffer *b, struct eq_str s) { eq_buffer_add(b, s.p, s.n); }

/* ---- steps ---- */

/* What a step is called with. */
struct job {
  const struct eq_decode_step *step;
  const struct eq_text_list *in;
  struct eq_text_list *out;
  struct eq_buffer *work; /* [2] */
  struct eq_pattern_work *matching;
  struct eq_err *err;
};

static bool spaces(const struct job *j) {
  for (size_t i = 0; i < j->in->n; i++) {
    if (i) eq_buffer_add(&j->out->bytes, " ", 1);
    add(&j->out->bytes, text_at(j->in, i));
  }
  return eq_text_list_end(j->out);
}

static bool fuse(const struct job *j) {
  if (j->in->n) add(&j->out->bytes, (struct eq_str){ j->in->bytes.data, j->in->bytes.size });
  return eq_text_list_end(j->out);
}

/* Adds the bytes that s spells in the alphabet, or s itself when a character is not of it. */
static void add_spelled(struct eq_buffer *b, struct eq_str s) {
  size_t before = b->size;
  uint32_t c;
  for (size_t i = 0, n; i < s.n; i += n) {
    n = eq_utf8_decode(s.p + i, s.n - i, &c);
    unsigned byte = n ? eq_character_byte(c) : EQ_NOT_A_BYTE;
    if (byte == EQ_NOT_A_BYTE) {
      b->size = before;
      add(b, s);
      return;
    }
    eq_buffer_add(b, &(char){ (char)byte }, 1);
  }
}

static bool bytes(const struct job *j) {
  struct eq_buffer *raw = &j->work[0];
  raw->size = 0;
  for (size_t i = 0; i < j->in->n; i++) add_spelled(raw, text_at(j->in, i));
  if (raw->failed) return false;
  eq_buffer_lossy(&j->out->bytes, raw->data, raw->size);
  return eq_text_list_end(j->out);
}

/* Replaces `what` from left to right; nothing stands between any two characters, and at the ends. */
static void add_replaced(struct eq_buffer *b, struct eq_str s, struct eq_str what, struct eq_str with) {
  const char *end = s.p + s.n, *found;
  for (; what.n && s.n && (found = memmem(s.p, s.n, what.p, what.n)); s = (struct eq_str){ s.p, (size_t)(end - s.p) }) {
    eq_buffer_add(b, s.p, (size_t)(found - s.p));
    add(b, with);
    s.p = found + what.n;
  }
  for (size_t i = 0, n; !what.n && i < s.n; i += n) {
    n = eq_utf8_length(s.p + i, s.n - i);
    add(b, with);
    eq_buffer_add(b, s.p + i, n);
  }
  if (what.n)
    add(b, s);
  else
    add(b, with);
}

struct replacing {
  const struct job *job;
  struct eq_str text;
};

static bool replace_match(void *context, size_t start, size_t end, bool match) {
  const struct replacing *r = context;
  add(&r->job->out->bytes, match ? eq_str(r->job->step->with) : (struct eq_str){ r->text.p + start, end - start });
  return true;
}

static bool replace(const struct job *j) {
  for (size_t i = 0; i < j->in->n; i++) {
    struct replacing r = { j, text_at(j->in, i) };
    if (r.text.n && j->step->pattern) {
      if (!eq_pattern_cut(j->step->pattern, j->matching, r.text.p, r.text.n, replace_match, &r, j->err)) return false;
    } else if (r.text.n) { /* nothing is found in nothing */
      add_replaced(&j->out->bytes, r.text, eq_str(j->step->text), eq_str(j->step->with));
    }
    if (!eq_text_list_end(j->out)) return false;
  }
  return true;
}

/* Adds `s` with what Hugging Face's cleanup does, one replacement after the other, in the order of the rows. */
static void add_clean(const struct job *j, struct eq_buffer *out, struct eq_str s) {
  static const struct {
    const char *what, *with;
  } rows[] = { { " .", "." },   { " ?", "?" },     { " !", "!" },    { " ,", "," },
               { " ' ", "'" },  { " n't", "n't" }, { " 'm", "'m" },  { " do not", " don't" },
               { " 's", "'s" }, { " 've", "'ve" }, { " 're", "'re" } };
  for (size_t i = 0, to = 0; i < sizeof rows / sizeof *rows; i++) {
    if (!s.n || !memmem(s.p, s.n, rows[i].what, strlen(rows[i].what))) continue;
    j->work[to].size = 0;
    add_replaced(&j->work[to], s, eq_str(rows[i].what), eq_str(rows[i].with));
    s = (struct eq_str){ j->work[to].data, j->work[to].size };
    to = !to;
  }
  if (j->work[0].failed || j->work[1].failed) out->failed = true;
  add(out, s);
}

static bool wordpiece(const struct job *j) {
  const struct eq_str prefix = eq_str(j->step->text);
  struct eq_buffer whole = { 0 };
  bool good = true;
  for (size_t i = 0; good && i < j->in->n; i++) {
    struct eq_str s = text_at(j->in, i);
    bool inside = i && s.n >= prefix.n && !memcmp(s.p, prefix.p, prefix.n);
    whole.size = 0;
    if (inside) s = (struct eq_str){ s.p + prefix.n, s.n - prefix.n };
    if (i && !inside) eq_buffer_add(&whole, " ", 1);
    add(&whole, s);
    s = (struct eq_str){ whole.data, whole.size };
    if (j->step->clean)
      add_clean(j, &j->out->bytes, s);
    else
      add(&j->out->bytes, s);
    good = !whole.failed && eq_text_list_end(j->out);
  }
  eq_buffer_free(&whole);
  return good;
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/* The byte that "<0xNN>" names, or -1. */
static int named_byte(struct eq_str s) {
  if (s.n != 6 || memcmp(s.p, "<0x", 3) != 0 || s.p[5] != '>') return -1;
  int high = hex_digit(s.p[3]), low = hex_digit(s.p[4]);
  return high < 0 || low < 0 ? -1 : 16 * high + low;
}

static bool end_run(const struct job *j, struct eq_buffer *run) {
  size_t n = run->size;
  if (run->failed) return false;
  run->size = 0;
  if (n && eq_utf8_invalid(run->data, n) == n) {
    eq_buffer_add(&j->out->bytes, run->data, n);
    return eq_text_list_end(j->out);
  }
  for (size_t i = 0; i < n; i++) {
    eq_buffer_string(&j->out->bytes, "\xEF\xBF\xBD");
    if (!eq_text_list_end(j->out)) return false;
  }
  return true;
}

static bool byte_fallback(const struct job *j) {
  struct eq_buffer *run = &j->work[0];
  run->size = 0;
  for (size_t i = 0; i < j->in->n; i++) {
    struct eq_str s = text_at(j->in, i);
    int byte = named_byte(s);
    if (byte >= 0) {
      eq_buffer_add(run, &(char){ (char)byte }, 1);
      continue;
    }
    if (!end_run(j, run)) return false;
    add(&j->out->bytes, s);
    if (!eq_text_list_end(j->out)) return false;
  }
  return end_run(j, run);
}

/* Both sides are counted in the whole text, and of one that is all `text` they may meet: then nothing stays. */
static bool strip(const struct job *j) {
  const struct eq_str c = eq_str(j->step->text);
  for (size_t i = 0; i < j->in->n; i++) {
    struct eq_str s = text_at(j->in, i);
    size_t left = 0, right = 0;
    for (size_t k = 0; k < j->step->n_left && s.n - left >= c.n && !memcmp(s.p + left, c.p, c.n); k++) left += c.n;
    for (size_t k = 0; k < j->step->n_right && s.n - right >= c.n && !memcmp(s.p + s.n - right - c.n, c.p, c.n); k++)
      right += c.n;
    if (left + right < s.n) eq_buffer_add(&j->out->bytes, s.p + left, s.n - left - right);
    if (!eq_text_list_end(j->out)) return false;
  }
  return true;
}

static bool metaspace(const struct job *j) {
  for (size_t i = 0; i < j->in->n; i++) {
    add_replaced(&j->out->bytes, text_at(j->in, i), eq_str(j->step->text), eq_str(i || !j->step->clean ? " " : ""));
    if (!eq_text_list_end(j->out)) return false;
  }
  return true;
}

static bool suffix(const struct job *j) {
  for (size_t i = 0; i < j->in->n; i++) {
    add_replaced(&j->out->bytes, text_at(j->in, i), eq_str(j->step->text), eq_str(i + 1 < j->in->n ? " " : ""));
    if (!eq_text_list_end(j->out)) return false;
  }
  return true;
}

static bool ctc(const struct job *j) {
  struct eq_buffer without = { 0 }, cleaned = { 0 };
  bool good = true;
  for (size_t i = 0; good && i < j->in->n; i++) {
    struct eq_str s = text_at(j->in, i);
    size_t before = j->out->bytes.size;
    if (i && eq_str_equal(s, text_at(j->in, i - 1))) continue;
    without.size = cleaned.size = 0;
    add_replaced(&without, s, eq_str(j->step->text), eq_str(""));
    s = (struct eq_str){ without.data, without.size };
    if (j->step->clean) {
      add_clean(j, &cleaned, s);
      add_replaced(&j->out->bytes, (struct eq_str){ cleaned.data, cleaned.size }, eq_str(j->step->with), eq_str(" "));
    } else {
      add(&j->out->bytes, s);
    }
    good = !without.failed && !cleaned.failed && (j->out->bytes.size == before || eq_text_list_end(j->out));
  }
  eq_buffer_free(&without);
  eq_buffer_free(&cleaned);
  return good;
}

static bool (*const kinds[EQ_DECODE_KINDS])(const struct job *j) = {
  [EQ_DECODE_SPACES] = spaces,   [EQ_DECODE_BYTES] = bytes,
  [EQ_DECODE_REPLACE] = replace, [EQ_DECODE_WORDPIECE] = wordpiece,
  [EQ_DECODE_FUSE] = fuse,       [EQ_DECODE_BYTE_FALLBACK] = byte_fallback,
  [EQ_DECODE_STRIP] = strip,     [EQ_DECODE_METASPACE] = metaspace,
  [EQ_DECODE_SUFFIX] = suffix,   [EQ_DECODE_CTC] = ctc,
};

/* ---- lists of steps ---- */

void eq_decode_step_free(struct eq_decode_step *step) {
  free(step->text);
  free(step->with);
  eq_pattern_free(step->pattern);
}

bool eq_decoder_add(struct eq_decoder *d, struct eq_decode_step step, struct eq_err *err) {
  struct eq_decode_step *steps = eq_array_grow(d->steps, d->n, &d->capacity, sizeof *steps);
  if (!steps) {
    eq_decode_step_free(&step);
    return eq_fail_memory(err, d->n * sizeof *steps, "a decoder");
  }
  d->steps = steps;
  steps[d->n++] = step;
  return true;
}

void eq_decoder_free(struct eq_decoder *d) {
  for (size_t i = 0; i < d->n; i++) eq_decode_step_free(&d->steps[i]);
  free(d->steps);
  *d = (struct eq_decoder){ 0 };
}

void eq_decode_scratch_free(struct eq_decode_scratch *s) {
  for (size_t i = 0; i < 2; i++) {
    eq_buffer_free(&s->texts[i].bytes);
    free(s->texts[i].ends);
    eq_buffer_free(&s->work[i]);
  }
}

bool eq_text_list_fail(const struct eq_text_list *t, struct eq_err *err) {
  return t->bytes.size > TEXT_MAX ? eq_fail(err, EQ_BAD, "the tokens stand for more than 1 GB of text")
                                  : eq_fail_memory(err, t->bytes.size, "a decoded text");
}

bool eq_decode(const struct eq_decoder *d, struct eq_decode_scratch *s, struct eq_buffer *out, struct eq_err *err) {
  struct eq_pattern_work matching = eq_pattern_work_of(s->texts[0].bytes.size);
  size_t from = 0;
  for (size_t i = 0; i < d->n; i++, from = !from) {
    struct job job = { &d->steps[i], &s->texts[from], &s->texts[!from], s->work, &matching, err };
    eq_text_list_clear(job.out);
    if (!kinds[job.step->kind](&job)) return eq_text_list_fail(job.out, err);
  }
  eq_buffer_add(out, s->texts[from].bytes.data, s->texts[from].bytes.size);
  return !out->failed || eq_fail_memory(err, out->size, "a decoded text");
}
