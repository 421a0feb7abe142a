#include "lib/measure/disparity.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/measure/bootstrap.h"
#include "lib/measure/damage.h"
#include "lib/measure/groups.h"
#include "lib/measure/pairs.h"

static const double level = 0.95, significant = 1.96;

/* The columns of a language, whose sums under the draws make its statistics. */
enum { DELTA, ONE, BYTES, COLUMNS };

/* What of a recipe is remembered until all are measured. */
struct outcome {
  uint32_t recipe;
  unsigned flags;
  double *low, *high, *ratio; /* [units], jackknife of the groups' means and their ratio; NULL for the base */
};

/* One model at work. The arrays of pairs and sums serve one recipe after the other. */
struct study {
  struct eq_disparities *d;
  const struct eq_scores *scores;
  const struct eq_disparity_options *options;
  struct eq_bootstrap draws;
  uint32_t model, base;     /* numbers in the tables of names */
  uint32_t *langs;          /* [n_langs], likewise */
  uint32_t *unit_of;        /* [ids]: the unit of an id */
  struct outcome *outcomes; /* [n_recipes] */
  struct eq_pairs *pairs;   /* [n_langs]; their arrays are slices of the next three */
  uint32_t *units;
  double *deltas, *bytes;
  struct eq_column *columns;            /* [n_langs][COLUMNS] */
  double *sums;                         /* [n_langs][COLUMNS][replicates] */
  struct eq_damage *damages;            /* [n_langs], of the recipe at work */
  struct eq_resampled *spare;           /* [threads] */
  struct eq_resampled low, high, ratio; /* of the recipe at work */
  struct eq_resampled mean, range;      /* likewise, over all its languages */
};

/* A reason, kept by the results. Absent when memory is out: it is a comment, not a result. */
__attribute__((format(printf, 2, 3))) static struct eq_str say(struct eq_disparities *d, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  char **texts = eq_array_grow(d->texts, d->n_texts, &d->texts_capacity, sizeof *texts);
  if (!texts) return (struct eq_str){ 0 };
  d->texts = texts;
  char *copy = eq_copy_string(text, strlen(text));
  if (!copy) return (struct eq_str){ 0 };
  d->texts[d->n_texts++] = copy;
  return eq_str(copy);
}

static struct eq_str language(const struct study *s, size_t lang) { return s->scores->langs.items[s->langs[lang]]; }

/* How its surprisals were scored, absent when in our way. */
static struct eq_str way(const struct study *s) {
  const struct eq_names *ways = &s->scores->ways;
  return ways->n && ways->items[0].n ? ways->items[0] : (struct eq_str){ 0 };
}

static bool in_group(const struct study *s, size_t lang, struct eq_str group) {
  const struct eq_str *g = &s->options->groups[s->langs[lang]];
  return eq_group_listed(*g, group);
}

/* ---- resampling ---- */

static bool resampled_new(struct eq_resampled *r, const struct eq_bootstrap *b) {
  r->replicates = eq_array(b->replicates, sizeof *r->replicates);
  r->jackknife = eq_array(b->units, sizeof *r->jackknife);
  return r->replicates && r->jackknife;
}

static void resampled_free(struct eq_resampled *r) {
  free(r->replicates);
  free(r->jackknife);
}

/* The sum of a language's differences over that of `under`. */
static void language_ratio(const struct study *s, size_t lang, int under, struct eq_resampled *out) {
  size_t B = s->draws.replicates;
  const struct eq_column *c = s->columns + lang * COLUMNS;
  const double *sums = s->sums + lang * COLUMNS * B;
  eq_resampled_ratio(out, &s->draws, c[DELTA], sums + DELTA * B, c[under], sums + (size_t)under * B);
}

static void measure_language(void *context, size_t lang, size_t thread) {
  struct study *s = context;
  struct eq_damage *d = &s->damages[lang];
  const struct {
    int under;
    double *delta, *lo, *hi;
  } measures[] = { { ONE, &d->delta_segment, &d->delta_segment_lo, &d->delta_segment_hi },
                   { BYTES, &d->delta_byte, &d->delta_byte_lo, &d->delta_byte_hi } };
  for (size_t m = 0; m < 2; m++) {
    struct eq_resampled *r = &s->spare[thread];
    language_ratio(s, lang, measures[m].under, r);
    struct eq_interval i = eq_bca(r, &s->draws, level);
    *measures[m].delta = r->estimate;
    *measures[m].lo = i.lo;
    *measures[m].hi = i.hi;
  }
}

