#include "lib/measure/tokenization.h"

#include <math.h>
#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/text/classes.h"
#include "lib/text/scripts.h"
#include "lib/text/token_facts.h"

/* ---- a segment ---- */

unsigned char *eq_token_traits(const struct eq_tokenizer *t, struct eq_err *err) {
  size_t n = eq_tokenizer_vocab(t);
  unsigned char *traits = eq_array(n, 1);
  struct eq_buffer bytes = { 0 };
  for (uint32_t id = 0; traits && !bytes.failed && id < n; id++) {
    enum eq_token_kind kind = eq_token_facts(t, id).kind;
    bytes.size = 0;
    eq_token_bytes(t, id, &bytes);
    bool high = bytes.size == 1 && (unsigned char)bytes.data[0] >= 0x80;
    traits[id] = (unsigned char)((kind == EQ_TOKEN_UNKNOWN ? EQ_IS_UNKNOWN : 0) |
                                 (kind == EQ_TOKEN_BYTE || high ? EQ_IS_ONE_BYTE : 0));
  }
  if (!traits || bytes.failed) {
    eq_fail_memory(err, n, "a vocabulary");
    free(traits);
    traits = NULL;
  }
  eq_buffer_free(&bytes);
  return traits;
}

static void count_text(struct eq_str text, struct eq_segment_counts *s) {
  bool in_word = false;
  uint32_t c;
  s->bytes = text.n;
  s->chars = s->words = 0;
  for (size_t at = 0, n; at < text.n; at += n ? n : 1) {
    n = eq_utf8_decode(text.p + at, text.n - at, &c);
    bool space = n && (eq_is_space(c) || c == 0x1361); /* Ethiopic wordspace */
    unsigned script = n ? eq_script(c) : EQ_SCRIPT_UNKNOWN;
    bool letter = script > EQ_SCRIPT_INHERITED;
    s->chars++;
    s->words += !space && !in_word;
    in_word = !space;
    s->letters += letter;
    s->continuous += letter && eq_script_is_continuous(script);
  }
}

struct eq_segment_counts eq_segment_count(struct eq_str text, const uint32_t *ids, size_t n,
                                          const unsigned char *traits) {
  struct eq_segment_counts s = { n, EQ_ABSENT, EQ_ABSENT, EQ_ABSENT, EQ_ABSENT, EQ_ABSENT, 0, 0 };
  if (text.p) count_text(text, &s);
  if (!traits) return s;
  s.unknown = s.one_byte = 0;
  for (size_t i = 0; i < n; i++) {
    s.unknown += (traits[ids[i]] & EQ_IS_UNKNOWN) != 0;
    s.one_byte += (traits[ids[i]] & EQ_IS_ONE_BYTE) != 0;
  }
  return s;
}

/* ---- all of them ---- */

bool eq_tokenizations_add(struct eq_tokenizations *t, struct eq_str tokenizer, struct eq_str lang, struct eq_str id,
                          const struct eq_segment_counts *counts, struct eq_err *err) {
  struct eq_counted_segment *segments = eq_array_grow(t->segments, t->n, &t->capacity, sizeof *segments), s;
  if (segments) t->segments = segments;
  s.counts = *counts;
  if (!segments || !eq_names_add(&t->tokenizers, tokenizer.p ? tokenizer : eq_str(""), &s.tokenizer) ||
      !eq_names_add(&t->langs, lang, &s.lang) || !eq_names_add(&t->ids, id, &s.id))
    return eq_fail_memory(err, t->n * sizeof *segments, "segments");
  t->segments[t->n++] = s;
  return true;
}

void eq_tokenizations_free(struct eq_tokenizations *t) {
  eq_names_free(&t->tokenizers);
  eq_names_free(&t->langs);
  eq_names_free(&t->ids);
  free(t->segments);
  *t = (struct eq_tokenizations){ 0 };
}

