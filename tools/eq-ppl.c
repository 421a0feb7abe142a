/* eq-ppl: the surprisal of each segment under each recipe. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/base/number.h"
#include "lib/measure/coverage.h"
#include "lib/measure/protocol.h"
#include "lib/measure/resumed.h"
#include "lib/model/score.h"
#include "lib/recipe/list.h"
#include "lib/recipe/statistics.h"
#include "lib/tool/tool.h"

struct args {
  const char *model, *recipe_file, *reference, *keep, *as, *prefix, *kernels, *memory, *resume, *stats;
  struct eq_texts recipes;
  bool per_token, experts, dry_run;
  uint64_t context, stride, min_tokens, mask, threads;
};

static const struct eq_option options[] = {
  { .type = EQ_HEADING, .help = "What is measured" },
  { 'm', "model", EQ_TEXT, offsetof(struct args, model), "FOLDER", "the model: its folder, or a GGUF file", false },
  { 'r', "recipe", EQ_TEXTS, offsetof(struct args, recipes), "RECIPE",
    "what is done to the model; again for more [none]", false },
  { 'R', "recipes", EQ_TEXT, offsetof(struct args, recipe_file), "FILE",
    "more recipes, one a line, or what eq-plan wrote", false },
  { 0, "stats", EQ_TEXT, offsetof(struct args, stats), "FILE",
    "what eq-stats -l found of the model, for clip=laciq and mean", false },
  { 0, "reference", EQ_TEXT, offsetof(struct args, reference), "RECIPE|FILE",
    "add how predictions diverge from those under it (kl, same_top)", false },
  { 0, "keep-logits", EQ_TEXT, offsetof(struct args, keep), "FILE", "keep what is predicted, for --reference FILE",
    false },
  { 0, "per-token", EQ_FLAG, offsetof(struct args, per_token), NULL, "keep each token's surprisal (nlls)", false },
  { 0, "experts", EQ_FLAG, offsetof(struct args, experts), NULL,
    "count which experts of a mixture work for each segment", false },
  { .type = EQ_HEADING, .help = "How it is scored" },
  { 0, "as", EQ_TEXT, offsetof(struct args, as), "PROGRAM", "as another does: llama.cpp, hf or lm-eval; whole texts",
    false },
  { 0, "prefix", EQ_TEXT, offsetof(struct args, prefix), "TOKEN", "before each segment: auto, bos, eos or none [auto]",
    false },
  { 0, "mask-id", EQ_UINT, offsetof(struct args, mask), "ID", "what an encoder's tokens are hidden by [its mask]",
    false },
  { 0, "ctx", EQ_UINT, offsetof(struct args, context), "N",
    "tokens of context [the model's, at most 2048; as llama.cpp 512]", false },
  { 0, "stride", EQ_UINT, offsetof(struct args, stride), "N", "step of the windows over long segments [half of ctx]",
    false },
  { 0, "min-tokens", EQ_UINT, offsetof(struct args, min_tokens), "N", "exclude segments with fewer scored tokens [1]",
    false },
  { .type = EQ_HEADING, .help = "How it runs" },
  { 0, "resume", EQ_TEXT, offsetof(struct args, resume), "FILE",
    "the output: what it has stays, what it lacks is added", true },
  { 0, "max-memory", EQ_TEXT, offsetof(struct args, memory), "BYTES", "hold peak memory below this (8G, 500M)", true },
  { 0, "dry-run", EQ_FLAG, offsetof(struct args, dry_run), NULL, "only say how much memory a run would take", false },
  { 0, "kernels", EQ_TEXT, offsetof(struct args, kernels), "NAME", "auto, blas or ref [auto]", false },
  { 't', "threads", EQ_UINT, offsetof(struct args, threads), "N", "threads [all processors]; results do not change",
    true },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-ppl",
  .summary = "surprisal of each segment under each recipe",
  .usage = "-m FOLDER [-r RECIPE]... [options] < tokens > surprisal",
  .options = options,
  .examples = "eq-text -c corpora/udhr -l en,he --limit 5 | eq-token -m corpora/mini |\n"
              "  eq-ppl -m corpora/mini -r none -r int4 | eq-show\n"
              "eq-text -c corpora/udhr -l en --limit 5 | eq-token -m corpora/mini |\n"
              "  eq-ppl -m corpora/mini -r 'int4/tensor;L0,L-1=keep' --per-token | eq-show -f jsonl\n"
              "eq-text -c corpora/udhr -l en,he --join newline | eq-token -m corpora/mini |\n"
              "  eq-ppl -m corpora/mini --as llama.cpp --ctx 256 | eq-show -c lang,as,ppl,ppl_error",
  .see_also = "eq-token, eq-disparity, eq-show",
  .streams = EQ_READS | EQ_WRITES | EQ_LATER,
};

struct ppl {
  struct eq_tool tool;
  struct args args;
  struct eq_pool *pool;
  const struct eq_kernels *kernels;
  struct eq_model model;
  struct eq_recipe_list recipes, reference; /* the latter has one, or none */
  struct eq_statistics statistics;
  struct eq_predictions kept; /* what another run predicted: the reference, if it is a file */
  char *kept_name;
  struct eq_predictions_writer *keep; /* NULL: predictions are not kept */
  struct eq_scorer *scorer;
  struct eq_resumed *cells;       /* what the output has already; NULL: it is no file to go on with */
  struct eq_buffer settings;      /* what numbers depend on */
  const struct eq_convention *as; /* NULL: our own way */
  struct eq_protocol how;
  struct eq_progress progress;
  uint32_t *ids; /* of the segment at hand */
  bool *scored;  /* of an encoder's: those that cover bytes; the frame's tokens do not */
  size_t ids_capacity;
  uint64_t n_excluded, n_added; /* added: to what the output had */
  bool marked;                  /* a mark may wait for its turn */
};

