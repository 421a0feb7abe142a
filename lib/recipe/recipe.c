#include "lib/recipe/recipe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/number.h"
#include "lib/base/utf8.h"
#include "lib/recipe/glob.h"
#include "lib/recipe/parts.h"
#include "lib/recipe/words.h"

/* Of the text and of its canonical form; a recipe for each matrix of a deep model needs a few thousand selectors. */
enum { TEXT_MAX = 1 << 16, SELECTORS_MAX = 4096 };

/* ---- what grows: a new selector, scheme or preset is a row ---- */

/* A part of a model: the parameters with one of `roles` (0: all). */
static const struct part {
  const char *name;
  unsigned roles;
  bool only_linear; /* what rounds touches its linear weights only; keep restores all of it */
  bool but_biases;  /* what rounds leaves its biases alone; keep restores them too */
  bool in_layer;    /* may follow a layer: L3.mlp */
} parts[] = {
  { "all", 0, true, false, false },        { "embed", EQ_EMBED, false, false, false },
  { "pos", EQ_POS, false, false, false },  { "head", EQ_HEAD, false, true, false },
  { "norm", EQ_NORM, false, false, true }, { "bias", EQ_BIAS, false, false, true },
  { "attn", EQ_ATTN, true, false, true },  { "mlp", EQ_MLP, true, false, true },
  { "q", EQ_Q, true, false, true },        { "k", EQ_K, true, false, true },
  { "v", EQ_V, true, false, true },        { "o", EQ_O, true, false, true },
  { "gate", EQ_GATE, true, false, true },  { "up", EQ_UP, true, false, true },
  { "down", EQ_DOWN, true, false, true },  { "name:", 0, false, false, false },
};
enum {
  N_PARTS = sizeof parts / sizeof *parts,
  ALL = 0,
  NAME = N_PARTS - 1,
  PROJECTIONS = EQ_Q | EQ_K | EQ_V | EQ_O | EQ_GATE | EQ_UP | EQ_DOWN
};

/* What published experiments rounded (their names for the sets: W, ALL, REC): a clause by itself. */
static const struct preset {
  const char *name;
  const char *contains; /* in the parameter's name */
  unsigned but_roles;   /* left out: parameters that have all of these; 0: none */
  struct eq_scheme scheme;
} presets[] = {
#define SEED_SCHEME \
  { .kind = EQ_INT, .bits = 4, .granularity = EQ_PER_TENSOR }
  { "seed-w", "weight", 0, SEED_SCHEME },
  { "seed-all", "", 0, SEED_SCHEME },
  { "seed-rec", "weight", EQ_FINAL | EQ_NORM, SEED_SCHEME },
};
enum { N_PRESETS = sizeof presets / sizeof *presets };

/* ---- a recipe ---- */

/* How a selector names layers, and what its `first` and `last` are then. */
enum layer_form {
  ANY_LAYER,
  ABSOLUTE, /* L3, L0-3: from 0, `last` included */
  FRACTION, /* L0.75: numerator, and denominator, a power of ten */
  FROM_END, /* L-1: `first` is 1 for the last layer */
};

struct selector {
  size_t part; /* of parts */
  enum { NO_ITEM, A_HEAD, AN_EXPERT } item;
  uint64_t index;      /* of the item */
  struct eq_pick pick; /* which weights */
  struct eq_str glob;  /* of NAME; in the text */
  enum layer_form form;
  uint64_t first, last; /* see layer_form */
  size_t at;            /* byte in the text, for messages */
};

struct clause {
  const struct preset *preset; /* NULL: the selectors and scheme that follow */
  size_t at;                   /* byte in the text */
  size_t first, n;             /* its selectors */
  struct eq_steps steps;
};

struct eq_recipe {
  char *text;
  struct eq_buffer canonical;
  struct selector *selectors;
  struct clause *clauses;
  size_t n_selectors, n_clauses, selectors_capacity, clauses_capacity;
};

/* ---- words ---- */

/* Takes what is before the first `mark` from *rest, trimmed; false, and nothing is left, when there is no mark. */
static bool split(struct eq_str *rest, char mark, struct eq_str *piece) {
  const char *at = rest->n ? memchr(rest->p, mark, rest->n) : NULL;
  size_t n = at ? (size_t)(at - rest->p) : rest->n;
  *piece = eq_trim((struct eq_str){ rest->p, n });
  n += at != NULL;
  *rest = (struct eq_str){ rest->p + n, rest->n - n };
  return at != NULL;
}

static bool is_digit(struct eq_str s, size_t i) { return i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; }

/* ---- messages: what is known, from the tables ---- */

static bool fail_known(const char *text, const char *place, struct eq_err *err, const char *what, struct eq_str found,
                       struct eq_buffer *known) {
  EQ_FAIL_AT(text, place, err, "unknown %s '%.*s': known are %s", what, EQ_STR(found),
             known->failed ? "" : known->data);
  eq_buffer_free(known);
  return false;
}

