/* opening_token.h: the token that a model's tokenizer puts before every text, mostly bos. */
#ifndef EQ_TEXT_OPENING_TOKEN_H
#define EQ_TEXT_OPENING_TOKEN_H

#include <stdint.h>

#include "lib/base/error.h"

/* Its id, or -1 where texts begin bare; model: a folder or a file that eq_tokenizer_open takes. False when nothing
 * there says it, and err why: no tokenizer that can be read, a vocabulary alone, or more than one token. */
bool eq_opening_token(const char *model, int64_t *token, struct eq_err *err);

#endif
