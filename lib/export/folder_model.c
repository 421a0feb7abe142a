#include "lib/export/folder_model.h"

#include <stdlib.h>
#include <string.h>

#include "lib/export/carried.h"
#include "lib/export/provenance.h"

enum { CHUNK = 1 << 18 /* elements converted at a time */ };

bool eq_folder_model_codes(const struct eq_export *x, size_t param) {
  const struct eq_folder_model *f = x->state;
  enum eq_scheme_kind kind = eq_export_scheme(x, param).kind;
  return f->layout && !x->values && !eq_export_keeps(x, param) && kind != EQ_FP16_CAST && kind != EQ_BF16_CAST;
}

bool eq_folder_model_is_left(const struct eq_export *x, size_t param) {
  const struct eq_slot *s = x->model->weights[param].slot;
  bool table = s->place == EQ_W_EMBED || s->place == EQ_W_POS || s->place == EQ_W_TYPE;
  return s->rows != EQ_D_ONE && !table && !eq_folder_model_codes(x, param);
}

const char *eq_folder_model_path(const struct eq_export *x) {
  const struct eq_folder_model *f = x->state;
  return f->folder.temporary;
}

size_t eq_folder_model_module(const struct eq_export *x, size_t param) {
  static const char weight[] = ".weight";
  const char *name = x->model->params[param].name;
  size_t n = strlen(name), n_weight = sizeof weight - 1;
  return n > n_weight && strcmp(name + n - n_weight, weight) == 0 ? n - n_weight : n;
}

/* The type of values: those of casts are exact in their own when codes are asked for. */
static enum eq_dtype value_type(const struct eq_export *x, const struct eq_folder_model *f, size_t param) {
  enum eq_scheme_kind kind = eq_export_scheme(x, param).kind;
  if (eq_export_keeps(x, param)) return x->model->weights[param].tensor->dtype;
  if (!f->layout || x->values) return x->dtype;
  return kind == EQ_FP16_CAST ? EQ_F16 : EQ_BF16;
}

/* ---- which tensors ---- */

static bool add(struct eq_folder_model *f, struct eq_tensor t, const struct eq_tensor *source, struct eq_err *err) {
  size_t capacity = f->capacity;
  struct eq_tensor *tensors = eq_array_grow(f->tensors, f->n, &f->capacity, sizeof *tensors);
  if (!tensors) return eq_fail_memory(err, f->n * sizeof *tensors, "tensors");
  f->tensors = tensors;
  if (f->capacity != capacity) {
    const struct eq_tensor **sources = realloc(f->sources, f->capacity * sizeof *sources);
    if (!sources) return eq_fail_memory(err, f->capacity * sizeof *sources, "tensors");
    f->sources = sources;
  }
  f->sources[f->n] = source;
  f->tensors[f->n++] = t;
  return true;
}

bool eq_folder_model_add(const struct eq_export *x, struct eq_folder_model *f, size_t param, const char *part,
                         enum eq_dtype dtype, size_t rows, size_t cols, struct eq_err *err) {
  struct eq_buffer name = { 0 };
  char **names = eq_array_grow(f->names, f->n_names, &f->names_capacity, sizeof *names);
  if (!names) return eq_fail_memory(err, f->n_names * sizeof *names, "names");
  f->names = names;
  eq_buffer_format(&name, "%.*s.%s", (int)eq_folder_model_module(x, param), x->model->params[param].name, part);
  if (name.failed) return eq_fail_memory(err, name.size, "a name");
  f->names[f->n_names++] = name.data;
  struct eq_tensor t = { .name = name.data, .dtype = dtype, .n_dims = cols ? 2 : 1, .dims = { rows, cols } };
  t.n = rows * (cols ? cols : 1);
  return add(f, t, NULL, err);
}

/* Old files may carry the copy of a tied head, which would disagree with embeddings that were rounded. */
static bool is_tied_copy(const struct eq_model *m, const char *name) {
  const struct eq_arch *a = m->config.arch;
  for (size_t s = 0; m->config.tied && s < a->n_slots; s++)
    if (a->slots[s].place == EQ_W_HEAD && strcmp(name, a->slots[s].name) == 0) return true;
  return false;
}

