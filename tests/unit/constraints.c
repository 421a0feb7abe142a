/* Boundaries that no token may cross: the file that names them, and every model under them, against closed forms, brute
 * force, and what must hold of any text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/random.h"
#include "lib/base/utf8.h"
#include "lib/text/tokenizer_file.h"

static struct eq_err err;
static struct eq_token_list out;

static void no_error(void) {
  if (err.code) print_message("%s\n", err.text);
  assert_int_equal(err.code, EQ_OK);
}

static struct eq_constraints *read_file(const char *text) {
  err.code = EQ_OK;
  struct eq_constraints *c = eq_constraints_memory("cuts.tsv", eq_str(text), &err);
  no_error();
  return c;
}

/* ---- the file ---- */

#define WORDS "lang\tword\tparts\n"
#define IDS   "lang\tid\tcuts\n"

static void bad_lines_name_their_place(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } bad[] = {
    { "", "cuts.tsv: the file is empty" },
    { "en\tfree\tfree\n",
      "cuts.tsv:1: found 'en\\x09free\\x09free', expected the heading lang, word, parts or lang, id" },
    { WORDS "en\tfree\n", "cuts.tsv:2: expected three columns, lang, word, parts, with tabs between" },
    { WORDS "en\tfree\tfree\tx\n", "cuts.tsv:2: expected three columns" },
    { WORDS "\n", "cuts.tsv:2: expected three columns" },
    { WORDS "\tfree\tfree\n", "cuts.tsv:2: expected three columns" },
    { IDS "en\t\t1\n", "cuts.tsv:2: expected three columns, lang, id, cuts" },
    { WORDS "en\tfreedom\tfree doom\n",
      "cuts.tsv:2: the parts are 'free doom', expected the word 'freedom' with single" },
    { WORDS "en\tfreedom\tfree do\n", "cuts.tsv:2: the parts are" },
    { WORDS "en\tfreedom\tfreedom s\n", "cuts.tsv:2: the parts are" },
    { WORDS "en\tfreedom\tfree  dom\n", "cuts.tsv:2: the parts are" },
    { WORDS "en\tfreedom\tfree dom \n", "cuts.tsv:2: the parts are" },
    { WORDS "en\tfreedom\t free dom\n", "cuts.tsv:2: the parts are" },
    { WORDS "en\tfreedom\t\n", "cuts.tsv:2: the parts are" },
    { WORDS "en\tfree\tfree\nen\tfree\tfr ee\n", "cuts.tsv:3: word 'free' is cut otherwise than in line 2" },
    { WORDS "en\tfree\tfr ee\n*\tfree\tfree\n", "cuts.tsv:3: word 'free' is cut otherwise than in line 2" },
    { IDS "*\t1\t4\n", "cuts.tsv:2: the language is *, which is for words" },
    { IDS "en\t1\t4\nen\t1\t5\n", "cuts.tsv:3: id '1' is cut otherwise than in line 2" },
    { IDS "en\t1\t4,\n", "cuts.tsv:2: the cuts are '4,', expected bytes of the text between commas, as in 4,9,17" },
    { IDS "en\t1\t,4\n", "cuts.tsv:2: the cuts are" },
    { IDS "en\t1\t4, 9\n", "cuts.tsv:2: the cuts are" },
    { IDS "en\t1\t-4\n", "cuts.tsv:2: the cuts are" },
    { IDS "en\t1\t4294967296\n", "cuts.tsv:2: the cuts are" },
    { IDS "en\t1\t9,4\n", "cuts.tsv:2: cut 4 comes after cut 9, expected them in ascending order" },
    { IDS "en\t1\t4,4\n", "cuts.tsv:2: cut 4 comes after cut 4" },
    { IDS "en\t1\t4\nen\t\xFF\t5\n", "cuts.tsv:3: byte 4 of the line (0xff) is not UTF-8" },
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct eq_err why = { 0 };
    assert_null(eq_constraints_memory("cuts.tsv", eq_str(bad[i].text), &why));
    assert_int_equal(why.code, EQ_BAD);
    if (strncmp(why.text, bad[i].message, strlen(bad[i].message)) != 0)
      fail_msg("'%s', expected '%s'", why.text, bad[i].message);
  }
}

