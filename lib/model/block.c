/* block.c: one layer of the forward pass, tile by tile of rows and head by head of sequences. */
#include <string.h>

#include "lib/model/forward_state.h"

/* ---- who looks at activations ---- */

void eq_forward_watch(struct eq_forward *f, struct eq_watch watch) { f->watch = watch; }

enum eq_site eq_site_of(const struct eq_parameter *p) {
  static const struct {
    unsigned roles;
    enum eq_site site;
  } sites[] = {
    { EQ_Q | EQ_K | EQ_V, EQ_AT_QKV }, { EQ_O, EQ_AT_O }, { EQ_GATE | EQ_UP, EQ_AT_UP }, { EQ_DOWN, EQ_AT_DOWN }
  };
  for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
    if (p->roles & EQ_LINEAR && p->roles & sites[i].roles && !(p->roles & EQ_EXPERT)) return sites[i].site;
  return EQ_SITES;
}

size_t eq_site_width(const struct eq_model *m, enum eq_site site) {
  static const enum eq_dim dims[EQ_SITES] = {
    [EQ_AT_QKV] = EQ_D_WIDTH, [EQ_AT_O] = EQ_D_Q, [EQ_AT_UP] = EQ_D_WIDTH, [EQ_AT_DOWN] = EQ_D_INNER
  };
  return m->config.dims[dims[site]];
}

static void show(const struct eq_job *j, enum eq_site site, size_t tile, const float *in, size_t stride) {
  const struct eq_watch *w = &j->f->watch;
  if (w->see) w->see(w->context, j->level - 1, site, tile, in, stride);
}

/* ---- attention ---- */

/* Where a head's numbers begin in a row of queries, keys and values. */
static size_t query_at(const struct eq_config *c, size_t head) {
  size_t shared = c->n_heads / c->n_kv_heads;
  if (c->qkv == EQ_QKV_PLAIN) return head * c->head_size;
  return (head / shared * (shared + 2) + head % shared) * c->head_size;
}

static size_t key_at(const struct eq_config *c, size_t kv_head) {
  size_t shared = c->n_heads / c->n_kv_heads;
  if (c->qkv == EQ_QKV_PLAIN) return c->dims[EQ_D_Q] + kv_head * c->head_size;
  return (kv_head * (shared + 2) + shared) * c->head_size;
}

static size_t value_at(const struct eq_config *c, size_t kv_head) {
  return key_at(c, kv_head) + (c->qkv == EQ_QKV_PLAIN ? c->dims[EQ_D_KV] : c->head_size);
}

/* x through a norm into `normed` where the model has that norm before its sublayer, else x itself. */
static const float *before(const struct eq_job *j, enum eq_place gain, const float *x, float *normed) {
  const struct eq_config *c = &j->f->m->config;
  size_t width = c->dims[EQ_D_WIDTH];
  if (c->norm_place != EQ_NORM_BEFORE || !j->v.at[gain]) return x;
  j->f->k->normalize(normed, x, eq_norm_at(j, gain, width), EQ_TILE);
  return normed;
}

/* Norms of a tile's queries or keys: `heads` heads that begin at `at` in each row. */
static void normalize_heads(const struct eq_job *j, enum eq_place gain, float *rows, size_t at, size_t heads) {
  const struct eq_config *c = &j->f->m->config;
  bool whole = c->arch->qk_norm == EQ_QK_WHOLE, own = c->arch->qk_norm == EQ_QK_BY_HEAD_GAINS;
  struct eq_norm norm = eq_norm_at(j, gain, whole ? heads * c->head_size : c->head_size);
  for (size_t i = 0; i < EQ_TILE; i++)
    for (size_t h = 0; h < (whole ? 1 : heads); h++) {
      float *x = rows + i * c->dims[EQ_D_QKV] + at + h * c->head_size;
      norm.gain = j->v.at[gain] + (own ? h * c->head_size : 0);
      j->f->k->normalize(x, x, norm, 1);
    }
}

static void project_qkv(void *context, size_t tile, size_t thread) {
  const struct eq_job *j = context;
  struct eq_forward *f = j->f;
  const struct eq_config *c = &f->m->config;
  static const enum eq_place apart[] = { EQ_W_Q, EQ_W_K, EQ_W_V };
  size_t width = c->dims[EQ_D_WIDTH], all = c->dims[EQ_D_QKV];
  const float *in = before(j, EQ_W_ATTN_GAIN, j->x + tile * EQ_TILE * width, eq_scratch(f, thread));
  float *rows = f->qkv + tile * EQ_TILE * all, *out = rows;
  show(j, EQ_AT_QKV, tile, in, width);
  if (j->v.at[EQ_W_QKV]) f->k->linear(rows, all, in, width, eq_weight_at(j, EQ_W_QKV), j->v.at[EQ_W_QKV_BIAS], false);
  for (int p = 0; !j->v.at[EQ_W_QKV] && p < 3; p++) {
    f->k->linear(out, all, in, width, eq_weight_at(j, apart[p]), j->v.at[apart[p] + 1], false);
    out += c->dims[p == 0 ? EQ_D_Q : EQ_D_KV];
  }
  if (j->v.at[EQ_W_Q_GAIN]) { /* families with these norms have the plain layout */
    normalize_heads(j, EQ_W_Q_GAIN, rows, 0, c->n_heads);
    normalize_heads(j, EQ_W_K_GAIN, rows, c->dims[EQ_D_Q], c->n_kv_heads);
  }
  for (size_t i = 0; c->qkv_clip > 0 && i < EQ_TILE * all; i++)
    rows[i] = rows[i] < -c->qkv_clip ? -c->qkv_clip : rows[i] > c->qkv_clip ? c->qkv_clip : rows[i];
}

