#include "lib/text/gguf_vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/classes.h"
#include "lib/text/gguf_cutting.h"
#include "lib/text/gguf_special.h"

/* What the keys say. */
struct vocabulary {
  const struct eq_gguf *g;
  const struct eq_gguf_value *tokens, *types, *scores; /* of the same length; types and scores may be NULL */
  const struct eq_gguf_cutting *cutting;               /* of gpt2, else NULL */
  struct eq_err *err;
};

/* An array beside that of the tokens; *v NULL when it is absent. */
static bool find_array(struct vocabulary *v, const char *key, const struct eq_gguf_value **value) {
  *value = eq_gguf_find(v->g, key);
  if (!*value) return true;
  if (!(*value)->is_array || (*value)->type == EQ_GGUF_STRING || (*value)->n != v->tokens->n)
    return eq_fail(v->err, EQ_BAD, "%s is not an array of %llu numbers, one for each token", key,
                   (unsigned long long)v->tokens->n);
  return true;
}

static bool open_vocabulary(struct vocabulary *v) {
  v->tokens = eq_gguf_find(v->g, "tokenizer.ggml.tokens");
  if (!v->tokens) return eq_fail(v->err, EQ_BAD, "no tokenizer.ggml.tokens there: the file has no vocabulary");
  if (!v->tokens->is_array || v->tokens->type != EQ_GGUF_STRING)
    return eq_fail(v->err, EQ_BAD, "tokenizer.ggml.tokens is not an array of strings");
  return find_array(v, "tokenizer.ggml.token_type", &v->types) && find_array(v, "tokenizer.ggml.scores", &v->scores);
}

/* A flag, or what llama.cpp takes when it is absent. */
static bool flag(const struct vocabulary *v, const char *key, bool when_absent, bool *value) {
  const struct eq_gguf_value *found = eq_gguf_find(v->g, key);
  *value = when_absent;
  return !found || eq_gguf_bool(found, value) || eq_fail(v->err, EQ_BAD, "%s is not a bool", key);
}

/* A token's type, 1 when the file has none, 0 when it is not one. */
static unsigned type_of(const struct vocabulary *v, uint64_t i) {
  uint64_t type = EQ_SP_NORMAL;
  eq_gguf_u64(v->types, i, &type);
  return type > EQ_SP_BYTE ? 0 : (unsigned)type;
}

/* A token's id by its key, or what llama.cpp takes when it is absent or no token's; EQ_NO_TOKEN for none. */
static uint32_t id_of(const struct vocabulary *v, const char *key, uint32_t when_absent) {
  uint64_t id = EQ_NO_TOKEN;
  if (eq_gguf_u64(eq_gguf_find(v->g, key), 0, &id) && id < v->tokens->n) return (uint32_t)id;
  return when_absent < v->tokens->n ? when_absent : EQ_NO_TOKEN;
}

/* The next token of a loop that begins with *rest = v->tokens->bytes. One without a spelling is given one, in `made`.
 */
static bool next_token(struct eq_str *rest, uint32_t id, char made[24], struct eq_str *token) {
  if (!eq_gguf_next_string(rest, token)) return false;
  if (!token->n) *token = (struct eq_str){ made, (size_t)snprintf(made, 24, "[EMPTY_%u]", id) };
  return true;
}

/* ---- special tokens ---- */

/* Tokens that are found before the text is cut: llama.cpp looks for the longest first and everywhere, we for the
 * leftmost and, of these, the longest; that differs only where two of them overlap. */
