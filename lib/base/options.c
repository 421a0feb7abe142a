#include "lib/base/options.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/number.h"

struct found {
  const struct eq_option *option;
  void *field;
};

static struct found find(const struct eq_option_set *sets, size_t n_sets, char letter, struct eq_str name) {
  for (size_t s = 0; s < n_sets; s++)
    for (const struct eq_option *o = sets[s].table; o->help; o++)
      if (o->type != EQ_HEADING && (letter ? o->letter == letter : eq_str_is(name, o->name)))
        return (struct found){ o, (char *)sets[s].target + o->offset };
  return (struct found){ NULL, NULL };
}

/* Levenshtein distance of a short name to a known one; names over 31 bytes are far from everything. */
static size_t edit_distance(struct eq_str a, struct eq_str b) {
  size_t row[32];
  if (a.n > 31 || b.n > 31) return 99;
  for (size_t j = 0; j <= b.n; j++) row[j] = j;
  for (size_t i = 1; i <= a.n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.n; j++) {
      size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]), best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
      diagonal = row[j];
      row[j] = change < best ? change : best;
    }
  }
  return row[b.n];
}

static bool unknown(const struct eq_option_set *sets, size_t n_sets, struct eq_str name, struct eq_err *err) {
  const char *nearest = NULL;
  size_t least = 3;
  for (size_t s = 0; s < n_sets; s++)
    for (const struct eq_option *o = sets[s].table; o->help; o++) {
      size_t d = o->type == EQ_HEADING ? 99 : edit_distance(name, eq_str(o->name));
      if (d < least) least = d, nearest = o->name;
    }
  if (nearest) return eq_fail(err, EQ_BAD, "unknown option --%.*s: did you mean --%s?", EQ_STR(name), nearest);
  return eq_fail(err, EQ_BAD, "unknown option --%.*s: -h lists the options", EQ_STR(name));
}

static bool store(struct found f, const char *value, struct eq_err *err) {
  const char *name = f.option->name;
  struct eq_texts *list = f.field;
  switch (f.option->type) {
  case EQ_FLAG: *(bool *)f.field = true; return true;
  case EQ_TEXT: *(const char **)f.field = value; return true;
  case EQ_UINT:
    if (eq_parse_u64(eq_str(value), f.field)) return true;
    return eq_fail(err, EQ_BAD, "--%s: '%s' is not a whole number of 0 or more", name, value);
  case EQ_REAL:
    if (eq_parse_f64(eq_str(value), f.field)) return true;
    return eq_fail(err, EQ_BAD, "--%s: '%s' is not a number", name, value);
  case EQ_TEXTS: {
    const char **more = realloc(list->items, (list->n + 1) * sizeof *more);
    if (!more) return eq_fail_memory(err, sizeof *more, "options");
    list->items = more;
    list->items[list->n++] = value;
    return true;
  }
  case EQ_HEADING: break;
  }
  return true;
}

/* One argument of argv being read: where it is, and what is recorded of it. */
struct parse {
  const struct eq_option_set *sets;
  size_t n_sets;
  int argc, at;
  char **argv;
  const char **recorded;
  size_t n_recorded;
  struct eq_err *err;
};

static void record(struct parse *p, const char *argument) {
  if (p->recorded) p->recorded[p->n_recorded] = argument;
  p->n_recorded++;
}

/* The value of an option that takes one: what is left of its argument, or the next argument. */
static const char *value_of(struct parse *p, struct found f, const char *rest) {
  if (f.option->type == EQ_FLAG || rest) return rest;
  if (p->at + 1 < p->argc) return p->argv[++p->at];
  eq_fail(p->err, EQ_BAD, "--%s needs a value: %s", f.option->name, f.option->argument);
  return NULL;
}

static bool parse_long(struct parse *p) {
  const char *argument = p->argv[p->at], *equals = strchr(argument, '=');
  struct eq_str name = { argument + 2, equals ? (size_t)(equals - argument - 2) : strlen(argument + 2) };
  struct found f = find(p->sets, p->n_sets, 0, name);
  if (!f.option) return unknown(p->sets, p->n_sets, name, p->err);
  if (f.option->type == EQ_FLAG && equals) return eq_fail(p->err, EQ_BAD, "--%s takes no value", f.option->name);
  int first = p->at;
  const char *value = value_of(p, f, equals ? equals + 1 : NULL);
  if (p->err->code || !store(f, value, p->err)) return false;
  for (int i = first; i <= p->at && !f.option->neutral; i++) record(p, p->argv[i]);
  return true;
}

static bool parse_letters(struct parse *p) {
  int first = p->at;
  bool neutral = true;
  for (const char *c = p->argv[first] + 1; *c; c++) {
    struct found f = find(p->sets, p->n_sets, *c, (struct eq_str){ 0 });
    if (!f.option) return eq_fail(p->err, EQ_BAD, "unknown option -%c: -h lists the options", *c);
    neutral = neutral && f.option->neutral;
    bool flag = f.option->type == EQ_FLAG;
    const char *value = value_of(p, f, !flag && c[1] ? c + 1 : NULL);
    if (p->err->code || !store(f, value, p->err)) return false;
    if (!flag) break;
  }
  for (int i = first; i <= p->at && !neutral; i++) record(p, p->argv[i]);
  return true;
}

bool eq_options_parse(const struct eq_option_set *sets, size_t n_sets, int argc, char **argv, size_t *n_operands,
                      const char **recorded, size_t *n_recorded, struct eq_err *err) {
  struct parse p = { sets, n_sets, argc, 1, argv, recorded, 0, err };
  bool options = true;
  *n_operands = 0;
  for (; p.at < argc; p.at++) {
    char *a = argv[p.at];
    if (options && strcmp(a, "--") == 0)
      options = false;
    else if (options && a[0] == '-' && a[1] == '-') {
      if (!parse_long(&p)) return false;
    } else if (options && a[0] == '-' && a[1]) {
      if (!parse_letters(&p)) return false;
    } else {
      argv[++*n_operands] = a; /* never ahead of p.at */
      record(&p, a);
    }
  }
  if (n_recorded) *n_recorded = p.n_recorded;
  return true;
}

void eq_options_help(const struct eq_option *table, struct eq_buffer *out) {
  for (const struct eq_option *o = table; o->help; o++) {
    if (o->type == EQ_HEADING) {
      eq_buffer_format(out, "%s:\n", o->help);
      continue;
    }
    char left[64];
    struct eq_buffer b = { 0 };
    if (o->letter)
      eq_buffer_format(&b, "  -%c, --%s", o->letter, o->name);
    else
      eq_buffer_format(&b, "      --%s", o->name);
    if (o->argument) eq_buffer_format(&b, " %s", o->argument);
    size_t n = b.size < sizeof left - 1 ? b.size : sizeof left - 1;
    memcpy(left, b.data ? b.data : "", n);
    left[n] = 0;
    eq_buffer_free(&b);
    eq_buffer_format(out, "%-30s %s\n", left, o->help);
  }
}