static void add_scaled(double *sum, const double *x, size_t n, double scale) {
  for (size_t i = 0; i < n; i++) sum[i] += x[i] * scale;
}

/* The mean delta_segment of a group's languages; NaN when it has none. */
static void average(const struct study *s, struct eq_str group, struct eq_resampled *mean) {
  size_t n = 0, B = s->draws.replicates, units = s->draws.units;
  for (size_t l = 0; l < s->d->n_langs; l++) n += in_group(s, l, group);
  double share = 1 / (double)n;
  mean->estimate = n ? 0 : NAN;
  memset(mean->replicates, 0, B * sizeof(double));
  memset(mean->jackknife, 0, units * sizeof(double));
  for (size_t l = 0; l < s->d->n_langs; l++) {
    if (!in_group(s, l, group)) continue;
    struct eq_resampled *r = &s->spare[0];
    language_ratio(s, l, ONE, r);
    mean->estimate += r->estimate * share;
    add_scaled(mean->replicates, r->replicates, B, share);
    add_scaled(mean->jackknife, r->jackknife, units, share);
  }
}

static void divide(const struct eq_bootstrap *b, const struct eq_resampled *over, const struct eq_resampled *under,
                   struct eq_resampled *out) {
  out->estimate = over->estimate / under->estimate;
  for (size_t i = 0; i < b->replicates; i++) out->replicates[i] = over->replicates[i] / under->replicates[i];
  for (size_t i = 0; i < b->units; i++) out->jackknife[i] = over->jackknife[i] / under->jackknife[i];
}

/* ---- the ratio of groups ---- */

/* Why a group has no mean; absent when it has one. */
static struct eq_str lacking(const struct study *s, struct eq_str group) {
  size_t n = 0;
  for (size_t l = 0; l < s->d->n_langs; l++) {
    if (!in_group(s, l, group)) continue;
    n++;
    if (s->damages[l].segments < 2)
      return say(s->d, "'%.*s' of the group '%.*s' has fewer than 2 pairs", EQ_STR(language(s, l)), EQ_STR(group));
  }
  return n ? (struct eq_str){ 0 } : say(s->d, "no language of the group '%.*s' in the stream", EQ_STR(group));
}

static struct eq_str ratio_reason(const struct study *s, const struct eq_disparity *d) {
  struct eq_str reason = lacking(s, s->options->high);
  if (!reason.p) reason = lacking(s, s->options->low);
  if (reason.p) return reason;
  if (isnan(d->delta_high_lo))
    return eq_str("the denominator's interval, that of delta_high, is not defined: too few pairs");
  if (d->delta_high_lo > 0 && isnan(d->ratio_lo))
    return eq_str("the ratio's own interval is not defined: too few pairs");
  if (d->delta_high_lo > 0) return (struct eq_str){ 0 };
  if (d->delta_high_hi < 0) return eq_str("the denominator, delta_high, is below 0: the group gained");
  return eq_str("the denominator's interval, that of delta_high, covers 0");
}

static void measure_groups(struct study *s, struct eq_disparity *d, struct outcome *o) {
  size_t units = s->draws.units;
  average(s, s->options->low, &s->low);
  average(s, s->options->high, &s->high);
  divide(&s->draws, &s->low, &s->high, &s->ratio);
  memcpy(o->low, s->low.jackknife, units * sizeof(double));
  memcpy(o->high, s->high.jackknife, units * sizeof(double));
  memcpy(o->ratio, s->ratio.jackknife, units * sizeof(double));
  const struct {
    struct eq_resampled *from;
    double *value, *lo, *hi;
  } results[] = { { &s->low, &d->delta_low, &d->delta_low_lo, &d->delta_low_hi },
                  { &s->high, &d->delta_high, &d->delta_high_lo, &d->delta_high_hi },
                  { &s->ratio, &d->ratio, &d->ratio_lo, &d->ratio_hi } };
  for (size_t i = 0; i < 3; i++) {
    struct eq_interval interval = eq_bca(results[i].from, &s->draws, level);
    *results[i].value = results[i].from->estimate;
    *results[i].lo = interval.lo;
    *results[i].hi = interval.hi;
  }
  d->ratio_reason = ratio_reason(s, d);
  if (d->ratio_reason.p) d->ratio = d->ratio_lo = d->ratio_hi = NAN;
}

