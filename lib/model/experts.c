/* experts.c: mixtures of experts (Shazeer et al. 2017; Fedus et al. 2022): a router gives each row to a few of many
 * MLPs, and the row gets their outputs, weighted by the router's probabilities.
 *
 * Rows go through an expert's matrices in tiles of its own rows. A row is put at a place of the tile that equals its
 * own, modulo the kernels' row period, so that its result does not depend on which other rows chose the same expert. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/forward_state.h"

#define EMPTY UINT32_MAX

struct eq_experts {
  size_t a_token, n, inner;
  uint32_t *chosen; /* [max_rows][a_token] */
  float *weight;    /* [max_rows][a_token] */
  float *brought;   /* [max_rows][a_token][width]: what each chosen expert makes of the row */
  uint32_t *slots;  /* [max_rows] of the expert at hand: a choice (row times a_token plus which) or EMPTY */
  size_t n_slots;
  float *matrices; /* of one expert, decoded */
};

void eq_experts_free(struct eq_experts *e) {
  if (!e) return;
  free(e->chosen), free(e->weight), free(e->brought), free(e->slots), free(e->matrices);
  free(e);
}

size_t eq_experts_bytes(const struct eq_model *m, size_t max_rows) {
  size_t a_choice = sizeof(uint32_t) + sizeof(float) * (1 + m->config.dims[EQ_D_WIDTH]);
  return max_rows * (m->config.experts_a_token * a_choice + sizeof(uint32_t)) +
         eq_values_expert_size(m) * sizeof(float);
}

struct eq_experts *eq_experts_new(const struct eq_model *m, size_t max_rows, struct eq_err *err) {
  const size_t *dims = m->config.dims;
  struct eq_experts *e = eq_array(1, sizeof *e);
  size_t choices = max_rows * m->config.experts_a_token;
  if (e) {
    e->a_token = m->config.experts_a_token, e->n = dims[EQ_D_EXPERTS], e->inner = dims[EQ_D_EXPERT_INNER];
    e->chosen = eq_array(choices, sizeof *e->chosen);
    e->weight = eq_array(choices, sizeof *e->weight);
    e->brought = eq_array(choices, dims[EQ_D_WIDTH] * sizeof *e->brought);
    e->slots = eq_array(eq_round_up(max_rows, EQ_TILE), sizeof *e->slots);
    e->matrices = eq_array(eq_values_expert_size(m), sizeof *e->matrices);
  }
  if (e && e->chosen && e->weight && e->brought && e->slots && e->matrices) return e;
  eq_experts_free(e);
  eq_fail_memory(err, choices * dims[EQ_D_WIDTH] * sizeof(float), "experts: try a smaller --ctx");
  return NULL;
}

/* ---- the router ---- */

/* The a_token largest of a row's router logits, the lower index first among equals, and their probabilities. Whatever
 * the logits, NaN and infinity too, they are different experts: place_rows counts on it. Takes the logits apart. */
static void choose(const struct eq_experts *e, bool normalize, float *logits, uint32_t *chosen, float *weight) {
  float max = -INFINITY;
  double sum = 0, chosen_sum = 0;
  for (size_t i = 0; i < e->n; i++) max = fmaxf(max, logits[i]);
  for (size_t i = 0; i < e->n; i++) sum += exp((double)(logits[i] - max)); /* a NaN makes all weights NaN */
  for (size_t i = 0; i < e->n; i++) logits[i] = isnan(logits[i]) ? -INFINITY : logits[i];
  for (size_t k = 0; k < e->a_token; k++) {
    uint32_t best = EMPTY;
    for (uint32_t i = 0; i < e->n; i++)
      if (best == EMPTY ? !isnan(logits[i]) : logits[i] > logits[best]) best = i;
    double p = exp((double)(logits[best] - max)) / sum;
    chosen[k] = best;
    weight[k] = (float)p;
    chosen_sum += p;
    logits[best] = NAN; /* taken */
  }
  for (size_t k = 0; normalize && k < e->a_token; k++) weight[k] = (float)((double)weight[k] / chosen_sum);
}

void eq_experts_choose(const struct eq_job *j, size_t tile, const float *in, float *scratch) {
  struct eq_experts *e = j->f->experts;
  const struct eq_config *c = &j->f->m->config;
  j->f->k->linear(scratch, e->n, in, c->dims[EQ_D_WIDTH], eq_weight_at(j, EQ_W_ROUTER), NULL, false);
  for (size_t i = 0; i < EQ_TILE; i++) {
    size_t choice = (tile * EQ_TILE + i) * e->a_token;
    choose(e, c->normalize_experts, scratch + i * e->n, e->chosen + choice, e->weight + choice);
  }
}

