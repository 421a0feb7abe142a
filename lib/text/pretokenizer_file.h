/* pretokenizer_file.h: the pre-tokenizer of a tokenizer.json. */
#ifndef EQ_TEXT_PRETOKENIZER_FILE_H
#define EQ_TEXT_PRETOKENIZER_FILE_H

#include "lib/text/json_source.h"
#include "lib/text/tokenizer.h"

/* Appends the stages of the object; a kind that is not known is refused by its name. ByteLevel becomes a rewriting of
 * bytes into their alphabet: see eq_stages_drop_bytes. */
bool eq_pretokenizer_read(const struct eq_source *s, struct eq_str object, struct eq_tokenizer *t);

/* Whether the stages end in the rewriting of bytes, and the only one; then drop takes it away: a model over bytes (see
 * bpe.h) does without. */
bool eq_stages_end_in_bytes(const struct eq_tokenizer *t);
void eq_stages_drop_bytes(struct eq_tokenizer *t);

#endif
