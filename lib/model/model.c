#include "lib/model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/tensor/packed.h"

enum { NAME_MAX_BYTES = 256, DECODED = 4096 /* elements at a time */, HASHED = 16 * DECODED, RELEASED = 4 << 20 };

/* ---- which tensor stands where ---- */

/* The name of a slot's tensor in a layer: the pattern's first %d is the layer, the second the item. */
static void slot_name(char name[NAME_MAX_BYTES], const char *prefix, const char *pattern, size_t layer, size_t item) {
  const size_t numbers[] = { layer, item };
  size_t n = (size_t)snprintf(name, NAME_MAX_BYTES, "%s", prefix), used = 0;
  for (const char *p = pattern; *p && n + 24 < NAME_MAX_BYTES; p++)
    if (p[0] == '%' && p[1] == 'd')
      n += (size_t)snprintf(name + n, NAME_MAX_BYTES - n, "%zu", numbers[used++ & 1]), p++;
    else
      name[n++] = *p, name[n] = 0;
}

/* Norms of the first BERTs have a gamma and a beta. False when the name has no such older form. */
static bool old_name(char name[NAME_MAX_BYTES]) {
  static const char *const forms[][2] = { { "LayerNorm.weight", "LayerNorm.gamma" },
                                          { "LayerNorm.bias", "LayerNorm.beta" } };
  size_t n = strlen(name);
  for (size_t i = 0; i < 2; i++) {
    size_t length = strlen(forms[i][0]);
    if (n < length || strcmp(name + n - length, forms[i][0]) != 0) continue;
    strcpy(name + n - length, forms[i][1]);
    return true;
  }
  return false;
}

/* GGUF files have names of their own, the same for all families; else a prefix may come before the family's, and of the
 * language model of a larger one two, or another. */
static const struct eq_tensor *find_tensor(const struct eq_model *m, const struct eq_slot *slot, size_t layer,
                                           size_t item, char name[NAME_MAX_BYTES]) {
  const char *const own[] = { "", m->config.arch->prefix, m->config.arch->other_prefix, NULL };
  const char *const wrapped[] = { "language_model.model.", "model.language_model.", "language_model.", "", NULL };
  const char *const *prefixes = m->config.wrapped ? wrapped : own;
  const struct eq_tensor *t = NULL;
  if (m->file.n_parts) {
    const char *pattern = eq_gguf_tensor_name(slot);
    slot_name(name, "", pattern ? pattern : slot->name, layer, item);
    return eq_checkpoint_find(&m->file, name);
  }
  for (size_t i = 0; !t && prefixes[i]; i++) {
    slot_name(name, prefixes[i], slot->name, layer, item);
    if (!(t = eq_checkpoint_find(&m->file, name)) && old_name(name)) t = eq_checkpoint_find(&m->file, name);
  }
  slot_name(name, m->config.wrapped ? wrapped[0] : "", slot->name, layer, item); /* for messages */
  return t;
}

/* Gains that a family keeps by head are rows of one matrix in a GGUF. */
static const struct eq_slot *gguf_slot(const struct eq_slot *slot) {
  static const struct eq_slot q = { EQ_W_Q_GAIN, "", EQ_D_HEADS, EQ_D_HEAD, EQ_NORM, EQ_QK_NORM, false, EQ_D_ONE };
  static const struct eq_slot k = { EQ_W_K_GAIN, "", EQ_D_KV_HEADS, EQ_D_HEAD, EQ_NORM, EQ_QK_NORM, false, EQ_D_ONE };
  return slot->each == EQ_D_HEADS ? &q : slot->each == EQ_D_KV_HEADS ? &k : slot;
}

static bool check_tensor(const struct eq_model *m, const struct eq_placed_tensor *w, struct eq_err *err) {
  const struct eq_tensor *t = w->tensor;
  size_t want[2] = { w->rows, w->cols }, n_want = w->slot->rows == EQ_D_ONE ? 1 : 2;
  if (n_want == 1)
    want[0] = w->cols;
  else if (w->transposed)
    want[0] = w->cols, want[1] = w->rows;
  bool fits = t->n_dims == n_want && t->dims[0] == want[0] && (n_want == 1 || t->dims[1] == want[1]);
  if (fits && eq_dtype_is_float(t->dtype)) return true;
  struct eq_buffer found = { 0 }, expected = { 0 };
  for (size_t i = 0; i < t->n_dims; i++) eq_buffer_format(&found, "%s%zu", i ? "," : "", t->dims[i]);
  for (size_t i = 0; i < n_want; i++) eq_buffer_format(&expected, "%s%zu", i ? "," : "", want[i]);
  if (!fits)
    eq_fail(err, EQ_BAD, "%s: tensor '%s' has shape [%s], expected [%s] by config.json", m->file.path, t->name,
            found.data ? found.data : "", expected.data ? expected.data : "");
  else
    eq_fail(err, EQ_BAD, "%s: tensor '%s' is %s, expected F64, F32, F16 or BF16", m->file.path, t->name,
            eq_dtype_name(t->dtype));
  eq_buffer_free(&found);
  eq_buffer_free(&expected);
  return false;
}

