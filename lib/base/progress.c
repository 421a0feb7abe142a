#include "lib/base/progress.h"

#include <stdio.h>
#include <time.h>

double eq_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void eq_progress_begin(struct eq_progress *p, const char *what, const char *unit, uint64_t total,
                       void (*draw)(const char *line)) {
  *p = (struct eq_progress){ what, unit, 0, total, draw ? eq_clock() : 0, 0, draw };
}

void eq_progress_add(struct eq_progress *p, uint64_t n) {
  p->done += n;
  if (!p->draw) return;
  double now = eq_clock(), elapsed = now - p->began;
  if (now - p->drawn < 0.1 || elapsed < 0.3) return; /* short work stays silent */
  p->drawn = now;
  double rate = (double)p->done / elapsed;
  char line[160];
  int n_line = snprintf(line, sizeof line, "%s: %llu", p->what, (unsigned long long)p->done);
  size_t at = n_line > 0 ? (size_t)n_line : 0;
  if (p->total && p->done) {
    double left = (double)(p->total > p->done ? p->total - p->done : 0) / rate;
    snprintf(line + at, sizeof line - at, " of %llu %s, %.0f/s, %.0f s left", (unsigned long long)p->total, p->unit,
             rate, left);
  } else
    snprintf(line + at, sizeof line - at, " %s, %.0f/s", p->unit, rate);
  p->draw(line);
}

void eq_progress_skip(struct eq_progress *p, uint64_t n) {
  if (p->total) p->total = p->total > n ? p->total - n : 1;
}

void eq_progress_end(struct eq_progress *p) {
  if (p->draw && p->drawn > 0) p->draw("");
}
