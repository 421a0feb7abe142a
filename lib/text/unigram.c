#include "lib/text/unigram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/utf8.h"

#define NONE EQ_NO_PIECE
static const double sum_max = 100000;     /* kScoreResetThreshold of SentencePiece */
static const double unknown_penalty = 10; /* kUnkPenalty of SentencePiece, K_UNK_PENALTY of tokenizers */

struct piece {
  size_t at, n; /* of its spelling in `spellings` */
  double score;
  enum eq_piece_kind kind;
};

struct eq_unigram {
  struct eq_buffer spellings;
  struct piece *pieces;
  size_t n, capacity;
  struct eq_piece_trie found, unseen; /* pieces that texts have, and the others */
  double *scores;                     /* [n] */
  double least;                       /* score of normal pieces */
  uint32_t bytes[256];                /* pieces of byte fallback */
  struct eq_unigram_rules rules;
};

/* The best way to a place: its last piece and where that starts. Of the way itself the sum of scores. */
struct eq_way {
  double sum;
  uint32_t id, start; /* id NONE: no way leads here yet */
};

struct eq_unigram *eq_unigram_new(struct eq_err *err) {
  struct eq_unigram *u = eq_array(1, sizeof *u);
  if (u)
    u->least = INFINITY;
  else
    eq_fail_memory(err, sizeof *u, "a vocabulary");
  return u;
}

void eq_unigram_free(struct eq_unigram *u) {
  if (!u) return;
  eq_buffer_free(&u->spellings);
  free(u->pieces);
  free(u->scores);
  eq_piece_trie_free(&u->found);
  eq_piece_trie_free(&u->unseen);
  free(u);
}

bool eq_unigram_add(struct eq_unigram *u, struct eq_str piece, double score, enum eq_piece_kind kind,
                    struct eq_err *err) {
  if (u->n >= EQ_VOCAB_MAX) return eq_fail(err, EQ_BAD, "the vocabulary has more than %d pieces", EQ_VOCAB_MAX);
  if (!isfinite(score))
    return eq_fail(err, EQ_BAD, "piece %zu, '%.*s', has the score %g, expected a finite one", u->n, EQ_STR(piece),
                   score);
  struct piece *pieces = eq_array_grow(u->pieces, u->n, &u->capacity, sizeof *pieces);
  if (pieces) u->pieces = pieces;
  size_t at = u->spellings.size;
  eq_buffer_add(&u->spellings, piece.p, piece.n);
  if (!pieces || u->spellings.failed) return eq_fail_memory(err, u->spellings.size, "a vocabulary");
  pieces[u->n++] = (struct piece){ at, piece.n, score, kind };
  if (kind == EQ_PIECE_NORMAL && score < u->least) u->least = score;
  return true;
}

struct eq_str eq_unigram_spelling(const struct eq_unigram *u, uint32_t id) {
  return (struct eq_str){ u->spellings.data + u->pieces[id].at, u->pieces[id].n };
}

double eq_unigram_score(const struct eq_unigram *u, uint32_t id) { return u->pieces[id].score; }

const struct eq_unigram_rules *eq_unigram_rules(const struct eq_unigram *u) { return &u->rules; }

size_t eq_unigram_size(const struct eq_unigram *u) { return u->n; }

bool eq_unigram_find(const struct eq_unigram *u, struct eq_str piece, uint32_t *id) {
  *id = eq_piece_trie_find(&u->found, piece);
  if (*id == NONE) *id = eq_piece_trie_find(&u->unseen, piece);
  return *id != NONE;
}

const struct eq_piece_trie *eq_unigram_trie(const struct eq_unigram *u) { return &u->found; }

static bool is_found(const struct eq_unigram *u, enum eq_piece_kind kind) {
  return u->rules.every_piece || kind < EQ_PIECE_UNUSED || (kind == EQ_PIECE_UNUSED && u->rules.unused);
}

