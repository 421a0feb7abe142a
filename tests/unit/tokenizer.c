/* Tokenizers against Hugging Face tokenizers (tests/golden/tokens.py), published ids, a brute-force BPE, and bad files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/file.h"
#include "lib/base/number.h"
#include "lib/base/random.h"
#include "lib/text/corpus.h"
#include "lib/text/json.h"
#include "lib/text/tokenizer_file.h"

static struct eq_err err;
static struct eq_token_list out;

static void no_error(void) {
  if (err.code) print_message("%s\n", err.text);
  assert_int_equal(err.code, EQ_OK);
}

/* Tokenizes with a scratch of its own. */
static void tokenize(const struct eq_tokenizer *t, struct eq_str text) {
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  assert_non_null(s);
  assert_true(eq_tokenize(t, s, text.p, text.n, &out, &err));
  eq_token_scratch_free(s);
}

/* Tokens stand in order; where nothing is rewritten or dropped, each begins where the one before it ends. */
static void offsets_tile(struct eq_str text, bool rewritten) {
  for (size_t i = 0; i < out.n; i++) {
    if (rewritten)
      assert_true(out.starts[i] >= (i ? out.starts[i - 1] : 0));
    else
      assert_int_equal(out.starts[i], i ? out.ends[i - 1] : 0);
    assert_true(out.ends[i] >= out.starts[i] && out.ends[i] <= text.n);
  }
  if (out.n && !rewritten) assert_int_equal(out.ends[out.n - 1], text.n);
  if (!text.n) assert_int_equal(out.n, 0);
}

static struct eq_tokenizer *open_mini(void) {
  err.code = EQ_OK;
  struct eq_tokenizer *t = eq_tokenizer_open("corpora/mini", &err);
  no_error();
  return t;
}

/* "shared data/name", or a skipped test. */
static char *shared(const char *name) {
  const char *folder = getenv("EQ_SHARED");
  char *path = eq_path_join(folder ? folder : "../shared/data", name);
  if (!eq_path_exists(path)) {
    free(path);
    skip();
  }
  return path;
}

/* ---- Hugging Face ---- */

static uint64_t fnv(uint64_t h, uint32_t word) {
  for (int shift = 0; shift < 32; shift += 8) h = (h ^ (word >> shift & 0xFF)) * 0x100000001B3;
  return h;
}

static void ids_are_hugging_faces_on_udhr_in_all_languages(void **state) {
  (void)state;
  struct eq_tokenizer *t = open_mini();
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_languages languages;
  assert_true(eq_languages_open(&languages, &err));
  FILE *golden = fopen("tests/golden/tokens.tsv", "r");
  char line[256], tag[64];
  size_t rows = 0;
  while (fgets(line, sizeof line, golden)) {
    unsigned long segments, tokens;
    unsigned long long expected;
    assert_int_equal(sscanf(line, "%63s %lu %lu %llx", tag, &segments, &tokens, &expected), 4);
    struct eq_corpus_request request = {
      .path = "corpora/udhr", .languages = &languages, .langs = eq_str(tag), .limit = UINT64_MAX, .sample = UINT64_MAX
    };
    struct eq_corpus *c = eq_corpus_open(&request, &err);
    struct eq_segment segment;
    uint64_t h = 0xCBF29CE484222325;
    while (c && eq_corpus_next(c, &segment, &err)) {
      assert_true(eq_tokenize(t, s, segment.text.p, segment.text.n, &out, &err));
      offsets_tile(segment.text, false);
      for (size_t i = 0; i < out.n; i++) h = fnv(h, out.ids[i]);
      h = fnv(h, UINT32_MAX);
      segments--;
      tokens -= out.n;
    }
    no_error();
    eq_corpus_close(c);
    if (h != expected || segments || tokens) fail_msg("%s differs", tag);
    rows++;
  }
  fclose(golden);
  assert_int_equal(rows, languages.n);
  eq_languages_free(&languages);
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
}

