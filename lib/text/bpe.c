#include "lib/text/bpe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/byte_alphabet.h"

#define NONE EQ_NO_TOKEN /* or no rank, no neighbour */

/* ---- the merges ---- */

/* What a pair of neighbours makes. Of two merges the one of lower rank comes first. */
struct merge {
  uint32_t left, right; /* ids; left NONE: a free slot */
  uint32_t rank, id;
};

/* What two bytes make. */
struct byte_merge {
  uint32_t rank, id; /* rank NONE: nothing */
};

enum { WAITING = 16, CHARACTERS = 0x10000 };

struct eq_bpe {
  const struct eq_vocabulary *vocabulary;
  uint32_t *bytes;      /* [ids] bytes that a token stands for; 0: no such token, or not of the alphabet */
  struct merge *merges; /* open addressing */
  struct merge waiting[WAITING];
  size_t n_waiting;
  size_t n_merges, merge_slots;
  uint64_t *maybe; /* bit hash mod 8 merge_slots: some pair with that hash has a merge; most pairs have none */
  uint32_t byte_token[256], fallback[256];
  struct byte_merge (*byte_merges)[256]; /* [256], over bytes: half of all pairs are of two bytes */
  struct eq_buffer both;                 /* of eq_bpe_add_merge: what a merge makes */
  size_t longest;                        /* bytes of the longest token, over bytes */
  bool spelled_merges;                   /* all merges are spelled in the alphabet of bytes */
  bool keeps_words;                      /* no merge makes a token with white space after another character */
  struct eq_bpe_rules rules;
  char *prefix, *suffix; /* copies; NULL for none */
  uint32_t *characters;  /* [CHARACTERS] the tokens of the first code points, where no prefix and suffix is there */
  struct eq_seams seams;
};

/* How many bytes a spelling stands for, and the first; 0 when it is not of the alphabet. */
static uint32_t spelled_bytes(struct eq_str s, unsigned char *first) {
  uint32_t n = 0, c;
  for (size_t i = 0; i < s.n; n++) {
    size_t length = eq_utf8_decode(s.p + i, s.n - i, &c);
    unsigned byte = length ? eq_character_byte(c) : EQ_NOT_A_BYTE;
    if (byte == EQ_NOT_A_BYTE) return 0;
    i += length;
    if (n == 0) *first = (unsigned char)byte;
  }
  return n;
}

/* The tokens that stand for bytes. */
static bool find_bytes(struct eq_bpe *b) {
  const struct eq_vocabulary *v = b->vocabulary;
  b->bytes = eq_array(v->size + 1, sizeof *b->bytes);
  for (size_t i = 0; i < 256; i++) b->byte_token[i] = b->fallback[i] = NONE;
  for (size_t i = 0; b->bytes && i < v->n_tokens; i++) {
    unsigned char first = 0;
    uint32_t id = v->tokens[i].id, n = spelled_bytes(eq_vocabulary_spelling(v, id), &first);
    b->bytes[id] = n;
    if (n == 1) b->byte_token[first] = id;
    if (n > b->longest) b->longest = n;
  }
  for (unsigned i = 0; i < 256; i++) {
    char spelling[8];
    snprintf(spelling, sizeof spelling, "<0x%02X>", i);
    eq_vocabulary_find(v, eq_str(spelling), &b->fallback[i]);
  }
  return b->bytes;
}

struct eq_bpe *eq_bpe_new(const struct eq_vocabulary *v, struct eq_err *err) {
  struct eq_bpe *b = eq_array(1, sizeof *b);
  if (b) {
    b->vocabulary = v;
    b->spelled_merges = true;
    if (find_bytes(b)) return b;
  }
  eq_bpe_free(b);
  eq_fail_memory(err, v->size * sizeof *b->bytes, "a vocabulary");
  return NULL;
}

