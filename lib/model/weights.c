/* weights.c: a parameter's values under a treatment. Apart from model.c, so that who only asks what a model is needs no
 * linear algebra. */
#include "lib/base/progress.h"
#include "lib/model/model.h"
#include "lib/tensor/ggml_encode.h"

enum { DECODED = 4096 /* elements at a time */ };

bool eq_model_in_place(const struct eq_model *m, size_t param, const struct eq_treatment *t) {
  const struct eq_tensor *w = m->weights[param].tensor;
  return !t && w->dtype == EQ_F32 && !w->packed && (uintptr_t)w->data % sizeof(float) == 0;
}

/* Rows that a transposed matrix is treated in at a time. */
enum { TREATED = 8 };

size_t eq_model_scratch(const struct eq_model *m) {
  size_t most = 0;
  for (size_t i = 0; i < m->n_params; i++) most = m->weights[i].cols > most ? m->weights[i].cols : most;
  return (TREATED + 2) * most;
}

/* Rounding in place is faster, and its rows may lie in either layout. */
static bool is_rounding(const struct eq_treatment *t, struct eq_scheme *scheme) {
  return eq_treatment_is_plain(t, scheme) && !scheme->clip &&
         (scheme->kind == EQ_INT || scheme->kind == EQ_ASYMMETRIC || scheme->kind == EQ_FP16_CAST ||
          scheme->kind == EQ_BF16_CAST);
}

void eq_model_rows(const struct eq_model *m, size_t param, const struct eq_treatment *t, size_t first, size_t last,
                   float *out, float *scratch) {
  const struct eq_placed_tensor *w = &m->weights[param];
  struct eq_scheme scheme;
  size_t n = last - first;
  eq_tensor_decode(w->tensor, first * w->cols, n * w->cols, out);
  if (is_rounding(t, &scheme))
    eq_round_rows(scheme, w->extremes, (struct eq_matrix){ out, n, w->cols, false }, 0, n);
  else if (t)
    eq_treatment_apply(t, first, n, out, scratch);
}

/* Rows first..first+n-1 of a transposed matrix as they lie, to rows one after the other, or back. */
static void transpose_rows(float *whole, const struct eq_placed_tensor *w, size_t first, size_t n, float *rows,
                           bool back) {
  for (size_t c = 0; c < w->cols; c++)
    for (size_t r = 0; r < n; r++) {
      float *there = whole + c * w->rows + first + r, *here = rows + r * w->cols + c;
      if (back)
        *there = *here;
      else
        *here = *there;
    }
}

void eq_model_decode(const struct eq_model *m, size_t param, const struct eq_treatment *t, size_t first, size_t last,
                     float *whole, float *scratch) {
  const struct eq_placed_tensor *w = &m->weights[param];
  struct eq_scheme scheme;
  if (!w->transposed) {
    eq_model_rows(m, param, t, first, last, whole + first * w->cols, scratch);
    return;
  }
  for (size_t c = 0; c < w->cols; c++) {
    size_t at = c * w->rows + first;
    eq_tensor_decode(w->tensor, at, last - first, whole + at);
  }
  if (is_rounding(t, &scheme)) {
    eq_round_rows(scheme, w->extremes, (struct eq_matrix){ whole, w->rows, w->cols, true }, first, last);
    return;
  }
  for (size_t r = first; t && r < last; r += TREATED) {
    size_t n = last - r < TREATED ? last - r : TREATED;
    transpose_rows(whole, w, r, n, scratch, false);
    eq_treatment_apply(t, r, n, scratch, scratch + TREATED * w->cols);
    transpose_rows(whole, w, r, n, scratch, true);
  }
}

void eq_model_source(const struct eq_model *m, size_t param, float *out) {
  const struct eq_placed_tensor *w = &m->weights[param];
  float line[DECODED];
  if (!w->transposed) {
    eq_tensor_decode(w->tensor, 0, w->rows * w->cols, out);
    return;
  }
  for (size_t c = 0; c < w->cols; c++)
    for (size_t r = 0; r < w->rows; r += DECODED) {
      size_t n = w->rows - r < DECODED ? w->rows - r : DECODED;
      eq_tensor_decode(w->tensor, c * w->rows + r, n, line);
      for (size_t i = 0; i < n; i++) out[(r + i) * w->cols + c] = line[i];
    }
}

/* ---- treatments ---- */

struct preparing {
  const struct eq_model *m;
  struct eq_progress progress;
  size_t done;
};

static bool load_source(void *context, size_t param, float *out, struct eq_err *err) {
  const struct preparing *p = context;
  (void)err;
  eq_model_source(p->m, param, out);
  return true;
}

static struct eq_extremes extremes_of(void *context, size_t param) {
  const struct preparing *p = context;
  return p->m->weights[param].extremes;
}

static void show_done(void *context, size_t n_done, size_t n) {
  struct preparing *p = context;
  p->progress.total = n;
  eq_progress_add(&p->progress, n_done - p->done);
  p->done = n_done;
  if (p->m->frugal) eq_checkpoint_release(&p->m->file);
}

bool eq_model_prepare(const struct eq_model *m, struct eq_treatments *all, struct eq_pool *pool,
                      void (*draw)(const char *line), struct eq_err *err) {
  struct preparing p = { .m = m };
  size_t most = 0;
  for (size_t i = 0; i < m->n_params; i++) most = m->weights[i].tensor->n > most ? m->weights[i].tensor->n : most;
  eq_progress_begin(&p.progress, "preparing", "tensors", 0, draw);
  bool ok = eq_treatments_prepare(all, (struct eq_weights_source){ &p, load_source, extremes_of, show_done, most },
                                  pool, err);
  eq_progress_end(&p.progress);
  return ok;
}

size_t eq_model_short_groups(const struct eq_model *m, const struct eq_treatment **treatments) {
  struct eq_scheme scheme;
  size_t n = 0;
  for (size_t i = 0; i < m->n_params; i++)
    if (eq_treatment_is_plain(treatments[i], &scheme))
      n += eq_short_groups(scheme, m->weights[i].rows, m->weights[i].cols);
  return n;
}

size_t eq_model_fallbacks(const struct eq_model *m, const struct eq_treatment **treatments, const char **name,
                          enum eq_dtype *type) {
  size_t n = 0;
  for (size_t i = 0; i < m->n_params; i++)
    for (size_t k = 0; treatments[i] && k < treatments[i]->n; k++) {
      const struct eq_overlay *o = &treatments[i]->overlays[k];
      const struct eq_scheme *last = &o->steps.step[o->steps.n - 1];
      if (last->kind != EQ_GGML) continue;
      enum eq_dtype got = eq_ggml_type(last->type, eq_stretch_size(o->slice.cols));
      if (got != last->type && n++ == 0) *name = m->params[i].name, *type = got;
    }
  return n;
}

double eq_model_energy_kept(const struct eq_model *m, const struct eq_treatment **treatments) {
  double least = 1;
  for (size_t i = 0; i < m->n_params; i++)
    for (size_t k = 0; treatments[i] && k < treatments[i]->n; k++)
      for (size_t s = 0; s < treatments[i]->overlays[k].steps.n; s++) {
        const struct eq_overlay *o = &treatments[i]->overlays[k];
        if (treatments[i]->ready && o->steps.step[s].kind == EQ_LOWRANK && o->prepared[s].number < least)
          least = o->prepared[s].number;
      }
  return least;
}
