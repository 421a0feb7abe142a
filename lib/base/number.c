#include "lib/base/number.h"

#include <math.h>
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
