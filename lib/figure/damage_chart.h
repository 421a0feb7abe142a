/* damage_chart.h: what each recipe costs each language, with intervals, as a script for gnuplot.
 *
 * A row a language, the most damaged on top; in it a point a recipe, over its 95 % interval. Damages span orders of
 * magnitude, from rounding to eight bits to a destroyed model, and some are below 0: so the axis may be symmetric
 * logarithmic, x -> asinh(x / unit), which is linear within about a unit of 0 and logarithmic beyond (Burbidge, Magee,
 * Robb 1988). Colours: Okabe and Ito 2008, which colour-blind people tell apart; each series has its own shape too. */
#ifndef EQ_FIGURE_DAMAGE_CHART_H
#define EQ_FIGURE_DAMAGE_CHART_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/measure/names.h"
#include "lib/stream/schema.h"

struct eq_chart_point {
  uint32_t recipe, lang;
  double x, lo, hi; /* lo and hi are NaN where there is no interval */
  bool saturated;
};

/* Start from {0} with `measure` set; the owner calls eq_damage_chart_free. */
struct eq_damage_chart {
  const struct eq_chart_measure *measure;
  struct eq_names models, bases, recipes, langs, groups;
  struct eq_names ways;          /* of scoring: what damages have in `as`, "" for none */
  uint32_t *group_of;            /* [langs], number + 1; 0 for none */
  struct eq_chart_point *points; /* [n] */
  size_t n, capacity, group_capacity;
  uint64_t least, most; /* segments of a language */
  uint64_t undefined;   /* damages without a number: not drawn */
};

/* "delta_segment" or "delta_byte"; NULL for others. */
const struct eq_chart_measure *eq_chart_measure_find(const char *name);
/* What it is, for an axis: "extra bits of surprisal per segment". */
const char *eq_chart_measure_axis(const struct eq_chart_measure *measure);

/* Adds a damage, unless it is of the base itself. Fails only when memory is out. */
bool eq_damage_chart_add(struct eq_damage_chart *c, const struct eq_damage *d, struct eq_err *err);

enum eq_chart_scale { EQ_SCALE_AUTO, EQ_SCALE_LINEAR, EQ_SCALE_LOG };
enum eq_chart_format { EQ_SVG, EQ_PNG };
struct eq_chart_look {
  enum eq_chart_format format;
  enum eq_chart_scale scale; /* AUTO: logarithmic when the largest |x| is over 30 times the lower quartile */
  bool by_group;             /* rows in the order of groups, then of damage */
  const char *title;         /* NULL: from the data */
  unsigned width;            /* pixels; a PNG has twice as many, for sharp text */
};

enum { EQ_CHART_SERIES_MAX = 14 };

/* Adds the script. Fails (EQ_BAD) when nothing is to be drawn, on more than one model or way of scoring, a recipe's
 * damage to a language that came twice, or more than EQ_CHART_SERIES_MAX recipes. */
bool eq_damage_chart_script(struct eq_damage_chart *c, const struct eq_chart_look *look, struct eq_buffer *script,
                            struct eq_err *err);

void eq_damage_chart_free(struct eq_damage_chart *c);

#endif
