#include "lib/base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool eq_parse_u64(struct eq_str s, uint64_t *value) {
  uint64_t v = 0;
  if (s.n == 0) return false;
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9') return false;
    uint64_t digit = (uint64_t)(s.p[i] - '0');
    if (v > (UINT64_MAX - digit) / 10) return false;
    v = v * 10 + digit;
  }
  *value = v;
  return true;
}

bool eq_parse_i64(struct eq_str s, int64_t *value) {
  bool negative = s.n > 0 && s.p[0] == '-';
  uint64_t v;
  if (!eq_parse_u64((struct eq_str){ s.p + negative, s.n - negative }, &v) || v > INT64_MAX) return false;
  *value = negative ? -(int64_t)v : (int64_t)v;
  return true;
}

bool eq_parse_f64(struct eq_str s, double *value) {
  char text[64], *end;
  if (s.n == 0 || s.n >= sizeof text) return false;
  for (size_t i = 0; i < s.n; i++)
    if (!strchr("0123456789+-.eE", s.p[i]) || s.p[i] == 0) return false;
  memcpy(text, s.p, s.n);
  text[s.n] = 0;
  *value = strtod(text, &end);
  return *end == 0 && isfinite(*value);
}

/* Shortest of `from` to `to` digits; a float is read back as who knows no floats does, through a double. */
static void format(double x, bool single, int from, int to, char text[EQ_NUMBER_TEXT]) {
  if (isnan(x)) {
    memcpy(text, "nan", 4); /* never "-nan" */
    return;
  }
  for (int digits = from; digits <= to; digits++) {
    snprintf(text, EQ_NUMBER_TEXT, "%.*g", digits, x);
    double back = strtod(text, NULL);
    if (single ? (float)back >= (float)x && (float)back <= (float)x : back >= x && back <= x) return;
  }
}

void eq_format_f64(double x, char text[EQ_NUMBER_TEXT]) { format(x, false, 15, 17, text); }
void eq_format_f32(float x, char text[EQ_NUMBER_TEXT]) { format((double)x, true, 6, 9, text); }

bool eq_parse_bytes(struct eq_str s, uint64_t *value) {
  static const char units[] = "KMGT";
  const char *unit = s.n ? memchr(units, s.p[s.n - 1], sizeof units - 1) : NULL;
  uint64_t n, scale = unit ? UINT64_C(1) << 10 * (unit - units + 1) : 1;
  if (!eq_parse_u64((struct eq_str){ s.p, s.n - (unit != NULL) }, &n)) return false;
  return !__builtin_mul_overflow(n, scale, value);
}
