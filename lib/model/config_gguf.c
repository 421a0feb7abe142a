/* config_gguf.c: a GGUF's keys as the config.json that the same model would have, so that families are read by one
 * reader; and the names of its tensors, which are the same in all families.
 * Keys and names: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; what the converter does to a family's
 * weights, convert_hf_to_gguf.py of https://github.com/ggml-org/llama.cpp. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/config.h"
#include "lib/model/config_reader.h"

enum { VECTOR_MAX = 4096 };

/* How llama.cpp's architectures are ours. Of an architecture that stands for several of our families the first row
 * reads its files; the others are for writing them. */
static const struct eq_gguf_dialect dialects[] = {
  { "gpt2", "gpt2", false, false, 0 },
  { "gptneox", "gpt_neox", false, false, 0 },
  { "bloom", "bloom", false, false, 0 },
  { "mpt", "mpt", false, false, 0 },
  { "falcon", "falcon", false, false, 0 },
  { "llama", "llama", true, false, 0 },
  { "qwen2", "qwen2", false, false, 0 },
  { "qwen3", "qwen3", false, false, 0 },
  { "qwen3moe", "qwen3_moe", false, false, 0 },
  { "olmoe", "olmoe", false, false, 0 },
  { "gemma", "gemma", false, true, 0 },
  { "gemma2", "gemma2", false, true, 2 },
  { "gemma3", "gemma3_text", false, true, 6 },
  { "phi2", "phi", false, false, 0 },
  { "phi3", "phi3", false, false, 0 },
  { "olmo2", "olmo2", false, false, 0 },
  { "command-r", "cohere", true, false, 0 },
  { "stablelm", "stablelm", false, false, 0 },
  { "starcoder2", "starcoder2", false, false, 0 },
  { "llama", "mistral", true, false, 0 },
  { "llama", "mixtral", true, false, 0 },
};
enum { DIALECTS = sizeof dialects / sizeof *dialects };

static const char *const tensor_names[EQ_PLACES] = {
  [EQ_W_EMBED] = "token_embd.weight",
  [EQ_W_POS] = "position_embd.weight",
  [EQ_W_EMBED_GAIN] = "token_embd_norm.weight",
  [EQ_W_EMBED_SHIFT] = "token_embd_norm.bias",
  [EQ_W_ATTN_GAIN] = "blk.%d.attn_norm.weight",
  [EQ_W_ATTN_SHIFT] = "blk.%d.attn_norm.bias",
  [EQ_W_QKV] = "blk.%d.attn_qkv.weight",
  [EQ_W_QKV_BIAS] = "blk.%d.attn_qkv.bias",
  [EQ_W_Q] = "blk.%d.attn_q.weight",
  [EQ_W_Q_BIAS] = "blk.%d.attn_q.bias",
  [EQ_W_K] = "blk.%d.attn_k.weight",
  [EQ_W_K_BIAS] = "blk.%d.attn_k.bias",
  [EQ_W_V] = "blk.%d.attn_v.weight",
  [EQ_W_V_BIAS] = "blk.%d.attn_v.bias",
  [EQ_W_Q_GAIN] = "blk.%d.attn_q_norm.weight",
  [EQ_W_K_GAIN] = "blk.%d.attn_k_norm.weight",
  [EQ_W_ATTN_OUT] = "blk.%d.attn_output.weight",
  [EQ_W_ATTN_OUT_BIAS] = "blk.%d.attn_output.bias",
  [EQ_W_ATTN_POST_GAIN] = "blk.%d.post_attention_norm.weight",
  [EQ_W_MLP_GAIN] = "blk.%d.ffn_norm.weight",
  [EQ_W_MLP_SHIFT] = "blk.%d.ffn_norm.bias",
  [EQ_W_GATE] = "blk.%d.ffn_gate.weight",
  [EQ_W_GATE_BIAS] = "blk.%d.ffn_gate.bias",
  [EQ_W_UP] = "blk.%d.ffn_up.weight",
  [EQ_W_UP_BIAS] = "blk.%d.ffn_up.bias",
  [EQ_W_DOWN] = "blk.%d.ffn_down.weight",
  [EQ_W_DOWN_BIAS] = "blk.%d.ffn_down.bias",
  [EQ_W_ROUTER] = "blk.%d.ffn_gate_inp.weight",
  [EQ_W_EXPERT_GATE] = "blk.%d.ffn_gate_exps.%d.weight", /* slices: checkpoint.h */
  [EQ_W_EXPERT_UP] = "blk.%d.ffn_up_exps.%d.weight",
  [EQ_W_EXPERT_DOWN] = "blk.%d.ffn_down_exps.%d.weight",
  [EQ_W_MLP_POST_GAIN] = "blk.%d.post_ffw_norm.weight",
  [EQ_W_FINAL_GAIN] = "output_norm.weight",
  [EQ_W_FINAL_SHIFT] = "output_norm.bias",
  [EQ_W_HEAD] = "output.weight",
  [EQ_W_HEAD_BIAS] = "output.bias",
};

