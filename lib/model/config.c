#include "lib/model/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json_memory.h"
#include "lib/model/config_reader.h"

enum { CONFIG_MEMORY_MAX = 40 << 20 };

static const struct {
  const char *name;
  enum eq_activation activation;
} activations[] = {
  { "gelu_new", EQ_GELU_TANH },  { "gelu_pytorch_tanh", EQ_GELU_TANH },
  { "gelu_fast", EQ_GELU_TANH }, { "gelu", EQ_GELU_ERF },
  { "relu", EQ_RELU },           { "silu", EQ_SILU },
  { "swish", EQ_SILU },
};

static enum eq_activation activation_of(struct eq_config_reader *r, const char *key, const char *otherwise) {
  const char *name = eq_key_text(r, key, otherwise);
  struct eq_buffer known = { 0 };
  for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
    if (strcmp(name, activations[i].name) == 0) {
      eq_buffer_free(&known);
      return activations[i].activation;
    }
    eq_buffer_format(&known, "%s%s", i ? ", " : "", activations[i].name);
  }
  eq_fail(r->err, EQ_BAD, "%s: '%s' is '%s': known are %s", r->path, key, name, known.data ? known.data : "");
  eq_buffer_free(&known);
  return EQ_GELU_TANH;
}

/* ---- rotary positions ---- */

static const char *const scalings[] = {
  [EQ_ROTARY_DEFAULT] = "default", [EQ_ROTARY_LINEAR] = "linear",     [EQ_ROTARY_LLAMA3] = "llama3",
  [EQ_ROTARY_YARN] = "yarn",       [EQ_ROTARY_LONGROPE] = "longrope",
};

static enum eq_rotary_scaling scaling_of(const struct eq_config_reader *r) {
  const char *name = eq_key_text(r, "rope_type", eq_key_text(r, "type", "default"));
  if (strcmp(name, "su") == 0) return EQ_ROTARY_LONGROPE; /* its first name */
  for (int i = 0; i < EQ_ROTARY_SCALINGS; i++)
    if (strcmp(name, scalings[i]) == 0) return (enum eq_rotary_scaling)i;
  eq_fail(r->err, EQ_BAD, "%s: 'rope_type' is '%s': known are default, linear, llama3, yarn, longrope", r->path, name);
  return EQ_ROTARY_DEFAULT;
}

static double mscale(double factor, double m) { return factor <= 1 ? 1 : 0.1 * m * log(factor) + 1; }

/* What cosines and sines are multiplied by when the config does not say. */
static double attention_factor(const struct eq_rotary *s, const struct eq_config_reader *r) {
  double m = eq_key_number(r, "mscale", 0, 0, 1e3), all = eq_key_number(r, "mscale_all_dim", 0, 0, 1e3);
  if (s->scaling == EQ_ROTARY_YARN)
    return m > 0 && all > 0 ? mscale(s->factor, m) / mscale(s->factor, all) : mscale(s->factor, 1);
  if (s->scaling == EQ_ROTARY_LONGROPE && s->factor > 1) return sqrt(1 + log(s->factor) / log(s->original_positions));
  return 1;
}

