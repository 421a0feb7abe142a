/* values.c: a level's parameters as float32 under a recipe's treatments, decoded by all threads together. */
#include "lib/model/forward_state.h"

enum { LINE = 16 }; /* floats; decoded parameters begin at multiples of it */

/* What is read by rows, or an expert at a time, and not with its level. */
static bool by_rows(int place) {
  return place == EQ_W_EMBED || place == EQ_W_POS || place == EQ_W_HEAD ||
         (place >= EQ_W_EXPERT_GATE && place <= EQ_W_EXPERT_DOWN);
}

/* Tensors at a place, one after the other. */
static size_t count(const struct eq_model *m, int param) { return eq_slot_tensors(&m->config, m->weights[param].slot); }

size_t eq_values_size(const struct eq_model *m, size_t level) {
  size_t sum = 0;
  for (int place = 0; place < EQ_PLACES; place++) {
    int i = by_rows(place) ? -1 : eq_model_at(m, level, (enum eq_place)place);
    if (i >= 0) sum += eq_round_up(count(m, i) * m->weights[i].tensor->n, LINE);
  }
  return sum;
}

size_t eq_values_decoded(const struct eq_model *m, size_t level, const struct eq_treatment **treatments) {
  size_t sum = 0;
  for (int place = 0; place < EQ_PLACES; place++) {
    int i = by_rows(place) ? -1 : eq_model_at(m, level, (enum eq_place)place);
    if (i >= 0 && (count(m, i) > 1 || !eq_model_in_place(m, (size_t)i, treatments[i])))
      sum += eq_round_up(count(m, i) * m->weights[i].tensor->n, LINE);
  }
  return sum;
}

struct decoding {
  const struct eq_forward *f;
  const struct eq_treatment **treatments;
  struct eq_part *parts; /* [n_parts] */
  size_t n_parts, n_items;
};

static void decode_item(void *context, size_t item, size_t thread) {
  const struct decoding *d = context;
  const struct eq_part *p = &d->parts[d->n_parts - 1];
  while (p->first_item > item) p--;
  size_t rows = d->f->m->weights[p->param].rows, first = (item - p->first_item) * p->rows_an_item;
  size_t last = rows - first < p->rows_an_item ? rows : first + p->rows_an_item;
  eq_model_decode(d->f->m, p->param, d->treatments[p->param], first, last, p->whole, eq_treating(d->f, thread));
}

static void add_part(struct decoding *d, size_t param, float *whole) {
  const struct eq_placed_tensor *w = &d->f->m->weights[param];
  size_t step = eq_model_job_rows(w->cols);
  d->parts[d->n_parts++] = (struct eq_part){ param, d->n_items, step, whole };
  d->n_items += (w->rows + step - 1) / step;
}

struct eq_values eq_values_load(struct eq_forward *f, size_t level, const struct eq_treatment **treatments,
                                float *into) {
  struct eq_values v = { .at = { NULL } };
  struct decoding d = { .f = f, .treatments = treatments, .parts = f->parts };
  bool there = f->levels.n == 0 || eq_level_slot(f, level, treatments, v.packed);
  for (int place = 0; place < EQ_PLACES; place++) {
    int i = by_rows(place) ? -1 : eq_model_at(f->m, level, (enum eq_place)place);
    if (i < 0) continue;
    const struct eq_placed_tensor *w = &f->m->weights[i];
    size_t n = count(f->m, i);
    v.at[place] = there && v.packed[place] ? v.packed[place] : w->tensor->data;
    if (there && v.packed[place]) continue;
    if (n == 1 && eq_model_in_place(f->m, (size_t)i, treatments[i])) continue;
    v.at[place] = into;
    for (size_t k = 0; k < n; k++) add_part(&d, (size_t)i + k, into + k * w->tensor->n);
    into += eq_round_up(n * w->tensor->n, LINE);
  }
  eq_pool_run(f->pool, d.n_items, decode_item, &d);
  if (!there) eq_level_pack(f, level, &v);
  return v;
}

size_t eq_values_expert_size(const struct eq_model *m) {
  return 3 * eq_round_up(m->config.dims[EQ_D_WIDTH] * m->config.dims[EQ_D_EXPERT_INNER], LINE);
}

void eq_values_load_expert(struct eq_job *j, size_t expert, float *into) {
  struct decoding d = { .f = j->f, .treatments = j->treatments, .parts = j->f->parts };
  for (int place = EQ_W_EXPERT_GATE; place <= EQ_W_EXPERT_DOWN; place++) {
    size_t i = (size_t)eq_model_at(j->f->m, j->level, (enum eq_place)place) + expert;
    const struct eq_tensor *t = j->f->m->weights[i].tensor;
    j->v.at[place] = t->data;
    if (eq_model_in_place(j->f->m, i, j->treatments[i])) continue;
    j->v.at[place] = into;
    add_part(&d, i, into);
    into += eq_round_up(t->n, LINE);
  }
  eq_pool_run(j->f->pool, d.n_items, decode_item, &d);
}
