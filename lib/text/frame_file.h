/* frame_file.h: what the post-processor of a tokenizer.json puts around one text. Its other half, offsets without the
 * spaces around a word (trim_offsets), is passed over: offsets here are of whole tokens. */
#ifndef EQ_TEXT_FRAME_FILE_H
#define EQ_TEXT_FRAME_FILE_H

#include "lib/text/json_source.h"
#include "lib/text/tokenizer.h"

/* Adds what the object puts outside what is there; a kind that is not known is refused by its name. */
bool eq_frame_read(const struct eq_source *s, struct eq_str object, struct eq_frame *frame);

#endif
