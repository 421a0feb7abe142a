/* decoder.h: from the spellings of tokens to their text, by the steps of a Hugging Face tokenizer.json's decoder. A
 * step takes a list of texts and gives another; what the last gives is joined. */
#ifndef EQ_TEXT_DECODER_H
#define EQ_TEXT_DECODER_H

#include "lib/base/error.h"
#include "lib/text/pattern.h"

enum eq_decode_kind {
  EQ_DECODE_SPACES,        /* between any two a space: what stands for no decoder */
  EQ_DECODE_BYTES,         /* ByteLevel: GPT-2's alphabet back to bytes; a text with other characters stays. One text */
  EQ_DECODE_REPLACE,       /* in each, what equals `text`, or matches `pattern`, becomes `with` */
  EQ_DECODE_WORDPIECE,     /* each but the first loses the prefix `text`, or gets a space before it; `clean` */
  EQ_DECODE_BYTE_FALLBACK, /* a run of <0xNN> is a character, or U+FFFD for each when they are not UTF-8 */
  EQ_DECODE_FUSE,          /* one text */
  EQ_DECODE_STRIP,         /* each loses up to n_left of the character `text` at its left, n_right at its right */
  EQ_DECODE_METASPACE,     /* the character `text` is a space, but in the first nothing when `clean` */
  EQ_DECODE_SUFFIX,        /* BPEDecoder: `text` is a space, in the last nothing */
  EQ_DECODE_CTC,           /* of equal neighbours one, without `text`; `clean`, then `with` is a space; empty ones go */
  EQ_DECODE_KINDS
};

struct eq_decode_step {
  enum eq_decode_kind kind;
  char *text, *with;          /* owned, may be NULL where not said above */
  struct eq_pattern *pattern; /* owned, may be NULL */
  size_t n_left, n_right;     /* STRIP */
  bool clean; /* English punctuation and contractions lose the space before them; METASPACE: see there */
};

/* Start from {0}; free with eq_decoder_free. */
struct eq_decoder {
  struct eq_decode_step *steps;
  size_t n, capacity;
};
/* Takes what the step owns, also when it fails for want of memory. */
bool eq_decoder_add(struct eq_decoder *d, struct eq_decode_step step, struct eq_err *err);
void eq_decoder_free(struct eq_decoder *d);
void eq_decode_step_free(struct eq_decode_step *step);

/* A list of texts, one behind the other. Start from {0}. */
struct eq_text_list {
  struct eq_buffer bytes;
  size_t *ends; /* [n] of each in bytes */
  size_t n, capacity;
};
/* Ends the text whose bytes were added to `bytes` since the last; false when memory is out or all have more than 1 GB,
 * which eq_text_list_fail says. */
bool eq_text_list_end(struct eq_text_list *t);
bool eq_text_list_fail(const struct eq_text_list *t, struct eq_err *err);
void eq_text_list_clear(struct eq_text_list *t); /* keeps the memory */

/* A thread's memory. Start from {0}. */
struct eq_decode_scratch {
  struct eq_text_list texts[2];
  struct eq_buffer work[2];
};
void eq_decode_scratch_free(struct eq_decode_scratch *s);

/* Runs the steps on the well-formed spellings that the caller has put in s->texts[0], and adds the text to `out`: well
 * formed too. False when memory is out, a step makes more than 1 GB, or a pattern runs past its limit. */
bool eq_decode(const struct eq_decoder *d, struct eq_decode_scratch *s, struct eq_buffer *out, struct eq_err *err);

#endif
