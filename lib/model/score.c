#include "lib/model/score.h"

#include <stdlib.h>
#include <string.h>

enum {
  HIDDEN_BYTES = 48 << 20, /* of hidden states in a batch, all copies together */
  ROWS_MAX = 16384,
  VARIANTS_BYTES = 128 << 20, /* of packed weights that are kept */
  VARIANTS_MAX = 64,          /* of a level that are counted */
  WAITING_BYTES = 32 << 20,   /* of segments that wait for a batch, their tags included */
  WAITING_ROW = 64,           /* of them about so many a row */
  RECIPE_BYTES = 1024,        /* of a recipe beside what it does to parameters, about */
  SHORT_SEGMENT = 32,         /* rows */
  THREAD_BYTES = 1 << 20,     /* a thread's own stack and OpenBLAS's buffer, as far as they are used */
  MIB = 1 << 20
};

static const double BATCH_WORK = 4e12; /* multiplications */

/* A segment that waits for its windows to be scored. */
struct segment {
  struct segment *next;
  void *tag;
  size_t kept_row;                /* of the kept predictions: its first */
  size_t n_tokens, n_rows, bytes; /* n_rows: those that are scored */
  size_t windows_left;
  double *nll;       /* [n_recipes] */
  float *nlls;       /* [n_recipes][n_rows], when kept */
  size_t *filled;    /* of nlls: rows so far, by recipe */
  double *kl;        /* [n_recipes], with a reference */
  size_t *same_top;  /* likewise */
  uint32_t *experts; /* [n_recipes][n_counts], when counted */
  uint64_t *wanted;  /* a bit map of recipes; NULL: all */
  bool held;         /* till others come of which the same are wanted */
  uint32_t ids[];    /* prefix and tokens */
};

