#include "lib/text/sentencepiece.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

#define NONE EQ_NO_PIECE
enum { CHARACTERS = 0x10000, LONE_SPACE = 4 };      /* beside enum eq_charsmap_role */
static const char escaped_space[] = "\xE2\x96\x81"; /* U+2581 */

struct eq_sentencepiece {
  struct eq_unigram *pieces; /* of both kinds of model: it keeps the spellings */
  unsigned char *types;      /* [capacity] */
  uint32_t *ranks;           /* [ranks_capacity], by score */
  size_t types_capacity, ranks_capacity;
  struct eq_charsmap charsmap;
  struct eq_piece_trie user; /* user-defined symbols */
  struct eq_seams seams;     /* of merging */
  unsigned char *roles;      /* [CHARACTERS] of the first code points, in the charsmap; NULL: not known */
  bool goes_on[256];         /* bytes by which keys go on behind such a character */
  struct eq_sentencepiece_rules rules;
  uint32_t unknown, bos, eos, bytes[256];
  uint32_t *unused; /* [n_unused] ids, of a model that merges */
  size_t n_unused;
  char *surface;                         /* NULL: the usual one */
  struct eq_sentencepiece *denormalizer; /* of which only the charsmap and the rules are used; NULL for none */
};

struct eq_sentencepiece_scratch {
  struct eq_word_memory *words; /* borrowed; NULL: none */
  struct eq_unigram_scratch unigram;
  struct eq_score_scratch merging;
  struct eq_token_list found; /* in the normalized text */
  uint32_t *lefts;            /* [n_lefts] of a model with unused pieces: see score_bpe.h; 0 for none */
  size_t n_lefts;
  struct eq_cut_list cuts; /* likewise */
  char *text;              /* normalized */
  uint32_t *origins;       /* [n + 1] the original byte of each byte of it */
  size_t n, capacity;
};

/* ---- building ---- */

struct eq_sentencepiece *eq_sentencepiece_new(struct eq_err *err) {
  struct eq_sentencepiece *m = eq_array(1, sizeof *m);
  if (!m) {
    eq_fail_memory(err, sizeof *m, "a vocabulary");
    return NULL;
  }
  m->unknown = m->bos = m->eos = NONE;
  if ((m->pieces = eq_unigram_new(err))) return m;
  free(m);
  return NULL;
}

void eq_sentencepiece_free(struct eq_sentencepiece *m) {
  if (!m) return;
  eq_unigram_free(m->pieces);
  free(m->types);
  free(m->ranks);
  free(m->unused);
  eq_charsmap_close(&m->charsmap);
  eq_piece_trie_free(&m->user);
  eq_seams_close(&m->seams);
  free(m->roles);
  free(m->surface);
  eq_sentencepiece_free(m->denormalizer);
  free(m);
}

size_t eq_sentencepiece_size(const struct eq_sentencepiece *m) { return eq_unigram_size(m->pieces); }

struct eq_sentencepiece_facts eq_sentencepiece_facts(const struct eq_sentencepiece *m, uint32_t id) {
  return (struct eq_sentencepiece_facts){ eq_unigram_spelling(m->pieces, id), m->types[id],
                                          eq_unigram_score(m->pieces, id) };
}

const struct eq_sentencepiece_rules *eq_sentencepiece_rules(const struct eq_sentencepiece *m) { return &m->rules; }

