#include "lib/measure/scores.h"

#include <math.h>
#include <stdlib.h>

/* Models have contexts and prefixes of their own. */
static bool note_settings(struct eq_scores *s, const struct eq_surprisal *r) {
  uint32_t number;
  s->key.size = 0;
  eq_buffer_add(&s->key, r->model.p, r->model.n);
  eq_buffer_add(&s->key, "", 1);
  eq_buffer_add(&s->key, r->settings.p, r->settings.n);
  return !s->key.failed && eq_names_add(&s->settings, (struct eq_str){ s->key.data, s->key.size }, &number);
}

bool eq_scores_add(struct eq_scores *s, const struct eq_surprisal *r, struct eq_err *err) {
  bool scored = !r->excluded.p && r->n_scored > 0 && isfinite(r->nll);
  struct eq_score row = {
    .n_scored = r->n_scored, .bytes = r->bytes, .chars = r->chars, .vocab = r->vocab, .nll = scored ? r->nll : NAN
  };
  struct eq_score *rows = eq_array_grow(s->rows, s->n, &s->capacity, sizeof *rows);
  if (rows) s->rows = rows;
  uint32_t way;
  if (!rows || !eq_names_add(&s->ways, r->as.p ? r->as : eq_str(""), &way) || !note_settings(s, r) ||
      !eq_names_add(&s->models, r->model, &row.model) || !eq_names_add(&s->recipes, r->recipe, &row.recipe) ||
      !eq_names_add(&s->langs, r->lang, &row.lang) || !eq_names_add(&s->ids, r->id, &row.id))
    return eq_fail_memory(err, s->n * sizeof *rows, "surprisal records");
  s->rows[s->n++] = row;
  return true;
}

static int by_number(uint64_t a, uint64_t b) { return (a > b) - (a < b); }

static int compare(const void *left, const void *right) {
  const struct eq_score *a = left, *b = right;
  int order = by_number(a->model, b->model);
  if (!order) order = by_number(a->recipe, b->recipe);
  if (!order) order = by_number(a->lang, b->lang);
  return order ? order : by_number(a->id, b->id);
}

/* The order of the sort: of records of one key too, so that what an error names does not depend on what came first.
 * Those that were not scored come last. */
static int compare_all(const void *left, const void *right) {
  const struct eq_score *a = left, *b = right;
  int order = compare(a, b);
  if (!order) order = isnan(a->nll) - isnan(b->nll);
  if (!order) order = (a->nll > b->nll) - (a->nll < b->nll);
  if (!order) order = by_number(a->n_scored, b->n_scored);
  if (!order) order = by_number(a->bytes, b->bytes);
  if (!order) order = by_number(a->chars, b->chars);
  return order ? order : by_number(a->vocab, b->vocab);
}

static bool differ(const struct eq_scores *s, const struct eq_score *a, const struct eq_score *b, struct eq_err *err) {
  struct eq_str lang = s->langs.items[a->lang], id = s->ids.items[a->id], recipe = s->recipes.items[a->recipe];
  return eq_fail(err, EQ_BAD,
                 "segment '%.*s' of '%.*s' under recipe '%.*s' has two records that differ (nll %.9g, n_scored %lld, "
                 "bytes %lld, chars %lld, vocab %lld; and %.9g, %lld, %lld, %lld, %lld; -1: absent): score each "
                 "segment once under each recipe",
                 EQ_STR(id), EQ_STR(lang), EQ_STR(recipe), a->nll, (long long)a->n_scored, (long long)a->bytes,
                 (long long)a->chars, (long long)a->vocab, b->nll, (long long)b->n_scored, (long long)b->bytes,
                 (long long)b->chars, (long long)b->vocab);
}

/* Sorts one table of names and gives the rows its new numbers; `member` is the offset of the number in a row. */
static bool renumber(struct eq_scores *s, struct eq_names *names, size_t member) {
  uint32_t *rank = eq_array(names->n, sizeof *rank);
  if (!rank || !eq_names_sort(names, rank)) return free(rank), false;
  for (size_t i = 0; i < s->n; i++) {
    uint32_t *number = (uint32_t *)((char *)&s->rows[i] + member);
    *number = rank[*number];
  }
  free(rank);
  return true;
}

