/* Any bytes as the statistics of a model: taken or refused in one line; of what was taken every limit is a number. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/recipe/statistics.h"
#include "lib/stream/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { ROWS = 40, COLS = 12, PARAMS = 3 };
#define MATRIX(NAME, LAYER) \
  { .name = NAME, .layer = LAYER, .roles = EQ_LINEAR | EQ_MLP | EQ_UP, .rows = ROWS, .cols = COLS }
static const struct eq_parameter params[PARAMS] = { MATRIX("a.weight", 0), MATRIX("b.weight", 1),
                                                    MATRIX("c.weight", 2) };

static void use(const struct eq_statistics *s) {
  for (size_t i = 0; i < 2 * PARAMS; i++) {
    struct eq_scheme scheme = { .kind = EQ_INT, .bits = 3, .clip = i % 2 ? EQ_CLIP_LACIQ : EQ_CLIP_LACIQ_UNIFORM };
    double multiplier;
    struct eq_err err = { 0 };
    if (!eq_statistics_multiplier(s, &scheme, i / 2, params[i / 2].name, &multiplier, &err)) continue;
    if (!isfinite(multiplier) || multiplier < 0) abort();
  }
}

static void read_it(const void *bytes, size_t n) {
  struct eq_reader *in = eq_reader_memory(bytes, n, "s.mp", NULL);
  struct eq_statistics s;
  struct eq_err err = { 0 };
  if (!in) abort();
  bool ok = eq_statistics_read(&s, in, "golden@01234567", params, PARAMS, &err);
  if (ok == (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
  if (ok) use(&s);
  eq_statistics_close(&s);
  eq_reader_free(in);
}

/* Mutations break the trailer's digest: what can be read of the stream is also tried with one that fits. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_buffer mended = { 0 };
  struct eq_reader *in = eq_reader_memory(bytes, n, "s.mp", NULL);
  struct eq_writer *w = eq_writer_memory(&mended, NULL);
  struct eq_record r;
  if (!in || !w) abort();
  eq_write_header(w, (struct eq_str){ "", 0 }, "fuzz", "1", NULL, 0);
  while (eq_read(in, &r)) eq_write(w, &r);
  if (!eq_writer_finish(w, EQ_COMPLETE, NULL)) abort();
  read_it(bytes, n);
  read_it(mended.data, mended.size);
  eq_buffer_free(&mended);
  eq_reader_free(in);
  return 0;
}
