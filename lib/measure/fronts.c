#include "lib/measure/fronts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/measure/pareto.h"

const char eq_front_mean[] = "delta_mean", eq_front_spread[] = "worst_minus_best";

static bool fail_memory(const struct eq_fronts *f, struct eq_err *err) {
  return eq_fail_memory(err, f->recipes.n * sizeof *f->items, "recipes");
}

/* The item of a recipe, a new one if need be; NULL when memory is out. */
static struct eq_front_item *item_of(struct eq_fronts *f, struct eq_str recipe) {
  uint32_t number;
  size_t n = f->recipes.n;
  if (!eq_names_add(&f->recipes, recipe, &number)) return NULL;
  if (f->recipes.n == n) return &f->items[number];
  struct eq_front_item *grown = eq_array_grow(f->items, n, &f->capacity, sizeof *grown);
  if (!grown) return NULL;
  f->items = grown;
  grown[n] = (struct eq_front_item){ .is = { .recipe = f->recipes.items[n] } };
  return &grown[n];
}

/* A copy that lives as long as f; absent stays absent. */
static bool keep(struct eq_fronts *f, struct eq_str text, struct eq_str *copy, struct eq_err *err) {
  uint32_t number;
  *copy = text;
  if (!text.p) return true;
  if (!eq_names_add(&f->texts, text, &number)) return fail_memory(f, err);
  *copy = f->texts.items[number];
  return true;
}

bool eq_fronts_add_size(struct eq_fronts *f, const struct eq_planned *r, struct eq_err *err) {
  struct eq_front_item *item = item_of(f, r->recipe);
  bool control = r->plan.p && eq_str_is(r->plan, "random");
  if (!item) return fail_memory(f, err);
  if (isnan(r->overhead) || isnan(r->overhead_percent)) return true;
  if (item->sized && item->is.bytes != r->bytes)
    return eq_fail(err, EQ_BAD, "two plans disagree on the size of %.*s: %llu and %llu bytes", EQ_STR(r->recipe),
                   (unsigned long long)item->is.bytes, (unsigned long long)r->bytes);
  bool first = !item->sized || (item->control && !control);
  item->control = control && (!item->sized || item->control);
  item->sized = true;
  item->is.bytes = r->bytes, item->is.overhead = r->overhead, item->is.overhead_percent = r->overhead_percent;
  return !first || (keep(f, r->plan, &item->is.plan, err) && keep(f, r->base, &item->is.over, err) &&
                    keep(f, r->model, &item->planned, err));
}

bool eq_fronts_add_damage(struct eq_fronts *f, const struct eq_disparity *d, struct eq_err *err) {
  struct eq_front_item *item = item_of(f, d->recipe);
  if (!item) return fail_memory(f, err);
  if (item->measured) return eq_fail(err, EQ_BAD, "two disparities of %.*s: expected one of each", EQ_STR(d->recipe));
  struct eq_pareto *p = &item->is;
  item->measured = true;
  p->languages = d->languages, p->segments = d->segments;
  p->delta_mean = d->delta_mean, p->delta_mean_lo = d->delta_mean_lo, p->delta_mean_hi = d->delta_mean_hi;
  p->worst_minus_best = d->worst_minus_best;
  p->worst_minus_best_lo = d->worst_minus_best_lo, p->worst_minus_best_hi = d->worst_minus_best_hi;
  return keep(f, d->model, &p->model, err) && keep(f, d->base, &p->base, err) && keep(f, d->as, &p->as, err);
}

bool eq_fronts_add_choice(struct eq_fronts *f, const struct eq_pareto *chosen, struct eq_err *err) {
  struct eq_front_item *item = chosen->front.n ? item_of(f, chosen->recipe) : NULL;
  if (!chosen->front.n) return true;
  if (!item) return fail_memory(f, err);
  f->choice = item->chosen = true;
  return keep(f, chosen->front, &item->is.chosen, err);
}

/* ---- the join ---- */

static bool same(struct eq_str a, struct eq_str b) { return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0); }

/* A plan names its model with or without the digest that results have behind an @. */
static bool of_model(struct eq_str planned, struct eq_str measured) {
  const char *at = measured.n ? memrchr(measured.p, '@', measured.n) : NULL;
  struct eq_str name = { measured.p, at ? (size_t)(at - measured.p) : measured.n };
  return !planned.p || same(planned, measured) || same(planned, name);
}

static bool check_models(const struct eq_fronts *f, struct eq_err *err) {
  for (size_t i = 0; i < f->n; i++) {
    const struct eq_front_item *item = &f->items[i];
    if (!of_model(item->planned, item->is.model))
      return eq_fail(err, EQ_BAD, "%.*s was planned for the model %.*s and measured on %.*s: its size is another's",
                     EQ_STR(item->is.recipe), EQ_STR(item->planned), EQ_STR(item->is.model));
  }
  return true;
}

