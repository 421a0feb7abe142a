#include "lib/figure/damage_chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/figure/gnuplot.h"
#include "lib/text/languages.h"

/* What can be drawn: a row a measure. */
struct eq_chart_measure {
  const char *name, *axis;
  size_t value, lo, hi; /* offsets in struct eq_damage */
};
#define MEASURE(field, axis)                                                                 \
  {                                                                                          \
#field, axis, offsetof(struct eq_damage, field), offsetof(struct eq_damage, field##_lo), \
        offsetof(struct eq_damage, field##_hi)                                               \
  }
static const struct eq_chart_measure measures[] = {
  MEASURE(delta_segment, "extra bits of surprisal per segment"),
  MEASURE(delta_byte, "extra bits of surprisal per byte of text"),
};

/* How the series look, in turn. Shapes are gnuplot's numbers of the filled one; the hollow one is one less. */
static const struct {
  const char *colour;
  int shape;
} series_looks[] = {
  { "#0072B2", 7 },  { "#E69F00", 5 },  { "#009E73", 9 }, { "#D55E00", 13 },
  { "#56B4E9", 11 }, { "#CC79A7", 15 }, { "#000000", 7 },
};
enum { LOOKS = sizeof series_looks / sizeof *series_looks };

const struct eq_chart_measure *eq_chart_measure_find(const char *name) {
  for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
    if (strcmp(measures[i].name, name) == 0) return &measures[i];
  return NULL;
}

/* ---- collecting ---- */

static double field(const struct eq_damage *d, size_t offset) { return *(const double *)((const char *)d + offset); }

static bool name_group(struct eq_damage_chart *c, uint32_t lang, struct eq_str group) {
  uint32_t number = 0;
  if (group.p && !eq_names_add(&c->groups, group, &number)) return false;
  while (c->group_capacity < c->langs.n) {
    uint32_t *more = eq_array_grow(c->group_of, c->group_capacity, &c->group_capacity, sizeof *more);
    if (!more) return false;
    c->group_of = more;
  }
  c->group_of[lang] = group.p ? number + 1 : 0;
  return true;
}

static bool flagged(struct eq_str flags, const char *flag) {
  while (flags.n)
    if (eq_str_is(eq_str_cut(&flags, ','), flag)) return true;
  return false;
}

bool eq_damage_chart_add(struct eq_damage_chart *c, const struct eq_damage *d, struct eq_err *err) {
  struct eq_chart_point p = { .x = field(d, c->measure->value) };
  uint32_t ignored;
  if (eq_str_equal(d->recipe, d->base)) return true;
  p.lo = field(d, c->measure->lo);
  p.hi = field(d, c->measure->hi);
  if (!isfinite(p.lo) || !isfinite(p.hi)) p.lo = p.hi = p.x;
  p.saturated = flagged(d->flags, "saturated");
  struct eq_chart_point *points = eq_array_grow(c->points, c->n, &c->capacity, sizeof *points);
  if (points) c->points = points;
  if (!points || !eq_names_add(&c->models, d->model, &ignored) || !eq_names_add(&c->bases, d->base, &ignored) ||
      !eq_names_add(&c->recipes, d->recipe, &p.recipe) || !eq_names_add(&c->langs, d->lang, &p.lang) ||
      !name_group(c, p.lang, d->group))
    return eq_fail_memory(err, c->n * sizeof *points, "the points of the chart");
  if (!isfinite(p.x)) return c->undefined++, true;
  if (d->segments != EQ_ABSENT) {
    if (c->n == 0 || d->segments < c->least) c->least = d->segments;
    if (d->segments > c->most) c->most = d->segments;
  }
  c->points[c->n++] = p;
  return true;
}

void eq_damage_chart_free(struct eq_damage_chart *c) {
  struct eq_names *const names[] = { &c->models, &c->bases, &c->recipes, &c->langs, &c->groups };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) eq_names_free(names[i]);
  free(c->group_of);
  free(c->points);
  *c = (struct eq_damage_chart){ 0 };
}

/* ---- the order of rows and series ---- */

/* A row or a series: its number in the names, and what it is sorted by. */
struct place {
  uint32_t number;
  struct eq_str group, name;
  double key;
};

