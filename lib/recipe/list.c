#include "lib/recipe/list.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

static bool is_there(const struct eq_recipe_list *l, const char *canonical) {
  for (size_t i = 0; i < l->n; i++)
    if (strcmp(eq_recipe_canonical(l->recipes[i]), canonical) == 0) return true;
  return false;
}

bool eq_recipes_add(struct eq_recipe_list *l, const char *text, struct eq_err *err) {
  struct eq_recipe *r = eq_recipe_parse(text, err);
  if (!r) return false;
  if (is_there(l, eq_recipe_canonical(r))) {
    l->repeated++;
    eq_recipe_free(r);
    return true;
  }
  struct eq_recipe **more = eq_array_grow(l->recipes, l->n, &l->capacity, sizeof(struct eq_recipe *));
  if (!more) {
    eq_recipe_free(r);
    return eq_fail_memory(err, l->n * sizeof *more, "recipes");
  }
  l->recipes = more;
  l->recipes[l->n++] = r;
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

bool eq_recipes_add_file(struct eq_recipe_list *l, const char *path, struct eq_err *err) {
  struct eq_file f;
  if (!eq_file_map(&f, path, err)) return false;
  struct eq_str rest = { f.data, f.size };
  bool ok = true;
  for (size_t number = 1; ok && rest.n; number++) ok = add_line(l, path, number, eq_str_cut(&rest, '\n'), err);
  eq_file_unmap(&f);
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
  free(l->treatments);
  eq_treatments_free(&l->all);
  *l = (struct eq_recipe_list){ 0 };
}
