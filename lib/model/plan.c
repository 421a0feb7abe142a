#include "lib/model/plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/model/footprint.h"
#include "lib/recipe/grid.h"
#include "lib/recipe/matched.h"

/* ---- a recipe more ---- */

static bool add(struct eq_plan *p, const char *recipe, const char *part, struct eq_err *err) {
  size_t before = p->list.n, n = before - p->first;
  if (!eq_recipes_add(&p->list, recipe, err)) return false;
  if (p->list.n == before) return true; /* it is there already */
  char **grown = eq_array_grow(p->parts, n, &p->parts_capacity, sizeof *grown);
  if (grown) p->parts = grown;
  if (grown) grown[n] = part && *part ? eq_copy_string(part, strlen(part)) : NULL;
  return (grown && (grown[n] || !part || !*part)) || eq_fail_memory(err, n * sizeof *grown, "a plan");
}

static bool base_changes(const struct eq_plan *p, struct eq_err *err) {
  return strcmp(eq_recipe_canonical(p->base.recipes[0]), "none") != 0 ||
         eq_fail(err, EQ_BAD, "--base none: keeps all there is, and %s varies what is kept", p->kind);
}

/* The base with some of it kept; selectors "": the base itself. */
static bool add_kept(struct eq_plan *p, const struct eq_buffer *selectors, struct eq_err *err) {
  struct eq_buffer recipe = { 0 };
  const char *kept = selectors->size ? selectors->data : "";
  if (!base_changes(p, err)) return false;
  eq_buffer_string(&recipe, eq_recipe_canonical(p->base.recipes[0]));
  if (*kept) eq_buffer_format(&recipe, ";%s=keep", kept);
  bool ok = !recipe.failed && !selectors->failed;
  ok = ok ? add(p, recipe.data, kept, err) : eq_fail_memory(err, recipe.size, "a recipe");
  eq_buffer_free(&recipe);
  return ok;
}

static bool fits(uint64_t n, const char *kind, const char *what, size_t of, struct eq_err *err) {
  if (n <= EQ_PLAN_MAX) return true;
  bool more = n == UINT64_MAX;
  return eq_fail(err, EQ_BAD, "%s: %s%" PRIu64 " recipes of %zu %s, at most %d make a plan", kind,
                 more ? "more than " : "", n, of, what, EQ_PLAN_MAX);
}

static bool has_layers(const struct eq_plan *p, const char *kind, struct eq_err *err) {
  size_t n = p->model->config.n_layers;
  return n || eq_fail(err, EQ_BAD, "%s: %s has no layers", kind, p->model->name);
}

/* ---- sets of layers ---- */

/* n choose k, UINT64_MAX where that is too large. */
static uint64_t choose(uint64_t n, uint64_t k) {
  uint64_t ways = 1;
  for (uint64_t i = 1; i <= k; i++) {
    if (ways > UINT64_MAX / (n - k + i)) return UINT64_MAX;
    ways = ways * (n - k + i) / i;
  }
  return ways;
}

static bool add_layers(struct eq_plan *p, const size_t *layers, size_t n, struct eq_buffer *text, struct eq_err *err) {
  text->size = 0;
  for (size_t i = 0; i < n; i++) eq_buffer_format(text, "%sL%zu", i ? "," : "", layers[i]);
  return add_kept(p, text, err);
}

/* All sets of k layers, in the order of their numbers. */
static bool combinations(struct eq_plan *p, const char *kind, size_t k, struct eq_err *err) {
  size_t n = p->model->config.n_layers, set[3], at = 0;
  struct eq_buffer text = { 0 };
  bool ok = true;
  if (n < k) return eq_fail(err, EQ_BAD, "%s: %s has %zu layers, too few", kind, p->model->name, n);
  if (!fits(choose(n, k), kind, "layers", n, err)) return false;
  for (size_t i = 0; i < k; i++) set[i] = i;
  while (ok) {
    ok = add_layers(p, set, k, &text, err);
    for (at = k; at > 0 && set[at - 1] == n - k + at - 1;) at--;
    if (at == 0) break; /* the last set */
    set[at - 1]++;
    for (size_t i = at; i < k; i++) set[i] = set[i - 1] + 1;
  }
  eq_buffer_free(&text);
  return ok;
}

