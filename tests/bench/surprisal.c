/* Speed and memory of surprisal against the machine's own matrix product, and what sharing prefixes saves.
 *
 * Prints ratios with the bound that they must keep:
 *   rate     2 operations a multiplied weight and token of a GPT-2-124M-shaped random model in float32, 512-token
 *            segments, over the sgemm rate that this program measures with as many threads
 *   memory   peak resident memory, over 1.5 times the model's float32 size plus 200 MB
 *   sweep    time of a single-layer sweep of corpora/mini (int4 but one layer, 12 recipes) in one run, over that of 12
 *   subsets  time of all 4096 subsets of its layers in one run, over that of 4096 runs; of these 64 are run, on eight
 *            times the text, so that what a run does once counts less
 * The first is the best of alternating measurements, and the last two count CPU time, for the machine may be shared.
 * Exit status 1 when a bound is broken.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/progress.h"
#include "lib/base/random.h"
#include "lib/model/score.h"
#include "lib/recipe/list.h"

enum { LAYERS = 12, WIDTH = 768, HEADS = 12, VOCAB = 50257, POSITIONS = 1024, SEGMENT = 512, SEGMENTS = 6, ROUNDS = 5 };

static void check(bool ok, const struct eq_err *err) {
  if (ok) return;
  fprintf(stderr, "bench: %s\n", err->text);
  exit(2);
}

/* ---- a random model on disk ---- */

static const struct {
  const char *name;
  size_t dims[2];
} layer_tensors[] = {
  { "ln_1.weight", { WIDTH } },
  { "ln_1.bias", { WIDTH } },
  { "attn.c_attn.weight", { WIDTH, 3 * WIDTH } },
  { "attn.c_attn.bias", { 3 * WIDTH } },
  { "attn.c_proj.weight", { WIDTH, WIDTH } },
  { "attn.c_proj.bias", { WIDTH } },
  { "ln_2.weight", { WIDTH } },
  { "ln_2.bias", { WIDTH } },
  { "mlp.c_fc.weight", { WIDTH, 4 * WIDTH } },
  { "mlp.c_fc.bias", { 4 * WIDTH } },
  { "mlp.c_proj.weight", { 4 * WIDTH, WIDTH } },
  { "mlp.c_proj.bias", { WIDTH } },
};

/* Appends a tensor's entry to the header; returns where the next one's data begin. */
static size_t add_entry(struct eq_buffer *header, const char *name, size_t rows, size_t cols, size_t at) {
  size_t n = rows * (cols ? cols : 1) * 4;
  eq_buffer_format(header, "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu", header->size ? ',' : '{', name, rows);
  if (cols) eq_buffer_format(header, ",%zu", cols);
  eq_buffer_format(header, "],\"data_offsets\":[%zu,%zu]}", at, at + n);
  return at + n;
}

static void write_model(const char *folder) {
  struct eq_buffer header = { 0 };
  char path[512], name[64];
  size_t at = add_entry(&header, "wte.weight", VOCAB, WIDTH, 0);
  at = add_entry(&header, "wpe.weight", POSITIONS, WIDTH, at);
  for (int l = 0; l < LAYERS; l++)
    for (size_t i = 0; i < sizeof layer_tensors / sizeof *layer_tensors; i++) {
      snprintf(name, sizeof name, "h.%d.%s", l, layer_tensors[i].name);
      at = add_entry(&header, name, layer_tensors[i].dims[0], layer_tensors[i].dims[1], at);
    }
  at = add_entry(&header, "ln_f.weight", WIDTH, 0, at);
  at = add_entry(&header, "ln_f.bias", WIDTH, 0, at);
  eq_buffer_string(&header, "}");
  while (header.size % 8) eq_buffer_string(&header, " ");
  snprintf(path, sizeof path, "%s/model.safetensors", folder);
  FILE *f = fopen(path, "wb");
  uint64_t n_header = header.size;
  float block[1024];
  bool ok = f && fwrite(&n_header, 8, 1, f) == 1 && fwrite(header.data, 1, header.size, f) == header.size;
  for (size_t i = 0; i < 1024; i++) block[i] = (float)(0.06 * (eq_random_f64(1, 1, i) - 0.5));
  for (size_t i = 0; ok && i < at / 4; i += 1024) { /* rotated, so that rows differ */
    size_t turn = i / 1024 * 37 % 1024, n = at / 4 - i < 1024 ? at / 4 - i : 1024;
    float turned[1024];
    for (size_t k = 0; k < 1024; k++) turned[k] = block[(k + turn) % 1024];
    ok = fwrite(turned, 4, n, f) == n;
  }
  ok = f && fclose(f) == 0 && ok;
  snprintf(path, sizeof path, "%s/config.json", folder);
  f = fopen(path, "w");
  ok = f && ok &&
       fprintf(
           f,
           "{\"model_type\":\"gpt2\",\"n_layer\":%d,\"n_embd\":%d,\"n_head\":%d,\"n_positions\":%d,\"vocab_size\":%d}",
           LAYERS, WIDTH, HEADS, POSITIONS, VOCAB) > 0;
  ok = f && fclose(f) == 0 && ok;
  eq_buffer_free(&header);
  if (!ok) fprintf(stderr, "bench: cannot write %s\n", path), exit(2);
}

