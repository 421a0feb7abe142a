#include "lib/recipe/scheme.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/number.h"

/* ---- what grows: a scheme is a row ---- */

/* What may follow a scheme's name. */
enum {
  GRANULARITY = 1, /* /tensor, /row or /gN */
  HALF_SCALES = 2, /* ,s16 */
};
#define INTEGERS GRANULARITY | HALF_SCALES

static const struct row {
  const char *name;
  struct eq_scheme scheme; /* what the bare name means */
  unsigned takes;
} rows[] = {
#define INTEGER(NAME, KIND, BITS) \
  { NAME, { .kind = KIND, .bits = BITS, .granularity = EQ_PER_GROUP, .group = 128 }, INTEGERS }
  { "keep", { .kind = EQ_KEEP }, 0 },
  { "fp16", { .kind = EQ_FP16_CAST }, 0 },
  { "bf16", { .kind = EQ_BF16_CAST }, 0 },
  INTEGER("int2", EQ_INT, 2),
  INTEGER("int3", EQ_INT, 3),
  INTEGER("int4", EQ_INT, 4),
  INTEGER("int5", EQ_INT, 5),
  INTEGER("int6", EQ_INT, 6),
  INTEGER("int7", EQ_INT, 7),
  INTEGER("int8", EQ_INT, 8),
  INTEGER("u2", EQ_ASYMMETRIC, 2),
  INTEGER("u3", EQ_ASYMMETRIC, 3),
  INTEGER("u4", EQ_ASYMMETRIC, 4),
  INTEGER("u5", EQ_ASYMMETRIC, 5),
  INTEGER("u6", EQ_ASYMMETRIC, 6),
  INTEGER("u7", EQ_ASYMMETRIC, 7),
  INTEGER("u8", EQ_ASYMMETRIC, 8),
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static const char *const granularities[] = { [EQ_PER_TENSOR] = "tensor", [EQ_PER_ROW] = "row", [EQ_PER_GROUP] = "g" };

void eq_scheme_names(struct eq_buffer *out) { eq_buffer_string(out, "keep, fp16, bf16, int2 to int8, u2 to u8"); }

/* ---- words ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static struct eq_str trim(struct eq_str s) {
  while (s.n && is_blank(s.p[0])) s.p++, s.n--;
  while (s.n && is_blank(s.p[s.n - 1])) s.n--;
  return s;
}

static struct eq_str after(struct eq_str s, size_t n) { return (struct eq_str){ s.p + n, s.n - n }; }

/* What is before the first of the marks, trimmed. */
static struct eq_str word_of(struct eq_str s, const char *marks) {
  size_t n = 0;
  while (n < s.n && !strchr(marks, s.p[n])) n++;
  return trim((struct eq_str){ s.p, n });
}

/* Takes a word from *rest when that goes on with `mark`; blanks may stand before the mark. */
static bool take(struct eq_str *rest, char mark, const char *ends, struct eq_str *word) {
  struct eq_str s = trim(*rest);
  if (!s.n || s.p[0] != mark) return false;
  s = after(s, 1);
  *word = word_of(s, ends);
  size_t n = 0;
  while (n < s.n && !strchr(ends, s.p[n])) n++;
  *rest = after(s, n);
  if (!word->n) word->p = s.p;
  return true;
}

#define FAIL_AT(text, place, err, ...) eq_fail_at(err, "recipe", text, (size_t)((place) - (text)), __VA_ARGS__)

static const struct row *find_row(struct eq_str word) {
  for (size_t i = 0; i < N_ROWS; i++)
    if (eq_str_is(word, rows[i].name)) return &rows[i];
  return NULL;
}

static const struct row *row_of(struct eq_scheme s) {
  for (size_t i = 0; i < N_ROWS; i++)
    if (rows[i].scheme.kind == s.kind && rows[i].scheme.bits == s.bits) return &rows[i];
  return &rows[0];
}

/* int9, u1: the name of integers, with other bits than there are. */
static bool is_integer_word(struct eq_str word) {
  uint64_t bits;
  size_t n = word.n > 3 && memcmp(word.p, "int", 3) == 0 ? 3 : word.n > 1 && word.p[0] == 'u' ? 1 : 0;
  return n && eq_parse_u64(after(word, n), &bits);
}

bool eq_scheme_begins(struct eq_str text) {
  struct eq_str word = word_of(trim(text), "/,=+");
  return find_row(word) || is_integer_word(word);
}

/* ---- parsing ---- */

static bool parse_granularity(const char *text, struct eq_str word, struct eq_scheme *scheme, struct eq_err *err) {
  uint64_t group;
  for (size_t g = EQ_PER_TENSOR; g < EQ_PER_GROUP; g++)
    if (eq_str_is(word, granularities[g])) {
      scheme->granularity = (enum eq_granularity)g;
      scheme->group = 0;
      return true;
    }
  if (!word.n || word.p[0] != 'g' || !eq_parse_u64(after(word, 1), &group))
    return FAIL_AT(text, word.p, err, "unknown granularity '%.*s': known are tensor, row, g<inputs a group>",
                   EQ_STR(word));
  if (group == 0 || group > UINT32_MAX)
    return FAIL_AT(text, word.p, err, "a group has 1 to %" PRIu32 " inputs", UINT32_MAX);
  scheme->granularity = EQ_PER_GROUP;
  scheme->group = (uint32_t)group;
  return true;
}

static bool parse_option(const char *text, const struct row *row, struct eq_str word, struct eq_scheme *scheme,
                         struct eq_err *err) {
  if (eq_str_is(word, "s16") && row->takes & HALF_SCALES) return scheme->half_scales = true;
  return FAIL_AT(text, word.p, err, "%s has no option '%.*s'", row->name, EQ_STR(word));
}

bool eq_scheme_parse(const char *text, struct eq_str s, struct eq_scheme *scheme, struct eq_err *err) {
  struct eq_str word = word_of(s, "/,"), rest = after(s, (size_t)(word.p - s.p) + word.n), piece;
  const struct row *row = find_row(word);
  if (!row && is_integer_word(word)) return FAIL_AT(text, word.p, err, "%.*s: bits are 2 to 8", EQ_STR(word));
  if (!row) {
    struct eq_buffer known = { 0 };
    eq_scheme_names(&known);
    FAIL_AT(text, word.p, err, "unknown scheme '%.*s': known are %s", EQ_STR(word), known.failed ? "" : known.data);
    eq_buffer_free(&known);
    return false;
  }
  *scheme = row->scheme;
  if (take(&rest, '/', ",", &piece)) {
    if (!(row->takes & GRANULARITY)) return FAIL_AT(text, piece.p, err, "%s takes no granularity", row->name);
    if (!parse_granularity(text, piece, scheme, err)) return false;
  }
  while (take(&rest, ',', ",", &piece))
    if (!parse_option(text, row, piece, scheme, err)) return false;
  return true;
}

/* ---- printing, comparing ---- */

void eq_scheme_print(struct eq_buffer *out, struct eq_scheme s) {
  const struct row *row = row_of(s);
  eq_buffer_string(out, row->name);
  if (row->takes & GRANULARITY) eq_buffer_format(out, "/%s", granularities[s.granularity]);
  if (row->takes & GRANULARITY && s.granularity == EQ_PER_GROUP) eq_buffer_format(out, "%" PRIu32, s.group);
  if (s.half_scales) eq_buffer_string(out, ",s16");
}

bool eq_scheme_equal(struct eq_scheme a, struct eq_scheme b) {
  if (a.kind != b.kind) return false;
  unsigned takes = row_of(a)->takes;
  if (a.bits != b.bits && takes) return false;
  if (takes & GRANULARITY && a.granularity != b.granularity) return false;
  if (takes & GRANULARITY && a.granularity == EQ_PER_GROUP && a.group != b.group) return false;
  return a.half_scales == b.half_scales;
}