static int compare(const void *a, const void *b) {
  const struct eq_counted_segment *x = a, *y = b;
  if (x->tokenizer != y->tokenizer) return x->tokenizer < y->tokenizer ? -1 : 1;
  if (x->lang != y->lang) return x->lang < y->lang ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

/* Renumbers in the order of bytes, and sorts. */
static bool sort(struct eq_tokenizations *t) {
  struct eq_names *const names[] = { &t->tokenizers, &t->langs, &t->ids };
  uint32_t *rank[3] = { NULL };
  bool good = true;
  for (size_t i = 0; i < 3; i++)
    good = good && (rank[i] = eq_array(names[i]->n, sizeof **rank)) && eq_names_sort(names[i], rank[i]);
  for (size_t i = 0; good && i < t->n; i++) {
    struct eq_counted_segment *s = &t->segments[i];
    s->tokenizer = rank[0][s->tokenizer];
    s->lang = rank[1][s->lang];
    s->id = rank[2][s->id];
  }
  if (good && t->n) qsort(t->segments, t->n, sizeof *t->segments, compare);
  for (size_t i = 0; i < 3; i++) free(rank[i]);
  return good;
}

/* Segments of one tokenizer and language, in the order of ids. */
struct group {
  const struct eq_counted_segment *segments;
  size_t n;
};

static struct group group_at(const struct eq_tokenizations *t, size_t at) {
  struct group g = { t->segments + at, 0 };
  while (at + g.n < t->n && g.segments[g.n].tokenizer == g.segments->tokenizer &&
         g.segments[g.n].lang == g.segments->lang)
    g.n++;
  return g;
}

/* Segments of one id from `at` on: how many, and their tokens. */
static size_t same_id(struct group g, size_t at, uint64_t *tokens) {
  size_t n = 0;
  *tokens = 0;
  for (; at + n < g.n && g.segments[at + n].id == g.segments[at].id; n++) *tokens += g.segments[at + n].counts.tokens;
  return n;
}

static double ratio(double over, double under) { return under > 0 ? over / under : NAN; }

static void pair(struct group g, struct group base, struct eq_tokenization *out) {
  uint64_t mine = 0, theirs = 0, m, b;
  for (size_t i = 0, j = 0; i < g.n && j < base.n;) {
    size_t n_mine = same_id(g, i, &m), n_base = same_id(base, j, &b);
    uint32_t id = g.segments[i].id, base_id = base.segments[j].id;
    if (id == base_id && n_mine == n_base) {
      mine += m;
      theirs += b;
      out->pairs += n_mine;
    }
    i += id <= base_id ? n_mine : 0;
    j += base_id <= id ? n_base : 0;
  }
  out->premium = ratio((double)mine, (double)theirs);
}

/* A sum that stays absent once a part of it is. */
static void add(uint64_t *sum, uint64_t x) { *sum = *sum == EQ_ABSENT || x == EQ_ABSENT ? EQ_ABSENT : *sum + x; }

static double of_all(uint64_t over, uint64_t under) {
  return over == EQ_ABSENT || under == EQ_ABSENT ? NAN : ratio((double)over, (double)under);
}

static struct eq_tokenization describe(const struct eq_tokenizations *t, struct group g, struct group base) {
  struct eq_segment_counts sum = { 0 };
  for (size_t i = 0; i < g.n; i++) {
    const struct eq_segment_counts *s = &g.segments[i].counts;
    const uint64_t parts[] = { s->tokens, s->unknown, s->one_byte, s->bytes,
                               s->chars,  s->words,   s->letters,  s->continuous };
    uint64_t *const sums[] = { &sum.tokens, &sum.unknown, &sum.one_byte, &sum.bytes,
                               &sum.chars,  &sum.words,   &sum.letters,  &sum.continuous };
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) add(sums[k], parts[k]);
  }
  struct eq_str tokenizer = t->tokenizers.items[g.segments->tokenizer];
  struct eq_tokenization out = { .tokenizer = tokenizer.n ? tokenizer : (struct eq_str){ 0 },
                                 .lang = t->langs.items[g.segments->lang],
                                 .segments = g.n,
                                 .bytes = sum.bytes,
                                 .chars = sum.chars,
                                 .words = sum.words,
                                 .tokens = sum.tokens,
                                 .bytes_token = of_all(sum.bytes, sum.tokens),
                                 .chars_token = of_all(sum.chars, sum.tokens),
                                 .tokens_word =
                                     2 * sum.continuous > sum.letters
                                         ? NAN
                                         : of_all(sum.words == EQ_ABSENT ? EQ_ABSENT : sum.tokens, sum.words),
                                 .byte_share = of_all(sum.one_byte, sum.tokens),
                                 .unknown_share = of_all(sum.unknown, sum.tokens) };
  pair(g, base, &out);
  return out;
}

/* The base language's group beside g, of the same tokenizer; empty when there is none. */
static struct group base_beside(const struct eq_tokenizations *t, struct group g, struct eq_str base) {
  for (size_t at = 0; at < t->n;) {
    struct group other = group_at(t, at);
    if (other.segments->tokenizer == g.segments->tokenizer && eq_str_equal(t->langs.items[other.segments->lang], base))
      return other;
    at += other.n;
  }
  return (struct group){ 0 };
}

struct eq_tokenization *eq_tokenizations_close(struct eq_tokenizations *t, struct eq_str base, size_t *n,
                                               struct eq_err *err) {
  size_t groups = 0;
  *n = 0;
  struct eq_tokenization *rows = NULL;
  if (sort(t)) {
    for (size_t at = 0; at < t->n; groups++) at += group_at(t, at).n;
    rows = eq_array(groups, sizeof *rows);
  }
  if (!rows) {
    eq_fail_memory(err, t->n * sizeof *t->segments, "segments");
    return NULL;
  }
  struct group beside = { 0 };
  for (size_t at = 0; at < t->n;) {
    struct group g = group_at(t, at);
    if (!at || g.segments->tokenizer != g.segments[-1].tokenizer) beside = base_beside(t, g, base);
    rows[(*n)++] = describe(t, g, beside);
    at += g.n;
  }
  return rows;
}
