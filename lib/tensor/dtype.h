/* dtype.h: element types of tensors on disk, and their values as float32. */
#ifndef EQ_TENSOR_DTYPE_H
#define EQ_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
  EQ_F8_E4M3,
  EQ_F8_E5M2,
  EQ_SAFETENSORS_DTYPES, /* those before it may be in a safetensors file, the others only in a GGUF */
  EQ_Q4_0 = EQ_SAFETENSORS_DTYPES,
  EQ_Q4_1,
  EQ_Q5_0,
  EQ_Q5_1,
  EQ_Q8_0,
  EQ_Q2_K,
  EQ_Q3_K,
  EQ_Q4_K,
  EQ_Q5_K,
  EQ_Q6_K,
  EQ_IQ4_NL,
  EQ_IQ4_XS,
  EQ_MXFP4,
  EQ_DTYPES
};

/* Name as the file formats spell it ("BF16", "Q4_K"). Elements come in blocks (ggml_blocks.h), mostly of one; bytes a
 * block. */
const char *eq_dtype_name(enum eq_dtype t);
size_t eq_dtype_block(enum eq_dtype t);
size_t eq_dtype_size(enum eq_dtype t);
bool eq_dtype_find(struct eq_str name, enum eq_dtype *t); /* false when there is none of that name */
bool eq_dtype_is_float(enum eq_dtype t);                  /* real numbers; quantized ones are */

/* out[0..n) = the n elements at `bytes` (little-endian, any alignment; whole blocks) as float32: exact for F32, F16,
 * BF16, F8 and small integers, else rounded to nearest even. */
void eq_dtype_decode(enum eq_dtype t, const void *bytes, size_t n, float *out);

/* The other way, for F32, F16 and BF16: rounded to nearest even. */
void eq_dtype_encode(enum eq_dtype t, const float *x, size_t n, void *bytes);

/* How many of x[0..n) are NaN or infinite. */
size_t eq_count_not_finite(const float *x, size_t n);

/* Nearest IEEE binary16 / bfloat16 value of x, ties to even, as a float; overflow gives infinity, NaN stays NaN. */
float eq_to_f16(float x);
float eq_to_bf16(float x);
uint16_t eq_f16_bits(float x); /* as they are stored */
uint16_t eq_bf16_bits(float x);

/* The same for x[0..n) in place, at the speed of memory. */
void eq_cast_f16(float *x, size_t n);
void eq_cast_bf16(float *x, size_t n);

#endif
