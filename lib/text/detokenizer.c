#include "lib/text/detokenizer.h"

#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/byte_alphabet.h"
#include "lib/text/token_facts.h"

/* One call of eq_detokenize. */
struct run {
  const struct eq_tokenizer *t;
  struct eq_decode_scratch *s;
  const uint32_t *ids;
  size_t n;
  bool drop_special;
  struct eq_buffer *out;
  struct eq_err *err;
};

static bool no_token(const struct run *r, size_t i) {
  return eq_fail(r->err, EQ_BAD, "token %zu is id %u, which no token has in a vocabulary of %zu", i, r->ids[i],
                 r->t->vocab);
}

static bool no_memory(const struct run *r) { return eq_fail_memory(r->err, 16 * r->n, "a decoded text"); }

enum { TEXT_MAX = 1 << 30 };

static bool check_size(const struct run *r, const struct eq_buffer *text) {
  if (text->failed) return no_memory(r);
  return text->size <= TEXT_MAX || eq_fail(r->err, EQ_BAD, "the tokens stand for more than 1 GB of text");
}

/* Whether an id is left out. */
static bool drops(const struct run *r, uint32_t id, enum eq_token_kind kind) {
  const struct eq_tokenizer *t = r->t;
  if (!r->drop_special) return false;
  bool said = id < t->kinds_capacity && t->kinds[id]; /* an unknown token may be special too */
  return (said ? t->kinds[id] - 1u : kind) == EQ_TOKEN_SPECIAL || (t->joining.here && kind == EQ_TOKEN_UNKNOWN);
}

/* ---- tokenizer.json ---- */

/* Added tokens that are found after normalisation are spelled as they are found. */
static struct eq_str spelling_of(const struct run *r, uint32_t id, enum eq_token_kind *kind) {
  struct eq_token_facts f = eq_token_facts(r->t, id);
  struct eq_str found = eq_piece_list_find(&r->t->respelled, id);
  *kind = f.kind;
  return found.p ? found : f.spelling;
}

static bool by_steps(const struct run *r) {
  struct eq_text_list *texts = &r->s->texts[0];
  enum eq_token_kind kind;
  eq_text_list_clear(texts);
  for (size_t i = 0; i < r->n; i++) {
    struct eq_str spelling = spelling_of(r, r->ids[i], &kind);
    if (!spelling.p) return no_token(r, i);
    if (drops(r, r->ids[i], kind)) continue;
    eq_buffer_add(&texts->bytes, spelling.p, spelling.n);
    if (!eq_text_list_end(texts)) return eq_text_list_fail(texts, r->err);
  }
  return eq_decode(&r->t->decoder, r->s, r->out, r->err);
}

/* ---- SentencePiece ---- */

static const char escaped_space[] = "\xE2\x96\x81"; /* U+2581 */
enum { SPACE = sizeof escaped_space - 1 };

static bool begins_with_space(struct eq_str s) { return s.n >= SPACE && !memcmp(s.p, escaped_space, SPACE); }

static void add_unescaped(struct eq_buffer *out, struct eq_str s) {
  while (s.n) {
    size_t used = begins_with_space(s) ? SPACE : 1;
    eq_buffer_add(out, used == SPACE ? " " : s.p, 1);
    s = (struct eq_str){ s.p + used, s.n - used };
  }
}

/* Where in the text the next piece stands: at its start a space that was put before the text is taken off again. */
struct place {
  bool at_start, taken; /* taken: the piece before it lost its space */
};

static void add_piece(const struct run *r, struct eq_sentencepiece_facts f, struct place *place) {
  const struct eq_sentencepiece *m = r->t->sentencepiece;
  const struct eq_sentencepiece_rules *rules = eq_sentencepiece_rules(m);
  if (place->taken || r->out->size) place->at_start = false;
  place->taken = false;
  if (f.type == EQ_SP_CONTROL) return;
  if (f.type == EQ_SP_UNKNOWN) {
    struct eq_str surface = eq_sentencepiece_surface(m);
    eq_buffer_add(r->out, surface.p, surface.n);
    return;
  }
  bool takes = place->at_start && (rules->dummy_prefix || rules->squeeze_spaces) && begins_with_space(f.piece);
  if (takes) f.piece = (struct eq_str){ f.piece.p + SPACE, f.piece.n - SPACE };
  place->taken = takes && !rules->squeeze_spaces; /* else more of them go */
  add_unescaped(r->out, f.piece);
}

