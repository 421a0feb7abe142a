#include "lib/recipe/parts.h"

enum { QKV = EQ_Q | EQ_K | EQ_V };

static struct eq_stretch all_of(size_t n) { return (struct eq_stretch){ 0, n, n ? n : 1, 1 }; }

struct eq_slice eq_slice_whole(const struct eq_parameter *p) {
  return (struct eq_slice){ all_of(p->rows), all_of(p->cols) };
}

/* Outputs of a matrix are its rows; a bias is a row, and they are its columns. */
static struct eq_slice outputs(const struct eq_parameter *p, struct eq_stretch span) {
  struct eq_slice s = eq_slice_whole(p);
  *(p->roles & EQ_BIAS ? &s.cols : &s.rows) = span;
  return s;
}

static size_t shared_by(const struct eq_heads *h) { return h->n / h->n_kv; }

/* Outputs of one of q, k, v in the matrix of all three. */
static struct eq_stretch in_fused(const struct eq_heads *h, unsigned projection) {
  size_t shared = shared_by(h), unit = (shared + 2) * h->size, q = h->n * h->size, kv = h->n_kv * h->size;
  size_t first = projection == EQ_Q ? 0 : projection == EQ_K ? shared * h->size : (shared + 1) * h->size;
  if (h->grouped) return (struct eq_stretch){ first, projection == EQ_Q ? shared * h->size : h->size, unit, h->n_kv };
  if (projection == EQ_Q) return (struct eq_stretch){ 0, q, q, 1 };
  return (struct eq_stretch){ projection == EQ_K ? q : q + kv, kv, kv, 1 };
}

struct eq_slice eq_slice_projection(const struct eq_parameter *p, unsigned projection) {
  size_t n = p->roles & EQ_BIAS ? p->cols : p->rows;
  if (projection & QKV && (p->roles & QKV) == QKV) return outputs(p, in_fused(p->heads, projection));
  if (projection & (EQ_GATE | EQ_UP) && p->roles & EQ_GATE && p->roles & EQ_UP)
    return outputs(p, (struct eq_stretch){ projection == EQ_GATE ? 0 : n / 2, n / 2, n / 2 ? n / 2 : 1, 1 });
  return eq_slice_whole(p);
}

bool eq_slice_head(const struct eq_parameter *p, unsigned projection, size_t head, struct eq_slice *slice) {
  const struct eq_heads *h = p->heads;
  size_t shared = shared_by(h), kv = head / shared;
  *slice = eq_slice_whole(p);
  if (projection == EQ_O) {
    slice->cols = (struct eq_stretch){ head * h->size, h->size, h->size, 1 };
    return !(p->roles & EQ_BIAS);
  }
  struct eq_stretch span = (p->roles & QKV) == QKV ? in_fused(h, projection) : (struct eq_stretch){ 0, 0, h->size, 1 };
  bool blocks = (p->roles & QKV) == QKV && h->grouped;
  size_t index = projection == EQ_Q ? head : kv;
  span.first += blocks ? kv * span.stride + (projection == EQ_Q ? head % shared * h->size : 0) : index * h->size;
  *slice = outputs(p, (struct eq_stretch){ span.first, h->size, h->size, 1 });
  return true;
}
