/* compressed_tensors.c: a folder in the format pack-quantized of compressed-tensors
 * (https://github.com/vllm-project/compressed-tensors): codes as fields along each row, a scale a group, and where
 * codes have zero points these as fields down their columns. A group of the config is a scheme. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/export/folder_model.h"

enum { PACKED, SCALE, SHAPE, ZERO_POINT };

static bool is_coded(enum eq_scheme_kind kind) { return kind == EQ_INT || kind == EQ_ASYMMETRIC; }

static bool check(const struct eq_export *x, size_t param, struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  struct eq_scheme s = eq_export_scheme(x, param);
  unsigned roles = x->model->params[param].roles;
  if (!is_coded(s.kind))
    return eq_export_refuse(x, param, "compressed-tensors",
                            "it has integers with scales, about 0; --dtype stores values", err);
  if (!(roles & EQ_LINEAR) && (!(roles & EQ_HEAD) || roles & (EQ_EMBED | EQ_BIAS)))
    return eq_export_refuse(x, param, "compressed-tensors", "it is no linear layer", err);
  if (w->slot->transposed)
    return eq_export_refuse(x, param, "compressed-tensors", "its layer is a Conv1D, and only Linear ones are packed",
                            err);
  if (s.granularity == EQ_PER_GROUP && w->cols % s.group)
    return eq_export_refuse(x, param, "compressed-tensors", "groups of that size do not divide its inputs", err);
  return true;
}

/* Rows and columns of the scales. */
static void shape_of_scales(const struct eq_export *x, size_t param, size_t shape[2]) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  struct eq_scheme s = eq_export_scheme(x, param);
  shape[0] = s.granularity == EQ_PER_TENSOR ? 1 : w->rows;
  shape[1] = s.granularity == EQ_PER_TENSOR ? 0 : eq_codes_groups(s, w->cols);
}

static size_t words_of(size_t n, unsigned bits) { return (n * bits + 31) / 32; }

static bool add(const struct eq_export *x, struct eq_folder_model *f, size_t param, struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  struct eq_scheme s = eq_export_scheme(x, param);
  size_t shape[2];
  shape_of_scales(x, param, shape);
  bool ok = eq_folder_model_add(x, f, param, "weight_packed", EQ_I32, w->rows, words_of(w->cols, s.bits), err) &&
            eq_folder_model_add(x, f, param, "weight_scale", eq_folder_model_scales(s), shape[0], shape[1], err) &&
            eq_folder_model_add(x, f, param, "weight_shape", EQ_I64, 2, 0, err);
  if (!ok || s.kind != EQ_ASYMMETRIC) return ok;
  return shape[1]
             ? eq_folder_model_add(x, f, param, "weight_zero_point", EQ_I32, words_of(w->rows, s.bits), shape[1], err)
             : eq_folder_model_add(x, f, param, "weight_zero_point", EQ_I8, 1, 0, err);
}

/* Of 4 bits a byte holds two, which is what most are written with. */
static void pack_row(const uint8_t *codes, size_t n, unsigned bits, uint32_t *words) {
  size_t done = bits == 4 ? n / 2 * 2 : 0;
  for (size_t i = 0; i < done; i += 2) ((unsigned char *)words)[i / 2] = (unsigned char)(codes[i] | codes[i + 1] << 4);
  for (size_t i = done; i < n; i++) eq_set_field(words, 1, i * bits, bits, codes[i]);
}

static bool put_packed(const struct eq_export *x, struct eq_folder_model *f, size_t param, const struct eq_codes *codes,
                       struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  unsigned bits = eq_export_scheme(x, param).bits;
  size_t words = words_of(w->cols, bits);
  uint32_t *packed = eq_array(w->rows * words, sizeof *packed);
  if (!packed) return eq_fail_memory(err, w->rows * words * sizeof *packed, "codes");
  for (size_t r = 0; r < w->rows; r++) pack_row(codes->codes + r * w->cols, w->cols, bits, packed + r * words);
  bool ok = eq_folder_model_put(f, x, param, PACKED, packed, err);
  free(packed);
  return ok;
}

/* One of /tensor stands as it is, others are fields down the rows. */
static bool put_zeros(const struct eq_export *x, struct eq_folder_model *f, size_t param, const struct eq_codes *codes,
                      size_t groups, struct eq_err *err) {
  size_t rows = x->model->weights[param].rows;
  unsigned bits = eq_export_scheme(x, param).bits;
  int8_t one = (int8_t)((int)codes->zeros[0] - (1 << (bits - 1)));
  if (!groups) return eq_folder_model_put(f, x, param, ZERO_POINT, &one, err);
  uint32_t *packed = eq_array(words_of(rows, bits) * groups, sizeof *packed);
  if (!packed) return eq_fail_memory(err, rows * groups, "zero points");
  for (size_t r = 0; r < rows; r++)
    for (size_t g = 0; g < groups; g++) eq_set_field(packed + g, groups, r * bits, bits, codes->zeros[r * groups + g]);
  bool ok = eq_folder_model_put(f, x, param, ZERO_POINT, packed, err);
  free(packed);
  return ok;
}

