#include "lib/recipe/select.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"

enum { LOW_BITS = 15, BUCKETS = 1 << 16 };

bool eq_pick_equal(struct eq_pick a, struct eq_pick b) {
  return a.kind == b.kind && a.share.n == b.share.n && a.share.unit == b.share.unit && a.seed == b.seed;
}

/* Magnitudes are ordered as their bits are. */
static uint32_t key_of(struct eq_pick pick, uint64_t stream, float w, uint64_t i) {
  uint32_t bits;
  if (pick.kind == EQ_PICK_RANDOM) return (uint32_t)eq_random_u64(pick.seed, stream, i) >> 1;
  memcpy(&bits, &w, sizeof bits);
  bits &= 0x7fffffffu;
  return pick.kind == EQ_PICK_LARGEST ? 0x7fffffffu - bits : bits;
}

bool eq_selection_begin(struct eq_selection *s, struct eq_pick pick, struct eq_err *err) {
  *s = (struct eq_selection){ .pick = pick, .counts = eq_array(BUCKETS, sizeof *s->counts) };
  return s->counts || eq_fail_memory(err, BUCKETS * sizeof *s->counts, "counts");
}

void eq_selection_free(struct eq_selection *s) { free(s->counts); }

void eq_selection_count(struct eq_selection *s, int pass, uint64_t stream, const float *w, uint64_t n) {
  if (pass == 0) s->n += n;
  for (uint64_t i = 0; i < n; i++) {
    uint32_t key = key_of(s->pick, stream, w[i], i);
    if (pass == 0)
      s->counts[key >> LOW_BITS]++;
    else if (key >> LOW_BITS == s->high)
      s->counts[key & ((1U << LOW_BITS) - 1)]++;
  }
}

/* The bucket in which the last of the picked is; what is picked before it is taken off. */
void eq_selection_end_pass(struct eq_selection *s, int pass) {
  uint32_t bucket = 0;
  if (pass == 0) s->left = eq_decimal_of(s->pick.share, s->n);
  if (pass == 0 && s->left == 0) s->none = true;
  if (s->none) return;
  /* the last bucket ends it also where the weights have changed since the first pass: their reader will say so */
  while (bucket + 1 < BUCKETS && s->counts[bucket] < s->left) s->left -= s->counts[bucket++];
  memset(s->counts, 0, BUCKETS * sizeof *s->counts);
  if (pass == 0)
    s->high = bucket;
  else
    s->key = s->high << LOW_BITS | bucket;
}

struct eq_threshold eq_selection_threshold(struct eq_selection *s, uint64_t stream, const float *w, uint64_t n) {
  struct eq_threshold t = { s->key, 0 };
  if (s->none) return (struct eq_threshold){ 0, 0 };
  for (uint64_t i = 0; i < n && s->left > 0; i++)
    if (key_of(s->pick, stream, w[i], i) == s->key) {
      t.limit = i + 1;
      s->left--;
    }
  return t;
}

bool eq_select(struct eq_pick pick, uint64_t stream, const float *w, uint64_t n, struct eq_threshold *t,
               struct eq_err *err) {
  struct eq_selection s;
  if (!eq_selection_begin(&s, pick, err)) return false;
  for (int pass = 0; pass < 2; pass++) {
    eq_selection_count(&s, pass, stream, w, n);
    eq_selection_end_pass(&s, pass);
  }
  *t = eq_selection_threshold(&s, stream, w, n);
  eq_selection_free(&s);
  return true;
}

bool eq_is_picked(struct eq_pick pick, struct eq_threshold t, uint64_t stream, float w, uint64_t i) {
  uint32_t key = key_of(pick, stream, w, i);
  return key < t.key || (key == t.key && i < t.limit);
}
