#include "lib/figure/chart_parts.h"

#include <math.h>
#include <stdlib.h>

#include "lib/figure/gnuplot.h"

static const struct eq_chart_series looks[] = {
  { "#0072B2", 7 },  { "#E69F00", 5 },  { "#009E73", 9 }, { "#D55E00", 13 },
  { "#56B4E9", 11 }, { "#CC79A7", 15 }, { "#000000", 7 },
};
enum { LOOKS = sizeof looks / sizeof *looks };

struct eq_chart_series eq_chart_series(size_t i) {
  return (struct eq_chart_series){ looks[i % LOOKS].colour, looks[(i + i / LOOKS) % LOOKS].shape };
}

/* ---- axes ---- */

double eq_axis_place(const struct eq_axis *a, double x) { return a->log ? asinh(x / a->unit) : x; }

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* 0 of none. */
static double lower_quartile(double *x, size_t n) {
  qsort(x, n, sizeof *x, by_size);
  return n ? x[n / 4] : 0;
}

struct eq_axis eq_axis_find(const struct eq_damage_chart *c, enum eq_chart_scale scale, double *scratch) {
  struct eq_axis a = { .unit = 1 };
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
static void add_log_ticks(const struct eq_axis *a, char which, struct eq_buffer *s) {
  eq_buffer_format(s, "set %ctics ('0' 0", which);
  for (int sign = -1; sign <= 1; sign += 2) {
    double end = sign < 0 ? -a->least : a->most;
    for (double x = a->unit; x < end * 2.5; x *= 10)
      eq_buffer_format(s, ", '%s%g' %.6g", sign < 0 ? "−" : "", x, eq_axis_place(a, sign * x));
  }
  eq_buffer_string(s, ")\n");
}

void eq_axis_add(const struct eq_axis *a, char which, struct eq_buffer *s) {
  double least = eq_axis_place(a, a->least), most = eq_axis_place(a, a->most), margin = (most - least) * 0.02;
  eq_buffer_format(s, "set %crange [%.6g:%.6g]\n", which, least - margin, most + margin);
  if (a->log) add_log_ticks(a, which, s);
}

/* ---- what is written ---- */

void eq_chart_language(struct eq_buffer *s, const struct eq_languages *table, struct eq_str tag) {
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

void eq_chart_terminal(const struct eq_chart_look *look, unsigned height, struct eq_buffer *s) {
  if (look->format == EQ_PNG)
    eq_buffer_format(s,
                     "set terminal pngcairo noenhanced size %u,%u font 'DejaVu Sans,11' fontscale 2 linewidth 2 "
                     "pointscale 2.8 background '#ffffff'\n",
                     2 * look->width, 2 * height);
  else
    eq_buffer_format(s, "set terminal svg noenhanced size %u,%u font 'Arial,13' background '#ffffff'\n", look->width,
                     height);
}

/* ---- what may be drawn ---- */

void eq_chart_add_way(const struct eq_damage_chart *c, struct eq_buffer *title) {
  struct eq_str way = c->ways.items[0];
  if (way.n) eq_buffer_format(title, " scored as %.*s", EQ_STR(way));
}

static bool check_stream(const struct eq_damage_chart *c, struct eq_err *err) {
  if (c->n == 0)
    return eq_fail(err, EQ_BAD, "no damage to draw: eq-disparity makes it, from more recipes than its base");
  if (c->models.n > 1)
    return eq_fail(err, EQ_BAD, "the stream has %zu models, '%.*s' and '%.*s' among them: choose one with --model",
                   c->models.n, EQ_STR(c->models.items[0]), EQ_STR(c->models.items[1]));
  if (c->ways.n > 1) {
    struct eq_str a = c->ways.items[c->ways.items[0].n ? 0 : 1], b = c->ways.items[c->ways.items[0].n ? 1 : 0];
    return eq_fail(err, EQ_BAD,
                   "the damages are of texts scored as %.*s and %s%.*s: numbers of different ways of scoring do not "
                   "compare, draw one at a time",
                   EQ_STR(a), b.n ? "as " : "without --as", EQ_STR(b));
  }
  if (c->bases.n > 1)
    return eq_fail(err, EQ_BAD, "the damages are over different bases, '%.*s' and '%.*s'", EQ_STR(c->bases.items[0]),
                   EQ_STR(c->bases.items[1]));
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

bool eq_chart_check(const struct eq_damage_chart *c, struct eq_err *err) {
  if (!check_stream(c, err)) return false;
  bool *seen = eq_array(c->langs.n, c->recipes.n * sizeof *seen);
  bool ok = seen ? check_once(c, seen, err) : eq_fail_memory(err, c->langs.n * c->recipes.n, "the chart");
  free(seen);
  return ok;
}

void eq_chart_add_margins(double left, double right, double bottom, double top, double width, double height,
                          struct eq_buffer *s) {
  eq_buffer_format(s, "set lmargin at screen %.6g\nset rmargin at screen %.6g\n", left / width, right / width);
  eq_buffer_format(s, "set bmargin at screen %.6g\nset tmargin at screen %.6g\n", bottom / height, top / height);
}

void eq_chart_add_heading(int number, const struct eq_buffer *text, double down, struct eq_buffer *s) {
  eq_buffer_format(s, "set label %d ", number);
  eq_gnuplot_string(s, (struct eq_str){ text->data, text->size });
  eq_buffer_format(s, " at screen 0.5,screen %.6g center\n", 1 - down);
}
