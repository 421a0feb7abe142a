/* Models and the forward pass against Hugging Face transformers' float64 logits, every implementation of the kernels.
 * tests/golden/hf_logits.py made the golden folders; more come from shared data, when it is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/model/score.h"

static struct eq_pool *pool;

/* A temporary model folder. */
struct folder {
  char path[64];
};

static void write_file(const char *folder, const char *name, const void *bytes, size_t n) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  fclose(f);
}

static struct folder make_folder(const char *config, const char *weights) {
  struct folder f = { "/tmp/equant-model-XXXXXX" };
  char link[128], *real = realpath(weights, NULL);
  assert_non_null(mkdtemp(f.path));
  assert_non_null(real);
  write_file(f.path, "config.json", config, strlen(config));
  snprintf(link, sizeof link, "%s/model.safetensors", f.path);
  assert_int_equal(symlink(real, link), 0);
  free(real);
  return f;
}

static void remove_folder(struct folder f) {
  char path[128];
  const char *const names[] = { "config.json", "model.safetensors" };
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", f.path, names[i]);
    unlink(path);
  }
  rmdir(f.path);
}

/* Every sequence's logits within `tolerance` of the golden ones, [seq][pos][vocab] in JSON, of its first `last` tokens.
 */
static void check_logits_until(const char *folder, json_t *sequences, json_t *logits, double tolerance, size_t last) {
  static const char *const kernels[] = { "ref", "blas" };
  struct eq_model m;
  struct eq_err err = { 0 };
  if (!eq_model_open(&m, folder, pool, &err)) fail_msg("%s", err.text);
  size_t context = m.config.max_positions, vocab = m.config.dims[EQ_D_VOCAB];
  for (size_t k = 0; k < 2; k++) {
    struct eq_forward *f = eq_forward_new(&m, eq_kernels_find(kernels[k], &err), pool, context, context, false, &err);
    for (size_t s = 0; s < json_array_size(sequences); s++) {
      json_t *ids = json_array_get(sequences, s), *rows = json_array_get(logits, s);
      size_t n = json_array_size(ids), skipped = n - json_array_size(rows); /* of long ones the last are golden */
      assert_true(json_array_size(rows) >= 1 && json_array_size(rows) <= n);
      uint32_t *id = malloc(n * sizeof *id);
      float *out = malloc(n * vocab * sizeof *out);
      for (size_t i = 0; i < n; i++) id[i] = (uint32_t)json_integer_value(json_array_get(ids, i));
      if (!eq_forward_logits(f, id, n, out, &err)) fail_msg("%s", err.text);
      for (size_t i = skipped; i < n && i < last; i++)
        for (size_t v = 0; v < vocab; v++) {
          double want = json_number_value(json_array_get(json_array_get(rows, i - skipped), v));
          double off = fabs((double)out[i * vocab + v] - want);
          if (!(off <= tolerance))
            fail_msg("%s, %s kernels: sequence %zu, token %zu, logit %zu is %.8g, expected %.8g", folder, kernels[k], s,
                     i, v, (double)out[i * vocab + v], want);
        }
      free(id), free(out);
    }
    eq_forward_free(f);
  }
  eq_model_close(&m);
}

struct sums {
  double nll[8];
  size_t n;
  const struct eq_config *config;
  json_t *experts; /* what the counts must be, [sequence][layer][expert] */
};

static void take_sum(void *context, const struct eq_scored *s) {
  struct sums *sums = context;
  sums->nll[sums->n++] = s->nll[0];
}

static void check_counts(void *context, const struct eq_scored *s) {
  struct sums *sums = context;
  json_t *layers = json_array_get(sums->experts, sums->n++);
  size_t experts = sums->config->dims[EQ_D_EXPERTS];
  assert_int_equal(json_array_size(layers), sums->config->n_layers);
  for (size_t i = 0; i < sums->config->n_layers * experts; i++) {
    json_t *want = json_array_get(json_array_get(layers, i / experts), i % experts);
    assert_true(json_is_integer(want));
    assert_int_equal(s->experts[i], json_integer_value(want));
  }
}

static void drop(void *tag) { (void)tag; }