bool eq_sentencepiece_add(struct eq_sentencepiece *m, struct eq_str piece, float score, unsigned type,
                          struct eq_err *err) {
  static const enum eq_piece_kind kinds[] = {
    [EQ_SP_NORMAL] = EQ_PIECE_NORMAL,     [EQ_SP_UNKNOWN] = EQ_PIECE_UNSEEN, [EQ_SP_CONTROL] = EQ_PIECE_UNSEEN,
    [EQ_SP_USER_DEFINED] = EQ_PIECE_USER, [EQ_SP_UNUSED] = EQ_PIECE_UNUSED,  [EQ_SP_BYTE] = EQ_PIECE_UNSEEN
  };
  size_t id = eq_sentencepiece_size(m);
  if (type < EQ_SP_NORMAL || type > EQ_SP_BYTE)
    return eq_fail(err, EQ_BAD, "piece %zu has type %u, expected 1 to 6", id, type);
  if (!piece.n) return eq_fail(err, EQ_BAD, "piece %zu is empty", id);
  if (type == EQ_SP_UNKNOWN && m->unknown != NONE)
    return eq_fail(err, EQ_BAD, "pieces %u and %zu are both of type unknown", m->unknown, id);
  unsigned char *types = eq_array_grow(m->types, id, &m->types_capacity, sizeof *types);
  if (types) m->types = types;
  uint32_t *ranks = eq_array_grow(m->ranks, id, &m->ranks_capacity, sizeof *ranks);
  if (ranks) m->ranks = ranks;
  if (!types || !ranks) return eq_fail_memory(err, id, "a vocabulary");
  if (!eq_unigram_add(m->pieces, piece, (double)score, kinds[type], err)) return false;
  types[id] = (unsigned char)type;
  ranks[id] = eq_score_rank(score);
  if (type == EQ_SP_UNKNOWN) m->unknown = (uint32_t)id;
  return true;
}

bool eq_sentencepiece_set_charsmap(struct eq_sentencepiece *m, struct eq_str blob, struct eq_err *err) {
  eq_charsmap_close(&m->charsmap);
  return eq_charsmap_open(&m->charsmap, blob, err);
}

bool eq_sentencepiece_set_surface(struct eq_sentencepiece *m, struct eq_str surface, struct eq_err *err) {
  free(m->surface);
  m->surface = eq_copy_string(surface.p, surface.n);
  return m->surface || eq_fail_memory(err, surface.n, "a vocabulary");
}

struct eq_str eq_sentencepiece_surface(const struct eq_sentencepiece *m) {
  return eq_str(m->surface ? m->surface : " \xE2\x81\x87 "); /* U+2047 */
}

static bool find_bytes(struct eq_sentencepiece *m, struct eq_err *err) {
  for (unsigned byte = 0; byte < 256; byte++) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", byte);
    bool there = eq_unigram_find(m->pieces, eq_str(name), &m->bytes[byte]) && m->types[m->bytes[byte]] == EQ_SP_BYTE;
    if (!there) m->bytes[byte] = NONE;
    if (!there && m->rules.byte_fallback)
      return eq_fail(err, EQ_BAD, "byte fallback is on, but there is no piece %s of type byte", name);
  }
  return true;
}

static bool build_user(struct eq_sentencepiece *m, struct eq_err *err) {
  size_t n = eq_sentencepiece_size(m), n_user = 0;
  struct eq_str *spellings = eq_array(n, sizeof *spellings);
  for (uint32_t i = 0; spellings && i < n; i++)
    if (m->types[i] == EQ_SP_USER_DEFINED) spellings[n_user++] = eq_unigram_spelling(m->pieces, i);
  bool good = spellings ? !n_user || eq_piece_trie_build(&m->user, spellings, NULL, n_user, err)
                        : eq_fail_memory(err, n * sizeof *spellings, "a vocabulary");
  free(spellings);
  return good;
}

/* A character is known when it is a piece that texts have. */
static bool find_seams(struct eq_sentencepiece *m, struct eq_err *err) {
  if (!eq_seams_open(&m->seams, eq_sentencepiece_size(m), true))
    return eq_fail_memory(err, eq_sentencepiece_size(m), "a vocabulary");
  for (uint32_t i = 0; i < eq_sentencepiece_size(m); i++) {
    const struct eq_str s = eq_unigram_spelling(m->pieces, i);
    bool character = eq_utf8_length(s.p, s.n) == s.n;
    if (!character || eq_piece_trie_find(eq_unigram_trie(m->pieces), s) != NONE) eq_seams_add(&m->seams, s);
  }
  return true;
}

