#include "lib/model/forward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/forward_state.h"

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* ---- memory ---- */

/* Floats that the decoded parameters of the largest level take; a head's matrix comes in panels. */
static size_t decoded_size(const struct eq_model *m) {
  size_t most = 0, head = m->n_levels - 1;
  for (size_t level = 0; level < head; level++) most = larger(most, eq_values_size(m, level));
  return larger(most, eq_values_size(m, head) + EQ_VOCAB_PANEL * m->config.dims[EQ_D_EMBED]);
}

/* Floats that the packed matrices of the largest level take, and those of a part of the head; 0 when nothing is packed.
 */
static size_t packed_level(const struct eq_model *m, const struct eq_kernels *k) {
  size_t most = 0;
  for (size_t level = 0; level < m->n_levels; level++) most = larger(most, eq_level_packed(m, k, level));
  return most;
}

static size_t packed_panel(const struct eq_model *m, const struct eq_kernels *k) {
  size_t vocab = m->config.dims[EQ_D_VOCAB];
  return k->packed_size(m->config.dims[EQ_D_EMBED], vocab < EQ_VOCAB_PANEL ? vocab : EQ_VOCAB_PANEL);
}

/* ALiBi as a bias of each key: scores differ by (j - i) slope, and what all keys of a query share drops out. */
static bool make_key_bias(struct eq_forward *f) {
  const struct eq_config *c = &f->m->config;
  if (!c->alibi) return true;
  f->key_bias = eq_array(c->n_heads, f->context * sizeof *f->key_bias);
  for (size_t h = 0; f->key_bias && h < c->n_heads; h++)
    for (size_t i = 0; i < f->context; i++) {
      float at = (float)i, slope = c->alibi[h];
      float bias = c->alibi_in_bf16 ? eq_to_bf16(eq_to_bf16(slope) * eq_to_bf16(at)) : slope * at;
      f->key_bias[h * f->context + i] = bias * c->alibi_scale;
    }
  return f->key_bias;
}

/* Vaswani et al. 2017, section 3.5, with all sines before the cosines and frequencies from 1 to 1/10000 inclusive, as
 * fairseq and XGLM have them. */
static bool make_sinusoids(struct eq_forward *f) {
  const struct eq_config *c = &f->m->config;
  size_t width = c->dims[EQ_D_WIDTH], half = width / 2;
  if (c->positions != EQ_SINUSOIDAL) return true;
  f->sinusoids = eq_array(f->context, width * sizeof *f->sinusoids);
  for (size_t i = 0; f->sinusoids && i < f->context; i++)
    for (size_t d = 0; d < half; d++) {
      float step = expf((float)d * -(logf(10000) / (float)(half - 1)));
      float angle = (float)(i + c->arch->position_offset) * step;
      f->sinusoids[i * width + d] = (float)sin((double)angle);
      f->sinusoids[i * width + half + d] = (float)cos((double)angle);
    }
  return f->sinusoids;
}

static bool make_rotaries(struct eq_forward *f, struct eq_err *err) {
  const struct eq_config *c = &f->m->config;
  for (int which = 0; which < EQ_ROTARIES; which++)
    for (int is_long = 0; is_long < 2; is_long++) {
      const struct eq_rotary *r = &c->rotary[which];
      bool used = r->size && is_long <= eq_rotary_is_long(r, f->context);
      if (used && !eq_rotary_table_new(&f->rotary[which][is_long], r, f->context, is_long, err)) return false;
    }
  return true;
}

