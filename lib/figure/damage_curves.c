#include "lib/figure/damage_curves.h"

#include <stdlib.h>
#include <string.h>

#include "lib/figure/chart_parts.h"
#include "lib/figure/gnuplot.h"

/* Pixels before a PNG doubles them; BITS_MAX: numbers above are no bits of a weight (a name's "L12" or so). */
enum {
  TITLE = 78,
  PANEL = 320,
  CAPTION = 44,
  LEFT = 8,
  NUMBERS = 46,
  RIGHT = 6,
  BELOW = 30,
  LEGEND_ROW = 20,
  COLUMNS = 3,
  BITS_MAX = 32
};

/* What a recipe is, as a point of a panel. */
struct at {
  size_t panel;  /* index in names */
  unsigned bits; /* 0: the recipe is not drawn */
};

struct curves {
  const struct eq_damage_chart *chart;
  struct at *at; /* [recipes] */
  struct eq_names panels;
  unsigned least, most; /* bits */
  uint32_t *langs;      /* [languages], the most damaged first */
  double *sums;         /* [languages] */
};

/* ---- panels ---- */

/* The bits are the number behind the first letters: int4/g128 is 4 bits in the panel "int · /g128". */
static bool place_recipe(struct curves *v, struct eq_str recipe, struct at *at, struct eq_err *err) {
  size_t letters = 0, n;
  unsigned bits = 0;
  uint32_t panel;
  struct eq_buffer name = { 0 };
  while (letters < recipe.n && recipe.p[letters] >= 'a' && recipe.p[letters] <= 'z') letters++;
  for (n = letters; n < recipe.n && recipe.p[n] >= '0' && recipe.p[n] <= '9' && bits <= BITS_MAX; n++)
    bits = bits * 10 + (unsigned)(recipe.p[n] - '0');
  bool percent = n < recipe.n && recipe.p[n] == '%'; /* top5% */
  if (!letters || !bits || bits > BITS_MAX || percent) return true;
  eq_buffer_format(&name, "%.*s·%.*s", (int)letters, recipe.p, (int)(recipe.n - n), recipe.p + n);
  bool ok = !name.failed && eq_names_add(&v->panels, (struct eq_str){ name.data, name.size }, &panel);
  eq_buffer_free(&name);
  if (!ok) return eq_fail_memory(err, recipe.n, "a panel");
  *at = (struct at){ panel, bits };
  if (!v->least || bits < v->least) v->least = bits;
  if (bits > v->most) v->most = bits;
  return true;
}

static bool place_recipes(struct curves *v, size_t *left_out, struct eq_err *err) {
  const struct eq_names *recipes = &v->chart->recipes;
  size_t n = 0;
  for (size_t r = 0; r < recipes->n; r++) {
    if (!place_recipe(v, recipes->items[r], &v->at[r], err)) return false;
    n += !v->at[r].bits;
  }
  if (left_out) *left_out = n;
  if (v->panels.n == 0)
    return eq_fail(err, EQ_BAD, "no recipe names bits, as int4/g128 does: without --curves all recipes are drawn");
  if (v->panels.n > EQ_CURVES_PANELS_MAX)
    return eq_fail(err, EQ_BAD, "%zu kinds of recipes, of which curves can show %d: choose with --recipe", v->panels.n,
                   EQ_CURVES_PANELS_MAX);
  if (v->chart->langs.n > EQ_CURVES_LANGUAGES_MAX)
    return eq_fail(err, EQ_BAD, "%zu languages, of which curves can show %d: choose with eq-text --langs",
                   v->chart->langs.n, EQ_CURVES_LANGUAGES_MAX);
  return true;
}

/* Points of recipes that are not drawn, so that they do not stretch the axis. */
static void drop_others(const struct curves *v, struct eq_damage_chart *c) {
  size_t kept = 0;
  for (size_t i = 0; i < c->n; i++)
    if (v->at[c->points[i].recipe].bits) c->points[kept++] = c->points[i];
  c->n = kept;
}

/* Insertion keeps ties in the order of the stream. */
static void order_languages(struct curves *v) {
  const struct eq_damage_chart *c = v->chart;
  for (size_t i = 0; i < c->n; i++) v->sums[c->points[i].lang] += c->points[i].x;
  for (uint32_t l = 0; l < c->langs.n; l++) {
    uint32_t i = l;
    for (; i && v->sums[v->langs[i - 1]] < v->sums[l]; i--) v->langs[i] = v->langs[i - 1];
    v->langs[i] = l;
  }
}