/* The text of corpora/mini/tokenizer.json with other members before its model. */
static struct eq_buffer with_head(struct eq_str head) {
  struct eq_file mini;
  struct eq_json j;
  struct eq_buffer scratch = { 0 }, text = { 0 };
  struct eq_str key, value, model = { 0 };
  assert_true(eq_file_map(&mini, "corpora/mini/tokenizer.json", &err));
  eq_json_open(&j, "mini", (struct eq_str){ mini.data, mini.size }, &err);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key) && eq_json_skip(&j, &value);)
    if (eq_str_is(key, "model")) model = value;
  eq_buffer_add(&text, head.p, head.n - 1); /* without its '}' */
  eq_buffer_string(&text, ",\"model\":");
  eq_buffer_add(&text, model.p, model.n);
  eq_buffer_string(&text, "}");
  eq_buffer_free(&scratch);
  eq_file_unmap(&mini);
  return text;
}

static struct eq_tokenizer *read_head(struct eq_str head) {
  err.code = EQ_OK;
  struct eq_buffer text = with_head(head);
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  bool good = eq_tokenizer_read_json(t, "tokenizer.json", (struct eq_str){ text.data, text.size }, &err);
  eq_buffer_free(&text);
  if (good) return t;
  eq_tokenizer_free(t);
  return NULL;
}

/* A line {"text": ..., "ids": [...]}: 1 when the tokenizer gives these ids. Lines may have other members. */
static bool line_agrees(const struct eq_tokenizer *t, struct eq_str line, bool rewritten) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 }, decoded = { 0 };
  struct eq_str key, text = { 0 }, ids = { 0 };
  uint64_t id;
  size_t n = 0;
  bool same = true;
  eq_json_open(&j, "golden", line, &err);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);)
    if (eq_str_is(key, "text"))
      eq_json_string(&j, &decoded, &text);
    else
      eq_json_skip(&j, eq_str_is(key, "ids") ? &ids : NULL);
  no_error();
  tokenize(t, text);
  offsets_tile(text, rewritten);
  eq_json_open(&j, "golden", ids, &err);
  for (eq_json_begin(&j, '['); eq_json_next(&j) && eq_json_u64(&j, &id); n++) same &= n < out.n && out.ids[n] == id;
  eq_buffer_free(&scratch);
  eq_buffer_free(&decoded);
  return same && n == out.n;
}

/* Calls line(context, line) for each line of a file. */
static void lines_of(const char *path, void (*line)(void *context, struct eq_str line), void *context) {
  struct eq_file f;
  assert_true(eq_file_map(&f, path, &err));
  for (size_t at = 0; at < f.size;) {
    const char *end = memchr(f.data + at, '\n', f.size - at);
    size_t n = end ? (size_t)(end - f.data) - at : f.size - at;
    line(context, (struct eq_str){ f.data + at, n });
    at += n + 1;
  }
  eq_file_unmap(&f);
}

struct golden {
  struct eq_tokenizer *t;
  struct eq_str name;
  size_t lines;
};

static void golden_line(void *context, struct eq_str line) {
  struct golden *g = context;
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str key, head = { 0 };
  g->lines++;
  if (line.n < 8 || memcmp(line.p, "{\"name\"", 7) != 0) {
    bool tiles = eq_str_is(g->name, "gpt2") || eq_str_is(g->name, "llama3") || eq_str_is(g->name, "digits");
    if (!line_agrees(g->t, line, !tiles)) fail_msg("%.*s: %.*s", EQ_STR(g->name), EQ_STR(line));
    return;
  }
  eq_json_open(&j, "golden", line, &err);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &key);)
    if (eq_str_is(key, "name"))
      eq_json_string(&j, &scratch, &g->name);
    else
      eq_json_skip(&j, &head);
  eq_tokenizer_free(g->t);
  g->t = read_head(head);
  no_error();
  eq_buffer_free(&scratch);
}

static void ids_are_hugging_faces_for_every_pretokenizer(void **state) {
  (void)state;
  struct golden g = { 0 };
  err.code = EQ_OK;
  lines_of("tests/golden/tokenizers.jsonl", golden_line, &g);
  assert_true(g.lines > 400);
  eq_tokenizer_free(g.t);
}

/* ---- published ids, where they are at hand ---- */

struct published {
  const struct eq_tokenizer *t;
  size_t rows, wrong;
};

static void published_row(void *context, struct eq_str line) {
  struct published *p = context;
  p->rows++;
  p->wrong += !line_agrees(p->t, line, true);
}

