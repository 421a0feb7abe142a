#include "lib/recipe/scheme.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/number.h"
#include "lib/recipe/words.h"

/* ---- what grows: a scheme is a row ---- */

/* What may follow a scheme's name. */
enum {
  TENSOR = 1, /* /tensor */
  ROW = 2,
  GROUP = 4, /* /gN */
  GRANULARITY = TENSOR | ROW | GROUP,
  HALF_SCALES = 8, /* ,s16 */
  CLIP = 16,       /* ,clip= ,scale= */
  BLOCKS = 32,     /* ,row ,dq */
  GLOBAL = 64,
  FRACTION = 128, /* =0.5, or =2:4 for the kind after it */
  RANK = 256,     /* =64 */
  AMOUNT = 512,   /* =0.1@7 */
  VALUE = FRACTION | RANK | AMOUNT
};

static const struct row {
  const char *name;
  struct eq_scheme scheme; /* what the bare name means */
  unsigned takes;
} rows[] = {
#define INTEGERS(NAME, KIND, BITS, TAKES) \
  { NAME, { .kind = KIND, .bits = BITS, .granularity = EQ_PER_GROUP, .group = 128 }, GRANULARITY | HALF_SCALES | TAKES }
#define SIGNED(BITS)   INTEGERS("int" #BITS, EQ_INT, BITS, CLIP)
#define UNSIGNED(BITS) INTEGERS("u" #BITS, EQ_ASYMMETRIC, BITS, 0)
#define BLOCK(NAME, TYPE) \
  { NAME, { .kind = EQ_GGML, .type = TYPE }, 0 }
  { "keep", { .kind = EQ_KEEP }, 0 },
  { "fp16", { .kind = EQ_FP16_CAST }, 0 },
  { "bf16", { .kind = EQ_BF16_CAST }, 0 },
  SIGNED(2),
  SIGNED(3),
  SIGNED(4),
  SIGNED(5),
  SIGNED(6),
  SIGNED(7),
  SIGNED(8),
  UNSIGNED(2),
  UNSIGNED(3),
  UNSIGNED(4),
  UNSIGNED(5),
  UNSIGNED(6),
  UNSIGNED(7),
  UNSIGNED(8),
  BLOCK("q4_0", EQ_Q4_0),
  BLOCK("q4_1", EQ_Q4_1),
  BLOCK("q5_0", EQ_Q5_0),
  BLOCK("q5_1", EQ_Q5_1),
  BLOCK("q8_0", EQ_Q8_0),
  BLOCK("q2_k", EQ_Q2_K),
  BLOCK("q3_k", EQ_Q3_K),
  BLOCK("q4_k", EQ_Q4_K),
  BLOCK("q5_k", EQ_Q5_K),
  BLOCK("q6_k", EQ_Q6_K),
  BLOCK("iq4_nl", EQ_IQ4_NL),
  BLOCK("iq4_xs", EQ_IQ4_XS),
  BLOCK("mxfp4", EQ_MXFP4),
  { "nf4", { .kind = EQ_NF4, .granularity = EQ_PER_GROUP, .group = 64 }, GROUP | BLOCKS },
  { "fp4", { .kind = EQ_FP4, .granularity = EQ_PER_GROUP, .group = 64 }, GROUP | BLOCKS },
  { "fp8", { .kind = EQ_FP8, .type = EQ_F8_E4M3 }, TENSOR | ROW },
  { "fp8-e5m2", { .kind = EQ_FP8, .type = EQ_F8_E5M2 }, TENSOR | ROW },
  { "prune", { .kind = EQ_PRUNE }, FRACTION | GLOBAL },
  { "prune", { .kind = EQ_PRUNE_PATTERN }, FRACTION },
  { "lowrank", { .kind = EQ_LOWRANK }, RANK },
  { "zero", { .kind = EQ_ZERO }, 0 },
  { "mean", { .kind = EQ_MEAN }, 0 },
  { "noise", { .kind = EQ_NOISE }, AMOUNT },
};
enum { N_ROWS = sizeof rows / sizeof *rows, PATTERN_MAX = 64 };

