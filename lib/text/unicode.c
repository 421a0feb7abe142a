#include "lib/text/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/base/utf8.h"

enum { CODE_POINTS = 0x110000, DECOMPOSED_MAX = 32 };

/* Planes 4 to 13 are not assigned; 15 and 16 are for private use. */
static const struct { int32_t first, last; } assigned[] = { { 0, 0x3FFFF }, { 0xE0000, 0xE0FFF } };

static bool is_space(int32_t c) { /* PropList.txt, White_Space */
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static unsigned general_properties(int32_t c, const utf8proc_property_t *p) {
  unsigned found = 0;
  if (p->category >= UTF8PROC_CATEGORY_LU && p->category <= UTF8PROC_CATEGORY_LO) found |= EQ_LETTER;
  if (p->category >= UTF8PROC_CATEGORY_ND && p->category <= UTF8PROC_CATEGORY_NO) found |= EQ_NUMBER;
  if (p->category == UTF8PROC_CATEGORY_ND) found |= EQ_DIGIT;
  if (is_space(c)) found |= EQ_SPACE;
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

void eq_unicode_close(struct eq_unicode *u) {
  free(u->properties);
  u->properties = NULL;
}

/* ---- NFC: UAX #15 ---- */

static unsigned combining_class(int32_t c) { return (unsigned)utf8proc_get_property(c)->combining_class; }

/* Puts each run of combining marks into canonical order (by class, stable). Counting keeps long runs linear. */
static void order_marks(int32_t *c, size_t n, int32_t *spare) {
  for (size_t at = 0; at < n;) {
    size_t count[257] = { 0 }, end = at;
    for (; end < n && combining_class(c[end]); end++) count[combining_class(c[end]) + 1]++;
    if (end - at > 1) {
      for (size_t k = 1; k < 257; k++) count[k] += count[k - 1];
      for (size_t i = at; i < end; i++) spare[count[combining_class(c[i])]++] = c[i];
      memcpy(c + at, spare, (end - at) * sizeof *c);
    }
    at = end + 1;
  }
}

static bool room_for_code_points(struct eq_nfc *nfc, size_t n) {
  if (n <= nfc->code_points_capacity) return true;
  int32_t *more = eq_array(n, sizeof *more);
  if (!more) return false;
  free(nfc->code_points);
  nfc->code_points = more;
  nfc->code_points_capacity = n;
  return true;
}

/* Adds NFC(in) to nfc->out, and a rewrite when it is something else. `at` is where `in` stands in the original. */
static bool normalise(struct eq_nfc *nfc, struct eq_str in, size_t at) {
  /* At most 3 code points come of 2 bytes (U+0390), 4 of 3 (U+1F82); half the memory is for ordering. */
  if (!room_for_code_points(nfc, 2 * (2 * in.n + DECOMPOSED_MAX))) return false;
  int32_t *c = nfc->code_points;
  size_t n = 0, out = nfc->out.size;
  for (size_t i = 0; i < in.n;) {
    uint32_t code_point;
    i += eq_utf8_decode(in.p + i, in.n - i, &code_point);
    n += decompose((int32_t)code_point, c + n);
  }
  order_marks(c, n, c + nfc->code_points_capacity / 2);
  utf8proc_ssize_t composed = utf8proc_normalize_utf32(c, (utf8proc_ssize_t)n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  for (utf8proc_ssize_t i = 0; i < composed; i++) {
    utf8proc_uint8_t bytes[4];
    eq_buffer_add(&nfc->out, bytes, (size_t)utf8proc_encode_char(c[i], bytes));
  }
  if (nfc->out.failed) return false;
  size_t size = nfc->out.size - out;
  if (size == in.n && !memcmp(nfc->out.data + out, in.p, in.n)) return true;
  struct eq_rewrite *rewrites = eq_array_grow(nfc->rewrites, nfc->n_rewrites, &nfc->capacity, sizeof *rewrites);
  if (!rewrites) return false;
  nfc->rewrites = rewrites;
  rewrites[nfc->n_rewrites++] = (struct eq_rewrite){ at, in.n, out, size };
  return true;
}

/* A stretch is what can be normalised by itself: a code point that nothing before it can change, and those after it up
 * to the next such one. *changes: its quick check says that NFC may differ. Its length. */
static size_t stretch(const struct eq_unicode *u, struct eq_str text, bool *changes) {
  uint32_t c;
  size_t n = eq_utf8_decode(text.p, text.n, &c);
  unsigned found = u->properties[c], last = found & EQ_COMBINING ? combining_class((int32_t)c) : 0;
  *changes = found & EQ_NFC_MAYBE;
  while (n < text.n) {
    if ((unsigned char)text.p[n] < 0x80) break;
    size_t step = eq_utf8_decode(text.p + n, text.n - n, &c);
    found = u->properties[c];
    if (!(found & (EQ_COMBINING | EQ_NFC_MAYBE))) break;
    unsigned class = found & EQ_COMBINING ? combining_class((int32_t)c) : 0;
    *changes |= (found & EQ_NFC_MAYBE) || (class && class < last);
    last = class;
    n += step;
  }
  return n;
}

/* Bytes at the start that are ASCII and followed by ASCII: always in NFC. */
static size_t ascii_run(struct eq_str text) {
  size_t n = 0;
  while (n < text.n && (unsigned char)text.p[n] < 0x80) n++;
  return n == text.n || n == 0 ? n : n - 1;
}

bool eq_nfc_apply(struct eq_nfc *nfc, const struct eq_unicode *u, struct eq_str original, struct eq_err *err) {
  size_t copied = 0; /* the original up to here is in out */
  nfc->out.size = nfc->n_rewrites = 0;
  bool good = true;
  for (size_t at = 0; good && at < original.n;) {
    at += ascii_run((struct eq_str){ original.p + at, original.n - at });
    if (at == original.n) break;
    bool changes;
    size_t n = stretch(u, (struct eq_str){ original.p + at, original.n - at }, &changes);
    if (changes) {
      eq_buffer_add(&nfc->out, original.p + copied, at - copied);
      good = normalise(nfc, (struct eq_str){ original.p + at, n }, at);
      copied = at + n;
    }
    at += n;
  }
  if (copied) eq_buffer_add(&nfc->out, original.p + copied, original.n - copied);
  if (!good || nfc->out.failed) return eq_fail_memory(err, original.n, "a text in NFC");
  nfc->text = nfc->n_rewrites ? (struct eq_str){ nfc->out.data, nfc->out.size } : original;
  return true;
}

void eq_nfc_free(struct eq_nfc *nfc) {
  eq_buffer_free(&nfc->out);
  free(nfc->rewrites);
  free(nfc->code_points);
  *nfc = (struct eq_nfc){ 0 };
}

void eq_nfc_to_original(const struct eq_nfc *nfc, uint32_t *offsets, size_t n) {
  size_t r = 0, in_end = 0, out_end = 0; /* ends of the last rewrite that lies wholly before the offset */
  for (size_t i = 0; i < n; i++) {
    for (; r < nfc->n_rewrites && nfc->rewrites[r].out + nfc->rewrites[r].out_size <= offsets[i]; r++) {
      in_end = nfc->rewrites[r].in + nfc->rewrites[r].in_size;
      out_end = nfc->rewrites[r].out + nfc->rewrites[r].out_size;
    }
    size_t to = in_end + (offsets[i] - out_end);
    if (r < nfc->n_rewrites && offsets[i] > nfc->rewrites[r].out) {
      size_t end = nfc->rewrites[r].in + nfc->rewrites[r].in_size;
      if (to > end) to = end;
    }
    offsets[i] = (uint32_t)to;
  }
}
