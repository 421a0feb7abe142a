#include "lib/measure/activations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1536 /* of a batch, or a context */ };

struct segment {
  struct eq_str lang, id;
  size_t first, n; /* of the ids */
};

/* What has entered a site. */
struct sums {
  struct eq_moments moments;
  double *sum, *squares; /* [width] */
};

struct eq_activations {
  const struct eq_model *m;
  struct eq_forward *forward;
  size_t context, n_tiles;
  int64_t prefix; /* -1: none */
  const struct eq_treatment **treatments;
  struct eq_batch batch;
  bool *counts; /* [rows of a batch]: is it a token's? */
  float *x;
  uint32_t *pieces; /* [rows of a batch]: ids of its sequences */
  size_t n_pieces;
  struct sums *tiles;  /* [n_tiles][EQ_SITES], of the layer at hand */
  struct sums *layers; /* [n_layers][EQ_SITES], of the language at hand */
  uint64_t tokens;     /* of the language */
  double *numbers;     /* what the sums' arrays are parts of */
  size_t n_numbers;
  float *means, *powers; /* [widest site] */
  uint32_t *ids;
  size_t n_ids, ids_capacity;
  struct segment *segments;
  size_t n_segments, segments_capacity;
  struct eq_buffer *names; /* [n_segments]: of language and id */
  size_t names_capacity;
};

/* ---- memory ---- */

/* Gives n sites, in the order of enum eq_site, their arrays. */
static double *hand_out(const struct eq_model *m, struct sums *sums, size_t n, double *numbers) {
  for (size_t i = 0; i < n; i++) {
    size_t width = eq_site_width(m, (enum eq_site)(i % EQ_SITES));
    sums[i].sum = numbers, sums[i].squares = numbers + width;
    numbers += 2 * width;
  }
  return numbers;
}

static bool make_sums(struct eq_activations *a) {
  size_t widths = 0, widest = 0, n_layers = a->m->config.n_layers;
  for (int site = 0; site < EQ_SITES; site++) {
    size_t width = eq_site_width(a->m, (enum eq_site)site);
    widths += width;
    widest = width > widest ? width : widest;
  }
  a->n_numbers = 2 * widths * (a->n_tiles + n_layers);
  a->tiles = eq_array(a->n_tiles * EQ_SITES, sizeof *a->tiles);
  a->layers = eq_array(n_layers * EQ_SITES, sizeof *a->layers);
  a->numbers = eq_array(a->n_numbers, sizeof *a->numbers);
  a->means = eq_array(widest, sizeof *a->means);
  a->powers = eq_array(widest, sizeof *a->powers);
  if (!a->tiles || !a->layers || !a->numbers || !a->means || !a->powers) return false;
  hand_out(a->m, a->layers, n_layers * EQ_SITES, hand_out(a->m, a->tiles, a->n_tiles * EQ_SITES, a->numbers));
  return true;
}

static int64_t usable(const struct eq_model *m, int64_t token) {
  return token < (int64_t)m->config.dims[EQ_D_VOCAB] ? token : -1;
}

struct eq_activations *eq_activations_new(const struct eq_model *m, const struct eq_kernels *k, struct eq_pool *pool,
                                          size_t context, struct eq_err *err) {
  struct eq_activations *a = eq_array(1, sizeof *a);
  size_t rows = context > ROWS ? context : ROWS;
  if (!a) return eq_fail_memory(err, sizeof *a, "activations"), NULL;
  a->m = m, a->context = context, a->prefix = usable(m, m->config.bos);
  if (a->prefix < 0) a->prefix = usable(m, m->config.eos);
  if (m->config.arch->encoder) a->prefix = -1;
  if (!(a->forward = eq_forward_new(m, k, pool, rows, context, false, err))) {
    eq_activations_free(a);
    return NULL;
  }
  rows = eq_forward_rows(a->forward);
  a->n_tiles = (rows + EQ_TILE - 1) / EQ_TILE;
  a->treatments = eq_array(m->n_params, sizeof *a->treatments);
  a->batch.sequences = eq_array(rows, sizeof *a->batch.sequences);
  a->counts = eq_array(a->n_tiles * EQ_TILE, sizeof *a->counts);
  a->x = eq_array(a->n_tiles * EQ_TILE, m->config.dims[EQ_D_WIDTH] * sizeof *a->x);
  a->pieces = eq_array(rows, sizeof *a->pieces);
  if (a->treatments && a->batch.sequences && a->counts && a->x && a->pieces && make_sums(a)) return a;
  eq_fail_memory(err, rows * m->config.dims[EQ_D_WIDTH] * sizeof *a->x, "activations");
  eq_activations_free(a);
  return NULL;
}