static bool fail_selector(const char *text, struct eq_str found, struct eq_err *err) {
  struct eq_buffer known = { 0 };
  for (size_t i = 0; i < NAME; i++) eq_buffer_format(&known, "%s, ", parts[i].name);
  eq_buffer_string(&known, "L3, L0-3, L-1, L0.75, L3.mlp, L3.attn.h5, L3.e7, top5%, rand5%@7, name:GLOB");
  return fail_known(text, found.p, err, "selector", found, &known);
}

static bool fail_layer_part(const char *text, struct eq_str found, struct eq_err *err) {
  struct eq_buffer known = { 0 };
  for (size_t i = 0; i < NAME; i++)
    if (parts[i].in_layer) eq_buffer_format(&known, "%s, ", parts[i].name);
  eq_buffer_string(&known, "attn.h5, e7, top5%, rand5%@7");
  return fail_known(text, found.p, err, "part of a layer", found, &known);
}

/* ---- selectors ---- */

/* "0.75" as 75 / 100, so that the layer is exact; false unless 0 to 1 with at most 9 digits after the point. */
static bool parse_fraction(struct eq_str s, uint64_t *numerator, uint64_t *denominator) {
  if (s.n < 3 || (s.p[0] != '0' && s.p[0] != '1') || s.p[1] != '.') return false;
  while (s.n > 2 && s.p[s.n - 1] == '0') s.n--;
  uint64_t digits = 0;
  *denominator = 1;
  if (s.n > 2 && (s.n > 11 || !eq_parse_u64(eq_str_from(s, 2), &digits))) return false;
  for (size_t i = 2; i < s.n; i++) *denominator *= 10;
  *numerator = (uint64_t)(s.p[0] - '0') * *denominator + digits;
  return *numerator <= *denominator;
}

/* What follows the L: 3, 0-3, -1 or 0.75. */
static bool parse_layers(struct eq_str s, struct selector *out) {
  struct eq_str last = s, first;
  if (eq_str_starts(s, "-")) {
    out->form = FROM_END;
    return eq_parse_u64(eq_str_from(s, 1), &out->first) && out->first > 0;
  }
  if (s.n && memchr(s.p, '.', s.n)) {
    out->form = FRACTION;
    return parse_fraction(s, &out->first, &out->last);
  }
  out->form = ABSOLUTE;
  bool range = split(&last, '-', &first);
  if (!eq_parse_u64(first, &out->first)) return false;
  out->last = out->first;
  return !range || (eq_parse_u64(last, &out->last) && out->first <= out->last);
}

static bool find_part(struct eq_str name, bool in_layer, size_t *part) {
  for (size_t i = 0; i < NAME; i++)
    if (eq_str_is(name, parts[i].name) && (parts[i].in_layer || !in_layer)) return *part = i, true;
  return false;
}

static bool is_layer(struct eq_str s) { return eq_str_starts(s, "L") && (is_digit(s, 1) || eq_str_starts(s, "L-")); }

/* top5%, rand5%@7. */
static bool parse_pick(struct eq_str s, struct eq_pick *pick) {
  struct eq_str seed = { NULL, 0 }, share = s;
  bool is_random = eq_str_starts(s, "rand");
  if (!is_random && !eq_str_starts(s, "top")) return false;
  *pick = (struct eq_pick){ .kind = is_random ? EQ_PICK_RANDOM : EQ_PICK_LARGEST };
  share = eq_str_from(s, is_random ? 4 : 3);
  const char *at = is_random && share.n ? memchr(share.p, '@', share.n) : NULL;
  if (at) {
    seed = eq_str_from(share, (size_t)(at + 1 - share.p));
    share.n = (size_t)(at - share.p);
    if (!eq_parse_u64(seed, &pick->seed)) return false;
  }
  if (share.n < 2 || share.p[share.n - 1] != '%') return false;
  share.n--;
  if (!eq_decimal_parse(share, &pick->share) || pick->share.n > 100 * pick->share.unit) return false;
  if (pick->share.unit > 10000000) return false; /* the share of one has two digits more */
  pick->share.unit *= 100;
  return true;
}

/* h5, e7. */
static bool parse_item(struct eq_str s, char letter, uint64_t *index) {
  return s.n > 1 && s.p[0] == letter && eq_parse_u64(eq_str_from(s, 1), index);
}

static bool parse_layer_part(struct eq_str s, struct selector *out) {
  static const char attn[] = "attn.";
  if (parse_pick(s, &out->pick)) return true;
  if (parse_item(s, 'e', &out->index)) {
    out->item = AN_EXPERT;
    return true;
  }
  if (!eq_str_starts(s, attn)) return find_part(s, true, &out->part);
  if (!parse_item(eq_str_from(s, strlen(attn)), 'h', &out->index)) return false;
  out->item = A_HEAD;
  return find_part(eq_str("attn"), true, &out->part);
}

