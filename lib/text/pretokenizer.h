/* pretokenizer.h: cuts a text into the pieces inside which BPE merges. The steps are those of a Hugging Face
 * tokenizer.json; each cuts the pieces of the step before it.
 *
 * The well-known patterns have matchers written by hand, which are linear and take Unicode classes from unicode.h; any
 * other pattern runs through PCRE2, compiled to machine code, with a limit on its backtracking. */
#ifndef EQ_TEXT_PRETOKENIZER_H
#define EQ_TEXT_PRETOKENIZER_H

#include "lib/text/unicode.h"

enum { EQ_STEPS_MAX = 8 };

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
/* Any pattern: matches are pieces and so is what lies between them, unless drop_gaps. Fails when PCRE2 refuses it. */
bool eq_pretokenizer_add_regex(struct eq_pretokenizer *p, struct eq_str pattern, bool drop_gaps, struct eq_err *err);
/* Runs of numbers are pieces of their own; each number, when `each`. */
bool eq_pretokenizer_add_digits(struct eq_pretokenizer *p, bool each, struct eq_err *err);

/* Calls piece(context, start, end) for each piece of the well-formed text[0..n), in order; stops when it returns false.
 * False then, or when a pattern runs past its limit (err set). Threads may share p. */
bool eq_pretokenize(const struct eq_pretokenizer *p, const char *text, size_t n,
                    bool (*piece)(void *context, size_t start, size_t end), void *context, struct eq_err *err);

#endif
