#include "lib/text/tokenizer_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/base/file.h"
#include "lib/base/number.h"
#include "lib/base/utf8.h"
#include "lib/text/json.h"
#include "lib/text/vocabulary_file.h"

/* A JSON text that is being read into a tokenizer. Values are passed on as spans of it; p NULL is an absent or null
 * one. */
struct source {
  const char *where;
  struct eq_str text;
  struct eq_tokenizer *t;
  struct eq_err *err;
};

/* ---- values of JSON ---- */

static bool check_utf8(const char *where, struct eq_str text, struct eq_err *err) {
  size_t bad = text.n ? eq_utf8_invalid(text.p, text.n) : 0;
  return bad == text.n ||
         eq_fail(err, EQ_BAD, "%s: byte %zu (0x%02x) is not UTF-8", where, bad, (unsigned)(unsigned char)text.p[bad]);
}

/* Reads a span; messages count bytes from the start of the file. */
static void open_span(const struct source *s, struct eq_json *j, struct eq_str span) {
  eq_json_open(j, s->where, span, s->err);
  j->text = s->text.p;
}

/* Spans of the members of an object that are asked for; the others are checked and passed over. */
static bool members(const struct source *s, struct eq_str object, const char *const *keys, struct eq_str *spans,
                    size_t n) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str key, value;
  open_span(s, &j, object);
  memset(spans, 0, n * sizeof *spans);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);) {
    size_t i = 0;
    while (i < n && !eq_str_is(key, keys[i])) i++;
    bool null = eq_json_peek(&j) == 'n';
    if (!eq_json_skip(&j, &value)) break;
    if (i == n || null) continue;
    if (spans[i].p) eq_json_fail(&j, "the same key twice");
    spans[i] = value;
  }
  eq_buffer_free(&scratch);
  return eq_json_end(&j);
}

/* A flag, or what it is when absent. */
static bool flag(const struct source *s, struct eq_str span, bool when_absent, bool *value) {
  struct eq_json j;
  *value = when_absent;
  if (!span.p) return true;
  open_span(s, &j, span);
  return eq_json_bool(&j, value);
}

/* A string, decoded to a copy that ends in 0 (free it); "" when absent. */
static bool string(const struct source *s, struct eq_str span, char **value) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str found = { "", 0 };
  open_span(s, &j, span);
  bool good = !span.p || eq_json_string(&j, &scratch, &found);
  *value = good ? eq_copy_string(found.p, found.n) : NULL;
  eq_buffer_free(&scratch);
  return *value || (good && eq_fail_memory(s->err, found.n, "a string"));
}

/* The string under "type". */
static bool type_of(const struct source *s, struct eq_str object, char **type) {
  static const char *const keys[] = { "type" };
  struct eq_str span;
  return members(s, object, keys, &span, 1) && string(s, span, type);
}

static bool refuse(const struct source *s, const char *what, const char *name, const char *expected) {
  return eq_fail(s->err, EQ_BAD, "%s: %s '%s' is not supported, expected %s", s->where, what, name, expected);
}

/* Calls read(s, element) for each element of an array. */
static bool each(const struct source *s, struct eq_str array, bool (*read)(const struct source *, struct eq_str)) {
  struct eq_json j;
  struct eq_str element;
  open_span(s, &j, array);
  for (eq_json_begin(&j, '['); eq_json_next(&j);)
    if (!eq_json_skip(&j, &element) || !read(s, element)) return false;
  return eq_json_end(&j);
}

/* ---- the model: vocabulary and merges ---- */

/* Says where in the text the error stands that is there already. */
static void in_json(struct eq_json *j) {
  eq_fail_prefix(j->err, "%s: byte %zu: ", j->where, (size_t)(j->p - j->text));
  j->failed = true;
}

static bool read_vocab(const struct source *s, struct eq_str span) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str token;
  uint64_t id;
  open_span(s, &j, span);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &token) && eq_json_u64(&j, &id);)
    if (!eq_bpe_add_token(s->t->bpe, token, id, s->err)) {
      in_json(&j);
      break;
    }
  eq_buffer_free(&scratch);
  return eq_json_end(&j);
}

/* Cuts "left right" at its one space. */
static bool cut_merge(struct eq_str both, struct eq_str *left, struct eq_str *right) {
  const char *space = both.n ? memchr(both.p, ' ', both.n) : NULL;
  if (!space) return false;
  *left = (struct eq_str){ both.p, (size_t)(space - both.p) };
  *right = (struct eq_str){ space + 1, both.n - left->n - 1 };
  return left->n && right->n && !memchr(right->p, ' ', right->n);
}

