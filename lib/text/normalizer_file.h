/* normalizer_file.h: the normalizer of a tokenizer.json. */
#ifndef EQ_TEXT_NORMALIZER_FILE_H
#define EQ_TEXT_NORMALIZER_FILE_H

#include "lib/text/json_source.h"
#include "lib/text/normalizer.h"

/* Appends the steps of the object; a kind that is not known is refused by its name. */
bool eq_normalizer_read(const struct eq_source *s, struct eq_str object, struct eq_normalizer *n);

/* {"Regex": ...} compiled to *pattern, or {"String": ...} copied to *text; the other is left NULL. The caller's. */
bool eq_source_pattern(const struct eq_source *s, struct eq_str object, struct eq_pattern **pattern, char **text);

#endif
