#include "lib/export/export.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct eq_export_format *const formats[] = { &eq_export_hf, &eq_export_gguf, &eq_export_compressed_tensors,
                                                          &eq_export_gptq, &eq_export_patch };
enum { N_FORMATS = sizeof formats / sizeof *formats };

const struct eq_export_format *eq_export_format_find(const char *name, struct eq_err *err) {
  struct eq_buffer known = { 0 };
  for (size_t i = 0; i < N_FORMATS; i++) {
    if (strcmp(formats[i]->name, name) == 0) {
      eq_buffer_free(&known);
      return formats[i];
    }
    eq_buffer_format(&known, "%s%s", i ? ", " : "", formats[i]->name);
  }
  eq_fail(err, EQ_BAD, "--format: '%s': known are %s", name, known.data ? known.data : "");
  eq_buffer_free(&known);
  return NULL;
}

/* ---- what the recipe does ---- */

bool eq_export_keeps(const struct eq_export *x, size_t param) { return !x->treatments[param]; }

struct eq_scheme eq_export_scheme(const struct eq_export *x, size_t param) {
  struct eq_scheme s;
  if (!eq_treatment_is_plain(x->treatments[param], &s) || s.clip) s.kind = EQ_SCHEME_KINDS;
  return s;
}

void eq_export_print(const struct eq_export *x, size_t param, struct eq_buffer *out) {
  eq_treatment_print(out, x->treatments[param]);
}

void eq_export_rows(const struct eq_export *x, size_t param, size_t first, size_t last, float *whole, float *scratch) {
  eq_model_decode(x->model, param, x->treatments[param], first, last, whole, scratch);
}

void eq_export_before(const struct eq_export *x, size_t param, size_t first, size_t last, float *whole) {
  eq_model_decode(x->model, param, NULL, first, last, whole, NULL);
}

/* ---- a parameter under its scheme, and its error ---- */

/* Sums over some rows, so that they do not depend on the threads when they are added in order. */
struct sums {
  double squares, errors;
  float most;
};

struct rounding {
  const struct eq_export *x;
  size_t param, rows_an_item, n_items;
  float *values;     /* the whole parameter */
  float *scratch;    /* [threads][eq_model_scratch] */
  struct sums *sums; /* [n_items] */
};

enum { SPAN = 4096 /* elements at a time */ };

/* The error of values that lie at elements first..first+n-1 of the file's tensor. */
static void compare_span(const struct eq_tensor *t, size_t first, size_t n, const float *values, struct sums *s) {
  float source[SPAN];
  for (size_t i = 0; i < n; i += SPAN) {
    size_t k = n - i < SPAN ? n - i : SPAN;
    double squares = 0, errors = 0;
    float most = s->most;
    eq_tensor_decode(t, first + i, k, source);
    for (size_t j = 0; j < k; j++) {
      double w = (double)source[j], e = (double)values[i + j] - w;
      float size = fabsf(values[i + j] - source[j]);
      squares += w * w, errors += e * e;
      most = size > most ? size : most;
    }
    s->squares += squares, s->errors += errors, s->most = most;
  }
}

static void round_item(void *context, size_t item, size_t thread) {
  struct rounding *r = context;
  const struct eq_placed_tensor *w = &r->x->model->weights[r->param];
  size_t first = item * r->rows_an_item, last = first + r->rows_an_item < w->rows ? first + r->rows_an_item : w->rows;
  eq_export_rows(r->x, r->param, first, last, r->values, r->scratch + thread * eq_model_scratch(r->x->model));
  struct sums *s = &r->sums[item];
  *s = (struct sums){ 0 };
  if (!w->transposed)
    compare_span(w->tensor, first * w->cols, (last - first) * w->cols, r->values + first * w->cols, s);
  for (size_t c = 0; w->transposed && c < w->cols; c++) {
    size_t at = c * w->rows + first;
    compare_span(w->tensor, at, last - first, r->values + at, s);
  }
}

static void set_errors(struct eq_quant *q, struct sums s, size_t n) {
  q->mse = s.errors / (double)n;
  q->relative_error = sqrt(s.errors / s.squares); /* NaN when all weights are 0: there is nothing to compare with */
  q->sqnr = 10 * log10(s.squares / s.errors);
  q->max_error = (double)s.most;
  q->clipped = 0; /* scales are of the largest magnitude: none is beyond the codes */
}