static bool add_verbatim(struct eq_tokenizer *t, const struct vocabulary *v) {
  struct eq_gguf_special special;
  struct eq_str rest = v->tokens->bytes, token;
  char made[24];
  eq_gguf_special_open(&special, v->g, v->tokens, v->cutting && v->cutting->flags & EQ_CUTTING_STRIP_MASK);
  for (uint32_t id = 0; next_token(&rest, id, made, &token); id++) {
    struct eq_gguf_token kind = eq_gguf_special_find(&special, token, type_of(v, id));
    if (!eq_tokenizer_set_kind(t, id, kind.kind, v->err)) return false;
    bool found = kind.kind == EQ_TOKEN_ADDED || kind.kind == EQ_TOKEN_SPECIAL || kind.kind == EQ_TOKEN_UNKNOWN;
    if (!found || token.n > EQ_ADDED_TOKEN_MAX) continue; /* never found in a text */
    const struct eq_added_token added = { id, kind.kind != EQ_TOKEN_ADDED, false, kind.lstrip, kind.rstrip };
    if (!eq_added_tokens_add(&t->verbatim, token, added, v->err)) return false;
  }
  return true;
}

/* A token of the frame, when the key says so; a frame without the token that it asks for is none. */
static bool frame_token(struct eq_tokenizer *t, const struct vocabulary *v, const char *key, bool when_absent,
                        uint32_t id, uint32_t **ids, size_t *n) {
  bool wanted = when_absent;
  if (key && !flag(v, key, when_absent, &wanted)) return false;
  if (!wanted) return true;
  if (id == EQ_NO_TOKEN) {
    t->no_frame = "the file asks for a token at the beginning or the end, but names none";
    return true;
  }
  if (!(*ids = eq_array(1, sizeof **ids))) return eq_fail_memory(v->err, sizeof **ids, "a frame");
  (*ids)[(*n)++] = id;
  return true;
}

/* What llama.cpp puts around a text with add_special. */
static bool set_frame(struct eq_tokenizer *t, const struct vocabulary *v, bool bos, bool eos, uint32_t bos_id,
                      uint32_t eos_id) {
  struct eq_frame *f = &t->frame;
  const char *key = "tokenizer.ggml.add_bos_token";
  return frame_token(t, v, v->cutting && v->cutting->flags & EQ_CUTTING_MUST_BOS ? NULL : key, bos,
                     id_of(v, "tokenizer.ggml.bos_token_id", bos_id), &f->before, &f->n_before) &&
         frame_token(t, v, "tokenizer.ggml.add_eos_token", eos, id_of(v, "tokenizer.ggml.eos_token_id", eos_id),
                     &f->after, &f->n_after);
}

/* How tokens become text again; whether the first of them loses a space is in the file, or as it is given. */
static bool set_joining(struct eq_tokenizer *t, const struct vocabulary *v, struct eq_joining joining) {
  t->joining = joining;
  t->joining.here = true;
  return flag(v, "tokenizer.ggml.add_space_prefix", joining.trim_first, &t->joining.trim_first);
}

/* ---- llama and t5 ---- */

/* In merging all pieces are alike; a unigram model has its own types. */
static bool add_pieces(const struct vocabulary *v, struct eq_sentencepiece *m, bool merge) {
  struct eq_str rest = v->tokens->bytes, piece;
  char made[24];
  for (uint32_t i = 0; next_token(&rest, i, made, &piece); i++) {
    double score = 0;
    unsigned type = type_of(v, i);
    eq_gguf_f64(v->scores, i, &score);
    if (!type) type = merge ? EQ_SP_NORMAL : EQ_SP_CONTROL; /* what has no type is in no text */
    if (merge && type != EQ_SP_UNKNOWN && type != EQ_SP_BYTE) type = EQ_SP_NORMAL;
    if (!eq_sentencepiece_add(m, piece, (float)score, type, v->err)) return false;
  }
  return true;
}

static bool read_llama(struct eq_tokenizer *t, struct vocabulary *v) {
  struct eq_sentencepiece_rules rules = {
    .model = EQ_SP_MERGES, .every_piece = true, .byte_fallback = true, .escape_spaces = true
  };
  if (!set_joining(t, v, (struct eq_joining){ .trim_first = true })) return false;
  rules.dummy_prefix = t->joining.trim_first;
  return (t->sentencepiece = eq_sentencepiece_new(v->err)) && add_pieces(v, t->sentencepiece, true) &&
         eq_sentencepiece_finish(t->sentencepiece, rules, v->err) && set_frame(t, v, true, false, 1, 2);
}