/* Which projections a place's tensor holds. */
static unsigned projections_at(const struct eq_config *c, enum eq_place place) {
  static const unsigned of[EQ_PLACES] = {
    [EQ_W_QKV] = EQ_Q | EQ_K | EQ_V,
    [EQ_W_QKV_BIAS] = EQ_Q | EQ_K | EQ_V,
    [EQ_W_Q] = EQ_Q,
    [EQ_W_Q_BIAS] = EQ_Q,
    [EQ_W_K] = EQ_K,
    [EQ_W_K_BIAS] = EQ_K,
    [EQ_W_V] = EQ_V,
    [EQ_W_V_BIAS] = EQ_V,
    [EQ_W_ATTN_OUT] = EQ_O,
    [EQ_W_ATTN_OUT_BIAS] = EQ_O,
    [EQ_W_GATE] = EQ_GATE,
    [EQ_W_GATE_BIAS] = EQ_GATE,
    [EQ_W_UP] = EQ_UP,
    [EQ_W_UP_BIAS] = EQ_UP,
    [EQ_W_DOWN] = EQ_DOWN,
    [EQ_W_DOWN_BIAS] = EQ_DOWN,
    [EQ_W_EXPERT_GATE] = EQ_GATE | EQ_EXPERT,
    [EQ_W_EXPERT_UP] = EQ_UP | EQ_EXPERT,
    [EQ_W_EXPERT_DOWN] = EQ_DOWN | EQ_EXPERT,
  };
  return of[place] | (c->arch->fused_gate && place == EQ_W_UP ? EQ_GATE : 0);
}

static bool add_tensor(struct eq_model *m, const struct eq_slot *slot, size_t level, size_t item, struct eq_err *err) {
  const struct eq_config *c = &m->config;
  bool in_layer = level > 0 && level <= c->n_layers;
  size_t layer = in_layer ? level - 1 : 0;
  char name[NAME_MAX_BYTES];
  const struct eq_tensor *t = find_tensor(m, slot, layer, item, name);
  if (!t)
    return eq_fail(err, EQ_BAD, "%s: tensor '%s' is missing (%s, %zu layers)", m->file.path, name, c->arch->name,
                   c->n_layers);
  struct eq_placed_tensor w = { .slot = slot,
                                .tensor = t,
                                .rows = c->dims[slot->rows],
                                .cols = c->dims[slot->cols],
                                .transposed = slot->transposed && !m->file.n_parts && !t->packed };
  if (!check_tensor(m, &w, err)) return false;
  m->weights[m->n_params] = w;
  m->params[m->n_params++] = (struct eq_parameter){ .name = t->name,
                                                    .layer = in_layer ? (int)layer : -1,
                                                    .roles = slot->roles | projections_at(c, slot->place),
                                                    .rows = w.rows,
                                                    .cols = w.cols,
                                                    .heads = &m->heads,
                                                    .expert = item };
  return true;
}

static bool add_slot(struct eq_model *m, const struct eq_slot *slot, size_t level, struct eq_err *err) {
  const struct eq_config *c = &m->config;
  int *at = &m->at[level * EQ_PLACES + slot->place];
  size_t layer = level > 0 && level <= c->n_layers ? level - 1 : 0;
  if (!eq_config_has(c, slot->feature, layer)) return true;
  if (slot->place == EQ_W_HEAD && c->tied) {
    *at = eq_model_at(m, 0, EQ_W_EMBED);
    m->params[*at].roles |= EQ_HEAD;
    return true;
  }
  *at = (int)m->n_params;
  for (size_t i = 0; i < eq_slot_tensors(c, slot); i++) {
    if (m->n_params == m->file.n_tensors)
      return eq_fail(err, EQ_BAD, "%s: has %zu tensors, too few for config.json", m->file.path, m->n_params);
    if (!add_tensor(m, slot, level, i, err)) return false;
  }
  return true;
}

