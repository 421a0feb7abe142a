/* Every implementation of kernels.h against the definitions in kernels/ref, on random input. Tolerances are stated at
 * each comparison, relative to the largest magnitude of the result. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/blas/panels.h"
#include "kernels/kernels.h"
#include "lib/base/random.h"

static const struct eq_kernels *const fast[] = { &eq_kernels_blas };
enum { N_FAST = sizeof fast / sizeof *fast };

/* Sum of twelve uniform numbers: near enough to a normal one. */
static float *random_floats(size_t n, uint64_t stream, double scale) {
  float *x = malloc(n * sizeof *x);
  for (size_t i = 0; i < n; i++) {
    double sum = -6;
    for (uint64_t k = 0; k < 12; k++) sum += eq_random_f64(1, stream, 12 * i + k);
    x[i] = (float)(scale * sum);
  }
  return x;
}

static void assert_close(const float *a, const float *b, size_t n, double tolerance) {
  double most = 0, off = 0;
  for (size_t i = 0; i < n; i++) {
    most = fmax(most, fabs((double)b[i]));
    off = fmax(off, fabs((double)a[i] - (double)b[i]));
    if (isnan(a[i]) != isnan(b[i])) fail_msg("element %zu: %g, expected %g", i, (double)a[i], (double)b[i]);
  }
  if (off > tolerance * most) fail_msg("off by %g of %g, tolerance %g", off, most, tolerance);
}

static void products_agree_in_both_layouts(void **state) {
  (void)state;
  static const struct { size_t in, out; } shapes[] = { { 1, 1 }, { 33, 7 }, { 128, 384 }, { 100, 257 }, { 768, 96 } };
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int form = 0; form < 8; form++) {
      struct eq_weight w = { NULL, shapes[s].in, shapes[s].out, form & 1, NULL };
      bool add = form & 2;
      size_t y_stride = w.out + 3;
      float *weight = random_floats(w.in * w.out, 1, 0.1), *x = random_floats(EQ_TILE * w.in, 2, 1);
      float *bias = random_floats(w.out, 3, 1), *start = random_floats(EQ_TILE * y_stride, 4, 1);
      float *want = malloc(EQ_TILE * y_stride * sizeof *want), *got = malloc(EQ_TILE * y_stride * sizeof *got);
      w.w = weight;
      memcpy(want, start, EQ_TILE * y_stride * sizeof *want);
      eq_kernels_ref.linear(want, y_stride, x, w.in, w, form & 4 ? bias : NULL, add);
      for (size_t k = 0; k < N_FAST; k++) {
        memcpy(got, start, EQ_TILE * y_stride * sizeof *got);
        fast[k]->linear(got, y_stride, x, w.in, w, form & 4 ? bias : NULL, add);
        assert_close(got, want, EQ_TILE * y_stride, 3e-6);
      }
      free(weight), free(x), free(bias), free(start), free(want), free(got);
    }
}

/* Packed products within the same tolerance, and of all variants that run here the same bytes; what stands between the
 * rows stays. */
static void packed_products_agree_and_do_not_depend_on_the_processor(void **state) {
  (void)state;
  static const struct { size_t in, out; } shapes[] = { { 1, 1 }, { 33, 7 }, { 128, 384 }, { 100, 257 }, { 768, 96 } };
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int form = 0; form < 8; form++) {
      struct eq_weight w = { NULL, shapes[s].in, shapes[s].out, form & 1, NULL };
      bool add = form & 2;
      size_t y_stride = w.out + 3, n_packed = (w.out + EQ_PANEL - 1) / EQ_PANEL * EQ_PANEL * w.in;
      float *weight = random_floats(w.in * w.out, 1, 0.1), *x = random_floats(EQ_TILE * w.in, 2, 1);
      float *bias = random_floats(w.out, 3, 1), *start = random_floats(EQ_TILE * y_stride, 4, 1);
      float *want = malloc(EQ_TILE * y_stride * sizeof *want), *got = malloc(EQ_TILE * y_stride * sizeof *got);
      float *packed = random_floats(n_packed, 5, 1), *first = NULL;
      w.w = weight;
      memcpy(want, start, EQ_TILE * y_stride * sizeof *want);
      eq_kernels_ref.linear(want, y_stride, x, w.in, w, form & 4 ? bias : NULL, add);
      for (size_t at = 0; at < w.out; at += EQ_PANEL) /* a panel at a time, as threads do */
        eq_panels_pack(packed, w, at, at + EQ_PANEL < w.out ? at + EQ_PANEL : w.out);
      w.w = NULL, w.packed = packed;
      for (const struct eq_panels_variant *v = eq_panels_variants; v->name; v++) {
        if (!v->runs_here()) continue;
        memcpy(got, start, EQ_TILE * y_stride * sizeof *got);
        v->multiply(got, y_stride, x, w.in, w, form & 4 ? bias : NULL, add);
        assert_close(got, want, EQ_TILE * y_stride, 3e-6);
        if (first)
          assert_memory_equal(got, first, EQ_TILE * y_stride * sizeof *got);
        else
          memcpy(first = malloc(EQ_TILE * y_stride * sizeof *first), got, EQ_TILE * y_stride * sizeof *first);
      }
      free(weight), free(x), free(bias), free(start), free(want), free(got), free(packed), free(first);
    }
}