/* Unused pieces are merged like others and then taken apart again. */
static bool list_unused(struct eq_sentencepiece *m, struct eq_err *err) {
  size_t n = eq_sentencepiece_size(m);
  for (size_t i = 0; i < n; i++) m->n_unused += m->types[i] == EQ_SP_UNUSED;
  if (m->n_unused && !(m->unused = eq_array(m->n_unused, sizeof *m->unused)))
    return eq_fail_memory(err, m->n_unused * sizeof *m->unused, "a vocabulary");
  for (uint32_t i = 0, k = 0; i < n; i++)
    if (m->types[i] == EQ_SP_UNUSED) m->unused[k++] = i;
  return true;
}

/* Whether a user-defined symbol begins with the character c[0..n), or is a part of it. */
static bool begins_symbol(const struct eq_sentencepiece *m, const char *c, size_t n) {
  uint32_t node = 0;
  for (size_t i = 0; i < n; i++) {
    if (!m->user.n || !eq_piece_trie_step(&m->user, &node, c[i])) return false;
    if (m->user.units[node].value != NONE) return true;
  }
  return true;
}

/* So that most characters are seen to stay by one look each. Spaces and what begins a symbol are made keys; a space
 * that nothing begins with has its own role. */
static bool find_roles(struct eq_sentencepiece *m, struct eq_err *err) {
  m->roles = eq_array(CHARACTERS, sizeof *m->roles);
  if (!m->roles) return eq_fail_memory(err, CHARACTERS, "a charsmap");
  for (uint32_t c = 0; c < CHARACTERS; c++) {
    char bytes[4];
    const size_t n = eq_utf8_encode(c, bytes);
    const bool key = c == 0 || begins_symbol(m, bytes, n);
    m->roles[c] = (unsigned char)(eq_charsmap_roles(&m->charsmap, bytes, n, m->goes_on) | (key ? EQ_CHARSMAP_KEY : 0));
  }
  m->roles[' '] = m->roles[' '] ? EQ_CHARSMAP_KEY : LONE_SPACE | EQ_CHARSMAP_KEY;
  return true;
}

bool eq_sentencepiece_finish(struct eq_sentencepiece *m, struct eq_sentencepiece_rules rules, struct eq_err *err) {
  const bool takes_apart = rules.model == EQ_SP_MERGES && !rules.every_piece;
  const struct eq_unigram_rules unigram = { .unknown = m->unknown,
                                            .byte_fallback = rules.byte_fallback,
                                            .every_piece = rules.every_piece,
                                            .unused = takes_apart || rules.as_llama,
                                            .sums = rules.as_llama ? EQ_SUMS_LLAMA : EQ_SUMS_F32 };
  m->rules = rules;
  if (m->unknown == NONE && !rules.byte_fallback) return eq_fail(err, EQ_BAD, "no piece is of type unknown");
  return eq_unigram_finish(m->pieces, unigram, err) && find_bytes(m, err) && build_user(m, err) &&
         (!takes_apart || list_unused(m, err)) && (rules.model != EQ_SP_MERGES || find_seams(m, err)) &&
         find_roles(m, err);
}

static uint32_t find_control(const struct eq_sentencepiece *m, struct eq_str spelling) {
  uint32_t id;
  return eq_unigram_find(m->pieces, spelling, &id) && m->types[id] == EQ_SP_CONTROL ? id : NONE;
}

void eq_sentencepiece_set_ends(struct eq_sentencepiece *m, struct eq_str bos, struct eq_str eos) {
  m->bos = find_control(m, bos);
  m->eos = find_control(m, eos);
}

uint32_t eq_sentencepiece_bos(const struct eq_sentencepiece *m) { return m->bos; }
uint32_t eq_sentencepiece_eos(const struct eq_sentencepiece *m) { return m->eos; }

/* ---- scratch ---- */

