#include "lib/text/byte_tokens.h"

#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/token_facts.h"

void eq_byte_tokens_plain(struct eq_byte_tokens *b) {
  for (uint32_t i = 0; i < 256; i++) b->ids[i] = i;
}

/* The bytes that well-formed UTF-8 may have: not C0, C1, F5 to FF. */
static bool in_utf8(unsigned byte) { return byte < 0xC0 || (byte >= 0xC2 && byte <= 0xF4); }

/* Tokens of one byte that are no byte fallback; of two the one whose spelling is shorter, without the mark of a word's
 * end. */
struct single {
  uint32_t id;
  size_t spelling;
};

static bool collect(const struct eq_tokenizer *t, struct single singles[256], uint32_t fallback[256],
                    struct eq_err *err) {
  struct eq_buffer bytes = { 0 };
  for (uint32_t id = 0; id < t->vocab && !bytes.failed; id++) {
    struct eq_token_facts f = eq_token_facts(t, id);
    int byte = f.kind == EQ_TOKEN_BYTE ? eq_fallback_byte(f.spelling) : -1;
    if (byte >= 0 && fallback[byte] == EQ_NO_TOKEN) fallback[byte] = id;
    if (f.kind != EQ_TOKEN_NORMAL || f.spelling.n > 16) continue;
    bytes.size = 0;
    if (!eq_token_bytes(t, id, &bytes) || bytes.size != 1) continue;
    struct single *s = &singles[(unsigned char)*bytes.data];
    if (s->id == EQ_NO_TOKEN || f.spelling.n < s->spelling) *s = (struct single){ id, f.spelling.n };
  }
  bool good = !bytes.failed || eq_fail_memory(err, 16, "a token");
  eq_buffer_free(&bytes);
  return good;
}

bool eq_byte_tokens_of(struct eq_byte_tokens *b, const struct eq_tokenizer *t, struct eq_err *err) {
  struct single singles[256];
  memset(b->ids, 0xFF, sizeof b->ids);
  memset(singles, 0xFF, sizeof singles);
  if (!collect(t, singles, b->ids, err)) return false;
  bool falls_back = b->ids[0x80] != EQ_NO_TOKEN; /* a byte that is no character */
  for (unsigned i = 0; i < 256; i++) {
    if (!falls_back) b->ids[i] = singles[i].id;
    if (b->ids[i] == EQ_NO_TOKEN && in_utf8(i))
      return eq_fail(err, EQ_BAD,
                     "%s: no token is the byte 0x%02x alone, so bytes cannot be tokens with this vocabulary", t->name,
                     i);
  }
  return true;
}

bool eq_byte_tokens_cut(const struct eq_byte_tokens *b, struct eq_str text, struct eq_token_list *out,
                        struct eq_err *err) {
  size_t bad;
  out->n = 0;
  if (text.n > UINT32_MAX / 4) return eq_fail(err, EQ_BAD, "the text has %zu bytes; cut it into segments", text.n);
  if (text.n && (bad = eq_utf8_invalid(text.p, text.n)) < text.n)
    return eq_fail(err, EQ_BAD, "byte %zu of the text (0x%02x) is not UTF-8", bad,
                   (unsigned)(unsigned char)text.p[bad]);
  if (!eq_token_list_reserve(out, text.n)) return eq_fail_memory(err, 12 * text.n, "tokens");
  for (size_t i = 0; i < text.n; i++) {
    out->ids[i] = b->ids[(unsigned char)text.p[i]];
    out->starts[i] = (uint32_t)i;
    out->ends[i] = (uint32_t)i + 1;
  }
  out->n = text.n;
  return true;
}
