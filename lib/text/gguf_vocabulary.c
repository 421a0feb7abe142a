#include "lib/text/gguf_vocabulary.h"

#include <string.h>

#include "lib/base/utf8.h"

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

/* A token's type, 1 when the file has none, 0 when it is not one. */
static unsigned type_of(const struct vocabulary *v, uint64_t i) {
  uint64_t type = EQ_SP_NORMAL;
  eq_gguf_u64(v->types, i, &type);
  return type > EQ_SP_BYTE ? 0 : (unsigned)type;
}

/* ---- llama ---- */

/* Tokens that are found before the text is cut: llama.cpp looks for the longest first and everywhere, we for the
 * leftmost and, of these, the longest; that differs only where two of them overlap. */
static bool add_verbatim(struct eq_tokenizer *t, const struct vocabulary *v) {
  struct eq_str rest = v->tokens->bytes, token;
  for (uint32_t id = 0; eq_gguf_next_string(&rest, &token); id++) {
    unsigned type = type_of(v, id);
    bool special = type == EQ_SP_CONTROL || type == EQ_SP_UNKNOWN;
    if (!special && type != EQ_SP_USER_DEFINED) continue;
    if (!token.n || token.n > EQ_ADDED_TOKEN_MAX) continue; /* never found in a text */
    if (!eq_added_tokens_add(&t->verbatim, token, (struct eq_added_token){ .id = id, .special = special }, v->err))
      return false;
  }
  return true;
}

/* In merging all pieces are alike. */
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
    .model = EQ_SP_MERGES, .every_piece = true, .byte_fallback = true, .escape_spaces = true
  };
  if (!flag(v, "tokenizer.ggml.add_space_prefix", true, &rules.dummy_prefix)) return false;
  t->joining = (struct eq_joining){ .here = true, .trim_first = rules.dummy_prefix };
  return (t->sentencepiece = eq_sentencepiece_new(v->err)) && add_pieces(v, t->sentencepiece) &&
         eq_sentencepiece_finish(t->sentencepiece, rules, v->err) && add_verbatim(t, v);
}

/* ---- gpt2 ---- */

/* Patterns that cut one after the other, each what the one before it made; what lies between matches stays. */
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define LINES(numbers)                                                  \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers \
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORDS " ?[^(\\s|.,!?\xE2\x80\xA6\xE3\x80\x82\xEF\xBC\x8C\xE3\x80\x81\xE0\xA5\xA4\xDB\x94\xD8\x8C)]+"

enum { PATTERNS_MAX = 4 };
struct cutting {
  const char *patterns[PATTERNS_MAX];
  bool whole_words; /* a word that is a token is not merged */
};
static const struct cutting gpt2 = { { GPT2 }, false };
static const struct cutting llama3 = { { LINES("\\p{N}{1,3}") }, true };
static const struct cutting three_digits = { { LINES("\\p{N}{1,3}") }, false };
static const struct cutting qwen2 = { { LINES("\\p{N}") }, false };
static const struct cutting falcon = { { "[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]" }, false };
static const struct cutting starcoder = { { "\\p{N}", GPT2 }, false };
static const struct cutting bloom = { { WORDS }, false };
static const struct cutting viking = { { WORDS, "\\p{N}" }, false };
static const struct cutting usual = { { "[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]" }, false };

/* The names that llama.cpp knows (llama-vocab.cpp). To add one: a row here, a line in eq-token(1). */
static const struct {
  const char *name;
  const struct cutting *cutting;
} cuttings[] = {
  { "default", &usual },
  { "gpt-2", &gpt2 },
  { "gpt2", &gpt2 },
  { "phi-2", &gpt2 },
  { "mpt", &gpt2 },
  { "olmo", &gpt2 },
  { "jais", &gpt2 },
  { "roberta-bpe", &gpt2 },
  { "llama3", &llama3 },
  { "llama-v3", &llama3 },
  { "llama-bpe", &llama3 },
  { "falcon3", &llama3 },
  { "dbrx", &three_digits },
  { "smaug-bpe", &three_digits },
  { "qwen2", &qwen2 },
  { "deepseek-r1-qwen", &qwen2 },
  { "stablelm2", &qwen2 },
  { "falcon", &falcon },
  { "starcoder", &starcoder },
  { "refact", &starcoder },
  { "command-r", &starcoder },
  { "smollm", &starcoder },
  { "codeshell", &starcoder },
  { "bloom", &bloom },
  { "poro-chat", &bloom },
  { "gpt3-finnish", &bloom },
  { "viking", &viking },
};
enum { CUTTINGS = sizeof cuttings / sizeof *cuttings };

