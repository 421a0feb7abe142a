#include "lib/base/json_memory.h"

#include <stdbool.h>

/* An object has a table of eight buckets from the start, a list room for eight items; a member is a node with its key,
 * an item a number or a string of its own. With malloc's heads. */
enum { OBJECT_BYTES = 288, LIST_BYTES = 160, MEMBER_BYTES = 112, ITEM_BYTES = 80 };

size_t eq_json_memory(struct eq_str text) {
  size_t sum = 2 * text.n;
  bool quoted = false;
  for (size_t i = 0; i < text.n; i++) {
    char c = text.p[i];
    if (quoted && c == '\\')
      i++;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted)
      sum += c == '{' ? OBJECT_BYTES : c == '[' ? LIST_BYTES : c == ':' ? MEMBER_BYTES : c == ',' ? ITEM_BYTES : 0;
  }
  return sum;
}