/* Does a place belong to a level? */
static bool stands_in(enum eq_place place, size_t level, size_t n_levels) {
  if (place < EQ_W_ATTN_GAIN) return level == 0;
  if (place >= EQ_W_FINAL_GAIN) return level == n_levels - 1;
  return level > 0 && level < n_levels - 1;
}

static bool add_slots(struct eq_model *m, struct eq_err *err) {
  const struct eq_arch *a = m->config.arch;
  const struct eq_config *c = &m->config;
  m->heads = (struct eq_heads){ c->n_heads, c->n_kv_heads, c->head_size, c->qkv == EQ_QKV_GROUPED };
  for (size_t level = 0; level < m->n_levels; level++)
    for (size_t s = 0; s < a->n_slots; s++) {
      const struct eq_slot *slot = m->file.n_parts ? gguf_slot(&a->slots[s]) : &a->slots[s];
      if (stands_in(slot->place, level, m->n_levels) && !add_slot(m, slot, level, err)) return false;
    }
  return true;
}

/* Is a tensor one that old files carry and nobody needs (a causal mask, say), or the copy of a tied head? */
static bool is_ignored(const struct eq_model *m, const char *name) {
  const char *word = m->config.arch->ignored;
  size_t n_name = strlen(name);
  for (size_t s = 0; m->config.tied && s < m->config.arch->n_slots; s++)
    if (m->config.arch->slots[s].place == EQ_W_HEAD && strcmp(name, m->config.arch->slots[s].name) == 0) return true;
  while (*(word += strspn(word, " "))) {
    size_t n = strcspn(word, " ");
    if (n <= n_name && memcmp(name + n_name - n, word, n) == 0) return true;
    word += n;
  }
  return false;
}

static bool count_unused(struct eq_model *m, struct eq_err *err) {
  bool *used = eq_array(m->file.n_tensors, sizeof *used);
  if (!used) return eq_fail_memory(err, m->file.n_tensors, "tensors");
  for (size_t i = 0; i < m->n_params; i++) used[m->weights[i].tensor - m->file.tensors] = true;
  for (size_t i = 0; i < m->file.n_tensors; i++) {
    const char *name = m->file.tensors[i].name;
    if (used[i] || is_ignored(m, name)) continue;
    if (m->n_unused++ == 0) m->unused = name;
  }
  free(used);
  return true;
}

/* ---- one pass over all weights ---- */

struct scan {
  struct eq_model *m;
  struct tensor_scan {
    uint64_t digest;
    size_t not_finite;
  } * tensors; /* [n_params] */
};

static void look_at(const float *x, size_t n, struct eq_extremes *of, size_t *not_finite) {
  struct eq_extremes here = eq_extremes_of(x, n);
  of->min = here.min < of->min ? here.min : of->min;
  of->max = here.max > of->max ? here.max : of->max;
  *not_finite += eq_count_not_finite(x, n);
}

/* What a packed matrix is made of: its parts as they are stored, and how its config says to read them. */
static uint64_t digest_parts(const struct eq_packed *p) {
  const uint64_t how[] = { p->rows,      p->cols,      (uint64_t)p->dtype, p->bits,
                           p->row_block, p->col_block, p->nested_block,    p->zeros_less_one };
  uint64_t digest = XXH3_64bits_withSeed(how, sizeof how, XXH3_64bits(&p->offset, sizeof p->offset));
  for (size_t i = 0; i < EQ_PARTS; i++) {
    const struct eq_tensor *t = p->parts[i];
    uint64_t shape[3] = { i, t ? (uint64_t)t->dtype : EQ_DTYPES, t ? t->n : 0 };
    digest = XXH3_64bits_withSeed(shape, sizeof shape, digest);
    if (t) digest = XXH3_64bits_withSeed(t->data, eq_tensor_bytes(t, t->n), digest);
  }
  return digest;
}

/* In tiles, for some schemes lie input by input. */
static void scan_packed(const struct eq_packed *p, struct eq_extremes *of, struct tensor_scan *s) {
  enum { ROWS = 16, COLS = DECODED / ROWS };
  float x[DECODED];
  for (size_t r = 0; r < p->rows; r += ROWS)
    for (size_t c = 0; c < p->cols; c += COLS) {
      struct eq_tile t = { r, p->rows - r < ROWS ? p->rows - r : ROWS, c, p->cols - c < COLS ? p->cols - c : COLS };
      p->decode(p, t, x);
      look_at(x, t.rows * t.cols, of, &s->not_finite);
    }
  s->digest = digest_parts(p);
}

