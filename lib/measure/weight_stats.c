#include "lib/measure/weight_stats.h"

#include <math.h>
#include <stdlib.h>

enum { SPAN = 4096 /* elements at a time */ };

/* The tensor as it lies: lines of `width` elements, each an output, or an input of what is transposed. Jobs take some
 * lines each, and their sums are added in order. */
struct job {
  struct eq_moments moments;
  uint64_t n_outliers;
};
struct looking {
  const struct eq_placed_tensor *w;
  size_t lines, width, lines_a_job, n_jobs;
  struct job *jobs; /* [n_jobs] */
  double mean, beyond;
  double
      *sums; /* [2][n_jobs][cols], or [2][cols] of what is transposed: no two jobs share an input there; NULL: none */
};

static void look_once(void *context, size_t i, size_t thread) {
  const struct looking *l = context;
  size_t first = i * l->lines_a_job, last = first + l->lines_a_job < l->lines ? first + l->lines_a_job : l->lines;
  float x[SPAN];
  (void)thread;
  for (size_t at = first * l->width, n; at < last * l->width; at += n) {
    n = last * l->width - at < SPAN ? last * l->width - at : SPAN;
    eq_tensor_decode(l->w->tensor, at, n, x);
    eq_moments_add(&l->jobs[i].moments, x, n);
  }
}

/* Elements from..from+n-1 of a line, about the mean of all. */
static void look_at_line(const struct looking *l, size_t job, size_t line, size_t from, const float *x, size_t n) {
  size_t cols = l->w->cols, half = l->w->transposed ? cols : l->n_jobs * cols;
  double *squares = l->sums ? l->sums + (l->w->transposed ? line : job * cols + from) : NULL;
  double *fourths = l->sums ? squares + half : NULL;
  for (size_t k = 0; k < n; k++) {
    double d = (double)x[k] - l->mean, d2 = d * d;
    l->jobs[job].n_outliers += fabs(d) > l->beyond;
    if (!squares) continue;
    *squares += d2, *fourths += d2 * d2;
    squares += !l->w->transposed, fourths += !l->w->transposed;
  }
}

static void look_again(void *context, size_t i, size_t thread) {
  const struct looking *l = context;
  size_t first = i * l->lines_a_job, last = first + l->lines_a_job < l->lines ? first + l->lines_a_job : l->lines;
  float x[SPAN];
  (void)thread;
  for (size_t line = first; line < last; line++)
    for (size_t from = 0; from < l->width; from += SPAN) {
      size_t n = l->width - from < SPAN ? l->width - from : SPAN;
      eq_tensor_decode(l->w->tensor, line * l->width + from, n, x);
      look_at_line(l, i, line, from, x, n);
    }
}

/* Means over the weights of each input. */
static bool keep_channels(const struct looking *l, struct eq_weight_stats *s, struct eq_err *err) {
  size_t cols = l->w->cols, jobs = l->w->transposed ? 1 : l->n_jobs;
  s->n_channels = cols;
  s->squares = eq_array(cols, sizeof *s->squares);
  s->fourths = eq_array(cols, sizeof *s->fourths);
  if (!s->squares || !s->fourths) return eq_fail_memory(err, 2 * cols * sizeof *s->squares, "channels");
  for (size_t i = 0; i < jobs; i++)
    for (size_t c = 0; c < cols; c++) {
      s->squares[c] += l->sums[i * cols + c] / (double)l->w->rows;
      s->fourths[c] += l->sums[(jobs + i) * cols + c] / (double)l->w->rows;
    }
  return true;
}

static bool look(struct looking *l, struct eq_pool *pool, bool channels, struct eq_weight_stats *s,
                 struct eq_err *err) {
  size_t n_sums = 2 * l->w->cols * (l->w->transposed ? 1 : l->n_jobs);
  l->jobs = eq_array(l->n_jobs, sizeof *l->jobs);
  if (channels) l->sums = eq_array(n_sums, sizeof *l->sums);
  if (!l->jobs || (channels && !l->sums)) return eq_fail_memory(err, n_sums * sizeof *l->sums, "statistics");
  eq_pool_run(pool, l->n_jobs, look_once, l);
  for (size_t i = 0; i < l->n_jobs; i++) eq_moments_merge(&s->moments, &l->jobs[i].moments);
  l->mean = s->moments.mean, l->beyond = 3 * sqrt(eq_moments_variance(&s->moments));
  eq_pool_run(pool, l->n_jobs, look_again, l);
  for (size_t i = 0; i < l->n_jobs; i++) s->n_outliers += l->jobs[i].n_outliers;
  return !channels || keep_channels(l, s, err);
}

bool eq_weight_stats_of(const struct eq_model *m, struct eq_pool *pool, size_t param, struct eq_weight_stats *s,
                        struct eq_err *err) {
  const struct eq_placed_tensor *w = &m->weights[param];
  struct looking l = { .w = w, .lines = w->rows, .width = w->cols };
  if (w->transposed) l.lines = w->cols, l.width = w->rows;
  l.lines_a_job = eq_model_job_rows(l.width);
  l.n_jobs = (l.lines + l.lines_a_job - 1) / l.lines_a_job;
  *s = (struct eq_weight_stats){ .n_channels = 0 };
  bool ok = look(&l, pool, m->params[param].roles & EQ_LINEAR, s, err);
  free(l.jobs);
  free(l.sums);
  if (!ok) eq_weight_stats_free(s);
  return ok;
}

void eq_weight_stats_free(struct eq_weight_stats *s) {
  free(s->squares);
  free(s->fourths);
  *s = (struct eq_weight_stats){ .n_channels = 0 };
}
