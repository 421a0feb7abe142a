/* eq-stats: what the weights of a model are like, and what enters them in each language. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/measure/activations.h"
#include "lib/measure/names.h"
#include "lib/measure/weight_stats.h"
#include "lib/tool/tool.h"

struct args {
  const char *model, *languages, *kernels;
  uint64_t context, threads;
};

static const struct eq_option options[] = {
  { 'm', "model", EQ_TEXT, offsetof(struct args, model), "PATH", "the model: its folder, or a GGUF file", false },
  { 'l', "languages", EQ_TEXT, offsetof(struct args, languages), "LIST",
    "read tokens and add what enters the weights in these, or in all", false },
  { 0, "ctx", EQ_UINT, offsetof(struct args, context), "N", "tokens of context [the model's, at most 2048]", false },
  { 0, "kernels", EQ_TEXT, offsetof(struct args, kernels), "NAME", "auto, blas or ref [auto]", false },
  { 't', "threads", EQ_UINT, offsetof(struct args, threads), "N", "threads [all processors]; results do not change",
    true },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-stats",
  .summary = "what the weights of a model are like, and what enters them in each language",
  .usage = "-m PATH > stats\n"
           "-m PATH -l LIST < tokens > stats",
  .options = options,
  .examples = "eq-stats -m corpora/mini | eq-show -c tensor,n,kurtosis,outliers -s -kurtosis | head\n"
              "eq-text -c corpora/udhr -l en,he --limit 9 | eq-token -m corpora/mini |\n"
              "  eq-stats -m corpora/mini -l all | eq-show -c lang,tensor,tokens,mean_square,kurtosis | tail -n 4",
  .see_also = "eq-token(1), eq-quant(1), eq-ppl(1), eq-show(1)",
  .streams = EQ_READS | EQ_WRITES | EQ_LATER,
};

struct stats {
  struct eq_tool tool;
  struct args args;
  struct eq_pool *pool;
  struct eq_model model;
  struct eq_progress progress;
  struct eq_weight_stats *layers; /* [n_layers]: of their linear tensors together */
  const struct eq_kernels *kernels;
  struct eq_activations *activations;
  uint32_t *ids; /* of the segment at hand */
  size_t ids_capacity;
  uint64_t n_segments;
  struct eq_names seen; /* languages that tokens came in */
};

/* CONTEXT: of models that promise more, unless asked for. */
enum { CONTEXT = 2048 };

static uint64_t layer_of(const struct eq_parameter *p) { return p->layer < 0 ? EQ_ABSENT : (uint64_t)p->layer; }

/* What is the same of weights and of inputs. */
static struct eq_layer record_of(const struct stats *s, const char *of, const struct eq_moments *m) {
  double n = (double)m->n, variance = eq_moments_variance(m);
  struct eq_layer out = { .model = eq_str(s->model.name),
                          .of = eq_str(of),
                          .n = m->n,
                          .tokens = EQ_ABSENT,
                          .mean = m->mean,
                          .mean_abs = m->sum_abs / n,
                          .mean_square = variance + m->mean * m->mean,
                          .variance = variance,
                          .skew = eq_moments_skew(m),
                          .kurtosis = eq_moments_kurtosis(m),
                          .kurtosis_error = eq_moments_kurtosis_error(m->n),
                          .max = m->max_abs,
                          .outliers = eq_absent_f64(),
                          .sparsity = (double)m->n_zero / n };
  if (!(variance > 0))
    out.undefined = eq_str("all numbers are the same");
  else if (m->n < 4)
    out.undefined = eq_str("fewer than 4 numbers");
  return out;
}

/* ---- weights ---- */

static void write_weights(struct stats *s, const struct eq_weight_stats *w, struct eq_str tensor, uint64_t layer) {
  struct eq_layer out = record_of(s, "weights", &w->moments);
  out.tensor = tensor, out.layer = layer;
  out.outliers = (double)w->n_outliers / (double)w->moments.n;
  if (w->n_channels) {
    out.channel_squares = eq_f64s(w->squares, w->n_channels);
    out.channel_fourths = eq_f64s(w->fourths, w->n_channels);
  }
  eq_write_kind(s->tool.out, &eq_kind_layer, &out, NULL);
}

