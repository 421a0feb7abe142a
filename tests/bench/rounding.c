/* Time of eq_round on a GPT-2-124M projection (3072 outputs of 768 inputs), one thread: ns a weight, best of 5. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/progress.h"
#include "lib/base/random.h"
#include "lib/recipe/rounding.h"
#include "lib/tensor/dtype.h"

enum { ROWS = 3072, COLS = 768, N = ROWS * COLS, RUNS = 5 };

static double best(struct eq_scheme scheme, const float *w, float *out, bool transposed) {
  double least = 1e9;
  for (int i = 0; i < RUNS; i++) {
    memcpy(out, w, N * sizeof *w);
    double began = eq_clock();
    eq_round(scheme, (struct eq_matrix){ out, ROWS, COLS, transposed });
    double took = eq_clock() - began;
    if (took < least) least = took;
  }
  return least * 1e9 / N;
}

static double best_decode(enum eq_dtype t, const void *bytes, float *out) {
  double least = 1e9;
  for (int i = 0; i < RUNS; i++) {
    double began = eq_clock();
    eq_dtype_decode(t, bytes, N, out);
    double took = eq_clock() - began;
    if (took < least) least = took;
  }
  return least * 1e9 / N;
}

int main(void) {
  static const char *const names[] = { "fp16",     "bf16",      "int8/tensor", "int4/tensor",
                                       "int4/row", "int4/g128", "int4/g32",    "u4/g128" };
  float *w = malloc(N * sizeof *w), *out = malloc(N * sizeof *out);
  if (!w || !out) return 2;
  for (size_t i = 0; i < N; i++) w[i] = (float)(eq_random_f64(1, 0, i) - 0.5);
  printf("%-12s %14s %14s   ns a weight\n", "rounding", "row-major", "transposed");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct eq_scheme scheme;
    if (!eq_scheme_parse(names[i], eq_str(names[i]), &scheme, NULL)) return 2;
    printf("%-12s %14.3f %14.3f\n", names[i], best(scheme, w, out, false), best(scheme, w, out, true));
  }
  printf("%-12s %14.3f\n", "F16 decode", best_decode(EQ_F16, w, out));
  printf("%-12s %14.3f\n", "BF16 decode", best_decode(EQ_BF16, w, out));
  free(w);
  free(out);
  return 0;
}