/* Scores a golden model's sequences as they are; `take` sees each. */
static void score_sequences(const char *folder, json_t *sequences, int64_t mask, size_t context, struct sums *sums,
                            void (*take)(void *, const struct eq_scored *)) {
  struct eq_model m;
  struct eq_err err = { 0 };
  if (!eq_model_open(&m, folder, pool, &err)) fail_msg("%s", err.text);
  sums->config = &m.config;
  const struct eq_treatment **treatments = calloc(m.n_params, sizeof *treatments);
  struct eq_scoring how = {
    .cut = { .context = context, .stride = context / 2 }, .prefix = -1, .mask = mask, .experts = take == check_counts
  };
  struct eq_scorer *s = eq_scorer_new(&m, eq_kernels_find("auto", &err), pool, treatments, 1, how,
                                      (struct eq_sink){ take, drop, sums, NULL }, &err);
  for (size_t i = 0; i < json_array_size(sequences); i++) {
    json_t *ids = json_array_get(sequences, i);
    uint32_t id[64];
    for (size_t k = 0; k < json_array_size(ids); k++) id[k] = (uint32_t)json_integer_value(json_array_get(ids, k));
    assert_true(eq_scorer_add(s, id, NULL, json_array_size(ids), NULL, NULL, 0, &err));
  }
  eq_scorer_flush(s);
  assert_int_equal(sums->n, json_array_size(sequences));
  eq_scorer_free(s);
  free(treatments);
  eq_model_close(&m);
}

/* Of an encoder: each token scored with the mask in its place, seeing so many around it, within 1e-5 nats a token. */
static void check_pseudo_nll(const char *folder, json_t *golden, const char *key, size_t context) {
  struct sums sums = { .n = 0 };
  json_t *sequences = json_object_get(golden, "sequences"), *want = json_object_get(golden, key);
  if (!json_object_get(golden, "mask")) return;
  score_sequences(folder, sequences, json_integer_value(json_object_get(golden, "mask")), context, &sums, take_sum);
  assert_int_equal(sums.n, json_array_size(want));
  for (size_t i = 0; i < sums.n; i++) {
    double expected = json_number_value(json_array_get(want, i)),
           n = (double)json_array_size(json_array_get(sequences, i));
    if (!(fabs(sums.nll[i] - expected) <= 1e-5 * n))
      fail_msg("%s: sequence %zu is %.8g nats, expected %.8g", folder, i, sums.nll[i], expected);
  }
}

/* Of a mixture of experts: how many rows each router gave each expert. */
static size_t check_experts(const char *folder, json_t *golden) {
  struct sums sums = { .experts = json_object_get(golden, "experts") };
  if (sums.experts) score_sequences(folder, json_object_get(golden, "sequences"), -1, 32, &sums, check_counts);
  return sums.n;
}

static void check_logits(const char *folder, json_t *sequences, json_t *logits, double tolerance) {
  check_logits_until(folder, sequences, logits, tolerance, SIZE_MAX);
}

static void logits_equal_transformers_on_every_golden_model(void **state) {
  (void)state;
  DIR *d = opendir("tests/golden/models");
  size_t n = 0, counted = 0;
  assert_non_null(d);
  for (struct dirent *e; (e = readdir(d));) {
    char folder[512], file[600];
    if (e->d_name[0] == '.') continue;
    snprintf(folder, sizeof folder, "tests/golden/models/%s", e->d_name);
    snprintf(file, sizeof file, "%s/logits.json", folder);
    json_t *golden = json_load_file(file, 0, NULL);
    assert_non_null(golden);
    check_logits(folder, json_object_get(golden, "sequences"), json_object_get(golden, "logits"), 1e-5);
    check_pseudo_nll(folder, golden, "pseudo_nll", 32);
    check_pseudo_nll(folder, golden, "window_nll", 8);
    counted += check_experts(folder, golden);
    json_decref(golden);
    n++;
  }
  closedir(d);
  assert_true(n >= 52);
  assert_int_equal(counted, 5 * 3); /* five mixtures, three sequences */
}