static void published(const char *folder, const char *rows, size_t at_least) {
  char *model = shared(folder), *path = shared(rows);
  err.code = EQ_OK;
  struct eq_tokenizer *t = eq_tokenizer_open(model, &err);
  no_error();
  struct published p = { t, 0, 0 };
  lines_of(path, published_row, &p);
  assert_int_equal(p.wrong, 0);
  assert_true(p.rows >= at_least);
  eq_tokenizer_free(t);
  free(model);
  free(path);
}

static void ids_are_gpt2s_on_flores(void **state) {
  (void)state;
  published("tokenizers/gpt2", "tokenizer_gold/GPT-2.jsonl", 800);
}
static void ids_are_those_of_r50k_base_on_flores(void **state) {
  (void)state;
  published("tokenizers/gpt2", "tokenizer_gold/r50k_base.jsonl", 800);
}
static void ids_are_qwens_on_flores(void **state) {
  (void)state;
  published("tokenizers/qwen2", "tokenizer_gold/Qwen.jsonl", 800);
}

/* Texts between separator lines, and a line of ids for each. */
static void llama_cpp_vectors(const char *folder, const char *vectors) {
  static const char separator[] = "\n__ggml_vocab_test__\n";
  struct eq_file in, ids;
  char *model = shared(folder), *base = shared(vectors), path[4096];
  err.code = EQ_OK;
  struct eq_tokenizer *t = eq_tokenizer_open(model, &err);
  assert_true(eq_file_map(&in, base, &err));
  snprintf(path, sizeof path, "%.*sout", (int)strlen(base) - 3, base);
  assert_true(eq_file_map(&ids, path, &err));
  const char *number = ids.data, *end = in.data + in.size;
  size_t n = 0;
  for (const char *p = in.data, *q; p <= end; p = q + strlen(separator), n++) {
    q = memmem(p, (size_t)(end - p), separator, strlen(separator));
    if (!q) q = end;
    tokenize(t, (struct eq_str){ p, (size_t)(q - p) });
    const char *line = memchr(number, '\n', ids.size - (size_t)(number - ids.data));
    if (!line) line = ids.data + ids.size;
    size_t k = 0;
    while (number < line) {
      char *after;
      unsigned long id = strtoul(number, &after, 10);
      if (after > line || after == number) break;
      assert_true(k < out.n && out.ids[k++] == id);
      number = after;
    }
    assert_int_equal(k, out.n);
    number = line + 1;
  }
  assert_true(n > 40);
  eq_file_unmap(&in);
  eq_file_unmap(&ids);
  eq_tokenizer_free(t);
  free(model);
  free(base);
}

static void ids_are_those_of_llama_cpps_gpt2_vectors(void **state) {
  (void)state;
  llama_cpp_vectors("tokenizers/gpt2", "tokenizers/llama_cpp/ggml-vocab-gpt-2.gguf.inp");
}
static void ids_are_those_of_llama_cpps_qwen2_vectors(void **state) {
  (void)state;
  llama_cpp_vectors("tokenizers/qwen2", "tokenizers/llama_cpp/ggml-vocab-qwen2.gguf.inp");
}

/* ---- brute force ---- */

enum { MERGES = 12, LONGEST = 200, TOKEN_MAX = 7 };

struct spelling {
  char s[TOKEN_MAX + 1];
};

static struct spelling joined(struct spelling l, struct spelling r) {
  struct spelling both = l;
  memcpy(both.s + strlen(l.s), r.s, strlen(r.s) + 1);
  return both;
}

/* Merges by the definition: of all neighbours that have a merge, the leftmost pair of the first merge, again and again.
 */
static size_t brute_force(struct spelling merges[][2], size_t n_merges, struct spelling *tokens, size_t n) {
  for (;;) {
    size_t best = n_merges, at = 0;
    for (size_t i = 0; i + 1 < n; i++)
      for (size_t m = 0; m < best; m++)
        if (!strcmp(tokens[i].s, merges[m][0].s) && !strcmp(tokens[i + 1].s, merges[m][1].s)) {
          best = m;
          at = i;
        }
    if (best == n_merges) return n;
    tokens[at] = joined(tokens[at], tokens[at + 1]);
    memmove(&tokens[at + 1], &tokens[at + 2], (n - at - 2) * sizeof *tokens);
    n--;
  }
}