/* ---- the script ---- */

static const char style[] = "set errorbars 0\n"
                            "set border 3 lc rgb '#666666'\n"
                            "set ytics nomirror out scale 0.5 tc rgb '#000000'\n"
                            "set grid ytics back lt 1 lw 0.6 lc rgb '#cccccc'\n"
                            "unset key\n";

/* The points of a curve, from the most bits to the fewest, side by side with the other curves' by `shift`: x, y, the
 * interval, the shape, which is hollow where the damage saturates. */
static size_t add_curve(const struct curves *v, const struct eq_axis *a, size_t panel, uint32_t lang, double shift,
                        int shape, struct eq_buffer *s) {
  const struct eq_damage_chart *c = v->chart;
  size_t n = 0;
  for (unsigned bits = v->most; bits >= v->least; bits--)
    for (size_t i = 0; i < c->n; i++) {
      const struct eq_chart_point *p = &c->points[i];
      if (p->lang != lang || v->at[p->recipe].bits != bits || v->at[p->recipe].panel != panel) continue;
      eq_buffer_format(s, "%.6g %.6g %.6g %.6g %d\n", bits - shift, eq_axis_place(a, p->x), eq_axis_place(a, p->lo),
                       eq_axis_place(a, p->hi), shape - p->saturated);
      n++;
    }
  return n;
}

/* Colour, width and dashes; seven colours are told apart, and then the dashes. */
static void add_line_look(size_t i, struct eq_buffer *s) {
  eq_buffer_format(s, "lw 1.2 dt %zu lc rgb '%s'", i / 7 + 1, eq_chart_series(i).colour);
}

static void add_panel(const struct curves *v, const struct eq_axis *a, size_t panel, struct eq_buffer *s) {
  struct eq_buffer plot = { 0 };
  size_t n_langs = v->chart->langs.n;
  for (size_t i = 0; i < n_langs; i++) {
    double shift = 0.3 * (((double)i + 0.5) / (double)n_langs - 0.5);
    eq_buffer_format(s, "$p%zu_%zu << END\n", panel, i);
    size_t n = add_curve(v, a, panel, v->langs[i], shift, eq_chart_series(i).shape, s);
    eq_buffer_string(s, "END\n");
    if (!n) continue;
    eq_buffer_format(&plot, "%s$p%zu_%zu using 1:2:3:4 with yerrorlines pt 0 ", plot.size ? ", " : "", panel, i);
    add_line_look(i, &plot);
    eq_buffer_format(&plot, ", $p%zu_%zu using 1:2:5 with points pt variable ps 0.5 lc rgb '%s'", panel, i,
                     eq_chart_series(i).colour);
  }
  eq_buffer_string(s, "set title ");
  eq_gnuplot_string(s, v->panels.items[panel]);
  eq_buffer_string(s, " offset 0,-0.6\nplot ");
  if (plot.size)
    eq_buffer_add(s, plot.data, plot.size);
  else
    eq_buffer_string(s, "NaN");
  eq_buffer_string(s, "\n");
  s->failed = s->failed || plot.failed;
  eq_buffer_free(&plot);
}

static void add_panels(const struct curves *v, const struct eq_axis *a, unsigned width, unsigned height,
                       struct eq_buffer *s) {
  size_t columns = v->panels.n < COLUMNS ? v->panels.n : COLUMNS;
  double across = ((double)width - LEFT) / (double)columns;
  eq_buffer_format(s, "set xrange [%u.4:%d.6]\nset xtics nomirror out scale 0.5 1\nset xlabel 'bits' offset 0,0.6\n",
                   v->most, (int)v->least - 1);
  for (size_t i = 0; i < v->panels.n; i++) {
    double left = LEFT + across * (double)(i % columns),
           top = height - TITLE - (PANEL + CAPTION) * (double)(i / columns);
    eq_chart_add_margins(left + NUMBERS, left + across - RIGHT, top - PANEL + CAPTION, top, width, height, s);
    add_panel(v, a, i, s);
    if (i == 0) eq_buffer_string(s, "unset label\n"); /* the headings are drawn */
  }
}

