/* eq-quant: what a recipe does to each tensor of a model, and the model under it as a file. */
#include <stdlib.h>
#include <string.h>

#include "lib/export/check.h"
#include "lib/export/provenance.h"
#include "lib/recipe/statistics.h"
#include "lib/tool/results.h"

struct args {
  const char *model, *recipe, *out, *format, *dtype, *check, *patch, *types, *stats;
  bool dry_run;
  uint64_t threads;
};

static const struct eq_option options[] = {
  { .type = EQ_HEADING, .help = "What is done" },
  { 'm', "model", EQ_TEXT, offsetof(struct args, model), "PATH", "the model: its folder, or a GGUF file", false },
  { 'r', "recipe", EQ_TEXT, offsetof(struct args, recipe), "RECIPE", "what is done to its weights", false },
  { 0, "stats", EQ_TEXT, offsetof(struct args, stats), "FILE", "what eq-stats -l found of the model, for clip=laciq",
    false },
  { 0, "dry-run", EQ_FLAG, offsetof(struct args, dry_run), NULL, "print what is touched, in bytes; write nothing",
    false },
  { 0, "check", EQ_TEXT, offsetof(struct args, check), "FILE",
    "does this file, or patch, hold what its recipe makes of the model?", false },
  { .type = EQ_HEADING, .help = "What is written" },
  { 'o', "output", EQ_TEXT, offsetof(struct args, out), "OUT",
    "the model under the recipe; without it, only its errors", true },
  { 0, "format", EQ_TEXT, offsetof(struct args, format), "F", "hf, gguf, compressed-tensors, gptq or patch [hf]",
    false },
  { 0, "dtype", EQ_TEXT, offsetof(struct args, dtype), "T", "f32, f16 or bf16: of rounded weights, in hf [f32]",
    false },
  { 0, "tensor-type-file", EQ_TEXT, offsetof(struct args, types), "FILE",
    "write what llama-quantize needs to make the same GGUF", true },
  { 0, "apply-patch", EQ_TEXT, offsetof(struct args, patch), "FILE",
    "the base -m with a patch's tensors in their places, as hf", false },
  { 't', "threads", EQ_UINT, offsetof(struct args, threads), "N", "threads [all processors]; results do not change",
    true },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-quant",
  .summary = "what a recipe does to each tensor, and the model under it as others run it",
  .usage = "-m PATH -r RECIPE > quant\n"
           "-m PATH -r RECIPE -o OUT [--format F] > quant\n"
           "-m PATH -r RECIPE --dry-run\n"
           "-m PATH --check FILE\n"
           "-m BASE --apply-patch FILE -o OUT",
  .options = options,
  .examples = "eq-quant -m corpora/mini -r 'int4;L0=keep' --dry-run | tail -n 3\n"
              "eq-quant -m corpora/mini -r int4/tensor | eq-show -c tensor,bits,sqnr -s sqnr | head\n"
              "eq-quant -m corpora/mini -r int4 -o mini-int4 --dtype f16 | eq-show | tail -n 3",
  .see_also = "eq-ppl(1), eq-show(1)",
  .streams = EQ_LATER,
};

struct quant {
  struct eq_tool tool;
  struct args args;
  struct eq_pool *pool;
  struct eq_model model, checked;
  struct eq_recipe *recipe;
  struct eq_treatments made;
  struct eq_statistics statistics;
  const struct eq_treatment **treatments;
  char *own_recipe; /* of a file that is checked */
  struct eq_recipe *base_recipe;
  const struct eq_treatment **base;
  struct eq_safetensors patch;
  char *patch_recipe, *patch_model;
  struct eq_buffer programs;
  struct eq_export export;
  const struct eq_format *table; /* of a dry run */
  struct eq_rows rows;
  struct eq_quant touched, all; /* sums */
};

