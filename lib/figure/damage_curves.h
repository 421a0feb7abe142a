/* damage_curves.h: damage against the bits of a weight, as a script for gnuplot.
 *
 * Recipes that differ in their first number only, the bits (int8/g128, int4/g128, int2/g128), are one panel; in it a
 * language is a curve from many bits to few, its points with their 95 % intervals. All panels share their axis, which
 * is damage_chart.h's. */
#ifndef EQ_FIGURE_DAMAGE_CURVES_H
#define EQ_FIGURE_DAMAGE_CURVES_H

#include "lib/figure/damage_chart.h"

enum { EQ_CURVES_LANGUAGES_MAX = 21, EQ_CURVES_PANELS_MAX = 12 };

/* Adds the script; *left_out (may be NULL) becomes how many recipes are not drawn, for they name no bits. Fails
 * (EQ_BAD) as eq_damage_chart_script does, when no recipe names bits, and on more languages or panels than the
 * constants say. look->by_group is not looked at. */
bool eq_damage_curves_script(struct eq_damage_chart *c, const struct eq_chart_look *look, struct eq_buffer *script,
                             size_t *left_out, struct eq_err *err);

#endif