/* Of golden models as llama.cpp's converter writes them (tests/golden/gguf_models.py). */
static void logits_of_converted_models_are_the_same(void **state) {
  (void)state;
  DIR *d = opendir("tests/golden/gguf");
  size_t n = 0;
  assert_non_null(d);
  for (struct dirent *e; (e = readdir(d)); n++) {
    char gguf[512], file[600];
    if (e->d_name[0] == '.') continue;
    snprintf(gguf, sizeof gguf, "tests/golden/gguf/%s", e->d_name);
    snprintf(file, sizeof file, "tests/golden/models/%.*s/logits.json", (int)(strlen(e->d_name) - 5), e->d_name);
    json_t *golden = json_load_file(file, 0, NULL);
    assert_non_null(golden);
    size_t last = strcmp(e->d_name, "mixtral.gguf") == 0 ? 5 : SIZE_MAX; /* a GGUF has no window of Mixtral's */
    check_logits_until(gguf, json_object_get(golden, "sequences"), json_object_get(golden, "logits"), 1e-5, last);
    json_decref(golden);
  }
  closedir(d);
  assert_true(n >= 10); /* with . and .. */
}

/* What the shared data has of a family: weights, config and logits; each but the last may be another's. */
static const struct shared {
  const char *weights, *link, *config, *logits;
  double tolerance;
} shared_models[] = {
  { "tiny_gpt2.safetensors", "model.safetensors", NULL, "tiny_gpt2", 1e-5 },
  { "tiny_llama.safetensors", "model.safetensors", "tiny_llama", "tiny_llama", 1e-5 },
  { "tiny_bloom.safetensors", "model.safetensors", "tiny_bloom", "tiny_bloom", 1e-5 },
  { "tiny_gemma3.safetensors", "model.safetensors", "tiny_gemma3", "tiny_gemma3", 1e-5 },
  { "tiny_gptneox.safetensors", "model.safetensors", "tiny_gptneox", "tiny_gptneox", 1e-5 },
  { "tiny_opt.safetensors", "model.safetensors", "tiny_opt", "tiny_opt", 1e-5 },
  { "tiny_qwen2.safetensors", "model.safetensors", "tiny_qwen2", "tiny_qwen2", 1e-5 },
  { "tiny_smollm2.safetensors", "model.safetensors", "tiny_smollm2", "tiny_smollm2", 1e-5 },
  { "tiny_llama_f32.gguf", "model.gguf", NULL, "tiny_llama", 1e-5 },
  { "tiny_llama_f16.gguf", "model.gguf", NULL, "tiny_llama", 1e-2 }, /* the rounding of the weights */
};

static char *path_of(const char *format, const char *name) {
  const char *shared = getenv("EQ_SHARED") ? getenv("EQ_SHARED") : "../shared/data";
  char *path = malloc(1024), tail[256];
  snprintf(tail, sizeof tail, format, name);
  snprintf(path, 1024, "%s/tiny_models/%s", shared, tail);
  return path;
}

static void link_to(const char *folder, const char *name, const char *target) {
  char path[256], *real = realpath(target, NULL);
  assert_non_null(real);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_int_equal(symlink(real, path), 0);
  free(real);
}

static void remove_all(const char *folder) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  assert_int_equal(system(command), 0);
}

/* tiny_gpt2 has its config among its logits, under names of its own. */
static const char *const gpt2_config =
    "{\"model_type\":\"gpt2\",\"n_layer\":2,\"n_head\":2,\"n_embd\":8,\"n_positions\":16,\"vocab_size\":11}";

static void logits_equal_the_shared_golden_files(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof shared_models / sizeof *shared_models; i++) {
    const struct shared *m = &shared_models[i];
    char folder[] = "/tmp/equant-model-XXXXXX", *weights = path_of("%s", m->weights);
    char *logits = path_of("%s_logits.json", m->logits),
         *config = path_of("%s_config.json", m->config ? m->config : "");
    json_t *golden = json_load_file(logits, 0, NULL);
    if (!golden) skip();
    assert_non_null(mkdtemp(folder));
    link_to(folder, m->link, weights);
    if (m->config)
      link_to(folder, "config.json", config);
    else
      write_file(folder, "config.json", gpt2_config, strlen(gpt2_config));
    print_message("# %s\n", m->weights);
    check_logits(folder, json_object_get(golden, "sequences"), json_object_get(golden, "logits"), m->tolerance);
    remove_all(folder);
    json_decref(golden);
    free(weights), free(logits), free(config);
  }
}

