#include "lib/base/base64.h"

#include <stdint.h>

enum { NOT_A_DIGIT = 64 };

static uint32_t digit(char c) {
  if (c >= 'A' && c <= 'Z') return (uint32_t)(c - 'A');
  if (c >= 'a' && c <= 'z') return (uint32_t)(c - 'a') + 26;
  if (c >= '0' && c <= '9') return (uint32_t)(c - '0') + 52;
  return c == '+' ? 62 : c == '/' ? 63 : NOT_A_DIGIT;
}

bool eq_base64_decode(struct eq_str text, struct eq_buffer *out) {
  if (text.n % 4) return false;
  for (size_t i = 0; i < text.n; i += 4) {
    const char *four = text.p + i;
    size_t bytes = i + 4 < text.n || four[3] != '=' ? 3 : four[2] != '=' ? 2 : 1;
    uint32_t bits = 0;
    for (size_t k = 0; k < 4; k++) {
      uint32_t d = k <= bytes ? digit(four[k]) : 0;
      if (d == NOT_A_DIGIT) return false;
      bits = bits << 6 | d;
    }
    if (bits & ((1u << (24 - 8 * bytes)) - 1)) return false;
    const char made[3] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };
    eq_buffer_add(out, made, bytes);
  }
  return !out->failed;
}
