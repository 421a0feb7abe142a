#include "lib/measure/names.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* The slot where a name is, or the free one where it belongs. */
static uint32_t *slot_of(const struct eq_names *names, struct eq_str name) {
  size_t at = (size_t)XXH3_64bits(name.p, name.n) & (names->n_slots - 1);
  while (names->slots[at] && !eq_str_equal(names->items[names->slots[at] - 1], name))
    at = (at + 1) & (names->n_slots - 1);
  return &names->slots[at];
}

/* Twice the slots once they are half full. */
static bool make_room(struct eq_names *names) {
  if (names->n * 2 < names->n_slots) return true;
  size_t n_slots = names->n_slots ? names->n_slots * 2 : 64;
  uint32_t *slots = names->n < UINT32_MAX - 1 ? eq_array(n_slots, sizeof *slots) : NULL;
  if (!slots) return false;
  free(names->slots);
  names->slots = slots;
  names->n_slots = n_slots;
  for (size_t i = 0; i < names->n; i++) *slot_of(names, names->items[i]) = (uint32_t)(i + 1);
  return true;
}

bool eq_names_add(struct eq_names *names, struct eq_str name, uint32_t *number) {
  if (!make_room(names)) return false;
  uint32_t *slot = slot_of(names, name);
  if (*slot == 0) {
    struct eq_str *items = eq_array_grow(names->items, names->n, &names->capacity, sizeof *items);
    if (!items) return false;
    names->items = items;
    char *copy = eq_copy_string(name.p, name.n);
    if (!copy) return false;
    items[names->n++] = (struct eq_str){ copy, name.n };
    *slot = (uint32_t)names->n;
  }
  *number = *slot - 1;
  return true;
}

struct numbered {
  struct eq_str name;
  uint32_t number;
};

static int compare(const void *a, const void *b) {
  return eq_str_compare(((const struct numbered *)a)->name, ((const struct numbered *)b)->name);
}

bool eq_names_sort(struct eq_names *names, uint32_t *rank) {
  struct numbered *order = eq_array(names->n, sizeof *order);
  if (!order) return false;
  for (size_t i = 0; i < names->n; i++) order[i] = (struct numbered){ names->items[i], (uint32_t)i };
  qsort(order, names->n, sizeof *order, compare);
  for (size_t i = 0; i < names->n; i++) {
    names->items[i] = order[i].name;
    rank[order[i].number] = (uint32_t)i;
  }
  free(order);
  return true;
}

void eq_names_free(struct eq_names *names) {
  for (size_t i = 0; i < names->n; i++) free((char *)names->items[i].p);
  free(names->items);
  free(names->slots);
  *names = (struct eq_names){ 0 };
}
