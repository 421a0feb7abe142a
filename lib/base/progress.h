/* progress.h: one line on a terminal during long work: what, done of total, rate, time left. */
#ifndef EQ_BASE_PROGRESS_H
#define EQ_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Start from eq_progress_begin. Draws with `draw` (lib/tool gives one that writes to stderr when that is a terminal;
 * NULL draws nothing), at most ten times a second, so call eq_progress_add as often as you like, from one thread. */
struct eq_progress {
  const char *what, *unit; /* "scoring", "segments" */
  uint64_t done, total;    /* total 0: not known, then no time left is shown */
  double began, drawn;     /* seconds of a monotonic clock */
  void (*draw)(const char *line);
};

void eq_progress_begin(struct eq_progress *p, const char *what, const char *unit, uint64_t total,
                       void (*draw)(const char *line));
void eq_progress_add(struct eq_progress *p, uint64_t n);
/* So many of the total were done before: they are not to be waited for, and tell nothing of the rate. */
void eq_progress_skip(struct eq_progress *p, uint64_t n);
void eq_progress_end(struct eq_progress *p); /* clears the line */

/* Seconds of the monotonic clock. */
double eq_clock(void);

#endif
