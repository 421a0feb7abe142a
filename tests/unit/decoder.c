/* Decoding against Hugging Face tokenizers, sentencepiece, tiktoken and llama.cpp: tests/golden/decode.py. EQ_DECODE
 * names another file of that kind. The rows of steps are what tokenizers 0.23.3 gives too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/text/decoder_file.h"
#include "lib/text/detokenizer.h"
#include "lib/text/tokenizer_file.h"

/* Tokens with '|' between them; none for NULL. */
static void put_tokens(struct eq_text_list *to, const char *tokens) {
  if (!tokens) return;
  struct eq_str rest = eq_str(tokens);
  for (bool more = true; more;) {
    more = memchr(rest.p, '|', rest.n);
    struct eq_str token = eq_str_cut(&rest, '|');
    eq_buffer_add(&to->bytes, token.p, token.n);
    assert_true(eq_text_list_end(to));
  }
}

static void decodes(const char *json, const char *tokens, const char *expected) {
  struct eq_err failed = { 0 };
  struct eq_decoder d = { 0 };
  struct eq_decode_scratch s = { 0 };
  struct eq_buffer out = { 0 };
  const struct eq_source source = { "x", eq_str(json), &failed };
  if (!eq_decoder_read(&source, *json ? source.text : (struct eq_str){ 0 }, &d)) fail_msg("%s", failed.text);
  put_tokens(&s.texts[0], tokens);
  if (!eq_decode(&d, &s, &out, &failed)) fail_msg("%s", failed.text);
  if (!eq_str_equal((struct eq_str){ out.data, out.size }, eq_str(expected)))
    fail_msg("%s of %s: '%.*s', expected '%s'", json, tokens ? tokens : "nothing", (int)out.size, out.data, expected);
  eq_decoder_free(&d);
  eq_decode_scratch_free(&s);
  eq_buffer_free(&out);
}

#define BYTES                     "{\"type\":\"ByteLevel\"}"
#define FALLBACK                  "{\"type\":\"ByteFallback\"}"
#define FUSE                      "{\"type\":\"Fuse\"}"
#define REPLACE(pattern, content) "{\"type\":\"Replace\",\"pattern\":{" pattern "},\"content\":\"" content "\"}"
#define STRIP(content, start, stop) \
  "{\"type\":\"Strip\",\"content\":\"" content "\",\"start\":" #start ",\"stop\":" #stop "}"
#define WORDPIECE(prefix, cleanup) "{\"type\":\"WordPiece\",\"prefix\":\"" prefix "\",\"cleanup\":" #cleanup "}"
#define METASPACE(scheme)          "{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\"" scheme "}"
#define SUFFIX(suffix)             "{\"type\":\"BPEDecoder\",\"suffix\":\"" suffix "\"}"
#define CTC(pad, words, cleanup) \
  "{\"type\":\"CTC\",\"pad_token\":\"" pad "\",\"word_delimiter_token\":\"" words "\",\"cleanup\":" #cleanup "}"
#define SEQUENCE(steps) "{\"type\":\"Sequence\",\"decoders\":[" steps "]}"
#define SPACE           "\xE2\x96\x81" /* U+2581 */
#define BAD             "\xEF\xBF\xBD" /* U+FFFD */

