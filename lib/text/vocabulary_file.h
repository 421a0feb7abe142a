/* vocabulary_file.h: a tokenizer that is one file, known by how its name ends:
 *
 * .model     a model of SentencePiece: ids as the sentencepiece package gives
 * .tiktoken  ranks of the tiktoken package, of the encoding that the file is named after
 * .gguf      the vocabulary of a model in GGUF: ids as llama.cpp gives (gguf_vocabulary.h) */
#ifndef EQ_TEXT_VOCABULARY_FILE_H
#define EQ_TEXT_VOCABULARY_FILE_H

#include "lib/text/tokenizer.h"

/* Fills an open, empty tokenizer, all but its name, from the file. *digest: of what was read of the file. */
bool eq_vocabulary_file_read(struct eq_tokenizer *t, const char *path, uint64_t *digest, struct eq_err *err);

/* The one such file in a folder, "tokenizer.model" before others; an owned path. NULL and err when there is none, or
 * more than one of the same kind. */
char *eq_vocabulary_file_find(const char *folder, struct eq_err *err);

#endif
