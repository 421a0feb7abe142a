/* Any bytes as a GGUF file with a vocabulary: read or refused in one line. What is read then tokenizes, with offsets
 * that lie in the text in order. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text/gguf_vocabulary.h"
#include "tests/fuzz/tokenize.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

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
