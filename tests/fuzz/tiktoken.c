/* Ranks and a text, between which stands a 0 byte: read or refused in one line. Of the text's tokens each begins where
 * the one before it ends. So that more than one input in a million has a token for every byte, those are added. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/tiktoken.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void add_bytes(struct eq_buffer *b) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (unsigned byte = 0; byte < 256; byte++)
    eq_buffer_format(b, "%c%c== %u\n", digits[byte >> 2], digits[(byte & 3) << 4], byte);
}

static void cut(const struct eq_tiktoken *t, const char *text, size_t n) {
  struct eq_err err = { 0 };
  struct eq_token_list out = { 0 };
  struct eq_tiktoken_scratch s = { 0 };
  if (eq_tiktoken_encode(t, &s, (struct eq_str){ text, n }, (struct eq_cuts){ 0 }, NULL, &out, &err)) {
    for (size_t i = 0; i < out.n; i++)
      if (out.ids[i] >= eq_tiktoken_size(t) || out.starts[i] != (i ? out.ends[i - 1] : 0)) abort();
    if ((out.n ? out.ends[out.n - 1] : 0) != n) abort();
  } else if (err.code == EQ_OK)
    abort();
  eq_tiktoken_scratch_free(&s);
  eq_token_list_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static const char *const names[] = { "gpt2", "cl100k_base", "o200k_base" };
  static struct eq_unicode unicode; /* made once: it is the slow part */
  struct eq_err err = { 0 };
  struct eq_buffer lines = { 0 };
  if (!n || (!unicode.properties && !eq_unicode_open(&unicode, &err))) return 0;
  const char *p = (const char *)bytes, *end = memchr(p, 0, n);
  size_t size = end ? (size_t)(end - p) : n, rest = end ? n - size - 1 : 0;
  if (bytes[0] % 2) add_bytes(&lines);
  eq_buffer_add(&lines, p, size);
  struct eq_tiktoken *t =
      eq_tiktoken_read("x", eq_str(names[n % 3]), (struct eq_str){ lines.data, lines.size }, &unicode, &err);
  if (!t != (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
  if (t && rest && eq_utf8_invalid(end + 1, rest) == rest) cut(t, end + 1, rest);
  eq_tiktoken_free(t);
  eq_buffer_free(&lines);
  return 0;
}
