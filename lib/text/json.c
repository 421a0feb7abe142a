#include "lib/text/json.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/number.h"
#include "lib/base/utf8.h"

void eq_json_open(struct eq_json *j, const char *where, struct eq_str text, struct eq_err *err) {
  const char *p = text.p ? text.p : "";
  *j = (struct eq_json){ .where = where, .text = p, .p = p, .end = p + text.n, .err = err };
}

bool eq_json_fail(struct eq_json *j, const char *message) {
  j->failed = true;
  return eq_fail(j->err, EQ_BAD, "%s: byte %zu: %s", j->where, (size_t)(j->p - j->text), message);
}

/* A tokenizer.json of 20 MB is read several times over: what is done for every byte keeps its place in a local. */
static void skip_space(struct eq_json *j) {
  const char *p = j->p, *end = j->end;
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
  j->p = p;
}

char eq_json_peek(struct eq_json *j) {
  static const char begins[256] = {
    ['{'] = '{', ['['] = '[', ['"'] = '"', ['t'] = 't', ['f'] = 't', ['n'] = 'n', ['-'] = '0', ['0'] = '0', ['1'] = '0',
    ['2'] = '0', ['3'] = '0', ['4'] = '0', ['5'] = '0', ['6'] = '0', ['7'] = '0', ['8'] = '0', ['9'] = '0',
  };
  skip_space(j);
  return j->failed || j->p == j->end ? 0 : begins[(unsigned char)*j->p];
}

bool eq_json_begin(struct eq_json *j, char container) {
  if (j->failed) return false;
  if (eq_json_peek(j) != container)
    return eq_json_fail(j, container == '{' ? "expected an object" : "expected an array");
  if (j->depth == EQ_JSON_DEPTH_MAX) return eq_json_fail(j, "nested more than 64 deep");
  j->open[j->depth++] = container;
  j->p++;
  return j->first = true;
}

bool eq_json_next(struct eq_json *j) {
  if (j->failed) return false;
  skip_space(j);
  char close = j->open[j->depth - 1] == '{' ? '}' : ']';
  bool first = j->first;
  j->first = false;
  if (j->p < j->end && *j->p == close) {
    j->p++;
    j->depth--;
    return false;
  }
  if (first) return true;
  if (j->p == j->end || *j->p != ',')
    return eq_json_fail(j, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
  j->p++;
  return true;
}

bool eq_json_key(struct eq_json *j, struct eq_buffer *scratch, struct eq_str *key) {
  if (!eq_json_next(j) || !eq_json_string(j, scratch, key)) return false;
  skip_space(j);
  if (j->p == j->end || *j->p != ':') return eq_json_fail(j, "expected ':'");
  j->p++;
  return true;
}

/* Four hexadecimal digits at p. */
static bool hex4(const struct eq_json *j, const char *p, uint32_t *value) {
  if (j->end - p < 4) return false;
  *value = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i], lower = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
      *value = *value * 16 + (uint32_t)(c - '0');
    else if (lower >= 'a' && lower <= 'f')
      *value = *value * 16 + (uint32_t)(lower - 'a' + 10);
    else
      return false;
  }
  return true;
}

static void add_code_point(struct eq_buffer *b, uint32_t c) {
  char bytes[4];
  eq_buffer_add(b, bytes, eq_utf8_encode(c, bytes));
}

/* \uXXXX after its 'u', with the low half of a surrogate pair. */
static bool unicode_escape(struct eq_json *j, struct eq_buffer *out) {
  uint32_t c, low;
  if (!hex4(j, j->p, &c)) return eq_json_fail(j, "\\u needs four hexadecimal digits");
  if (c == 0) return eq_json_fail(j, "\\u0000 is not allowed");
  j->p += 4;
  if (c >= 0xD800 && c < 0xE000) {
    if (c >= 0xDC00 || j->end - j->p < 6 || j->p[0] != '\\' || j->p[1] != 'u' || !hex4(j, j->p + 2, &low) ||
        low < 0xDC00 || low > 0xDFFF)
      return eq_json_fail(j, "a surrogate without its pair");
    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    j->p += 6;
  }
  add_code_point(out, c);
  return true;
}

static bool escape(struct eq_json *j, struct eq_buffer *out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (++j->p == j->end) return eq_json_fail(j, "the text ends in a string");
  char c = *j->p++;
  if (c == 'u') return unicode_escape(j, out);
  const char *at = c ? strchr(from, c) : NULL;
  if (!at) return eq_json_fail(j, "unknown escape in a string");
  eq_buffer_add(out, &to[at - from], 1);
  return true;
}