void eq_activations_free(struct eq_activations *a) {
  if (!a) return;
  eq_forward_free(a->forward);
  for (size_t i = 0; i < a->n_segments; i++) eq_buffer_free(&a->names[i]);
  free(a->treatments), free(a->batch.sequences), free(a->counts), free(a->x), free(a->pieces);
  free(a->tiles), free(a->layers), free(a->numbers), free(a->means), free(a->powers);
  free(a->ids), free(a->segments), free(a->names);
  free(a);
}

/* ---- segments ---- */

static bool grow(struct eq_activations *a, size_t n) {
  struct segment *segments = eq_array_grow(a->segments, a->n_segments, &a->segments_capacity, sizeof *segments);
  if (segments) a->segments = segments;
  struct eq_buffer *names = eq_array_grow(a->names, a->n_segments, &a->names_capacity, sizeof *names);
  if (names) a->names = names;
  bool ok = segments && names;
  while (ok && a->ids_capacity < a->n_ids + n) {
    uint32_t *ids = eq_array_grow(a->ids, a->ids_capacity, &a->ids_capacity, sizeof *ids);
    if (ids) a->ids = ids;
    ok = ids;
  }
  return ok;
}

bool eq_activations_add(struct eq_activations *a, struct eq_str lang, struct eq_str id, const uint32_t *ids, size_t n,
                        struct eq_err *err) {
  struct eq_buffer name = { 0 };
  eq_buffer_add(&name, lang.p, lang.n);
  eq_buffer_add(&name, id.p, id.n);
  if (name.failed || !grow(a, n)) {
    eq_buffer_free(&name);
    return eq_fail_memory(err, n * sizeof *ids, "a segment");
  }
  if (n) memcpy(a->ids + a->n_ids, ids, n * sizeof *ids);
  struct eq_str own = { name.data, lang.n };
  a->segments[a->n_segments] = (struct segment){ own, { name.data ? name.data + lang.n : NULL, id.n }, a->n_ids, n };
  a->names[a->n_segments++] = name;
  a->n_ids += n;
  return true;
}

/* By language and id; what is equal in both keeps its order. */
static int compare_segments(const void *x, const void *y) {
  const struct segment *a = x, *b = y;
  int order = eq_str_compare(a->lang, b->lang);
  if (!order) order = eq_str_compare(a->id, b->id);
  return order ? order : (a->first > b->first) - (a->first < b->first);
}

/* ---- what is seen ---- */

static void see(void *context, size_t layer, enum eq_site site, size_t tile, const float *in, size_t stride) {
  struct eq_activations *a = context;
  struct sums *s = &a->tiles[tile * EQ_SITES + site];
  size_t width = eq_site_width(a->m, site);
  (void)layer;
  for (size_t r = 0; r < EQ_TILE; r++) {
    const float *row = in + r * stride;
    if (!a->counts[tile * EQ_TILE + r]) continue;
    eq_moments_add(&s->moments, row, width);
    for (size_t c = 0; c < width; c++) {
      double x = (double)row[c];
      s->sum[c] += x, s->squares[c] += x * x;
    }
  }
}

/* Adds a layer's tiles, in order, to what the language has. */
static void collect(struct eq_activations *a, size_t layer) {
  for (size_t i = 0; i < a->n_tiles * EQ_SITES; i++) {
    struct sums *from = &a->tiles[i], *to = &a->layers[layer * EQ_SITES + i % EQ_SITES];
    size_t width = eq_site_width(a->m, (enum eq_site)(i % EQ_SITES));
    if (from->moments.n + from->moments.n_nan == 0) continue;
    eq_moments_merge(&to->moments, &from->moments);
    for (size_t c = 0; c < width; c++) to->sum[c] += from->sum[c], to->squares[c] += from->squares[c];
    from->moments = (struct eq_moments){ 0 };
    memset(from->sum, 0, 2 * width * sizeof *from->sum);
  }
}

