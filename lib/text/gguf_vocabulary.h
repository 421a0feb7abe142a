/* gguf_vocabulary.h: the tokenizer inside a GGUF file, as llama.cpp reads it: tokenizer.ggml.model says the kind,
 *
 * llama  pieces with scores, merged as SentencePiece does; unknown characters are bytes
 * gpt2   byte-level BPE, with the pre-tokenizer that tokenizer.ggml.pre names
 *
 * User-defined tokens are found first, as they stand; control tokens are special. Nothing is put before or after a
 * text.
 */
#ifndef EQ_TEXT_GGUF_VOCABULARY_H
#define EQ_TEXT_GGUF_VOCABULARY_H

#include "lib/tensor/gguf.h"
#include "lib/text/tokenizer.h"

/* Fills an open, empty tokenizer, all but its name; `where` names the file in messages. */
bool eq_gguf_vocabulary_read(struct eq_tokenizer *t, const char *where, const struct eq_gguf *g, struct eq_err *err);

#endif