void eq_bpe_free(struct eq_bpe *b) {
  if (!b) return;
  free(b->bytes);
  eq_buffer_free(&b->both);
  free(b->merges);
  free(b->maybe);
  eq_seams_close(&b->seams);
  free(b->characters);
  free(b->byte_merges);
  free(b->prefix);
  free(b->suffix);
  free(b);
}

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
  while (slots < 2 * b->vocabulary->n_tokens) slots *= 2; /* most tokens are made by a merge */
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

/* Puts the merges that wait into their slots, which have come from memory meanwhile: half of the time that adding takes
 * is waiting for them. A pair that is given again takes its later rank, as in Hugging Face tokenizers. */
static void put_waiting(struct eq_bpe *b) {
  for (size_t i = 0; i < b->n_waiting; i++) {
    const struct merge m = b->waiting[i];
    *merge_slot(b->merges, b->merge_slots, m.left, m.right) = m;
  }
  b->n_waiting = 0;
}

bool eq_bpe_add_merge(struct eq_bpe *b, struct eq_str left, struct eq_str right, size_t prefix, struct eq_err *err) {
  enum { LEFT, RIGHT, MADE, N };
  uint32_t ids[N];
  struct eq_buffer *both = &b->both;
  size_t dropped = prefix < right.n ? prefix : right.n;
  both->size = 0;
  eq_buffer_add(both, left.p, left.n);
  eq_buffer_add(both, right.p + dropped, right.n - dropped);
  if (both->failed || !both->size || !room_for_merge(b))
    return eq_fail(err, EQ_BAD, "a merge is empty, or memory is out");
  const struct eq_str spelled[N] = { left, right, { both->data, both->size } };
  size_t found = eq_vocabulary_find_each(b->vocabulary, spelled, N, ids);
  if (found < N)
    return eq_fail(err, EQ_BAD, "merge %zu, '%.*s' + '%.*s': '%.*s' is not in the vocabulary", b->n_merges + 1,
                   EQ_STR(left), EQ_STR(right), EQ_STR(spelled[found]));
  b->spelled_merges = b->spelled_merges && !dropped && b->bytes[ids[LEFT]] && b->bytes[ids[RIGHT]];
  if (b->n_waiting == WAITING) put_waiting(b);
  __builtin_prefetch(&b->merges[hash_pair(ids[LEFT], ids[RIGHT]) & (b->merge_slots - 1)], 1);
  b->waiting[b->n_waiting++] = (struct merge){ ids[LEFT], ids[RIGHT], (uint32_t)b->n_merges++, ids[MADE] };
  return true;
}

/* The rank of the merge of two neighbours, NONE when there is none; *made is what it makes. */
static uint32_t pair_rank(const struct eq_bpe *b, uint32_t left, uint32_t right, uint32_t *made) {
  size_t hash = hash_pair(left, right), bit = hash & (8 * b->merge_slots - 1);
  if (!(b->maybe[bit / 64] >> bit % 64 & 1) || left == NONE) return NONE;
  for (size_t i = hash & (b->merge_slots - 1);; i = (i + 1) & (b->merge_slots - 1)) {
    const struct merge *m = &b->merges[i];
    if (m->left == left && m->right == right) {
      *made = m->id;
      return m->rank;
    }
    if (m->left == NONE) return NONE;
  }
}

/* The first byte of UTF-8 without a token; 256 when all have one. */
static unsigned missing_byte(const struct eq_bpe *b) {
  unsigned byte = 0;
  while (byte < 256 && (b->byte_token[byte] != NONE || byte == 0xC0 || byte == 0xC1 || byte >= 0xF5)) byte++;
  return byte;
}

bool eq_bpe_spells_bytes(const struct eq_bpe *b) { return b->spelled_merges && missing_byte(b) == 256; }

static bool copy_affixes(struct eq_bpe *b) {
  const char *prefix = b->rules.prefix, *suffix = b->rules.suffix;
  if (prefix && *prefix && !(b->prefix = eq_copy_string(prefix, strlen(prefix)))) return false;
  if (suffix && *suffix && !(b->suffix = eq_copy_string(suffix, strlen(suffix)))) return false;
  return true;
}