/* The order of names does not depend on what came first. */
static bool one_way(struct eq_scores *s, struct eq_err *err) {
  uint32_t *rank = eq_array(s->ways.n, sizeof *rank);
  bool sorted = rank && eq_names_sort(&s->ways, rank);
  free(rank);
  if (!sorted) return eq_fail_memory(err, s->ways.n * sizeof *rank, "ways of scoring");
  if (s->ways.n <= 1) return true;
  struct eq_str a = s->ways.items[0], b = s->ways.items[1];
  return eq_fail(err, EQ_BAD,
                 "surprisal records %s%.*s and as %.*s: numbers of different ways of scoring do not compare, give one "
                 "at a time",
                 a.n ? "as " : "without --as", EQ_STR(a), EQ_STR(b));
}

static bool one_setting(struct eq_scores *s, struct eq_err *err) {
  uint32_t *rank = eq_array(s->settings.n, sizeof *rank);
  bool sorted = rank && eq_names_sort(&s->settings, rank);
  free(rank);
  if (!sorted) return eq_fail_memory(err, s->settings.n * sizeof *rank, "settings");
  for (size_t i = 1; i < s->settings.n; i++) {
    struct eq_str a = s->settings.items[i - 1], b = s->settings.items[i], model = eq_str_cut(&a, 0);
    if (eq_str_equal(model, eq_str_cut(&b, 0)))
      return eq_fail(err, EQ_BAD,
                     "surprisal records of %.*s with settings '%.*s' and '%.*s': numbers of different ways of scoring "
                     "do not compare, give one at a time",
                     EQ_STR(model), EQ_STR(a), EQ_STR(b));
  }
  return true;
}

bool eq_scores_close(struct eq_scores *s, struct eq_err *err) {
  if (!one_way(s, err) || !one_setting(s, err)) return false;
  if (!renumber(s, &s->models, offsetof(struct eq_score, model)) ||
      !renumber(s, &s->recipes, offsetof(struct eq_score, recipe)) ||
      !renumber(s, &s->langs, offsetof(struct eq_score, lang)) || !renumber(s, &s->ids, offsetof(struct eq_score, id)))
    return eq_fail_memory(err, s->n * sizeof(uint32_t), "the order of surprisal records");
  if (s->n) qsort(s->rows, s->n, sizeof *s->rows, compare_all);
  size_t kept = 0;
  for (size_t i = 0; i < s->n; i++) {
    if (kept && compare(&s->rows[kept - 1], &s->rows[i]) == 0) {
      if (compare_all(&s->rows[kept - 1], &s->rows[i])) return differ(s, &s->rows[kept - 1], &s->rows[i], err);
    } else
      s->rows[kept++] = s->rows[i];
  }
  s->n = kept;
  return true;
}

/* The first row whose key is not below that of `key`. */
static size_t lower_bound(const struct eq_scores *s, const struct eq_score *key) {
  size_t from = 0, to = s->n;
  while (from < to) {
    size_t at = from + (to - from) / 2;
    if (compare(&s->rows[at], key) < 0)
      from = at + 1;
    else
      to = at;
  }
  return from;
}

struct eq_score_rows eq_scores_of(const struct eq_scores *s, uint32_t model, uint32_t recipe, uint32_t lang) {
  struct eq_score first = { .model = model }, after = first;
  if (recipe == EQ_ANY)
    after.model++;
  else {
    first.recipe = after.recipe = recipe;
    if (lang == EQ_ANY)
      after.recipe++;
    else {
      first.lang = after.lang = lang;
      after.lang++;
    }
  }
  size_t from = lower_bound(s, &first), to = lower_bound(s, &after);
  return (struct eq_score_rows){ s->rows + from, to - from };
}

void eq_scores_free(struct eq_scores *s) {
  eq_names_free(&s->models);
  eq_names_free(&s->recipes);
  eq_names_free(&s->langs);
  eq_names_free(&s->ids);
  eq_names_free(&s->ways);
  eq_names_free(&s->settings);
  eq_buffer_free(&s->key);
  free(s->rows);
  *s = (struct eq_scores){ 0 };
}
