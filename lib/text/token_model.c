#include "lib/text/token_model.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

void eq_token_model_free(struct eq_token_model *m) {
  eq_vocabulary_free(&m->vocabulary);
  eq_bpe_free(m->bpe);
  eq_unigram_free(m->unigram);
  eq_piece_trie_free(&m->pieces);
  free(m->prefix);
  *m = (struct eq_token_model){ 0 };
}

bool eq_token_model_finish_wordpiece(struct eq_token_model *m, struct eq_err *err) {
  const struct eq_vocabulary *v = &m->vocabulary;
  struct eq_str *spellings = eq_array(v->n_tokens, sizeof *spellings);
  uint32_t *ids = eq_array(v->n_tokens, sizeof *ids);
  bool good = (spellings && ids) || eq_fail_memory(err, v->n_tokens * sizeof *spellings, "a vocabulary");
  for (size_t i = 0; good && i < v->n_tokens; i++) {
    ids[i] = v->tokens[i].id;
    spellings[i] = eq_vocabulary_spelling(v, ids[i]);
  }
  good = good && eq_piece_trie_build(&m->pieces, spellings, ids, v->n_tokens, err);
  free(spellings);
  free(ids);
  m->continuing = 0;
  for (const char *p = m->prefix; good && *p && m->continuing != EQ_NO_PIECE; p++)
    if (!eq_piece_trie_step(&m->pieces, &m->continuing, *p)) m->continuing = EQ_NO_PIECE;
  return good;
}

bool eq_token_model_find(const struct eq_token_model *m, struct eq_str spelling, uint32_t *id) {
  return m->unigram ? eq_unigram_find(m->unigram, spelling, id) : eq_vocabulary_find(&m->vocabulary, spelling, id);
}

size_t eq_token_model_size(const struct eq_token_model *m) {
  return m->unigram ? eq_unigram_size(m->unigram) : m->vocabulary.size;
}

struct eq_str eq_token_model_spelling(const struct eq_token_model *m, uint32_t id) {
  if (!m->unigram) return eq_vocabulary_spelling(&m->vocabulary, id);
  return id < eq_unigram_size(m->unigram) ? eq_unigram_spelling(m->unigram, id) : (struct eq_str){ 0 };
}

bool eq_token_model_memory_open(struct eq_token_model_memory *memory, struct eq_err *err) {
  memory->words = eq_word_memory_new(err);
  return memory->words;
}

void eq_token_model_memory_free(struct eq_token_model_memory *memory) {
  eq_word_memory_free(memory->words);
  eq_bpe_scratch_free(&memory->bpe);
  eq_unigram_scratch_free(&memory->unigram);
}

/* ---- words ---- */

static bool encode_bpe(const struct eq_token_model *m, struct eq_token_model_memory *memory, struct eq_word_part w,
                       struct eq_token_list *out, struct eq_err *err) {
  bool plain = !memory->dropping && !w.follows && !w.goes_on;
  bool good = plain ? eq_bpe_encode(m->bpe, &memory->bpe, w.p, w.n, w.start, out)
                    : eq_bpe_encode_part(m->bpe, &memory->bpe, w, memory->dropping, out);
  return good || eq_fail_memory(err, 16 * w.n, "tokens");
}

static bool encode_unigram(const struct eq_token_model *m, struct eq_token_model_memory *memory, struct eq_word_part w,
                           struct eq_token_list *out, struct eq_err *err) {
  return eq_unigram_encode(m->unigram, &memory->unigram, w.p, w.n, w.start, out, err);
}

static bool add_unknown(const struct eq_token_model *m, struct eq_word_part w, struct eq_token_list *out,
                        struct eq_err *err) {
  if (m->unknown == EQ_NO_TOKEN)
    return eq_fail(err, EQ_BAD, "the word '%.*s' is not in the vocabulary, and no token is there for unknown ones",
                   (int)(w.n < 60 ? w.n : 60), w.p);
  return eq_token_list_add(out, m->unknown, w.start, w.start + w.n) || eq_fail_memory(err, 16 * out->n, "tokens");
}

/* The end of the longest piece that begins at `at`, and its id; `at` when there is none. */
static size_t longest_piece(const struct eq_token_model *m, struct eq_word_part w, size_t at, uint32_t *id) {
  uint32_t node = at || w.follows ? m->continuing : 0;
  size_t end = at;
  for (size_t i = at; node != EQ_NO_PIECE && i < w.n && eq_piece_trie_step(&m->pieces, &node, w.p[i]); i++)
    if (m->pieces.units[node].value != EQ_NO_PIECE) {
      *id = m->pieces.units[node].value;
      end = i + 1;
    }
  return end;
}