/* A record that waits for its turn: a segment, or one that is only passed on. */
struct unit {
  struct eq_record *record;
  struct eq_tokens tokens;
  uint64_t n_tokens, bytes, chars; /* bytes and chars: what the scored tokens cover */
  size_t n_rows;                   /* of the sequence that windows are cut from */
  uint32_t of;                     /* digest of its record */
  bool pass_on;
  char excluded[96]; /* why it is not scored, "" when it is */
};

/* UNIT_BYTES: a unit's own memory, about; its record's bytes come to it. OWN_BYTES: what a run takes beside what its
 * scorer knows of. */
enum { UNIT_BYTES = 1024, OWN_BYTES = 4 << 20, MIB = 1 << 20 };

static void unit_free(void *unit) {
  struct unit *u = unit;
  if (u) eq_record_free(u->record);
  free(u);
}

/* ---- what comes out ---- */

static void add_experts(const struct ppl *p, const struct eq_scored *s, size_t recipe, struct eq_surprisal *out) {
  size_t n = p->model.config.n_layers * p->model.config.dims[EQ_D_EXPERTS];
  out->n_experts = p->model.config.dims[EQ_D_EXPERTS];
  out->experts = eq_u32s(s->experts + recipe * n, n);
}

static void write_recipe(struct ppl *p, const struct unit *u, const struct eq_scored *s, size_t recipe) {
  struct eq_surprisal out = {
    .lang = u->tokens.lang,
    .id = u->tokens.id,
    .model = eq_str(p->model.name),
    .recipe = eq_str(eq_recipe_canonical(p->recipes.recipes[recipe])),
    .n_tokens = u->n_tokens,
    .n_scored = s->n_scored,
    .nll = s->nll[recipe],
    .bytes = u->bytes,
    .chars = u->chars,
    .vocab = p->model.config.dims[EQ_D_VOCAB],
    .kl = s->kl ? s->kl[recipe] : eq_absent_f64(),
    .same_top = s->kl ? s->same_top[recipe] : EQ_ABSENT,
    .n_experts = EQ_ABSENT,
    .settings = { p->settings.data, p->settings.size },
    .of = u->of,
  };
  if (s->kl) out.reference = eq_str(p->kept_name ? p->kept_name : eq_recipe_canonical(p->reference.recipes[0]));
  eq_convention_none(&out);
  if (p->as) out.as = eq_str(p->how.as_name);
  if (u->excluded[0])
    out.excluded = eq_str(u->excluded);
  else if (!isfinite(out.nll))
    out.excluded = eq_str("surprisal is not finite");
  if (out.excluded.p) {
    out.nll = (double)NAN;
    out.bytes = out.chars = out.same_top = EQ_ABSENT;
    out.kl = eq_absent_f64();
    p->n_excluded++;
  } else if (s->experts)
    add_experts(p, s, recipe, &out);
  if (!out.excluded.p && s->nlls) {
    const float *nlls = s->nlls + recipe * s->n_scored;
    if (p->args.per_token) out.nlls = eq_f32s(nlls, s->n_scored);
    if (p->as) eq_convention_report(p->as, &p->how.cut, u->n_rows, nlls, u->tokens.text, &out);
  }
  eq_write_kind(p->tool.out, &eq_kind_surprisal, &out, u->record);
}

