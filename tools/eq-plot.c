/* eq-plot: damage in, a chart out, through gnuplot. */
#include <stdlib.h>
#include <string.h>

#include "lib/figure/damage_chart.h"
#include "lib/figure/damage_curves.h"
#include "lib/figure/gnuplot.h"
#include "lib/figure/pareto_chart.h"
#include "lib/recipe/recipe.h"
#include "lib/tool/tool.h"

struct args {
  const char *format, *measure, *model, *scale, *sort, *title;
  struct eq_texts recipes;
  uint64_t width;
  bool curves, pareto, script;
};

static const struct eq_option options[] = {
  { 0, NULL, EQ_HEADING, 0, NULL, "what is drawn", false },
  { 'm', "measure", EQ_TEXT, offsetof(struct args, measure), "KEY", "delta_segment or delta_byte (delta_segment)",
    false },
  { 'c', "curves", EQ_FLAG, offsetof(struct args, curves), NULL,
    "damage against the bits of a weight, a curve a language", false },
  { 'p', "pareto", EQ_FLAG, offsetof(struct args, pareto), NULL,
    "what eq-pareto wrote: loss and disparity against size", false },
  { 'r', "recipe", EQ_TEXTS, offsetof(struct args, recipes), "RECIPE", "only these recipes, given one at a time (all)",
    false },
  { 0, "model", EQ_TEXT, offsetof(struct args, model), "MODEL", "of several models the one to draw", false },
  { 0, NULL, EQ_HEADING, 0, NULL, "how", false },
  { 'f', "format", EQ_TEXT, offsetof(struct args, format), "FORMAT", "svg or png (as the name after -o ends, or svg)",
    false },
  { 's', "scale", EQ_TEXT, offsetof(struct args, scale), "SCALE", "linear, log or auto (auto)", false },
  { 0, "sort", EQ_TEXT, offsetof(struct args, sort), "ORDER", "rows by damage or by group (damage)", false },
  { 0, "title", EQ_TEXT, offsetof(struct args, title), "TEXT", "title of the chart", false },
  { 'w', "width", EQ_UINT, offsetof(struct args, width), "PIXELS", "width, 400 to 4000; a png is twice as fine (900)",
    false },
  { 0, "script", EQ_FLAG, offsetof(struct args, script), NULL, "write the script for gnuplot instead of the image",
    false },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-plot",
  .summary = "draw the damage to each language, with intervals, as SVG or PNG",
  .usage = "[-m KEY] [-r RECIPE]... [-f svg|png] [OPTION]... <damage >image",
  .options = options,
  .examples = "eq-disparity -q -i tests/golden/surprisal.mp | eq-plot -o damage.svg\n"
              "eq-disparity -q -i tests/golden/surprisal.mp | eq-plot -s linear -r int4/tensor -o damage.png\n"
              "eq-disparity -q -i tests/golden/surprisal.mp | eq-plot --curves -o bits.svg",
  .see_also = "eq-disparity(1), eq-show(1), gnuplot(1), eq(1)",
  .streams = EQ_READS | EQ_PRINTS,
};

/* The place of a word in a list, or the error that names the list. */
static int choose(const char *option, const char *word, const char *const *list, struct eq_err *err) {
  for (int i = 0; list[i]; i++)
    if (strcmp(list[i], word) == 0) return i;
  eq_fail(err, EQ_BAD, "--%s: '%s' is none of %s, %s%s%s", option, word, list[0], list[1], list[2] ? ", " : "",
          list[2] ? list[2] : "");
  return 0;
}

static const char *format_of(const struct args *a, const char *output) {
  size_t n = strlen(output);
  if (a->format) return a->format;
  return n > 4 && strcmp(output + n - 4, ".png") == 0 ? "png" : "svg";
}

static struct eq_chart_look look_of(const struct args *a, const char *output, struct eq_err *err) {
  static const char *const formats[] = { "svg", "png", NULL }, *const scales[] = { "auto", "linear", "log", NULL },
                           *const orders[] = { "damage", "group", NULL };
  struct eq_chart_look look = { .title = a->title, .width = (unsigned)a->width };
  look.format = (enum eq_chart_format)choose("format", format_of(a, output), formats, err);
  look.scale = (enum eq_chart_scale)choose("scale", a->scale, scales, err);
  look.by_group = choose("sort", a->sort, orders, err) == 1;
  if (a->width < 400 || a->width > 4000)
    eq_fail(err, EQ_BAD, "--width: %llu is not in 400-4000", (unsigned long long)a->width);
  return look;
}

