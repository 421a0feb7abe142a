/* gguf.c: a model under a recipe as a GGUF file for llama.cpp. Of a Hugging Face folder keys, vocabulary and the order
 * of rows are made as llama.cpp's converter makes them; of a GGUF they stay. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/export/export.h"
#include "lib/export/gguf_layout.h"
#include "lib/export/provenance.h"
#include "lib/tensor/ggml_encode.h"
#include "lib/tensor/gguf_writer.h"
#include "lib/text/gguf_vocabulary_keys.h"

enum { CHUNK = 1 << 20 /* bytes of moved rows at a time */, TRANSPOSED = 16 /* rows gathered at a time */ };

struct gguf {
  struct eq_gguf_writer file;
  struct eq_gguf_keys keys;
  struct eq_gguf_tensor *tensors; /* [n], what the file gets */
  size_t n, capacity;
  struct eq_buffer names;  /* theirs, of a folder's model: at offsets until all are there */
  size_t *of_param;        /* [n_params] its place in them */
  enum eq_dtype *types;    /* [n_params] */
  const char **copied;     /* [n], of a GGUF's tensors that no parameter is: their bytes */
  char *encoded;           /* a whole parameter, row after row */
  size_t encoded_capacity; /* bytes */
  char *moved;             /* [CHUNK] */
  float *floats;           /* [threads][a_thread], rows on their way */
  size_t a_thread;
};

/* ---- which type a parameter gets ---- */

static bool is_vector(const struct eq_placed_tensor *w) { return w->slot->rows == EQ_D_ONE; }

/* A kept tensor's own where llama.cpp has it; its vectors are float32. */
static enum eq_dtype kept_type(const struct eq_export *x, const struct eq_placed_tensor *w) {
  enum eq_dtype t = w->tensor->dtype;
  if (x->model->file.n_parts) return t;
  return !is_vector(w) && (t == EQ_F16 || t == EQ_BF16) ? t : EQ_F32;
}

static bool choose_type(struct eq_export *x, struct gguf *g, size_t i, struct eq_err *err) {
  const struct eq_placed_tensor *w = &x->model->weights[i];
  struct eq_scheme s = eq_export_scheme(x, i);
  struct eq_buffer name = { 0 };
  if (eq_export_keeps(x, i)) return g->types[i] = kept_type(x, w), true;
  if (is_vector(w)) return g->types[i] = EQ_F32, true;
  if (x->values) return g->types[i] = x->dtype, true;
  if (s.kind == EQ_GGML) return g->types[i] = eq_ggml_type(s.type, w->cols), true;
  if (s.kind == EQ_FP16_CAST) return g->types[i] = EQ_F16, true;
  if (s.kind == EQ_BF16_CAST) return g->types[i] = EQ_BF16, true;
  eq_export_print(x, i, &name);
  eq_fail(err, EQ_BAD,
          "--format gguf: tensor '%s': a GGUF cannot hold %s: use one of its own types, or --dtype to store "
          "values",
          x->model->params[i].name, name.data ? name.data : "");
  eq_buffer_free(&name);
  return false;
}

/* ---- the tensors of a folder's model ---- */

static bool add_tensor(struct gguf *g, struct eq_gguf_tensor t, const char *bytes, struct eq_err *err) {
  size_t capacity = g->capacity;
  struct eq_gguf_tensor *tensors = eq_array_grow(g->tensors, g->n, &g->capacity, sizeof *tensors);
  if (!tensors) return eq_fail_memory(err, g->n * sizeof *tensors, "tensors");
  g->tensors = tensors;
  if (g->capacity != capacity) {
    const char **copied = realloc(g->copied, g->capacity * sizeof *copied);
    if (!copied) return eq_fail_memory(err, g->capacity * sizeof *copied, "tensors");
    g->copied = copied;
  }
  g->copied[g->n] = bytes;
  g->tensors[g->n++] = t;
  return true;
}

static const struct eq_gguf_dtype *gguf_dtype(enum eq_dtype t) { return eq_gguf_dtype_find(eq_str(eq_dtype_name(t))); }