struct eq_sentencepiece_scratch *eq_sentencepiece_scratch_new(struct eq_err *err) {
  struct eq_sentencepiece_scratch *s = eq_array(1, sizeof *s);
  if (!s) eq_fail_memory(err, sizeof *s, "a tokenizer's scratch");
  return s;
}

void eq_sentencepiece_remember(struct eq_sentencepiece_scratch *s, struct eq_word_memory *words) { s->words = words; }

void eq_sentencepiece_scratch_free(struct eq_sentencepiece_scratch *s) {
  if (!s) return;
  eq_unigram_scratch_free(&s->unigram);
  eq_score_scratch_free(&s->merging);
  eq_token_list_free(&s->found);
  eq_cut_list_free(&s->cuts);
  free(s->lefts);
  free(s->text);
  free(s->origins);
  free(s);
}

/* ---- normalizing ---- */

/* Room for `more` bytes and the place after the last. */
static bool room(struct eq_sentencepiece_scratch *s, size_t more) {
  if (s->capacity - s->n > more) return true;
  size_t capacity = 2 * s->n + more + 256;
  char *text = realloc(s->text, capacity);
  if (text) s->text = text;
  uint32_t *origins = realloc(s->origins, capacity * sizeof *origins);
  if (origins) s->origins = origins;
  if (!text || !origins) return false;
  s->capacity = capacity;
  return true;
}

static void put(struct eq_sentencepiece_scratch *s, char byte, size_t origin) {
  s->text[s->n] = byte;
  s->origins[s->n++] = (uint32_t)origin;
}

static void put_space(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, size_t origin) {
  if (!m->rules.escape_spaces) {
    put(s, ' ', origin);
    return;
  }
  for (size_t i = 0; i < 3; i++) put(s, escaped_space[i], origin);
}

/* Bytes of the longest user-defined symbol that text[0..n) begins with, 0 for none. llama.cpp takes the beginning of
 * one for the whole, even when it ends inside a character. */
static size_t user_symbol(const struct eq_sentencepiece *m, const char *text, size_t n) {
  size_t size = 0;
  uint32_t node = 0;
  for (size_t i = 0; m->user.n && i < n && eq_piece_trie_step(&m->user, &node, text[i]); i++)
    if (m->rules.as_llama || m->user.units[node].value != NONE) size = i + 1;
  return size;
}

/* What text[0..n) begins with, n > 0, and what that becomes: a user-defined symbol stays, then the longest replacement
 * counts, else one character stays. */
static size_t next_stretch(const struct eq_sentencepiece *m, const char *text, size_t n, struct eq_str *to) {
  size_t size = user_symbol(m, text, n);
  if (!size && (size = eq_charsmap_longest(&m->charsmap, text, n, to))) return size;
  if (!size) size = eq_utf8_length(text, n);
  *to = size ? (struct eq_str){ text, size } : eq_str("\xEF\xBF\xBD"); /* inside a character */
  return size ? size : 1;
}

/* Adds what one stretch became. A character that stays keeps the origin of each byte. */
static bool put_stretch(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, struct eq_str to,
                        bool stays, size_t origin) {
  if (!room(s, 3 * to.n)) return false;
  for (size_t i = 0; i < to.n; i++) {
    size_t from = stays ? origin + i : origin;
    if (to.p[i] == ' ')
      put_space(m, s, from);
    else
      put(s, to.p[i], from);
  }
  return true;
}

/* Takes spaces off the end; *done is then where the first of them came from. */
static void trim_end(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, size_t *done) {
  const char *space = m->rules.escape_spaces ? escaped_space : " ";
  size_t size = strlen(space);
  while (s->n >= size && !memcmp(s->text + s->n - size, space, size)) {
    s->n -= size;
    *done = s->origins[s->n];
  }
}

/* Bytes of text[0..n) that stay, for no key and no symbol begins there: whole characters. */
static size_t plain_run(const struct eq_sentencepiece *m, const char *text, size_t n) {
  size_t at = 0, size;
  uint32_t c;
  for (; at < n; at += size) {
    size = eq_utf8_decode(text + at, n - at, &c);
    if (!size || c >= CHARACTERS || (m->roles[c] & EQ_CHARSMAP_KEY)) break;
    if (m->roles[c] && at + size < n && m->goes_on[(unsigned char)text[at + size]]) break;
  }
  return at;
}