/* The 256 bytes as tokens, by the rule of the alphabet: what is printable in Latin-1 stands for itself. */
static void add_bytes(struct eq_vocabulary *v) {
  uint32_t next = 256;
  for (uint32_t byte = 0; byte < 256; byte++) {
    bool printable = (byte > ' ' && byte < 127) || (byte >= 0xA1 && byte != 0xAD);
    uint32_t c = printable ? byte : next++;
    const char two[2] = { (char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F)) }, one = (char)c;
    assert_true(eq_vocabulary_add(v, (struct eq_str){ c < 0x80 ? &one : two, c < 0x80 ? 1 : 2 }, byte, &err));
  }
}

static uint64_t draws;
static size_t draw(size_t n) { return (size_t)eq_random_below(7, 0, draws++, n); }

/* Merges of random tokens of what is there so far, over the letters a, b and c. */
static struct eq_bpe *random_merges(struct eq_vocabulary *v, struct spelling merges[MERGES][2], bool over_bytes) {
  struct spelling tokens[MERGES + 3] = { { "a" }, { "b" }, { "c" } };
  add_bytes(v);
  for (size_t n = 0; n < MERGES;) {
    struct spelling l = tokens[draw(n + 3)], r = tokens[draw(n + 3)];
    bool usable = strlen(l.s) + strlen(r.s) <= TOKEN_MAX;
    for (size_t m = 0; m < n; m++) usable &= strcmp(merges[m][0].s, l.s) || strcmp(merges[m][1].s, r.s);
    if (!usable) continue;
    uint32_t id;
    tokens[n + 3] = joined(l, r);
    if (!eq_vocabulary_find(v, eq_str(tokens[n + 3].s), &id))
      assert_true(eq_vocabulary_add(v, eq_str(tokens[n + 3].s), 256 + n, &err));
    merges[n][0] = l;
    merges[n++][1] = r;
  }
  struct eq_bpe *b = eq_bpe_new(v, &err);
  for (size_t n = 0; n < MERGES; n++)
    assert_true(eq_bpe_add_merge(b, eq_str(merges[n][0].s), eq_str(merges[n][1].s), 0, &err));
  assert_true(eq_bpe_finish(b, (struct eq_bpe_rules){ .over_bytes = over_bytes, .unknown = EQ_NO_TOKEN }, &err));
  return b;
}

static void merging_equals_the_definition_on_random_vocabularies(void **state) {
  (void)state;
  struct spelling merges[MERGES][2], tokens[LONGEST + 1];
  char word[LONGEST];
  for (int round = 0; round < 60; round++) {
    struct eq_vocabulary v = { 0 };
    struct eq_bpe *b = random_merges(&v, merges, round % 2); /* over bytes, over characters */
    struct eq_bpe_scratch scratch = { 0 };
    for (int i = 0; i < 40; i++) {
      size_t n = 1 + draw(i % 2 ? LONGEST : 20);
      for (size_t k = 0; k < n; k++) {
        word[k] = (char)('a' + draw(3));
        tokens[k] = (struct spelling){ { word[k] } };
      }
      size_t expected = brute_force(merges, MERGES, tokens, n);
      out.n = 0;
      assert_true(eq_bpe_encode(b, &scratch, word, n, 5, &out));
      assert_int_equal(out.n, expected);
      for (size_t k = 0; k < expected; k++) {
        uint32_t id;
        assert_true(eq_vocabulary_find(&v, eq_str(tokens[k].s), &id));
        assert_int_equal(out.ids[k], id);
        assert_int_equal(out.ends[k] - out.starts[k], strlen(tokens[k].s));
      }
    }
    eq_bpe_scratch_free(&scratch);
    eq_bpe_free(b);
    eq_vocabulary_free(&v);
  }
}

/* ---- what a tokenizer promises ---- */

static void a_token_may_begin_inside_a_code_point(void **state) {
  (void)state;
  struct eq_tokenizer *t = open_mini();
  struct eq_str text = eq_str("\xF0\x92\x80\x80\xF0\x92\x80\x81"); /* cuneiform: no merges in so small a vocabulary */
  tokenize(t, text);
  assert_true(out.n > 2);
  offsets_tile(text, false);
  size_t inside = 0;
  for (size_t i = 0; i < out.n; i++) inside += ((unsigned char)text.p[out.starts[i]] & 0xC0) == 0x80;
  assert_true(inside > 0);
  eq_tokenizer_free(t);
}

