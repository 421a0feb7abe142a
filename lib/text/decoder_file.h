/* decoder_file.h: the decoder of a tokenizer.json. */
#ifndef EQ_TEXT_DECODER_FILE_H
#define EQ_TEXT_DECODER_FILE_H

#include "lib/text/decoder.h"
#include "lib/text/json_source.h"

/* Appends the steps of the object, of an absent one the step that puts spaces between tokens; a kind that is not known
 * is refused by its name. */
bool eq_decoder_read(const struct eq_source *s, struct eq_str object, struct eq_decoder *d);

#endif
