/* hf.c: the values under a recipe as a Hugging Face folder: what is kept in its own type, what is rounded in the type
 * asked for; config and tokenizer beside them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/export/carried.h"
#include "lib/export/export.h"
#include "lib/export/provenance.h"

enum { CHUNK = 1 << 18 /* elements converted at a time */ };

struct hf {
  struct eq_folder folder;
  struct eq_safetensors_writer file;
  struct eq_tensor *tensors; /* [n], what the file gets */
  const struct eq_tensor **sources;
  size_t n, *of_param; /* [n_params], its place in them */
  float *floats;       /* [CHUNK] */
  char *bytes;         /* of them */
};

/* Old files may carry the copy of a tied head, which would disagree with embeddings that were rounded. */
static bool is_tied_copy(const struct eq_model *m, const char *name) {
  const struct eq_arch *a = m->config.arch;
  for (size_t s = 0; m->config.tied && s < a->n_slots; s++)
    if (a->slots[s].place == EQ_W_HEAD && strcmp(name, a->slots[s].name) == 0) return true;
  return false;
}

/* The model's parameters in their order, then what else its files hold. */
static bool list_tensors(struct eq_export *x, struct hf *h, struct eq_err *err) {
  const struct eq_model *m = x->model;
  size_t most = m->file.n_tensors;
  bool *used = eq_array(most, sizeof *used);
  h->tensors = eq_array(most, sizeof *h->tensors);
  h->sources = eq_array(most, sizeof *h->sources);
  h->of_param = eq_array(m->n_params, sizeof *h->of_param);
  if (!used || !h->tensors || !h->sources || !h->of_param) {
    free(used);
    return eq_fail_memory(err, most * sizeof *h->tensors, "tensors");
  }
  for (size_t i = 0; i < m->n_params; i++) {
    const struct eq_tensor *t = h->sources[h->n] = m->weights[i].tensor;
    used[t - m->file.tensors] = true;
    h->of_param[i] = h->n;
    h->tensors[h->n] = *t;
    if (x->schemes[i].kind != EQ_KEEP) h->tensors[h->n].dtype = x->dtype;
    h->n++;
  }
  for (size_t i = 0; i < most; i++) {
    const struct eq_tensor *t = &m->file.tensors[i];
    if (used[i] || is_tied_copy(m, t->name)) continue;
    h->sources[h->n] = t;
    h->tensors[h->n++] = *t;
  }
  free(used);
  return true;
}

/* The type that holds the values of all parameters. */
static enum eq_dtype widest(const struct eq_export *x, const struct hf *h) {
  enum eq_dtype all = h->tensors[h->of_param[0]].dtype;
  for (size_t i = 1; i < x->model->n_params; i++)
    if (h->tensors[h->of_param[i]].dtype != all) all = EQ_F32;
  return all == EQ_F16 || all == EQ_BF16 ? all : EQ_F32;
}

/* GPT-2's layers lie transposed, but not when others quantized them. */
static bool check_layouts(const struct eq_export *x, struct eq_err *err) {
  const struct eq_model *m = x->model;
  for (size_t i = 0; i < m->n_params; i++)
    if (m->weights[i].slot->transposed && m->weights[i].tensor->packed)
      return eq_fail(err, EQ_BAD, "%s: tensor '%s' is quantized already, which --format %s cannot undo for %s",
                     x->source, m->params[i].name, x->format->name, m->config.arch->name);
  return true;
}

static bool open_file(struct eq_export *x, struct hf *h, struct eq_err *err) {
  struct eq_safetensors_note notes[EQ_EXPORT_NOTES];
  eq_export_notes(x, notes);
  char *path = eq_path_join(h->folder.temporary, "model.safetensors");
  bool ok = path ? eq_safetensors_create(&h->file, path, h->tensors, h->n, notes, EQ_EXPORT_NOTES, err)
                 : eq_fail_memory(err, strlen(x->out), "a path");
  free(path);
  return ok;
}

