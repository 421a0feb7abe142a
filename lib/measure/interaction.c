#include "lib/measure/interaction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/measure/groups.h"
#include "lib/recipe/recipe.h"

enum { PARTS_MAX = 8 };

/* A combination at work: numbers in the scores' table of recipes. */
struct combination {
  const struct eq_scores *scores;
  uint32_t model, base, whole;
  uint32_t parts[PARTS_MAX];
  size_t n_parts;
};

/* ---- which recipes are combinations ---- */

static uint32_t find_recipe(const struct eq_scores *s, uint32_t model, struct eq_str name) {
  for (uint32_t r = 0; r < s->recipes.n; r++)
    if (eq_str_equal(s->recipes.items[r], name) && eq_scores_of(s, model, r, EQ_ANY).n) return r;
  return EQ_ANY;
}

/* Adds the recipe that "prefix" "text" spells; false when it was not measured. */
static bool add_part(struct combination *c, struct eq_str prefix, struct eq_str text) {
  struct eq_buffer spelled = { 0 };
  eq_buffer_add(&spelled, prefix.p, prefix.n);
  eq_buffer_add(&spelled, text.p, text.n);
  char *name = spelled.failed || !spelled.data ? NULL : eq_recipe_name(spelled.data);
  uint32_t part = name ? find_recipe(c->scores, c->model, eq_str(name)) : EQ_ANY;
  free(name);
  eq_buffer_free(&spelled);
  if (part == EQ_ANY || part == c->base || c->n_parts == PARTS_MAX) return false;
  c->parts[c->n_parts++] = part;
  return true;
}

/* What a clause's selectors are, "" where it has none and means all weights. */
static struct eq_str selectors_of(struct eq_str clause) {
  const char *equals = memchr(clause.p, '=', clause.n);
  if (!equals || eq_scheme_begins(clause)) return eq_str("");
  return (struct eq_str){ clause.p, (size_t)(equals - clause.p) };
}

/* A clause replaces what earlier ones did to the same weights: then damages would not add up, whatever they are. */
static bool clauses_are_apart(struct eq_str recipe) {
  char *text = eq_copy_string(recipe.p, recipe.n);
  struct eq_recipe *r = text ? eq_recipe_parse(text, NULL) : NULL;
  bool apart = r && eq_recipe_is_apart(r);
  eq_recipe_free(r);
  free(text);
  return apart;
}

/* Splits the recipe's clauses, or the steps of its one clause, each behind the clause's own selectors. */
static bool find_parts(struct combination *c) {
  struct eq_str rest = c->scores->recipes.items[c->whole], prefix = { "", 0 };
  char end = memchr(rest.p, ';', rest.n) ? ';' : '+';
  if (end == ';' && !clauses_are_apart(rest)) return false;
  size_t n = end == '+' ? selectors_of(rest).n : 0;
  if (n) {
    prefix = (struct eq_str){ rest.p, n + 1 };
    rest = (struct eq_str){ rest.p + n + 1, rest.n - n - 1 };
  }
  while (rest.n)
    if (!add_part(c, prefix, eq_str_cut(&rest, end))) return false;
  return c->n_parts > 1;
}

/* ---- the sum of the parts as a base ---- */

static const struct eq_score *find_score(const struct combination *c, uint32_t recipe, const struct eq_score *like) {
  struct eq_score_rows rows = eq_scores_of(c->scores, c->model, recipe, like->lang);
  size_t from = 0, to = rows.n;
  while (from < to) {
    size_t at = from + (to - from) / 2;
    if (rows.rows[at].id < like->id)
      from = at + 1;
    else
      to = at;
  }
  return from < rows.n && rows.rows[from].id == like->id ? &rows.rows[from] : NULL;
}

/* What the surprisal were, had the parts' damages added up; NaN where one of them was not scored. */
static double added_up(const struct combination *c, const struct eq_score *base) {
  double nll = base->nll;
  for (size_t i = 0; i < c->n_parts; i++) {
    const struct eq_score *part = find_score(c, c->parts[i], base);
    nll += part ? part->nll - base->nll : (double)NAN;
  }
  return nll;
}