/* ---- all languages ---- */

/* NaN where either is. */
static double larger(double a, double b) { return a > b || isnan(a) ? a : b; }
static double smaller(double a, double b) { return a < b || isnan(a) ? a : b; }

/* Takes the next language, or the first, into sums, and its deviations from `center` into maxima and minima. */
static void extend(double *sum, double *most, double *least, const double *x, double center, size_t n, bool first) {
  for (size_t i = 0; i < n; i++) {
    double off = x[i] - center;
    sum[i] = first ? x[i] : sum[i] + x[i];
    most[i] = first ? off : larger(most[i], off);
    least[i] = first ? off : smaller(least[i], off);
  }
}

/* The mean of delta_segment over the languages with pairs, their range (the largest less the smallest), and as that's
 * replicates the range of the deviations from the estimates. A replicate that drew no pair of some language is not
 * defined. */
static void gather(struct study *s) {
  size_t n = 0, B = s->draws.replicates, units = s->draws.units;
  struct eq_resampled *mean = &s->mean, *most = &s->range, *least = &s->ratio; /* the ratio is done */
  for (size_t l = 0; l < s->d->n_langs; l++) {
    struct eq_resampled *r = &s->spare[0];
    if (isnan(s->damages[l].delta_segment)) continue;
    language_ratio(s, l, ONE, r);
    bool first = n++ == 0;
    mean->estimate = first ? r->estimate : mean->estimate + r->estimate;
    most->estimate = first ? r->estimate : larger(most->estimate, r->estimate);
    least->estimate = first ? r->estimate : smaller(least->estimate, r->estimate);
    extend(mean->replicates, most->replicates, least->replicates, r->replicates, r->estimate, B, first);
    for (size_t i = 0; i < units; i++)
      mean->jackknife[i] = first ? r->jackknife[i] : mean->jackknife[i] + r->jackknife[i];
  }
  mean->estimate = n ? mean->estimate / (double)n : NAN;
  most->estimate = n ? most->estimate - least->estimate : NAN;
  for (size_t i = 0; i < B; i++) mean->replicates[i] /= (double)n, most->replicates[i] -= least->replicates[i];
  for (size_t i = 0; i < units; i++) mean->jackknife[i] /= (double)n;
}

/* The range of estimates is above that of the truth by some noise, so BCa, or any quantile of its replicates, would lie
 * beside it. But the two differ by no more than the range of the errors, whose quantile the bootstrap knows: an
 * interval that covers at least what it promises (Tukey 1953: simultaneous intervals from the range). */
static void measure_all(struct study *s, struct eq_disparity *d) {
  gather(s);
  struct eq_interval mean = eq_bca(&s->mean, &s->draws, level);
  double most = eq_resampled_quantile(&s->range, &s->draws, level), range = s->range.estimate;
  d->delta_mean = s->mean.estimate, d->delta_mean_lo = mean.lo, d->delta_mean_hi = mean.hi;
  d->worst_minus_best = range, d->worst_minus_best_lo = range < most ? 0 : range - most;
  d->worst_minus_best_hi = range + most;
}

/* ---- the spread of languages, and the ratios as they were published ---- */

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts x; NaN of none. */
static double median(double *x, size_t n) {
  qsort(x, n, sizeof *x, compare);
  return n ? (x[(n - 1) / 2] + x[n / 2]) / 2 : NAN;
}

/* Worst, best and median by delta_segment, over the languages with pairs; deltas[n_langs] is scratch. The median of the
 * lower bounds is one of the median: a ratio over what may be 0 is no ratio. */