static void steps_do_what_those_of_tokenizers_do(void **state) {
  (void)state;
  static const struct {
    const char *json, *tokens, *text;
  } rows[] = {
    { "", "a|b||c", "a b  c" },
    { "", NULL, "" },
    { BYTES, "\xC4\xA0|a|\xC3\x83\xC4\xA7", " a\xC3\x85" }, /* Ġ, Ãħ */
    { BYTES, "\xC4\xA0 a|\xC3\xA9|\xC3\xA9 \xC3\xA9", "\xC4\xA0 a" BAD "\xC3\xA9 \xC3\xA9" },
    { BYTES, NULL, "" },
    { REPLACE("\"String\":\"b\"", "xy"), "abcb|c", "axycxyc" },
    { REPLACE("\"String\":\"\"", "x"), "ab||c", "xaxbxxcx" },
    { REPLACE("\"Regex\":\"b*\"", "x"), "abc|c", "xaxcxxcx" },
    { REPLACE("\"Regex\":\"^\"", "x"), "abc||c", "xabcxc" },
    { WORDPIECE("##", true), "a|##b|do|not|.|n't|##|' |x", "ab do not.n't' x" },
    { WORDPIECE("##", false), "##a|##b|.|##", "##ab ." },
    { WORDPIECE("", true), "a|b|c", "abc" },
    { WORDPIECE("##", true), "I ' m|do not ' s|x ' 's", "I'm don't's x''s" },
    { FALLBACK, "<0xE2>|<0x96>|<0x81>|x|<0xE9>|<0x41>", SPACE "x" BAD BAD },
    { FALLBACK, "<0x4>|<0xXY>|<0x4a>|<0x4A", "<0x4><0xXY>J<0x4A" },
    { SEQUENCE(FALLBACK "," STRIP("J", 1, 0)), "<0x4a>|J|<0xE9>|JJ", BAD "J" },
    { SEQUENCE(FUSE "," STRIP("a", 1, 1)), "aa|ab|a|a", "aaba" },
    { STRIP("a", 2, 0), "aaab|ba|aa", "abba" },
    { STRIP("\xC3\xA9", 0, 1), "\xC3\xA9\xC3\xA9|a",
      "\xC3\xA9"
      "a" },
    { STRIP("a", 3, 3), "aaaa|b", "b" }, /* the reference panics: both ends meet */
    { METASPACE(""), SPACE SPACE "ab" SPACE "|" SPACE "b|c" SPACE, "ab bc " },
    { METASPACE(",\"prepend_scheme\":\"first\""), SPACE "a|" SPACE "b", "a b" },
    { METASPACE(",\"prepend_scheme\":\"never\""), SPACE "a|" SPACE "b", " a b" },
    { METASPACE(",\"prepend_scheme\":\"never\",\"add_prefix_space\":false"), SPACE "a", " a" },
    { SUFFIX("</w>"), "a|b</w>|</w>c</w>|d</w>", "ab  c d" },
    { SUFFIX(""), "ab|c", " a b c" },
    { SUFFIX("</w>"), NULL, "" },
    { CTC("<pad>", "*", true), "<pad>|h|h|e|l|l|<pad>|l|o|*|'s|<pad>|b .", "hello 'sb." },
    { CTC("a", "", true), "aab|aa|c", " b   c " },
    { CTC("a", "", false), "aab|aa|c", "bc" },
    { SEQUENCE(""), "a|b", "ab" },
    { SEQUENCE(SEQUENCE(REPLACE("\"String\":\"" SPACE "\"", " ") "," FALLBACK) "," FUSE "," STRIP(" ", 1, 0)),
      SPACE "a|<0xC3>|<0xA9>|" SPACE "b", "a\xC3\xA9 b" },
    { SEQUENCE(CTC("-", "*", false) "," WORDPIECE("", false)), "-|a|b", "ab" }, /* empty ones are gone */
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) decodes(rows[i].json, rows[i].tokens, rows[i].text);
}

