/* eq-plan: the recipes of a study, or those of them that results still lack. */
#include <stdlib.h>
#include <string.h>

#include "lib/measure/cells.h"
#include "lib/model/plan.h"
#include "lib/tool/tool.h"

struct args {
  const char *model, *list, *tokens;
  struct eq_texts recipes, missing;
  struct eq_plan_options plan;
};
#define PLAN(field) offsetof(struct args, plan.field)

static const struct eq_option options[] = {
  { .type = EQ_HEADING,
    .help = "KIND is single, pairs, triples, subsets, prefixes, components, mlp-by-layer, attn-by-layer,\n"
            "heads, bits, random or grid. What is planned" },
  { 'm', "model", EQ_TEXT, offsetof(struct args, model), "PATH", "the model: its folder, or a GGUF file", false },
  { 'b', "base", EQ_TEXT, PLAN(base), "RECIPE", "the recipe that is varied, and that sizes are over [int4]", false },
  { 'r', "recipe", EQ_TEXTS, offsetof(struct args, recipes), "RECIPE", "this too, before the kind's; again for more",
    false },
  { 'R', "recipes", EQ_TEXT, offsetof(struct args, list), "FILE", "those of a list or a plan too; - for stdin", false },
  { .type = EQ_HEADING, .help = "Of the kind random" },
  { 'n', "n", EQ_UINT, PLAN(n), "N", "how many sets [100]", false },
  { 0, "up-to", EQ_FLAG, PLAN(up_to), NULL, "or as many as there are, when there are fewer", false },
  { 0, "like", EQ_TEXT, PLAN(like), "RECIPE", "whose overhead they have", false },
  { 0, "within", EQ_REAL, PLAN(within), "PERCENT", "how nearly [1]", false },
  { 0, "of", EQ_TEXT, PLAN(of), "PARTS", "sets of what: layers, or blocks (attn, mlp) [layers]", false },
  { 0, "seed", EQ_UINT, PLAN(seed), "N", "seed of the draws [0]", false },
  { .type = EQ_HEADING, .help = "What is missing" },
  { 0, "missing", EQ_TEXTS, offsetof(struct args, missing), "RESULTS",
    "print only recipes that these lack segments of; again for more", false },
  { 0, "tokens", EQ_TEXT, offsetof(struct args, tokens), "FILE", "the segments there are to be [those in RESULTS]",
    false },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-plan",
  .summary = "the recipes of a study and what each costs in bytes, or those that results still lack",
  .usage = "KIND -m MODEL [-b RECIPE] [OPTION]... >plan\n"
           "grid FILE -m MODEL >plan\n"
           "[KIND] [OPTION]... --missing RESULTS [--tokens FILE] [<plan] >plan",
  .options = options,
  .examples = "eq-plan single -m corpora/mini | eq-show -c recipe,overhead,overhead_percent,bits\n"
              "eq-plan subsets -m corpora/mini -b int4/tensor | eq-show -f tsv | wc -l\n"
              "eq-plan random -n 3 --like 'int4;L0,L9,L-1=keep' -m corpora/mini | eq-show",
  .see_also = "eq-ppl(1), eq-quant(1), eq-show(1), eq(1)",
  .streams = EQ_WRITES | EQ_LATER,
  .max_operands = 2,
};

struct planner {
  struct eq_tool tool;
  struct args args;
  struct eq_pool *pool;
  struct eq_model model;
  struct eq_plan plan;
  struct eq_cells cells;
  uint64_t *missing, segments; /* [plan.list.n] */
};

/* ---- the recipes ---- */

static bool check_options(const struct planner *p, struct eq_err *err) {
  const struct args *a = &p->args;
  const char *kind = p->tool.n_operands ? p->tool.operands[0] : "";
  bool grid = strcmp(kind, "grid") == 0;
  if (*kind && !a->model) return eq_fail(err, EQ_BAD, "-m MODEL is missing: the model that %s is planned for", kind);
  if (p->tool.n_operands > 1 && !grid)
    return eq_fail(err, EQ_BAD, "unexpected argument '%s': only grid takes a file", p->tool.operands[1]);
  if (a->plan.like && strcmp(kind, "random") != 0) return eq_fail(err, EQ_BAD, "--like: only random takes it");
  if (a->tokens && !a->missing.n) return eq_fail(err, EQ_BAD, "--tokens: only --missing takes it");
  return true;
}

/* Without any recipes named, a plan comes on stdin. */
static bool collect_recipes(struct planner *p) {
  struct args *a = &p->args;
  struct eq_err *err = &p->tool.err;
  struct eq_recipe_list *l = &p->plan.list;
  bool named = p->tool.n_operands || a->recipes.n || a->list;
  for (size_t i = 0; i < a->recipes.n; i++)
    if (!eq_recipes_add(l, a->recipes.items[i], err)) return false;
  if ((a->list || !named) && !eq_recipes_add_file(l, named ? a->list : "-", err)) return false;
  if (p->tool.n_operands && !eq_plan_make(&p->plan, p->tool.operands[0], err)) return false;
  if (l->repeated) eq_tool_say(&p->tool, "%zu recipes came again and are there once", l->repeated);
  for (struct eq_str rest = { p->plan.remarks.data, p->plan.remarks.size }; rest.n;) {
    struct eq_str line = eq_str_cut(&rest, '\n');
    eq_tool_say(&p->tool, "%.*s", EQ_STR(line));
  }
  return l->n || a->plan.up_to ||
         eq_fail(err, EQ_BAD, "%s: holds no recipe", a->list && strcmp(a->list, "-") ? a->list : "stdin");
}

