#include "lib/text/gguf_vocabulary_keys.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text/gguf_vocabulary.h"
#include "lib/text/token_facts.h"
#include "lib/text/tokenizer_file.h"

/* What the names are told apart by: cases, contractions, runs of digits, of spaces, of line breaks, of signs; scripts
 * without spaces; marks; a character that few vocabularies have. */
static const char probe[] =
    "The quick brown fox's 'tis 'Twas I'LL we'Ve don'T 1 22 333 4444 55555 666666 7777777 12345678901 3.14 1,000\n"
    "\n\n \t\ttabs  two   three    four \r\n\r\n  end\n\n\n\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82, "
    "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xD7\xA2\xD7\x95\xD7\x9C\xD7\x9D! "
    "\xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA4\xB8\xE0\xA5\x8D\xE0\xA4\xA4\xE0\xA5\x87 "
    "\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xB8\x96\xE7\x95\x8C\xE3\x80\x82\xE3\x81\x93\xE3\x82\x93\xE3\x81\xAB"
    "\xE3\x81\xA1\xE3\x81\xAF\xE3\x80\x81\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4\xEF\xBC\x9F "
    "\xE1\x9E\x80\xE1\x9E\xB6\xE1\x9E\x93\xE1\x9F\x8B\xF0\x9F\x9A\x80 (\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xAC) "
    "caf\xC3\xA9 e\xCC\x81t\xC3\xA9 \xC2\xBD \xC2\xB2 \xE2\x85\xA7 ==>>>!!! ?? ... ---//== {\"a\": [1,\t2]}; x_y "
    "camelCaseWORDs HTTPServer \xE2\x82\xAC"
    "5 $6.00 100% #tag @you a|b~c `code` \xD9\xA3\xD9\xA4\xD9\xA5 end";

/* Tried in this order; names that stand for the same rules are not repeated. */
static const char *const cuttings[] = { "gpt-2",       "llama-bpe",  "qwen2",     "smollm",   "falcon",
                                        "bloom",       "default",    "tekken",    "gpt-4o",   "deepseek-llm",
                                        "deepseek-v3", "starcoder",  "command-r", "dbrx",     "deepseek-coder",
                                        "qwen35",      "viking",     "jais2",     "kimi-k2",  "superbpe",
                                        "seed-coder",  "exaone-moe", "youtu",     "chameleon" };
enum { N_CUTTINGS = sizeof cuttings / sizeof *cuttings };

struct writing {
  struct eq_tokenizer *t; /* the folder's */
  const char *folder;
  struct eq_gguf_vocabulary_size size;
  struct eq_err *err;
};

/* ---- tokens ---- */

static void add_unused(struct eq_gguf_keys *k, uint32_t id) {
  char name[24];
  snprintf(name, sizeof name, "[PAD%u]", id);
  eq_gguf_add_element(k, eq_str(name));
}

static void add_tokens(const struct writing *w, struct eq_gguf_keys *k) {
  eq_gguf_add_array(k, "tokenizer.ggml.tokens", EQ_GGUF_STRING, w->size.embeddings);
  for (uint32_t id = 0; id < w->size.embeddings; id++) {
    struct eq_token_facts f = eq_token_facts(w->t, id);
    if (f.spelling.p)
      eq_gguf_add_element(k, f.spelling);
    else
      add_unused(k, id);
  }
}

static void add_types(const struct writing *w, struct eq_gguf_keys *k) {
  static const int32_t types[EQ_TOKEN_KINDS] = {
    [EQ_TOKEN_UNUSED] = EQ_SP_UNUSED,      [EQ_TOKEN_NORMAL] = EQ_SP_NORMAL,   [EQ_TOKEN_BYTE] = EQ_SP_BYTE,
    [EQ_TOKEN_ADDED] = EQ_SP_USER_DEFINED, [EQ_TOKEN_SPECIAL] = EQ_SP_CONTROL, [EQ_TOKEN_UNKNOWN] = EQ_SP_UNKNOWN
  };
  eq_gguf_add_array(k, "tokenizer.ggml.token_type", EQ_GGUF_I32, w->size.embeddings);
  for (uint32_t id = 0; id < w->size.embeddings; id++) {
    int32_t type = types[eq_token_facts(w->t, id).kind];
    eq_buffer_add(&k->bytes, &type, sizeof type);
  }
}