static void deliver(void *context, const struct eq_scored *s) {
  struct ppl *p = context;
  struct unit *u = s->tag;
  p->n_added++;
  if (p->cells && !eq_tool_appends(&p->tool)) {
    unit_free(u);
    return;
  }
  if (u->pass_on)
    eq_write(p->tool.out, u->record);
  else {
    for (size_t r = 0; r < p->recipes.n; r++)
      if (!s->wanted || (s->wanted[r / 64] >> r % 64 & 1)) write_recipe(p, u, s, r);
  }
  if (p->cells) eq_writer_flush(p->tool.out); /* from here on a kill does not take it */
  unit_free(u);
}

/* Cells are counted as they are computed, long before they come out. */
static void step(void *context, size_t n) {
  struct ppl *p = context;
  eq_progress_add(&p->progress, n);
}

/* ---- what comes in ---- */

static bool read_ids(struct ppl *p, const struct eq_record *r, const struct eq_tokens *t) {
  size_t n = t->ids.n, vocab = p->model.config.dims[EQ_D_VOCAB];
  if (n >= p->ids_capacity) { /* room for an opening token too */
    free(p->ids), free(p->scored);
    p->ids = eq_array(n + 1, sizeof *p->ids), p->scored = eq_array(n + 1, sizeof *p->scored);
    p->ids_capacity = p->ids && p->scored ? n + 1 : 0;
    if (!p->ids_capacity) return eq_fail_memory(&p->tool.err, (n + 1) * sizeof *p->ids, "a segment");
  }
  for (size_t i = 0; i < n; i++) {
    p->ids[i] = eq_u32_at(t->ids, i);
    p->scored[i] = !t->starts.n || eq_u32_at(t->starts, i) < eq_u32_at(t->ends, i);
    if (p->ids[i] >= vocab)
      return eq_fail(
          &p->tool.err, EQ_BAD,
          "%s: record %llu (%.*s %.*s): token id %u, but %s has %zu embeddings: was it tokenized for another "
          "model (tokenizer %.*s)?",
          r->where, (unsigned long long)r->number, EQ_STR(t->lang), EQ_STR(t->id), p->ids[i], p->model.name, vocab,
          EQ_STR(t->tokenizer.p ? t->tokenizer : eq_str("unknown")));
  }
  return true;
}

/* Puts the opening token first, unless the tokenizer did so. Returns how many ids there are now. */
static size_t open_text(struct ppl *p, const struct eq_tokens *t) {
  size_t n = t->ids.n;
  bool there = n && p->ids[0] == p->how.opening && t->starts.n && eq_u32_at(t->starts, 0) == eq_u32_at(t->ends, 0);
  if (p->how.opening >= 0 && !there) {
    memmove(p->ids + 1, p->ids, n++ * sizeof *p->ids);
    p->ids[0] = (uint32_t)p->how.opening;
  }
  if (p->how.opening >= 0) eq_convention_open(p->as, &p->how.cut, p->ids, n);
  return n;
}