static bool put(const struct eq_export *x, struct eq_folder_model *f, size_t param, const struct eq_codes *codes,
                struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  const int64_t dims[2] = { (int64_t)w->rows, (int64_t)w->cols };
  size_t shape[2];
  shape_of_scales(x, param, shape);
  size_t n = shape[0] * (shape[1] ? shape[1] : 1);
  enum eq_dtype type = eq_folder_model_scales(eq_export_scheme(x, param));
  char *scales = malloc(n * eq_dtype_size(type));
  if (!scales) return eq_fail_memory(err, n * eq_dtype_size(type), "scales");
  eq_dtype_encode(type, codes->scales, n, scales);
  bool ok = put_packed(x, f, param, codes, err) && eq_folder_model_put(f, x, param, SCALE, scales, err) &&
            eq_folder_model_put(f, x, param, SHAPE, dims, err);
  free(scales);
  return ok && (eq_export_scheme(x, param).kind != EQ_ASYMMETRIC || put_zeros(x, f, param, codes, shape[1], err));
}

/* ---- the config ---- */

static json_t *weights_of(struct eq_scheme s) {
  static const char *const strategies[] = {
    [EQ_PER_TENSOR] = "tensor", [EQ_PER_ROW] = "channel", [EQ_PER_GROUP] = "group"
  };
  json_t *group = s.granularity == EQ_PER_GROUP ? json_integer(s.group) : json_null();
  return json_pack("{s:i, s:s, s:b, s:s, s:o, s:b, s:s}", "num_bits", (int)s.bits, "type", "int", "symmetric",
                   s.kind == EQ_INT, "strategy", strategies[s.granularity], "group_size", group, "dynamic", 0,
                   "observer", "minmax");
}

static json_t *module_of(const struct eq_export *x, size_t param) {
  return json_stringn(x->model->params[param].name, eq_folder_model_module(x, param));
}

/* The layers of one scheme, the first of which is `first`; all of them when there is only that. */
static json_t *group_of(const struct eq_export *x, size_t first, bool only) {
  json_t *targets = json_array();
  if (only) json_array_append_new(targets, json_string("Linear"));
  for (size_t i = first; !only && i < x->model->n_params; i++)
    if (eq_folder_model_codes(x, i) && eq_scheme_equal(eq_export_scheme(x, i), eq_export_scheme(x, first)))
      json_array_append_new(targets, module_of(x, i));
  return json_pack("{s:o, s:o, s:n, s:n, s:s}", "targets", targets, "weights", weights_of(eq_export_scheme(x, first)),
                   "input_activations", "output_activations", "format", "pack-quantized");
}

static bool is_first(const struct eq_export *x, size_t param) {
  if (!eq_folder_model_codes(x, param)) return false;
  for (size_t i = 0; i < param; i++)
    if (eq_folder_model_codes(x, i) && eq_scheme_equal(eq_export_scheme(x, i), eq_export_scheme(x, param)))
      return false;
  return true;
}

/* Modules that were left as they are, and the head, whose module is there also when it is tied. */
static json_t *ignored(const struct eq_export *x) {
  json_t *list = json_array();
  for (size_t i = 0; i < x->model->n_params; i++)
    if (eq_folder_model_is_left(x, i)) json_array_append_new(list, module_of(x, i));
  if (x->model->config.tied) json_array_append_new(list, json_string("lm_head"));
  return list;
}

static json_t *describe(const struct eq_export *x) {
  json_t *groups = json_object();
  size_t n = 0, made = 0;
  for (size_t i = 0; i < x->model->n_params; i++) n += is_first(x, i);
  for (size_t i = 0; i < x->model->n_params; i++) {
    char name[32];
    if (!is_first(x, i)) continue;
    snprintf(name, sizeof name, "group_%zu", made++);
    json_object_set_new(groups, name, group_of(x, i, n == 1));
  }
  return json_pack("{s:s, s:s, s:s, s:o, s:o}", "quant_method", "compressed-tensors", "format", "pack-quantized",
                   "quantization_status", "compressed", "ignore", ignored(x), "config_groups", groups);
}

const struct eq_codes_layout eq_compressed_tensors_layout = { check, add, put, describe };

static bool begin(struct eq_export *x, struct eq_err *err) {
  return eq_folder_model_begin(x, &eq_compressed_tensors_layout, err);
}

const struct eq_export_format eq_export_compressed_tensors = { "compressed-tensors", begin, eq_folder_model_write,
                                                               eq_folder_model_end, eq_folder_model_discard };