/* `scale` has the keys of the scaling (rope_scaling, rope_parameters or one of its layer types), `top` all others. */
static void read_rotary(struct eq_config *c, const struct eq_config_reader *top, const struct eq_config_reader *scale,
                        double base, struct eq_rotary *s) {
  double share = eq_key_number(top, "rotary_pct", c->arch->rotary_share > 0 ? c->arch->rotary_share : 1, 0, 1);
  share = eq_key_number(top, "partial_rotary_factor", share, 0, 1);
  share = eq_key_number(scale, "partial_rotary_factor", share, 0, 1);
  s->interleaved = c->arch->interleaved;
  s->size = (size_t)((double)c->head_size * share);
  s->base = eq_key_number(scale, "rope_theta", base, 1e-6, 1e12);
  s->scaling = scaling_of(scale);
  double original = c->arch->original_positions > 0 ? c->arch->original_positions : (double)c->max_positions;
  original = eq_key_number(scale, "original_max_position_embeddings", original, 2, EQ_SIZE_MAX);
  s->original_positions = eq_key_number(top, "original_max_position_embeddings", original, 2, EQ_SIZE_MAX);
  double stretched = s->scaling == EQ_ROTARY_LONGROPE || s->scaling == EQ_ROTARY_YARN
                         ? (double)c->max_positions / s->original_positions
                         : 1;
  s->factor = eq_key_number(scale, "factor", stretched, 1e-6, 1e6);
  s->low_freq_factor = eq_key_number(scale, "low_freq_factor", 1, 1e-6, 1e6);
  s->high_freq_factor = eq_key_number(scale, "high_freq_factor", 4, 1e-6, 1e6);
  s->beta_fast = eq_key_number(scale, "beta_fast", 32, 1e-6, 1e6);
  s->beta_slow = eq_key_number(scale, "beta_slow", 1, 1e-6, 1e6);
  s->truncate = eq_key_truth(scale, "truncate", true);
  s->attention_factor = eq_key_number(scale, "attention_factor", attention_factor(s, scale), 1e-6, 1e6);
  if (s->size % 2)
    eq_fail(top->err, EQ_BAD, "%s: rotates %zu of %zu dimensions of a head, expected an even number", top->path,
            s->size, c->head_size);
  if (s->scaling != EQ_ROTARY_LONGROPE) return;
  s->short_factors = eq_key_floats(scale, "short_factor", s->size / 2);
  s->long_factors = eq_key_floats(scale, "long_factor", s->size / 2);
  if (!s->short_factors || !s->long_factors)
    eq_fail(top->err, EQ_BAD, "%s: longrope needs 'short_factor' and 'long_factor'", top->path);
}

/* transformers 4: rope_theta beside rope_scaling. transformers 5: rope_parameters, perhaps by type of layer. Gemma 3
 * of transformers 4 gives the base of its local layers apart, and its scaling is not theirs. */
static void read_rotaries(struct eq_config *c, const struct eq_config_reader *r) {
  struct eq_config_reader scale = eq_key_object(r, "rope_scaling"), none = { r->path, NULL, r->err };
  struct eq_config_reader parameters = eq_key_object(r, "rope_parameters");
  struct eq_config_reader full = eq_key_object(&parameters, "full_attention");
  struct eq_config_reader sliding = eq_key_object(&parameters, "sliding_attention");
  double base = eq_key_number(r, "rope_theta", c->arch->rotary_base > 0 ? c->arch->rotary_base : 10000, 1e-6, 1e12);
  base = eq_key_number(r, "rotary_emb_base", base, 1e-6, 1e12);
  double local = eq_key_number(r, "rope_local_base_freq", c->arch->local_rotary_base, 1e-6, 1e12);
  if (full.json)
    scale = full;
  else if (parameters.json)
    scale = parameters;
  read_rotary(c, r, &scale, base, &c->rotary[0]);
  if (!(local > 0) && !sliding.json) return;
  read_rotary(c, r, sliding.json ? &sliding : &none, local > 0 ? local : base, &c->rotary[1]);
}

/* ---- layers ---- */

void eq_config_slide(struct eq_config *c, size_t window, size_t full_every) {
  for (size_t l = 0; l < c->n_layers; l++) {
    bool full = full_every && (l + 1) % full_every == 0;
    c->layers[l].window = full ? 0 : (uint32_t)window;
    c->layers[l].rotary = !full && c->rotary[1].size ? 1 : 0;
  }
}

bool eq_config_read_layer_types(struct eq_config *c, const struct eq_config_reader *r, size_t window) {
  if (!eq_key_there(r, "layer_types")) return false;
  json_t *types = eq_key_list(r, "layer_types");
  if (json_array_size(types) != c->n_layers)
    eq_fail(r->err, EQ_BAD, "%s: 'layer_types' has %zu items, expected one a layer: %zu", r->path,
            json_array_size(types), c->n_layers);
  for (size_t l = 0; l < c->n_layers && r->err->code == EQ_OK; l++) {
    const char *type = json_string_value(json_array_get(types, l));
    bool sliding = type && strcmp(type, "sliding_attention") == 0;
    if (!type || (!sliding && strcmp(type, "full_attention") != 0))
      eq_fail(r->err, EQ_BAD, "%s: 'layer_types', item %zu is '%s', expected full_attention or sliding_attention",
              r->path, l, type ? type : "not a string");
    if (sliding && !window)
      eq_fail(r->err, EQ_BAD, "%s: 'layer_types' has sliding_attention, but there is no 'sliding_window'", r->path);
    c->layers[l].window = sliding ? (uint32_t)window : 0;
    c->layers[l].rotary = sliding && c->rotary[1].size ? 1 : 0;
  }
  return true;
}