/* The trie of the pieces that are found in texts, or of those that are not. */
static bool build_trie(const struct eq_unigram *u, bool found, struct eq_piece_trie *t, struct eq_err *err) {
  struct eq_str *spellings = eq_array(u->n, sizeof *spellings);
  uint32_t *ids = eq_array(u->n, sizeof *ids);
  size_t n = 0;
  for (uint32_t i = 0; spellings && ids && i < u->n; i++)
    if (found == is_found(u, u->pieces[i].kind)) {
      spellings[n] = eq_unigram_spelling(u, i);
      ids[n++] = i;
    }
  bool good = (spellings && ids) || eq_fail_memory(err, u->n * sizeof *spellings, "a vocabulary");
  good = good && eq_piece_trie_build(t, spellings, ids, n, err);
  free(spellings);
  free(ids);
  return good;
}

/* Falling back takes every byte's piece; of tokenizers each stretch is asked by itself. */
static void find_bytes(struct eq_unigram *u) {
  for (unsigned byte = 0; byte < 256; byte++) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", byte);
    if (!eq_unigram_find(u, eq_str(name), &u->bytes[byte])) u->bytes[byte] = NONE;
  }
}

/* SentencePiece's bonus: the score of a user-defined symbol of n bytes (unigram_model.cc), which nothing outweighs
 * unless scores are near 0. */
static double user_score(const struct eq_unigram *u, size_t n) {
  return u->rules.sums == EQ_SUMS_LLAMA ? 0 : (double)(float)(0.1 * (double)(n - 1));
}

bool eq_unigram_finish(struct eq_unigram *u, struct eq_unigram_rules rules, struct eq_err *err) {
  if (rules.unknown != NONE && rules.unknown >= u->n)
    return eq_fail(err, EQ_BAD, "the unknown token has id %u, but there are %zu pieces", rules.unknown, u->n);
  u->rules = rules;
  u->scores = eq_array(u->n, sizeof *u->scores);
  if (!u->scores) return eq_fail_memory(err, u->n * sizeof *u->scores, "scores");
  for (size_t i = 0; i < u->n; i++)
    u->scores[i] = u->pieces[i].kind == EQ_PIECE_USER ? user_score(u, u->pieces[i].n) : u->pieces[i].score;
  if (!build_trie(u, true, &u->found, err) || !build_trie(u, false, &u->unseen, err)) return false;
  find_bytes(u);
  return true;
}

/* ---- the best way ---- */

void eq_unigram_scratch_free(struct eq_unigram_scratch *s) {
  free(s->ways);
  *s = (struct eq_unigram_scratch){ 0 };
}

static bool room_for_ways(struct eq_unigram_scratch *s, size_t n) {
  if (n <= s->capacity) return true;
  free(s->ways);
  s->capacity = 0;
  size_t capacity = n + n / 2 + 64;
  s->ways = eq_array(capacity, sizeof *s->ways);
  if (s->ways) s->capacity = capacity;
  return s->ways;
}

/* Bytes of the character at text[0..n), n > 0, by its first one: llama.cpp's texts may be cut inside a character. */
static size_t character(const char *text, size_t n) {
  static const unsigned char sizes[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4 };
  size_t size = sizes[(unsigned char)*text >> 4];
  return size < n ? size : n;
}

static void offer(const struct eq_unigram *u, struct eq_way *to, double sum, uint32_t id, size_t start) {
  if (u->rules.sums == EQ_SUMS_F32) sum = (double)(float)sum;
  if (to->id != NONE && sum <= to->sum) return;
  *to = (struct eq_way){ sum, id, (uint32_t)start };
}

/* SentencePiece's sums stay small: those of ways[0], which becomes 0, and of the places after it that ways lead to. */
static void begin_anew(struct eq_way *ways, size_t n) {
  const float offset = (float)ways[0].sum;
  for (size_t i = 0; i <= n; i++)
    if (!i || ways[i].id != NONE) ways[i].sum = (double)((float)ways[i].sum - offset);
}

