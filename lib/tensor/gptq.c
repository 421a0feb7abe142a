/* GPTQ (Frantar et al. 2023) as AutoGPTQ and GPTQModel save it: codes of 2, 3, 4 or 8 bits, a string of bits down each
 * output's column of words; zero points in such strings along each group's row. g_idx says which group an input is of
 * (with "act-order" any). Format v1 stores zero points less one: we add it as GPTQModel does, to each word as a whole
 * (so that what v1 could not hold carries into the next field, as it was borrowed from there), with 3 bits to each
 * field modulo 8. */
#include "lib/tensor/columns.h"
#include "lib/tensor/quantization.h"

/* All outputs' fields lie at one place of words that follow each other. */
static void read_codes(const struct eq_packed *p, size_t line, size_t row, size_t n, int32_t *out) {
  const struct eq_tensor *codes = p->parts[EQ_COLUMN_CODES];
  size_t at = line * p->bits, first = at / 32 * p->rows + row;
  unsigned shift = at % 32;
  uint32_t mask = (1U << p->bits) - 1;
  for (size_t i = 0; i < n; i++) out[i] = (int32_t)(eq_part_word(codes, first + i) >> shift & mask);
  if (shift + p->bits <= 32) return;
  for (size_t i = 0; i < n; i++) out[i] |= (int32_t)(eq_part_word(codes, first + p->rows + i) << (32 - shift) & mask);
}

static void read_zeros(const struct eq_packed *p, size_t line, size_t row, size_t n, int32_t *out) {
  const struct eq_tensor *zeros = p->parts[EQ_COLUMN_ZEROS];
  uint32_t mask = (1U << p->bits) - 1, ones = p->bits == 3 ? 0 : UINT32_MAX / mask;
  for (size_t i = 0; i < n; i++) {
    size_t at = (row + i) * p->bits;
    if (!p->zeros_less_one)
      out[i] = (int32_t)eq_part_field(zeros, line * zeros->dims[1], 1, at, p->bits);
    else if (p->bits == 3)
      out[i] = (int32_t)((eq_part_field(zeros, line * zeros->dims[1], 1, at, 3) + 1) & mask);
    else
      out[i] = (int32_t)((eq_part_word(zeros, line * zeros->dims[1] + at / 32) + ones) >> (at % 32) & mask);
  }
}

static void decode(const struct eq_packed *p, struct eq_tile t, float *out) {
  eq_columns_decode(p, t, read_codes, read_zeros, out);
}

static bool read_format(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const char *key = "checkpoint_format", *format = eq_quantization_text(q, key, NULL);
  if (!format) key = "format", format = eq_quantization_text(q, key, "gptq");
  if (json_is_true(json_object_get(q->json, "is_marlin_format"))) format = "marlin";
  p->zeros_less_one = strcmp(format, "gptq") == 0;
  if (p->zeros_less_one || strcmp(format, "gptq_v2") == 0) return true;
  return eq_quantization_refuse(q, key, format, "gptq or gptq_v2", err);
}

/* Sizes and bits follow from the shapes: in models whose layers differ the config has patterns for them. */
static bool find_sizes(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *codes = p->parts[EQ_COLUMN_CODES], *zeros = p->parts[EQ_COLUMN_ZEROS];
  if (!eq_part_is(q, codes, EQ_TYPE(I32), 2, 0, 0, err) || !eq_part_is(q, zeros, EQ_TYPE(I32), 2, 0, 0, err))
    return false;
  p->rows = codes->dims[1];
  size_t bits = zeros->dims[1] * 32 / p->rows;
  if (zeros->dims[1] * 32 % p->rows || !(bits == 2 || bits == 3 || bits == 4 || bits == 8) ||
      codes->dims[0] * 32 % bits)
    return eq_fail(err, EQ_BAD, "%s: tensors '%s' [%zu,%zu] and '%s' [%zu,%zu] are not of 2, 3, 4 or 8 bits (gptq)",
                   q->file, codes->name, codes->dims[0], codes->dims[1], zeros->name, zeros->dims[0], zeros->dims[1]);
  p->bits = (unsigned)bits;
  p->cols = codes->dims[0] * 32 / bits;
  int64_t said = eq_quantization_number(q, "bits", (int64_t)bits);
  if (said != (int64_t)bits && !json_is_object(json_object_get(q->json, "dynamic")))
    return eq_fail(err, EQ_BAD, "%s: tensor '%s' has codes of %zu bits, but %s says %lld", q->file, codes->name, bits,
                   q->path, (long long)said);
  return true;
}

static bool check_groups(const struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *groups = p->parts[EQ_COLUMN_GROUPS];
  if (!groups) return true;
  if (!eq_part_is(q, groups, EQ_TYPE(I32), 1, p->cols, 0, err)) return false;
  size_t n = p->parts[EQ_COLUMN_SCALES]->dims[0];
  for (size_t i = 0; i < p->cols; i++)
    if (eq_part_word(groups, i) >= n)
      return eq_fail(err, EQ_BAD, "%s: tensor '%s' puts input %zu into group %d, expected 0 to %zu", q->file,
                     groups->name, i, (int)eq_part_word(groups, i), n - 1);
  return true;
}

bool eq_open_gptq(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  if (!read_format(p, q, err) || !find_sizes(p, q, err)) return false;
  int64_t size = eq_quantization_number(q, "group_size", -1);
  p->col_block = size > 0 ? (size_t)size : p->cols;
  p->decode = decode;
  return eq_columns_open(q, p, p->rows * p->bits / 32, err) && check_groups(p, q, err);
}
