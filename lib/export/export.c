#include "lib/export/export.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/footprint.h"
#include "lib/recipe/clip.h"

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

/* What is done to the whole of a parameter, NULL when it is not to the whole. */
static const struct eq_overlay *whole_of(const struct eq_export *x, size_t param) {
  const struct eq_treatment *t = x->treatments[param];
  return t && eq_treatment_is_whole(t) ? &t->overlays[0] : NULL;
}

struct eq_scheme eq_export_scheme(const struct eq_export *x, size_t param) {
  const struct eq_overlay *o = whole_of(x, param);
  struct eq_scheme s = { .kind = eq_export_keeps(x, param) ? EQ_KEEP : EQ_SCHEME_KINDS };
  if (o) s = o->steps.step[o->steps.n - 1];
  if (eq_clip_is_centered(s.clip)) s.kind = EQ_SCHEME_KINDS;
  return s;
}

bool eq_export_starts_plain(const struct eq_export *x, size_t param) {
  const struct eq_overlay *o = whole_of(x, param);
  return !o || o->steps.n == 1;
}

void eq_export_encode(const struct eq_export *x, size_t param, float *source, size_t first, size_t last,
                      struct eq_codes out) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  const struct eq_overlay *o = whole_of(x, param);
  const struct eq_matrix m = { source, w->rows, w->cols, w->transposed };
  struct eq_scheme s = o->steps.step[o->steps.n - 1];
  if (s.clip)
    eq_codes_encode_clipped(s, o->prepared[o->steps.n - 1].table, m, first, last, out);
  else
    eq_codes_encode(s, o->steps.n == 1 ? w->extremes : o->prepared[o->steps.n - 1].of, m, first, last, out);
}

void eq_export_print(const struct eq_export *x, size_t param, struct eq_buffer *out) {
  eq_treatment_print(out, x->treatments[param]);
}

bool eq_export_refuse(const struct eq_export *x, size_t param, const char *format, const char *why,
                      struct eq_err *err) {
  struct eq_buffer scheme = { 0 };
  eq_export_print(x, param, &scheme);
  eq_fail(err, EQ_BAD, "--format %s: tensor '%s': cannot hold %s: %s", format, x->model->params[param].name,
          scheme.data ? scheme.data : "", why);
  eq_buffer_free(&scheme);
  return false;
}

void eq_export_rows(const struct eq_export *x, size_t param, size_t first, size_t last, float *whole, float *scratch) {
  eq_model_decode(x->model, param, x->treatments[param], first, last, whole, scratch);
}

/* A row as the last step meets it. */
static void row_before(const struct eq_export *x, size_t param, size_t r, float *row) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  const struct eq_overlay *o = whole_of(x, param);
  if (!w->transposed) eq_tensor_decode(w->tensor, r * w->cols, w->cols, row);
  for (size_t c = 0; w->transposed && c < w->cols; c++) eq_tensor_decode(w->tensor, c * w->rows + r, 1, &row[c]);
  if (o) eq_treatment_apply_steps(x->treatments[param], o->steps.n - 1, r, 1, row);
}

void eq_export_before(const struct eq_export *x, size_t param, size_t first, size_t last, float *whole,
                      float *scratch) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  if (eq_export_starts_plain(x, param)) {
    eq_model_decode(x->model, param, NULL, first, last, whole, NULL);
    return;
  }
  for (size_t r = first; r < last; r++) {
    row_before(x, param, r, scratch);
    for (size_t c = 0; c < w->cols; c++) whole[w->transposed ? c * w->rows + r : r * w->cols + c] = scratch[c];
  }
}

/* ---- a parameter under its scheme, and its error ---- */

/* Sums over some rows, so that they do not depend on the threads when they are added in order. */
struct sums {
  double squares, errors;
  float most;
  uint64_t clipped;
};

