#include "lib/model/windows.h"

size_t eq_windows_count(size_t n_rows, const struct eq_cut *c) {
  if (n_rows == 0) return 0;
  if (c->whole) return n_rows < c->context ? 0 : 1 + (n_rows - c->context) / c->stride;
  if (c->stride > c->context) return (n_rows + c->stride - 1) / c->stride;
  return n_rows <= c->context ? 1 : 1 + (n_rows - c->context + c->stride - 1) / c->stride;
}

struct eq_window eq_window_at(size_t n_rows, const struct eq_cut *c, size_t w) {
  size_t first = w * c->stride, left = n_rows - first, seen = w && c->context > c->stride ? c->context - c->stride : 0;
  struct eq_window at = { first, left < c->context ? left : c->context, seen };
  if (c->full && at.n < c->context) {
    size_t earlier = c->context - at.n < first ? c->context - at.n : first;
    at = (struct eq_window){ first - earlier, at.n + earlier, at.score_from + earlier };
  }
  if (at.score_from < c->unscored) at.score_from = c->unscored;
  if (at.score_from > at.n) at.score_from = at.n;
  return at;
}

size_t eq_windows_scored(size_t n_rows, const struct eq_cut *c) {
  size_t scored = 0;
  for (size_t w = 0, n = eq_windows_count(n_rows, c); w < n; w++) {
    struct eq_window at = eq_window_at(n_rows, c, w);
    scored += at.n - at.score_from;
  }
  return scored;
}