void eq_forward_count_experts(const struct eq_forward *f, const struct eq_sequence *s, uint32_t *counts) {
  const struct eq_experts *e = f->experts;
  const uint32_t *chosen = e->chosen + (s->row + s->score_from) * e->a_token;
  for (size_t i = 0; i < (s->score_to - s->score_from) * e->a_token; i++) counts[chosen[i]]++;
}

/* ---- the experts ---- */

static void run_tile(void *context, size_t tile, size_t thread) {
  const struct eq_job *j = context;
  struct eq_forward *f = j->f;
  const struct eq_experts *e = f->experts;
  size_t width = f->m->config.dims[EQ_D_WIDTH];
  const uint32_t *slots = e->slots + tile * EQ_TILE;
  float *in = eq_scratch(f, thread), *gate = in + EQ_TILE * width, *up = gate + EQ_TILE * e->inner;
  for (size_t i = 0; i < EQ_TILE; i++)
    if (slots[i] == EMPTY)
      memset(in + i * width, 0, width * sizeof *in);
    else
      memcpy(in + i * width, f->expert_in + slots[i] / e->a_token * width, width * sizeof *in);
  f->k->linear(gate, e->inner, in, width, eq_weight_at(j, EQ_W_EXPERT_GATE), NULL, false);
  f->k->linear(up, e->inner, in, width, eq_weight_at(j, EQ_W_EXPERT_UP), NULL, false);
  f->k->activate(f->m->config.activation, gate, EQ_TILE * e->inner);
  f->k->multiply(gate, up, EQ_TILE * e->inner);
  f->k->linear(in, width, gate, e->inner, eq_weight_at(j, EQ_W_EXPERT_DOWN), NULL, false);
  for (size_t i = 0; i < EQ_TILE; i++)
    if (slots[i] != EMPTY) memcpy(e->brought + slots[i] * width, in + i * width, width * sizeof *in);
}

/* Gives each choice of an expert a slot, from the front, whose place in the period is its row's. No place of the period
 * has more choices than it has rows, so slots never outnumber the rows. */
static void place_rows(struct eq_experts *e, const struct eq_batch *b, size_t period, uint32_t expert) {
  size_t next[EQ_TILE];
  for (size_t p = 0; p < period; p++) next[p] = p;
  e->n_slots = 0;
  for (size_t q = 0; q < b->n; q++)
    for (size_t row = b->sequences[q].row; row < b->sequences[q].row + b->sequences[q].n; row++)
      for (size_t k = 0; k < e->a_token; k++) {
        if (e->chosen[row * e->a_token + k] != expert) continue;
        size_t slot = next[row % period];
        next[row % period] += period;
        for (; e->n_slots <= slot; e->n_slots++) e->slots[e->n_slots] = EMPTY;
        e->slots[slot] = (uint32_t)(row * e->a_token + k);
      }
  while (e->n_slots % EQ_TILE) e->slots[e->n_slots++] = EMPTY;
}

/* x += sum over a row's experts of weight times what they brought, in the order of their choice. */
static void add_tile(void *context, size_t tile, size_t thread) {
  const struct eq_job *j = context;
  const struct eq_experts *e = j->f->experts;
  size_t width = j->f->m->config.dims[EQ_D_WIDTH];
  (void)thread;
  for (size_t row = tile * EQ_TILE; row < (tile + 1) * EQ_TILE && row < j->b->rows; row++)
    for (size_t k = 0; k < e->a_token; k++) {
      size_t choice = row * e->a_token + k;
      for (size_t d = 0; d < width; d++) j->x[row * width + d] += e->weight[choice] * e->brought[choice * width + d];
    }
}

void eq_experts_add(struct eq_job *j) {
  struct eq_forward *f = j->f;
  struct eq_experts *e = f->experts;
  memset(e->brought, 0, j->b->rows * e->a_token * f->m->config.dims[EQ_D_WIDTH] * sizeof *e->brought);
  for (uint32_t expert = 0; expert < e->n; expert++) {
    place_rows(e, j->b, f->period, expert);
    if (e->n_slots == 0) continue;
    eq_values_load_expert(j, expert, e->matrices);
    eq_pool_run(f->pool, e->n_slots / EQ_TILE, run_tile, j);
  }
  eq_pool_run(f->pool, eq_tiles(j->b->rows), add_tile, j);
}
