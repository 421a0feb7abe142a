/* id_set.h: which ids were seen, and a number for each. An id is kept as its 128-bit hash (XXH3), 24 bytes each. */
#ifndef EQ_TEXT_ID_SET_H
#define EQ_TEXT_ID_SET_H

#include <stdint.h>

#include "lib/base/buffer.h"

struct eq_id_entry {
  uint64_t low, high; /* hash; low 0 is changed to 1, since 0 marks a free slot */
  uint64_t value;
};

/* Start from {0}; free with eq_id_set_free. slots: open addressing, a power of two of them, at most half in use. */
struct eq_id_set {
  struct eq_id_entry *slots;
  size_t n, capacity;
};

/* The entry of an id, added with value 0 when it is new (*added then). NULL when memory is out. Valid until the next
 * eq_id_set_add. */
struct eq_id_entry *eq_id_set_add(struct eq_id_set *s, struct eq_str id, bool *added);
/* NULL when the id is not there. */
struct eq_id_entry *eq_id_set_find(const struct eq_id_set *s, struct eq_str id);
void eq_id_set_clear(struct eq_id_set *s); /* keeps the memory */
void eq_id_set_free(struct eq_id_set *s);

#endif
