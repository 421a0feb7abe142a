#include "lib/figure/damage_chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/figure/chart_parts.h"
#include "lib/figure/gnuplot.h"

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

const struct eq_chart_measure *eq_chart_measure_find(const char *name) {
  for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
    if (strcmp(measures[i].name, name) == 0) return &measures[i];
  return NULL;
}

const char *eq_chart_measure_axis(const struct eq_chart_measure *measure) { return measure->axis; }

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

bool eq_damage_chart_add(struct eq_damage_chart *c, const struct eq_damage *d, struct eq_err *err) {
  struct eq_chart_point p = { .x = field(d, c->measure->value) };
  uint32_t ignored;
  if (eq_str_equal(d->recipe, d->base)) return true;
  p.lo = field(d, c->measure->lo);
  p.hi = field(d, c->measure->hi);
  if (!isfinite(p.lo) || !isfinite(p.hi)) p.lo = p.hi = p.x;
  p.saturated = eq_str_listed(eq_str("saturated"), d->flags);
  struct eq_chart_point *points = eq_array_grow(c->points, c->n, &c->capacity, sizeof *points);
  if (points) c->points = points;
  if (!points || !eq_names_add(&c->models, d->model, &ignored) || !eq_names_add(&c->bases, d->base, &ignored) ||
      !eq_names_add(&c->ways, d->as.p ? d->as : eq_str(""), &ignored) ||
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
  struct eq_names *const names[] = { &c->models, &c->bases, &c->recipes, &c->langs, &c->groups, &c->ways };
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

/* ---- the script ---- */

/* "damage of recipes to model mini" over what is drawn and how. */
static void add_title(const struct eq_damage_chart *c, const struct eq_chart_look *look, struct eq_buffer *s) {
  struct eq_buffer text = { 0 };
  if (look->title)
    eq_buffer_string(&text, look->title);
  else {
    eq_buffer_format(&text, "Damage to each language, model %.*s", EQ_STR(c->models.items[0]));
    eq_chart_add_way(c, &text);
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
    eq_chart_language(s, table, rows[i].name);
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
static size_t add_data(const struct eq_damage_chart *c, const struct eq_axis *a, const struct place *rows,
                       uint32_t recipe, bool saturated, double shift, struct eq_buffer *s) {
  size_t n = 0;
  for (size_t row = 0; row < c->langs.n; row++)
    for (size_t i = 0; i < c->n; i++) {
      const struct eq_chart_point *p = &c->points[i];
      if (p->lang != rows[row].number || p->recipe != recipe || p->saturated != saturated) continue;
      eq_buffer_format(s, "%.6g %.6g %.6g %.6g\n", eq_axis_place(a, p->x), (double)(row + 1) + shift,
                       eq_axis_place(a, p->lo), eq_axis_place(a, p->hi));
      n++;
    }
  return n;
}

/* Each series in its own lane of a row, in the order of the legend, from the top down. */
static void add_series(const struct eq_damage_chart *c, const struct eq_axis *a, const struct place *series,
                       const struct place *rows, struct eq_buffer *s) {
  struct eq_buffer plot = { 0 };
  bool any_saturated = false;
  for (size_t i = 0; i < c->recipes.n; i++) {
    double shift = 0.78 * (0.5 - ((double)i + 0.5) / (double)c->recipes.n);
    struct eq_chart_series look = eq_chart_series(i);
    for (int saturated = 0; saturated <= 1; saturated++) {
      eq_buffer_format(s, "$s%zu_%d << END\n", i, saturated);
      size_t n = add_data(c, a, rows, series[i].number, saturated, shift, s);
      eq_buffer_string(s, "END\n");
      any_saturated = any_saturated || (saturated && n);
      if (n)
        eq_buffer_format(&plot, "$s%zu_%d using 1:2:3:4 with xerrorbars pt %d ps 0.55 lw 1.2 lc rgb '%s' notitle, ", i,
                         saturated, look.shape - saturated, look.colour);
    }
    eq_buffer_format(&plot, "NaN with points pt %d ps 0.7 lc rgb '%s' title ", look.shape, look.colour);
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

static bool check_series(const struct eq_damage_chart *c, struct eq_err *err) {
  return c->recipes.n <= EQ_CHART_SERIES_MAX ||
         eq_fail(err, EQ_BAD, "%zu recipes, of which a chart can show %d: choose with --recipe", c->recipes.n,
                 EQ_CHART_SERIES_MAX);
}

bool eq_damage_chart_script(struct eq_damage_chart *c, const struct eq_chart_look *look, struct eq_buffer *script,
                            struct eq_err *err) {
  struct eq_languages table = { 0 };
  if (!eq_chart_check(c, err) || !check_series(c, err) || !eq_languages_open(&table, err)) return false;
  struct place *rows = eq_array(c->langs.n, sizeof *rows), *series = eq_array(c->recipes.n, sizeof *series);
  double *scratch = eq_array(c->n + c->langs.n, sizeof *scratch);
  bool ok = rows && series && scratch;
  if (ok) {
    order_series(c, series);
    order_rows(c, look->by_group, rows, scratch);
    struct eq_axis axis = eq_axis_find(c, look->scale, scratch);
    struct layout layout = find_layout(c, look->width);
    eq_chart_terminal(look, layout.title + layout.rows + layout.below, script);
    eq_buffer_string(script, style);
    add_layout(c, &layout, script);
    add_title(c, look, script);
    eq_axis_add(&axis, 'x', script);
    add_rows(c, &table, rows, script);
    add_series(c, &axis, series, rows, script);
  }
  free(rows);
  free(series);
  free(scratch);
  eq_languages_free(&table);
  return (ok && !script->failed) || eq_fail_memory(err, script->size, "the chart");
}