static void a_row_of_a_product_is_the_same_at_every_period_of_its_tile(void **state) {
  (void)state;
  static const struct {
    size_t in, out;
  } shapes[] = { { 32, 48 }, { 128, 384 }, { 512, 128 }, { 128, 1024 }, { 700, 333 } };
  for (size_t k = 0; k < N_FAST; k++)
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      for (int by_output = 0; by_output < 2; by_output++) {
        size_t in = shapes[s].in, out = shapes[s].out, period = fast[k]->begin();
        float *weight = random_floats(in * out, 5, 1), *x = random_floats(EQ_TILE * in, 6, 1);
        float *moved = malloc(EQ_TILE * in * sizeof *moved), *y = malloc(EQ_TILE * out * sizeof *y);
        float *z = malloc(EQ_TILE * out * sizeof *z);
        struct eq_weight w = { weight, in, out, by_output, NULL };
        assert_int_equal(EQ_TILE % period, 0);
        fast[k]->linear(y, out, x, in, w, NULL, false);
        for (size_t shift = period; shift < EQ_TILE; shift += 5 * period) {
          for (size_t i = 0; i < EQ_TILE; i++) memcpy(moved + (i + shift) % EQ_TILE * in, x + i * in, in * sizeof *x);
          fast[k]->linear(z, out, moved, in, w, NULL, false);
          for (size_t i = 0; i < EQ_TILE; i++)
            assert_memory_equal(z + (i + shift) % EQ_TILE * out, y + i * out, out * sizeof *y);
        }
        free(weight), free(x), free(moved), free(y), free(z);
      }
}

static void norms_agree_and_survive_a_large_mean(void **state) {
  (void)state;
  for (size_t n = 1; n < 800; n = n * 3 + 1)
    for (int form = 0; form < 16; form++) {
      enum { ROWS = 5 };
      float *x = random_floats(ROWS * n, 7, 2), *gain = random_floats(n, 8, 1), *shift = random_floats(n, 9, 1);
      float *want = malloc(ROWS * n * sizeof *want), *got = malloc(ROWS * n * sizeof *got);
      struct eq_norm norm = { form & 1 ? EQ_RMSNORM : EQ_LAYERNORM,
                              form & 2 ? gain : NULL,
                              form & 4 ? shift : NULL,
                              n,
                              form & 2 ? 1.0f : 0.0f,
                              1e-5f };
      for (size_t i = 0; form & 8 && i < ROWS * n; i++) x[i] += 1000;
      eq_kernels_ref.normalize(want, x, norm, ROWS);
      for (size_t k = 0; k < N_FAST; k++) {
        fast[k]->normalize(got, x, norm, ROWS);
        assert_close(got, want, ROWS * n, 4 * 0x1p-23);
      }
      free(x), free(gain), free(shift), free(want), free(got);
    }
}

static void rms_norm_is_its_formula(void **state) { /* closed form: x = (3, 4), root mean square sqrt(12.5) */
  (void)state;
  const float x[] = { 3, 4 }, gain[] = { 0.5f, -1 };
  for (size_t k = 0; k <= N_FAST; k++) {
    float y[2];
    (k < N_FAST ? fast[k] : &eq_kernels_ref)->normalize(y, x, (struct eq_norm){ EQ_RMSNORM, gain, NULL, 2, 1, 0 }, 1);
    assert_true(fabs((double)y[0] - 1.5 * 3 / sqrt(12.5)) < 1e-6 && y[1] == 0);
  }
}

