/* Treatments of matrices: against other programs' (tests/golden/steps.py), brute force, and what must hold for any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/recipe/recipe.h"
#include "lib/tensor/safetensors.h"

/* ---- one matrix, or a few, under a recipe ---- */

enum { MATRICES = 3 };
struct model {
  struct eq_parameter params[MATRICES];
  float *w[MATRICES];
  size_t n;
};

static size_t size_of(const struct model *m, size_t i) { return m->params[i].rows * m->params[i].cols; }

static bool load(void *context, size_t param, float *out, struct eq_err *err) {
  const struct model *m = context;
  (void)err;
  memcpy(out, m->w[param], size_of(m, param) * sizeof *out);
  return true;
}

static struct eq_extremes extremes(void *context, size_t param) {
  const struct model *m = context;
  return eq_extremes_of(m->w[param], size_of(m, param));
}

static float *copy_of(const float *w, size_t n) {
  float *copy = malloc(n * sizeof *copy);
  assert_non_null(copy);
  memcpy(copy, w, n * sizeof *copy);
  return copy;
}

/* The matrices under a recipe, a few rows at a time from the last on. */
static void treat(struct model *m, const char *text, size_t rows_at_a_time, size_t threads, float *out[MATRICES]) {
  struct eq_err err = { 0 };
  struct eq_treatments all = { 0 };
  const struct eq_treatment *treatments[MATRICES];
  struct eq_recipe *r = eq_recipe_parse(text, &err);
  struct eq_pool *pool = eq_pool_new(threads, &err);
  if (!r || !eq_recipe_resolve(r, m->params, m->n, 2, &all, treatments, &err)) fail_msg("%s: %s", text, err.text);
  if (!eq_treatments_prepare(&all, (struct eq_weights_source){ m, load, extremes, NULL, 0 }, pool, &err))
    fail_msg("%s: %s", text, err.text);
  for (size_t i = 0; i < m->n; i++) {
    size_t rows = m->params[i].rows, cols = m->params[i].cols;
    float *scratch = malloc(2 * cols * sizeof *scratch);
    out[i] = copy_of(m->w[i], rows * cols);
    for (size_t last = rows; treatments[i] && last > 0;) {
      size_t first = last > rows_at_a_time ? last - rows_at_a_time : 0;
      eq_treatment_apply(treatments[i], first, last - first, out[i] + first * cols, scratch);
      last = first;
    }
    free(scratch);
  }
  eq_treatments_free(&all);
  eq_recipe_free(r);
  eq_pool_free(pool);
}

static struct model one_matrix(float *w, size_t rows, size_t cols) {
  return (struct model){ .params = { { .name = "w", .layer = 0, .roles = EQ_LINEAR, .rows = rows, .cols = cols } },
                         .w = { w },
                         .n = 1 };
}

static float *treated(const char *text, float *w, size_t rows, size_t cols) {
  struct model m = one_matrix(w, rows, cols);
  float *out[MATRICES];
  treat(&m, text, rows, 1, out);
  return out[0];
}

static float *random_weights(uint64_t seed, size_t n) {
  float *w = malloc(n * sizeof *w);
  assert_non_null(w);
  for (size_t i = 0; i < n; i++) w[i] = (float)((eq_random_f64(seed, 0, i) - 0.5) / (eq_random_f64(seed, 1, i) + 0.05));
  return w;
}

/* ---- other programs' ---- */