static void a_text_gives_the_same_ids_whatever_came_before(void **state) {
  (void)state;
  struct eq_tokenizer *t = open_mini();
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_token_list fresh = { 0 };
  char text[64];
  for (uint64_t i = 0; i < 60000; i++) { /* more words than the memory has room for */
    int n = snprintf(text, sizeof text, "%llx the %llx", (unsigned long long)eq_random_below(1, 0, i, 5000),
                     (unsigned long long)eq_random_u64(1, 1, i));
    assert_true(eq_tokenize(t, s, text, (size_t)n, &out, &err));
    if (i % 1000) continue;
    struct eq_token_scratch *new = eq_token_scratch_new(&err);
    assert_true(eq_tokenize(t, new, text, (size_t)n, &fresh, &err));
    assert_int_equal(fresh.n, out.n);
    assert_memory_equal(fresh.ids, out.ids, out.n * sizeof *out.ids);
    eq_token_scratch_free(new);
  }
  eq_token_list_free(&fresh);
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
}

static void offsets_lead_back_through_nfc(void **state) {
  (void)state;
  struct eq_tokenizer *t = read_head(
      eq_str("{\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":"
             "false},\"added_tokens\":[]}"));
  no_error();
  struct eq_str text = eq_str("xe\xCC\x81 yo\xCC\x88z"); /* xé yöz, decomposed */
  tokenize(t, text);
  offsets_tile(text, true);
  bool word_begins = false; /* the second word is the bytes from 4 on, in the original */
  for (size_t i = 0; i < out.n; i++) word_begins |= out.starts[i] == 4;
  assert_true(word_begins);
  eq_tokenizer_free(t);
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_UNDEFINED__
enum { LIMIT = 20 }; /* seconds of CPU */
#else
enum { LIMIT = 1 };
#endif

static void the_worst_texts_take_less_than_a_second_a_megabyte(void **state) {
  (void)state;
  static const char *const pieces[] = { "a", " ", "\n", "\xF0\x9F\x99\x82", "ab", "'", "\xCC\x81\xCC\xA3", "1" };
  static const char *const heads[] = {
    "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}}",
    "{\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
    "\"Split\","
    "\"pattern\":{\"Regex\":\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| "
    "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Isolated\","
    "\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}}"
  };
  for (size_t h = 0; h < 2; h++) {
    struct eq_tokenizer *t = read_head(eq_str(heads[h]));
    no_error();
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
      struct eq_buffer text = { 0 };
      while (text.size + 4 <= 1000000) eq_buffer_string(&text, pieces[i]);
      clock_t began = clock();
      tokenize(t, (struct eq_str){ text.data, text.size });
      offsets_tile((struct eq_str){ text.data, text.size }, h > 0);
      assert_true((double)(clock() - began) / CLOCKS_PER_SEC < LIMIT);
      eq_buffer_free(&text);
    }
    eq_tokenizer_free(t);
  }
}

static void vocab_and_merges_files_give_the_same_ids(void **state) {
  (void)state;
  struct eq_tokenizer *whole = open_mini(), *parts = eq_tokenizer_new(&err);
  struct eq_file vocab, merges;
  struct eq_token_list expected = { 0 };
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  assert_true(eq_file_map(&vocab, "corpora/mini/vocab.json", &err));
  assert_true(eq_file_map(&merges, "corpora/mini/merges.txt", &err));
  struct eq_tokenizer_files files = { .folder = "corpora/mini",
                                      .vocab = { vocab.data, vocab.size },
                                      .merges = { merges.data, merges.size } };
  assert_true(eq_tokenizer_read_files(parts, &files, &err));
  assert_int_equal(eq_tokenizer_vocab(parts), 8192);
  assert_int_equal(eq_tokenizer_vocab(whole), 8192);
  struct eq_str text = eq_str("Whereas recognition of the inherent dignity, \xD7\x94\xD7\x95\xD7\x90\xD7\x99\xD7\x9C");
  assert_true(eq_tokenize(whole, s, text.p, text.n, &expected, &err));
  tokenize(parts, text);
  assert_int_equal(out.n, expected.n);
  assert_memory_equal(out.ids, expected.ids, out.n * sizeof *out.ids);
  eq_token_list_free(&expected);
  eq_token_scratch_free(s);
  eq_file_unmap(&vocab);
  eq_file_unmap(&merges);
  eq_tokenizer_free(whole);
  eq_tokenizer_free(parts);
}

/* ---- bad files ---- */