/* GPT-2's layers lie transposed, but not when others quantized them: then they are turned again. */
static bool turns(const struct eq_placed_tensor *w) { return w->slot->transposed && w->tensor->packed; }

/* A tensor of a patch has the shape that the family's own have. */
static bool check_patch(const struct eq_export *x, size_t i, const struct eq_tensor *t, struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[i];
  size_t rows = w->slot->transposed ? w->cols : w->rows, cols = w->slot->transposed ? w->rows : w->cols;
  bool vector = w->slot->rows == EQ_D_ONE;
  if (vector ? t->n_dims == 1 && t->dims[0] == w->cols : t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == cols)
    return true;
  return eq_fail(err, EQ_BAD, "--apply-patch: tensor '%s' has another shape there: the patch is of another model",
                 t->name);
}

/* Every tensor of a patch is one of the model's. */
static bool check_patches(const struct eq_export *x, struct eq_err *err) {
  for (size_t k = 0; x->patch && k < x->patch->n_tensors; k++) {
    bool found = false;
    for (size_t i = 0; i < x->model->n_params; i++)
      found |= strcmp(x->patch->tensors[k].name, x->model->params[i].name) == 0;
    if (!found)
      return eq_fail(err, EQ_BAD, "--apply-patch: tensor '%s' is not one of %s: the patch is of another model",
                     x->patch->tensors[k].name, x->model->name);
  }
  return true;
}

static bool add_parameter(const struct eq_export *x, struct eq_folder_model *f, size_t i, struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[i];
  bool kept = eq_export_keeps(x, i);
  f->of_param[i] = f->n;
  if (eq_folder_model_codes(x, i)) return f->layout->check(x, i, err) && f->layout->add(x, f, i, err);
  const struct eq_tensor *patched = x->patch ? eq_safetensors_find(x->patch, x->model->params[i].name) : NULL;
  if (patched) return check_patch(x, i, patched, err) && add(f, *patched, patched, err);
  struct eq_tensor t = *w->tensor;
  t.dtype = value_type(x, f, i);
  if (turns(w)) t.dims[0] = w->cols, t.dims[1] = w->rows;
  return add(f, t, kept && !turns(w) ? w->tensor : NULL, err);
}

/* The parameters in their order, then what else the model's files hold. */
static bool list_tensors(const struct eq_export *x, struct eq_folder_model *f, struct eq_err *err) {
  const struct eq_model *m = x->model;
  bool *used = eq_array(m->file.n_tensors, sizeof *used), ok = true;
  f->of_param = eq_array(m->n_params, sizeof *f->of_param);
  if (!used || !f->of_param) ok = eq_fail_memory(err, m->file.n_tensors, "tensors");
  for (size_t i = 0; ok && i < m->n_params; i++) {
    used[m->weights[i].tensor - m->file.tensors] = true;
    ok = add_parameter(x, f, i, err);
  }
  f->n_own = f->n;
  for (size_t i = 0; ok && i < m->file.n_tensors; i++)
    if (!used[i] && !is_tied_copy(m, m->file.tensors[i].name))
      ok = add(f, m->file.tensors[i], &m->file.tensors[i], err);
  free(used);
  return ok;
}

/* The type that holds the values of all floats of parameters; codes have scales of theirs. */
static enum eq_dtype widest(const struct eq_export *x, const struct eq_folder_model *f) {
  enum eq_dtype all = EQ_DTYPES;
  for (size_t i = 0; i < x->model->n_params; i++) {
    bool codes = eq_folder_model_codes(x, i);
    enum eq_dtype t = codes ? eq_folder_model_scales(eq_export_scheme(x, i)) : f->tensors[f->of_param[i]].dtype;
    all = all == EQ_DTYPES || all == t ? t : EQ_F32;
  }
  return all == EQ_F16 || all == EQ_BF16 ? all : EQ_F32;
}

static bool open_file(struct eq_export *x, struct eq_folder_model *f, struct eq_err *err) {
  struct eq_safetensors_note notes[EQ_EXPORT_NOTES];
  eq_export_notes(x, notes);
  char *path = eq_path_join(f->folder.temporary, "model.safetensors");
  bool ok = path ? eq_safetensors_create(&f->file, path, f->tensors, f->n, notes, EQ_EXPORT_NOTES, err)
                 : eq_fail_memory(err, strlen(x->out), "a path");
  free(path);
  return ok;
}