/* Adds what stays of the n bytes from `at` on; how many bytes. */
static size_t put_plain(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, const char *text,
                        size_t at, size_t n) {
  const size_t size = m->roles ? plain_run(m, text + at, n) : 0;
  if (!size || !room(s, size)) return 0;
  memcpy(s->text + s->n, text + at, size);
  for (size_t i = 0; i < size; i++) s->origins[s->n + i] = (uint32_t)(at + i);
  s->n += size;
  return size;
}

static bool normalize(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, const char *text,
                      size_t n) {
  size_t at = 0, size;
  struct eq_str to;
  s->n = 0;
  while (m->rules.squeeze_spaces && at < n) {
    size = next_stretch(m, text + at, n - at, &to);
    if (!eq_str_is(to, " ")) break;
    at += size;
  }
  if (at == n) return true;
  if (!room(s, 3)) return false;
  if (m->rules.dummy_prefix && !m->rules.space_at_end) put_space(m, s, at);
  for (bool after_space = m->rules.squeeze_spaces; at < n; at += size) {
    if ((size = put_plain(m, s, text, at, n - at))) {
      after_space = false;
      continue;
    }
    if (text[at] == ' ' && m->roles && (m->roles[' '] & LONE_SPACE) && room(s, 3)) {
      if (!after_space) put_space(m, s, at);
      after_space = m->rules.squeeze_spaces;
      size = 1;
      continue;
    }
    size = next_stretch(m, text + at, n - at, &to);
    bool stays = to.p == text + at && size == eq_utf8_length(text + at, n - at);
    while (after_space && to.n && *to.p == ' ') to = (struct eq_str){ to.p + 1, to.n - 1 };
    if (!put_stretch(m, s, to, stays, at)) return false;
    if (to.n) after_space = m->rules.squeeze_spaces && to.p[to.n - 1] == ' ';
  }
  if (m->rules.squeeze_spaces) trim_end(m, s, &at);
  if (!room(s, 3)) return false;
  if (m->rules.dummy_prefix && m->rules.space_at_end) put_space(m, s, at);
  s->origins[s->n] = (uint32_t)at;
  return true;
}

/* llama.cpp's rules for spaces: one that is squeezed is put before each word, also before the first; one that is put
 * before the text stands after the spaces that the text begins with. */
static bool normalize_as_llama(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, const char *text,
                               size_t n) {
  const struct eq_sentencepiece_rules *rules = &m->rules;
  bool in_word = false, first = rules->dummy_prefix;
  struct eq_str to;
  s->n = 0;
  for (size_t at = 0, size; at < n; at += size) {
    size = next_stretch(m, text + at, n - at, &to);
    bool stays = to.p == text + at;
    if (!room(s, 6 * to.n + 3)) return false;
    for (size_t i = 0; i < to.n; i++) {
      bool space = to.p[i] == ' ';
      if (space ? !rules->squeeze_spaces : !in_word && (first || rules->squeeze_spaces)) put_space(m, s, at);
      if (!space) put(s, to.p[i], stays ? at + i : at);
      if (!space) first = false;
      in_word = !space;
    }
  }
  if (!room(s, 3)) return false;
  s->origins[s->n] = (uint32_t)n;
  return true;
}

/* ---- tokens ---- */

static void add(struct eq_token_list *out, uint32_t id, size_t start, size_t end) {
  out->ids[out->n] = id;
  out->starts[out->n] = (uint32_t)start;
  out->ends[out->n++] = (uint32_t)end;
}