/* r->values = the parameter under its scheme; the errors go to *q. */
static bool round_parameter(struct rounding *r, struct eq_quant *q, struct eq_err *err) {
  const struct eq_placed_tensor *w = &r->x->model->weights[r->param];
  r->rows_an_item = w->cols < 1024 ? 65536 / w->cols : 64; /* transposed matrices want whole cache lines of rows */
  r->n_items = (w->rows + r->rows_an_item - 1) / r->rows_an_item;
  if (!(r->sums = eq_array(r->n_items, sizeof *r->sums)))
    return eq_fail_memory(err, r->n_items * sizeof *r->sums, "sums");
  eq_pool_run(r->x->pool, r->n_items, round_item, r);
  struct sums all = { 0 };
  for (size_t i = 0; i < r->n_items; i++) {
    all.squares += r->sums[i].squares, all.errors += r->sums[i].errors;
    all.most = r->sums[i].most > all.most ? r->sums[i].most : all.most;
  }
  free(r->sums);
  set_errors(q, all, w->tensor->n);
  return true;
}

/* ---- all parameters ---- */

/* What is known of a parameter before its weights are looked at. */
static bool describe(const struct eq_export *x, size_t i, struct eq_buffer *scheme, struct eq_quant *q,
                     struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[i];
  const struct eq_parameter *p = &x->model->params[i];
  double none = eq_absent_f64();
  scheme->size = 0;
  eq_export_print(x, i, scheme);
  if (scheme->failed) return eq_fail_memory(err, 64, "a scheme");
  *q = (struct eq_quant){ .model = eq_str(x->model->name),
                          .recipe = eq_str(x->recipe),
                          .tensor = eq_str(p->name),
                          .scheme = { scheme->data, scheme->size },
                          .layer = p->layer < 0 ? EQ_ABSENT : (uint64_t)p->layer,
                          .weights = w->tensor->n,
                          .source_bytes = eq_tensor_bytes(w->tensor, w->tensor->n),
                          .file_bytes = EQ_ABSENT,
                          .mse = none,
                          .sqnr = none,
                          .relative_error = none,
                          .max_error = none,
                          .clipped = none };
  q->bytes = eq_treatment_bytes(x->treatments[i], q->source_bytes);
  q->bits = 8 * (double)q->bytes / (double)q->weights;
  return true;
}

static bool stopped(struct eq_err *err) { return eq_fail(err, EQ_BAD, "the output of records failed"); }

static bool export_parameter(struct eq_export *x, size_t i, float *values, float *scratch, struct eq_buffer *scheme,
                             struct eq_err *err) {
  struct eq_quant q;
  struct rounding r = { .x = x, .param = i, .values = values, .scratch = scratch };
  bool kept = eq_export_keeps(x, i);
  if (!describe(x, i, scheme, &q, err) || (!kept && !round_parameter(&r, &q, err))) return false;
  if (kept) q.mse = q.relative_error = q.max_error = q.clipped = 0;
  if (x->format && !x->format->put(x, i, kept ? NULL : values, &q.file_bytes, err)) return false;
  eq_progress_add(&x->progress, q.weights);
  return x->report(x->context, &q) || stopped(err);
}

static bool export_all(struct eq_export *x, struct eq_err *err) {
  const struct eq_model *m = x->model;
  struct eq_buffer scheme = { 0 };
  size_t most = 0;
  for (size_t i = 0; i < m->n_params; i++)
    if (!eq_export_keeps(x, i) && m->weights[i].tensor->n > most) most = m->weights[i].tensor->n;
  float *values = eq_array(most, sizeof *values);
  float *scratch = eq_array(eq_pool_threads(x->pool), eq_model_scratch(m) * sizeof *scratch);
  bool ok = values && scratch ? true : eq_fail_memory(err, most * sizeof *values, "the largest tensor");
  for (size_t i = 0; ok && i < m->n_params; i++) ok = export_parameter(x, i, values, scratch, &scheme, err);
  free(values);
  free(scratch);
  eq_buffer_free(&scheme);
  return ok;
}

bool eq_export_run(struct eq_export *x, struct eq_err *err) {
  if (x->format && eq_checkpoint_has_file(&x->model->file, x->out))
    return eq_fail(err, EQ_BAD, "%s: is the model that is read: name another output", x->out);
  bool ok = !x->format || x->format->begin(x, err);
  ok = ok && export_all(x, err) && eq_checkpoint_unchanged(&x->model->file, err);
  ok = ok && (!x->format || x->format->end(x, err));
  if (x->format) x->format->discard(x);
  return ok;
}

bool eq_export_plan(struct eq_export *x, struct eq_err *err) {
  struct eq_buffer scheme = { 0 };
  struct eq_quant q;
  bool ok = true;
  for (size_t i = 0; ok && i < x->model->n_params; i++)
    ok = describe(x, i, &scheme, &q, err) && (x->report(x->context, &q) || stopped(err));
  eq_buffer_free(&scheme);
  return ok;
}
