#include "lib/export/gguf_layout.h"

#include <string.h>

static bool is_queries(enum eq_place p) { return p == EQ_W_Q || p == EQ_W_Q_BIAS; }
static bool is_keys(enum eq_place p) { return p == EQ_W_K || p == EQ_W_K_BIAS; }
static bool is_fused(enum eq_place p) { return p == EQ_W_QKV || p == EQ_W_QKV_BIAS; }

bool eq_gguf_name(const struct eq_model *m, size_t i, struct eq_buffer *name, struct eq_err *err) {
  const char *pattern = eq_gguf_tensor_name(m->weights[i].slot);
  if (!pattern)
    return eq_fail(err, EQ_BAD, "%s: tensor '%s' has no place in a GGUF of %s", m->file.path, m->params[i].name,
                   m->config.arch->name);
  name->size = 0;
  for (const char *p = pattern, *d; *p; p = d + 2) {
    if (!(d = strstr(p, "%d"))) {
      eq_buffer_string(name, p);
      break;
    }
    bool item = p != pattern; /* ".%d": experts are slices of one tensor */
    eq_buffer_add(name, p, (size_t)(d - p) - item);
    if (!item) eq_buffer_format(name, "%d", m->params[i].layer);
  }
  return !name->failed || eq_fail_memory(err, name->size, "a tensor's name");
}

/* The converter's permutation of llama's queries and keys, of one head: row 2 j + half is row half * size / 2 + j. */
static bool interleaves(const struct eq_model *m, enum eq_place place) {
  const struct eq_gguf_dialect *d = eq_gguf_dialect_of(m->config.arch);
  return d && d->interleaved && !m->config.rotary[0].interleaved && (is_queries(place) || is_keys(place));
}

/* Of matrices whose rows lie by key-value head, [group][queries, key, value]. */
static size_t grouped_row(const struct eq_config *c, size_t row) {
  size_t size = c->head_size, head = row / size, queries = c->n_heads / c->n_kv_heads, group, place;
  if (head < c->n_heads)
    group = head / queries, place = head % queries;
  else if (head < c->n_heads + c->n_kv_heads)
    group = head - c->n_heads, place = queries;
  else
    group = head - c->n_heads - c->n_kv_heads, place = queries + 1;
  return (group * (queries + 2) + place) * size + row % size;
}

size_t eq_gguf_source_row(const struct eq_model *m, size_t i, size_t row) {
  const struct eq_config *c = &m->config;
  enum eq_place place = m->weights[i].slot->place;
  size_t size = c->head_size, in_head = row % size;
  if (interleaves(m, place)) return row - in_head + in_head % 2 * (size / 2) + in_head / 2;
  return is_fused(place) && c->qkv == EQ_QKV_GROUPED ? grouped_row(c, row) : row;
}

bool eq_gguf_moves_rows(const struct eq_model *m, size_t i) {
  enum eq_place place = m->weights[i].slot->place;
  return interleaves(m, place) || (is_fused(place) && m->config.qkv == EQ_QKV_GROUPED);
}

float eq_gguf_shift(const struct eq_model *m, size_t i) {
  const struct eq_gguf_dialect *d = eq_gguf_dialect_of(m->config.arch);
  unsigned roles = m->weights[i].slot->roles;
  return d && d->gains_are_whole && roles & EQ_NORM && !(roles & EQ_BIAS) ? m->config.gain_offset : 0;
}
