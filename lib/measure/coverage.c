#include "lib/measure/coverage.h"

#include "lib/base/utf8.h"

void eq_coverage(const struct eq_tokens *t, size_t first_scored, uint64_t *bytes, uint64_t *chars) {
  size_t from = 0;
  *bytes = *chars = EQ_ABSENT;
  if (!t->text.p) return;
  if (first_scored) {
    if (t->starts.n != t->ids.n) return;
    from = first_scored < t->starts.n ? eq_u32_at(t->starts, first_scored) : t->text.n;
    if (from > t->text.n) return;
  }
  *bytes = t->text.n - from;
  *chars = eq_utf8_count(t->text.p + from, t->text.n - from);
}