static int by_value(const void *a, const void *b) {
  const struct eq_chart_point *p = a, *q = b;
  return (p->x > q->x) - (p->x < q->x);
}

static int by_key(const void *a, const void *b) {
  const struct place *p = a, *q = b;
  if (p->key != q->key) return p->key < q->key ? -1 : 1;
  return eq_str_compare(p->name, q->name);
}

static int by_group(const void *a, const void *b) {
  const struct place *p = a, *q = b;
  int order = eq_str_compare(p->group, q->group);
  return order ? order : by_key(a, b);
}

/* Series from the least damaging to the most, by the sum over languages. */
static void order_series(const struct eq_damage_chart *c, struct place *series) {
  for (uint32_t r = 0; r < c->recipes.n; r++) series[r] = (struct place){ .number = r, .name = c->recipes.items[r] };
  for (size_t i = 0; i < c->n; i++) series[c->points[i].recipe].key += c->points[i].x;
  qsort(series, c->recipes.n, sizeof *series, by_key);
}

/* Rows from the bottom up, so the most damaged comes last: by the mean of the rank that a language has under each
 * recipe. Sorts the points by value. */
static void order_rows(struct eq_damage_chart *c, bool grouped, struct place *rows, double *seen) {
  for (uint32_t l = 0; l < c->langs.n; l++) {
    rows[l] = (struct place){ .number = l, .name = c->langs.items[l] };
    if (c->group_of[l]) rows[l].group = c->groups.items[c->group_of[l] - 1];
  }
  qsort(c->points, c->n, sizeof *c->points, by_value);
  for (uint32_t r = 0; r < c->recipes.n; r++) {
    double rank = 0;
    for (size_t i = 0; i < c->n; i++)
      if (c->points[i].recipe == r) rows[c->points[i].lang].key += rank++, seen[c->points[i].lang]++;
  }
  for (uint32_t l = 0; l < c->langs.n; l++) rows[l].key /= seen[l] > 0 ? seen[l] : 1;
  qsort(rows, c->langs.n, sizeof *rows, grouped ? by_group : by_key);
}

/* ---- the axis ---- */

struct axis {
  bool log;
  double unit, least, most; /* least and most: of what is drawn */
};

static double on_axis(const struct axis *a, double x) { return a->log ? asinh(x / a->unit) : x; }

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* 0 of none. */
static double lower_quartile(double *x, size_t n) {
  qsort(x, n, sizeof *x, by_size);
  return n ? x[n / 4] : 0;
}

/* scratch: [n]. The axis is linear within what the sharper intervals resolve, at most six decades below the largest. */
static struct axis find_axis(const struct eq_damage_chart *c, enum eq_chart_scale scale, double *scratch) {
  struct axis a = { .unit = 1 };
  for (size_t i = 0; i < c->n; i++) {
    a.least = fmin(a.least, c->points[i].lo);
    a.most = fmax(a.most, c->points[i].hi);
    scratch[i] = fabs(c->points[i].x);
  }
  double large = fmax(a.most, -a.least), small = lower_quartile(scratch, c->n);
  size_t n_intervals = 0;
  for (size_t i = 0; i < c->n; i++)
    if (c->points[i].hi > c->points[i].lo) scratch[n_intervals++] = (c->points[i].hi - c->points[i].lo) / 2;
  double resolved = lower_quartile(scratch, n_intervals);
  a.log = scale == EQ_SCALE_LOG || (scale == EQ_SCALE_AUTO && large > 30 * small);
  if (large == 0) a.log = false, a.most = 1;
  if (a.log) a.unit = pow(10, floor(log10(fmin(fmax(resolved, large * 1e-6), large / 10))));
  return a;
}

/* Ticks of the logarithmic axis: 0, and the powers of ten from the unit on, both ways. */
static void add_log_ticks(const struct axis *a, struct eq_buffer *s) {
  eq_buffer_string(s, "set xtics ('0' 0");
  for (int sign = -1; sign <= 1; sign += 2) {
    double end = sign < 0 ? -a->least : a->most;
    for (double x = a->unit; x < end * 2.5; x *= 10)
      eq_buffer_format(s, ", '%s%g' %.6g", sign < 0 ? "−" : "", x, on_axis(a, sign * x));
  }
  eq_buffer_string(s, ")\n");
}

