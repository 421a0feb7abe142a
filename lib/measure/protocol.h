/* protocol.h: how segments are scored: the windows that they are cut into, the token before them, what hides a token.
 * Chosen from what a user asks for and what the model is; all that surprisal depends on beside model and recipe. */
#ifndef EQ_MEASURE_PROTOCOL_H
#define EQ_MEASURE_PROTOCOL_H

#include "lib/measure/conventions.h"
#include "lib/model/config.h"

/* What is asked for; numbers EQ_ABSENT when they are not. */
struct eq_protocol_wish {
  const struct eq_convention *as; /* as another program does it; NULL: our own way */
  const char *prefix;             /* "auto", "bos", "eos" or "none" */
  uint64_t context, stride, mask;
};

struct eq_protocol {
  const struct eq_convention *as;
  char as_name[64]; /* with its context and stride */
  struct eq_cut cut;
  size_t context, stride;
  int64_t prefix;  /* before each segment; -1: none, as are: */
  int64_t opening; /* as others do it, the token that their tokenizers begin a text with */
  int64_t mask;    /* of encoders */
  bool unopened;   /* nobody chose that, but the model names no token to stand before a segment */
};

/* EQ_BAD and a line that names the option, where the model cannot do what is asked. `path` is the model's, whose
 * tokenizer tells what opens a text and which token is the mask; `name` for messages. */
bool eq_protocol_choose(struct eq_protocol *p, struct eq_protocol_wish wish, const struct eq_config *c,
                        const char *path, const char *name, struct eq_err *err);

/* Adds it as a record's `settings` has it: "ctx 256:128, prefix 0". */
void eq_protocol_print(struct eq_buffer *out, const struct eq_protocol *p);

#endif