static bool choose_dtype(struct quant *q) {
  static const struct {
    const char *name;
    enum eq_dtype dtype;
  } dtypes[] = { { "f32", EQ_F32 }, { "f16", EQ_F16 }, { "bf16", EQ_BF16 } };
  q->export.values = q->args.dtype;
  q->export.dtype = EQ_F32;
  if (!q->args.dtype) return true;
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
    if (strcmp(q->args.dtype, dtypes[i].name) == 0) return q->export.dtype = dtypes[i].dtype, true;
  return eq_fail(&q->tool.err, EQ_BAD, "--dtype: '%s': expected f32, f16 or bf16", q->args.dtype);
}

/* A single file of tensors is a patch's: models that are one are GGUFs. */
static bool is_patch(const char *path) {
  static const char end[] = ".safetensors";
  size_t n = path ? strlen(path) : 0, tail = sizeof end - 1;
  return n > tail && strcmp(path + n - tail, end) == 0;
}

/* A recipe on the model. */
static bool resolve(struct quant *q, const char *text, struct eq_recipe **recipe,
                    const struct eq_treatment ***treatments) {
  const struct eq_model *m = &q->model;
  struct eq_err *err = &q->tool.err;
  if (!(*recipe = eq_recipe_parse(text, err))) return false;
  if (!(*treatments = eq_array(m->n_params, sizeof **treatments)))
    return eq_fail_memory(err, m->n_params * sizeof **treatments, "treatments");
  return eq_recipe_resolve(*recipe, m->params, m->n_params, m->config.n_layers, &q->made, *treatments, err);
}

static bool choose_base(struct quant *q) {
  char *text = eq_recipe_base(eq_recipe_canonical(q->recipe));
  bool ok = text ? resolve(q, text, &q->base_recipe, &q->base) : eq_fail_memory(&q->tool.err, 64, "a recipe");
  free(text);
  if (!ok) return false;
  q->export.base = q->base, q->export.base_recipe = eq_recipe_canonical(q->base_recipe);
  return true;
}

static bool choose_recipe(struct quant *q) {
  const struct eq_model *m = &q->model;
  if (!resolve(q, q->args.recipe, &q->recipe, &q->treatments)) return false;
  for (size_t i = 0; i < m->n_params; i++)
    if (eq_treatment_has(q->treatments[i], EQ_MEAN))
      return eq_fail(&q->tool.err, EQ_BAD,
                     "mean is done to activations, and no file of weights says so: eq-ppl measures it");
  bool has_base = q->export.format == &eq_export_patch || is_patch(q->args.check);
  if (has_base && !choose_base(q)) return false;
  size_t n_short = eq_model_short_groups(m, q->treatments), embed = (size_t)eq_model_at(m, 0, EQ_W_EMBED);
  if (n_short) eq_tool_say(&q->tool, "the last group of %zu rows is shorter than the rest", n_short);
  if (m->config.tied && q->treatments[embed])
    eq_tool_say(&q->tool, "embedding and head are one tensor, %s: what a recipe does to it shows in both",
                m->params[embed].name);
  return true;
}

/* ---- what comes out ---- */

static bool write_record(void *context, const struct eq_quant *record) {
  struct quant *q = context;
  eq_write_kind(q->tool.out, &eq_kind_quant, record, NULL);
  return !eq_writer_failed(q->tool.out);
}

static void add(struct eq_quant *sum, const struct eq_quant *record) {
  sum->weights += record->weights;
  sum->bytes += record->bytes;
  sum->source_bytes += record->source_bytes;
  sum->bits = sum->weights ? 8 * (double)sum->bytes / (double)sum->weights : 0;
}

/* Of a dry run: the tensors that are touched. */
static bool add_row(void *context, const struct eq_quant *record) {
  struct quant *q = context;
  add(&q->all, record);
  if (eq_str_is(record->scheme, "keep")) return true;
  add(&q->touched, record);
  return eq_rows_add_kind(&q->rows, &eq_kind_quant, record, &q->tool.err);
}

