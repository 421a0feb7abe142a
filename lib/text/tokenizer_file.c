#include "lib/text/tokenizer_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/base/file.h"
#include "lib/base/number.h"
#include "lib/base/utf8.h"
#include "lib/text/decoder_file.h"
#include "lib/text/frame_file.h"
#include "lib/text/normalizer_file.h"
#include "lib/text/pretokenizer_file.h"
#include "lib/text/token_model_file.h"
#include "lib/text/vocabulary_file.h"

/* ---- added tokens ---- */

/* A tokenizer that is being read. */
struct target {
  struct eq_tokenizer *t;
  uint64_t id; /* of the added token, where the file says it outside */
};

/* What is found after normalisation is normalised too. */
static bool look_for(const struct eq_source *s, struct eq_tokenizer *t, struct eq_str content,
                     struct eq_added_token token, bool normalized) {
  struct eq_normalizer_scratch scratch = { 0 };
  struct eq_view view = { .text = content };
  bool good = !normalized || eq_normalize(&t->stages[0].rewrite, &t->unicode, &scratch, content, true, &view, s->err);
  const enum eq_token_kind kind = token.special ? EQ_TOKEN_SPECIAL : EQ_TOKEN_ADDED;
  if (good && view.text.n &&
      (!eq_added_tokens_add(normalized ? &t->normalized : &t->verbatim, view.text, token, s->err) ||
       !eq_tokenizer_add_content(t, token.id, content, kind, s->err)))
    eq_fail_prefix(s->err, "%s: ", s->where);
  if (good && !eq_str_equal(view.text, content)) eq_piece_list_set(&t->respelled, token.id, view.text, s->err);
  eq_normalizer_scratch_free(&scratch);
  return s->err->code == EQ_OK;
}

static bool add_token(const struct eq_source *s, struct eq_str object, void *into) {
  enum { CONTENT, SPECIAL, NORMALIZED, SINGLE, LEFT, RIGHT, N };
  static const char *const keys[N] = { "content", "special", "normalized", "single_word", "lstrip", "rstrip" };
  struct target *to = into;
  struct eq_str span[N];
  bool flags[N] = { false };
  char *content = NULL;
  uint32_t known;
  if (!eq_source_members(s, object, keys, span, N) || !eq_source_string(s, span[CONTENT], &content)) return false;
  bool good = eq_source_flag(s, span[SPECIAL], false, &flags[SPECIAL]);
  for (size_t i = NORMALIZED; good && i < N; i++)
    good = eq_source_flag(s, span[i], i == NORMALIZED && !flags[SPECIAL], &flags[i]);
  uint64_t id = good && eq_token_model_find(&to->t->model, eq_str(content), &known) ? known : to->id;
  if (good && id >= EQ_VOCAB_MAX)
    good = eq_fail(s->err, EQ_BAD, "%s: added token '%s' has id %llu, expected less than %d", s->where, content,
                   (unsigned long long)id, EQ_VOCAB_MAX);
  if (good && id >= to->t->vocab) to->t->vocab = (size_t)id + 1;
  const struct eq_added_token token = { (uint32_t)id, flags[SPECIAL], flags[SINGLE], flags[LEFT], flags[RIGHT] };
  good = good && (!*content || look_for(s, to->t, eq_str(content), token, flags[NORMALIZED]));
  free(content);
  return good;
}

static bool read_added_token(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "id" };
  struct target *to = into;
  struct eq_str span;
  if (!eq_source_members(s, object, keys, &span, 1)) return false;
  if (!span.p) return eq_fail(s->err, EQ_BAD, "%s: an added token has no 'id'", s->where);
  return eq_source_u64(s, span, 0, &to->id) && add_token(s, object, to);
}

/* tokenizer_config.json: {"50256": {"content": ...}, ...}. */
static bool read_added_decoder(const struct eq_source *s, struct eq_str span, struct eq_tokenizer *t) {
  struct target to = { .t = t };
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str key, object;
  eq_source_open(s, &j, span);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);) {
    if (!eq_parse_u64(key, &to.id)) eq_json_fail(&j, "expected a token id as the key");
    if (!eq_json_skip(&j, &object) || !add_token(s, object, &to)) break;
  }
  eq_buffer_free(&scratch);
  return s->err->code == EQ_OK && eq_json_end(&j);
}

