#include "lib/text/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "lib/text/classes.h"

enum { CODE_POINTS = 0x110000, DECOMPOSED_MAX = 32 };

/* Planes 4 to 13 are not assigned; 15 and 16 are for private use. */
static const struct { int32_t first, last; } assigned[] = { { 0, 0x3FFFF }, { 0xE0000, 0xE0FFF } };

static unsigned general_properties(int32_t c, const utf8proc_property_t *p) {
  const uint32_t code_point = (uint32_t)c;
  unsigned found = 0;
  if (eq_is_letter(code_point)) found |= EQ_LETTER;
  if (eq_is_number(code_point)) found |= EQ_NUMBER;
  if (p->category == UTF8PROC_CATEGORY_ND) found |= EQ_DIGIT;
  if (eq_is_space(code_point)) found |= EQ_SPACE;
  if (c == '\n' || c == '\r') found |= EQ_BREAK;
  if (p->combining_class) found |= EQ_COMBINING;
  return found;
}

/* Canonical decomposition of one code point; the number of code points. */
static size_t decompose(int32_t c, int32_t out[DECOMPOSED_MAX]) {
  int boundary = 0;
  utf8proc_ssize_t n = utf8proc_decompose_char(c, out, DECOMPOSED_MAX, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
  if (n > 0 && n <= DECOMPOSED_MAX) return (size_t)n;
  out[0] = c;
  return 1;
}

/* Marks c when it is not its own NFC, and everything that composition may append to something: all but the first code
 * point of each canonical decomposition. */
static void mark_compositions(unsigned char *properties, int32_t c) {
  int32_t parts[DECOMPOSED_MAX];
  size_t n = decompose(c, parts);
  if (n == 1 && parts[0] == c) return;
  for (size_t i = 1; i < n; i++) properties[parts[i]] |= EQ_NFC_MAYBE;
  utf8proc_ssize_t composed = utf8proc_normalize_utf32(parts, (utf8proc_ssize_t)n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  if (composed != 1 || parts[0] != c) properties[c] |= EQ_NFC_MAYBE;
}

bool eq_unicode_open(struct eq_unicode *u, struct eq_err *err) {
  u->properties = eq_array(CODE_POINTS, 1);
  if (!u->properties) return eq_fail_memory(err, CODE_POINTS, "Unicode properties");
  for (size_t r = 0; r < sizeof assigned / sizeof *assigned; r++)
    for (int32_t c = assigned[r].first; c <= assigned[r].last; c++) {
      const utf8proc_property_t *p = utf8proc_get_property(c);
      u->properties[c] |= (unsigned char)general_properties(c, p);
      if (p->decomp_seqindex != UINT16_MAX || (c >= 0xAC00 && c <= 0xD7A3)) mark_compositions(u->properties, c);
    }
  return true;
}

void eq_unicode_limit(struct eq_unicode *u) {
  static const struct { int32_t first, last; } new[] = { { 0x1C89, 0x1C8A }, { 0xA7CB, 0xA7DC }, { 0x105C0, 0x1E5FA } };
  for (size_t r = 0; r < sizeof new / sizeof *new; r++)
    for (int32_t c = new[r].first; c <= new[r].last; c++)
      if ((u->properties[c] & (EQ_LETTER | EQ_NUMBER)) && eq_is_after_15((uint32_t)c))
        u->properties[c] &= (unsigned char)~(EQ_LETTER | EQ_NUMBER);
}

uint32_t eq_unicode_base(uint32_t c) {
  int32_t parts[DECOMPOSED_MAX];
  if (c < 0xC0) return c;
  decompose((int32_t)c, parts);
  return (uint32_t)parts[0];
}

void eq_unicode_close(struct eq_unicode *u) {
  free(u->properties);
  u->properties = NULL;
}