static const char *const granularities[] = { [EQ_PER_TENSOR] = "tensor", [EQ_PER_ROW] = "row", [EQ_PER_GROUP] = "g" };
static const char *const clips[] = { [EQ_CLIP_MAX] = "max",
                                     [EQ_CLIP_MSE] = "mse",
                                     [EQ_CLIP_ACIQ] = "aciq",
                                     [EQ_CLIP_LACIQ] = "laciq",
                                     [EQ_CLIP_LACIQ_UNIFORM] = "laciq-uniform" };

void eq_scheme_names(struct eq_buffer *out) {
  for (size_t i = 0; i < N_ROWS; i++) {
    const struct row *r = &rows[i];
    bool repeated = i && (strcmp(r->name, r[-1].name) == 0 || (r->scheme.bits && r->scheme.kind == r[-1].scheme.kind));
    if (repeated) continue;
    if (i) eq_buffer_string(out, ", ");
    if (r->scheme.bits)
      eq_buffer_string(out, r->scheme.kind == EQ_INT ? "int2 to int8" : "u2 to u8");
    else
      eq_buffer_string(out, r->name);
  }
}

/* ---- words ---- */

/* Takes what is before the first of the marks from *rest, trimmed. */
static struct eq_str take_word(struct eq_str *rest, const char *marks) {
  size_t n = 0;
  while (n < rest->n && !strchr(marks, rest->p[n])) n++;
  struct eq_str word = eq_trim((struct eq_str){ rest->p, n });
  *rest = eq_str_from(*rest, n);
  return word;
}

/* The same when *rest goes on with `mark`. */
static bool take(struct eq_str *rest, char mark, const char *marks, struct eq_str *word) {
  if (!rest->n || rest->p[0] != mark) return false;
  *rest = eq_str_from(*rest, 1);
  *word = take_word(rest, marks);
  return true;
}

static const struct row *find_row(struct eq_str word) {
  for (size_t i = 0; i < N_ROWS; i++)
    if (eq_str_is(word, rows[i].name)) return &rows[i];
  return NULL;
}

static const struct row *row_of(struct eq_scheme s) {
  for (size_t i = 0; i < N_ROWS; i++)
    if (rows[i].scheme.kind == s.kind && rows[i].scheme.bits == s.bits && rows[i].scheme.type == s.type)
      return &rows[i];
  return &rows[0];
}

/* int9, u1: the name of integers, with other bits than there are. */
static bool is_integer_word(struct eq_str word) {
  uint64_t bits;
  size_t n = eq_str_starts(word, "int") ? 3 : eq_str_starts(word, "u") ? 1 : 0;
  return n && word.n > n && eq_parse_u64(eq_str_from(word, n), &bits);
}

bool eq_scheme_begins(struct eq_str text) {
  struct eq_str rest = eq_trim(text), word = take_word(&rest, "/,=+");
  return find_row(word) || is_integer_word(word);
}

/* ---- numbers ---- */

uint64_t eq_decimal_of(struct eq_decimal d, uint64_t x) { return x / d.unit * d.n + x % d.unit * d.n / d.unit; }

bool eq_decimal_parse(struct eq_str s, struct eq_decimal *d) {
  struct eq_str fraction = s, whole = take_word(&fraction, ".");
  uint64_t high, low = 0;
  *d = (struct eq_decimal){ 0, 1 };
  if (whole.n == 0 || whole.n > 9 || !eq_parse_u64(whole, &high)) return false;
  if (fraction.n) {
    fraction = eq_str_from(fraction, 1);
    if (fraction.n == 0) return false;
    while (fraction.n && fraction.p[fraction.n - 1] == '0') fraction.n--;
    if (fraction.n > 9 || (fraction.n && !eq_parse_u64(fraction, &low))) return false;
  }
  for (size_t i = 0; i < fraction.n; i++) d->unit *= 10;
  d->n = high * d->unit + low;
  return true;
}