/* The end of the characters from p on that stand for themselves. */
static const char *plain_run(const char *p, const char *end) {
  while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= ' ') p++;
  return p;
}

bool eq_json_string(struct eq_json *j, struct eq_buffer *scratch, struct eq_str *value) {
  if (eq_json_peek(j) != '"') return j->failed ? false : eq_json_fail(j, "expected a string");
  const char *run = ++j->p; /* bytes not yet copied */
  bool copied = false;
  scratch->size = 0;
  for (;; j->p++) {
    j->p = plain_run(j->p, j->end);
    if (j->p == j->end) return eq_json_fail(j, "the text ends in a string");
    if (*j->p == '"') break;
    if (*j->p != '\\') return eq_json_fail(j, "a control character in a string");
    eq_buffer_add(scratch, run, (size_t)(j->p - run));
    if (!escape(j, scratch)) return false;
    copied = true;
    run = j->p--;
  }
  if (copied) eq_buffer_add(scratch, run, (size_t)(j->p - run));
  *value = copied ? (struct eq_str){ scratch->data, scratch->size } : (struct eq_str){ run, (size_t)(j->p - run) };
  j->p++;
  if (scratch->failed) return eq_json_fail(j, "out of memory");
  return true;
}

/* The text of a number, checked by the grammar of RFC 8259, section 6. */
static bool number(struct eq_json *j, struct eq_str *text) {
  if (eq_json_peek(j) != '0') return j->failed ? false : eq_json_fail(j, "expected a number");
  const char *p = j->p, *digits;
  if (*p == '-') p++;
  for (digits = p; p < j->end && *p >= '0' && *p <= '9';) p++;
  bool good = p > digits && (*digits != '0' || p == digits + 1);
  if (p < j->end && *p == '.') {
    for (digits = ++p; p < j->end && *p >= '0' && *p <= '9';) p++;
    good &= p > digits;
  }
  if (p < j->end && (*p | 0x20) == 'e') {
    p++;
    if (p < j->end && (*p == '+' || *p == '-')) p++;
    for (digits = p; p < j->end && *p >= '0' && *p <= '9';) p++;
    good &= p > digits;
  }
  if (!good) return eq_json_fail(j, "not a number");
  *text = (struct eq_str){ j->p, (size_t)(p - j->p) };
  j->p = p;
  return true;
}

bool eq_json_u64(struct eq_json *j, uint64_t *value) {
  struct eq_str text;
  if (!number(j, &text)) return false;
  return eq_parse_u64(text, value) || eq_json_fail(j, "expected a whole number from 0");
}

static bool word(struct eq_json *j, const char *spelled) {
  size_t n = strlen(spelled);
  if ((size_t)(j->end - j->p) < n || memcmp(j->p, spelled, n) != 0) return eq_json_fail(j, "not a JSON value");
  j->p += n;
  return true;
}

bool eq_json_bool(struct eq_json *j, bool *value) {
  if (eq_json_peek(j) != 't') return j->failed ? false : eq_json_fail(j, "expected true or false");
  *value = *j->p == 't';
  return word(j, *value ? "true" : "false");
}

static bool skip_scalar(struct eq_json *j, struct eq_buffer *scratch) {
  struct eq_str ignored;
  bool flag;
  switch (eq_json_peek(j)) {
  case '"': return eq_json_string(j, scratch, &ignored);
  case '0': return number(j, &ignored);
  case 't': return eq_json_bool(j, &flag);
  case 'n': return word(j, "null");
  default: return j->failed ? false : eq_json_fail(j, "expected a JSON value");
  }
}

bool eq_json_skip(struct eq_json *j, struct eq_str *span) {
  size_t outside = j->depth;
  struct eq_buffer scratch = { 0 };
  struct eq_str key;
  char c = eq_json_peek(j);
  const char *began = j->p;
  bool more = c == '{' || c == '[' ? eq_json_begin(j, c) : skip_scalar(j, &scratch);
  while (!j->failed && j->depth > outside) { /* one element of the innermost open container, or its end */
    more = j->open[j->depth - 1] == '{' ? eq_json_key(j, &scratch, &key) : eq_json_next(j);
    if (!more) continue;
    c = eq_json_peek(j);
    if (c == '{' || c == '[')
      eq_json_begin(j, c);
    else
      skip_scalar(j, &scratch);
  }
  eq_buffer_free(&scratch);
  if (span) *span = (struct eq_str){ began, (size_t)(j->p - began) };
  return !j->failed;
}

bool eq_json_end(struct eq_json *j) {
  if (j->failed) return false;
  skip_space(j);
  return j->p == j->end || eq_json_fail(j, "something follows the value");
}