/* Each byte of a run that begins no character is one U+FFFD. */
static void end_bytes(const struct run *r, struct eq_buffer *bytes) {
  eq_buffer_text(r->out, bytes->data, bytes->size);
  bytes->size = 0;
}

/* Pieces that are not UTF-8 themselves. */
static bool mend(const struct run *r, struct eq_buffer *bytes) {
  if (!r->out->size || eq_utf8_invalid(r->out->data, r->out->size) == r->out->size) return true;
  eq_buffer_add(bytes, r->out->data, r->out->size);
  r->out->size = 0;
  eq_buffer_lossy(r->out, bytes->data, bytes->size);
  return !bytes->failed && !r->out->failed;
}

/* Few models do this. */
static bool denormalize(const struct run *r) {
  const struct eq_sentencepiece *m = r->t->sentencepiece;
  struct eq_str text = { r->out->data, r->out->size };
  if (!eq_sentencepiece_denormalizes(m) || !text.n) return true;
  struct eq_sentencepiece_scratch *s = eq_sentencepiece_scratch_new(r->err);
  bool good = s && eq_sentencepiece_denormalize(m, s, &text, r->err);
  r->out->size = 0;
  if (good) eq_buffer_add(r->out, text.p, text.n);
  eq_sentencepiece_scratch_free(s);
  return good;
}

static bool by_pieces(const struct run *r) {
  const struct eq_sentencepiece *m = r->t->sentencepiece;
  struct eq_buffer *bytes = &r->s->work[0];
  struct place place = { .at_start = true };
  bytes->size = 0;
  for (size_t i = 0; i < r->n; i++) {
    if (r->ids[i] >= eq_sentencepiece_size(m)) return no_token(r, i);
    struct eq_sentencepiece_facts f = eq_sentencepiece_facts(m, r->ids[i]);
    int byte = f.type == EQ_SP_BYTE ? eq_fallback_byte(f.piece) : -1;
    if (byte >= 0) {
      eq_buffer_add(bytes, &(char){ (char)byte }, 1);
      continue;
    }
    end_bytes(r, bytes);
    add_piece(r, f, &place);
    if (!check_size(r, r->out)) return false;
  }
  end_bytes(r, bytes);
  return (!bytes->failed && check_size(r, r->out) && mend(r, bytes) && denormalize(r)) || no_memory(r);
}

/* ---- tokens that are bytes, joined: tiktoken and llama.cpp ---- */

/* What is spelled in the alphabet; a character that is not of it is reported inside the text, as llama.cpp does. */
static void add_from_alphabet(struct eq_buffer *out, struct eq_str s) {
  uint32_t c;
  for (size_t at = 0, n; at < s.n && (n = eq_utf8_decode(s.p + at, s.n - at, &c)); at += n) {
    unsigned byte = eq_character_byte(c);
    if (byte != EQ_NOT_A_BYTE) {
      eq_buffer_add(out, &(char){ (char)byte }, 1);
      continue;
    }
    eq_buffer_string(out, "[UNK_BYTE_0x");
    for (size_t i = 0; i < n; i++) eq_buffer_format(out, "%02x", (unsigned)(unsigned char)s.p[at + i]);
    eq_buffer_add(out, s.p, s.n);
    eq_buffer_string(out, "]");
  }
}