/* added_tokens.json: {"<|endoftext|>": 50256, ...}: all taken as special. */
static bool read_added_ids(const struct eq_source *s, struct eq_tokenizer *t) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str key;
  uint64_t id;
  eq_source_open(s, &j, s->text);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key) && eq_json_u64(&j, &id);) {
    if (id >= EQ_VOCAB_MAX) {
      eq_json_fail(&j, "the token's id is too large");
      break;
    }
    if (id >= t->vocab) t->vocab = (size_t)id + 1;
    const struct eq_added_token token = { .id = (uint32_t)id, .special = true };
    if (key.n && !look_for(s, t, key, token, false)) break;
  }
  eq_buffer_free(&scratch);
  return s->err->code == EQ_OK && eq_json_end(&j);
}

/* ---- tokenizer.json ---- */

bool eq_tokenizer_read_json(struct eq_tokenizer *t, const char *where, struct eq_str text, struct eq_err *err) {
  enum { MODEL, NORMALIZER, PRETOKENIZER, ADDED, POST, DECODER, N };
  static const char *const keys[N] = { "model",        "normalizer",     "pre_tokenizer",
                                       "added_tokens", "post_processor", "decoder" };
  const struct eq_source s = { where, text, err };
  struct target to = { .t = t };
  struct eq_str span[N];
  if (!eq_source_check(&s) || !eq_source_members(&s, text, keys, span, N)) return false;
  if (!span[MODEL].p) return eq_fail(err, EQ_BAD, "%s: no 'model', expected a tokenizer of Hugging Face", where);
  if (span[NORMALIZER].p && !eq_normalizer_read(&s, span[NORMALIZER], &t->stages[0].rewrite)) return false;
  if (span[PRETOKENIZER].p && !eq_pretokenizer_read(&s, span[PRETOKENIZER], t)) return false;
  if (!eq_token_model_read(&s, span[MODEL], &t->model, eq_stages_end_in_bytes(t))) return false;
  if (t->model.over_bytes) eq_stages_drop_bytes(t);
  t->vocab = eq_token_model_size(&t->model);
  if (span[ADDED].p && !eq_source_each(&s, span[ADDED], read_added_token, &to)) return false;
  const struct eq_source decoder = { where, text, &t->undecodable }; /* matters only to who decodes */
  eq_decoder_read(&decoder, span[DECODER], &t->decoder);
  return !span[POST].p || eq_frame_read(&s, span[POST], &t->frame);
}

/* ---- vocab.json and merges.txt ---- */

/* Python classes whose vocab.json and merges.txt say all but the pattern and the normal form. */
static const struct {
  const char *class;
  bool (*add_pattern)(struct eq_pretokenizer *p, struct eq_err *err);
  bool nfc;
} classes[] = {
  { "", eq_pretokenizer_add_gpt2, false },
  { "GPT2Tokenizer", eq_pretokenizer_add_gpt2, false },
  { "GPT2TokenizerFast", eq_pretokenizer_add_gpt2, false },
  { "RobertaTokenizer", eq_pretokenizer_add_gpt2, false },
  { "RobertaTokenizerFast", eq_pretokenizer_add_gpt2, false },
  { "BartTokenizer", eq_pretokenizer_add_gpt2, false },
  { "CodeGenTokenizer", eq_pretokenizer_add_gpt2, false },
  { "Qwen2Tokenizer", eq_pretokenizer_add_qwen2, true },
  { "Qwen2TokenizerFast", eq_pretokenizer_add_qwen2, true },
};

static bool set_class(const struct eq_source *s, const char *class, struct eq_tokenizer *t) {
  size_t i = 0, n = sizeof classes / sizeof *classes;
  while (i < n && strcmp(class, classes[i].class) != 0) i++;
  if (i == n)
    return eq_source_refuse(s, "tokenizer_class", class,
                            "GPT2Tokenizer or Qwen2Tokenizer, or a tokenizer.json in the folder");
  const struct eq_rewrite_step nfc = { .kind = EQ_REWRITE_FORM, .form = EQ_NFC_9 };
  if (classes[i].nfc && !eq_normalizer_add(&t->stages[0].rewrite, nfc, s->err)) return false;
  return classes[i].add_pattern(&t->stages[t->n_stages - 1].cuts, s->err);
}

