/* ggml_encode.h: float32 as the quantized blocks of GGUF files (ggml_blocks.h): the bytes that GGML's
 * ggml_quantize_chunk gives without an importance matrix, when its code is compiled without contraction of products and
 * sums (as here). tests/golden/ggml_encode.py holds both side by side.
 *
 * ggml_encode.c has the types of one pass, ggml_encode_k.c and ggml_encode_iq4.c those that try many scales. */
#ifndef EQ_TENSOR_GGML_ENCODE_H
#define EQ_TENSOR_GGML_ENCODE_H

#include "lib/tensor/dtype.h"

/* Types from EQ_Q4_0 on. x[0..n): a whole number of blocks of finite numbers, of one row or of several. Writes
 * n / eq_dtype_block(t) * eq_dtype_size(t) bytes. */
void eq_ggml_encode(enum eq_dtype t, const float *x, size_t n, void *out);

/* The type that a matrix with rows of `cols` elements gets when t is asked for: t where its blocks divide the row, else
 * one of blocks of 32 that is not worse (Q2_K, Q3_K: Q4_0; Q4_K: Q5_0; Q5_K: Q5_1; Q6_K: Q8_0; IQ4_XS: IQ4_NL), else
 * F16. As llama.cpp's llama_tensor_get_type falls back. */
enum eq_dtype eq_ggml_type(enum eq_dtype t, size_t cols);

/* Of the types that try many scales. */
typedef void eq_block_encoder(const float *x, size_t n, unsigned char *out);
eq_block_encoder eq_encode_q2_k, eq_encode_q3_k, eq_encode_q4_k, eq_encode_q5_k, eq_encode_q6_k;
eq_block_encoder eq_encode_iq4_nl, eq_encode_iq4_xs;

#endif