static bool read_charsmap(struct eq_tokenizer *t, const struct vocabulary *v) {
  const struct eq_gguf_value *map = eq_gguf_find(v->g, "tokenizer.ggml.precompiled_charsmap");
  if (!map) return true;
  if (!map->is_array || (map->type != EQ_GGUF_U8 && map->type != EQ_GGUF_I8))
    return eq_fail(v->err, EQ_BAD, "tokenizer.ggml.precompiled_charsmap is not an array of bytes");
  return eq_sentencepiece_set_charsmap(t->sentencepiece, map->bytes, v->err);
}

static bool read_t5(struct eq_tokenizer *t, struct vocabulary *v) {
  struct eq_sentencepiece_rules rules = { .model = EQ_SP_UNIGRAM, .as_llama = true, .escape_spaces = true };
  if (!set_joining(t, v, (struct eq_joining){ 0 })) return false;
  rules.dummy_prefix = t->joining.trim_first;
  return flag(v, "tokenizer.ggml.remove_extra_whitespaces", false, &rules.squeeze_spaces) &&
         (t->sentencepiece = eq_sentencepiece_new(v->err)) && read_charsmap(t, v) &&
         add_pieces(v, t->sentencepiece, false) && eq_sentencepiece_finish(t->sentencepiece, rules, v->err) &&
         set_frame(t, v, false, true, EQ_NO_TOKEN, 1);
}

/* ---- bert ---- */

static bool is_utf8(struct eq_str s) { return !s.n || eq_utf8_invalid(s.p, s.n) == s.n; }

static bool add_tokens(const struct vocabulary *v, struct eq_vocabulary *to) {
  struct eq_str rest = v->tokens->bytes, token;
  char made[24];
  for (uint32_t id = 0; next_token(&rest, id, made, &token); id++) {
    if (!is_utf8(token)) return eq_fail(v->err, EQ_BAD, "token %u is not UTF-8", id);
    if (!eq_vocabulary_add(to, token, id, v->err)) return false;
  }
  return true;
}

static bool open_stage(struct eq_tokenizer *t, struct eq_err *err) {
  return eq_pretokenizer_open(&t->stages[t->n_stages++].cuts, &t->unicode, err);
}

static bool add_prefix(struct eq_normalizer *n, struct eq_err *err) {
  struct eq_rewrite_step mark = { .kind = EQ_REWRITE_PREPEND, .text = eq_copy_string("\xE2\x96\x81", 3) };
  return mark.text ? eq_normalizer_add(n, mark, err) : eq_fail_memory(err, 3, "a prefix");
}

/* Each word begins with U+2581, whose pieces take the place of those without BERT's ##. */
static bool read_bert(struct eq_tokenizer *t, struct vocabulary *v) {
  struct eq_rewrite_step clean = { .kind = EQ_REWRITE_LLAMA, .clean = true };
  struct eq_token_model *m = &t->model;
  struct eq_pretokenizer *cuts = &t->stages[0].cuts;
  m->kind = EQ_MODEL_WORDPIECE;
  m->unknown = id_of(v, "tokenizer.ggml.unknown_token_id", 100);
  m->max_characters = SIZE_MAX / 4;
  if (!(m->prefix = eq_copy_string("", 0))) return eq_fail_memory(v->err, 1, "a prefix");
  return set_joining(t, v, (struct eq_joining){ .clean_spaces = true }) &&
         flag(v, "tokenizer.ggml.normalizer.lowercase", true, &clean.lower) &&
         flag(v, "tokenizer.ggml.normalizer.strip_accents", clean.lower, &clean.bare) &&
         eq_normalizer_add(&t->stages[0].rewrite, clean, v->err) &&
         eq_pretokenizer_add_class(cuts, eq_is_space, EQ_SPLIT_REMOVED, v->err) &&
         eq_pretokenizer_add_class(cuts, eq_is_llama_word, EQ_SPLIT_ISOLATED, v->err) && open_stage(t, v->err) &&
         add_prefix(&t->stages[1].rewrite, v->err) && add_tokens(v, &m->vocabulary) &&
         eq_token_model_finish_wordpiece(m, v->err) &&
         frame_token(t, v, NULL, true, id_of(v, "tokenizer.ggml.bos_token_id", 101), &t->frame.before,
                     &t->frame.n_before) &&
         frame_token(t, v, NULL, true, id_of(v, "tokenizer.ggml.seperator_token_id", 102), &t->frame.after,
                     &t->frame.n_after);
}

