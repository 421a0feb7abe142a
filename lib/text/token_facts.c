#include "lib/text/token_facts.h"

#include <math.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/byte_alphabet.h"

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

int eq_fallback_byte(struct eq_str s) {
  if (s.n != 6 || memcmp(s.p, "<0x", 3) != 0 || s.p[5] != '>') return -1;
  int high = hex_digit(s.p[3]), low = hex_digit(s.p[4]);
  return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* ---- kinds ---- */

static bool is_unknown(const struct eq_token_model *m, uint32_t id) {
  switch (m->kind) {
  case EQ_MODEL_BPE: return id == eq_bpe_rules(m->bpe).unknown;
  case EQ_MODEL_UNIGRAM: return id == eq_unigram_rules(m->unigram)->unknown;
  default: return id == m->unknown;
  }
}

static bool falls_back(const struct eq_token_model *m) {
  return (m->bpe && eq_bpe_rules(m->bpe).byte_fallback) || (m->unigram && eq_unigram_rules(m->unigram)->byte_fallback);
}

/* What the model's own vocabulary says. */
static struct eq_token_facts of_model(const struct eq_token_model *m, uint32_t id) {
  struct eq_token_facts f = { EQ_TOKEN_NORMAL, eq_token_model_spelling(m, id), NAN };
  if (!f.spelling.p)
    f.kind = EQ_TOKEN_UNUSED;
  else if (is_unknown(m, id))
    f.kind = EQ_TOKEN_UNKNOWN;
  else if (falls_back(m) && eq_fallback_byte(f.spelling) >= 0)
    f.kind = EQ_TOKEN_BYTE;
  if (f.spelling.p && m->unigram) f.score = eq_unigram_score(m->unigram, id);
  return f;
}

static struct eq_token_facts of_sentencepiece(const struct eq_sentencepiece *m, uint32_t id) {
  static const enum eq_token_kind kinds[] = {
    [EQ_SP_NORMAL] = EQ_TOKEN_NORMAL,      [EQ_SP_UNKNOWN] = EQ_TOKEN_UNKNOWN, [EQ_SP_CONTROL] = EQ_TOKEN_SPECIAL,
    [EQ_SP_USER_DEFINED] = EQ_TOKEN_ADDED, [EQ_SP_UNUSED] = EQ_TOKEN_UNUSED,   [EQ_SP_BYTE] = EQ_TOKEN_BYTE
  };
  if (id >= eq_sentencepiece_size(m)) return (struct eq_token_facts){ EQ_TOKEN_UNUSED, { 0 }, NAN };
  struct eq_sentencepiece_facts piece = eq_sentencepiece_facts(m, id);
  return (struct eq_token_facts){ kinds[piece.type], piece.piece, piece.score };
}

static struct eq_token_facts of_tiktoken(const struct eq_tiktoken *t, uint32_t id) {
  struct eq_str bytes = eq_tiktoken_bytes(t, id);
  return (struct eq_token_facts){ bytes.p ? EQ_TOKEN_NORMAL : EQ_TOKEN_UNUSED, bytes, NAN };
}

struct eq_token_facts eq_token_facts(const struct eq_tokenizer *t, uint32_t id) {
  struct eq_token_facts f = t->sentencepiece ? of_sentencepiece(t->sentencepiece, id)
                            : t->tiktoken    ? of_tiktoken(t->tiktoken, id)
                                             : of_model(&t->model, id);
  struct eq_str added = eq_vocabulary_spelling(&t->added, id);
  if (added.p) f.spelling = added;
  if (id < t->kinds_capacity && t->kinds[id] && f.kind != EQ_TOKEN_UNKNOWN) f.kind = t->kinds[id] - 1u;
  return f;
}

/* ---- bytes ---- */

/* What the tokenizer puts for a space before the model sees it; empty when it stays a space. */
static struct eq_str space_mark(const struct eq_tokenizer *t) {
  if (t->sentencepiece) return eq_str(eq_sentencepiece_rules(t->sentencepiece)->escape_spaces ? "\xE2\x96\x81" : "");
  for (size_t i = 0; i < t->n_stages; i++)
    for (size_t k = 0; k < t->stages[i].rewrite.n; k++) {
      const struct eq_rewrite_step *step = &t->stages[i].rewrite.steps[k];
      if (step->kind == EQ_REWRITE_REPLACE && step->text && step->with && !strcmp(step->text, " "))
        return eq_str(step->with);
    }
  return eq_str("");
}

static bool is_in_alphabet(const struct eq_tokenizer *t) {
  if (t->model.over_bytes) return true;
  for (size_t i = 0; i < t->n_stages; i++)
    for (size_t k = 0; k < t->stages[i].rewrite.n; k++)
      if (t->stages[i].rewrite.steps[k].kind == EQ_REWRITE_BYTES) return true;
  return false;
}

/* Characters that are not of the alphabet stay. */
static void add_from_alphabet(struct eq_buffer *out, struct eq_str s) {
  uint32_t c;
  for (size_t at = 0, n; at < s.n && (n = eq_utf8_decode(s.p + at, s.n - at, &c)); at += n) {
    unsigned byte = eq_character_byte(c);
    eq_buffer_add(out, byte == EQ_NOT_A_BYTE ? s.p + at : &(char){ (char)byte }, byte == EQ_NOT_A_BYTE ? n : 1);
  }
}

static void add_with_spaces(struct eq_buffer *out, struct eq_str s, struct eq_str mark) {
  for (size_t at = 0; at < s.n;) {
    bool is_mark = mark.n && s.n - at >= mark.n && !memcmp(s.p + at, mark.p, mark.n);
    eq_buffer_add(out, is_mark ? " " : s.p + at, 1);
    at += is_mark ? mark.n : 1;
  }
}

/* The spelling without the marks that say where in its word the piece stands. */
static struct eq_str without_marks(const struct eq_token_model *m, struct eq_str s) {
  const char *prefix = m->kind == EQ_MODEL_WORDPIECE ? m->prefix : m->bpe ? eq_bpe_rules(m->bpe).prefix : NULL;
  const char *suffix = m->bpe ? eq_bpe_rules(m->bpe).suffix : NULL;
  size_t n = prefix ? strlen(prefix) : 0;
  if (n && s.n > n && !memcmp(s.p, prefix, n)) s = (struct eq_str){ s.p + n, s.n - n };
  n = suffix ? strlen(suffix) : 0;
  if (n && s.n > n && !memcmp(s.p + s.n - n, suffix, n)) s.n -= n;
  return s;
}

bool eq_token_bytes(const struct eq_tokenizer *t, uint32_t id, struct eq_buffer *out) {
  struct eq_token_facts f = eq_token_facts(t, id);
  int byte = f.kind == EQ_TOKEN_BYTE ? eq_fallback_byte(f.spelling) : -1;
  if (byte >= 0)
    eq_buffer_add(out, &(char){ (char)byte }, 1);
  else if (f.kind != EQ_TOKEN_NORMAL || t->tiktoken)
    eq_buffer_add(out, f.spelling.p, f.spelling.n);
  else if (t->sentencepiece)
    add_with_spaces(out, f.spelling, space_mark(t));
  else if (is_in_alphabet(t))
    add_from_alphabet(out, without_marks(&t->model, f.spelling));
  else
    add_with_spaces(out, without_marks(&t->model, f.spelling), space_mark(t));
  return !out->failed;
}

void eq_token_ranks(const struct eq_tokenizer *t, uint32_t *ranks, size_t n) {
  memset(ranks, 0xFF, n * sizeof *ranks);
  if (t->model.bpe) eq_bpe_ranks(t->model.bpe, ranks, n);
  for (uint32_t i = 0; t->tiktoken && i < n; i++)
    if (eq_tiktoken_bytes(t->tiktoken, i).p) ranks[i] = i;
}