static bool weigh(struct stats *s, size_t i) {
  const struct eq_parameter *p = &s->model.params[i];
  struct eq_weight_stats w;
  if (!eq_weight_stats_of(&s->model, s->pool, i, &w, &s->tool.err)) return false;
  write_weights(s, &w, eq_str(p->name), layer_of(p));
  if (p->layer >= 0 && p->roles & EQ_LINEAR) {
    eq_moments_merge(&s->layers[p->layer].moments, &w.moments);
    s->layers[p->layer].n_outliers += w.n_outliers;
  }
  eq_progress_add(&s->progress, w.moments.n);
  eq_weight_stats_free(&w);
  return !eq_writer_failed(s->tool.out);
}

static void weigh_all(struct stats *s) {
  const struct eq_model *m = &s->model;
  s->layers = eq_array(m->config.n_layers, sizeof *s->layers);
  if (!s->layers) {
    eq_fail_memory(&s->tool.err, m->config.n_layers * sizeof *s->layers, "layers");
    return;
  }
  eq_progress_begin(&s->progress, "weighing", "weights", eq_model_bytes(m) / sizeof(float), s->tool.draw);
  for (size_t i = 0; i < m->n_params && weigh(s, i);) i++;
  eq_progress_end(&s->progress);
  for (size_t l = 0; l < m->config.n_layers; l++)
    if (s->layers[l].moments.n) write_weights(s, &s->layers[l], (struct eq_str){ NULL, 0 }, l);
}

/* ---- activations ---- */

static bool is_asked_for(const struct stats *s, struct eq_str lang) {
  const char *list = s->args.languages;
  return strcmp(list, "all") == 0 || eq_str_listed(lang, eq_str(list));
}

static bool read_ids(struct stats *s, const struct eq_record *r, const struct eq_tokens *t) {
  size_t n = t->ids.n, vocab = s->model.config.dims[EQ_D_VOCAB];
  if (n > s->ids_capacity) {
    free(s->ids);
    s->ids = eq_array(n, sizeof *s->ids);
    s->ids_capacity = s->ids ? n : 0;
    if (!s->ids) return eq_fail_memory(&s->tool.err, n * sizeof *s->ids, "a segment");
  }
  for (size_t i = 0; i < n; i++) {
    s->ids[i] = eq_u32_at(t->ids, i);
    if (s->ids[i] >= vocab)
      return eq_fail(&s->tool.err, EQ_BAD, "%s: record %llu (%.*s %.*s): token id %u, but %s has %zu embeddings",
                     r->where, (unsigned long long)r->number, EQ_STR(t->lang), EQ_STR(t->id), s->ids[i], s->model.name,
                     vocab);
  }
  return true;
}

static bool read_record(struct stats *s, const struct eq_record *r) {
  struct eq_tokens t;
  uint32_t number;
  if (!eq_record_is(r, &eq_kind_tokens)) {
    eq_write(s->tool.out, r);
    return true;
  }
  if (!eq_record_get(r, &eq_kind_tokens, &t, &s->tool.err)) return false;
  if (!is_asked_for(s, t.lang)) return true;
  if (t.ids.n && !eq_names_add(&s->seen, t.lang, &number)) return eq_fail_memory(&s->tool.err, t.lang.n, "a language");
  s->n_segments++;
  return read_ids(s, r, &t) && eq_activations_add(s->activations, t.lang, t.id, s->ids, t.ids.n, &s->tool.err);
}