static void schemes_do_what_other_programs_do(void **state) {
  (void)state;
  struct eq_safetensors golden;
  struct eq_err err = { 0 };
  if (!eq_safetensors_open(&golden, "tests/golden/steps.safetensors", &err)) fail_msg("%s", err.text);
  size_t checked = 0;
  for (size_t i = 0; i < golden.n_tensors; i++) {
    const struct eq_tensor *want = &golden.tensors[i];
    const char *colon = strchr(want->name, ':');
    if (!colon) continue;
    char matrix[32] = { 0 };
    memcpy(matrix, want->name, (size_t)(colon - want->name));
    const struct eq_tensor *t = eq_safetensors_find(&golden, matrix);
    assert_non_null(t);
    float *w = copy_of(t->data, t->n), *expected = copy_of(want->data, t->n);
    float *got = treated(colon + 1, w, t->dims[0], t->dims[1]);
    /* The offset of double quantization is a float32 mean there, and may be another by its last bit. */
    float tolerance = strstr(colon, ",dq") ? 0x1p-23f * eq_absmax(w, t->n) : 0;
    for (size_t k = 0; k < t->n; k++)
      if (!(fabsf(got[k] - expected[k]) <= tolerance))
        fail_msg("%s: weight %zu is %.9g, expected %.9g", want->name, k, (double)got[k], (double)expected[k]);
    free(w), free(expected), free(got);
    checked++;
  }
  assert_int_equal(checked, 2 * 13);
  eq_safetensors_close(&golden);
}

/* ---- whatever the scheme ---- */

static const char *const any[] = { "int4/g16",
                                   "u3/row",
                                   "int3/tensor,clip=mse",
                                   "int4/g16,clip=aciq",
                                   "int8/row,clip=p99,s16",
                                   "int4/tensor,scale=m8",
                                   "fp16",
                                   "q4_0",
                                   "q4_k",
                                   "iq4_xs",
                                   "nf4",
                                   "fp4/g48,row,dq",
                                   "fp8",
                                   "fp8-e5m2/row",
                                   "prune=0.4",
                                   "prune=0.4,global",
                                   "prune=1:3",
                                   "lowrank=3",
                                   "noise=0.5@9",
                                   "prune=0.5+int4/g32",
                                   "lowrank=4+noise=0.1+u4/tensor",
                                   "int2/tensor;top7.5%=int8/row;rand10%@3=keep" };

static void rows_and_threads_do_not_matter(void **state) {
  (void)state;
  const size_t rows = 13, cols = 96;
  struct model m = { .n = MATRICES };
  for (size_t i = 0; i < MATRICES; i++) {
    m.params[i] = one_matrix(NULL, rows + i, cols).params[0];
    m.w[i] = random_weights(i, (rows + i) * cols);
  }
  for (size_t k = 0; k < sizeof any / sizeof *any; k++) {
    float *whole[MATRICES], *parts[MATRICES];
    treat(&m, any[k], 100, 1, whole);
    treat(&m, any[k], 3, 3, parts);
    for (size_t i = 0; i < MATRICES; i++) {
      if (memcmp(whole[i], parts[i], size_of(&m, i) * sizeof(float))) fail_msg("%s", any[k]);
      for (size_t c = 0; c < size_of(&m, i); c++) assert_true(isfinite(whole[i][c]));
      free(whole[i]), free(parts[i]);
    }
  }
  for (size_t i = 0; i < MATRICES; i++) free(m.w[i]);
}

static void zeros_stay_zeros(void **state) {
  (void)state;
  float w[4 * 64] = { 0 };
  for (size_t k = 0; k < sizeof any / sizeof *any; k++) {
    float *out = treated(any[k], w, 4, 64);
    for (size_t i = 0; i < 4 * 64; i++)
      if (out[i] != 0) fail_msg("%s makes %g of 0", any[k], (double)out[i]);
    free(out);
  }
}

static void twice_is_once(void **state) {
  (void)state; /* where no scale is found anew from what was rounded */
  static const char *const texts[] = { "fp16",    "bf16",      "q4_0", "q8_0", "nf4",
                                       "fp8/row", "prune=0.3", "zero", "keep", "prune=2:4" };
  float *w = random_weights(4, 8 * 64);
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
    float *once = treated(texts[k], w, 8, 64), *twice = treated(texts[k], once, 8, 64);
    for (size_t i = 0; i < 8 * 64; i++)
      if (!(fabsf(once[i] - twice[i]) <= 1e-6f * fabsf(once[i])))
        fail_msg("%s: %g became %g", texts[k], (double)once[i], (double)twice[i]);
    free(once), free(twice);
  }
  free(w);
}

