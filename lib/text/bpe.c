#include "lib/text/bpe.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/base/utf8.h"

#define NONE UINT32_MAX /* no token, no rank, no neighbour */

/* ---- lists of tokens ---- */

bool eq_token_list_reserve(struct eq_token_list *l, size_t more) {
  if (l->capacity - l->n >= more) return true;
  size_t capacity = 2 * l->capacity > l->n + more ? 2 * l->capacity : l->n + more + 64;
  uint32_t **const arrays[] = { &l->ids, &l->starts, &l->ends };
  for (size_t i = 0; i < 3; i++) {
    uint32_t *grown = capacity > SIZE_MAX / sizeof *grown ? NULL : realloc(*arrays[i], capacity * sizeof *grown);
    if (!grown) return false;
    *arrays[i] = grown;
  }
  l->capacity = capacity;
  return true;
}

void eq_token_list_free(struct eq_token_list *l) {
  free(l->ids);
  free(l->starts);
  free(l->ends);
  *l = (struct eq_token_list){ 0 };
}

/* ---- the vocabulary and the merges ---- */

struct token {
  uint32_t spelling, n, id; /* where the spelling stands in `spellings` */
};

/* What a pair of neighbours makes. Of two merges the one of lower rank comes first. */
struct merge {
  uint32_t left, right; /* ids; left NONE: a free slot */
  uint32_t rank, id;
};

struct eq_bpe {
  struct eq_buffer spellings;
  struct token *tokens; /* in the order of adding */
  size_t n_tokens, tokens_capacity;
  uint32_t *by_spelling; /* open addressing: index in tokens, or NONE */
  size_t spelling_slots;
  uint32_t *bytes; /* [ids_capacity] bytes that a token stands for; 0: no such token, or not of this alphabet */
  bool *used;      /* [ids_capacity] */
  size_t ids_capacity, size;
  struct merge *merges; /* open addressing */
  size_t n_merges, merge_slots;
  uint64_t *maybe; /* bit hash mod 8 merge_slots: some pair with that hash has a merge; most pairs have none */
  uint32_t byte_token[256];
  uint16_t byte_of[512];   /* character of the alphabet -> byte; NOT_A_BYTE */
  uint16_t character[256]; /* byte -> character of the alphabet */
  size_t longest;          /* bytes of the longest token */
  bool whole_words;
};
enum { NOT_A_BYTE = 256 };

/* GPT-2's alphabet: printable Latin-1 characters stand for themselves, the others follow from U+0100 on in order. */
static void fill_alphabet(struct eq_bpe *b) {
  for (size_t i = 0; i < 512; i++) b->byte_of[i] = NOT_A_BYTE;
  uint16_t next = 256;
  for (uint16_t byte = 0; byte < 256; byte++) {
    bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    b->character[byte] = printable ? byte : next++;
    b->byte_of[b->character[byte]] = byte;
  }
}

struct eq_bpe *eq_bpe_new(struct eq_err *err) {
  struct eq_bpe *b = eq_array(1, sizeof *b);
  if (!b) {
    eq_fail_memory(err, sizeof *b, "a vocabulary");
    return NULL;
  }
  fill_alphabet(b);
  for (size_t i = 0; i < 256; i++) b->byte_token[i] = NONE;
  return b;
}

void eq_bpe_free(struct eq_bpe *b) {
  if (!b) return;
  eq_buffer_free(&b->spellings);
  free(b->tokens);
  free(b->by_spelling);
  free(b->bytes);
  free(b->used);
  free(b->merges);
  free(b->maybe);
  free(b);
}

/* The slot of a spelling: with its token, or the free one where it belongs. */
static uint32_t *spelling_slot(const struct eq_bpe *b, struct eq_str s) {
  size_t i = (size_t)XXH3_64bits(s.p, s.n) & (b->spelling_slots - 1);
  for (;; i = (i + 1) & (b->spelling_slots - 1)) {
    uint32_t at = b->by_spelling[i];
    if (at == NONE) return &b->by_spelling[i];
    const struct token *t = &b->tokens[at];
    if (t->n == s.n && !memcmp(b->spellings.data + t->spelling, s.p, s.n)) return &b->by_spelling[i];
  }
}

