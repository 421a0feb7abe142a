#include "lib/text/opening_token.h"

#include "lib/text/tokenizer.h"

bool eq_opening_token(const char *model, int64_t *token) {
  struct eq_err none = { 0 };
  struct eq_tokenizer *t = eq_tokenizer_open(model, &none);
  bool said = t && !t->no_frame && t->frame.n_before <= 1;
  *token = said && t->frame.n_before ? (int64_t)t->frame.before[0] : -1;
  eq_tokenizer_free(t);
  return said;
}
