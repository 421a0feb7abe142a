/* normalizer.h: the steps that rewrite a text before it is cut into words, and the way back to its bytes. They are
 * those of a Hugging Face tokenizer.json's normalizers, and those by which its pre-tokenizers ByteLevel and Metaspace
 * rewrite a piece. */
#ifndef EQ_TEXT_NORMALIZER_H
#define EQ_TEXT_NORMALIZER_H

#include "lib/base/error.h"
#include "lib/text/aligned.h"
#include "lib/text/charsmap.h"
#include "lib/text/normal_form.h"
#include "lib/text/pattern.h"

enum eq_rewrite_kind {
  EQ_REWRITE_FORM,        /* the normal form `form` */
  EQ_REWRITE_LOWERCASE,   /* character by character, without context */
  EQ_REWRITE_STRIP,       /* white space goes at the left, at the right */
  EQ_REWRITE_ACCENTS,     /* marks go */
  EQ_REWRITE_NONSPACING,  /* nonspacing marks go, BERT's */
  EQ_REWRITE_CLEAN,       /* BERT's clean_text: control characters go, white space becomes spaces */
  EQ_REWRITE_IDEOGRAPHS,  /* BERT's: spaces around each */
  EQ_REWRITE_PREPEND,     /* `text` before any text that is not empty; unless it begins so, or at_start, on demand */
  EQ_REWRITE_APPEND,      /* `text` after it */
  EQ_REWRITE_REPLACE,     /* what equals `text`, or matches `pattern`, becomes `with` */
  EQ_REWRITE_NMT,         /* sentencepiece's nmt rules of control characters and spaces */
  EQ_REWRITE_PRECOMPILED, /* a SentencePiece charsmap */
  EQ_REWRITE_BYTES,       /* each byte becomes its character of GPT-2's alphabet */
  EQ_REWRITE_LLAMA, /* llama.cpp's. `clean`: controls go; `bare`: the first of what a character decomposes to stays,
                       marks go; `lower`: in lower case */
  EQ_REWRITE_KINDS
};

struct eq_rewrite_step {
  enum eq_rewrite_kind kind;
  enum eq_form form;
  bool left, right;             /* STRIP */
  bool unless_there, at_start;  /* PREPEND: not when the text begins so; only where the original text begins */
  bool clean, bare, lower;      /* LLAMA */
  char *text, *with;            /* owned, may be NULL */
  struct eq_pattern *pattern;   /* owned, may be NULL */
  struct eq_charsmap *charsmap; /* owned, may be NULL */
};

/* Start from {0}; free with eq_normalizer_free. */
struct eq_normalizer {
  struct eq_rewrite_step *steps;
  size_t n, capacity;
};
/* Takes what the step owns, also when it fails for want of memory. */
bool eq_normalizer_add(struct eq_normalizer *n, struct eq_rewrite_step step, struct eq_err *err);
void eq_normalizer_free(struct eq_normalizer *n);
void eq_rewrite_step_free(struct eq_rewrite_step *step);

/* A thread's memory for one normalizer. Start from {0}. */
struct eq_normalizer_scratch {
  struct eq_aligned texts[2];
  struct eq_form_scratch form;
  struct eq_pattern_work *work; /* borrowed, of patterns; NULL: each text has its own */
};
void eq_normalizer_scratch_free(struct eq_normalizer_scratch *s);

/* Rewrites a well-formed text by all steps. *result is the text itself when nothing changes, else it is held by s.
 * at_start: the text begins where the whole text begins. */
bool eq_normalize(const struct eq_normalizer *n, const struct eq_unicode *u, struct eq_normalizer_scratch *s,
                  struct eq_str text, bool at_start, struct eq_view *result, struct eq_err *err);

#endif