/* Names for which text is joined as it is; for others clean_spaces holds. */
static const char *const joined_as_is[] = { "deepseek-llm",
                                            "deepseek-coder",
                                            "deepseek-v3",
                                            "spark2_5",
                                            "youtu",
                                            "sarvam-moe",
                                            "command-r",
                                            "qwen2",
                                            "deepseek-r1-qwen",
                                            "kormo",
                                            "f2llmv2",
                                            "qwen35",
                                            "poro-chat",
                                            "viking",
                                            "tekken",
                                            "smollm",
                                            "chameleon",
                                            "gpt-4o",
                                            "llama4",
                                            "kanana2",
                                            "talkie",
                                            "granite-embed-multi-97m",
                                            "tiny_aya",
                                            "cohere2moe",
                                            "superbpe",
                                            "trillion",
                                            "granite-docling",
                                            "bailingmoe",
                                            "bailingmoe2",
                                            "llada-moe",
                                            "seed-coder",
                                            "hunyuan",
                                            "hunyuan-dense",
                                            "hy_v4",
                                            "joyai-llm",
                                            "kimi-k2",
                                            "ufakzeka",
                                            "grok-2",
                                            "afmoe",
                                            "laguna",
                                            "minimax-m2",
                                            "solar-open" };

/* A file that names none is of a time when there was only the usual one. */
static bool find_cutting(struct eq_tokenizer *t, const struct vocabulary *v, const struct cutting **cutting) {
  struct eq_str name = eq_str("default");
  size_t i = 0;
  const struct eq_gguf_value *pre = eq_gguf_find(v->g, "tokenizer.ggml.pre");
  if (pre && !eq_gguf_string(pre, &name)) return eq_fail(v->err, EQ_BAD, "tokenizer.ggml.pre is not a string");
  while (i < CUTTINGS && !eq_str_is(name, cuttings[i].name)) i++;
  if (i == CUTTINGS)
    return eq_fail(v->err, EQ_BAD, "the pre-tokenizer '%.*s' (tokenizer.ggml.pre) is not supported", EQ_STR(name));
  *cutting = cuttings[i].cutting;
  t->joining = (struct eq_joining){ .here = true, .alphabet = true, .clean_spaces = true };
  for (i = 0; i < sizeof joined_as_is / sizeof *joined_as_is; i++)
    if (eq_str_is(name, joined_as_is[i])) t->joining.clean_spaces = false;
  return flag(v, "tokenizer.ggml.add_space_prefix", false, &t->joining.trim_first);
}

static bool is_utf8(struct eq_str s) { return !s.n || eq_utf8_invalid(s.p, s.n) == s.n; }

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

static bool add_tokens(const struct vocabulary *v, struct eq_vocabulary *to) {
  struct eq_str rest = v->tokens->bytes, token;
  for (uint64_t id = 0; eq_gguf_next_string(&rest, &token); id++) {
    if (!is_utf8(token)) return eq_fail(v->err, EQ_BAD, "token %llu is not UTF-8", (unsigned long long)id);
    if (!eq_vocabulary_add(to, token, id, v->err)) return false;
  }
  return true;
}

static bool add_patterns(struct eq_tokenizer *t, const struct cutting *cutting, struct eq_err *err) {
  for (size_t i = 0; i < PATTERNS_MAX && cutting->patterns[i]; i++)
    if (!eq_pretokenizer_add_regex(&t->stages[0].cuts, eq_str(cutting->patterns[i]), EQ_SPLIT_ISOLATED, false, err))
      return false;
  return true;
}

