#include "lib/text/seams.h"

#include <stdlib.h>

#include "lib/base/utf8.h"

enum { BITS_MIN = 12, BITS_MAX = 20, CODE_POINTS = 0x110000, BROKEN = 0xD800 };

bool eq_seams_open(struct eq_seams *s, size_t n_tokens, bool one_known) {
  unsigned bits = BITS_MIN; /* a token has some pairs, of which most are others' too */
  while (bits < BITS_MAX && (size_t)1 << bits < 32 * n_tokens) bits++;
  s->shift = 64 - bits;
  s->one_known = one_known;
  s->pairs = eq_array(((size_t)1 << bits) / 64, sizeof *s->pairs);
  s->known = eq_array(CODE_POINTS / 64, sizeof *s->known);
  return s->pairs && s->known;
}

void eq_seams_close(struct eq_seams *s) {
  free(s->pairs);
  free(s->known);
  *s = (struct eq_seams){ 0 };
}

/* Multiplicative hashing, Knuth, The Art of Computer Programming 3, section 6.4. */
static uint32_t hash(const struct eq_seams *s, uint32_t a, uint32_t b) {
  return (uint32_t)(((uint64_t)a << 32 | b) * 0x9E3779B97F4A7C15 >> s->shift);
}

static bool has(const uint64_t *bits, uint32_t i) { return bits[i / 64] >> i % 64 & 1; }
static void set(uint64_t *bits, uint32_t i) { bits[i / 64] |= (uint64_t)1 << i % 64; }

void eq_seams_add(struct eq_seams *s, struct eq_str token) {
  uint32_t before = 0, c;
  for (size_t i = 0, n; i < token.n; i += n, before = c) {
    n = eq_utf8_decode(token.p + i, token.n - i, &c);
    if (!n) return;
    if (i) set(s->pairs, hash(s, before, c));
    if (!i && n == token.n) set(s->known, c);
  }
}

static bool is_letter(uint32_t c) { return (c | 0x20) - 'a' < 26; }

/* The character at text[0..n), and its bytes. A byte of none is taken for a surrogate, which no token is. */
static size_t decode(const char *text, size_t n, uint32_t *c) {
  size_t length = eq_utf8_decode(text, n, c);
  if (!length) *c = BROKEN;
  return length ? length : 1;
}

/* Whether enough is known of two characters. */
static bool known(const struct eq_seams *s, uint32_t a, uint32_t b) {
  const bool x = has(s->known, a), y = has(s->known, b);
  return s->one_known ? (x || y) && a != BROKEN && b != BROKEN : x && y;
}

size_t eq_seams_next(const struct eq_seams *s, const char *text, size_t n) {
  uint32_t before, c;
  size_t at = decode(text, n, &before);
  for (size_t length; at < n; at += length, before = c) {
    length = decode(text + at, n - at, &c);
    if (is_letter(c) && is_letter(before)) continue;
    if (!has(s->pairs, hash(s, before, c)) && known(s, before, c)) break;
  }
  return at;
}