/* ---- measuring ---- */

static void ignore(void *context, const struct eq_scored *s) { (void)context, (void)s; }
static void drop(void *tag) { (void)tag; }

/* Of all threads. */
static double cpu_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds_by(double (*clock)(void), const struct eq_model *m, struct eq_pool *pool,
                         const char *const *recipes, size_t n_recipes, size_t n_segments, size_t n_tokens) {
  struct eq_err err = { 0 };
  struct eq_recipe_list list = { 0 };
  for (size_t i = 0; i < n_recipes; i++) check(eq_recipes_add(&list, recipes[i], &err), &err);
  check(eq_recipes_resolve(&list, m->params, m->n_params, m->config.n_layers, &err), &err);
  check(eq_model_prepare(m, &list.all, pool, NULL, &err), &err);
  struct eq_scoring how = { .cut = { .context = n_tokens, .stride = n_tokens }, .prefix = 0, .mask = -1 };
  uint32_t *ids = malloc(n_tokens * sizeof *ids);
  double began = clock();
  struct eq_scorer *s = eq_scorer_new(m, &eq_kernels_blas, pool, list.treatments, list.n, how,
                                      (struct eq_sink){ ignore, drop, NULL, NULL }, &err);
  check(s != NULL, &err);
  for (size_t i = 0; i < n_segments; i++) {
    for (size_t k = 0; k < n_tokens; k++) ids[k] = (uint32_t)eq_random_below(2, i, k, m->config.dims[EQ_D_VOCAB]);
    check(eq_scorer_add(s, ids, NULL, n_tokens, NULL, NULL, 0, &err), &err);
  }
  eq_scorer_flush(s);
  double seconds = clock() - began;
  eq_scorer_free(s);
  eq_recipes_free(&list);
  free(ids);
  return seconds;
}

enum { SIDE = 1024, PRODUCTS = 12 };

static void multiply(void *context, size_t item, size_t thread) {
  float *const *m = context;
  (void)item;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1, m[3 * thread], SIDE, m[3 * thread + 1],
              SIDE, 0, m[3 * thread + 2], SIDE);
}

/* Operations a second of square products, one on each thread at a time. */
static double sgemm_rate(struct eq_pool *pool, float **matrices) {
  double began = eq_clock();
  eq_pool_run(pool, PRODUCTS, multiply, matrices);
  return PRODUCTS * 2.0 * SIDE * SIDE * SIDE / (eq_clock() - began);
}

static double larger(double a, double b) { return a > b ? a : b; }
static double smaller(double a, double b) { return a < b ? a : b; }

static bool bench_rate(const char *folder, struct eq_pool *pool) {
  struct eq_err err = { 0 };
  struct eq_model m;
  double rate = 0, sgemm = 0;
  const char *none = "none";
  size_t threads = eq_pool_threads(pool), weights = LAYERS * 12ul * WIDTH * WIDTH + (size_t)VOCAB * WIDTH;
  float **matrices = malloc(3 * threads * sizeof *matrices);
  for (size_t i = 0; i < 3 * threads; i++) {
    matrices[i] = malloc((size_t)SIDE * SIDE * sizeof **matrices);
    for (size_t k = 0; k < (size_t)SIDE * SIDE; k++) matrices[i][k] = (float)(k % 7);
  }
  check(eq_model_open(&m, folder, pool, &err), &err);
  seconds_by(eq_clock, &m, pool, &none, 1, 2, SEGMENT);
  for (int i = 0; i < ROUNDS; i++) {
    double seconds = seconds_by(eq_clock, &m, pool, &none, 1, SEGMENTS, SEGMENT);
    rate = larger(rate, 2.0 * (double)weights * SEGMENTS * SEGMENT / seconds);
    for (int k = 0; k < 5; k++) sgemm = larger(sgemm, sgemm_rate(pool, matrices));
  }
  for (size_t i = 0; i < 3 * threads; i++) free(matrices[i]);
  free(matrices);
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  double peak = (double)use.ru_maxrss * 1024, bound = 1.5 * (double)eq_model_bytes(&m) + 200e6;
  printf("rate    %5.2f of sgemm (at least 0.70): %.0f GFLOP/s, %zu threads, GPT-2-124M shape\n", rate / sgemm,
         rate * 1e-9, threads);
  printf("memory  %5.2f of the bound (at most 1): peak %.0f MB, the model is %.0f MB\n", peak / bound, peak * 1e-6,
         (double)eq_model_bytes(&m) * 1e-6);
  eq_model_close(&m);
  return rate >= 0.70 * sgemm && peak <= bound;
}