/* Falcon 40B's two norms. */
static const char *const second_names[EQ_PLACES] = {
  [EQ_W_ATTN_GAIN] = "blk.%d.attn_norm_2.weight",
  [EQ_W_ATTN_SHIFT] = "blk.%d.attn_norm_2.bias",
  [EQ_W_MLP_GAIN] = "blk.%d.attn_norm.weight",
  [EQ_W_MLP_SHIFT] = "blk.%d.attn_norm.bias",
};

const char *eq_gguf_tensor_name(const struct eq_slot *slot) {
  return slot->feature == EQ_TWO_NORMS ? second_names[slot->place] : tensor_names[slot->place];
}

/* A config.json in the making. */
struct making {
  const struct eq_gguf *g;
  const char *name; /* the architecture, which most keys begin with */
  json_t *json;
};

static const struct eq_gguf_value *find(const struct making *m, const char *suffix) {
  struct eq_buffer key = { 0 };
  eq_buffer_format(&key, "%s.%s", m->name, suffix);
  const struct eq_gguf_value *v = key.failed ? NULL : eq_gguf_find(m->g, key.data);
  eq_buffer_free(&key);
  return v;
}

/* Of a list with an item a layer, the first; models whose layers differ so are refused by their tensors' shapes. */
static bool number(const struct making *m, const char *suffix, double *x) {
  uint64_t whole;
  const struct eq_gguf_value *v = find(m, suffix);
  if (eq_gguf_u64(v, 0, &whole)) return *x = (double)whole, true;
  return eq_gguf_f64(v, 0, x);
}

static void set(json_t *object, const char *key, double x) {
  bool whole = floor(x) == x && fabs(x) < 1e15;
  json_object_set_new(object, key, whole ? json_integer((json_int_t)x) : json_real(x));
}

static void copy(const struct making *m, const char *suffix, const char *key) {
  double x;
  if (number(m, suffix, &x)) set(m->json, key, x);
}

/* The vocabulary is as large as the list of its tokens, or the embedding when there is none. */
static void copy_vocabulary(const struct making *m) {
  const struct eq_gguf_value *tokens = eq_gguf_find(m->g, "tokenizer.ggml.tokens");
  const struct eq_gguf_tensor *embed = eq_gguf_tensor(m->g, eq_str("token_embd.weight"));
  double n = embed && embed->n_dims == 2 ? (double)embed->dims[1] : tokens ? (double)tokens->n : 0;
  uint64_t id;
  set(m->json, "vocab_size", n);
  json_object_set_new(m->json, "bos_token_id", json_null()); /* not the family's */
  json_object_set_new(m->json, "eos_token_id", json_null());
  if (eq_gguf_u64(eq_gguf_find(m->g, "tokenizer.ggml.bos_token_id"), 0, &id)) set(m->json, "bos_token_id", (double)id);
  if (eq_gguf_u64(eq_gguf_find(m->g, "tokenizer.ggml.eos_token_id"), 0, &id)) set(m->json, "eos_token_id", (double)id);
}

static void copy_sizes(const struct making *m, const struct eq_arch *a) {
  const char *epsilon = a->epsilon_key ? a->epsilon_key : "rms_norm_eps";
  copy(m, "block_count", a->layers_key ? a->layers_key : "num_hidden_layers");
  copy(m, "embedding_length", a->width_key ? a->width_key : "hidden_size");
  copy(m, "attention.head_count", a->heads_key ? a->heads_key : "num_attention_heads");
  copy(m, "feed_forward_length", a->inner_key ? a->inner_key : "intermediate_size");
  copy(m, "context_length", a->positions_key ? a->positions_key : "max_position_embeddings");
  copy(m, "attention.layer_norm_epsilon", epsilon);
  copy(m, "attention.layer_norm_rms_epsilon", epsilon);
  copy(m, "attention.head_count_kv", a->kv_heads_key ? a->kv_heads_key : "num_kv_heads");
  copy(m, "attention.key_length", "head_dim");
}

/* The numbers of a vector of the file under a key. */
static void copy_vector(const struct making *m, const char *tensor, json_t *to, const char *key) {
  const struct eq_gguf_tensor *t = eq_gguf_tensor(m->g, eq_str(tensor));
  if (!t || t->n_dims != 1 || t->n > VECTOR_MAX || strcmp(t->dtype->name, "F32") != 0) return;
  json_t *list = json_array();
  for (size_t i = 0; i < t->n; i++) {
    float x;
    memcpy(&x, t->data + i * sizeof x, sizeof x);
    json_array_append_new(list, json_real((double)x));
  }
  json_object_set_new(to, key, list);
}