static bool find_characters(struct eq_bpe *b) {
  const struct eq_vocabulary *v = b->vocabulary;
  if (b->rules.over_bytes || b->prefix || b->suffix) return true;
  b->characters = eq_array(CHARACTERS, sizeof *b->characters);
  for (size_t i = 0; b->characters && i < CHARACTERS; i++) b->characters[i] = NONE;
  for (size_t i = 0; b->characters && i < v->n_tokens; i++) {
    const struct eq_str s = eq_vocabulary_spelling(v, v->tokens[i].id);
    uint32_t c;
    if (eq_utf8_decode(s.p, s.n, &c) == s.n && s.n && c < CHARACTERS) b->characters[c] = v->tokens[i].id;
  }
  return b->characters;
}

/* Over bytes words are short, for a pattern has cut them, and cutting them further costs more than it saves. */
static bool find_seams(struct eq_bpe *b) {
  if (b->rules.over_bytes || b->rules.whole_words || b->prefix || b->suffix) return true;
  if (!eq_seams_open(&b->seams, b->vocabulary->n_tokens, false)) return false;
  for (size_t i = 0; i < b->vocabulary->n_tokens; i++)
    eq_seams_add(&b->seams, eq_vocabulary_spelling(b->vocabulary, b->vocabulary->tokens[i].id));
  return true;
}

const struct eq_seams *eq_bpe_seams(const struct eq_bpe *b) { return b->seams.pairs ? &b->seams : NULL; }

static bool find_byte_merges(struct eq_bpe *b, struct eq_err *err) {
  b->byte_merges = eq_array(256, sizeof *b->byte_merges);
  if (!b->byte_merges) return eq_fail_memory(err, 256 * sizeof *b->byte_merges, "merges");
  for (size_t i = 0; i < 256; i++)
    for (size_t j = 0; j < 256; j++) {
      const uint32_t left = b->byte_token[i], right = b->byte_token[j];
      struct byte_merge *m = &b->byte_merges[i][j];
      m->rank = left != NONE && right != NONE ? pair_rank(b, left, right, &m->id) : NONE;
    }
  return true;
}

/* Whether a space, as a text has it or as it is spelled, stands behind another character. */
static bool has_space_inside(struct eq_str s) {
  bool after_space = true;
  for (size_t at = 0, n; at < s.n; at += n) {
    const bool spelled = s.n - at >= 3 && !memcmp(s.p + at, "\xE2\x96\x81", 3), space = spelled || s.p[at] == ' ';
    if (space && !after_space) return true;
    after_space = space;
    n = spelled ? 3 : 1;
  }
  return false;
}

/* Whether no merge makes a token with a space behind another character, so that white space begins a word. Mostly no
 * token has one at all, which is soon seen: merges lie in no order. */
static bool keeps_words(const struct eq_bpe *b) {
  const struct eq_vocabulary *v = b->vocabulary;
  size_t i = 0;
  while (i < v->n_tokens && !has_space_inside(eq_vocabulary_spelling(v, v->tokens[i].id))) i++;
  if (i == v->n_tokens) return true;
  for (i = 0; i < b->merge_slots; i++)
    if (b->merges[i].left != NONE && has_space_inside(eq_vocabulary_spelling(v, b->merges[i].id))) return false;
  return true;
}

bool eq_bpe_finish(struct eq_bpe *b, struct eq_bpe_rules rules, struct eq_err *err) {
  b->rules = rules;
  if (rules.over_bytes && missing_byte(b) < 256)
    return eq_fail(err, EQ_BAD, "the vocabulary has no token for byte 0x%02x, as a byte-level one must",
                   missing_byte(b));
  if (b->merge_slots) put_waiting(b);
  if (!copy_affixes(b) || !find_seams(b) || !find_characters(b) || !room_for_merge(b) ||
      !(b->maybe = eq_array(b->merge_slots / 8, sizeof *b->maybe)))
    return eq_fail_memory(err, b->merge_slots, "merges");
  b->keeps_words = !rules.over_bytes && keeps_words(b);
  for (size_t i = 0; i < b->merge_slots; i++) {
    size_t bit = hash_pair(b->merges[i].left, b->merges[i].right) & (8 * b->merge_slots - 1);
    if (b->merges[i].left != NONE) b->maybe[bit / 64] |= (uint64_t)1 << bit % 64;
  }
  return !rules.over_bytes || find_byte_merges(b, err);
}

