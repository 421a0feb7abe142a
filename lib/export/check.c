#include "lib/export/check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/export/gguf_layout.h"
#include "lib/export/provenance.h"
#include "lib/tensor/packed.h"

char *eq_export_note(const struct eq_safetensors *s, const char *key) {
  json_t *notes = s->metadata.n ? json_loadb(s->metadata.p, s->metadata.n, 0, NULL) : NULL;
  const char *note = json_string_value(json_object_get(notes, key));
  char *copy = note ? eq_copy_string(note, strlen(note)) : NULL;
  json_decref(notes);
  return copy;
}

char *eq_export_recipe_of(const struct eq_model *exported, struct eq_err *err) {
  const struct eq_checkpoint *c = &exported->file;
  struct eq_str text = { 0 };
  char *recipe = NULL;
  if (c->n_parts && eq_gguf_string(eq_gguf_find(&c->parts[0], EQ_NOTE_RECIPE), &text))
    recipe = eq_copy_string(text.p, text.n);
  for (size_t i = 0; !recipe && i < c->n_shards; i++) recipe = eq_export_note(&c->shards[i], EQ_NOTE_RECIPE);
  if (!recipe) eq_fail(err, EQ_BAD, "%s: says no recipe that it was made with: give it with -r", c->path);
  return recipe;
}

/* ---- which parameters belong together ---- */

/* A parameter of the source and its rows in one of the exported model. */
struct pair {
  size_t source, exported, first_row; /* gains by head are rows of one matrix in a GGUF */
};

static size_t level_of(const struct eq_model *m, size_t i) {
  int layer = m->params[i].layer;
  if (layer >= 0) return (size_t)layer + 1;
  return m->weights[i].slot->place < EQ_W_ATTN_GAIN ? 0 : m->n_levels - 1;
}

/* Which of the tensors of its slot it is. */
static size_t item_of(const struct eq_model *m, size_t i) {
  size_t item = 0;
  while (item < i && m->weights[i - item - 1].slot == m->weights[i].slot &&
         m->params[i - item - 1].layer == m->params[i].layer)
    item++;
  return item;
}

static bool find_pair(const struct eq_model *source, const struct eq_model *exported, size_t i, struct pair *p,
                      struct eq_err *err) {
  const struct eq_placed_tensor *w = &source->weights[i];
  size_t level = level_of(source, i), item = item_of(source, i);
  int at = level < exported->n_levels ? eq_model_at(exported, level, w->slot->place) : -1;
  *p = (struct pair){ i, (size_t)at, 0 };
  bool fits = at >= 0;
  if (fits && eq_slot_tensors(&exported->config, exported->weights[at].slot) > 1)
    p->exported += item;
  else
    p->first_row = item;
  const struct eq_placed_tensor *e = fits ? &exported->weights[p->exported] : w;
  fits = fits && e->cols == w->cols && p->first_row + w->rows <= e->rows;
  return fits || eq_fail(err, EQ_BAD, "%s: has no tensor for '%s' of %s: it was made of another model",
                         exported->file.path, source->params[i].name, source->name);
}

/* ---- values ---- */

struct decoding {
  const struct eq_export *x;
  bool before; /* the weights as they are */
  size_t param, rows_an_item;
  float *out, *scratch; /* [threads][eq_model_scratch] */
};

static void decode_item(void *context, size_t item, size_t thread) {
  const struct decoding *d = context;
  size_t rows = d->x->model->weights[d->param].rows, first = item * d->rows_an_item, last = first + d->rows_an_item;
  last = last < rows ? last : rows;
  if (d->before)
    eq_export_before(d->x, d->param, first, last, d->out, d->scratch + thread * eq_model_scratch(d->x->model));
  else
    eq_export_rows(d->x, d->param, first, last, d->out, d->scratch + thread * eq_model_scratch(d->x->model));
}

static void decode(const struct eq_export *x, size_t param, bool before, float *out, float *scratch) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  struct decoding d = { x, before, param, eq_model_job_rows(w->cols), out, scratch };
  eq_pool_run(x->pool, (w->rows + d.rows_an_item - 1) / d.rows_an_item, decode_item, &d);
}

struct comparing {
  const struct eq_model *source, *exported;
  struct pair pair;
  bool kept, gguf; /* gguf: rows and gains are as llama.cpp wants them, the source's are not */
  const float *want, *got;
};

static bool alike(float a, float b, bool to_the_bit) { return to_the_bit ? memcmp(&a, &b, sizeof a) == 0 : a == b; }

/* The value that belongs at a row and column of the source's part of the exported tensor. */
static float wanted(const struct comparing *c, size_t row, size_t col) {
  const struct eq_placed_tensor *s = &c->source->weights[c->pair.source];
  enum eq_dtype type = c->exported->weights[c->pair.exported].tensor->dtype;
  bool vector = s->slot->rows == EQ_D_ONE;
  if (c->gguf && vector) col = eq_gguf_source_row(c->source, c->pair.source, col);
  if (c->gguf && !vector) row = eq_gguf_source_row(c->source, c->pair.source, row);
  float x = c->want[s->transposed ? col * s->rows + row : row * s->cols + col];
  if (c->gguf) x += eq_gguf_shift(c->source, c->pair.source);
  return c->kept ? x : type == EQ_F16 ? eq_to_f16(x) : type == EQ_BF16 ? eq_to_bf16(x) : x;
}

