/* config_gguf_keys.c: a config as a GGUF's keys. What was written is read again and compared, so that a model with
 * something that no key says is refused and not changed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/config.h"

struct keys {
  struct eq_gguf_keys *k;
  const char *architecture;
  char name[128];
};

static const char *key(struct keys *k, const char *suffix) {
  snprintf(k->name, sizeof k->name, "%s.%s", k->architecture, suffix);
  return k->name;
}

static void add_size(struct keys *k, const char *suffix, size_t x) {
  eq_gguf_add_u32(k->k, key(k, suffix), (uint32_t)x);
}
static void add_number(struct keys *k, const char *suffix, double x) {
  eq_gguf_add_f32(k->k, key(k, suffix), (float)x);
}
static void add_text(struct keys *k, const char *suffix, const char *text) {
  eq_gguf_add_text(k->k, key(k, suffix), eq_str(text));
}

static void add_sizes(struct keys *k, const struct eq_config *c) {
  bool rms = c->arch->norm == EQ_RMSNORM;
  add_size(k, "vocab_size", c->dims[EQ_D_VOCAB]);
  add_size(k, "context_length", c->max_positions);
  add_size(k, "embedding_length", c->dims[EQ_D_WIDTH]);
  add_size(k, "block_count", c->n_layers);
  add_size(k, "feed_forward_length", c->dims[EQ_D_INNER]);
  add_size(k, "attention.head_count", c->n_heads);
  add_size(k, "attention.head_count_kv", c->n_kv_heads);
  add_size(k, "attention.key_length", c->head_size);
  add_size(k, "attention.value_length", c->head_size);
  add_number(k, rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", (double)c->epsilon);
}

/* Llama 3's stretching and LongRoPE's factors are tensors, eq_gguf_rope_factors. */
static void add_rotary(struct keys *k, const struct eq_config *c) {
  const struct eq_rotary *r = &c->rotary[0];
  add_size(k, "rope.dimension_count", r->size);
  add_number(k, "rope.freq_base", r->base);
  if (c->rotary[1].size) add_number(k, "rope.freq_base_swa", c->rotary[1].base);
  if (r->scaling == EQ_ROTARY_LINEAR || r->scaling == EQ_ROTARY_YARN) {
    add_text(k, "rope.scaling.type", r->scaling == EQ_ROTARY_LINEAR ? "linear" : "yarn");
    add_number(k, "rope.scaling.factor", r->factor);
  }
  if (r->scaling == EQ_ROTARY_YARN || r->scaling == EQ_ROTARY_LONGROPE || strcmp(k->architecture, "phi3") == 0)
    add_size(k, "rope.scaling.original_context_length", (size_t)r->original_positions);
  if (r->scaling == EQ_ROTARY_LONGROPE) add_number(k, "rope.scaling.attn_factor", r->attention_factor);
}

static size_t window_of(const struct eq_config *c) {
  size_t window = 0;
  for (size_t l = 0; l < c->n_layers; l++)
    if (c->layers[l].window) window = c->layers[l].window;
  return window;
}

/* The largest bias of ALiBi: the first slope is 2^(-most / n), n the largest power of two not above the heads. */
static double most_alibi(const struct eq_config *c) {
  size_t power = 1;
  while (2 * power <= c->n_heads) power *= 2;
  return round(-log2((double)c->alibi[0]) * (double)power * 1024) / 1024;
}

/* What only some have. */
static void add_options(struct keys *k, const struct eq_config *c, const struct eq_gguf_dialect *d) {
  bool phi3 = strcmp(d->name, "phi3") == 0; /* whose keys are there whatever they say */
  if (d->full_every || window_of(c) || phi3) add_size(k, "attention.sliding_window", window_of(c));
  if (c->attention_softcap > 0) add_number(k, "attn_logit_softcapping", (double)c->attention_softcap);
  if (c->logit_softcap > 0) add_number(k, "final_logit_softcapping", (double)c->logit_softcap);
  if (strcmp(d->name, "command-r") == 0) add_number(k, "logit_scale", (double)c->logit_scale);
  if (strcmp(d->name, "gptneox") == 0 || strcmp(d->name, "stablelm") == 0)
    eq_gguf_add_bool(k->k, key(k, "use_parallel_residual"), c->parallel);
  if (strcmp(d->name, "falcon") == 0) add_text(k, "tensor_data_layout", "jploski");
  if (strcmp(d->name, "mpt") == 0 && c->alibi) add_number(k, "attention.max_alibi_bias", most_alibi(c));
  if (c->qkv_clip > 0) add_number(k, "attention.clamp_kqv", (double)c->qkv_clip);
  if (!c->dims[EQ_D_EXPERTS]) return;
  add_size(k, "expert_count", c->dims[EQ_D_EXPERTS]);
  add_size(k, "expert_used_count", c->experts_a_token);
  add_size(k, "expert_feed_forward_length", c->dims[EQ_D_EXPERT_INNER]);
}

/* ---- what was written, read again ---- */

