/* tokenization.h: how a tokenizer cuts each language: the counts of segments, and what is formed of their sums.
 *
 * bytes_token    and chars_token: sums over sums, so that long segments weigh more
 * tokens_word    fertility (Rust et al. 2021), where a word is what lies between white space (or Ethiopic
 *                wordspaces); NaN when most letters of a language are of scripts without spaces between words
 * byte_share     of the tokens those that stand for one byte: pieces of byte fallback (<0x0A> too), and tokens that are
 *                one byte of a longer character; an ASCII character is a character, and does not count
 * unknown_share  of the tokens those that are the unknown one
 * premium        tokenization premium (Petrov et al. 2023): tokens over those of the base language, summed
 *                over the segments that both have. Parallel are segments of one id; an id that one of the two has more
 *                often is no pair. NaN without any pair. */
#ifndef EQ_MEASURE_TOKENIZATION_H
#define EQ_MEASURE_TOKENIZATION_H

#include "lib/measure/names.h"
#include "lib/stream/schema.h"
#include "lib/text/tokenizer.h"

/* What the counts need to know of each id: [eq_tokenizer_vocab] of these, added up; free() it. NULL when memory is out.
 */
enum eq_token_trait { EQ_IS_UNKNOWN = 1, EQ_IS_ONE_BYTE = 2 };
unsigned char *eq_token_traits(const struct eq_tokenizer *t, struct eq_err *err);

/* What a segment adds. */
struct eq_segment_counts {
  uint64_t tokens, unknown, one_byte; /* the latter two EQ_ABSENT without traits */
  uint64_t bytes, chars, words;       /* EQ_ABSENT without the text */
  uint64_t letters, continuous;       /* letters of a script; those of scripts without spaces */
};
/* text.p NULL: not at hand; else well-formed. traits NULL likewise, else every id is below its length. */
struct eq_segment_counts eq_segment_count(struct eq_str text, const uint32_t *ids, size_t n,
                                          const unsigned char *traits);

/* Start from {0}; the owner calls eq_tokenizations_free. */
struct eq_tokenizations {
  struct eq_names tokenizers, langs, ids;
  struct eq_counted_segment {
    uint32_t tokenizer, lang, id;
    struct eq_segment_counts counts;
  } * segments; /* [n] */
  size_t n, capacity;
};

/* Copies the names. tokenizer.p NULL: not known. False when memory is out. */
bool eq_tokenizations_add(struct eq_tokenizations *t, struct eq_str tokenizer, struct eq_str lang, struct eq_str id,
                          const struct eq_segment_counts *counts, struct eq_err *err);

/* A row for each tokenizer and language, in the order of their bytes; *n of them, to free(); strings are borrowed from
 * t. NULL when memory is out. The order in which segments came leaves no trace. Ends the adding. */
struct eq_tokenization *eq_tokenizations_close(struct eq_tokenizations *t, struct eq_str base, size_t *n,
                                               struct eq_err *err);
void eq_tokenizations_free(struct eq_tokenizations *t);

#endif