static bool add_sum(struct quant *q, struct eq_quant sum, const char *what) {
  double none = eq_absent_f64();
  sum.model = eq_str(q->model.name), sum.recipe = eq_str(q->export.recipe);
  sum.tensor = eq_str(what), sum.scheme = eq_str("");
  sum.layer = sum.file_bytes = EQ_ABSENT;
  sum.mse = sum.sqnr = sum.relative_error = sum.max_error = sum.clipped = none;
  return eq_rows_add_kind(&q->rows, &eq_kind_quant, &sum, &q->tool.err);
}

static void plan(struct quant *q) {
  struct eq_err *err = &q->tool.err;
  q->export.report = add_row;
  if (!(q->table = eq_format_find("table", err)) || !eq_format_open(q->table, &q->tool, false)) return;
  if (eq_export_plan(&q->export, err) && add_sum(q, q->touched, "all that is touched") &&
      add_sum(q, q->all, "the whole model"))
    eq_format_put_rows(q->table, &q->tool, &q->rows, &eq_kind_quant);
}

/* What llama-quantize takes, for who has the model in float there. It gets its name when all else is done. */
static bool write_types(struct quant *q, struct eq_output *o) {
  struct eq_err *err = &q->tool.err;
  struct eq_buffer text = { 0 };
  if (!q->args.types) return true;
  bool ok = eq_export_new_file(&q->export, q->args.types, err) && eq_export_tensor_types(&q->export, &text, err) &&
            eq_output_open(o, q->args.types, err);
  ok = ok && eq_write_all(o->fd, text.data, text.size, q->args.types, err);
  eq_buffer_free(&text);
  return ok;
}

static void name_types(struct quant *q, struct eq_output *o) {
  if (o->path && eq_export_new_file(&q->export, q->args.types, &q->tool.err)) /* nor is it the output's name */
    eq_output_commit(o, &q->tool.err);
}

/* What a user should know of the recipe although nothing is wrong. */
static void remark(struct quant *q) {
  const char *first = NULL;
  enum eq_dtype type = EQ_F16;
  size_t n = eq_model_fallbacks(&q->model, q->treatments, &first, &type);
  double kept = eq_model_energy_kept(&q->model, q->treatments);
  if (n)
    eq_tool_say(&q->tool, "blocks do not divide the rows of %zu tensors: '%s', the first, becomes %s", n, first,
                eq_dtype_name(type));
  if (kept < 1) eq_tool_say(&q->tool, "of no tensor less than %.1f %% of the energy is kept", 100 * kept);
}

static void export_all(struct quant *q, struct eq_output *types) {
  if (!write_types(q, types)) return;
  remark(q);
  if (!eq_tool_open(&q->tool, EQ_WRITES) || !eq_tool_programs(&q->tool, &q->programs)) return;
  eq_tool_header(&q->tool);
  q->export.programs = q->programs.data;
  q->export.report = write_record;
  eq_progress_begin(&q->export.progress, "rounding", "weights", eq_model_bytes(&q->model) / sizeof(float),
                    q->tool.draw);
  bool ok = eq_export_run(&q->export, &q->tool.err);
  eq_progress_end(&q->export.progress);
  if (ok) name_types(q, types);
  if (q->export.no_vocabulary) eq_tool_say(&q->tool, "%s has no tokenizer: the file has no vocabulary", q->args.model);
}

static void run(struct quant *q) {
  struct eq_output types = { .fd = -1 };
  export_all(q, &types);
  if (types.path) eq_output_discard(&types);
}

/* ---- a file held against the model ---- */

/* Its own recipe, unless one is given. */
static bool open_checked(struct quant *q, char **recipe) {
  struct eq_err *err = &q->tool.err;
  const char *file = q->args.check;
  if (!is_patch(file)) {
    if (!eq_model_look(&q->checked, file, err)) return false;
    if (!q->args.recipe) q->args.recipe = *recipe = eq_export_recipe_of(&q->checked, err);
    return q->args.recipe;
  }
  if (!eq_safetensors_open(&q->patch, file, err)) return false;
  if (!q->args.recipe) q->args.recipe = *recipe = eq_export_note(&q->patch, EQ_NOTE_RECIPE);
  return q->args.recipe || eq_fail(err, EQ_BAD, "%s: is no patch: its metadata do not say what it was made of", file);
}