/* L3, L3.mlp: the part begins at the first point that no digit follows. */
static bool parse_layer_selector(const char *text, struct eq_str s, struct selector *out, struct eq_err *err) {
  size_t point = 1;
  while (point < s.n && !(s.p[point] == '.' && !is_digit(s, point + 1))) point++;
  if (!parse_layers((struct eq_str){ s.p + 1, point - 1 }, out))
    return EQ_FAIL_AT(text, s.p, err,
                      "layers are L3, L0-3, L-1 (the last) or L0.75 (three quarters down, at most 9 digits)");
  if (point == s.n || parse_layer_part(eq_str_from(s, point + 1), out)) return true;
  return fail_layer_part(text, eq_str_from(s, point + 1), err);
}

static bool parse_selector(const char *text, struct eq_str s, struct selector *out, struct eq_err *err) {
  *out = (struct selector){ .part = ALL, .at = (size_t)(s.p - text) };
  if (s.n == 0) return EQ_FAIL_AT(text, s.p, err, "expected a selector here");
  if (is_layer(s)) return parse_layer_selector(text, s, out, err);
  if (eq_str_starts(s, parts[NAME].name)) {
    out->part = NAME;
    out->glob = eq_trim(eq_str_from(s, strlen(parts[NAME].name)));
    return out->glob.n || EQ_FAIL_AT(text, s.p, err, "expected a pattern after name:, such as name:*.c_fc.weight");
  }
  return parse_pick(s, &out->pick) || find_part(s, false, &out->part) || fail_selector(text, s, err);
}

static void print_fraction(struct eq_buffer *out, const struct selector *s) {
  int digits = 0;
  for (uint64_t d = s->last; d > 1; d /= 10) digits++;
  eq_buffer_format(out, "%" PRIu64 ".%0*" PRIu64, s->first / s->last, digits ? digits : 1, s->first % s->last);
}

static void print_pick(struct eq_buffer *out, struct eq_pick pick) {
  struct eq_decimal percent = { pick.share.n, pick.share.unit / 100 };
  eq_buffer_string(out, pick.kind == EQ_PICK_RANDOM ? "rand" : "top");
  eq_decimal_print(out, percent);
  eq_buffer_string(out, "%");
  if (pick.kind == EQ_PICK_RANDOM) eq_buffer_format(out, "@%" PRIu64, pick.seed);
}

static void print_selector(struct eq_buffer *out, const struct selector *s) {
  bool picks = s->pick.kind != EQ_PICK_ALL, named = s->part != ALL || (s->form == ANY_LAYER && !picks);
  if (s->form != ANY_LAYER) eq_buffer_string(out, "L");
  if (s->form == ABSOLUTE) eq_buffer_format(out, "%" PRIu64, s->first);
  if (s->form == ABSOLUTE && s->last > s->first) eq_buffer_format(out, "-%" PRIu64, s->last);
  if (s->form == FRACTION) print_fraction(out, s);
  if (s->form == FROM_END) eq_buffer_format(out, "-%" PRIu64, s->first);
  if (s->form != ANY_LAYER && (named || picks || s->item)) eq_buffer_string(out, ".");
  if (named) eq_buffer_string(out, parts[s->part].name);
  if (s->item) eq_buffer_format(out, "%s%" PRIu64, s->item == A_HEAD ? ".h" : "e", s->index);
  if (picks) print_pick(out, s->pick);
  eq_buffer_add(out, s->glob.p, s->glob.n);
}

static int compare_u64(uint64_t a, uint64_t b) { return (a > b) - (a < b); }

/* The canonical order; L-2 comes before L-1. */
static int compare_selectors(const struct selector *a, const struct selector *b) {
  int order = (a->form > b->form) - (a->form < b->form);
  if (!order && a->form == FRACTION) order = compare_u64(a->first * b->last, b->first * a->last);
  if (!order && a->form == FROM_END) order = compare_u64(b->first, a->first);
  if (!order && a->form == ABSOLUTE) order = compare_u64(a->first, b->first);
  if (!order && a->form == ABSOLUTE) order = compare_u64(a->last, b->last);
  if (!order) order = compare_u64(a->part, b->part);
  if (!order) order = compare_u64(a->item, b->item);
  if (!order) order = compare_u64(a->index, b->index);
  if (!order) order = compare_u64(a->pick.kind, b->pick.kind);
  if (!order && a->pick.kind)
    order = compare_u64(a->pick.share.n * b->pick.share.unit, b->pick.share.n * a->pick.share.unit);
  if (!order) order = compare_u64(a->pick.seed, b->pick.seed);
  return order ? order : eq_str_compare(a->glob, b->glob);
}