/* Scores of two recipes: the combination's own, and under the base's name the sum of the parts. The names are the
 * original's; the rows are the caller's to free. */
static bool make_scores(const struct combination *c, struct eq_scores *made, struct eq_err *err) {
  struct eq_score_rows base = eq_scores_of(c->scores, c->model, c->base, EQ_ANY);
  struct eq_score_rows whole = eq_scores_of(c->scores, c->model, c->whole, EQ_ANY);
  *made = *c->scores;
  made->rows = eq_array(base.n + whole.n, sizeof *made->rows);
  if (!made->rows) return eq_fail_memory(err, (base.n + whole.n) * sizeof *made->rows, "a combination's scores");
  struct eq_score *sums = made->rows + (c->base < c->whole ? 0 : whole.n);
  struct eq_score *own = made->rows + (c->base < c->whole ? base.n : 0);
  for (size_t i = 0; i < base.n; i++) {
    sums[i] = base.rows[i];
    sums[i].nll = added_up(c, &base.rows[i]);
  }
  memcpy(own, whole.rows, whole.n * sizeof *own);
  made->n = base.n + whole.n;
  return true;
}

/* ---- results ---- */

/* Mean bits a segment that the parts add to a language, over the segments that count. */
static double mean_sum(const struct combination *c, uint32_t lang) {
  struct eq_score_rows base = eq_scores_of(c->scores, c->model, c->base, lang);
  double sum = 0, n = 0;
  for (size_t i = 0; i < base.n; i++) {
    const struct eq_score *whole = find_score(c, c->whole, &base.rows[i]);
    double added = added_up(c, &base.rows[i]) - base.rows[i].nll;
    if (isnan(added) || !whole || isnan(whole->nll)) continue;
    sum += added / M_LN2;
    n++;
  }
  return n > 0 ? sum / n : (double)NAN;
}

static struct eq_str flags_of(double lo, double hi, bool little) {
  static const char *const texts[3][2] = { { "", "little-text" },
                                           { "worse-than-sum", "worse-than-sum,little-text" },
                                           { "better-than-sum", "better-than-sum,little-text" } };
  return eq_str(texts[lo > 0 ? 1 : hi < 0 ? 2 : 0][little]);
}

static bool add_item(struct eq_interactions *x, struct eq_interaction item, struct eq_err *err) {
  struct eq_interaction *items = eq_array_grow(x->items, x->n, &x->capacity, sizeof *items);
  if (!items) return eq_fail_memory(err, x->n * sizeof *items, "interactions");
  x->items = items;
  item.delta = item.sum + item.excess;
  item.flags = flags_of(item.excess_lo, item.excess_hi, eq_str_listed(eq_str("little-text"), item.flags));
  items[x->n++] = item;
  return true;
}

/* The names of the parts, joined; kept by the results. */
static bool name_parts(struct eq_interactions *x, const struct combination *c, struct eq_str *name,
                       struct eq_err *err) {
  struct eq_buffer text = { 0 };
  for (size_t i = 0; i < c->n_parts; i++)
    eq_buffer_format(&text, "%s%.*s", i ? " & " : "", EQ_STR(c->scores->recipes.items[c->parts[i]]));
  char **parts = text.failed ? NULL : eq_array_grow(x->parts, x->n_parts, &x->parts_capacity, sizeof *parts);
  if (!parts) return eq_buffer_free(&text), eq_fail_memory(err, text.size, "names of parts");
  x->parts = parts;
  x->parts[x->n_parts++] = text.data;
  *name = (struct eq_str){ text.data, text.size };
  return true;
}

/* Of a group's languages, those items that begin at `first`: how many, the mean of their sums, the most segments of
 * one, and whether one has little text. */
struct members {
  size_t n;
  double sum;
  uint64_t segments;
  bool little;
};

