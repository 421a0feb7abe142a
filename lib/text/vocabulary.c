#include "lib/text/vocabulary.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static struct eq_str spelling_of(const struct eq_vocabulary *v, struct eq_spelling token) {
  return (struct eq_str){ v->spellings.data + token.at, token.n };
}

/* The slot of a spelling: with its token, or the free one where it belongs. Looking something up in a large vocabulary
 * is cache misses: one for the slot, one for the spelling, which is compared only where the hashes are equal. */
static struct eq_spelling_slot *slot_of(const struct eq_vocabulary *v, struct eq_str s, uint64_t hash) {
  const uint32_t upper = (uint32_t)(hash >> 32);
  size_t i = (size_t)hash & (v->slots - 1);
  for (;; i = (i + 1) & (v->slots - 1)) {
    struct eq_spelling_slot *slot = &v->by_spelling[i];
    if (slot->token.id == EQ_NO_TOKEN) return slot;
    if (slot->hash == upper && eq_str_equal(spelling_of(v, slot->token), s)) return slot;
  }
}

static void fill(struct eq_spelling_slot *slot, uint64_t hash, struct eq_spelling token) {
  *slot = (struct eq_spelling_slot){ (uint32_t)(hash >> 32), token };
}

static bool room_for_spelling(struct eq_vocabulary *v) {
  if (2 * (v->n_tokens + 1) <= v->slots) return true;
  free(v->by_spelling);
  v->slots = v->slots ? 2 * v->slots : 1024;
  v->by_spelling = eq_array(v->slots, sizeof *v->by_spelling);
  if (!v->by_spelling) return false;
  memset(v->by_spelling, 0xFF, v->slots * sizeof *v->by_spelling);
  for (size_t i = 0; i < v->n_tokens; i++) {
    const struct eq_str s = spelling_of(v, v->tokens[i]);
    const uint64_t hash = XXH3_64bits(s.p, s.n);
    fill(slot_of(v, s, hash), hash, v->tokens[i]);
  }
  return true;
}

static bool room_for_id(struct eq_vocabulary *v, size_t id) {
  if (id < v->by_id_capacity) return true;
  size_t capacity = 2 * v->by_id_capacity > id ? 2 * v->by_id_capacity : id + 1024;
  uint32_t *by_id = realloc(v->by_id, capacity * sizeof *by_id);
  if (!by_id) return false;
  memset(by_id + v->by_id_capacity, 0xFF, (capacity - v->by_id_capacity) * sizeof *by_id);
  v->by_id = by_id;
  v->by_id_capacity = capacity;
  return true;
}

bool eq_vocabulary_add(struct eq_vocabulary *v, struct eq_str spelling, uint64_t id, struct eq_err *err) {
  if (id >= EQ_VOCAB_MAX)
    return eq_fail(err, EQ_BAD, "token '%.*s' has id %llu, expected less than %d", EQ_STR(spelling),
                   (unsigned long long)id, EQ_VOCAB_MAX);
  if (v->spellings.size + spelling.n >= UINT32_MAX)
    return eq_fail(err, EQ_BAD, "the vocabulary has more than 4 GB of text");
  struct eq_spelling *tokens = eq_array_grow(v->tokens, v->n_tokens, &v->capacity, sizeof *tokens);
  if (tokens) v->tokens = tokens;
  if (!tokens || !room_for_spelling(v) || !room_for_id(v, (size_t)id))
    return eq_fail_memory(err, 64 * v->n_tokens, "a vocabulary");
  const uint64_t hash = XXH3_64bits(spelling.p, spelling.n);
  struct eq_spelling_slot *slot = slot_of(v, spelling, hash);
  if (slot->token.id != EQ_NO_TOKEN) return eq_fail(err, EQ_BAD, "token '%.*s' is there twice", EQ_STR(spelling));
  if (v->by_id[id] != EQ_NO_TOKEN)
    return eq_fail(err, EQ_BAD, "token '%.*s' has id %llu, which another token has", EQ_STR(spelling),
                   (unsigned long long)id);
  const struct eq_spelling token = { (uint32_t)v->spellings.size, (uint32_t)spelling.n, (uint32_t)id };
  fill(slot, hash, token);
  v->by_id[id] = (uint32_t)v->n_tokens;
  tokens[v->n_tokens++] = token;
  eq_buffer_add(&v->spellings, spelling.p, spelling.n);
  if (id >= v->size) v->size = (size_t)id + 1;
  if (spelling.n > v->longest) v->longest = spelling.n;
  return !v->spellings.failed || eq_fail_memory(err, v->spellings.size, "a vocabulary");
}

bool eq_vocabulary_find(const struct eq_vocabulary *v, struct eq_str spelling, uint32_t *id) {
  if (!v->n_tokens) return false;
  const struct eq_spelling_slot *slot = slot_of(v, spelling, XXH3_64bits(spelling.p, spelling.n));
  if (slot->token.id == EQ_NO_TOKEN) return false;
  *id = slot->token.id;
  return true;
}

size_t eq_vocabulary_find_each(const struct eq_vocabulary *v, const struct eq_str *spellings, size_t n, uint32_t *ids) {
  uint64_t hash[4];
  size_t found = 0;
  if (!v->n_tokens) return 0;
  for (size_t i = 0; i < n; i++) {
    hash[i] = XXH3_64bits(spellings[i].p, spellings[i].n);
    __builtin_prefetch(&v->by_spelling[hash[i] & (v->slots - 1)]);
  }
  for (; found < n; found++) {
    ids[found] = slot_of(v, spellings[found], hash[found])->token.id;
    if (ids[found] == EQ_NO_TOKEN) break;
  }
  return found;
}

struct eq_str eq_vocabulary_spelling(const struct eq_vocabulary *v, uint32_t id) {
  if (id >= v->by_id_capacity || v->by_id[id] == EQ_NO_TOKEN) return (struct eq_str){ 0 };
  return spelling_of(v, v->tokens[v->by_id[id]]);
}

void eq_vocabulary_free(struct eq_vocabulary *v) {
  eq_buffer_free(&v->spellings);
  free(v->tokens);
  free(v->by_spelling);
  free(v->by_id);
  *v = (struct eq_vocabulary){ 0 };
}