/* For qsort: of equal ones, the first in the text first. */
static int compare_selectors_at(const void *a, const void *b) {
  const struct selector *x = a, *y = b;
  int order = compare_selectors(x, y);
  return order ? order : compare_u64(x->at, y->at);
}

/* ---- clauses ---- */

static bool add_selector(struct eq_recipe *r, struct selector selector, struct eq_err *err) {
  if (r->n_selectors == SELECTORS_MAX)
    return eq_fail_at(err, "recipe", r->text, selector.at, "more than %d selectors", SELECTORS_MAX);
  struct selector *grown = eq_array_grow(r->selectors, r->n_selectors, &r->selectors_capacity, sizeof *grown);
  if (!grown) return eq_fail_memory(err, r->n_selectors * sizeof *grown, "a recipe");
  r->selectors = grown;
  r->selectors[r->n_selectors++] = selector;
  return true;
}

/* Not over what is pruned by a share of all that the clause touches. */
static bool joins(const struct clause *before, const struct clause *c) {
  return eq_steps_equal(&before->steps, &c->steps) && !c->steps.step[0].global;
}

/* A clause joins the one before it when that does the same; else it is a new one. Its selectors are added already. */
static bool add_clause(struct eq_recipe *r, struct clause clause, struct eq_err *err) {
  struct clause *before = r->n_clauses ? &r->clauses[r->n_clauses - 1] : NULL;
  if (before && before->preset == clause.preset && joins(before, &clause)) {
    before->n += clause.n;
    return true;
  }
  struct clause *grown = eq_array_grow(r->clauses, r->n_clauses, &r->clauses_capacity, sizeof *grown);
  if (!grown) return eq_fail_memory(err, r->n_clauses * sizeof *grown, "a recipe");
  r->clauses = grown;
  r->clauses[r->n_clauses++] = clause;
  return true;
}

static const struct preset *find_preset(struct eq_str s) {
  for (size_t i = 0; i < N_PRESETS; i++)
    if (eq_str_is(s, presets[i].name)) return &presets[i];
  return NULL;
}

static bool fail_bare(const char *text, struct eq_str found, struct eq_err *err) {
  struct eq_buffer known = { 0 };
  eq_scheme_names(&known);
  for (size_t i = 0; i < N_PRESETS; i++) eq_buffer_format(&known, ", %s", presets[i].name);
  return fail_known(text, found.p, err, "scheme or preset", found, &known);
}

/* A clause without selectors: a preset, or a scheme for all. */
static bool parse_bare(struct eq_recipe *r, struct eq_str s, struct eq_err *err) {
  struct clause clause = { .preset = find_preset(s), .at = (size_t)(s.p - r->text), .first = r->n_selectors };
  struct selector selector;
  if (s.n == 0) return EQ_FAIL_AT(r->text, s.p, err, "expected a clause here: SELECTOR=SCHEME, a scheme or a preset");
  if (eq_str_is(s, "none")) return EQ_FAIL_AT(r->text, s.p, err, "none, the untouched model, stands alone");
  if (parse_selector(r->text, s, &selector, NULL))
    return EQ_FAIL_AT(r->text, s.p + s.n, err, "expected '=' and a scheme after a selector");
  if (clause.preset) {
    clause.steps = (struct eq_steps){ 1, { clause.preset->scheme } };
    return add_clause(r, clause, err);
  }
  if (!eq_scheme_begins(s)) return fail_bare(r->text, s, err);
  clause.n = 1;
  return eq_steps_parse(r->text, s, &clause.steps, err) &&
         add_selector(r, (struct selector){ .part = ALL, .at = clause.at }, err) && add_clause(r, clause, err);
}

static bool parse_clause(struct eq_recipe *r, struct eq_str s, struct eq_err *err) {
  struct eq_str scheme = s, selectors, one;
  if (eq_scheme_begins(s) || !split(&scheme, '=', &selectors)) return parse_bare(r, s, err);
  struct clause clause = { .at = (size_t)(s.p - r->text), .first = r->n_selectors };
  for (bool more = true; more;) {
    struct selector selector;
    more = split(&selectors, ',', &one);
    if (!parse_selector(r->text, one, &selector, err) || !add_selector(r, selector, err)) return false;
  }
  clause.n = r->n_selectors - clause.first;
  scheme = eq_trim(scheme);
  if (scheme.n == 0) return EQ_FAIL_AT(r->text, scheme.p, err, "expected a scheme after '='");
  return eq_steps_parse(r->text, scheme, &clause.steps, err) && add_clause(r, clause, err);
}