/* ---- what is missing ---- */

/* Calls `take` for each record. A stream that stops early is as good as far as it came, where `partial`. */
static bool each_record(struct planner *p, const char *where, bool partial,
                        bool (*take)(struct eq_cells *c, const struct eq_record *r, struct eq_err *err)) {
  struct eq_err *err = &p->tool.err;
  struct eq_reader *in = eq_reader_open(where, err);
  struct eq_record r;
  bool ok = in;
  while (ok && eq_read(in, &r)) ok = take(&p->cells, &r, err);
  const struct eq_err *ended = in ? eq_reader_error(in) : err;
  if (ok && ended->code == EQ_DATA && partial)
    eq_tool_say(&p->tool, "%s", ended->text);
  else if (ok && ended->code)
    ok = eq_fail(err, ended->code, "%s", ended->text);
  eq_reader_free(in);
  return ok;
}

static bool same_model(struct planner *p) {
  const struct eq_names *found = &p->cells.models;
  return !p->args.model || !found->n || eq_str_is(found->items[0], p->model.name) ||
         eq_fail(&p->tool.err, EQ_BAD, "--missing: the results are of the model '%.*s', %s is '%s'",
                 EQ_STR(found->items[0]), p->args.model, p->model.name);
}

static bool count_missing(struct planner *p) {
  const struct args *a = &p->args;
  struct eq_err *err = &p->tool.err;
  for (size_t i = 0; i < p->plan.list.n; i++)
    if (!eq_cells_recipe(&p->cells, eq_recipe_canonical(p->plan.list.recipes[i]), err)) return false;
  if (a->tokens && !each_record(p, a->tokens, false, eq_cells_segment)) return false;
  if (a->tokens && !p->cells.n_segments)
    return eq_fail(err, EQ_BAD, "--tokens: %s has no tokens or text record", a->tokens);
  for (size_t i = 0; i < a->missing.n; i++)
    if (!each_record(p, a->missing.items[i], true, eq_cells_result)) return false;
  if (!same_model(p)) return false;
  if (!(p->missing = eq_array(p->plan.list.n, sizeof *p->missing)))
    return eq_fail_memory(err, p->plan.list.n * sizeof *p->missing, "recipes");
  if (!eq_cells_count(&p->cells, p->missing, &p->segments, err)) return false;
  return p->segments || eq_fail(err, EQ_BAD, "--missing: the results name no segment: which are to be? say --tokens");
}

static void judge(struct planner *p) {
  uint64_t recipes = 0, cells = 0;
  for (size_t i = 0; i < p->plan.list.n; i++) recipes += p->missing[i] > 0, cells += p->missing[i];
  if (cells)
    eq_fail(&p->tool.verdict, EQ_DATA, "%llu of %zu recipes lack %llu of %llu cells", (unsigned long long)recipes,
            p->plan.list.n, (unsigned long long)cells, (unsigned long long)(p->segments * p->plan.list.n));
}

/* ---- a run ---- */

static bool set_up(struct planner *p) {
  struct args *a = &p->args;
  struct eq_err *err = &p->tool.err;
  if (!check_options(p, err)) return false;
  if (p->tool.n_operands > 1) a->plan.grid = p->tool.operands[1];
  if (a->model && !eq_model_look(&p->model, a->model, err)) return false;
  /* Results name their model with its digest, for which all of it has to be read. */
  if (a->model && a->missing.n &&
      (!(p->pool = eq_pool_new(0, err)) || !eq_model_open_weights(&p->model, a->model, p->pool, err)))
    return false;
  return eq_plan_open(&p->plan, a->model ? &p->model : NULL, a->plan, err) && collect_recipes(p) &&
         (!a->missing.n || count_missing(p)) && eq_tool_open(&p->tool, EQ_WRITES);
}

static void write_plan(struct planner *p) {
  struct eq_planned record;
  eq_tool_header(&p->tool);
  for (size_t i = 0; i < p->plan.list.n && !eq_writer_failed(p->tool.out); i++) {
    if (p->missing && !p->missing[i]) continue;
    if (!eq_plan_record(&p->plan, i, &record, &p->tool.err)) return;
    if (p->missing) record.missing = p->missing[i], record.cells = p->segments;
    eq_write_kind(p->tool.out, &eq_kind_recipe, &record, NULL);
  }
  if (p->missing) judge(p);
}

int main(int argc, char **argv) {
  struct planner p = { .args = { .plan = { .base = "int4", .n = 100, .of = "layers", .within = 1 } } };
  if (eq_tool_begin(&p.tool, &command, argc, argv, &p.args) && set_up(&p)) write_plan(&p);
  eq_cells_free(&p.cells);
  eq_plan_close(&p.plan);
  eq_model_close(&p.model);
  eq_pool_free(p.pool);
  free(p.missing);
  free(p.args.recipes.items);
  free(p.args.missing.items);
  return eq_tool_end(&p.tool);
}