static void nan_stays_nan(void **state) {
  (void)state;
  static const char *const texts[] = { "int4/row,clip=p50", "u4", "nf4/g8", "fp8/row", "prune=0.2", "noise=1" };
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
    float w[16] = { 1, -2, NAN, 3, 0.5f };
    float *out = treated(texts[k], w, 2, 8);
    if (!isnan(out[2])) fail_msg("%s: NaN became %g", texts[k], (double)out[2]);
    free(out);
  }
}

/* ---- single schemes ---- */

/* No threshold of 20,000 has a squared error that is more than 0.1 % smaller. */
static void clipping_finds_the_least_error(void **state) {
  (void)state;
  enum { N = 48, TRIED = 20000 };
  static const struct {
    const char *text;
    double top;
  } cases[] = {
    { "int2/row,clip=mse", 1 }, { "int3/row,clip=mse", 3 }, { "int4/row,clip=mse", 7 }, { "int8/row,clip=mse", 127 }
  };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    for (uint64_t seed = 0; seed < 3; seed++) {
      float *w = random_weights(seed + 30, N), *got = treated(cases[k].text, w, 1, N);
      double least = INFINITY, error = 0, absmax = (double)eq_absmax(w, N), top = cases[k].top;
      for (int i = 1; i <= TRIED; i++) {
        double s = absmax / top * i / TRIED, e = 0;
        for (size_t c = 0; c < N; c++) {
          double q = rint((double)w[c] / s);
          q = q < -top ? -top : q > top ? top : q;
          e += (q * s - (double)w[c]) * (q * s - (double)w[c]);
        }
        least = e < least ? e : least;
      }
      for (size_t c = 0; c < N; c++) error += ((double)got[c] - (double)w[c]) * ((double)got[c] - (double)w[c]);
      if (!(error <= least * 1.001)) fail_msg("%s: %g, the least is %g", cases[k].text, error, least);
      free(w), free(got);
    }
}

/* Nor of whole matrices, which are counted in buckets, with an outlier or without. */
static void clipping_of_many_weights_finds_it_too(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double top;
    size_t n;
    float outlier;
  } cases[] = { { "int4/tensor,clip=mse", 7, 160000, 0 },
                { "int4/tensor,clip=mse", 7, 160000, 3000 },
                { "int8/tensor,clip=mse", 127, 8400, 0 },
                { "int8/tensor,clip=mse", 127, 9000, 900 },
                { "int2/tensor,clip=mse", 1, 1100000, 0 } };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    size_t n = cases[k].n, tries = 100000000 / n;
    float *w = random_weights(k + 50, n);
    if (cases[k].outlier > 0) w[n / 2] = cases[k].outlier;
    float *got = treated(cases[k].text, w, 1, n);
    double least = INFINITY, error = 0, absmax = (double)eq_absmax(w, n), top = cases[k].top;
    for (size_t i = 0; i < tries; i++) {
      double s = absmax / top * exp(log(1e-3) * (double)i / (double)tries), e = 0;
      for (size_t c = 0; c < n && e < least; c++) {
        double q = rint((double)w[c] / s);
        q = q < -top ? -top : q > top ? top : q;
        e += (q * s - (double)w[c]) * (q * s - (double)w[c]);
      }
      least = e < least ? e : least;
    }
    for (size_t c = 0; c < n; c++) error += ((double)got[c] - (double)w[c]) * ((double)got[c] - (double)w[c]);
    if (!(error <= least * 1.001)) fail_msg("%s, case %zu: %g, the least is %g", cases[k].text, k, error, least);
    free(w), free(got);
  }
}