static bool same_values(const struct comparing *c) {
  const struct eq_placed_tensor *s = &c->source->weights[c->pair.source], *e = &c->exported->weights[c->pair.exported];
  bool same = true;
  for (size_t r = 0; r < s->rows; r++)
    for (size_t k = 0; k < s->cols; k++) {
      size_t row = c->pair.first_row + r, at = e->transposed ? k * e->rows + row : row * e->cols + k;
      same &= alike(wanted(c, r, k), c->got[at], c->kept);
    }
  return same;
}

/* Bytes where both store the tensor alike. */
static bool same_bytes(const struct eq_tensor *a, const struct eq_tensor *b) {
  return a->dtype == b->dtype && a->n == b->n && memcmp(a->data, b->data, eq_tensor_bytes(a, a->n)) == 0;
}

/* A matrix whose type is the format's to choose, or a vector of a GGUF, may be wider than the source's. */
static bool same_type(const struct comparing *c, const struct eq_placed_tensor *s, const struct eq_placed_tensor *e) {
  bool half = s->tensor->dtype == EQ_F16 || s->tensor->dtype == EQ_BF16 || s->tensor->dtype == EQ_F32;
  return s->tensor->dtype == e->tensor->dtype || (c->gguf && (s->slot->rows == EQ_D_ONE || !half));
}

static bool compare(struct comparing *c, const struct eq_export *x, float *want, float *got, float *scratch) {
  const struct eq_placed_tensor *s = &c->source->weights[c->pair.source], *e = &c->exported->weights[c->pair.exported];
  c->kept = eq_export_keeps(x, c->pair.source);
  bool plain = !c->gguf && !s->tensor->packed && !e->tensor->packed && s->transposed == e->transposed;
  if (c->kept && plain) return same_bytes(s->tensor, e->tensor);
  if (c->kept && !same_type(c, s, e)) return false;
  decode(x, c->pair.source, c->kept, want, scratch);
  eq_tensor_decode(e->tensor, 0, e->tensor->n, got);
  c->want = want, c->got = got;
  return same_values(c);
}

static size_t largest(const struct eq_model *m) {
  size_t n = 0;
  for (size_t i = 0; i < m->n_params; i++)
    if (m->weights[i].tensor->n > n) n = m->weights[i].tensor->n;
  return n;
}

static void count(struct eq_export_check *r, const struct comparing *c, bool same) {
  *(c->kept ? &r->kept : &r->rounded) += 1;
  if (same) return;
  *(c->kept ? &r->kept_differ : &r->rounded_differ) += 1;
  if (!r->first) r->first = c->exported->params[c->pair.exported].name;
}

bool eq_export_check(struct eq_export *x, const struct eq_model *exported, struct eq_export_check *result,
                     struct eq_err *err) {
  const struct eq_model *source = x->model;
  size_t n = largest(source), n_exported = largest(exported);
  float *want = eq_array(n, sizeof *want), *got = eq_array(n_exported, sizeof *got);
  float *scratch = eq_array(eq_pool_threads(x->pool), eq_model_scratch(source) * sizeof *scratch);
  bool ok = want && got && scratch ? true : eq_fail_memory(err, (n + n_exported) * sizeof *want, "the largest tensors");
  *result = (struct eq_export_check){ .first = NULL };
  for (size_t i = 0; ok && i < source->n_params; i++) {
    struct comparing c = { .source = source,
                           .exported = exported,
                           .gguf = exported->file.n_parts && !source->file.n_parts };
    ok = find_pair(source, exported, i, &c.pair, err);
    if (ok) count(result, &c, compare(&c, x, want, got, scratch));
    eq_progress_add(&x->progress, source->weights[i].tensor->n);
  }
  free(want);
  free(got);
  free(scratch);
  return ok;
}

/* ---- a patch ---- */

static bool is_of_model(const struct eq_export *x, const struct eq_safetensors *patch, struct eq_err *err) {
  char *model = eq_export_note(patch, EQ_NOTE_MODEL);
  const char *at = model ? strrchr(model, '@') : NULL, *own = strrchr(x->model->name, '@');
  bool same = at && own && strcmp(at, own) == 0;
  if (!same)
    eq_fail(err, EQ_BAD, "%s: is a patch for %s, not for %s", patch->file.path,
            model ? model : "a model that it does not name", x->model->name);
  free(model);
  return same;
}

bool eq_export_check_patch(struct eq_export *x, const struct eq_safetensors *patch, struct eq_export_check *result,
                           struct eq_err *err) {
  const struct eq_model *m = x->model;
  *result = (struct eq_export_check){ .first = NULL };
  if (!is_of_model(x, patch, err)) return false;
  for (size_t i = 0; i < m->n_params; i++) {
    const struct eq_tensor *source = m->weights[i].tensor, *there = eq_safetensors_find(patch, m->params[i].name);
    bool wanted = !x->treatments[i] && x->base[i];
    eq_progress_add(&x->progress, source->n);
    if (wanted && !there)
      return eq_fail(err, EQ_DATA, "%s: lacks '%s', which %s protects", patch->file.path, m->params[i].name, x->recipe);
    if (!wanted && there)
      return eq_fail(err, EQ_DATA, "%s: has '%s', which %s does not protect", patch->file.path, m->params[i].name,
                     x->recipe);
    if (!wanted) continue;
    result->kept++;
    if (!source->packed && same_bytes(source, there)) continue;
    result->kept_differ++;
    if (!result->first) result->first = m->params[i].name;
  }
  return result->kept == patch->n_tensors || eq_fail(err, EQ_DATA, "%s: has %zu tensors, of which %zu are the model's",
                                                     patch->file.path, patch->n_tensors, result->kept);
}
