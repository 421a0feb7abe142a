#include "lib/measure/cells.h"

#include <stdlib.h>

#include "lib/measure/resumed.h"

static bool fail_memory(const struct eq_cells *c, struct eq_err *err) {
  return eq_fail_memory(err, c->n * sizeof *c->done, "cells");
}

bool eq_cells_recipe(struct eq_cells *c, const char *recipe, struct eq_err *err) {
  uint32_t number;
  if (!eq_names_add(&c->recipes, eq_str(recipe), &number)) return fail_memory(c, err);
  c->n_recipes = c->recipes.n;
  return true;
}

/* The number of a segment, a new one if need be. */
static bool number_of(struct eq_cells *c, struct eq_str lang, struct eq_str id, uint32_t *number, struct eq_err *err) {
  struct eq_buffer name = { 0 };
  eq_buffer_add(&name, lang.p, lang.n);
  eq_buffer_add(&name, "", 1);
  eq_buffer_add(&name, id.p, id.n);
  bool ok = !name.failed && eq_names_add(&c->segments, (struct eq_str){ name.data, name.size }, number);
  eq_buffer_free(&name);
  return ok || fail_memory(c, err);
}

/* "where: record 3 (tokens): 'id' is missing, expected a string" */
static bool get_string(const struct eq_record *r, const char *key, struct eq_str *value, struct eq_err *err) {
  return eq_record_string(r, key, value) ||
         eq_fail(err, EQ_BAD, "%s: record %llu (%.*s): '%s' is missing, expected a string", r->where,
                 (unsigned long long)r->number, EQ_STR(r->kind), key);
}

/* Is the planned segment one text throughout? The first that says so counts. */
static bool is_of(struct eq_cells *c, uint32_t number, uint64_t of, const struct eq_record *r, struct eq_err *err) {
  if (number >= c->n_segments || of == EQ_ABSENT) return true;
  if (!c->texts[number]) c->texts[number] = 1 + of;
  struct eq_str id = c->segments.items[number], lang = eq_str_cut(&id, 0);
  return c->texts[number] == 1 + of ||
         eq_fail(err, EQ_BAD, "%s: record %llu (%.*s): '%.*s' of '%.*s' is of another text than the planned one",
                 r->where, (unsigned long long)r->number, EQ_STR(r->kind), EQ_STR(id), EQ_STR(lang));
}

bool eq_cells_segment(struct eq_cells *c, const struct eq_record *r, struct eq_err *err) {
  struct eq_str lang, id;
  uint32_t number;
  if (!eq_record_is(r, &eq_kind_tokens) && !eq_record_is(r, &eq_kind_text)) return true;
  if (!get_string(r, "lang", &lang, err) || !get_string(r, "id", &id, err) || !number_of(c, lang, id, &number, err))
    return false;
  size_t before = c->n_segments;
  uint64_t *grown = eq_array_grow(c->texts, before, &c->texts_capacity, sizeof *grown);
  if (!grown) return fail_memory(c, err);
  c->texts = grown, c->n_segments = c->segments.n;
  if (c->n_segments > before) grown[number] = 0;
  return !eq_record_is(r, &eq_kind_tokens) || is_of(c, number, eq_resumed_of(r), r, err);
}

/* What the results must have in common, with what it is called. */
static bool same(struct eq_names *seen, const char *what, struct eq_str found, const struct eq_record *r,
                 struct eq_err *err) {
  uint32_t number;
  if (!eq_names_add(seen, found, &number)) return eq_fail_memory(err, found.n, "a name");
  return number == 0 || eq_fail(err, EQ_BAD, "%s: record %llu (surprisal) is of %s '%.*s', those before it of '%.*s'",
                                r->where, (unsigned long long)r->number, what, EQ_STR(found), EQ_STR(seen->items[0]));
}

/* All that tells how a segment was scored. */
static bool same_settings(struct eq_cells *c, const struct eq_record *r, struct eq_err *err) {
  static const char *const keys[] = { "settings", "as", "reference" };
  struct eq_buffer text = { 0 };
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    struct eq_str value;
    if (!eq_record_string(r, keys[i], &value)) continue;
    eq_buffer_format(&text, "%s%s ", text.size ? ", " : "", keys[i]);
    eq_buffer_add(&text, value.p, value.n);
  }
  struct eq_str found = { text.size ? text.data : "", text.size };
  bool ok = !text.failed ? same(&c->settings, "settings", found, r, err) : fail_memory(c, err);
  eq_buffer_free(&text);
  return ok;
}

bool eq_cells_result(struct eq_cells *c, const struct eq_record *r, struct eq_err *err) {
  struct eq_surprisal s;
  struct eq_cell cell;
  if (!eq_record_is(r, &eq_kind_surprisal)) return true;
  if (!eq_record_get(r, &eq_kind_surprisal, &s, err) || !same(&c->models, "model", s.model, r, err) ||
      !same_settings(c, r, err))
    return false;
  struct eq_cell *grown = eq_array_grow(c->done, c->n, &c->capacity, sizeof *grown);
  if (!grown || !eq_names_add(&c->recipes, s.recipe, &cell.recipe)) return fail_memory(c, err);
  c->done = grown;
  if (!number_of(c, s.lang, s.id, &cell.segment, err) || !is_of(c, cell.segment, s.of, r, err)) return false;
  c->done[c->n++] = cell;
  return true;
}

bool eq_cells_count(const struct eq_cells *c, uint64_t *missing, uint64_t *segments, struct eq_err *err) {
  size_t n = c->n_segments ? c->n_segments : c->segments.n, bytes = n / 8 + 1;
  unsigned char *there = eq_array(c->n_recipes, bytes); /* a bit a cell */
  if (!there) return eq_fail_memory(err, c->n_recipes * bytes, "cells");
  for (size_t i = 0; i < c->n_recipes; i++) missing[i] = n;
  for (size_t i = 0; i < c->n; i++) {
    struct eq_cell cell = c->done[i];
    if (cell.recipe >= c->n_recipes || cell.segment >= n) continue; /* not planned */
    unsigned char *byte = &there[cell.recipe * bytes + cell.segment / 8], bit = (unsigned char)(1 << cell.segment % 8);
    missing[cell.recipe] -= !(*byte & bit);
    *byte |= bit;
  }
  *segments = n;
  free(there);
  return true;
}

void eq_cells_free(struct eq_cells *c) {
  eq_names_free(&c->recipes);
  eq_names_free(&c->segments);
  eq_names_free(&c->models);
  eq_names_free(&c->settings);
  free(c->texts);
  free(c->done);
  *c = (struct eq_cells){ 0 };
}