static void rotations_agree_and_keep_lengths(void **state) {
  (void)state;
  enum { ROWS = 9, STRIDE = 50 };
  for (size_t half = 1; half <= 24; half += 23)
    for (int interleaved = 0; interleaved < 2; interleaved++) {
      float *x = random_floats(ROWS * STRIDE, 13, 1), *want = malloc(ROWS * STRIDE * sizeof *want);
      float *angle = random_floats(ROWS * half, 14, 3), c[ROWS * 24], s[ROWS * 24];
      for (size_t i = 0; i < ROWS * half; i++) c[i] = cosf(angle[i]), s[i] = sinf(angle[i]);
      for (size_t k = 0; k <= N_FAST; k++) {
        const struct eq_kernels *kernels = k ? fast[k - 1] : &eq_kernels_ref;
        float *got = malloc(ROWS * STRIDE * sizeof *got);
        memcpy(got, x, ROWS * STRIDE * sizeof *got);
        kernels->rotate(got, STRIDE, ROWS, c, s, half, interleaved);
        if (k == 0) memcpy(want, got, ROWS * STRIDE * sizeof *got);
        assert_close(got, want, ROWS * STRIDE, 2e-7);
        for (size_t i = 0; i < ROWS * STRIDE; i++) /* what is not rotated stays */
          if (i % STRIDE >= 2 * half) assert_true(got[i] == x[i]);
        for (size_t i = 0; i < ROWS; i++)
          for (size_t d = 0; d < half; d++) {
            size_t a = i * STRIDE + (interleaved ? 2 * d : d), b = interleaved ? a + 1 : a + half;
            assert_true(fabsf(hypotf(got[a], got[b]) - hypotf(x[a], x[b])) < 1e-5f);
          }
        free(got);
      }
      free(x), free(want), free(angle);
    }
}

static void activations_agree_over_the_whole_range(void **state) {
  (void)state;
  enum { N = 20011 };
  float want[N], got[N];
  for (int f = 0; f < EQ_ACTIVATIONS; f++)
    for (size_t k = 0; k < N_FAST; k++) {
      for (int i = 0; i < N; i++) want[i] = got[i] = (float)(i - N / 2) * 1e-3f;
      want[0] = got[0] = -1e30f, want[1] = got[1] = 1e30f;
      eq_kernels_ref.activate((enum eq_activation)f, want, N);
      fast[k]->activate((enum eq_activation)f, got, N);
      for (int i = 0; i < N; i++)
        if (fabsf(got[i] - want[i]) > 1e-6f * fmaxf(1, fabsf(want[i])))
          fail_msg("activation %d of element %d: %g, expected %g", f, i, (double)got[i], (double)want[i]);
    }
}

static void a_nan_stays_a_nan(void **state) {
  (void)state;
  for (size_t k = 0; k <= N_FAST; k++)
    for (int f = 0; f < EQ_ACTIVATIONS; f++)
      for (int at = 0; at < 40; at += 13) {
        float x[40] = { 1 };
        x[at] = NAN;
        (k < N_FAST ? fast[k] : &eq_kernels_ref)->activate((enum eq_activation)f, x, 40);
        for (int i = 0; i < 40; i++) assert_int_equal(isnan(x[i]) != 0, i == at);
      }
}

