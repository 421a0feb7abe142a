/* token_model.h: the model of a tokenizer, which turns a word into tokens: BPE (bpe.h), Unigram (unigram.h), WordPiece
 * or WordLevel. */
#ifndef EQ_TEXT_TOKEN_MODEL_H
#define EQ_TEXT_TOKEN_MODEL_H

#include "lib/text/bpe.h"
#include "lib/text/unigram.h"
#include "lib/text/word_memory.h"

enum eq_token_model_kind { EQ_MODEL_BPE, EQ_MODEL_UNIGRAM, EQ_MODEL_WORDPIECE, EQ_MODEL_WORDLEVEL, EQ_MODEL_KINDS };

/* What token_model_file.c fills in. Start from {0}; free with eq_token_model_free. */
struct eq_token_model {
  enum eq_token_model_kind kind;
  struct eq_vocabulary vocabulary; /* of all but Unigram */
  struct eq_bpe *bpe;
  bool over_bytes; /* the BPE takes words as they are and not in the alphabet of bytes */
  struct eq_unigram *unigram;
  uint32_t unknown;            /* of WordPiece and WordLevel; EQ_NO_TOKEN: an unknown word is an error */
  char *prefix;                /* of WordPiece, before a piece that does not begin its word */
  struct eq_piece_trie pieces; /* of WordPiece, by eq_token_model_finish_wordpiece */
  uint32_t continuing;         /* the node of the prefix in it, EQ_NO_PIECE when no piece has it */
  size_t max_characters;       /* of WordPiece: a longer word is unknown */
};
void eq_token_model_free(struct eq_token_model *m);
/* Ends the building of a WordPiece model, whose vocabulary and prefix are complete. */
bool eq_token_model_finish_wordpiece(struct eq_token_model *m, struct eq_err *err);

/* The id of a spelling, one above the largest id, and the spelling of an id ({NULL, 0} when it has none). */
bool eq_token_model_find(const struct eq_token_model *m, struct eq_str spelling, uint32_t *id);
size_t eq_token_model_size(const struct eq_token_model *m);
struct eq_str eq_token_model_spelling(const struct eq_token_model *m, uint32_t id);

enum { EQ_WORDS_AHEAD = 32 };

/* A thread's memory, for one model. Start from {0} and open it; free with eq_token_model_memory_free. */
struct eq_token_model_memory {
  struct eq_word waiting[EQ_WORDS_AHEAD];
  size_t n_waiting;
  struct eq_word_memory *words;
  struct eq_bpe_scratch bpe;
  struct eq_unigram_scratch unigram;
  struct eq_dropping *dropping; /* of a BPE, borrowed; NULL: without dropout */
};
bool eq_token_model_memory_open(struct eq_token_model_memory *memory, struct eq_err *err);
void eq_token_model_memory_free(struct eq_token_model_memory *memory);

/* Adds the tokens of word[0..n), not empty and well-formed, to `out`, with offsets from `start`, at once or in a later
 * call: words wait for some others, so that what is known of them has come from memory when they are looked up. */
bool eq_token_model_add(const struct eq_token_model *m, struct eq_token_model_memory *memory, const char *word,
                        size_t n, size_t start, struct eq_token_list *out, struct eq_err *err);
/* Adds the tokens of words that wait. After an error too it must be called before their bytes change or go. */
bool eq_token_model_flush(const struct eq_token_model *m, struct eq_token_model_memory *memory,
                          struct eq_token_list *out, struct eq_err *err);
/* Adds the tokens of a part of a word, dealt with as in its word: BPE merges nothing beyond it, WordPiece goes on with
 * its prefix, and what is unknown is the part alone. */
bool eq_token_model_add_part(const struct eq_token_model *m, struct eq_token_model_memory *memory,
                             struct eq_word_part part, struct eq_token_list *out, struct eq_err *err);

#endif
