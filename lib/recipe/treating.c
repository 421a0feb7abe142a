/* treating.c: treatments done to weights: what they must know of whole matrices, then row by row. Apart from
 * treatment.c, so that who only reads recipes needs no linear algebra. */
#include <stdlib.h>
#include <string.h>

#include "lib/recipe/statistics.h"
#include "lib/recipe/treatment.h"

/* ---- a part of a matrix ---- */

static void gather(struct eq_stretch s, const float *row, float *out) {
  for (size_t b = 0; b < s.blocks; b++) memcpy(out + b * s.size, row + s.first + b * s.stride, s.size * sizeof *row);
}

static void scatter(struct eq_stretch s, const float *in, float *row) {
  for (size_t b = 0; b < s.blocks; b++) memcpy(row + s.first + b * s.stride, in + b * s.size, s.size * sizeof *row);
}

/* The part of w, [rows][cols], that an overlay covers. */
static void gather_slice(const struct eq_treatment *t, const struct eq_overlay *o, const float *w, float *out) {
  for (size_t r = 0, index; r < t->rows; r++)
    if (eq_stretch_find(o->slice.rows, r, &index))
      gather(o->slice.cols, w + r * t->cols, out + index * eq_stretch_size(o->slice.cols));
}

/* ---- rows ---- */

static struct eq_origin origin_of(const struct eq_treatment *t, const struct eq_overlay *o) {
  return (struct eq_origin){ t->stream, t->cols, o->slice };
}

static void apply_steps(const struct eq_treatment *t, const struct eq_overlay *o, size_t r, size_t cols, float *row) {
  struct eq_origin origin = origin_of(t, o);
  for (size_t i = 0; i < o->steps.n; i++) eq_step_apply(&o->steps.step[i], &o->prepared[i], &origin, r, cols, row);
}

/* The overlay's weights of a row: `source` is the row of the file, `work` has room for a row. */
static void lay_over(const struct eq_treatment *t, const struct eq_overlay *o, size_t index, const float *source,
                     float *work, float *row) {
  size_t cols = eq_stretch_size(o->slice.cols);
  gather(o->slice.cols, source, work);
  apply_steps(t, o, index, cols, work);
  if (o->pick.kind == EQ_PICK_ALL) {
    scatter(o->slice.cols, work, row);
    return;
  }
  for (size_t c = 0; c < cols; c++) {
    size_t at = eq_stretch_at(o->slice.cols, c);
    if (eq_is_picked(o->pick, o->picked, t->stream, source[at], index * cols + c)) row[at] = work[c];
  }
}

void eq_treatment_apply(const struct eq_treatment *t, size_t first, size_t n, float *rows, float *scratch) {
  bool whole = eq_treatment_is_whole(t);
  for (size_t r = first; r < first + n; r++) {
    float *row = rows + (r - first) * t->cols, *source = scratch, *work = scratch + t->cols;
    if (whole) {
      apply_steps(t, &t->overlays[0], r, t->cols, row);
      continue;
    }
    memcpy(source, row, t->cols * sizeof *row);
    for (size_t i = 0; i < t->n; i++) {
      size_t index;
      if (eq_stretch_find(t->overlays[i].slice.rows, r, &index)) lay_over(t, &t->overlays[i], index, source, work, row);
    }
  }
}

void eq_treatment_apply_steps(const struct eq_treatment *t, size_t n_steps, size_t first, size_t n, float *rows) {
  const struct eq_overlay *o = &t->overlays[0];
  struct eq_origin origin = origin_of(t, o);
  for (size_t r = 0; r < n; r++)
    for (size_t i = 0; i < n_steps && i < o->steps.n; i++)
      eq_step_apply(&o->steps.step[i], &o->prepared[i], &origin, first + r, t->cols, rows + r * t->cols);
}

/* ---- preparing ---- */

/* Steps that need the weights, or extremes that are not those of the whole parameter, or more than those tell. */
static bool overlay_needs_weights(const struct eq_treatment *t, const struct eq_overlay *o,
                                  const struct eq_weights_source *from) {
  size_t cols = eq_stretch_size(o->slice.cols);
  bool picks = o->pick.kind == EQ_PICK_SMALLEST || o->pick.kind == EQ_PICK_LARGEST || o->pick.kind == EQ_PICK_RANDOM;
  for (size_t i = 0; i < o->steps.n; i++) {
    enum eq_needs needs = eq_step_needs(&o->steps.step[i], cols);
    if (needs == EQ_NEEDS_WEIGHTS) return true;
    if (needs == EQ_NEEDS_EXTREMES &&
        (i > 0 || picks || !eq_overlay_is_whole(t, o) ||
         !eq_step_extremes_do(&o->steps.step[i], from->extremes(from->context, t->param))))
      return true;
  }
  return picks;
}