/* Of 40,000 Gaussian and Laplace numbers aciq has about the least error that there is. */
static void aciq_is_best_for_its_distributions(void **state) {
  (void)state;
  enum { N = 40000 };
  for (int heavy = 0; heavy < 2; heavy++)
    for (int bits = 2; bits <= 4; bits++) {
      float *w = malloc(N * sizeof *w);
      char text[2][32];
      double error[2] = { 0, 0 };
      for (size_t i = 0; i < N; i++) {
        double u = eq_random_f64(3, 0, i) + 1e-12, v = eq_random_f64(3, 1, i);
        w[i] = (float)(heavy ? log(u) * (v < 0.5 ? 1 : -1) : sqrt(-2 * log(u)) * cos(6.283185307 * v));
      }
      snprintf(text[0], sizeof text[0], "int%d/tensor,clip=aciq", bits);
      snprintf(text[1], sizeof text[1], "int%d/tensor,clip=mse", bits);
      for (int k = 0; k < 2; k++) {
        float *out = treated(text[k], w, 1, N);
        for (size_t i = 0; i < N; i++) error[k] += pow((double)out[i] - (double)w[i], 2);
        free(out);
      }
      if (!(error[0] <= error[1] * 1.02)) fail_msg("%s: %g, best %g", text[0], error[0], error[1]);
      free(w);
    }
}

static void a_low_rank_keeps_the_largest_singular_values(void **state) {
  (void)state; /* diag(4, 3, 2, 1) with a permutation and signs */
  float w[4 * 5] = { 0 };
  w[0 * 5 + 2] = 3, w[1 * 5 + 0] = -4, w[2 * 5 + 4] = 1, w[3 * 5 + 3] = 2;
  float *two = treated("lowrank=2", w, 4, 5), *four = treated("lowrank=4", w, 4, 5);
  for (size_t i = 0; i < 4 * 5; i++) {
    float want = fabsf(w[i]) >= 3 ? w[i] : 0;
    assert_true(fabsf(two[i] - want) < 1e-5f && four[i] == w[i]);
  }
  free(two), free(four);
}

static void global_pruning_ranks_all_tensors_together(void **state) {
  (void)state;
  float a[4] = { 1, -9, 2, 8 }, b[6] = { 2, 2, -7, 0.5f, 6, 5 }, want_a[4] = { 0, -9, 0, 8 };
  float want_b[6] = { 0, 2, -7, 0, 6, 5 }; /* 4 of 10: 0.5, 1, and two of the three 2s: the first tensor's first */
  struct model m = one_matrix(a, 2, 2);
  m.params[1] = one_matrix(b, 2, 3).params[0], m.w[1] = b, m.n = 2;
  float *out[MATRICES];
  treat(&m, "prune=0.4,global", 1, 2, out);
  assert_memory_equal(out[0], want_a, sizeof want_a);
  assert_memory_equal(out[1], want_b, sizeof want_b);
  free(out[0]), free(out[1]);
}

/* What a later clause covers altogether leaves the pool; of what it covers in part all weights stay in it. */
static void kept_tensors_leave_a_global_prune_but_kept_heads_stay(void **state) {
  (void)state;
  const struct eq_heads heads = { 2, 2, 1, false };
  float q[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, other[8] = { 11, 12, 13, 14, 15, 16, 17, 18 };
  float half[8] = { 0, 0, 0, 0, 15, 16, 17, 18 }, tail[8] = { 1, 2, 3, 4, 0, 0, 0, 0 };
  struct model m = one_matrix(q, 2, 4);
  m.params[0].roles |= EQ_ATTN | EQ_Q, m.params[0].heads = &heads;
  m.params[1] = m.params[0], m.params[1].layer = 1, m.params[1].name = "v", m.w[1] = other, m.n = 2;
  float *out[MATRICES];
  treat(&m, "prune=0.5,global;L0=keep", 2, 1, out);
  assert_memory_equal(out[0], q, sizeof q);
  assert_memory_equal(out[1], half, sizeof half);
  free(out[0]), free(out[1]);
  treat(&m, "prune=0.5,global;L0.attn.h0=keep", 2, 1, out);
  assert_memory_equal(out[0], tail, sizeof tail);
  assert_memory_equal(out[1], other, sizeof other);
  free(out[0]), free(out[1]);
}

static void noise_has_its_size_and_depends_on_the_seed(void **state) {
  (void)state;
  enum { N = 20000 };
  float *w = random_weights(8, N), *a = treated("noise=0.25@1", w, 100, N / 100),
        *b = treated("noise=0.25@2", w, 100, N / 100);
  double mean = 0, sd = 0, added = 0, sum = 0;
  size_t same = 0;
  for (size_t i = 0; i < N; i++) mean += (double)w[i] / N;
  for (size_t i = 0; i < N; i++) {
    sd += pow((double)w[i] - mean, 2) / N;
    added += pow((double)a[i] - (double)w[i], 2) / N;
    sum += (double)a[i] - (double)w[i];
    same += a[i] == b[i];
  }
  assert_true(fabs(sqrt(added / sd) - 0.25) < 0.01);
  assert_true(fabs(sum / N) < 4 * 0.25 * sqrt(sd / N));
  assert_true(same < N / 100);
  free(w), free(a), free(b);
}

/* The correlation of what was added to rows a.. and to rows b.. of 256 columns. */
static double correlation(const float *w, const float *out, size_t a, size_t b, size_t rows) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < rows * 256; i++) {
    double x = (double)out[a * 256 + i] - (double)w[a * 256 + i], y = (double)out[b * 256 + i] - (double)w[b * 256 + i];
    ab += x * y, aa += x * x, bb += y * y;
  }
  return ab / sqrt(aa * bb);
}