/* The cuts of a text as "4,9". */
static void cuts_are(const struct eq_constraints *c, const char *lang, const char *id, const char *text,
                     const char *expected) {
  struct eq_cut_list memory = { 0 };
  struct eq_cuts cuts;
  struct eq_buffer b = { 0 };
  assert_true(eq_constraints_cuts(c, eq_str(lang), eq_str(id), eq_str(text), &memory, &cuts, &err));
  for (size_t i = 0; i < cuts.n; i++) eq_buffer_format(&b, i ? ",%u" : "%u", cuts.at[i]);
  assert_string_equal(b.size ? b.data : "", expected);
  eq_buffer_free(&b);
  eq_cut_list_free(&memory);
}

static void words_are_cut_where_they_stand_alone(void **state) {
  (void)state;
  struct eq_constraints *c = read_file(WORDS "en\tfreedom\tfree dom\r\n*\tbeing\tbe ing\nen\twell\tw ell\n"
                                             "en\twell-being\twell - being\nde\tfreedom\tfree dom\nen\tbeing\tbe ing\n"
                                             "en\t\xC3\xA9t\xC3\xA9\t\xC3\xA9 t\xC3\xA9\nen\tuncut\tuncut\n");
  cuts_are(c, "en", "1", "freedom", "4");
  cuts_are(c, "en", "1", "(freedom) freedom, freedoms freedom2 freedom_ freedom\xCC\x81 unfreedom Freedom", "5,14");
  cuts_are(c, "en", "1", "uncut", "");
  cuts_are(c, "en", "1", "", "");
  cuts_are(c, "en", "1", "well-being", "1,4,5,7"); /* of words in words all cuts count */
  cuts_are(c, "en", "1", "\xC3\xA9t\xC3\xA9 x\xC3\xA9t\xC3\xA9 \xC3\xA9t\xC3\xA9", "2,15");
  cuts_are(c, "de", "1", "freedom being", "4,10");
  cuts_are(c, "fr", "1", "freedom being", "10");
  eq_constraints_free(c);
}

static void segments_are_cut_by_their_id(void **state) {
  (void)state;
  struct eq_constraints *c =
      read_file("\xEF\xBB\xBF" IDS "en\t1\t0,2,5,11\nen\t2\t\nde\t1\t3\nen\t1\t0,2,5,11\nen\t3\t4\n"
                "en\t4\t3");
  struct eq_cut_list memory = { 0 };
  struct eq_cuts cuts;
  cuts_are(c, "en", "1", "hello world", "2,5"); /* the ends of a text cut nothing */
  cuts_are(c, "en", "2", "hello world", "");
  cuts_are(c, "de", "1", "hello world", "3");
  cuts_are(c, "de", "2", "hello world", "");
  cuts_are(c, "fr", "1", "hello world", "");
  struct eq_err why = { 0 };
  assert_false(eq_constraints_cuts(c, eq_str("en"), eq_str("3"), eq_str("abc"), &memory, &cuts, &why));
  assert_string_equal(why.text,
                      "cuts.tsv:6: cut 4 is beyond the text, which has 3 bytes; expected where a character begins");
  why.code = EQ_OK;
  assert_false(eq_constraints_cuts(c, eq_str("en"), eq_str("4"), eq_str("ab\xC3\xA9"), &memory, &cuts, &why));
  assert_string_equal(why.text,
                      "cuts.tsv:7: cut 3 is inside a character of the text, which has 4 bytes; expected where a "
                      "character begins");
  eq_cut_list_free(&memory);
  eq_constraints_free(c);
}

static void unused_are(const struct eq_constraints *c, const char *expected) {
  struct eq_buffer b = { 0 };
  eq_constraints_unused(c, &b);
  assert_string_equal(b.size ? b.data : "", expected);
  eq_buffer_free(&b);
}

static void what_never_came_is_told(void **state) {
  (void)state;
  struct eq_constraints *c = read_file(WORDS "en\ta\ta\n*\tb\tb\nzz\tc\tc\nxx\td\td\n");
  unused_are(c, "no segment has the language *, en, xx, zz");
  eq_constraints_note(c, eq_str("en"), eq_str("1"));
  unused_are(c, "no segment has the language xx, zz");
  eq_constraints_free(c);
  c = read_file(IDS "en\t1\t1\nen\t2\t1\nde\t1\t1\n");
  eq_constraints_note(c, eq_str("en"), eq_str("1"));
  unused_are(c, "no segment has the language de; no segment has 1 of the ids in the languages that came");
  eq_constraints_note(c, eq_str("en"), eq_str("2"));
  eq_constraints_note(c, eq_str("de"), eq_str("1"));
  unused_are(c, "");
  eq_constraints_free(c);
}

