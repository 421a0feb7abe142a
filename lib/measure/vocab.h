/* vocab.h: a token of a vocabulary as a row of a table: its text, script and what its bytes are as UTF-8. */
#ifndef EQ_MEASURE_VOCAB_H
#define EQ_MEASURE_VOCAB_H

#include "lib/stream/schema.h"
#include "lib/text/tokenizer.h"

/* What bytes are as UTF-8: "space" white space only, "ascii", "utf8" whole characters, "partial" they begin or end
 * inside a character, "invalid" no text has them; NULL for none. */
const char *eq_byte_class(struct eq_str bytes);

/* Describes one id after another. */
struct eq_vocab_reader {
  const struct eq_tokenizer *tokenizer; /* borrowed */
  uint32_t *ranks;                      /* [eq_tokenizer_vocab] */
  struct eq_buffer bytes, text, spelling;
};
bool eq_vocab_reader_open(struct eq_vocab_reader *r, const struct eq_tokenizer *t, struct eq_err *err);
void eq_vocab_reader_close(struct eq_vocab_reader *r); /* of {0} too */

/* Describes id < eq_tokenizer_vocab. Strings are borrowed from the tokenizer and the reader until the next call. False
 * when memory is out. */
bool eq_vocab_describe(struct eq_vocab_reader *r, uint32_t id, struct eq_vocab *out, struct eq_err *err);

#endif
