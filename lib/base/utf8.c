#include "lib/base/utf8.h"

#include <string.h>

/* The length that a first byte promises, 0 when none begins so, and the range of the second byte, which depends on the
 * first: that keeps out overlong forms, surrogates and > U+10FFFF. */
static inline size_t promised(unsigned char first, unsigned char *low, unsigned char *high) {
  *low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  *high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  return first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

size_t eq_utf8_decode_any(const char *s, size_t n, uint32_t *code_point) {
  const unsigned char *b = (const unsigned char *)s;
  unsigned char low, high;
  if (n == 0) return 0;
  if (b[0] < 0x80) return *code_point = b[0], 1;
  size_t len = promised(b[0], &low, &high);
  if (len == 0 || n < len) return 0;
  if (b[1] < low || b[1] > high) return 0;
  uint32_t c = b[0] & (0xffu >> (len + 1));
  for (size_t i = 1; i < len; i++) {
    if ((b[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (b[i] & 0x3fu);
  }
  *code_point = c;
  return len;
}

size_t eq_utf8_broken(const char *s, size_t n) {
  const unsigned char *b = (const unsigned char *)s;
  unsigned char low, high;
  size_t len = promised(b[0], &low, &high), i = 1;
  if (len == 0 || n == 1 || b[1] < low || b[1] > high) return 1;
  do i++;
  while (i < len && i < n && (b[i] & 0xc0) == 0x80);
  return i;
}

size_t eq_utf8_length(const char *s, size_t n) {
  uint32_t c;
  return eq_utf8_decode(s, n, &c);
}

size_t eq_utf8_encode(uint32_t code_point, char bytes[4]) {
  static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
  const size_t n = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
  for (size_t i = n; i-- > 1; code_point >>= 6) bytes[i] = (char)(0x80 | (code_point & 0x3F));
  bytes[0] = (char)(lead[n] | code_point);
  return n;
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
