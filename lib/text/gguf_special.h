/* gguf_special.h: which tokens of a GGUF file llama.cpp looks for in a text before it cuts it. It goes by their types,
 * and past them by names: the end of a turn is special whatever its type says. */
#ifndef EQ_TEXT_GGUF_SPECIAL_H
#define EQ_TEXT_GGUF_SPECIAL_H

#include "lib/tensor/gguf.h"
#include "lib/text/tokenizer.h"

/* What the whole vocabulary says about some names. */
struct eq_gguf_special {
  unsigned named;              /* bits: of tokens for infilling, those that keys name */
  bool end_is_text, s_is_text; /* <|end|> is found like a user-defined token; </s> is a token like any other */
  const char *strip_before;    /* the token that takes the white space before it; NULL for none */
  bool strip_after;            /* tokens take the white space after them */
};

struct eq_gguf_token {
  enum eq_token_kind kind;
  bool lstrip, rstrip;
};

/* Looks through the file's tokens; before_mask: white space before <mask> is part of it. */
void eq_gguf_special_open(struct eq_gguf_special *s, const struct eq_gguf *g, const struct eq_gguf_value *tokens,
                          bool before_mask);
/* What a token of a type (enum eq_sentencepiece_type, 0 for none of them) is. */
struct eq_gguf_token eq_gguf_special_find(const struct eq_gguf_special *s, struct eq_str token, unsigned type);

#endif