/* int4 but the layers of a set. */
static void protect(unsigned set, char text[64]) {
  int n = snprintf(text, 64, "int4");
  for (unsigned l = 0; l < LAYERS; l++)
    if (set >> l & 1) n += snprintf(text + n, 64 - (size_t)n, "%sL%u", n == 4 ? ";" : ",", l);
  if (set) snprintf(text + n, 64 - (size_t)n, "=keep");
}

/* A whole run: opens the model too. */
static double run_seconds(struct eq_pool *pool, const char *const *recipes, size_t n_recipes) {
  struct eq_err err = { 0 };
  struct eq_model m;
  double began = cpu_clock();
  check(eq_model_open(&m, "corpora/mini", pool, &err), &err);
  seconds_by(cpu_clock, &m, pool, recipes, n_recipes, 60, 100);
  eq_model_close(&m);
  return cpu_clock() - began;
}

static bool bench_sweep(struct eq_pool *pool) {
  char text[LAYERS][64];
  const char *recipes[LAYERS];
  double together = 1e9, apart[LAYERS], sum = 0;
  for (unsigned i = 0; i < LAYERS; i++) {
    protect(1u << i, text[i]);
    recipes[i] = text[i];
    apart[i] = 1e9;
  }
  for (int k = 0; k < 3; k++) {
    together = smaller(together, run_seconds(pool, recipes, LAYERS));
    for (int i = 0; i < LAYERS; i++) apart[i] = smaller(apart[i], run_seconds(pool, recipes + i, 1));
  }
  for (int i = 0; i < LAYERS; i++) sum += apart[i];
  printf("sweep   %5.2f of separate runs (at most 0.70): int4 but one layer of corpora/mini, %d recipes\n",
         together / sum, LAYERS);
  return together <= 0.70 * sum;
}

static bool bench_subsets(const struct eq_model *m, struct eq_pool *pool) {
  enum { ALL = 1 << LAYERS, SAMPLES = 64, TEXTS = 2, TOKENS = 96, MORE = 8 };
  char(*text)[64] = malloc(ALL * sizeof *text);
  const char **recipes = malloc(ALL * sizeof *recipes);
  double apart = 0;
  for (unsigned i = 0; i < ALL; i++) {
    protect(i, text[i]);
    recipes[i] = text[i];
  }
  double together = seconds_by(cpu_clock, m, pool, recipes, ALL, TEXTS, TOKENS);
  for (unsigned i = 0; i < SAMPLES; i++) /* before and after the rest, the machine being shared: twice, the better */
    apart += smaller(seconds_by(cpu_clock, m, pool, recipes + (i * 2731u + 13) % ALL, 1, MORE * TEXTS, TOKENS),
                     seconds_by(cpu_clock, m, pool, recipes + (i * 2731u + 13) % ALL, 1, MORE * TEXTS, TOKENS));
  apart *= (double)ALL / SAMPLES / MORE;
  printf("subsets %5.2f of separate runs (at most 0.45): %d recipes of corpora/mini on %d tokens in %.0f s of CPU\n",
         together / apart, ALL, TEXTS * TOKENS, together);
  free(text), free(recipes);
  return together <= 0.45 * apart;
}

static bool bench_sharing(struct eq_pool *pool) {
  struct eq_err err = { 0 };
  struct eq_model m;
  check(eq_model_open(&m, "corpora/mini", pool, &err), &err);
  bool ok = bench_sweep(pool);
  ok = bench_subsets(&m, pool) && ok;
  eq_model_close(&m);
  return ok;
}

int main(void) {
  struct eq_err err = { 0 };
  char folder[] = "/tmp/equant-bench-XXXXXX", path[64];
  if (!mkdtemp(folder)) return 2;
  pid_t child = fork(); /* what writing takes is not part of the peak */
  if (child == 0) write_model(folder), _exit(0);
  int status = 0;
  waitpid(child, &status, 0);
  struct eq_pool *pool = eq_pool_new(0, &err);
  bool ok = status == 0 && pool && bench_rate(folder, pool);
  ok = bench_sharing(pool) && ok;
  eq_pool_free(pool);
  snprintf(path, sizeof path, "%s/model.safetensors", folder);
  unlink(path);
  snprintf(path, sizeof path, "%s/config.json", folder);
  unlink(path);
  rmdir(folder);
  return ok ? 0 : 1;
}