/* What the scored tokens of all windows cover; `before`: tokens of the sequence that are not the record's. */
static void cover_windows(struct ppl *p, struct unit *u, size_t before) {
  u->bytes = u->chars = 0;
  for (size_t w = 0, n = eq_windows_count(u->n_rows, &p->how.cut); w < n; w++) {
    struct eq_window at = eq_window_at(u->n_rows, &p->how.cut, w);
    size_t from = at.first + at.score_from + 1, to = at.first + at.n + 1; /* a row predicts the next token */
    eq_coverage_add(&u->tokens, from > before ? from - before : 0, to > before ? to - before : 0, &u->bytes, &u->chars);
  }
}

/* Makes p->ids the sequence that the program scores: *n tokens of which *scored count. */
static bool read_as(struct ppl *p, const struct eq_record *r, struct unit *u, size_t *n, size_t *scored) {
  const struct eq_convention *as = p->as;
  *n = open_text(p, &u->tokens);
  u->n_rows = *n + as->prefixed > 0 ? *n + as->prefixed - 1 : 0;
  *scored = eq_windows_scored(u->n_rows, &p->how.cut);
  if (eq_windows_count(u->n_rows, &p->how.cut) < as->windows_min)
    return eq_fail(
        &p->tool.err, EQ_DATA,
        "%s: record %llu (%.*s %.*s): %zu tokens, %s takes at least %zu with a context of %llu: give it whole "
        "texts (eq-text --join), or lower --ctx",
        r->where, (unsigned long long)r->number, EQ_STR(u->tokens.lang), EQ_STR(u->tokens.id), *n, as->program,
        as->windows_min * p->how.context, (unsigned long long)p->how.context);
  cover_windows(p, u, *n + as->prefixed - u->tokens.ids.n);
  return true;
}

/* Reads a tokens record into its unit and p->ids; *n is how many of them to score. */
static bool read_segment(struct ppl *p, const struct eq_record *r, struct unit *u, size_t *n) {
  if (!eq_record_get(u->record, &eq_kind_tokens, &u->tokens, &p->tool.err) || !read_ids(p, r, &u->tokens)) return false;
  bool encoder = p->model.config.arch->encoder, skips_first = !encoder && p->how.prefix < 0;
  size_t n_tokens = u->tokens.ids.n, scored = n_tokens - (n_tokens && skips_first);
  for (size_t i = 0; encoder && i < n_tokens; i++) scored -= !p->scored[i];
  u->n_tokens = n_tokens;
  u->of = eq_resumed_of(r);
  if (!p->as)
    eq_coverage(&u->tokens, skips_first, &u->bytes, &u->chars);
  else if (!read_as(p, r, u, &n_tokens, &scored))
    return false;
  if (scored == 0)
    snprintf(u->excluded, sizeof u->excluded, "no token to score");
  else if (scored < p->args.min_tokens)
    snprintf(u->excluded, sizeof u->excluded, "%zu scored tokens, --min-tokens is %llu", scored,
             (unsigned long long)p->args.min_tokens);
  *n = u->excluded[0] ? 0 : n_tokens;
  return true;
}

/* The next record; but somebody who waits for the segments before a mark gets them first. */
static bool read_record(struct ppl *p, struct eq_record *r) {
  if (p->marked && eq_tool_idle(&p->tool)) {
    eq_scorer_flush(p->scorer);
    p->marked = false;
  }
  if (!eq_tool_read(&p->tool, r)) return false;
  p->marked = p->marked || eq_record_is(r, &eq_kind_mark);
  return true;
}

/* What the output lacks of a record: *wanted recipes, of the others nothing; whether it is anything. */
static bool lacks(struct ppl *p, const struct eq_record *r, const uint64_t **wanted, bool *any) {
  size_t n = 0;
  *any = true;
  *wanted = NULL;
  if (!p->cells) return true;
  if (!eq_record_is(r, &eq_kind_tokens)) return eq_resumed_take_other(p->cells, r, any, &p->tool.err);
  bool ok = eq_resumed_take(p->cells, r, wanted, &n, &p->tool.err);
  *any = n > 0;
  if (ok) eq_progress_skip(&p->progress, p->recipes.n - n);
  return ok;
}