/* Has the recipes asked for named as streams do. Copies take the place of argv's words, as many as recipes->n says. */
static bool name_recipes(struct eq_texts *recipes, struct eq_err *err) {
  size_t n = recipes->n;
  for (recipes->n = 0; recipes->n < n; recipes->n++)
    if (!(recipes->items[recipes->n] = eq_recipe_name(recipes->items[recipes->n])))
      return eq_fail_memory(err, n, "recipes");
  return true;
}

static void free_recipes(struct eq_texts *recipes) {
  for (size_t i = 0; i < recipes->n; i++) free((char *)recipes->items[i]);
  free(recipes->items);
}

static bool chosen(const struct args *a, struct eq_str model, struct eq_str recipe) {
  if (a->model && !eq_str_is(model, a->model)) return false;
  for (size_t i = 0; i < a->recipes.n; i++)
    if (eq_str_is(recipe, a->recipes.items[i])) return true;
  return a->recipes.n == 0;
}

/* What is drawn: one of the two. */
struct charts {
  struct eq_damage_chart damage;
  struct eq_pareto_chart pareto;
};

static bool collect_pareto(struct eq_tool *t, const struct args *a, struct eq_pareto_chart *chart) {
  struct eq_record r;
  struct eq_pareto p;
  while (eq_tool_read(t, &r)) {
    if (!eq_record_is(&r, &eq_kind_pareto)) continue;
    if (!eq_record_get(&r, &eq_kind_pareto, &p, &t->err)) return false;
    if (chosen(a, p.model, p.recipe) && !eq_pareto_chart_add(chart, &p, &t->err)) return false;
  }
  return !t->err.code && eq_reader_error(t->in)->code != EQ_BAD;
}

static bool collect(struct eq_tool *t, const struct args *a, struct eq_damage_chart *chart) {
  struct eq_record r;
  struct eq_damage d;
  while (eq_tool_read(t, &r)) {
    if (!eq_record_is(&r, &eq_kind_damage)) continue;
    if (!eq_record_get(&r, &eq_kind_damage, &d, &t->err)) return false;
    if (chosen(a, d.model, d.recipe) && !eq_damage_chart_add(chart, &d, &t->err)) return false;
  }
  return !t->err.code && eq_reader_error(t->in)->code != EQ_BAD;
}

static bool write_script(struct eq_tool *t, const struct args *a, const struct eq_chart_look *look, struct charts *c,
                         struct eq_buffer *script, size_t *left_out) {
  if (a->pareto) return eq_pareto_chart_script(&c->pareto, look, script, &t->err);
  if (a->curves) return eq_damage_curves_script(&c->damage, look, script, left_out, &t->err);
  return eq_damage_chart_script(&c->damage, look, script, &t->err);
}

static void draw(struct eq_tool *t, const struct args *a, const struct eq_chart_look *look, struct charts *c) {
  const struct eq_damage_chart *chart = &c->damage;
  struct eq_buffer script = { 0 }, image = { 0 };
  size_t left_out = 0;
  bool ok = write_script(t, a, look, c, &script, &left_out);
  if (ok && (a->script || eq_gnuplot_run(&script, &image, &t->err))) {
    const struct eq_buffer *result = a->script ? &script : &image;
    eq_tool_print(t, result->data, result->size);
    if (chart->undefined)
      eq_tool_say(t, "left out %llu damages that are not numbers", (unsigned long long)chart->undefined);
    if (left_out) eq_tool_say(t, "left out %zu recipes that name no bits", left_out);
  }
  eq_buffer_free(&script);
  eq_buffer_free(&image);
}

int main(int argc, char **argv) {
  struct args a = { .measure = "delta_segment", .scale = "auto", .sort = "damage", .width = 900 };
  struct eq_tool t;
  struct charts charts = { 0 };
  if (!eq_tool_begin(&t, &command, argc, argv, &a)) return free(a.recipes.items), eq_tool_end(&t);
  struct eq_chart_look look = look_of(&a, t.output, &t.err);
  charts.damage.measure = eq_chart_measure_find(a.measure);
  if (!charts.damage.measure)
    eq_fail(&t.err, EQ_BAD, "--measure: '%s' is none of delta_segment, delta_byte", a.measure);
  if (a.curves && a.pareto) eq_fail(&t.err, EQ_BAD, "--curves and --pareto do not go together");
  if (name_recipes(&a.recipes, &t.err) && !t.err.code &&
      (a.pareto ? collect_pareto(&t, &a, &charts.pareto) : collect(&t, &a, &charts.damage)))
    draw(&t, &a, &look, &charts);
  eq_damage_chart_free(&charts.damage);
  eq_pareto_chart_free(&charts.pareto);
  free_recipes(&a.recipes);
  return eq_tool_end(&t);
}
