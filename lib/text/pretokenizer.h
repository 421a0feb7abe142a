/* pretokenizer.h: cuts a text into the words that a model turns into tokens. The steps are those of a Hugging Face
 * tokenizer.json; each cuts the pieces of the step before it.
 *
 * The well-known patterns have matchers written by hand, which are linear and take Unicode classes from unicode.h; any
 * other pattern runs through PCRE2, compiled to machine code, with a limit on its steps (pattern.h). */
#ifndef EQ_TEXT_PRETOKENIZER_H
#define EQ_TEXT_PRETOKENIZER_H

#include "lib/text/pattern.h"
#include "lib/text/unicode.h"

enum { EQ_STEPS_MAX = 32 };

/* What becomes of the stretches that a step looks for, and of those between. */
enum eq_split {
  EQ_SPLIT_ISOLATED,   /* each is a piece */
  EQ_SPLIT_REMOVED,    /* what is looked for goes */
  EQ_SPLIT_PREVIOUS,   /* it goes with what stands before it */
  EQ_SPLIT_NEXT,       /* or after it */
  EQ_SPLIT_CONTIGUOUS, /* neighbours that are looked for are one piece */
};

struct eq_step; /* of one kind and its parameters; see pretokenizer.c */

struct eq_pretokenizer {
  const struct eq_unicode *unicode; /* borrowed */
  struct eq_step *steps;            /* [EQ_STEPS_MAX] */
  size_t n_steps;
};

/* Start here; then add steps; free with eq_pretokenizer_close (of {0} too). */
bool eq_pretokenizer_open(struct eq_pretokenizer *p, const struct eq_unicode *unicode, struct eq_err *err);
void eq_pretokenizer_close(struct eq_pretokenizer *p);

/* GPT-2's pattern: what a ByteLevel step cuts by. */
bool eq_pretokenizer_add_gpt2(struct eq_pretokenizer *p, struct eq_err *err);
/* Qwen2's pattern. */
bool eq_pretokenizer_add_qwen2(struct eq_pretokenizer *p, struct eq_err *err);
/* Looks for the matches of any pattern; for what lies between them, with invert. Fails when PCRE2 refuses it. */
bool eq_pretokenizer_add_regex(struct eq_pretokenizer *p, struct eq_str pattern, enum eq_split split, bool invert,
                               struct eq_err *err);
/* The matches of a pattern in PCRE2's own terms, each a piece, and what lies between. */
bool eq_pretokenizer_add_pcre2(struct eq_pretokenizer *p, struct eq_str pattern, struct eq_err *err);
/* Looks for each character of a class (classes.h). */
bool eq_pretokenizer_add_class(struct eq_pretokenizer *p, bool (*is)(uint32_t c), enum eq_split split,
                               struct eq_err *err);
/* Looks for one character. */
bool eq_pretokenizer_add_character(struct eq_pretokenizer *p, uint32_t c, enum eq_split split, struct eq_err *err);
/* Runs of word characters and runs of what is neither word nor space are pieces; spaces go. */
bool eq_pretokenizer_add_words(struct eq_pretokenizer *p, struct eq_err *err);

/* Runs of one script (eq_script_9) are pieces, with what goes with any script; where that begins a text it goes. */
bool eq_pretokenizer_add_scripts(struct eq_pretokenizer *p, struct eq_err *err);

/* Calls piece(context, start, end) for each piece of the well-formed text[0..n), in order; stops when it returns false.
 * False then, or when patterns take more than is left in `work` (err set). Threads may share p. */
bool eq_pretokenize(const struct eq_pretokenizer *p, struct eq_pattern_work *work, const char *text, size_t n,
                    bool (*piece)(void *context, size_t start, size_t end), void *context, struct eq_err *err);

#endif
