#include "lib/text/oniguruma.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/base/utf8.h"
#include "lib/text/properties.h"

enum { DEPTH_MAX = 50 };

/* An expression that is being read. */
struct reading {
  struct eq_str e;
  size_t at;
  struct eq_buffer *out;
  struct eq_err *err;
  int depth;
  struct options {
    bool fold, extended, dot_all; /* (?i), (?x), (?m) */
  } on;
  size_t atom;       /* where in `out` what a quantifier would repeat begins; SIZE_MAX: nothing that can be */
  uint32_t previous; /* the letter before, when case does not count; 0 when something else is */
};

static bool refuse(const struct reading *r, size_t at, const char *what) {
  return eq_fail(r->err, EQ_BAD, "pattern '%.*s': byte %zu: %s", EQ_STR(r->e), at, what);
}

static bool ends(const struct reading *r) { return r->at >= r->e.n; }

static char peek(const struct reading *r) { return ends(r) ? 0 : r->e.p[r->at]; }

/* Reads `text` if it stands there. */
static bool take(struct reading *r, const char *text) {
  size_t n = strlen(text);
  if (r->e.n - r->at < n || memcmp(r->e.p + r->at, text, n) != 0) return false;
  r->at += n;
  return true;
}

static void emit(struct reading *r, const char *text) { eq_buffer_string(r->out, text); }

static void emit_code(struct eq_buffer *out, uint32_t c) { eq_buffer_format(out, "\\x{%x}", c); }

/* Puts text before what stands in `out` from `at` on. */
static void insert(struct reading *r, size_t at, const char *text) {
  size_t n = strlen(text), rest = r->out->size - at;
  emit(r, text);
  if (r->out->failed) return;
  memmove(r->out->data + at + n, r->out->data + at, rest);
  memcpy(r->out->data + at, text, n);
}

/* ---- one character, spelled by an escape ---- */

static int digit_of(char c, unsigned base) {
  int value = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
  return value < (int)base ? value : -1;
}

/* Up to `most` digits; how many there were. */
static size_t read_digits(struct reading *r, unsigned base, size_t most, uint32_t *value) {
  size_t n = 0;
  *value = 0;
  for (int digit; n < most && (digit = digit_of(peek(r), base)) >= 0; n++, r->at++)
    *value = *value * base + (uint32_t)digit;
  return n;
}

static bool read_braced(struct reading *r, unsigned base, size_t start, uint32_t *c) {
  bool good = read_digits(r, base, 8, c) && take(r, "}") && *c <= 0x10FFFF && (*c < 0xD800 || *c > 0xDFFF);
  return good || refuse(r, start, "expected the number of one character in braces");
}

/* After a backslash: \x41 \x{41} \u0041 \o{101} \012 \cA \C-a. */
static bool read_number(struct reading *r, size_t start, uint32_t *c) {
  if (take(r, "x{")) return read_braced(r, 16, start, c);
  if (take(r, "o{")) return read_braced(r, 8, start, c);
  size_t expected = take(r, "x") ? 2 : take(r, "u") ? 4 : 0;
  if (expected) {
    bool good =
        read_digits(r, 16, expected, c) == expected && (expected == 4 || *c < 0x80) && (*c < 0xD800 || *c > 0xDFFF);
    return good || refuse(r, start, "expected a character as \\x41 (below 80), \\x{e9} or \\u00e9");
  }
  if (take(r, "c") || take(r, "C-")) {
    char letter = peek(r);
    if ((letter | 0x20) < 'a' || (letter | 0x20) > 'z') return refuse(r, start, "expected a letter after \\c");
    r->at++;
    *c = letter & 0x1F;
    return true;
  }
  return (read_digits(r, 8, 3, c) && *c < 0x80) || refuse(r, start, "an octal number above 177 is not supported");
}

