#include "lib/measure/vocab.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/classes.h"
#include "lib/text/scripts.h"
#include "lib/text/token_facts.h"

static bool continues(char byte) { return ((unsigned char)byte & 0xC0) == 0x80; }

/* Whether s is the beginning of a character, and not all of it: Unicode 15, table 3-7. */
static bool begins_character(const char *s, size_t n) {
  char whole[4];
  for (size_t length = n + 1; n && length <= 4; length++)
    for (unsigned second = 0x80; second < 0xC0; second += 0x10) { /* what the first byte asks of the second */
      memset(whole, 0x80, sizeof whole);
      whole[1] = (char)second;
      memcpy(whole, s, n);
      if (eq_utf8_length(whole, length) == length) return true;
    }
  return false;
}

const char *eq_byte_class(struct eq_str s) {
  bool ascii = true, space = true;
  size_t at = 0, length;
  uint32_t c;
  if (!s.n) return NULL;
  while (at < s.n && at < 3 && continues(s.p[at])) at++; /* the end of a character */
  bool partial = at > 0;
  for (; at < s.n && (length = eq_utf8_decode(s.p + at, s.n - at, &c)); at += length) {
    ascii = ascii && c < 0x80;
    space = space && eq_is_space(c);
  }
  if (at < s.n && !begins_character(s.p + at, s.n - at)) return "invalid";
  if (partial || at < s.n) return "partial";
  return space ? "space" : ascii ? "ascii" : "utf8";
}

/* Bytes that are no whole characters, so that they can be told from text. */
static void escape(struct eq_buffer *out, struct eq_str s) {
  for (size_t at = 0; at < s.n;) {
    size_t length = eq_utf8_length(s.p + at, s.n - at);
    if (!length)
      eq_buffer_format(out, "\\x%02x", (unsigned)(unsigned char)s.p[at]);
    else
      eq_buffer_add(out, s.p[at] == '\\' ? "\\\\" : s.p + at, s.p[at] == '\\' ? 2 : length);
    at += length ? length : 1;
  }
}

bool eq_vocab_reader_open(struct eq_vocab_reader *r, const struct eq_tokenizer *t, struct eq_err *err) {
  const size_t n = eq_tokenizer_vocab(t);
  *r = (struct eq_vocab_reader){ .tokenizer = t, .ranks = eq_array(n, sizeof *r->ranks) };
  if (!r->ranks) return eq_fail_memory(err, n * sizeof *r->ranks, "a vocabulary");
  eq_token_ranks(t, r->ranks, n);
  return true;
}

bool eq_vocab_describe(struct eq_vocab_reader *r, uint32_t id, struct eq_vocab *out, struct eq_err *err) {
  static const char *const kinds[EQ_TOKEN_KINDS] = {
    [EQ_TOKEN_UNUSED] = "unused", [EQ_TOKEN_NORMAL] = "normal",   [EQ_TOKEN_BYTE] = "byte",
    [EQ_TOKEN_ADDED] = "added",   [EQ_TOKEN_SPECIAL] = "special", [EQ_TOKEN_UNKNOWN] = "unknown"
  };
  struct eq_token_facts facts = eq_token_facts(r->tokenizer, id);
  r->bytes.size = r->text.size = r->spelling.size = 0;
  eq_token_bytes(r->tokenizer, id, &r->bytes);
  struct eq_str bytes = { r->bytes.size ? r->bytes.data : "", r->bytes.size };
  const char *class = eq_byte_class(bytes), *script = eq_script_of(bytes);
  bool whole = !class || (class[0] != 'p' && class[0] != 'i');
  if (!whole) escape(&r->text, bytes);
  if (facts.spelling.p) eq_buffer_text(&r->spelling, facts.spelling.p, facts.spelling.n);
  uint32_t rank = r->ranks[id];
  *out = (struct eq_vocab){ .tokenizer = eq_str(eq_tokenizer_name(r->tokenizer)),
                            .id = id,
                            .token = whole ? bytes : (struct eq_str){ r->text.data, r->text.size },
                            .bytes = bytes.n,
                            .kind = eq_str(kinds[facts.kind]),
                            .rank = rank == EQ_NO_TOKEN ? EQ_ABSENT : rank,
                            .score = facts.score };
  if (facts.spelling.p && !r->tokenizer->tiktoken)
    out->spelling = (struct eq_str){ r->spelling.data, r->spelling.size };
  if (script) out->script = eq_str(script);
  if (class) out->class = eq_str(class);
  return (!r->bytes.failed && !r->text.failed && !r->spelling.failed) || eq_fail_memory(err, r->bytes.size, "a token");
}

void eq_vocab_reader_close(struct eq_vocab_reader *r) {
  free(r->ranks);
  eq_buffer_free(&r->bytes);
  eq_buffer_free(&r->text);
  eq_buffer_free(&r->spelling);
}
