#include "lib/text/word_memory.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL /* a call costs as much as hashing a word */
#include <xxhash.h>

#include "lib/base/buffer.h"

/* Words lie one after the other in an array of cells. A word takes one for its head and bytes, which run on into as
 * many as they need, and one for each token. */
struct token {
  uint32_t id;
  uint16_t start, end; /* from the start of the word */
};
union cell {
  struct {
    uint8_t n, n_tokens;
    char bytes[6];
  } word;
  struct token token;
};
_Static_assert(sizeof(union cell) == 8, "a cell");

/* Where a word is. Two slots side by side serve all words that hash to either: the newer word is in the first. */
struct slot {
  uint32_t tag;  /* of the hash, what did not choose the slot */
  uint32_t cell; /* 0: free */
};

enum { CELLS = 1 << 19, SLOTS = 1 << 17, CELLS_MAX = (EQ_WORD_BYTES_MAX + 2 + 7) / 8 + EQ_WORD_TOKENS_MAX };

struct eq_word_memory {
  struct slot *slots; /* [SLOTS] */
  union cell *cells;  /* [CELLS], the first is not used */
  size_t used;
  uint64_t hash; /* of the word last asked for */
};

struct eq_word_memory *eq_word_memory_new(struct eq_err *err) {
  struct eq_word_memory *m = eq_array(1, sizeof *m);
  if (m) {
    m->slots = eq_array(SLOTS, sizeof *m->slots);
    m->cells = eq_array(CELLS, sizeof *m->cells);
    m->used = 1;
    if (m->slots && m->cells) return m;
  }
  eq_word_memory_free(m);
  eq_fail_memory(err, CELLS * sizeof *m->cells, "a memory of words");
  return NULL;
}

void eq_word_memory_free(struct eq_word_memory *m) {
  if (!m) return;
  free(m->slots);
  free(m->cells);
  free(m);
}

static size_t cells_of_bytes(size_t n) { return (offsetof(union cell, word.bytes) + n + 7) / 8; }

static struct slot *slots_of(const struct eq_word_memory *m) { return &m->slots[m->hash & (SLOTS - 2)]; }
static uint32_t tag_of(const struct eq_word_memory *m) { return (uint32_t)(m->hash >> 32); }

/* The word in a slot if it is the one that was asked for, else NULL. */
static const union cell *word_in(const struct eq_word_memory *m, const struct slot *s, const char *word, size_t n) {
  if (!s->cell || s->tag != tag_of(m)) return NULL;
  const union cell *c = &m->cells[s->cell];
  return c->word.n == n && !memcmp(c->word.bytes, word, n) ? c : NULL;
}

bool eq_word_memory_recall(struct eq_word_memory *m, const char *word, size_t n, size_t start,
                           struct eq_token_list *out) {
  if (n > EQ_WORD_BYTES_MAX) return false;
  m->hash = XXH3_64bits(word, n);
  const struct slot *s = slots_of(m);
  const union cell *c = word_in(m, &s[0], word, n);
  if (!c) c = word_in(m, &s[1], word, n);
  if (!c || !eq_token_list_reserve(out, c->word.n_tokens)) return false;
  const size_t n_tokens = c->word.n_tokens;
  c += cells_of_bytes(n);
  for (size_t i = 0, at = out->n; i < n_tokens; i++, at++) {
    out->ids[at] = c[i].token.id;
    out->starts[at] = (uint32_t)start + c[i].token.start;
    out->ends[at] = (uint32_t)start + c[i].token.end;
  }
  out->n += n_tokens;
  return true;
}

void eq_word_memory_keep(struct eq_word_memory *m, const char *word, size_t n, size_t start,
                         const struct eq_token_list *out, size_t first) {
  const size_t n_tokens = out->n - first;
  if (n > EQ_WORD_BYTES_MAX || n_tokens > EQ_WORD_TOKENS_MAX) return;
  if (m->used + CELLS_MAX > CELLS) {
    memset(m->slots, 0, SLOTS * sizeof *m->slots);
    m->used = 1;
  }
  struct slot *s = slots_of(m);
  s[1] = s[0];
  s[0] = (struct slot){ tag_of(m), (uint32_t)m->used };
  union cell *c = &m->cells[m->used];
  c->word.n = (uint8_t)n;
  c->word.n_tokens = (uint8_t)n_tokens;
  memcpy((char *)c + offsetof(union cell, word.bytes), word, n);
  c += cells_of_bytes(n);
  for (size_t i = 0; i < n_tokens; i++)
    c[i].token = (struct token){ out->ids[first + i], (uint16_t)(out->starts[first + i] - start),
                                 (uint16_t)(out->ends[first + i] - start) };
  m->used += cells_of_bytes(n) + n_tokens;
}