void eq_config_read_optional_window(struct eq_config *c, const struct eq_config_reader *r) {
  bool used = eq_key_truth(r, "use_sliding_window", false);
  size_t window = used ? eq_key_optional_size(r, "sliding_window", 4096) : 0;
  size_t from = (size_t)eq_key_number(r, "max_window_layers", 28, 0, EQ_LAYERS_MAX);
  if (eq_config_read_layer_types(c, r, window)) return;
  eq_config_slide(c, window, 0);
  for (size_t l = 0; l < c->n_layers && l < from; l++) c->layers[l].window = 0;
}

/* ---- the whole ---- */

static const char *key(const char *of_family, const char *usual) { return of_family ? of_family : usual; }

/* The older spelling of a key where only that is there. */
static const char *spelled(const struct eq_config_reader *r, const char *name, const char *other) {
  return other && !eq_key_there(r, name) && eq_key_there(r, other) ? other : name;
}

static void read_sizes(struct eq_config *c, struct eq_config_reader *r) {
  const struct eq_arch *a = c->arch;
  const char *width_key = spelled(r, key(a->width_key, "hidden_size"), a->other_width_key);
  const char *heads_key = spelled(r, key(a->heads_key, "num_attention_heads"), a->other_heads_key);
  const struct eq_defaults *d = &a->defaults;
  c->n_layers = eq_key_size(r, spelled(r, key(a->layers_key, "num_hidden_layers"), a->other_layers_key), d->layers);
  c->n_heads = c->n_kv_heads = eq_key_size(r, heads_key, d->heads);
  size_t kv_heads = a->kv_heads_key ? eq_key_optional_size(r, a->kv_heads_key, d->kv_heads) : 0;
  if (kv_heads) c->n_kv_heads = kv_heads;
  size_t width = eq_key_size(r, width_key, d->width);
  c->dims[EQ_D_ONE] = 1;
  c->dims[EQ_D_WIDTH] = c->dims[EQ_D_EMBED] = width;
  c->dims[EQ_D_INNER] = eq_key_size(r, key(a->inner_key, "intermediate_size"), d->inner ? d->inner : 4 * width);
  c->dims[EQ_D_VOCAB] = eq_key_size(r, "vocab_size", d->vocab);
  c->max_positions = eq_key_size(r, key(a->positions_key, "max_position_embeddings"), d->positions);
  if (c->n_heads > EQ_HEADS_MAX)
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %zu, expected at most %d", r->path, heads_key, c->n_heads, EQ_HEADS_MAX);
  if (c->n_layers > EQ_LAYERS_MAX)
    eq_fail(r->err, EQ_BAD, "%s: %zu layers, expected at most %d", r->path, c->n_layers, EQ_LAYERS_MAX);
  size_t head_size = eq_key_optional_size(r, "head_dim", d->head_size);
  if (!head_size && width % c->n_heads)
    eq_fail(r->err, EQ_BAD, "%s: '%s' %zu is not a multiple of '%s' %zu", r->path, width_key, width, heads_key,
            c->n_heads);
  c->head_size = head_size ? head_size : width / c->n_heads;
}

static void read_common(struct eq_config *c, struct eq_config_reader *r) {
  const struct eq_arch *a = c->arch;
  double epsilon = a->epsilon > 0 ? a->epsilon : 1e-5;
  c->epsilon = (float)eq_key_number(r, key(a->epsilon_key, "rms_norm_eps"), epsilon, 0, 1);
  c->activation = activation_of(r, key(a->activation_key, "hidden_act"), a->activation ? a->activation : "silu");
  c->tied = eq_key_truth(r, "tie_word_embeddings", a->tied_by_default);
  c->bos = eq_key_token(r, "bos_token_id", a->defaults.tokens ? a->defaults.bos : -1);
  c->eos = eq_key_token(r, "eos_token_id", a->defaults.tokens ? a->defaults.eos : -1);
  c->gain_offset = a->gain_offset;
  c->parallel = a->parallel;
  c->positions = a->positions;
  c->norm_place = a->norm_place;
  c->qkv = a->qkv;
  c->logit_scale = c->embed_scale = c->alibi_scale = 1;
  for (int f = 0; f < EQ_FEATURES; f++) c->has[f] = f == EQ_ALWAYS || (f != EQ_NEVER && a->features >> f & 1);
}

