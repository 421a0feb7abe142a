#include "lib/model/config.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { CONFIG_MAX = 4 << 20, DIM_MAX = 1 << 28 };

static const struct {
  const char *name;
  enum eq_activation activation;
} activations[] = {
  { "gelu_new", EQ_GELU_TANH }, { "gelu_pytorch_tanh", EQ_GELU_TANH },
  { "gelu", EQ_GELU_ERF },      { "relu", EQ_RELU },
  { "silu", EQ_SILU },          { "swish", EQ_SILU },
};

/* A config being read: the first error sticks in err. */
struct reading {
  const char *path;
  json_t *json;
  struct eq_err *err;
};

/* The value of a key, NULL when it is absent or null. */
static json_t *value(struct reading *r, const char *key) {
  json_t *v = json_object_get(r->json, key);
  return json_is_null(v) ? NULL : v;
}

static const char *type_name(json_t *v) {
  static const char *const names[] = { "an object", "a list", "a string", "a whole number",
                                       "a number",  "true",   "false",    "null" };
  return v ? names[json_typeof(v)] : "missing";
}

/* A whole number of 1 to DIM_MAX; `otherwise` when absent, 0 there meaning that it is required. */
static size_t size_of(struct reading *r, const char *key, size_t otherwise) {
  json_t *v = value(r, key);
  if (!v && otherwise) return otherwise;
  if (!json_is_integer(v))
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected a whole number", r->path, key, type_name(v));
  else if (json_integer_value(v) < 1 || json_integer_value(v) > DIM_MAX)
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %lld, expected 1 to %d", r->path, key, (long long)json_integer_value(v),
            DIM_MAX);
  else
    return (size_t)json_integer_value(v);
  return 1;
}

static bool truth_of(struct reading *r, const char *key, bool otherwise) {
  json_t *v = value(r, key);
  if (v && !json_is_boolean(v))
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected true or false", r->path, key, type_name(v));
  return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static float epsilon_of(struct reading *r, const char *key) {
  json_t *v = value(r, key);
  double epsilon = v ? json_number_value(v) : 1e-5;
  if ((v && !json_is_number(v)) || !(epsilon >= 0 && epsilon <= 1))
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected a number of 0 to 1", r->path, key, type_name(v));
  return (float)epsilon;
}

static enum eq_activation activation_of(struct reading *r, const char *key) {
  json_t *v = value(r, key);
  const char *name = v ? json_string_value(v) : "gelu_new";
  struct eq_buffer known = { 0 };
  for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
    if (name && strcmp(name, activations[i].name) == 0) {
      eq_buffer_free(&known);
      return activations[i].activation;
    }
    eq_buffer_format(&known, "%s%s", i ? ", " : "", activations[i].name);
  }
  eq_fail(r->err, EQ_BAD, "%s: '%s' is '%s': known are %s", r->path, key, name ? name : type_name(v),
          known.data ? known.data : "");
  eq_buffer_free(&known);
  return EQ_GELU_TANH;
}

static int64_t token_of(struct reading *r, const char *key) {
  json_t *v = value(r, key);
  if (json_is_array(v)) v = json_array_get(v, 0);
  if (!v) return -1;
  if (json_is_integer(v) && json_integer_value(v) >= -1 && json_integer_value(v) <= UINT32_MAX)
    return json_integer_value(v);
  eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected a token id", r->path, key,
          json_is_integer(v) ? "out of range" : type_name(v));
  return -1;
}

static void read_keys(struct eq_config *c, struct reading *r) {
  const struct eq_arch *a = c->arch;
  c->n_layers = size_of(r, a->layers_key, 0);
  c->n_heads = size_of(r, a->heads_key, 0);
  size_t width = size_of(r, a->width_key, 0);
  c->dims[EQ_D_ONE] = 1;
  c->dims[EQ_D_WIDTH] = width;
  c->dims[EQ_D_QKV] = 3 * width;
  c->dims[EQ_D_INNER] = size_of(r, a->inner_key, 4 * width);
  c->dims[EQ_D_VOCAB] = size_of(r, "vocab_size", 0);
  c->dims[EQ_D_POSITIONS] = size_of(r, a->positions_key, 0);
  c->epsilon = epsilon_of(r, a->epsilon_key);
  c->activation = activation_of(r, a->activation_key);
  c->tied = truth_of(r, "tie_word_embeddings", a->tied_by_default);
  c->scale_attention = truth_of(r, "scale_attn_weights", true);
  c->scale_by_layer = truth_of(r, "scale_attn_by_inverse_layer_idx", false);
  c->bos = token_of(r, "bos_token_id");
  c->eos = token_of(r, "eos_token_id");
  if (width % c->n_heads)
    eq_fail(r->err, EQ_BAD, "%s: '%s' %zu is not a multiple of '%s' %zu", r->path, a->width_key, width, a->heads_key,
            c->n_heads);
}

static bool unknown_family(struct reading *r, const char *family) {
  struct eq_buffer known = { 0 };
  eq_arch_names(&known);
  if (family)
    eq_fail(r->err, EQ_BAD, "%s: model_type '%s' is not known: known are %s", r->path, family, known.data);
  else
    eq_fail(r->err, EQ_BAD, "%s: 'model_type' is missing: expected one of %s", r->path, known.data);
  eq_buffer_free(&known);
  return false;
}

static bool read_json(struct eq_config *c, struct reading *r) {
  if (!json_is_object(r->json))
    return eq_fail(r->err, EQ_BAD, "%s: is %s, expected an object", r->path, type_name(r->json));
  const char *family = json_string_value(json_object_get(r->json, "model_type"));
  c->arch = family ? eq_arch_find(family) : NULL;
  if (!c->arch) return unknown_family(r, family);
  read_keys(c, r);
  return r->err->code == EQ_OK;
}

bool eq_config_read(struct eq_config *c, const char *path, struct eq_str text, struct eq_err *err) {
  struct eq_err own = { 0 };
  json_error_t at;
  *c = (struct eq_config){ 0 };
  struct reading r = { path, NULL, &own };
  if (text.n > CONFIG_MAX)
    eq_fail(&own, EQ_BAD, "%s: has %zu bytes, expected a config of at most %d", path, text.n, CONFIG_MAX);
  else if (!(r.json = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &at)))
    eq_fail(&own, EQ_BAD, "%s:%d: %s", path, at.line, at.text);
  else
    read_json(c, &r);
  json_decref(r.json);
  return own.code == EQ_OK || eq_fail(err, own.code, "%s", own.text);
}