static void run(struct eq_activations *a) {
  struct eq_batch *b = &a->batch;
  if (b->n == 0) return;
  eq_forward_embed(a->forward, b, a->treatments, a->x);
  for (size_t l = 0; l < a->m->config.n_layers; l++) {
    eq_forward_block(a->forward, b, l, a->treatments, a->x);
    collect(a, l);
  }
  *b = (struct eq_batch){ .sequences = b->sequences };
  memset(a->counts, 0, a->n_tiles * EQ_TILE * sizeof *a->counts);
  a->n_pieces = 0;
}

/* A segment's next piece, from its token `from` on, into the batch; how many tokens it has. */
static size_t add_piece(struct eq_activations *a, const struct segment *g, size_t from) {
  size_t before = a->prefix >= 0, room = a->context - before, n = g->n - from < room ? g->n - from : room;
  struct eq_sequence s = { .n = before + n };
  for (int again = 0; again < 2; again++) {
    s.ids = a->pieces + a->n_pieces;
    if (eq_batch_add(a->forward, &a->batch, s)) break;
    run(a);
  }
  uint32_t *ids = a->pieces + a->n_pieces;
  if (before) ids[0] = (uint32_t)a->prefix;
  memcpy(ids + before, a->ids + g->first + from, n * sizeof *ids);
  a->n_pieces += s.n;
  for (size_t i = 0; i < n; i++) a->counts[a->batch.sequences[a->batch.n - 1].row + before + i] = true;
  a->tokens += n;
  return n;
}

/* ---- all of it ---- */

static void forget(struct eq_activations *a) {
  for (size_t i = 0; i < a->m->config.n_layers * EQ_SITES; i++) {
    struct sums *s = &a->layers[i];
    s->moments = (struct eq_moments){ 0 };
    memset(s->sum, 0, 2 * eq_site_width(a->m, (enum eq_site)(i % EQ_SITES)) * sizeof *s->sum);
  }
  a->tokens = 0;
}

static bool report_parameter(struct eq_activations *a, struct eq_str lang, size_t i, enum eq_site site,
                             bool (*report)(void *context, struct eq_str lang, size_t param,
                                            const struct eq_input_stats *s),
                             void *context) {
  const struct sums *s = &a->layers[(size_t)a->m->params[i].layer * EQ_SITES + site];
  size_t width = eq_site_width(a->m, site);
  for (size_t c = 0; c < width; c++) {
    a->means[c] = (float)(s->sum[c] / (double)a->tokens);
    a->powers[c] = (float)(s->squares[c] / (double)a->tokens);
  }
  struct eq_input_stats out = { s->moments, a->tokens, width, a->means, a->powers };
  return report(context, lang, i, &out);
}

bool eq_activations_run(struct eq_activations *a, struct eq_progress *progress,
                        bool (*report)(void *context, struct eq_str lang, size_t param, const struct eq_input_stats *s),
                        void *context) {
  if (a->n_segments) qsort(a->segments, a->n_segments, sizeof *a->segments, compare_segments);
  eq_forward_watch(a->forward, (struct eq_watch){ a, see });
  bool ok = true;
  for (size_t i = 0; ok && i < a->n_segments; i++) {
    const struct segment *g = &a->segments[i];
    for (size_t from = 0; from < g->n;) from += add_piece(a, g, from);
    eq_progress_add(progress, 1);
    if (i + 1 < a->n_segments && eq_str_equal(g[1].lang, g->lang)) continue;
    run(a);
    for (size_t p = 0; ok && a->tokens && p < a->m->n_params; p++) {
      enum eq_site site = eq_site_of(&a->m->params[p]);
      if (site < EQ_SITES) ok = report_parameter(a, g->lang, p, site, report, context);
    }
    forget(a);
  }
  return ok;
}
