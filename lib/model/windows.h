/* windows.h: how a sequence is cut into windows, and which of their rows are scored.
 *
 * Rows are inputs: row i sees tokens 0..i and predicts token i + 1, so n tokens make n - 1 rows. Window w begins at row
 * w * stride. With context and stride alone each row is scored once: window w scores those that no window before it
 * has scored, each with at least context - stride tokens before it, and the last window may be short. The rest of a cut
 * is for the ways in which other programs do it, see lib/measure/conventions.h. */
#ifndef EQ_MODEL_WINDOWS_H
#define EQ_MODEL_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>

struct eq_cut {
  size_t context, stride; /* rows, at least 1; rows between windows (stride > context) are not scored */
  size_t unscored;        /* rows at the start of every window that are not scored either; below context */
  bool whole;             /* a last window that is short is left out */
  bool full;              /* a last window that is short begins earlier, as the context of what it scores allows */
};

struct eq_window {
  size_t first, n;   /* rows of the sequence */
  size_t score_from; /* of its rows, the first that is scored */
};

/* Windows of n_rows rows; 0 when there are no rows. */
size_t eq_windows_count(size_t n_rows, const struct eq_cut *cut);
struct eq_window eq_window_at(size_t n_rows, const struct eq_cut *cut, size_t w);

/* How many rows are scored, all windows together. */
size_t eq_windows_scored(size_t n_rows, const struct eq_cut *cut);

#endif