static bool write_inputs(void *context, struct eq_str lang, size_t param, const struct eq_input_stats *i) {
  struct stats *s = context;
  const struct eq_parameter *p = &s->model.params[param];
  struct eq_layer out = record_of(s, "inputs", &i->moments);
  out.lang = lang, out.tensor = eq_str(p->name), out.layer = layer_of(p), out.tokens = i->tokens;
  out.channel_means = eq_f32s(i->means, i->n_channels);
  out.channel_powers = eq_f32s(i->powers, i->n_channels);
  eq_write_kind(s->tool.out, &eq_kind_layer, &out, NULL);
  if (i->moments.n_nan)
    return eq_fail(&s->tool.err, EQ_DATA, "%s: %llu activations that enter '%s' in %.*s are NaN", s->model.name,
                   (unsigned long long)i->moments.n_nan, p->name, EQ_STR(lang));
  return !eq_writer_failed(s->tool.out);
}

/* What is made of these, such as a limit for the worst language, would be silent on one that did not come. */
static bool all_came(struct stats *s) {
  struct eq_str rest = eq_str(s->args.languages);
  bool any = strcmp(s->args.languages, "all") == 0;
  while (!any && rest.n) {
    struct eq_str lang = eq_str_cut(&rest, ',');
    bool came = !lang.n;
    for (size_t i = 0; !came && i < s->seen.n; i++) came = eq_str_equal(lang, s->seen.items[i]);
    if (!came) return eq_fail(&s->tool.err, EQ_DATA, "-l: no token of %.*s came in", EQ_STR(lang));
  }
  return s->seen.n || eq_fail(&s->tool.err, EQ_DATA, "-l %s: no token came in (%llu segments)", s->args.languages,
                              (unsigned long long)s->n_segments);
}

static void watch(struct stats *s) {
  const struct eq_config *c = &s->model.config;
  if (s->tool.err.code || !all_came(s)) return;
  eq_progress_begin(&s->progress, "watching", "segments", s->n_segments, s->tool.draw);
  eq_activations_run(s->activations, &s->progress, write_inputs, s);
  eq_progress_end(&s->progress);
  if (c->dims[EQ_D_EXPERTS]) eq_tool_say(&s->tool, "what enters the experts of %s is not among these", s->model.name);
}

/* ---- all of it ---- */

static bool choose_context(struct stats *s) {
  size_t most = s->model.config.max_positions, least = 2;
  uint64_t *n = &s->args.context;
  if (*n == EQ_ABSENT) *n = most < CONTEXT ? most : CONTEXT;
  return (*n >= least && *n <= most) || eq_fail(&s->tool.err, EQ_BAD, "--ctx: %llu, expected %zu to %zu positions",
                                                (unsigned long long)*n, least, most);
}

static bool set_up(struct stats *s) {
  const struct args *a = &s->args;
  struct eq_err *err = &s->tool.err;
  if (!a->model) return eq_fail(err, EQ_BAD, "-m PATH is missing: the model");
  if (!(s->pool = eq_pool_new(a->threads, err)) || !(s->kernels = eq_kernels_find(a->kernels, err))) return false;
  if (!eq_model_open(&s->model, a->model, s->pool, err) || !choose_context(s)) return false;
  if (a->languages && !(s->activations = eq_activations_new(&s->model, s->kernels, s->pool, a->context, err)))
    return false;
  return eq_tool_open(&s->tool, EQ_WRITES | (a->languages ? EQ_READS : 0u));
}

int main(int argc, char **argv) {
  struct stats s = { .args = { .kernels = "auto", .context = EQ_ABSENT } };
  struct eq_record r;
  if (eq_tool_begin(&s.tool, &command, argc, argv, &s.args) && set_up(&s)) {
    while (s.activations && eq_tool_read(&s.tool, &r) && read_record(&s, &r)) continue;
    if (!s.activations) eq_tool_header(&s.tool);
    if (!s.tool.err.code) weigh_all(&s);
    if (s.activations) watch(&s);
  }
  eq_activations_free(s.activations);
  eq_names_free(&s.seen);
  free(s.ids);
  free(s.layers);
  eq_model_close(&s.model);
  eq_pool_free(s.pool);
  return eq_tool_end(&s.tool);
}