static bool near(double a, double b) { return fabs(a - b) <= 1e-6 * (fabs(a) + fabs(b)); }

static bool same_rotary(const struct eq_rotary *a, const struct eq_rotary *b) {
  if (a->size != b->size || (a->size && !near(a->base, b->base))) return false;
  if (a->scaling == EQ_ROTARY_LLAMA3 || a->scaling == EQ_ROTARY_LONGROPE) return true; /* of tensors */
  return a->scaling == b->scaling && near(a->factor, b->factor) && near(a->attention_factor, b->attention_factor) &&
         near(a->beta_fast, b->beta_fast) && near(a->beta_slow, b->beta_slow) && a->truncate == b->truncate;
}

/* What of the config the keys do not say; NULL when they say it all. Windows of the families that llama.cpp runs
 * without them are not looked at: sequences within the window are the same. */
static const char *difference(const struct eq_config *a, const struct eq_config *b, const struct eq_gguf_dialect *d) {
  if (a->n_layers != b->n_layers || a->n_heads != b->n_heads || a->n_kv_heads != b->n_kv_heads) return "its sizes";
  if (a->head_size != b->head_size || a->dims[EQ_D_INNER] != b->dims[EQ_D_INNER]) return "its sizes";
  if (a->activation != b->activation) return "its activation";
  if (a->positions != b->positions || !same_rotary(&a->rotary[0], &b->rotary[0])) return "its positions";
  if (a->rotary[1].size && !same_rotary(&a->rotary[1], &b->rotary[1])) return "its positions in windows";
  if (!near((double)a->epsilon, (double)b->epsilon)) return "its norms' epsilon";
  if (!near(a->attention_scale, b->attention_scale) || a->scale_by_layer != b->scale_by_layer)
    return "how its scores are scaled";
  if (!near((double)a->attention_softcap, (double)b->attention_softcap)) return "its scores' soft cap";
  if (a->norm_place != b->norm_place || a->parallel != b->parallel) return "the order of its blocks' parts";
  if (!near((double)a->qkv_clip, (double)b->qkv_clip)) return "its clipping";
  if (!near((double)a->embed_scale, (double)b->embed_scale)) return "its embeddings' scale";
  if (!near((double)a->logit_scale, (double)b->logit_scale) ||
      !near((double)a->logit_softcap, (double)b->logit_softcap))
    return "its logits' scale";
  for (size_t h = 0; a->alibi && b->alibi && h < a->n_heads; h++)
    if (!near((double)a->alibi[h], (double)b->alibi[h])) return "its ALiBi slopes";
  for (size_t l = 0; d->full_every && l < a->n_layers; l++)
    if (a->layers[l].window != b->layers[l].window) return "which layers have windows";
  if (a->dims[EQ_D_EXPERTS] != b->dims[EQ_D_EXPERTS]) return "its experts";
  if (a->dims[EQ_D_EXPERTS] &&
      (a->experts_a_token != b->experts_a_token || a->normalize_experts != b->normalize_experts))
    return "its experts";
  return NULL;
}

static bool check(const struct eq_config *c, const char *path, const struct eq_gguf_dialect *d,
                  const struct eq_gguf_keys *keys, struct eq_err *err) {
  struct eq_buffer header = { 0 };
  struct eq_gguf g = { 0 };
  struct eq_config again = { 0 };
  const char *differs = NULL;
  struct eq_gguf_keys all = { .n = keys->n }; /* and a token, for the vocabulary is not there yet */
  eq_buffer_add(&all.bytes, keys->bytes.data, keys->bytes.size);
  eq_gguf_add_array(&all, "tokenizer.ggml.tokens", EQ_GGUF_STRING, 1);
  eq_gguf_add_element(&all, eq_str("token"));
  bool ok = eq_gguf_add_header(&header, &all, NULL, 0, NULL, path, err) &&
            eq_gguf_parse(&g, path, header.data, header.size, err) && eq_config_read_gguf(&again, path, &g, err);
  if (ok && (differs = difference(c, &again, d)))
    ok = eq_fail(err, EQ_BAD, "%s: llama.cpp's %s cannot say %s", path, d->name, differs);
  eq_config_free(&again);
  eq_gguf_close(&g);
  eq_buffer_free(&header);
  eq_buffer_free(&all.bytes);
  return ok;
}

bool eq_config_add_gguf(const struct eq_config *c, const char *path, struct eq_gguf_keys *keys, struct eq_err *err) {
  const struct eq_gguf_dialect *d = eq_gguf_dialect_of(c->arch);
  if (!d) return eq_fail(err, EQ_BAD, "%s: llama.cpp does not run models of the family %s", path, c->arch->name);
  struct keys k = { .k = keys, .architecture = d->name };
  eq_gguf_add_text(keys, "general.architecture", eq_str(d->name));
  eq_gguf_add_text(keys, "general.type", eq_str("model"));
  add_sizes(&k, c);
  if (c->positions == EQ_ROTARY) add_rotary(&k, c);
  add_options(&k, c, d);
  return check(c, path, d, keys, err);
}