/* Experts of a layer and place follow one another: they are slices of one tensor, as are gains by head. */
static bool follows(const struct eq_model *m, size_t i) {
  const struct eq_placed_tensor *w = &m->weights[i];
  return eq_slot_tensors(&m->config, w->slot) > 1 && i > 0 && w[-1].slot == w->slot &&
         m->params[i].layer == m->params[i - 1].layer;
}

static bool same_type(const struct eq_model *m, const struct gguf *g, size_t i, struct eq_err *err) {
  return g->types[i] == g->types[i - 1] ||
         eq_fail(err, EQ_BAD,
                 "--format gguf: tensor '%s': a layer's experts are one tensor there, but %s is %s and %s %s",
                 m->params[i].name, m->params[i].name, eq_dtype_name(g->types[i]), m->params[i - 1].name,
                 eq_dtype_name(g->types[i - 1]));
}

static bool add_parameter(struct eq_export *x, struct gguf *g, size_t i, struct eq_err *err) {
  const struct eq_model *m = x->model;
  const struct eq_placed_tensor *w = &m->weights[i];
  size_t n = eq_slot_tensors(&m->config, w->slot);
  struct eq_gguf_tensor t = { .dtype = gguf_dtype(g->types[i]), .dims = { w->cols } };
  struct eq_buffer name = { 0 };
  t.n_dims = 1;
  if (!is_vector(w)) t.dims[t.n_dims++] = w->rows;
  if (n > 1) t.dims[t.n_dims++] = n;
  if (follows(m, i)) {
    g->of_param[i] = g->of_param[i - 1];
    return same_type(m, g, i, err);
  }
  g->of_param[i] = g->n;
  bool ok = eq_gguf_name(m, i, &name, err);
  t.name.n = name.size;
  if (ok) eq_buffer_add(&g->names, name.data, name.size);
  eq_buffer_free(&name);
  return ok && add_tensor(g, t, NULL, err);
}

static bool add_factors(struct gguf *g, const char *name, const float *factors, size_t n, struct eq_err *err) {
  char *copy = eq_array(n, sizeof *factors);
  if (!copy) return eq_fail_memory(err, n * sizeof *factors, "factors");
  memcpy(copy, factors, n * sizeof *factors);
  eq_buffer_string(&g->names, name);
  struct eq_gguf_tensor t = { .name = { NULL, strlen(name) }, .dtype = gguf_dtype(EQ_F32), .n_dims = 1, .dims = { n } };
  if (add_tensor(g, t, copy, err)) return true;
  free(copy);
  return false;
}

/* Frequencies that a config stretches one by one are tensors of factors. */
static bool add_rope(struct eq_export *x, struct gguf *g, struct eq_err *err) {
  const struct eq_rotary *r = &x->model->config.rotary[0];
  size_t n = r->size / 2;
  if (x->model->config.positions != EQ_ROTARY) return true;
  if (r->scaling == EQ_ROTARY_LONGROPE)
    return add_factors(g, "rope_factors_short.weight", r->short_factors, n, err) &&
           add_factors(g, "rope_factors_long.weight", r->long_factors, n, err);
  if (r->scaling != EQ_ROTARY_LLAMA3) return true;
  float *factors = eq_array(n, sizeof *factors);
  if (!factors) return eq_fail_memory(err, n * sizeof *factors, "factors");
  for (size_t d = 0; d < n; d++) factors[d] = eq_rotary_llama3_factor(r, d);
  bool ok = add_factors(g, "rope_freqs.weight", factors, n, err);
  free(factors);
  return ok;
}

static void set_names(struct gguf *g) {
  const char *at = g->names.data;
  for (size_t i = 0; i < g->n; i++) g->tensors[i].name.p = at, at += g->tensors[i].name.n;
}

static bool plan_folder(struct eq_export *x, struct gguf *g, struct eq_err *err) {
  const struct eq_model *m = x->model;
  if (!eq_config_add_gguf(&m->config, x->source, &g->keys, err)) return false;
  for (size_t i = 0; i < m->n_params; i++)
    if (!add_parameter(x, g, i, err)) return false;
  if (!add_rope(x, g, err)) return false;
  if (g->names.failed) return eq_fail_memory(err, g->names.size, "names");
  set_names(g);
  const struct eq_gguf_vocabulary_size size = { m->config.dims[EQ_D_VOCAB], m->config.bos, m->config.eos };
  return eq_gguf_vocabulary_add(&g->keys, x->source, size, &x->no_vocabulary, err);
}

