/* eq-disparity: surprisal in, damage to each language and its disparity out. */
#include <stdlib.h>

#include "lib/base/pool.h"
#include "lib/measure/disparity.h"
#include "lib/measure/groups.h"
#include "lib/measure/interaction.h"
#include "lib/recipe/recipe.h"
#include "lib/tool/tool.h"

struct args {
  const char *base, *groups, *low, *high;
  uint64_t replicates, seed, threads;
};

static const struct eq_option options[] = {
  { 0, NULL, EQ_HEADING, 0, NULL, "what is compared", false },
  { 'b', "base", EQ_TEXT, offsetof(struct args, base), "RECIPE", "recipe that the others are paired with (none)",
    false },
  { 'g', "groups", EQ_TEXT, offsetof(struct args, groups), "COLUMN|FILE",
    "column of the language table, or a file: language TAB group (group)", false },
  { 0, "low", EQ_TEXT, offsetof(struct args, low), "NAMES", "groups whose mean is the ratio's numerator (low)", false },
  { 0, "high", EQ_TEXT, offsetof(struct args, high), "NAMES", "groups whose mean is its denominator (high)", false },
  { 0, NULL, EQ_HEADING, 0, NULL, "the bootstrap", false },
  { 'B', "replicates", EQ_UINT, offsetof(struct args, replicates), "N", "replicates of an interval (10000)", false },
  { 0, "seed", EQ_UINT, offsetof(struct args, seed), "N", "seed of the draws (0)", false },
  { 't', "threads", EQ_UINT, offsetof(struct args, threads), "N", "threads, 0 for all (0)", true },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-disparity",
  .summary = "how much each recipe hurts each language, and how unequally",
  .usage = "[-b RECIPE] [-g COLUMN|FILE] [-B N] [OPTION]... <surprisal >damage",
  .options = options,
  .examples = "eq-text -c corpora/udhr -l en,ar,he --limit 4 | eq-token -m corpora/mini |\n"
              "  eq-ppl -m corpora/mini -r none -r int4 -r int4/tensor | eq-disparity | eq-show -k disparity\n"
              "eq-disparity -i tests/golden/surprisal.mp -g joshi --low 3,4 --high 5 | eq-show -k damage",
  .see_also = "eq-ppl(1), eq-show(1), eq-plot(1), eq(1)",
  .streams = EQ_READS | EQ_WRITES,
};

/* Surprisal records go to the table, all others on. */
static bool collect(struct eq_tool *t, struct eq_scores *scores) {
  struct eq_record r;
  struct eq_surprisal s;
  while (eq_tool_read(t, &r)) {
    if (!eq_record_is(&r, &eq_kind_surprisal))
      eq_write(t->out, &r);
    else if (!eq_record_get(&r, &eq_kind_surprisal, &s, &t->err) || !eq_scores_add(scores, &s, &t->err))
      return false;
  }
  if (t->err.code || eq_reader_error(t->in)->code == EQ_BAD) return false;
  if (scores->n == 0 && !eq_reader_error(t->in)->code)
    return eq_fail(&t->err, EQ_DATA, "no surprisal record came in: eq-ppl makes them");
  return eq_scores_close(scores, &t->err);
}

static void write_results(struct eq_tool *t, const struct eq_disparities *d) {
  for (size_t i = 0; i < d->n_recipes * d->n_langs; i++) eq_write_kind(t->out, &eq_kind_damage, &d->damages[i], NULL);
  for (size_t i = 0; i < d->n_recipes; i++) eq_write_kind(t->out, &eq_kind_disparity, &d->disparities[i], NULL);
  if (d->unscored + d->unpaired)
    eq_tool_say(t, "model '%.*s': left out %llu segments that were not scored and %llu without a pair: see `excluded`",
                EQ_STR(d->disparities->model), (unsigned long long)d->unscored, (unsigned long long)d->unpaired);
}

static bool measure_model(struct eq_tool *t, const struct eq_scores *scores, uint32_t model,
                          const struct eq_disparity_options *o) {
  struct eq_disparities d;
  struct eq_interactions x = { 0 };
  bool ok =
      eq_disparities_measure(&d, scores, model, o, &t->err) && eq_interactions_measure(&x, scores, model, o, &t->err);
  if (ok) write_results(t, &d);
  for (size_t i = 0; ok && i < x.n; i++) eq_write_kind(t->out, &eq_kind_interaction, &x.items[i], NULL);
  eq_interactions_free(&x);
  eq_disparities_free(&d);
  return ok;
}

static void measure(struct eq_tool *t, const struct args *a, const struct eq_scores *scores, struct eq_pool *pool) {
  struct eq_progress progress;
  char *base = eq_recipe_name(a->base);
  struct eq_groups groups;
  struct eq_disparity_options o = { .base = eq_str(base ? base : a->base), .seed = a->seed, .pool = pool };
  o.low = eq_str(a->low);
  o.high = eq_str(a->high);
  o.replicates = a->replicates;
  o.progress = &progress;
  eq_progress_begin(&progress, "resampling", "recipes", scores->models.n * scores->recipes.n, t->draw);
  bool ok = eq_groups_open(&groups, a->groups, &scores->langs, &t->err);
  o.groups = groups.of;
  for (uint32_t m = 0; ok && m < scores->models.n; m++) ok = measure_model(t, scores, m, &o);
  eq_progress_end(&progress);
  eq_groups_close(&groups);
  free(base);
}

int main(int argc, char **argv) {
  struct args a = { .base = "none", .groups = "group", .low = "low", .high = "high", .replicates = 10000 };
  struct eq_tool t;
  struct eq_scores scores = { 0 };
  struct eq_pool *pool = NULL;
  if (!eq_tool_begin(&t, &command, argc, argv, &a)) return eq_tool_end(&t);
  if (a.replicates < 100 || a.replicates > 1000000)
    eq_fail(&t.err, EQ_BAD, "--replicates: %llu is not in 100-1000000", (unsigned long long)a.replicates);
  else if ((pool = eq_pool_new(a.threads, &t.err)) && collect(&t, &scores))
    measure(&t, &a, &scores, pool);
  eq_scores_free(&scores);
  eq_pool_free(pool);
  return eq_tool_end(&t);
}
