#include "lib/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"

/* Appends s to out (capacity cap, *at bytes used), escaping what would disturb a terminal; marks a cut with "...". */
static void append_escaped(char *out, size_t cap, size_t *at, const char *s, size_t n) {
  for (size_t i = 0; i < n;) {
    uint32_t c = 0;
    size_t len = eq_utf8_decode(s + i, n - i, &c);
    bool plain = len && c >= 0x20 && (c < 0x7f || c >= 0xa0);
    size_t need = plain ? len : 4;
    if (*at + need + 4 > cap) {
      memcpy(out + *at, "...", 4);
      *at += 3;
      return;
    }
    if (plain)
      memcpy(out + *at, s + i, len);
    else
      snprintf(out + *at, 5, "\\x%02x", (unsigned)(unsigned char)s[i]);
    *at += need;
    i += plain ? len : 1;
  }
  out[*at] = 0;
}

static void append_formatted(char *out, size_t cap, size_t *at, const char *format, va_list args) {
  char raw[2 * EQ_ERR_TEXT];
  int n = vsnprintf(raw, sizeof raw, format, args);
  if (n < 0) n = 0;
  size_t size = (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
  append_escaped(out, cap, at, raw, size);
}

bool eq_fail(struct eq_err *err, enum eq_code code, const char *format, ...) {
  if (!err || err->code != EQ_OK) return false;
  va_list args;
  va_start(args, format);
  size_t at = 0;
  append_formatted(err->text, sizeof err->text, &at, format, args);
  va_end(args);
  err->code = code;
  return false;
}

bool eq_fail_at(struct eq_err *err, const char *what, const char *source, size_t at, const char *format, ...) {
  if (!err || err->code != EQ_OK) return false;
  /* A long source is shown from 40 bytes before the place, so that the caret stays on a terminal's line. */
  size_t n = strlen(source), from = at > 60 ? at - 40 : 0;
  while (from > 0 && ((unsigned char)source[from] & 0xc0) == 0x80) from--;
  size_t used = 0;
  int lead = snprintf(err->text, sizeof err->text, "%.60s: %s", what, from ? "..." : "");
  used = lead > 0 ? (size_t)lead : 0;
  size_t start = used, cut = EQ_ERR_TEXT / 2, show = n - from;
  append_escaped(err->text, cut, &used, source + from, at - from < show ? at - from : show);
  size_t columns = used - start;
  for (size_t i = start; i < used; i++) columns -= ((unsigned char)err->text[i] & 0xc0) == 0x80;
  if (at < n) append_escaped(err->text, cut + 64, &used, source + at, n - at);
  if (used + start + columns + 8 < sizeof err->text) {
    err->text[used++] = '\n';
    memset(err->text + used, ' ', start + columns);
    used += start + columns;
    memcpy(err->text + used, "^ ", 3);
    used += 2;
  }
  va_list args;
  va_start(args, format);
  append_formatted(err->text, sizeof err->text, &used, format, args);
  va_end(args);
  err->code = EQ_BAD;
  return false;
}

void eq_fail_prefix(struct eq_err *err, const char *format, ...) {
  if (!err || err->code == EQ_OK) return;
  struct eq_err old = *err;
  size_t at = 0;
  va_list args;
  va_start(args, format);
  append_formatted(err->text, sizeof err->text / 2, &at, format, args);
  va_end(args);
  size_t width = eq_utf8_count(err->text, at);
  for (const char *c = old.text; *c && at + 1 < sizeof err->text; c++) {
    err->text[at++] = *c;
    for (size_t i = 0; *c == '\n' && i < width && at + 1 < sizeof err->text; i++) err->text[at++] = ' ';
  }
  err->text[at] = 0;
}

bool eq_fail_errno(struct eq_err *err, const char *where, const char *action) {
  return eq_fail(err, EQ_BAD, "%s: %s: %s", where, action, strerror(errno));
}

bool eq_fail_memory(struct eq_err *err, size_t bytes, const char *what) {
  return eq_fail(err, EQ_BAD, "out of memory (%zu bytes for %s)", bytes, what);
}