/* ---- the tensors of a GGUF ---- */

/* Of its keys, those that are about its own making are left out. */
static void copy_keys(struct gguf *g, const struct eq_gguf *from) {
  static const char *const ours[] = { "general.file_type", "general.quantization_version", "general.alignment", NULL };
  for (size_t i = 0; i < from->n_keys; i++) {
    struct eq_str name = from->keys[i].name;
    bool left_out = name.n > 6 && (memcmp(name.p, "split.", 6) == 0 || memcmp(name.p, "equant", 6) == 0);
    for (size_t k = 0; ours[k]; k++) left_out |= eq_str_is(name, ours[k]);
    if (!left_out) eq_gguf_add_key(&g->keys, &from->keys[i]);
  }
}

static bool plan_file(struct eq_export *x, struct gguf *g, struct eq_err *err) {
  const struct eq_model *m = x->model;
  copy_keys(g, &m->file.parts[0]);
  for (size_t p = 0; p < m->file.n_parts; p++)
    for (size_t k = 0; k < m->file.parts[p].n_tensors; k++) {
      struct eq_gguf_tensor t = m->file.parts[p].tensors[k];
      const char *type = NULL;
      for (size_t i = 0; i < m->n_params; i++) {
        const char *data = m->weights[i].tensor->data;
        if (data < t.data || data >= t.data + t.size) continue;
        if (type && strcmp(type, eq_dtype_name(g->types[i])) != 0)
          return eq_fail(err, EQ_BAD, "--format gguf: tensor '%s': a layer's experts are one tensor there, of one type",
                         m->params[i].name);
        type = eq_dtype_name(g->types[i]);
        g->of_param[i] = g->n;
      }
      const char *bytes = type ? NULL : t.data;
      if (type) t.dtype = eq_gguf_dtype_find(eq_str(type));
      if (!add_tensor(g, t, bytes, err)) return false;
    }
  return true;
}