/* Two shards and their index, a folder with the same in one file. */
static void shards_are_one_model(void **state) {
  (void)state;
  char folder[] = "/tmp/equant-model-XXXXXX", *logits = path_of("%s", "tiny_llama_logits.json");
  static const char *const files[][2] = {
    { "tiny_llama-00001-of-00002.safetensors", "tiny_llama-00001-of-00002.safetensors" },
    { "tiny_llama-00002-of-00002.safetensors", "tiny_llama-00002-of-00002.safetensors" },
    { "tiny_llama.safetensors.index.json", "model.safetensors.index.json" },
    { "tiny_llama_config.json", "config.json" },
  };
  json_t *golden = json_load_file(logits, 0, NULL);
  if (!golden) skip();
  assert_non_null(mkdtemp(folder));
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char *path = path_of("%s", files[i][0]);
    link_to(folder, files[i][1], path);
    free(path);
  }
  check_logits(folder, json_object_get(golden, "sequences"), json_object_get(golden, "logits"), 1e-5);
  remove_all(folder);
  json_decref(golden);
  free(logits);
}

/* Writes a copy of a safetensors file whose names begin with `to` in place of "model.". */
static void rename_tensors(const char *from, const char *folder, const char *to) {
  struct eq_file f;
  struct eq_err err = { 0 };
  uint64_t size;
  const char *key;
  json_t *value, *renamed = json_object();
  struct eq_buffer out = { 0 };
  assert_true(eq_file_map(&f, from, &err));
  memcpy(&size, f.data, sizeof size);
  json_t *header = json_loadb(f.data + sizeof size, size, 0, NULL);
  json_object_foreach(header, key, value) {
    char name[128];
    bool prefixed = strncmp(key, "model.", 6) == 0;
    snprintf(name, sizeof name, "%s%s", prefixed ? to : "", prefixed ? key + 6 : key);
    json_object_set(renamed, name, value);
  }
  char *text = json_dumps(renamed, JSON_COMPACT);
  uint64_t n = strlen(text);
  eq_buffer_add(&out, &n, sizeof n);
  eq_buffer_add(&out, text, n);
  eq_buffer_add(&out, f.data + sizeof size + size, f.size - sizeof size - size);
  write_file(folder, "model.safetensors", out.data, out.size);
  json_decref(header), json_decref(renamed);
  eq_file_unmap(&f);
  eq_buffer_free(&out);
  free(text);
}

/* The golden Gemma 3 as the language model of one that sees images, as transformers 4 and 5 name its tensors, and as
 * nobody does. */
static void the_language_model_of_a_multimodal_one_is_taken(void **state) {
  (void)state;
  static const char *const prefixes[] = { "language_model.model.", "model.language_model.", "vision_model." };
  json_t *golden = json_load_file("tests/golden/models/gemma3/logits.json", 0, NULL);
  json_t *text_config = json_load_file("tests/golden/models/gemma3/config.json", 0, NULL);
  json_t *config = json_pack("{s:s, s:O}", "model_type", "gemma3", "text_config", text_config);
  char *text = json_dumps(config, 0);
  for (size_t i = 0; i < 3; i++) {
    char folder[] = "/tmp/equant-model-XXXXXX";
    struct eq_model m;
    struct eq_err err = { 0 };
    assert_non_null(mkdtemp(folder));
    write_file(folder, "config.json", text, strlen(text));
    rename_tensors("tests/golden/models/gemma3/model.safetensors", folder, prefixes[i]);
    if (i < 2)
      check_logits(folder, json_object_get(golden, "sequences"), json_object_get(golden, "logits"), 1e-5);
    else
      assert_false(eq_model_open(&m, folder, pool, &err));
    if (i == 2 && !strstr(err.text, "'language_model.model.embed_tokens.weight' is missing")) fail_msg("%s", err.text);
    remove_all(folder);
  }
  json_decref(golden), json_decref(config), json_decref(text_config);
  free(text);
}

/* Gains so large that the router's logits are infinite or NaN; as many rows as the forward pass has room for. What
 * comes out is NaN, and nothing is written where it should not be (make SAN=1). */