/* An unknown character: its bytes, or one token with the unknown ones before it. */
static bool add_unknown(const struct eq_sentencepiece *m, const char *text, size_t start, size_t end, bool *after,
                        struct eq_token_list *out) {
  if (!eq_token_list_reserve(out, end - start)) return false;
  if (m->rules.byte_fallback)
    for (size_t i = start; i < end; i++) add(out, m->bytes[(unsigned char)text[i]], i, i + 1);
  else if (*after)
    out->ends[out->n - 1] = (uint32_t)end;
  else
    add(out, m->unknown, start, end);
  *after = true;
  return true;
}

/* A stretch of the text and its piece, NONE for unknown. */
static bool add_stretch(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, uint32_t piece,
                        size_t start, size_t end, bool *after) {
  if (piece == NONE) return add_unknown(m, s->text, start, end, after, &s->found);
  *after = false;
  if (!eq_token_list_reserve(&s->found, 1)) return false;
  add(&s->found, piece, start, end);
  return true;
}

/* An unused piece comes apart into the two that were last found to make it, to a depth (kMaxBpeResegmentDepth). */
static bool take_apart(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, uint32_t piece,
                       size_t start, size_t end, unsigned depth, bool *after) {
  enum { DEPTH_MAX = 100 };
  if (piece == NONE || m->types[piece] != EQ_SP_UNUSED || depth > DEPTH_MAX)
    return add_stretch(m, s, piece, start, end, after);
  const size_t middle = start + s->lefts[piece];
  if (middle == start) return add_stretch(m, s, NONE, start, end, after);
  const struct eq_str left = { s->text + start, middle - start }, right = { s->text + middle, end - middle };
  const struct eq_piece_trie *trie = eq_unigram_trie(m->pieces);
  return take_apart(m, s, eq_piece_trie_find(trie, left), start, middle, depth + 1, after) &&
         take_apart(m, s, eq_piece_trie_find(trie, right), middle, end, depth + 1, after);
}

static bool room_for_lefts(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s) {
  size_t n = eq_sentencepiece_size(m);
  s->merging.lefts = NULL;
  if (!m->n_unused) return true;
  if (s->n_lefts < n) {
    free(s->lefts);
    s->lefts = eq_array(n, sizeof *s->lefts);
    s->n_lefts = s->lefts ? n : 0;
    if (!s->lefts) return false;
  }
  for (size_t i = 0; i < m->n_unused; i++) s->lefts[m->unused[i]] = 0;
  s->merging.lefts = s->lefts;
  return true;
}

/* Merges the bytes [start, end) of the normalized text. */
static bool merge(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, size_t start, size_t end,
                  struct eq_dropping *dropping) {
  if (!room_for_lefts(m, s) || !eq_score_bpe(eq_unigram_trie(m->pieces), m->ranks, EQ_FROM_CHARACTERS, &m->user,
                                             s->text + start, end - start, dropping, &s->merging))
    return false;
  bool after = false, good = true;
  for (size_t i = 0; good && i < s->merging.n; i++) {
    const struct eq_score_symbol *symbol = &s->merging.symbols[i];
    const size_t from = start + symbol->start;
    if (symbol->size) good = take_apart(m, s, symbol->piece, from, from + symbol->size, 0, &after);
  }
  return good;
}

/* The same, of the stretches between seams, which are remembered. */
static bool merge_words(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, size_t start,
                        size_t end) {
  enum { AHEAD = 32 };
  struct eq_word words[AHEAD];
  while (start < end) {
    size_t n = 0;
    for (; n < AHEAD && start < end; start += words[n++].n)
      words[n] = eq_word_memory_expect(s->words, s->text + start,
                                       eq_seams_next(&m->seams, s->text + start, end - start), start);
    for (size_t i = 0; i < n; i++) eq_word_memory_fetch(s->words, &words[i]);
    for (size_t i = 0; i < n; i++) {
      const struct eq_word *w = &words[i];
      const size_t first = s->found.n;
      if (eq_word_memory_recall(s->words, w, &s->found)) continue;
      if (!merge(m, s, w->start, w->start + w->n, NULL)) return false;
      eq_word_memory_keep(s->words, w, &s->found, first);
    }
  }
  return true;
}