/* The longest piece again and again, from the left; a word that has no such pieces is unknown as a whole. Wu et al.
 * 2016, section 4.1. */
static bool encode_wordpiece(const struct eq_token_model *m, struct eq_token_model_memory *memory,
                             struct eq_word_part w, struct eq_token_list *out, struct eq_err *err) {
  const size_t before = out->n;
  uint32_t id = EQ_NO_TOKEN;
  (void)memory;
  if (w.n > 4 * m->max_characters || eq_utf8_count(w.p, w.n) > m->max_characters) return add_unknown(m, w, out, err);
  for (size_t at = 0, end; at < w.n; at = end) {
    end = longest_piece(m, w, at, &id);
    if (end == at) {
      out->n = before;
      return add_unknown(m, w, out, err);
    }
    if (!eq_token_list_add(out, id, w.start + at, w.start + end)) return eq_fail_memory(err, 16 * out->n, "tokens");
  }
  return true;
}

static bool encode_wordlevel(const struct eq_token_model *m, struct eq_token_model_memory *memory,
                             struct eq_word_part w, struct eq_token_list *out, struct eq_err *err) {
  uint32_t id;
  (void)memory;
  if (!eq_vocabulary_find(&m->vocabulary, (struct eq_str){ w.p, w.n }, &id)) return add_unknown(m, w, out, err);
  return eq_token_list_add(out, id, w.start, w.start + w.n) || eq_fail_memory(err, 16 * out->n, "tokens");
}

static bool (*const encoders[EQ_MODEL_KINDS])(const struct eq_token_model *m, struct eq_token_model_memory *memory,
                                              struct eq_word_part w, struct eq_token_list *out, struct eq_err *err) = {
  [EQ_MODEL_BPE] = encode_bpe,
  [EQ_MODEL_UNIGRAM] = encode_unigram,
  [EQ_MODEL_WORDPIECE] = encode_wordpiece,
  [EQ_MODEL_WORDLEVEL] = encode_wordlevel,
};

bool eq_token_model_flush(const struct eq_token_model *m, struct eq_token_model_memory *memory,
                          struct eq_token_list *out, struct eq_err *err) {
  const size_t n = memory->n_waiting;
  memory->n_waiting = 0;
  for (size_t i = 0; i < n; i++) eq_word_memory_fetch(memory->words, &memory->waiting[i]);
  for (size_t i = 0; i < n; i++) {
    const struct eq_word *w = &memory->waiting[i];
    const size_t first = out->n;
    const bool draws = memory->dropping; /* then no word is cut twice in the same way */
    if (!draws && eq_word_memory_recall(memory->words, w, out)) continue;
    if (!encoders[m->kind](m, memory, (struct eq_word_part){ w->p, w->n, w->start, false, false }, out, err))
      return false;
    if (!draws) eq_word_memory_keep(memory->words, w, out, first);
  }
  return true;
}

static bool add_word(const struct eq_token_model *m, struct eq_token_model_memory *memory, const char *word, size_t n,
                     size_t start, struct eq_token_list *out, struct eq_err *err) {
  memory->waiting[memory->n_waiting++] = eq_word_memory_expect(memory->words, word, n, start);
  return memory->n_waiting < EQ_WORDS_AHEAD || eq_token_model_flush(m, memory, out, err);
}

bool eq_token_model_add(const struct eq_token_model *m, struct eq_token_model_memory *memory, const char *word,
                        size_t n, size_t start, struct eq_token_list *out, struct eq_err *err) {
  const struct eq_seams *seams = m->bpe ? eq_bpe_seams(m->bpe) : NULL;
  if (!seams || memory->dropping) return add_word(m, memory, word, n, start, out, err);
  for (size_t at = 0, size; at < n; at += size) {
    size = eq_seams_next(seams, word + at, n - at);
    if (!add_word(m, memory, word + at, size, start + at, out, err)) return false;
  }
  return true;
}

bool eq_token_model_add_part(const struct eq_token_model *m, struct eq_token_model_memory *memory,
                             struct eq_word_part part, struct eq_token_list *out, struct eq_err *err) {
  return eq_token_model_flush(m, memory, out, err) && encoders[m->kind](m, memory, part, out, err);
}