static void attention_agrees_at_every_length(void **state) {
  (void)state;
  static const size_t lengths[] = { 1, 2, 15, 63, 64, 65, 130, 257 }, windows[] = { 0, 1, 7, 64, 100 };
  for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
    for (size_t head_size = 1; head_size < 100; head_size = head_size * 3 + 5)
      for (size_t form = 0; form < 4 * sizeof windows / sizeof *windows; form++) {
        size_t n = lengths[l], stride = 3 * head_size + 1;
        float *qkv = random_floats(n * stride, 10, 1.5), *scratch = malloc(eq_attention_scratch(n) * sizeof *scratch);
        float *want = calloc(n * head_size, sizeof *want), *got = calloc(n * head_size, sizeof *got);
        float *bias = random_floats(n, 15, 2);
        struct eq_head h = { .q = qkv,
                             .k = qkv + head_size,
                             .v = qkv + 2 * head_size,
                             .stride = stride,
                             .n = n,
                             .head_size = head_size,
                             .scale = 1 / sqrtf((float)head_size),
                             .softcap = form & 1 ? 2.0f : 0.0f,
                             .key_bias = form & 1 ? bias : NULL,
                             .window = windows[form / 4],
                             .bidirectional = form & 2 };
        eq_kernels_ref.attend(want, head_size, h, scratch);
        for (size_t k = 0; k < N_FAST; k++) {
          fast[k]->attend(got, head_size, h, scratch);
          assert_close(got, want, n * head_size, 3e-6);
        }
        free(qkv), free(scratch), free(want), free(got), free(bias);
      }
}

/* With a window of w query i sees keys i - w + 1 to i: changing key i - w changes nothing, key i - w + 1 does. */
static void a_window_of_w_sees_w_keys(void **state) {
  (void)state;
  enum { N = 100, SIZE = 4, W = 10, STRIDE = 3 * SIZE };
  float scratch[EQ_QUERY_TILE * N], before[N * SIZE], after[N * SIZE];
  for (size_t k = 0; k <= N_FAST; k++)
    for (int moved = W - 1; moved <= W; moved++) {
      const struct eq_kernels *kernels = k ? fast[k - 1] : &eq_kernels_ref;
      float *qkv = random_floats(N * STRIDE, 16, 1);
      struct eq_head h = { qkv, qkv + SIZE, qkv + 2 * SIZE, STRIDE, N, SIZE, 0.5f, 0, NULL, W, false };
      kernels->attend(before, SIZE, h, scratch);
      qkv[(90 - moved) * STRIDE + 2 * SIZE] += 10; /* a value that query 90 sees at distance `moved` */
      kernels->attend(after, SIZE, h, scratch);
      assert_int_equal(before[90 * SIZE] == after[90 * SIZE], moved == W);
      free(qkv);
    }
}

static const struct eq_logit_rule plain = { NULL, 1, 0 };

/* A part of the head for the first rows of a tile. */
static void head(const struct eq_kernels *k, struct eq_logsumexp *lse, float *target_logit, const float *x,
                 struct eq_weight w, size_t first, const uint32_t *target, size_t rows, float *scratch) {
  k->logits(scratch, x, w, plain, first);
  for (size_t i = 0; i < rows; i++) {
    k->collect(&lse[i], scratch + i * w.out, w.out);
    if (target[i] >= first && target[i] - first < w.out) target_logit[i] = scratch[i * w.out + target[i] - first];
  }
}

static void logits_follow_their_rule(void **state) { /* l -> 5 tanh(0.7 (l + bias) / 5) */
  (void)state;
  enum { IN = 24, OUT = 70, FIRST = 30 };
  float *w = random_floats(OUT * IN, 17, 1), *x = random_floats(EQ_TILE * IN, 18, 1);
  float *bias = random_floats(FIRST + OUT, 19, 2), *out = malloc(EQ_TILE * OUT * sizeof *out);
  for (size_t k = 0; k <= N_FAST; k++) {
    const struct eq_kernels *kernels = k ? fast[k - 1] : &eq_kernels_ref;
    kernels->logits(out, x, (struct eq_weight){ w, IN, OUT, true, NULL }, (struct eq_logit_rule){ bias, 0.7f, 5 },
                    FIRST);
    for (size_t i = 0; i < EQ_TILE; i++)
      for (size_t v = 0; v < OUT; v++) {
        double l = (double)bias[FIRST + v];
        for (size_t d = 0; d < IN; d++) l += (double)x[i * IN + d] * (double)w[v * IN + d];
        assert_true(fabs((double)out[i * OUT + v] - 5 * tanh((double)0.7f * l / 5)) < 1e-5);
      }
  }
  free(w), free(x), free(bias), free(out);
}