static bool check_text(const char *text, struct eq_err *err) {
  size_t n = strnlen(text, TEXT_MAX + 1), invalid;
  if (n > TEXT_MAX) return eq_fail(err, EQ_BAD, "recipe: longer than %d bytes", TEXT_MAX);
  if ((invalid = eq_utf8_invalid(text, n)) < n) return EQ_FAIL_AT(text, text + invalid, err, "not valid UTF-8");
  for (size_t i = 0; i < n; i++)
    if (((unsigned char)text[i] < 0x20 && !eq_is_blank(text[i])) || text[i] == 0x7f)
      return EQ_FAIL_AT(text, text + i, err, "a control character");
  return true;
}

static bool parse_clauses(struct eq_recipe *r, struct eq_err *err) {
  struct eq_str rest = eq_trim(eq_str(r->text)), clause;
  if (rest.n == 0) return EQ_FAIL_AT(r->text, rest.p, err, "an empty recipe; the untouched model is none");
  if (eq_str_is(rest, "none")) return true;
  for (bool more = true; more;) {
    more = split(&rest, ';', &clause);
    if (!parse_clause(r, clause, err)) return false;
  }
  return true;
}

/* ---- the canonical form ---- */

/* Sorts the selectors of a clause and drops the repeated. */
static void sort_selectors(struct eq_recipe *r, struct clause *c) {
  if (c->n == 0) return; /* a preset has none, and perhaps no clause has: then there is no array */
  struct selector *s = r->selectors + c->first;
  size_t kept = 0;
  qsort(s, c->n, sizeof *s, compare_selectors_at);
  for (size_t i = 0; i < c->n; i++)
    if (kept == 0 || compare_selectors(&s[kept - 1], &s[i])) s[kept++] = s[i];
  c->n = kept;
}

static void print_clause(const struct eq_recipe *r, const struct clause *c, struct eq_buffer *out) {
  if (c->preset) {
    eq_buffer_string(out, c->preset->name);
    return;
  }
  const struct selector *s = r->selectors + c->first;
  bool bare = c->n == 1 && s->form == ANY_LAYER && s->part == ALL && s->pick.kind == EQ_PICK_ALL;
  for (size_t i = 0; !bare && i < c->n; i++) {
    print_selector(out, &s[i]);
    eq_buffer_string(out, i + 1 < c->n ? "," : "=");
  }
  eq_steps_print(out, &c->steps);
}

static bool make_canonical(struct eq_recipe *r, struct eq_err *err) {
  if (r->n_clauses == 0) eq_buffer_string(&r->canonical, "none");
  for (size_t i = 0; i < r->n_clauses; i++) {
    sort_selectors(r, &r->clauses[i]);
    if (i) eq_buffer_string(&r->canonical, ";");
    print_clause(r, &r->clauses[i], &r->canonical);
  }
  if (r->canonical.failed) return eq_fail_memory(err, r->canonical.size, "a recipe");
  return r->canonical.size <= TEXT_MAX ||
         eq_fail(err, EQ_BAD, "recipe: longer than %d bytes when its defaults are spelled", TEXT_MAX);
}

struct eq_recipe *eq_recipe_parse(const char *text, struct eq_err *err) {
  if (!check_text(text, err)) return NULL;
  struct eq_recipe *r = eq_array(1, sizeof *r);
  if (r) r->text = eq_copy_string(text, strlen(text));
  bool ok = (r && r->text) || eq_fail_memory(err, strlen(text), "a recipe");
  if (ok && parse_clauses(r, err) && make_canonical(r, err)) return r;
  eq_recipe_free(r);
  return NULL;
}

void eq_recipe_free(struct eq_recipe *r) {
  if (!r) return;
  eq_buffer_free(&r->canonical);
  free(r->text);
  free(r->selectors);
  free(r->clauses);
  free(r);
}

const char *eq_recipe_canonical(const struct eq_recipe *r) { return r->canonical.data; }

char *eq_recipe_name(const char *text) {
  struct eq_recipe *r = eq_recipe_parse(text, NULL);
  const char *name = r ? eq_recipe_canonical(r) : text;
  char *copy = eq_copy_string(name, strlen(name));
  eq_recipe_free(r);
  return copy;
}

/* Of two parts of a model, or of a layer, with different roles of one of these sets, none has a weight of the other. */
static bool are_other_parts(unsigned a, unsigned b) {
  static const unsigned sets[] = { EQ_ATTN | EQ_MLP | EQ_EMBED | EQ_POS | EQ_NORM, PROJECTIONS };
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    if (a & sets[i] && b & sets[i] && a != b) return true;
  return false;
}

static bool selectors_are_apart(const struct selector *a, const struct selector *b) {
  bool layers = a->form == ABSOLUTE && b->form == ABSOLUTE;
  return (layers && (a->last < b->first || b->last < a->first)) ||
         are_other_parts(parts[a->part].roles, parts[b->part].roles);
}

