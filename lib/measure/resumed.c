#include "lib/measure/resumed.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/measure/names.h"

enum { NO_RECORD = 0 }; /* a segment's first cell is not noted yet */

struct eq_resumed {
  struct eq_names recipes, segments, others; /* segments: language, a 0 byte, id; others: digests */
  size_t n_recipes, n_words;                 /* words of a bit map */
  struct eq_resumed_terms terms;
  uint64_t *there;  /* [capacity][n_words] */
  uint64_t *record; /* [capacity]: 1 + `of` of the segment's cells */
  size_t capacity;
  uint64_t *missing; /* [n_words] */
  uint64_t found;
  struct eq_buffer key;
};

struct eq_resumed *eq_resumed_new(const struct eq_str *recipes, size_t n_recipes, struct eq_resumed_terms terms,
                                  struct eq_err *err) {
  struct eq_resumed *c = eq_array(1, sizeof *c);
  if (!c) return eq_fail_memory(err, sizeof *c, "cells"), NULL;
  c->n_recipes = n_recipes, c->n_words = (n_recipes + 63) / 64, c->terms = terms;
  bool ok = (c->missing = eq_array(c->n_words, sizeof *c->missing)) != NULL;
  uint32_t number;
  for (size_t r = 0; ok && r < n_recipes; r++) ok = eq_names_add(&c->recipes, recipes[r], &number);
  if (ok) return c;
  eq_fail_memory(err, n_recipes * sizeof *recipes, "cells");
  eq_resumed_free(c);
  return NULL;
}

void eq_resumed_free(struct eq_resumed *c) {
  if (!c) return;
  eq_names_free(&c->recipes);
  eq_names_free(&c->segments);
  eq_names_free(&c->others);
  eq_buffer_free(&c->key);
  free(c->there), free(c->record), free(c->missing);
  free(c);
}

uint64_t eq_resumed_found(const struct eq_resumed *c) { return c->found; }
uint32_t eq_resumed_of(const struct eq_record *tokens) { return (uint32_t)XXH64(tokens->raw.p, tokens->raw.n, 0); }

/* Room for the cells of one more segment. */
static bool grow(struct eq_resumed *c) {
  if (c->segments.n <= c->capacity) return true;
  size_t capacity = c->capacity ? 2 * c->capacity : 64;
  uint64_t *there = eq_array(capacity, c->n_words * sizeof *there), *record = eq_array(capacity, sizeof *record);
  if (there && record) {
    if (c->capacity) memcpy(there, c->there, c->capacity * c->n_words * sizeof *there);
    if (c->capacity) memcpy(record, c->record, c->capacity * sizeof *record);
    free(c->there), free(c->record);
    c->there = there, c->record = record, c->capacity = capacity;
    return true;
  }
  free(there), free(record);
  return false;
}

/* The number of a segment, whose cells there is room for then. */
static bool find_segment(struct eq_resumed *c, struct eq_str lang, struct eq_str id, uint32_t *segment,
                         struct eq_err *err) {
  c->key.size = 0;
  eq_buffer_add(&c->key, lang.p, lang.n);
  eq_buffer_add(&c->key, "", 1);
  eq_buffer_add(&c->key, id.p, id.n);
  return (!c->key.failed && eq_names_add(&c->segments, (struct eq_str){ c->key.data, c->key.size }, segment) &&
          grow(c)) ||
         eq_fail_memory(err, c->segments.n * c->n_words * sizeof *c->there, "cells");
}

/* ---- what is there ---- */

static bool stale(const struct eq_record *r, const char *what, struct eq_str found, struct eq_str expected,
                  struct eq_err *err) {
  struct eq_str nothing = eq_str("nothing");
  return eq_fail(err, EQ_BAD, "%s: is stale: record %llu has %s '%.*s', this run has '%.*s': it is left as it is",
                 r->where, (unsigned long long)r->number, what, EQ_STR(found.p ? found : nothing),
                 EQ_STR(expected.p ? expected : nothing));
}

static bool same(struct eq_str a, struct eq_str b) { return !a.p == !b.p && (!a.p || eq_str_equal(a, b)); }

