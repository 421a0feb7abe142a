#include "lib/measure/pareto.h"

#include <math.h>
#include <stdlib.h>

#include "lib/base/buffer.h"

struct ranked {
  struct eq_point at;
  size_t number;
};

static int compare(const void *a, const void *b) {
  const struct eq_point *p = &((const struct ranked *)a)->at, *q = &((const struct ranked *)b)->at;
  if (p->cost != q->cost) return p->cost < q->cost ? -1 : 1;
  return (p->loss > q->loss) - (p->loss < q->loss);
}

bool eq_pareto_front(const struct eq_point *points, size_t n, bool *front, struct eq_err *err) {
  struct ranked *order = eq_array(n, sizeof *order), *last = NULL;
  if (!order) return eq_fail_memory(err, n * sizeof *order, "points");
  for (size_t i = 0; i < n; i++) {
    if (isnan(points[i].cost) || isnan(points[i].loss)) {
      free(order);
      return eq_fail(err, EQ_BAD, "point %zu of a front has no %s", i + 1, isnan(points[i].cost) ? "cost" : "loss");
    }
    order[i] = (struct ranked){ points[i], i };
  }
  qsort(order, n, sizeof *order, compare);
  for (size_t i = 0; i < n; i++) { /* `last` has the least loss of all that cost no more */
    bool equal = last && compare(last, &order[i]) == 0;
    front[order[i].number] = !last || equal || order[i].at.loss < last->at.loss;
    if (front[order[i].number]) last = &order[i];
  }
  free(order);
  return true;
}
