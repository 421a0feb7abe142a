/* tokenizer_file.h: a tokenizer as Hugging Face stores it. Files are mapped and read piece by piece, so that memory
 * goes with the vocabulary, not with what a file holds besides.
 *
 * The models are read by token_model_file.c, normalizers, pre-tokenizers, decoders and post-processors by the file of
 * each; added tokens, vocab.json with merges.txt, and what else is in a folder here. A kind of part that is not known,
 * or an option that would give other ids, is refused by its name; truncation and padding do not change the ids of a
 * text and are passed over. */
#ifndef EQ_TEXT_TOKENIZER_FILE_H
#define EQ_TEXT_TOKENIZER_FILE_H

#include "lib/text/tokenizer.h"

/* Fills an open, empty tokenizer from the text of a tokenizer.json, named `where` in messages. For eq_tokenizer_open,
 * tests and fuzzing. */
bool eq_tokenizer_read_json(struct eq_tokenizer *t, const char *where, struct eq_str text, struct eq_err *err);

/* The same from vocab.json and merges.txt; config (tokenizer_config.json) and added (added_tokens.json) may be empty.
 */
struct eq_tokenizer_files {
  const char *folder;
  struct eq_str vocab, merges, config, added;
};
bool eq_tokenizer_read_files(struct eq_tokenizer *t, const struct eq_tokenizer_files *files, struct eq_err *err);

/* An open, empty tokenizer; eq_tokenizer_free. */
struct eq_tokenizer *eq_tokenizer_new(struct eq_err *err);

#endif