struct eq_bpe_rules eq_bpe_rules(const struct eq_bpe *b) {
  struct eq_bpe_rules rules = b->rules;
  rules.prefix = b->prefix;
  rules.suffix = b->suffix;
  return rules;
}

size_t eq_bpe_merges(const struct eq_bpe *b, uint32_t (*pairs)[2]) {
  for (size_t i = 0; pairs && i < b->n_merges; i++) pairs[i][0] = pairs[i][1] = NONE;
  for (size_t i = 0; pairs && i < b->merge_slots; i++) {
    const struct merge *m = &b->merges[i];
    if (m->left != NONE) pairs[m->rank][0] = m->left, pairs[m->rank][1] = m->right;
  }
  return b->n_merges;
}

void eq_bpe_ranks(const struct eq_bpe *b, uint32_t *ranks, size_t n) {
  for (size_t i = 0; i < n; i++) ranks[i] = NONE;
  for (size_t i = 0; i < b->merge_slots; i++) {
    const struct merge *m = &b->merges[i];
    if (m->left != NONE && m->id < n && m->rank < ranks[m->id]) ranks[m->id] = m->rank;
  }
}

/* ---- a thread's scratch ---- */

enum { SHORT_MAX = 64 };

void eq_bpe_scratch_free(struct eq_bpe_scratch *m) {
  free(m->id);
  free(m->next);
  free(m->previous);
  free(m->rank);
  free(m->made);
  free(m->begin);
  free(m->end);
  free(m->heap);
  eq_buffer_free(&m->spelling);
  *m = (struct eq_bpe_scratch){ 0 };
}

/* ---- merging ---- */

/* Says that a pair's rank will be asked for: what it is read from comes from memory meanwhile. */
static void expect_pair(const struct eq_bpe *b, uint32_t left, uint32_t right) {
  const size_t hash = hash_pair(left, right);
  __builtin_prefetch(&b->maybe[(hash & (8 * b->merge_slots - 1)) / 64]);
  __builtin_prefetch(&b->merges[hash & (b->merge_slots - 1)]);
}

/* A candidate: rank in the high half, place in the low half, so the least is the leftmost of lowest rank. */
static uint64_t candidate(uint32_t rank, uint32_t place) { return (uint64_t)rank << 32 | place; }

static uint64_t least_of(const uint64_t *candidates, size_t n) {
  uint64_t least = candidates[0];
  for (size_t i = 1; i < n; i++) least = candidates[i] < least ? candidates[i] : least;
  return least;
}

/* Merges 1 to SHORT_MAX symbols by looking for the least candidate again each time. pairs and made are those of all
 * neighbours at first. A bit for each token that is left, by the place of its first symbol, where its id is too. */
static uint64_t merge_short(const struct eq_bpe *b, uint32_t *ids, size_t n, uint64_t pairs[SHORT_MAX],
                            uint32_t made[SHORT_MAX]) {
  uint64_t alive = UINT64_MAX >> (SHORT_MAX - n);
  pairs[n - 1] = UINT64_MAX;
  for (uint64_t least; (least = least_of(pairs, n)) >> 32 != NONE;) {
    const uint32_t at = (uint32_t)least, taken = at + 1 + (uint32_t)__builtin_ctzll(alive >> at >> 1);
    ids[at] = made[at];
    pairs[at] = pairs[taken] = UINT64_MAX;
    alive ^= (uint64_t)1 << taken;
    const uint64_t before = alive & (((uint64_t)1 << at) - 1), after = alive >> at >> 1;
    const uint32_t previous = before ? 63 - (uint32_t)__builtin_clzll(before) : at;
    const uint32_t next = after ? at + 1 + (uint32_t)__builtin_ctzll(after) : at;
    expect_pair(b, ids[previous], ids[at]);
    expect_pair(b, ids[at], ids[next]);
    if (before) pairs[previous] = candidate(pair_rank(b, ids[previous], ids[at], &made[previous]), previous);
    if (after) pairs[at] = candidate(pair_rank(b, ids[at], ids[next], &made[at]), at);
  }
  return alive;
}

