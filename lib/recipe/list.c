#include "lib/recipe/list.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/stream/port.h"
#include "lib/stream/reader.h"

enum { FILE_MAX = 256 << 20 };

/* The slot where a recipe is, or the free one where it belongs. */
static uint32_t *slot_of(const struct eq_recipe_list *l, const char *canonical) {
  size_t at = (size_t)XXH3_64bits(canonical, strlen(canonical)) & (l->n_slots - 1);
  while (l->slots[at] && strcmp(eq_recipe_canonical(l->recipes[l->slots[at] - 1]), canonical) != 0)
    at = (at + 1) & (l->n_slots - 1);
  return &l->slots[at];
}

/* Twice the slots once they are half full. */
static bool make_room(struct eq_recipe_list *l) {
  struct eq_recipe **more = eq_array_grow(l->recipes, l->n, &l->capacity, sizeof(struct eq_recipe *));
  if (more) l->recipes = more;
  if (!more || l->n * 2 < l->n_slots) return more;
  size_t n_slots = l->n_slots ? l->n_slots * 2 : 64;
  uint32_t *slots = l->n < UINT32_MAX - 1 ? eq_array(n_slots, sizeof *slots) : NULL;
  if (!slots) return false;
  free(l->slots);
  l->slots = slots;
  l->n_slots = n_slots;
  for (size_t i = 0; i < l->n; i++) *slot_of(l, eq_recipe_canonical(l->recipes[i])) = (uint32_t)(i + 1);
  return true;
}

bool eq_recipes_add(struct eq_recipe_list *l, const char *text, struct eq_err *err) {
  struct eq_recipe *r = eq_recipe_parse(text, err);
  if (!r) return false;
  if (!make_room(l)) {
    eq_recipe_free(r);
    return eq_fail_memory(err, l->n * sizeof(struct eq_recipe *), "recipes");
  }
  uint32_t *slot = slot_of(l, eq_recipe_canonical(r));
  if (*slot) {
    l->repeated++;
    eq_recipe_free(r);
    return true;
  }
  l->recipes[l->n++] = r;
  *slot = (uint32_t)l->n;
  return true;
}

static bool add_line(struct eq_recipe_list *l, const char *path, size_t number, struct eq_str line,
                     struct eq_err *err) {
  while (line.n && strchr(" \t\r", line.p[line.n - 1]) && line.p[line.n - 1]) line.n--;
  while (line.n && (line.p[0] == ' ' || line.p[0] == '\t')) line.p++, line.n--;
  if (line.n == 0 || line.p[0] == '#') return true;
  if (memchr(line.p, 0, line.n)) return eq_fail(err, EQ_BAD, "%s:%zu: has a NUL byte, expected text", path, number);
  char *text = eq_copy_string(line.p, line.n);
  bool ok = text ? eq_recipes_add(l, text, err) : eq_fail_memory(err, line.n, "a recipe");
  if (!ok) eq_fail_prefix(err, "%s:%zu: ", path, number);
  free(text);
  return ok;
}

static bool add_lines(struct eq_recipe_list *l, const char *name, struct eq_str rest, struct eq_err *err) {
  bool ok = true;
  for (size_t number = 1; ok && rest.n; number++) ok = add_line(l, name, number, eq_str_cut(&rest, '\n'), err);
  return ok;
}

/* Kinds that stand for a recipe each. */
static bool is_listed(const struct eq_record *r) {
  return eq_record_is(r, &eq_kind_recipe) || eq_record_is(r, &eq_kind_pareto);
}

static bool add_record(struct eq_recipe_list *l, const struct eq_record *r, struct eq_err *err) {
  struct eq_str recipe;
  unsigned long long number = r->number;
  if (!eq_record_string(r, "recipe", &recipe) || memchr(recipe.p, 0, recipe.n))
    return eq_fail(err, EQ_BAD, "%s: record %llu (%.*s): 'recipe' is no text", r->where, number, EQ_STR(r->kind));
  char *text = eq_copy_string(recipe.p, recipe.n);
  bool ok = text ? eq_recipes_add(l, text, err) : eq_fail_memory(err, recipe.n, "a recipe");
  if (!ok) eq_fail_prefix(err, "%s: record %llu: ", r->where, number);
  free(text);
  return ok;
}

static bool add_stream(struct eq_recipe_list *l, const char *name, struct eq_str bytes, struct eq_err *err) {
  struct eq_reader *in = eq_reader_memory(bytes.p, bytes.n, name, err);
  struct eq_record r;
  bool ok = in;
  while (ok && eq_read(in, &r))
    if (is_listed(&r)) ok = add_record(l, &r, err);
  if (ok && eq_reader_error(in)->code) ok = eq_fail(err, eq_reader_error(in)->code, "%s", eq_reader_error(in)->text);
  eq_reader_free(in);
  return ok;
}

bool eq_recipes_add_bytes(struct eq_recipe_list *l, const char *name, struct eq_str bytes, struct eq_err *err) {
  unsigned char first = bytes.n ? (unsigned char)bytes.p[0] : 0;
  bool is_map = (first & 0xf0) == 0x80 || first == 0xde || first == 0xdf;
  return is_map ? add_stream(l, name, bytes, err) : add_lines(l, name, bytes, err);
}

static bool read_all(struct eq_port *p, struct eq_buffer *bytes, struct eq_err *err) {
  size_t sender;
  while (eq_port_read(p, bytes, &sender, err))
    if (bytes->size > FILE_MAX)
      return eq_fail(err, EQ_BAD, "%s: more than %d bytes, expected a list of recipes", eq_port_name(p), FILE_MAX);
  return !err->code && (!bytes->failed || eq_fail_memory(err, bytes->size, "a list of recipes"));
}

bool eq_recipes_add_file(struct eq_recipe_list *l, const char *path, struct eq_err *err) {
  struct eq_buffer bytes = { 0 };
  struct eq_port *p = eq_port_input(path, err);
  bool ok = p && read_all(p, &bytes, err) &&
            eq_recipes_add_bytes(l, eq_port_name(p), (struct eq_str){ bytes.data, bytes.size }, err);
  if (p) ok = eq_port_close(p, ok, err) && ok;
  eq_buffer_free(&bytes);
  return ok;
}

bool eq_recipes_resolve(struct eq_recipe_list *l, const struct eq_parameter *params, size_t n_params, size_t n_layers,
                        struct eq_err *err) {
  free(l->treatments);
  eq_treatments_free(&l->all);
  l->treatments = eq_array(l->n, n_params * sizeof *l->treatments);
  if (!l->treatments) return eq_fail_memory(err, l->n * n_params * sizeof *l->treatments, "recipes");
  for (size_t i = 0; i < l->n; i++)
    if (!eq_recipe_resolve(l->recipes[i], params, n_params, n_layers, &l->all, l->treatments + i * n_params, err))
      return false;
  return true;
}

void eq_recipes_free(struct eq_recipe_list *l) {
  for (size_t i = 0; i < l->n; i++) eq_recipe_free(l->recipes[i]);
  free(l->recipes);
  free(l->slots);
  free(l->treatments);
  eq_treatments_free(&l->all);
  *l = (struct eq_recipe_list){ 0 };
}
