/* The nearest matrix of a rank (Eckart and Young 1936), by singular values: LAPACK's sgesdd, which OpenBLAS brings. */
#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/recipe/step.h"

/* Fortran's interface: everything by address, matrices column by column. */
void sgesdd_(const char *job, const int *m, const int *n, float *a, const int *lda, float *s, float *u, const int *ldu,
             float *vt, const int *ldvt, float *work, const int *lwork, int *iwork, int *info);

/* A matrix, [rows][cols], is to Fortran its transpose, cols x rows: U[cols][k] by columns, S[k], VT[k][rows]. */
struct svd {
  int m, n, k;
  float *a, *s, *u, *vt, *work;
  int *iwork;
};

static void svd_free(struct svd *d) { free(d->a), free(d->s), free(d->u), free(d->vt), free(d->work), free(d->iwork); }

/* Matrices are shared out to our own threads. */
static void use_one_thread(void) { openblas_set_num_threads(1); }

static bool decompose(struct svd *d, const float *w, struct eq_err *err) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  int info = 0, lwork = -1;
  float best = 0;
  pthread_once(&once, use_one_thread);
  size_t m = (size_t)d->m, n = (size_t)d->n, k = (size_t)d->k;
  d->a = eq_array(m * n, sizeof *d->a);
  d->s = eq_array(k, sizeof *d->s);
  d->u = eq_array(m * k, sizeof *d->u);
  d->vt = eq_array(k * n, sizeof *d->vt);
  d->iwork = eq_array(8 * k, sizeof *d->iwork);
  if (!d->a || !d->s || !d->u || !d->vt || !d->iwork) return eq_fail_memory(err, m * n * sizeof *d->a, "a matrix");
  memcpy(d->a, w, m * n * sizeof *w);
  sgesdd_("S", &d->m, &d->n, d->a, &d->m, d->s, d->u, &d->m, d->vt, &d->k, &best, &lwork, d->iwork, &info);
  best *= 1.01f; /* the size comes as a float */
  if (!(best < 0x1p31f))
    return eq_fail(err, EQ_BAD,
                   "lowrank: a %d x %d matrix needs more working memory (%.3g numbers) than LAPACK can count", d->n,
                   d->m, (double)best);
  lwork = (int)best + 1;
  d->work = eq_array((size_t)lwork, sizeof *d->work);
  if (!d->work) return eq_fail_memory(err, (size_t)lwork * sizeof *d->work, "singular values");
  sgesdd_("S", &d->m, &d->n, d->a, &d->m, d->s, d->u, &d->m, d->vt, &d->k, d->work, &lwork, d->iwork, &info);
  return info == 0 || eq_fail(err, EQ_BAD, "lowrank: singular values of a %d x %d matrix were not found (sgesdd: %d)",
                              d->n, d->m, info);
}

/* The factors: [rows][rank], singular values in them, then [rank][cols]. */
static bool keep_factors(const struct svd *d, size_t rank, struct eq_prepared *p, struct eq_err *err) {
  size_t rows = (size_t)d->n, cols = (size_t)d->m, k = (size_t)d->k;
  double kept = 0, all = 0;
  p->rank = rank;
  p->table = eq_array(rank, (rows + cols) * sizeof *p->table);
  if (!p->table) return eq_fail_memory(err, rank * (rows + cols) * sizeof *p->table, "factors");
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < rank; i++) p->table[r * rank + i] = d->vt[r * k + i] * d->s[i];
  memcpy(p->table + rows * rank, d->u, rank * cols * sizeof *p->table);
  for (size_t i = 0; i < k; i++) {
    double energy = (double)d->s[i] * (double)d->s[i];
    all += energy;
    kept += i < rank ? energy : 0;
  }
  p->number = all > 0 ? kept / all : 1;
  p->rows = rows;
  return true;
}

bool eq_lowrank_prepare(const struct eq_scheme *s, const float *w, size_t rows, size_t cols, struct eq_prepared *p,
                        struct eq_err *err) {
  size_t least = rows < cols ? rows : cols;
  if (s->n >= least) { /* nothing is lost */
    p->number = 1;
    return true;
  }
  if (rows > INT32_MAX || cols > INT32_MAX) return eq_fail(err, EQ_BAD, "lowrank: a matrix of %zu x %zu", rows, cols);
  struct svd d = { .m = (int)cols, .n = (int)rows, .k = (int)least };
  bool ok = decompose(&d, w, err) && keep_factors(&d, s->n, p, err);
  svd_free(&d);
  return ok;
}

void eq_lowrank_apply(const struct eq_prepared *p, size_t r, size_t cols, float *row) {
  if (!p->table) return;
  const float *left = p->table + r * p->rank, *right = p->table + p->rows * p->rank;
  memset(row, 0, cols * sizeof *row);
  for (size_t i = 0; i < p->rank; i++)
    for (size_t c = 0; c < cols; c++) row[c] += left[i] * right[i * cols + c];
}