struct eq_forward *eq_forward_new(const struct eq_model *m, const struct eq_kernels *k, struct eq_pool *pool,
                                  size_t max_rows, size_t context, bool compares, struct eq_err *err) {
  struct eq_forward *f = eq_array(1, sizeof *f);
  if (!f) return eq_fail_memory(err, sizeof *f, "the forward pass"), NULL;
  const size_t *dims = m->config.dims, rows = eq_round_up(max_rows, EQ_TILE);
  f->m = m, f->k = k, f->pool = pool;
  f->max_rows = rows, f->context = context, f->period = k->begin();
  f->mixed_width = larger(dims[EQ_D_Q], dims[EQ_D_EMBED]);
  size_t logits = (size_t)EQ_TILE * EQ_VOCAB_TILE;
  f->scratch_size = larger(eq_block_scratch(m, context), compares ? 2 * logits + EQ_VOCAB_TILE : logits);
  f->qkv = eq_array(rows, dims[EQ_D_QKV] * sizeof(float));
  f->mixed = eq_array(rows, f->mixed_width * sizeof(float));
  f->normed = eq_array(rows, dims[EQ_D_WIDTH] * sizeof(float));
  f->decoded = eq_array(decoded_size(m), sizeof(float));
  f->scratch = eq_array(eq_pool_threads(pool), f->scratch_size * sizeof(float));
  f->treating_size = eq_model_scratch(m);
  f->treating = eq_array(eq_pool_threads(pool), f->treating_size * sizeof(float));
  f->lse = eq_array(rows, sizeof *f->lse);
  f->target_logit = eq_array(rows, sizeof *f->target_logit);
  f->target = eq_array(rows, sizeof *f->target);
  f->parts = eq_array(m->n_params, sizeof *f->parts);
  bool sparse = dims[EQ_D_EXPERTS] > 0, packs = packed_level(m, k) > 0;
  if (compares) f->reference = eq_reference_new(m, rows);
  if (sparse) f->expert_in = eq_array(rows, dims[EQ_D_WIDTH] * sizeof(float));
  bool ok = f->qkv && f->parts && f->treating && (!sparse || f->expert_in) && (!compares || f->reference) && f->mixed &&
            (!packs || (eq_slots_new(&f->levels, 1, packed_level(m, k)) &&
                        eq_slots_new(&f->panels, 1 + compares, packed_panel(m, k)))) &&
            f->normed && f->decoded && f->scratch && f->lse && f->target_logit && f->target && make_key_bias(f) &&
            make_sinusoids(f);
  if (!ok)
    eq_fail_memory(err,
                   (rows * (dims[EQ_D_QKV] + f->mixed_width + dims[EQ_D_WIDTH]) + decoded_size(m) +
                    eq_pool_threads(pool) * f->scratch_size) *
                       sizeof(float),
                   "hidden states and the threads' scratch: try a smaller --ctx or fewer --threads");
  ok = ok && (!sparse || (f->experts = eq_experts_new(m, rows, err)) != NULL);
  if (ok && make_rotaries(f, err)) return f;
  eq_forward_free(f);
  return NULL;
}

/* Bytes of what grows with the context: positions. */
static size_t position_bytes(const struct eq_config *c, size_t context) {
  size_t floats = c->alibi ? c->n_heads : 0;
  for (int which = 0; which < EQ_ROTARIES; which++)
    floats += c->rotary[which].size * (eq_rotary_is_long(&c->rotary[which], context) ? 2 : 1);
  if (c->positions == EQ_SINUSOIDAL) floats += c->dims[EQ_D_WIDTH];
  return context * floats * sizeof(float);
}

/* Bytes of the decoded parameters of the largest level under these treatments. */
static size_t decoded_bytes(const struct eq_model *m, const struct eq_treatment **treatments) {
  size_t most = 0, last = m->n_levels - 1, head = (size_t)eq_model_at(m, last, EQ_W_HEAD);
  bool panel = !eq_model_in_place(m, head, treatments[head]);
  for (size_t level = 0; level < last; level++) most = larger(most, eq_values_decoded(m, level, treatments));
  most =
      larger(most, eq_values_decoded(m, last, treatments) + (panel ? EQ_VOCAB_PANEL * m->config.dims[EQ_D_EMBED] : 0));
  return most * sizeof(float);
}