static void measure_spread(const struct study *s, struct eq_disparity *d, double *deltas) {
  size_t n = 0;
  double worst = NAN, best = NAN;
  for (size_t l = 0; l < s->d->n_langs; l++) {
    double delta = s->damages[l].delta_segment;
    if (isnan(delta)) continue;
    if (!(delta <= worst)) worst = delta, d->worst = language(s, l);
    if (!(delta >= best)) best = delta, d->best = language(s, l);
    deltas[n++] = delta;
  }
  double middle = median(deltas, n);
  n = 0;
  for (size_t l = 0; l < s->d->n_langs; l++) {
    const struct eq_damage *a = &s->damages[l];
    if (!isnan(a->delta_segment)) deltas[n++] = isnan(a->delta_segment_lo) ? -INFINITY : a->delta_segment_lo;
  }
  bool resolved = median(deltas, n) > 0;
  d->languages = n;
  d->worst_over_median = resolved ? worst / middle : NAN;
  if (n == 0)
    d->median_reason = eq_str("no language has pairs");
  else if (!resolved)
    d->median_reason = eq_str("the denominator may be 0: the median of delta_segment_lo is not above 0");
}

/* Mean percent perplexity of the languages in a group, or of those that are not `but`; NaN when there are none. */
static double mean_deg(const struct study *s, const struct eq_str *group, const char *but) {
  double sum = 0, n = 0;
  for (size_t l = 0; l < s->d->n_langs; l++) {
    if (group ? !in_group(s, l, *group) : eq_str_is(language(s, l), but)) continue;
    sum += s->damages[l].deg;
    n++;
  }
  return n > 0 ? sum / n : NAN;
}

static double deg_of(const struct study *s, const char *lang) {
  for (size_t l = 0; l < s->d->n_langs; l++)
    if (eq_str_is(language(s, l), lang)) return s->damages[l].deg;
  return NAN;
}

static void measure_legacy(const struct study *s, struct eq_disparity *d) {
  double en = deg_of(s, "en");
  const struct {
    double *ratio, over, under;
    const char *over_is, *under_is;
  } ratios[] = {
    { &d->legacy_he_en, deg_of(s, "he"), en, "'he'", "'en'" },
    { &d->legacy_low_high, mean_deg(s, &s->options->low, NULL), mean_deg(s, &s->options->high, NULL), "the low group",
      "the high group" },
    { &d->legacy_mean_over_en, mean_deg(s, NULL, "en"), en, "the others than 'en'", "'en'" },
  };
  for (size_t i = 0; i < 3; i++) {
    *ratios[i].ratio = ratios[i].under == 0 ? NAN : ratios[i].over / ratios[i].under;
    if (!isnan(*ratios[i].ratio) || d->legacy_reason.p) continue;
    if (isnan(ratios[i].over) || isnan(ratios[i].under))
      d->legacy_reason = say(s->d, "no deg of %s", isnan(ratios[i].under) ? ratios[i].under_is : ratios[i].over_is);
    else
      d->legacy_reason = say(s->d, "deg of %s is 0", ratios[i].under_is);
  }
}

/* ---- one recipe ---- */

static bool pair_languages(struct study *s, uint32_t recipe, struct eq_err *err) {
  for (size_t l = 0; l < s->d->n_langs; l++) {
    struct eq_pairs *p = &s->pairs[l];
    if (!eq_pairs_join(p, s->scores, eq_scores_of(s->scores, s->model, recipe, s->langs[l]),
                       eq_scores_of(s->scores, s->model, s->base, s->langs[l]), s->unit_of, err))
      return false;
    struct eq_column *c = s->columns + l * COLUMNS;
    c[DELTA] = (struct eq_column){ p->unit, p->delta, p->n };
    c[ONE] = (struct eq_column){ p->unit, NULL, p->n };
    c[BYTES] = p->has_bytes ? (struct eq_column){ p->unit, p->bytes, p->n } : (struct eq_column){ 0 };
  }
  return true;
}