static void add_axis(const struct axis *a, struct eq_buffer *s) {
  double least = on_axis(a, a->least), most = on_axis(a, a->most), margin = (most - least) * 0.02;
  eq_buffer_format(s, "set xrange [%.6g:%.6g]\n", least - margin, most + margin);
  if (a->log) add_log_ticks(a, s);
}

/* ---- the script ---- */

/* "Chinese (zh)": the English name up to its first comma or bracket, and the tag. */
static void add_language(struct eq_buffer *s, const struct eq_languages *table, struct eq_str tag) {
  const struct eq_language *row = eq_languages_find(table, tag);
  struct eq_buffer text = { 0 };
  size_t n = 0;
  while (row && n < row->name.n && row->name.p[n] != ',' && row->name.p[n] != '(') n++;
  while (n && row->name.p[n - 1] == ' ') n--;
  if (n)
    eq_buffer_format(&text, "%.*s (%.*s)", (int)n, row->name.p, EQ_STR(tag));
  else
    eq_buffer_add(&text, tag.p, tag.n);
  eq_gnuplot_string(s, (struct eq_str){ text.data, text.size });
  eq_buffer_free(&text);
}

static void add_terminal(const struct eq_chart_look *look, unsigned height, struct eq_buffer *s) {
  if (look->format == EQ_PNG)
    eq_buffer_format(s,
                     "set terminal pngcairo noenhanced size %u,%u font 'DejaVu Sans,11' fontscale 2 linewidth 2 "
                     "pointscale 2.8 background '#ffffff'\n",
                     2 * look->width, 2 * height);
  else
    eq_buffer_format(s, "set terminal svg noenhanced size %u,%u font 'Arial,13' background '#ffffff'\n", look->width,
                     height);
}

/* "damage of recipes to model mini" over what is drawn and how. */
static void add_title(const struct eq_damage_chart *c, const struct eq_chart_look *look, struct eq_buffer *s) {
  struct eq_buffer text = { 0 };
  if (look->title)
    eq_buffer_string(&text, look->title);
  else {
    eq_buffer_format(&text, "Damage to each language, model %.*s", EQ_STR(c->models.items[0]));
    eq_buffer_format(&text, ", %llu", (unsigned long long)c->least);
    if (c->most > c->least) eq_buffer_format(&text, " to %llu", (unsigned long long)c->most);
    eq_buffer_string(&text, " segments a language");
  }
  eq_buffer_string(s, "set title ");
  eq_gnuplot_string(s, (struct eq_str){ text.data, text.size });
  eq_buffer_format(s, " offset 0,0.2\nset xlabel ");
  text.size = 0;
  eq_buffer_format(&text, "%s over '%.*s', with 95 %% interval", c->measure->axis, EQ_STR(c->bases.items[0]));
  eq_gnuplot_string(s, (struct eq_str){ text.data, text.size });
  eq_buffer_string(s, "\n");
  eq_buffer_free(&text);
}

/* Rows are at y = 1, 2, ...; every other one has a band behind it, and its group stands at the right. */
static void add_rows(const struct eq_damage_chart *c, const struct eq_languages *table, const struct place *rows,
                     struct eq_buffer *s) {
  size_t n = c->langs.n;
  eq_buffer_format(s, "set yrange [0.5:%zu.5]\nset ytics scale 0 (", n);
  for (size_t i = 0; i < n; i++) {
    add_language(s, table, rows[i].name);
    eq_buffer_format(s, " %zu%s", i + 1, i + 1 < n ? ", " : ")\n");
  }
  for (size_t i = 0; i < n; i++) {
    if (i % 2 == 0)
      eq_buffer_format(s,
                       "set object rectangle from graph 0,first %zu.5 to graph 1,first %zu.5 fc rgb '#f2f2f2' "
                       "fs solid noborder behind\n",
                       i, i + 1);
    if (!rows[i].group.p) continue;
    eq_buffer_string(s, "set label ");
    eq_gnuplot_string(s, rows[i].group);
    eq_buffer_format(s, " at graph 1.01,first %zu left tc rgb '#555555'\n", i + 1);
  }
}