/* One merge: "left right" or ["left", "right"]. */
static bool next_merge(struct eq_json *j, struct eq_buffer scratch[2], struct eq_str *left, struct eq_str *right) {
  struct eq_str both;
  if (eq_json_peek(j) == '"')
    return eq_json_string(j, &scratch[0], &both) &&
           (cut_merge(both, left, right) || eq_json_fail(j, "a merge that is not two tokens with a space between"));
  if (!eq_json_begin(j, '[')) return false;
  if (!eq_json_next(j) || !eq_json_string(j, &scratch[0], left) || !eq_json_next(j) ||
      !eq_json_string(j, &scratch[1], right) || eq_json_next(j))
    return eq_json_fail(j, "a merge that is not two tokens");
  return !j->failed;
}

static bool read_merges(const struct source *s, struct eq_str span) {
  struct eq_json j;
  struct eq_buffer scratch[2] = { { 0 }, { 0 } };
  struct eq_str left, right;
  open_span(s, &j, span);
  for (eq_json_begin(&j, '['); eq_json_next(&j) && next_merge(&j, scratch, &left, &right);)
    if (!eq_bpe_add_merge(s->t->bpe, left, right, s->err)) {
      in_json(&j);
      break;
    }
  eq_buffer_free(&scratch[0]);
  eq_buffer_free(&scratch[1]);
  return eq_json_end(&j);
}

static bool finish(const struct source *s, bool whole_words) {
  if (eq_bpe_finish(s->t->bpe, whole_words, s->err)) return true;
  eq_fail_prefix(s->err, "%s: ", s->where);
  return false;
}

static bool read_model(const struct source *s, struct eq_str model) {
  enum { TYPE, VOCAB, MERGES, PREFIX, SUFFIX, DROPOUT, FALLBACK, WHOLE, N };
  static const char *const keys[N] = {
    "type",    "vocab",         "merges",       "continuing_subword_prefix", "end_of_word_suffix",
    "dropout", "byte_fallback", "ignore_merges"
  };
  struct eq_str span[N];
  char *type = NULL;
  bool fallback = false, whole_words = false;
  if (!members(s, model, keys, span, N) || !string(s, span[TYPE], &type)) return false;
  bool good = !*type || !strcmp(type, "BPE") || refuse(s, "model", type, "BPE over bytes");
  free(type);
  good = good && flag(s, span[FALLBACK], false, &fallback) && flag(s, span[WHOLE], false, &whole_words);
  if (!good) return false;
  if (fallback) return refuse(s, "model option", "byte_fallback", "BPE over bytes, not over characters");
  if (span[PREFIX].n > 2) return refuse(s, "model option", keys[PREFIX], "BPE over bytes");
  if (span[SUFFIX].n > 2) return refuse(s, "model option", keys[SUFFIX], "BPE over bytes");
  if (span[DROPOUT].p && !eq_str_is(span[DROPOUT], "0.0")) return refuse(s, "model option", "dropout", "none");
  if (!span[VOCAB].p || !span[MERGES].p)
    return eq_fail(s->err, EQ_BAD, "%s: the model has no '%s'", s->where, span[VOCAB].p ? "merges" : "vocab");
  return read_vocab(s, span[VOCAB]) && read_merges(s, span[MERGES]) && finish(s, whole_words);
}

/* ---- normalizers and pre-tokenizers ---- */

static bool read_normalizer(const struct source *s, struct eq_str span) {
  static const char *const keys[] = { "normalizers" };
  struct eq_str inner;
  char *type;
  if (!type_of(s, span, &type)) return false;
  bool good = true;
  if (!strcmp(type, "NFC"))
    s->t->nfc = true;
  else if (!strcmp(type, "Sequence"))
    good = members(s, span, keys, &inner, 1) && (!inner.p || each(s, inner, read_normalizer));
  else
    good = refuse(s, "normalizer", type, "NFC or none");
  free(type);
  return good;
}

static bool read_byte_level(const struct source *s, struct eq_str span) {
  static const char *const keys[] = { "add_prefix_space", "use_regex" };
  struct eq_str found[2];
  bool prefix_space, use_regex;
  if (!members(s, span, keys, found, 2) || !flag(s, found[0], true, &prefix_space) ||
      !flag(s, found[1], true, &use_regex))
    return false;
  if (prefix_space && s->t->pretokenizer.n_steps)
    return refuse(s, "ByteLevel option", "add_prefix_space", "false after another pre-tokenizer");
  s->t->prefix_space = prefix_space;
  return !use_regex || eq_pretokenizer_add_gpt2(&s->t->pretokenizer, s->err);
}