static bool begin(struct eq_export *x, struct eq_err *err) {
  struct hf *h = x->state = eq_array(1, sizeof *h);
  if (!h) return eq_fail_memory(err, sizeof *h, "a folder");
  if (x->model->file.n_parts)
    return eq_fail(err, EQ_BAD, "%s: is a GGUF file, and --format %s needs a folder with its config.json", x->source,
                   x->format->name);
  h->floats = eq_array(CHUNK, sizeof *h->floats);
  h->bytes = eq_array(CHUNK, sizeof *h->floats);
  if (!h->floats || !h->bytes) return eq_fail_memory(err, CHUNK * sizeof *h->floats, "a chunk");
  return check_layouts(x, err) && list_tensors(x, h, err) && eq_folder_create(&h->folder, x->out, err) &&
         open_file(x, h, err);
}

/* Values into tensor i of the file, in its type. */
static bool put_values(struct hf *h, size_t i, const float *values, size_t n, struct eq_err *err) {
  enum eq_dtype type = h->tensors[i].dtype;
  float most = type == EQ_F16 ? 65520 : INFINITY;
  for (size_t j = 0; type == EQ_F16 && j < n; j++)
    if (fabsf(values[j]) >= most)
      return eq_fail(err, EQ_BAD, "tensor '%s' has a weight of %g, which float16 cannot hold: use bf16 or f32",
                     h->tensors[i].name, (double)values[j]);
  eq_dtype_encode(type, values, n, h->bytes);
  return eq_safetensors_put(&h->file, i, h->bytes, n * eq_dtype_size(type), err);
}

/* As it lies in the source; of a layer that others quantized, its values. */
static bool copy_tensor(struct hf *h, size_t i, struct eq_err *err) {
  const struct eq_tensor *t = h->sources[i];
  bool ok = true;
  if (!t->packed) return eq_safetensors_put(&h->file, i, t->data, eq_tensor_bytes(t, t->n), err);
  for (size_t at = 0; ok && at < t->n; at += CHUNK) {
    size_t n = t->n - at < CHUNK ? t->n - at : CHUNK;
    eq_tensor_decode(t, at, n, h->floats);
    ok = put_values(h, i, h->floats, n, err);
  }
  return ok;
}

static bool put(struct eq_export *x, size_t param, const float *values, uint64_t *bytes, struct eq_err *err) {
  struct hf *h = x->state;
  size_t i = h->of_param[param];
  const struct eq_tensor *t = &h->tensors[i];
  bool ok = true;
  *bytes = eq_tensor_bytes(t, t->n);
  if (!values) return copy_tensor(h, i, err);
  for (size_t at = 0; ok && at < t->n; at += CHUNK)
    ok = put_values(h, i, values + at, t->n - at < CHUNK ? t->n - at : CHUNK, err);
  return ok;
}

static bool end(struct eq_export *x, struct eq_err *err) {
  struct hf *h = x->state;
  bool ok = true;
  for (size_t i = x->model->n_params; ok && i < h->n; i++) ok = copy_tensor(h, i, err);
  return ok && eq_safetensors_commit(&h->file, err) &&
         eq_carry_config(x->source, h->folder.temporary, widest(x, h), NULL, err) &&
         eq_carry_files(x->source, h->folder.temporary, err) && eq_checkpoint_unchanged(&x->model->file, err) &&
         eq_folder_commit(&h->folder, err);
}

static void discard(struct eq_export *x) {
  struct hf *h = x->state;
  if (!h) return;
  eq_safetensors_discard(&h->file);
  eq_folder_discard(&h->folder);
  free(h->tensors);
  free(h->sources);
  free(h->of_param);
  free(h->floats);
  free(h->bytes);
  free(h);
  x->state = NULL;
}

const struct eq_export_format eq_export_hf = { "hf", "values in safetensors", true, begin, put, end, discard };
