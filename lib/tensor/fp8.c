/* FP8 weights (Micikevicius et al. 2022) as DeepSeek-V3 and transformers save them, with a scale for each block of
 * weight_block_size rows and columns (weight_scale_inv, which the codes are multiplied by in spite of its name), or as
 * AutoFP8 does, with one scale a tensor or row. */
#include "lib/tensor/quantization.h"
#include "lib/tensor/scaled.h"

bool eq_open_fp8(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *codes = p->parts[EQ_SCALED_CODES];
  json_t *block = json_object_get(q->json, "weight_block_size");
  size_t sizes[2] = { 0, 0 };
  for (size_t i = 0; i < 2; i++) {
    json_int_t n = json_integer_value(json_array_get(block, i));
    sizes[i] = n > 0 ? (size_t)n : 0;
  }
  if (!eq_part_is(q, codes, EQ_TYPE(F8_E4M3), 2, 0, 0, err)) return false;
  p->rows = codes->dims[0];
  p->cols = codes->dims[1];
  return eq_scaled_open(p, q, sizes[0], sizes[1], err);
}
