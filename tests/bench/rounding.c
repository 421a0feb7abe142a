/* Time of treatments and of eq_round on a GPT-2-124M projection (3072 outputs of 768 inputs), one thread: ns a weight,
 * best of 5. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/progress.h"
#include "lib/base/random.h"
#include "lib/recipe/recipe.h"
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

static const float *weights; /* [ROWS][COLS] */

static bool load(void *context, size_t param, float *out, struct eq_err *err) {
  (void)context, (void)param, (void)err;
  memcpy(out, weights, N * sizeof *out);
  return true;
}

static struct eq_extremes extremes(void *context, size_t param) {
  (void)context, (void)param;
  return eq_extremes_of(weights, N);
}

/* What a whole matrix takes under a recipe: to prepare, and to treat, ns a weight. */
static void print_treated(const char *text, const float *w, float *out, struct eq_pool *pool) {
  const struct eq_parameter p = { .name = "w", .layer = 0, .roles = EQ_LINEAR, .rows = ROWS, .cols = COLS };
  float scratch[2 * COLS];
  double least = 1e9, began = eq_clock(), prepared;
  struct eq_treatments all = { 0 };
  const struct eq_treatment *t;
  struct eq_recipe *r = eq_recipe_parse(text, NULL);
  weights = w;
  if (!r || !eq_recipe_resolve(r, &p, 1, 1, &all, &t, NULL) ||
      !eq_treatments_prepare(&all, (struct eq_weights_source){ NULL, load, extremes, NULL, 0 }, pool, NULL))
    exit(2);
  prepared = eq_clock() - began;
  for (int i = 0; i < RUNS; i++) {
    memcpy(out, w, N * sizeof *w);
    began = eq_clock();
    eq_treatment_apply(t, 0, ROWS, out, scratch);
    least = eq_clock() - began < least ? eq_clock() - began : least;
  }
  printf("%-24s %14.3f %14.3f\n", text, prepared * 1e9 / N, least * 1e9 / N);
  eq_treatments_free(&all);
  eq_recipe_free(r);
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
  static const char *const treated[] = {
    "q4_0",          "q8_0",           "q2_k",     "q3_k",      "q4_k",
    "q5_k",          "q6_k",           "iq4_nl",   "iq4_xs",    "mxfp4",
    "nf4",           "nf4,dq",         "fp8/row",  "prune=0.5", "int4/tensor;top5%=keep",
    "int4,clip=mse", "int4,clip=aciq", "noise=0.1"
  };
  struct eq_pool *pool = eq_pool_new(1, NULL);
  printf("%-24s %14s %14s   ns a weight\n", "treatment", "to prepare", "to treat");
  for (size_t i = 0; pool && i < sizeof treated / sizeof *treated; i++) print_treated(treated[i], w, out, pool);
  eq_pool_free(pool);
  printf("%-12s %14.3f\n", "F16 decode", best_decode(EQ_F16, w, out));
  printf("%-12s %14.3f\n", "BF16 decode", best_decode(EQ_BF16, w, out));
  free(w);
  free(out);
  return 0;
}
