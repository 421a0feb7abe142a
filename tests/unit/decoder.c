/* The steps of decoders, on lists of tokens whose text is what Hugging Face tokenizers 0.23.3 gives (decode of
 * tokenizers.decoders). Whole tokenizers: tests/golden/decode.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/text/decoder_file.h"

/* Tokens with '|' between them; none for NULL. */
static void put_tokens(struct eq_texts *to, const char *tokens) {
  if (!tokens) return;
  struct eq_str rest = eq_str(tokens);
  for (bool more = true; more;) {
    more = memchr(rest.p, '|', rest.n);
    struct eq_str token = eq_str_cut(&rest, '|');
    eq_buffer_add(&to->bytes, token.p, token.n);
    assert_true(eq_texts_end(to));
  }
}

static void decodes(const char *json, const char *tokens, const char *expected) {
  struct eq_err err = { 0 };
  struct eq_decoder d = { 0 };
  struct eq_decode_scratch s = { 0 };
  struct eq_buffer out = { 0 };
  const struct eq_source source = { "x", eq_str(json), &err };
  if (!eq_decoder_read(&source, *json ? source.text : (struct eq_str){ 0 }, &d)) fail_msg("%s", err.text);
  put_tokens(&s.texts[0], tokens);
  if (!eq_decode(&d, &s, &out, &err)) fail_msg("%s", err.text);
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
    struct eq_err err = { 0 };
    struct eq_decoder d = { 0 };
    const struct eq_source source = { "x", eq_str(rows[i].json), &err };
    assert_false(eq_decoder_read(&source, source.text, &d));
    if (strncmp(err.text, rows[i].message, strlen(rows[i].message)) != 0)
      fail_msg("'%s', expected '%s'", err.text, rows[i].message);
    eq_decoder_free(&d);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(steps_do_what_those_of_tokenizers_do),
    cmocka_unit_test(bad_decoders_are_refused_by_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
