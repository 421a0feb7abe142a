/* gguf_cutting.h: how llama.cpp cuts a text into words before it merges, by the name in tokenizer.ggml.pre. */
#ifndef EQ_TEXT_GGUF_CUTTING_H
#define EQ_TEXT_GGUF_CUTTING_H

#include "lib/text/pretokenizer.h"

/* What else the name says. */
enum eq_gguf_cutting_flag {
  EQ_CUTTING_WHOLE = 1,        /* a word that is a token is not merged */
  EQ_CUTTING_BOS = 2,          /* the text's first token is that of its beginning, unless the file says otherwise */
  EQ_CUTTING_MUST_BOS = 4,     /* whatever the file says */
  EQ_CUTTING_NO_BOS = 8,       /* no token of the beginning but what the file names */
  EQ_CUTTING_CHARACTERS = 16,  /* words are characters, an unknown one its bytes <0x00> to <0xFF>; else bytes */
  EQ_CUTTING_ESCAPE = 32,      /* a space is U+2581 */
  EQ_CUTTING_LINES = 64,       /* of words only those of line breaks are not merged when they are a token */
  EQ_CUTTING_STRIP_MASK = 128, /* white space before <mask> belongs to it */
  EQ_CUTTING_AS_IS = 256,      /* tokens become text without taking spaces out before punctuation */
};

struct eq_gguf_cutting {
  const char *name;
  const char *const *patterns; /* one after the other, each on what the one before it cut; ends in NULL */
  unsigned flags;
};

/* NULL and err, with the names that there are, when the name is not known. */
const struct eq_gguf_cutting *eq_gguf_cutting_find(struct eq_str name, struct eq_err *err);

/* The patterns as steps: what lies between matches stays, each is a word. */
bool eq_gguf_cutting_add(const struct eq_gguf_cutting *c, struct eq_pretokenizer *p, struct eq_err *err);

#endif
