/* gptq.c: a folder in the layout of GPTQ, checkpoint_format gptq (v1), as GPTQModel reads it and lib/tensor/gptq.c
 * describes it. Layers that differ from the most usual scheme, and those that are left as they are, stand in the config
 * under `dynamic`, by patterns that match one layer each. */
#include <stdlib.h>
#include <string.h>

#include "lib/export/folder_model.h"

enum { QWEIGHT, SCALES, QZEROS, G_IDX };

static bool check(const struct eq_export *x, size_t param, struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  struct eq_scheme s = eq_export_scheme(x, param);
  if (s.kind != EQ_INT && s.kind != EQ_ASYMMETRIC)
    return eq_export_refuse(x, param, "gptq", "it has integers with scales, about 0; --dtype stores values", err);
  if (!(x->model->params[param].roles & EQ_LINEAR))
    return eq_export_refuse(x, param, "gptq", "it is no linear layer of a block", err);
  if (s.bits != 2 && s.bits != 3 && s.bits != 4 && s.bits != 8)
    return eq_export_refuse(x, param, "gptq", "it has 2, 3, 4 or 8 bits", err);
  if (s.granularity == EQ_PER_GROUP && w->cols % s.group)
    return eq_export_refuse(x, param, "gptq", "groups of that size do not divide its inputs", err);
  if (w->cols * s.bits % 32 || w->rows * s.bits % 32)
    return eq_export_refuse(x, param, "gptq", "its codes do not fill whole words of 32 bits", err);
  return true;
}

static size_t groups_of(const struct eq_export *x, size_t param) {
  return eq_codes_groups(eq_export_scheme(x, param), x->model->weights[param].cols);
}

static bool add(const struct eq_export *x, struct eq_folder_model *f, size_t param, struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  struct eq_scheme s = eq_export_scheme(x, param);
  size_t groups = groups_of(x, param);
  return eq_folder_model_add(x, f, param, "qweight", EQ_I32, w->cols * s.bits / 32, w->rows, err) &&
         eq_folder_model_add(x, f, param, "scales", eq_folder_model_scales(s), groups, w->rows, err) &&
         eq_folder_model_add(x, f, param, "qzeros", EQ_I32, groups, w->rows * s.bits / 32, err) &&
         eq_folder_model_add(x, f, param, "g_idx", EQ_I32, w->cols, 0, err);
}

struct packing {
  const uint8_t *codes; /* [rows][cols] */
  uint32_t *words;      /* [cols bits / 32][rows] */
  size_t rows, cols;
  unsigned bits;
};
enum { OUTPUTS = 16 }; /* an item's: so few that what is read of them stays in the cache */

static void pack_item(void *context, size_t item, size_t thread) {
  const struct packing *p = context;
  size_t first = item * OUTPUTS, last = first + OUTPUTS < p->rows ? first + OUTPUTS : p->rows;
  (void)thread;
  for (size_t c = 0; c < p->cols; c++)
    for (size_t r = first; r < last; r++)
      eq_set_field(p->words + r, p->rows, c * p->bits, p->bits, p->codes[r * p->cols + c]);
}

static bool put_codes(const struct eq_export *x, struct eq_folder_model *f, size_t param, const struct eq_codes *codes,
                      struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  struct packing p = { codes->codes, NULL, w->rows, w->cols, eq_export_scheme(x, param).bits };
  size_t n = w->cols * p.bits / 32 * w->rows;
  if (!(p.words = eq_array(n, sizeof *p.words))) return eq_fail_memory(err, n * sizeof *p.words, "codes");
  eq_pool_run(x->pool, (w->rows + OUTPUTS - 1) / OUTPUTS, pack_item, &p);
  bool ok = eq_folder_model_put(f, x, param, QWEIGHT, p.words, err);
  free(p.words);
  return ok;
}

/* One scale of /tensor is every output's. */
static size_t scale_of(const struct eq_export *x, size_t param, size_t row, size_t group) {
  return eq_export_scheme(x, param).granularity == EQ_PER_TENSOR ? 0 : row * groups_of(x, param) + group;
}

static bool put_scales(const struct eq_export *x, struct eq_folder_model *f, size_t param, const struct eq_codes *codes,
                       struct eq_err *err) {
  size_t groups = groups_of(x, param), rows = x->model->weights[param].rows;
  enum eq_dtype type = eq_folder_model_scales(eq_export_scheme(x, param));
  float *floats = eq_array(groups * rows, sizeof *floats);
  char *bytes = eq_array(groups * rows, sizeof *floats);
  bool ok = floats && bytes ? true : eq_fail_memory(err, groups * rows * sizeof *floats, "scales");
  for (size_t g = 0; ok && g < groups; g++)
    for (size_t r = 0; r < rows; r++) floats[g * rows + r] = codes->scales[scale_of(x, param, r, g)];
  if (ok) eq_dtype_encode(type, floats, groups * rows, bytes);
  ok = ok && eq_folder_model_put(f, x, param, SCALES, bytes, err);
  free(floats);
  free(bytes);
  return ok;
}

/* Zero points less one, as v1 has them: of 3 bits each field by itself, else word by word, so that what a field cannot
 * hold is borrowed from the next. */