/* Factors by which frequencies are divided: Phi 3's for short and for long sequences, and Llama 3's, which the
 * converter has worked out. */
static void copy_factors(const struct making *m, json_t *scaling) {
  double x;
  copy_vector(m, "rope_freqs.weight", scaling, "short_factor");
  copy_vector(m, "rope_freqs.weight", scaling, "long_factor");
  if (json_object_get(scaling, "short_factor") && !number(m, "rope.scaling.attn_factor", &x))
    set(scaling, "attention_factor", 1);
  copy_vector(m, "rope_factors_short.weight", scaling, "short_factor");
  copy_vector(m, "rope_factors_long.weight", scaling, "long_factor");
  if (json_object_get(scaling, "short_factor")) json_object_set_new(scaling, "rope_type", json_string("longrope"));
}

static void copy_rotary(const struct making *m) {
  json_t *scaling = json_object();
  struct eq_str type = { 0 };
  double x, head = 0, width = 0, heads = 1;
  if (eq_gguf_string(find(m, "rope.scaling.type"), &type) && !eq_str_is(type, "none"))
    json_object_set_new(scaling, "rope_type", json_stringn(type.p, type.n));
  if (number(m, "rope.scaling.factor", &x)) set(scaling, "factor", x);
  if (number(m, "rope.scaling.original_context_length", &x)) set(scaling, "original_max_position_embeddings", x);
  if (number(m, "rope.scaling.attn_factor", &x)) set(scaling, "attention_factor", x);
  copy_factors(m, scaling);
  if (json_object_size(scaling)) json_object_set(m->json, "rope_scaling", scaling);
  json_decref(scaling);
  copy(m, "rope.freq_base", "rope_theta");
  copy(m, "rope.freq_base_swa", "rope_local_base_freq");
  number(m, "embedding_length", &width);
  number(m, "attention.head_count", &heads);
  if (!number(m, "attention.key_length", &head) && heads > 0) head = width / heads;
  if (number(m, "rope.dimension_count", &x) && head > 0) set(m->json, "partial_rotary_factor", x / head);
}

/* In all layers but each so-manyth, by a number of the file or else its architecture's, or as a list of the file says.
 */
static void copy_window(const struct making *m, const struct eq_gguf_dialect *d) {
  const struct eq_gguf_value *pattern = find(m, "attention.sliding_window_pattern");
  double every = d->full_every, window = 0;
  if (number(m, "attention.sliding_window", &window) &&
      window <= 0) /* none: null, for without the key it's a default */
    json_object_set_new(m->json, "sliding_window", json_null());
  else
    copy(m, "attention.sliding_window", "sliding_window");
  if (!pattern || pattern->type != EQ_GGUF_BOOL || !pattern->is_array || pattern->n > EQ_LAYERS_MAX) {
    number(m, "attention.sliding_window_pattern", &every);
    set(m->json, "sliding_window_pattern", every);
    return;
  }
  json_t *types = json_array();
  for (uint64_t l = 0; l < pattern->n; l++)
    json_array_append_new(types, json_string(pattern->bytes.p[l] ? "sliding_attention" : "full_attention"));
  json_object_set_new(m->json, "layer_types", types);
}

/* Mixtral's architecture is Llama's. llama.cpp has no key for whether the weights of a token's experts are normalized:
 * Qwen's are. */
static void copy_experts(const struct making *m) {
  double n = 0;
  if (!number(m, "expert_count", &n) || n <= 0) return;
  if (strcmp(m->name, "llama") == 0) json_object_set_new(m->json, "model_type", json_string("mixtral"));
  copy(m, "expert_count", "num_local_experts");
  copy(m, "expert_used_count", "num_experts_per_tok");
  copy(m, "expert_feed_forward_length", "moe_intermediate_size");
  json_object_set_new(m->json, "norm_topk_prob", json_boolean(strcmp(m->name, "qwen3moe") == 0));
  json_object_set_new(m->json, "sliding_window", json_null());
}

/* Falcon's files say how many heads have keys, and whether there are two norms by having them. */
static void copy_falcon(const struct making *m) {
  if (strcmp(m->name, "falcon") != 0) return;
  bool two = eq_gguf_tensor(m->g, eq_str("blk.0.attn_norm_2.weight")) != NULL;
  json_object_set_new(m->json, "new_decoder_architecture", json_true());
  set(m->json, "num_ln_in_parallel_attn", two ? 2 : 1);
}

