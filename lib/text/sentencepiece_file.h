/* sentencepiece_file.h: a SentencePiece model file (tokenizer.model, *.model): a ModelProto of
 * sentencepiece_model.proto, read field by field, so that memory goes with the vocabulary. */
#ifndef EQ_TEXT_SENTENCEPIECE_FILE_H
#define EQ_TEXT_SENTENCEPIECE_FILE_H

#include "lib/text/sentencepiece.h"

/* Reads a model from a file's bytes, which are not kept; `where` names it in messages. What it holds besides (the
 * denormalizer, texts to test itself with) does not change a text's pieces and is passed over. */
struct eq_sentencepiece *eq_sentencepiece_read(const char *where, struct eq_str bytes, struct eq_err *err);

#endif
