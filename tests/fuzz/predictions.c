/* Any bytes as a file of kept predictions, and with digests that fit them: read or refused in one line. What was read
 * lies in the file and is found by its key. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/model/predictions.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { DIGEST = 16, BODY = 24, HEADER = 160 };

static float sum(const float *x, size_t n) {
  float total = 0;
  for (size_t i = 0; i < n; i++) total += x[i];
  return total;
}

static void read_it(const char *bytes, size_t n) {
  static volatile float sink;
  struct eq_predictions p;
  struct eq_err err = { 0 };
  bool good = eq_predictions_parse(&p, "x.logits", bytes, n, &err);
  if (good == (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
  if (!good) return;
  sink += sum(p.matrix, p.vocab * p.width);
  if (p.bias) sink += sum(p.bias, p.vocab);
  for (size_t i = 0; i < p.n_segments; i++) {
    const struct eq_kept_segment *s = eq_predictions_find(&p, p.segments[i].key);
    if (!s) abort();
    sink += sum(p.rows + s->first * p.width, s->n * p.width);
  }
  eq_predictions_close(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  char *copy = malloc(n + 1); /* aligned, as a mapping is */
  if (!copy) return 0;
  if (n) memcpy(copy, bytes, n);
  read_it(copy, n);
  if (n >= HEADER) {
    uint64_t digest = XXH3_64bits(copy + HEADER, n - HEADER);
    memcpy(copy + BODY, &digest, sizeof digest);
    memset(copy + DIGEST, 0, sizeof digest);
    digest = XXH3_64bits(copy, HEADER);
    memcpy(copy + DIGEST, &digest, sizeof digest);
    read_it(copy, n);
  }
  free(copy);
  return 0;
}
