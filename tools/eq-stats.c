/* eq-stats: what the weights of a model are like, and what enters them in each language. */
#include <math.h>
#include <stdlib.h>

#include "lib/measure/weight_stats.h"
#include "lib/tool/tool.h"

struct args {
  const char *model;
  uint64_t threads;
};

static const struct eq_option options[] = {
  { 'm', "model", EQ_TEXT, offsetof(struct args, model), "PATH", "the model: its folder, or a GGUF file", false },
  { 't', "threads", EQ_UINT, offsetof(struct args, threads), "N", "threads [all processors]; results do not change",
    true },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-stats",
  .summary = "what the weights of a model are like, tensor by tensor and layer by layer",
  .usage = "-m PATH > stats",
  .options = options,
  .examples = "eq-stats -m corpora/mini | eq-show -c tensor,n,kurtosis,outliers -s -kurtosis | head",
  .see_also = "eq-quant(1), eq-ppl(1), eq-show(1)",
  .streams = EQ_WRITES,
};

struct stats {
  struct eq_tool tool;
  struct args args;
  struct eq_pool *pool;
  struct eq_model model;
  struct eq_progress progress;
  struct eq_weight_stats *layers; /* [n_layers]: of their linear tensors together */
};

/* ---- weights ---- */

static void write_weights(struct stats *s, const struct eq_weight_stats *w, struct eq_str tensor, uint64_t layer) {
  const struct eq_moments *m = &w->moments;
  double n = (double)m->n, variance = eq_moments_variance(m);
  struct eq_layer out = {
    .model = eq_str(s->model.name),
    .of = eq_str("weights"),
    .tensor = tensor,
    .layer = layer,
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
    .outliers = (double)w->n_outliers / n,
    .sparsity = (double)m->n_zero / n,
  };
  if (!(variance > 0))
    out.undefined = eq_str("all numbers are the same");
  else if (m->n < 4)
    out.undefined = eq_str("fewer than 4 numbers");
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
  write_weights(s, &w, eq_str(p->name), p->layer < 0 ? EQ_ABSENT : (uint64_t)p->layer);
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

/* ---- all of it ---- */

static bool set_up(struct stats *s) {
  struct eq_err *err = &s->tool.err;
  if (!s->args.model) return eq_fail(err, EQ_BAD, "-m PATH is missing: the model");
  return (s->pool = eq_pool_new(s->args.threads, err)) && eq_model_open(&s->model, s->args.model, s->pool, err);
}

int main(int argc, char **argv) {
  struct stats s = { .args = { NULL, 0 } };
  if (eq_tool_begin(&s.tool, &command, argc, argv, &s.args) && set_up(&s)) {
    eq_tool_header(&s.tool);
    weigh_all(&s);
  }
  free(s.layers);
  eq_model_close(&s.model);
  eq_pool_free(s.pool);
  return eq_tool_end(&s.tool);
}