static bool make_single(struct eq_plan *p, struct eq_err *err) { return combinations(p, "single", 1, err); }
static bool make_pairs(struct eq_plan *p, struct eq_err *err) { return combinations(p, "pairs", 2, err); }
static bool make_triples(struct eq_plan *p, struct eq_err *err) { return combinations(p, "triples", 3, err); }

/* From no layer to all, counted in binary, layer 0 the lowest digit. */
static bool make_subsets(struct eq_plan *p, struct eq_err *err) {
  size_t n = p->model->config.n_layers, set[64];
  struct eq_buffer text = { 0 };
  bool ok = has_layers(p, "subsets", err) && fits(n < 64 ? UINT64_C(1) << n : UINT64_MAX, "subsets", "layers", n, err);
  for (uint64_t mask = 0; ok && mask < UINT64_C(1) << n; mask++) {
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
      if (mask >> i & 1) set[k++] = i;
    ok = add_layers(p, set, k, &text, err);
  }
  eq_buffer_free(&text);
  return ok;
}

static bool make_prefixes(struct eq_plan *p, struct eq_err *err) {
  struct eq_buffer text = { 0 };
  bool ok = has_layers(p, "prefixes", err);
  for (size_t i = 0; ok && i < p->model->config.n_layers; i++) {
    eq_buffer_format(&text, "%sL%zu", i ? "," : "", i);
    ok = add_kept(p, &text, err);
  }
  eq_buffer_free(&text);
  return ok;
}

/* ---- parts of layers ---- */

static const struct component {
  const char *name;
  unsigned role;
} components[] = {
  { "attn", EQ_ATTN }, { "mlp", EQ_MLP },   { "q", EQ_Q },   { "k", EQ_K },       { "v", EQ_V },
  { "o", EQ_O },       { "gate", EQ_GATE }, { "up", EQ_UP }, { "down", EQ_DOWN },
};

static bool model_has(const struct eq_model *m, unsigned role) {
  for (size_t i = 0; i < m->n_params; i++)
    if (m->params[i].roles & role) return true;
  return false;
}

static bool make_components(struct eq_plan *p, struct eq_err *err) {
  bool ok = true;
  for (size_t i = 0; ok && i < sizeof components / sizeof *components; i++) {
    struct eq_buffer name = { 0 };
    eq_buffer_string(&name, components[i].name);
    if (model_has(p->model, components[i].role))
      ok = add_kept(p, &name, err);
    else
      eq_buffer_format(&p->remarks, "%s has no %s: left out\n", p->model->name, components[i].name);
    eq_buffer_free(&name);
  }
  return ok;
}

static bool by_layer(struct eq_plan *p, const char *kind, const char *part, struct eq_err *err) {
  size_t n = p->model->config.n_layers;
  struct eq_buffer text = { 0 };
  bool ok = has_layers(p, kind, err);
  for (size_t i = 0; ok && i < n; i++) {
    text.size = 0;
    eq_buffer_format(&text, "L%zu.%s", i, part);
    ok = add_kept(p, &text, err);
  }
  eq_buffer_free(&text);
  return ok;
}

static bool make_mlp_by_layer(struct eq_plan *p, struct eq_err *err) { return by_layer(p, "mlp-by-layer", "mlp", err); }
static bool make_attn_by_layer(struct eq_plan *p, struct eq_err *err) {
  return by_layer(p, "attn-by-layer", "attn", err);
}