static void a_broken_tokenizer_is_named_in_one_line(void **state) {
  (void)state;
#define PRE "\"pre_tokenizer\":{\"type\":\"ByteLevel\"}"
  static const struct {
    const char *text, *message;
  } cases[] = {
    { "", "expected an object" },
    { "[]", "expected an object" },
    { "{", "expected a string" },
    { "{}", "no 'model'" },
    { "{\"model\":null}", "no 'model'" },
    { "{\"model\":{}}", "the model has no 'vocab'" },
    { "{" PRE ",\"model\":{}}", "the model has no 'vocab'" },
    { "{" PRE ",\"model\":{\"type\":\"Unigram\"}}", "the model has no 'vocab'" },
    { "{" PRE ",\"model\":{\"type\":\"Trigram\"}}", "model 'Trigram' is not supported" },
    { "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}}", "not a string and a number" },
    { "{\"model\":{\"type\":\"BPE\",\"unk_token\":\"u\",\"vocab\":{\"a\":1},\"merges\":[]}}",
      "unk_token \"u\" is not in the vocabulary" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "expected a whole number" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":4194304},\"merges\":[]}}", "expected less than 4194304" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":18446744073709551616},\"merges\":[]}}", "expected a whole number" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":1,\"b\":1},\"merges\":[]}}", "which another token has" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":1,\"a\":2},\"merges\":[]}}", "is there twice" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":1},\"merges\":[\"a b\"]}}", "'b' is not in the vocabulary" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":1},\"merges\":[\"a\"]}}", "not two tokens" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":1},\"merges\":[[\"a\"]]}}", "not two tokens" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":1},\"merges\":[[\"a\",\"a\",\"a\"]]}}", "not two tokens" },
    { "{" PRE ",\"model\":{\"vocab\":{\"a\":1},\"merges\":[\"a a\"]}}", "'aa' is not in the vocabulary" },
    { "{" PRE ",\"model\":{\"dropout\":0.1,\"vocab\":{},\"merges\":[]}}", "'dropout' is not supported" },
    { "{" PRE ",\"normalizer\":{\"type\":\"NFX\"},\"model\":{}}", "normalizer 'NFX' is not supported" },
    { "{" PRE ",\"model\":{},\"model\":{}}", "the same key twice" },
    { "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"ab\"},\"model\":{}}",
      "character 'ab' is not supported" },
    { "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Punkt\"},{\"type\":\"ByteLevel\"}"
      "]},"
      "\"model\":{}}",
      "pre-tokenizer 'Punkt' is not supported" },
    { "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},"
      "\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\"}]},\"model\":{}}",
      "pattern '(': byte 1: a group without its end" },
    { "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},"
      "\"behavior\":\"Merged\"},{\"type\":\"ByteLevel\"}]},\"model\":{}}",
      "split behavior 'Merged' is not supported" },
    { "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?~a)"
      "\"},"
      "\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\"}]},\"model\":{}}",
      "expected a group as" },
    { "{\"model\":\"\xFF\"}", "byte 10 (0xff) is not UTF-8" },
    { "{\"a\":\"\\ud800\"}", "a surrogate without its pair" },
    { "{\"a\":\"\\u0000\"}", "not allowed" },
    { "{\"a\":01}", "not a number" },
    { "{\"a\":1}x", "something follows" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_err why = { 0 };
    struct eq_tokenizer *t = eq_tokenizer_new(&why);
    assert_false(eq_tokenizer_read_json(t, "tokenizer.json", eq_str(cases[i].text), &why));
    assert_int_equal(why.code, EQ_BAD);
    if (!strstr(why.text, cases[i].message)) fail_msg("%s\ngave: %s", cases[i].text, why.text);
    if (strncmp(why.text, "tokenizer.json: ", 16) != 0) fail_msg("no file is named: %s", why.text);
    assert_null(strchr(why.text, '\n'));
    eq_tokenizer_free(t);
  }
}

static void deep_json_is_refused_before_it_costs_anything(void **state) {
  (void)state;
  struct eq_buffer text = { 0 };
  struct eq_err why = { 0 };
  struct eq_tokenizer *t = eq_tokenizer_new(&why);
  eq_buffer_string(&text, "{\"x\":");
  for (int i = 0; i < 1000000; i++) eq_buffer_string(&text, "[");
  assert_false(eq_tokenizer_read_json(t, "tokenizer.json", (struct eq_str){ text.data, text.size }, &why));
  assert_non_null(strstr(why.text, "nested more than 64 deep"));
  eq_buffer_free(&text);
  eq_tokenizer_free(t);
}

/* Each word is far from what a text may take. */
static void the_words_of_a_text_share_the_steps_of_its_patterns(void **state) {
  (void)state;
  struct eq_tokenizer *t = read_head(eq_str(
      "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"String\":\" "
      "\"},\"behavior\":\"Removed\"},{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a*[bc]\"},\"behavior\":"
      "\"Isolated\"},{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}}"));
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_buffer text = { 0 };
  struct eq_err why = { 0 };
  enum { WORD = 10001, WORDS = 30 };
  for (size_t i = 0; i < (size_t)WORD * WORDS; i++) eq_buffer_string(&text, (i + 1) % WORD ? "a" : " ");
  no_error();
  assert_true(eq_tokenize(t, s, text.data, WORD, &out, &err));
  assert_true(eq_tokenize(t, s, text.data, 2 * (size_t)WORD, &out, &err));
  assert_false(eq_tokenize(t, s, text.data, text.size, &out, &why));
  assert_non_null(strstr(why.text, "the pattern 'a*[bc]' goes over the same bytes again and again: it takes more than "
                                   "500030000 steps, the most for a text of this length"));
  eq_buffer_free(&text);
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
}

static void a_pattern_that_backtracks_without_end_is_an_error(void **state) {
  (void)state;
  struct eq_tokenizer *t = read_head(eq_str(
      "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"
      "\"(a|a)*(a|a)*(a|a)*$\"},\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}}"));
  no_error();
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_err why = { 0 };
  const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
  assert_false(eq_tokenize(t, s, text, sizeof text - 1, &out, &why));
  assert_non_null(strstr(why.text, "goes over the same bytes again and again"));
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
}

static void a_text_that_is_not_utf8_is_an_error(void **state) {
  (void)state;
  struct eq_tokenizer *t = open_mini();
  struct eq_token_scratch *s = eq_token_scratch_new(&err);
  struct eq_err why = { 0 };
  assert_false(eq_tokenize(t, s, "ab\xED\xA0\x80", 5, &out, &why));
  assert_string_equal(why.text, "byte 2 of the text (0xed) is not UTF-8");
  eq_token_scratch_free(s);
  eq_tokenizer_free(t);
}

static void a_folder_without_a_tokenizer_is_named(void **state) {
  (void)state;
  struct eq_err why = { 0 };
  assert_null(eq_tokenizer_open("corpora/udhr", &why));
  assert_string_equal(why.text, "corpora/udhr: no tokenizer.json there, nor vocab.json with merges.txt, nor "
                                "FILE.model, NAME.tiktoken or FILE.gguf");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ids_are_hugging_faces_on_udhr_in_all_languages),
    cmocka_unit_test(ids_are_hugging_faces_for_every_pretokenizer),
    cmocka_unit_test(ids_are_gpt2s_on_flores),
    cmocka_unit_test(ids_are_those_of_r50k_base_on_flores),
    cmocka_unit_test(ids_are_qwens_on_flores),
    cmocka_unit_test(ids_are_those_of_llama_cpps_gpt2_vectors),
    cmocka_unit_test(ids_are_those_of_llama_cpps_qwen2_vectors),
    cmocka_unit_test(merging_equals_the_definition_on_random_vocabularies),
    cmocka_unit_test(a_token_may_begin_inside_a_code_point),
    cmocka_unit_test(a_text_gives_the_same_ids_whatever_came_before),
    cmocka_unit_test(offsets_lead_back_through_nfc),
    cmocka_unit_test(the_worst_texts_take_less_than_a_second_a_megabyte),
    cmocka_unit_test(vocab_and_merges_files_give_the_same_ids),
    cmocka_unit_test(a_broken_tokenizer_is_named_in_one_line),
    cmocka_unit_test(deep_json_is_refused_before_it_costs_anything),
    cmocka_unit_test(the_words_of_a_text_share_the_steps_of_its_patterns),
    cmocka_unit_test(a_pattern_that_backtracks_without_end_is_an_error),
    cmocka_unit_test(a_text_that_is_not_utf8_is_an_error),
    cmocka_unit_test(a_folder_without_a_tokenizer_is_named),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  eq_token_list_free(&out);
  return failed;
}
