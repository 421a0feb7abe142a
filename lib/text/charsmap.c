#include "lib/text/charsmap.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/base/utf8.h"

/* Clusters of so many bytes are not looked up whole (tokenizers, normalizers/precompiled.rs). */
enum { WHOLE_CLUSTER_MAX = 6 };

static uint32_t label_of(uint32_t unit) { return unit & (1u << 31 | 0xFF); }
static bool has_value(uint32_t unit) { return unit >> 8 & 1; }
static size_t offset_of(uint32_t unit) { return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6); }
static size_t value_of(uint32_t unit) { return unit & 0x7FFFFFFF; }

static uint32_t read_u32(const char *p) {
  const unsigned char *b = (const unsigned char *)p;
  return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Goes from *node, which is where the offset of a unit points, along a byte; false when no key goes on so. *ends: a key
 * ends there. */
static bool follow(const struct eq_charsmap *m, size_t *node, char byte, bool *ends) {
  const size_t at = *node ^ (unsigned char)byte;
  if (at >= m->n_units || label_of(m->units[at]) != (unsigned char)byte) return false;
  *ends = has_value(m->units[at]);
  *node = at ^ offset_of(m->units[at]);
  return true;
}

unsigned eq_charsmap_roles(const struct eq_charsmap *m, const char *c, size_t n, bool goes_on[256]) {
  unsigned roles = EQ_CHARSMAP_NONE;
  bool ends;
  if (!m->n_units) return roles;
  size_t node = offset_of(m->units[0]);
  for (size_t i = 0; i < n; i++) {
    if (!follow(m, &node, c[i], &ends)) return roles;
    if (ends) roles |= EQ_CHARSMAP_KEY;
  }
  for (unsigned byte = 1; byte < 256; byte++) {
    size_t next = node;
    if (!follow(m, &next, (char)byte, &ends)) continue;
    roles |= EQ_CHARSMAP_BEGINS;
    goes_on[byte] = true;
  }
  return roles;
}

static void find_keys(struct eq_charsmap *m) {
  bool ignored[256];
  for (unsigned c = 1; c < 128; c++)
    m->keys[c] = eq_charsmap_roles(m, &(char){ (char)c }, 1, ignored) & EQ_CHARSMAP_KEY;
}

bool eq_charsmap_open(struct eq_charsmap *m, struct eq_str blob, struct eq_err *err) {
  *m = (struct eq_charsmap){ 0 };
  if (blob.n < 4) return eq_fail(err, EQ_BAD, "the charsmap has %zu bytes, expected at least 4", blob.n);
  size_t size = read_u32(blob.p), rest = blob.n - 4;
  if (size % 4 || !size || size > rest)
    return eq_fail(err, EQ_BAD, "the charsmap says that its trie has %zu bytes, expected a multiple of 4 up to %zu",
                   size, rest);
  if (rest > size && blob.p[blob.n - 1])
    return eq_fail(err, EQ_BAD, "the last replacement of the charsmap does not end in a 0 byte");
  m->n_units = size / 4;
  m->n_strings = rest - size;
  m->units = eq_array(m->n_units, sizeof *m->units);
  m->strings = eq_array(m->n_strings, 1);
  if (!m->units || !m->strings) {
    eq_charsmap_close(m);
    return eq_fail_memory(err, blob.n, "a charsmap");
  }
  for (size_t i = 0; i < m->n_units; i++) m->units[i] = read_u32(blob.p + 4 + 4 * i);
  if (m->n_strings) memcpy(m->strings, blob.p + 4 + size, m->n_strings);
  find_keys(m);
  return true;
}

void eq_charsmap_close(struct eq_charsmap *m) {
  free(m->units);
  free(m->strings);
  *m = (struct eq_charsmap){ 0 };
}

/* The length of a key that text[0..n) begins with, the first or the last that is found. A replacement is text, so one
 * that does not lie in the strings, or is not UTF-8, is none. */
static size_t find(const struct eq_charsmap *m, const char *text, size_t n, bool longest, struct eq_str *to) {
  size_t length = 0;
  if (!m->n_units) return 0;
  size_t node = offset_of(m->units[0]);
  for (size_t i = 0; i < n && text[i]; i++) {
    node ^= (unsigned char)text[i];
    if (node >= m->n_units || label_of(m->units[node]) != (unsigned char)text[i]) break;
    bool ends = has_value(m->units[node]);
    node ^= offset_of(m->units[node]);
    if (!ends) continue;
    if (node >= m->n_units) break;
    size_t at = value_of(m->units[node]);
    if (at >= m->n_strings) continue;
    struct eq_str found = eq_str(m->strings + at);
    if (found.n && eq_utf8_invalid(found.p, found.n) < found.n) continue;
    *to = found;
    length = i + 1;
    if (!longest) break;
  }
  return length;
}

size_t eq_charsmap_longest(const struct eq_charsmap *m, const char *text, size_t n, struct eq_str *to) {
  return find(m, text, n, true, to);
}

size_t eq_charsmap_shortest(const struct eq_charsmap *m, const char *text, size_t n, struct eq_str *to) {
  return find(m, text, n, false, to);
}

/* tokenizers has the clusters of Unicode 17, utf8proc those of 15: what was added since, and what was always reserved
 * for controls, is taken for a code point that behaves like it. Only what can stand in a cluster under 6 bytes counts:
 * that is all of them, found by trying every code point after a base and after a prepended mark. */
enum { EXTEND = 0x300, CONTROL = 0x200B };
static const struct {
  int32_t first, last, like;
} newer[] = {
  { 0x0897, 0x0897, EXTEND },   { 0x1ACF, 0x1ADD, EXTEND },   { 0x1AE0, 0x1AEB, EXTEND },
  { 0x2065, 0x2065, CONTROL },  { 0xFFF0, 0xFFF8, CONTROL },  { 0x10D69, 0x10D6D, EXTEND },
  { 0x10EFA, 0x10EFC, EXTEND }, { 0x113B8, 0x113C0, EXTEND }, { 0x113C2, 0x113C2, EXTEND },
  { 0x113C5, 0x113C5, EXTEND }, { 0x113C7, 0x113CA, EXTEND }, { 0x113CC, 0x113D0, EXTEND },
  { 0x113D2, 0x113D2, EXTEND }, { 0x113E1, 0x113E2, EXTEND }, { 0x11B60, 0x11B67, EXTEND },
  { 0x11F5A, 0x11F5A, EXTEND }, { 0x1611E, 0x1612F, EXTEND }, { 0x1E5EE, 0x1E5EF, EXTEND },
  { 0x1E6E3, 0x1E6E3, EXTEND }, { 0x1E6E6, 0x1E6E6, EXTEND }, { 0x1E6EE, 0x1E6EF, EXTEND },
  { 0x1E6F5, 0x1E6F5, EXTEND },
};

/* The code point at text[0..n), or the one that it is like; its bytes. */
static size_t decode(const char *text, size_t n, int32_t *c) {
  uint32_t code_point;
  size_t size = eq_utf8_decode(text, n, &code_point), i = 0, n_newer = sizeof newer / sizeof *newer;
  *c = (int32_t)code_point;
  while (i < n_newer && newer[i].last < *c) i++;
  if (i < n_newer && newer[i].first <= *c) *c = newer[i].like;
  return size;
}

/* A character of ASCII that is a grapheme cluster by itself, as nothing after it joins. */
static bool lone(const char *text, size_t n) {
  return (unsigned char)text[0] < 0x80 && text[0] != '\r' && (n < 2 || (unsigned char)text[1] < 0x80);
}

/* Bytes of the grapheme cluster at text[0..n). */
static size_t cluster(const char *text, size_t n) {
  if (lone(text, n)) return 1;
  int32_t before, c, state = 0;
  size_t end = decode(text, n, &before);
  for (size_t step; end < n; end += step, before = c) {
    step = decode(text + end, n - end, &c);
    if (utf8proc_grapheme_break_stateful(before, c, &state)) break;
  }
  return end;
}

bool eq_charsmap_clusters(const struct eq_charsmap *m, const char *text, size_t n,
                          bool (*replace)(void *context, size_t at, size_t size, struct eq_str to), void *context) {
  struct eq_str to;
  for (size_t at = 0, end; at < n; at = end) {
    while (at < n && lone(text + at, n - at) && !m->keys[(unsigned char)text[at]]) at++;
    if (at == n) break;
    end = at + cluster(text + at, n - at);
    if (end - at < WHOLE_CLUSTER_MAX && eq_charsmap_shortest(m, text + at, end - at, &to)) {
      if (!replace(context, at, end - at, to)) return false;
      continue;
    }
    for (size_t c = at, step; c < end; c += step) {
      step = eq_utf8_length(text + c, end - c);
      if (eq_charsmap_shortest(m, text + c, step, &to) && !replace(context, c, step, to)) return false;
    }
  }
  return true;
}