/* ---- tokens ---- */

static struct eq_tokenizer *read_json(struct eq_str json) {
  err.code = EQ_OK;
  struct eq_tokenizer *t = eq_tokenizer_new(&err);
  eq_tokenizer_read_json(t, "x", json, &err);
  no_error();
  t->name = eq_copy_string("x", 1);
  return t;
}

/* One memory for the tokenizer that was last used: words that it has seen must not count where they are cut. */
static struct eq_token_scratch *scratch_of(const struct eq_tokenizer *t) {
  static struct eq_token_scratch *s;
  static const struct eq_tokenizer *owner;
  if (t == owner && t) return s;
  eq_token_scratch_free(s);
  owner = t;
  s = t ? eq_token_scratch_new(&err) : NULL;
  return s;
}

static void close_tokenizer(struct eq_tokenizer *t) {
  scratch_of(NULL);
  eq_tokenizer_free(t);
}

/* Tokenizes with cuts at the bytes "4,9", NULL for no constraints at all. */
static void tokenize(struct eq_tokenizer *t, struct eq_str text, const char *cuts, struct eq_token_list *list) {
  struct eq_buffer file = { 0 };
  struct eq_constraints *c = NULL;
  if (cuts) {
    eq_buffer_format(&file, IDS "en\t1\t%s\n", cuts);
    c = read_file(file.data);
  }
  assert_true(eq_tokenizer_set(t,
                               (struct eq_tokenizer_options){ .special = t->model.kind < EQ_MODEL_KINDS &&
                                                                         !t->tiktoken && !t->sentencepiece,
                                                              .constraints = c },
                               &err));
  if (!eq_tokenize_segment(t, scratch_of(t), eq_str("en"), eq_str("1"), text, list, &err)) fail_msg("%s", err.text);
  eq_constraints_free(c);
  eq_buffer_free(&file);
}

/* Tokens as "id:start-end id:start-end". */
static void tokens_are(struct eq_tokenizer *t, const char *text, const char *cuts, const char *expected) {
  struct eq_buffer b = { 0 };
  tokenize(t, eq_str(text), cuts, &out);
  for (size_t i = 0; i < out.n; i++)
    eq_buffer_format(&b, "%s%u:%u-%u", i ? " " : "", out.ids[i], out.starts[i], out.ends[i]);
  if (strcmp(b.data ? b.data : "", expected) != 0)
    fail_msg("'%s' cut at %s: %s, expected %s", text, cuts, b.data ? b.data : "", expected);
  eq_buffer_free(&b);
}

static void wordpiece_goes_on_behind_a_cut(void **state) {
  (void)state;
  struct eq_tokenizer *t = read_json(
      eq_str("{\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]"
             "\",\"vocab\":{"
             "\"[UNK]\":0,\"un\":1,\"unlock\":2,\"##lock\":3,\"##able\":4,\"##loc\":5,\"##kable\":6,\"lock\":7}}}"));
  tokens_are(t, "unlockable lock", NULL, "2:0-6 4:6-10 7:11-15");
  tokens_are(t, "unlockable lock", "2", "1:0-2 3:2-6 4:6-10 7:11-15");
  tokens_are(t, "unlockable lock", "2,5,10,11", "1:0-2 5:2-5 6:5-10 7:11-15");
  tokens_are(t, "unlockable lock", "3", "0:0-3 0:3-10 7:11-15"); /* no pieces: unknown, each part by itself */
  tokens_are(t, "unlockable lock", "2,7", "1:0-2 0:2-7 0:7-10 7:11-15");
  close_tokenizer(t);
}