static bool needs_weights(const struct eq_treatment *t, const struct eq_weights_source *from) {
  for (size_t i = 0; i < t->n; i++)
    if (overlay_needs_weights(t, &t->overlays[i], from)) return true;
  return false;
}

/* What the steps know of the part w, which goes through all but the last of them. */
static bool prepare_steps(const struct eq_treatment *t, struct eq_overlay *o, float *w, struct eq_err *err) {
  size_t rows = eq_stretch_size(o->slice.rows), cols = eq_stretch_size(o->slice.cols);
  struct eq_origin origin = origin_of(t, o);
  if (o->pick.kind != EQ_PICK_ALL && !eq_select(o->pick, t->stream, w, rows * cols, &o->picked, err)) return false;
  for (size_t i = 0; i < o->steps.n; i++) {
    const struct eq_scheme *s = &o->steps.step[i];
    if (!eq_step_prepare(s, w, rows, cols, &o->prepared[i], err)) return false;
    for (size_t r = 0; i + 1 < o->steps.n && r < rows; r++)
      eq_step_apply(s, &o->prepared[i], &origin, r, cols, w + r * cols);
  }
  return true;
}

/* What enters the columns of an overlay instead: the means over the statistics' tokens. */
static bool find_means(const struct eq_treatment *t, struct eq_overlay *o, const struct eq_statistics *s,
                       struct eq_err *err) {
  size_t n = eq_stretch_size(o->slice.cols);
  float *all = eq_array(t->cols, sizeof *all), *own = o->prepared[0].table = eq_array(n, sizeof *own);
  bool ok = all && own ? eq_statistics_means(s, t->param, t->name, all, err)
                       : eq_fail_memory(err, t->cols * sizeof *all, "means");
  if (ok) gather(o->slice.cols, all, own);
  free(all);
  return ok;
}

/* What is made from statistics, and stands first. */
static bool use_statistics(struct eq_treatment *t, const struct eq_statistics *s, struct eq_err *err) {
  for (size_t i = 0; i < t->n; i++) {
    struct eq_overlay *o = &t->overlays[i];
    const struct eq_scheme *first = &o->steps.step[0];
    bool ok =
        !eq_scheme_needs_statistics(first) ||
        (first->kind == EQ_MEAN ? find_means(t, o, s, err)
                                : eq_statistics_multiplier(s, first, t->param, t->name, &o->prepared[0].number, err));
    if (!ok) return false;
  }
  return true;
}

static bool covers_all(const struct eq_treatment *t, const struct eq_overlay *o) {
  return eq_stretch_size(o->slice.rows) == t->rows && eq_stretch_size(o->slice.cols) == t->cols;
}

/* The weights that an overlay covers: the matrix itself where they are all of it and it may change, else a copy, to
 * free(). NULL and err when memory is out. */
static float *part_of(const struct eq_treatment *t, const struct eq_overlay *o, float *w, bool changes,
                      struct eq_err *err) {
  size_t n = eq_stretch_size(o->slice.rows) * eq_stretch_size(o->slice.cols);
  if (covers_all(t, o) && !changes) return w;
  float *part = eq_array(n, sizeof *part);
  if (part)
    gather_slice(t, o, w, part);
  else
    eq_fail_memory(err, n * sizeof *part, "a part of a tensor");
  return part;
}

/* The file's weights of a parameter, to free(). */
static float *load(const struct eq_treatment *t, const struct eq_weights_source *from, struct eq_err *err) {
  size_t n = t->rows * t->cols;
  float *w = eq_array(n, sizeof *w);
  if (!w) eq_fail_memory(err, n * sizeof *w, "a tensor");
  if (!w || from->load(from->context, t->param, w, err)) return w;
  free(w);
  return NULL;
}

static bool prepare_from_weights(struct eq_treatment *t, const struct eq_statistics *s,
                                 const struct eq_weights_source *from, struct eq_err *err) {
  if (!use_statistics(t, s, err)) return false;
  float *w = load(t, from, err);
  bool ok = w;
  for (size_t i = 0; ok && i < t->n; i++) {
    struct eq_overlay *o = &t->overlays[i];
    float *part = part_of(t, o, w, o->steps.n > 1 && i + 1 < t->n, err);
    ok = part && prepare_steps(t, o, part, err);
    if (part != w) free(part);
  }
  free(w);
  return ok;
}