static struct members members_of(const struct eq_interactions *x, size_t first, struct eq_str group) {
  struct members m = { 0 };
  for (size_t i = first; i < x->n; i++) {
    const struct eq_interaction *item = &x->items[i];
    if (!item->lang.p || !eq_group_listed(item->group, group)) continue;
    m.n++;
    m.sum += item->sum;
    m.little = m.little || eq_str_listed(eq_str("little-text"), item->flags);
    if (item->segments > m.segments) m.segments = item->segments;
  }
  m.sum /= (double)m.n;
  return m;
}

static bool add_results(struct eq_interactions *x, const struct combination *c, const struct eq_disparities *d,
                        const struct eq_disparity_options *o, struct eq_err *err) {
  const struct eq_disparity *all = &d->disparities[1]; /* 0 is the sum of the parts */
  struct eq_interaction item = { .model = all->model, .recipe = all->recipe, .base = o->base, .as = all->as };
  size_t first = x->n;
  bool ok = name_parts(x, c, &item.parts, err);
  for (size_t l = 0; ok && l < d->n_langs; l++) {
    const struct eq_damage *a = &d->damages[d->n_langs + l];
    uint32_t lang = 0;
    while (!eq_str_equal(c->scores->langs.items[lang], a->lang)) lang++;
    item.lang = a->lang;
    item.group = a->group;
    item.segments = a->segments;
    item.sum = mean_sum(c, lang);
    item.excess = a->delta_segment;
    item.excess_lo = a->delta_segment_lo;
    item.excess_hi = a->delta_segment_hi;
    item.flags = a->flags;
    ok = add_item(x, item, err);
  }
  const struct {
    struct eq_str group;
    double excess, lo, hi;
  } groups[] = { { o->low, all->delta_low, all->delta_low_lo, all->delta_low_hi },
                 { o->high, all->delta_high, all->delta_high_lo, all->delta_high_hi } };
  for (size_t g = 0; ok && g < 2; g++) {
    struct members m = members_of(x, first, groups[g].group);
    if (!m.n) continue;
    item.lang = (struct eq_str){ 0 };
    item.group = groups[g].group;
    item.segments = m.segments;
    item.sum = m.sum;
    item.excess = groups[g].excess;
    item.excess_lo = groups[g].lo;
    item.excess_hi = groups[g].hi;
    item.flags = eq_str(m.little ? "little-text" : "");
    ok = add_item(x, item, err);
  }
  return ok;
}

static bool measure(struct eq_interactions *x, const struct combination *c, const struct eq_disparity_options *options,
                    struct eq_err *err) {
  struct eq_scores made;
  struct eq_disparities d = { 0 };
  struct eq_disparity_options quiet = *options;
  quiet.progress = NULL;
  if (!make_scores(c, &made, err)) return false;
  bool ok = eq_disparities_measure(&d, &made, c->model, &quiet, err) && add_results(x, c, &d, options, err);
  eq_disparities_free(&d);
  free(made.rows);
  return ok;
}

bool eq_interactions_measure(struct eq_interactions *x, const struct eq_scores *scores, uint32_t model,
                             const struct eq_disparity_options *options, struct eq_err *err) {
  *x = (struct eq_interactions){ 0 };
  uint32_t base = find_recipe(scores, model, options->base);
  for (uint32_t r = 0; base != EQ_ANY && r < scores->recipes.n; r++) {
    struct combination c = { .scores = scores, .model = model, .base = base, .whole = r };
    if (r == base || eq_scores_of(scores, model, r, EQ_ANY).n == 0 || !find_parts(&c)) continue;
    if (!measure(x, &c, options, err)) return false;
  }
  return true;
}

void eq_interactions_free(struct eq_interactions *x) {
  for (size_t i = 0; i < x->n_parts; i++) free(x->parts[i]);
  free(x->parts);
  free(x->items);
  *x = (struct eq_interactions){ 0 };
}