/* A space before the text, as ByteLevel puts it. */
static bool add_prefix_space(struct eq_tokenizer *t, struct eq_err *err) {
  struct eq_rewrite_step step = { .kind = EQ_REWRITE_PREPEND, .unless_there = true, .text = eq_copy_string(" ", 1) };
  if (!step.text) return eq_fail_memory(err, 1, "a space");
  if (eq_pretokenizer_open(&t->stages[t->n_stages++].cuts, &t->unicode, err))
    return eq_normalizer_add(&t->stages[t->n_stages - 1].rewrite, step, err);
  eq_rewrite_step_free(&step);
  return false;
}

static bool read_merge_lines(const struct eq_source *s, struct eq_bpe *bpe) {
  uint64_t line = 0;
  for (struct eq_str rest = s->text; rest.n;) {
    struct eq_str text = eq_str_cut(&rest, '\n'), left, right;
    line++;
    if (text.n && text.p[text.n - 1] == '\r') text.n--;
    if ((text.n >= 8 && !memcmp(text.p, "#version", 8)) || !text.n) continue;
    if (!eq_token_model_cut_merge(text, &left, &right))
      return eq_fail(s->err, EQ_BAD, "%s:%llu: expected two tokens with a space between", s->where,
                     (unsigned long long)line);
    if (!eq_bpe_add_merge(bpe, left, right, 0, s->err)) {
      eq_fail_prefix(s->err, "%s:%llu: ", s->where, (unsigned long long)line);
      return false;
    }
  }
  return true;
}

static bool read_config(const struct eq_source *s, struct eq_tokenizer *t, bool *has_added) {
  enum { CLASS, PREFIX_SPACE, ADDED, N };
  static const char *const keys[N] = { "tokenizer_class", "add_prefix_space", "added_tokens_decoder" };
  struct eq_str span[N] = { { 0 } };
  char *class = NULL;
  bool prefix_space;
  if (s->text.p && !eq_source_members(s, s->text, keys, span, N)) return false;
  *has_added = span[ADDED].p;
  bool good = eq_source_flag(s, span[PREFIX_SPACE], false, &prefix_space) &&
              (!prefix_space || add_prefix_space(t, s->err)) && eq_source_string(s, span[CLASS], &class) &&
              set_class(s, class, t);
  free(class);
  return good && (!span[ADDED].p || read_added_decoder(s, span[ADDED], t));
}

static bool read_model_files(const struct eq_source *vocab, const struct eq_source *merges, struct eq_token_model *m) {
  const struct eq_bpe_rules rules = { .over_bytes = true, .unknown = EQ_NO_TOKEN };
  m->kind = EQ_MODEL_BPE;
  m->over_bytes = true;
  if (!eq_token_model_read_vocab(vocab, vocab->text, m) || !(m->bpe = eq_bpe_new(&m->vocabulary, vocab->err)) ||
      !read_merge_lines(merges, m->bpe))
    return false;
  if (eq_bpe_finish(m->bpe, rules, vocab->err)) return true;
  eq_fail_prefix(vocab->err, "%s: ", vocab->where);
  return false;
}

bool eq_tokenizer_read_files(struct eq_tokenizer *t, const struct eq_tokenizer_files *f, struct eq_err *err) {
  enum { VOCAB, MERGES, CONFIG, ADDED, N };
  static const char *const names[N] = { "vocab.json", "merges.txt", "tokenizer_config.json", "added_tokens.json" };
  const struct eq_str texts[N] = { f->vocab, f->merges, f->config, f->added };
  struct eq_source s[N];
  char *where[N] = { 0 };
  bool good = true, has_added = false;
  for (size_t i = 0; i < N; i++) {
    where[i] = eq_path_join(f->folder, names[i]);
    s[i] = (struct eq_source){ where[i] ? where[i] : names[i], texts[i], err };
    good = good && eq_source_check(&s[i]);
  }
  good = good && read_model_files(&s[VOCAB], &s[MERGES], &t->model);
  t->vocab = eq_token_model_size(&t->model);
  good = good && read_config(&s[CONFIG], t, &has_added) &&
         eq_decoder_add(&t->decoder, (struct eq_decode_step){ .kind = EQ_DECODE_BYTES }, err);
  if (good && !has_added && texts[ADDED].p) good = read_added_ids(&s[ADDED], t);
  for (size_t i = 0; i < N; i++) free(where[i]);
  return good;
}