static bool add_record(struct ppl *p, const struct eq_record *r) {
  struct eq_err *err = &p->tool.err;
  const uint64_t *wanted;
  bool any;
  if (!lacks(p, r, &wanted, &any)) return false;
  if (!any) return true;
  struct unit *u = eq_array(1, sizeof *u);
  size_t n = 0;
  bool ok = u && (u->record = eq_record_copy(r)) ? true : eq_fail_memory(err, r->raw.n, "a record");
  if (ok) u->pass_on = !eq_record_is(r, &eq_kind_tokens);
  if (ok && !u->pass_on) ok = read_segment(p, r, u, &n);
  if (ok && eq_scorer_add(p->scorer, p->ids, p->scored, n, wanted, u, UNIT_BYTES + 2 * r->raw.n, err)) return true;
  unit_free(u);
  return false;
}

/* ---- setting up ---- */

/* How segments are scored, and what a user should know of it. */
static bool choose_protocol(struct ppl *p) {
  const struct args *a = &p->args;
  struct eq_protocol_wish wish = {
    .as = p->as, .prefix = a->prefix, .context = a->context, .stride = a->stride, .mask = a->mask
  };
  size_t most = p->model.config.max_positions;
  if (!eq_protocol_choose(&p->how, wish, &p->model.config, a->model, p->model.name, &p->tool.err)) return false;
  if (p->how.unopened)
    eq_tool_say(&p->tool, "no bos or eos token in config.json: the first token of a segment is not scored");
  if (p->tool.verbose && a->context == EQ_ABSENT && most > p->how.context)
    eq_tool_say(&p->tool, "the context is %zu of the model's %zu positions: --ctx asks for more", p->how.context, most);
  return true;
}

static void remark_on_parts(const struct ppl *p, const char *name, const struct eq_recipe *r,
                            const struct eq_treatment **treatments) {
  const struct eq_model *m = &p->model;
  const char *first = NULL;
  enum eq_dtype type = EQ_F16;
  size_t n = eq_model_fallbacks(m, treatments, &first, &type);
  double kept = eq_model_energy_kept(m, treatments);
  char *head = eq_recipe_shared_head(r, &m->heads);
  if (n)
    eq_tool_say(&p->tool, "%s: blocks do not divide the rows of %zu tensors: '%s', the first, becomes %s", name, n,
                first, eq_dtype_name(type));
  if (head)
    eq_tool_say(&p->tool, "%s: %s shares its keys and values with %zu other heads", name, head,
                m->heads.n / m->heads.n_kv - 1);
  if (kept < 1) eq_tool_say(&p->tool, "%s: of no tensor less than %.1f %% of the energy is kept", name, 100 * kept);
  free(head);
}

/* What a user should know of the recipes although nothing is wrong. */
static void remark_on_recipes(const struct ppl *p) {
  const struct eq_model *m = &p->model;
  size_t embed = (size_t)eq_model_at(m, 0, EQ_W_EMBED);
  bool tied_touched = false;
  for (size_t r = 0; r < p->recipes.n; r++) {
    const struct eq_treatment **treatments = p->recipes.treatments + r * m->n_params;
    size_t n_short = eq_model_short_groups(m, treatments);
    if (n_short)
      eq_tool_say(&p->tool, "%s: the last group of %zu rows is shorter than the rest",
                  eq_recipe_canonical(p->recipes.recipes[r]), n_short);
    tied_touched = tied_touched || treatments[embed];
    remark_on_parts(p, eq_recipe_canonical(p->recipes.recipes[r]), p->recipes.recipes[r], treatments);
  }
  if (tied_touched && m->config.tied)
    eq_tool_say(&p->tool, "embedding and head are one tensor, %s: what a recipe does to it shows in both",
                m->params[embed].name);
  if (p->recipes.repeated) eq_tool_say(&p->tool, "%zu recipes were given twice: measured once", p->recipes.repeated);
  if (m->n_unused)
    eq_tool_say(&p->tool, "%zu tensors of %s are not used, '%s' the first", m->n_unused, m->file.path, m->unused);
}

/* Finds what the recipes touch, and what they must know of it. */
static bool resolve(struct ppl *p, struct eq_recipe_list *l) {
  const struct eq_model *m = &p->model;
  struct eq_err *err = &p->tool.err;
  if (!eq_recipes_resolve(l, m->params, m->n_params, m->config.n_layers, err)) return false;
  l->all.statistics = p->args.stats ? &p->statistics : NULL;
  return (p->args.dry_run || eq_model_prepare(m, &l->all, p->pool, p->tool.draw, err));
}