static void wordlevel_looks_up_each_part(void **state) {
  (void)state;
  struct eq_tokenizer *t = read_json(eq_str("{\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},\"model\":{\"type\":"
                                            "\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{"
                                            "\"?\":0,\"free\":1,\"dom\":2,\"freedom\":3}}}"));
  tokens_are(t, "freedom", "", "3:0-7");
  tokens_are(t, "freedom", "4", "1:0-4 2:4-7");
  tokens_are(t, "freedom", "3", "0:0-3 0:3-7");
  close_tokenizer(t);
}

static void prefix_and_suffix_of_bpe_are_those_of_the_word(void **state) {
  (void)state;
  struct eq_tokenizer *t = read_json(
      eq_str("{\"model\":{\"type\":\"BPE\",\"continuing_subword_prefix\":\"#\",\"end_of_word_suffix\":\".\",\"ignore_"
             "merges\":true,"
             "\"vocab\":{\"a\":0,\"#a\":1,\"#a.\":2,\"a.\":3,\"a#a\":4,\"aa\":5,\"#aa\":6,\"#aa.\":7,\"aaa.\":8},"
             "\"merges\":[\"a #a\",\"#a #a\",\"#a #a.\",\"aa #a.\"]}}"));
  tokens_are(t, "a", NULL, "0:0-1"); /* ignore_merges: as it stands */
  tokens_are(t, "aaa", NULL, "8:0-3");
  tokens_are(t, "aaa", "1", "0:0-1 7:1-3");
  tokens_are(t, "aaa", "2", "5:0-2 2:2-3");
  tokens_are(t, "aaa", "1,2", "0:0-1 1:1-2 2:2-3");
  close_tokenizer(t);
}

static void added_tokens_do_not_cross(void **state) {
  (void)state;
  struct eq_tokenizer *t = read_json(eq_str("{\"added_tokens\":[{\"id\":5,\"content\":\"--\",\"special\":false},{"
                                            "\"id\":6,\"content\":\"----\",\"special\":false},"
                                            "{\"id\":7,\"content\":\"<s>\",\"special\":true,\"lstrip\":true,\"rstrip\":"
                                            "true}],\"model\":{\"type\":\"WordLevel\","
                                            "\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,\" \":2,\"-\":3}}}"));
  tokens_are(t, "a----a", "", "1:0-1 6:1-5 1:5-6");
  tokens_are(t, "a----a", "3", "1:0-1 5:1-3 5:3-5 1:5-6");
  tokens_are(t, "a----a", "2", "0:0-2 5:2-4 0:4-6");
  tokens_are(t, "a  <s>  a", "", "1:0-1 7:1-8 1:8-9");
  tokens_are(t, "a  <s>  a", "2,7", "0:0-2 7:2-7 0:7-9");
  tokens_are(t, "a  <s>  a", "3,6", "0:0-3 7:3-6 0:6-9");
  close_tokenizer(t);
}

/* A cut inside what one character was made of moves to its end. */
static void cuts_go_through_normalization(void **state) {
  (void)state;
  struct eq_tokenizer *t = read_json(eq_str(
      "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Replace\",\"pattern\":"
      "{\"String\":\"xx\"},\"content\":\"bb\"},{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}]},"
      "\"model\":{\"type\":\"BPE\",\"vocab\":{\"\xC3\xA9\":0,\"b\":1,\"bb\":2,\"\xC3\xA9"
      "b\":3,\"\xC3\xA9"
      "bb\":4},\"merges\":[\"\xC3\xA9 b\",\"\xC3\xA9"
      "b b\",\"b b\"]}}"));
  tokens_are(t, " e\xCC\x81xx", "", "4:1-6");
  tokens_are(t, " e\xCC\x81xx", "1", "4:1-6");       /* before what is dropped and after it */
  tokens_are(t, " e\xCC\x81xx", "2", "0:1-2 2:5-6"); /* between letter and mark */
  tokens_are(t, " e\xCC\x81xx", "4", "0:1-2 2:5-6");
  tokens_are(t, " e\xCC\x81xxxx", "6", "4:1-6 2:7-8");
  close_tokenizer(t);
}

/* ---- what must hold of any text ---- */