/* A pattern that matches just this text. */
static char *quote(const char *literal) {
  struct eq_buffer b = { 0 };
  eq_buffer_string(&b, "");
  for (; *literal; literal++) {
    if (strchr("\\^$.[]|()?*+{}-#", *literal)) eq_buffer_string(&b, "\\");
    eq_buffer_add(&b, literal, 1);
  }
  if (b.failed) eq_buffer_free(&b);
  return b.data;
}

/* {"Regex": "..."} or {"String": "..."} as a pattern; free it. */
static bool read_pattern(const struct source *s, struct eq_str span, char **pattern) {
  static const char *const keys[] = { "Regex", "String" };
  struct eq_str found[2];
  char *literal;
  *pattern = NULL;
  if (!span.p || !members(s, span, keys, found, 2))
    return eq_fail(s->err, EQ_BAD, "%s: Split has no pattern", s->where);
  if (found[0].p) return string(s, found[0], pattern);
  if (!string(s, found[1], &literal)) return false;
  *pattern = quote(literal);
  free(literal);
  return *pattern || eq_fail_memory(s->err, found[1].n, "a pattern");
}

static bool read_split(const struct source *s, struct eq_str span) {
  static const char *const keys[] = { "pattern", "behavior", "invert" };
  struct eq_str found[3];
  char *pattern = NULL, *behavior = NULL;
  bool invert;
  bool good = members(s, span, keys, found, 3) && flag(s, found[2], false, &invert) && string(s, found[1], &behavior) &&
              read_pattern(s, found[0], &pattern);
  if (good) {
    bool isolated = !strcmp(behavior, "Isolated"), removed = !strcmp(behavior, "Removed") && invert;
    good = isolated || removed || refuse(s, "Split behavior", behavior, "Isolated, or Removed with invert");
    if (good && !(good = eq_pretokenizer_add_regex(&s->t->pretokenizer, eq_str(pattern), removed, s->err)))
      eq_fail_prefix(s->err, "%s: ", s->where);
  }
  free(pattern);
  free(behavior);
  return good;
}

static bool read_digits(const struct source *s, struct eq_str span) {
  static const char *const keys[] = { "individual_digits" };
  struct eq_str found;
  bool individual;
  return members(s, span, keys, &found, 1) && flag(s, found, false, &individual) &&
         eq_pretokenizer_add_digits(&s->t->pretokenizer, individual, s->err);
}

static bool read_sequence(const struct source *s, struct eq_str span);

/* To add a pre-tokenizer: a row here, a step in pretokenizer.c, a line in eq-token(1). */
static const struct {
  const char *type;
  bool (*read)(const struct source *s, struct eq_str span);
} pretokenizers[] = {
  { "ByteLevel", read_byte_level }, { "Split", read_split }, { "Digits", read_digits }, { "Sequence", read_sequence }
};

static bool read_pretokenizer(const struct source *s, struct eq_str span) {
  char *type;
  if (!type_of(s, span, &type)) return false;
  size_t i = 0, n = sizeof pretokenizers / sizeof *pretokenizers;
  while (i < n && strcmp(type, pretokenizers[i].type) != 0) i++;
  bool good = i < n ? pretokenizers[i].read(s, span)
                    : refuse(s, "pre-tokenizer", type, "ByteLevel, Split, Digits or a Sequence of them");
  free(type);
  return good;
}

static bool read_sequence(const struct source *s, struct eq_str span) {
  static const char *const keys[] = { "pretokenizers" };
  struct eq_str inner;
  return members(s, span, keys, &inner, 1) && (!inner.p || each(s, inner, read_pretokenizer));
}

/* Bytes must be spelled in the alphabet, which ByteLevel does: last, and once. */
static bool ends_in_byte_level(const struct source *s, struct eq_str span, bool *ends) {
  static const char *const keys[] = { "type", "pretokenizers" };
  struct eq_str found[2], element = { 0 };
  char *type;
  if (!members(s, span, keys, found, 2) || !string(s, found[0], &type)) return false;
  bool sequence = !strcmp(type, "Sequence");
  *ends = !strcmp(type, "ByteLevel");
  free(type);
  if (!sequence || !found[1].p) return true;
  struct eq_json j;
  open_span(s, &j, found[1]);
  for (eq_json_begin(&j, '['); eq_json_next(&j) && eq_json_skip(&j, &element);) {}
  return !j.failed && (!element.p || ends_in_byte_level(s, element, ends));
}

