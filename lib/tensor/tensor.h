/* tensor.h: a tensor of a file, whatever it is stored as, and its rows as float32. */
#ifndef EQ_TENSOR_TENSOR_H
#define EQ_TENSOR_TENSOR_H

#include "lib/tensor/dtype.h"

enum { EQ_DIMS_MAX = 8 };

/* Row-major, little-endian: the last dimension runs fastest. data points into a mapped file: not aligned beyond what
 * the file's header gives. */
struct eq_tensor {
  const char *name; /* terminated by 0, owned by the struct that the tensor is part of */
  enum eq_dtype dtype;
  size_t n_dims, dims[EQ_DIMS_MAX];
  size_t n; /* elements */
  const void *data;
};

/* Bytes of n elements, whole blocks. */
static inline size_t eq_tensor_bytes(const struct eq_tensor *t, size_t n) {
  return n / eq_dtype_block(t->dtype) * eq_dtype_size(t->dtype);
}

/* out[0..n) = the elements from `first` on, both at the bounds of blocks (as rows of matrices are). */
static inline void eq_tensor_decode(const struct eq_tensor *t, size_t first, size_t n, float *out) {
  eq_dtype_decode(t->dtype, (const char *)t->data + eq_tensor_bytes(t, first), n, out);
}

#endif