static void a_mixture_whose_numbers_overflow_gives_nan(void **state) {
  (void)state;
  enum { ROWS = EQ_TILE, VOCAB = 17, WIDTH = 16 };
  static float gains[WIDTH], logits[ROWS * VOCAB];
  struct eq_model m;
  struct eq_err err = { 0 };
  uint32_t ids[ROWS];
  if (!eq_model_open(&m, "tests/golden/models/mixtral", pool, &err)) fail_msg("%s", err.text);
  struct eq_placed_tensor *w = &m.weights[eq_model_at(&m, 1, EQ_W_MLP_GAIN)];
  struct eq_tensor large = *w->tensor;
  assert_true(large.dtype == EQ_F32 && large.n == WIDTH && m.config.dims[EQ_D_VOCAB] == VOCAB);
  for (size_t i = 0; i < WIDTH; i++) gains[i] = 3e38f;
  for (size_t i = 0; i < ROWS; i++) ids[i] = (uint32_t)(i * i % VOCAB);
  large.data = (const void *)gains;
  w->tensor = &large;
  struct eq_forward *f = eq_forward_new(&m, &eq_kernels_ref, pool, ROWS, ROWS, false, &err);
  if (!eq_forward_logits(f, ids, ROWS, logits, &err)) fail_msg("%s", err.text);
  for (size_t i = 0; i < ROWS * VOCAB; i++) assert_true(isnan(logits[i]));
  eq_forward_free(f);
  eq_model_close(&m);
}

/* ---- what bad models get ---- */

static const char *const mini = "corpora/mini/model.safetensors";

/* Opening corpora/mini's weights with this config must fail with a message that holds `expected`. */
static void refused(const char *config, const char *expected) {
  struct folder f = make_folder(config, mini);
  struct eq_model m;
  struct eq_err err = { 0 };
  assert_false(eq_model_open(&m, f.path, pool, &err));
  remove_folder(f);
  assert_int_equal(err.code, EQ_BAD);
  if (!strstr(err.text, expected)) fail_msg("'%s' is not in: %s", expected, err.text);
}

#define CONFIG(LAYERS, WIDTH, HEADS, VOCAB)                                                \
  "{\"model_type\":\"gpt2\",\"n_layer\":" LAYERS ",\"n_embd\":" WIDTH ",\"n_head\":" HEADS \
  ",\"n_positions\":256,\"vocab_size\":" VOCAB "}"

static void a_config_that_does_not_fit_is_refused(void **state) {
  (void)state;
  refused(CONFIG("1000000000", "128", "4", "8192"), "n_layer' is 1000000000, expected 1 to");
  refused(CONFIG("100000000", "128", "4", "8192"), "expected at most 4096");
  refused(CONFIG("13", "128", "4", "8192"), "tensor 'h.12.ln_1.weight' is missing");
  refused(CONFIG("12", "256", "4", "8192"), "tensor 'wte.weight' has shape [8192,128], expected [8192,256]");
  refused(CONFIG("12", "128", "4", "8193"), "expected [8193,128]");
  refused(CONFIG("12", "128", "0", "8192"), "'n_head' is 0, expected 1 to");
  refused(CONFIG("12", "128", "3", "8192"), "not a multiple of 'n_head' 3");
  refused(CONFIG("-1", "128", "4", "8192"), "'n_layer' is -1");
  refused(CONFIG("\"12\"", "128", "4", "8192"), "'n_layer' is a string, expected a whole number");
  refused("{\"model_type\":\"abacus\",\"text_config\":{\"model_type\":\"sextant\"}}", "'sextant' is not known");
  refused("{\"model_type\":\"abacus\",\"text_config\":1}", "'text_config' is a whole number, expected an object");
  refused("{\"model_type\":\"abacus\"}", "'abacus' is not known: known are gpt2");
  refused("{}", "'model_type' is missing");
  refused("[]", "is not an object");
  refused("{\"model_type\":", "config.json:1:");
  refused("{\"a\":1,\"a\":2}", "duplicate");
}