static bool choose_recipes(struct ppl *p) {
  const struct args *a = &p->args;
  struct eq_err *err = &p->tool.err;
  for (size_t i = 0; i < a->recipes.n; i++)
    if (!eq_recipes_add(&p->recipes, a->recipes.items[i], err)) return false;
  if (a->recipe_file && strcmp(a->recipe_file, "-") == 0 && strcmp(p->tool.input, "-") == 0)
    return eq_fail(err, EQ_BAD, "-R -: stdin has the tokens: say -i FILE");
  if (a->recipe_file && !eq_recipes_add_file(&p->recipes, a->recipe_file, err)) return false;
  if (p->recipes.n == 0 && a->recipe_file) return eq_fail(err, EQ_BAD, "%s: holds no recipe", a->recipe_file);
  if (p->recipes.n == 0 && !eq_recipes_add(&p->recipes, "none", err)) return false;
  if (a->stats && !a->dry_run &&
      !eq_statistics_open(&p->statistics, a->stats, p->model.name, p->model.params, p->model.n_params, err))
    return false;
  if (!resolve(p, &p->recipes)) return false;
  remark_on_recipes(p);
  if (!a->reference) return true;
  struct eq_err no_recipe = { 0 };
  bool is_recipe = eq_recipes_add(&p->reference, a->reference, &no_recipe);
  if (!is_recipe && eq_path_exists(a->reference)) return eq_predictions_open(&p->kept, a->reference, err);
  if (!is_recipe) return eq_fail(err, EQ_BAD, "--reference: '%s' is neither a recipe nor a file", a->reference);
  return resolve(p, &p->reference);
}

/* Records name a kept reference by its recipe, and by its model where that is another. */
static bool name_kept(struct ppl *p) {
  struct eq_buffer name = { 0 };
  if (!eq_str_is(p->kept.model, p->model.name)) {
    eq_buffer_add(&name, p->kept.model.p, p->kept.model.n);
    eq_buffer_string(&name, " ");
  }
  eq_buffer_add(&name, p->kept.recipe.p, p->kept.recipe.n);
  p->kept_name = name.data;
  return !name.failed || eq_fail_memory(&p->tool.err, p->kept.recipe.n, "a name");
}

static bool choose_predictions(struct ppl *p) {
  const struct args *a = &p->args;
  struct eq_kept_how how = { p->how.cut, p->how.prefix, p->how.mask };
  if (p->kept.matrix && (!eq_predictions_fit(&p->kept, &p->model, how, &p->tool.err) || !name_kept(p))) return false;
  if (!a->keep) return true;
  if (p->recipes.n != 1)
    return eq_fail(&p->tool.err, EQ_BAD, "--keep-logits: keeps those of one recipe, and there are %zu", p->recipes.n);
  if (a->dry_run) return true;
  p->keep = eq_predictions_create(a->keep, &p->model, p->recipes.treatments, eq_recipe_canonical(p->recipes.recipes[0]),
                                  how, &p->tool.err);
  return p->keep;
}

/* What nll depends on beside the model and the recipe. */
static bool describe_settings(struct ppl *p) {
  struct eq_buffer *b = &p->settings;
  eq_protocol_print(b, &p->how);
  if (p->args.min_tokens != 1) eq_buffer_format(b, ", min-tokens %llu", (unsigned long long)p->args.min_tokens);
  if (p->kernels != eq_kernels_find("auto", NULL)) eq_buffer_format(b, ", kernels %s", p->kernels->name);
  if (p->statistics.digest) eq_buffer_format(b, ", stats %016llx", (unsigned long long)p->statistics.digest);
  return !b->failed || eq_fail_memory(&p->tool.err, b->size, "settings");
}

