#include "lib/model/description.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text/tokenizer_summary.h"

static struct eq_str text_of(const struct eq_buffer *b) { return (struct eq_str){ b->data, b->data ? b->size : 0 }; }

static void add_format(struct eq_buffer *b, const struct eq_checkpoint *f) {
  size_t n = f->n_parts ? f->n_parts : f->n_shards;
  if (f->n_parts)
    eq_buffer_format(b, "GGUF v%u", f->parts[0].version);
  else
    eq_buffer_string(b, "safetensors");
  eq_buffer_format(b, ", %zu file%s, %zu tensors", n, n == 1 ? "" : "s", f->n_stored);
}

/* "512 in 15 of 18 layers", or nothing. */
static void add_window(struct eq_buffer *b, const struct eq_config *c) {
  size_t n = 0, window = 0;
  for (size_t l = 0; l < c->n_layers; l++)
    if (c->layers[l].window) n++, window = c->layers[l].window;
  if (n) eq_buffer_format(b, "%zu in %zu of %zu layers", window, n, c->n_layers);
}

static void add_rotary(struct eq_buffer *b, const struct eq_rotary *r) {
  static const char *const scalings[] = { [EQ_ROTARY_DEFAULT] = "",
                                          [EQ_ROTARY_LINEAR] = "linear",
                                          [EQ_ROTARY_LLAMA3] = "llama3",
                                          [EQ_ROTARY_YARN] = "yarn",
                                          [EQ_ROTARY_LONGROPE] = "longrope" };
  eq_buffer_format(b, "base %.10g, %zu dimensions", r->base, r->size);
  if (r->scaling != EQ_ROTARY_DEFAULT) eq_buffer_format(b, ", %s x%g", scalings[r->scaling], r->factor);
}

static void add_position(struct eq_buffer *b, const struct eq_config *c) {
  static const char *const names[] = { [EQ_NO_POSITIONS] = "none",
                                       [EQ_LEARNED] = "learned",
                                       [EQ_SINUSOIDAL] = "sinusoidal",
                                       [EQ_ROTARY] = "rotary, ",
                                       [EQ_ALIBI] = "ALiBi" };
  eq_buffer_string(b, names[c->positions]);
  if (c->positions == EQ_ROTARY) add_rotary(b, &c->rotary[0]);
  if (c->positions != EQ_ROTARY || !c->rotary[1].size) return;
  eq_buffer_string(b, "; in windows ");
  add_rotary(b, &c->rotary[1]);
}

/* "F16 148 tensors 3412992 bytes, ..." of all tensors of the files; *bytes is their sum. */
static void add_types(struct eq_buffer *b, const struct eq_checkpoint *f, uint64_t *bytes) {
  for (int type = 0; type < EQ_DTYPES; type++) {
    size_t n = 0;
    uint64_t size = 0;
    for (size_t i = 0; i < f->n_stored; i++)
      if ((int)f->stored[i].dtype == type) n++, size += eq_tensor_bytes(&f->stored[i], f->stored[i].n);
    if (!n) continue;
    eq_buffer_format(b, "%s%s %zu tensor%s %llu bytes", b->size ? "; " : "", eq_dtype_name((enum eq_dtype)type), n,
                     n == 1 ? "" : "s", (unsigned long long)size);
    *bytes += size;
  }
}

/* ---- provenance: keys by which makers of files say where they come from ---- */

static void add_said(struct eq_buffer *b, const char *key, struct eq_str value) {
  if (!value.n) return;
  eq_buffer_format(b, "%s%s ", b->size ? "; " : "", key);
  eq_buffer_text(b, value.p, value.n);
}

static void add_gguf_provenance(struct eq_buffer *b, const struct eq_gguf *g) {
  static const char *const keys[] = { "general.name",         "general.organization", "general.finetune",
                                      "general.quantized_by", "general.license",      "general.source.url" };
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    struct eq_str value = { 0 };
    if (eq_gguf_string(eq_gguf_find(g, keys[i]), &value)) add_said(b, keys[i], value);
  }
}