/* A folder with corpora/mini's config, and its weights with two 16-bit ones replaced. */
static struct folder patched_mini(const char *first, const char *second) {
  struct folder f = { "/tmp/equant-model-XXXXXX" };
  struct eq_safetensors s;
  struct eq_file config;
  struct eq_err err = { 0 };
  assert_true(eq_safetensors_open(&s, mini, &err) && eq_file_map(&config, "corpora/mini/config.json", &err));
  const struct eq_tensor *t = eq_safetensors_find(&s, "h.3.mlp.c_fc.weight");
  char *copy = malloc(s.file.size);
  memcpy(copy, s.file.data, s.file.size);
  char *weight = copy + ((const char *)t->data - s.file.data);
  memcpy(weight + 2, first, 2);
  memcpy(weight + 8, second, 2);
  assert_non_null(mkdtemp(f.path));
  write_file(f.path, "config.json", config.data, config.size);
  write_file(f.path, "model.safetensors", copy, s.file.size);
  eq_file_unmap(&config);
  eq_safetensors_close(&s);
  free(copy);
  return f;
}

static void weights_that_are_not_numbers_are_counted_and_named(void **state) {
  (void)state;
  struct folder f = patched_mini("\x00\x7e", "\x00\x7c"); /* NaN, infinity */
  struct eq_model m;
  struct eq_err err = { 0 };
  assert_false(eq_model_open(&m, f.path, pool, &err));
  remove_folder(f);
  if (!strstr(err.text, "tensor 'h.3.mlp.c_fc.weight' has 2 of 65536 weights that are NaN or infinite"))
    fail_msg("%s", err.text);
}

static void a_model_is_named_after_its_folder(void **state) {
  (void)state;
  struct eq_model m;
  struct eq_err err = { 0 };
  assert_true(eq_model_open(&m, "corpora/mini", pool, &err));
  assert_int_equal(strncmp(m.name, "mini@", 5), 0);
  assert_int_equal(strlen(m.name), 13);
  assert_int_equal(m.n_unused, 0);
  assert_int_equal(eq_model_bytes(&m), 4 * (8192 * 128 + 256 * 128 + 12 * (12 * 128 * 128 + 13 * 128) + 2 * 128));
  eq_model_close(&m);
}

/* The digest at the end of a model's name. */
static void digest_of(struct folder f, char digest[9]) {
  struct eq_model m;
  struct eq_err err = { 0 };
  if (!eq_model_open(&m, f.path, pool, &err)) fail_msg("%s", err.text);
  strcpy(digest, strrchr(m.name, '@') + 1);
  eq_model_close(&m);
}

static void a_models_digest_tells_any_change_of_a_weight_or_of_the_config(void **state) {
  (void)state;
  char same[9], again[9], weight[9], config[9];
  struct folder f = patched_mini("\x01\x20", "\x01\x20"), g = patched_mini("\x01\x20", "\x02\x20");
  digest_of(f, same);
  digest_of(g, weight);
  remove_folder(g);
  g = patched_mini("\x01\x20", "\x01\x20");
  digest_of(g, again);
  static const char other[] = "{\"model_type\":\"gpt2\",\"n_layer\":12,\"n_embd\":128,\"n_head\":2,"
                              "\"n_positions\":256,\"vocab_size\":8192}";
  write_file(g.path, "config.json", other, strlen(other));
  digest_of(g, config);
  remove_folder(f);
  remove_folder(g);
  assert_string_equal(same, again); /* wherever the folder is */
  assert_string_not_equal(same, weight);
  assert_string_not_equal(same, config);
}

static int set_up(void **state) {
  struct eq_err err = { 0 };
  (void)state;
  return (pool = eq_pool_new(2, &err)) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  eq_pool_free(pool);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(logits_equal_transformers_on_every_golden_model),
    cmocka_unit_test(logits_of_converted_models_are_the_same),
    cmocka_unit_test(logits_equal_the_shared_golden_files),
    cmocka_unit_test(shards_are_one_model),
    cmocka_unit_test(the_language_model_of_a_multimodal_one_is_taken),
    cmocka_unit_test(a_mixture_whose_numbers_overflow_gives_nan),
    cmocka_unit_test(a_config_that_does_not_fit_is_refused),
    cmocka_unit_test(weights_that_are_not_numbers_are_counted_and_named),
    cmocka_unit_test(a_model_is_named_after_its_folder),
    cmocka_unit_test(a_models_digest_tells_any_change_of_a_weight_or_of_the_config),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
