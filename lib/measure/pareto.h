/* pareto.h: of many points, each with a cost and a loss, those that no other beats.
 *
 * A point is beaten by one that is no worse in both and better in one (Ehrgott 2005, "Multicriteria optimization",
 * definition 2.1). Of points that are equal in both none beats the other. */
#ifndef EQ_MEASURE_PARETO_H
#define EQ_MEASURE_PARETO_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/error.h"

struct eq_point {
  double cost, loss; /* both the less the better */
};

/* front[i] = whether no point beats points[i]. O(n log n). Fails (EQ_BAD) when a coordinate is NaN, which is neither
 * better nor worse, and when memory is out. */
bool eq_pareto_front(const struct eq_point *points, size_t n, bool *front, struct eq_err *err);

#endif