static void say_result(struct quant *q, const struct eq_export_check *r) {
  struct eq_buffer text = { 0 };
  size_t n = r->kept_differ + r->rounded_differ;
  eq_buffer_format(&text, "%s of %s\n%s: %zu of %zu tensors are those of the model\n", q->export.recipe, q->model.name,
                   is_patch(q->args.check) ? "protected" : "kept", r->kept - r->kept_differ, r->kept);
  if (!is_patch(q->args.check))
    eq_buffer_format(&text, "rounded: %zu of %zu are as the recipe makes them\n", r->rounded - r->rounded_differ,
                     r->rounded);
  eq_tool_print(&q->tool, text.data, text.size);
  eq_buffer_free(&text);
  if (n)
    eq_fail(&q->tool.err, EQ_DATA, "%s: %zu tensor%s, '%s' the first", q->args.check, n,
            n == 1 ? " differs" : "s differ", r->first);
}

static void check(struct quant *q) {
  struct eq_export_check r;
  struct eq_export *x = &q->export;
  if (!eq_tool_open(&q->tool, EQ_PRINTS)) return;
  eq_progress_begin(&x->progress, "comparing", "weights", eq_model_bytes(&q->model) / sizeof(float), q->tool.draw);
  bool ok = is_patch(q->args.check) ? eq_export_check_patch(x, &q->patch, &r, &q->tool.err)
                                    : eq_export_check(x, &q->checked, &r, &q->tool.err);
  eq_progress_end(&x->progress);
  if (ok) say_result(q, &r);
}

/* Of what is patched the values are the base's; who made the patch says which recipe and model they are of then. */
static bool open_patch(struct quant *q) {
  struct args *a = &q->args;
  struct eq_err *err = &q->tool.err;
  if (!a->out) return eq_fail(err, EQ_BAD, "-o OUT is missing: the folder to write");
  if (a->recipe) return eq_fail(err, EQ_BAD, "--apply-patch: the recipe is the patch's own, -r cannot give another");
  if (strcmp(a->format, "hf") != 0) return eq_fail(err, EQ_BAD, "--apply-patch: writes hf, not %s", a->format);
  if (!eq_safetensors_open(&q->patch, a->patch, err)) return false;
  q->patch_recipe = eq_export_note(&q->patch, EQ_NOTE_RECIPE);
  q->patch_model = eq_export_note(&q->patch, EQ_NOTE_MODEL);
  if (!q->patch_recipe || !q->patch_model)
    return eq_fail(err, EQ_BAD, "%s: is no patch: its metadata do not say what it was made of", a->patch);
  q->export.patch = &q->patch, q->export.patch_model = q->patch_model;
  a->recipe = "none";
  return true;
}

static bool same_note(struct quant *q, const char *key, const char *wanted, const char *none) {
  const struct eq_checkpoint *c = &q->model.file;
  char *note = c->n_shards ? eq_export_note(&c->shards[0], key) : NULL;
  bool same = note && strcmp(note, wanted) == 0;
  if (!same)
    eq_fail(&q->tool.err, EQ_BAD, "--apply-patch: %s is a patch for the base of %s, but %s is of %s", q->args.patch,
            wanted, q->args.model, note ? note : none);
  free(note);
  return same;
}

/* Base and patch are of one model and recipe, by what their metadata say. */
static bool check_base(struct quant *q) {
  char *recipe = eq_recipe_base(q->patch_recipe);
  if (!recipe) return eq_fail(&q->tool.err, EQ_BAD, "%s: its recipe '%s' is none", q->args.patch, q->patch_recipe);
  bool same = same_note(q, EQ_NOTE_MODEL, q->patch_model, "a model that it does not name") &&
              same_note(q, EQ_NOTE_RECIPE, recipe, "a recipe that it does not name");
  free(recipe);
  return same;
}

