/* patch.c: the base that all share, with codes, and the tensors that a recipe protects, as two files of one folder. The
 * base is the recipe without its clauses of keep; model.safetensors has it as compressed-tensors or, for families whose
 * layers are Conv1D, as GPTQ, so that others load the folder as it is. patch.safetensors has the tensors that the
 * recipe keeps and the base does not, as they lie in the source. */
#include <stdlib.h>
#include <string.h>

#include "lib/export/folder_model.h"
#include "lib/export/provenance.h"

struct patch {
  struct eq_export base;
  struct eq_safetensors_writer file;
  struct eq_tensor *tensors; /* [n], what is protected */
  size_t n;
  size_t *of_param; /* [n_params] its place in them, or n */
  float *source;    /* the largest of them */
};

static bool is_protected(const struct eq_export *x, const struct patch *p, size_t i) {
  return eq_export_keeps(x, i) && !eq_export_keeps(&p->base, i);
}

static bool list_protected(struct eq_export *x, struct patch *p, struct eq_err *err) {
  const struct eq_model *m = x->model;
  size_t most = 0;
  p->tensors = eq_array(m->n_params, sizeof *p->tensors);
  p->of_param = eq_array(m->n_params, sizeof *p->of_param);
  if (!p->tensors || !p->of_param) return eq_fail_memory(err, m->n_params * sizeof *p->tensors, "tensors");
  for (size_t i = 0; i < m->n_params; i++) {
    const struct eq_tensor *t = m->weights[i].tensor;
    p->of_param[i] = p->n;
    if (x->treatments[i] && !eq_treatment_is_whole(x->treatments[i]))
      return eq_fail(err, EQ_BAD, "--format patch: tensor '%s': a patch protects whole tensors, not a part of one",
                     m->params[i].name);
    if (!is_protected(x, p, i)) continue;
    if (t->packed)
      return eq_fail(err, EQ_BAD, "--format patch: tensor '%s' is quantized already: a patch has tensors as they are",
                     m->params[i].name);
    if (t->n > most) most = t->n;
    p->tensors[p->n++] = *t;
  }
  if (!p->n)
    return eq_fail(err, EQ_BAD, "--format patch: the recipe %s protects nothing that %s touches", x->recipe,
                   p->base.recipe);
  p->source = eq_array(most, sizeof *p->source);
  return p->source || eq_fail_memory(err, most * sizeof *p->source, "the largest tensor");
}

static bool open_patch(struct eq_export *x, struct patch *p, struct eq_err *err) {
  struct eq_safetensors_note notes[EQ_EXPORT_NOTES];
  eq_export_notes(x, notes);
  char *path = eq_path_join(eq_folder_model_path(&p->base), "patch.safetensors");
  bool ok = path ? eq_safetensors_create(&p->file, path, p->tensors, p->n, notes, EQ_EXPORT_NOTES, err)
                 : eq_fail_memory(err, strlen(x->out), "a path");
  free(path);
  return ok;
}

static const struct eq_codes_layout *layout_for(const struct eq_model *m) {
  for (size_t i = 0; i < m->n_params; i++)
    if (m->weights[i].slot->transposed) return &eq_gptq_layout;
  return &eq_compressed_tensors_layout;
}

static bool begin(struct eq_export *x, struct eq_err *err) {
  struct patch *p = x->state = eq_array(1, sizeof *p);
  if (!p) return eq_fail_memory(err, sizeof *p, "a patch");
  p->base = *x;
  p->base.state = NULL;
  p->base.treatments = x->base;
  p->base.recipe = x->base_recipe;
  return list_protected(x, p, err) && eq_folder_model_begin(&p->base, layout_for(x->model), err) &&
         open_patch(x, p, err);
}

static bool put(struct eq_export *x, size_t param, float *values, uint64_t *bytes, struct eq_err *err) {
  struct patch *p = x->state;
  size_t i = p->of_param[param];
  bool kept = is_protected(x, p, param);
  p->base.scratch = x->scratch;
  if (kept && !eq_export_round(&p->base, param, p->source, err)) return false;
  if (!eq_folder_model_write(&p->base, param, kept ? p->source : values, bytes, err)) return false;
  if (!kept) return true;
  uint64_t size = eq_tensor_bytes(&p->tensors[i], p->tensors[i].n);
  *bytes += size;
  return eq_safetensors_put(&p->file, i, p->tensors[i].data, size, err);
}

static bool end(struct eq_export *x, struct eq_err *err) {
  struct patch *p = x->state;
  return eq_safetensors_commit(&p->file, err) && eq_folder_model_end(&p->base, err);
}

static void discard(struct eq_export *x) {
  struct patch *p = x->state;
  if (!p) return;
  eq_safetensors_discard(&p->file);
  eq_folder_model_discard(&p->base);
  free(p->tensors);
  free(p->of_param);
  free(p->source);
  free(p);
  x->state = NULL;
}

const struct eq_export_format eq_export_patch = { "patch", begin, put, end, discard };