static bool room_for_spelling(struct eq_bpe *b) {
  if (2 * (b->n_tokens + 1) <= b->spelling_slots) return true;
  free(b->by_spelling);
  b->spelling_slots = b->spelling_slots ? 2 * b->spelling_slots : 1024;
  b->by_spelling = eq_array(b->spelling_slots, sizeof *b->by_spelling);
  if (!b->by_spelling) return false;
  memset(b->by_spelling, 0xFF, b->spelling_slots * sizeof *b->by_spelling);
  for (size_t i = 0; i < b->n_tokens; i++) {
    const struct token *t = &b->tokens[i];
    *spelling_slot(b, (struct eq_str){ b->spellings.data + t->spelling, t->n }) = (uint32_t)i;
  }
  return true;
}

static bool room_for_id(struct eq_bpe *b, size_t id) {
  if (id < b->ids_capacity) return true;
  size_t capacity = 2 * b->ids_capacity > id ? 2 * b->ids_capacity : id + 1024;
  uint32_t *bytes = realloc(b->bytes, capacity * sizeof *bytes);
  if (bytes) b->bytes = bytes;
  bool *used = realloc(b->used, capacity * sizeof *used);
  if (used) b->used = used;
  if (!bytes || !used) return false;
  memset(bytes + b->ids_capacity, 0, (capacity - b->ids_capacity) * sizeof *bytes);
  memset(used + b->ids_capacity, 0, (capacity - b->ids_capacity) * sizeof *used);
  b->ids_capacity = capacity;
  return true;
}

/* How many bytes a spelling stands for, and the first; 0 when it is not of the alphabet. */
static uint32_t spelled_bytes(const struct eq_bpe *b, struct eq_str s, unsigned char *first) {
  uint32_t n = 0, c;
  for (size_t i = 0; i < s.n; n++) {
    i += eq_utf8_decode(s.p + i, s.n - i, &c);
    if (c >= 512 || b->byte_of[c] == NOT_A_BYTE) return 0;
    if (n == 0) *first = (unsigned char)b->byte_of[c];
  }
  return n;
}

bool eq_bpe_add_token(struct eq_bpe *b, struct eq_str spelling, uint64_t id, struct eq_err *err) {
  if (id >= EQ_VOCAB_MAX)
    return eq_fail(err, EQ_BAD, "token '%.*s' has id %llu, expected less than %d", EQ_STR(spelling),
                   (unsigned long long)id, EQ_VOCAB_MAX);
  if (b->spellings.size + spelling.n >= NONE) return eq_fail(err, EQ_BAD, "the vocabulary has more than 4 GB of text");
  struct token *tokens = eq_array_grow(b->tokens, b->n_tokens, &b->tokens_capacity, sizeof *tokens);
  if (tokens) b->tokens = tokens;
  if (!tokens || !room_for_spelling(b) || !room_for_id(b, (size_t)id))
    return eq_fail_memory(err, 64 * b->n_tokens, "a vocabulary");
  uint32_t *slot = spelling_slot(b, spelling);
  if (*slot != NONE) return eq_fail(err, EQ_BAD, "token '%.*s' is there twice", EQ_STR(spelling));
  if (b->used[id])
    return eq_fail(err, EQ_BAD, "token '%.*s' has id %llu, which another token has", EQ_STR(spelling),
                   (unsigned long long)id);
  unsigned char first = 0;
  b->bytes[id] = spelled_bytes(b, spelling, &first);
  if (b->bytes[id] == 1) b->byte_token[first] = (uint32_t)id;
  if (b->bytes[id] > b->longest) b->longest = b->bytes[id];
  b->used[id] = true;
  *slot = (uint32_t)b->n_tokens;
  tokens[b->n_tokens++] = (struct token){ (uint32_t)b->spellings.size, (uint32_t)spelling.n, (uint32_t)id };
  eq_buffer_add(&b->spellings, spelling.p, spelling.n);
  if (id >= b->size) b->size = (size_t)id + 1;
  return !b->spellings.failed || eq_fail_memory(err, b->spellings.size, "a vocabulary");
}

bool eq_bpe_find(const struct eq_bpe *b, struct eq_str spelling, uint32_t *id) {
  if (!b->n_tokens) return false;
  uint32_t at = *spelling_slot(b, spelling);
  if (at == NONE) return false;
  *id = b->tokens[at].id;
  return true;
}

size_t eq_bpe_size(const struct eq_bpe *b) { return b->size; }