static void add_json_provenance(struct eq_buffer *b, json_t *config) {
  static const char *const keys[] = { "_name_or_path", "transformers_version" };
  const char *architecture = json_string_value(json_array_get(json_object_get(config, "architectures"), 0));
  const char *method =
      json_string_value(json_object_get(json_object_get(config, "quantization_config"), "quant_method"));
  if (architecture) add_said(b, "architecture", eq_str(architecture));
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *value = json_string_value(json_object_get(config, keys[i]));
    if (value) add_said(b, keys[i], eq_str(value));
  }
  if (method) add_said(b, "quant_method", eq_str(method));
}

static void add_provenance(struct eq_buffer *b, const struct eq_model *m, const char *path) {
  if (m->file.n_parts) {
    add_gguf_provenance(b, &m->file.parts[0]);
    return;
  }
  char *config_path = eq_path_join(path, "config.json");
  json_t *config = config_path ? json_load_file(config_path, 0, NULL) : NULL; /* it was read and checked before */
  add_json_provenance(b, config);
  json_decref(config);
  free(config_path);
}

static uint64_t parameters(const struct eq_model *m) {
  uint64_t n = 0;
  for (size_t i = 0; i < m->n_params; i++) n += m->weights[i].tensor->n;
  return n;
}

static void add_texts(struct eq_description_texts *t, const struct eq_model *m, const char *path, uint64_t *bytes) {
  add_format(&t->format, &m->file);
  add_window(&t->window, &m->config);
  add_position(&t->position, &m->config);
  add_types(&t->types, &m->file, bytes);
  eq_tokenizer_summary(path, &t->tokenizer);
  add_provenance(&t->provenance, m, path);
  if (m->n_unused) eq_buffer_text(&t->unused, m->unused, strlen(m->unused));
}

bool eq_describe(struct eq_description *d, struct eq_description_texts *t, const struct eq_model *m, const char *path,
                 struct eq_err *err) {
  static const char *const activations[] = {
    [EQ_GELU_TANH] = "gelu (tanh)", [EQ_GELU_ERF] = "gelu", [EQ_RELU] = "relu", [EQ_SILU] = "silu"
  };
  const struct eq_config *c = &m->config;
  bool sparse = c->dims[EQ_D_EXPERTS] > 0;
  *t = (struct eq_description_texts){ .format = { 0 } };
  *d = (struct eq_description){ .model = eq_str(m->name), .family = eq_str(c->arch->name) };
  add_texts(t, m, path, &d->bytes);
  d->format = text_of(&t->format), d->types = text_of(&t->types), d->position = text_of(&t->position);
  d->window = text_of(&t->window), d->tokenizer = text_of(&t->tokenizer), d->provenance = text_of(&t->provenance);
  d->unused = m->n_unused, d->first_unused = text_of(&t->unused);
  d->layers = c->n_layers, d->width = c->dims[EQ_D_WIDTH], d->inner = c->dims[EQ_D_INNER];
  d->heads = c->n_heads, d->kv_heads = c->n_kv_heads, d->head_size = c->head_size;
  d->experts = sparse ? c->dims[EQ_D_EXPERTS] : EQ_ABSENT;
  d->experts_a_token = sparse ? c->experts_a_token : EQ_ABSENT;
  d->vocab = c->dims[EQ_D_VOCAB], d->positions = c->max_positions;
  d->norm = eq_str(c->arch->norm == EQ_RMSNORM ? "RMSNorm" : "LayerNorm");
  d->activation = eq_str(activations[c->activation]), d->head = eq_str(c->tied ? "tied" : "its own");
  d->parameters = parameters(m);
  bool ok = !t->format.failed && !t->window.failed && !t->position.failed && !t->types.failed && !t->tokenizer.failed &&
            !t->provenance.failed && !t->unused.failed;
  return ok || eq_fail_memory(err, 1 << 12, "a description");
}

void eq_description_texts_free(struct eq_description_texts *t) {
  eq_buffer_free(&t->format), eq_buffer_free(&t->window), eq_buffer_free(&t->position), eq_buffer_free(&t->types);
  eq_buffer_free(&t->tokenizer), eq_buffer_free(&t->provenance), eq_buffer_free(&t->unused);
}
