#include "lib/figure/pareto_chart.h"

#include <math.h>
#include <stdlib.h>

#include "lib/figure/chart_parts.h"
#include "lib/figure/gnuplot.h"

/* Pixels before a PNG doubles them. */
enum { TITLE = 78, PANEL = 330, LEFT = 8, NUMBERS = 52, RIGHT = 8, BELOW = 112 };

static const struct {
  const char *name, *title;
} measures[2] = { { "delta_mean", "mean of all languages" },
                  { "worst_minus_best", "disparity: worst language less best" } };

bool eq_pareto_chart_add(struct eq_pareto_chart *c, const struct eq_pareto *p, struct eq_err *err) {
  uint32_t number;
  struct eq_pareto_point *grown = eq_array_grow(c->points, c->n, &c->capacity, sizeof *grown), point;
  if (grown) c->points = grown;
  if (!grown || !eq_names_add(&c->models, p->model, &number) || !eq_names_add(&c->bases, p->base, &number) ||
      (p->over.p && !eq_names_add(&c->overs, p->over, &number)))
    return eq_fail_memory(err, c->n * sizeof *grown, "points");
  point.overhead = p->overhead_percent;
  point.control = p->plan.p && eq_str_is(p->plan, "random") && !p->front.n && !p->chosen.n;
  c->choice = c->choice || p->chosen.p;
  for (size_t m = 0; m < 2; m++) {
    point.at[m].x = m ? p->worst_minus_best : p->delta_mean;
    point.at[m].lo = m ? p->worst_minus_best_lo : p->delta_mean_lo;
    point.at[m].hi = m ? p->worst_minus_best_hi : p->delta_mean_hi;
    point.at[m].front = eq_str_listed(eq_str(measures[m].name), p->front);
    point.at[m].chosen = eq_str_listed(eq_str(measures[m].name), p->chosen);
  }
  if (isfinite(point.overhead) && isfinite(point.at[0].x) && isfinite(point.at[1].x)) c->points[c->n++] = point;
  return true;
}

void eq_pareto_chart_free(struct eq_pareto_chart *c) {
  eq_names_free(&c->models);
  eq_names_free(&c->bases);
  eq_names_free(&c->overs);
  free(c->points);
  *c = (struct eq_pareto_chart){ 0 };
}

/* ---- data ---- */

