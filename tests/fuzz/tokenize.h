/* tokenize.h: what fuzz targets of tokenizer files do with one that could be read. */
#ifndef EQ_FUZZ_TOKENIZE_H
#define EQ_FUZZ_TOKENIZE_H

#include <stdlib.h>

#include "lib/text/tokenizer.h"

static const char text[] =
    "Hello, they'll   say 1234 \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D e\xCC\x81\n\n\xF0\x9F\x99\x82 <tool>ab</s>";

/* Tokenizes a text of many kinds of characters: ids are of the vocabulary, offsets lie in the text in order. */
static void tokenize(const struct eq_tokenizer *t) {
  struct eq_err err = { 0 };
  struct eq_token_list out = { 0 };
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  if (eq_tokenize(t, s, text, sizeof text - 1, &out, &err) == (err.code != EQ_OK)) abort();
  for (size_t i = 0; err.code == EQ_OK && i < out.n; i++) {
    if (out.ids[i] >= eq_tokenizer_vocab(t) || out.starts[i] > out.ends[i] || out.ends[i] > sizeof text - 1) abort();
    if (i && out.starts[i] < out.starts[i - 1]) abort();
  }
  eq_token_scratch_free(s);
  eq_token_list_free(&out);
}

#endif
