/* tokenize.h: what fuzz targets of tokenizer files do with one that could be read. */
#ifndef EQ_FUZZ_TOKENIZE_H
#define EQ_FUZZ_TOKENIZE_H

#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/measure/vocab.h"
#include "lib/text/byte_tokens.h"
#include "lib/text/detokenizer.h"
#include "lib/text/scripts.h"
#include "lib/text/token_facts.h"

static const char text[] =
    "Hello, they'll   say 1234 \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D e\xCC\x81\n\n\xF0\x9F\x99\x82 <tool>ab</s>";

/* Decodes ids: what comes is UTF-8, or the error says why not. */
static void decode(const struct eq_tokenizer *t, const uint32_t *ids, size_t n) {
  for (int drop = 0; drop < 2; drop++) {
    struct eq_err err = { 0 };
    struct eq_decode_scratch s = { 0 };
    struct eq_buffer out = { 0 };
    if (eq_detokenize(t, &s, ids, n, drop, &out, &err) == (err.code != EQ_OK)) abort();
    if (err.code == EQ_OK && out.size && eq_utf8_invalid(out.data, out.size) < out.size) abort();
    eq_decode_scratch_free(&s);
    eq_buffer_free(&out);
  }
}

/* Every 64 neighbours of the vocabulary, and some backwards. */
static void decode_all(const struct eq_tokenizer *t) {
  uint32_t ids[64];
  for (uint32_t at = 0; at < eq_tokenizer_vocab(t) + 64 && at < 4096; at += 61) {
    for (uint32_t i = 0; i < 64; i++) ids[i] = i % 3 ? at + i : at / 2 + 63 - i;
    decode(t, ids, 64);
  }
}

static void cut_to_bytes(const struct eq_tokenizer *t) {
  struct eq_err err = { 0 };
  struct eq_token_list out = { 0 };
  struct eq_byte_tokens b;
  if (eq_byte_tokens_of(&b, t, &err) == (err.code != EQ_OK)) abort();
  if (err.code == EQ_OK && !eq_byte_tokens_cut(&b, (struct eq_str){ text, sizeof text - 1 }, &out, &err)) abort();
  for (size_t i = 0; i < out.n; i++)
    if (out.ids[i] >= eq_tokenizer_vocab(t)) abort();
  eq_token_list_free(&out);
}

/* What is known of each id is of one piece: a class is there when bytes are, a script when they have a character. */
static void describe_all(const struct eq_tokenizer *t) {
  struct eq_buffer bytes = { 0 };
  for (uint32_t id = 0; id < eq_tokenizer_vocab(t) + 2 && id < 4096; id++) {
    struct eq_token_facts f = eq_token_facts(t, id);
    bytes.size = 0;
    if (!eq_token_bytes(t, id, &bytes) || f.kind >= EQ_TOKEN_KINDS) abort();
    struct eq_str s = { bytes.data, bytes.size };
    if ((bytes.size && !f.spelling.p) || !eq_byte_class(s) == (bytes.size != 0)) abort();
    if (bytes.size && eq_utf8_invalid(s.p, s.n) == s.n && !eq_script_of(s)) abort();
  }
  eq_buffer_free(&bytes);
}

/* Tokenizes a text of many kinds of characters: ids are of the vocabulary, offsets lie in the text in order. What
 * came is decoded, and so is the vocabulary. */
static void tokenize(const struct eq_tokenizer *t) {
  struct eq_err err = { 0 };
  struct eq_token_list out = { 0 };
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  if (eq_tokenize(t, s, text, sizeof text - 1, &out, &err) == (err.code != EQ_OK)) abort();
  for (size_t i = 0; err.code == EQ_OK && i < out.n; i++) {
    if (out.ids[i] >= eq_tokenizer_vocab(t) || out.starts[i] > out.ends[i] || out.ends[i] > sizeof text - 1) abort();
    if (i && out.starts[i] < out.starts[i - 1]) abort();
  }
  if (err.code == EQ_OK) decode(t, out.ids, out.n);
  decode_all(t);
  describe_all(t);
  cut_to_bytes(t);
  eq_token_scratch_free(s);
  eq_token_list_free(&out);
}

#endif
