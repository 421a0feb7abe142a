/* gguf_vocabulary_keys.h: the tokenizer of a model's folder as the keys of a GGUF file.
 *
 * llama.cpp knows pre-tokenizers by name only. Here the name is found by trying: those whose rules cut a text of many
 * scripts, spaces, numbers and signs as the folder's own tokenizer does, the first of the table. */
#ifndef EQ_TEXT_GGUF_VOCABULARY_KEYS_H
#define EQ_TEXT_GGUF_VOCABULARY_KEYS_H

#include "lib/tensor/gguf_writer.h"

/* What a config says of the vocabulary; ids -1 for none. */
struct eq_gguf_vocabulary_size {
  size_t embeddings; /* ids beyond the vocabulary are filled up as unused */
  int64_t bos, eos;  /* where the tokenizer puts none around a text */
};

/* Adds tokenizer.ggml.model, .pre, .tokens, .scores or .merges, .token_type, the ids of special tokens, what stands
 * around a text, and the chat template. Byte-level BPE of tokenizer.json or vocab.json, and SentencePiece's BPE of
 * tokenizer.model or tokenizer.json; fails on others, and when llama.cpp has no rules that give the same ids. *none:
 * the folder has no tokenizer, and nothing was added. */
bool eq_gguf_vocabulary_add(struct eq_gguf_keys *keys, const char *folder, struct eq_gguf_vocabulary_size size,
                            bool *none, struct eq_err *err);

#endif