/* The tokens of a word of 1 to SHORT_MAX bytes; how many. */
static size_t merge_bytes(const struct eq_bpe *b, const char *word, size_t n, uint32_t ids[SHORT_MAX]) {
  const unsigned char *bytes = (const unsigned char *)word;
  uint64_t pairs[SHORT_MAX];
  uint32_t made[SHORT_MAX];
  size_t n_tokens = 0;
  for (uint32_t i = 0; i < n; i++) ids[i] = b->byte_token[bytes[i]];
  for (uint32_t i = 0; i + 1 < n; i++) {
    pairs[i] = candidate(b->byte_merges[bytes[i]][bytes[i + 1]].rank, i);
    made[i] = b->byte_merges[bytes[i]][bytes[i + 1]].id;
  }
  for (uint64_t alive = merge_short(b, ids, n, pairs, made); alive; alive &= alive - 1)
    ids[n_tokens++] = ids[__builtin_ctzll(alive)];
  return n_tokens;
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

static void heap_push(struct eq_bpe_scratch *m, uint64_t x) {
  size_t at = m->heap_size++;
  for (; at && x < m->heap[(at - 1) / 2]; at = (at - 1) / 2) m->heap[at] = m->heap[(at - 1) / 2];
  m->heap[at] = x;
}

static uint64_t heap_pop(struct eq_bpe_scratch *m) {
  uint64_t least = m->heap[0];
  m->heap[0] = m->heap[--m->heap_size];
  if (m->heap_size) heap_down(m->heap, m->heap_size, 0);
  return least;
}

/* Each of the n - 1 merges takes a candidate and adds at most two, so the heap holds less than 2n. */
static bool room_for_word(struct eq_bpe_scratch *m, size_t n) {
  if (n <= m->capacity) return true;
  uint32_t **const arrays[] = { &m->id, &m->next, &m->previous, &m->rank, &m->made, &m->begin, &m->end };
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

static void update_pair(const struct eq_bpe *b, struct eq_bpe_scratch *m, uint32_t place) {
  uint32_t next = m->next[place];
  m->rank[place] = next == NONE ? NONE : pair_rank(b, m->id[place], m->id[next], &m->made[place]);
  if (m->rank[place] != NONE) heap_push(m, candidate(m->rank[place], place));
}

/* Merges the n symbols that are in m->id; the tokens are then m->id at place 0, next[0] and so on. A candidate whose
 * pair has changed since is stale: its rank is no longer that of its place. */
static void merge_long(const struct eq_bpe *b, struct eq_bpe_scratch *m, size_t n) {
  m->heap_size = 0;
  for (uint32_t i = 0; i < n; i++) {
    m->previous[i] = i ? i - 1 : NONE;
    m->next[i] = i + 1 < n ? i + 1 : NONE;
    m->rank[i] = i + 1 < n ? pair_rank(b, m->id[i], m->id[i + 1], &m->made[i]) : NONE;
    if (m->rank[i] != NONE) m->heap[m->heap_size++] = candidate(m->rank[i], i);
  }
  for (size_t i = m->heap_size / 2; i-- > 0;) heap_down(m->heap, m->heap_size, i);
  while (m->heap_size) {
    uint64_t least = heap_pop(m);
    uint32_t place = (uint32_t)least, taken = m->next[place];
    if (m->rank[place] != least >> 32) continue;
    m->id[place] = m->made[place];
    m->end[place] = m->end[taken];
    m->next[place] = m->next[taken];
    m->rank[taken] = NONE;
    if (m->next[place] != NONE) m->previous[m->next[place]] = place;
    update_pair(b, m, place);
    if (m->previous[place] != NONE) update_pair(b, m, m->previous[place]);
  }
}

/* ---- merging with dropout ---- */

struct dropping {
  const struct eq_bpe *bpe;
  struct eq_bpe_scratch *memory;
  const char *word;
};

/* A word that holds many, since nothing cut it at white space: that begins one. */
static bool word_begins(void *context, uint32_t at) {
  const struct dropping *c = context;
  const struct eq_bpe_scratch *m = c->memory;
  const struct eq_str before = { c->word + m->begin[at - 1], m->end[at - 1] - m->begin[at - 1] };
  const struct eq_str after = { c->word + m->begin[at], m->end[at] - m->begin[at] };
  return !eq_dropping_is_space(before) && eq_dropping_is_space(after);
}

static uint32_t rank_at(void *context, uint32_t left, uint32_t right) {
  const struct dropping *c = context;
  return pair_rank(c->bpe, c->memory->id[left], c->memory->id[right], &c->memory->made[left]);
}

static void merge_at(void *context, uint32_t left, uint32_t right) {
  struct eq_bpe_scratch *m = ((const struct dropping *)context)->memory;
  m->id[left] = m->made[left];
  m->end[left] = m->end[right];
  m->next[left] = m->next[right];
}

/* As merge_long does it, and with the same result at p = 0. */
static bool merge_dropping(const struct eq_bpe *b, struct eq_bpe_scratch *m, const char *word, size_t n,
                           struct eq_dropping *d) {
  struct dropping context = { b, m, word };
  const struct eq_merging merging = { &context, rank_at, merge_at, b->keeps_words ? word_begins : NULL };
  for (uint32_t i = 0; i < n; i++) m->next[i] = i + 1 < n ? i + 1 : NONE;
  return eq_merge_dropping(d, n, &merging);
}

/* ---- a word over characters ---- */

/* A character as the vocabulary spells it: with the prefix unless it is the first of its word, the suffix if the last.
 */
static struct eq_str spell(const struct eq_bpe *b, struct eq_bpe_scratch *m, struct eq_str c, bool first, bool last) {
  if (!(b->prefix && !first) && !(b->suffix && last)) return c;
  m->spelling.size = 0;
  if (b->prefix && !first) eq_buffer_string(&m->spelling, b->prefix);
  eq_buffer_add(&m->spelling, c.p, c.n);
  if (b->suffix && last) eq_buffer_string(&m->spelling, b->suffix);
  return (struct eq_str){ m->spelling.data, m->spelling.size };
}

static bool falls_back(const struct eq_bpe *b, struct eq_str s) {
  if (!b->rules.byte_fallback) return false;
  for (size_t i = 0; i < s.n; i++)
    if (b->fallback[(unsigned char)s.p[i]] == NONE) return false;
  return true;
}

static void add_symbol(struct eq_bpe_scratch *m, size_t *n, uint32_t id, size_t begin, size_t end) {
  m->id[*n] = id;
  m->begin[*n] = (uint32_t)begin;
  m->end[(*n)++] = (uint32_t)end;
}

/* The token of a character, as spelled. */
static bool find_character(const struct eq_bpe *b, struct eq_str c, uint32_t *id) {
  uint32_t code_point;
  if (b->characters && eq_utf8_decode(c.p, c.n, &code_point) && code_point < CHARACTERS) {
    *id = b->characters[code_point];
    return *id != NONE;
  }
  return eq_vocabulary_find(b->vocabulary, c, id);
}

/* Fills in the symbols that merging starts from; their number. An unknown character waits to be fused with the next,
 * and what falls back to bytes does not make it come first: the reference's order. */
static size_t symbols_of(const struct eq_bpe *b, struct eq_bpe_scratch *m, struct eq_word_part w) {
  const char *const word = w.p;
  const size_t n = w.n;
  size_t n_symbols = 0, begin = 0, end = 0; /* of the unknown that waits; none when empty */
  uint32_t id;
  for (size_t at = 0, length; at < n; at += length) {
    length = eq_utf8_length(word + at, n - at);
    bool first = at == 0 && !w.follows, last = at + length == n && !w.goes_on;
    struct eq_str s = spell(b, m, (struct eq_str){ word + at, length }, first, last);
    bool known = find_character(b, s, &id), fuses = b->rules.fuse_unknown && end > begin;
    if (!known && falls_back(b, s)) {
      for (size_t i = 0; i < s.n; i++)
        add_symbol(m, &n_symbols, b->fallback[(unsigned char)s.p[i]], at + (i < length ? i : length),
                   at + (i < length ? i + 1 : length));
      continue;
    }
    if (!known && b->rules.unknown == NONE) {
      if (b->rules.keep_apart) add_symbol(m, &n_symbols, NONE, at, at + length);
      continue;
    }
    if (end > begin && (known || !fuses)) add_symbol(m, &n_symbols, b->rules.unknown, begin, end);
    if (known) add_symbol(m, &n_symbols, id, at, at + length);
    begin = known ? end : fuses ? begin : at;
    end = known ? end : at + length;
  }
  if (end > begin) add_symbol(m, &n_symbols, b->rules.unknown, begin, end);
  return n_symbols;
}

/* Adds the token of the symbols from one place to another. An unknown may come late: see symbols_of. */
static bool add_symbols(const struct eq_bpe_scratch *m, size_t place, size_t last, size_t start, uint32_t *begin,
                        struct eq_token_list *out) {
  if (m->id[place] == NONE) return true; /* kept its neighbours apart */
  if (m->begin[place] > *begin) *begin = m->begin[place];
  const uint32_t end = m->end[last] > *begin ? m->end[last] : *begin;
  return eq_token_list_add(out, m->id[place], start + *begin, start + end);
}

/* Merges 1 to SHORT_MAX symbols and adds what comes of them. */
static bool encode_short(const struct eq_bpe *b, struct eq_bpe_scratch *m, size_t n, size_t start,
                         struct eq_token_list *out) {
  uint64_t pairs[SHORT_MAX];
  uint32_t made[SHORT_MAX], begin = 0;
  for (uint32_t i = 0; i + 1 < n; i++) expect_pair(b, m->id[i], m->id[i + 1]);
  for (uint32_t i = 0; i + 1 < n; i++) pairs[i] = candidate(pair_rank(b, m->id[i], m->id[i + 1], &made[i]), i);
  for (uint64_t alive = merge_short(b, m->id, n, pairs, made), rest; alive; alive = rest) {
    rest = alive & (alive - 1);
    const size_t next = rest ? (size_t)__builtin_ctzll(rest) : n;
    if (!add_symbols(m, (size_t)__builtin_ctzll(alive), next - 1, start, &begin, out)) return false;
  }
  return true;
}

static bool is_of_breaks(struct eq_word_part w) {
  size_t breaks = 0;
  while (breaks < w.n && w.p[breaks] == '\n') breaks++;
  return breaks == w.n;
}

/* A part is spelled as in its word, so what is a token by itself need not be one there. */
static bool may_be_whole(const struct eq_bpe *b, struct eq_word_part w) {
  bool wanted = b->rules.whole_words || (b->rules.whole_lines && is_of_breaks(w));
  return wanted && !(b->prefix && w.follows) && !(b->suffix && w.goes_on);
}

static bool encode_characters(const struct eq_bpe *b, struct eq_bpe_scratch *m, struct eq_word_part w,
                              struct eq_dropping *d, struct eq_token_list *out) {
  const size_t n = w.n, start = w.start;
  uint32_t id;
  if (!d && may_be_whole(b, w) && eq_vocabulary_find(b->vocabulary, (struct eq_str){ w.p, n }, &id))
    return eq_token_list_add(out, id, start, start + n);
  size_t longest = 1 + (b->prefix ? strlen(b->prefix) : 0) + (b->suffix ? strlen(b->suffix) : 0);
  if (n > SIZE_MAX / 32 / longest || !room_for_word(m, n * longest)) return false;
  size_t n_symbols = symbols_of(b, m, w);
  if (m->spelling.failed) return false;
  if (!n_symbols) return true;
  if (!d && n_symbols <= SHORT_MAX) return encode_short(b, m, n_symbols, start, out);
  if (!d)
    merge_long(b, m, n_symbols);
  else if (!merge_dropping(b, m, w.p, n_symbols, d))
    return false;
  for (uint32_t place = 0, begin = 0; place != NONE; place = m->next[place])
    if (!add_symbols(m, place, place, start, &begin, out)) return false;
  return true;
}

/* ---- a word over bytes ---- */

static void add_token(const struct eq_bpe *b, struct eq_token_list *out, uint32_t id, size_t *start) {
  out->ids[out->n] = id;
  out->starts[out->n] = (uint32_t)*start;
  *start += b->bytes[id];
  out->ends[out->n++] = (uint32_t)*start;
}

static bool add_long(const struct eq_bpe *b, struct eq_bpe_scratch *m, const char *word, size_t n, size_t start,
                     struct eq_dropping *d, struct eq_token_list *out) {
  if (!room_for_word(m, n)) return false;
  for (size_t i = 0; i < n; i++) m->id[i] = b->byte_token[(unsigned char)word[i]];
  if (!d)
    merge_long(b, m, n);
  else if (!merge_dropping(b, m, word, n, d))
    return false;
  for (uint32_t place = 0; place != NONE; place = m->next[place]) {
    if (!eq_token_list_reserve(out, 1)) return false;
    add_token(b, out, m->id[place], &start);
  }
  return true;
}

/* The token that a word is as a whole, if there is one. Tokens are known by their spelling, so the word is spelled. */
static bool whole_word(const struct eq_bpe *b, struct eq_bpe_scratch *m, const char *word, size_t n, uint32_t *id) {
  if (n > b->longest) return false;
  m->spelling.size = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t c = eq_byte_character((unsigned char)word[i]);
    char two[2] = { (char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F)) }, one = (char)c;
    eq_buffer_add(&m->spelling, c < 0x80 ? &one : two, c < 0x80 ? 1 : 2);
  }
  return !m->spelling.failed &&
         eq_vocabulary_find(b->vocabulary, (struct eq_str){ m->spelling.data, m->spelling.size }, id);
}