struct eq_scorer {
  const struct eq_model *m;
  const struct eq_kernels *k;
  const struct eq_treatment **treatments;
  size_t n_recipes;
  struct eq_scoring scoring;
  struct eq_sink sink;
  struct eq_trie trie;
  struct eq_forward *forward;
  struct eq_batch batch;
  struct segment **owner; /* [sequences of the batch] */
  size_t waiting_bytes;
  struct segment *first, **last;    /* the queue */
  float *x;                         /* [1 + trie.copies][rows][width] */
  double *nll;                      /* [rows] of one leaf */
  struct eq_divergence *divergence; /* likewise, with a reference */
  size_t *next_of_leaf;             /* [n_recipes]: the next recipe of the same leaf, n_recipes for none */
  size_t *recipe_of_leaf;           /* [nodes]: the first recipe of a leaf */
  uint64_t *wanted;                 /* by the segments of the batch: of the recipes a bit map */
  bool *active;                     /* [nodes]: leads to a leaf that is wanted */
  size_t n_held, held_rows;         /* segments that are held, and about their rows */
  size_t n_wanted, n_active;        /* recipes; nodes of the layers */
  size_t n_leaves;                  /* that are wanted */
  struct eq_sharing sharing;        /* so far, but for weights */
  size_t n_done;                    /* segments that the batch completes */
  size_t threads, decoded;          /* bytes, of the level that takes most */
  struct eq_variants variants;      /* that there is room for */
  uint32_t mask;                    /* of encoders */
  size_t n_counts;                  /* of a segment's experts under a recipe: layers times experts */
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static bool compares(const struct eq_scoring *how) { return how->reference || how->kept; }

/* ---- which recipes share what ---- */

static bool same_level(void *context, size_t level, size_t a, size_t b) {
  const struct eq_scorer *s = context;
  for (int place = 0; place < EQ_PLACES; place++) {
    int first = eq_model_at(s->m, level, (enum eq_place)place);
    size_t n = first < 0 ? 0 : eq_slot_tensors(&s->m->config, s->m->weights[first].slot);
    for (size_t i = (size_t)first; n > 0; i++, n--)
      if (s->treatments[a * s->m->n_params + i] != s->treatments[b * s->m->n_params + i]) return false;
  }
  return true;
}

static uint64_t hash_level(void *context, size_t level, size_t recipe) {
  const struct eq_scorer *s = context;
  uint64_t hash = 0;
  for (int place = 0; place < EQ_PLACES; place++) {
    int first = eq_model_at(s->m, level, (enum eq_place)place);
    size_t n = first < 0 ? 0 : eq_slot_tensors(&s->m->config, s->m->weights[first].slot);
    for (size_t i = (size_t)first; n > 0; i++, n--)
      hash = (hash ^ (uintptr_t)s->treatments[recipe * s->m->n_params + i]) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
  }
  return hash;
}

/* Chains the recipes of each leaf, in order. */
static void chain_leaves(struct eq_scorer *s) {
  for (size_t n = 0; n < s->trie.n_nodes; n++) s->recipe_of_leaf[n] = s->n_recipes;
  for (size_t r = s->n_recipes; r-- > 0;) {
    size_t leaf = s->trie.leaf_of[r];
    s->next_of_leaf[r] = s->recipe_of_leaf[leaf];
    s->recipe_of_leaf[leaf] = r;
  }
}

static size_t words(const struct eq_scorer *s) { return (s->n_recipes + 63) / 64; }
static bool has(const uint64_t *set, size_t recipe) { return set[recipe / 64] >> recipe % 64 & 1; }

/* Does a node lead to a leaf that is wanted? Counts the nodes of the layers that do. */
static bool activate(struct eq_scorer *s, size_t node) {
  const struct eq_trie_node *n = &s->trie.nodes[node];
  bool active = false;
  for (size_t r = s->recipe_of_leaf[node]; r < s->n_recipes; r = s->next_of_leaf[r]) active |= has(s->wanted, r);
  for (size_t c = n->child; c; c = s->trie.nodes[c].sibling) active |= activate(s, c);
  s->n_leaves += active && node && !n->child;
  s->n_active += active && node && n->level > 0 && n->level < s->trie.n_levels - 1;
  return s->active[node] = active;
}

/* From here on these recipes are wanted; NULL: all. */
static void want(struct eq_scorer *s, const uint64_t *wanted) {
  for (size_t w = 0; w < words(s); w++) s->wanted[w] = wanted ? wanted[w] : UINT64_MAX;
  s->n_wanted = s->n_active = s->n_leaves = 0;
  for (size_t r = 0; r < s->n_recipes; r++) s->n_wanted += has(s->wanted, r);
  activate(s, 0);
}

static bool wants(const struct eq_scorer *s, const uint64_t *wanted) {
  for (size_t r = 0; r < s->n_recipes; r++)
    if (has(s->wanted, r) != (!wanted || has(wanted, r))) return false;
  return true;
}

/* Multiplications of a row, about, all recipes together. */
static double row_work(const struct eq_scorer *s) {
  const struct eq_model *m = s->m;
  double layers = 0, last = (double)m->config.dims[EQ_D_VOCAB] * (double)m->config.dims[EQ_D_EMBED];
  for (size_t i = 0; i < m->n_params; i++) layers += (double)m->weights[i].rows * (double)m->weights[i].cols;
  layers = layers > last ? layers - last : layers; /* the embeddings */
  return (double)s->trie.n_blocks * layers / (double)m->config.n_layers + (double)s->trie.nodes[0].n_leaves * last;
}

/* Rows of a batch: what memory is for and what is done within half a minute or so, for nothing comes out before a batch
 * ends; at least one window, at most ROWS_MAX. */
static size_t batch_rows(const struct eq_scorer *s, size_t context) {
  const size_t *dims = s->m->config.dims;
  size_t floats = (2 + s->trie.copies) * dims[EQ_D_WIDTH] + dims[EQ_D_QKV] + dims[EQ_D_Q];
  if (dims[EQ_D_EXPERTS]) floats += (1 + s->m->config.experts_a_token) * dims[EQ_D_WIDTH];
  size_t rows = HIDDEN_BYTES / (floats * sizeof(float));
  double quick = BATCH_WORK / row_work(s);
  rows = rows > ROWS_MAX ? ROWS_MAX : rows;
  rows = (double)rows > quick ? (size_t)quick : rows;
  rows = rows > context ? rows : context;
  return (rows + EQ_TILE - 1) / EQ_TILE * EQ_TILE;
}

/* Bytes of the files that a level reads. */
static size_t level_bytes(const struct eq_model *m, size_t level) {
  size_t sum = 0;
  for (int place = 0; place < EQ_PLACES; place++) {
    int first = eq_model_at(m, level, (enum eq_place)place);
    size_t n = first < 0 ? 0 : eq_slot_tensors(&m->config, m->weights[first].slot);
    for (size_t i = (size_t)first; n > 0; i++, n--)
      sum += eq_tensor_bytes(m->weights[i].tensor, m->weights[i].tensor->n);
  }
  return sum;
}

static size_t file_bytes(const struct eq_model *m) {
  size_t most = 0;
  if (!m->frugal) return eq_checkpoint_bytes(&m->file);
  for (size_t level = 0; level < m->n_levels; level++) {
    size_t n = level_bytes(m, level);
    most = n > most ? n : most;
  }
  return most;
}

/* Bytes of the kept predictions: rows of a batch, in the file and copied, and the file or, where it leaves memory, its
 * matrix. */
static size_t kept_bytes(const struct eq_scorer *s, size_t rows) {
  const struct eq_predictions *kept = s->scoring.kept;
  if (!kept) return 0;
  return 2 * rows * kept->width * sizeof(float) +
         (s->m->frugal ? kept->vocab * kept->width * sizeof(float) : kept->file.size);
}

/* What decoded parameters take, under the recipe that takes most. */
static size_t most_decoded(const struct eq_scorer *s) {
  const struct eq_treatment **reference = s->scoring.reference;
  size_t most = reference ? eq_forward_decoded(s->m, reference) : 0;
  for (size_t r = 0; r < s->n_recipes; r++) {
    size_t n = eq_forward_decoded(s->m, s->treatments + r * s->m->n_params);
    most = n > most ? n : most;
  }
  return most;
}

static size_t bytes_with(const struct eq_scorer *s, size_t rows, struct eq_variants variants) {
  size_t context = s->scoring.cut.context, threads = s->threads;
  size_t forward = eq_forward_bytes(s->m, threads, rows, context, compares(&s->scoring), s->decoded);
  forward += eq_forward_variants_bytes(s->m, s->k, variants);
  size_t a_row = sizeof *s->batch.sequences + sizeof *s->owner + sizeof *s->nll + WAITING_ROW;
  size_t a_recipe = s->m->n_params * sizeof *s->treatments + RECIPE_BYTES + rows / SHORT_SEGMENT * sizeof *s->nll;
  size_t a_node = sizeof *s->trie.nodes + sizeof *s->recipe_of_leaf + sizeof *s->active;
  a_row += (1 + s->trie.copies) * s->m->config.dims[EQ_D_WIDTH] * sizeof *s->x;
  forward += s->n_recipes * a_recipe + s->trie.n_nodes * a_node;
  return forward + rows * a_row + file_bytes(s->m) + kept_bytes(s, rows) + threads * THREAD_BYTES;
}

/* Rows that hold the limit; 0 and an error when one window is too much. */
static size_t limited_rows(const struct eq_scorer *s, size_t rows, struct eq_err *err) {
  size_t limit = s->scoring.memory, fewest = (s->scoring.cut.context + EQ_TILE - 1) / EQ_TILE * EQ_TILE;
  while (limit && rows > fewest && bytes_with(s, rows, s->variants) > limit) rows -= EQ_TILE;
  size_t need = bytes_with(s, rows, s->variants);
  if (!limit || need <= limit) return rows;
  eq_fail(err, EQ_DATA,
          "a run takes at least %.1f MiB, %.1f are allowed: try a smaller --ctx, fewer --threads or recipes",
          (double)need / MIB, (double)limit / MIB);
  return 0;
}

/* Different treatments of a level among the trie's nodes, counted up to a bound. */
static size_t count_variants(const struct eq_scorer *s, size_t level, size_t most) {
  size_t recipes[VARIANTS_MAX], n = 0, k;
  for (size_t i = 1; i < s->trie.n_nodes && n < most; i++) {
    const struct eq_trie_node *node = &s->trie.nodes[i];
    if (node->level != level) continue;
    for (k = 0; k < n && !same_level((void *)(uintptr_t)s, level, recipes[k], node->recipe);) k++;
    if (k == n) recipes[n++] = node->recipe;
  }
  return n;
}

/* Room for all variants that there are, or for as many as memory is for; when only one recipe runs and its weights do
 * not fit, more than the least would never be found again. */
static struct eq_variants choose_variants(const struct eq_scorer *s, size_t rows) {
  size_t last = s->m->n_levels - 1, limit = s->scoring.memory, budget = VARIANTS_BYTES;
  struct eq_variants n = s->variants,
                     all = { 0, count_variants(s, last, VARIANTS_MAX) + (s->scoring.reference != NULL) };
  if (!n.levels) return n;
  for (size_t level = 0; level <= last; level++) all.levels += count_variants(s, level, VARIANTS_MAX);
  all.panels = eq_forward_parts(s->m) * (all.panels + (s->scoring.kept != NULL));
  if (limit && limit - bytes_with(s, rows, n) < budget) budget = limit - bytes_with(s, rows, n);
  size_t a_level = eq_forward_variants_bytes(s->m, s->k, (struct eq_variants){ 1, 0 });
  size_t a_panel = eq_forward_variants_bytes(s->m, s->k, (struct eq_variants){ 0, 1 });
  if (all.panels > n.panels && all.panels * a_panel <= budget / 2) n.panels = all.panels;
  size_t fit = (budget - least(budget, n.panels * a_panel)) / a_level;
  if (fit >= all.levels || s->n_recipes > 1) n.levels = least(fit > n.levels ? fit : n.levels, all.levels);
  return n;
}

size_t eq_scorer_bytes(const struct eq_scorer *s) { return bytes_with(s, eq_forward_rows(s->forward), s->variants); }

struct eq_scorer *eq_scorer_new(const struct eq_model *m, const struct eq_kernels *k, struct eq_pool *pool,
                                const struct eq_treatment **treatments, size_t n_recipes, struct eq_scoring scoring,
                                struct eq_sink sink, struct eq_err *err) {
  struct eq_scorer *s = eq_array(1, sizeof *s);
  if (!s) return eq_fail_memory(err, sizeof *s, "the scorer"), NULL;
  s->m = m, s->k = k, s->treatments = treatments, s->n_recipes = n_recipes, s->scoring = scoring;
  s->sink = sink, s->last = &s->first;
  s->mask = (uint32_t)scoring.mask;
  s->n_counts = scoring.experts ? m->config.n_layers * m->config.dims[EQ_D_EXPERTS] : 0;
  bool ok = eq_trie_build(&s->trie, n_recipes, m->n_levels, (struct eq_trie_source){ same_level, hash_level, s }, err);
  s->threads = eq_pool_threads(pool);
  s->decoded = most_decoded(s);
  s->variants = eq_forward_least(m, k, compares(&scoring));
  size_t rows = ok ? limited_rows(s, batch_rows(s, scoring.cut.context), err) : 0;
  ok = ok && rows;
  ok = ok && (s->forward = eq_forward_new(m, k, pool, rows, scoring.cut.context, compares(&scoring), err)) != NULL;
  ok = ok && (!scoring.kept || eq_forward_use_kept(s->forward, scoring.kept, err));
  if (ok) s->variants = choose_variants(s, rows);
  ok = ok && (!s->variants.levels || eq_forward_keep_variants(s->forward, s->variants, err));
  if (ok) {
    s->batch.sequences = eq_array(rows, sizeof *s->batch.sequences);
    s->owner = eq_array(rows, sizeof *s->owner);
    s->x = eq_array((1 + s->trie.copies) * rows, m->config.dims[EQ_D_WIDTH] * sizeof *s->x);
    s->nll = eq_array(rows, sizeof *s->nll);
    s->divergence = eq_array(compares(&scoring) ? rows : 0, sizeof *s->divergence);
    s->next_of_leaf = eq_array(n_recipes, sizeof *s->next_of_leaf);
    s->recipe_of_leaf = eq_array(s->trie.n_nodes, sizeof *s->recipe_of_leaf);
    s->wanted = eq_array(words(s), sizeof *s->wanted);
    s->active = eq_array(s->trie.n_nodes, sizeof *s->active);
    ok = s->batch.sequences && s->owner && s->x && s->nll && s->divergence && s->next_of_leaf && s->recipe_of_leaf &&
         s->wanted && s->active;
    if (!ok) eq_fail_memory(err, rows * m->config.dims[EQ_D_WIDTH] * sizeof *s->x, "a batch");
  }
  if (ok) {
    chain_leaves(s);
    want(s, NULL);
    return s;
  }
  eq_scorer_free(s);
  return NULL;
}

static void segment_free(struct segment *g) {
  if (!g) return;
  free(g->nll), free(g->nlls), free(g->filled);
  free(g->kl), free(g->same_top), free(g->experts), free(g->wanted);
  free(g);
}

void eq_scorer_free(struct eq_scorer *s) {
  if (!s) return;
  for (struct segment *g = s->first, *next; g; g = next) {
    next = g->next;
    s->sink.drop(g->tag);
    segment_free(g);
  }
  eq_forward_free(s->forward);
  eq_trie_free(&s->trie);
  free(s->batch.sequences), free(s->owner), free(s->x), free(s->nll), free(s->divergence), free(s->next_of_leaf),
      free(s->recipe_of_leaf), free(s->wanted), free(s->active);
  free(s);
}

struct eq_sharing eq_scorer_batch(const struct eq_scorer *s) {
  return (struct eq_sharing){ .blocks = s->trie.n_blocks,
                              .blocks_asked = s->n_recipes * s->m->config.n_layers,
                              .heads = s->trie.nodes[0].n_leaves,
                              .heads_asked = s->n_recipes };
}

struct eq_sharing eq_scorer_sharing(const struct eq_scorer *s) {
  struct eq_sharing so_far = s->sharing;
  eq_forward_hits(s->forward, &so_far.weights_found, &so_far.weights_asked);
  return so_far;
}

struct eq_variants eq_scorer_variants(const struct eq_scorer *s) {
  return s->variants;
}

/* ---- a batch ---- */

/* Adds a leaf's scores to its recipes' segments, token by token in order, so that sums do not depend on the batch. */
static void collect(struct eq_scorer *s, size_t leaf) {
  for (size_t r = s->recipe_of_leaf[leaf]; r < s->n_recipes; r = s->next_of_leaf[r]) {
    if (s->sink.step && has(s->wanted, r)) s->sink.step(s->sink.context, s->n_done);
    for (size_t q = 0; q < s->batch.n; q++) {
      const struct eq_sequence *seq = &s->batch.sequences[q];
      struct segment *g = s->owner[q];
      for (size_t i = 0; i < seq->score_to - seq->score_from; i++) {
        double nll = s->nll[seq->scored_row + i];
        g->nll[r] += nll;
        if (g->kl) g->kl[r] += s->divergence[seq->scored_row + i].kl;
        if (g->kl) g->same_top[r] += s->divergence[seq->scored_row + i].same_top;
        if (g->nlls) g->nlls[r * g->n_rows + g->filled[r]++] = (float)nll;
      }
    }
  }
}

/* Adds what a layer's router chose to the counts of the recipes that share its node. */
static void count_experts(struct eq_scorer *s, size_t node, size_t layer) {
  size_t n = s->m->config.dims[EQ_D_EXPERTS];
  for (size_t r = s->recipe_of_leaf[node]; r < s->n_recipes; r = s->next_of_leaf[r])
    for (size_t q = 0; q < s->batch.n; q++)
      eq_forward_count_experts(s->forward, &s->batch.sequences[q], s->owner[q]->experts + r * s->n_counts + layer * n);
  for (size_t c = s->trie.nodes[node].child; c; c = s->trie.nodes[c].sibling) count_experts(s, c, layer);
}

/* Keeps what the only recipe predicts; sequences stand in the order of their segments. */
static void keep(struct eq_scorer *s) {
  const float *rows = eq_forward_head_rows(s->forward);
  for (size_t q = 0; q < s->batch.n; q++) {
    const struct eq_sequence *seq = &s->batch.sequences[q];
    eq_predictions_add_rows(s->scoring.keep, rows + seq->scored_row * s->m->config.dims[EQ_D_EMBED],
                            seq->score_to - seq->score_from);
  }
}

/* Walks the trie below a node whose hidden states are x. The copy that a branch works on lies behind x; the last
 * branch works on x itself. */
static void walk(struct eq_scorer *s, size_t node, float *x) {
  size_t width = s->m->config.dims[EQ_D_WIDTH], used = (s->batch.rows + EQ_TILE - 1) / EQ_TILE * EQ_TILE * width;
  for (size_t c = s->trie.nodes[node].child; c; c = s->trie.nodes[c].sibling) {
    const struct eq_trie_node *n = &s->trie.nodes[c];
    const struct eq_treatment **treatments = s->treatments + n->recipe * s->m->n_params;
    if (!s->active[c]) continue;
    if (n->level == s->trie.n_levels - 1) {
      if (compares(&s->scoring))
        eq_forward_compare(s->forward, &s->batch, treatments, x, s->nll, s->divergence);
      else
        eq_forward_head(s->forward, &s->batch, treatments, x, s->nll);
      if (s->scoring.keep) keep(s);
      collect(s, c);
      continue;
    }
    float *mine = eq_trie_copies(&s->trie, c) ? x + eq_forward_rows(s->forward) * width : x;
    if (n->level == 0)
      eq_forward_embed(s->forward, &s->batch, treatments, mine);
    else {
      if (mine != x) memcpy(mine, x, used * sizeof *x);
      eq_forward_block(s->forward, &s->batch, n->level - 1, treatments, mine);
      if (s->scoring.experts && s->m->config.layers[n->level - 1].sparse) count_experts(s, c, n->level - 1);
    }
    walk(s, c, mine);
  }
}

static void deliver_done(struct eq_scorer *s) {
  while (s->first && s->first->windows_left == 0) {
    struct segment *g = s->first;
    struct eq_scored done = {
      g->tag, g->wanted, g->n_tokens, g->n_rows, g->nll, g->nlls, g->kl, g->same_top, g->experts
    };
    s->sink.deliver(s->sink.context, &done);
    s->first = g->next;
    s->waiting_bytes -= g->bytes;
    if (!s->first) s->last = &s->first;
    segment_free(g);
  }
}

/* What the reference predicts of a batch; its layers are run once more, apart from the trie, whose order the copies of
 * hidden states depend on. */
static void run_reference(struct eq_scorer *s) {
  const struct eq_treatment **treatments = s->scoring.reference;
  eq_forward_embed(s->forward, &s->batch, treatments, s->x);
  for (size_t l = 0; l < s->m->config.n_layers; l++) eq_forward_block(s->forward, &s->batch, l, treatments, s->x);
  eq_forward_keep_reference(s->forward, &s->batch, treatments, s->x);
}

/* How many segments have no windows left behind this batch. A segment's sequences stand together. */
static void count_done(struct eq_scorer *s) {
  s->n_done = 0;
  for (size_t q = 0; q < s->batch.n; q++) s->n_done += --s->owner[q]->windows_left == 0;
}

static void run(struct eq_scorer *s) {
  if (s->batch.n) {
    if (s->scoring.reference) run_reference(s);
    if (s->scoring.kept) eq_forward_take_kept(s->forward, &s->batch);
    if (s->scoring.kept && s->m->frugal) eq_file_release(&s->scoring.kept->file);
    count_done(s);
    walk(s, 0, s->x);
    s->sharing.blocks += s->n_active;
    s->sharing.blocks_asked += s->n_wanted * s->m->config.n_layers;
    s->sharing.heads += s->n_leaves;
    s->sharing.heads_asked += s->n_wanted;
    s->batch.n = s->batch.rows = s->batch.scored = 0;
  }
  deliver_done(s);
}

static bool is_encoder(const struct eq_scorer *s) { return s->m->config.arch->encoder; }

/* Rows of a masked sequence of n tokens. */
static size_t masked_rows(const struct eq_scorer *s, size_t n) {
  return n < s->scoring.cut.context ? n : s->scoring.cut.context;
}

static bool allocate_scores(const struct eq_scorer *s, struct segment *g, const uint64_t *wanted) {
  g->nll = eq_array(s->n_recipes, sizeof *g->nll);
  if (wanted && !(g->wanted = eq_array(words(s), sizeof *wanted))) return false;
  if (wanted) memcpy(g->wanted, wanted, words(s) * sizeof *wanted);
  if (s->scoring.per_token) {
    g->nlls = eq_array(s->n_recipes, g->n_rows * sizeof *g->nlls);
    g->filled = eq_array(s->n_recipes, sizeof *g->filled);
  }
  if (compares(&s->scoring)) {
    g->kl = eq_array(s->n_recipes, sizeof *g->kl);
    g->same_top = eq_array(s->n_recipes, sizeof *g->same_top);
    if (!g->kl || !g->same_top) return false;
  }
  if (s->scoring.experts && !(g->experts = eq_array(s->n_recipes, s->n_counts * sizeof *g->experts))) return false;
  return g->nll && (!s->scoring.per_token || (g->nlls && g->filled));
}

/* n_rows: how many tokens are scored. */
static struct segment *segment_new(struct eq_scorer *s, const uint32_t *ids, size_t n, size_t n_rows,
                                   const uint64_t *wanted, void *tag, struct eq_err *err) {
  bool prefix = !is_encoder(s) && s->scoring.prefix >= 0;
  size_t n_ids = n + prefix;
  struct segment *g = calloc(1, sizeof *g + n_ids * sizeof *g->ids);
  if (g) {
    g->tag = tag, g->n_tokens = n, g->n_rows = n_rows;
    g->windows_left = is_encoder(s) ? n_rows : eq_windows_count(n_ids ? n_ids - 1 : 0, &s->scoring.cut);
    if (prefix) g->ids[0] = (uint32_t)s->scoring.prefix;
    if (n) memcpy(g->ids + prefix, ids, n * sizeof *ids);
    if (allocate_scores(s, g, wanted)) return g;
    segment_free(g);
  }
  eq_fail_memory(err, n_ids * sizeof *ids, "a segment");
  return NULL;
}

/* What a segment holds until it is delivered. */
static size_t bytes_of(const struct eq_scorer *s, const struct segment *g, size_t tag_bytes) {
  size_t a_row = sizeof *g->ids + (g->nlls ? s->n_recipes * sizeof *g->nlls : 0);
  size_t a_recipe = 3 * sizeof *g->nll + s->n_counts * sizeof *g->experts;
  return sizeof *g + tag_bytes + s->n_recipes * a_recipe + g->n_rows * a_row;
}

static void add_sequence(struct eq_scorer *s, struct segment *g, struct eq_sequence q) {
  if (!eq_batch_add(s->forward, &s->batch, q)) {
    run(s);
    eq_batch_add(s->forward, &s->batch, q); /* a batch has room for a window */
  }
  s->owner[s->batch.n - 1] = g;
}

static void add_windows(struct eq_scorer *s, struct segment *g) {
  size_t n_windows = g->windows_left, n_rows = g->n_tokens + (s->scoring.prefix >= 0) - 1;
  size_t kept_row = g->kept_row;
  for (size_t w = 0; w < n_windows; w++) {
    struct eq_window at = eq_window_at(n_rows, &s->scoring.cut, w);
    const uint32_t *ids = g->ids + at.first;
    add_sequence(s, g,
                 (struct eq_sequence){ .ids = ids,
                                       .targets = ids + 1,
                                       .n = at.n,
                                       .score_from = at.score_from,
                                       .score_to = at.n,
                                       .kept_row = kept_row });
    kept_row += at.n - at.score_from;
  }
}

/* A sequence for each token that is scored: as much as the context holds of the segment, the token in its middle where
 * the segment goes on at both sides, and masked. */
static void add_masked(struct eq_scorer *s, struct segment *g, const bool *scored) {
  size_t n = g->n_tokens, rows = masked_rows(s, n), k = 0;
  for (size_t i = 0; i < n; i++) {
    if (scored && !scored[i]) continue;
    size_t first = i < rows / 2 ? 0 : i - rows / 2;
    if (first > n - rows) first = n - rows;
    add_sequence(s, g,
                 (struct eq_sequence){ .ids = g->ids + first,
                                       .targets = g->ids + first,
                                       .mask = &s->mask,
                                       .n = rows,
                                       .score_from = i - first,
                                       .score_to = i - first + 1,
                                       .kept_row = g->kept_row + k++ });
  }
}

/* How many tokens of a segment are scored. */
static size_t count_scored(const struct eq_scorer *s, const bool *scored, size_t n) {
  size_t n_rows = 0, n_ids = n + (s->scoring.prefix >= 0);
  if (!is_encoder(s)) return n_ids ? eq_windows_scored(n_ids - 1, &s->scoring.cut) : 0;
  for (size_t i = 0; i < n; i++) n_rows += !scored || scored[i];
  return n_rows;
}

/* Finds what was kept of a segment, or says that it is to be kept. */
static bool find_kept(struct eq_scorer *s, struct segment *g, const bool *scored, struct eq_err *err) {
  const struct eq_predictions *kept = s->scoring.kept;
  size_t n_ids = g->n_tokens + (!is_encoder(s) && s->scoring.prefix >= 0);
  if (!g->n_rows || (!kept && !s->scoring.keep)) return true;
  struct eq_kept_key key = eq_kept_key(g->ids, is_encoder(s) ? scored : NULL, n_ids);
  if (s->scoring.keep && !eq_predictions_add_segment(s->scoring.keep, key, g->n_rows, err)) return false;
  const struct eq_kept_segment *found = kept ? eq_predictions_find(kept, key) : NULL;
  if (kept && (!found || found->n != g->n_rows))
    return eq_fail(err, EQ_BAD, "%s: nothing was kept of these %zu tokens: was it made of another text or tokenizer?",
                   kept->file.path, g->n_tokens);
  if (found) g->kept_row = found->first;
  return true;
}

bool eq_scorer_add(struct eq_scorer *s, const uint32_t *ids, const bool *scored, size_t n, const uint64_t *wanted,
                   void *tag, size_t tag_bytes, struct eq_err *err) {
  struct segment *g = segment_new(s, ids, n, count_scored(s, scored, n), wanted, tag, err);
  if (!g) return false;
  if (!find_kept(s, g, scored, err)) {
    segment_free(g);
    return false;
  }
  if (g->windows_left && !wants(s, wanted)) {
    g->held = !is_encoder(s) && s->batch.n > 0;
    if (!g->held) run(s);
    if (!g->held) want(s, wanted);
  }
  *s->last = g;
  s->last = &g->next;
  s->waiting_bytes += g->bytes = bytes_of(s, g, tag_bytes);
  if (g->held)
    s->n_held++, s->held_rows += n;
  else if (is_encoder(s))
    add_masked(s, g, scored);
  else
    add_windows(s, g);
  if (s->batch.n == 0 || s->waiting_bytes > WAITING_BYTES || s->held_rows > ROWS_MAX) eq_scorer_flush(s);
  return true;
}

/* Those that are held come into batches of their own, all together of which the same are wanted. */
void eq_scorer_flush(struct eq_scorer *s) {
  run(s);
  while (s->n_held) {
    struct segment *g = s->first;
    while (!g->held) g = g->next;
    want(s, g->wanted);
    for (; g; g = g->next) { /* a run within delivers nothing from here on: g itself is not done */
      if (!g->held || !wants(s, g->wanted)) continue;
      g->held = false;
      s->n_held--;
      add_windows(s, g);
    }
    s->held_rows = 0;
    run(s);
  }
}
