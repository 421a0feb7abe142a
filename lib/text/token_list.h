/* token_list.h: token ids with the bytes that each stands for. */
#ifndef EQ_TEXT_TOKEN_LIST_H
#define EQ_TEXT_TOKEN_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offsets count bytes from the start of the segment; ends are exclusive. Start from {0}. */
struct eq_token_list {
  uint32_t *ids, *starts, *ends;
  size_t n, capacity;
};
/* Room for `more` tokens; false when memory is out. */
bool eq_token_list_reserve(struct eq_token_list *l, size_t more);
/* Appends one; false when memory is out. */
bool eq_token_list_add(struct eq_token_list *l, uint32_t id, size_t start, size_t end);
void eq_token_list_free(struct eq_token_list *l);

#endif