/* ---- gpt2 ---- */

/* A file that names none is of a time when there was only the usual one. */
static bool find_cutting(struct vocabulary *v) {
  struct eq_str name = eq_str("default");
  const struct eq_gguf_value *pre = eq_gguf_find(v->g, "tokenizer.ggml.pre");
  if (pre && !eq_gguf_string(pre, &name)) return eq_fail(v->err, EQ_BAD, "tokenizer.ggml.pre is not a string");
  v->cutting = eq_gguf_cutting_find(name, v->err);
  return v->cutting;
}

static bool add_merges(const struct vocabulary *v, struct eq_bpe *bpe) {
  const struct eq_gguf_value *merges = eq_gguf_find(v->g, "tokenizer.ggml.merges");
  if (!merges || !merges->is_array || merges->type != EQ_GGUF_STRING)
    return eq_fail(v->err, EQ_BAD, "tokenizer.ggml.merges is not there, or not an array of strings");
  struct eq_str rest = merges->bytes, both;
  for (uint64_t i = 1; eq_gguf_next_string(&rest, &both); i++) {
    struct eq_str right = both, left = eq_str_cut(&right, ' ');
    if (!left.n || !right.n || memchr(right.p, ' ', right.n) || !is_utf8(both))
      return eq_fail(v->err, EQ_BAD, "merge %llu, '%.*s', is not two tokens of UTF-8 with a space between",
                     (unsigned long long)i, EQ_STR(both));
    if (!eq_bpe_add_merge(bpe, left, right, 0, v->err)) return false;
  }
  return true;
}

static bool escape_spaces(struct eq_tokenizer *t, struct eq_err *err) {
  struct eq_rewrite_step step = { .kind = EQ_REWRITE_REPLACE,
                                  .text = eq_copy_string(" ", 1),
                                  .with = eq_copy_string("\xE2\x96\x81", 3) };
  if (step.text && step.with) return eq_normalizer_add(&t->stages[0].rewrite, step, err);
  eq_rewrite_step_free(&step);
  return eq_fail_memory(err, 4, "a space");
}

/* A vocabulary that lacks bytes (Falcon's) runs over the alphabet's characters: those that are no token are left out.
 */
static bool spell_words(struct eq_tokenizer *t, struct eq_err *err) {
  const struct eq_rewrite_step spell = { .kind = EQ_REWRITE_BYTES };
  return open_stage(t, err) && eq_normalizer_add(&t->stages[t->n_stages - 1].rewrite, spell, err);
}