static void parts_have_noise_of_their_own(void **state) {
  (void)state; /* q, k, v of two heads, 4 numbers each: q0 q1 k0 k1 v0 v1, or q0 k0 v0 q1 k1 v1 */
  const struct eq_heads layouts[] = { { 2, 2, 4, false }, { 2, 2, 4, true } };
  float *w = random_weights(14, 24 * 256);
  struct model m = one_matrix(w, 24, 256);
  m.params[0].roles |= EQ_ATTN | EQ_Q | EQ_K | EQ_V;
  for (size_t i = 0; i < 4; i++) {
    float *out[MATRICES];
    m.params[0].heads = &layouts[i % 2];
    treat(&m, i < 2 ? "L0.q,L0.k,L0.v=noise=0.1@7" : "L0.attn.h0,L0.attn.h1=noise=0.1@7", 5, 1, out);
    for (size_t a = 0; a < 24; a += 4)
      for (size_t b = a + 4; b < 24; b += 4) {
        double r = correlation(w, out[0], a, b, 4);
        if (!(fabs(r) < 0.15)) fail_msg("layout %zu: rows %zu and %zu correlate by %g", i, a, b, r);
      }
    free(out[0]);
  }
  free(w);
}

static void chance_picks_its_share(void **state) {
  (void)state;
  enum { N = 1000 };
  float *w = random_weights(12, N), *out = treated("zero;rand12.5%@4=keep", w, 10, 100);
  size_t kept = 0;
  for (size_t i = 0; i < N; i++) kept += out[i] == w[i];
  assert_int_equal(kept, 125);
  free(w), free(out);
}

/* ---- parts of a layer ---- */

/* Which rows (of a bias, which columns) and columns of o a recipe zeroes, as a string of 0 and 1. */
static void check_part(const char *recipe, struct eq_parameter p, const struct eq_heads *heads, const char *rows,
                       const char *cols) {
  float ones[12 * 8];
  p.heads = heads, p.name = "w";
  for (size_t i = 0; i < 12 * 8; i++) ones[i] = 1;
  struct model m = { .params = { p }, .w = { ones }, .n = 1 };
  float *out[MATRICES];
  treat(&m, recipe, 2, 1, out);
  for (size_t r = 0; r < p.rows; r++)
    for (size_t c = 0; c < p.cols; c++) {
      bool zero = (!rows || rows[r] == '0') && (!cols || cols[c] == '0');
      if ((out[0][r * p.cols + c] == 0) != zero) fail_msg("%s: row %zu, column %zu", recipe, r, c);
    }
  free(out[0]);
}