/* "^blk\\.0\\.attn_q\\.weight$=q4_0" */
static bool add_type(struct eq_export *x, const struct gguf *g, size_t i, struct eq_buffer *out, struct eq_err *err) {
  struct eq_buffer name = { 0 };
  bool ok = eq_gguf_name(x->model, i, &name, err);
  eq_buffer_string(out, "^");
  for (size_t k = 0; ok && k < name.size; k++) eq_buffer_format(out, name.data[k] == '.' ? "\\%c" : "%c", name.data[k]);
  eq_buffer_string(out, "$=");
  for (const char *c = eq_dtype_name(g->types[i]); *c; c++)
    eq_buffer_format(out, "%c", *c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
  eq_buffer_string(out, "\n");
  eq_buffer_free(&name);
  return ok && (!out->failed || eq_fail_memory(err, out->size, "types"));
}

bool eq_export_tensor_types(struct eq_export *x, struct eq_buffer *out, struct eq_err *err) {
  struct gguf g = { .types = eq_array(x->model->n_params, sizeof *g.types) };
  bool ok = g.types || eq_fail_memory(err, x->model->n_params * sizeof *g.types, "types");
  for (size_t i = 0; ok && i < x->model->n_params; i++) {
    if (is_vector(&x->model->weights[i])) continue;
    ok = choose_type(x, &g, i, err);
    if (ok) ok = follows(x->model, i) ? same_type(x->model, &g, i, err) : add_type(x, &g, i, out, err);
  }
  free(g.types);
  return ok;
}

static bool begin(struct eq_export *x, struct eq_err *err) {
  struct gguf *g = x->state = eq_array(1, sizeof *g);
  size_t n = x->model->n_params;
  if (!g) return eq_fail_memory(err, sizeof *g, "a file");
  if (!eq_export_new_file(x, x->out, err)) return false;
  g->of_param = eq_array(n, sizeof *g->of_param);
  g->types = eq_array(n, sizeof *g->types);
  g->moved = eq_array(CHUNK, 1);
  for (size_t i = 0; i < n; i++)
    if (x->model->weights[i].cols > g->a_thread) g->a_thread = x->model->weights[i].cols;
  g->a_thread *= TRANSPOSED;
  g->floats = eq_array(eq_pool_threads(x->pool) * g->a_thread, sizeof *g->floats);
  if (!g->of_param || !g->types || !g->moved || !g->floats)
    return eq_fail_memory(err, n * sizeof *g->of_param + g->a_thread * sizeof *g->floats, "tensors");
  for (size_t i = 0; i < n; i++)
    if (!choose_type(x, g, i, err)) return false;
  if (!(x->model->file.n_parts ? plan_file : plan_folder)(x, g, err)) return false;
  eq_gguf_add_u32(&g->keys, "general.quantization_version", 2);
  eq_gguf_add_text(&g->keys, EQ_NOTE_RECIPE, eq_str(x->recipe));
  eq_gguf_add_text(&g->keys, EQ_NOTE_MODEL, eq_str(x->model->name));
  eq_gguf_add_text(&g->keys, EQ_NOTE_PROGRAMS, eq_str(x->programs));
  return eq_gguf_create(&g->file, x->out, &g->keys, g->tensors, g->n, err);
}

/* ---- a parameter ---- */

struct encoding {
  const struct eq_export *x;
  const struct gguf *g;
  const float *values; /* in the file's layout; NULL: the tensor's own */
  float *before;
  size_t param, rows, cols, row_bytes, rows_an_item;
  float shift;
};

/* Rows first..last-1 of a transposed matrix, at most TRANSPOSED. */
static void gather(const struct encoding *e, size_t first, size_t last, float *out) {
  const struct eq_tensor *t = e->x->model->weights[e->param].tensor;
  float column[TRANSPOSED];
  size_t n = last - first;
  for (size_t c = 0; c < e->cols; c++) {
    const float *from = column;
    if (e->values)
      from = e->values + c * e->rows + first;
    else
      eq_tensor_decode(t, c * e->rows + first, n, column);
    for (size_t i = 0; i < n; i++) out[i * e->cols + c] = from[i];
  }
}

static void encode_rows(const struct encoding *e, size_t first, size_t last, float *floats) {
  const struct eq_placed_tensor *w = &e->x->model->weights[e->param];
  size_t n = (last - first) * e->cols;
  if (w->transposed)
    gather(e, first, last, floats);
  else if (e->values)
    memcpy(floats, e->values + first * e->cols, n * sizeof *floats);
  else
    eq_tensor_decode(w->tensor, first * e->cols, n, floats);
  for (size_t i = 0; e->shift > 0 && i < n; i++) floats[i] += e->shift;
  char *out = e->g->encoded + first * e->row_bytes;
  enum eq_dtype type = e->g->types[e->param];
  if (type < EQ_SAFETENSORS_DTYPES)
    eq_dtype_encode(type, floats, n, out);
  else
    eq_ggml_encode(type, floats, n, out);
}

static void encode_item(void *context, size_t item, size_t thread) {
  const struct encoding *e = context;
  size_t first = item * e->rows_an_item, last = first + e->rows_an_item < e->rows ? first + e->rows_an_item : e->rows;
  for (size_t r = first; r < last; r += TRANSPOSED)
    encode_rows(e, r, last - r < TRANSPOSED ? last : r + TRANSPOSED, e->g->floats + thread * e->g->a_thread);
}

/* Blocks are made of what their scheme starts from, not of what it gave. */
static void before_item(void *context, size_t item, size_t thread) {
  const struct encoding *e = context;
  size_t first = item * e->rows_an_item, last = first + e->rows_an_item < e->rows ? first + e->rows_an_item : e->rows;
  eq_export_before(e->x, e->param, first, last, e->before, e->x->scratch + thread * eq_model_scratch(e->x->model));
}

static bool grow_encoded(struct gguf *g, size_t bytes, struct eq_err *err) {
  if (bytes <= g->encoded_capacity) return true;
  free(g->encoded);
  g->encoded = malloc(bytes);
  g->encoded_capacity = g->encoded ? bytes : 0;
  return g->encoded || eq_fail_memory(err, bytes, "a tensor");
}

/* The encoded rows in the order that the file wants. */
static bool put_rows(struct gguf *g, const struct encoding *e, struct eq_err *err) {
  size_t a_chunk = CHUNK / e->row_bytes ? CHUNK / e->row_bytes : 1, i = g->of_param[e->param];
  if (!eq_gguf_moves_rows(e->x->model, e->param))
    return eq_gguf_put(&g->file, i, g->encoded, e->rows * e->row_bytes, err);
  for (size_t first = 0; first < e->rows; first += a_chunk) {
    size_t n = e->rows - first < a_chunk ? e->rows - first : a_chunk;
    for (size_t r = 0; r < n && e->row_bytes <= CHUNK; r++)
      memcpy(g->moved + r * e->row_bytes,
             g->encoded + eq_gguf_source_row(e->x->model, e->param, first + r) * e->row_bytes, e->row_bytes);
    const char *from =
        e->row_bytes <= CHUNK ? g->moved : g->encoded + eq_gguf_source_row(e->x->model, e->param, first) * e->row_bytes;
    if (!eq_gguf_put(&g->file, i, from, n * e->row_bytes, err)) return false;
  }
  return true;
}

static bool put(struct eq_export *x, size_t param, float *values, uint64_t *bytes, struct eq_err *err) {
  struct gguf *g = x->state;
  const struct eq_placed_tensor *w = &x->model->weights[param];
  const struct eq_tensor *t = w->tensor;
  if (!values && x->model->file.n_parts) {
    *bytes = eq_tensor_bytes(t, t->n);
    return eq_gguf_put(&g->file, g->of_param[param], t->data, *bytes, err);
  }
  struct encoding e = { .x = x, .g = g, .values = values, .param = param, .rows = w->rows, .cols = w->cols };
  if (is_vector(w)) e.rows = w->cols, e.cols = 1; /* so that its elements can move like rows */
  enum eq_dtype type = g->types[param];
  if (values && type == EQ_F16 && !eq_export_fits_f16(x->model->params[param].name, values, t->n, err)) return false;
  e.row_bytes = e.cols / eq_dtype_block(type) * eq_dtype_size(type);
  e.rows_an_item = eq_model_job_rows(e.cols);
  e.shift = x->model->file.n_parts ? 0 : eq_gguf_shift(x->model, param);
  *bytes = e.rows * e.row_bytes;
  if (!grow_encoded(g, *bytes, err)) return false;
  bool blocks = values && !x->values && eq_export_scheme(x, param).kind == EQ_GGML && !is_vector(w);
  if (blocks && eq_export_starts_plain(x, param)) e.values = NULL;
  if (blocks && e.values) {
    e.before = values;
    eq_pool_run(x->pool, (e.rows + e.rows_an_item - 1) / e.rows_an_item, before_item, &e);
  }
  eq_pool_run(x->pool, (e.rows + e.rows_an_item - 1) / e.rows_an_item, encode_item, &e);
  return put_rows(g, &e, err);
}

static bool end(struct eq_export *x, struct eq_err *err) {
  struct gguf *g = x->state;
  bool ok = true;
  for (size_t i = 0; ok && i < g->n; i++)
    if (g->copied[i]) {
      size_t n = 1;
      for (size_t d = 0; d < g->tensors[i].n_dims; d++) n *= g->tensors[i].dims[d];
      ok = eq_gguf_put(&g->file, i, g->copied[i], n / g->tensors[i].dtype->block * g->tensors[i].dtype->bytes, err);
    }
  return ok && eq_export_unchanged(x, err) && eq_gguf_commit(&g->file, err);
}

static void discard(struct eq_export *x) {
  struct gguf *g = x->state;
  if (!g) return;
  eq_gguf_discard(&g->file);
  for (size_t i = 0; i < g->n; i++)
    if (!x->model->file.n_parts) free((char *)(uintptr_t)g->copied[i]);
  eq_buffer_free(&g->keys.bytes);
  eq_buffer_free(&g->names);
  free(g->copied);
  free(g->tensors);
  free(g->of_param);
  free(g->types);
  free(g->encoded);
  free(g->moved);
  free(g->floats);
  free(g);
  x->state = NULL;
}

const struct eq_export_format eq_export_gguf = { "gguf", begin, put, end, discard };