/* After a backslash: any character that the escape stands for. */
static bool read_escaped(struct reading *r, bool in_class, uint32_t *c) {
  static const char letters[] = "tnrfvaeb", codes[] = "\t\n\r\f\v\a\x1b\b";
  size_t start = r->at - 1;
  if (ends(r)) return refuse(r, start, "ends in a backslash");
  char letter = peek(r), next = r->at + 1 < r->e.n ? r->e.p[r->at + 1] : 0;
  const char *known = strchr(letters, letter);
  if (known && (letter != 'b' || in_class)) {
    *c = (uint32_t)codes[known - letters];
    r->at++;
    return true;
  }
  if (letter == 'x' || letter == 'c' || (letter == 'u' && digit_of(next, 16) >= 0) || (letter == 'o' && next == '{') ||
      (letter == 'C') || digit_of(letter, in_class ? 8 : 1) >= 0)
    return read_number(r, start, c);
  if (letter == 'M' || (letter == 'u' && in_class)) return refuse(r, start, "this escape is not supported");
  r->at += eq_utf8_decode(r->e.p + r->at, r->e.n - r->at, c);
  return true;
}

/* ---- sets ---- */

/* A union of sets: members as in PCRE2's brackets, and "|X" for each other set X that matches one character. */
struct set {
  struct eq_buffer members, others;
};

static void set_free(struct set *s) {
  eq_buffer_free(&s->members);
  eq_buffer_free(&s->others);
}

static const char *text_of(const struct eq_buffer *b) { return b->size ? b->data : ""; }

static bool failed(const struct set *s) { return s->members.failed || s->others.failed; }

/* Writes what matches one character of a union, or one that is not of it. */
static void write_set(const struct set *s, bool negated, struct eq_buffer *out) {
  if (!s->others.size && !s->members.size)
    eq_buffer_string(out, negated ? "[\\x{0}-\\x{10ffff}]" : "(?:(?!))");
  else if (!s->others.size)
    eq_buffer_format(out, negated ? "[^%s]" : "[%s]", text_of(&s->members));
  else {
    eq_buffer_string(out, negated ? "(?:(?!" : "(?>");
    if (s->members.size) eq_buffer_format(out, "[%s]%s", text_of(&s->members), text_of(&s->others));
    if (!s->members.size) eq_buffer_string(out, text_of(&s->others) + 1);
    eq_buffer_string(out, negated ? ")(?s:.))" : ")");
  }
}

static void add_other(struct set *s, const struct set *other, bool negated) {
  eq_buffer_string(&s->others, "|");
  write_set(other, negated, &s->others);
}

static void add_union(struct set *s, const struct set *other) {
  eq_buffer_string(&s->members, text_of(&other->members));
  eq_buffer_string(&s->others, text_of(&other->others));
}

static void add_named(struct set *s, const struct eq_named_set *n, bool negated) {
  negated ^= n->inverted;
  if (n->except.size)
    eq_buffer_format(&s->others, negated ? "|(?>[%s]|[^%s])" : "|(?:(?![%s])[%s])", text_of(&n->except),
                     text_of(&n->members));
  else if (negated)
    eq_buffer_format(&s->others, "|[^%s]", text_of(&n->members));
  else
    eq_buffer_string(&s->members, text_of(&n->members));
}

/* After a backslash: \w \d \s \h, \p{...}, and their opposites. *found: there was one. */
static bool read_named(struct reading *r, enum eq_set_place place, struct set *s, bool *found) {
  static const struct {
    char letter;
    const char *name;
  } names[] = { { 'w', "word" }, { 'd', "digit" }, { 's', "space" }, { 'h', "xdigit" } };
  size_t start = r->at;
  struct eq_named_set named = { 0 };
  bool negated = peek(r) >= 'A' && peek(r) <= 'Z', good = true;
  *found = take(r, "p{") || take(r, "P{");
  if (*found) {
    const char *end = memchr(r->e.p + r->at, '}', r->e.n - r->at);
    negated ^= take(r, "^");
    struct eq_str name = { r->e.p + r->at, end ? (size_t)(end - r->e.p) - r->at : 0 };
    good = (end && eq_named_set_property(name, place, &named)) || refuse(r, start, "this property is not supported");
    if (end) r->at = (size_t)(end - r->e.p) + 1;
  }
  for (size_t i = 0; !*found && i < sizeof names / sizeof *names; i++)
    if ((peek(r) | 0x20) == names[i].letter) {
      *found = eq_named_set_property(eq_str(names[i].name), place, &named);
      r->at++;
    }
  if (good && *found) add_named(s, &named, negated);
  if (named.members.failed || named.except.failed) s->members.failed = true;
  eq_named_set_free(&named);
  return good;
}