size_t eq_forward_parts(const struct eq_model *m) {
  return (m->config.dims[EQ_D_VOCAB] + EQ_VOCAB_PANEL - 1) / EQ_VOCAB_PANEL;
}

struct eq_variants eq_forward_least(const struct eq_model *m, const struct eq_kernels *k, bool compares) {
  bool packs = packed_level(m, k) > 0;
  return (struct eq_variants){ packs, packs ? 1 + compares : 0 };
}

size_t eq_forward_variants_bytes(const struct eq_model *m, const struct eq_kernels *k, struct eq_variants n) {
  return eq_slots_bytes(n.levels, packed_level(m, k)) + eq_slots_bytes(n.panels, packed_panel(m, k));
}

bool eq_forward_keep_variants(struct eq_forward *f, struct eq_variants n, struct eq_err *err) {
  size_t level = f->levels.floats, panel = f->panels.floats;
  eq_slots_free(&f->levels);
  eq_slots_free(&f->panels);
  return (eq_slots_new(&f->levels, n.levels, level) && eq_slots_new(&f->panels, n.panels, panel)) ||
         eq_fail_memory(err, eq_forward_variants_bytes(f->m, f->k, n), "packed weights");
}

void eq_forward_hits(const struct eq_forward *f, uint64_t *hits, uint64_t *asked) {
  *hits = f->levels.hits + f->panels.hits;
  *asked = *hits + f->levels.misses + f->panels.misses;
}

size_t eq_forward_decoded(const struct eq_model *m, const struct eq_treatment **treatments) {
  return decoded_bytes(m, treatments);
}

size_t eq_forward_bytes(const struct eq_model *m, size_t threads, size_t max_rows, size_t context, bool compares,
                        size_t decoded) {
  const size_t *dims = m->config.dims, rows = eq_round_up(max_rows, EQ_TILE);
  size_t a_row = dims[EQ_D_QKV] + larger(dims[EQ_D_Q], dims[EQ_D_EMBED]) + dims[EQ_D_WIDTH];
  size_t logits = (size_t)EQ_TILE * EQ_VOCAB_TILE * (compares ? 2 : 1), scratch = eq_block_scratch(m, context);
  bool sparse = dims[EQ_D_EXPERTS] > 0;
  size_t bytes = rows * (a_row + (sparse ? dims[EQ_D_WIDTH] : 0)) * sizeof(float) + decoded;
  bytes +=
      threads * (larger(scratch, logits) + eq_model_scratch(m)) * sizeof(float) + position_bytes(&m->config, context);
  bytes += sparse ? eq_experts_bytes(m, rows) : 0;
  return bytes + (compares ? eq_reference_bytes(m, rows) : 0);
}

void eq_forward_free(struct eq_forward *f) {
  if (!f) return;
  for (int which = 0; which < EQ_ROTARIES; which++)
    for (int is_long = 0; is_long < 2; is_long++) eq_rotary_table_free(&f->rotary[which][is_long]);
  free(f->qkv), free(f->mixed), free(f->normed), free(f->decoded), free(f->scratch), free(f->treating);
  free(f->lse), free(f->target_logit), free(f->target), free(f->key_bias), free(f->sinusoids), free(f->parts),
      free(f->expert_in);
  eq_slots_free(&f->levels);
  eq_slots_free(&f->panels);
  eq_experts_free(f->experts);
  eq_reference_free(f->reference);
  free(f);
}

size_t eq_forward_rows(const struct eq_forward *f) { return f->max_rows; }

bool eq_batch_add(const struct eq_forward *f, struct eq_batch *b, struct eq_sequence s) {
  s.row = eq_round_up(b->rows, f->period);
  s.scored_row = eq_round_up(b->scored, f->period);
  if (s.n > f->context || s.row + s.n > f->max_rows) return false;
  b->rows = s.row + s.n;
  b->scored = s.scored_row + s.score_to - s.score_from;
  b->sequences[b->n++] = s;
  return true;
}

