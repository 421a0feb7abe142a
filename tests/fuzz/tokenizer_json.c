/* Any text as a tokenizer.json: read or refused in one line. What is read then tokenizes, with offsets that lie in the
 * text in order. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text/tokenizer_file.h"
#include "tests/fuzz/tokenize.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static struct eq_unicode unicode; /* made once: it is the slow part */
  struct eq_err err = { 0 };
  if (!unicode.properties && !eq_unicode_open(&unicode, &err)) abort();
  struct eq_tokenizer t = { .unicode = unicode, .n_stages = 1 };
  if (!eq_pretokenizer_open(&t.stages[0].cuts, &t.unicode, &err)) abort();
  bool good = eq_tokenizer_read_json(&t, "tokenizer.json", (struct eq_str){ (const char *)bytes, n }, &err);
  if (good == (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
  if (good) tokenize(&t);
  eq_tokenizer_close(&t);
  return 0;
}
