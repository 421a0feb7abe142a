/* values.c: a level's parameters as float32 under a recipe's schemes, decoded by all threads together. */
#include "lib/model/forward_state.h"

enum { LINE = 16 }; /* floats; decoded parameters begin at multiples of it */

static bool by_rows(int place) { return place == EQ_W_EMBED || place == EQ_W_POS || place == EQ_W_HEAD; }

size_t eq_values_size(const struct eq_model *m, size_t level) {
  size_t sum = 0;
  for (int place = 0; place < EQ_PLACES; place++) {
    int i = by_rows(place) ? -1 : eq_model_at(m, level, (enum eq_place)place);
    if (i >= 0) sum += eq_round_up(m->weights[i].tensor->n, LINE);
  }
  return sum;
}

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

struct eq_values eq_values_load(struct eq_forward *f, size_t level, const struct eq_scheme *schemes, float *into) {
  struct eq_values v = { { NULL } };
  struct decoding d = { .f = f, .schemes = schemes };
  for (int place = 0; place < EQ_PLACES; place++) {
    int i = by_rows(place) ? -1 : eq_model_at(f->m, level, (enum eq_place)place);
    if (i < 0) continue;
    const struct eq_placed_tensor *w = &f->m->weights[i];
    v.at[place] = w->tensor->data;
    if (eq_model_in_place(f->m, (size_t)i, schemes[i])) continue;
    v.at[place] = into;
    size_t step = w->cols < 1024 ? 65536 / w->cols : 64; /* transposed matrices want whole cache lines of rows */
    d.part[d.n_parts].param = (size_t)i;
    d.part[d.n_parts].first_item = d.n_items;
    d.part[d.n_parts].rows_an_item = step;
    d.part[d.n_parts++].whole = into;
    d.n_items += (w->rows + step - 1) / step;
    into += eq_round_up(w->tensor->n, LINE);
  }
  eq_pool_run(f->pool, d.n_items, decode_item, &d);
  return v;
}
