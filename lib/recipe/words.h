/* words.h: the words of a recipe's text, for the files that read it. */
#ifndef EQ_RECIPE_WORDS_H
#define EQ_RECIPE_WORDS_H

#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* A caret under `place`, which is in `text`. */
#define EQ_FAIL_AT(text, place, err, ...) eq_fail_at(err, "recipe", text, (size_t)((place) - (text)), __VA_ARGS__)

static inline bool eq_is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static inline struct eq_str eq_trim(struct eq_str s) {
  while (s.n && eq_is_blank(s.p[0])) s.p++, s.n--;
  while (s.n && eq_is_blank(s.p[s.n - 1])) s.n--;
  return s;
}

/* What is behind the first n bytes. */
static inline struct eq_str eq_str_from(struct eq_str s, size_t n) { return (struct eq_str){ s.p + n, s.n - n }; }

static inline bool eq_str_starts(struct eq_str s, const char *prefix) {
  size_t n = strlen(prefix);
  return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

#endif