bool eq_folder_model_begin(struct eq_export *x, const struct eq_codes_layout *layout, struct eq_err *err) {
  struct eq_folder_model *f = x->state = eq_array(1, sizeof *f);
  if (!f) return eq_fail_memory(err, sizeof *f, "a folder");
  f->layout = layout;
  if (x->model->file.n_parts)
    return eq_fail(err, EQ_BAD, "%s: is a GGUF file, and --format %s needs a folder with its config.json", x->source,
                   x->format->name);
  f->floats = eq_array(CHUNK, sizeof *f->floats);
  f->bytes = eq_array(CHUNK, sizeof *f->floats);
  if (!f->floats || !f->bytes) return eq_fail_memory(err, CHUNK * sizeof *f->floats, "a chunk");
  return check_patches(x, err) && list_tensors(x, f, err) && eq_folder_create(&f->folder, x->out, err) &&
         open_file(x, f, err);
}

/* ---- values ---- */

/* Values into tensor i of the file, in its type. */
static bool put_values(struct eq_folder_model *f, size_t i, const float *values, size_t n, struct eq_err *err) {
  enum eq_dtype type = f->tensors[i].dtype;
  if (type == EQ_F16 && !eq_export_fits_f16(f->tensors[i].name, values, n, err)) return false;
  eq_dtype_encode(type, values, n, f->bytes);
  return eq_safetensors_put(&f->file, i, f->bytes, n * eq_dtype_size(type), err);
}

/* As it lies in the source; of a layer that others quantized, its values. */
static bool copy_tensor(struct eq_folder_model *f, size_t i, struct eq_err *err) {
  const struct eq_tensor *t = f->sources[i];
  bool ok = true;
  if (!t->packed) return eq_safetensors_put(&f->file, i, t->data, eq_tensor_bytes(t, t->n), err);
  for (size_t at = 0; ok && at < t->n; at += CHUNK) {
    size_t n = t->n - at < CHUNK ? t->n - at : CHUNK;
    eq_tensor_decode(t, at, n, f->floats);
    ok = put_values(f, i, f->floats, n, err);
  }
  return ok;
}

/* ---- codes ---- */

enum eq_dtype eq_folder_model_scales(struct eq_scheme s) { return s.half_scales ? EQ_F16 : EQ_F32; }

bool eq_folder_model_put(struct eq_folder_model *f, const struct eq_export *x, size_t param, size_t part,
                         const void *bytes, struct eq_err *err) {
  size_t i = f->of_param[param] + part;
  (void)x;
  return eq_safetensors_put(&f->file, i, bytes, eq_tensor_bytes(&f->tensors[i], f->tensors[i].n), err);
}

static bool make_room(struct eq_folder_model *f, size_t n, size_t n_scales, struct eq_err *err) {
  if (n > f->codes_capacity) {
    free(f->codes.codes);
    f->codes.codes = malloc(n);
    f->codes_capacity = f->codes.codes ? n : 0;
  }
  if (n_scales > f->scales_capacity) {
    free(f->codes.scales), free(f->codes.zeros);
    f->codes.scales = malloc(n_scales * sizeof *f->codes.scales), f->codes.zeros = malloc(n_scales);
    f->scales_capacity = f->codes.scales && f->codes.zeros ? n_scales : 0;
  }
  return (f->codes_capacity >= n && f->scales_capacity >= n_scales) || eq_fail_memory(err, n, "codes");
}

struct encoding {
  const struct eq_export *x;
  struct eq_folder_model *f;
  size_t param, rows_an_item;
  float *source; /* the whole matrix, in its file's layout */
};

static void encode_item(void *context, size_t item, size_t thread) {
  const struct encoding *e = context;
  const struct eq_placed_tensor *w = &e->x->model->weights[e->param];
  size_t first = item * e->rows_an_item, last = first + e->rows_an_item < w->rows ? first + e->rows_an_item : w->rows;
  eq_export_before(e->x, e->param, first, last, e->source, e->x->scratch + thread * eq_model_scratch(e->x->model));
  eq_export_encode(e->x, e->param, e->source, first, last, e->f->codes);
}

