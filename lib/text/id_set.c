#include "lib/text/id_set.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static struct eq_id_entry hash_of(struct eq_str id) {
  XXH128_hash_t h = XXH3_128bits(id.p, id.n);
  return (struct eq_id_entry){ .low = h.low64 ? h.low64 : 1, .high = h.high64 };
}

/* Where the entry is, or the free slot where it belongs. */
static struct eq_id_entry *slot_of(struct eq_id_entry *slots, size_t capacity, const struct eq_id_entry *e) {
  size_t i = (size_t)e->low & (capacity - 1);
  while (slots[i].low && (slots[i].low != e->low || slots[i].high != e->high)) i = (i + 1) & (capacity - 1);
  return &slots[i];
}

static bool grow(struct eq_id_set *s) {
  size_t capacity = s->capacity ? 2 * s->capacity : 1024;
  struct eq_id_entry *slots = eq_array(capacity, sizeof *slots);
  if (!slots) return false;
  for (size_t i = 0; i < s->capacity; i++)
    if (s->slots[i].low) *slot_of(slots, capacity, &s->slots[i]) = s->slots[i];
  free(s->slots);
  s->slots = slots;
  s->capacity = capacity;
  return true;
}

struct eq_id_entry *eq_id_set_add(struct eq_id_set *s, struct eq_str id, bool *added) {
  if (2 * (s->n + 1) > s->capacity && !grow(s)) return NULL;
  struct eq_id_entry e = hash_of(id), *slot = slot_of(s->slots, s->capacity, &e);
  *added = !slot->low;
  if (*added) {
    *slot = e;
    s->n++;
  }
  return slot;
}

struct eq_id_entry *eq_id_set_find(const struct eq_id_set *s, struct eq_str id) {
  if (!s->n) return NULL;
  struct eq_id_entry e = hash_of(id), *slot = slot_of(s->slots, s->capacity, &e);
  return slot->low ? slot : NULL;
}

void eq_id_set_clear(struct eq_id_set *s) {
  if (s->capacity) memset(s->slots, 0, s->capacity * sizeof *s->slots);
  s->n = 0;
}

void eq_id_set_free(struct eq_id_set *s) {
  free(s->slots);
  *s = (struct eq_id_set){ 0 };
}