/* Data of a series, filled points or hollow ones; how many. */
static size_t add_data(const struct eq_damage_chart *c, const struct axis *a, const struct place *rows, uint32_t recipe,
                       bool saturated, double shift, struct eq_buffer *s) {
  size_t n = 0;
  for (size_t row = 0; row < c->langs.n; row++)
    for (size_t i = 0; i < c->n; i++) {
      const struct eq_chart_point *p = &c->points[i];
      if (p->lang != rows[row].number || p->recipe != recipe || p->saturated != saturated) continue;
      eq_buffer_format(s, "%.6g %.6g %.6g %.6g\n", on_axis(a, p->x), (double)(row + 1) + shift, on_axis(a, p->lo),
                       on_axis(a, p->hi));
      n++;
    }
  return n;
}

/* Each series in its own lane of a row, in the order of the legend, from the top down. */
static void add_series(const struct eq_damage_chart *c, const struct axis *a, const struct place *series,
                       const struct place *rows, struct eq_buffer *s) {
  struct eq_buffer plot = { 0 };
  bool any_saturated = false;
  for (size_t i = 0; i < c->recipes.n; i++) {
    double shift = 0.78 * (0.5 - ((double)i + 0.5) / (double)c->recipes.n);
    const char *colour = series_looks[i % LOOKS].colour;
    int shape = series_looks[(i + i / LOOKS) % LOOKS].shape;
    for (int saturated = 0; saturated <= 1; saturated++) {
      eq_buffer_format(s, "$s%zu_%d << END\n", i, saturated);
      size_t n = add_data(c, a, rows, series[i].number, saturated, shift, s);
      eq_buffer_string(s, "END\n");
      any_saturated = any_saturated || (saturated && n);
      if (n)
        eq_buffer_format(&plot, "$s%zu_%d using 1:2:3:4 with xerrorbars pt %d ps 0.55 lw 1.2 lc rgb '%s' notitle, ", i,
                         saturated, shape - saturated, colour);
    }
    eq_buffer_format(&plot, "NaN with points pt %d ps 0.7 lc rgb '%s' title ", shape, colour);
    eq_gnuplot_string(&plot, series[i].name);
    eq_buffer_string(&plot, i + 1 < c->recipes.n ? ", " : "");
  }
  if (any_saturated)
    eq_buffer_string(&plot, ", NaN with points pt 6 ps 0.7 lc rgb '#555555' title 'hollow: worse than a blind guess'");
  eq_buffer_string(s, "plot ");
  eq_buffer_add(s, plot.data, plot.size);
  eq_buffer_string(s, "\n");
  s->failed = s->failed || plot.failed;
  eq_buffer_free(&plot);
}

/* The legend has two columns where the longest recipe fits in one. gnuplot lets it be as wide as the plot, some 320
 * pixels less than the image; a letter has at most 8, what stands before the text 45. */
static unsigned legend_columns(const struct eq_damage_chart *c, unsigned width) {
  size_t longest = 0;
  for (size_t i = 0; i < c->recipes.n; i++)
    if (c->recipes.items[i].n > longest) longest = c->recipes.items[i].n;
  return 2 * (8 * longest + 45) + 320 <= width ? 2 : 1;
}

/* Heights in pixels, before a PNG doubles them: the title; the rows; the axis and the legend below. */
struct layout {
  unsigned title, rows, below, columns;
};

static struct layout find_layout(const struct eq_damage_chart *c, unsigned width) {
  size_t lane = c->recipes.n * 6 + 6, row = lane > 20 ? lane : 20;
  unsigned columns = legend_columns(c, width);
  return (struct layout){ 44, (unsigned)(c->langs.n * row), (unsigned)(74 + 20 * (c->recipes.n / columns + 1)),
                          columns };
}