static bool prepare_from_extremes(struct eq_treatment *t, const struct eq_weights_source *from, struct eq_err *err) {
  for (size_t i = 0; i < t->n; i++) {
    struct eq_overlay *o = &t->overlays[i];
    for (size_t k = 0; k < o->steps.n; k++)
      if (eq_step_needs(&o->steps.step[k], t->cols) == EQ_NEEDS_EXTREMES &&
          !eq_step_prepare_extremes(&o->steps.step[k], from->extremes(from->context, t->param), &o->prepared[k], err))
        return false;
  }
  return true;
}

/* ---- progress ---- */

/* Loads of a tensor, of those that there will be. */
struct steps_done {
  size_t n, total;
};

static void step_done(const struct eq_weights_source *from, struct steps_done *done, size_t n) {
  done->n += n;
  if (from->done) from->done(from->context, done->n, done->total);
}

/* ---- pruning over several tensors ---- */

struct member {
  struct eq_treatment *t;
  struct eq_overlay *o;
};

static bool is_in_group(const struct eq_treatment *t, size_t group) {
  for (size_t i = 0; i < t->n; i++)
    if (t->overlays[i].group == group) return true;
  return false;
}

/* Calls `visit` with the weights of each member of a group, parameter by parameter. */
static bool visit_group(struct eq_treatments *all, size_t group, const struct eq_weights_source *from,
                        struct steps_done *done,
                        void (*visit)(void *context, struct member m, const float *w, size_t n), void *context,
                        struct eq_err *err) {
  for (size_t p = 0; p < all->n_params; p++)
    for (struct eq_treatment *t = all->of_param[p]; t; t = t->next) {
      if (!is_in_group(t, group)) continue;
      float *w = load(t, from, err);
      bool ok = w;
      for (size_t i = 0; ok && i < t->n; i++) {
        struct eq_overlay *o = &t->overlays[i];
        if (o->group != group) continue;
        float *part = part_of(t, o, w, false, err);
        size_t n = eq_stretch_size(o->slice.rows) * eq_stretch_size(o->slice.cols);
        if ((ok = part)) visit(context, (struct member){ t, o }, part, n);
        if (part != w) free(part);
      }
      free(w);
      if (!ok) return false;
      step_done(from, done, 1);
    }
  return true;
}

struct counting {
  struct eq_selection selection;
  int pass;
};

static void count_member(void *context, struct member m, const float *w, size_t n) {
  struct counting *c = context;
  eq_selection_count(&c->selection, c->pass, m.t->stream, w, n);
}

static void limit_member(void *context, struct member m, const float *w, size_t n) {
  struct counting *c = context;
  m.o->prepared[0].threshold = eq_selection_threshold(&c->selection, m.t->stream, w, n);
}

/* The share of a group's prune; false when no treatment has it. */
static bool share_of(const struct eq_treatments *all, size_t group, struct eq_decimal *share) {
  for (size_t p = 0; p < all->n_params; p++)
    for (const struct eq_treatment *t = all->of_param[p]; t; t = t->next)
      for (size_t i = 0; i < t->n; i++)
        if (t->overlays[i].group == group) return *share = t->overlays[i].steps.step[0].amount, !t->ready;
  return false;
}

enum { GROUP_PASSES = 3 };

static bool prepare_group(struct eq_treatments *all, size_t group, const struct eq_weights_source *from,
                          struct steps_done *done, struct eq_err *err) {
  struct counting c = { .pass = 0 };
  struct eq_pick pick = { .kind = EQ_PICK_SMALLEST };
  if (!share_of(all, group, &pick.share)) return true;
  bool ok = eq_selection_begin(&c.selection, pick, err);
  for (; ok && c.pass < 2; c.pass++) {
    ok = visit_group(all, group, from, done, count_member, &c, err);
    eq_selection_end_pass(&c.selection, c.pass);
  }
  ok = ok && visit_group(all, group, from, done, limit_member, &c, err);
  eq_selection_free(&c.selection);
  return ok;
}

/* ---- all of them ---- */

struct preparing {
  struct eq_weights_source from;
  const struct eq_statistics *statistics;
  struct eq_treatment **waiting; /* [n] */
  struct eq_err *errors;         /* [n] */
};