/* The base beside itself differs by nothing. */
static void set_base(struct study *s, struct eq_disparity *d) {
  for (size_t l = 0; l < s->d->n_langs; l++) {
    struct eq_damage *a = &s->damages[l];
    double zero = a->segments ? 0 : NAN;
    a->delta_segment = a->delta_segment_lo = a->delta_segment_hi = zero;
    a->delta_byte = a->delta_byte_lo = a->delta_byte_hi = isnan(a->bits_byte) ? NAN : zero;
    d->languages += a->segments > 0;
  }
  d->worst_minus_best = d->worst_minus_best_lo = d->worst_minus_best_hi = d->languages ? 0 : NAN;
  d->delta_mean = d->delta_mean_lo = d->delta_mean_hi = d->languages ? 0 : NAN;
  d->worst_over_median = d->ratio = d->ratio_lo = d->ratio_hi = NAN;
  d->delta_low = d->delta_low_lo = d->delta_low_hi = lacking(s, s->options->low).p ? NAN : 0;
  d->delta_high = d->delta_high_lo = d->delta_high_hi = lacking(s, s->options->high).p ? NAN : 0;
  d->legacy_he_en = d->legacy_low_high = d->legacy_mean_over_en = NAN;
  d->ratio_reason = d->median_reason = d->legacy_reason = eq_str("this is the base");
}

static bool measure_recipe(struct study *s, size_t at, struct eq_err *err) {
  struct outcome *o = &s->outcomes[at];
  struct eq_disparity *d = &s->d->disparities[at];
  struct eq_str model = s->scores->models.items[s->model], recipe = s->scores->recipes.items[o->recipe];
  s->damages = s->d->damages + at * s->d->n_langs;
  *d = (struct eq_disparity){
    .model = model, .recipe = recipe, .base = s->options->base, .as = way(s), .segments = s->draws.units
  };
  if (!pair_languages(s, o->recipe, err)) return false;
  for (size_t l = 0; l < s->d->n_langs; l++) {
    struct eq_damage *a = &s->damages[l];
    *a = (struct eq_damage){
      .model = model, .recipe = recipe, .base = s->options->base, .as = way(s), .lang = language(s, l)
    };
    a->group = s->options->groups[s->langs[l]];
    unsigned flags = eq_damage_of(a, &s->pairs[l]);
    a->flags = eq_damage_flags(flags);
    o->flags |= flags;
    s->d->unscored += s->pairs[l].unscored;
    s->d->unpaired += s->pairs[l].unpaired;
  }
  if (o->recipe == s->base) return set_base(s, d), true;
  if (!eq_bootstrap_sums(&s->draws, s->columns, s->d->n_langs * COLUMNS, s->sums, err)) return false;
  eq_pool_run(s->draws.pool, s->d->n_langs, measure_language, s);
  measure_groups(s, d, o);
  measure_all(s, d);
  measure_spread(s, d, s->deltas);
  measure_legacy(s, d);
  return true;
}

/* ---- recipes beside each other ---- */

/* More than so many standard errors of the paired difference: a - b by more than noise. */
static bool exceeds(const struct study *s, double a, double b, const double *jackknife_a, const double *jackknife_b) {
  return a - b > significant * eq_jackknife_error(jackknife_a, jackknife_b, s->draws.units);
}

static bool levels_down(const struct study *s, size_t at, size_t other) {
  const struct eq_disparity *d = &s->d->disparities[at], *k = &s->d->disparities[other];
  const struct outcome *o = &s->outcomes[at], *p = &s->outcomes[other];
  return d->ratio < k->ratio /* not when one is NaN, nor for the base */
         && exceeds(s, k->ratio, d->ratio, p->ratio, o->ratio) &&
         exceeds(s, d->delta_high, k->delta_high, o->high, p->high) &&
         !exceeds(s, k->delta_low, d->delta_low, p->low, o->low);
}

static void compare_recipes(struct study *s) {
  struct eq_disparities *d = s->d;
  for (size_t i = 0; i < d->n_recipes; i++) {
    const struct eq_disparity *kindest = NULL;
    for (size_t j = 0; j < d->n_recipes; j++)
      if ((!kindest || d->disparities[j].delta_low < kindest->delta_low) && levels_down(s, i, j))
        kindest = &d->disparities[j];
    if (kindest) {
      s->outcomes[i].flags |= EQ_LEVELS_DOWN;
      d->disparities[i].levels_down_from = kindest->recipe;
    }
    d->disparities[i].flags = eq_damage_flags(s->outcomes[i].flags);
  }
}

