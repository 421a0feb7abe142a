/* token_model_file.h: the model of a tokenizer.json, and the parts of its older vocab.json and merges.txt. */
#ifndef EQ_TEXT_TOKEN_MODEL_FILE_H
#define EQ_TEXT_TOKEN_MODEL_FILE_H

#include "lib/text/json_source.h"
#include "lib/text/token_model.h"

/* Reads into an empty model; a kind that is not known is refused by its name. words_are_bytes: words come in the
 * alphabet of bytes; then a BPE that can run over bytes does, and m->over_bytes says so. */
bool eq_token_model_read(const struct eq_source *s, struct eq_str object, struct eq_token_model *m,
                         bool words_are_bytes);

/* {"token": id, ...} */
bool eq_token_model_read_vocab(const struct eq_source *s, struct eq_str span, struct eq_token_model *m);
/* Cuts "left right" at its one space; false when it has another number of them. */
bool eq_token_model_cut_merge(struct eq_str both, struct eq_str *left, struct eq_str *right);

#endif