/* ---- added tokens ---- */

/* What is found after normalisation is normalised too. */
static bool look_for(const struct source *s, struct eq_str content, uint32_t id, bool normalized) {
  struct eq_nfc nfc = { .text = content };
  bool good = !normalized || !s->t->nfc || eq_nfc_apply(&nfc, &s->t->unicode, content, s->err);
  if (good && !eq_added_tokens_add(normalized ? &s->t->normalized : &s->t->verbatim, nfc.text, id, s->err))
    eq_fail_prefix(s->err, "%s: ", s->where);
  eq_nfc_free(&nfc);
  return s->err->code == EQ_OK;
}

static bool add_token(const struct source *s, struct eq_str object, uint64_t id) {
  enum { CONTENT, SPECIAL, NORMALIZED, SINGLE, LEFT, RIGHT, N };
  static const char *const keys[N] = { "content", "special", "normalized", "single_word", "lstrip", "rstrip" };
  struct eq_str span[N];
  bool flags[N];
  char *content = NULL;
  if (!members(s, object, keys, span, N) || !string(s, span[CONTENT], &content)) return false;
  bool good = true;
  for (size_t i = SPECIAL; good && i < N; i++) good = flag(s, span[i], i == NORMALIZED, &flags[i]);
  uint32_t known;
  if (good && eq_bpe_find(s->t->bpe, eq_str(content), &known)) id = known;
  if (good && id >= EQ_VOCAB_MAX)
    good = eq_fail(s->err, EQ_BAD, "%s: added token '%s' has id %llu, expected less than %d", s->where, content,
                   (unsigned long long)id, EQ_VOCAB_MAX);
  if (good && id >= s->t->vocab) s->t->vocab = (size_t)id + 1;
  for (size_t i = SINGLE; good && !flags[SPECIAL] && i < N; i++)
    if (flags[i]) good = refuse(s, "added-token option", keys[i], "false");
  if (good && !flags[SPECIAL]) good = look_for(s, eq_str(content), (uint32_t)id, flags[NORMALIZED]);
  free(content);
  return good;
}

static bool read_added_token(const struct source *s, struct eq_str object) {
  static const char *const keys[] = { "id" };
  struct eq_str span;
  struct eq_json j;
  uint64_t id;
  if (!members(s, object, keys, &span, 1)) return false;
  if (!span.p) return eq_fail(s->err, EQ_BAD, "%s: an added token has no 'id'", s->where);
  open_span(s, &j, span);
  return eq_json_u64(&j, &id) && add_token(s, object, id);
}

/* tokenizer_config.json: {"50256": {"content": ...}, ...}. */
static bool read_added_decoder(const struct source *s, struct eq_str span) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str key, object;
  uint64_t id;
  open_span(s, &j, span);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);) {
    if (!eq_parse_u64(key, &id)) eq_json_fail(&j, "expected a token id as the key");
    if (!eq_json_skip(&j, &object) || !add_token(s, object, id)) break;
  }
  eq_buffer_free(&scratch);
  return s->err->code == EQ_OK && eq_json_end(&j);
}

/* added_tokens.json: {"<|endoftext|>": 50256, ...}: all taken as special, so they only count for the vocabulary. */
static bool read_added_ids(const struct source *s) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str key;
  uint64_t id;
  open_span(s, &j, s->text);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key) && eq_json_u64(&j, &id);)
    if (id >= EQ_VOCAB_MAX)
      eq_json_fail(&j, "the token's id is too large");
    else if (id >= s->t->vocab)
      s->t->vocab = (size_t)id + 1;
  eq_buffer_free(&scratch);
  return eq_json_end(&j);
}

/* ---- whole files ---- */

bool eq_tokenizer_read_json(struct eq_tokenizer *t, const char *where, struct eq_str text, struct eq_err *err) {
  enum { MODEL, NORMALIZER, PRETOKENIZER, ADDED, N };
  static const char *const keys[N] = { "model", "normalizer", "pre_tokenizer", "added_tokens" };
  const struct source s = { where, text, t, err };
  struct eq_str span[N];
  bool byte_level = false;
  if (!check_utf8(where, text, err) || !members(&s, text, keys, span, N)) return false;
  if (!span[MODEL].p) return eq_fail(err, EQ_BAD, "%s: no 'model', expected a tokenizer of Hugging Face", where);
  if (span[PRETOKENIZER].p && !ends_in_byte_level(&s, span[PRETOKENIZER], &byte_level)) return false;
  if (!byte_level)
    return eq_fail(err, EQ_BAD, "%s: the pre-tokenizer does not end in ByteLevel, as a byte-level BPE's does", where);
  if (span[NORMALIZER].p && !read_normalizer(&s, span[NORMALIZER])) return false;
  if (!read_pretokenizer(&s, span[PRETOKENIZER]) || !read_model(&s, span[MODEL])) return false;
  t->vocab = eq_bpe_size(t->bpe);
  return !span[ADDED].p || each(&s, span[ADDED], read_added_token);
}

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

