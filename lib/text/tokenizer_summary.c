#include "lib/text/tokenizer_summary.h"

#include "lib/text/tokenizer.h"

static const char *model_name(const struct eq_tokenizer *t) {
  static const char *const names[EQ_MODEL_KINDS] = { [EQ_MODEL_BPE] = "BPE",
                                                     [EQ_MODEL_UNIGRAM] = "Unigram",
                                                     [EQ_MODEL_WORDPIECE] = "WordPiece",
                                                     [EQ_MODEL_WORDLEVEL] = "WordLevel" };
  return t->sentencepiece ? "SentencePiece" : t->tiktoken ? "tiktoken" : names[t->model.kind];
}

void eq_tokenizer_summary(const char *path, struct eq_buffer *out) {
  struct eq_err err = { 0 };
  struct eq_tokenizer *t = eq_tokenizer_open(path, &err);
  if (t)
    eq_buffer_format(out, "%s, %zu tokens, %s", model_name(t), eq_tokenizer_vocab(t), eq_tokenizer_name(t));
  else
    eq_buffer_format(out, "none: %s", err.text);
  eq_tokenizer_free(t);
}
