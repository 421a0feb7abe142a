#include "lib/text/gguf_vocabulary.h"

#include <string.h>

/* What the keys say. */
struct vocabulary {
  const struct eq_gguf *g;
  const struct eq_gguf_value *tokens, *types, *scores; /* of the same length; types and scores may be NULL */
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

static unsigned type_of(const struct vocabulary *v, uint64_t i) {
  uint64_t type = EQ_SP_NORMAL;
  eq_gguf_u64(v->types, i, &type);
  return type > EQ_SP_BYTE ? 0 : (unsigned)type;
}

/* ---- llama ---- */

/* What user-defined tokens are to llama.cpp stands apart from merging; in merging all pieces are alike. */
static bool add_pieces(const struct vocabulary *v, struct eq_sentencepiece *m) {
  struct eq_str rest = v->tokens->bytes, piece;
  for (uint64_t i = 0; eq_gguf_next_string(&rest, &piece); i++) {
    double score = 0;
    unsigned type = type_of(v, i);
    eq_gguf_f64(v->scores, i, &score);
    bool same = !type || type == EQ_SP_UNKNOWN || type == EQ_SP_BYTE;
    if (!eq_sentencepiece_add(m, piece, (float)score, same ? type : EQ_SP_NORMAL, v->err)) return false;
  }
  return true;
}

static bool read_llama(struct eq_tokenizer *t, const struct vocabulary *v) {
  struct eq_sentencepiece_rules rules = {
    .merge = true, .every_piece = true, .byte_fallback = true, .escape_spaces = true
  };
  return flag(v, "tokenizer.ggml.add_space_prefix", true, &rules.dummy_prefix) &&
         (t->sentencepiece = eq_sentencepiece_new(v->err)) && add_pieces(v, t->sentencepiece) &&
         eq_sentencepiece_finish(t->sentencepiece, rules, v->err);
}

/* To add a kind: a row here, a line in the header and in eq-token(1). */
static const struct {
  const char *model;
  bool (*read)(struct eq_tokenizer *t, const struct vocabulary *v);
} kinds[] = { { "llama", read_llama } };
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool read(struct eq_tokenizer *t, struct vocabulary *v) {
  struct eq_str model;
  size_t i = 0;
  if (!open_vocabulary(v)) return false;
  if (!eq_gguf_string(eq_gguf_find(v->g, "tokenizer.ggml.model"), &model))
    return eq_fail(v->err, EQ_BAD, "no tokenizer.ggml.model there, expected the name of a kind of tokenizer");
  while (i < KINDS && !eq_str_is(model, kinds[i].model)) i++;
  if (i == KINDS) return eq_fail(v->err, EQ_BAD, "tokenizer.ggml.model is '%.*s', expected llama", EQ_STR(model));
  t->vocab = (size_t)v->tokens->n;
  return kinds[i].read(t, v);
}

bool eq_gguf_vocabulary_read(struct eq_tokenizer *t, const char *where, const struct eq_gguf *g, struct eq_err *err) {
  struct vocabulary v = { .g = g, .err = err };
  if (read(t, &v)) return true;
  eq_fail_prefix(err, "%s: ", where);
  return false;
}
