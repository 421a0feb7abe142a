#include "lib/text/mask_token.h"

#include "lib/text/token_facts.h"

int64_t eq_mask_token(const char *model) {
  struct eq_err none = { 0 };
  struct eq_tokenizer *t = eq_tokenizer_open(model, &none);
  int64_t mask = -1;
  for (uint32_t id = 0; t && mask < 0 && id < eq_tokenizer_vocab(t); id++) {
    struct eq_str spelling = eq_token_facts(t, id).spelling;
    if (eq_str_is(spelling, "[MASK]") || eq_str_is(spelling, "<mask>")) mask = id;
  }
  eq_tokenizer_free(t);
  return mask;
}
