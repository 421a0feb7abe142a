/* Any bytes as a SentencePiece model: read or refused in one line. What is read then cuts a text, with spans that lie
 * in the text in order. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text/sentencepiece_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char text[] =
    "  Hello, they'll   say 123 \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D e\xCC\x81\n\n\xF0\x9F\x99\x82 <tag>ab "
    "\xEF\xAC\x81\xC2\xA0 ";

static void encode(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, struct eq_token_list *out) {
  struct eq_err err = { 0 };
  out->n = 0;
  if (!eq_sentencepiece_encode(m, s, (struct eq_str){ text, sizeof text - 1 }, (struct eq_cuts){ 0 }, NULL, out, &err))
    abort();
  for (size_t i = 0; i < out->n; i++) {
    if (out->ids[i] >= eq_sentencepiece_size(m)) abort();
    if (out->starts[i] > out->ends[i] || out->ends[i] > sizeof text - 1) abort();
    if (i && out->starts[i] < out->starts[i - 1]) abort();
  }
}

/* Without a memory of words, with one, and with one that has seen the text: the same. */
static void cut(const struct eq_sentencepiece *m) {
  struct eq_err err = { 0 };
  struct eq_token_list out = { 0 }, again = { 0 };
  struct eq_sentencepiece_scratch *s = eq_sentencepiece_scratch_new(&err);
  struct eq_word_memory *words = eq_word_memory_new(&err);
  if (!s || !words) abort();
  encode(m, s, &out);
  eq_sentencepiece_remember(s, words);
  for (int i = 0; i < 2; i++) {
    encode(m, s, &again);
    const size_t size = out.n * sizeof *out.ids;
    if (again.n != out.n) abort();
    if (size && (memcmp(out.ids, again.ids, size) || memcmp(out.starts, again.starts, size))) abort();
    if (size && memcmp(out.ends, again.ends, size)) abort();
  }
  eq_word_memory_free(words);
  eq_sentencepiece_scratch_free(s);
  eq_token_list_free(&out);
  eq_token_list_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_err err = { 0 };
  struct eq_sentencepiece *m = eq_sentencepiece_read("x.model", (struct eq_str){ (const char *)bytes, n }, &err);
  if (!m != (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
  if (m) cut(m);
  eq_sentencepiece_free(m);
  return 0;
}
