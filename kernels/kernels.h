/* kernels.h: the operations of a forward pass, as one table with several implementations.
 *
 *   ref/   plain C, sums in double: the definition, which every other implementation is tested against
 *   blas/  packed weights times rows where the processor has fused multiply-adds, OpenBLAS for other products,
 *          vectorizable C for the rest
 *
 * Matrices are row-major float32; a row is one token. A kernel runs in one thread and keeps no state; the forward pass
 * gives each thread tiles of its own.
 *
 * Products come in tiles of EQ_TILE rows, always: a BLAS picks its inner loops, and with them its order of summation,
 * by the shape of the product, so the shape must not depend on what happens to be in a batch. Even so a row's place in
 * the tile may matter: OpenBLAS's Haswell kernel sums rows 0-5 and 6-11 of each twelve differently. The row period is
 * after how many rows the places repeat: a sequence that begins at a multiple of it gets the same bytes wherever it
 * lies. */
#ifndef EQ_KERNELS_H
#define EQ_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum {
  EQ_TILE = 192,       /* rows of a tile: a multiple of every row period that we know */
  EQ_VOCAB_TILE = 512, /* columns of logits that exist at a time: with their tile of rows they stay in a core's cache */
  EQ_PACKED = 32,      /* outputs that are packed together */
};

enum eq_activation { EQ_GELU_TANH, EQ_GELU_ERF, EQ_RELU, EQ_SILU, EQ_ACTIVATIONS };

/* A linear weight: maps `in` inputs to `out` outputs. Lies [out][in] (by_output) or [in][out]; and perhaps packed, as
 * the implementation likes it best, and then w may be NULL. */
struct eq_weight {
  const float *w;
  size_t in, out;
  bool by_output;
  const float *packed; /* NULL: not packed */
};

enum eq_norm_kind {
  EQ_LAYERNORM, /* (x - mean) / sqrt(variance + epsilon), biased variance: Ba et al. 2016, eq. 4 */
  EQ_RMSNORM,   /* x / sqrt(mean of squares + epsilon): Zhang and Sennrich 2019, eq. 4 */
};

/* What follows is multiplied by gain + gain_offset (gain NULL: 1), and shift is added (NULL: 0). */
struct eq_norm {
  enum eq_norm_kind kind;
  const float *gain, *shift; /* [n] */
  size_t n;
  float gain_offset, epsilon;
};

/* One head of one sequence: q, k, v point at its first row; rows are `stride` floats apart, n of them, head_size each.
 * The score of query i and key j is cap(scale q_i.k_j) + key_bias[j] - key_bias[i]; i sees the keys j <= i (all, when
 * bidirectional) with |i - j| < window. */
struct eq_head {
  const float *q, *k, *v;
  size_t stride, n, head_size;
  float scale;
  float softcap;         /* cap(s) = softcap tanh(s / softcap); 0: none */
  const float *key_bias; /* [n]; NULL: none. ALiBi: Press et al. 2022, section 3 */
  size_t window;         /* 0: none */
  bool bidirectional;
};

/* What becomes of a logit l: softcap tanh(scale (l + bias) / softcap). */
struct eq_logit_rule {
  const float *bias; /* of the whole vocabulary; NULL: none */
  float scale;       /* 1: none */
  float softcap;     /* 0: none */
};

/* The log-sum-exp of a row of logits, collected part by part: log(sum exp(logit)) = max + log(sum). */
struct eq_logsumexp {
  float max;  /* of the logits that it began with, or a later one */
  double sum; /* of exp(logit - max) */
};
#define EQ_LOGSUMEXP_EMPTY ((struct eq_logsumexp){ -__builtin_inff(), 0 })

/* Two rows of logits over the same vocabulary, collected part by part: p the reference's, q another's. With their
 * log-sum-exps Kullback and Leibler's divergence of q from p is, in nats,
 * exp(best_p - log-sum-exp of p) cross - log-sum-exp of p + log-sum-exp of q. */
struct eq_comparison {
  struct eq_logsumexp p; /* of q it is collected apart */
  double cross;          /* sum of exp(p - best_p) (p - q) */
  float best_p, best_q;  /* the largest of each */
  uint32_t top_p, top_q; /* and where, the first of equals */
};
#define EQ_COMPARISON_EMPTY \
  ((struct eq_comparison){ EQ_LOGSUMEXP_EMPTY, 0, -__builtin_inff(), -__builtin_inff(), 0, 0 })

struct eq_kernels {
  const char *name;

  /* Readies the implementation (OpenBLAS: for one thread) and returns its row period, which divides EQ_TILE. To be
   * called before any other, from one thread. */
  size_t (*begin)(void);

  /* Floats of a weight that was packed; 0: it is best as it is. */
  size_t (*packed_size)(size_t in, size_t out);

  /* Packs outputs first..last-1, which begin at a multiple of EQ_PACKED and end at one or with the last. */
  void (*pack)(float *packed, struct eq_weight w, size_t first, size_t last);

  /* y[EQ_TILE][w.out] = x[EQ_TILE][w.in] W + bias (NULL: none), added to what y holds when `add`. Rows of x and y are
   * x_stride and y_stride floats apart. */
  void (*linear)(float *y, size_t y_stride, const float *x, size_t x_stride, struct eq_weight w, const float *bias,
                 bool add);

  /* y = norm(x), row by row. x, y: [rows][norm.n] and may be the same. */
  void (*normalize)(float *y, const float *x, struct eq_norm norm, size_t rows);

  /* x[i] = f(x[i]) (Hendrycks and Gimpel 2016 for GELU and its tanh form). */
  void (*activate)(enum eq_activation f, float *x, size_t n);

  /* y[i] *= x[i]. */
  void (*multiply)(float *y, const float *x, size_t n);

  /* Rotates the pairs of each row by the row's angles (Su et al. 2021, eq. 34): x: `rows` rows, `stride` floats apart;
   * cos, sin: [rows][half]. Pair d is (2d, 2d + 1) when interleaved, else (d, d + half). */
  void (*rotate)(float *x, size_t stride, size_t rows, const float *cos, const float *sin, size_t half,
                 bool interleaved);

  /* Attention of one head (Vaswani et al. 2017, eq. 1): out[i] = sum_j softmax_j(score of i and j) v_j over the keys
   * that i sees. Rows of out are out_stride floats apart. scratch: eq_attention_scratch(n) floats. */
  void (*attend)(float *out, size_t out_stride, struct eq_head head, float *scratch);

  /* Logits of a tile of EQ_TILE rows x[.][w.in] against the w.out columns of a part of the vocabulary (at most
   * EQ_VOCAB_TILE) whose first id is `first`: out[EQ_TILE][w.out]. */
  void (*logits)(float *out, const float *x, struct eq_weight w, struct eq_logit_rule rule, size_t first);

  /* Adds n more logits of a row to its log-sum-exp. */
  void (*collect)(struct eq_logsumexp *lse, const float *logits, size_t n);

  /* Adds n more logits of a row, the first of which has the id `first`. scratch: n floats. */
  void (*compare)(struct eq_comparison *c, const float *p, const float *q, size_t n, uint32_t first, float *scratch);
};

enum { EQ_QUERY_TILE = 64 }; /* queries that attend sees at a time */
static inline size_t eq_attention_scratch(size_t n) { return EQ_QUERY_TILE * n; }

/* By name: "auto", "ref", "blas". NULL and err, with the names there are, when unknown. */
const struct eq_kernels *eq_kernels_find(const char *name, struct eq_err *err);

extern const struct eq_kernels eq_kernels_ref, eq_kernels_blas;

#endif
