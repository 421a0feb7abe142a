/* pareto_chart.h: what recipes cost beside what they hurt, as a script for gnuplot.
 *
 * Two panels over the overhead in percent: mean loss and disparity. In each the recipes of its front are a line of
 * points with their 95 % intervals (those that other segments chose, where the records say so); random controls are a
 * band, from the 5 % to the 95 % quantile of those of a size (Hyndman & Fan 1996, type 7), with their median; and all
 * other recipes are dots. */
#ifndef EQ_FIGURE_PARETO_CHART_H
#define EQ_FIGURE_PARETO_CHART_H

#include "lib/figure/damage_chart.h"

/* Start from {0}; the owner calls eq_pareto_chart_free. */
struct eq_pareto_chart {
  struct eq_names models, bases, overs;
  struct eq_pareto_point {
    double overhead;
    struct {
      double x, lo, hi;
      bool front, chosen;
    } at[2]; /* mean loss, disparity */
    bool control;
  } * points; /* [n] */
  size_t n, capacity;
  bool choice; /* the records say what was chosen */
};

/* Fails only when memory is out. */
bool eq_pareto_chart_add(struct eq_pareto_chart *c, const struct eq_pareto *p, struct eq_err *err);

/* Adds the script. Fails (EQ_BAD) when there is nothing to draw, and on several models or bases. look->scale and
 * look->by_group are not looked at. */
bool eq_pareto_chart_script(struct eq_pareto_chart *c, const struct eq_chart_look *look, struct eq_buffer *script,
                            struct eq_err *err);

void eq_pareto_chart_free(struct eq_pareto_chart *c);

#endif