/* Mixes a pair of ids: the finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static size_t hash_pair(uint32_t left, uint32_t right) {
  uint64_t x = (uint64_t)left << 32 | right;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return (size_t)(x ^ x >> 31);
}

static struct merge *merge_slot(struct merge *merges, size_t slots, uint32_t left, uint32_t right) {
  size_t i = hash_pair(left, right) & (slots - 1);
  while (merges[i].left != NONE && (merges[i].left != left || merges[i].right != right)) i = (i + 1) & (slots - 1);
  return &merges[i];
}

static bool room_for_merge(struct eq_bpe *b) {
  if (2 * (b->n_merges + 1) <= b->merge_slots) return true;
  size_t slots = b->merge_slots ? 2 * b->merge_slots : 1024;
  struct merge *merges = eq_array(slots, sizeof *merges);
  if (!merges) return false;
  memset(merges, 0xFF, slots * sizeof *merges);
  for (size_t i = 0; i < b->merge_slots; i++)
    if (b->merges[i].left != NONE) *merge_slot(merges, slots, b->merges[i].left, b->merges[i].right) = b->merges[i];
  free(b->merges);
  b->merges = merges;
  b->merge_slots = slots;
  return true;
}

bool eq_bpe_add_merge(struct eq_bpe *b, struct eq_str left, struct eq_str right, struct eq_err *err) {
  uint32_t l, r, made;
  struct eq_buffer both = { 0 };
  eq_buffer_add(&both, left.p, left.n);
  eq_buffer_add(&both, right.p, right.n);
  struct eq_str sides[] = { left, right, { both.data, both.size } };
  uint32_t *const ids[] = { &l, &r, &made };
  bool good = !both.failed && both.size && room_for_merge(b);
  if (!good) eq_fail(err, EQ_BAD, "a merge is empty, or memory is out");
  for (size_t i = 0; good && i < 3; i++)
    if (!eq_bpe_find(b, sides[i], ids[i]))
      good = eq_fail(err, EQ_BAD, "merge %zu, '%.*s' + '%.*s': '%.*s' is not in the vocabulary", b->n_merges + 1,
                     EQ_STR(left), EQ_STR(right), EQ_STR(sides[i]));
    else if (!b->bytes[*ids[i]])
      good = eq_fail(err, EQ_BAD, "merge %zu, '%.*s' + '%.*s': not of the byte-level alphabet", b->n_merges + 1,
                     EQ_STR(left), EQ_STR(right));
  eq_buffer_free(&both);
  if (!good) return false;
  /* A pair that is given again takes its later rank, as in Hugging Face tokenizers. */
  *merge_slot(b->merges, b->merge_slots, l, r) = (struct merge){ l, r, (uint32_t)b->n_merges++, made };
  return true;
}

bool eq_bpe_finish(struct eq_bpe *b, bool whole_words, struct eq_err *err) {
  b->whole_words = whole_words;
  for (unsigned byte = 0; byte < 256; byte++)
    if (b->byte_token[byte] == NONE && byte != 0xC0 && byte != 0xC1 && byte < 0xF5)
      return eq_fail(err, EQ_BAD, "the vocabulary has no token for byte 0x%02x, as a byte-level one must", byte);
  if (!room_for_merge(b) || !(b->maybe = eq_array(b->merge_slots / 8, sizeof *b->maybe)))
    return eq_fail_memory(err, b->merge_slots, "merges");
  for (size_t i = 0; i < b->merge_slots; i++) {
    size_t bit = hash_pair(b->merges[i].left, b->merges[i].right) & (8 * b->merge_slots - 1);
    if (b->merges[i].left != NONE) b->maybe[bit / 64] |= (uint64_t)1 << bit % 64;
  }
  return true;
}

/* ---- a thread's memory ---- */

enum { WORD_MAX = 32, WORD_TOKENS_MAX = 21, WORDS = 1 << 14, SHORT_MAX = 32 };

/* A word and its tokens: two cache lines. */
struct remembered {
  uint64_t hash;
  uint8_t n, n_tokens; /* n 0: free */
  char word[WORD_MAX];
  uint32_t ids[WORD_TOKENS_MAX];
};

/* A candidate in the heap: rank in the high half, place in the low half, so the least is the leftmost of lowest rank.
 */
struct eq_bpe_memory {
  struct remembered *words;                     /* [WORDS], each word in its one slot */
  uint32_t *id, *next, *previous, *rank, *made; /* [capacity] of a long word, by place */
  uint64_t *heap;
  size_t capacity, heap_size;
  struct eq_buffer spelling;
};

struct eq_bpe_memory *eq_bpe_memory_new(struct eq_err *err) {
  struct eq_bpe_memory *m = eq_array(1, sizeof *m);
  if (m) m->words = eq_array(WORDS, sizeof *m->words);
  if (m && m->words) return m;
  eq_bpe_memory_free(m);
  eq_fail_memory(err, WORDS * sizeof *m->words, "a memory of words");
  return NULL;
}

