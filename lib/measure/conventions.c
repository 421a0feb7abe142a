#include "lib/measure/conventions.h"

#include <math.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/classes.h"

static const struct eq_convention conventions[] = {
  { .name = "llama.cpp",
    .program = "llama-perplexity",
    .context = 512,
    .context_min = 3,
    .targets_inside = true,
    .second_half = true,
    .reopens = true,
    .windows_min = 2,
    .by_tokens = true,
    .error = true },
  { .name = "hf",
    .program = "the guide of transformers",
    .context_min = 2,
    .strides = true,
    .targets_inside = true,
    .mean_of_windows = true,
    .by_tokens = true },
  { .name = "lm-eval",
    .program = "lm-evaluation-harness",
    .context_min = 1,
    .prefixed = true,
    .last_full = true,
    .by_text = true },
};
enum { N_CONVENTIONS = sizeof conventions / sizeof *conventions };

const struct eq_convention *eq_convention_find(const char *name, struct eq_err *err) {
  for (size_t i = 0; i < N_CONVENTIONS; i++)
    if (strcmp(conventions[i].name, name) == 0) return &conventions[i];
  eq_fail(err, EQ_BAD, "--as: '%s' is not llama.cpp, hf or lm-eval", name);
  return NULL;
}

struct eq_cut eq_convention_cut(const struct eq_convention *c, size_t context, size_t stride) {
  return (struct eq_cut){ .context = context - c->targets_inside,
                          .stride = c->strides ? stride : context,
                          .unscored = c->second_half ? context / 2 : 0,
                          .whole = c->second_half,
                          .full = c->last_full };
}

void eq_convention_open(const struct eq_convention *c, const struct eq_cut *cut, uint32_t *ids, size_t n) {
  if (!c->reopens) return;
  for (size_t i = cut->stride; i < n; i += cut->stride) ids[i] = ids[0];
}

/* ---- averages ---- */

/* exp of the mean over windows of their mean, weighted as the guide does. */
static double guide_perplexity(const struct eq_cut *cut, size_t n_rows, const float *nlls) {
  double sum = 0, weights = 0;
  for (size_t w = 0, n = eq_windows_count(n_rows, cut), at = 0; w < n; w++) {
    struct eq_window window = eq_window_at(n_rows, cut, w);
    size_t scored = window.n - window.score_from;
    double nll = 0, weight = (double)scored;
    if (w && cut->stride <= cut->context) weight--; /* overlaps: the label that the shift drops did not count anyway */
    for (size_t i = 0; i < scored; i++) nll += (double)nlls[at + i];
    at += scored;
    sum += nll / (double)scored * weight;
    weights += weight;
  }
  return exp(sum / weights);
}

/* NaN, "not defined", where the program prints none: of one token, or of tokens that are all alike. */
static double standard_error(const float *nlls, size_t n, double mean) {
  double squares = 0;
  for (size_t i = 0; i < n; i++) squares += (double)nlls[i] * (double)nlls[i];
  double variance = squares / (double)n - mean * mean;
  return variance > 0 && n > 1 ? exp(mean) * sqrt(variance / (double)(n - 1)) : (double)NAN;
}

/* White space of Python's str: Unicode's and the four separators of ASCII. */
static bool is_python_space(uint32_t c) { return eq_is_space(c) || (c >= 0x1c && c <= 0x1f); }

uint64_t eq_split_words(struct eq_str text) {
  uint64_t words = 1;
  bool in_space = false;
  uint32_t c;
  for (size_t at = 0, n; at < text.n; at += n ? n : 1) {
    n = eq_utf8_decode(text.p + at, text.n - at, &c);
    bool space = n && is_python_space(c);
    words += space && !in_space;
    in_space = space;
  }
  return words;
}

void eq_convention_none(struct eq_surprisal *r) {
  r->ppl = r->ppl_error = r->word_ppl = r->byte_ppl = r->bits_byte = eq_absent_f64();
  r->words = EQ_ABSENT;
}

void eq_convention_report(const struct eq_convention *c, const struct eq_cut *cut, size_t n_rows, const float *nlls,
                          struct eq_str text, struct eq_surprisal *r) {
  double mean = r->nll / (double)r->n_scored;
  eq_convention_none(r);
  if (c->by_tokens) r->ppl = c->mean_of_windows ? guide_perplexity(cut, n_rows, nlls) : exp(mean);
  if (c->error) r->ppl_error = standard_error(nlls, r->n_scored, mean);
  if (!c->by_text || !text.p || r->bytes == EQ_ABSENT) return;
  r->words = eq_split_words(text);
  r->word_ppl = exp(r->nll / (double)r->words);
  if (text.n == 0) return;
  r->byte_ppl = exp(r->nll / (double)text.n);
  r->bits_byte = r->nll / (double)text.n / log(2);
}