static bool write_codes(struct eq_export *x, struct eq_folder_model *f, size_t param, float *source,
                        struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[param];
  struct encoding e = { x, f, param, eq_model_job_rows(w->cols), source };
  if (!make_room(f, w->rows * w->cols, w->rows * eq_codes_groups(eq_export_scheme(x, param), w->cols), err))
    return false;
  eq_pool_run(x->pool, (w->rows + e.rows_an_item - 1) / e.rows_an_item, encode_item, &e);
  return f->layout->put(x, f, param, &f->codes, err);
}

/* A matrix [rows][cols] into the file as [cols][rows]; values NULL: those of the source. */
static bool put_turned(struct eq_folder_model *f, const struct eq_placed_tensor *w, size_t i, const float *values,
                       struct eq_err *err) {
  size_t n = w->tensor->n, k = 0;
  float *own = values ? NULL : eq_array(n, sizeof *own);
  bool ok = values || own ? true : eq_fail_memory(err, n * sizeof *own, "a matrix");
  if (own) eq_tensor_decode(w->tensor, 0, n, own);
  for (size_t at = 0; ok && at < n; at++) {
    f->floats[k++] = (values ? values : own)[at % w->rows * w->cols + at / w->rows];
    if (k < CHUNK && at + 1 < n) continue;
    ok = put_values(f, i, f->floats, k, err);
    k = 0;
  }
  free(own);
  return ok;
}

bool eq_folder_model_write(struct eq_export *x, size_t param, float *values, uint64_t *bytes, struct eq_err *err) {
  struct eq_folder_model *f = x->state;
  size_t i = f->of_param[param], end = param + 1 < x->model->n_params ? f->of_param[param + 1] : f->n_own, n;
  bool ok = true;
  *bytes = 0;
  for (size_t k = i; k < end; k++) *bytes += eq_tensor_bytes(&f->tensors[k], f->tensors[k].n);
  if (f->sources[i]) return copy_tensor(f, i, err);
  if (eq_folder_model_codes(x, param)) return write_codes(x, f, param, values, err);
  if (turns(&x->model->weights[param])) return put_turned(f, &x->model->weights[param], i, values, err);
  for (size_t at = 0; ok && at < f->tensors[i].n; at += CHUNK) {
    n = f->tensors[i].n - at < CHUNK ? f->tensors[i].n - at : CHUNK;
    ok = put_values(f, i, values + at, n, err);
  }
  return ok;
}

/* ---- the end ---- */

static bool carry(struct eq_export *x, struct eq_folder_model *f, struct eq_err *err) {
  bool any = false;
  for (size_t i = 0; i < x->model->n_params; i++) any |= eq_folder_model_codes(x, i);
  json_t *quantization = any ? f->layout->describe(x) : NULL;
  bool ok = quantization || !any ? true : eq_fail_memory(err, 1 << 12, "a config");
  ok = ok && eq_carry_config(x->source, f->folder.temporary, widest(x, f), quantization, err) &&
       eq_carry_files(x->source, f->folder.temporary, err);
  json_decref(quantization);
  return ok;
}

bool eq_folder_model_end(struct eq_export *x, struct eq_err *err) {
  struct eq_folder_model *f = x->state;
  bool ok = true;
  for (size_t i = f->n_own; ok && i < f->n; i++) ok = copy_tensor(f, i, err);
  return ok && eq_safetensors_commit(&f->file, err) && carry(x, f, err) && eq_export_unchanged(x, err) &&
         eq_folder_commit(&f->folder, err);
}

void eq_folder_model_discard(struct eq_export *x) {
  struct eq_folder_model *f = x->state;
  if (!f) return;
  eq_safetensors_discard(&f->file);
  eq_folder_discard(&f->folder);
  for (size_t i = 0; i < f->n_names; i++) free(f->names[i]);
  free(f->names);
  free(f->tensors);
  free(f->sources);
  free(f->of_param);
  free(f->floats);
  free(f->bytes);
  free(f->codes.codes), free(f->codes.scales), free(f->codes.zeros);
  free(f);
  x->state = NULL;
}