void eq_bpe_memory_free(struct eq_bpe_memory *m) {
  if (!m) return;
  free(m->words);
  free(m->id);
  free(m->next);
  free(m->previous);
  free(m->rank);
  free(m->made);
  free(m->heap);
  eq_buffer_free(&m->spelling);
  free(m);
}

/* ---- merging ---- */

/* The rank of the merge of two neighbours, NONE when there is none; *made is what it makes. */
static uint32_t pair_rank(const struct eq_bpe *b, uint32_t left, uint32_t right, uint32_t *made) {
  size_t hash = hash_pair(left, right), bit = hash & (8 * b->merge_slots - 1);
  if (!(b->maybe[bit / 64] >> bit % 64 & 1)) return NONE;
  for (size_t i = hash & (b->merge_slots - 1);; i = (i + 1) & (b->merge_slots - 1)) {
    const struct merge *m = &b->merges[i];
    if (m->left == left && m->right == right) {
      *made = m->id;
      return m->rank;
    }
    if (m->left == NONE) return NONE;
  }
}

/* Merges a word of at most SHORT_MAX bytes by looking for the least rank again each time; the number of tokens. */
static size_t merge_short(const struct eq_bpe *b, const char *word, size_t n, uint32_t ids[SHORT_MAX]) {
  uint32_t rank[SHORT_MAX], made[SHORT_MAX]; /* of the pair (i, i + 1) */
  for (size_t i = 0; i < n; i++) ids[i] = b->byte_token[(unsigned char)word[i]];
  for (size_t i = 0; i + 1 < n; i++) rank[i] = pair_rank(b, ids[i], ids[i + 1], &made[i]);
  rank[n - 1] = NONE;
  for (;;) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
      if (rank[i] < rank[best]) best = i;
    if (rank[best] == NONE) return n;
    ids[best] = made[best];
    n--;
    memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof *ids);
    memmove(rank + best, rank + best + 1, (n - best) * sizeof *rank);
    memmove(made + best, made + best + 1, (n - best) * sizeof *made);
    if (best + 1 < n) rank[best] = pair_rank(b, ids[best], ids[best + 1], &made[best]);
    if (best > 0) rank[best - 1] = pair_rank(b, ids[best - 1], ids[best], &made[best - 1]);
  }
}

static void heap_down(uint64_t *heap, size_t n, size_t at) {
  uint64_t x = heap[at];
  for (size_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && heap[child + 1] < heap[child]) child++;
    if (x <= heap[child]) break;
    heap[at] = heap[child];
  }
  heap[at] = x;
}

static void heap_push(struct eq_bpe_memory *m, uint64_t x) {
  size_t at = m->heap_size++;
  for (; at && x < m->heap[(at - 1) / 2]; at = (at - 1) / 2) m->heap[at] = m->heap[(at - 1) / 2];
  m->heap[at] = x;
}

static uint64_t heap_pop(struct eq_bpe_memory *m) {
  uint64_t least = m->heap[0];
  m->heap[0] = m->heap[--m->heap_size];
  if (m->heap_size) heap_down(m->heap, m->heap_size, 0);
  return least;
}

/* Each of the n - 1 merges takes a candidate and adds at most two, so the heap holds less than 2n. */
static bool room_for_word(struct eq_bpe_memory *m, size_t n) {
  if (n <= m->capacity) return true;
  uint32_t **const arrays[] = { &m->id, &m->next, &m->previous, &m->rank, &m->made };
  m->capacity = 0;
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    free(*arrays[i]);
    *arrays[i] = eq_array(n, sizeof **arrays);
    if (!*arrays[i]) return false;
  }
  free(m->heap);
  m->heap = eq_array(2 * n, sizeof *m->heap);
  if (!m->heap) return false;
  m->capacity = n;
  return true;
}

static uint64_t candidate(uint32_t rank, uint32_t place) { return (uint64_t)rank << 32 | place; }

static void update_pair(const struct eq_bpe *b, struct eq_bpe_memory *m, uint32_t place) {
  uint32_t next = m->next[place];
  m->rank[place] = next == NONE ? NONE : pair_rank(b, m->id[place], m->id[next], &m->made[place]);
  if (m->rank[place] != NONE) heap_push(m, candidate(m->rank[place], place));
}