static void add_layout(const struct eq_damage_chart *c, const struct layout *h, struct eq_buffer *s) {
  double all = h->title + h->rows + h->below;
  eq_buffer_format(s, "set tmargin at screen %.6g\nset bmargin at screen %.6g\n", 1 - h->title / all, h->below / all);
  eq_buffer_format(s, "set key at screen 0.5,screen %.6g bottom center horizontal maxcols %u Left reverse samplen 1\n",
                   8 / all, h->columns);
  if (c->groups.n)
    eq_buffer_format(s, "set label 'group' at graph 1.01,screen %.6g left tc rgb '#555555'\n",
                     1 - (h->title - 10) / all);
}

static const char style[] = "set errorbars 0\n"
                            "set border 1 lc rgb '#666666'\n"
                            "set xtics nomirror out scale 0.5 tc rgb '#000000'\n"
                            "set ytics tc rgb '#000000'\n"
                            "set grid xtics back lt 1 lw 0.6 lc rgb '#cccccc'\n"
                            "set arrow from 0,graph 0 to 0,graph 1 nohead back lw 1.2 lc rgb '#666666'\n"
                            "set rmargin 9\n";

static bool check_stream(const struct eq_damage_chart *c, struct eq_err *err) {
  if (c->n == 0)
    return eq_fail(err, EQ_BAD, "no damage to draw: eq-disparity makes it, from more recipes than its base");
  if (c->models.n > 1)
    return eq_fail(err, EQ_BAD, "the stream has %zu models, '%.*s' and '%.*s' among them: choose one with --model",
                   c->models.n, EQ_STR(c->models.items[0]), EQ_STR(c->models.items[1]));
  if (c->bases.n > 1)
    return eq_fail(err, EQ_BAD, "the damages are over different bases, '%.*s' and '%.*s'", EQ_STR(c->bases.items[0]),
                   EQ_STR(c->bases.items[1]));
  if (c->recipes.n > EQ_CHART_SERIES_MAX)
    return eq_fail(err, EQ_BAD, "%zu recipes, of which a chart can show %d: choose with --recipe", c->recipes.n,
                   EQ_CHART_SERIES_MAX);
  return true;
}

/* seen: [langs][recipes], zeros. */
static bool check_once(const struct eq_damage_chart *c, bool *seen, struct eq_err *err) {
  for (size_t i = 0; i < c->n; i++) {
    const struct eq_chart_point *p = &c->points[i];
    bool *here = &seen[p->lang * c->recipes.n + p->recipe];
    if (*here)
      return eq_fail(err, EQ_BAD,
                     "the damage of '%.*s' to '%.*s' came twice: draw one result of eq-disparity at a time",
                     EQ_STR(c->recipes.items[p->recipe]), EQ_STR(c->langs.items[p->lang]));
    *here = true;
  }
  return true;
}

static bool check(const struct eq_damage_chart *c, struct eq_err *err) {
  if (!check_stream(c, err)) return false;
  bool *seen = eq_array(c->langs.n, c->recipes.n * sizeof *seen);
  bool ok = seen ? check_once(c, seen, err) : eq_fail_memory(err, c->langs.n * c->recipes.n, "the chart");
  free(seen);
  return ok;
}

bool eq_damage_chart_script(struct eq_damage_chart *c, const struct eq_chart_look *look, struct eq_buffer *script,
                            struct eq_err *err) {
  struct eq_languages table = { 0 };
  if (!check(c, err) || !eq_languages_open(&table, err)) return false;
  struct place *rows = eq_array(c->langs.n, sizeof *rows), *series = eq_array(c->recipes.n, sizeof *series);
  double *scratch = eq_array(c->n + c->langs.n, sizeof *scratch);
  bool ok = rows && series && scratch;
  if (ok) {
    order_series(c, series);
    order_rows(c, look->by_group, rows, scratch);
    struct axis axis = find_axis(c, look->scale, scratch);
    struct layout layout = find_layout(c, look->width);
    add_terminal(look, layout.title + layout.rows + layout.below, script);
    eq_buffer_string(script, style);
    add_layout(c, &layout, script);
    add_title(c, look, script);
    add_axis(&axis, script);
    add_rows(c, &table, rows, script);
    add_series(c, &axis, series, rows, script);
  }
  free(rows);
  free(series);
  free(scratch);
  eq_languages_free(&table);
  return (ok && !script->failed) || eq_fail_memory(err, script->size, "the chart");
}
