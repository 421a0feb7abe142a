/* gguf_vocabulary.h: the tokenizer inside a GGUF file, as llama.cpp reads it: tokenizer.ggml.model says the kind,
 *
 * llama       pieces with scores, merged as SentencePiece does; unknown characters are bytes
 * t5          pieces with scores, the best by a unigram model, after llama.cpp's rules for spaces
 * bert        the longest pieces of each word, after llama.cpp's cleaning
 * gpt2        byte-level BPE of the words that tokenizer.ggml.pre cuts (gguf_cutting.h)
 * gemma4      BPE over characters, of lines
 * whitespace  BPE over characters, of what white space separates
 *
 * User-defined tokens are found first, as they stand; control tokens are special (gguf_special.h). The frame is what
 * llama.cpp puts around a text with add_special.
 */
#ifndef EQ_TEXT_GGUF_VOCABULARY_H
#define EQ_TEXT_GGUF_VOCABULARY_H

#include "lib/tensor/gguf.h"
#include "lib/text/tokenizer.h"

/* Fills an open, empty tokenizer, all but its name; `where` names the file in messages. */
bool eq_gguf_vocabulary_read(struct eq_tokenizer *t, const char *where, const struct eq_gguf *g, struct eq_err *err);

#endif
