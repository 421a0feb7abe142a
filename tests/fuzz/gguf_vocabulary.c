/* Any bytes as a GGUF file with a vocabulary: read or refused in one line. What is read then tokenizes, with offsets
 * that lie in the text in order. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text/gguf_vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char text[] =
    "Hello, they'll   say 1234 \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D e\xCC\x81\n\n\xF0\x9F\x99\x82 <tool>ab</s>";

static void tokenize(struct eq_tokenizer *t) {
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static struct eq_unicode unicode; /* made once: it is the slow part */
  struct eq_err err = { 0 };
  struct eq_gguf g;
  if (!unicode.properties && !eq_unicode_open(&unicode, &err)) abort();
  struct eq_tokenizer t = { .unicode = unicode, .n_stages = 1 };
  if (!eq_pretokenizer_open(&t.stages[0].cuts, &t.unicode, &err)) abort();
  if (eq_gguf_parse(&g, "x.gguf", bytes, n, &err)) {
    bool good = eq_gguf_vocabulary_read(&t, "x.gguf", &g, &err);
    if (good == (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
    t.find_special = n % 2;
    if (good) tokenize(&t);
    eq_gguf_close(&g);
  }
  eq_tokenizer_close(&t);
  return 0;
}
