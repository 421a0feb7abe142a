#include "lib/recipe/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/recipe/laciq.h"

/* ---- reading ---- */

static void free_tensor(struct eq_tensor_statistics *t) {
  for (size_t i = 0; i < t->n_languages; i++)
    free(t->languages[i].lang), free(t->languages[i].means), free(t->languages[i].powers);
  free(t->languages), free(t->squares), free(t->fourths);
}

void eq_statistics_close(struct eq_statistics *s) {
  for (size_t i = 0; s->tensors && i < s->n_params; i++) free_tensor(&s->tensors[i]);
  free(s->tensors);
  *s = (struct eq_statistics){ 0 };
}

/* A file of statistics at work. */
struct reading {
  struct eq_statistics *s;
  const char *model;
  const struct eq_parameter *params;
  const struct eq_record *r;
  struct eq_err *err;
};

static bool refuse(const struct reading *in, const char *what, struct eq_str found, const char *expected) {
  return eq_fail(in->err, EQ_BAD, "%s: record %llu (layer): %s '%.*s', expected %s", in->r->where,
                 (unsigned long long)in->r->number, what, EQ_STR(found), expected);
}

/* What is behind the last @. */
static struct eq_str digest_of(struct eq_str name) {
  const char *at = name.n ? memrchr(name.p, '@', name.n) : NULL;
  return at ? (struct eq_str){ at, (size_t)(name.p + name.n - at) } : name;
}

static bool find_tensor(const struct reading *in, struct eq_str name, size_t *param) {
  for (size_t i = 0; i < in->s->n_params; i++)
    if (eq_str_is(name, in->params[i].name)) return *param = i, true;
  return refuse(in, "tensor", name, "one of the model's");
}

/* Beyond it products of a few of them overflow, and nothing of a model is there. */
static const double number_max = 1e60;

/* Copies of n numbers, an input of the tensor each. */
static bool copy_f64s(const struct reading *in, struct eq_numbers from, size_t n, double **out) {
  struct eq_str name = eq_str("channels");
  if (from.n != n) return refuse(in, "the length of", name, "one number an input of the tensor");
  if (!(*out = eq_array(n, sizeof **out))) return eq_fail_memory(in->err, n * sizeof **out, "statistics");
  for (size_t i = 0; i < n; i++)
    if (!(((*out)[i] = eq_f64_at(from, i)) >= 0 && (*out)[i] < number_max))
      return refuse(in, "a number of", name, "0 or more");
  return true;
}

static bool copy_f32s(const struct reading *in, struct eq_numbers from, size_t n, bool negative, float **out) {
  struct eq_str name = eq_str("channels");
  if (from.n != n) return refuse(in, "the length of", name, "one number an input of the tensor");
  if (!(*out = eq_array(n, sizeof **out))) return eq_fail_memory(in->err, n * sizeof **out, "statistics");
  for (size_t i = 0; i < n; i++)
    if (!isfinite((*out)[i] = eq_f32_at(from, i)) || (!negative && (*out)[i] < 0))
      return refuse(in, "a number of", name, negative ? "finite numbers" : "0 or more");
  return true;
}

static bool same_weights(const struct eq_tensor_statistics *t, const struct eq_layer *l) {
  size_t bytes = l->channel_squares.n * sizeof *t->squares;
  return t->n == l->n && t->variance == l->variance && memcmp(t->squares, l->channel_squares.bytes, bytes) == 0 &&
         l->channel_fourths.n == l->channel_squares.n && memcmp(t->fourths, l->channel_fourths.bytes, bytes) == 0;
}

/* Is the variance that of the channels? */
static bool adds_up(const struct eq_tensor_statistics *t) {
  double sum = 0;
  for (size_t c = 0; c < t->cols; c++) sum += t->squares[c] / (double)t->cols;
  return fabs(sum - t->variance) <= 1e-6 * t->variance;
}

static bool add_weights(const struct reading *in, const struct eq_layer *l, size_t param) {
  struct eq_tensor_statistics *t = &in->s->tensors[param];
  size_t cols = in->params[param].cols;
  if (l->n != in->params[param].rows * cols) return refuse(in, "another n of", l->tensor, "that of the tensor");
  if (t->n) /* statistics of further languages have them too */
    return (l->channel_squares.n == cols && same_weights(t, l)) ||
           refuse(in, "other numbers of", l->tensor, "the same");
  bool defined = l->variance >= 0 && l->variance < number_max && (isfinite(l->kurtosis) || l->variance == 0);
  if (!defined) return refuse(in, "variance or kurtosis of", l->tensor, "finite numbers");
  t->n = l->n, t->cols = cols, t->variance = l->variance, t->kurtosis = l->variance > 0 ? l->kurtosis : 0;
  if (!copy_f64s(in, l->channel_squares, cols, &t->squares) || !copy_f64s(in, l->channel_fourths, cols, &t->fourths))
    return false;
  return adds_up(t) || refuse(in, "channels of", l->tensor, "their squares' mean to be the variance");
}