static bool clauses_are_apart(const struct eq_recipe *r, const struct clause *a, const struct clause *b) {
  for (size_t i = 0; i < a->n; i++)
    for (size_t k = 0; k < b->n; k++)
      if (!selectors_are_apart(&r->selectors[a->first + i], &r->selectors[b->first + k])) return false;
  return a->n && b->n; /* a preset has no selectors */
}

bool eq_recipe_is_apart(const struct eq_recipe *r) {
  for (size_t i = 0; i < r->n_clauses; i++)
    for (size_t k = i + 1; k < r->n_clauses; k++)
      if (!clauses_are_apart(r, &r->clauses[i], &r->clauses[k])) return false;
  return true;
}

char *eq_recipe_base(const char *text) {
  struct eq_recipe *r = eq_recipe_parse(text, NULL);
  struct eq_buffer left = { 0 };
  for (size_t i = 0; r && i < r->n_clauses; i++) {
    if (r->clauses[i].steps.step[0].kind == EQ_KEEP) continue;
    if (left.size) eq_buffer_string(&left, ";");
    print_clause(r, &r->clauses[i], &left);
  }
  if (!left.size) eq_buffer_string(&left, "none");
  char *name = r && !left.failed ? eq_recipe_name(left.data) : NULL;
  eq_buffer_free(&left);
  eq_recipe_free(r);
  return name;
}

/* ---- matching ---- */

/* The layers of a selector as first..last; false when the model doesn't have them. */
static bool find_layers(const struct selector *s, uint64_t n_layers, uint64_t *first, uint64_t *last) {
  *first = s->first;
  *last = s->form == ABSOLUTE ? s->last : s->first;
  if (s->form == FROM_END) *first = *last = n_layers - s->first; /* wraps around when there are too few */
  if (s->form == FRACTION) {
    uint64_t layer = s->first * n_layers / s->last; /* floor; 1.0 is the last layer */
    *first = *last = layer < n_layers || n_layers == 0 ? layer : n_layers - 1;
  }
  return *last < n_layers;
}

/* What heads, attention, MLPs and layers bring goes through these. */
static bool brings(unsigned roles) { return roles & EQ_LINEAR && roles & (EQ_O | EQ_DOWN); }

/* May what this selects be replaced by its mean? */
static bool has_mean(const struct selector *s) {
  unsigned roles = parts[s->part].roles, may = EQ_ATTN | EQ_MLP | EQ_O | EQ_DOWN;
  return s->part != NAME && s->pick.kind == EQ_PICK_ALL && (roles & ~may) == 0;
}

static bool selects(const struct selector *s, const struct eq_parameter *p, enum eq_scheme_kind kind) {
  if (kind == EQ_MEAN && !brings(p->roles)) return false;
  const struct part *part = &parts[s->part];
  bool keeps = kind == EQ_KEEP && s->pick.kind == EQ_PICK_ALL, zeroes = kind == EQ_ZERO && s->pick.kind == EQ_PICK_ALL;
  bool linear = p->roles & EQ_LINEAR, its_bias = p->roles & EQ_BIAS && p->roles & (EQ_ATTN | EQ_MLP);
  if (part->roles && !(p->roles & part->roles)) return false;
  if (part->only_linear && !keeps && !linear && !(zeroes && its_bias)) return false;
  if (part->but_biases && !keeps && p->roles & EQ_BIAS) return false;
  if (s->item == AN_EXPERT && (!(p->roles & EQ_EXPERT) || p->expert != s->index)) return false;
  if (s->item == A_HEAD && !(p->roles & (EQ_Q | EQ_K | EQ_V | EQ_O))) return false;
  return s->glob.n == 0 || eq_glob_match(s->glob, p->name);
}

static bool preset_selects(const struct preset *preset, const struct eq_parameter *p) {
  bool left_out = preset->but_roles && (p->roles & preset->but_roles) == preset->but_roles;
  return !left_out && strstr(p->name, preset->contains);
}

/* What a model has, and what a recipe does to it so far. */
struct target {
  const struct eq_parameter *params;
  size_t n_params, n_layers;
  struct eq_treatment *made; /* [n_params] */
  size_t *capacity;          /* [n_params], of their overlays */
  size_t clause;             /* the one at hand */
  size_t group;              /* its, from 1; 0: it is not global */
};

static bool is_whole(const struct eq_parameter *p, const struct eq_overlay *o) {
  return o->pick.kind == EQ_PICK_ALL && eq_stretch_size(o->slice.rows) == p->rows &&
         eq_stretch_size(o->slice.cols) == p->cols;
}

/* The end of the block of s that index i is in; i when it is in none. */
static size_t block_end(struct eq_stretch s, size_t i) {
  size_t block = i < s.first ? s.blocks : (i - s.first) / s.stride;
  if (block >= s.blocks || (i - s.first) % s.stride >= s.size) return i;
  return s.first + block * s.stride + s.size;
}