/* What writes nothing has no use for the options of what is written; nor has a patch for those that it decides. */
static bool check_options(const struct args *a, struct eq_err *err) {
  const char *alone = a->dry_run ? "--dry-run" : a->check ? "--check" : a->patch ? "--apply-patch" : NULL;
  const struct {
    bool given;
    const char *name;
  } others[] = { { a->check && a->dry_run, "--check" },
                 { a->patch && (a->dry_run || a->check), "--apply-patch" },
                 { a->out && (a->dry_run || a->check), "-o" },
                 { a->types, "--tensor-type-file" },
                 { a->dtype && a->patch, "--dtype" } };
  for (size_t i = 0; alone && i < sizeof others / sizeof *others; i++)
    if (others[i].given) return eq_fail(err, EQ_BAD, "%s and %s do not go together", alone, others[i].name);
  return true;
}

/* What the recipe must know of weights and activations. */
static bool prepare(struct quant *q) {
  struct eq_err *err = &q->tool.err;
  const struct eq_model *m = &q->model;
  const char *stats = q->args.stats;
  if (!eq_model_open_weights(&q->model, q->args.model, q->pool, err)) return false;
  if (stats && !eq_statistics_open(&q->statistics, stats, m->name, m->params, m->n_params, err)) return false;
  q->made.statistics = stats ? &q->statistics : NULL;
  return eq_model_prepare(m, &q->made, q->pool, q->tool.draw, err);
}

static bool set_up(struct quant *q) {
  const struct args *a = &q->args;
  struct eq_err *err = &q->tool.err;
  const struct eq_export_format *format;
  if (!a->model) return eq_fail(err, EQ_BAD, "-m PATH is missing: the model");
  if (!check_options(a, err) || !(format = eq_export_format_find(a->format, err))) return false;
  if (a->patch && !open_patch(q)) return false;
  if (a->check && !open_checked(q, &q->own_recipe)) return false;
  if (!a->recipe) return eq_fail(err, EQ_BAD, "-r RECIPE is missing: what is done to the model");
  if (!choose_dtype(q)) return false;
  if (a->out) q->export.format = format;
  if (!(q->pool = eq_pool_new(a->threads, err)) || !eq_model_look(&q->model, a->model, err)) return false;
  if (a->patch && !check_base(q)) return false;
  if (!choose_recipe(q)) return false;
  if (!a->dry_run && !prepare(q)) return false;
  q->export.model = &q->model, q->export.source = a->model, q->export.treatments = q->treatments;
  q->export.recipe = q->patch_recipe ? q->patch_recipe : eq_recipe_canonical(q->recipe), q->export.pool = q->pool,
  q->export.out = a->out;
  q->export.context = q;
  return true;
}

int main(int argc, char **argv) {
  struct quant q = { .args = {
                         .format = "hf",
                     } };
  eq_file_survive_loss();
  if (eq_tool_begin(&q.tool, &command, argc, argv, &q.args) && set_up(&q)) {
    if (q.args.check)
      check(&q);
    else if (q.args.dry_run)
      plan(&q);
    else
      run(&q);
  }
  eq_buffer_free(&q.programs);
  eq_rows_free(&q.rows);
  eq_recipe_free(q.recipe);
  free(q.treatments);
  eq_treatments_free(&q.made);
  eq_statistics_close(&q.statistics);
  eq_recipe_free(q.base_recipe);
  free(q.base);
  eq_safetensors_close(&q.patch);
  free(q.patch_recipe), free(q.patch_model);
  free(q.own_recipe);
  eq_model_close(&q.checked);
  eq_model_close(&q.model);
  eq_pool_free(q.pool);
  return eq_tool_end(&q.tool);
}
