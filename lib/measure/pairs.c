#include "lib/measure/pairs.h"

#include <math.h>

static bool alike(const struct eq_scores *s, const struct eq_score *r, const struct eq_score *b, struct eq_err *err) {
  const struct {
    const char *key;
    uint64_t recipe, base;
  } counts[] = { { "n_scored", r->n_scored, b->n_scored },
                 { "bytes", r->bytes, b->bytes },
                 { "chars", r->chars, b->chars },
                 { "vocab", r->vocab, b->vocab } };
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    if (counts[i].recipe != counts[i].base) {
      struct eq_str id = s->ids.items[r->id], lang = s->langs.items[r->lang];
      struct eq_str recipe = s->recipes.items[r->recipe], base = s->recipes.items[b->recipe];
      return eq_fail(err, EQ_BAD,
                     "segment '%.*s' of '%.*s' has %s %lld under recipe '%.*s' and %lld under the base '%.*s': a pair "
                     "must be one text, tokenized and cut alike (-1: absent)",
                     EQ_STR(id), EQ_STR(lang), counts[i].key, (long long)counts[i].recipe, EQ_STR(recipe),
                     (long long)counts[i].base, EQ_STR(base));
    }
  return true;
}

static void add(struct eq_pairs *p, const struct eq_score *r, const struct eq_score *b, uint32_t unit) {
  p->unit[p->n] = unit;
  p->delta[p->n] = (r->nll - b->nll) / M_LN2;
  p->bytes[p->n++] = (double)r->bytes;
  p->has_bytes = p->has_bytes && r->bytes != EQ_ABSENT;
  p->has_chars = p->has_chars && r->chars != EQ_ABSENT;
  p->tokens += r->n_scored;
  p->n_bytes += r->bytes;
  p->n_chars += r->chars;
  p->nll += r->nll;
  p->base_nll += b->nll;
  p->vocab = r->vocab;
}

/* One id, under the recipe, the base or both; the other is NULL. */
static bool count(struct eq_pairs *p, const struct eq_scores *s, const struct eq_score *r, const struct eq_score *b,
                  const uint32_t *unit_of, struct eq_err *err) {
  bool r_scored = r && !isnan(r->nll), b_scored = b && !isnan(b->nll);
  if (r_scored && b_scored) {
    if (!alike(s, r, b, err)) return false;
    add(p, r, b, unit_of[b->id]);
    return true;
  }
  if (r && b)
    p->unscored++;
  else
    p->unpaired++;
  p->lost += b_scored;
  return true;
}

bool eq_pairs_join(struct eq_pairs *p, const struct eq_scores *s, struct eq_score_rows recipe,
                   struct eq_score_rows base, const uint32_t *unit_of, struct eq_err *err) {
  *p = (struct eq_pairs){ .unit = p->unit, .delta = p->delta, .bytes = p->bytes, .vocab = EQ_ABSENT };
  p->has_bytes = p->has_chars = true;
  for (size_t i = 0, j = 0; i < recipe.n || j < base.n;) {
    const struct eq_score *r = i < recipe.n ? &recipe.rows[i] : NULL, *b = j < base.n ? &base.rows[j] : NULL;
    if (r && b && r->id != b->id) { /* the smaller id stands alone */
      if (r->id < b->id)
        b = NULL;
      else
        r = NULL;
    }
    if (!count(p, s, r, b, unit_of, err)) return false;
    i += r != NULL;
    j += b != NULL;
  }
  return true;
}