/* [:name:] in a class, the [ before it is read. */
static bool read_posix(struct reading *r, struct set *s, bool *found) {
  struct reading ahead = *r;
  struct eq_named_set named = { 0 };
  *found = false;
  if (!take(&ahead, ":")) return true;
  bool negated = take(&ahead, "^"), good = true;
  size_t start = ahead.at;
  while ((peek(&ahead) | 0x20) >= 'a' && (peek(&ahead) | 0x20) <= 'z') ahead.at++;
  struct eq_str name = { r->e.p + start, ahead.at - start };
  if (take(&ahead, ":]")) {
    *found = true;
    good = eq_named_set_posix(name, &named) || refuse(r, start, "no such class of characters");
    if (good) add_named(s, &named, negated);
    if (named.members.failed || named.except.failed) s->members.failed = true;
    r->at = ahead.at;
  }
  eq_named_set_free(&named);
  return good;
}

/* ---- classes ---- */

/* [...] that is being read. */
struct class {
  struct set all;           /* since the last && */
  struct eq_buffer earlier; /* "(?=X)" for each X before an && */
  size_t start;
  bool negated, has_last; /* has_last: `last` may begin a range */
  uint32_t last;
};

static bool read_class(struct reading *r, struct set *s);

/* The character that stands there, alone or by an escape. */
static bool read_member(struct reading *r, uint32_t *c) {
  if (take(r, "\\")) return read_escaped(r, true, c);
  r->at += eq_utf8_decode(r->e.p + r->at, r->e.n - r->at, c);
  return true;
}

/* Where case does not count classes are of ASCII only: Oniguruma and PCRE2 do not fold the rest alike. */
static bool add_members(struct reading *r, struct class *c, uint32_t first, uint32_t last) {
  if (first > last) return refuse(r, c->start, "a range that ends before it begins");
  if (r->on.fold && last >= 0x80)
    return refuse(r, c->start, "a class of more than ASCII where case does not count is not supported");
  emit_code(&c->all.members, first);
  if (first < last) eq_buffer_string(&c->all.members, "-");
  if (first < last) emit_code(&c->all.members, last);
  c->has_last = first == last;
  c->last = last;
  return true;
}

static bool add_set_item(struct reading *r, struct class *c, bool found) {
  c->has_last = false;
  if (found && r->on.fold) return refuse(r, c->start, "sets in a class where case does not count are not supported");
  if (peek(r) == '-' && r->at + 1 < r->e.n && r->e.p[r->at + 1] != ']')
    return refuse(r, r->at, "a hyphen after a set is not supported");
  return true;
}

static bool read_nested(struct reading *r, struct class *c) {
  bool found;
  if (!read_posix(r, &c->all, &found) || (!found && !read_class(r, &c->all))) return false;
  return add_set_item(r, c, found);
}

