/* eq-pareto: plans and disparities in, what each recipe costs beside what it hurts out, and which of them nothing
 * beats.
 */
#include "lib/measure/fronts.h"

#include "lib/tool/tool.h"

struct args {
  const char *chosen;
  bool front;
};

static const struct eq_option options[] = {
  { 'f', "front", EQ_FLAG, offsetof(struct args, front), NULL, "only those that are on a front, or were chosen",
    false },
  { 'c', "chosen", EQ_TEXT, offsetof(struct args, chosen), "FILE",
    "what this tool wrote of other segments: the fronts there are said", false },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-pareto",
  .summary = "what recipes cost beside what they hurt, and those that nothing beats",
  .usage = "[-f] [-c FILE] <plan-and-damage >pareto",
  .options = options,
  .examples = "eq-plan prefixes -m corpora/mini -r none -o plan.mp\n"
              "eq-text -c corpora/udhr -l en,de,he --limit 3 | eq-token -m corpora/mini |\n"
              "  eq-ppl -m corpora/mini -R plan.mp | eq-disparity | cat plan.mp - | eq-pareto -f | eq-show",
  .see_also = "eq-plan(1), eq-disparity(1), eq-plot(1), eq(1)",
  .streams = EQ_READS | EQ_WRITES,
};

/* Plans and disparities go to the table; damages, which they were made of, end here; all others are passed on. */
static bool collect(struct eq_tool *t, struct eq_fronts *f) {
  struct eq_record r;
  struct eq_planned planned;
  struct eq_disparity d;
  bool ok = true;
  while (ok && eq_tool_read(t, &r)) {
    if (eq_record_is(&r, &eq_kind_recipe))
      ok = eq_record_get(&r, &eq_kind_recipe, &planned, &t->err) && eq_fronts_add_size(f, &planned, &t->err);
    else if (eq_record_is(&r, &eq_kind_disparity))
      ok = eq_record_get(&r, &eq_kind_disparity, &d, &t->err) && eq_fronts_add_damage(f, &d, &t->err);
    else if (!eq_record_is(&r, &eq_kind_damage) && !eq_record_is(&r, &eq_kind_interaction))
      eq_write(t->out, &r);
  }
  return ok && !t->err.code && eq_reader_error(t->in)->code != EQ_BAD;
}

static bool read_choice(struct eq_tool *t, const char *path, struct eq_fronts *f) {
  struct eq_reader *in = path ? eq_reader_open(path, &t->err) : NULL;
  struct eq_record r;
  struct eq_pareto p;
  bool ok = !path || in;
  while (ok && in && eq_read(in, &r))
    if (eq_record_is(&r, &eq_kind_pareto))
      ok = eq_record_get(&r, &eq_kind_pareto, &p, &t->err) && eq_fronts_add_choice(f, &p, &t->err);
  if (ok && in && eq_reader_error(in)->code)
    ok = eq_fail(&t->err, eq_reader_error(in)->code, "%s", eq_reader_error(in)->text);
  eq_reader_free(in);
  return ok;
}

static void say(struct eq_tool *t, size_t n, const char *what) {
  if (n) eq_tool_say(t, "%zu recipes %s: left out", n, what);
}

static void write_all(struct eq_tool *t, const struct args *a, const struct eq_fronts *f) {
  for (size_t i = 0; i < f->n && !eq_writer_failed(t->out); i++)
    if (!a->front || f->items[i].is.front.n || f->items[i].is.chosen.n)
      eq_write_kind(t->out, &eq_kind_pareto, &f->items[i].is, NULL);
  say(t, f->unsized, "were measured, but no plan says their size");
  say(t, f->unmeasured, "were planned, but not measured");
  say(t, f->undefined, "have no number for a measure");
}

int main(int argc, char **argv) {
  struct args a = { 0 };
  struct eq_tool t;
  struct eq_fronts fronts = { 0 };
  if (eq_tool_begin(&t, &command, argc, argv, &a) && read_choice(&t, a.chosen, &fronts) && collect(&t, &fronts) &&
      eq_fronts_close(&fronts, &t.err))
    write_all(&t, &a, &fronts);
  int status = eq_tool_end(&t);
  eq_fronts_free(&fronts);
  return status;
}
