/* detokenizer.h: token ids back to text, as the library does it that the vocabulary comes from: Hugging Face tokenizers
 * (decoder.h), SentencePiece, tiktoken, llama.cpp. */
#ifndef EQ_TEXT_DETOKENIZER_H
#define EQ_TEXT_DETOKENIZER_H

#include "lib/text/decoder.h"
#include "lib/text/tokenizer.h"

/* False, with the reason, when the tokenizer cannot decode: its file's decoder is of a kind that is not known. */
bool eq_detokenizer_check(const struct eq_tokenizer *t, struct eq_err *err);

/* Replaces `out` by the text of ids[0..n): well-formed UTF-8, where what the tokens spell is not, U+FFFD stands for it
 * as the library has it. Special tokens are spelled out; with drop_special they are left out, as are llama.cpp's
 * unknown ones. SentencePiece never shows its control symbols. False when no token has an id, whose place the message
 * names, when memory is out or the text would have more than 1 GB. */
bool eq_detokenize(const struct eq_tokenizer *t, struct eq_decode_scratch *s, const uint32_t *ids, size_t n,
                   bool drop_special, struct eq_buffer *out, struct eq_err *err);

#endif