static void projections_and_heads_are_found_in_fused_matrices(void **state) {
  (void)state; /* 2 heads of 2 numbers each; with one key-value head or two */
  const struct eq_heads plain = { 2, 2, 2, false }, grouped = { 2, 2, 2, true }, shared = { 4, 2, 1, true };
  const struct eq_parameter qkv = { .roles = EQ_LINEAR | EQ_ATTN | EQ_Q | EQ_K | EQ_V, .rows = 12, .cols = 8 };
  const struct eq_parameter bias = { .roles = EQ_BIAS | EQ_ATTN | EQ_Q | EQ_K | EQ_V, .rows = 1, .cols = 12 };
  const struct eq_parameter gqa = { .roles = EQ_LINEAR | EQ_ATTN | EQ_Q | EQ_K | EQ_V, .rows = 8, .cols = 4 };
  const struct eq_parameter k = { .roles = EQ_LINEAR | EQ_ATTN | EQ_K, .rows = 4, .cols = 4 };
  const struct eq_parameter o = { .roles = EQ_LINEAR | EQ_ATTN | EQ_O, .rows = 4, .cols = 4 };
  const struct eq_parameter up = { .roles = EQ_LINEAR | EQ_MLP | EQ_GATE | EQ_UP, .rows = 6, .cols = 4 };
  check_part("q=zero", qkv, &plain, "000011111111", NULL);
  check_part("k=zero", qkv, &plain, "111100001111", NULL);
  check_part("L0.v=zero", qkv, &plain, "111111110000", NULL);
  check_part("q=zero", qkv, &grouped, "001111001111", NULL);
  check_part("k=zero", qkv, &grouped, "110011110011", NULL);
  check_part("v=zero", qkv, &grouped, "111100111100", NULL);
  check_part("v=zero", bias, &grouped, NULL, "111100111100");
  check_part("L0.attn.h1=zero", qkv, &plain, "110011001100", NULL);
  check_part("L0.attn.h1=zero", qkv, &grouped, "111111000000", NULL);
  check_part("L0.attn.h0=zero", bias, &plain, NULL, "001100110011");
  check_part("L0.attn.h1=zero", o, &plain, NULL, "1100");
  check_part("L0.attn.h1=zero", k, &plain, "1100", NULL);
  check_part("gate=zero", up, NULL, "000111", NULL);
  check_part("up=zero", up, NULL, "111000", NULL);
  /* Heads 2 and 3 share a key and a value: zero leaves those, what rounds touches them. */
  check_part("L0.attn.h3=zero", gqa, &shared, "11111011", NULL);
  check_part("L0.attn.h3=prune=1", gqa, &shared, "11111000", NULL);
  check_part("zero;L0.attn.h3=keep", gqa, &shared, "00000111", NULL);
}

static void a_part_has_scales_of_its_own(void **state) {
  (void)state;
  const struct eq_heads heads = { 2, 2, 1, false };
  float w[6 * 2] = { 7, 1, 7, 1, 70, 10, 70, 10, 700, 100, 700, 100 };
  struct model m = one_matrix(w, 6, 2);
  m.params[0].roles |= EQ_ATTN | EQ_Q | EQ_K | EQ_V, m.params[0].heads = &heads;
  float *out[MATRICES];
  treat(&m, "q,k,v=int4/tensor", 1, 1, out);
  assert_memory_equal(out[0], w, sizeof w);
  free(out[0]);
}

static void selectors_of_a_clause_are_a_union(void **state) {
  (void)state;
  static const char *const same[][2] = {
    { "L0,L0.q=int4/tensor", "L0=int4/tensor" },
    { "L0.top50%,L0=int4/tensor", "L0=int4/tensor" },
    { "L0.q,L0.attn.h0=int4/tensor", "L0.q=int4/tensor;L0.attn.h0=int4/tensor;L0.q=int4/tensor" },
    { "L0,L0.q,L0.attn.h1=prune=0.5,global", "L0=prune=0.5,global" },
    { "all,L0.attn.h1=prune=0.5,global", "all=prune=0.5,global" },
    { "top50%,L0.top50%=prune=0.45,global", "top50%=prune=0.45,global" },
  };
  const struct eq_heads heads = { 2, 2, 2, false };
  float *w = random_weights(21, 12 * 8), *other = random_weights(22, 12 * 8);
  for (size_t i = 0; i < 4 * 8; i++) w[i] *= 0.1f, other[i] *= 10;
  struct model m = one_matrix(w, 12, 8);
  m.params[0].roles |= EQ_ATTN | EQ_Q | EQ_K | EQ_V, m.params[0].heads = &heads;
  m.params[1] = m.params[0], m.params[1].layer = 1, m.params[1].name = "v", m.w[1] = other, m.n = 2;
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    float *a[MATRICES], *b[MATRICES];
    treat(&m, same[i][0], 12, 1, a);
    treat(&m, same[i][1], 12, 1, b);
    for (size_t k = 0; k < m.n; k++) {
      if (memcmp(a[k], b[k], 12 * 8 * sizeof *w)) fail_msg("%s is not %s", same[i][0], same[i][1]);
      free(a[k]), free(b[k]);
    }
  }
  free(w), free(other);
}