static bool make_heads(struct eq_plan *p, struct eq_err *err) {
  const struct eq_heads *h = &p->model->heads;
  size_t layers = p->model->config.n_layers;
  struct eq_buffer text = { 0 };
  bool ok = has_layers(p, "heads", err) && fits((uint64_t)layers * h->n, "heads", "layers", layers, err);
  if (ok && h->n > h->n_kv)
    eq_buffer_format(&p->remarks, "a head shares its keys and values with %zu others: they are kept with it\n",
                     h->n / h->n_kv - 1);
  for (size_t i = 0; ok && i < layers * h->n; i++) {
    text.size = 0;
    eq_buffer_format(&text, "L%zu.attn.h%zu", i / h->n, i % h->n);
    ok = add_kept(p, &text, err);
  }
  eq_buffer_free(&text);
  return ok;
}

/* ---- widths ---- */

/* Adds the steps "prune=0.5+int4/g128" with integers of that width; *n counts them. */
static bool add_steps(struct eq_str text, unsigned bits, struct eq_buffer *out, size_t *n, struct eq_err *err) {
  struct eq_steps steps;
  if (!eq_steps_parse(text.p, text, &steps, err)) return false;
  for (size_t i = 0; i < steps.n; i++)
    if (steps.step[i].kind == EQ_INT || steps.step[i].kind == EQ_ASYMMETRIC) steps.step[i].bits = bits, ++*n;
  eq_steps_print(out, &steps);
  return true;
}

/* A clause of a canonical recipe: its selectors as they are, its scheme at that width; a preset has no scheme. */
static bool add_clause(struct eq_str clause, unsigned bits, struct eq_buffer *out, size_t *n, struct eq_err *err) {
  struct eq_str scheme = clause, selectors = { clause.p, 0 };
  if (!eq_scheme_begins(clause)) selectors = eq_str_cut(&scheme, '=');
  if (out->size) eq_buffer_string(out, ";");
  if (selectors.n == clause.n) return eq_buffer_add(out, clause.p, clause.n), true;
  if (selectors.n) eq_buffer_format(out, "%.*s=", EQ_STR(selectors));
  return add_steps(scheme, bits, out, n, err);
}

static bool make_bits(struct eq_plan *p, struct eq_err *err) {
  const char *base = eq_recipe_canonical(p->base.recipes[0]);
  bool ok = true;
  for (unsigned bits = 8; ok && bits >= 2; bits--) {
    struct eq_str rest = eq_str(base);
    struct eq_buffer recipe = { 0 };
    size_t n = 0;
    char part[16] = { (char)('0' + bits), 0 };
    while (ok && rest.n) {
      /* A copy of its own, for a caret to stand under. */
      struct eq_str clause = eq_str_cut(&rest, ';');
      char *text = eq_copy_string(clause.p, clause.n);
      ok = text ? add_clause(eq_str(text), bits, &recipe, &n, err) : eq_fail_memory(err, clause.n, "a clause");
      free(text);
    }
    if (ok && !n) ok = eq_fail(err, EQ_BAD, "bits: the base %s rounds to no integers, int2-8 or u2-8", base);
    if (ok) ok = recipe.failed ? eq_fail_memory(err, recipe.size, "a recipe") : add(p, recipe.data, part, err);
    eq_buffer_free(&recipe);
  }
  return ok;
}

/* ---- grids ---- */

static bool add_combinations(struct eq_plan *p, const struct eq_grid *g, struct eq_err *err) {
  if (g->combinations > EQ_PLAN_MAX)
    return eq_fail(err, EQ_BAD, "%s: %s%" PRIu64 " combinations, at most %d make a plan", p->options.grid,
                   g->combinations == UINT64_MAX ? "more than " : "", g->combinations, EQ_PLAN_MAX);
  for (uint64_t i = 0; i < g->combinations; i++) {
    char *recipe = eq_grid_recipe(g, i);
    bool ok = recipe ? add(p, recipe, NULL, err) : eq_fail_memory(err, 64, "a recipe");
    if (!ok) eq_fail_prefix(err, "%s: combination %" PRIu64 ": ", p->options.grid, i + 1);
    free(recipe);
    if (!ok) return false;
  }
  return true;
}

