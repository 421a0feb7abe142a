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
                                  size_t max_rows, size_t context, struct eq_err *err) {
  struct eq_forward *f = eq_array(1, sizeof *f);
  if (!f) return eq_fail_memory(err, sizeof *f, "the forward pass"), NULL;
  const size_t *dims = m->config.dims, rows = eq_round_up(max_rows, EQ_TILE);
  f->m = m, f->k = k, f->pool = pool;
  f->max_rows = rows, f->context = context, f->period = k->begin();
  f->mixed_width = larger(dims[EQ_D_Q], dims[EQ_D_EMBED]);
  f->scratch_size = larger(eq_block_scratch(m, context), (size_t)EQ_TILE * EQ_VOCAB_TILE);
  f->qkv = eq_array(rows, dims[EQ_D_QKV] * sizeof(float));
  f->mixed = eq_array(rows, f->mixed_width * sizeof(float));
  f->normed = eq_array(rows, dims[EQ_D_WIDTH] * sizeof(float));
  f->decoded = eq_array(decoded_size(m), sizeof(float));
  f->scratch = eq_array(eq_pool_threads(pool), f->scratch_size * sizeof(float));
  f->lse = eq_array(rows, sizeof *f->lse);
  f->target_logit = eq_array(rows, sizeof *f->target_logit);
  f->target = eq_array(rows, sizeof *f->target);
  f->parts = eq_array(m->n_params, sizeof *f->parts);
  bool sparse = dims[EQ_D_EXPERTS] > 0;
  if (sparse) f->expert_in = eq_array(rows, dims[EQ_D_WIDTH] * sizeof(float));
  bool ok = f->qkv && f->parts && (!sparse || f->expert_in) && f->mixed && f->normed && f->decoded && f->scratch &&
            f->lse && f->target_logit && f->target && make_key_bias(f) && make_sinusoids(f);
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

void eq_forward_free(struct eq_forward *f) {
  if (!f) return;
  for (int which = 0; which < EQ_ROTARIES; which++)
    for (int is_long = 0; is_long < 2; is_long++) eq_rotary_table_free(&f->rotary[which][is_long]);
  free(f->qkv), free(f->mixed), free(f->normed), free(f->decoded), free(f->scratch);
  free(f->lse), free(f->target_logit), free(f->target), free(f->key_bias), free(f->sinusoids), free(f->parts),
      free(f->expert_in);
  eq_experts_free(f->experts);
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
  (void)thread;
  for (size_t i = 0; i < s->n; i++) {
    float *x = rows + i * stride;
    eq_model_rows(m, embed, j->schemes[embed], s->ids[i], s->ids[i] + 1, x);
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
    if (pos >= 0) eq_model_rows(f->m, (size_t)pos, j->schemes[pos], i + offset, i + offset + 1, own);
    for (size_t d = 0; position && d < width; d++) x[d] += position[d];
    for (size_t d = 0; j->v.at[EQ_W_TYPE] && d < width; d++) x[d] += j->v.at[EQ_W_TYPE][d];
    if (j->v.at[EQ_W_EMBED_GAIN]) f->k->normalize(x, x, eq_norm_at(j, EQ_W_EMBED_GAIN, width), 1);
  }
}

void eq_forward_embed(struct eq_forward *f, const struct eq_batch *b, const struct eq_scheme *schemes, float *x) {
  struct eq_job j = { .f = f, .b = b, .schemes = schemes, .x = x };
  size_t rows = eq_tiles(b->rows) * EQ_TILE;
  bool projected = f->m->config.has[EQ_PROJECTED];
  j.v = eq_values_load(f, 0, schemes, f->decoded);
  if (projected)
    memset(f->mixed, 0, rows * f->mixed_width * sizeof *x);
  else
    memset(x, 0, rows * f->m->config.dims[EQ_D_WIDTH] * sizeof *x);
  eq_pool_run(f->pool, b->n, look_up, &j);
  if (projected) eq_pool_run(f->pool, eq_tiles(b->rows), project_in, &j);
  eq_pool_run(f->pool, b->n, place, &j);
}

/* ---- the head ---- */

/* A part of the vocabulary against all scored rows. */
struct head_job {
  const struct eq_job *j;
  struct eq_weight panel;
  const float *rows; /* [scored][panel.in] */
  size_t first, scored;
  float *out; /* [scored][vocab]: where logits go; NULL: into the log-sum-exp */
};

static struct eq_logit_rule logit_rule(const struct eq_job *j) {
  const struct eq_config *c = &j->f->m->config;
  return (struct eq_logit_rule){ j->v.at[EQ_W_HEAD_BIAS], c->logit_scale, c->logit_softcap };
}

static void head_tile(void *context, size_t tile, size_t thread) {
  const struct head_job *h = context;
  struct eq_forward *f = h->j->f;
  size_t row = tile * EQ_TILE, rows = h->scored - row < EQ_TILE ? h->scored - row : EQ_TILE, in = h->panel.in;
  size_t vocab = f->m->config.dims[EQ_D_VOCAB];
  const float *x = h->rows + row * in;
  float *logits = eq_scratch(f, thread);
  for (size_t v = 0; v < h->panel.out; v += EQ_VOCAB_TILE) {
    size_t n = h->panel.out - v < EQ_VOCAB_TILE ? h->panel.out - v : EQ_VOCAB_TILE;
    struct eq_weight part = { h->panel.w + v * in, in, n, true };
    if (!h->out)
      f->k->head(f->lse + row, f->target_logit + row, x, part, logit_rule(h->j), h->first + v, f->target + row, rows,
                 logits);
    else
      f->k->logits(logits, x, part, logit_rule(h->j), h->first + v);
    for (size_t i = 0; h->out && i < rows; i++)
      memcpy(h->out + (row + i) * vocab + h->first + v, logits + i * n, n * sizeof *logits);
  }
}

/* The scored rows of x through the final norm into f->normed, their targets into f->target. */
static void gather_scored(const struct eq_job *j) {
  struct eq_forward *f = j->f;
  size_t width = f->m->config.dims[EQ_D_WIDTH], padded = eq_tiles(j->b->scored) * EQ_TILE;
  memset(f->normed, 0, padded * width * sizeof *f->normed);
  for (size_t i = 0; i < padded; i++) {
    f->lse[i] = EQ_LOGSUMEXP_EMPTY;
    f->target[i] = 0;
  }
  for (size_t q = 0; q < j->b->n; q++) {
    const struct eq_sequence *s = &j->b->sequences[q];
    size_t n = s->score_to - s->score_from;
    const float *x = j->x + (s->row + s->score_from) * width;
    float *y = f->normed + s->scored_row * width;
    if (f->m->config.has[EQ_FINAL_NORM])
      f->k->normalize(y, x, eq_norm_at(j, EQ_W_FINAL_GAIN, width), n);
    else
      memcpy(y, x, n * width * sizeof *y);
    memcpy(f->target + s->scored_row, s->targets + s->score_from, n * sizeof *f->target);
  }
}

static void project_out(void *context, size_t tile, size_t thread) {
  const struct eq_job *j = context;
  struct eq_forward *f = j->f;
  size_t width = f->m->config.dims[EQ_D_WIDTH], narrow = f->m->config.dims[EQ_D_EMBED], row = tile * EQ_TILE;
  (void)thread;
  f->k->linear(f->mixed + row * narrow, narrow, f->normed + row * width, width, eq_weight_at(j, EQ_W_PROJECT_OUT), NULL,
               false);
}

/* An encoder's head before its last matrix. */
static void transform(void *context, size_t tile, size_t thread) {
  const struct eq_job *j = context;
  struct eq_forward *f = j->f;
  size_t width = f->m->config.dims[EQ_D_WIDTH];
  float *rows = f->normed + tile * EQ_TILE * width, *dense = eq_scratch(f, thread);
  f->k->linear(dense, width, rows, width, eq_weight_at(j, EQ_W_HEAD_DENSE), j->v.at[EQ_W_HEAD_DENSE_BIAS], false);
  f->k->activate(f->m->config.activation, dense, EQ_TILE * width);
  f->k->normalize(rows, dense, eq_norm_at(j, EQ_W_HEAD_GAIN, width), EQ_TILE);
}

struct panel_job {
  struct eq_forward *f;
  const struct eq_scheme *schemes;
  size_t param, first, n;
  float *out;
};

enum { PANEL_ITEM = 128 };

static void decode_panel(void *context, size_t item, size_t thread) {
  const struct panel_job *p = context;
  size_t from = item * PANEL_ITEM, to = p->n - from < PANEL_ITEM ? p->n : from + PANEL_ITEM;
  (void)thread;
  eq_model_rows(p->f->m, p->param, p->schemes[p->param], p->first + from, p->first + to,
                p->out + from * p->f->m->weights[p->param].cols);
}

/* All scored rows against the whole vocabulary: into the log-sum-exps, or, where `out` is given, the logits. */
static void run_head(struct eq_forward *f, const struct eq_batch *b, const struct eq_scheme *schemes, const float *x,
                     float *out) {
  size_t level = f->m->n_levels - 1, vocab = f->m->config.dims[EQ_D_VOCAB], in = f->m->config.dims[EQ_D_EMBED];
  size_t head = (size_t)eq_model_at(f->m, level, EQ_W_HEAD), tiles = eq_tiles(b->scored);
  struct eq_job j = { .f = f, .b = b, .schemes = schemes, .x = (float *)x, .level = level };
  j.v = eq_values_load(f, level, schemes, f->decoded);
  bool in_place = eq_model_in_place(f->m, head, schemes[head]), projected = f->m->config.has[EQ_PROJECTED];
  float *panel = f->decoded + eq_values_size(f->m, level);
  size_t step = in_place ? vocab : EQ_VOCAB_PANEL;
  gather_scored(&j);
  if (projected) eq_pool_run(f->pool, tiles, project_out, &j);
  if (j.v.at[EQ_W_HEAD_DENSE]) eq_pool_run(f->pool, tiles, transform, &j);
  for (size_t first = 0; first < vocab; first += step) {
    size_t n = vocab - first < step ? vocab - first : step;
    struct panel_job p = { f, schemes, head, first, n, panel };
    if (!in_place) eq_pool_run(f->pool, (n + PANEL_ITEM - 1) / PANEL_ITEM, decode_panel, &p);
    struct eq_weight w = { in_place ? f->m->weights[head].tensor->data : panel, in, n, true };
    struct head_job h = { &j, w, projected ? f->mixed : f->normed, first, b->scored, out };
    eq_pool_run(f->pool, tiles, head_tile, &h);
  }
}

void eq_forward_head(struct eq_forward *f, const struct eq_batch *b, const struct eq_scheme *schemes, const float *x,
                     double *nll) {
  run_head(f, b, schemes, x, NULL);
  for (size_t i = 0; i < b->scored; i++)
    nll[i] = (double)f->lse[i].max + log(f->lse[i].sum) - (double)f->target_logit[i];
}

bool eq_forward_logits(struct eq_forward *f, const uint32_t *ids, size_t n, float *out, struct eq_err *err) {
  const struct eq_model *m = f->m;
  size_t width = m->config.dims[EQ_D_WIDTH];
  struct eq_sequence one;
  struct eq_batch b = { .sequences = &one };
  struct eq_scheme *schemes = eq_array(m->n_params, sizeof *schemes); /* zeros: EQ_KEEP */
  uint32_t *inputs = eq_array(n + 1, sizeof *inputs);                 /* a sequence has a target after its last row */
  float *x = eq_array(f->max_rows * width, sizeof *x);
  bool ok = schemes && x ? true : eq_fail_memory(err, f->max_rows * width * sizeof *x, "logits");
  if (ok) memcpy(inputs, ids, n * sizeof *ids);
  if (ok && !eq_batch_add(f, &b, (struct eq_sequence){ .ids = ids, .targets = ids, .n = n, .score_to = n }))
    ok = eq_fail(err, EQ_BAD, "a sequence of %zu tokens is longer than the context of %zu", n, f->context);
  if (ok) {
    eq_forward_embed(f, &b, schemes, x);
    for (size_t layer = 0; layer < m->config.n_layers; layer++) eq_forward_block(f, &b, layer, schemes, x);
    run_head(f, &b, schemes, x, out);
  }
  free(schemes), free(x);
  return ok;
}
