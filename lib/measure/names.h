/* names.h: texts numbered in the order they come, each kept once. */
#ifndef EQ_MEASURE_NAMES_H
#define EQ_MEASURE_NAMES_H

#include "lib/base/buffer.h"

/* Start from {0}; the owner calls eq_names_free. */
struct eq_names {
  struct eq_str *items; /* [n], owned copies, each followed by a 0 byte */
  size_t n, capacity;
  uint32_t *slots; /* hash table: number + 1, 0 where free */
  size_t n_slots;  /* a power of 2 */
};

/* Adds a name unless it is there, and stores its number. False when memory is out. */
bool eq_names_add(struct eq_names *names, struct eq_str name, uint32_t *number);

/* Renumbers in the order of bytes and stores for each old number the new one in rank[n]. Later adds are an error of
 * the caller. False when memory is out. */
bool eq_names_sort(struct eq_names *names, uint32_t *rank);

void eq_names_free(struct eq_names *names);

#endif
