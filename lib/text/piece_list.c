#include "lib/text/piece_list.h"

#include <stdlib.h>

#define NONE UINT32_MAX

bool eq_piece_list_set(struct eq_piece_list *l, uint32_t id, struct eq_str piece, struct eq_err *err) {
  if (l->bytes.size + piece.n >= NONE) return eq_fail(err, EQ_BAD, "the vocabulary has more than 4 GB of text");
  if (id >= l->capacity) {
    size_t capacity = 2 * l->capacity > id ? 2 * l->capacity : (size_t)id + 256;
    struct eq_piece *pieces = realloc(l->pieces, capacity * sizeof *pieces);
    if (!pieces) return eq_fail_memory(err, capacity * sizeof *pieces, "a vocabulary");
    l->pieces = pieces;
    l->capacity = capacity;
  }
  while (l->n <= id) l->pieces[l->n++].at = NONE;
  l->pieces[id] = (struct eq_piece){ (uint32_t)l->bytes.size, (uint32_t)piece.n };
  eq_buffer_add(&l->bytes, piece.p, piece.n);
  return !l->bytes.failed || eq_fail_memory(err, l->bytes.size, "a vocabulary");
}

struct eq_str eq_piece_list_find(const struct eq_piece_list *l, uint32_t id) {
  if (id >= l->n || l->pieces[id].at == NONE) return (struct eq_str){ 0 };
  return (struct eq_str){ l->bytes.data + l->pieces[id].at, l->pieces[id].n };
}

void eq_piece_list_free(struct eq_piece_list *l) {
  eq_buffer_free(&l->bytes);
  free(l->pieces);
  *l = (struct eq_piece_list){ 0 };
}