/* ---- the frame of a SentencePiece model ---- */

/* What Python's classes put around a text when their options do not say it. */
static const struct {
  const char *class;
  bool bos, eos;
} framing[] = {
  { "LlamaTokenizer", true, false },     { "LlamaTokenizerFast", true, false },
  { "CodeLlamaTokenizer", true, false }, { "CodeLlamaTokenizerFast", true, false },
  { "GemmaTokenizer", true, false },     { "GemmaTokenizerFast", true, false },
  { "T5Tokenizer", false, true },        { "T5TokenizerFast", false, true },
};

/* A config beside a model of SentencePiece says which of its two tokens stand around a text; else both do. */
static bool read_framing(const struct eq_source *config, struct eq_tokenizer *t) {
  enum { CLASS, BOS, EOS, N };
  static const char *const keys[N] = { "tokenizer_class", "add_bos_token", "add_eos_token" };
  struct eq_str span[N];
  char *class = NULL;
  bool bos = true, eos = true;
  if (!eq_source_check(config) || !eq_source_members(config, config->text, keys, span, N) ||
      !eq_source_string(config, span[CLASS], &class))
    return false;
  for (size_t i = 0; i < sizeof framing / sizeof *framing; i++)
    if (!strcmp(class, framing[i].class)) bos = framing[i].bos, eos = framing[i].eos;
  free(class);
  if (!eq_source_flag(config, span[BOS], bos, &bos) || !eq_source_flag(config, span[EOS], eos, &eos)) return false;
  if (!bos) t->frame.n_before = 0;
  if (!eos) t->frame.n_after = 0;
  return true;
}

/* ---- folders ---- */

struct eq_tokenizer *eq_tokenizer_new(struct eq_err *err) {
  struct eq_tokenizer *t = eq_array(1, sizeof *t);
  if (!t) {
    eq_fail_memory(err, sizeof *t, "a tokenizer");
    return NULL;
  }
  t->n_stages = 1;
  if (eq_unicode_open(&t->unicode, err) && eq_pretokenizer_open(&t->stages[0].cuts, &t->unicode, err)) return t;
  eq_tokenizer_free(t);
  return NULL;
}

enum { FILE_MAX = 256 << 20 };

/* Maps folder/name; an absent file is left empty. */
static bool map_file(const char *folder, const char *name, struct eq_file *f, uint64_t *digest, struct eq_err *err) {
  char *path = eq_path_join(folder, name);
  if (!path) return eq_fail_memory(err, strlen(folder), "a path");
  bool good = !eq_path_exists(path) || eq_file_map(f, path, err);
  if (good && f->size > FILE_MAX)
    good = eq_fail(err, EQ_BAD, "%s: the file has %zu bytes, expected at most %d", path, f->size, FILE_MAX);
  if (good && f->data) *digest = XXH64(f->data, f->size, *digest);
  free(path);
  return good;
}

/* "mini@0123456789abcdef" for a folder "corpora/mini/". */
static char *name_of(const char *folder, uint64_t digest) {
  char *real = realpath(folder, NULL), *slash = real ? strrchr(real, '/') : NULL;
  struct eq_buffer b = { 0 };
  const char *last = slash && slash[1] ? slash + 1 : folder;
  eq_buffer_text(&b, last, strlen(last));
  eq_buffer_format(&b, "@%016llx", (unsigned long long)digest);
  free(real);
  if (b.failed) eq_buffer_free(&b);
  return b.data;
}