/* Elements first..first+n-1 of a tensor, decoded if need be. */
static void look_through(const struct eq_tensor *t, size_t first, size_t n, struct eq_extremes *of,
                         size_t *not_finite) {
  const float *at = t->dtype == EQ_F32 ? (const float *)t->data + first : NULL;
  float x[DECODED];
  for (size_t i = 0; i < n; i += DECODED) {
    size_t k = n - i < DECODED ? n - i : DECODED;
    bool in_place = at && (uintptr_t)at % sizeof *at == 0;
    if (!in_place) eq_tensor_decode(t, first + i, k, x);
    look_at(in_place ? at + i : x, k, of, not_finite);
  }
}

/* Bytes are hashed while they are in the cache, and what was read may leave memory again. */
static void scan_plain(struct scan *s, size_t item) {
  struct eq_placed_tensor *w = &s->m->weights[item];
  const struct eq_tensor *t = w->tensor;
  XXH3_state_t state;
  size_t read = 0;
  XXH3_64bits_reset(&state);
  for (size_t i = 0; i < t->n; i += HASHED) {
    size_t k = t->n - i < HASHED ? t->n - i : HASHED, bytes = eq_tensor_bytes(t, k);
    XXH3_64bits_update(&state, (const char *)t->data + eq_tensor_bytes(t, i), bytes);
    look_through(t, i, k, &w->extremes, &s->tensors[item].not_finite);
    read += bytes;
    if (s->m->frugal && read > RELEASED) eq_checkpoint_release(&s->m->file), read = 0;
  }
  s->tensors[item].digest = XXH3_64bits_digest(&state);
}

static void scan_tensor(void *context, size_t item, size_t thread) {
  struct scan *s = context;
  struct eq_placed_tensor *w = &s->m->weights[item];
  (void)thread;
  w->extremes = (struct eq_extremes){ 0, 0 };
  if (w->tensor->packed)
    scan_packed(w->tensor->packed, &w->extremes, &s->tensors[item]);
  else
    scan_plain(s, item);
  if (s->m->frugal) eq_checkpoint_release(&s->m->file);
}

/* The digest that names a model: of the config's text and of each parameter's name, type and stored bytes. The same
 * values stored otherwise are another model. */
static uint64_t digest_of(const struct eq_model *m, const struct scan *s, uint64_t config) {
  uint64_t digest = config;
  for (size_t i = 0; i < m->n_params; i++) {
    const struct eq_tensor *t = m->weights[i].tensor;
    uint64_t parts[4] = { digest, XXH3_64bits(t->name, strlen(t->name)), (uint64_t)t->dtype, s->tensors[i].digest };
    digest = XXH3_64bits(parts, sizeof parts);
  }
  return digest;
}

static bool scan_weights(struct eq_model *m, struct eq_pool *pool, uint64_t config, uint64_t *digest,
                         struct eq_err *err) {
  struct scan s = { m, eq_array(m->n_params, sizeof *s.tensors) };
  bool ok = true;
  if (!s.tensors) return eq_fail_memory(err, m->n_params * sizeof *s.tensors, "tensors");
  eq_pool_run(pool, m->n_params, scan_tensor, &s);
  size_t bad = 0, first = 0;
  for (size_t i = m->n_params; i-- > 0;)
    if (s.tensors[i].not_finite) first = i, bad++;
  if (bad)
    ok = eq_fail(err, EQ_BAD, "%s: tensor '%s' has %zu of %zu weights that are NaN or infinite (%zu tensors have such)",
                 m->file.path, m->params[first].name, s.tensors[first].not_finite, m->weights[first].tensor->n, bad);
  *digest = digest_of(m, &s, config);
  free(s.tensors);
  return ok;
}

/* ---- opening ---- */

static bool allocate(struct eq_model *m, struct eq_err *err) {
  size_t n_layers = m->config.n_layers, most = m->file.n_tensors;
  if (n_layers > most)
    return eq_fail(err, EQ_BAD, "%s: has %zu tensors, too few for the %zu layers of config.json", m->file.path, most,
                   n_layers);
  m->n_levels = n_layers + 2;
  m->weights = eq_array(most, sizeof *m->weights);
  m->params = eq_array(most, sizeof *m->params);
  m->at = eq_array(m->n_levels * EQ_PLACES, sizeof *m->at);
  if (!m->weights || !m->params || !m->at) return eq_fail_memory(err, most * sizeof *m->weights, "the model's tensors");
  for (size_t i = 0; i < m->n_levels * EQ_PLACES; i++) m->at[i] = -1;
  return true;
}

