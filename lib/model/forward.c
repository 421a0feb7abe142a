#include "lib/model/forward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  VOCAB_PANEL = 4 * EQ_VOCAB_TILE, /* columns of a decoded head that exist at a time */
  LINE = 16
}; /* floats; decoded parameters begin at multiples of it */

/* The parameters of a level: where each place's values are. */
struct values {
  const float *at[EQ_PLACES];
};

struct eq_forward {
  const struct eq_model *m;
  const struct eq_kernels *k;
  struct eq_pool *pool;
  size_t max_rows, context, period;
  float *qkv;     /* [max_rows][3 width] */
  float *mixed;   /* [max_rows][width]: what attention brings; rows between sequences hold anything finite */
  float *normed;  /* [max_rows][width]: the scored rows, ready for the head */
  float *decoded; /* a layer's decoded parameters, or a panel of the head */
  float *scratch; /* [threads][scratch_size] */
  size_t scratch_size;
  struct eq_logsumexp *lse; /* [max_rows] */
  float *target_logit;      /* [max_rows] */
  uint32_t *target;         /* [max_rows] */
};

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Floats that the decoded parameters of the largest level take (a head's matrix comes in panels). */
static size_t decoded_size(const struct eq_model *m) {
  size_t most = VOCAB_PANEL * m->config.dims[EQ_D_WIDTH];
  for (size_t level = 1; level < m->n_levels; level++) {
    size_t sum = 0;
    for (int p = EQ_W_ATTN_GAIN; p < EQ_W_HEAD; p++) {
      int i = eq_model_at(m, level, (enum eq_place)p);
      if (i >= 0) sum += round_up(m->weights[i].tensor->n, LINE);
    }
    most = larger(most, sum);
  }
  return most + 2 * round_up(m->config.dims[EQ_D_WIDTH], LINE); /* the final norm beside a panel */
}

struct eq_forward *eq_forward_new(const struct eq_model *m, const struct eq_kernels *k, struct eq_pool *pool,
                                  size_t max_rows, size_t context, struct eq_err *err) {
  struct eq_forward *f = eq_array(1, sizeof *f);
  if (!f) return eq_fail_memory(err, sizeof *f, "the forward pass"), NULL;
  size_t width = m->config.dims[EQ_D_WIDTH], rows = round_up(max_rows, EQ_TILE);
  f->m = m, f->k = k, f->pool = pool;
  f->max_rows = rows, f->context = context, f->period = k->begin();
  f->scratch_size = larger(EQ_TILE * (width + m->config.dims[EQ_D_INNER]), (size_t)EQ_TILE * EQ_VOCAB_TILE);
  f->scratch_size = larger(f->scratch_size, eq_attention_scratch(context));
  f->qkv = eq_array(rows * 3, width * sizeof(float));
  f->mixed = eq_array(rows, width * sizeof(float));
  f->normed = eq_array(rows, width * sizeof(float));
  f->decoded = eq_array(decoded_size(m), sizeof(float));
  f->scratch = eq_array(eq_pool_threads(pool), f->scratch_size * sizeof(float));
  f->lse = eq_array(rows, sizeof *f->lse);
  f->target_logit = eq_array(rows, sizeof *f->target_logit);
  f->target = eq_array(rows, sizeof *f->target);
  if (f->qkv && f->mixed && f->normed && f->decoded && f->scratch && f->lse && f->target_logit && f->target) return f;
  eq_fail_memory(err, (rows * 5 * width + eq_pool_threads(pool) * f->scratch_size) * sizeof(float),
                 "hidden states and the threads' scratch: try a smaller --ctx or fewer --threads");
  eq_forward_free(f);
  return NULL;
}

void eq_forward_free(struct eq_forward *f) {
  if (!f) return;
  free(f->qkv), free(f->mixed), free(f->normed), free(f->decoded), free(f->scratch);
  free(f->lse), free(f->target_logit), free(f->target);
  free(f);
}

size_t eq_forward_rows(const struct eq_forward *f) { return f->max_rows; }

bool eq_batch_add(const struct eq_forward *f, struct eq_batch *b, struct eq_sequence s) {
  s.row = round_up(b->rows, f->period);
  s.scored_row = round_up(b->scored, f->period);
  if (s.n > f->context || s.row + s.n > f->max_rows) return false;
  b->rows = s.row + s.n;
  b->scored = s.scored_row + s.n - s.score_from;
  b->sequences[b->n++] = s;
  return true;
}

/* ---- parameters ---- */

/* Work for the pool: rows of a parameter to be decoded. */
struct decoding {
  const struct eq_forward *f;
  const struct eq_scheme *schemes;
  struct {
    size_t param, first_item, rows_an_item;
    float *whole;
  } part[EQ_PLACES];
  size_t n_parts, n_items;
};

static void decode_item(void *context, size_t item, size_t thread) {
  const struct decoding *d = context;
  size_t p = d->n_parts - 1;
  (void)thread;
  while (d->part[p].first_item > item) p--;
  size_t param = d->part[p].param, rows = d->f->m->weights[param].rows, step = d->part[p].rows_an_item;
  size_t first = (item - d->part[p].first_item) * step, last = rows - first < step ? rows : first + step;
  eq_model_decode(d->f->m, param, d->schemes[param], first, last, d->part[p].whole);
}

/* Values of the places from..to of a level; decodes into `into` what cannot be used where it lies. */
static struct values load(struct eq_forward *f, size_t level, enum eq_place from, enum eq_place to,
                          const struct eq_scheme *schemes, float *into) {
  struct values v = { { NULL } };
  struct decoding d = { .f = f, .schemes = schemes };
  for (int place = (int)from; place <= (int)to; place++) {
    int i = eq_model_at(f->m, level, (enum eq_place)place);
    if (i < 0) continue;
    const struct eq_placed_tensor *w = &f->m->weights[i];
    v.at[place] = w->tensor->data;
    if (eq_model_in_place(f->m, (size_t)i, schemes[i])) continue;
    v.at[place] = into;
    size_t step = larger(64, 65536 / w->cols); /* transposed matrices want whole cache lines of rows */
    d.part[d.n_parts].param = (size_t)i;
    d.part[d.n_parts].first_item = d.n_items;
    d.part[d.n_parts].rows_an_item = step;
    d.part[d.n_parts++].whole = into;
    d.n_items += (w->rows + step - 1) / step;
    into += round_up(w->tensor->n, LINE);
  }
  eq_pool_run(f->pool, d.n_items, decode_item, &d);
  return v;
}

static struct eq_weight weight(const struct eq_forward *f, const struct values *v, size_t level, enum eq_place place) {
  const struct eq_placed_tensor *w = &f->m->weights[eq_model_at(f->m, level, place)];
  return (struct eq_weight){ v->at[place], w->cols, w->rows, !w->slot->transposed };
}

/* ---- embedding ---- */

/* What the items of a level's jobs see. */
struct job {
  struct eq_forward *f;
  const struct eq_batch *b;
  const struct eq_scheme *schemes;
  struct values v;
  float *x;
  size_t layer;
};

static float *scratch_of(const struct eq_forward *f, size_t thread) { return f->scratch + thread * f->scratch_size; }

static void embed_sequence(void *context, size_t item, size_t thread) {
  const struct job *j = context;
  const struct eq_model *m = j->f->m;
  const struct eq_sequence *s = &j->b->sequences[item];
  size_t width = m->config.dims[EQ_D_WIDTH];
  size_t embed = (size_t)eq_model_at(m, 0, EQ_W_EMBED), pos = (size_t)eq_model_at(m, 0, EQ_W_POS);
  float *position = scratch_of(j->f, thread);
  for (size_t i = 0; i < s->n; i++) {
    float *x = j->x + (s->row + i) * width;
    eq_model_rows(m, embed, j->schemes[embed], s->ids[i], s->ids[i] + 1, x);
    eq_model_rows(m, pos, j->schemes[pos], i, i + 1, position);
    for (size_t d = 0; d < width; d++) x[d] += position[d];
  }
}

void eq_forward_embed(struct eq_forward *f, const struct eq_batch *b, const struct eq_scheme *schemes, float *x) {
  struct job j = { .f = f, .b = b, .schemes = schemes, .x = x };
  memset(x, 0, round_up(b->rows, EQ_TILE) * f->m->config.dims[EQ_D_WIDTH] * sizeof *x);
  eq_pool_run(f->pool, b->n, embed_sequence, &j);
}

/* ---- a layer ---- */

static void project_qkv(void *context, size_t tile, size_t thread) {
  const struct job *j = context;
  struct eq_forward *f = j->f;
  size_t width = f->m->config.dims[EQ_D_WIDTH], row = tile * EQ_TILE;
  float *normed = scratch_of(f, thread);
  f->k->layernorm(normed, j->x + row * width, j->v.at[EQ_W_ATTN_GAIN], j->v.at[EQ_W_ATTN_SHIFT], EQ_TILE, width,
                  f->m->config.epsilon);
  f->k->linear(f->qkv + row * 3 * width, 3 * width, normed, width, weight(f, &j->v, j->layer + 1, EQ_W_QKV),
               j->v.at[EQ_W_QKV_BIAS], false);
}

static float attention_scale(const struct eq_config *c, size_t layer) {
  double scale = c->scale_attention ? 1 / sqrt((double)(c->dims[EQ_D_WIDTH] / c->n_heads)) : 1;
  return (float)(c->scale_by_layer ? scale / (double)(layer + 1) : scale);
}

static void attend_head(void *context, size_t item, size_t thread) {
  const struct job *j = context;
  struct eq_forward *f = j->f;
  const struct eq_config *c = &f->m->config;
  const struct eq_sequence *s = &j->b->sequences[item / c->n_heads];
  size_t width = c->dims[EQ_D_WIDTH], size = width / c->n_heads, at = item % c->n_heads * size;
  const float *q = f->qkv + s->row * 3 * width + at;
  struct eq_head h = { q, q + width, q + 2 * width, 3 * width, s->n, size, attention_scale(c, j->layer) };
  f->k->attend(f->mixed + s->row * width + at, width, h, scratch_of(f, thread));
}

static void project_out_and_mlp(void *context, size_t tile, size_t thread) {
  const struct job *j = context;
  struct eq_forward *f = j->f;
  const struct eq_config *c = &f->m->config;
  size_t width = c->dims[EQ_D_WIDTH], inner = c->dims[EQ_D_INNER], row = tile * EQ_TILE, level = j->layer + 1;
  float *x = j->x + row * width, *normed = scratch_of(f, thread), *up = normed + EQ_TILE * width;
  f->k->linear(x, width, f->mixed + row * width, width, weight(f, &j->v, level, EQ_W_ATTN_OUT),
               j->v.at[EQ_W_ATTN_OUT_BIAS], true);
  f->k->layernorm(normed, x, j->v.at[EQ_W_MLP_GAIN], j->v.at[EQ_W_MLP_SHIFT], EQ_TILE, width, c->epsilon);
  f->k->linear(up, inner, normed, width, weight(f, &j->v, level, EQ_W_UP), j->v.at[EQ_W_UP_BIAS], false);
  f->k->activate(c->activation, up, EQ_TILE * inner);
  f->k->linear(x, width, up, inner, weight(f, &j->v, level, EQ_W_DOWN), j->v.at[EQ_W_DOWN_BIAS], true);
}

void eq_forward_block(struct eq_forward *f, const struct eq_batch *b, size_t layer, const struct eq_scheme *schemes,
                      float *x) {
  struct job j = { .f = f, .b = b, .schemes = schemes, .x = x, .layer = layer };
  size_t tiles = (b->rows + EQ_TILE - 1) / EQ_TILE;
  j.v = load(f, layer + 1, EQ_W_ATTN_GAIN, EQ_W_DOWN_BIAS, schemes, f->decoded);
  eq_pool_run(f->pool, tiles, project_qkv, &j);
  eq_pool_run(f->pool, b->n * f->m->config.n_heads, attend_head, &j);
  eq_pool_run(f->pool, tiles, project_out_and_mlp, &j);
}

/* ---- the head ---- */

/* A part of the vocabulary against all scored rows. */
struct head_job {
  struct eq_forward *f;
  struct eq_weight panel;
  size_t first, scored;
};

static void head_tile(void *context, size_t tile, size_t thread) {
  const struct head_job *h = context;
  struct eq_forward *f = h->f;
  size_t row = tile * EQ_TILE, rows = h->scored - row < EQ_TILE ? h->scored - row : EQ_TILE, width = h->panel.in;
  for (size_t v = 0; v < h->panel.out; v += EQ_VOCAB_TILE) {
    size_t n = h->panel.out - v < EQ_VOCAB_TILE ? h->panel.out - v : EQ_VOCAB_TILE;
    struct eq_weight part = { h->panel.w + v * width, width, n, true };
    f->k->head(f->lse + row, f->target_logit + row, f->normed + row * width, part, h->first + v, f->target + row, rows,
               scratch_of(f, thread));
  }
}

/* The scored rows of x through the final norm into f->normed, their targets into f->target. */
static void gather_scored(struct eq_forward *f, const struct eq_batch *b, const struct values *v, const float *x) {
  size_t width = f->m->config.dims[EQ_D_WIDTH], padded = round_up(b->scored, EQ_TILE);
  memset(f->normed, 0, padded * width * sizeof *f->normed);
  for (size_t i = 0; i < padded; i++) {
    f->lse[i] = EQ_LOGSUMEXP_EMPTY;
    f->target[i] = 0;
  }
  for (size_t q = 0; q < b->n; q++) {
    const struct eq_sequence *s = &b->sequences[q];
    size_t n = s->n - s->score_from;
    f->k->layernorm(f->normed + s->scored_row * width, x + (s->row + s->score_from) * width, v->at[EQ_W_FINAL_GAIN],
                    v->at[EQ_W_FINAL_SHIFT], n, width, f->m->config.epsilon);
    memcpy(f->target + s->scored_row, s->ids + s->score_from + 1, n * sizeof *f->target);
  }
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

void eq_forward_head(struct eq_forward *f, const struct eq_batch *b, const struct eq_scheme *schemes, const float *x,
                     double *nll) {
  size_t level = f->m->n_levels - 1, vocab = f->m->config.dims[EQ_D_VOCAB], width = f->m->config.dims[EQ_D_WIDTH];
  size_t head = (size_t)eq_model_at(f->m, level, EQ_W_HEAD), norms = 2 * round_up(width, LINE);
  struct values v = load(f, level, EQ_W_FINAL_GAIN, EQ_W_FINAL_SHIFT, schemes, f->decoded);
  bool in_place = eq_model_in_place(f->m, head, schemes[head]);
  size_t step = in_place ? vocab : VOCAB_PANEL;
  gather_scored(f, b, &v, x);
  for (size_t first = 0; first < vocab; first += step) {
    size_t n = vocab - first < step ? vocab - first : step;
    struct panel_job p = { f, schemes, head, first, n, f->decoded + norms };
    if (!in_place) eq_pool_run(f->pool, (n + PANEL_ITEM - 1) / PANEL_ITEM, decode_panel, &p);
    const float *w = in_place ? f->m->weights[head].tensor->data : p.out;
    struct head_job h = { f, { w, width, n, true }, first, b->scored };
    eq_pool_run(f->pool, (b->scored + EQ_TILE - 1) / EQ_TILE, head_tile, &h);
  }
  for (size_t i = 0; i < b->scored; i++)
    nll[i] = (double)f->lse[i].max + log(f->lse[i].sum) - (double)f->target_logit[i];
}

bool eq_forward_logits(struct eq_forward *f, const uint32_t *ids, size_t n, float *out, struct eq_err *err) {
  const struct eq_model *m = f->m;
  size_t width = m->config.dims[EQ_D_WIDTH], vocab = m->config.dims[EQ_D_VOCAB];
  int head = eq_model_at(m, m->n_levels - 1, EQ_W_HEAD);
  struct eq_sequence one;
  struct eq_batch b = { .sequences = &one };
  struct eq_scheme *schemes = eq_array(m->n_params, sizeof *schemes); /* zeros: EQ_KEEP */
  float *x = eq_array(f->max_rows * width, sizeof *x), *w = eq_array(vocab * width, sizeof *w);
  float *tile = eq_array(EQ_TILE * vocab, sizeof *tile);
  bool ok = schemes && x && w && tile ? true : eq_fail_memory(err, vocab * width * sizeof *w, "logits");
  if (ok && (!eq_batch_add(f, &b, (struct eq_sequence){ .ids = ids, .n = n })))
    ok = eq_fail(err, EQ_BAD, "a sequence of %zu tokens is longer than the context of %zu", n, f->context);
  if (ok) {
    eq_forward_embed(f, &b, schemes, x);
    for (size_t layer = 0; layer < m->config.n_layers; layer++) eq_forward_block(f, &b, layer, schemes, x);
    struct values v = load(f, m->n_levels - 1, EQ_W_FINAL_GAIN, EQ_W_FINAL_SHIFT, schemes, f->decoded);
    f->k->layernorm(x, x, v.at[EQ_W_FINAL_GAIN], v.at[EQ_W_FINAL_SHIFT], n, width, m->config.epsilon);
    eq_model_rows(m, (size_t)head, schemes[head], 0, vocab, w);
    for (size_t row = 0; row < n; row += EQ_TILE) {
      f->k->linear(tile, vocab, x + row * width, width, (struct eq_weight){ w, width, vocab, true }, NULL, false);
      memcpy(out + row * vocab, tile, (n - row < EQ_TILE ? n - row : EQ_TILE) * vocab * sizeof *out);
    }
  }
  free(schemes), free(x), free(w), free(tile);
  return ok;
}