static bool make_grid(struct eq_plan *p, struct eq_err *err) {
  struct eq_file f;
  struct eq_grid g = { 0 };
  if (!p->options.grid) return eq_fail(err, EQ_BAD, "grid: FILE is missing: lines with alternatives");
  if (!eq_file_map(&f, p->options.grid, err)) return false;
  bool ok = eq_grid_read(&g, p->options.grid, (struct eq_str){ f.data, f.size }, err) && add_combinations(p, &g, err);
  eq_grid_free(&g);
  eq_file_unmap(&f);
  return ok;
}

/* ---- sizes ---- */

static bool weigh(struct eq_plan *p, const struct eq_recipe *r, struct eq_footprint *size, struct eq_err *err) {
  const struct eq_model *m = p->model;
  if (!eq_recipe_resolve(r, m->params, m->n_params, m->config.n_layers, &p->made, p->treatments, err)) return false;
  *size = eq_model_footprint(m, p->treatments);
  return true;
}

/* Bytes of a recipe over the base's: of what is protected, where it may not shrink the model. */
static bool overhead_of(struct eq_plan *p, const char *recipe, uint64_t *overhead, struct eq_err *err) {
  struct eq_footprint size = { 0 };
  struct eq_recipe *r = eq_recipe_parse(recipe, err);
  bool ok = r && weigh(p, r, &size, err);
  if (ok && size.bytes < p->base_bytes)
    ok = eq_fail(err, EQ_BAD, "random: %s is smaller than the base %s: there is no overhead to match",
                 eq_recipe_canonical(r), eq_recipe_canonical(p->base.recipes[0]));
  *overhead = ok ? size.bytes - p->base_bytes : 0;
  eq_recipe_free(r);
  return ok;
}

/* ---- random sets of a matched size ---- */

/* What sets are made of. Parts may not share a tensor, so that their overheads add up. */
static const struct division {
  const char *name;
  size_t n; /* parts a layer */
  const char *parts[2];
} divisions[] = { { "layers", 1, { "" } }, { "blocks", 2, { ".attn", ".mlp" } } };

struct control {
  struct eq_plan *p;
  const struct division *of;
  size_t n; /* parts in all */
  uint64_t *sizes, wanted;
  bool *chosen;
  struct eq_matched sets;
  const struct eq_treatment **like; /* [n_params]: what the others are matched with is no control of itself */
  struct eq_buffer text;
};

static void print_part(const struct control *c, size_t i, struct eq_buffer *out) {
  eq_buffer_format(out, "L%zu%s", i / c->of->n, c->of->parts[i % c->of->n]);
}

static bool weigh_parts(struct control *c, struct eq_err *err) {
  const char *base = eq_recipe_canonical(c->p->base.recipes[0]);
  bool ok = true;
  for (size_t i = 0; ok && i < c->n; i++) {
    c->text.size = 0;
    eq_buffer_format(&c->text, "%s;", base);
    print_part(c, i, &c->text);
    eq_buffer_string(&c->text, "=keep");
    ok = !c->text.failed || eq_fail_memory(err, c->text.size, "a recipe");
    ok = ok && overhead_of(c->p, c->text.data, &c->sizes[i], err);
  }
  return ok;
}

static bool prepare(struct control *c, struct eq_err *err) {
  const struct eq_plan_options *o = &c->p->options;
  for (size_t i = 0; i < sizeof divisions / sizeof *divisions; i++)
    if (strcmp(divisions[i].name, o->of) == 0) c->of = &divisions[i];
  if (!c->of) return eq_fail(err, EQ_BAD, "--of: '%s' is neither layers nor blocks", o->of);
  if (!base_changes(c->p, err)) return false;
  if (!o->like) return eq_fail(err, EQ_BAD, "random: --like RECIPE is missing: whose overhead is matched");
  if (!(o->within >= 0 && o->within <= 100)) return eq_fail(err, EQ_BAD, "--within: %g is not in 0-100", o->within);
  if (o->n < 1 || o->n > EQ_PLAN_MAX) return eq_fail(err, EQ_BAD, "-n: %" PRIu64 " is not in 1-%d", o->n, EQ_PLAN_MAX);
  c->n = c->p->model->config.n_layers * c->of->n;
  c->sizes = eq_array(c->n, sizeof *c->sizes);
  c->chosen = eq_array(c->n, sizeof *c->chosen);
  if (!c->sizes || !c->chosen) return eq_fail_memory(err, c->n * sizeof *c->sizes, "sizes");
  size_t bytes = c->p->model->n_params * sizeof(struct eq_treatment *);
  if (!(c->like = eq_array(1, bytes))) return eq_fail_memory(err, bytes, "treatments");
  if (!overhead_of(c->p, o->like, &c->wanted, err)) return false;
  memcpy(c->like, c->p->treatments, bytes);
  if (!weigh_parts(c, err)) return false;
  double slack = floor((double)c->wanted * o->within / 100);
  uint64_t lo = c->wanted - (uint64_t)slack, hi = c->wanted + (uint64_t)slack;
  return eq_matched_count(&c->sets, c->sizes, c->n, lo, hi, err);
}