static bool add_merges(const struct writing *w, struct eq_gguf_keys *k) {
  const struct eq_token_model *m = &w->t->model;
  size_t n = eq_bpe_merges(m->bpe, NULL), kept = 0;
  uint32_t(*pairs)[2] = eq_array(n, sizeof *pairs);
  if (!pairs) return eq_fail_memory(w->err, n * sizeof *pairs, "merges");
  eq_bpe_merges(m->bpe, pairs);
  for (size_t i = 0; i < n; i++) kept += pairs[i][0] != EQ_NO_TOKEN;
  eq_gguf_add_array(k, "tokenizer.ggml.merges", EQ_GGUF_STRING, kept);
  struct eq_buffer both = { 0 };
  for (size_t i = 0; i < n; i++) {
    if (pairs[i][0] == EQ_NO_TOKEN) continue;
    both.size = 0;
    eq_buffer_format(&both, "%.*s %.*s", EQ_STR(eq_vocabulary_spelling(&m->vocabulary, pairs[i][0])),
                     EQ_STR(eq_vocabulary_spelling(&m->vocabulary, pairs[i][1])));
    eq_gguf_add_element(k, (struct eq_str){ both.data, both.size });
  }
  bool ok = !both.failed || eq_fail_memory(w->err, both.size, "merges");
  eq_buffer_free(&both);
  free(pairs);
  return ok;
}

/* A piece's own; where a BPE without scores stands for pieces, the rank of its first merge, which orders them alike. */
static bool add_scores(const struct writing *w, struct eq_gguf_keys *k) {
  uint32_t *ranks = eq_array(w->size.embeddings, sizeof *ranks);
  if (!ranks) return eq_fail_memory(w->err, w->size.embeddings * sizeof *ranks, "scores");
  if (!w->t->sentencepiece) eq_token_ranks(w->t, ranks, w->size.embeddings);
  eq_gguf_add_array(k, "tokenizer.ggml.scores", EQ_GGUF_F32, w->size.embeddings);
  for (uint32_t id = 0; id < w->size.embeddings; id++) {
    float score = -1e4f;
    if (!w->t->sentencepiece)
      score = ranks[id] == EQ_NO_TOKEN ? -1e9f : -(float)ranks[id];
    else if (id < w->t->vocab)
      score = (float)eq_token_facts(w->t, id).score;
    eq_buffer_add(&k->bytes, &score, sizeof score);
  }
  free(ranks);
  return true;
}

/* ---- what stands around a text ---- */

static bool has(const char *folder, const char *name) {
  char *path = eq_path_join(folder, name);
  bool there = path && eq_path_exists(path);
  free(path);
  return there;
}

/* says: whether the files say what is put around a text; a model of SentencePiece alone has the tokens, no more. */
static void add_end(struct eq_gguf_keys *k, const char *id_key, const char *add_key, const uint32_t *frame, size_t n,
                    int64_t otherwise, bool says) {
  int64_t id = n == 1 ? (int64_t)frame[0] : otherwise;
  if (id >= 0) eq_gguf_add_u32(k, id_key, (uint32_t)id);
  if (says) eq_gguf_add_bool(k, add_key, n == 1);
}

static int64_t usable(const struct writing *w, int64_t id) { return id < (int64_t)w->size.embeddings ? id : -1; }

static bool add_frame(const struct writing *w, struct eq_gguf_keys *k) {
  const struct eq_frame *f = &w->t->frame;
  bool says = !w->t->sentencepiece || has(w->folder, "tokenizer_config.json");
  if (f->n_before > 1 || f->n_after > 1)
    return eq_fail(w->err, EQ_BAD,
                   "%s: its tokenizer puts %zu tokens before a text and %zu after it, a GGUF one at most", w->folder,
                   f->n_before, f->n_after);
  add_end(k, "tokenizer.ggml.bos_token_id", "tokenizer.ggml.add_bos_token", f->before, f->n_before,
          usable(w, w->size.bos), says);
  add_end(k, "tokenizer.ggml.eos_token_id", "tokenizer.ggml.add_eos_token", f->after, f->n_after,
          usable(w, w->size.eos), says);
  for (uint32_t id = 0; id < w->t->vocab; id++)
    if (eq_token_facts(w->t, id).kind == EQ_TOKEN_UNKNOWN) {
      eq_gguf_add_u32(k, "tokenizer.ggml.unknown_token_id", id);
      break;
    }
  return true;
}

/* ---- how a conversation is written ---- */

/* The template of chat_template.jinja, or the one of tokenizer_config.json; of several there the file has none. */
static bool add_template(const struct writing *w, struct eq_gguf_keys *k) {
  static const char key[] = "tokenizer.chat_template";
  char *jinja = eq_path_join(w->folder, "chat_template.jinja"),
       *path = eq_path_join(w->folder, "tokenizer_config.json");
  struct eq_file file = { 0 };
  bool ok = jinja && path ? true : eq_fail_memory(w->err, strlen(w->folder), "a path");
  if (ok && eq_path_exists(jinja)) {
    ok = eq_file_map(&file, jinja, w->err);
    if (ok) eq_gguf_add_text(k, key, (struct eq_str){ file.data, file.size });
  } else if (ok && eq_path_exists(path)) {
    json_t *config = json_load_file(path, 0, NULL), *text = json_object_get(config, "chat_template");
    if (json_is_string(text))
      eq_gguf_add_text(k, key, (struct eq_str){ json_string_value(text), json_string_length(text) });
    json_decref(config);
  }
  eq_file_unmap(&file);
  free(jinja);
  free(path);
  return ok;
}