/* Fills ways[0..n]. False when a character is unknown and there is no unknown id. */
static bool walk(const struct eq_unigram *u, struct eq_way *ways, const char *text, size_t n, size_t *bad) {
  double unknown_score = u->least - unknown_penalty;
  if (u->rules.sums != EQ_SUMS_F64) unknown_score = (double)((float)u->least - (float)unknown_penalty);
  for (size_t i = 0; i <= n; i++) ways[i].id = NONE;
  ways[0].sum = 0;
  for (size_t at = 0, step, last = 0; at < n; at += step) {
    if (u->rules.sums == EQ_SUMS_F32 && fabs(ways[at].sum) > sum_max) begin_anew(ways + at, last - at);
    double sum = ways[at].sum;
    uint32_t node = 0;
    bool whole_character = false;
    step = character(text + at, n - at);
    for (size_t end = at; end < n && eq_piece_trie_step(&u->found, &node, text[end]);) {
      end++;
      uint32_t id = u->found.units[node].value;
      if (id == NONE) continue;
      offer(u, &ways[end], u->scores[id] + sum, id, at);
      if (end > last) last = end;
      whole_character |= end == at + step;
    }
    if (whole_character) continue;
    *bad = at;
    if (u->rules.unknown == NONE) return false;
    offer(u, &ways[at + step], unknown_score + sum, u->rules.unknown, at);
    if (at + step > last) last = at + step;
  }
  return true;
}

/* Turns the links around, so that they lead from the first piece to the last: each way then holds the end of the piece
 * that starts at its place, and its id. */
static void turn_around(struct eq_way *ways, size_t n) {
  uint32_t id = NONE, end = (uint32_t)n;
  for (size_t at = n;;) {
    struct eq_way here = ways[at];
    ways[at].id = id;
    ways[at].start = end;
    if (!at) return;
    id = here.id;
    end = (uint32_t)at;
    at = here.start;
  }
}

static void add(struct eq_token_list *out, uint32_t id, size_t start, size_t end) {
  out->ids[out->n] = id;
  out->starts[out->n] = (uint32_t)start;
  out->ends[out->n++] = (uint32_t)end;
}

static bool has_bytes(const struct eq_unigram *u, struct eq_str s) {
  for (size_t i = 0; i < s.n; i++)
    if (u->bytes[(unsigned char)s.p[i]] == NONE) return false;
  return true;
}

/* A stretch of unknown characters. tokenizers looks its spelling up once more: the unknown piece's own name is it. */
static bool add_unknown(const struct eq_unigram *u, struct eq_str s, size_t start, struct eq_token_list *out) {
  uint32_t id = u->rules.unknown;
  if (u->rules.byte_fallback && eq_piece_trie_find(&u->found, s) == NONE && has_bytes(u, s)) {
    if (!eq_token_list_reserve(out, s.n)) return false;
    for (size_t i = 0; i < s.n; i++) add(out, u->bytes[(unsigned char)s.p[i]], start + i, start + i + 1);
    return true;
  }
  if (!eq_token_list_reserve(out, 1)) return false;
  add(out, id, start, start + s.n);
  return true;
}

bool eq_unigram_encode(const struct eq_unigram *u, struct eq_unigram_scratch *s, const char *text, size_t n,
                       size_t start, struct eq_token_list *out, struct eq_err *err) {
  size_t bad;
  if (!n) return true;
  if (!room_for_ways(s, n + 1)) return eq_fail_memory(err, n * sizeof *s->ways, "a text's pieces");
  if (!walk(u, s->ways, text, n, &bad))
    return eq_fail(err, EQ_BAD, "'%.*s' is not in the vocabulary, which has no unknown token",
                   (int)eq_utf8_length(text + bad, n - bad), text + bad);
  turn_around(s->ways, n);
  bool good = true;
  for (size_t at = 0, end; good && at < n; at = end) {
    uint32_t id = s->ways[at].id;
    end = s->ways[at].start;
    if (id == u->rules.unknown) {
      while (end < n && s->ways[end].id == id) end = s->ways[end].start;
      good = add_unknown(u, (struct eq_str){ text + at, end - at }, start + at, out);
    } else if ((good = eq_token_list_reserve(out, 1)))
      add(out, id, start + at, start + end);
  }
  return good || eq_fail_memory(err, 16 * out->n, "tokens");
}