static bool check_same(const struct eq_fronts *f, struct eq_err *err) {
  for (size_t i = 1; i < f->n; i++) {
    const struct eq_pareto *a = &f->items[0].is, *b = &f->items[i].is;
    if (!same(a->model, b->model) || !same(a->base, b->base) || !same(a->over, b->over) || !same(a->as, b->as))
      return eq_fail(err, EQ_BAD,
                     "%.*s and %.*s do not compare: of the model %.*s and %.*s, damage over %.*s and %.*s, size over "
                     "%.*s and %.*s",
                     EQ_STR(a->recipe), EQ_STR(b->recipe), EQ_STR(a->model), EQ_STR(b->model), EQ_STR(a->base),
                     EQ_STR(b->base), EQ_STR(a->over), EQ_STR(b->over));
  }
  return true;
}

static void drop_others(struct eq_fronts *f) {
  for (size_t i = 0; i < f->recipes.n; i++) {
    const struct eq_front_item *item = &f->items[i];
    bool whole = item->sized && item->measured, defined = !isnan(item->is.delta_mean + item->is.worst_minus_best);
    f->unsized += item->measured && !item->sized;
    f->unmeasured += item->sized && !item->measured;
    f->undefined += whole && !defined;
    if (whole && defined) f->items[f->n++] = *item;
  }
}

static int compare(const void *a, const void *b) {
  const struct eq_pareto *p = &((const struct eq_front_item *)a)->is, *q = &((const struct eq_front_item *)b)->is;
  if (p->overhead != q->overhead) return p->overhead < q->overhead ? -1 : 1;
  return eq_str_compare(p->recipe, q->recipe);
}

static double measure(const struct eq_pareto *p, bool spread) { return spread ? p->worst_minus_best : p->delta_mean; }

static bool find_front(struct eq_fronts *f, bool spread, bool *front, struct eq_err *err) {
  struct eq_point *points = eq_array(f->n, sizeof *points);
  bool *some = eq_array(f->n, sizeof *some);
  size_t n = 0, at = 0;
  bool ok = (points && some) || fail_memory(f, err);
  for (size_t i = 0; ok && i < f->n; i++)
    if (!f->items[i].control)
      points[n++] = (struct eq_point){ f->items[i].is.overhead, measure(&f->items[i].is, spread) };
  ok = ok && eq_pareto_front(points, n, some, err);
  for (size_t i = 0; ok && i < f->n; i++) front[i] = !f->items[i].control && some[at++];
  free(points);
  free(some);
  return ok;
}

/* Items stand in the order of overhead: those of the same size side by side. */
static void rank(struct eq_fronts *f, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    struct eq_pareto *p = &f->items[i].is;
    p->controls = p->controls_mean = p->controls_spread = 0;
    for (size_t k = first; k < last; k++) {
      const struct eq_pareto *c = &f->items[k].is;
      if (!f->items[k].control || k == i) continue;
      p->controls++;
      p->controls_mean += c->delta_mean <= p->delta_mean;
      p->controls_spread += c->worst_minus_best <= p->worst_minus_best;
    }
  }
}

static struct eq_str list_of(bool mean, bool spread) {
  static const char *const lists[2][2] = { { "", "worst_minus_best" },
                                           { "delta_mean", "delta_mean,worst_minus_best" } };
  return eq_str(lists[mean][spread]);
}

bool eq_fronts_close(struct eq_fronts *f, struct eq_err *err) {
  drop_others(f);
  if (!f->n) return eq_fail(err, EQ_DATA, "no recipe has both a size (`recipe`) and a measurement (`disparity`)");
  if (!check_models(f, err) || !check_same(f, err)) return false;
  qsort(f->items, f->n, sizeof *f->items, compare);
  bool *mean = eq_array(f->n, sizeof *mean), *spread = eq_array(f->n, sizeof *spread), controls = false;
  bool ok = (mean && spread) || fail_memory(f, err);
  ok = ok && find_front(f, false, mean, err) && find_front(f, true, spread, err);
  for (size_t i = 0, last; ok && i < f->n; i = last) {
    for (last = i; last < f->n && f->items[last].is.overhead == f->items[i].is.overhead; last++)
      controls = controls || f->items[last].control;
    rank(f, i, last);
  }
  for (size_t i = 0; ok && i < f->n; i++) {
    struct eq_pareto *p = &f->items[i].is;
    p->front = list_of(mean[i], spread[i]);
    if (f->choice && !p->chosen.p) p->chosen = eq_str("");
    if (!controls) p->controls = p->controls_mean = p->controls_spread = EQ_ABSENT;
  }
  free(mean);
  free(spread);
  return ok;
}

void eq_fronts_free(struct eq_fronts *f) {
  eq_names_free(&f->recipes);
  eq_names_free(&f->texts);
  free(f->items);
  *f = (struct eq_fronts){ 0 };
}
