#include "lib/recipe/laciq.h"

#include <math.h>

/* ---- the incomplete gamma function ---- */

/* exp(-x) x^a / G(a + 1) times the series of Abramowitz and Stegun 1964, eq. 6.5.29: the lower one over G(a). */
static double lower_series(double a, double x) {
  double term = 1, sum = 1;
  for (int n = 1; n < 1000 && term > sum * 1e-17; n++) sum += term *= x / (a + n);
  return exp(a * log(x) - x) / tgamma(a + 1) * sum;
}

/* The continued fraction of their eq. 6.5.31, from the front (Lentz 1976): the upper one over G(a). */
static double upper_fraction(double a, double x) {
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (int n = 1; n < 1000; n++) {
    double an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    double change = c * d;
    h *= change;
    if (fabs(change - 1) < 1e-16) break;
  }
  return exp(a * log(x) - x) / tgamma(a) * h;
}

/* G(a, x) / G(a), for a up to 10. */
static double upper_gamma(double a, double x) {
  if (!(x > 0)) return 1;
  if (x > 700) return 0; /* below 1e-270 */
  return x < a + 1 ? 1 - lower_series(a, x) : upper_fraction(a, x);
}

/* ---- the generalized normal distribution ---- */

static double kurtosis_of(double shape) {
  double g = tgamma(3 / shape);
  return tgamma(5 / shape) * tgamma(1 / shape) / (g * g) - 3;
}

double eq_generalized_shape(double kurtosis) {
  double low = 0.2, high = 20; /* the kurtosis falls from one to the other */
  if (!(kurtosis < kurtosis_of(low))) return low;
  if (!(kurtosis > kurtosis_of(high))) return high;
  for (int i = 0; i < 100; i++) {
    double middle = sqrt(low * high);
    *(kurtosis_of(middle) > kurtosis ? &low : &high) = middle;
  }
  return sqrt(low * high);
}

/* Of the code q of x: 1 - 2 E[x q] + E[q^2], both by the tails beyond the values (k - 1/2) step where codes change. */
double eq_generalized_error(double shape, double step, unsigned top) {
  double g1 = tgamma(1 / shape), width = sqrt(g1 / tgamma(3 / shape)), first = width * tgamma(2 / shape) / g1 / 2;
  double xq = 0, qq = 0;
  for (unsigned k = 1; k <= top; k++) {
    double at = pow((k - 0.5) * step / width, shape);
    xq += 2 * step * first * upper_gamma(2 / shape, at);
    qq += step * step * (2 * k - 1) * upper_gamma(1 / shape, at);
  }
  return 1 - 2 * xq + qq;
}

/* ---- languages ---- */

struct eq_mixture eq_mixture_of(const double *weights, const double *variances, const double *fourths, size_t n) {
  double sum = 0, second = 0, fourth = 0;
  for (size_t i = 0; i < n; i++) {
    sum += weights[i];
    second += weights[i] * variances[i];
    fourth += weights[i] * fourths[i];
  }
  if (!(second > 0)) return (struct eq_mixture){ 0, 0 };
  double v = second / sum;
  return (struct eq_mixture){ v, fourth / sum / (v * v) - 3 };
}

/* What a language adds to the search. */
struct view {
  double deviation, shape;
};

enum { VIEWS = 32, GRID = 48, SECTIONS = 40 };

struct search {
  unsigned top;
  const struct eq_mixture *languages;
  size_t n;
  struct view views[VIEWS]; /* of the first: shapes are found once */
};

static struct view view_of(struct eq_mixture m) {
  return (struct view){ sqrt(m.variance), eq_generalized_shape(m.kurtosis) };
}

static double worst_error(const struct search *s, double step) {
  double worst = 0;
  for (size_t i = 0; i < s->n; i++) {
    struct view v = i < VIEWS ? s->views[i] : view_of(s->languages[i]);
    double error = v.deviation > 0 ? eq_generalized_error(v.shape, step / v.deviation, s->top) : 0;
    worst = error > worst ? error : worst;
  }
  return worst;
}

/* Each language's error falls, then rises, and so does the worst of them. */
static double section(const struct search *s, double low, double high) {
  const double golden = 0.6180339887498949;
  double a = high - golden * (high - low), b = low + golden * (high - low), at_a = worst_error(s, a),
         at_b = worst_error(s, b);
  for (int i = 0; i < SECTIONS; i++)
    if (at_a <= at_b) {
      high = b, b = a, at_b = at_a;
      a = high - golden * (high - low), at_a = worst_error(s, a);
    } else {
      low = a, a = b, at_a = at_b;
      b = low + golden * (high - low), at_b = worst_error(s, b);
    }
  return (low + high) / 2;
}

double eq_laciq_limit(const struct eq_scheme *scheme, const struct eq_mixture *languages, size_t n) {
  struct search s = { .top = (1U << (scheme->bits - 1)) - 1, .languages = languages, .n = n };
  double units = s.top + (scheme->full_scale ? 1.0 : 0.0), least = INFINITY, best = 0, low = INFINITY, high = 0;
  for (size_t i = 0; i < n; i++) {
    struct view v = view_of(languages[i]);
    if (i < VIEWS) s.views[i] = v;
    if (v.deviation > 0 && v.deviation < low) low = v.deviation;
    if (v.deviation > high) high = v.deviation;
  }
  if (!(high > 0)) return 0;
  low *= 0.1 / s.top, high *= 200.0 / s.top; /* of limits: no language wants less than the one or more than the other */
  double ratio = pow(high / low, 1.0 / GRID);
  for (int i = 0; i <= GRID; i++) {
    double step = low * pow(ratio, i), error = worst_error(&s, step);
    if (error < least) least = error, best = step;
  }
  return units * section(&s, best / ratio, best * ratio);
}