static bool stretch_covers(struct eq_stretch a, struct eq_stretch b) {
  for (size_t k = 0; k < b.blocks; k++)
    if (block_end(a, b.first + k * b.stride) < b.first + k * b.stride + b.size) return false;
  return true;
}

/* Are all weights of b among those of a? */
static bool overlay_covers(const struct eq_overlay *a, const struct eq_overlay *b) {
  bool covers = stretch_covers(a->slice.rows, b->slice.rows) && stretch_covers(a->slice.cols, b->slice.cols);
  if (a->pick.kind == EQ_PICK_ALL) return covers;
  return covers && eq_pick_equal(a->pick, b->pick) && stretch_covers(b->slice.rows, a->slice.rows) &&
         stretch_covers(b->slice.cols, a->slice.cols);
}

/* The selectors of a clause are a union: what one of them covers already is not treated, nor counted, once more. */
static bool is_in_clause(const struct eq_treatment *made, const struct eq_overlay *o) {
  for (size_t k = made->n; k > 0 && made->overlays[k - 1].clause == o->clause; k--)
    if (overlay_covers(&made->overlays[k - 1], o)) return true;
  return false;
}

static void remove_covered(struct eq_treatment *made, const struct eq_overlay *o) {
  size_t left = 0;
  for (size_t k = 0; k < made->n; k++)
    if (!overlay_covers(o, &made->overlays[k])) made->overlays[left++] = made->overlays[k];
  made->n = left;
}

/* What covers all of an overlay, or of the parameter, replaces it; to keep what nothing was done to is nothing. */
static bool add_overlay(struct target *t, size_t i, struct eq_overlay o, struct eq_err *err) {
  struct eq_treatment *made = &t->made[i];
  bool keeps = o.steps.step[0].kind == EQ_KEEP;
  if (is_in_clause(made, &o)) return true;
  if (o.pick.kind == EQ_PICK_ALL) remove_covered(made, &o);
  if (is_whole(&t->params[i], &o)) made->n = 0;
  if (made->n == 0 && keeps) return true;
  struct eq_overlay *grown = eq_array_grow(made->overlays, made->n, &t->capacity[i], sizeof *grown);
  if (!grown) return eq_fail_memory(err, made->n * sizeof *grown, "a recipe");
  made->overlays = grown;
  made->overlays[made->n++] = o;
  return true;
}

/* Do those of n overlays that take whole rows (or columns) together take all of them? */
static bool union_covers(const struct eq_parameter *p, const struct eq_overlay *o, size_t n, bool by_rows) {
  for (size_t at = 0, end; at < (by_rows ? p->rows : p->cols); at = end) {
    end = at;
    for (size_t k = 0; k < n; k++) {
      size_t across = eq_stretch_size(by_rows ? o[k].slice.cols : o[k].slice.rows);
      if (o[k].pick.kind != EQ_PICK_ALL || across != (by_rows ? p->cols : p->rows)) continue;
      size_t block = block_end(by_rows ? o[k].slice.rows : o[k].slice.cols, at);
      end = block > end ? block : end;
    }
    if (end == at) return false;
  }
  return true;
}

/* What is kept in all of its parts is kept. */
static void drop_kept(const struct eq_parameter *p, struct eq_treatment *made) {
  size_t n = 0;
  while (n < made->n && made->overlays[made->n - 1 - n].steps.step[0].kind == EQ_KEEP) n++;
  if (n == 0) return;
  const struct eq_overlay *last = made->overlays + (made->n - n);
  if (union_covers(p, last, n, true) || union_covers(p, last, n, false)) made->n = 0;
}

static struct eq_overlay overlay_of(const struct target *t, const struct eq_steps *steps, struct eq_slice slice) {
  return (struct eq_overlay){ .slice = slice, .steps = *steps, .clause = t->clause, .group = t->group };
}

/* The parts of a parameter that a selector means. */
static bool cover(const struct selector *s, const struct eq_steps *steps, struct target *t, size_t i,
                  struct eq_err *err) {
  const struct eq_parameter *p = &t->params[i];
  unsigned wanted = parts[s->part].roles;
  struct eq_overlay o = overlay_of(t, steps, eq_slice_whole(p));
  o.pick = s->pick;
  if (s->item == A_HEAD) {
    for (unsigned role = EQ_Q; role <= EQ_O; role *= 2) {
      bool shared = role & (EQ_K | EQ_V) && p->heads->n > p->heads->n_kv;
      if (!(p->roles & role) || (shared && steps->step[0].kind == EQ_ZERO)) continue;
      if (eq_slice_head(p, role, s->index, &o.slice) && !add_overlay(t, i, o, err)) return false;
    }
    return true;
  }
  if (wanted & PROJECTIONS) o.slice = eq_slice_projection(p, wanted);
  return add_overlay(t, i, o, err);
}

