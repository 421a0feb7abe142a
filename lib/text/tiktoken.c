#include "lib/text/tiktoken.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base64.h"
#include "lib/base/number.h"
#include "lib/base/utf8.h"

#define NONE EQ_NO_PIECE

/* A token: where its bytes stand. */
struct line {
  size_t at, n;
  uint32_t rank;
};

struct eq_tiktoken {
  struct eq_pretokenizer pretokenizer;
  const struct eq_unicode *unicode;
  struct eq_buffer bytes; /* of all tokens */
  struct line *by_rank;   /* [size]; n 0: no token has it */
  struct eq_piece_trie tokens;
  uint32_t *ranks; /* [size]: a rank is its own rank */
  size_t size;
  const struct encoding *encoding;
};

/* ---- patterns ---- */

/* Of Llama 3, which differs from tiktoken's for cl100k_base only in white space at the end of a text. */
static const char cl100k[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?"
                             "[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
#define UPPER  "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER  "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define SUFFIX "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
/* White space without line breaks. Where tiktoken has \s*[\r\n]+ this goes from one line break to the next without
 * looking back, which matches the same and keeps a long run of spaces linear. */
#define BLANK \
  "[\\x{9}\\x{b}\\x{c}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}]"
static const char o200k[] =
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" SUFFIX "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" SUFFIX
    "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|(?:" BLANK "*+[\\r\\n]++)++|\\s+(?!\\S)|\\s+";

struct special {
  const char *spelling;
  uint32_t id;
};
enum { SPECIAL_MAX = 16 };

/* To add an encoding: a row here, a line in eq-token(1). pattern NULL: GPT-2's. */
struct encoding {
  const char *name, *pattern;
  bool tail; /* white space that ends a text is one piece */
  struct special special[SPECIAL_MAX];
  uint32_t reserved[2]; /* ids [first, end) of <|reserved_ID|> */
};
#define END \
  { "<|endoftext|>", 50256 }
static const struct encoding encodings[] = {
  { "cl100k_base",
    cl100k,
    true,
    { { "<|endoftext|>", 100257 },
      { "<|fim_prefix|>", 100258 },
      { "<|fim_middle|>", 100259 },
      { "<|fim_suffix|>", 100260 },
      { "<|endofprompt|>", 100276 } },
    { 0 } },
  { "o200k_base", o200k, false, { { "<|endoftext|>", 199999 }, { "<|endofprompt|>", 200018 } }, { 0 } },
  { "o200k_harmony",
    o200k,
    false,
    { { "<|startoftext|>", 199998 },
      { "<|endoftext|>", 199999 },
      { "<|reserved_200000|>", 200000 },
      { "<|reserved_200001|>", 200001 },
      { "<|return|>", 200002 },
      { "<|constrain|>", 200003 },
      { "<|reserved_200004|>", 200004 },
      { "<|channel|>", 200005 },
      { "<|start|>", 200006 },
      { "<|end|>", 200007 },
      { "<|message|>", 200008 },
      { "<|reserved_200009|>", 200009 },
      { "<|reserved_200010|>", 200010 },
      { "<|reserved_200011|>", 200011 },
      { "<|call|>", 200012 },
      { "<|endofprompt|>", 200018 } },
    { 200013, 201088 } },
  { "p50k_base", NULL, false, { END }, { 0 } },
  { "p50k_edit",
    NULL,
    false,
    { END, { "<|fim_prefix|>", 50281 }, { "<|fim_middle|>", 50282 }, { "<|fim_suffix|>", 50283 } },
    { 0 } },
  { "r50k_base", NULL, false, { END }, { 0 } },
  { "gpt2", NULL, false, { END }, { 0 } },
};
enum { ENCODINGS = sizeof encodings / sizeof *encodings };

static bool set_encoding(struct eq_tiktoken *t, struct eq_str name, struct eq_err *err) {
  size_t i = 0;
  while (i < ENCODINGS && !eq_str_is(name, encodings[i].name)) i++;
  if (i == ENCODINGS)
    return eq_fail(err, EQ_BAD,
                   "the encoding '%.*s' is not known, so neither is its pattern; the file's name must be one of "
                   "cl100k_base, o200k_base, o200k_harmony, p50k_base, p50k_edit, r50k_base, gpt2, and .tiktoken",
                   EQ_STR(name));
  t->encoding = &encodings[i];
  return encodings[i].pattern
             ? eq_pretokenizer_add_regex(&t->pretokenizer, eq_str(encodings[i].pattern), EQ_SPLIT_ISOLATED, false, err)
             : eq_pretokenizer_add_gpt2(&t->pretokenizer, err);
}

struct eq_str eq_tiktoken_special(const struct eq_tiktoken *t, size_t i, char made[32], uint32_t *id) {
  const struct encoding *e = t->encoding;
  size_t named = 0;
  while (named < SPECIAL_MAX && e->special[named].spelling) named++;
  if (i < named) {
    *id = e->special[i].id;
    return eq_str(e->special[i].spelling);
  }
  i -= named;
  if (i >= e->reserved[1] - e->reserved[0]) return (struct eq_str){ 0 };
  *id = e->reserved[0] + (uint32_t)i;
  snprintf(made, 32, "<|reserved_%u|>", *id);
  return eq_str(made);
}

/* ---- reading ---- */

static bool read_line(struct eq_tiktoken *t, struct eq_str text, struct line *line, struct eq_err *err) {
  struct eq_str rank = text, token = eq_str_cut(&rank, ' ');
  uint64_t value;
  line->at = t->bytes.size;
  if (!eq_base64_decode(token, &t->bytes) || t->bytes.size == line->at)
    return t->bytes.failed ? eq_fail_memory(err, t->bytes.size, "a vocabulary")
                           : eq_fail(err, EQ_BAD, "'%.*s' is not a token in base64", EQ_STR(token));
  if (!eq_parse_u64(rank, &value) || value >= EQ_VOCAB_MAX)
    return eq_fail(err, EQ_BAD, "the rank is '%.*s', expected a number less than %d", EQ_STR(rank), EQ_VOCAB_MAX);
  line->n = t->bytes.size - line->at;
  line->rank = (uint32_t)value;
  if (value >= t->size) t->size = (size_t)value + 1;
  return true;
}

/* The lines, in an array to be freed; NULL and err when one is wrong. */
static struct line *read_lines(struct eq_tiktoken *t, struct eq_str text, size_t *n, struct eq_err *err) {
  struct line *lines = NULL;
  size_t capacity = 0;
  for (*n = 0; text.n;) {
    struct eq_str line = eq_str_cut(&text, '\n');
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    if (!line.n) continue;
    struct line *grown = eq_array_grow(lines, *n, &capacity, sizeof *grown);
    if (grown) lines = grown;
    if (grown && read_line(t, line, &grown[*n], err)) {
      ++*n;
      continue;
    }
    eq_fail_memory(err, capacity, "a vocabulary");
    eq_fail_prefix(err, "line %zu: ", *n + 1);
    free(lines);
    return NULL;
  }
  if (!*n) eq_fail(err, EQ_BAD, "no tokens: expected lines of base64, a space and a rank");
  return lines;
}

static bool build(struct eq_tiktoken *t, const struct line *lines, size_t n, struct eq_err *err) {
  struct eq_str *tokens = eq_array(n, sizeof *tokens);
  uint32_t *ranks = eq_array(n, sizeof *ranks);
  t->ranks = eq_array(t->size, sizeof *t->ranks);
  t->by_rank = eq_array(t->size, sizeof *t->by_rank);
  bool good = (tokens && ranks && t->ranks && t->by_rank) || eq_fail_memory(err, n * sizeof *tokens, "a vocabulary");
  if (good) memset(t->ranks, 0xFF, t->size * sizeof *t->ranks);
  for (size_t i = 0; good && i < n; i++) {
    tokens[i] = (struct eq_str){ t->bytes.data + lines[i].at, lines[i].n };
    ranks[i] = lines[i].rank;
    good = t->ranks[ranks[i]] == NONE || eq_fail(err, EQ_BAD, "two tokens have the rank %u", ranks[i]);
    if (!good) break;
    t->ranks[ranks[i]] = ranks[i];
    t->by_rank[ranks[i]] = lines[i];
  }
  good = good && eq_piece_trie_build(&t->tokens, tokens, ranks, n, err);
  for (size_t i = 0; good && i < n; i++)
    good = eq_piece_trie_find(&t->tokens, tokens[i]) == ranks[i] ||
           eq_fail(err, EQ_BAD, "the token of rank %u is there twice", ranks[i]);
  for (unsigned byte = 0; good && byte < 256; byte++)
    good = eq_piece_trie_find(&t->tokens, (struct eq_str){ &(char){ (char)byte }, 1 }) != NONE ||
           eq_fail(err, EQ_BAD, "there is no token for byte 0x%02x", byte);
  free(tokens);
  free(ranks);
  return good;
}

struct eq_tiktoken *eq_tiktoken_read(const char *where, struct eq_str name, struct eq_str lines,
                                     const struct eq_unicode *unicode, struct eq_err *err) {
  struct eq_tiktoken *t = eq_array(1, sizeof *t);
  if (!t) {
    eq_fail_memory(err, sizeof *t, "a vocabulary");
    return NULL;
  }
  size_t n = 0;
  struct line *read = NULL;
  t->unicode = unicode;
  bool good = eq_pretokenizer_open(&t->pretokenizer, unicode, err) && set_encoding(t, name, err) &&
              (read = read_lines(t, lines, &n, err)) && build(t, read, n, err);
  free(read);
  if (good) return t;
  eq_fail_prefix(err, "%s: ", where);
  eq_tiktoken_free(t);
  return NULL;
}

void eq_tiktoken_free(struct eq_tiktoken *t) {
  if (!t) return;
  eq_pretokenizer_close(&t->pretokenizer);
  eq_buffer_free(&t->bytes);
  eq_piece_trie_free(&t->tokens);
  free(t->ranks);
  free(t->by_rank);
  free(t);
}

size_t eq_tiktoken_size(const struct eq_tiktoken *t) { return t->size; }

struct eq_str eq_tiktoken_bytes(const struct eq_tiktoken *t, uint32_t id) {
  if (id >= t->size || !t->by_rank[id].n) return (struct eq_str){ 0 };
  return (struct eq_str){ t->bytes.data + t->by_rank[id].at, t->by_rank[id].n };
}

/* ---- tokens ---- */

struct run {
  const struct eq_tiktoken *t;
  struct eq_tiktoken_scratch *s;
  struct eq_cuts cuts;
  struct eq_dropping *dropping;
  const char *text;
  struct eq_token_list *out;
  struct eq_err *err;
};

static void add(struct eq_token_list *out, uint32_t id, size_t start, size_t end) {
  out->ids[out->n] = id;
  out->starts[out->n] = (uint32_t)start;
  out->ends[out->n++] = (uint32_t)end;
}

/* Merges a part that is no token. */
static bool merge(const struct run *r, size_t start, size_t end) {
  static const struct eq_piece_trie nothing = { 0 };
  struct eq_score_scratch *s = &r->s->merging;
  if (!eq_score_bpe(&r->t->tokens, r->t->ranks, EQ_FROM_BYTES, &nothing, r->text + start, end - start, r->dropping, s))
    return false;
  for (size_t i = 0; i < s->n; i++)
    if (s->symbols[i].size) {
      const size_t at = start + s->symbols[i].start;
      add(r->out, s->symbols[i].piece, at, at + s->symbols[i].size);
    }
  return true;
}

static bool add_part(const struct run *r, size_t start, size_t end) {
  struct eq_word_memory *words = r->dropping ? NULL : r->s->words;
  const struct eq_str part = { r->text + start, end - start };
  const size_t first = r->out->n;
  struct eq_word word;
  if (words) word = eq_word_memory_expect(words, part.p, part.n, start);
  if (words && eq_word_memory_recall(words, &word, r->out)) return true;
  uint32_t whole = r->dropping ? NONE : eq_piece_trie_find(&r->t->tokens, part);
  bool good = eq_token_list_reserve(r->out, part.n);
  if (good && whole != NONE)
    add(r->out, whole, start, end);
  else
    good = good && merge(r, start, end);
  if (good && words) eq_word_memory_keep(words, &word, r->out, first);
  return good || eq_fail_memory(r->err, 16 * r->out->n, "tokens");
}

static bool add_piece(void *context, size_t start, size_t end) {
  const struct run *r = context;
  for (size_t next; (next = eq_cuts_after(r->cuts, start)) < end; start = next)
    if (!add_part(r, start, next)) return false;
  return add_part(r, start, end);
}

static unsigned properties_before(const struct eq_tiktoken *t, const char *text, size_t at, size_t *start) {
  uint32_t c;
  *start = at - 1;
  while (*start && ((unsigned char)text[*start] & 0xC0) == 0x80) --*start;
  eq_utf8_decode(text + *start, at - *start, &c);
  return t->unicode->properties[c];
}

/* Where the last piece begins that tiktoken's \s++$ makes of white space at the end; line breaks that follow
 * punctuation belong to it. */
static size_t tail_of(const struct eq_tiktoken *t, const char *text, size_t n) {
  size_t at = n, before = 0;
  while (at && properties_before(t, text, at, &before) & EQ_SPACE) at = before;
  if (at && !(properties_before(t, text, at, &before) & (EQ_LETTER | EQ_NUMBER)))
    while (at < n && (text[at] == '\n' || text[at] == '\r')) at++;
  return at;
}

void eq_tiktoken_scratch_free(struct eq_tiktoken_scratch *s) { eq_score_scratch_free(&s->merging); }

bool eq_tiktoken_encode(const struct eq_tiktoken *t, struct eq_tiktoken_scratch *s, struct eq_str text,
                        struct eq_cuts cuts, struct eq_dropping *dropping, struct eq_token_list *out,
                        struct eq_err *err) {
  struct run r = { t, s, cuts, dropping, text.p, out, err };
  size_t end = t->encoding->tail ? tail_of(t, text.p, text.n) : text.n;
  return (!end || eq_pretokenize(&t->pretokenizer, s->work, text.p, end, add_piece, &r, err)) &&
         (end == text.n || add_piece(&r, end, text.n));
}
