/* mask_token.h: the token that hides what an encoder is to predict. */
#ifndef EQ_TEXT_MASK_TOKEN_H
#define EQ_TEXT_MASK_TOKEN_H

#include <stdint.h>

/* The id that the tokenizer of a model's folder gives to [MASK] (BERT) or <mask> (RoBERTa, XLM-R); -1 when it has none,
 * or cannot be read. */
int64_t eq_mask_token(const char *model);

#endif