/* Merges a word of any length; its tokens are then m->id at place 0, next[0] and so on. A candidate whose pair has
 * changed since is stale: its rank is no longer that of its place. */
static void merge_long(const struct eq_bpe *b, struct eq_bpe_memory *m, const char *word, size_t n) {
  for (uint32_t i = 0; i < n; i++) {
    m->id[i] = b->byte_token[(unsigned char)word[i]];
    m->previous[i] = i ? i - 1 : NONE;
    m->next[i] = i + 1 < n ? i + 1 : NONE;
  }
  m->heap_size = 0;
  for (uint32_t i = 0; i < n; i++) {
    m->rank[i] = i + 1 < n ? pair_rank(b, m->id[i], m->id[i + 1], &m->made[i]) : NONE;
    if (m->rank[i] != NONE) m->heap[m->heap_size++] = candidate(m->rank[i], i);
  }
  for (size_t i = m->heap_size / 2; i-- > 0;) heap_down(m->heap, m->heap_size, i);
  while (m->heap_size) {
    uint64_t least = heap_pop(m);
    uint32_t place = (uint32_t)least, taken = m->next[place];
    if (m->rank[place] != least >> 32) continue;
    m->id[place] = m->made[place];
    m->next[place] = m->next[taken];
    m->rank[taken] = NONE;
    if (m->next[place] != NONE) m->previous[m->next[place]] = place;
    update_pair(b, m, place);
    if (m->previous[place] != NONE) update_pair(b, m, m->previous[place]);
  }
}

/* ---- a word ---- */

static void add_token(const struct eq_bpe *b, struct eq_token_list *out, uint32_t id, size_t *start) {
  out->ids[out->n] = id;
  out->starts[out->n] = (uint32_t)*start;
  *start += b->bytes[id];
  out->ends[out->n++] = (uint32_t)*start;
}

static bool add_long(const struct eq_bpe *b, struct eq_bpe_memory *m, const char *word, size_t n, size_t start,
                     struct eq_token_list *out) {
  if (!room_for_word(m, n)) return false;
  merge_long(b, m, word, n);
  for (uint32_t place = 0; place != NONE; place = m->next[place]) {
    if (!eq_token_list_reserve(out, 1)) return false;
    add_token(b, out, m->id[place], &start);
  }
  return true;
}

/* The token that a word is as a whole, if there is one. Tokens are known by their spelling, so the word is spelled. */
static bool whole_word(const struct eq_bpe *b, struct eq_bpe_memory *m, const char *word, size_t n, uint32_t *id) {
  if (n > b->longest) return false;
  m->spelling.size = 0;
  for (size_t i = 0; i < n; i++) {
    unsigned c = b->character[(unsigned char)word[i]];
    char two[2] = { (char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F)) }, one = (char)c;
    eq_buffer_add(&m->spelling, c < 0x80 ? &one : two, c < 0x80 ? 1 : 2);
  }
  return !m->spelling.failed && eq_bpe_find(b, (struct eq_str){ m->spelling.data, m->spelling.size }, id);
}

bool eq_bpe_encode(const struct eq_bpe *b, struct eq_bpe_memory *m, const char *word, size_t n, size_t start,
                   struct eq_token_list *out) {
  if (!n) return true;
  uint32_t ids[SHORT_MAX];
  if (!eq_token_list_reserve(out, n <= SHORT_MAX ? n : 1)) return false;
  if (n > SHORT_MAX && b->whole_words && whole_word(b, m, word, n, ids)) {
    add_token(b, out, ids[0], &start);
    return true;
  }
  if (n > SHORT_MAX) return add_long(b, m, word, n, start, out);
  uint64_t hash = XXH3_64bits(word, n);
  struct remembered *r = &m->words[hash & (WORDS - 1)];
  if (r->hash == hash && r->n == n && !memcmp(r->word, word, n)) {
    for (size_t i = 0; i < r->n_tokens; i++) add_token(b, out, r->ids[i], &start);
    return true;
  }
  size_t n_tokens = 1;
  if (!b->whole_words || !whole_word(b, m, word, n, ids)) n_tokens = merge_short(b, word, n, ids);
  for (size_t i = 0; i < n_tokens; i++) add_token(b, out, ids[i], &start);
  if (n_tokens <= WORD_TOKENS_MAX) {
    r->hash = hash;
    r->n = (uint8_t)n;
    r->n_tokens = (uint8_t)n_tokens;
    memcpy(r->word, word, n);
    memcpy(r->ids, ids, n_tokens * sizeof *ids);
  }
  return true;
}