static bool read_words(struct eq_tokenizer *t, struct vocabulary *v) {
  struct eq_token_model *m = &t->model;
  m->kind = EQ_MODEL_BPE;
  if (!eq_gguf_cutting_add(v->cutting, &t->stages[0].cuts, v->err) || !add_tokens(v, &m->vocabulary) ||
      !(m->bpe = eq_bpe_new(&m->vocabulary, v->err)) || !add_merges(v, m->bpe))
    return false;
  const unsigned flags = v->cutting->flags;
  m->over_bytes = !(flags & EQ_CUTTING_CHARACTERS) && eq_bpe_spells_bytes(m->bpe);
  const struct eq_bpe_rules rules = { .over_bytes = m->over_bytes,
                                      .whole_words = flags & EQ_CUTTING_WHOLE,
                                      .whole_lines = flags & EQ_CUTTING_LINES,
                                      .byte_fallback = flags & EQ_CUTTING_CHARACTERS,
                                      .unknown = EQ_NO_TOKEN,
                                      .keep_apart = true };
  const struct eq_joining joining = { .alphabet = !(flags & EQ_CUTTING_ESCAPE),
                                      .clean_spaces = !(flags & EQ_CUTTING_AS_IS) };
  return set_joining(t, v, joining) && (!(flags & EQ_CUTTING_ESCAPE) || escape_spaces(t, v->err)) &&
         (m->over_bytes || flags & EQ_CUTTING_CHARACTERS || spell_words(t, v->err)) &&
         eq_bpe_finish(m->bpe, rules, v->err);
}

static bool read_gpt2(struct eq_tokenizer *t, struct vocabulary *v) {
  if (!find_cutting(v) || !read_words(t, v)) return false;
  const unsigned flags = v->cutting->flags;
  return set_frame(t, v, flags & (EQ_CUTTING_BOS | EQ_CUTTING_MUST_BOS), false,
                   flags & EQ_CUTTING_NO_BOS ? EQ_NO_TOKEN : 11, 11);
}

static bool read_gemma4(struct eq_tokenizer *t, struct vocabulary *v) {
  v->cutting = eq_gguf_cutting_find(eq_str("gemma4"), v->err);
  return v->cutting && read_words(t, v) && set_frame(t, v, true, false, EQ_NO_TOKEN, EQ_NO_TOKEN);
}

/* White space goes before all else. */
static bool read_whitespace(struct eq_tokenizer *t, struct vocabulary *v) {
  struct eq_rewrite_step lower = { .kind = EQ_REWRITE_LLAMA };
  return flag(v, "tokenizer.ggml.normalizer.lowercase", false, &lower.lower) &&
         (!lower.lower || eq_normalizer_add(&t->stages[0].rewrite, lower, v->err)) &&
         eq_pretokenizer_add_class(&t->stages[0].cuts, eq_is_space, EQ_SPLIT_REMOVED, v->err) && read_gpt2(t, v);
}

/* To add a kind: a row here, a line in the header and in eq-token(1). */
static const struct {
  const char *model;
  bool (*read)(struct eq_tokenizer *t, struct vocabulary *v);
} kinds[] = { { "llama", read_llama }, { "gpt2", read_gpt2 },     { "bert", read_bert },
              { "t5", read_t5 },       { "gemma4", read_gemma4 }, { "whitespace", read_whitespace } };
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool read(struct eq_tokenizer *t, struct vocabulary *v) {
  struct eq_str model;
  size_t i = 0;
  if (!open_vocabulary(v)) return false;
  if (!eq_gguf_string(eq_gguf_find(v->g, "tokenizer.ggml.model"), &model))
    return eq_fail(v->err, EQ_BAD, "no tokenizer.ggml.model there, expected the name of a kind of tokenizer");
  while (i < KINDS && !eq_str_is(model, kinds[i].model)) i++;
  if (i == KINDS)
    return eq_fail(v->err, EQ_BAD,
                   "tokenizer.ggml.model is '%.*s', expected llama, gpt2, bert, t5, gemma4 or whitespace",
                   EQ_STR(model));
  t->vocab = (size_t)v->tokens->n;
  eq_unicode_limit(&t->unicode);
  return kinds[i].read(t, v) && add_verbatim(t, v);
}

bool eq_gguf_vocabulary_read(struct eq_tokenizer *t, const char *where, const struct eq_gguf *g, struct eq_err *err) {
  struct vocabulary v = { .g = g, .err = err };
  if (read(t, &v)) return true;
  eq_fail_prefix(err, "%s: ", where);
  return false;
}