struct rounding {
  const struct eq_export *x;
  size_t param, rows_an_item, n_items;
  float *values;     /* the whole parameter */
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

/* By a limit that is not the largest magnitude. */
static bool is_clipped(const struct eq_export *x, size_t param) {
  const struct eq_overlay *o = whole_of(x, param);
  return o && o->steps.step[o->steps.n - 1].clip;
}

static void count_clipped(const struct rounding *r, size_t first, size_t last, float *row, struct sums *s) {
  const struct eq_overlay *o = whole_of(r->x, r->param);
  size_t step = o->steps.n - 1, cols = r->x->model->weights[r->param].cols;
  for (size_t i = first; i < last; i++) {
    row_before(r->x, r->param, i, row);
    s->clipped += eq_clipped(o->steps.step[step], o->prepared[step].table, i, cols, row);
  }
}

static void round_item(void *context, size_t item, size_t thread) {
  struct rounding *r = context;
  const struct eq_placed_tensor *w = &r->x->model->weights[r->param];
  size_t first = item * r->rows_an_item, last = first + r->rows_an_item < w->rows ? first + r->rows_an_item : w->rows;
  float *scratch = r->x->scratch + thread * eq_model_scratch(r->x->model);
  eq_export_rows(r->x, r->param, first, last, r->values, scratch);
  struct sums *s = &r->sums[item];
  *s = (struct sums){ 0 };
  if (is_clipped(r->x, r->param)) count_clipped(r, first, last, scratch, s);
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
  q->sqnr = s.errors > 0 ? 10 * log10(s.squares / s.errors) : eq_absent_f64(); /* of what is exact there is none */
  q->max_error = (double)s.most;
}

/* Scales of the largest magnitude leave no weight beyond the codes of integers; of other schemes it is not known. */
static double share_clipped(const struct eq_export *x, size_t param, struct sums s) {
  struct eq_scheme scheme = eq_export_scheme(x, param);
  if (is_clipped(x, param)) return (double)s.clipped / (double)x->model->weights[param].tensor->n;
  return scheme.kind == EQ_INT || scheme.kind == EQ_ASYMMETRIC ? 0 : eq_absent_f64();
}

/* Squares of floats do not overflow a double: that sum is finite when the values are. */
static bool is_finite(const struct eq_export *x, size_t param, double errors, struct eq_err *err) {
  struct eq_buffer scheme = { 0 };
  if (isfinite(errors)) return true;
  eq_export_print(x, param, &scheme);
  eq_fail(err, EQ_BAD, "tensor '%s': %s makes NaN or infinite values of it: its weights are too large for that",
          x->model->params[param].name, scheme.data ? scheme.data : "");
  eq_buffer_free(&scheme);
  return false;
}

/* r->values = the parameter under its scheme; the errors go to *q. */
static bool round_parameter(struct rounding *r, struct eq_quant *q, struct eq_err *err) {
  const struct eq_placed_tensor *w = &r->x->model->weights[r->param];
  r->rows_an_item = eq_model_job_rows(w->cols);
  r->n_items = (w->rows + r->rows_an_item - 1) / r->rows_an_item;
  if (!(r->sums = eq_array(r->n_items, sizeof *r->sums)))
    return eq_fail_memory(err, r->n_items * sizeof *r->sums, "sums");
  eq_pool_run(r->x->pool, r->n_items, round_item, r);
  struct sums all = { 0 };
  for (size_t i = 0; i < r->n_items; i++) {
    all.squares += r->sums[i].squares, all.errors += r->sums[i].errors;
    all.most = r->sums[i].most > all.most ? r->sums[i].most : all.most;
    all.clipped += r->sums[i].clipped;
  }
  free(r->sums);
  set_errors(q, all, w->tensor->n);
  q->clipped = share_clipped(r->x, r->param, all);
  return is_finite(r->x, r->param, all.errors, err);
}

bool eq_export_fits_f16(const char *name, const float *values, size_t n, struct eq_err *err) {
  for (size_t i = 0; i < n; i++)
    if (fabsf(values[i]) >= 65520)
      return eq_fail(err, EQ_BAD, "tensor '%s' has a weight of %g, which float16 cannot hold: use bf16 or f32", name,
                     (double)values[i]);
  return true;
}

bool eq_export_round(const struct eq_export *x, size_t param, float *values, struct eq_err *err) {
  struct eq_quant q;
  struct rounding r = { .x = x, .param = param, .values = values };
  return round_parameter(&r, &q, err);
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
  q->bytes = eq_model_stored_bytes(x->model, i, x->treatments[i]);
  q->bits = 8 * (double)q->bytes / (double)q->weights;
  return true;
}

static bool stopped(struct eq_err *err) { return eq_fail(err, EQ_BAD, "the output of records failed"); }

static bool export_parameter(struct eq_export *x, size_t i, float *values, struct eq_buffer *scheme,
                             struct eq_err *err) {
  struct eq_quant q;
  struct rounding r = { .x = x, .param = i, .values = values };
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
  x->scratch = eq_array(eq_pool_threads(x->pool), eq_model_scratch(m) * sizeof *x->scratch);
  bool ok = values && x->scratch ? true : eq_fail_memory(err, most * sizeof *values, "the largest tensor");
  for (size_t i = 0; ok && i < m->n_params; i++) ok = export_parameter(x, i, values, &scheme, err);
  free(values);
  free(x->scratch);
  x->scratch = NULL;
  eq_buffer_free(&scheme);
  return ok;
}

bool eq_export_unchanged(const struct eq_export *x, struct eq_err *err) {
  return eq_checkpoint_unchanged(&x->model->file, err) && (!x->patch || eq_file_unchanged(&x->patch->file, err));
}

/* Is what `path` names, or would, in the model's folder or below? */
static bool is_in_source(const struct eq_export *x, const char *path) {
  const char *slash = path + strlen(path);
  while (slash > path && slash[-1] == '/') slash--; /* "out/" is "out" */
  while (slash > path && slash[-1] != '/') slash--;
  char *parent = slash > path ? eq_copy_string(path, (size_t)(slash - path)) : eq_copy_string(".", 1);
  char *folder = parent ? realpath(parent, NULL) : NULL, *source = realpath(x->source, NULL);
  size_t n = source ? strlen(source) : 0;
  bool in = folder && n && !x->model->file.n_parts && strncmp(folder, source, n) == 0 &&
            (folder[n] == '/' || !folder[n] || source[n - 1] == '/');
  free(parent), free(folder), free(source);
  return in;
}

static bool check_place(const struct eq_export *x, const char *path, struct eq_err *err) {
  if (eq_checkpoint_has_file(&x->model->file, path))
    return eq_fail(err, EQ_BAD, "%s: is the model that is read: name another output", path);
  return !is_in_source(x, path) ||
         eq_fail(err, EQ_BAD, "%s: is in the folder of the model that is read: name another place", path);
}

bool eq_export_new_file(const struct eq_export *x, const char *path, struct eq_err *err) {
  if (!check_place(x, path, err)) return false;
  return !eq_path_exists(path) || eq_fail(err, EQ_BAD, "%s: is there already: name a new file", path);
}

bool eq_export_run(struct eq_export *x, struct eq_err *err) {
  if (x->format && !check_place(x, x->out, err)) return false;
  bool ok = !x->format || x->format->begin(x, err);
  ok = ok && export_all(x, err) && eq_export_unchanged(x, err);
  ok = ok && (!x->format || x->format->end(x, err));
  if (x->format) x->format->discard(x);
  struct eq_err changed = { 0 }; /* which is why, rather than what came of it */
  if (!ok && !eq_export_unchanged(x, &changed)) *err = changed;
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
