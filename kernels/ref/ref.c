/* ref.c: the definitions of kernels.h in plain C. Sums in double, no vectors, no tricks: this file says what is
 * computed, the others only how fast. */
#include <math.h>

#include "kernels/kernels.h"

static size_t begin(void) { return 1; }

static float weight_at(struct eq_weight w, size_t in, size_t out) {
  return w.by_output ? w.w[out * w.in + in] : w.w[in * w.out + out];
}

static double product(const float *x, struct eq_weight w, size_t out) {
  double sum = 0;
  for (size_t k = 0; k < w.in; k++) sum += (double)x[k] * (double)weight_at(w, k, out);
  return sum;
}

static void linear(float *y, size_t y_stride, const float *x, size_t x_stride, struct eq_weight w, const float *bias,
                   bool add) {
  for (size_t i = 0; i < EQ_TILE; i++)
    for (size_t j = 0; j < w.out; j++) {
      double sum = product(x + i * x_stride, w, j) + (bias ? (double)bias[j] : 0);
      y[i * y_stride + j] = (float)(add ? sum + (double)y[i * y_stride + j] : sum);
    }
}

static void layernorm(float *y, const float *x, const float *gain, const float *shift, size_t rows, size_t n,
                      float epsilon) {
  for (size_t i = 0; i < rows; i++, x += n, y += n) {
    double mean = 0, variance = 0;
    for (size_t j = 0; j < n; j++) mean += (double)x[j] / (double)n;
    for (size_t j = 0; j < n; j++) variance += ((double)x[j] - mean) * ((double)x[j] - mean) / (double)n;
    double scale = 1 / sqrt(variance + (double)epsilon);
    for (size_t j = 0; j < n; j++) y[j] = (float)(((double)x[j] - mean) * scale * (double)gain[j] + (double)shift[j]);
  }
}

static double activation(enum eq_activation f, double x) {
  switch (f) {
  case EQ_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  case EQ_GELU_ERF: return 0.5 * x * (1 + erf(x / sqrt(2)));
  case EQ_RELU: return x < 0 ? 0 : x; /* NaN stays */
  case EQ_SILU: return x / (1 + exp(-x));
  case EQ_ACTIVATIONS: break;
  }
  return (double)NAN;
}

static void activate(enum eq_activation f, float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = (float)activation(f, (double)x[i]);
}

static void attend(float *out, size_t out_stride, struct eq_head h, float *p) {
  for (size_t i = 0; i < h.n; i++) {
    double max = -INFINITY, sum = 0;
    for (size_t j = 0; j <= i; j++) {
      double dot = 0;
      for (size_t d = 0; d < h.head_size; d++) dot += (double)h.q[i * h.stride + d] * (double)h.k[j * h.stride + d];
      p[j] = (float)(dot * (double)h.scale);
      max = fmax(max, (double)p[j]);
    }
    for (size_t j = 0; j <= i; j++) sum += exp((double)p[j] - max);
    for (size_t d = 0; d < h.head_size; d++) {
      double mix = 0;
      for (size_t j = 0; j <= i; j++) mix += exp((double)p[j] - max) / sum * (double)h.v[j * h.stride + d];
      out[i * out_stride + d] = (float)mix;
    }
  }
}

static void head(struct eq_logsumexp *lse, float *target_logit, const float *x, struct eq_weight w, size_t first,
                 const uint32_t *target, size_t rows, float *logits) {
  for (size_t i = 0; i < rows; i++) {
    float max = lse[i].max;
    for (size_t j = 0; j < w.out; j++) {
      logits[j] = (float)product(x + i * w.in, w, j);
      max = fmaxf(max, logits[j]);
    }
    double sum = lse[i].sum == 0 ? 0 : lse[i].sum * exp((double)lse[i].max - (double)max); /* a NaN stays */
    for (size_t j = 0; j < w.out; j++) sum += exp((double)logits[j] - (double)max);
    lse[i] = (struct eq_logsumexp){ max, sum };
    if (target[i] >= first && target[i] - first < w.out) target_logit[i] = logits[target[i] - first];
  }
}

const struct eq_kernels eq_kernels_ref = { "ref", begin, linear, layernorm, activate, attend, head };
