/* What a vocabulary says of a token, in every kind of file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/text/token_facts.h"
#include "lib/text/tokenizer_file.h"

static struct eq_err err;

static struct eq_tokenizer *open_file(const char *path) {
  struct eq_tokenizer *t = NULL;
  if (strstr(path, ".json")) {
    struct eq_file f;
    if (!eq_file_map(&f, path, &err) || !(t = eq_tokenizer_new(&err))) fail_msg("%s", err.text);
    if (!eq_tokenizer_read_json(t, path, (struct eq_str){ f.data, f.size }, &err)) fail_msg("%s", err.text);
    eq_file_unmap(&f);
    return t;
  }
  if (!(t = eq_tokenizer_open(path, &err))) fail_msg("%s", err.text);
  return t;
}

/* As the files have it: what `id` is spelled like, and closed forms of what that means. */
static const struct {
  const char *file;
  uint32_t id;
  enum eq_token_kind kind;
  const char *spelling, *bytes;
} cases[] = {
  { "corpora/mini", 0, EQ_TOKEN_SPECIAL, "<|endoftext|>", "<|endoftext|>" },
  { "corpora/mini", 100, EQ_TOKEN_NORMAL, "\u00a6", "\xa6" },
  { "corpora/mini", 256, EQ_TOKEN_NORMAL, "\u0143", "\xad" },
  { "corpora/mini", 257, EQ_TOKEN_NORMAL, "\u0120t", " t" },
  { "corpora/mini", 8192, EQ_TOKEN_UNUSED, "", "" },
  { "tests/golden/trained/bert_cased.json", 0, EQ_TOKEN_SPECIAL, "[PAD]", "[PAD]" },
  { "tests/golden/trained/bert_cased.json", 1, EQ_TOKEN_UNKNOWN, "[UNK]", "[UNK]" },
  { "tests/golden/trained/bert_cased.json", 10, EQ_TOKEN_NORMAL, ".", "." },
  { "tests/golden/trained/bert_cased.json", 2000, EQ_TOKEN_SPECIAL, "<mask>", "<mask>" },
  { "tests/golden/trained/clip.json", 0, EQ_TOKEN_UNKNOWN, "<|endoftext|>", "<|endoftext|>" },
  { "tests/golden/trained/clip.json", 400, EQ_TOKEN_NORMAL, "\u00e1</w>", "\u00e1" },
  { "tests/golden/trained/clip.json", 1203, EQ_TOKEN_ADDED, "word", "word" },
  { "tests/golden/trained/prefixed.json", 400, EQ_TOKEN_NORMAL, "##\u0928", "\u0928" },
  { "tests/golden/trained/llama2.json", 10, EQ_TOKEN_BYTE, "<0x0A>", "\n" },
  { "tests/golden/trained/llama2.json", 200, EQ_TOKEN_BYTE, "<0xC8>", "\xc8" },
  { "tests/golden/trained/llama2.json", 256, EQ_TOKEN_UNKNOWN, "<unk>", "<unk>" },
  { "tests/golden/trained/llama2.json", 500, EQ_TOKEN_NORMAL, "\u2581\u2581\u2581\u2581", "    " },
  { "tests/golden/trained/llama3.json", 200, EQ_TOKEN_NORMAL, "\u010a", "\n" },
  { "tests/golden/trained/llama3.json", 500, EQ_TOKEN_NORMAL, "\u0120\u00d0\u00ba", " \u043a" },
  { "tests/golden/trained/t5.json", 2, EQ_TOKEN_UNKNOWN, "<unk>", "<unk>" },
  { "tests/golden/trained/t5.json", 75, EQ_TOKEN_NORMAL, "\u2581do", " do" },
  { "tests/golden/trained/words.json", 0, EQ_TOKEN_UNKNOWN, "[UNK]", "[UNK]" },
  { "tests/golden/pieces/bpe.model", 0, EQ_TOKEN_UNKNOWN, "<unk>", "<unk>" },
  { "tests/golden/pieces/bpe.model", 1, EQ_TOKEN_SPECIAL, "<s>", "<s>" },
  { "tests/golden/pieces/bpe.model", 3, EQ_TOKEN_ADDED, "<tag>", "<tag>" },
  { "tests/golden/pieces/bpe.model", 200, EQ_TOKEN_BYTE, "<0xC2>", "\xc2" },
  { "tests/golden/pieces/bpe.model", 270, EQ_TOKEN_NORMAL, "\u2581h", " h" },
  { "tests/golden/pieces/llama.gguf", 0, EQ_TOKEN_UNKNOWN, "<unk>", "<unk>" },
  { "tests/golden/pieces/llama.gguf", 1, EQ_TOKEN_SPECIAL, "<s>", "<s>" },
  { "tests/golden/pieces/llama.gguf", 200, EQ_TOKEN_BYTE, "<0xC5>", "\xc5" },
  { "tests/golden/pieces/llama.gguf", 262, EQ_TOKEN_NORMAL, "en", "en" },
};

static void a_token_is_what_its_file_says(void **state) {
  (void)state;
  struct eq_buffer bytes = { 0 };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_tokenizer *t = open_file(cases[i].file);
    struct eq_token_facts f = eq_token_facts(t, cases[i].id);
    bytes.size = 0;
    assert_true(eq_token_bytes(t, cases[i].id, &bytes));
    assert_int_equal(f.kind, cases[i].kind);
    assert_true(f.spelling.p ? eq_str_is(f.spelling, cases[i].spelling) : !*cases[i].spelling);
    assert_int_equal(bytes.size, strlen(cases[i].bytes));
    assert_memory_equal(bytes.size ? bytes.data : "", cases[i].bytes, bytes.size);
    eq_tokenizer_free(t);
  }
  eq_buffer_free(&bytes);
}

static void scores_and_ranks_are_those_of_the_file(void **state) {
  (void)state;
  uint32_t ranks[300];
  struct eq_tokenizer *t = open_file("tests/golden/pieces/bpe.model");
  assert_true(eq_token_facts(t, 270).score == -8);
  eq_tokenizer_free(t);
  t = open_file("corpora/mini"); /* its first merges: "Ġ t", "e r", "e n" */
  assert_true(isnan(eq_token_facts(t, 257).score));
  eq_token_ranks(t, ranks, 300);
  assert_int_equal(ranks[256], EQ_NO_TOKEN);
  for (uint32_t i = 0; i < 3; i++) assert_int_equal(ranks[257 + i], i);
  eq_tokenizer_free(t);
}

static void only_two_upper_case_hexadecimal_digits_are_a_byte(void **state) {
  (void)state;
  assert_int_equal(eq_fallback_byte(eq_str("<0xAF>")), 0xAF);
  assert_int_equal(eq_fallback_byte(eq_str("<0xaf>")), -1);
  assert_int_equal(eq_fallback_byte(eq_str("<0xA>")), -1);
  assert_int_equal(eq_fallback_byte(eq_str("<0x0G>")), -1);
  assert_int_equal(eq_fallback_byte((struct eq_str){ 0 }), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_token_is_what_its_file_says),
    cmocka_unit_test(scores_and_ranks_are_those_of_the_file),
    cmocka_unit_test(only_two_upper_case_hexadecimal_digits_are_a_byte),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