static bool add_inputs(const struct reading *in, const struct eq_layer *l, size_t param) {
  struct eq_tensor_statistics *t = &in->s->tensors[param];
  size_t cols = in->params[param].cols;
  if (!l->lang.p) return refuse(in, "no language of the inputs of", l->tensor, "one");
  for (size_t i = 0; i < t->n_languages; i++)
    if (eq_str_is(l->lang, t->languages[i].lang)) return refuse(in, "once more the inputs in", l->lang, "them once");
  if (!(l->mean_square >= 0 && l->mean_square < number_max) || l->tokens == EQ_ABSENT || l->tokens == 0)
    return refuse(in, "no tokens or mean square of the inputs of", l->tensor, "finite numbers");
  struct eq_language_inputs *grown = eq_array_grow(t->languages, t->n_languages, &t->capacity, sizeof *grown);
  if (!grown) return eq_fail_memory(in->err, sizeof *grown, "statistics");
  t->languages = grown;
  struct eq_language_inputs *i = &t->languages[t->n_languages++];
  *i = (struct eq_language_inputs){ eq_copy_string(l->lang.p, l->lang.n), l->tokens, l->mean_square, NULL, NULL };
  if (!i->lang) return eq_fail_memory(in->err, l->lang.n, "statistics");
  return copy_f32s(in, l->channel_means, cols, true, &i->means) &&
         copy_f32s(in, l->channel_powers, cols, false, &i->powers);
}

static bool add(struct reading *in) {
  struct eq_layer l;
  size_t param = 0;
  if (!eq_record_is(in->r, &eq_kind_layer)) return true;
  if (!eq_record_get(in->r, &eq_kind_layer, &l, in->err)) return false;
  if (!eq_str_equal(digest_of(l.model), digest_of(eq_str(in->model)))) return refuse(in, "model", l.model, in->model);
  bool inputs = eq_str_is(l.of, "inputs");
  if (!inputs && !eq_str_is(l.of, "weights")) return refuse(in, "of", l.of, "weights or inputs");
  if (!l.tensor.p || (!inputs && !l.channel_squares.bytes)) return true; /* a whole layer, or a vector */
  if (!find_tensor(in, l.tensor, &param)) return false;
  if (inputs || !in->s->tensors[param].n) in->s->digest += XXH3_64bits(in->r->raw.p, in->r->raw.n);
  return inputs ? add_inputs(in, &l, param) : add_weights(in, &l, param);
}

/* All tensors have been seen in the same languages. */
static bool check_languages(const struct reading *in, const char *where) {
  const struct eq_tensor_statistics *first = NULL;
  for (size_t i = 0; i < in->s->n_params; i++) {
    const struct eq_tensor_statistics *t = &in->s->tensors[i];
    if (!t->n_languages) continue;
    if (!t->n) return eq_fail(in->err, EQ_BAD, "%s: has inputs of '%s' but not its weights", where, in->params[i].name);
    first = first ? first : t;
    bool same = t->n_languages == first->n_languages;
    for (size_t k = 0; same && k < t->n_languages; k++)
      same = strcmp(t->languages[k].lang, first->languages[k].lang) == 0;
    if (!same)
      return eq_fail(in->err, EQ_BAD, "%s: inputs of '%s' are in other languages than those before it", where,
                     in->params[i].name);
  }
  in->s->n_languages = first ? first->n_languages : 0;
  return true;
}

bool eq_statistics_read(struct eq_statistics *s, struct eq_reader *reader, const char *model,
                        const struct eq_parameter *params, size_t n_params, struct eq_err *err) {
  struct eq_record r = { .where = "" };
  struct reading in = { s, model, params, &r, err };
  *s = (struct eq_statistics){ .n_params = n_params, .tensors = eq_array(n_params, sizeof *s->tensors) };
  if (!s->tensors) return eq_fail_memory(err, n_params * sizeof *s->tensors, "statistics");
  while (eq_read(reader, &r))
    if (!add(&in)) return false;
  const struct eq_err *ended = eq_reader_error(reader);
  if (ended->code) return eq_fail(err, ended->code, "%s", ended->text);
  return check_languages(&in, r.where);
}

