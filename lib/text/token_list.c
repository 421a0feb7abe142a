#include "lib/text/token_list.h"

#include <stdlib.h>

bool eq_token_list_reserve(struct eq_token_list *l, size_t more) {
  if (l->capacity - l->n >= more) return true;
  size_t capacity = 2 * l->capacity > l->n + more ? 2 * l->capacity : l->n + more + 64;
  uint32_t **const arrays[] = { &l->ids, &l->starts, &l->ends };
  for (size_t i = 0; i < 3; i++) {
    uint32_t *grown = capacity > SIZE_MAX / sizeof *grown ? NULL : realloc(*arrays[i], capacity * sizeof *grown);
    if (!grown) return false;
    *arrays[i] = grown;
  }
  l->capacity = capacity;
  return true;
}

bool eq_token_list_add(struct eq_token_list *l, uint32_t id, size_t start, size_t end) {
  if (!eq_token_list_reserve(l, 1)) return false;
  l->ids[l->n] = id;
  l->starts[l->n] = (uint32_t)start;
  l->ends[l->n++] = (uint32_t)end;
  return true;
}

void eq_token_list_free(struct eq_token_list *l) {
  free(l->ids);
  free(l->starts);
  free(l->ends);
  *l = (struct eq_token_list){ 0 };
}