/* ---- embedding ---- */

/* A sequence's embeddings, into the hidden states or, to be projected, into f->mixed. */
static void look_up(void *context, size_t item, size_t thread) {
  const struct eq_job *j = context;
  const struct eq_model *m = j->f->m;
  const struct eq_config *c = &m->config;
  const struct eq_sequence *s = &j->b->sequences[item];
  bool projected = c->has[EQ_PROJECTED];
  size_t embed = (size_t)eq_model_at(m, 0, EQ_W_EMBED), size = c->dims[EQ_D_EMBED];
  size_t stride = projected ? j->f->mixed_width : size;
  float *rows = (projected ? j->f->mixed : j->x) + s->row * stride;
  for (size_t i = 0; i < s->n; i++) {
    float *x = rows + i * stride;
    size_t id = s->mask && i == s->score_from ? *s->mask : s->ids[i];
    eq_model_rows(m, embed, j->treatments[embed], id, id + 1, x, eq_treating(j->f, thread));
    for (size_t d = 0; c->embed_scale != 1 && d < size; d++) x[d] *= c->embed_scale;
  }
}

static void project_in(void *context, size_t tile, size_t thread) {
  const struct eq_job *j = context;
  const struct eq_forward *f = j->f;
  size_t width = f->m->config.dims[EQ_D_WIDTH], row = tile * EQ_TILE;
  (void)thread;
  f->k->linear(j->x + row * width, width, f->mixed + row * f->mixed_width, f->mixed_width,
               eq_weight_at(j, EQ_W_PROJECT_IN), NULL, false);
}

/* Adds positions to a sequence, and normalizes where the model does. */
static void place(void *context, size_t item, size_t thread) {
  const struct eq_job *j = context;
  const struct eq_forward *f = j->f;
  const struct eq_config *c = &f->m->config;
  const struct eq_sequence *s = &j->b->sequences[item];
  size_t width = c->dims[EQ_D_WIDTH], offset = c->arch->position_offset;
  int pos = eq_model_at(f->m, 0, EQ_W_POS);
  float *own = eq_scratch(f, thread);
  for (size_t i = 0; i < s->n; i++) {
    float *x = j->x + (s->row + i) * width;
    const float *position = f->sinusoids ? f->sinusoids + i * width : pos >= 0 ? own : NULL;
    if (pos >= 0)
      eq_model_rows(f->m, (size_t)pos, j->treatments[pos], i + offset, i + offset + 1, own, eq_treating(f, thread));
    for (size_t d = 0; position && d < width; d++) x[d] += position[d];
    for (size_t d = 0; j->v.at[EQ_W_TYPE] && d < width; d++) x[d] += j->v.at[EQ_W_TYPE][d];
    if (j->v.at[EQ_W_EMBED_GAIN]) f->k->normalize(x, x, eq_norm_at(j, EQ_W_EMBED_GAIN, width), 1);
  }
}

void eq_forward_embed(struct eq_forward *f, const struct eq_batch *b, const struct eq_treatment **treatments,
                      float *x) {
  struct eq_job j = { .f = f, .b = b, .treatments = treatments, .x = x };
  size_t rows = eq_tiles(b->rows) * EQ_TILE;
  bool projected = f->m->config.has[EQ_PROJECTED];
  j.v = eq_values_load(f, 0, treatments, f->decoded);
  if (projected)
    memset(f->mixed, 0, rows * f->mixed_width * sizeof *x);
  else
    memset(x, 0, rows * f->m->config.dims[EQ_D_WIDTH] * sizeof *x);
  eq_pool_run(f->pool, b->n, look_up, &j);
  if (projected) eq_pool_run(f->pool, eq_tiles(b->rows), project_in, &j);
  eq_pool_run(f->pool, b->n, place, &j);
  if (f->m->frugal) eq_checkpoint_release(&f->m->file);
}
