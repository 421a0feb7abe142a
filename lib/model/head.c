/* head.c: from the last hidden states to surprisal, divergence or logits, a part of the vocabulary at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/forward_state.h"

/* What is compared with: the reference's rows as they enter its last matrix, and that matrix: the model's own under
 * other treatments, or one that was kept. */
struct eq_reference {
  const struct eq_predictions *kept; /* NULL: treatments */
  const struct eq_treatment **treatments;
  struct eq_logit_rule rule;
  size_t width;                     /* of a row */
  float *rows;                      /* [max_rows][width] */
  float *bias;                      /* [vocab]; NULL: none */
  float *panel;                     /* of its matrix, decoded */
  struct eq_comparison *comparison; /* [max_rows] */
};

/* A part of the vocabulary against all scored rows. */
struct head_job {
  const struct eq_job *j;
  struct eq_weight panel, reference_panel;
  const float *rows; /* [scored][panel.in] */
  size_t first, scored;
  float *out;                           /* [scored][vocab]: where logits go; NULL: nowhere */
  const struct eq_reference *reference; /* NULL: nothing is compared */
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static struct eq_logit_rule logit_rule(const struct eq_config *c, const float *bias) {
  return (struct eq_logit_rule){ bias, c->logit_scale, c->logit_softcap };
}

/* Columns v..v+n-1 of a panel. */
static struct eq_weight columns(struct eq_weight panel, size_t v, size_t n) {
  if (panel.packed) return (struct eq_weight){ NULL, panel.in, n, true, panel.packed + v * panel.in };
  return (struct eq_weight){ panel.w + v * panel.in, panel.in, n, true, NULL };
}

/* What a part of a row's logits brings: id is that of the first. */
static void take_row(const struct head_job *h, size_t row, const float *logits, size_t n, size_t id) {
  struct eq_forward *f = h->j->f;
  uint32_t target = f->target[row];
  if (target >= id && target - id < n) f->target_logit[row] = logits[target - id];
  f->k->collect(&f->lse[row], logits, n);
  if (h->out) memcpy(h->out + row * f->m->config.dims[EQ_D_VOCAB] + id, logits, n * sizeof *logits);
}

static void compare_tile(const struct head_job *h, size_t row, size_t rows, const float *logits, size_t v, size_t n,
                         float *scratch) {
  const struct eq_reference *r = h->reference;
  const struct eq_kernels *k = h->j->f->k;
  float *own = scratch + n;
  k->logits(own, r->rows + row * r->width, columns(h->reference_panel, v, n), r->rule, h->first + v);
  for (size_t i = 0; i < rows; i++)
    k->compare(&r->comparison[row + i], own + i * n, logits + i * n, n, (uint32_t)(h->first + v), scratch);
}

static void head_tile(void *context, size_t tile, size_t thread) {
  const struct head_job *h = context;
  struct eq_forward *f = h->j->f;
  size_t row = tile * EQ_TILE, rows = h->scored - row < EQ_TILE ? h->scored - row : EQ_TILE;
  struct eq_logit_rule rule = logit_rule(&f->m->config, h->j->v.at[EQ_W_HEAD_BIAS]);
  float *logits = eq_scratch(f, thread), *rest = logits + (size_t)EQ_TILE * EQ_VOCAB_TILE;
  for (size_t v = 0; v < h->panel.out; v += EQ_VOCAB_TILE) {
    size_t n = h->panel.out - v < EQ_VOCAB_TILE ? h->panel.out - v : EQ_VOCAB_TILE;
    f->k->logits(logits, h->rows + row * h->panel.in, columns(h->panel, v, n), rule, h->first + v);
    for (size_t i = 0; i < rows; i++) take_row(h, row + i, logits + i * n, n, h->first + v);
    if (h->reference) compare_tile(h, row, rows, logits, v, n, rest);
  }
}

/* ---- the rows that enter the last matrix ---- */

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

/* Loads the head's values and makes the rows that enter its matrix, [scored][in]. */
static const float *enter_head(struct eq_job *j) {
  struct eq_forward *f = j->f;
  size_t tiles = eq_tiles(j->b->scored);
  bool projected = f->m->config.has[EQ_PROJECTED];
  j->v = eq_values_load(f, j->level, j->treatments, f->decoded);
  gather_scored(j);
  if (projected) eq_pool_run(f->pool, tiles, project_out, j);
  if (j->v.at[EQ_W_HEAD_DENSE]) eq_pool_run(f->pool, tiles, transform, j);
  return eq_forward_head_rows(f);
}

/* ---- the last matrix ---- */

struct panel_job {
  struct eq_forward *f;
  const struct eq_treatment **treatments;
  size_t param, first, n;
  float *out;
};

enum { PANEL_ITEM = 128 };

static void decode_panel(void *context, size_t item, size_t thread) {
  const struct panel_job *p = context;
  size_t from = item * PANEL_ITEM, to = p->n - from < PANEL_ITEM ? p->n : from + PANEL_ITEM;
  eq_model_rows(p->f->m, p->param, p->treatments[p->param], p->first + from, p->first + to,
                p->out + from * p->f->m->weights[p->param].cols, eq_treating(p->f, thread));
}

/* Rows first..first+n-1 of the head's matrix under these treatments: where they lie, or decoded into `panel`. */
static struct eq_weight load_rows(struct eq_forward *f, const struct eq_treatment **treatments, size_t first, size_t n,
                                  float *panel) {
  size_t head = (size_t)eq_model_at(f->m, f->m->n_levels - 1, EQ_W_HEAD), in = f->m->weights[head].cols;
  struct panel_job p = { f, treatments, head, first, n, panel };
  if (eq_model_in_place(f->m, head, treatments[head])) {
    const float *whole = f->m->weights[head].tensor->data;
    return (struct eq_weight){ whole + first * in, in, n, true, NULL };
  }
  eq_pool_run(f->pool, (n + PANEL_ITEM - 1) / PANEL_ITEM, decode_panel, &p);
  return (struct eq_weight){ panel, in, n, true, NULL };
}

/* The same packed, where the kernels do that. */
static struct eq_weight load_panel(struct eq_forward *f, const struct eq_treatment **treatments, size_t first, size_t n,
                                   float *panel) {
  size_t head = (size_t)eq_model_at(f->m, f->m->n_levels - 1, EQ_W_HEAD);
  bool there;
  if (!f->panels.n) return load_rows(f, treatments, first, n, panel);
  float *packed = eq_part_slot(f, treatments[head], first, &there);
  if (there) return (struct eq_weight){ NULL, f->m->weights[head].cols, n, true, packed };
  return eq_part_pack(f, load_rows(f, treatments, first, n, panel), packed);
}

static bool head_in_place(const struct eq_model *m, const struct eq_treatment **treatments) {
  size_t head = (size_t)eq_model_at(m, m->n_levels - 1, EQ_W_HEAD);
  return eq_model_in_place(m, head, treatments[head]);
}

static struct eq_weight reference_panel(struct eq_forward *f, const struct eq_reference *r, size_t first, size_t n) {
  struct eq_weight w;
  bool there;
  if (!r->kept) return load_panel(f, r->treatments, first, n, r->panel);
  w = (struct eq_weight){ r->kept->matrix + first * r->width, r->width, n, true, NULL };
  if (!f->panels.n) return w;
  float *packed = eq_part_slot(f, r->kept, first, &there);
  return there ? (struct eq_weight){ NULL, r->width, n, true, packed } : eq_part_pack(f, w, packed);
}

/* All scored rows against the whole vocabulary: f->lse and f->target_logit, and what `out` and `reference` ask for. */
static void run_head(struct eq_forward *f, const struct eq_batch *b, const struct eq_treatment **treatments,
                     const float *x, float *out, const struct eq_reference *reference) {
  size_t level = f->m->n_levels - 1, vocab = f->m->config.dims[EQ_D_VOCAB];
  struct eq_job j = { .f = f, .b = b, .treatments = treatments, .x = (float *)x, .level = level };
  const float *rows = enter_head(&j);
  bool in_place =
      head_in_place(f->m, treatments) && (!reference || reference->kept || head_in_place(f->m, reference->treatments));
  size_t step = in_place && !f->panels.n ? vocab : EQ_VOCAB_PANEL;
  for (size_t first = 0; first < vocab; first += step) {
    size_t n = vocab - first < step ? vocab - first : step;
    struct head_job h = { .j = &j, .rows = rows, .first = first, .scored = b->scored, .out = out };
    h.panel = load_panel(f, treatments, first, n, f->decoded + eq_values_size(f->m, level));
    if ((h.reference = reference)) h.reference_panel = reference_panel(f, reference, first, n);
    eq_pool_run(f->pool, eq_tiles(b->scored), head_tile, &h);
  }
  if (f->m->frugal) eq_checkpoint_release(&f->m->file);
}

static double log_sum(struct eq_logsumexp lse) { return (double)lse.max + log(lse.sum); }

void eq_forward_head(struct eq_forward *f, const struct eq_batch *b, const struct eq_treatment **treatments,
                     const float *x, double *nll) {
  run_head(f, b, treatments, x, NULL, NULL);
  for (size_t i = 0; i < b->scored; i++) nll[i] = log_sum(f->lse[i]) - (double)f->target_logit[i];
}

/* ---- divergence from a reference ---- */

size_t eq_reference_bytes(const struct eq_model *m, size_t max_rows) {
  const size_t *dims = m->config.dims;
  const struct eq_reference *r = NULL;
  return ((max_rows + EQ_VOCAB_PANEL) * dims[EQ_D_EMBED] + dims[EQ_D_VOCAB]) * sizeof(float) +
         max_rows * sizeof *r->comparison;
}

struct eq_reference *eq_reference_new(const struct eq_model *m, size_t max_rows) {
  const size_t *dims = m->config.dims;
  struct eq_reference *r = eq_array(1, sizeof *r);
  bool has_bias = eq_model_at(m, m->n_levels - 1, EQ_W_HEAD_BIAS) >= 0;
  if (!r) return NULL;
  r->width = dims[EQ_D_EMBED];
  r->rows = eq_array(max_rows, dims[EQ_D_EMBED] * sizeof *r->rows);
  r->panel = eq_array(EQ_VOCAB_PANEL, dims[EQ_D_EMBED] * sizeof *r->panel);
  r->bias = has_bias ? eq_array(dims[EQ_D_VOCAB], sizeof *r->bias) : NULL;
  r->comparison = eq_array(max_rows, sizeof *r->comparison);
  if (r->rows && r->panel && r->comparison && (!has_bias || r->bias)) return r;
  eq_reference_free(r);
  return NULL;
}

void eq_reference_free(struct eq_reference *r) {
  if (!r) return;
  free(r->rows), free(r->panel), free(r->bias), free(r->comparison);
  free(r);
}

void eq_forward_keep_reference(struct eq_forward *f, const struct eq_batch *b, const struct eq_treatment **treatments,
                               const float *x) {
  struct eq_reference *r = f->reference;
  struct eq_job j = { .f = f, .b = b, .treatments = treatments, .x = (float *)x, .level = f->m->n_levels - 1 };
  const float *rows = enter_head(&j);
  memcpy(r->rows, rows, eq_tiles(b->scored) * EQ_TILE * f->m->config.dims[EQ_D_EMBED] * sizeof *rows);
  if (r->bias) memcpy(r->bias, j.v.at[EQ_W_HEAD_BIAS], f->m->config.dims[EQ_D_VOCAB] * sizeof *r->bias);
  r->treatments = treatments;
  r->rule = logit_rule(&f->m->config, r->bias);
}

bool eq_forward_use_kept(struct eq_forward *f, const struct eq_predictions *kept, struct eq_err *err) {
  struct eq_reference *r = f->reference;
  free(r->rows), free(r->panel);
  r->panel = NULL;
  r->kept = kept, r->rule = kept->rule, r->width = kept->width;
  size_t n = f->panels.n, floats = f->k->packed_size(kept->width, least(kept->vocab, EQ_VOCAB_PANEL));
  if (n && floats > f->panels.floats) {
    eq_slots_free(&f->panels);
    if (!eq_slots_new(&f->panels, n, floats)) return eq_fail_memory(err, n * floats * sizeof(float), "packed weights");
  }
  r->rows = eq_array(f->max_rows, r->width * sizeof *r->rows);
  return r->rows || eq_fail_memory(err, f->max_rows * r->width * sizeof *r->rows, "the reference's rows");
}

void eq_forward_take_kept(struct eq_forward *f, const struct eq_batch *b) {
  struct eq_reference *r = f->reference;
  memset(r->rows, 0, eq_tiles(b->scored) * EQ_TILE * r->width * sizeof *r->rows);
  for (size_t q = 0; q < b->n; q++) {
    const struct eq_sequence *s = &b->sequences[q];
    memcpy(r->rows + s->scored_row * r->width, r->kept->rows + s->kept_row * r->width,
           (s->score_to - s->score_from) * r->width * sizeof *r->rows);
  }
}

const float *eq_forward_head_rows(const struct eq_forward *f) {
  return f->m->config.has[EQ_PROJECTED] ? f->mixed : f->normed;
}

void eq_forward_compare(struct eq_forward *f, const struct eq_batch *b, const struct eq_treatment **treatments,
                        const float *x, double *nll, struct eq_divergence *divergence) {
  struct eq_comparison *c = f->reference->comparison;
  for (size_t i = 0; i < b->scored; i++) c[i] = EQ_COMPARISON_EMPTY;
  run_head(f, b, treatments, x, NULL, f->reference);
  for (size_t i = 0; i < b->scored; i++) {
    double lse = log_sum(f->lse[i]), own = log_sum(c[i].p);
    double kl = exp((double)c[i].best_p - own) * c[i].cross - own + lse;
    nll[i] = lse - (double)f->target_logit[i];
    /* Rounding may leave a little less than 0. */
    divergence[i] = (struct eq_divergence){ kl < 0 ? 0 : kl, c[i].top_p == c[i].top_q };
  }
}

bool eq_forward_logits(struct eq_forward *f, const uint32_t *ids, size_t n, float *out, struct eq_err *err) {
  const struct eq_model *m = f->m;
  size_t width = m->config.dims[EQ_D_WIDTH];
  struct eq_sequence one;
  struct eq_batch b = { .sequences = &one };
  const struct eq_treatment **treatments = eq_array(m->n_params, sizeof *treatments); /* NULL: kept */
  float *x = eq_array(f->max_rows * width, sizeof *x);
  bool ok = treatments && x ? true : eq_fail_memory(err, f->max_rows * width * sizeof *x, "logits");
  if (ok && !eq_batch_add(f, &b, (struct eq_sequence){ .ids = ids, .targets = ids, .n = n, .score_to = n }))
    ok = eq_fail(err, EQ_BAD, "a sequence of %zu tokens is longer than the context of %zu", n, f->context);
  if (ok) {
    eq_forward_embed(f, &b, treatments, x);
    for (size_t layer = 0; layer < m->config.n_layers; layer++) eq_forward_block(f, &b, layer, treatments, x);
    run_head(f, &b, treatments, x, out, NULL);
  }
  free(treatments), free(x);
  return ok;
}
