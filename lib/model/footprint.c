#include "lib/model/footprint.h"

uint64_t eq_model_stored_bytes(const struct eq_model *m, size_t param, const struct eq_treatment *t) {
  const struct eq_tensor *w = m->weights[param].tensor;
  return eq_treatment_bytes(t, eq_tensor_bytes(w, w->n));
}

struct eq_footprint eq_model_footprint(const struct eq_model *m, const struct eq_treatment **treatments) {
  struct eq_footprint all = { 0 };
  for (size_t i = 0; i < m->n_params; i++) {
    all.weights += m->weights[i].tensor->n;
    all.bytes += eq_model_stored_bytes(m, i, treatments[i]);
  }
  return all;
}
