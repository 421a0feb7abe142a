/* json_memory.h: what a JSON text costs once it is a tree of jansson's, before it is made: "[{},{},..." takes eighty
 * times its own size. */
#ifndef EQ_BASE_JSON_MEMORY_H
#define EQ_BASE_JSON_MEMORY_H

#include "lib/base/buffer.h"

/* Bytes at most, from the text's punctuation; of a text that is not JSON too. O(n), no allocation. */
size_t eq_json_memory(struct eq_str text);

#endif