void eq_decimal_print(struct eq_buffer *out, struct eq_decimal d) {
  int digits = 0;
  for (uint64_t u = d.unit; u > 1; u /= 10) digits++;
  eq_buffer_format(out, "%" PRIu64, d.n / d.unit);
  if (digits) eq_buffer_format(out, ".%0*" PRIu64, digits, d.n % d.unit);
}

/* ---- parsing ---- */

static bool parse_granularity(const char *text, const struct row *row, struct eq_str word, struct eq_scheme *scheme,
                              struct eq_err *err) {
  uint64_t group;
  if (!(row->takes & GRANULARITY)) return EQ_FAIL_AT(text, word.p, err, "%s takes no granularity", row->name);
  for (size_t g = EQ_PER_TENSOR; g < EQ_PER_GROUP; g++)
    if (eq_str_is(word, granularities[g]) && row->takes & ((unsigned)TENSOR << g)) {
      scheme->granularity = (enum eq_granularity)g;
      scheme->group = 0;
      return true;
    }
  if (!(row->takes & GROUP) || !eq_str_starts(word, "g") || !eq_parse_u64(eq_str_from(word, 1), &group))
    return EQ_FAIL_AT(text, word.p, err, "unknown granularity '%.*s': known are %s%s%s", EQ_STR(word),
                      row->takes & TENSOR ? "tensor, " : "", row->takes & ROW ? "row" : "",
                      !(row->takes & GROUP) ? ""
                      : row->takes & ROW    ? ", g<inputs a group>"
                                            : "g<weights a block>");
  if (group == 0 || group > UINT32_MAX)
    return EQ_FAIL_AT(text, word.p, err, "a group has 1 to %" PRIu32 " inputs", UINT32_MAX);
  scheme->granularity = EQ_PER_GROUP;
  scheme->group = (uint32_t)group;
  return true;
}

static bool parse_clip(const char *text, struct eq_str word, struct eq_scheme *scheme, struct eq_err *err) {
  struct eq_decimal percent;
  for (size_t c = EQ_CLIP_MAX; c < EQ_CLIP_QUANTILE; c++)
    if (eq_str_is(word, clips[c])) return scheme->clip = (enum eq_clip)c, true;
  if (!eq_str_starts(word, "p") || !eq_decimal_parse(eq_str_from(word, 1), &percent) || percent.n == 0 ||
      percent.n > 100 * percent.unit)
    return EQ_FAIL_AT(text, word.p, err,
                      "unknown clip '%.*s': known are max, mse, aciq, laciq, laciq-uniform, p99.9 (a percent of |w|)",
                      EQ_STR(word));
  scheme->clip = EQ_CLIP_QUANTILE;
  scheme->quantile = percent;
  return true;
}

static bool parse_option(const char *text, const struct row *row, struct eq_str option, struct eq_scheme *scheme,
                         struct eq_err *err) {
  struct eq_str rest = option, word = take_word(&rest, "="), value;
  bool valued = take(&rest, '=', "", &value);
  if (row->takes & HALF_SCALES && !valued && eq_str_is(word, "s16")) return scheme->half_scales = true;
  if (row->takes & BLOCKS && !valued && eq_str_is(word, "row")) return scheme->by_row = true;
  if (row->takes & BLOCKS && !valued && eq_str_is(word, "dq")) return scheme->nested = true;
  if (row->takes & GLOBAL && !valued && eq_str_is(word, "global")) return scheme->global = true;
  if (row->takes & CLIP && valued && eq_str_is(word, "clip")) return parse_clip(text, value, scheme, err);
  if (row->takes & CLIP && valued && eq_str_is(word, "scale")) {
    scheme->full_scale = eq_str_is(value, "m8");
    return scheme->full_scale || eq_str_is(value, "m7") ||
           EQ_FAIL_AT(text, value.p, err, "unknown scale '%.*s': known are m7, m8", EQ_STR(value));
  }
  return EQ_FAIL_AT(text, option.p, err, "%s has no option '%.*s'", row->name, EQ_STR(option));
}