/* A head of queries or keys of a sequence by its positions. Items: the sequence's query heads, then its key heads. */
static void rotate_head(void *context, size_t item, size_t thread) {
  const struct eq_job *j = context;
  const struct eq_config *c = &j->f->m->config;
  size_t heads = c->n_heads + c->n_kv_heads, head = item % heads, all = c->dims[EQ_D_QKV];
  const struct eq_sequence *s = &j->b->sequences[item / heads];
  uint32_t which = c->layers[j->level - 1].rotary;
  const struct eq_rotary *r = &c->rotary[which];
  const struct eq_rotary_table *t = &j->f->rotary[which][eq_rotary_is_long(r, s->n)];
  size_t at = head < c->n_heads ? query_at(c, head) : key_at(c, head - c->n_heads);
  (void)thread;
  j->f->k->rotate(j->f->qkv + s->row * all + at, all, s->n, t->cos, t->sin, r->size / 2, r->interleaved);
}

static void attend_head(void *context, size_t item, size_t thread) {
  const struct eq_job *j = context;
  struct eq_forward *f = j->f;
  const struct eq_config *c = &f->m->config;
  const struct eq_sequence *s = &j->b->sequences[item / c->n_heads];
  size_t head = item % c->n_heads, kv_head = head / (c->n_heads / c->n_kv_heads), layer = j->level - 1;
  const float *rows = f->qkv + s->row * c->dims[EQ_D_QKV];
  struct eq_head h = {
    .q = rows + query_at(c, head),
    .k = rows + key_at(c, kv_head),
    .v = rows + value_at(c, kv_head),
    .stride = c->dims[EQ_D_QKV],
    .n = s->n,
    .head_size = c->head_size,
    .scale = (float)(c->scale_by_layer ? c->attention_scale / (double)(layer + 1) : c->attention_scale),
    .softcap = c->attention_softcap,
    .key_bias = f->key_bias ? f->key_bias + head * f->context : NULL,
    .window = c->layers[layer].window,
    .bidirectional = c->arch->encoder,
  };
  f->k->attend(f->mixed + s->row * f->mixed_width + head * c->head_size, f->mixed_width, h, eq_scratch(f, thread));
}

/* ---- what follows it ---- */

/* Puts means in the place of what enters a weight, where the recipe says so. */
static void put_means(const struct eq_job *j, enum eq_place weight, float *in, size_t stride) {
  size_t i = (size_t)eq_model_at(j->f->m, j->level, weight), cols = j->f->m->weights[i].cols;
  const struct eq_treatment *t = j->treatments[i];
  if (!eq_treatment_has(t, EQ_MEAN)) return;
  for (size_t c = 0; c < cols; c++) {
    const float *mean = eq_treatment_mean(t, c);
    for (size_t r = 0; mean && r < EQ_TILE; r++) in[r * stride + c] = *mean;
  }
}

/* x += in W + bias, through the norm at `post` where the model has one; then the norm of the sum, where it has that. */
static void add_branch(const struct eq_job *j, float *x, float *in, size_t in_stride, enum eq_place weight,
                       enum eq_place post, enum eq_place gain, float *branch) {
  const struct eq_kernels *k = j->f->k;
  const struct eq_config *c = &j->f->m->config;
  size_t width = c->dims[EQ_D_WIDTH];
  bool apart = j->v.at[post] != NULL;
  put_means(j, weight, in, in_stride);
  k->linear(apart ? branch : x, width, in, in_stride, eq_weight_at(j, weight), j->v.at[weight + 1], !apart);
  if (apart) {
    k->normalize(branch, branch, eq_norm_at(j, post, width), EQ_TILE);
    for (size_t i = 0; i < EQ_TILE * width; i++) x[i] += branch[i];
  }
  if (c->norm_place == EQ_NORM_AFTER) k->normalize(x, x, eq_norm_at(j, gain, width), EQ_TILE);
}

