/* piece_list.h: texts by the ids of tokens, where some ids have one. */
#ifndef EQ_TEXT_PIECE_LIST_H
#define EQ_TEXT_PIECE_LIST_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* Start from {0}; free with eq_piece_list_free. */
struct eq_piece_list {
  struct eq_buffer bytes; /* of all pieces */
  struct eq_piece {
    uint32_t at, n; /* in bytes; at UINT32_MAX: none */
  } * pieces;
  size_t n, capacity;
};

/* Sets the text of an id, which is below EQ_VOCAB_MAX; of two the last counts. */
bool eq_piece_list_set(struct eq_piece_list *l, uint32_t id, struct eq_str piece, struct eq_err *err);
/* {NULL, 0} when the id has none. */
struct eq_str eq_piece_list_find(const struct eq_piece_list *l, uint32_t id);
void eq_piece_list_free(struct eq_piece_list *l);

#endif
