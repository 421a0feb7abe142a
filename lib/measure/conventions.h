/* conventions.h: perplexity as other programs report it: how each cuts a text, what it scores, how it averages.
 *
 * A row is a program. Each takes a text whole: all of a language, or a document.
 *
 * llama.cpp  llama-perplexity (tools/perplexity/perplexity.cpp): chunks of ctx tokens, without what is left at the end;
 *            each begins with the opening token instead of its own first, where the tokenizer opens texts with one. Of
 *            a chunk the tokens from ctx / 2 + 1 on are scored. ppl = exp(mean nll); ppl_error = ppl sqrt((mean nll^2 -
 *            mean^2) / (n - 1)), as if tokens were independent. Fewer than two chunks are an error.
 * hf         the guide "Perplexity of fixed-length models" of transformers: windows of ctx tokens that begin stride
 *            apart; a window scores what none before it has, but never its own first token. The guide takes each
 *            window's mean and weights it with the labels less one, also where the window has no label to lose: all
 *            windows but the first count for one token less than they score.
 * lm-eval    lm-evaluation-harness, loglikelihood_rolling: a prefix token, then windows of ctx tokens side by side,
 *            context_len = 1, the last one moved back to be full. Sums over the words (runs of white space split the
 *            text) or the bytes of the text, and not over tokens.
 *
 * hf and lm-eval report no standard error. */
#ifndef EQ_MEASURE_CONVENTIONS_H
#define EQ_MEASURE_CONVENTIONS_H

#include "lib/base/error.h"
#include "lib/model/windows.h"
#include "lib/stream/schema.h"

struct eq_convention {
  const char *name, *program;
  size_t context;        /* tokens of a window unless asked otherwise; 0: all that the model takes */
  size_t context_min;    /* a smaller one scores nothing */
  bool strides;          /* the user says how far apart windows begin; else they lie side by side */
  bool targets_inside;   /* a window's tokens are inputs and targets: its rows are one less */
  bool second_half;      /* only that of a window is scored, and only whole windows */
  bool reopens;          /* the opening token replaces the first of each window */
  bool prefixed;         /* a prefix token stands before the text, and before the opening token */
  bool last_full;        /* the last window is moved back to be full */
  size_t windows_min;    /* a text of fewer is too short */
  bool mean_of_windows;  /* the guide's average */
  bool error, by_tokens; /* reports ppl_error; ppl */
  bool by_text;          /* reports words, word_ppl, byte_ppl and bits_byte */
};

/* "llama.cpp", "hf" or "lm-eval"; NULL and err for another name. */
const struct eq_convention *eq_convention_find(const char *name, struct eq_err *err);

/* How it cuts with windows of `context` tokens that begin `stride` apart. */
struct eq_cut eq_convention_cut(const struct eq_convention *c, size_t context, size_t stride);

/* Puts the opening token where it replaces others: ids[0..n) are a text that begins with it. */
void eq_convention_open(const struct eq_convention *c, const struct eq_cut *cut, uint32_t *ids, size_t n);

/* Fills in what the program reports: ppl, ppl_error, words, word_ppl, byte_ppl and bits_byte, those that it has not
 * absent. r->nll and r->bytes are set (the bytes may be absent, then so is what needs the text); nlls: [n_scored] of
 * a sequence of n_rows rows. */
void eq_convention_report(const struct eq_convention *c, const struct eq_cut *cut, size_t n_rows, const float *nlls,
                          struct eq_str text, struct eq_surprisal *r);

/* A surprisal record without any of that. */
void eq_convention_none(struct eq_surprisal *r);

/* Words as Python's len(re.split(r"\s+", text)) counts them: one more than runs of white space, even at the ends. */
uint64_t eq_split_words(struct eq_str text);

#endif
