/* dtype.h: element types of tensors on disk, and their values as float32. */
#ifndef EQ_TENSOR_DTYPE_H
#define EQ_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buffer.h"

enum eq_dtype {
  EQ_F64,
  EQ_F32,
  EQ_F16,
  EQ_BF16,
  EQ_I64,
  EQ_I32,
  EQ_I16,
  EQ_I8,
  EQ_U64,
  EQ_U32,
  EQ_U16,
  EQ_U8,
  EQ_BOOL,
  EQ_DTYPES
};

/* Name as safetensors spells it ("BF16"), bytes an element. */
const char *eq_dtype_name(enum eq_dtype t);
size_t eq_dtype_size(enum eq_dtype t);
bool eq_dtype_find(struct eq_str name, enum eq_dtype *t); /* false when there is none of that name */
bool eq_dtype_is_float(enum eq_dtype t);

/* out[0..n) = the n elements at `bytes` (little-endian, any alignment) as float32: exact for F32, F16, BF16 and small
 * integers, else rounded to nearest even. */
void eq_dtype_decode(enum eq_dtype t, const void *bytes, size_t n, float *out);

/* Nearest IEEE binary16 / bfloat16 value of x, ties to even, as a float; overflow gives infinity, NaN stays NaN. */
float eq_to_f16(float x);
float eq_to_bf16(float x);

/* The same for x[0..n) in place, at the speed of memory. */
void eq_cast_f16(float *x, size_t n);
void eq_cast_bf16(float *x, size_t n);

#endif
