/* ref.c: the definitions of kernels.h in plain C. Sums in double, no vectors, no tricks: this file says what is
 * computed, the others only how fast. */
#include <math.h>

#include "kernels/kernels.h"

static size_t begin(void) { return 1; }

static size_t packed_size(size_t in, size_t out) { return (void)in, (void)out, 0; }
static void pack(float *packed, struct eq_weight w, size_t first, size_t last) {
  (void)packed, (void)w, (void)first, (void)last;
}

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

static void normalize(float *y, const float *x, struct eq_norm f, size_t rows) {
  for (size_t i = 0; i < rows; i++, x += f.n, y += f.n) {
    double mean = 0, square = 0;
    for (size_t j = 0; f.kind == EQ_LAYERNORM && j < f.n; j++) mean += (double)x[j] / (double)f.n;
    for (size_t j = 0; j < f.n; j++) square += ((double)x[j] - mean) * ((double)x[j] - mean) / (double)f.n;
    double scale = 1 / sqrt(square + (double)f.epsilon);
    for (size_t j = 0; j < f.n; j++) {
      double gain = f.gain ? (double)f.gain[j] + (double)f.gain_offset : 1, shift = f.shift ? (double)f.shift[j] : 0;
      y[j] = (float)(((double)x[j] - mean) * scale * gain + shift);
    }
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

static void multiply(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] *= x[i];
}

static void rotate(float *x, size_t stride, size_t rows, const float *c, const float *s, size_t half,
                   bool interleaved) {
  for (size_t i = 0; i < rows; i++)
    for (size_t d = 0; d < half; d++) {
      float *a = x + i * stride + (interleaved ? 2 * d : d), *b = a + (interleaved ? 1 : half);
      double x0 = (double)*a, x1 = (double)*b, cos_d = (double)c[i * half + d], sin_d = (double)s[i * half + d];
      *a = (float)(x0 * cos_d - x1 * sin_d);
      *b = (float)(x1 * cos_d + x0 * sin_d);
    }
}

static double capped(double x, double cap) { return cap > 0 ? cap * tanh(x / cap) : x; }

static double score(struct eq_head h, size_t i, size_t j) {
  double dot = 0;
  for (size_t d = 0; d < h.head_size; d++) dot += (double)h.q[i * h.stride + d] * (double)h.k[j * h.stride + d];
  double bias = h.key_bias ? (double)h.key_bias[j] - (double)h.key_bias[i] : 0;
  return capped(dot * (double)h.scale, (double)h.softcap) + bias;
}

static void attend(float *out, size_t out_stride, struct eq_head h, float *p) {
  for (size_t i = 0; i < h.n; i++) {
    size_t from = h.window && i + 1 > h.window ? i + 1 - h.window : 0, to = h.bidirectional ? h.n : i + 1;
    if (h.bidirectional && h.window && to - i > h.window) to = i + h.window;
    double max = -INFINITY, sum = 0;
    for (size_t j = from; j < to; j++) {
      p[j] = (float)score(h, i, j);
      max = fmax(max, (double)p[j]);
    }
    for (size_t j = from; j < to; j++) sum += exp((double)p[j] - max);
    for (size_t d = 0; d < h.head_size; d++) {
      double mix = 0;
      for (size_t j = from; j < to; j++) mix += exp((double)p[j] - max) / sum * (double)h.v[j * h.stride + d];
      out[i * out_stride + d] = (float)mix;
    }
  }
}

static double ruled(struct eq_logit_rule r, double logit, size_t id) {
  return capped((double)r.scale * (logit + (r.bias ? (double)r.bias[id] : 0)), (double)r.softcap);
}

static void logits(float *out, const float *x, struct eq_weight w, struct eq_logit_rule rule, size_t first) {
  for (size_t i = 0; i < EQ_TILE; i++)
    for (size_t j = 0; j < w.out; j++) out[i * w.out + j] = (float)ruled(rule, product(x + i * w.in, w, j), first + j);
}

static void collect(struct eq_logsumexp *lse, const float *x, size_t n) {
  float max = lse->max;
  for (size_t i = 0; i < n; i++) max = fmaxf(max, x[i]);
  double sum = lse->sum == 0 ? 0 : lse->sum * exp((double)lse->max - (double)max); /* a NaN stays */
  for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)max);
  *lse = (struct eq_logsumexp){ max, sum };
}

static void compare(struct eq_comparison *c, const float *p, const float *q, size_t n, uint32_t first, float *scratch) {
  float before = c->best_p;
  (void)scratch;
  collect(&c->p, p, n);
  for (size_t i = 0; i < n; i++) {
    if (p[i] > c->best_p) c->best_p = p[i], c->top_p = first + (uint32_t)i;
    if (q[i] > c->best_q) c->best_q = q[i], c->top_q = first + (uint32_t)i;
  }
  c->cross = c->cross == 0 ? 0 : c->cross * exp((double)before - (double)c->best_p);
  for (size_t i = 0; i < n; i++) c->cross += exp((double)p[i] - (double)c->best_p) * ((double)p[i] - (double)q[i]);
}

const struct eq_kernels eq_kernels_ref = { .name = "ref",
                                           .begin = begin,
                                           .packed_size = packed_size,
                                           .pack = pack,
                                           .linear = linear,
                                           .normalize = normalize,
                                           .activate = activate,
                                           .multiply = multiply,
                                           .rotate = rotate,
                                           .attend = attend,
                                           .logits = logits,
                                           .collect = collect,
                                           .compare = compare };