/* Bytes of the word at text[0..n), n > 0: up to the next space. */
static size_t word_size(const char *text, size_t n) {
  const char *space = n > 3 ? memmem(text + 1, n - 1, escaped_space, 3) : NULL;
  return space ? (size_t)(space - text) : n;
}

/* Words or characters of the bytes [start, end), each a piece or unknown. */
static bool look_up(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, size_t start, size_t end) {
  bool after = false, words = m->rules.model == EQ_SP_WORDS;
  for (size_t at = start, size; at < end; at += size) {
    const char *text = s->text + at;
    size_t n = end - at;
    if (words)
      size = word_size(text, n);
    else if (!(size = user_symbol(m, text, n)))
      size = eq_utf8_length(text, n);
    uint32_t piece = eq_piece_trie_find(eq_unigram_trie(m->pieces), (struct eq_str){ text, size });
    if (!add_stretch(m, s, piece, at, at + size, &after)) return false;
  }
  return true;
}

static bool encode_part(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, size_t start, size_t end,
                        struct eq_dropping *dropping, struct eq_err *err) {
  if (m->rules.model == EQ_SP_UNIGRAM)
    return eq_unigram_encode(m->pieces, &s->unigram, s->text + start, end - start, start, &s->found, err);
  /* what an unused piece comes apart into depends on all that was merged before */
  const bool by_words = s->words && !dropping && !m->n_unused;
  bool good = m->rules.model != EQ_SP_MERGES ? look_up(m, s, start, end)
              : by_words                     ? merge_words(m, s, start, end)
                                             : merge(m, s, start, end, dropping);
  return good || eq_fail_memory(err, 8 * (end - start), "a text's pieces");
}

bool eq_sentencepiece_merges(const struct eq_sentencepiece *m) { return m->rules.model == EQ_SP_MERGES; }

bool eq_sentencepiece_encode(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s, struct eq_str text,
                             struct eq_cuts cuts, struct eq_dropping *dropping, struct eq_token_list *out,
                             struct eq_err *err) {
  s->found.n = 0;
  bool good = m->rules.as_llama ? normalize_as_llama(m, s, text.p, text.n) : normalize(m, s, text.p, text.n);
  if (!good || !eq_cuts_rewritten(cuts, 0, s->origins, s->n, &s->cuts, &cuts))
    return eq_fail_memory(err, 8 * text.n, "a text's pieces");
  for (size_t start = 0, end; start < s->n; start = end) {
    end = eq_cuts_after(cuts, start);
    if (end > s->n) end = s->n;
    if (!encode_part(m, s, start, end, dropping, err)) return false;
  }
  if (!eq_token_list_reserve(out, s->found.n)) return eq_fail_memory(err, 8 * text.n, "a text's pieces");
  for (size_t i = 0; i < s->found.n; i++)
    add(out, s->found.ids[i], s->origins[s->found.starts[i]], s->origins[s->found.ends[i]]);
  return true;
}

/* ---- denormalizing ---- */

bool eq_sentencepiece_set_denormalizer(struct eq_sentencepiece *m, struct eq_sentencepiece_rules rules,
                                       struct eq_str blob, struct eq_err *err) {
  eq_sentencepiece_free(m->denormalizer);
  if (!(m->denormalizer = eq_sentencepiece_new(err))) return false;
  m->denormalizer->rules = rules;
  return eq_sentencepiece_set_charsmap(m->denormalizer, blob, err);
}

bool eq_sentencepiece_denormalizes(const struct eq_sentencepiece *m) { return m->denormalizer; }

bool eq_sentencepiece_denormalize(const struct eq_sentencepiece *m, struct eq_sentencepiece_scratch *s,
                                  struct eq_str *text, struct eq_err *err) {
  if (!m->denormalizer) return true;
  if (!normalize(m->denormalizer, s, text->p, text->n)) return eq_fail_memory(err, 8 * text->n, "a decoded text");
  *text = (struct eq_str){ s->text, s->n };
  return true;
}