static void what_all_parts_keep_is_kept(void **state) {
  (void)state;
  static const struct {
    const char *recipe;
    bool is_kept;
  } cases[] = {
    { "int4;L0.q,L0.k,L0.v=keep", true },
    { "int4;L0.v=int8;L0.v=keep;L0.k=keep;L0.q=keep", true },
    { "L0.q=int4;L0.q=keep", true },
    { "int4;L0.attn.h0,L0.attn.h1=keep", true },
    { "int4;L0.q,L0.k=keep", false },
    { "int4;L0.attn.h1=keep", false },
    { "int4;L0.q,L0.k=keep;top90%=keep", false },
    { "int4;L0.q,L0.k,L0.v=keep;L0.q=int8", false },
    { "int4;L0.q,L0.k,L0.v=keep;top5%=int8", false },
  };
  const struct eq_heads layouts[] = { { 2, 2, 2, false }, { 2, 2, 2, true } };
  struct model m = one_matrix(NULL, 12, 8);
  m.params[0].roles |= EQ_ATTN | EQ_Q | EQ_K | EQ_V;
  for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
    struct eq_err err = { 0 };
    struct eq_treatments all = { 0 };
    const struct eq_treatment *t;
    struct eq_recipe *r = eq_recipe_parse(cases[i / 2].recipe, &err);
    m.params[0].heads = &layouts[i % 2];
    assert_true(eq_recipe_resolve(r, m.params, 1, 1, &all, &t, &err));
    if (!t != cases[i / 2].is_kept) fail_msg("%s", cases[i / 2].recipe);
    eq_treatments_free(&all);
    eq_recipe_free(r);
  }
}

static void what_a_model_has_not_is_an_error(void **state) {
  (void)state;
  static const struct {
    const char *recipe, *message;
  } cases[] = { { "L0.attn.h4=zero", "the model has heads h0-h3" },
                { "L0.e1=zero", "this selects no parameter" },
                { "gate=int4", "this selects no parameter" } };
  const struct eq_heads heads = { 4, 2, 1, true };
  struct model m = one_matrix(NULL, 8, 4);
  m.params[0].roles |= EQ_ATTN | EQ_Q | EQ_K | EQ_V, m.params[0].heads = &heads;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_err err = { 0 };
    struct eq_treatments all = { 0 };
    const struct eq_treatment *t;
    struct eq_recipe *r = eq_recipe_parse(cases[i].recipe, &err);
    assert_non_null(r);
    assert_false(eq_recipe_resolve(r, m.params, 1, 1, &all, &t, &err));
    if (!strstr(err.text, cases[i].message)) fail_msg("%s", err.text);
    eq_treatments_free(&all);
    eq_recipe_free(r);
  }
}