bool eq_statistics_open(struct eq_statistics *s, const char *where, const char *model,
                        const struct eq_parameter *params, size_t n_params, struct eq_err *err) {
  struct eq_reader *reader = eq_reader_open(where, err);
  bool ok = reader && eq_statistics_read(s, reader, model, params, n_params, err);
  eq_reader_free(reader);
  return ok;
}

/* ---- laciq ---- */

static bool fail_missing(const struct eq_statistics *s, const char *step, const char *name, struct eq_err *err) {
  if (s)
    return eq_fail(err, EQ_BAD, "%s: --stats has nothing of what enters '%s': eq-stats -m MODEL -l all adds it%s", step,
                   name, strstr(name, "expert") ? ", but not of experts" : "");
  return eq_fail(err, EQ_BAD,
                 "%s: needs --stats FILE, what enters the weights in each language: "
                 "eq-stats -m MODEL -l all < tokens > FILE",
                 step);
}

/* A language's view of a tensor: its input channels, weighted by what enters them. */
static bool view_tensor(const struct eq_tensor_statistics *t, size_t cols, struct eq_mixture *views,
                        struct eq_err *err) {
  double *weights = eq_array(cols, sizeof *weights);
  if (!weights) return eq_fail_memory(err, cols * sizeof *weights, "channels");
  for (size_t l = 0; l < t->n_languages; l++) {
    for (size_t c = 0; c < cols; c++) weights[c] = (double)t->languages[l].powers[c];
    views[l] = eq_mixture_of(weights, t->squares, t->fourths, cols);
  }
  free(weights);
  return true;
}

/* And of the whole model: its linear tensors, each divided by its deviation. */
static bool view_model(const struct eq_statistics *s, struct eq_mixture *views, struct eq_err *err) {
  double *numbers = eq_array(s->n_params, 3 * sizeof *numbers);
  double *weights = numbers, *ones = numbers + s->n_params, *fourths = ones + s->n_params;
  if (!numbers) return eq_fail_memory(err, 3 * s->n_params * sizeof *numbers, "statistics");
  for (size_t l = 0; l < s->n_languages; l++) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_params; i++) {
      const struct eq_tensor_statistics *t = &s->tensors[i];
      if (!t->n_languages) continue;
      weights[n] = (double)t->n * t->languages[l].power * t->variance;
      ones[n] = 1, fourths[n++] = t->kurtosis + 3;
    }
    views[l] = eq_mixture_of(weights, ones, fourths, n);
  }
  free(numbers);
  return true;
}

bool eq_statistics_multiplier(const struct eq_statistics *s, const struct eq_scheme *scheme, size_t param,
                              const char *name, double *multiplier, struct eq_err *err) {
  const struct eq_tensor_statistics *t = s ? &s->tensors[param] : NULL;
  bool uniform = scheme->clip == EQ_CLIP_LACIQ_UNIFORM;
  if (!s || (uniform ? !s->n_languages : !t->n_languages)) return fail_missing(s, "clip=laciq", name, err);
  struct eq_mixture *views = eq_array(s->n_languages, sizeof *views);
  if (!views) return eq_fail_memory(err, s->n_languages * sizeof *views, "statistics");
  bool ok = uniform ? view_model(s, views, err) : view_tensor(t, t->cols, views, err);
  if (ok) *multiplier = eq_laciq_limit(scheme, views, s->n_languages);
  if (ok && !uniform && t->variance > 0) *multiplier /= sqrt(t->variance);
  free(views);
  return ok;
}

/* ---- mean ---- */

bool eq_statistics_means(const struct eq_statistics *s, size_t param, const char *name, float *means,
                         struct eq_err *err) {
  const struct eq_tensor_statistics *t = s ? &s->tensors[param] : NULL;
  if (!s || !t->n_languages) return fail_missing(s, "mean", name, err);
  for (size_t c = 0; c < t->cols; c++) {
    double sum = 0, tokens = 0;
    for (size_t l = 0; l < t->n_languages; l++) {
      sum += (double)t->languages[l].tokens * (double)t->languages[l].means[c];
      tokens += (double)t->languages[l].tokens;
    }
    means[c] = (float)(sum / tokens);
  }
  return true;
}