static void bad_decoders_are_refused_by_what_is_wrong(void **state) {
  (void)state;
  static const struct {
    const char *json, *message;
  } rows[] = {
    { "{\"type\":\"Hyper\"}", "x: decoder 'Hyper' is not supported" },
    { "{\"type\":\"WordPiece\"}", "x: the decoder has no 'prefix'" },
    { "{\"type\":\"CTC\",\"pad_token\":\"a\"}", "x: the decoder has no 'word_delimiter_token'" },
    { "{\"type\":\"BPEDecoder\"}", "x: the decoder has no 'suffix'" },
    { "{\"type\":\"Replace\",\"content\":\"a\"}", "x: no pattern to look for" },
    { REPLACE("\"Regex\":\"(\"", "x"), "x: " },
    { STRIP("ab", 1, 1), "x: the decoder's 'content' is 'ab', expected one character" },
    { STRIP("", 1, 1), "x: the decoder's 'content' is '', expected one character" },
    { STRIP("a", -1, 1), "x: " },
    { METASPACE(",\"prepend_scheme\":\"last\""),
      "x: prepend_scheme 'last' is not supported, expected always, first or never" },
    { SEQUENCE(FUSE ",{\"type\":\"None\"}"), "x: decoder 'None' is not supported" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct eq_err refused = { 0 };
    struct eq_decoder d = { 0 };
    const struct eq_source source = { "x", eq_str(rows[i].json), &refused };
    assert_false(eq_decoder_read(&source, source.text, &d));
    if (strncmp(refused.text, rows[i].message, strlen(rows[i].message)) != 0)
      fail_msg("'%s', expected '%s'", refused.text, rows[i].message);
    eq_decoder_free(&d);
  }
}

/* ---- whole vocabularies ---- */

static struct eq_err err;

static void no_error(void) {
  if (err.code) fail_msg("%s", err.text);
}

static bool ends_in(struct eq_str s, const char *ending) {
  size_t n = strlen(ending);
  return s.n > n && !memcmp(s.p + s.n - n, ending, n);
}

/* A tokenizer.json by its own name, and ranks without the name of an encoding, too. */
static struct eq_tokenizer *open_model(const char *path) {
  struct eq_str name = eq_str(path);
  struct eq_file f;
  if (!ends_in(name, ".json") && !ends_in(name, ".tiktoken")) return eq_tokenizer_open(path, &err);
  assert_true(eq_file_map(&f, path, &err));
  const struct eq_str text = { f.data, f.size };
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  if (ends_in(name, ".json")) {
    eq_tokenizer_read_json(t, path, text, &err);
  } else {
    t->tiktoken = eq_tiktoken_read(path, eq_str("gpt2"), text, &t->unicode, &err);
    t->vocab = t->tiktoken ? eq_tiktoken_size(t->tiktoken) : 0;
  }
  no_error();
  eq_file_unmap(&f);
  return t;
}

/* What a golden file has led to so far. */
struct golden {
  struct eq_source source; /* the line */
  struct eq_tokenizer *t;
  struct eq_decode_scratch s;
  struct eq_buffer out;
  uint32_t ids[64];
  size_t n, lines, models, decoders;
};

static void compare(struct golden *g, struct eq_str span) {
  char *expected;
  assert_true(eq_source_string(&g->source, span, &expected));
  if (!eq_str_equal((struct eq_str){ g->out.data, g->out.size }, eq_str(expected)))
    fail_msg("'%.*s', expected '%s', of %.*s", (int)g->out.size, g->out.data, expected, EQ_STR(g->source.text));
  free(expected);
}

static bool read_id(const struct eq_source *s, struct eq_str span, void *into) {
  struct golden *g = into;
  uint64_t id = 0;
  assert_true(g->n < sizeof g->ids / sizeof *g->ids && eq_source_u64(s, span, 0, &id));
  g->ids[g->n++] = (uint32_t)id;
  return true;
}

static bool read_token(const struct eq_source *s, struct eq_str span, void *into) {
  struct eq_text_list *tokens = into;
  char *token;
  assert_true(eq_source_string(s, span, &token));
  eq_buffer_string(&tokens->bytes, token);
  free(token);
  return eq_text_list_end(tokens);
}

static void golden_line(struct golden *g, struct eq_str line) {
  enum { MODEL, IDS, TEXT, DROP, DECODER, N };
  static const char *const keys[N] = { "model", "ids", "text", "drop", "decoder" };
  struct eq_str span[N];
  g->source = (struct eq_source){ "golden", line, &err };
  g->n = g->out.size = 0;
  g->lines++;
  assert_true(eq_source_members(&g->source, line, keys, span, N));
  if (span[MODEL].p) {
    char *path;
    eq_tokenizer_free(g->t);
    assert_true(eq_source_string(&g->source, span[MODEL], &path));
    g->t = open_model(path);
    no_error();
    assert_true(eq_detokenizer_check(g->t, &err));
    free(path);
    g->models++;
  } else if (span[DECODER].p) {
    struct eq_decoder d = { 0 };
    eq_text_list_clear(&g->s.texts[0]);
    assert_true(eq_decoder_read(&g->source, span[DECODER], &d));
    assert_true(eq_source_sequence(&g->source, line, "tokens", read_token, &g->s.texts[0]));
    assert_true(eq_decode(&d, &g->s, &g->out, &err));
    compare(g, span[TEXT]);
    eq_decoder_free(&d);
    g->decoders++;
  } else {
    assert_true(eq_source_sequence(&g->source, line, "ids", read_id, g));
    assert_true(eq_detokenize(g->t, &g->s, g->ids, g->n, false, &g->out, &err));
    compare(g, span[TEXT]);
    assert_true(eq_detokenize(g->t, &g->s, g->ids, g->n, true, &g->out, &err));
    compare(g, span[DROP].p ? span[DROP] : span[TEXT]);
  }
}

static void ids_decode_to_what_the_libraries_make_of_them(void **state) {
  (void)state;
  const char *other = getenv("EQ_DECODE");
  struct golden g = { .lines = 0 };
  struct eq_file f;
  assert_true(eq_file_map(&f, other ? other : "tests/golden/decode.jsonl", &err));
  for (struct eq_str rest = { f.data, f.size }; rest.n;) golden_line(&g, eq_str_cut(&rest, '\n'));
  print_message("%zu lines, %zu vocabularies, %zu decoders\n", g.lines, g.models, g.decoders);
  assert_true(g.models >= 20 && g.decoders >= 90);
  eq_tokenizer_free(g.t);
  eq_decode_scratch_free(&g.s);
  eq_buffer_free(&g.out);
  eq_file_unmap(&f);
}

static void an_id_that_no_token_has_is_an_error(void **state) {
  (void)state;
  static const struct {
    const char *path;
    uint32_t id;
  } rows[] = { { "corpora/mini/tokenizer.json", 8192 },
               { "tests/golden/pieces/bpe.model", 900 },
               { "tests/golden/pieces/ranks.tiktoken", 1200 },
               { "tests/golden/pieces/gpt2.gguf", 283 },
               { "tests/golden/pieces/llama.gguf", UINT32_MAX } };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct eq_decode_scratch s = { 0 };
    struct eq_buffer out = { 0 };
    char expected[128];
    err.code = EQ_OK;
    struct eq_tokenizer *t = open_model(rows[i].path);
    no_error();
    const uint32_t ids[] = { 5, rows[i].id };
    assert_true(eq_detokenize(t, &s, ids, 1, false, &out, &err));
    assert_false(eq_detokenize(t, &s, ids, 2, false, &out, &err));
    snprintf(expected, sizeof expected, "token 1 is id %u, which no token has in a vocabulary of %zu", rows[i].id,
             eq_tokenizer_vocab(t));
    assert_string_equal(err.text, expected);
    eq_decode_scratch_free(&s);
    eq_buffer_free(&out);
    eq_tokenizer_free(t);
  }
  err.code = EQ_OK;
}

static void a_decoder_that_is_not_known_matters_only_to_who_decodes(void **state) {
  (void)state;
  static const char json[] = "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"<unk>\":1},\"unk_token\":"
                             "\"<unk>\"},\"decoder\":{\"type\":\"Future\"}}";
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  assert_true(eq_tokenizer_read_json(t, "x", eq_str(json), &err));
  assert_false(eq_detokenizer_check(t, &err));
  assert_string_equal(err.text, "x: decoder 'Future' is not supported");
  eq_tokenizer_free(t);
  err.code = EQ_OK;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ids_decode_to_what_the_libraries_make_of_them),
    cmocka_unit_test(an_id_that_no_token_has_is_an_error),
    cmocka_unit_test(a_decoder_that_is_not_known_matters_only_to_who_decodes),
    cmocka_unit_test(steps_do_what_those_of_tokenizers_do),
    cmocka_unit_test(bad_decoders_are_refused_by_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