/* The ports; with --resume the output is opened once it is known what it must have. */
static bool open_ports(struct ppl *p) {
  const struct args *a = &p->args;
  struct eq_err *err = &p->tool.err;
  if (!a->resume) return eq_tool_open(&p->tool, EQ_READS | EQ_WRITES);
  if (strcmp(p->tool.output, "-") != 0)
    return eq_fail(err, EQ_BAD, "--resume FILE is where the output goes: leave out --output");
  if (a->keep) return eq_fail(err, EQ_BAD, "--keep-logits: keeps those of a whole run, and --resume goes on with one");
  return eq_tool_stops(&p->tool) && eq_tool_open(&p->tool, EQ_READS);
}

/* Finds what the output has. */
static bool resume(struct ppl *p) {
  const struct args *a = &p->args;
  struct eq_err *err = &p->tool.err;
  if (!a->resume || a->dry_run) return true;
  struct eq_resumed_terms terms = { .model = eq_str(p->model.name),
                                    .settings = { p->settings.data, p->settings.size },
                                    .nlls = a->per_token,
                                    .experts = a->experts };
  if (p->kept_name) terms.reference = eq_str(p->kept_name);
  if (p->reference.n) terms.reference = eq_str(eq_recipe_canonical(p->reference.recipes[0]));
  struct eq_str *names = eq_array(p->recipes.n, sizeof *names);
  if (!names) return eq_fail_memory(err, p->recipes.n * sizeof *names, "cells");
  for (size_t r = 0; r < p->recipes.n; r++) names[r] = eq_str(eq_recipe_canonical(p->recipes.recipes[r]));
  p->cells = eq_resumed_new(names, p->recipes.n, terms, err);
  free(names);
  return p->cells && eq_tool_append(&p->tool, a->resume, eq_resumed_note, p->cells);
}

/* Bytes of the program and its libraries that are in memory now. */
static size_t resident(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (size_t)u.ru_maxrss * 1024;
}

/* Opens the model; *own becomes what is there beside it. With a limit on memory what was read of it leaves again. */
static bool open_model(struct ppl *p, uint64_t *limit, size_t *own) {
  const struct args *a = &p->args;
  struct eq_err *err = &p->tool.err;
  if (a->memory && (!eq_parse_bytes(eq_str(a->memory), limit) || !*limit))
    return eq_fail(err, EQ_BAD, "--max-memory: '%s': expected bytes, perhaps with K, M, G or T", a->memory);
  if (!eq_model_look(&p->model, a->model, err)) return false;
  *own = resident() + OWN_BYTES;
  p->model.frugal = a->memory;
  return a->dry_run || eq_model_open_weights(&p->model, a->model, p->pool, err);
}

/* What a run will share and take. */
static void foretell(const struct ppl *p, size_t own) {
  struct eq_sharing s = eq_scorer_batch(p->scorer);
  struct eq_variants kept = eq_scorer_variants(p->scorer);
  eq_tool_say(
      &p->tool,
      "a batch takes %llu blocks of %llu and %llu heads of %llu; weights of %zu layers and %zu parts of the head "
      "are kept packed",
      (unsigned long long)s.blocks, (unsigned long long)s.blocks_asked, (unsigned long long)s.heads,
      (unsigned long long)s.heads_asked, kept.levels, kept.panels);
  eq_tool_say(&p->tool, "peak memory will be about %.1f MiB", (double)(own + eq_scorer_bytes(p->scorer)) / MIB);
}

static bool make_scorer(struct ppl *p, uint64_t limit, size_t own) {
  const struct args *a = &p->args;
  struct eq_scoring how = { .cut = p->how.cut,
                            .prefix = p->how.prefix,
                            .per_token = a->per_token || p->as,
                            .mask = p->how.mask,
                            .experts = a->experts,
                            .reference = p->reference.treatments,
                            .kept = p->kept.matrix ? &p->kept : NULL,
                            .keep = p->keep };
  if (a->experts && !p->model.config.dims[EQ_D_EXPERTS])
    return eq_fail(&p->tool.err, EQ_BAD, "--experts: %s has none, each of its layers has one MLP", p->model.name);
  if (limit && limit <= own)
    return eq_fail(&p->tool.err, EQ_DATA, "--max-memory: the program itself takes %.1f MiB", (double)own / MIB);
  how.memory = limit ? limit - own : 0;
  p->scorer = eq_scorer_new(&p->model, p->kernels, p->pool, p->recipes.treatments, p->recipes.n, how,
                            (struct eq_sink){ deliver, unit_free, p, step }, &p->tool.err);
  if (p->scorer && (a->dry_run || p->tool.verbose)) foretell(p, own);
  return p->scorer;
}