/* What only some families have, under the keys of their configs. */
static void copy_options(const struct making *m, const struct eq_gguf_dialect *d) {
  double x;
  if (d->full_every) copy_window(m, d);
  copy(m, "attn_logit_softcapping", "attn_logit_softcapping");
  copy(m, "final_logit_softcapping", "final_logit_softcapping");
  copy(m, "logit_scale", "logit_scale");
  bool parallel;
  if (eq_gguf_bool(find(m, "use_parallel_residual"), &parallel))
    json_object_set_new(m->json, "use_parallel_residual", json_boolean(parallel));
  json_t *attention = json_object();
  if (number(m, "attention.clamp_kqv", &x) && x > 0) json_object_set_new(attention, "clip_qkv", json_real(x));
  if (number(m, "attention.max_alibi_bias", &x) && x > 0) set(attention, "alibi_bias_max", x);
  if (json_object_size(attention)) json_object_set(m->json, "attn_config", attention);
  json_decref(attention);
}

/* Gemma's heads have 256 dimensions but the scores of the 27B models are scaled by width / heads: llama.cpp knows them
 * by their layers. */
static void copy_gemma_scale(const struct making *m, const struct eq_gguf_dialect *d) {
  double layers = 0, width = 0, heads = 1, head = 256;
  if (strncmp(d->name, "gemma", 5) != 0) return;
  number(m, "block_count", &layers);
  number(m, "embedding_length", &width);
  number(m, "attention.head_count", &heads);
  number(m, "attention.key_length", &head);
  bool is_27b = (strcmp(d->name, "gemma2") == 0 && layers == 46) || (strcmp(d->name, "gemma3") == 0 && layers == 62);
  set(m->json, "query_pre_attn_scalar", is_27b && heads > 0 ? width / heads : head);
}

const struct eq_gguf_dialect *eq_gguf_dialect_of(const struct eq_arch *a) {
  for (size_t i = 0; i < DIALECTS; i++)
    if (strcmp(a->name, dialects[i].model_type) == 0) return &dialects[i];
  return NULL;
}

static const struct eq_gguf_dialect *dialect_of(struct eq_str name) {
  for (size_t i = 0; i < DIALECTS; i++)
    if (eq_str_is(name, dialects[i].name)) return &dialects[i];
  return NULL;
}

static bool unknown(const char *path, struct eq_str name, struct eq_err *err) {
  struct eq_buffer known = { 0 };
  for (size_t i = 0; i < DIALECTS; i++) eq_buffer_format(&known, "%s%s", i ? ", " : "", dialects[i].name);
  eq_fail(err, EQ_BAD, "%s: general.architecture '%.*s' is not known: known are %s", path,
          EQ_STR(name.p ? name : eq_str("(missing)")), known.data ? known.data : "");
  eq_buffer_free(&known);
  return false;
}

/* OLMo 3 calls itself OLMo 2, but has windows. */
static bool has_unknown_window(const struct making *m) {
  double window = 0;
  return strcmp(m->name, "olmo2") == 0 && number(m, "attention.sliding_window", &window) && window > 0;
}

bool eq_config_read_gguf(struct eq_config *c, const char *path, const struct eq_gguf *g, struct eq_err *err) {
  struct eq_str name = { 0 };
  *c = (struct eq_config){ 0 };
  eq_gguf_string(eq_gguf_find(g, "general.architecture"), &name);
  const struct eq_gguf_dialect *d = dialect_of(name);
  if (!d) return unknown(path, name, err);
  struct making m = { g, d->name, json_object() };
  json_object_set_new(m.json, "model_type", json_string(d->model_type));
  if (has_unknown_window(&m)) {
    json_decref(m.json);
    return eq_fail(err, EQ_BAD, "%s: is OLMo 3, by its olmo2.attention.sliding_window, which is not supported", path);
  }
  copy_sizes(&m, eq_arch_find(d->model_type));
  copy_vocabulary(&m);
  copy_rotary(&m);
  copy_options(&m, d);
  copy_gemma_scale(&m, d);
  copy_experts(&m);
  copy_falcon(&m);
  char *text = json_dumps(m.json, JSON_COMPACT);
  json_decref(m.json);
  bool ok = text ? eq_config_read(c, path, eq_str(text), err) : eq_fail_memory(err, 1 << 12, "a config");
  free(text);
  for (int i = 0; i < EQ_ROTARIES; i++) c->rotary[i].interleaved = d->interleaved;
  if (d->gains_are_whole) c->gain_offset = 0;
  c->qkv = EQ_QKV_PLAIN; /* the converter has put queries, keys and values in order */
  return ok;
}
