/* windows.h: how a sequence longer than the context is cut, so that every token is scored once.
 *
 * Rows are inputs: row i sees tokens 0..i and predicts token i + 1, so n tokens make n - 1 rows. Window w begins at row
 * w * stride; it scores the rows that no window before it has scored, each with at least context - stride tokens
 * before it. The last window may be short. */
#ifndef EQ_MODEL_WINDOWS_H
#define EQ_MODEL_WINDOWS_H

#include <stddef.h>

struct eq_window {
  size_t first, n;   /* rows of the sequence */
  size_t score_from; /* of its rows, the first that is scored */
};

/* Windows of n_rows rows; 0 when there are no rows. 1 <= stride <= context. */
size_t eq_windows_count(size_t n_rows, size_t context, size_t stride);
struct eq_window eq_window_at(size_t n_rows, size_t context, size_t stride, size_t w);

#endif