/* An empty plot at the bottom, for its key. */
static void add_legend(const struct curves *v, const struct eq_languages *table, unsigned width, unsigned height,
                       struct eq_buffer *s) {
  eq_buffer_string(s, "unset border\nunset tics\nunset xlabel\nunset title\nset xrange [0:1]\nset yrange [0:1]\n");
  eq_chart_add_margins(LEFT, width - RIGHT, 4, 8, width, height, s);
  eq_buffer_format(s, "set key at screen 0.5,screen %.6g bottom center horizontal Left reverse samplen 2\nplot ",
                   8.0 / height);
  for (size_t i = 0; i < v->chart->langs.n; i++) {
    eq_buffer_string(s, i ? ", NaN with linespoints " : "NaN with linespoints ");
    add_line_look(i, s);
    eq_buffer_format(s, " pt %d ps 0.5 title ", eq_chart_series(i).shape);
    eq_chart_language(s, table, v->chart->langs.items[v->langs[i]]);
  }
  eq_buffer_string(s, "\n");
}

static bool saturated(const struct eq_damage_chart *c) {
  for (size_t i = 0; i < c->n; i++)
    if (c->points[i].saturated) return true;
  return false;
}

static void add_title(const struct eq_damage_chart *c, const struct eq_chart_look *look, unsigned height,
                      struct eq_buffer *s) {
  struct eq_buffer text = { 0 };
  if (look->title)
    eq_buffer_string(&text, look->title);
  else {
    eq_buffer_format(&text, "Damage against bits, model %.*s", EQ_STR(c->models.items[0]));
    eq_chart_add_way(c, &text);
  }
  eq_chart_add_heading(1, &text, 16.0 / height, s);
  text.size = 0;
  eq_buffer_format(&text, "%s over '%.*s', with 95 %% interval%s", eq_chart_measure_axis(c->measure),
                   EQ_STR(c->bases.items[0]), saturated(c) ? "; hollow: worse than a blind guess" : "");
  eq_chart_add_heading(2, &text, 38.0 / height, s);
  eq_buffer_free(&text);
}

static void add_script(struct curves *v, const struct eq_chart_look *look, const struct eq_languages *table,
                       double *scratch, struct eq_buffer *s) {
  size_t rows = (v->panels.n + COLUMNS - 1) / COLUMNS, a_row = look->width / 180;
  size_t legend = (v->chart->langs.n + a_row - 1) / a_row * LEGEND_ROW;
  unsigned height = (unsigned)(TITLE + rows * (PANEL + CAPTION) - CAPTION + legend + BELOW);
  struct eq_axis axis = eq_axis_find(v->chart, look->scale, scratch);
  order_languages(v);
  eq_chart_terminal(look, height, s);
  eq_buffer_string(s, style);
  eq_axis_add(&axis, 'y', s);
  add_title(v->chart, look, height, s);
  eq_buffer_string(s, "set multiplot\n");
  add_panels(v, &axis, look->width, height, s);
  add_legend(v, table, look->width, height, s);
  eq_buffer_string(s, "unset multiplot\n");
}

bool eq_damage_curves_script(struct eq_damage_chart *c, const struct eq_chart_look *look, struct eq_buffer *script,
                             size_t *left_out, struct eq_err *err) {
  struct eq_languages table = { 0 };
  struct curves v = { .chart = c };
  if (!eq_chart_check(c, err) || !eq_languages_open(&table, err)) return false;
  v.at = eq_array(c->recipes.n, sizeof *v.at);
  v.langs = eq_array(c->langs.n, sizeof *v.langs);
  v.sums = eq_array(c->langs.n, sizeof *v.sums);
  double *scratch = eq_array(c->n, sizeof *scratch);
  bool ok = (v.at && v.langs && v.sums && scratch) || eq_fail_memory(err, c->n * sizeof *scratch, "the curves");
  ok = ok && place_recipes(&v, left_out, err);
  if (ok) {
    drop_others(&v, c);
    add_script(&v, look, &table, scratch, script);
  }
  free(v.at);
  free(v.langs);
  free(v.sums);
  free(scratch);
  eq_names_free(&v.panels);
  eq_languages_free(&table);
  return ok && (!script->failed || eq_fail_memory(err, script->size, "the curves"));
}