/* 0.5, or 2:4. */
static bool parse_fraction(const char *text, struct eq_str value, struct eq_scheme *scheme, struct eq_err *err) {
  struct eq_str rest = value, first = take_word(&rest, ":"), second;
  uint64_t n, m;
  if (take(&rest, ':', "", &second)) {
    scheme->kind = EQ_PRUNE_PATTERN;
    if (!eq_parse_u64(first, &n) || !eq_parse_u64(second, &m) || n == 0 || n >= m || m > PATTERN_MAX)
      return EQ_FAIL_AT(text, value.p, err, "N:M keeps N of each M inputs: 2:4, M at most %d", PATTERN_MAX);
    scheme->n = (uint32_t)n, scheme->m = (uint32_t)m;
    return true;
  }
  return (eq_decimal_parse(value, &scheme->amount) && scheme->amount.n <= scheme->amount.unit) ||
         EQ_FAIL_AT(text, value.p, err, "expected a share of the weights, such as prune=0.5, or prune=2:4");
}

static bool parse_value(const char *text, const struct row *row, struct eq_str value, struct eq_scheme *scheme,
                        struct eq_err *err) {
  uint64_t rank;
  if (row->takes & FRACTION) return parse_fraction(text, value, scheme, err);
  if (row->takes & RANK) {
    if (!eq_parse_u64(value, &rank) || rank == 0 || rank > UINT32_MAX)
      return EQ_FAIL_AT(text, value.p, err, "expected a rank, such as lowrank=64");
    scheme->n = (uint32_t)rank;
    return true;
  }
  struct eq_str rest = value, amount = take_word(&rest, "@"), seed;
  bool seeded = take(&rest, '@', "", &seed);
  return (eq_decimal_parse(amount, &scheme->amount) && (!seeded || eq_parse_u64(seed, &scheme->seed))) ||
         EQ_FAIL_AT(text, value.p, err, "expected an amount and perhaps a seed, such as noise=0.1@7");
}

static bool fail_unknown(const char *text, struct eq_str word, struct eq_err *err) {
  struct eq_buffer known = { 0 };
  if (is_integer_word(word)) return EQ_FAIL_AT(text, word.p, err, "%.*s: bits are 2 to 8", EQ_STR(word));
  eq_scheme_names(&known);
  EQ_FAIL_AT(text, word.p, err, "unknown scheme '%.*s': known are %s", EQ_STR(word), known.failed ? "" : known.data);
  eq_buffer_free(&known);
  return false;
}

bool eq_scheme_parse(const char *text, struct eq_str s, struct eq_scheme *scheme, struct eq_err *err) {
  struct eq_str rest = eq_trim(s), word = take_word(&rest, "/,="), piece;
  const struct row *row = find_row(word);
  if (!row) return fail_unknown(text, word, err);
  *scheme = row->scheme;
  if (take(&rest, '=', "/,", &piece)) {
    if (!(row->takes & VALUE)) return EQ_FAIL_AT(text, piece.p, err, "%s takes no value", row->name);
    if (!parse_value(text, row, piece, scheme, err)) return false;
  } else if (row->takes & VALUE)
    return EQ_FAIL_AT(text, rest.p, err, "expected '=' and a number after %s", row->name);
  row = row_of(*scheme);
  if (take(&rest, '/', ",", &piece) && !parse_granularity(text, row, piece, scheme, err)) return false;
  while (take(&rest, ',', ",", &piece))
    if (!parse_option(text, row, piece, scheme, err)) return false;
  return true;
}