static const char *const tokenizers[] = {
  "corpora/mini",
  "tests/golden/trained/bert_cased.json",
  "tests/golden/trained/bert_uncased.json",
  "tests/golden/trained/clip.json",
  "tests/golden/trained/gemma.json",
  "tests/golden/trained/llama2.json",
  "tests/golden/trained/llama3.json",
  "tests/golden/trained/prefixed.json",
  "tests/golden/trained/roberta.json",
  "tests/golden/trained/t5.json",
  "tests/golden/trained/words.json",
  "tests/golden/trained/xlmr.json",
  "tests/golden/pieces/bpe.model",
  "tests/golden/pieces/plain_bpe.model",
  "tests/golden/pieces/suffix.model",
  "tests/golden/pieces/unigram.model",
  "tests/golden/pieces/llama.gguf",
  "tests/golden/pieces/ranks.tiktoken",
};
enum { TOKENIZERS = sizeof tokenizers / sizeof *tokenizers };

static struct eq_tokenizer *open_any(const char *path) {
  struct eq_file f;
  const char *dot = strrchr(path, '.');
  err.code = EQ_OK;
  assert_true(!dot || eq_file_map(&f, path, &err));
  if (dot && !strcmp(dot, ".json")) {
    struct eq_tokenizer *t = read_json((struct eq_str){ f.data, f.size });
    eq_file_unmap(&f);
    return t;
  }
  struct eq_tokenizer *t;
  if (dot && !strcmp(dot, ".tiktoken")) {
    t = eq_tokenizer_new(&err);
    t->tiktoken = eq_tiktoken_read(path, eq_str("cl100k_base"), (struct eq_str){ f.data, f.size }, &t->unicode, &err);
    t->name = eq_copy_string("x", 1);
  } else
    t = eq_tokenizer_open(path, &err);
  if (dot) eq_file_unmap(&f);
  no_error();
  return t;
}

static uint64_t random_below(uint64_t text, uint64_t *index, uint64_t n) {
  return eq_random_below(5, text, (*index)++, n);
}

/* A text of words, marks, scripts, spaces and odd characters, and cuts at some of its characters. */
static void draw_text(uint64_t number, struct eq_buffer *text, struct eq_buffer *cuts) {
  static const char *const atoms[] = { "the",
                                       "free",
                                       "dom",
                                       "people",
                                       "a",
                                       "b",
                                       "s",
                                       "1",
                                       "23",
                                       " ",
                                       " ",
                                       " ",
                                       "  ",
                                       "\n",
                                       "'s",
                                       ".",
                                       ",",
                                       "-",
                                       "<s>",
                                       "\xC3\xA9",
                                       "e\xCC\x81",
                                       "\xD7\x96",
                                       "\xD7\x9B\xD7",
                                       "\xE4\xBA\xBA",
                                       "\xE3\x81\xAE",
                                       "\xEF\xAC\x81",
                                       "\xF0\x9F\x99\x82",
                                       "\xEA\xB0\x80",
                                       "\xCC\x81",
                                       "\xE2\x96\x81",
                                       "\xC2\xBD",
                                       "\xC4\xB0" };
  uint64_t index = 0, n = random_below(number, &index, 25);
  text->size = cuts->size = 0;
  eq_buffer_string(text, "");
  eq_buffer_string(cuts, "");
  for (uint64_t i = 0; i < n; i++) {
    const char *atom = atoms[random_below(number, &index, sizeof atoms / sizeof *atoms)];
    eq_buffer_string(text, strcmp(atom, "\xD7\x9B\xD7") != 0 ? atom : "\xD7\x9B\xD7\x95");
  }
  for (size_t at = 0, length; at < text->size; at += length) {
    length = eq_utf8_length(text->data + at, text->size - at);
    if (at && !random_below(number, &index, 3)) eq_buffer_format(cuts, cuts->size ? ",%zu" : "%zu", at);
  }
}

/* White space, U+2581, and the mark that the models' rules drop. */
static bool is_blank(const char *p, size_t n) {
  static const char *const blanks[] = { " ", "\n", "\xE2\x96\x81", "\xCC\x81" };
  for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
    if (eq_str_is((struct eq_str){ p, n }, blanks[i])) return true;
  return false;
}

/* Whether a token's span holds a cut. Where several characters are rewritten as one it may: in white space that was
 * squeezed, before what was dropped, and in the few characters of a replacement. */