static bool set_up(struct ppl *p) {
  struct args *a = &p->args;
  struct eq_err *err = &p->tool.err;
  uint64_t limit = 0;
  size_t own = 0;
  if (!a->model) return eq_fail(err, EQ_BAD, "-m FOLDER is missing: the model to measure");
  if (a->as && !(p->as = eq_convention_find(a->as, err))) return false;
  if (!(p->kernels = eq_kernels_find(a->kernels, err)) || !(p->pool = eq_pool_new(a->threads, err))) return false;
  if (!open_model(p, &limit, &own)) return false;
  if (a->as && p->model.config.arch->encoder)
    return eq_fail(err, EQ_BAD, "--as %s: %s sees the whole text, and those who report perplexity so do not run it",
                   a->as, p->model.name);
  if (!choose_recipes(p) || !choose_protocol(p) || !choose_predictions(p) || !describe_settings(p) || !resume(p))
    return false;
  return make_scorer(p, limit, own);
}

static void report(const struct ppl *p) {
  if (p->n_excluded)
    eq_tool_say(&p->tool, "%llu measurements excluded: see their 'excluded'", (unsigned long long)p->n_excluded);
  if (p->cells && eq_resumed_found(p->cells) && !p->tool.err.code)
    eq_tool_say(&p->tool, "%s: had %llu measurements%s", p->args.resume, (unsigned long long)eq_resumed_found(p->cells),
                p->n_added ? "" : ", and nothing lacks");
  if (!p->tool.verbose || !p->scorer) return;
  struct eq_sharing s = eq_scorer_sharing(p->scorer);
  eq_tool_say(
      &p->tool,
      "kernels %s, %zu threads; blocks computed %llu, asked for %llu (%.2f); heads %llu of %llu; packed weights "
      "there %llu times of %llu",
      p->kernels->name, eq_pool_threads(p->pool), (unsigned long long)s.blocks, (unsigned long long)s.blocks_asked,
      s.blocks_asked ? (double)s.blocks / (double)s.blocks_asked : 1.0, (unsigned long long)s.heads,
      (unsigned long long)s.heads_asked, (unsigned long long)s.weights_found, (unsigned long long)s.weights_asked);
}

/* Of a stream that ended early, at either end, nothing is kept. */
static void commit_kept(struct ppl *p) {
  if (p->keep && eq_tool_finish(&p->tool)) eq_predictions_commit(p->keep, &p->tool.err);
}

int main(int argc, char **argv) {
  struct ppl p = { .args = { .prefix = "auto",
                             .kernels = "auto",
                             .min_tokens = 1,
                             .mask = EQ_ABSENT,
                             .context = EQ_ABSENT,
                             .stride = EQ_ABSENT } };
  struct eq_record r;
  if (eq_tool_begin(&p.tool, &command, argc, argv, &p.args) && open_ports(&p) && set_up(&p)) {
    eq_progress_begin(&p.progress, "scoring", "cells", eq_reader_expects(p.tool.in) * p.recipes.n, p.tool.draw);
    while (!p.args.dry_run && read_record(&p, &r) && add_record(&p, &r)) continue;
    if (p.tool.err.code != EQ_BAD && !p.tool.stopped) eq_scorer_flush(p.scorer);
    commit_kept(&p);
    eq_progress_end(&p.progress);
    report(&p);
  }
  eq_scorer_free(p.scorer);
  eq_recipes_free(&p.recipes);
  eq_recipes_free(&p.reference);
  eq_statistics_close(&p.statistics);
  eq_predictions_close(&p.kept);
  eq_predictions_free(p.keep);
  eq_resumed_free(p.cells);
  eq_buffer_free(&p.settings);
  free(p.kept_name);
  eq_model_close(&p.model);
  eq_pool_free(p.pool);
  free(p.args.recipes.items);
  free(p.ids), free(p.scored);
  return eq_tool_end(&p.tool);
}