static void scales_beyond_float16_are_errors(void **state) {
  (void)state;
  static const struct {
    const char *recipe;
    float w[8];
    bool fits;
  } cases[] = {
    { "int4/row,s16", { 1e6f, 1, 2, 3 }, false },
    { "u4/g4,s16", { 6e5f, 1, 2, 3, -6e5f, -1, -2, -3 }, true }, /* 1.2e6 / 15 is beyond, 6e5 / 15 is not */
    { "u4/tensor,s16", { 6e5f, 1, 2, 3, -6e5f, -1, -2, -3 }, false },
    { "u4/g4,s16", { 6e5f, 1, 2, 3, -6e5f, 6e5f, -2, -3 }, false },
    { "int2/tensor,clip=mse,s16", { 6e4f, -6e4f, 6e4f, -6e4f, 6e4f, -6e4f, 6e4f, -6e4f }, true },
    { "int2/tensor,clip=aciq,s16", { 6e4f, -6e4f, 6e4f, -6e4f, 6e4f, -6e4f, 6e4f, -6e4f }, false }, /* limit 7.3e4 */
    { "int2/g4,clip=aciq,s16", { 1, 2, 3, 4, 6e4f, -6e4f, 6e4f, -6e4f }, false },
    { "int4/row,clip=p50,s16", { 1e6f, 1, 2, 3, 4, 5, 6, 7 }, true },
  };
  struct eq_err err = { 0 };
  struct eq_pool *pool = eq_pool_new(1, &err);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    float w[8], scratch[16];
    struct model m = one_matrix(w, 1, 8);
    struct eq_treatments all = { 0 };
    const struct eq_treatment *t;
    struct eq_recipe *r = eq_recipe_parse(cases[i].recipe, &err);
    memcpy(w, cases[i].w, sizeof w);
    err = (struct eq_err){ 0 };
    assert_true(eq_recipe_resolve(r, m.params, 1, 1, &all, &t, &err));
    bool ok = eq_treatments_prepare(&all, (struct eq_weights_source){ &m, load, extremes, NULL, 0 }, pool, &err);
    if (ok != cases[i].fits) fail_msg("%s, case %zu: %s", cases[i].recipe, i, err.text);
    if (ok) eq_treatment_apply(t, 0, 1, w, scratch);
    for (size_t c = 0; c < 8; c++) assert_true(isfinite(w[c]));
    assert_true(ok || strstr(err.text, "beyond float16"));
    eq_treatments_free(&all);
    eq_recipe_free(r);
  }
  eq_pool_free(pool);
}

static void equal_treatments_are_one(void **state) {
  (void)state;
  struct model m = one_matrix(NULL, 8, 4);
  static const char *const texts[] = { "int4;top5%=keep", "all=int4/g128;top5.0%=keep", "int4;top6%=keep", "none" };
  const struct eq_treatment *t[4];
  struct eq_treatments all = { 0 };
  for (size_t i = 0; i < 4; i++) {
    struct eq_err err = { 0 };
    struct eq_recipe *r = eq_recipe_parse(texts[i], &err);
    assert_true(eq_recipe_resolve(r, m.params, 1, 1, &all, &t[i], &err));
    eq_recipe_free(r);
  }
  assert_true(t[0] == t[1] && t[0] != t[2] && t[3] == NULL);
  eq_treatments_free(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(schemes_do_what_other_programs_do),
    cmocka_unit_test(rows_and_threads_do_not_matter),
    cmocka_unit_test(zeros_stay_zeros),
    cmocka_unit_test(twice_is_once),
    cmocka_unit_test(nan_stays_nan),
    cmocka_unit_test(clipping_finds_the_least_error),
    cmocka_unit_test(clipping_of_many_weights_finds_it_too),
    cmocka_unit_test(aciq_is_best_for_its_distributions),
    cmocka_unit_test(a_low_rank_keeps_the_largest_singular_values),
    cmocka_unit_test(global_pruning_ranks_all_tensors_together),
    cmocka_unit_test(kept_tensors_leave_a_global_prune_but_kept_heads_stay),
    cmocka_unit_test(noise_has_its_size_and_depends_on_the_seed),
    cmocka_unit_test(parts_have_noise_of_their_own),
    cmocka_unit_test(chance_picks_its_share),
    cmocka_unit_test(projections_and_heads_are_found_in_fused_matrices),
    cmocka_unit_test(a_part_has_scales_of_its_own),
    cmocka_unit_test(selectors_of_a_clause_are_a_union),
    cmocka_unit_test(what_all_parts_keep_is_kept),
    cmocka_unit_test(what_a_model_has_not_is_an_error),
    cmocka_unit_test(scales_beyond_float16_are_errors),
    cmocka_unit_test(equal_treatments_are_one),
  };
  return cmocka_run_group_tests_name("treatment", tests, NULL, NULL);
}
