#include "lib/base/utf8.h"

#include <string.h>

size_t eq_utf8_decode(const char *s, size_t n, uint32_t *code_point) {
  const unsigned char *b = (const unsigned char *)s;
  if (n == 0) return 0;
  if (b[0] < 0x80) return *code_point = b[0], 1;
  /* The second byte's range depends on the first: that keeps out overlong forms, surrogates and > U+10FFFF. */
  size_t len = b[0] >= 0xc2 && b[0] <= 0xdf ? 2 : (b[0] & 0xf0) == 0xe0 ? 3 : b[0] >= 0xf0 && b[0] <= 0xf4 ? 4 : 0;
  if (len == 0 || n < len) return 0;
  unsigned char low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
  unsigned char high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
  if (b[1] < low || b[1] > high) return 0;
  uint32_t c = b[0] & (0xffu >> (len + 1));
  for (size_t i = 1; i < len; i++) {
    if ((b[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (b[i] & 0x3fu);
  }
  *code_point = c;
  return len;
}

size_t eq_utf8_length(const char *s, size_t n) {
  uint32_t c;
  return eq_utf8_decode(s, n, &c);
}

size_t eq_utf8_invalid(const char *s, size_t n) {
  size_t i = 0;
  while (i < n) {
    uint64_t eight;
    while (i + 8 <= n && (memcpy(&eight, s + i, 8), (eight & 0x8080808080808080u) == 0)) i += 8;
    if (i == n) break;
    size_t len = eq_utf8_length(s + i, n - i);
    if (len == 0) return i;
    i += len;
  }
  return n;
}

size_t eq_utf8_count(const char *s, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) count += ((unsigned char)s[i] & 0xc0) != 0x80;
  return count;
}