static void the_head_collects_the_log_sum_exp_over_parts_of_the_vocabulary(void **state) {
  (void)state;
  enum { IN = 24, VOCAB = 2500, ROWS = 100 };
  float *w = random_floats(VOCAB * IN, 11, 1), *x = random_floats(EQ_TILE * IN, 12, 2);
  float *scratch = malloc((size_t)EQ_TILE * EQ_VOCAB_TILE * sizeof *scratch);
  uint32_t target[ROWS];
  for (uint32_t i = 0; i < ROWS; i++) target[i] = i * 25 % VOCAB;
  for (size_t k = 0; k <= N_FAST; k++) {
    const struct eq_kernels *kernels = k < N_FAST ? fast[k] : &eq_kernels_ref;
    struct eq_logsumexp lse[ROWS];
    float logit[ROWS];
    for (int i = 0; i < ROWS; i++) lse[i] = EQ_LOGSUMEXP_EMPTY;
    for (size_t first = 0; first < VOCAB; first += EQ_VOCAB_TILE) {
      size_t out = VOCAB - first < EQ_VOCAB_TILE ? VOCAB - first : EQ_VOCAB_TILE;
      struct eq_weight part = { w + first * IN, IN, out, true, NULL };
      head(kernels, lse, logit, x, part, first, target, ROWS, scratch);
    }
    for (int i = 0; i < ROWS; i++) { /* brute force in double */
      double logits[VOCAB], max = -INFINITY, sum = 0;
      for (int v = 0; v < VOCAB; v++) {
        logits[v] = 0;
        for (int d = 0; d < IN; d++) logits[v] += (double)x[i * IN + d] * (double)w[v * IN + d];
        max = fmax(max, logits[v]);
      }
      for (int v = 0; v < VOCAB; v++) sum += exp(logits[v] - max);
      assert_true(fabs((double)lse[i].max + log(lse[i].sum) - (max + log(sum))) < 2e-5);
      assert_true(fabs((double)logit[i] - logits[target[i]]) < 2e-5);
    }
  }
  free(w), free(x), free(scratch);
}

static void the_log_sum_exp_survives_any_order_of_large_and_small_logits(void **state) {
  (void)state;
  static const float levels[][3] = { { 0, 0, 0 },   { -300, 0, 300 },   { 300, 0, -300 }, { 0, 60, 120 },
                                     { 0, 87, 89 }, { -1e4f, 1e4f, 0 }, { 5, 90, 5 },     { 1e30f, 0, -1e30f } };
  enum { N = 40 };
  float *scratch = malloc((size_t)EQ_TILE * EQ_VOCAB_TILE * sizeof *scratch);
  float *x = calloc(EQ_TILE, sizeof *x);
  x[0] = 1; /* with one input of 1 the weights are the logits */
  for (size_t k = 0; k <= N_FAST; k++)
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
      const struct eq_kernels *kernels = k < N_FAST ? fast[k] : &eq_kernels_ref;
      struct eq_logsumexp lse = EQ_LOGSUMEXP_EMPTY;
      uint32_t target = 0;
      float w[3][N], logit;
      double max = -INFINITY, sum = 0;
      for (uint32_t part = 0; part < 3; part++) {
        for (int i = 0; i < N; i++) w[part][i] = levels[l][part] + 0.01f * (float)i;
        head(kernels, &lse, &logit, x, (struct eq_weight){ w[part], 1, N, true, NULL }, part * N, &target, 1, scratch);
        for (int i = 0; i < N; i++) max = fmax(max, (double)w[part][i]);
      }
      for (int i = 0; i < 3 * N; i++) sum += exp((double)w[i / N][i % N] - max);
      double got = (double)lse.max + log(lse.sum), want = max + log(sum);
      if (!(fabs(got - want) <= 1e-6 * fmax(1, fabs(want)))) fail_msg("levels %zu: %.9g, expected %.9g", l, got, want);
    }
  free(x), free(scratch);
}