/* Sizes that follow from the others, after the family has had its say. */
static void finish(struct eq_config *c, struct eq_config_reader *r) {
  size_t q = c->n_heads * c->head_size, kv = c->n_kv_heads * c->head_size;
  if (c->n_heads % c->n_kv_heads)
    eq_fail(r->err, EQ_BAD, "%s: %zu heads share %zu key-value heads, expected a divisor", r->path, c->n_heads,
            c->n_kv_heads);
  if (q > EQ_SIZE_MAX / 4 || c->dims[EQ_D_INNER] > EQ_SIZE_MAX / 4)
    eq_fail(r->err, EQ_BAD, "%s: %zu heads of %zu, an MLP of %zu: expected at most %d", r->path, c->n_heads,
            c->head_size, c->dims[EQ_D_INNER], EQ_SIZE_MAX / 4);
  c->dims[EQ_D_POSITIONS] = c->max_positions + c->arch->position_offset;
  c->dims[EQ_D_Q] = q;
  c->dims[EQ_D_KV] = kv;
  c->dims[EQ_D_QKV] = q + 2 * kv;
  c->dims[EQ_D_HEAD] = c->head_size;
  c->dims[EQ_D_HEADS] = c->n_heads;
  c->dims[EQ_D_KV_HEADS] = c->n_kv_heads;
  c->dims[EQ_D_INNER_2] = 2 * c->dims[EQ_D_INNER];
  if (!(c->attention_scale > 0)) c->attention_scale = 1 / sqrt((double)c->head_size);
}

static bool read_family(struct eq_config *c, struct eq_config_reader *r) {
  read_sizes(c, r);
  if (r->err->code != EQ_OK) return false;
  if (!(c->layers = eq_array(c->n_layers, sizeof *c->layers)))
    return eq_fail_memory(r->err, c->n_layers * sizeof *c->layers, "layers");
  read_common(c, r);
  if (c->positions == EQ_ROTARY) read_rotaries(c, r);
  if (c->arch->read) c->arch->read(c, r);
  finish(c, r);
  return r->err->code == EQ_OK;
}

static bool unknown_family(struct eq_config_reader *r, const char *family) {
  struct eq_buffer known = { 0 };
  eq_arch_names(&known);
  if (family)
    eq_fail(r->err, EQ_BAD, "%s: model_type '%s' is not known: known are %s", r->path, family, known.data);
  else
    eq_fail(r->err, EQ_BAD, "%s: 'model_type' is missing: expected one of %s", r->path, known.data);
  eq_buffer_free(&known);
  return false;
}

/* A model of text and images has its language model under text_config. */
static bool read_json(struct eq_config *c, struct eq_config_reader *r) {
  if (!json_is_object(r->json)) return eq_fail(r->err, EQ_BAD, "%s: is not an object, expected one", r->path);
  const char *family = json_string_value(json_object_get(r->json, "model_type"));
  struct eq_config_reader text = eq_key_object(r, "text_config");
  c->arch = family ? eq_arch_find(family) : NULL;
  c->wrapped = !c->arch && text.json;
  if (c->wrapped) {
    family = json_string_value(json_object_get(text.json, "model_type"));
    c->arch = family ? eq_arch_find(family) : NULL;
  }
  return c->arch ? read_family(c, c->wrapped ? &text : r) : unknown_family(r, family);
}

bool eq_config_read(struct eq_config *c, const char *path, struct eq_str text, struct eq_err *err) {
  struct eq_err own = { 0 };
  json_error_t at;
  *c = (struct eq_config){ 0 };
  struct eq_config_reader r = { path, NULL, &own };
  size_t memory = eq_json_memory(text);
  if (memory > CONFIG_MEMORY_MAX)
    eq_fail(&own, EQ_BAD, "%s: has %zu bytes and would take %zu of memory, expected a config of at most %d", path,
            text.n, memory, CONFIG_MEMORY_MAX);
  else if (!(r.json = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &at)))
    eq_fail(&own, EQ_BAD, "%s:%d: %s", path, at.line, at.text);
  else
    read_json(c, &r);
  json_decref(r.json);
  return own.code == EQ_OK || eq_fail(err, own.code, "%s", own.text);
}

void eq_config_free(struct eq_config *c) {
  for (int i = 0; i < EQ_ROTARIES; i++) eq_rotary_free(&c->rotary[i]);
  free(c->layers);
  free(c->alibi);
  *c = (struct eq_config){ 0 };
}
