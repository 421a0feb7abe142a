/* packed.h: matrices that somebody else quantized: several tensors of a file (codes, scales, zero points and what else
 * its scheme has) read as the one tensor of real numbers, [outputs][inputs], that they stand for.
 *
 * Values are those that the scheme's own package computes when it dequantizes, in the type in which it does. Each is
 * (code - zero point) * scale, or an entry of a table * scale: the product in float32, rounded to nearest even to the
 * type of the values (mostly that of the scales), widened to float32 again. Where a runtime multiplies codes and
 * applies scales later, or rounds activations too, that is not done here.
 *
 *   gptq.c                GPTQModel, dequantize_weight of its torch kernel; type of the scales
 *   awq.c                 AutoAWQ, dequantize_gemm; type of the scales
 *   compressed_tensors.c  compressed-tensors, dequantize; type of the scales
 *   fp8.c                 transformers, Fp8Dequantize; type of the scales
 *   bitsandbytes.c        bitsandbytes, dequantize_4bit: the type that the quantizer met (float16, bfloat16, float32);
 *                         int8_vectorwise_dequant: float32
 *
 * To add a scheme: its file, here its eq_packed_opener, a row of the table in quantization.c, a golden file. */
#ifndef EQ_TENSOR_PACKED_H
#define EQ_TENSOR_PACKED_H

#include <stdint.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/tensor/tensor.h"

enum { EQ_PARTS = 6 };

/* Rows row..row+rows-1 of a matrix, of each the elements col..col+cols-1. */
struct eq_tile {
  size_t row, rows, col, cols;
};

struct eq_packed {
  const struct eq_tensor *parts[EQ_PARTS]; /* as the scheme's row in quantization.c names them; NULL: not there */
  /* out[rows][cols] = the values of a tile. */
  void (*decode)(const struct eq_packed *p, struct eq_tile t, float *out);
  size_t rows, cols;   /* outputs, inputs: each at least 1 */
  enum eq_dtype dtype; /* F32, F16 or BF16: what values are rounded to */
  /* What a scheme needs of these; see its file. */
  unsigned bits;
  size_t row_block, col_block; /* elements that share a scale */
  size_t nested_block;         /* scales that share a scale */
  float offset;                /* of nested scales */
  bool zeros_less_one;         /* zero points are stored less one */
};

/* Makes ready a matrix whose parts are set, after checking that they fit together: types, shapes, indices. */
struct eq_quantization;
typedef bool eq_packed_opener(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err);
eq_packed_opener eq_open_gptq, eq_open_awq, eq_open_compressed_packed, eq_open_compressed_naive, eq_open_fp8,
    eq_open_bitsandbytes_4bit, eq_open_bitsandbytes_int8;

/* Is a part of one of the types (bits 1 << EQ_..) and of this shape (0: any size of at least 1)? The error says what it
 * is and what was expected. */
enum { EQ_ANY_DIMS = EQ_DIMS_MAX + 1 };
bool eq_part_is(const struct eq_quantization *q, const struct eq_tensor *part, unsigned types, size_t n_dims,
                size_t rows, size_t cols, struct eq_err *err);
#define EQ_TYPE(T)     (1U << EQ_##T)
#define EQ_SCALE_TYPES (EQ_TYPE(F16) | EQ_TYPE(BF16) | EQ_TYPE(F32))

/* Element i of a part as a float. */
static inline float eq_part_at(const struct eq_tensor *part, size_t i) {
  float x;
  eq_tensor_decode(part, i, 1, &x);
  return x;
}

/* Word i of a part of 32-bit words. */
static inline uint32_t eq_part_word(const struct eq_tensor *part, size_t i) {
  uint32_t word;
  memcpy(&word, (const char *)part->data + i * sizeof word, sizeof word);
  return word;
}

/* The field of `bits` bits, at most 8, that begins at bit `at` of a string of bits: words `first`, first + stride, ...
 * of a part, the lowest bit of a word first. */
static inline uint32_t eq_part_field(const struct eq_tensor *part, size_t first, size_t stride, size_t at,
                                     unsigned bits) {
  size_t word = first + at / 32 * stride;
  unsigned shift = at % 32;
  uint32_t field = eq_part_word(part, word) >> shift;
  if (shift + bits > 32) field |= eq_part_word(part, word + stride) << (32 - shift);
  return field & ((1U << bits) - 1);
}

/* x[0..n) rounded to the type of the values. */
void eq_packed_round(const struct eq_packed *p, float *x, size_t n);

#endif