/* Brute force in double: KL(p, q) = sum p log(p / q). Parts come in any order of size, one with a NaN in q. */
static void the_comparison_gives_the_divergence_of_two_rows(void **state) {
  (void)state;
  enum { N = 3000, PART = 700 };
  float *scratch = malloc(PART * sizeof *scratch);
  for (size_t k = 0; k <= N_FAST; k++)
    for (int level = 0; level < 4; level++) {
      const struct eq_kernels *kernels = k ? fast[k - 1] : &eq_kernels_ref;
      float *p = random_floats(N, 20, 3), *q = random_floats(N, 21, 0.3);
      for (int i = 0; i < N; i++) q[i] += p[i];
      for (int i = 0; i < N; i += PART) p[i] += (float)(level * i) * 0.02f, q[i] += (float)(level * (N - i)) * 0.02f;
      if (level == 3) memcpy(q, p, N * sizeof *p);
      struct eq_comparison c = EQ_COMPARISON_EMPTY;
      for (uint32_t i = 0; i < N; i += PART)
        kernels->compare(&c, p + i, q + i, N - i < PART ? N - i : PART, i, scratch);
      double lse_p = 0, lse_q = 0, kl = 0;
      int top_p = 0, top_q = 0;
      for (int i = 0; i < N; i++) lse_p += exp((double)p[i]), lse_q += exp((double)q[i]);
      for (int i = 0; i < N; i++) {
        kl += exp((double)p[i]) / lse_p * ((double)p[i] - log(lse_p) - (double)q[i] + log(lse_q));
        if (p[i] > p[top_p]) top_p = i;
        if (q[i] > q[top_q]) top_q = i;
      }
      double got =
          exp((double)c.best_p - (double)c.p.max) / c.p.sum * c.cross - ((double)c.p.max + log(c.p.sum)) + log(lse_q);
      if (!(fabs(got - kl) <= 2e-6 * fmax(1, kl))) fail_msg("level %d: %.9g, expected %.9g", level, got, kl);
      if (level == 3) assert_true(c.cross == 0);
      assert_int_equal(c.top_p, top_p);
      assert_int_equal(c.top_q, top_q);
      free(p), free(q);
    }
  free(scratch);
}

static void a_nan_among_the_logits_shows(void **state) {
  (void)state;
  float *scratch = malloc((size_t)EQ_TILE * EQ_VOCAB_TILE * sizeof *scratch), *x = calloc(EQ_TILE, sizeof *x), logit;
  uint32_t target = 0;
  x[0] = 1;
  for (size_t k = 0; k <= N_FAST; k++)
    for (int part = 0; part < 2; part++) {
      struct eq_logsumexp lse = EQ_LOGSUMEXP_EMPTY;
      for (int p = 0; p < 2; p++) {
        float w[20] = { 0 };
        if (p == part) w[17] = NAN;
        head(k < N_FAST ? fast[k] : &eq_kernels_ref, &lse, &logit, x, (struct eq_weight){ w, 1, 20, true, NULL },
             20 * (size_t)p, &target, 1, scratch);
      }
      assert_true(isnan((double)lse.max + log(lse.sum)));
    }
  free(x), free(scratch);
}

static void an_unknown_implementation_is_refused_with_the_known_names(void **state) {
  (void)state;
  struct eq_err err = { 0 };
  assert_null(eq_kernels_find("abacus", &err));
  assert_non_null(strstr(err.text, "auto, blas, ref"));
}

static int set_up(void **state) {
  (void)state;
  for (size_t k = 0; k < N_FAST; k++)
    if (EQ_TILE % fast[k]->begin()) return -1;
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(products_agree_in_both_layouts),
    cmocka_unit_test(packed_products_agree_and_do_not_depend_on_the_processor),
    cmocka_unit_test(a_row_of_a_product_is_the_same_at_every_period_of_its_tile),
    cmocka_unit_test(norms_agree_and_survive_a_large_mean),
    cmocka_unit_test(rms_norm_is_its_formula),
    cmocka_unit_test(rotations_agree_and_keep_lengths),
    cmocka_unit_test(activations_agree_over_the_whole_range),
    cmocka_unit_test(a_nan_stays_a_nan),
    cmocka_unit_test(attention_agrees_at_every_length),
    cmocka_unit_test(a_window_of_w_sees_w_keys),
    cmocka_unit_test(logits_follow_their_rule),
    cmocka_unit_test(the_head_collects_the_log_sum_exp_over_parts_of_the_vocabulary),
    cmocka_unit_test(the_log_sum_exp_survives_any_order_of_large_and_small_logits),
    cmocka_unit_test(the_comparison_gives_the_divergence_of_two_rows),
    cmocka_unit_test(a_nan_among_the_logits_shows),
    cmocka_unit_test(an_unknown_implementation_is_refused_with_the_known_names),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}
