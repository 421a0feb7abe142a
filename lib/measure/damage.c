#include "lib/measure/damage.h"

#include <math.h>

struct eq_str eq_damage_flags(unsigned flags) {
  static const char *const texts[16] = {
    "",
    "saturated",
    "little-text",
    "saturated,little-text",
    "incomplete",
    "saturated,incomplete",
    "little-text,incomplete",
    "saturated,little-text,incomplete",
    "levels-down",
    "saturated,levels-down",
    "little-text,levels-down",
    "saturated,little-text,levels-down",
    "incomplete,levels-down",
    "saturated,incomplete,levels-down",
    "little-text,incomplete,levels-down",
    "saturated,little-text,incomplete,levels-down",
  };
  return eq_str(texts[flags & 15]);
}

static double finite_or_nan(double x) { return isfinite(x) ? x : NAN; }

static double per(double x, uint64_t n, bool known) { return known && n > 0 ? finite_or_nan(x / (double)n) : NAN; }

unsigned eq_damage_of(struct eq_damage *d, const struct eq_pairs *p) {
  double bits = p->nll / M_LN2;
  d->segments = p->n;
  d->excluded = p->unscored + p->unpaired;
  d->tokens = p->tokens;
  d->bytes = p->has_bytes ? p->n_bytes : EQ_ABSENT;
  d->bits_segment = per(bits, p->n, true);
  d->bits_byte = per(bits, p->n_bytes, p->has_bytes);
  d->bits_char = per(bits, p->n_chars, p->has_chars);
  d->ppl = finite_or_nan(exp(per(p->nll, p->tokens, true)));
  d->base_ppl = finite_or_nan(exp(per(p->base_nll, p->tokens, true)));
  d->deg = finite_or_nan(100 * (d->ppl / d->base_ppl - 1));
  unsigned flags = 0;
  if (p->vocab != EQ_ABSENT && p->nll > (double)p->tokens * log((double)p->vocab)) flags |= EQ_SATURATED;
  if (p->n < EQ_LITTLE_SEGMENTS || p->tokens < EQ_LITTLE_TOKENS) flags |= EQ_LITTLE_TEXT;
  if (p->lost) flags |= EQ_INCOMPLETE;
  return flags;
}