/* Does the base with the parts in c->text kept do to the model what the recipe does that it is matched with? */
static bool is_like(struct control *c, bool *is, struct eq_err *err) {
  struct eq_plan *p = c->p;
  struct eq_footprint size;
  struct eq_buffer recipe = { 0 };
  eq_buffer_string(&recipe, eq_recipe_canonical(p->base.recipes[0]));
  if (c->text.size) eq_buffer_format(&recipe, ";%s=keep", c->text.data);
  bool ok = !recipe.failed && !c->text.failed ? true : eq_fail_memory(err, recipe.size, "a recipe");
  struct eq_recipe *r = ok ? eq_recipe_parse(recipe.data, err) : NULL;
  ok = r && weigh(p, r, &size, err);
  *is = ok && memcmp(p->treatments, c->like, p->model->n_params * sizeof(struct eq_treatment *)) == 0;
  eq_recipe_free(r);
  eq_buffer_free(&recipe);
  return ok;
}

/* Adds the set that was drawn, unless it is there already. */
static bool add_set(struct control *c, struct eq_err *err) {
  size_t repeated = c->p->list.repeated;
  bool like;
  c->text.size = 0;
  for (size_t i = 0; i < c->n; i++) {
    if (!c->chosen[i]) continue;
    if (c->text.size) eq_buffer_string(&c->text, ",");
    print_part(c, i, &c->text);
  }
  if (!is_like(c, &like, err) || (!like && !add_kept(c->p, &c->text, err))) return false;
  c->p->list.repeated = repeated; /* what is drawn again is no repetition of the user's */
  return true;
}

/* Of N sets, all but a few are hardly ever drawn before 40 N draws: the odds that one of 2^17 is left are below 1e-12.
 */
enum { DRAWS = 64 };

static bool draw_sets(struct control *c, struct eq_err *err) {
  struct eq_plan *p = c->p;
  const struct eq_plan_options *o = &p->options;
  size_t first = p->list.n, wanted = first + o->n;
  bool ok = true;
  for (uint64_t i = 0; ok && c->sets.count > 0 && p->list.n < wanted && i < DRAWS * o->n + DRAWS; i++) {
    eq_matched_draw(&c->sets, o->seed, i, c->chosen);
    ok = add_set(c, err);
  }
  if (!ok || p->list.n == wanted) return ok;
  if (o->up_to)
    return eq_buffer_format(&p->remarks, "random: there are only %zu other sets of %s that cost as much as %s\n",
                            p->list.n - first, o->of, o->like),
           true;
  return eq_fail(err, EQ_DATA,
                 "random: of the %" PRIu64
                 " sets of %s that were asked for there are %zu: in all %.0f cost the %" PRIu64
                 " bytes of %s, within %g %%, itself not counted",
                 o->n, o->of, p->list.n - first, c->sets.count, c->wanted, o->like, o->within);
}