/* A vocabulary that lacks bytes (Falcon's) runs over the alphabet's characters: those that are no token are left out.
 */
static bool spell_words(struct eq_tokenizer *t, struct eq_err *err) {
  struct eq_stage *stage = &t->stages[t->n_stages++];
  const struct eq_rewrite_step spell = { .kind = EQ_REWRITE_BYTES };
  return eq_pretokenizer_open(&stage->cuts, &t->unicode, err) && eq_normalizer_add(&stage->rewrite, spell, err);
}

static bool read_gpt2(struct eq_tokenizer *t, const struct vocabulary *v) {
  const struct cutting *cutting = &usual;
  struct eq_model *m = &t->model;
  m->kind = EQ_MODEL_BPE;
  if (!find_cutting(t, v, &cutting) || !add_patterns(t, cutting, v->err) || !add_tokens(v, &m->vocabulary) ||
      !(m->bpe = eq_bpe_new(&m->vocabulary, v->err)) || !add_merges(v, m->bpe))
    return false;
  m->over_bytes = eq_bpe_spells_bytes(m->bpe);
  const struct eq_bpe_rules rules = { .over_bytes = m->over_bytes,
                                      .whole_words = cutting->whole_words,
                                      .unknown = EQ_NO_TOKEN };
  return (m->over_bytes || spell_words(t, v->err)) && eq_bpe_finish(m->bpe, rules, v->err) && add_verbatim(t, v);
}

/* To add a kind: a row here, a line in the header and in eq-token(1). */
static const struct {
  const char *model;
  bool (*read)(struct eq_tokenizer *t, const struct vocabulary *v);
} kinds[] = { { "llama", read_llama }, { "gpt2", read_gpt2 } };
enum { KINDS = sizeof kinds / sizeof *kinds };

/* What the file says of its tokens, whatever the kind of vocabulary. */
static bool set_kinds(struct eq_tokenizer *t, const struct vocabulary *v) {
  static const enum eq_token_kind kinds_of[] = {
    [EQ_SP_NORMAL] = EQ_TOKEN_NORMAL,      [EQ_SP_UNKNOWN] = EQ_TOKEN_UNKNOWN, [EQ_SP_CONTROL] = EQ_TOKEN_SPECIAL,
    [EQ_SP_USER_DEFINED] = EQ_TOKEN_ADDED, [EQ_SP_UNUSED] = EQ_TOKEN_UNUSED,   [EQ_SP_BYTE] = EQ_TOKEN_BYTE
  };
  for (uint64_t id = 0; v->types && id < v->tokens->n; id++)
    if (!eq_tokenizer_set_kind(t, (uint32_t)id, kinds_of[type_of(v, id)], v->err)) return false;
  return true;
}

static bool read(struct eq_tokenizer *t, struct vocabulary *v) {
  struct eq_str model;
  size_t i = 0;
  if (!open_vocabulary(v)) return false;
  if (!eq_gguf_string(eq_gguf_find(v->g, "tokenizer.ggml.model"), &model))
    return eq_fail(v->err, EQ_BAD, "no tokenizer.ggml.model there, expected the name of a kind of tokenizer");
  while (i < KINDS && !eq_str_is(model, kinds[i].model)) i++;
  if (i == KINDS)
    return eq_fail(v->err, EQ_BAD, "tokenizer.ggml.model is '%.*s', expected llama or gpt2", EQ_STR(model));
  t->vocab = (size_t)v->tokens->n;
  return kinds[i].read(t, v) && set_kinds(t, v);
}

bool eq_gguf_vocabulary_read(struct eq_tokenizer *t, const char *where, const struct eq_gguf *g, struct eq_err *err) {
  struct vocabulary v = { .g = g, .err = err };
  if (read(t, &v)) return true;
  eq_fail_prefix(err, "%s: ", where);
  return false;
}