static void add_joined(const struct run *r, struct eq_token_facts f, struct eq_buffer *out) {
  int byte = f.kind == EQ_TOKEN_BYTE ? eq_fallback_byte(f.spelling) : -1;
  if (byte >= 0)
    eq_buffer_add(out, &(char){ (char)byte }, 1);
  else if (!r->t->joining.here || (f.kind != EQ_TOKEN_NORMAL && f.kind != EQ_TOKEN_UNUSED))
    eq_buffer_add(out, f.spelling.p, f.spelling.n);
  else if (f.kind == EQ_TOKEN_NORMAL && r->t->joining.alphabet)
    add_from_alphabet(out, f.spelling);
  else if (f.kind == EQ_TOKEN_NORMAL)
    add_unescaped(out, f.spelling);
}

/* What a pass does at a byte: at[0] of at[0..left), which follows `before`. */
struct cleaning {
  bool drop_before; /* the byte before it goes */
  size_t skip;      /* bytes after it that go */
};

static struct cleaning punctuation(char before, const char *at, size_t left) {
  (void)left;
  return (struct cleaning){ before == ' ' && *at && strchr("?!.,", *at), 0 };
}

static struct cleaning lone_apostrophe(char before, const char *at, size_t left) {
  bool alone = *at == '\'' && left > 1 && before == ' ' && at[1] == ' ';
  return (struct cleaning){ alone, alone ? 1 : 0 };
}

/* 's 'm 're 've, and not 't 'd 'll */
static struct cleaning contraction(char before, const char *at, size_t left) {
  if (before != ' ' || *at != '\'' || left < 2) return (struct cleaning){ false, 0 };
  bool one = at[1] == 's' || at[1] == 'm';
  bool two = (at[1] == 'r' || at[1] == 'v') && left > 2 && at[2] == 'e';
  return (struct cleaning){ one || two, 0 };
}

/* llama.cpp's clean_spaces. Each pass goes over the bytes in place; a byte that follows a skipped space follows what
 * stood before that. */
static void clean_spaces(struct eq_buffer *b) {
  static struct cleaning (*const passes[])(char before, const char *at, size_t left) = { punctuation, lone_apostrophe,
                                                                                         contraction };
  for (size_t pass = 0; b->size && pass < sizeof passes / sizeof *passes; pass++) {
    size_t n = b->size, to = 1;
    char before = *b->data;
    for (size_t i = 1; i < n; i++) {
      struct cleaning c = passes[pass](before, b->data + i, n - i);
      before = b->data[i];
      if (c.drop_before) to--;
      b->data[to++] = b->data[i];
      i += c.skip;
    }
    b->size = to;
  }
}

static bool by_joining(const struct run *r) {
  struct eq_buffer *raw = &r->s->work[0];
  raw->size = 0;
  for (size_t i = 0; i < r->n; i++) {
    struct eq_token_facts f = eq_token_facts(r->t, r->ids[i]);
    if (!f.spelling.p) return no_token(r, i);
    if (drops(r, r->ids[i], f.kind)) continue;
    add_joined(r, f, raw);
    if (i == 0 && r->t->joining.trim_first && raw->size && *raw->data == ' ')
      memmove(raw->data, raw->data + 1, --raw->size);
    if (!check_size(r, raw)) return false;
  }
  if (r->t->joining.clean_spaces) clean_spaces(raw);
  eq_buffer_lossy(r->out, raw->data, raw->size);
  return !r->out->failed || no_memory(r);
}

bool eq_detokenizer_check(const struct eq_tokenizer *t, struct eq_err *err) {
  return t->undecodable.code == EQ_OK || eq_fail(err, t->undecodable.code, "%s", t->undecodable.text);
}

bool eq_detokenize(const struct eq_tokenizer *t, struct eq_decode_scratch *s, const uint32_t *ids, size_t n,
                   bool drop_special, struct eq_buffer *out, struct eq_err *err) {
  struct run r = { t, s, ids, n, drop_special, out, err };
  out->size = 0;
  if (t->joining.here || t->tiktoken) return by_joining(&r);
  if (t->sentencepiece) return by_pieces(&r);
  return eq_detokenizer_check(t, err) && by_steps(&r);
}