static bool read_item(struct reading *r, struct class *c) {
  uint32_t first, last;
  bool found = false;
  if (take(r, "[")) return read_nested(r, c);
  if (c->has_last && peek(r) == '-' && r->at + 1 < r->e.n && r->e.p[r->at + 1] != ']') {
    r->at++;
    if (peek(r) == '[' || (peek(r) == '&' && r->at + 1 < r->e.n && r->e.p[r->at + 1] == '&'))
      return refuse(r, r->at, "a hyphen before a set is not supported");
    size_t escape = r->at;
    struct set ignored = { 0 };
    if (take(r, "\\") && !read_named(r, EQ_SET_IN_CLASS, &ignored, &found)) return false;
    set_free(&ignored);
    r->at = escape;
    if (found) return refuse(r, escape, "a range that ends in a set");
    return read_member(r, &last) && add_members(r, c, c->last, last) && !(c->has_last = false);
  }
  if (peek(r) == '\\') {
    r->at++;
    if (!read_named(r, EQ_SET_IN_CLASS, &c->all, &found)) return false;
    if (found) return add_set_item(r, c, true);
    r->at--;
  }
  return read_member(r, &first) && add_members(r, c, first, first);
}

/* What stands before an &&. */
static void end_operand(struct class *c) {
  eq_buffer_string(&c->earlier, "(?=");
  write_set(&c->all, false, &c->earlier);
  eq_buffer_string(&c->earlier, ")");
  set_free(&c->all);
  c->all = (struct set){ 0 };
  c->has_last = false;
}

/* The whole class, as a part of s. */
static void end_class(struct class *c, struct set *s) {
  if (c->earlier.size) {
    struct eq_buffer one = { 0 };
    write_set(&c->all, false, &one);
    set_free(&c->all);
    c->all = (struct set){ 0 };
    eq_buffer_format(&c->all.others, "|(?:%s%s)", text_of(&c->earlier), text_of(&one));
    eq_buffer_free(&one);
  }
  if (c->negated)
    add_other(s, &c->all, true);
  else
    add_union(s, &c->all);
}

static bool read_items(struct reading *r, struct class *c) {
  bool first = true;
  while (!ends(r) && (first || peek(r) != ']')) {
    if (take(r, "&&"))
      end_operand(c);
    else if (!read_item(r, c))
      return false;
    first = false;
  }
  return take(r, "]") || refuse(r, c->start, "a class without its end");
}

/* Adds the class whose [ is read. */
static bool read_class(struct reading *r, struct set *s) {
  struct class c = { .start = r->at - 1 };
  if (++r->depth > DEPTH_MAX) return refuse(r, r->at, "nested too deep");
  c.negated = take(r, "^");
  bool good = read_items(r, &c);
  if (good) end_class(&c, s);
  if (failed(&c.all) || c.earlier.failed) s->members.failed = true;
  set_free(&c.all);
  eq_buffer_free(&c.earlier);
  r->depth--;
  return good;
}

/* A set that stands alone: case does not count in it, except in a class. */
static bool emit_set(struct reading *r, struct set *s, bool is_class) {
  bool shield = r->on.fold && !is_class;
  r->atom = r->out->size;
  r->previous = 0;
  if (shield) emit(r, "(?-i:");
  bool one_negated = !s->members.size && s->others.size > 2 && s->others.data[1] == '[' &&
                     !strchr(s->others.data + 1, '|') && !failed(s);
  if (one_negated)
    emit(r, s->others.data + 1);
  else
    write_set(s, false, r->out);
  if (shield) emit(r, ")");
  if (failed(s)) r->out->failed = true;
  set_free(s);
  return true;
}

/* ---- outside of classes ---- */

/* A letter that case does not count for must fold to one letter, and not make one with its neighbour: where Oniguruma
 * takes ss for the sharp s PCRE2 does not. */
static bool check_fold(struct reading *r, size_t start, uint32_t c) {
  static const char *const pairs[] = { "ss", "st", "ff", "fi", "fl" };
  uint32_t small = c < 0x80 ? c | 0x20 : c, before = r->previous;
  utf8proc_category_t k = utf8proc_category((int32_t)c);
  r->previous = small;
  if (c >= 0x80 && k < UTF8PROC_CATEGORY_ND && k != UTF8PROC_CATEGORY_CN)
    return refuse(r, start, "letters beyond ASCII where case does not count are not supported");
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (before == (uint32_t)pairs[i][0] && small == (uint32_t)pairs[i][1])
      return refuse(r, start, "ss, st, ff, fi and fl where case does not count are not supported");
  return true;
}

