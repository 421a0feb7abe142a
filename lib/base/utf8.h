/* utf8.h: where one code point ends and the next begins. Properties of code points are lib/text's. */
#ifndef EQ_BASE_UTF8_H
#define EQ_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed code point at s[0..n), 1 to 4; 0 when n is 0 or the bytes there are not well-formed UTF-8
 * (overlong, a surrogate, above U+10FFFF, cut off): Unicode 15, table 3-7. */
size_t eq_utf8_length(const char *s, size_t n);

/* As eq_utf8_length, and stores the code point. What most texts are made of is decoded in place. */
size_t eq_utf8_decode_any(const char *s, size_t n, uint32_t *code_point);
static inline size_t eq_utf8_decode(const char *s, size_t n, uint32_t *code_point) {
  const unsigned char *b = (const unsigned char *)s;
  if (n && b[0] < 0x80) return *code_point = b[0], 1;
  if (n < 2 || b[0] < 0xc2 || b[0] > 0xdf || (b[1] & 0xc0) != 0x80) return eq_utf8_decode_any(s, n, code_point);
  *code_point = (uint32_t)(b[0] & 0x1f) << 6 | (b[1] & 0x3fu);
  return 2;
}

/* The code point at s, which must be well-formed, and its bytes: for loops over texts that were checked. */
static inline size_t eq_utf8_next(const char *s, uint32_t *code_point) {
  const unsigned char *b = (const unsigned char *)s;
  if (b[0] < 0x80) return *code_point = b[0], 1;
  if (b[0] < 0xe0) return *code_point = (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu), 2;
  *code_point = (b[0] & 0xfu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
  if (b[0] < 0xf0) return 3;
  *code_point = *code_point << 6 | (b[3] & 0x3fu);
  return 4;
}

/* Writes the bytes of a code point; how many. */
size_t eq_utf8_encode(uint32_t code_point, char bytes[4]);

/* Offset of the first byte that is not well-formed; n when all of s[0..n) is. O(n). */
size_t eq_utf8_invalid(const char *s, size_t n);

/* Bytes of the ill-formed stretch at s[0..n), n > 0, that one U+FFFD replaces by Unicode's advice: as many as could
 * begin a code point, at least 1 (Unicode 15, section 3.9, "U+FFFD Substitution of Maximal Subparts"). */
size_t eq_utf8_broken(const char *s, size_t n);

/* Code points that start in s[0..n), which must be well-formed. */
size_t eq_utf8_count(const char *s, size_t n);

#endif