/* "folder@digest": the last part of the folder's real path, so that "." has a name too. */
static bool set_name(struct eq_model *m, const char *folder, const uint64_t *digest, struct eq_err *err) {
  char *real = realpath(folder, NULL);
  const char *slash = real ? strrchr(real, '/') : NULL;
  struct eq_buffer b = { 0 };
  const char *last = slash && slash[1] ? slash + 1 : "model";
  eq_buffer_text(&b, last, strlen(last));
  if (digest) eq_buffer_format(&b, "@%08x", (unsigned)(*digest & 0xffffffff));
  free(real);
  free(m->name);
  m->name = b.data;
  return !b.failed || eq_fail_memory(err, 64, "a name");
}

/* A feature that the file's tensors tell, not its keys. */
static bool is_told(enum eq_feature f) {
  return f != EQ_ALWAYS && f != EQ_NEVER && f != EQ_DENSE && f != EQ_SPARSE && f != EQ_ONE_NORM && f != EQ_TWO_NORMS;
}

/* What a GGUF file has is what is there: a feature of the family, when the first layer has a tensor of it. */
static bool find_features(struct eq_model *m) {
  const struct eq_arch *a = m->config.arch;
  char name[NAME_MAX_BYTES];
  for (size_t s = 0; s < a->n_slots; s++) {
    const struct eq_slot *slot = gguf_slot(&a->slots[s]);
    if (is_told(slot->feature)) m->config.has[slot->feature] = find_tensor(m, slot, 0, 0, name) != NULL;
    if (slot->place == EQ_W_HEAD) m->config.tied = find_tensor(m, slot, 0, 0, name) == NULL;
  }
  return true;
}

static bool open_config(struct eq_model *m, const char *folder, uint64_t *digest, struct eq_err *err) {
  char *path = eq_path_join(folder, "config.json");
  struct eq_file file = { 0 };
  bool ok = path ? eq_file_map(&file, path, err) : eq_fail_memory(err, strlen(folder), "a path");
  if (ok) *digest = XXH3_64bits(file.data, file.size);
  ok = ok && eq_config_read(&m->config, path, (struct eq_str){ file.data, file.size }, err);
  eq_file_unmap(&file);
  free(path);
  return ok;
}

static bool open_files(struct eq_model *m, const char *path, uint64_t *digest, struct eq_err *err) {
  if (!eq_checkpoint_open(&m->file, path, err)) return false;
  if (!m->file.n_parts && eq_path_is_folder(path)) return open_config(m, path, digest, err);
  if (!m->file.n_parts)
    return eq_fail(err, EQ_BAD, "%s: expected the model's folder, which has its config.json too", path);
  *digest = XXH3_64bits(m->file.parts[0].file.data, m->file.parts[0].header);
  return eq_config_read_gguf(&m->config, m->file.path, &m->file.parts[0], err) && find_features(m);
}

bool eq_model_look(struct eq_model *m, const char *path, struct eq_err *err) {
  *m = (struct eq_model){ 0 };
  bool ok = open_files(m, path, &m->config_digest, err) && allocate(m, err) && add_slots(m, err) &&
            count_unused(m, err) && set_name(m, path, NULL, err);
  if (!ok) eq_model_close(m);
  return ok;
}

bool eq_model_open_weights(struct eq_model *m, const char *path, struct eq_pool *pool, struct eq_err *err) {
  uint64_t digest = 0;
  return scan_weights(m, pool, m->config_digest, &digest, err) && set_name(m, path, &digest, err);
}

bool eq_model_open(struct eq_model *m, const char *path, struct eq_pool *pool, struct eq_err *err) {
  if (!eq_model_look(m, path, err)) return false;
  bool ok = eq_model_open_weights(m, path, pool, err);
  if (!ok) eq_model_close(m);
  return ok;
}

void eq_model_close(struct eq_model *m) {
  eq_config_free(&m->config);
  eq_checkpoint_close(&m->file);
  free(m->name);
  free(m->weights);
  free(m->params);
  free(m->at);
  *m = (struct eq_model){ 0 };
}

size_t eq_model_bytes(const struct eq_model *m) {
  size_t n = 0;
  for (size_t i = 0; i < m->n_params; i++) n += m->weights[i].tensor->n * sizeof(float);
  return n;
}