static bool put_zeros(const struct eq_export *x, struct eq_folder_model *f, size_t param, const struct eq_codes *codes,
                      struct eq_err *err) {
  size_t groups = groups_of(x, param), rows = x->model->weights[param].rows;
  unsigned bits = eq_export_scheme(x, param).bits;
  size_t a_group = rows * bits / 32;
  uint32_t mask = (1U << bits) - 1, ones = bits == 3 ? 0 : UINT32_MAX / mask;
  uint32_t *words = eq_array(groups * a_group, sizeof *words);
  if (!words) return eq_fail_memory(err, groups * a_group * sizeof *words, "zero points");
  for (size_t g = 0; g < groups; g++) {
    for (size_t r = 0; r < rows; r++) {
      uint32_t zero = codes->zeros[scale_of(x, param, r, g)];
      eq_set_field(words + g * a_group, 1, r * bits, bits, bits == 3 ? (zero - 1) & mask : zero);
    }
    for (size_t i = 0; i < a_group; i++) words[g * a_group + i] -= ones;
  }
  bool ok = eq_folder_model_put(f, x, param, QZEROS, words, err);
  free(words);
  return ok;
}

static bool put_groups(const struct eq_export *x, struct eq_folder_model *f, size_t param, struct eq_err *err) {
  size_t cols = x->model->weights[param].cols, size = cols / groups_of(x, param);
  int32_t *index = eq_array(cols, sizeof *index);
  if (!index) return eq_fail_memory(err, cols * sizeof *index, "groups");
  for (size_t c = 0; c < cols; c++) index[c] = (int32_t)(c / size);
  bool ok = eq_folder_model_put(f, x, param, G_IDX, index, err);
  free(index);
  return ok;
}

static bool put(const struct eq_export *x, struct eq_folder_model *f, size_t param, const struct eq_codes *codes,
                struct eq_err *err) {
  return put_codes(x, f, param, codes, err) && put_scales(x, f, param, codes, err) &&
         put_zeros(x, f, param, codes, err) && put_groups(x, f, param, err);
}

/* ---- the config ---- */

/* The scheme of the most layers; of equals the first. */
static size_t most_usual(const struct eq_export *x) {
  size_t best = 0, most = 0;
  for (size_t i = 0; i < x->model->n_params; i++) {
    size_t n = 0;
    for (size_t k = i; eq_folder_model_codes(x, i) && k < x->model->n_params; k++)
      n += eq_folder_model_codes(x, k) && eq_scheme_equal(eq_export_scheme(x, k), eq_export_scheme(x, i));
    if (n > most) best = i, most = n;
  }
  return best;
}

static void set_scheme(json_t *object, struct eq_scheme s) {
  json_object_set_new(object, "bits", json_integer(s.bits));
  json_object_set_new(object, "group_size", json_integer(s.granularity == EQ_PER_GROUP ? (json_int_t)s.group : -1));
  json_object_set_new(object, "desc_act", json_false());
  json_object_set_new(object, "sym", json_boolean(s.kind == EQ_INT));
}

/* "+:^model\.layers\.0\.mlp\.up_proj$" */
static void set_pattern(json_t *dynamic, const struct eq_export *x, size_t param, char sign, json_t *value) {
  struct eq_buffer pattern = { 0 };
  const char *name = x->model->params[param].name;
  eq_buffer_format(&pattern, "%c:^", sign);
  for (size_t i = 0, n = eq_folder_model_module(x, param); i < n; i++)
    eq_buffer_format(&pattern, name[i] == '.' ? "\\%c" : "%c", name[i]);
  eq_buffer_string(&pattern, "$");
  json_object_set_new(dynamic, pattern.failed ? "" : pattern.data, value);
  eq_buffer_free(&pattern);
}

static json_t *describe(const struct eq_export *x) {
  struct eq_scheme usual = eq_export_scheme(x, most_usual(x));
  json_t *config = json_object(), *dynamic = json_object(), *left = json_array();
  for (size_t i = 0; i < x->model->n_params; i++) {
    if (eq_folder_model_is_left(x, i)) {
      set_pattern(dynamic, x, i, '-', json_object());
      json_array_append_new(left, json_stringn(x->model->params[i].name, eq_folder_model_module(x, i)));
    } else if (eq_folder_model_codes(x, i) && !eq_scheme_equal(eq_export_scheme(x, i), usual)) {
      json_t *own = json_object();
      set_scheme(own, eq_export_scheme(x, i));
      set_pattern(dynamic, x, i, '+', own);
    }
  }
  json_object_set_new(config, "quant_method", json_string("gptq"));
  json_object_set_new(config, "checkpoint_format", json_string("gptq"));
  set_scheme(config, usual);
  json_object_set_new(config, "lm_head", json_false());
  json_object_set_new(config, "pack_dtype", json_string("int32"));
  if (json_object_size(dynamic)) json_object_set(config, "dynamic", dynamic);
  if (json_array_size(left)) json_object_set(config, "modules_to_not_convert", left);
  json_decref(dynamic);
  json_decref(left);
  return config;
}

const struct eq_codes_layout eq_gptq_layout = { check, add, put, describe };

static bool begin(struct eq_export *x, struct eq_err *err) { return eq_folder_model_begin(x, &eq_gptq_layout, err); }

const struct eq_export_format eq_export_gptq = { "gptq", begin, eq_folder_model_write, eq_folder_model_end,
                                                 eq_folder_model_discard };