static bool set_class(const struct source *s, const char *class) {
  size_t i = 0, n = sizeof classes / sizeof *classes;
  while (i < n && strcmp(class, classes[i].class) != 0) i++;
  if (i == n)
    return refuse(s, "tokenizer_class", class, "GPT2Tokenizer or Qwen2Tokenizer, or a tokenizer.json in the folder");
  s->t->nfc = classes[i].nfc;
  return classes[i].add_pattern(&s->t->pretokenizer, s->err);
}

static bool read_merge_lines(const struct source *s) {
  uint64_t line = 0;
  for (struct eq_str rest = s->text; rest.n;) {
    struct eq_str text = eq_str_cut(&rest, '\n'), left, right;
    line++;
    if (text.n && text.p[text.n - 1] == '\r') text.n--;
    if ((text.n >= 8 && !memcmp(text.p, "#version", 8)) || !text.n) continue;
    if (!cut_merge(text, &left, &right))
      return eq_fail(s->err, EQ_BAD, "%s:%llu: expected two tokens with a space between", s->where,
                     (unsigned long long)line);
    if (!eq_bpe_add_merge(s->t->bpe, left, right, s->err)) {
      eq_fail_prefix(s->err, "%s:%llu: ", s->where, (unsigned long long)line);
      return false;
    }
  }
  return true;
}

static bool read_config(const struct source *s, bool *has_added) {
  enum { CLASS, PREFIX_SPACE, ADDED, N };
  static const char *const keys[N] = { "tokenizer_class", "add_prefix_space", "added_tokens_decoder" };
  struct eq_str span[N] = { { 0 } };
  char *class = NULL;
  if (s->text.p && !members(s, s->text, keys, span, N)) return false;
  *has_added = span[ADDED].p;
  bool good =
      flag(s, span[PREFIX_SPACE], false, &s->t->prefix_space) && string(s, span[CLASS], &class) && set_class(s, class);
  free(class);
  return good && (!span[ADDED].p || read_added_decoder(s, span[ADDED]));
}

bool eq_tokenizer_read_files(struct eq_tokenizer *t, const struct eq_tokenizer_files *f, struct eq_err *err) {
  enum { VOCAB, MERGES, CONFIG, ADDED, N };
  static const char *const names[N] = { "vocab.json", "merges.txt", "tokenizer_config.json", "added_tokens.json" };
  const struct eq_str texts[N] = { f->vocab, f->merges, f->config, f->added };
  struct source s[N];
  char *where[N] = { 0 };
  bool good = true, has_added = false;
  for (size_t i = 0; i < N; i++) {
    where[i] = eq_path_join(f->folder, names[i]);
    s[i] = (struct source){ where[i] ? where[i] : names[i], texts[i], t, err };
    good = good && check_utf8(s[i].where, texts[i], err);
  }
  good = good && read_vocab(&s[VOCAB], texts[VOCAB]) && read_merge_lines(&s[MERGES]) && finish(&s[VOCAB], false);
  t->vocab = eq_bpe_size(t->bpe);
  good = good && read_config(&s[CONFIG], &has_added);
  if (good && !has_added && texts[ADDED].p) good = read_added_ids(&s[ADDED]);
  for (size_t i = 0; i < N; i++) free(where[i]);
  return good;
}

/* ---- folders ---- */

struct eq_tokenizer *eq_tokenizer_new(struct eq_err *err) {
  struct eq_tokenizer *t = eq_array(1, sizeof *t);
  if (!t) {
    eq_fail_memory(err, sizeof *t, "a tokenizer");
    return NULL;
  }
  t->bpe = eq_bpe_new(err);
  if (t->bpe && eq_unicode_open(&t->unicode, err) && eq_pretokenizer_open(&t->pretokenizer, &t->unicode, err)) return t;
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

static bool read_one_file(struct eq_tokenizer *t, const char *folder, uint64_t *digest, struct eq_err *err) {
  char *path = eq_vocabulary_file_find(folder, err);
  bool good = path && eq_vocabulary_file_read(t, path, digest, err);
  free(path);
  return good;
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
    good = read_one_file(t, folder, &digest, err);
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