static bool make_random(struct eq_plan *p, struct eq_err *err) {
  struct control c = { .p = p };
  bool ok = has_layers(p, "random", err) && prepare(&c, err) && draw_sets(&c, err);
  eq_matched_free(&c.sets);
  eq_buffer_free(&c.text);
  free(c.sizes);
  free(c.chosen);
  free(c.like);
  return ok;
}

/* ---- the kinds ---- */

/* To add a kind: a row here and a line in eq-plan's manual. */
static const struct {
  const char *name;
  bool (*make)(struct eq_plan *p, struct eq_err *err);
} kinds[] = {
  { "single", make_single },
  { "pairs", make_pairs },
  { "triples", make_triples },
  { "subsets", make_subsets },
  { "prefixes", make_prefixes },
  { "components", make_components },
  { "mlp-by-layer", make_mlp_by_layer },
  { "attn-by-layer", make_attn_by_layer },
  { "heads", make_heads },
  { "bits", make_bits },
  { "random", make_random },
  { "grid", make_grid },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

void eq_plan_kinds(struct eq_buffer *out) {
  for (size_t i = 0; i < KINDS; i++) eq_buffer_format(out, "%s%s", i ? ", " : "", kinds[i].name);
}

bool eq_plan_open(struct eq_plan *p, const struct eq_model *model, struct eq_plan_options options, struct eq_err *err) {
  struct eq_footprint size = { 0 };
  *p = (struct eq_plan){ .model = model, .options = options };
  if (!eq_recipes_add(&p->base, options.base, err)) return eq_fail_prefix(err, "--base: "), false;
  if (!model) return true;
  p->treatments = eq_array(model->n_params, sizeof *p->treatments);
  if (!p->treatments) return eq_fail_memory(err, model->n_params * sizeof *p->treatments, "treatments");
  if (!weigh(p, p->base.recipes[0], &size, err)) return eq_fail_prefix(err, "--base: "), false;
  p->base_bytes = size.bytes;
  return true;
}

void eq_plan_close(struct eq_plan *p) {
  for (size_t i = 0; p->parts && i < p->list.n - p->first; i++) free(p->parts[i]);
  free(p->parts);
  eq_recipes_free(&p->list);
  eq_recipes_free(&p->base);
  eq_treatments_free(&p->made);
  free(p->treatments);
  eq_buffer_free(&p->remarks);
  *p = (struct eq_plan){ 0 };
}

bool eq_plan_make(struct eq_plan *p, const char *kind, struct eq_err *err) {
  struct eq_buffer known = { 0 };
  for (size_t i = 0; i < KINDS; i++)
    if (strcmp(kinds[i].name, kind) == 0) return p->kind = kinds[i].name, p->first = p->list.n, kinds[i].make(p, err);
  eq_plan_kinds(&known);
  eq_fail(err, EQ_BAD, "there is no kind '%s': known are %s", kind, known.failed ? "" : known.data);
  eq_buffer_free(&known);
  return false;
}

bool eq_plan_record(struct eq_plan *p, size_t i, struct eq_planned *record, struct eq_err *err) {
  double none = eq_absent_f64();
  struct eq_footprint size = { 0 };
  *record = (struct eq_planned){ .recipe = eq_str(eq_recipe_canonical(p->list.recipes[i])),
                                 .bytes = EQ_ABSENT,
                                 .bits = none,
                                 .overhead = none,
                                 .overhead_percent = none,
                                 .missing = EQ_ABSENT,
                                 .cells = EQ_ABSENT };
  if (p->kind && i >= p->first) {
    record->plan = eq_str(p->kind);
    if (p->parts[i - p->first]) record->part = eq_str(p->parts[i - p->first]);
  }
  if (!p->model) return true;
  if (!weigh(p, p->list.recipes[i], &size, err)) return false;
  record->model = eq_str(p->model->name);
  record->base = eq_str(eq_recipe_canonical(p->base.recipes[0]));
  record->bytes = size.bytes;
  record->bits = 8 * (double)size.bytes / (double)size.weights;
  record->overhead = (double)size.bytes - (double)p->base_bytes;
  record->overhead_percent = 100 * record->overhead / (double)p->base_bytes;
  return true;
}
