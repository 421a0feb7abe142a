/* variants.c: packed weights that are kept, so that nodes of a trie that do the same to a level share its rounding: of
 * levels, and of parts of the last matrix. What is not there takes the slot that was used least recently. */
#include <stdlib.h>
#include <string.h>

#include "lib/model/forward_state.h"

/* The matrices that rows are multiplied with. Those of experts and of embeddings are read otherwise. */
static const bool is_packed[EQ_PLACES] = {
  [EQ_W_PROJECT_IN] = true, [EQ_W_QKV] = true,      [EQ_W_Q] = true,           [EQ_W_K] = true,
  [EQ_W_V] = true,          [EQ_W_ATTN_OUT] = true, [EQ_W_GATE] = true,        [EQ_W_UP] = true,
  [EQ_W_DOWN] = true,       [EQ_W_ROUTER] = true,   [EQ_W_PROJECT_OUT] = true, [EQ_W_HEAD_DENSE] = true,
};

/* What a slot holds, and when it was used. */
struct variant {
  const void *of[EQ_PLACES]; /* treatments of a level's matrices; or in the first what a part of a matrix is under */
  size_t level, first;       /* first: output of a part */
  uint64_t used;             /* 0: never */
};

bool eq_slots_new(struct eq_slots *s, size_t n, size_t floats) {
  *s = (struct eq_slots){ .n = n, .floats = floats };
  s->variants = eq_array(n, sizeof *s->variants);
  s->data = eq_array(n, floats * sizeof *s->data);
  return s->variants && s->data;
}

void eq_slots_free(struct eq_slots *s) {
  free(s->variants), free(s->data);
  *s = (struct eq_slots){ 0 };
}

size_t eq_slots_bytes(size_t n, size_t floats) { return n * (sizeof(struct variant) + floats * sizeof(float)); }

/* The slot of a variant; *there says whether its values are in it. */
static float *find(struct eq_slots *s, struct variant v, bool *there) {
  size_t oldest = 0;
  for (size_t i = 0; i < s->n; i++) {
    const struct variant *o = &s->variants[i];
    *there = o->used && o->level == v.level && o->first == v.first && memcmp(o->of, v.of, sizeof v.of) == 0;
    if (*there || o->used < s->variants[oldest].used) oldest = i;
    if (*there) break;
  }
  v.used = ++s->clock;
  s->variants[oldest] = v;
  s->hits += *there;
  s->misses += !*there;
  return s->data + oldest * s->floats;
}

/* ---- a level ---- */

/* A matrix as its halves, when the gate is the first half of it. */
static size_t halves(const struct eq_model *m, enum eq_place place) {
  return place == EQ_W_UP && m->config.arch->fused_gate ? 2 : 1;
}

static size_t packed_size(const struct eq_model *m, const struct eq_kernels *k, size_t level, enum eq_place place) {
  int i = is_packed[place] ? eq_model_at(m, level, place) : -1;
  if (i < 0) return 0;
  size_t n = halves(m, place);
  return n * k->packed_size(m->weights[i].cols, m->weights[i].rows / n);
}

size_t eq_level_packed(const struct eq_model *m, const struct eq_kernels *k, size_t level) {
  size_t sum = 0;
  for (int place = 0; place < EQ_PLACES; place++) sum += packed_size(m, k, level, (enum eq_place)place);
  return sum;
}

bool eq_level_slot(struct eq_forward *f, size_t level, const struct eq_treatment **treatments,
                   const float *packed[EQ_PLACES]) {
  struct variant v = { .level = level };
  bool there;
  for (int place = 0; place < EQ_PLACES; place++)
    if (packed_size(f->m, f->k, level, (enum eq_place)place))
      v.of[place] = treatments[eq_model_at(f->m, level, (enum eq_place)place)];
  const float *at = find(&f->levels, v, &there);
  for (int place = 0; place < EQ_PLACES; place++) {
    size_t n = packed_size(f->m, f->k, level, (enum eq_place)place);
    packed[place] = n ? at : NULL;
    at += n;
  }
  return there;
}

/* ---- packing ---- */

enum { ITEM = 4 * EQ_PACKED }; /* outputs */

struct packing {
  const struct eq_kernels *k;
  struct eq_weight w;
  float *packed;
};

static void pack_item(void *context, size_t item, size_t thread) {
  const struct packing *p = context;
  size_t first = item * ITEM, last = p->w.out - first < ITEM ? p->w.out : first + ITEM;
  (void)thread;
  p->k->pack(p->packed, p->w, first, last);
}

static void pack(struct eq_forward *f, struct eq_weight w, float *packed) {
  struct packing p = { f->k, w, packed };
  eq_pool_run(f->pool, (w.out + ITEM - 1) / ITEM, pack_item, &p);
}

void eq_level_pack(struct eq_forward *f, size_t level, const struct eq_values *v) {
  for (int place = 0; place < EQ_PLACES; place++) {
    size_t size = packed_size(f->m, f->k, level, (enum eq_place)place), n = halves(f->m, (enum eq_place)place);
    if (!size) continue;
    const struct eq_placed_tensor *t = &f->m->weights[eq_model_at(f->m, level, (enum eq_place)place)];
    for (size_t half = 0; half < n; half++) {
      struct eq_weight w = { .w = v->at[place], .in = t->cols, .out = t->rows / n, .by_output = !t->transposed };
      w.w += half * w.in * w.out;
      pack(f, w, (float *)(uintptr_t)v->packed[place] + half * (size / n));
    }
  }
}

/* ---- a part of the last matrix ---- */

float *eq_part_slot(struct eq_forward *f, const void *under, size_t first, bool *there) {
  struct variant v = { .of = { under }, .first = first };
  return find(&f->panels, v, there);
}

struct eq_weight eq_part_pack(struct eq_forward *f, struct eq_weight w, float *packed) {
  pack(f, w, packed);
  return (struct eq_weight){ .in = w.in, .out = w.out, .by_output = true, .packed = packed };
}