static bool literal(struct reading *r, size_t start, uint32_t c) {
  if (r->on.fold && !check_fold(r, start, c)) return false;
  r->atom = r->out->size;
  emit_code(r->out, c);
  return true;
}

static bool constant(struct reading *r, const char *text, bool can_repeat) {
  r->atom = can_repeat ? r->out->size : SIZE_MAX;
  r->previous = 0;
  emit(r, text);
  return true;
}

/* \b and \B: what is a word is not what it is for PCRE2. */
static bool word_boundary(struct reading *r, bool inside) {
  struct eq_named_set word = { 0 };
  eq_named_set_property(eq_str("word"), EQ_SET_ALONE, &word);
  const char *w = text_of(&word.members);
  r->atom = SIZE_MAX;
  eq_buffer_format(r->out,
                   inside ? "(?-i:(?<=[%s])(?=[%s])|(?<![%s])(?![%s]))" : "(?-i:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))",
                   w, w, w, w);
  if (word.members.failed) r->out->failed = true;
  eq_named_set_free(&word);
  return true;
}

static bool is_name(char c) { return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

/* \k<name>, \1. */
static bool back_reference(struct reading *r, size_t start) {
  size_t at = r->at + 2;
  if (peek(r) != 'k') {
    const char text[] = { '\\', peek(r), 0 };
    struct reading octal = *r;
    uint32_t c;
    if (read_digits(&octal, 8, 3, &c) == 3 && c < 0x80) {
      r->at = octal.at;
      return literal(r, start, c);
    }
    r->at++;
    if (digit_of(peek(r), 10) >= 0) return refuse(r, start, "numbers of groups above 9 are not supported");
    r->atom = r->out->size;
    eq_buffer_format(r->out, "(?:%s)", text);
    return true;
  }
  while (at < r->e.n && is_name(r->e.p[at])) at++;
  struct eq_str name = { r->e.p + r->at + 2, at < r->e.n ? at - r->at - 2 : 0 };
  if (!name.n || r->e.p[at] != '>') return refuse(r, start, "expected the name of a group, as in \\k<name>");
  r->atom = r->out->size;
  eq_buffer_format(r->out, "\\k<%.*s>", EQ_STR(name));
  r->at = at + 1;
  return true;
}

static bool read_escape(struct reading *r) {
  static const struct {
    char letter;
    const char *text;
    bool can_repeat;
  } constants[] = {
    { 'A', "\\A", false },   { 'z', "\\z", false },
    { 'Z', "\\Z", false },   { 'G', "\\G", false },
    { 'K', "\\K", false },   { 'N', "[^\\n]", true },
    { 'O', "(?s:.)", true }, { 'R', "(?>\\r\\n|[\\x{a}-\\x{d}\\x{85}\\x{2028}\\x{2029}])", true },
  };
  size_t start = r->at - 1;
  struct set s = { 0 };
  bool found;
  uint32_t c;
  char letter = peek(r), next = r->at + 1 < r->e.n ? r->e.p[r->at + 1] : 0;
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
    if (letter && letter == constants[i].letter) {
      r->at++;
      return constant(r, constants[i].text, constants[i].can_repeat);
    }
  if (letter == 'b' || letter == 'B') {
    r->at++;
    return word_boundary(r, letter == 'B');
  }
  if (letter && strchr("XyY", letter)) return refuse(r, start, "graphemes (\\X, \\y, \\Y) are not supported");
  if (letter == 'g' && (next == '<' || next == '\'')) return refuse(r, start, "calls of groups are not supported");
  if ((letter == 'k' && (next == '<' || next == '\'')) || (letter >= '1' && letter <= '9'))
    return back_reference(r, start);
  if (!read_named(r, EQ_SET_ALONE, &s, &found)) return false;
  if (found) return emit_set(r, &s, false);
  return read_escaped(r, false, &c) && literal(r, start, c);
}

/* ---- quantifiers ---- */

/* {n}, {n,}, {,m} or {n,m}; false when it is none: then { is a character. */
static bool read_interval(struct reading *r, char out[32], bool *exact) {
  struct reading ahead = *r;
  uint32_t least, most;
  if (!take(&ahead, "{")) return false;
  size_t n = read_digits(&ahead, 10, 6, &least);
  *exact = !take(&ahead, ",");
  size_t m = *exact ? 0 : read_digits(&ahead, 10, 6, &most);
  if (!take(&ahead, "}") || !(n || m)) return false;
  if (*exact || !m)
    snprintf(out, 32, *exact ? "{%u}" : "{%u,}", least);
  else
    snprintf(out, 32, "{%u,%u}", n ? least : 0, most);
  r->at = ahead.at;
  return true;
}

/* All quantifiers that stand there: each repeats what those before it made. */
static bool read_quantifiers(struct reading *r) {
  for (bool again = false;; again = true) {
    size_t start = r->at;
    char text[32] = "";
    bool exact = false, interval = read_interval(r, text, &exact);
    if (!interval && peek(r) && strchr("*+?", peek(r))) {
      text[0] = r->e.p[r->at++];
    } else if (!interval)
      return true;
    if (r->atom == SIZE_MAX) return refuse(r, start, "nothing to repeat");
    if (again) {
      insert(r, r->atom, "(?:");
      emit(r, ")");
    }
    emit(r, text);
    if (!exact && take(r, "?"))
      emit(r, "?");
    else if (!interval && take(r, "+"))
      emit(r, "+");
    r->previous = 0;
  }
}

/* ---- groups ---- */

static bool read_alternatives(struct reading *r);

/* i, m, x and -: the options of (?imx-imx) or (?imx-imx:...). */
static bool read_options(struct reading *r, struct options *on) {
  size_t start = r->at;
  bool value = true;
  for (; !ends(r) && peek(r) != ')' && peek(r) != ':'; r->at++) {
    char c = peek(r);
    if (c == '-')
      value = false;
    else if (c == 'i')
      on->fold = value;
    else if (c == 'm')
      on->dot_all = value;
    else if (c == 'x')
      on->extended = value;
    else
      return refuse(
          r, start,
          "expected a group as (?:...), (?=...), (?!...), (?<=...), (?<!...), (?>...), (?<name>...) or (?imx-imx:...)");
  }
  return true;
}

/* The rest of a group whose PCRE2 opening is written, with its end. */
static bool read_rest(struct reading *r, size_t atom, bool can_repeat) {
  struct options before = r->on;
  if (++r->depth > DEPTH_MAX) return refuse(r, r->at, "nested too deep");
  if (!read_alternatives(r)) return false;
  if (!take(r, ")")) return refuse(r, r->at, "a group without its end");
  emit(r, ")");
  r->depth--;
  r->on = before;
  r->atom = can_repeat ? atom : SIZE_MAX;
  return true;
}

/* Options in the middle hold to the end of the group, alternatives too. */
static bool with_options(struct reading *r, size_t start) {
  struct options on = r->on, before = r->on;
  size_t atom = r->out->size;
  if (!read_options(r, &on)) return false;
  bool whole = !take(r, ":");
  if (whole && !take(r, ")")) return refuse(r, start, "a group without its end");
  emit(r, on.fold == before.fold ? "(?:" : on.fold ? "(?i:" : "(?-i:");
  r->on = on;
  if (!whole) {
    bool good = read_rest(r, atom, true);
    r->on = before;
    return good;
  }
  if (++r->depth > DEPTH_MAX) return refuse(r, r->at, "nested too deep");
  if (!read_alternatives(r)) return false;
  emit(r, ")");
  r->depth--;
  r->on = before;
  r->atom = SIZE_MAX;
  return true;
}

static bool skip_comment(struct reading *r, size_t start) {
  for (; !ends(r) && peek(r) != ')'; r->at++)
    if (peek(r) == '\\') r->at++;
  return take(r, ")") || refuse(r, start, "a comment without its end");
}

static bool named_group(struct reading *r, size_t start, char end) {
  size_t from = r->at;
  while (!ends(r) && peek(r) != end) r->at++;
  if (ends(r) || r->at == from || r->at - from > 32 || (peek(r) && strchr("(){}<>'", r->e.p[from])))
    return refuse(r, start, "expected the name of a group, as in (?<name>...)");
  size_t atom = r->out->size;
  eq_buffer_format(r->out, "(?<%.*s>", (int)(r->at - from), r->e.p + from);
  r->at++;
  return read_rest(r, atom, true);
}

static bool read_group(struct reading *r) {
  static const struct {
    const char *text;
    bool can_repeat;
  } opens[] = { { "?:", true }, { "?>", true }, { "?=", false }, { "?!", false }, { "?<=", false }, { "?<!", false } };
  size_t start = r->at - 1, atom = r->out->size;
  if (take(r, "?#")) return skip_comment(r, start);
  for (size_t i = 0; i < sizeof opens / sizeof *opens; i++)
    if (take(r, opens[i].text)) {
      eq_buffer_format(r->out, "(%s", opens[i].text);
      return read_rest(r, atom, opens[i].can_repeat);
    }
  if (take(r, "?<")) return named_group(r, start, '>');
  if (take(r, "?'")) return named_group(r, start, '\'');
  if (peek(r) == '*') return refuse(r, start, "callouts are not supported");
  if (take(r, "?")) return with_options(r, start);
  emit(r, "(");
  return read_rest(r, atom, true);
}

/* What (?x) skips. */
static bool skip_space(struct reading *r) {
  char c = peek(r);
  if (!r->on.extended || !c || !strchr(" \t\n\v\f\r#", c)) return false;
  if (c == '#')
    while (!ends(r) && peek(r) != '\n') r->at++;
  else
    r->at++;
  return true;
}

static bool read_atom(struct reading *r) {
  size_t start = r->at;
  struct set s = { 0 };
  uint32_t c;
  if (take(r, "(")) return read_group(r);
  if (take(r, "\\")) return read_escape(r);
  if (take(r, "^")) return constant(r, "^", false);
  if (take(r, "$")) return constant(r, "$", false);
  if (take(r, ".")) return constant(r, r->on.dot_all ? "(?s:.)" : "[^\\n]", true);
  if (take(r, "|")) return constant(r, "|", false);
  if (take(r, "[")) {
    bool good = read_class(r, &s);
    if (good) return emit_set(r, &s, true);
    set_free(&s);
    return false;
  }
  r->at += eq_utf8_decode(r->e.p + r->at, r->e.n - r->at, &c);
  return literal(r, start, c);
}

/* Up to the end or to the ) of the group. */
static bool read_alternatives(struct reading *r) {
  r->atom = SIZE_MAX;
  while (!ends(r) && peek(r) != ')') {
    if (skip_space(r)) continue;
    if (r->e.n - r->at >= 3 && !memcmp(r->e.p + r->at, "(?#", 3)) {
      if (!read_atom(r)) return false;
      continue;
    }
    if (!read_quantifiers(r)) return false;
    if (ends(r) || peek(r) == ')' || skip_space(r)) continue;
    if (!read_atom(r)) return false;
  }
  return true;
}

bool eq_oniguruma_translate(struct eq_str expression, struct eq_buffer *out, struct eq_err *err) {
  struct reading r = { .e = expression, .out = out, .err = err };
  size_t bad = eq_utf8_invalid(expression.p, expression.n);
  if (bad < expression.n) return refuse(&r, bad, "not UTF-8");
  emit(&r, "(*LF)");
  if (!read_alternatives(&r)) return false;
  if (!ends(&r)) return refuse(&r, r.at, "a ) without its group");
  return !out->failed || eq_fail_memory(err, expression.n, "a pattern");
}
