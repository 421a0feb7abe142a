#include "lib/measure/coverage.h"

#include "lib/base/utf8.h"

/* Where a token begins in the text; its ends for the first token and behind the last, which takes no offsets. */
static size_t place_of(const struct eq_tokens *t, size_t token) {
  if (token == 0 || token >= t->ids.n) return token ? t->text.n : 0;
  return t->starts.n == t->ids.n ? eq_u32_at(t->starts, token) : SIZE_MAX;
}

void eq_coverage_add(const struct eq_tokens *t, size_t from, size_t to, uint64_t *bytes, uint64_t *chars) {
  if (from >= to || *bytes == EQ_ABSENT) return;
  size_t first = place_of(t, from), end = place_of(t, to);
  if (!t->text.p || first > end || end > t->text.n) {
    *bytes = *chars = EQ_ABSENT;
    return;
  }
  *bytes += end - first;
  *chars += eq_utf8_count(t->text.p + first, end - first);
}

void eq_coverage(const struct eq_tokens *t, size_t first_scored, uint64_t *bytes, uint64_t *chars) {
  *bytes = *chars = t->text.p ? 0 : EQ_ABSENT;
  eq_coverage_add(t, first_scored, t->ids.n ? t->ids.n : 1, bytes, chars);
}
