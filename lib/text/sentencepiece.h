/* sentencepiece.h: a text to pieces as SentencePiece does it: normalized by a table of replacements and rules for
 * spaces, then cut by the unigram model or merged by score, with offsets that lead back to the original bytes.
 * Kudo and Richardson 2018, "SentencePiece"; normalizer.cc, unigram_model.cc, bpe_model.cc. */
#ifndef EQ_TEXT_SENTENCEPIECE_H
#define EQ_TEXT_SENTENCEPIECE_H

#include "lib/text/charsmap.h"
#include "lib/text/cuts.h"
#include "lib/text/score_bpe.h"
#include "lib/text/seams.h"
#include "lib/text/unigram.h"
#include "lib/text/word_memory.h"

/* The numbers of sentencepiece_model.proto; GGUF's token types are the same. */
enum eq_sentencepiece_type {
  EQ_SP_NORMAL = 1,
  EQ_SP_UNKNOWN = 2,
  EQ_SP_CONTROL = 3,
  EQ_SP_USER_DEFINED = 4,
  EQ_SP_UNUSED = 5,
  EQ_SP_BYTE = 6,
};

/* How a normalized text is cut. The numbers of TrainerSpec.ModelType. */
enum eq_sentencepiece_model {
  EQ_SP_UNIGRAM = 1,
  EQ_SP_MERGES = 2,     /* BPE by score */
  EQ_SP_WORDS = 3,      /* before each space; a word that is no piece is unknown */
  EQ_SP_CHARACTERS = 4, /* each for itself, but user-defined symbols whole */
};

struct eq_sentencepiece_rules {
  enum eq_sentencepiece_model model;
  bool byte_fallback;  /* unknown characters as bytes; else neighbouring ones are one unknown token */
  bool every_piece;    /* merging may make pieces of any type, as llama.cpp does; SentencePiece: normal, user-defined */
  bool dummy_prefix;   /* a space is put before the text... */
  bool space_at_end;   /* ...or rather after it */
  bool squeeze_spaces; /* those at the ends go, and of several in a row one stays */
  bool escape_spaces;  /* a space is U+2581 */
  bool as_llama;       /* llama.cpp's unigram model: its rules for spaces, and unused pieces count */
};

struct eq_sentencepiece;
struct eq_sentencepiece *eq_sentencepiece_new(struct eq_err *err);
void eq_sentencepiece_free(struct eq_sentencepiece *m); /* NULL too */

/* Adds the next piece; its id is the number of those before it. */
bool eq_sentencepiece_add(struct eq_sentencepiece *m, struct eq_str piece, float score, unsigned type,
                          struct eq_err *err);
/* The replacements that come first; none when it is not called. */
bool eq_sentencepiece_set_charsmap(struct eq_sentencepiece *m, struct eq_str blob, struct eq_err *err);
/* What decoding shows for the unknown piece; " \u2047 " when it is not called. */
bool eq_sentencepiece_set_surface(struct eq_sentencepiece *m, struct eq_str surface, struct eq_err *err);
/* What decoded text goes through at last: replacements, and those of the rules that are about spaces. */
bool eq_sentencepiece_set_denormalizer(struct eq_sentencepiece *m, struct eq_sentencepiece_rules rules,
                                       struct eq_str blob, struct eq_err *err);
/* Ends the building. There must be one unknown piece, and with byte_fallback all 256 of bytes. */
bool eq_sentencepiece_finish(struct eq_sentencepiece *m, struct eq_sentencepiece_rules rules, struct eq_err *err);

/* The control pieces of these spellings are those that begin and end a text; a spelling that is none's is ignored. */
void eq_sentencepiece_set_ends(struct eq_sentencepiece *m, struct eq_str bos, struct eq_str eos);
/* Their ids, EQ_NO_PIECE for none. */
uint32_t eq_sentencepiece_bos(const struct eq_sentencepiece *m);
uint32_t eq_sentencepiece_eos(const struct eq_sentencepiece *m);

size_t eq_sentencepiece_size(const struct eq_sentencepiece *m); /* pieces */
bool eq_sentencepiece_merges(const struct eq_sentencepiece *m); /* it is a BPE model */

/* What was added, and the rules. */
struct eq_sentencepiece_facts {
  struct eq_str piece;
  enum eq_sentencepiece_type type;
  double score;
};
struct eq_sentencepiece_facts eq_sentencepiece_facts(const struct eq_sentencepiece *m, uint32_t id); /* id < size */
const struct eq_sentencepiece_rules *eq_sentencepiece_rules(const struct eq_sentencepiece *m);
struct eq_str eq_sentencepiece_surface(const struct eq_sentencepiece *m);

/* A thread's scratch. */
struct eq_sentencepiece_scratch;
struct eq_sentencepiece_scratch *eq_sentencepiece_scratch_new(struct eq_err *err);
/* Lends it a memory of words, for one model alone. */
void eq_sentencepiece_remember(struct eq_sentencepiece_scratch *s, struct eq_word_memory *words);
void eq_sentencepiece_scratch_free(struct eq_sentencepiece_scratch *s); /* NULL too */

/* Adds the tokens of a well-formed text of less than 1 GB to `out`; none crosses one of `cuts`, as they come through
 * the normalizing (eq_cuts_rewritten). dropping: with dropout, of a BPE model; NULL: without. A token's span is the
 * bytes that its piece came of, as SentencePiece has it: of what a replacement made, the last token has the bytes that
 * were replaced, those before it cover nothing. A byte of an unknown character that stands in the text as it is covers
 * itself. */
bool eq_sentencepiece_encode(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, struct eq_str text,
                             struct eq_cuts cuts, struct eq_dropping *dropping, struct eq_token_list *out,
                             struct eq_err *err);

/* Replaces *text, of decoded pieces, by what the denormalizer makes of it, held by s; where there is none it stays.
 * False when memory is out. */
bool eq_sentencepiece_denormalize(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s,
                                  struct eq_str *text, struct eq_err *err);
bool eq_sentencepiece_denormalizes(const struct eq_sentencepiece *m); /* whether there is one */

#endif