static void prepare_item(void *context, size_t item, size_t thread) {
  struct preparing *p = context;
  (void)thread;
  prepare_from_weights(p->waiting[item], p->statistics, &p->from, &p->errors[item]);
}

/* Loads that the groups of global prunes will take. */
static size_t count_loads(const struct eq_treatments *all) {
  size_t n = 0;
  struct eq_decimal share;
  for (size_t g = 1; g <= all->n_groups; g++)
    for (size_t p = 0; p < all->n_params && share_of(all, g, &share); p++)
      for (const struct eq_treatment *t = all->of_param[p]; t; t = t->next) n += is_in_group(t, g) ? GROUP_PASSES : 0;
  return n;
}

/* How many treatments may be prepared side by side from the i-th on: as many as there are threads, but no more weights
 * than the source allows. */
static size_t side_by_side(const struct preparing *p, size_t n, size_t threads) {
  size_t some = 0, weights = 0;
  for (; some < n && some < threads; some++) {
    weights += p->waiting[some]->rows * p->waiting[some]->cols;
    if (some && p->from.most && weights > p->from.most) break;
  }
  return some;
}

/* Those that need weights go to `waiting`; the others are made ready. */
static bool sort_out(struct eq_treatments *all, struct preparing *p, size_t *n, struct eq_err *err) {
  for (size_t i = 0; i < all->n_params; i++)
    for (struct eq_treatment *t = all->of_param[i]; t; t = t->next) {
      if (t->ready) continue;
      if (needs_weights(t, &p->from))
        p->waiting[(*n)++] = t;
      else if (!prepare_from_extremes(t, &p->from, err))
        return false;
    }
  return true;
}

static void mark_ready(struct eq_treatments *all) {
  for (size_t i = 0; i < all->n_params; i++)
    for (struct eq_treatment *t = all->of_param[i]; t; t = t->next) t->ready = true;
}

bool eq_treatments_prepare(struct eq_treatments *all, struct eq_weights_source from, struct eq_pool *pool,
                           struct eq_err *err) {
  size_t n = 0, threads = eq_pool_threads(pool);
  struct steps_done done = { 0, count_loads(all) };
  struct preparing p = { from, all->statistics, eq_array(all->n, sizeof *p.waiting),
                         eq_array(all->n, sizeof *p.errors) };
  bool ok = p.waiting && p.errors ? true : eq_fail_memory(err, all->n * sizeof *p.errors, "treatments");
  ok = ok && sort_out(all, &p, &n, err);
  done.total += n;
  for (size_t g = 1; ok && g <= all->n_groups; g++) ok = prepare_group(all, g, &from, &done, err);
  for (size_t i = 0, some; ok && i < n; i += some) {
    struct preparing part = { from, all->statistics, p.waiting + i, p.errors + i };
    some = side_by_side(&part, n - i, threads);
    eq_pool_run(pool, some, prepare_item, &part);
    for (size_t k = i; ok && k < i + some; k++)
      if (p.errors[k].code) ok = eq_fail(err, p.errors[k].code, "%s", p.errors[k].text);
    step_done(&from, &done, some);
  }
  if (ok) mark_ready(all);
  free(p.waiting), free(p.errors);
  return ok;
}

/* ---- bytes ---- */

/* Of an overlay's weights, or of its picked ones. */
static double bytes_of(const struct eq_overlay *o, double source_bytes_a_weight, double *n) {
  size_t rows = eq_stretch_size(o->slice.rows), cols = eq_stretch_size(o->slice.cols);
  double all = (double)rows * (double)cols;
  double bytes = (double)eq_steps_bytes(&o->steps, rows, cols, source_bytes_a_weight);
  double share = o->pick.kind == EQ_PICK_ALL ? 1 : (double)o->pick.share.n / (double)o->pick.share.unit;
  *n = all * share;
  return bytes * share;
}

/* What overlays share is counted for the one on top only, as a part of the bytes below it. */
size_t eq_treatment_bytes(const struct eq_treatment *t, size_t source_bytes) {
  if (!t) return source_bytes;
  double n = (double)t->rows * (double)t->cols, a_weight = (double)source_bytes / n, bytes = (double)source_bytes;
  for (size_t i = 0; i < t->n; i++) {
    double covered, own = bytes_of(&t->overlays[i], a_weight, &covered);
    bytes += own - bytes * (covered / n);
  }
  return (size_t)(bytes + 0.5);
}