bool eq_bpe_encode(const struct eq_bpe *b, struct eq_bpe_scratch *m, const char *word, size_t n, size_t start,
                   struct eq_token_list *out) {
  if (!n) return true;
  if (!b->rules.over_bytes)
    return encode_characters(b, m, (struct eq_word_part){ word, n, start, false, false }, NULL, out);
  uint32_t ids[SHORT_MAX];
  if (!eq_token_list_reserve(out, n <= SHORT_MAX ? n : 1)) return false;
  if (n > SHORT_MAX && b->rules.whole_words && whole_word(b, m, word, n, ids)) {
    add_token(b, out, ids[0], &start);
    return true;
  }
  if (n > SHORT_MAX) return add_long(b, m, word, n, start, NULL, out);
  size_t n_tokens = 1;
  if (!b->rules.whole_words || !whole_word(b, m, word, n, ids)) n_tokens = merge_bytes(b, word, n, ids);
  for (size_t i = 0; i < n_tokens; i++) add_token(b, out, ids[i], &start);
  return true;
}

bool eq_bpe_encode_part(const struct eq_bpe *b, struct eq_bpe_scratch *m, struct eq_word_part w, struct eq_dropping *d,
                        struct eq_token_list *out) {
  if (!w.n) return true;
  if (!b->rules.over_bytes) return encode_characters(b, m, w, d, out);
  return d ? add_long(b, m, w.p, w.n, w.start, d, out) : eq_bpe_encode(b, m, w.p, w.n, w.start, out);
}
