#include "lib/text/opening_token.h"

#include "lib/text/tokenizer.h"

bool eq_opening_token(const char *model, int64_t *token, struct eq_err *err) {
  struct eq_tokenizer *t = eq_tokenizer_open(model, err);
  *token = t && t->frame.n_before ? (int64_t)t->frame.before[0] : -1;
  if (t && t->no_frame)
    eq_fail(err, EQ_BAD, "%s: %s", model, t->no_frame);
  else if (t && t->frame.n_before > 1)
    eq_fail(err, EQ_BAD, "%s: its tokenizer puts %zu tokens before a text", model, t->frame.n_before);
  eq_tokenizer_free(t);
  return err->code == EQ_OK;
}
