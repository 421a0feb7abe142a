/* tokenizer.h: from a text to the token ids that Hugging Face tokenizers gives, with the bytes that each token covers.
 *
 * A tokenizer is read from a model's folder and then only read: threads share it, each with a scratch of its own.
 * Special tokens (<|endoftext|>) that stand in a text are text; added tokens that are not special (the runs of spaces
 * of GPT-NeoX) are found as they stand. Nothing is put before or after the text. */
#ifndef EQ_TEXT_TOKENIZER_H
#define EQ_TEXT_TOKENIZER_H

#include "lib/text/added_tokens.h"
#include "lib/text/bpe.h"
#include "lib/text/pretokenizer.h"
#include "lib/text/sentencepiece.h"
#include "lib/text/tiktoken.h"

/* What tokenizer_file.c fills in. */
struct eq_tokenizer {
  char *name; /* "folder@digest of its files", 16 hexadecimal digits */
  struct eq_unicode unicode;
  struct eq_pretokenizer pretokenizer;
  struct eq_added_tokens verbatim;   /* found in the text as given */
  struct eq_added_tokens normalized; /* found after normalisation */
  struct eq_bpe *bpe;
  size_t vocab;      /* one above the largest id, special tokens included */
  bool nfc;          /* the text is normalised first */
  bool prefix_space; /* a space is put before a text that does not begin with one; it covers no bytes */
  /* When one of these is there it does all, and the rest but name and vocab is not used. */
  struct eq_sentencepiece *sentencepiece;
  struct eq_tiktoken *tiktoken;
};

/* Reads the tokenizer of a folder: tokenizer.json; or vocab.json and merges.txt (then tokenizer_config.json may name
 * the class, and without it they are GPT-2's); or the file of a whole vocabulary that is there. `path` may also be such
 * a file: see vocabulary_file.h. Messages name the file, what was found and what was expected. */
struct eq_tokenizer *eq_tokenizer_open(const char *path, struct eq_err *err);
void eq_tokenizer_free(struct eq_tokenizer *t); /* NULL too */

const char *eq_tokenizer_name(const struct eq_tokenizer *t);
/* Every id is below this. A model must have at least so many embeddings, or its texts' largest id must be checked. */
size_t eq_tokenizer_vocab(const struct eq_tokenizer *t);

/* A thread's own memory. */
struct eq_token_scratch;
struct eq_token_scratch *eq_token_scratch_new(struct eq_err *err);
void eq_token_scratch_free(struct eq_token_scratch *s); /* NULL too */

/* Replaces `out` by the tokens of text[0..n). Starts and ends are bytes of the text as given; a token may begin and end
 * inside a code point, and each token begins where the one before it ends. (Where NFC rewrote a stretch see
 * eq_nfc_to_original; a pattern that drops what it does not match leaves gaps.) False when the text is not UTF-8,
 * longer than 1 GB, or runs a pattern past its limit. The same ids whatever was tokenized before. */
bool eq_tokenize(const struct eq_tokenizer *t, struct eq_token_scratch *s, const char *text, size_t n,
                 struct eq_token_list *out, struct eq_err *err);

#endif