/* ---- trying ---- */

static bool ids_of(const struct eq_tokenizer *t, struct eq_token_list *ids, struct eq_err *err) {
  struct eq_token_scratch *s = eq_token_scratch_new(err);
  bool ok = s && eq_tokenize(t, s, probe, sizeof probe - 1, ids, err);
  eq_token_scratch_free(s);
  return ok;
}

/* Does a GGUF of these keys give the ids that are wanted? What stands in the way of reading it is an error. */
static bool gives(const struct writing *w, const struct eq_gguf_keys *k, const struct eq_token_list *wanted) {
  struct eq_buffer header = { 0 };
  struct eq_gguf g = { 0 };
  struct eq_token_list ids = { 0 };
  struct eq_err unfit = { 0 }; /* of a text that these rules cannot tokenize */
  struct eq_tokenizer *t = eq_tokenizer_new(w->err);
  bool ok = t && eq_gguf_add_header(&header, k, NULL, 0, NULL, w->folder, w->err) &&
            eq_gguf_parse(&g, w->folder, header.data, header.size, w->err) &&
            eq_gguf_vocabulary_read(t, w->folder, &g, w->err) && ids_of(t, &ids, &unfit) && ids.n == wanted->n &&
            memcmp(ids.ids, wanted->ids, ids.n * sizeof *ids.ids) == 0;
  eq_token_list_free(&ids);
  eq_tokenizer_free(t);
  eq_gguf_close(&g);
  eq_buffer_free(&header);
  return ok;
}

/* Adds to the keys the first of some ways of one more key under which the ids are right. */
static bool try_each(const struct writing *w, struct eq_gguf_keys *k, const struct eq_token_list *wanted, size_t n,
                     void (*add)(struct eq_gguf_keys *k, size_t way)) {
  const struct eq_gguf_keys base = *k;
  for (size_t i = 0; i < n && !w->err->code; i++) {
    k->bytes.size = base.bytes.size, k->n = base.n;
    add(k, i);
    if (k->bytes.failed) return eq_fail_memory(w->err, k->bytes.size, "keys");
    if (gives(w, k, wanted)) return true;
  }
  return eq_fail(w->err, EQ_BAD,
                 "%s: llama.cpp has no rules that give the ids of this tokenizer: its file would score other tokens",
                 w->folder);
}

static void add_cutting(struct eq_gguf_keys *k, size_t way) {
  eq_gguf_add_text(k, "tokenizer.ggml.pre", eq_str(cuttings[way]));
}
static void add_space_prefix(struct eq_gguf_keys *k, size_t way) {
  eq_gguf_add_bool(k, "tokenizer.ggml.add_space_prefix", way == 0);
}

static bool add_all(struct writing *w, struct eq_gguf_keys *k, const struct eq_token_list *wanted) {
  const struct eq_token_model *m = &w->t->model;
  bool bytes = !w->t->sentencepiece && m->kind == EQ_MODEL_BPE && m->over_bytes;
  bool pieces = w->t->sentencepiece ? eq_sentencepiece_merges(w->t->sentencepiece)
                                    : m->kind == EQ_MODEL_BPE && eq_bpe_rules(m->bpe).byte_fallback;
  if (w->t->tiktoken || (!bytes && !pieces))
    return eq_fail(w->err, EQ_BAD,
                   "%s: its tokenizer is neither byte-level BPE nor SentencePiece's BPE, which alone a "
                   "GGUF is written with",
                   w->folder);
  eq_gguf_add_text(k, "tokenizer.ggml.model", eq_str(bytes ? "gpt2" : "llama"));
  add_tokens(w, k);
  add_types(w, k);
  if (!add_frame(w, k) || !add_template(w, k)) return false;
  if (bytes) return add_merges(w, k) && try_each(w, k, wanted, N_CUTTINGS, add_cutting);
  eq_gguf_add_text(k, "tokenizer.ggml.pre", eq_str("default"));
  return add_scores(w, k) && try_each(w, k, wanted, 2, add_space_prefix);
}

bool eq_gguf_vocabulary_add(struct eq_gguf_keys *keys, const char *folder, struct eq_gguf_vocabulary_size size,
                            bool *none, struct eq_err *err) {
  struct writing w = { .folder = folder, .size = size, .err = err };
  struct eq_token_list wanted = { 0 };
  *none = !has(folder, "tokenizer.json") && !has(folder, "vocab.json") && !has(folder, "tokenizer.model");
  if (*none) return true;
  bool ok = (w.t = eq_tokenizer_open(folder, err)) && ids_of(w.t, &wanted, err) && add_all(&w, keys, &wanted);
  eq_tokenizer_free(w.t);
  eq_token_list_free(&wanted);
  return ok;
}