/* The MLP up to its last matrix: hidden[EQ_TILE][inner]. A gate has its own matrix, or the first half of one. */
static void mlp_hidden(const struct eq_job *j, size_t tile, const float *in, float *hidden, float *up) {
  const struct eq_kernels *k = j->f->k;
  const struct eq_config *c = &j->f->m->config;
  size_t width = c->dims[EQ_D_WIDTH], inner = c->dims[EQ_D_INNER];
  struct eq_weight w = eq_weight_at(j, EQ_W_UP);
  show(j, EQ_AT_UP, tile, in, width);
  if (c->arch->fused_gate) {
    const float *packed = w.packed ? w.packed + k->packed_size(w.in, inner) : NULL; /* the halves are, each */
    struct eq_weight gate = { w.w, w.in, inner, true, w.packed };
    w = (struct eq_weight){ w.w + inner * w.in, w.in, inner, true, packed };
    k->linear(hidden, inner, in, width, gate, NULL, false);
  } else if (c->arch->gated)
    k->linear(hidden, inner, in, width, eq_weight_at(j, EQ_W_GATE), j->v.at[EQ_W_GATE_BIAS], false);
  float *last = c->arch->gated ? up : hidden;
  k->linear(last, inner, in, width, w, j->v.at[EQ_W_UP_BIAS], false);
  k->activate(c->activation, hidden, EQ_TILE * inner);
  if (c->arch->gated) k->multiply(hidden, up, EQ_TILE * inner);
  show(j, EQ_AT_DOWN, tile, hidden, inner);
}

static void add_attention_and_mlp(void *context, size_t tile, size_t thread) {
  const struct eq_job *j = context;
  struct eq_forward *f = j->f;
  const struct eq_config *c = &f->m->config;
  size_t width = c->dims[EQ_D_WIDTH], inner = c->dims[EQ_D_INNER];
  float *x = j->x + tile * EQ_TILE * width, *normed = eq_scratch(f, thread), *branch = normed + EQ_TILE * width;
  float *hidden = branch + EQ_TILE * width, *up = hidden + EQ_TILE * inner;
  enum eq_place gain = c->has[EQ_MLP_NORM] ? EQ_W_MLP_GAIN : EQ_W_ATTN_GAIN;
  if (c->parallel) mlp_hidden(j, tile, before(j, gain, x, normed), hidden, up);
  show(j, EQ_AT_O, tile, f->mixed + tile * EQ_TILE * f->mixed_width, f->mixed_width);
  add_branch(j, x, f->mixed + tile * EQ_TILE * f->mixed_width, f->mixed_width, EQ_W_ATTN_OUT, EQ_W_ATTN_POST_GAIN,
             EQ_W_ATTN_GAIN, branch);
  if (c->layers[j->level - 1].sparse) { /* families with experts are not parallel and have a norm before them */
    eq_experts_choose(j, tile, before(j, gain, x, f->expert_in + tile * EQ_TILE * width), eq_scratch(f, thread));
    return;
  }
  if (!c->parallel) mlp_hidden(j, tile, before(j, gain, x, normed), hidden, up);
  add_branch(j, x, hidden, inner, EQ_W_DOWN, EQ_W_MLP_POST_GAIN, EQ_W_MLP_GAIN, branch);
}

size_t eq_block_scratch(const struct eq_model *m, size_t context) {
  const struct eq_config *c = &m->config;
  size_t tile = EQ_TILE * (2 * c->dims[EQ_D_WIDTH] + (c->arch->gated ? 2 : 1) * c->dims[EQ_D_INNER]);
  size_t expert = EQ_TILE * (c->dims[EQ_D_WIDTH] + 2 * c->dims[EQ_D_EXPERT_INNER]);
  size_t router = EQ_TILE * c->dims[EQ_D_EXPERTS], attention = eq_attention_scratch(context);
  size_t most = tile > expert ? tile : expert;
  most = most > router ? most : router;
  return most > attention ? most : attention;
}

void eq_forward_block(struct eq_forward *f, const struct eq_batch *b, size_t layer,
                      const struct eq_treatment **treatments, float *x) {
  const struct eq_config *c = &f->m->config;
  struct eq_job j = { .f = f, .b = b, .treatments = treatments, .x = x, .level = layer + 1 };
  j.v = eq_values_load(f, layer + 1, treatments, f->decoded);
  eq_pool_run(f->pool, eq_tiles(b->rows), project_qkv, &j);
  if (c->positions == EQ_ROTARY) eq_pool_run(f->pool, b->n * (c->n_heads + c->n_kv_heads), rotate_head, &j);
  eq_pool_run(f->pool, b->n * c->n_heads, attend_head, &j);
  eq_pool_run(f->pool, eq_tiles(b->rows), add_attention_and_mlp, &j);
  if (c->layers[layer].sparse) eq_experts_add(&j);
  if (f->m->frugal) eq_checkpoint_release(&f->m->file);
}
