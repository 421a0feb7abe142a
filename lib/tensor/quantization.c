#include "lib/tensor/quantization.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/json_memory.h"

enum { CONFIG_MEMORY_MAX = 40 << 20, PART_NAME_BYTES = 1 << 13 };

/* A row is a scheme: a quant_method and the tensors LAYER.PART of a layer, in the order of its file; a ? may be
 * missing. That of `marker` shows that a layer is quantized so. A tensor belongs to the first row that takes it. */
static const struct packing {
  const char *method;
  size_t marker;
  const char *parts[EQ_PARTS];
  eq_packed_opener *open;
} packings[] = {
  { "gptq", 0, { "qweight", "scales", "qzeros", "?g_idx" }, eq_open_gptq },
  { "awq", 0, { "qweight", "scales", "qzeros" }, eq_open_awq },
  { "compressed-tensors",
    0,
    { "weight_packed", "weight_scale", "?weight_zero_point", "?weight_g_idx", "weight_shape" },
    eq_open_compressed_packed },
  { "compressed-tensors",
    1,
    { "weight", "weight_scale", "?weight_zero_point", "?weight_g_idx" },
    eq_open_compressed_naive },
  { "fp8", 1, { "weight", "weight_scale_inv" }, eq_open_fp8 },
  { "fp8", 1, { "weight", "weight_scale" }, eq_open_fp8 },
#define FOUR_BITS(TYPE)                               \
  {                                                   \
    "bitsandbytes", 5,                                \
        { "weight",                                   \
          "weight.absmax",                            \
          "weight.quant_map",                         \
          "?weight.nested_absmax",                    \
          "?weight.nested_quant_map",                 \
          "weight.quant_state.bitsandbytes__" TYPE }, \
        eq_open_bitsandbytes_4bit                     \
  }
  FOUR_BITS("nf4"),
  FOUR_BITS("fp4"),
  { "bitsandbytes", 1, { "weight", "SCB", "?weight_format" }, eq_open_bitsandbytes_int8 },
};
enum { N_PACKINGS = sizeof packings / sizeof *packings };

const char *eq_quantization_text(const struct eq_quantization *q, const char *key, const char *otherwise) {
  const char *text = json_string_value(json_object_get(q->json, key));
  return text ? text : otherwise;
}