static bool belongs(const struct eq_resumed *c, const struct eq_record *r, const struct eq_surprisal *s,
                    struct eq_err *err) {
  const struct eq_resumed_terms *t = &c->terms;
  static const char *const yes_no[] = { "no", "yes" };
  bool scored = !s->excluded.p;
  if (!same(s->model, t->model)) return stale(r, "model", s->model, t->model, err);
  if (!same(s->settings, t->settings)) return stale(r, "settings", s->settings, t->settings, err);
  if (!same(s->reference, t->reference)) return stale(r, "reference", s->reference, t->reference, err);
  if (scored && !s->nlls.bytes == t->nlls)
    return stale(r, "nlls", eq_str(yes_no[!t->nlls]), eq_str(yes_no[t->nlls]), err);
  if (scored && !s->experts.bytes == t->experts)
    return stale(r, "experts", eq_str(yes_no[!t->experts]), eq_str(yes_no[t->experts]), err);
  return s->of != EQ_ABSENT || eq_fail(err, EQ_BAD, "%s: record %llu (surprisal): 'of' is missing: it is left as it is",
                                       r->where, (unsigned long long)r->number);
}

static bool of_one_text(struct eq_resumed *c, uint32_t segment, uint64_t of) {
  if (c->record[segment] == NO_RECORD) c->record[segment] = 1 + of;
  return c->record[segment] == 1 + of;
}

static bool note_other(struct eq_resumed *c, const struct eq_record *r, bool *is_new, struct eq_err *err) {
  XXH128_canonical_t digest;
  uint32_t number;
  size_t before = c->others.n;
  XXH128_canonicalFromHash(&digest, XXH3_128bits(r->raw.p, r->raw.n));
  if (!eq_names_add(&c->others, (struct eq_str){ (const char *)&digest, sizeof digest }, &number))
    return eq_fail_memory(err, c->others.n * sizeof digest, "records");
  *is_new = c->others.n > before;
  return true;
}

bool eq_resumed_note(void *cells, const struct eq_record *r, struct eq_err *err) {
  struct eq_resumed *c = cells;
  struct eq_surprisal s;
  uint32_t segment, recipe;
  bool is_new;
  if (eq_record_is(r, &eq_kind_source)) return true;
  if (!eq_record_is(r, &eq_kind_surprisal)) return note_other(c, r, &is_new, err);
  if (!eq_record_get(r, &eq_kind_surprisal, &s, err) || !belongs(c, r, &s, err)) return false;
  if (!find_segment(c, s.lang, s.id, &segment, err)) return false;
  if (!of_one_text(c, segment, s.of))
    return eq_fail(err, EQ_BAD, "%s: record %llu (%.*s %.*s) was made of another text than those before it", r->where,
                   (unsigned long long)r->number, EQ_STR(s.lang), EQ_STR(s.id));
  c->found++;
  if (!eq_names_add(&c->recipes, s.recipe, &recipe)) return eq_fail_memory(err, s.recipe.n, "cells");
  if (recipe < c->n_recipes) c->there[segment * c->n_words + recipe / 64] |= UINT64_C(1) << recipe % 64;
  return true;
}

/* ---- what lacks ---- */

bool eq_resumed_take(struct eq_resumed *c, const struct eq_record *tokens, const uint64_t **missing, size_t *n_missing,
                     struct eq_err *err) {
  struct eq_tokens t;
  uint32_t segment;
  if (!eq_record_get(tokens, &eq_kind_tokens, &t, err) || !find_segment(c, t.lang, t.id, &segment, err)) return false;
  if (!of_one_text(c, segment, eq_resumed_of(tokens)))
    return eq_fail(err, EQ_BAD,
                   "%s: record %llu (%.*s %.*s) is not the one that its results were made of: are the text and the "
                   "tokenizer those of the run that is resumed?",
                   tokens->where, (unsigned long long)tokens->number, EQ_STR(t.lang), EQ_STR(t.id));
  uint64_t *there = c->there + segment * c->n_words;
  *n_missing = 0;
  for (size_t w = 0; w < c->n_words; w++) {
    uint64_t all = w + 1 < c->n_words || c->n_recipes % 64 == 0 ? UINT64_MAX : (UINT64_C(1) << c->n_recipes % 64) - 1;
    c->missing[w] = all & ~there[w];
    there[w] = all;
    *n_missing += (size_t)__builtin_popcountll(c->missing[w]);
  }
  *missing = c->missing;
  return true;
}

bool eq_resumed_take_other(struct eq_resumed *c, const struct eq_record *r, bool *missing, struct eq_err *err) {
  return note_other(c, r, missing, err);
}
