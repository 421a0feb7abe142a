#include "lib/text/tokenizer.h"

#include <stdlib.h>

#include "lib/base/utf8.h"

struct eq_token_scratch {
  struct eq_bpe_memory *words;
  struct eq_nfc nfc;
  struct eq_buffer spaced; /* a text with the space that is put before it */
  struct eq_sentencepiece_scratch *pieces;
  struct eq_score_scratch merging; /* of tiktoken */
};

const char *eq_tokenizer_name(const struct eq_tokenizer *t) { return t->name; }
size_t eq_tokenizer_vocab(const struct eq_tokenizer *t) { return t->vocab; }

void eq_tokenizer_free(struct eq_tokenizer *t) {
  if (!t) return;
  free(t->name);
  eq_pretokenizer_close(&t->pretokenizer);
  eq_added_tokens_free(&t->verbatim);
  eq_added_tokens_free(&t->normalized);
  eq_bpe_free(t->bpe);
  eq_unicode_close(&t->unicode);
  eq_sentencepiece_free(t->sentencepiece);
  eq_tiktoken_free(t->tiktoken);
  free(t);
}

struct eq_token_scratch *eq_token_scratch_new(struct eq_err *err) {
  struct eq_token_scratch *s = eq_array(1, sizeof *s);
  if (s && (s->words = eq_bpe_memory_new(err)) && (s->pieces = eq_sentencepiece_scratch_new(err))) return s;
  eq_token_scratch_free(s);
  eq_fail_memory(err, sizeof *s, "a tokenizer's scratch");
  return NULL;
}

void eq_token_scratch_free(struct eq_token_scratch *s) {
  if (!s) return;
  eq_bpe_memory_free(s->words);
  eq_nfc_free(&s->nfc);
  eq_buffer_free(&s->spaced);
  eq_sentencepiece_scratch_free(s->pieces);
  eq_score_scratch_free(&s->merging);
  free(s);
}

/* One call of eq_tokenize. */
struct run {
  const struct eq_tokenizer *t;
  struct eq_token_scratch *s;
  struct eq_token_list *out;
  struct eq_err *err;
};

/* The stretch whose words are being merged. */
struct stretch {
  const struct run *run;
  const char *text;
  size_t origin; /* of text[0] in what offsets count */
};

static bool out_of_memory(const struct run *r) { return eq_fail_memory(r->err, 16 * r->out->n, "tokens"); }

static bool add_word(void *context, size_t start, size_t end) {
  const struct stretch *s = context;
  return eq_bpe_encode(s->run->t->bpe, s->run->s->words, s->text + start, end - start, s->origin + start,
                       s->run->out) ||
         out_of_memory(s->run);
}

static bool add_whole(const struct run *r, uint32_t id, size_t start, size_t end) {
  if (!eq_token_list_reserve(r->out, 1)) return out_of_memory(r);
  r->out->ids[r->out->n] = id;
  r->out->starts[r->out->n] = (uint32_t)start;
  r->out->ends[r->out->n++] = (uint32_t)end;
  return true;
}

/* A stretch without added tokens, with a space before it: offsets move back by the space, which covers nothing. */
static bool cut_spaced(const struct run *r, const char *text, size_t n, size_t origin) {
  struct eq_buffer *b = &r->s->spaced;
  size_t before = r->out->n;
  b->size = 0;
  eq_buffer_add(b, " ", 1);
  eq_buffer_add(b, text, n);
  struct stretch s = { r, b->data, origin };
  if (b->failed) return out_of_memory(r);
  if (!eq_pretokenize(&r->t->pretokenizer, b->data, b->size, add_word, &s, r->err)) return false;
  for (size_t i = before; i < r->out->n; i++) {
    if (r->out->starts[i] > origin) r->out->starts[i]--;
    r->out->ends[i]--;
  }
  return true;
}

/* A stretch without added tokens. */
static bool cut(const struct run *r, const char *text, size_t n, size_t origin) {
  if (!n) return true;
  if (r->t->prefix_space && *text != ' ') return cut_spaced(r, text, n, origin);
  struct stretch s = { r, text, origin };
  return eq_pretokenize(&r->t->pretokenizer, text, n, add_word, &s, r->err);
}

/* A normalised stretch: added tokens stand out of it, the rest is cut into words. */
static bool split_normalized(const struct run *r, const char *text, size_t n, size_t origin) {
  size_t done = 0, start, end;
  uint32_t id;
  while (eq_added_tokens_find(&r->t->normalized, text, n, done, &start, &end, &id)) {
    if (!cut(r, text + done, start - done, origin + done) || !add_whole(r, id, origin + start, origin + end))
      return false;
    done = end;
  }
  return cut(r, text + done, n - done, origin + done);
}

/* A stretch of the original text without verbatim tokens. */
static bool normalize(const struct run *r, const char *text, size_t n, size_t origin) {
  if (!r->t->nfc) return split_normalized(r, text, n, origin);
  struct eq_nfc *nfc = &r->s->nfc;
  size_t before = r->out->n;
  if (!eq_nfc_apply(nfc, &r->t->unicode, (struct eq_str){ text, n }, r->err)) return false;
  if (!nfc->n_rewrites) return split_normalized(r, text, n, origin);
  if (!split_normalized(r, nfc->text.p, nfc->text.n, 0)) return false;
  eq_nfc_to_original(nfc, r->out->starts + before, r->out->n - before);
  eq_nfc_to_original(nfc, r->out->ends + before, r->out->n - before);
  for (size_t i = before; i < r->out->n; i++) {
    r->out->starts[i] += (uint32_t)origin;
    r->out->ends[i] += (uint32_t)origin;
  }
  return true;
}

bool eq_tokenize(const struct eq_tokenizer *t, struct eq_token_scratch *s, const char *text, size_t n,
                 struct eq_token_list *out, struct eq_err *err) {
  const struct run r = { t, s, out, err };
  size_t done = 0, start, end, bad;
  uint32_t id;
  out->n = 0;
  if (n > UINT32_MAX / 4) return eq_fail(err, EQ_BAD, "the text has %zu bytes; cut it into segments", n);
  if (n && (bad = eq_utf8_invalid(text, n)) < n)
    return eq_fail(err, EQ_BAD, "byte %zu of the text (0x%02x) is not UTF-8", bad, (unsigned)(unsigned char)text[bad]);
  if (t->sentencepiece) return eq_sentencepiece_encode(t->sentencepiece, s->pieces, text, n, out, err);
  if (t->tiktoken) return eq_tiktoken_encode(t->tiktoken, &s->merging, text, n, out, err);
  while (eq_added_tokens_find(&t->verbatim, text, n, done, &start, &end, &id)) {
    if (!normalize(&r, text + done, start - done, done) || !add_whole(&r, id, start, end)) return false;
    done = end;
  }
  return normalize(&r, text + done, n - done, done);
}