int64_t eq_quantization_number(const struct eq_quantization *q, const char *key, int64_t otherwise) {
  json_t *v = json_object_get(q->json, key);
  return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool eq_quantization_refuse(const struct eq_quantization *q, const char *key, const char *value, const char *expected,
                            struct eq_err *err) {
  return eq_fail(err, EQ_BAD, "%s: '%s' is '%s', expected %s (%s)", q->path, key, value, expected, q->method);
}

/* ---- the tensors of a layer ---- */

/* The length of LAYER when a tensor is LAYER.PART; 0 when it is not. */
static size_t layer_length(const struct eq_tensor *t, const char *part) {
  size_t n = strlen(t->name), n_part = strlen(part);
  bool is = n > n_part + 1 && t->name[n - n_part - 1] == '.' && strcmp(t->name + n - n_part, part) == 0;
  return is ? n - n_part - 1 : 0;
}

static bool find_parts(const struct eq_checkpoint *c, const struct packing *k, const char *marker, size_t layer,
                       struct eq_packed *p, struct eq_err *err) {
  char name[PART_NAME_BYTES];
  for (size_t i = 0; i < EQ_PARTS && k->parts[i]; i++) {
    bool optional = k->parts[i][0] == '?';
    int n = snprintf(name, sizeof name, "%.*s.%s", (int)layer, marker, k->parts[i] + optional);
    p->parts[i] = n > 0 && (size_t)n < sizeof name ? eq_checkpoint_find(c, name) : NULL;
    if (!p->parts[i] && !optional)
      return eq_fail(err, EQ_BAD, "%s: tensor '%s' is missing beside '%s' (%s)", c->path, name, marker, k->method);
  }
  return true;
}

/* Makes c->packed[c->n_packed] of the layer that tensor `marker` shows, and LAYER.weight in `made`. */
static bool add_packed(struct eq_checkpoint *c, const struct eq_quantization *q, const struct packing *k,
                       const struct eq_tensor *marker, size_t layer, bool *used, struct eq_tensor *made,
                       struct eq_err *err) {
  static const char weight[] = ".weight";
  struct eq_packed *p = &c->packed[c->n_packed];
  if (!find_parts(c, k, marker->name, layer, p, err)) return false;
  for (size_t i = 0; i < EQ_PARTS; i++)
    if (p->parts[i]) used[p->parts[i] - c->tensors] = true;
  if (!k->open(p, q, err)) return false;
  char *name = eq_array(layer + sizeof weight, 1);
  if (!name) return eq_fail_memory(err, layer + sizeof weight, "a tensor's name");
  memcpy(name, marker->name, layer);
  memcpy(name + layer, weight, sizeof weight);
  *made = (struct eq_tensor){
    .name = name, .dtype = p->dtype, .n_dims = 2, .dims = { p->rows, p->cols }, .n = p->rows * p->cols, .packed = p
  };
  c->n_packed++;
  return true;
}

static bool add_all(struct eq_checkpoint *c, const struct eq_quantization *q, bool *used, struct eq_tensor *made,
                    struct eq_err *err) {
  for (size_t k = 0; k < N_PACKINGS; k++)
    for (size_t i = 0; strcmp(packings[k].method, q->method) == 0 && i < c->n_tensors; i++) {
      size_t layer = layer_length(&c->tensors[i], packings[k].parts[packings[k].marker]);
      if (layer && !used[i] && !add_packed(c, q, &packings[k], &c->tensors[i], layer, used, &made[c->n_packed], err))
        return false;
    }
  return true;
}

/* made: room for all tensors, of which the first c->n_packed are there; the others follow, and c->tensors becomes it.
 */
static void take(struct eq_checkpoint *c, const bool *used, struct eq_tensor *made) {
  size_t n = c->n_packed;
  for (size_t i = 0; i < c->n_tensors; i++)
    if (!used[i]) made[n++] = c->tensors[i];
  c->stored = c->tensors;
  c->n_stored = c->n_tensors;
  c->tensors = made;
  c->n_tensors = n;
}

static bool pack(struct eq_checkpoint *c, const struct eq_quantization *q, struct eq_err *err) {
  size_t markers = 0, n = c->n_tensors;
  for (size_t k = 0; k < N_PACKINGS; k++)
    for (size_t i = 0; strcmp(packings[k].method, q->method) == 0 && i < n; i++)
      markers += layer_length(&c->tensors[i], packings[k].parts[packings[k].marker]) > 0;
  bool *used = eq_array(n, sizeof *used);
  struct eq_tensor *made = eq_array(n, sizeof *made);
  c->packed = eq_array(markers, sizeof *c->packed);
  bool ok = used && made && c->packed ? true : eq_fail_memory(err, n * sizeof *made, "tensors");
  ok = ok && add_all(c, q, used, made, err);
  if (ok) {
    take(c, used, made);
  } else {
    for (size_t i = 0; made && i < c->n_packed; i++) free((char *)(uintptr_t)made[i].name);
    c->n_packed = 0;
    free(made);
  }
  free(used);
  return ok && eq_checkpoint_sort(c, err);
}

/* ---- the config ---- */

static bool refuse_method(const struct eq_quantization *q, struct eq_err *err) {
  struct eq_buffer known = { 0 };
  for (size_t k = 0; k < N_PACKINGS; k++)
    if (!k || strcmp(packings[k - 1].method, packings[k].method) != 0)
      eq_buffer_format(&known, "%s%s", k ? ", " : "", packings[k].method);
  eq_fail(err, EQ_BAD, "%s: 'quant_method' is '%s': known are %s", q->path, q->method, known.data ? known.data : "");
  eq_buffer_free(&known);
  return false;
}

/* Configs of bitsandbytes' first years have no quant_method. */
static const char *method_of(const struct eq_quantization *q, const char *otherwise) {
  bool bits =
      json_is_true(json_object_get(q->json, "load_in_8bit")) || json_is_true(json_object_get(q->json, "load_in_4bit"));
  return eq_quantization_text(q, "quant_method", bits ? "bitsandbytes" : otherwise);
}

static bool read_quantization(struct eq_checkpoint *c, struct eq_quantization *q, const char *otherwise,
                              struct eq_err *err) {
  if (!json_is_object(q->json))
    return eq_fail(err, EQ_BAD, "%s: 'quantization_config' is not an object, expected one", q->path);
  q->method = method_of(q, otherwise);
  if (!q->method) return eq_fail(err, EQ_BAD, "%s: 'quantization_config' has no 'quant_method'", q->path);
  for (size_t k = 0; k < N_PACKINGS; k++)
    if (strcmp(packings[k].method, q->method) == 0) return pack(c, q, err);
  return refuse_method(q, err);
}

bool eq_quantization_read(struct eq_checkpoint *c, const char *path, struct eq_str config, const char *method,
                          struct eq_err *err) {
  json_error_t at;
  size_t memory = eq_json_memory(config);
  if (memory > CONFIG_MEMORY_MAX)
    return eq_fail(err, EQ_BAD, "%s: has %zu bytes and would take %zu of memory, expected a config of at most %d", path,
                   config.n, memory, CONFIG_MEMORY_MAX);
  json_t *json = json_loadb(config.p ? config.p : "", config.n, JSON_REJECT_DUPLICATES, &at);
  if (!json) return eq_fail(err, EQ_BAD, "%s:%d: %s", path, at.line, at.text);
  struct eq_quantization q = { .file = c->path, .path = path, .json = json };
  if (!method) {
    q.json = json_object_get(json, "quantization_config");
    if (!q.json) q.json = json_object_get(json, "compression_config"); /* compressed-tensors before it joined in */
  }
  bool ok = !q.json || json_is_null(q.json) || read_quantization(c, &q, method, err);
  json_decref(json);
  return ok;
}

static bool read_file(struct eq_checkpoint *c, const char *path, const char *method, struct eq_err *err) {
  struct eq_file file;
  if (!eq_file_map(&file, path, err)) return false;
  bool ok = eq_quantization_read(c, path, (struct eq_str){ file.data, file.size }, method, err);
  eq_file_unmap(&file);
  return ok;
}

bool eq_quantization_open(struct eq_checkpoint *c, const char *folder, struct eq_err *err) {
  static const struct {
    const char *file, *method;
  } configs[] = { { "config.json", NULL }, { "quantize_config.json", "gptq" }, { "quant_config.json", "awq" } };
  bool ok = true;
  for (size_t i = 0; ok && !c->packed && i < sizeof configs / sizeof *configs; i++) {
    char *path = eq_path_join(folder, configs[i].file);
    if (!path) return eq_fail_memory(err, strlen(folder), "a path");
    if (eq_path_exists(path)) ok = read_file(c, path, configs[i].method, err);
    free(path);
  }
  return ok;
}