bool eq_steps_parse(const char *text, struct eq_str s, struct eq_steps *steps, struct eq_err *err) {
  struct eq_str rest = s, piece = take_word(&rest, "+");
  *steps = (struct eq_steps){ 0 };
  do {
    if (steps->n == EQ_SCHEME_STEPS_MAX)
      return EQ_FAIL_AT(text, piece.p, err, "more than %d steps", EQ_SCHEME_STEPS_MAX);
    struct eq_scheme *step = &steps->step[steps->n++];
    if (!eq_scheme_parse(text, piece, step, err)) return false;
    if (step->kind == EQ_KEEP && (steps->n > 1 || rest.n)) return EQ_FAIL_AT(text, piece.p, err, "keep stands alone");
    if (step->global && steps->n > 1)
      return EQ_FAIL_AT(text, piece.p, err, "what is global comes first: prune=0.5,global+int4");
    if (step->kind == EQ_MEAN && (steps->n > 1 || rest.n)) return EQ_FAIL_AT(text, piece.p, err, "mean stands alone");
    if (eq_scheme_needs_statistics(step) && steps->n > 1)
      return EQ_FAIL_AT(text, piece.p, err, "clip=laciq comes first: its statistics are of the weights as they are");
  } while (take(&rest, '+', "+", &piece));
  return true;
}

/* ---- printing, comparing ---- */

static void print_value(struct eq_buffer *out, struct eq_scheme s) {
  if (s.kind == EQ_PRUNE || s.kind == EQ_NOISE) {
    eq_buffer_string(out, "=");
    eq_decimal_print(out, s.amount);
  }
  if (s.kind == EQ_NOISE) eq_buffer_format(out, "@%" PRIu64, s.seed);
  if (s.kind == EQ_PRUNE_PATTERN) eq_buffer_format(out, "=%" PRIu32 ":%" PRIu32, s.n, s.m);
  if (s.kind == EQ_LOWRANK) eq_buffer_format(out, "=%" PRIu32, s.n);
}

void eq_scheme_print(struct eq_buffer *out, struct eq_scheme s) {
  const struct row *row = row_of(s);
  eq_buffer_string(out, row->name);
  print_value(out, s);
  if (row->takes & GRANULARITY) eq_buffer_format(out, "/%s", granularities[s.granularity]);
  if (row->takes & GRANULARITY && s.granularity == EQ_PER_GROUP) eq_buffer_format(out, "%" PRIu32, s.group);
  if (s.half_scales) eq_buffer_string(out, ",s16");
  if (s.clip && s.clip != EQ_CLIP_QUANTILE) eq_buffer_format(out, ",clip=%s", clips[s.clip]);
  if (s.clip == EQ_CLIP_QUANTILE) {
    eq_buffer_string(out, ",clip=p");
    eq_decimal_print(out, s.quantile);
  }
  if (s.full_scale) eq_buffer_string(out, ",scale=m8");
  if (s.by_row) eq_buffer_string(out, ",row");
  if (s.nested) eq_buffer_string(out, ",dq");
  if (s.global) eq_buffer_string(out, ",global");
}

void eq_steps_print(struct eq_buffer *out, const struct eq_steps *steps) {
  for (size_t i = 0; i < steps->n; i++) {
    if (i) eq_buffer_string(out, "+");
    eq_scheme_print(out, steps->step[i]);
  }
}

static bool decimal_equal(struct eq_decimal a, struct eq_decimal b) { return a.n == b.n && a.unit == b.unit; }

bool eq_scheme_equal(struct eq_scheme a, struct eq_scheme b) {
  if (a.kind != b.kind) return false;
  if (a.kind == EQ_KEEP || a.kind == EQ_FP16_CAST || a.kind == EQ_BF16_CAST) return true;
  return a.bits == b.bits && a.type == b.type && a.granularity == b.granularity &&
         (a.granularity != EQ_PER_GROUP || a.group == b.group) && a.half_scales == b.half_scales &&
         a.by_row == b.by_row && a.nested == b.nested && a.global == b.global && a.full_scale == b.full_scale &&
         a.clip == b.clip && decimal_equal(a.quantile, b.quantile) && decimal_equal(a.amount, b.amount) && a.n == b.n &&
         a.m == b.m && a.seed == b.seed;
}

bool eq_steps_equal(const struct eq_steps *a, const struct eq_steps *b) {
  if (a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++)
    if (!eq_scheme_equal(a->step[i], b->step[i])) return false;
  return true;
}
