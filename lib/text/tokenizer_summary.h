/* tokenizer_summary.h: a tokenizer in one line. Apart from tokenizer.h, whose names of models are not lib/model's. */
#ifndef EQ_TEXT_TOKENIZER_SUMMARY_H
#define EQ_TEXT_TOKENIZER_SUMMARY_H

#include "lib/base/buffer.h"

/* Adds what the tokenizer of a model's folder or file is: "BPE, 8192 tokens, mini@0123456789abcdef"; or, where there is
 * none that can be read, "none: " and why. */
void eq_tokenizer_summary(const char *path, struct eq_buffer *out);

#endif
