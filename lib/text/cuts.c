#include "lib/text/cuts.h"

#include <stdlib.h>

bool eq_cut_list_add(struct eq_cut_list *l, size_t at) {
  uint32_t *grown = eq_array_grow(l->at, l->n, &l->capacity, sizeof *grown);
  if (!grown) return false;
  l->at = grown;
  grown[l->n++] = (uint32_t)at;
  return true;
}

void eq_cut_list_free(struct eq_cut_list *l) {
  free(l->at);
  *l = (struct eq_cut_list){ 0 };
}

static int by_place(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

struct eq_cuts eq_cut_list_sort(struct eq_cut_list *l) {
  size_t n = 0;
  if (l->n) qsort(l->at, l->n, sizeof *l->at, by_place);
  for (size_t i = 0; i < l->n; i++)
    if (!n || l->at[i] != l->at[n - 1]) l->at[n++] = l->at[i];
  l->n = n;
  return (struct eq_cuts){ l->at, n };
}

/* How many cuts are not after byte `at`. */
static size_t rank_of(struct eq_cuts c, size_t at) {
  size_t low = 0, high = c.n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (c.at[middle] <= at)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

size_t eq_cuts_after(struct eq_cuts c, size_t at) {
  size_t i = rank_of(c, at);
  return i < c.n ? c.at[i] : SIZE_MAX;
}

size_t eq_cuts_before(struct eq_cuts c, size_t at) {
  size_t i = rank_of(c, at);
  return i ? c.at[i - 1] : 0;
}

bool eq_cuts_rewritten(struct eq_cuts c, size_t origin, const uint32_t *from, size_t n, struct eq_cut_list *memory,
                       struct eq_cuts *result) {
  memory->n = 0;
  *result = (struct eq_cuts){ 0 };
  if (!c.n || eq_cuts_after(c, origin) == SIZE_MAX) return true;
  if (!from)
    for (size_t i = rank_of(c, origin); i < c.n && c.at[i] < origin + n; i++)
      if (!eq_cut_list_add(memory, c.at[i] - origin)) return false;
  for (size_t i = 1; from && i < n; i++) {
    if (from[i] == from[i - 1] || rank_of(c, origin + from[i]) == rank_of(c, origin + from[i - 1])) continue;
    if (!eq_cut_list_add(memory, i)) return false;
  }
  *result = (struct eq_cuts){ memory->at, memory->n };
  return true;
}