/* ---- the model: its recipes, languages and units ---- */

static bool no_base(const struct study *s, struct eq_err *err) {
  struct eq_buffer list = { 0 };
  for (uint32_t r = 0; r < s->scores->recipes.n; r++)
    if (eq_scores_of(s->scores, s->model, r, EQ_ANY).n)
      eq_buffer_format(&list, "%s'%.*s'", list.size ? ", " : "", EQ_STR(s->scores->recipes.items[r]));
  eq_fail(err, EQ_BAD,
          "model '%.*s' has no segments under the base recipe '%.*s': its recipes are %s (choose with --base)",
          EQ_STR(s->scores->models.items[s->model]), EQ_STR(s->options->base), list.data ? list.data : "many");
  eq_buffer_free(&list);
  return false;
}

/* The recipes that the model has, the base first. */
static bool find_recipes(struct study *s, struct eq_err *err) {
  const struct eq_names *names = &s->scores->recipes;
  s->base = EQ_ANY;
  s->outcomes = eq_array(names->n, sizeof *s->outcomes);
  if (!s->outcomes) return eq_fail_memory(err, names->n * sizeof *s->outcomes, "the recipes");
  for (uint32_t r = 0; r < names->n; r++)
    if (eq_str_equal(names->items[r], s->options->base) && eq_scores_of(s->scores, s->model, r, EQ_ANY).n) s->base = r;
  if (s->base == EQ_ANY) return no_base(s, err);
  s->outcomes[s->d->n_recipes++].recipe = s->base;
  for (uint32_t r = 0; r < names->n; r++)
    if (r != s->base && eq_scores_of(s->scores, s->model, r, EQ_ANY).n) s->outcomes[s->d->n_recipes++].recipe = r;
  return true;
}

/* The languages that the model has, and the ids that the base scored. */
static bool find_units(struct study *s, struct eq_err *err) {
  const struct eq_scores *scores = s->scores;
  s->langs = eq_array(scores->langs.n, sizeof *s->langs);
  s->unit_of = eq_array(scores->ids.n, sizeof *s->unit_of);
  if (!s->langs || !s->unit_of) return eq_fail_memory(err, scores->ids.n * sizeof *s->unit_of, "the ids of segments");
  struct eq_score_rows all = eq_scores_of(scores, s->model, EQ_ANY, EQ_ANY);
  for (size_t i = 0; i < all.n; i++) s->langs[all.rows[i].lang] = 1; /* first as marks, then as the list */
  for (uint32_t l = 0; l < scores->langs.n; l++)
    if (s->langs[l]) s->langs[s->d->n_langs++] = l;
  struct eq_score_rows base = eq_scores_of(scores, s->model, s->base, EQ_ANY);
  for (size_t i = 0; i < base.n; i++)
    if (!isnan(base.rows[i].nll)) s->unit_of[base.rows[i].id] = 1;
  for (size_t i = 0; i < scores->ids.n; i++)
    if (s->unit_of[i]) s->unit_of[i] = (uint32_t)s->draws.units++;
  if (s->draws.units == 0)
    return eq_fail(err, EQ_DATA, "the base recipe '%.*s' has no scored segment", EQ_STR(s->options->base));
  return true;
}

/* A language on both sides of the ratio would draw it to 1. */
static bool check_groups(const struct study *s, struct eq_err *err) {
  for (size_t l = 0; l < s->d->n_langs; l++)
    if (in_group(s, l, s->options->low) && in_group(s, l, s->options->high))
      return eq_fail(err, EQ_BAD, "'%.*s' is in the low group '%.*s' and in the high group '%.*s'",
                     EQ_STR(language(s, l)), EQ_STR(s->options->low), EQ_STR(s->options->high));
  return true;
}

