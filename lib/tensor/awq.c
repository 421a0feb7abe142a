/* AWQ (Lin et al. 2024) as AutoAWQ saves it for its GEMM kernels: codes of 4 bits, a word for eight outputs of an
 * input, and zero points likewise. Of a word's nibbles, from its lowest, the outputs are 0 2 4 6 1 3 5 7. */
#include <strings.h>

#include "lib/tensor/columns.h"
#include "lib/tensor/quantization.h"

enum { A_WORD = 8 };

static void read_words(const struct eq_tensor *part, size_t line, size_t row, size_t n, int32_t *out) {
  static const unsigned nibble[A_WORD] = { 0, 4, 1, 5, 2, 6, 3, 7 }; /* of an output */
  for (size_t i = 0; i < n; i++) {
    uint32_t word = eq_part_word(part, line * part->dims[1] + (row + i) / A_WORD);
    out[i] = (int32_t)(word >> (4 * nibble[(row + i) % A_WORD]) & 15);
  }
}

static void read_codes(const struct eq_packed *p, size_t line, size_t row, size_t n, int32_t *out) {
  read_words(p->parts[EQ_COLUMN_CODES], line, row, n, out);
}

static void read_zeros(const struct eq_packed *p, size_t line, size_t row, size_t n, int32_t *out) {
  read_words(p->parts[EQ_COLUMN_ZEROS], line, row, n, out);
}

static void decode(const struct eq_packed *p, struct eq_tile t, float *out) {
  eq_columns_decode(p, t, read_codes, read_zeros, out);
}

/* Keys as AutoAWQ has them in quant_config.json and as transformers has them. */
bool eq_open_awq(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *codes = p->parts[EQ_COLUMN_CODES];
  const char *version = eq_quantization_text(q, "version", eq_quantization_text(q, "format", "gemm"));
  int64_t bits = eq_quantization_number(q, "bits", eq_quantization_number(q, "w_bit", 4));
  int64_t size = eq_quantization_number(q, "group_size", eq_quantization_number(q, "q_group_size", 128));
  if (strcasecmp(version, "gemm") != 0) return eq_quantization_refuse(q, "version", version, "gemm", err);
  if (bits != 4) return eq_fail(err, EQ_BAD, "%s: codes of %lld bits, expected 4 (awq)", q->path, (long long)bits);
  if (!eq_part_is(q, codes, EQ_TYPE(I32), 2, 0, 0, err)) return false;
  p->rows = codes->dims[1] * A_WORD;
  p->cols = codes->dims[0];
  p->col_block = size > 0 ? (size_t)size : p->cols;
  p->decode = decode;
  return eq_columns_open(q, p, codes->dims[1], err);
}
