/* ggml_blocks.h: the quantized blocks of GGUF files, as float32: exactly what GGML's own dequantize_row_* gives.
 *
 * A block is some elements along a row. Blocks of 32 hold a scale (and a minimum) as float16 and a code of 4, 5 or 8
 * bits an element; blocks of 256 (the "K" types) hold scales of their sub-blocks as small integers, and float16 scales
 * of those. IQ4 codes are indices of a table of 16 values, MXFP4's of the values of E2M1 with a power of two as scale
 * (OCP Microscaling Formats 1.0, section 5). Layouts: ggml-common.h of https://github.com/ggml-org/ggml. */
#ifndef EQ_TENSOR_GGML_BLOCKS_H
#define EQ_TENSOR_GGML_BLOCKS_H

#include <stddef.h>

/* out[0..n) = the n elements of whole blocks at `bytes`, any alignment. */
typedef void eq_block_decoder(const char *bytes, size_t n, float *out);
eq_block_decoder eq_decode_q4_0, eq_decode_q4_1, eq_decode_q5_0, eq_decode_q5_1, eq_decode_q8_0;
eq_block_decoder eq_decode_q2_k, eq_decode_q3_k, eq_decode_q4_k, eq_decode_q5_k, eq_decode_q6_k;
eq_block_decoder eq_decode_iq4_nl, eq_decode_iq4_xs, eq_decode_mxfp4;

#endif