static bool crosses(struct eq_str text, uint32_t start, uint32_t end, const char *cuts, bool replaces) {
  uint32_t n;
  for (; replaces && start < end; start += n) {
    n = (uint32_t)eq_utf8_length(text.p + start, end - start);
    if (!is_blank(text.p + start, n)) break;
  }
  for (; replaces && start < end; end -= n) {
    for (n = 1; n < end - start && ((unsigned char)text.p[end - n] & 0xC0) == 0x80;) n++;
    if (!is_blank(text.p + end - n, n)) break;
  }
  char *rest = NULL;
  for (const char *c = cuts; *c; c = *rest ? rest + 1 : rest) {
    size_t at = strtoul(c, &rest, 10);
    if (at > start && at < end && !(replaces && eq_utf8_count(text.p + start, end - start) <= 3)) return true;
  }
  return false;
}

static void no_token_crosses_a_cut_in_any_text(void **state) {
  (void)state;
  struct eq_buffer text = { 0 }, cuts = { 0 };
  struct eq_token_list plain = { 0 };
  for (size_t i = 0; i < TOKENIZERS; i++) {
    struct eq_tokenizer *t = open_any(tokenizers[i]);
    bool replaces = t->sentencepiece || strstr(tokenizers[i], "t5") || strstr(tokenizers[i], "xlmr");
    size_t more = 0;
    for (uint64_t number = 0; number < 300; number++) {
      draw_text(number, &text, &cuts);
      const struct eq_str s = { text.data, text.size };
      tokenize(t, s, NULL, &plain);
      tokenize(t, s, "", &out);
      assert_int_equal(out.n, plain.n);
      if (out.n) assert_memory_equal(out.ids, plain.ids, out.n * sizeof *out.ids);
      if (out.n) assert_memory_equal(out.ends, plain.ends, out.n * sizeof *out.ends);
      tokenize(t, s, cuts.data, &out);
      more += out.n > plain.n;
      for (size_t k = 0; k < out.n; k++)
        if (out.starts[k] > out.ends[k] || out.ends[k] > s.n ||
            crosses(s, out.starts[k], out.ends[k], cuts.data, replaces))
          fail_msg("%s: '%s' cut at %s: token %zu covers %u-%u", tokenizers[i], text.data, cuts.data, k, out.starts[k],
                   out.ends[k]);
    }
    if (more < 100) fail_msg("%s: only %zu of 300 texts have more tokens for their cuts", tokenizers[i], more);
    close_tokenizer(t);
  }
  eq_buffer_free(&text);
  eq_buffer_free(&cuts);
  eq_token_list_free(&plain);
}

/* The parts of a word of letters are what they are as words. */
static void parts_of_a_byte_level_word_are_merged_by_themselves(void **state) {
  (void)state;
  struct eq_token_list part = { 0 };
  char word[33] = { 0 }, cut[8];
  struct eq_tokenizer *t = open_any("corpora/mini");
  for (uint64_t number = 0; number < 2000; number++) {
    uint64_t index = 0, n = 2 + random_below(number, &index, 31), at = 1 + random_below(number, &index, n - 1);
    for (size_t i = 0; i < n; i++) word[i] = "etaoinshrdlu"[random_below(number, &index, 12)];
    snprintf(cut, sizeof cut, "%u", (unsigned)at);
    tokenize(t, (struct eq_str){ word, n }, cut, &out);
    tokenize(t, (struct eq_str){ word, at }, NULL, &part);
    assert_true(part.n < out.n);
    assert_memory_equal(out.ids, part.ids, part.n * sizeof *part.ids);
    const size_t first = part.n;
    tokenize(t, (struct eq_str){ word + at, n - at }, NULL, &part);
    assert_int_equal(first + part.n, out.n);
    assert_memory_equal(out.ids + first, part.ids, part.n * sizeof *part.ids);
  }
  eq_token_list_free(&part);
  close_tokenizer(t);
}

/* ---- Unigram ---- */

enum { LETTERS = 10, PIECES = 14 };
static const char *const pieces[PIECES] = { "?",  "a",   "b",   "c",    "ab",  "bc",   "ca",
                                            "aa", "abc", "bca", "abca", "ccc", "bcab", "cabc" };