static bool read_one_file(struct eq_tokenizer *t, const char *folder, const struct eq_file *config, uint64_t *digest,
                          struct eq_err *err) {
  char *path = eq_vocabulary_file_find(folder, err);
  bool good = path && eq_vocabulary_file_read(t, path, digest, err);
  free(path);
  if (!good || !config->data || !t->sentencepiece || t->joining.here) return good; /* a GGUF says it itself */
  const struct eq_source source = { config->path, { config->data, config->size }, err };
  *digest = XXH64(config->data, config->size, *digest);
  return read_framing(&source, t);
}

static bool read_folder(struct eq_tokenizer *t, const char *folder, struct eq_err *err) {
  enum { JSON, VOCAB, MERGES, CONFIG, ADDED, N };
  static const char *const names[N] = { "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json",
                                        "added_tokens.json" };
  struct eq_file file[N] = { { 0 } };
  struct eq_str text[N];
  uint64_t digest = 0;
  bool good = true;
  for (size_t i = 0; good && i < N; i++) {
    if (i == VOCAB && file[JSON].data) break; /* tokenizer.json says all */
    good = map_file(folder, names[i], &file[i], &digest, err);
  }
  for (size_t i = 0; i < N; i++) text[i] = (struct eq_str){ file[i].data, file[i].size };
  const struct eq_tokenizer_files files = { folder, text[VOCAB], text[MERGES], text[CONFIG], text[ADDED] };
  if (good && file[JSON].data)
    good = eq_tokenizer_read_json(t, file[JSON].path, text[JSON], err);
  else if (good && file[VOCAB].data && file[MERGES].data)
    good = eq_tokenizer_read_files(t, &files, err);
  else if (good)
    good = read_one_file(t, folder, &file[CONFIG], &digest, err);
  for (size_t i = 0; i < N; i++) eq_file_unmap(&file[i]);
  if (!good) return false;
  t->name = name_of(folder, digest);
  return t->name || eq_fail_memory(err, strlen(folder), "a name");
}

/* The vocab_size of a config.json; UINT64_MAX when it names none. */
static uint64_t embeddings_in(const struct eq_file *config) {
  struct eq_err ignored = { 0 }; /* what is wrong with a config is for who runs the model to say */
  struct eq_buffer scratch = { 0 };
  struct eq_str key;
  struct eq_json j;
  uint64_t size = UINT64_MAX;
  if (eq_utf8_invalid(config->data, config->size) < config->size) return size;
  eq_json_open(&j, config->path, (struct eq_str){ config->data, config->size }, &ignored);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);)
    if (!eq_str_is(key, "vocab_size") || !eq_json_u64(&j, &size)) eq_json_skip(&j, NULL);
  eq_buffer_free(&scratch);
  return size;
}

/* A tokenizer beside a model must not make ids that the model has no embedding for. */
static bool check_embeddings(const struct eq_tokenizer *t, const char *folder, struct eq_err *err) {
  struct eq_file config = { 0 };
  uint64_t ignored = 0;
  if (!map_file(folder, "config.json", &config, &ignored, err)) return false;
  uint64_t size = config.data ? embeddings_in(&config) : UINT64_MAX;
  if (size < t->vocab)
    eq_fail(err, EQ_BAD, "%s: the tokenizer has %zu tokens, but config.json's vocab_size is %llu", folder, t->vocab,
            (unsigned long long)size);
  eq_file_unmap(&config);
  return size >= t->vocab;
}

/* A path that is no folder. */
static bool read_file(struct eq_tokenizer *t, const char *path, struct eq_err *err) {
  uint64_t digest = 0;
  if (!eq_vocabulary_file_read(t, path, &digest, err)) return false;
  t->name = name_of(path, digest);
  return t->name || eq_fail_memory(err, strlen(path), "a name");
}

struct eq_tokenizer *eq_tokenizer_open(const char *path, struct eq_err *err) {
  struct eq_tokenizer *t = eq_tokenizer_new(err);
  bool is_folder = eq_path_is_folder(path);
  if (!t || (is_folder ? read_folder(t, path, err) && check_embeddings(t, path, err) : read_file(t, path, err)))
    return t;
  eq_tokenizer_free(t);
  return NULL;
}
