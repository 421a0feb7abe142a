/* chart_parts.h: what the charts of damage have in common: an axis for numbers of any size, how series look, names of
 * languages, the sort of image, and what a stream must be to be drawn. */
#ifndef EQ_FIGURE_CHART_PARTS_H
#define EQ_FIGURE_CHART_PARTS_H

#include "lib/figure/damage_chart.h"
#include "lib/text/languages.h"

/* Symmetric logarithmic, x -> asinh(x / unit), or linear. */
struct eq_axis {
  bool log;
  double unit, least, most; /* least and most: of what is drawn, 0 among them */
};

/* The axis for all points. When logarithmic it is linear within what the sharper intervals resolve, at most six decades
 * below the largest. scratch: [n]. */
struct eq_axis eq_axis_find(const struct eq_damage_chart *c, enum eq_chart_scale scale, double *scratch);

/* Where x stands, in gnuplot's coordinates. */
double eq_axis_place(const struct eq_axis *a, double x);

/* Range and ticks of the axis `which`, 'x' or 'y'. */
void eq_axis_add(const struct eq_axis *a, char which, struct eq_buffer *script);

/* The i-th series; more than there are colours get other shapes. shape: gnuplot's number of the filled one, the hollow
 * one is one less. */
struct eq_chart_series {
  const char *colour;
  int shape;
};
struct eq_chart_series eq_chart_series(size_t i);

/* "Chinese (zh)" as a gnuplot string: the English name up to its first comma or bracket, and the tag. */
void eq_chart_language(struct eq_buffer *script, const struct eq_languages *table, struct eq_str tag);

void eq_chart_terminal(const struct eq_chart_look *look, unsigned height, struct eq_buffer *script);

/* Where a panel's axes stand in an image of that size, in its units from the left and from the bottom. */
void eq_chart_add_margins(double left, double right, double bottom, double top, double width, double height,
                          struct eq_buffer *script);

/* A line of text across the image; `down`: from the top, as a part of the height. */
void eq_chart_add_heading(int number, const struct eq_buffer *text, double down, struct eq_buffer *script);

/* " scored as llama.cpp:512" where the damages are of such scores. */
void eq_chart_add_way(const struct eq_damage_chart *c, struct eq_buffer *title);

/* Fails (EQ_BAD) when there is nothing to draw, several models, bases or ways of scoring, or a damage that came twice.
 */
bool eq_chart_check(const struct eq_damage_chart *c, struct eq_err *err);

#endif
