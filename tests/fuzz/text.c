/* Any bytes as a text, for a tokenizer of each kind: the first byte says which, and whether special tokens are found.
 * What is not UTF-8 is refused. Else ids are of the vocabulary and spans lie in the text in order, without a gap where
 * nothing is rewritten; and the tokens are the same whatever was tokenized before. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/utf8.h"
#include "lib/text/tokenizer_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* To add a tokenizer: a row. A tokenizer.json has another name here than eq_tokenizer_open expects, as have ranks. */
static const struct {
  const char *path;
  const char *encoding; /* of ranks */
  bool tiles;           /* the tokens of a text cover it without gaps and overlaps */
} files[] = {
  { "corpora/mini", NULL, true },
  { "tests/golden/trained/bert_cased.json", NULL, false },
  { "tests/golden/trained/bert_uncased.json", NULL, false },
  { "tests/golden/trained/clip.json", NULL, false },
  { "tests/golden/trained/gemma.json", NULL, true },
  { "tests/golden/trained/llama2.json", NULL, false },
  { "tests/golden/trained/llama3.json", NULL, true },
  { "tests/golden/trained/prefixed.json", NULL, false },
  { "tests/golden/trained/roberta.json", NULL, false },
  { "tests/golden/trained/t5.json", NULL, false },
  { "tests/golden/trained/words.json", NULL, false },
  { "tests/golden/trained/xlmr.json", NULL, false },
  { "tests/golden/pieces/bpe.model", NULL, false },
  { "tests/golden/pieces/llama.gguf", NULL, false },
  { "tests/golden/pieces/llama.model", NULL, false },
  { "tests/golden/pieces/plain_bpe.model", NULL, false },
  { "tests/golden/pieces/suffix.model", NULL, false },
  { "tests/golden/pieces/unigram.model", NULL, false },
  { "tests/golden/pieces/ranks.tiktoken", "cl100k_base", true },
  { "tests/golden/pieces/ranks.tiktoken", "o200k_base", true },
};
enum { FILES = sizeof files / sizeof *files };

/* A tokenizer and the memory that it keeps from one input to the next. */
static struct kept {
  struct eq_tokenizer *t;
  struct eq_token_scratch *s;
} kept[FILES];

static _Noreturn void give_up(const char *what, const char *message) {
  fprintf(stderr, "%s: %s\n", what, message);
  abort();
}

static struct eq_tokenizer *read_text(size_t i, struct eq_err *err) {
  struct eq_tokenizer *t = eq_tokenizer_new(err);
  struct eq_file f;
  if (!t || !eq_file_map(&f, files[i].path, err)) return NULL;
  struct eq_str text = { f.data, f.size };
  if (!files[i].encoding) {
    eq_tokenizer_read_json(t, files[i].path, text, err);
  } else if ((t->tiktoken = eq_tiktoken_read(files[i].path, eq_str(files[i].encoding), text, &t->unicode, err)))
    t->vocab = eq_tiktoken_size(t->tiktoken);
  eq_file_unmap(&f);
  return t;
}

static void open_kept(size_t i) {
  struct eq_err err = { 0 };
  const char *path = files[i].path, *ending = strrchr(path, '.');
  if (kept[i].t) return;
  bool as_text = files[i].encoding || (ending && !strcmp(ending, ".json"));
  kept[i].t = as_text ? read_text(i, &err) : eq_tokenizer_open(path, &err);
  kept[i].s = eq_token_scratch_new(&err);
  if (err.code != EQ_OK) give_up("a tokenizer of this target", err.text);
}

static void check(size_t which, const struct eq_token_list *l, size_t n) {
  const char *path = files[which].path;
  bool tiles = files[which].tiles;
  for (size_t i = 0; i < l->n; i++) {
    if (l->ids[i] >= eq_tokenizer_vocab(kept[which].t)) give_up(path, "an id is not of the vocabulary");
    if (l->starts[i] > l->ends[i] || l->ends[i] > n) give_up(path, "a span is not of the text");
    if (i && l->starts[i] < l->starts[i - 1]) give_up(path, "a span starts before the one before it");
    if (tiles && l->starts[i] != (i ? l->ends[i - 1] : 0)) give_up(path, "there is a gap");
  }
  if (tiles && (l->n ? l->ends[l->n - 1] : 0) != n) give_up(path, "the end is not covered");
}

static void compare(size_t which, const struct eq_token_list *a, const struct eq_token_list *b) {
  size_t size = a->n * sizeof *a->ids;
  if (a->n != b->n ||
      (size && (memcmp(a->ids, b->ids, size) || memcmp(a->starts, b->starts, size) || memcmp(a->ends, b->ends, size))))
    give_up(files[which].path, "other tokens than before");
}

static void tokenize(size_t which, const char *text, size_t n) {
  const struct kept *k = &kept[which];
  struct eq_err err = { 0 };
  struct eq_token_list lists[3] = { { 0 } };
  struct eq_token_scratch *fresh = eq_token_scratch_new(&err);
  struct eq_token_scratch *const scratch[3] = { fresh, k->s, k->s };
  bool is_text = !n || eq_utf8_invalid(text, n) == n;
  for (size_t i = 0; i < 3; i++) {
    bool good = eq_tokenize(k->t, scratch[i], text, n, &lists[i], &err);
    if (good != is_text || good == (err.code != EQ_OK)) give_up(files[which].path, good ? "what is no text" : err.text);
    if (good) check(which, &lists[i], n);
    if (good && i) compare(which, &lists[0], &lists[i]);
    err = (struct eq_err){ 0 };
  }
  for (size_t i = 0; i < 3; i++) eq_token_list_free(&lists[i]);
  eq_token_scratch_free(fresh);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_err err = { 0 };
  if (!n) return 0;
  size_t which = (bytes[0] & 0x7F) % FILES;
  open_kept(which);
  bool special = bytes[0] & 0x80;
  if (!eq_tokenizer_set(kept[which].t, (struct eq_tokenizer_options){ .special = special }, &err)) return 0;
  tokenize(which, (const char *)bytes + 1, n - 1);
  return 0;
}
