/* compressed-tensors (https://github.com/vllm-project/compressed-tensors): pack-quantized, fields of 1 to 8 bits along
 * each row; int-quantized, float-quantized and naive-quantized, an int8 or FP8 element each. The config has groups of
 * layers, each with its number of bits; the shapes tell which a layer is of. */
#include "lib/tensor/quantization.h"
#include "lib/tensor/scaled.h"

enum { SHAPE = 4 };

static bool check_format(const struct eq_quantization *q, struct eq_err *err) {
  static const char *const known[] = { "pack-quantized",  "int-quantized",   "float-quantized",
                                       "naive-quantized", "mixed-precision", "dense" };
  const char *format = eq_quantization_text(q, "format", "mixed-precision");
  json_t *sparsity = json_object_get(q->json, "sparsity_config");
  const char *sparse = json_string_value(json_object_get(sparsity, "format"));
  if (sparse && strcmp(sparse, "dense") != 0) return eq_quantization_refuse(q, "sparsity_config", sparse, "dense", err);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(format, known[i]) == 0) return true;
  return eq_quantization_refuse(q, "format", format, "pack-, int-, float- or naive-quantized", err);
}

/* The weights of a group of layers in the config; NULL when it has none. */
static json_t *weights_of(json_t *group) { return json_object_get(group, "weights"); }

/* Does a group list the layer of these codes by its name? */
static bool names_layer(json_t *group, const struct eq_tensor *codes) {
  size_t i, n = strlen(codes->name) - strlen(".weight_packed");
  json_t *target;
  json_array_foreach(json_object_get(group, "targets"), i,
                     target) if (json_string_length(target) == n &&
                                 memcmp(json_string_value(target), codes->name, n) == 0) return true;
  return false;
}

/* The bits of a group whose rows would have so many words. Of rows so short that several would, the group's that lists
 * the layer. */
static bool find_bits(struct eq_packed *p, const struct eq_quantization *q, size_t words, struct eq_err *err) {
  const struct eq_tensor *codes = p->parts[EQ_SCALED_CODES];
  const char *name;
  json_t *group;
  bool several = false;
  json_object_foreach(json_object_get(q->json, "config_groups"), name, group) {
    json_t *bits = json_object_get(weights_of(group), "num_bits");
    json_int_t n = json_is_integer(bits) ? json_integer_value(bits) : 0;
    if (n < 1 || n > 8 || (p->cols * (size_t)n + 31) / 32 != words) continue;
    if (names_layer(group, codes)) return p->bits = (unsigned)n, true;
    several = several || (p->bits && p->bits != n);
    p->bits = (unsigned)n;
  }
  if (p->bits && !several) return true;
  return eq_fail(err, EQ_BAD,
                 "%s: tensor '%s' has %zu words a row of %zu inputs, which %s 'num_bits' of %s's config_groups gives",
                 q->file, codes->name, words, p->cols, several ? "more than one" : "no", q->path);
}

static bool read_shape(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *shape = p->parts[SHAPE], *codes = p->parts[EQ_SCALED_CODES];
  int64_t dims[2] = { 0, 0 };
  if (!eq_part_is(q, codes, EQ_TYPE(I32), 2, 0, 0, err)) return false;
  if (!eq_part_is(q, shape, EQ_TYPE(I64) | EQ_TYPE(I32), 1, 2, 0, err)) return false;
  for (size_t i = 0; i < 2; i++) {
    if (shape->dtype == EQ_I64)
      memcpy(&dims[i], (const char *)shape->data + i * sizeof dims[i], sizeof dims[i]);
    else
      dims[i] = (int32_t)eq_part_word(shape, i);
  }
  if (dims[0] < 1 || (size_t)dims[0] != codes->dims[0] || dims[1] < 1 || (size_t)dims[1] / 32 > codes->dims[1])
    return eq_fail(err, EQ_BAD, "%s: tensor '%s' says [%lld,%lld], but '%s' has [%zu,%zu] words", q->file, shape->name,
                   (long long)dims[0], (long long)dims[1], codes->name, codes->dims[0], codes->dims[1]);
  p->rows = (size_t)dims[0];
  p->cols = (size_t)dims[1];
  return find_bits(p, q, codes->dims[1], err);
}

/* The rows and columns of blocks that share a scale, 0 when no group of layers has them. */
static void find_block(const struct eq_quantization *q, size_t block[2]) {
  const char *name;
  json_t *group;
  block[0] = block[1] = 0;
  json_object_foreach(json_object_get(q->json, "config_groups"), name, group) {
    json_t *sizes = json_object_get(weights_of(group), "block_structure");
    for (size_t i = 0; i < 2 && json_array_size(sizes) == 2; i++) {
      json_int_t n = json_integer_value(json_array_get(sizes, i));
      block[i] = n > 0 ? (size_t)n : 0;
    }
  }
}

bool eq_open_compressed_packed(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  return check_format(q, err) && read_shape(p, q, err) && eq_scaled_open(p, q, 0, 0, err);
}

bool eq_open_compressed_naive(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *codes = p->parts[EQ_SCALED_CODES];
  unsigned types = EQ_TYPE(I8) | EQ_TYPE(F8_E4M3) | EQ_TYPE(F8_E5M2);
  size_t block[2];
  if (!check_format(q, err) || !eq_part_is(q, codes, types, 2, 0, 0, err)) return false;
  if (codes->dtype != EQ_I8 && p->parts[EQ_SCALED_ZEROS])
    return eq_fail(err, EQ_BAD, "%s: tensor '%s' is beside %s codes, which have no zero points", q->file,
                   p->parts[EQ_SCALED_ZEROS]->name, eq_dtype_name(codes->dtype));
  p->rows = codes->dims[0];
  p->cols = codes->dims[1];
  find_block(q, block);
  return eq_scaled_open(p, q, block[0], block[1], err);
}