static bool fail_layers(const struct eq_recipe *r, size_t at, size_t n_layers, struct eq_err *err) {
  if (n_layers == 0) return eq_fail_at(err, "recipe", r->text, at, "the model has no layers");
  return eq_fail_at(err, "recipe", r->text, at, "the model has layers L0-L%zu", n_layers - 1);
}

static bool fail_untouched(const struct eq_recipe *r, size_t at, struct eq_err *err) {
  return eq_fail_at(err, "recipe", r->text, at, "this selects no parameter of the model");
}

static bool apply_selector(const struct eq_recipe *r, const struct selector *s, const struct eq_steps *steps,
                           struct target *t, struct eq_err *err) {
  uint64_t first = 0, last = 0;
  size_t touched = 0;
  if (steps->step[0].kind == EQ_MEAN && !has_mean(s))
    return eq_fail_at(err, "recipe", r->text, s->at, "mean takes a head, attn, mlp, o, down, a layer, or all of them");
  if (s->form != ANY_LAYER && !find_layers(s, t->n_layers, &first, &last))
    return fail_layers(r, s->at, t->n_layers, err);
  for (size_t i = 0; i < t->n_params; i++) {
    const struct eq_parameter *p = &t->params[i];
    if (s->form != ANY_LAYER && (p->layer < 0 || (uint64_t)p->layer < first || (uint64_t)p->layer > last)) continue;
    if (!selects(s, p, steps->step[0].kind)) continue;
    if (s->item == A_HEAD && s->index >= p->heads->n)
      return eq_fail_at(err, "recipe", r->text, s->at, "the model has heads h0-h%zu", p->heads->n - 1);
    if (!cover(s, steps, t, i, err)) return false;
    touched++;
  }
  return touched || fail_untouched(r, s->at, err);
}

static bool apply_preset(const struct eq_recipe *r, const struct clause *c, struct target *t, struct eq_err *err) {
  size_t touched = 0;
  for (size_t i = 0; i < t->n_params; i++)
    if (preset_selects(c->preset, &t->params[i])) {
      if (!add_overlay(t, i, overlay_of(t, &c->steps, eq_slice_whole(&t->params[i])), err)) return false;
      touched++;
    }
  return touched || fail_untouched(r, c->at, err);
}

static bool apply_clauses(const struct eq_recipe *r, struct target *t, struct eq_treatments *all, struct eq_err *err) {
  for (size_t i = 0; i < r->n_clauses; i++) {
    const struct clause *c = &r->clauses[i];
    t->clause = i;
    t->group = c->steps.step[0].global ? ++all->n_groups : 0;
    if (c->preset && !apply_preset(r, c, t, err)) return false;
    for (size_t j = 0; j < c->n; j++)
      if (!apply_selector(r, &r->selectors[c->first + j], &c->steps, t, err)) return false;
  }
  return true;
}

/* FNV-1a. */
static uint64_t stream_of(const char *name) {
  uint64_t h = 0xcbf29ce484222325u;
  while (*name) h = (h ^ (unsigned char)*name++) * 0x100000001b3u;
  return h;
}

bool eq_recipe_resolve(const struct eq_recipe *r, const struct eq_parameter *params, size_t n_params, size_t n_layers,
                       struct eq_treatments *all, const struct eq_treatment **treatments, struct eq_err *err) {
  struct target t = {
    params, n_params, n_layers, eq_array(n_params, sizeof *t.made), eq_array(n_params, sizeof *t.capacity), 0, 0
  };
  bool ok = t.made && t.capacity ? true : eq_fail_memory(err, n_params * sizeof *t.made, "a recipe");
  ok = ok && apply_clauses(r, &t, all, err);
  for (size_t i = 0; i < n_params && t.made && t.capacity; i++) {
    struct eq_treatment *made = &t.made[i];
    made->param = i, made->name = params[i].name, made->rows = params[i].rows, made->cols = params[i].cols;
    made->stream = stream_of(params[i].name);
    drop_kept(&params[i], made);
    treatments[i] = ok ? eq_treatments_intern(all, n_params, made, &ok, err) : NULL;
    free(made->overlays);
  }
  free(t.made), free(t.capacity);
  return ok;
}

char *eq_recipe_shared_head(const struct eq_recipe *r, const struct eq_heads *heads) {
  if (heads->n == heads->n_kv) return NULL;
  for (size_t i = 0; i < r->n_selectors; i++) {
    if (r->selectors[i].item != A_HEAD) continue;
    struct eq_buffer name = { 0 };
    print_selector(&name, &r->selectors[i]);
    return name.data;
  }
  return NULL;
}
