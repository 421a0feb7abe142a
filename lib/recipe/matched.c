#include "lib/recipe/matched.h"

#include <stdlib.h>

#include "lib/base/buffer.h"
#include "lib/base/random.h"

enum { SUMS_MAX = 4 << 20 };

/* The sums of a stage and the same with one part more, each once, without those above hi. */
static bool next_sums(const struct eq_matched_stage *from, uint64_t size, uint64_t hi, struct eq_matched_stage *to) {
  size_t with = 0, without = 0;
  if (!(to->sums = eq_array(2 * from->n, sizeof *to->sums))) return false;
  while (without < from->n || with < from->n) {
    uint64_t a = without < from->n ? from->sums[without] : UINT64_MAX;
    uint64_t b = with < from->n ? from->sums[with] + size : UINT64_MAX, least = a < b ? a : b;
    without += a == least, with += b == least;
    if (least <= hi) to->sums[to->n++] = least;
  }
  return true;
}

/* Where a sum stands; stage->n when it is not there. */
static size_t find(const struct eq_matched_stage *s, uint64_t sum) {
  size_t lo = 0, hi = s->n;
  while (lo < hi) {
    size_t middle = lo + (hi - lo) / 2;
    if (s->sums[middle] < sum)
      lo = middle + 1;
    else
      hi = middle;
  }
  return lo < s->n && s->sums[lo] == sum ? lo : s->n;
}

static double ways(const struct eq_matched_stage *s, uint64_t sum) {
  size_t at = find(s, sum);
  return at < s->n ? s->counts[at] : 0;
}

static bool count_stage(struct eq_matched *m, size_t k, uint64_t lo) {
  struct eq_matched_stage *s = &m->stages[k];
  if (!(s->counts = eq_array(s->n, sizeof *s->counts))) return false;
  for (size_t i = 0; i < s->n; i++)
    s->counts[i] =
        k == m->n ? (double)(s->sums[i] >= lo) : ways(s + 1, s->sums[i]) + ways(s + 1, s->sums[i] + m->sizes[k]);
  return true;
}

bool eq_matched_count(struct eq_matched *m, const uint64_t *sizes, size_t n, uint64_t lo, uint64_t hi,
                      struct eq_err *err) {
  size_t kept = 1;
  *m = (struct eq_matched){ .n = n, .sizes = sizes, .stages = eq_array(n + 1, sizeof *m->stages) };
  bool ok = m->stages && (m->stages[0].sums = eq_array(1, sizeof(uint64_t)));
  if (ok) m->stages[0].n = 1; /* the empty sum, 0 */
  for (size_t k = 0; ok && k < n; k++) {
    ok = next_sums(&m->stages[k], sizes[k], hi, &m->stages[k + 1]);
    if (ok && (kept += m->stages[k + 1].n) > SUMS_MAX)
      return eq_fail(err, EQ_BAD, "%zu parts have too many different sizes: their sets cannot be counted", n);
  }
  for (size_t k = n + 1; ok && k-- > 0;) ok = count_stage(m, k, lo);
  if (!ok) return eq_fail_memory(err, kept * sizeof(uint64_t), "sums of sizes");
  m->count = m->stages[0].counts[0];
  return true;
}

void eq_matched_draw(const struct eq_matched *m, uint64_t seed, uint64_t i, bool *chosen) {
  uint64_t sum = 0;
  for (size_t k = 0; k < m->n; k++) {
    double with = ways(&m->stages[k + 1], sum + m->sizes[k]), without = ways(&m->stages[k + 1], sum);
    chosen[k] = eq_random_f64(seed, i, k) * (with + without) < with;
    if (chosen[k]) sum += m->sizes[k];
  }
}

void eq_matched_free(struct eq_matched *m) {
  for (size_t k = 0; m->stages && k <= m->n; k++) {
    free(m->stages[k].sums);
    free(m->stages[k].counts);
  }
  free(m->stages);
  *m = (struct eq_matched){ 0 };
}
