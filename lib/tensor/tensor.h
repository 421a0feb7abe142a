/* tensor.h: a tensor of a file, whatever it is stored as, and its rows as float32. */
#ifndef EQ_TENSOR_TENSOR_H
#define EQ_TENSOR_TENSOR_H

#include "lib/tensor/dtype.h"

enum { EQ_DIMS_MAX = 8 };

struct eq_packed;

/* Row-major, little-endian: the last dimension runs fastest. data points into a mapped file: not aligned beyond what
 * the file's header gives. What is packed (packed.h) has no data: its values, of type dtype, come of other tensors. */
struct eq_tensor {
  const char *name; /* terminated by 0, owned by the struct that the tensor is part of */
  enum eq_dtype dtype;
  size_t n_dims, dims[EQ_DIMS_MAX];
  size_t n; /* elements */
  const void *data;
  const struct eq_packed *packed; /* NULL: it is not */
};

/* Bytes of n elements, whole blocks. */
static inline size_t eq_tensor_bytes(const struct eq_tensor *t, size_t n) {
  return n / eq_dtype_block(t->dtype) * eq_dtype_size(t->dtype);
}

/* Elements first..first+n-1 of a packed tensor. Many whole rows at a time are fastest. */
void eq_packed_decode(const struct eq_packed *p, size_t first, size_t n, float *out);

/* out[0..n) = the elements from `first` on, both at the bounds of blocks (as rows of matrices are). */
static inline void eq_tensor_decode(const struct eq_tensor *t, size_t first, size_t n, float *out) {
  if (t->packed)
    eq_packed_decode(t->packed, first, n, out);
  else
    eq_dtype_decode(t->dtype, (const char *)t->data + eq_tensor_bytes(t, first), n, out);
}

#endif