static int by_overhead(const void *a, const void *b) {
  double x = ((const struct eq_pareto_point *)a)->overhead, y = ((const struct eq_pareto_point *)b)->overhead;
  return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Of sorted x. */
static double quantile(const double *x, size_t n, double p) {
  double at = p * (double)(n - 1), low = floor(at);
  size_t i = (size_t)low, next = i + 1 < n ? i + 1 : i;
  return x[i] + (at - low) * (x[next] - x[i]);
}

static bool on_line(const struct eq_pareto_chart *c, const struct eq_pareto_point *p, size_t m) {
  return !p->control && (c->choice ? p->at[m].chosen : p->at[m].front);
}

/* $line<m>: overhead, value, interval; $dots<m>. */
static void add_points(const struct eq_pareto_chart *c, size_t m, bool line, struct eq_buffer *s) {
  eq_buffer_format(s, "$%s%zu << END\n", line ? "line" : "dots", m);
  for (size_t i = 0; i < c->n; i++) {
    const struct eq_pareto_point *p = &c->points[i];
    double lo = isfinite(p->at[m].lo) ? p->at[m].lo : p->at[m].x, hi = isfinite(p->at[m].hi) ? p->at[m].hi : p->at[m].x;
    if (!p->control && on_line(c, p, m) == line)
      eq_buffer_format(s, "%.6g %.6g %.6g %.6g\n", p->overhead, p->at[m].x, lo, hi);
  }
  eq_buffer_string(s, "END\n");
}

/* $band<m>: overhead, 5 %, median, 95 % of the controls of a size. scratch: [n]. */
static void add_band(const struct eq_pareto_chart *c, size_t m, double *scratch, struct eq_buffer *s) {
  eq_buffer_format(s, "$band%zu << END\n", m);
  for (size_t i = 0, last; i < c->n; i = last) {
    size_t n = 0;
    for (last = i; last < c->n && c->points[last].overhead == c->points[i].overhead; last++)
      if (c->points[last].control) scratch[n++] = c->points[last].at[m].x;
    qsort(scratch, n, sizeof *scratch, by_value);
    if (n)
      eq_buffer_format(s, "%.6g %.6g %.6g %.6g\n", c->points[i].overhead, quantile(scratch, n, 0.05),
                       quantile(scratch, n, 0.5), quantile(scratch, n, 0.95));
  }
  eq_buffer_string(s, "END\n");
}

/* ---- the script ---- */

static const char style[] = "set errorbars 0\n"
                            "set border 3 lc rgb '#666666'\n"
                            "set ytics nomirror out scale 0.5 tc rgb '#000000'\n"
                            "set xtics nomirror out scale 0.5 tc rgb '#000000'\n"
                            "set grid ytics back lt 1 lw 0.6 lc rgb '#cccccc'\n"
                            "set style fill solid 1 noborder\n"
                            "unset key\n";

static void add_title(const struct eq_pareto_chart *c, const struct eq_chart_look *look, unsigned height,
                      struct eq_buffer *s) {
  struct eq_buffer text = { 0 };
  if (look->title)
    eq_buffer_string(&text, look->title);
  else
    eq_buffer_format(&text, "What protection costs and saves, model %.*s", EQ_STR(c->models.items[0]));
  eq_chart_add_heading(1, &text, 16.0 / height, s);
  text.size = 0;
  eq_buffer_format(&text, "extra bits of surprisal per segment over '%.*s', with 95 %% intervals",
                   EQ_STR(c->bases.items[0]));
  eq_chart_add_heading(2, &text, 38.0 / height, s);
  eq_buffer_free(&text);
}

/* Both panels over the same sizes, each from 0 to what is drawn in it. */
static void add_ranges(const struct eq_pareto_chart *c, size_t m, struct eq_buffer *s) {
  double left = 0, right = 0, least = 0, most = 0;
  for (size_t i = 0; i < c->n; i++) {
    const struct eq_pareto_point *p = &c->points[i];
    bool line = on_line(c, p, m);
    left = fmin(left, p->overhead), right = fmax(right, p->overhead);
    least = fmin(least, line && isfinite(p->at[m].lo) ? p->at[m].lo : p->at[m].x);
    most = fmax(most, line && isfinite(p->at[m].hi) ? p->at[m].hi : p->at[m].x);
  }
  double across = right > left ? 0.03 * (right - left) : 1, up = most > least ? 0.03 * (most - least) : 1;
  eq_buffer_format(s, "set xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\n", left - across, right + across, least - up,
                   most + up);
}

static void add_panel(const struct eq_pareto_chart *c, size_t m, double *scratch, struct eq_buffer *s) {
  add_points(c, m, true, s);
  add_points(c, m, false, s);
  add_band(c, m, scratch, s);
  add_ranges(c, m, s);
  eq_buffer_format(s, "set title '%s' offset 0,-0.6\n", measures[m].title);
  eq_buffer_format(s,
                   "plot $dots%zu using 1:2 with points pt 7 ps 0.2 lc rgb '#bbbbbb', "
                   "$band%zu using 1:2:4 with filledcurves lc rgb '#f3d9a4', "
                   "$band%zu using 1:2:(0):($4-$2) with vectors nohead lw 1 lc rgb '#f3d9a4', "
                   "$band%zu using 1:3 with linespoints pt 5 ps 0.3 dt 2 lw 1.2 lc rgb '#b36b00', "
                   "$line%zu using 1:2:3:4 with yerrorlines pt 7 ps 0.5 lw 1.4 lc rgb '#0072B2'\n",
                   m, m, m, m, m);
}

static size_t count(const struct eq_pareto_chart *c, bool controls) {
  size_t n = 0;
  for (size_t i = 0; i < c->n; i++) {
    const struct eq_pareto_point *p = &c->points[i];
    n += controls ? p->control : !p->control && !(on_line(c, p, 0) && on_line(c, p, 1));
  }
  return n;
}

/* An empty plot at the bottom, for its key. */
static void add_legend(const struct eq_pareto_chart *c, unsigned width, unsigned height, struct eq_buffer *s) {
  eq_buffer_string(s, "unset border\nunset tics\nunset xlabel\nunset title\nset xrange [0:1]\nset yrange [0:1]\n");
  eq_chart_add_margins(LEFT, width - RIGHT, 4, 8, width, height, s);
  eq_buffer_format(s,
                   "set key at screen 0.5,screen %.6g bottom center horizontal maxcols 2 Left reverse samplen 2\nplot ",
                   8.0 / height);
  eq_buffer_format(s, "NaN with linespoints pt 7 ps 0.5 lw 1.4 lc rgb '#0072B2' title '%s'",
                   c->choice ? "chosen on other segments" : "the front");
  if (count(c, true))
    eq_buffer_string(s, ", NaN with filledcurves lc rgb '#f3d9a4' title 'random sets, 5 to 95 %', "
                        "NaN with linespoints pt 5 ps 0.3 dt 2 lw 1.2 lc rgb '#b36b00' title 'their median'");
  if (count(c, false)) eq_buffer_string(s, ", NaN with points pt 7 ps 0.3 lc rgb '#bbbbbb' title 'other recipes'");
  eq_buffer_string(s, "\n");
}

static bool check(const struct eq_pareto_chart *c, struct eq_err *err) {
  const struct {
    const struct eq_names *names;
    const char *what;
  } alone[] = { { &c->models, "models" }, { &c->bases, "bases of damage" }, { &c->overs, "bases of size" } };
  if (c->n == 0) return eq_fail(err, EQ_BAD, "no pareto record to draw: eq-pareto makes them");
  for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
    if (alone[i].names->n > 1)
      return eq_fail(err, EQ_BAD, "the stream has several %s, '%.*s' and '%.*s' among them", alone[i].what,
                     EQ_STR(alone[i].names->items[0]), EQ_STR(alone[i].names->items[1]));
  return true;
}

bool eq_pareto_chart_script(struct eq_pareto_chart *c, const struct eq_chart_look *look, struct eq_buffer *s,
                            struct eq_err *err) {
  unsigned height = TITLE + PANEL + BELOW;
  double width = look->width, across = (width - LEFT) / 2;
  if (!check(c, err)) return false;
  double *scratch = eq_array(c->n, sizeof *scratch);
  if (!scratch) return eq_fail_memory(err, c->n * sizeof *scratch, "the chart");
  qsort(c->points, c->n, sizeof *c->points, by_overhead);
  eq_chart_terminal(look, height, s);
  eq_buffer_string(s, style);
  add_title(c, look, height, s);
  eq_buffer_string(s, "set multiplot\nset xlabel ");
  struct eq_buffer label = { 0 };
  eq_buffer_format(&label, "bytes more than %.*s, percent",
                   EQ_STR(c->overs.n ? c->overs.items[0] : eq_str("the base")));
  eq_gnuplot_string(s, (struct eq_str){ label.data, label.size });
  eq_buffer_string(s, " offset 0,0.3\n");
  eq_buffer_free(&label);
  for (size_t m = 0; m < 2; m++) {
    double left = LEFT + across * (double)m;
    eq_chart_add_margins(left + NUMBERS, left + across - RIGHT, BELOW, BELOW + PANEL, width, height, s);
    add_panel(c, m, scratch, s);
    if (m == 0) eq_buffer_string(s, "unset label\n"); /* the headings are drawn */
  }
  add_legend(c, look->width, height, s);
  eq_buffer_string(s, "unset multiplot\n");
  free(scratch);
  return !s->failed || eq_fail_memory(err, s->size, "the chart");
}
