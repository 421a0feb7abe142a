#include "lib/text/word_memory.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL /* a call costs as much as hashing a word */
#include <xxhash.h>

#include "lib/base/buffer.h"
#include "lib/text/vocabulary.h"

/* Words lie one after the other in cells of four bytes: the number of bytes and of tokens, a byte each, and the bytes,
 * in as many cells as they need; then a cell for each token, its id above its length. Where a word is says one slot of
 * a set of WAYS: above the number of its first cell, 0 in a free slot, a tag of its hash. */
enum {
  CELL_BITS = 21,
  CELLS = 1 << CELL_BITS,
  SETS = 1 << 17,
  WAYS = 4,
  HEAD = 2,
  LENGTH_BITS = 10,
  CELLS_MAX = (HEAD + EQ_WORD_BYTES_MAX + 3) / 4 + UINT8_MAX /* of a word */
};
_Static_assert(EQ_VOCAB_MAX <= 1 << (32 - LENGTH_BITS) && EQ_WORD_BYTES_MAX < 1 << LENGTH_BITS, "a token in a cell");

struct eq_word_memory {
  uint32_t (*sets)[WAYS]; /* [SETS], the newest word of a set first */
  uint32_t *cells;        /* [CELLS], the first is not used */
  uint32_t used;
};

struct eq_word_memory *eq_word_memory_new(struct eq_err *err) {
  struct eq_word_memory *m = eq_array(1, sizeof *m);
  if (m) {
    m->sets = eq_array(SETS, sizeof *m->sets);
    m->cells = eq_array(CELLS, sizeof *m->cells);
    m->used = 1;
    if (m->sets && m->cells) return m;
  }
  eq_word_memory_free(m);
  eq_fail_memory(err, CELLS * sizeof *m->cells, "a memory of words");
  return NULL;
}

void eq_word_memory_free(struct eq_word_memory *m) {
  if (!m) return;
  free(m->sets);
  free(m->cells);
  free(m);
}

static uint32_t *set_of(const struct eq_word_memory *m, const struct eq_word *w) {
  return m->sets[w->hash & (SETS - 1)];
}

static uint32_t tag_of(const struct eq_word *w) { return (uint32_t)(w->hash >> 32) & ~(uint32_t)(CELLS - 1); }

static bool has_tag(uint32_t slot, uint32_t tag) { return (slot ^ tag) < CELLS; }

static const uint32_t *cell_of(const struct eq_word_memory *m, uint32_t slot) { return &m->cells[slot & (CELLS - 1)]; }

static size_t cells_of_bytes(size_t n) { return (HEAD + n + 3) / 4; }

struct eq_word eq_word_memory_expect(const struct eq_word_memory *m, const char *p, size_t n, size_t start) {
  struct eq_word w = { p, n, start, 0 };
  if (n > EQ_WORD_BYTES_MAX) return w;
  w.hash = XXH3_64bits(p, n);
  __builtin_prefetch(set_of(m, &w));
  return w;
}

void eq_word_memory_fetch(const struct eq_word_memory *m, const struct eq_word *w) {
  if (w->n > EQ_WORD_BYTES_MAX) return;
  const uint32_t *set = set_of(m, w), tag = tag_of(w);
  for (size_t i = 0; i < WAYS; i++)
    if (has_tag(set[i], tag)) {
      __builtin_prefetch(cell_of(m, set[i]));
      __builtin_prefetch(cell_of(m, set[i]) + 8); /* half of all words end in the next cache line */
    }
}

/* The first cell of a word; NULL when it is not remembered. */
static const uint32_t *find(const struct eq_word_memory *m, const struct eq_word *w) {
  if (w->n > EQ_WORD_BYTES_MAX) return NULL;
  const uint32_t *set = set_of(m, w), tag = tag_of(w);
  for (size_t i = 0; i < WAYS && set[i]; i++) {
    const unsigned char *head = (const unsigned char *)cell_of(m, set[i]);
    if (has_tag(set[i], tag) && head[0] == w->n && !memcmp(head + HEAD, w->p, w->n)) return cell_of(m, set[i]);
  }
  return NULL;
}

bool eq_word_memory_recall(const struct eq_word_memory *m, const struct eq_word *w, struct eq_token_list *out) {
  const uint32_t *cell = find(m, w);
  if (!cell) return false;
  const size_t n = ((const unsigned char *)cell)[1];
  if (!eq_token_list_reserve(out, n)) return false;
  cell += cells_of_bytes(w->n);
  uint32_t at = (uint32_t)w->start;
  for (size_t i = 0; i < n; i++) {
    out->ids[out->n + i] = cell[i] >> LENGTH_BITS;
    out->starts[out->n + i] = at;
    at += cell[i] & ((1 << LENGTH_BITS) - 1);
    out->ends[out->n + i] = at;
  }
  out->n += n;
  return true;
}

/* Whether tokens cover a word without gap or overlap. */
static bool tiled(const struct eq_word *w, const struct eq_token_list *tokens, size_t first) {
  size_t at = w->start;
  for (size_t i = first; i < tokens->n; at = tokens->ends[i++])
    if (tokens->starts[i] != at) return false;
  return at == w->start + w->n;
}

void eq_word_memory_keep(struct eq_word_memory *m, const struct eq_word *w, const struct eq_token_list *out,
                         size_t first) {
  const size_t n = out->n - first;
  if (w->n > EQ_WORD_BYTES_MAX || n > UINT8_MAX || !tiled(w, out, first)) return;
  if (m->used + CELLS_MAX > CELLS) {
    memset(m->sets, 0, SETS * sizeof *m->sets);
    m->used = 1;
  }
  uint32_t *set = set_of(m, w), *cell = &m->cells[m->used];
  memmove(set + 1, set, (WAYS - 1) * sizeof *set);
  set[0] = tag_of(w) | m->used;
  unsigned char *head = (unsigned char *)cell;
  head[0] = (unsigned char)w->n;
  head[1] = (unsigned char)n;
  memcpy(head + HEAD, w->p, w->n);
  cell += cells_of_bytes(w->n);
  for (size_t i = 0; i < n; i++)
    cell[i] = out->ids[first + i] << LENGTH_BITS | (out->ends[first + i] - out->starts[first + i]);
  m->used += (uint32_t)(cells_of_bytes(w->n) + n);
}