static bool allocate_results(struct study *s) {
  size_t L = s->d->n_langs, R = s->d->n_recipes;
  s->d->damages = eq_array(R, L * sizeof *s->d->damages);
  s->d->disparities = eq_array(R, sizeof *s->d->disparities);
  for (size_t r = 1; r < R; r++) {
    s->outcomes[r].low = eq_array(s->draws.units, sizeof(double));
    s->outcomes[r].high = eq_array(s->draws.units, sizeof(double));
    s->outcomes[r].ratio = eq_array(s->draws.units, sizeof(double));
    if (!s->outcomes[r].low || !s->outcomes[r].high || !s->outcomes[r].ratio) return false;
  }
  return s->d->damages && s->d->disparities;
}

/* What serves one recipe after the other. A language has at most as many pairs as the base has rows of it. */
static bool allocate_work(struct study *s) {
  size_t L = s->d->n_langs, threads = eq_pool_threads(s->draws.pool);
  size_t rows = eq_scores_of(s->scores, s->model, s->base, EQ_ANY).n, used = 0;
  size_t values = rows > L ? rows : L; /* deltas serve measure_spread too */
  s->pairs = eq_array(L, sizeof *s->pairs);
  s->units = eq_array(values, sizeof *s->units);
  s->deltas = eq_array(values, sizeof *s->deltas);
  s->bytes = eq_array(values, sizeof *s->bytes);
  s->columns = eq_array(L, COLUMNS * sizeof *s->columns);
  s->sums = eq_array(L * COLUMNS, s->draws.replicates * sizeof *s->sums);
  s->spare = eq_array(threads, sizeof *s->spare);
  if (!s->pairs || !s->units || !s->deltas || !s->bytes || !s->columns || !s->sums || !s->spare) return false;
  for (size_t l = 0; l < L; l++) {
    s->pairs[l] = (struct eq_pairs){ .unit = s->units + used, .delta = s->deltas + used, .bytes = s->bytes + used };
    used += eq_scores_of(s->scores, s->model, s->base, s->langs[l]).n;
  }
  for (size_t t = 0; t < threads; t++)
    if (!resampled_new(&s->spare[t], &s->draws)) return false;
  return resampled_new(&s->low, &s->draws) && resampled_new(&s->high, &s->draws) &&
         resampled_new(&s->ratio, &s->draws) && resampled_new(&s->mean, &s->draws) &&
         resampled_new(&s->range, &s->draws);
}

static void study_free(struct study *s) {
  for (size_t t = 0; s->spare && t < eq_pool_threads(s->draws.pool); t++) resampled_free(&s->spare[t]);
  resampled_free(&s->low);
  resampled_free(&s->high);
  resampled_free(&s->ratio);
  resampled_free(&s->mean);
  resampled_free(&s->range);
  for (size_t r = 0; s->outcomes && r < s->d->n_recipes; r++) {
    free(s->outcomes[r].low);
    free(s->outcomes[r].high);
    free(s->outcomes[r].ratio);
  }
  void *const owned[] = { s->langs,  s->unit_of, s->outcomes, s->pairs, s->units,
                          s->deltas, s->bytes,   s->columns,  s->sums,  s->spare };
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

bool eq_disparities_measure(struct eq_disparities *d, const struct eq_scores *scores, uint32_t model,
                            const struct eq_disparity_options *options, struct eq_err *err) {
  struct study s = { .d = d, .scores = scores, .options = options, .model = model };
  s.draws = (struct eq_bootstrap){ .seed = options->seed, .replicates = options->replicates, .pool = options->pool };
  *d = (struct eq_disparities){ 0 };
  bool ok = find_recipes(&s, err) && find_units(&s, err) && check_groups(&s, err);
  if (ok && !(allocate_results(&s) && allocate_work(&s)))
    ok = eq_fail_memory(err, d->n_langs * COLUMNS * options->replicates * sizeof *s.sums, "the bootstrap");
  for (size_t r = 0; ok && r < d->n_recipes; r++) {
    ok = measure_recipe(&s, r, err);
    if (options->progress) eq_progress_add(options->progress, 1);
  }
  if (ok) compare_recipes(&s);
  study_free(&s);
  return ok;
}

void eq_disparities_free(struct eq_disparities *d) {
  free(d->damages);
  free(d->disparities);
  for (size_t i = 0; i < d->n_texts; i++) free(d->texts[i]);
  free(d->texts);
  *d = (struct eq_disparities){ 0 };
}
