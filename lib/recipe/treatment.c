#include "lib/recipe/treatment.h"

#include <stdlib.h>
#include <string.h>

/* ---- the same once ---- */

static bool span_equal(struct eq_stretch a, struct eq_stretch b) {
  return a.first == b.first && a.size == b.size && a.stride == b.stride && a.blocks == b.blocks;
}

static bool overlay_equal(const struct eq_overlay *a, const struct eq_overlay *b) {
  return span_equal(a->slice.rows, b->slice.rows) && span_equal(a->slice.cols, b->slice.cols) &&
         eq_pick_equal(a->pick, b->pick) && a->group == b->group && eq_steps_equal(&a->steps, &b->steps);
}

static bool treatment_equal(const struct eq_treatment *a, const struct eq_treatment *b) {
  if (a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++)
    if (!overlay_equal(&a->overlays[i], &b->overlays[i])) return false;
  return true;
}

static void treatment_free(struct eq_treatment *t) {
  for (size_t i = 0; i < t->n; i++)
    for (size_t k = 0; k < EQ_SCHEME_STEPS_MAX; k++) eq_prepared_free(&t->overlays[i].prepared[k]);
  free(t->overlays);
  free(t);
}

void eq_treatments_free(struct eq_treatments *all) {
  for (size_t i = 0; i < all->n_params; i++)
    for (struct eq_treatment *t = all->of_param[i], *next; t; t = next) {
      next = t->next;
      treatment_free(t);
    }
  free(all->of_param);
  *all = (struct eq_treatments){ 0 };
}

static struct eq_treatment *copy_of(const struct eq_treatment *like) {
  struct eq_treatment *t = eq_array(1, sizeof *t);
  if (!t) return NULL;
  *t = *like;
  t->overlays = eq_array(like->n, sizeof *t->overlays);
  if (t->overlays) {
    memcpy(t->overlays, like->overlays, like->n * sizeof *t->overlays);
    return t;
  }
  free(t);
  return NULL;
}

const struct eq_treatment *eq_treatments_intern(struct eq_treatments *all, size_t n_params,
                                                const struct eq_treatment *like, bool *ok, struct eq_err *err) {
  *ok = true;
  if (like->n == 0) return NULL;
  if (!all->of_param && (all->of_param = eq_array(n_params, sizeof *all->of_param))) all->n_params = n_params;
  if (all->of_param)
    for (const struct eq_treatment *t = all->of_param[like->param]; t; t = t->next)
      if (treatment_equal(t, like)) return t;
  struct eq_treatment *t = all->of_param ? copy_of(like) : NULL;
  if (!t) {
    *ok = eq_fail_memory(err, like->n * sizeof *like->overlays, "treatments");
    return NULL;
  }
  t->next = all->of_param[like->param];
  all->of_param[like->param] = t;
  all->n++;
  return t;
}

/* ---- what a treatment is ---- */

static bool is_all(struct eq_stretch s, size_t n) { return s.first == 0 && s.blocks == 1 && s.size == n; }

bool eq_overlay_is_whole(const struct eq_treatment *t, const struct eq_overlay *o) {
  return is_all(o->slice.rows, t->rows) && is_all(o->slice.cols, t->cols) && o->pick.kind == EQ_PICK_ALL;
}

bool eq_treatment_is_whole(const struct eq_treatment *t) {
  return !t || (t->n == 1 && eq_overlay_is_whole(t, &t->overlays[0]));
}

bool eq_treatment_is_plain(const struct eq_treatment *t, struct eq_scheme *scheme) {
  *scheme = t ? t->overlays[0].steps.step[0] : (struct eq_scheme){ 0 };
  return !t || (eq_treatment_is_whole(t) && t->overlays[0].steps.n == 1);
}

bool eq_treatment_has(const struct eq_treatment *t, enum eq_scheme_kind kind) {
  for (size_t i = 0; t && i < t->n; i++)
    if (t->overlays[i].steps.step[0].kind == kind) return true;
  return false;
}

/* Of the overlays that take all weights of the column the last counts. */
const float *eq_treatment_mean(const struct eq_treatment *t, size_t c) {
  for (size_t i = t->n; i-- > 0;) {
    const struct eq_overlay *o = &t->overlays[i];
    size_t index;
    if (o->pick.kind != EQ_PICK_ALL || !eq_stretch_find(o->slice.cols, c, &index)) continue;
    return o->steps.step[0].kind == EQ_MEAN ? o->prepared[0].table + index : NULL;
  }
  return NULL;
}

void eq_treatment_print(struct eq_buffer *out, const struct eq_treatment *t) {
  if (!t) eq_buffer_string(out, "keep");
  for (size_t i = 0; t && i < t->n; i++) {
    if (i) eq_buffer_string(out, "; ");
    if (!eq_overlay_is_whole(t, &t->overlays[i])) eq_buffer_string(out, "a part: ");
    eq_steps_print(out, &t->overlays[i].steps);
  }
}
