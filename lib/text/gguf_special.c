#include "lib/text/gguf_special.h"

#include <ctype.h>
#include <string.h>

/* Tokens at which generating ends: special whatever their type (llama-vocab.cpp, special_eog_ids). */
static const char *const ends[] = {
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<|flush|>",
  "<|calls|>",
  "<end_of_turn>",
  "</s>",
  "<|eom_id|>",
  "<EOT>",
  "_<EOT>",
  "<|endoftext|>",
  "[EOT]",
  "[EOS]",
  "<eos>",
  "<turn|>",
  "<|tool_response>",
  "[e~[",
  "<|end_of_text|>",
  "<end_of_utterance>",
  ("<\xEF\xBD\x9C"
   "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"),
};

/* Tokens of infilling: special unless a key says which token it is. */
enum { INFILLING_NAMES = 8 };
static const struct {
  const char *keys[2], *names[INFILLING_NAMES];
} infilling[] = {
  { { "tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id" },
    { "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",
      "<\xEF\xBD\x9C"
      "fim\xE2\x96\x81"
      "begin\xEF\xBD\x9C>",
      "<PRE>", "\xE2\x96\x81<PRE>", "<|code_prefix|>", "<|prefix|>" } },
  { { "tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id" },
    { "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",
      "<\xEF\xBD\x9C"
      "fim\xE2\x96\x81hole\xEF\xBD\x9C>",
      "<SUF>", "\xE2\x96\x81<SUF>", "<|code_suffix|>", "<|suffix|>" } },
  { { "tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id" },
    { "<|fim_middle|>", "<fim-middle>", "<fim_middle>",
      "<\xEF\xBD\x9C"
      "fim\xE2\x96\x81"
      "end\xEF\xBD\x9C>",
      "<MID>", "\xE2\x96\x81<MID>", "<|code_middle|>", "<|middle|>" } },
  { { "tokenizer.ggml.fim_pad_token_id", NULL }, { "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]" } },
  { { "tokenizer.ggml.fim_rep_token_id", NULL },
    { "<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>" } },
  { { "tokenizer.ggml.fim_sep_token_id", NULL }, { "<|file_sep|>" } },
};
enum { INFILLING = sizeof infilling / sizeof *infilling };

/* Found in every text, whatever their type. */
static const char *const rendered[] = { "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>" };

#define IN(names, token) is_one_of(names, sizeof(names) / sizeof *(names), token)
static bool is_one_of(const char *const *names, size_t n, struct eq_str token) {
  for (size_t i = 0; i < n && names[i]; i++)
    if (eq_str_is(token, names[i])) return true;
  return false;
}

/* Only what begins like one of the names above is compared with them. */
static bool may_be_named(struct eq_str token) {
  return token.n && (*token.p == '<' || *token.p == '[' || *token.p == '_' || *token.p == '\xE2');
}

/* Whether a string of the file's keys has a word in it, capitals aside. */
static bool mentions(const struct eq_gguf *g, const char *key, const char *word) {
  struct eq_str s;
  const struct eq_gguf_value *v = eq_gguf_find(g, key);
  size_t n = strlen(word);
  if (!v || !eq_gguf_string(v, &s)) return false;
  for (size_t at = 0, i; at + n <= s.n; at++) {
    for (i = 0; i < n && tolower((unsigned char)s.p[at + i]) == word[i]; i++) continue;
    if (i == n) return true;
  }
  return false;
}

/* Turns that end in many ways: there <|end|> does not end the text; and where </s> is a tag of markup. */
static void look_through(struct eq_gguf_special *s, const struct eq_gguf_value *tokens) {
  static const char *const names[] = { "<|return|>", "<|call|>",         "<|calls|>",
                                       "<|flush|>",  "<|tool_response>", "<|plamo:eos|>" };
  bool there[sizeof names / sizeof *names] = { false };
  struct eq_str rest = tokens->bytes, token;
  while (eq_gguf_next_string(&rest, &token))
    for (size_t i = 0; may_be_named(token) && i < sizeof names / sizeof *names; i++)
      there[i] |= eq_str_is(token, names[i]);
  s->end_is_text = (there[1] || there[2]) && (there[0] || there[3]);
  s->s_is_text = there[4] || there[5];
}

void eq_gguf_special_open(struct eq_gguf_special *s, const struct eq_gguf *g, const struct eq_gguf_value *tokens,
                          bool before_mask) {
  uint64_t id;
  *s = (struct eq_gguf_special){ 0 };
  for (unsigned i = 0; i < INFILLING; i++)
    for (size_t k = 0; k < 2 && infilling[i].keys[k]; k++)
      if (eq_gguf_u64(eq_gguf_find(g, infilling[i].keys[k]), 0, &id) && id < tokens->n) s->named |= 1u << i;
  look_through(s, tokens);
  if (before_mask || mentions(g, "general.architecture", "nomic-bert-moe") ||
      mentions(g, "general.architecture", "jina-bert-v3"))
    s->strip_before = "<mask>";
  else if (mentions(g, "general.name", "phi-3") || mentions(g, "general.name", "phi3"))
    s->strip_after = true;
  else if (mentions(g, "general.name", "modern-bert"))
    s->strip_before = "[MASK]";
}

static bool fills_in(const struct eq_gguf_special *s, struct eq_str token) {
  for (unsigned i = 0; i < INFILLING; i++)
    if (!(s->named >> i & 1) && IN(infilling[i].names, token)) return true;
  return false;
}

static enum eq_token_kind kind_of(const struct eq_gguf_special *s, struct eq_str token, unsigned type) {
  static const enum eq_token_kind kinds[] = {
    [EQ_SP_NORMAL] = EQ_TOKEN_NORMAL,      [EQ_SP_UNKNOWN] = EQ_TOKEN_UNKNOWN, [EQ_SP_CONTROL] = EQ_TOKEN_SPECIAL,
    [EQ_SP_USER_DEFINED] = EQ_TOKEN_ADDED, [EQ_SP_UNUSED] = EQ_TOKEN_UNUSED,   [EQ_SP_BYTE] = EQ_TOKEN_BYTE
  };
  if (!may_be_named(token)) return kinds[type];
  if (IN(rendered, token) || (s->end_is_text && eq_str_is(token, "<|end|>"))) return EQ_TOKEN_ADDED;
  if (s->s_is_text && eq_str_is(token, "</s>")) return EQ_TOKEN_NORMAL;
  return IN(ends, token) || fills_in(s, token) ? EQ_TOKEN_SPECIAL : kinds[type];
}

struct eq_gguf_token eq_gguf_special_find(const struct eq_gguf_special *s, struct eq_str token, unsigned type) {
  static const char *const bare[] = { "<unk>", "<s>", "<|endoftext|>" };
  return (struct eq_gguf_token){ .kind = kind_of(s, token, type),
                                 .lstrip = s->strip_before && eq_str_is(token, s->strip_before),
                                 .rstrip = s->strip_after && !IN(bare, token) };
}