/* The best sum of scores of pieces that make text[at..n) and cross no cut. */
static double best(const double scores[PIECES], const char *text, size_t at, size_t n, const bool cut[LETTERS]) {
  if (at == n) return 0;
  double most = -DBL_MAX;
  for (size_t p = 1; p < PIECES; p++) {
    size_t length = strlen(pieces[p]);
    bool fits = length <= n - at && !strncmp(text + at, pieces[p], length);
    for (size_t i = 1; fits && i < length; i++) fits = !cut[at + i];
    double sum = fits ? scores[p] + best(scores, text, at + length, n, cut) : -DBL_MAX;
    if (sum > most) most = sum;
  }
  return most;
}

static void unigram_takes_the_best_way_that_crosses_nothing(void **state) {
  (void)state;
  for (uint64_t number = 0; number < 500; number++) {
    double scores[PIECES];
    uint64_t index = 0;
    struct eq_buffer json = { 0 }, cuts = { 0 };
    eq_buffer_string(&json, "{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[");
    for (size_t p = 0; p < PIECES; p++) {
      scores[p] = -(double)random_below(number, &index, 1000) / 128 - 0.25;
      eq_buffer_format(&json, "%s[\"%s\",%.17g]", p ? "," : "", pieces[p], scores[p]);
    }
    eq_buffer_string(&json, "]}}");
    struct eq_tokenizer *t = read_json((struct eq_str){ json.data, json.size });
    char text[LETTERS + 1] = { 0 };
    bool cut[LETTERS] = { false };
    size_t n = 1 + random_below(number, &index, LETTERS);
    eq_buffer_string(&cuts, "");
    for (size_t i = 0; i < n; i++) {
      text[i] = "abc"[random_below(number, &index, 3)];
      cut[i] = i && !random_below(number, &index, 3);
      if (cut[i]) eq_buffer_format(&cuts, cuts.size ? ",%zu" : "%zu", i);
    }
    tokenize(t, (struct eq_str){ text, n }, cuts.data, &out);
    double sum = 0;
    for (size_t i = 0; i < out.n; i++) sum += scores[out.ids[i]];
    if (sum != best(scores, text, 0, n, cut)) /* scores are eighths of sixteenths: sums are exact */
      fail_msg("'%s' cut at %s: %g, expected %g", text, cuts.data, sum, best(scores, text, 0, n, cut));
    close_tokenizer(t);
    eq_buffer_free(&json);
    eq_buffer_free(&cuts);
  }
}

static void the_name_has_the_files_digest(void **state) {
  (void)state;
  struct eq_tokenizer *t = open_any("tests/golden/trained/words.json");
  struct eq_constraints *a = read_file(WORDS "en\ta\ta\n"), *b = read_file(WORDS "en\tb\tb\n");
  char name[2][64];
  assert_true(eq_tokenizer_set(t, (struct eq_tokenizer_options){ .constraints = a }, &err));
  snprintf(name[0], sizeof *name, "%s", eq_tokenizer_name(t));
  assert_true(eq_tokenizer_set(t, (struct eq_tokenizer_options){ .constraints = b }, &err));
  snprintf(name[1], sizeof *name, "%s", eq_tokenizer_name(t));
  assert_int_equal(strncmp(name[0], "x+constrain=", 12), 0);
  assert_int_equal(strlen(name[0]), 12 + 16);
  assert_string_not_equal(name[0], name[1]);
  close_tokenizer(t);
  eq_constraints_free(a);
  eq_constraints_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bad_lines_name_their_place),
    cmocka_unit_test(words_are_cut_where_they_stand_alone),
    cmocka_unit_test(segments_are_cut_by_their_id),
    cmocka_unit_test(what_never_came_is_told),
    cmocka_unit_test(wordpiece_goes_on_behind_a_cut),
    cmocka_unit_test(wordlevel_looks_up_each_part),
    cmocka_unit_test(prefix_and_suffix_of_bpe_are_those_of_the_word),
    cmocka_unit_test(added_tokens_do_not_cross),
    cmocka_unit_test(cuts_go_through_normalization),
    cmocka_unit_test(no_token_crosses_a_cut_in_any_text),
    cmocka_unit_test(parts_of_a_byte_level_word_are_merged_by_themselves),
    cmocka_unit_test(unigram_takes_the_best_way_that_crosses_nothing),
    cmocka_unit_test(the_name_has_the_files_digest),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  eq_token_list_free(&out);
  return failed;
}
