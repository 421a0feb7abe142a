#include "lib/text/token_model_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/number.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- vocabulary and merges ---- */

/* Says where in the text the error stands that is there already. */
static void in_json(struct eq_json *j) {
  eq_fail_prefix(j->err, "%s: byte %zu: ", j->where, (size_t)(j->p - j->text));
  j->failed = true;
}

bool eq_token_model_read_vocab(const struct eq_source *s, struct eq_str span, struct eq_token_model *m) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str token;
  uint64_t id;
  eq_source_open(s, &j, span);
  for (eq_json_begin(&j, '{'); eq_json_key(&j, &scratch, &token) && eq_json_u64(&j, &id);)
    if (!eq_vocabulary_add(&m->vocabulary, token, id, s->err)) {
      in_json(&j);
      break;
    }
  eq_buffer_free(&scratch);
  return eq_json_end(&j);
}

bool eq_token_model_cut_merge(struct eq_str both, struct eq_str *left, struct eq_str *right) {
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
           (eq_token_model_cut_merge(both, left, right) ||
            eq_json_fail(j, "a merge that is not two tokens with a space between"));
  if (!eq_json_begin(j, '[')) return false;
  if (!eq_json_next(j) || !eq_json_string(j, &scratch[0], left) || !eq_json_next(j) ||
      !eq_json_string(j, &scratch[1], right) || eq_json_next(j))
    return eq_json_fail(j, "a merge that is not two tokens");
  return !j->failed;
}

static bool read_merges(const struct eq_source *s, struct eq_str span, struct eq_token_model *m, size_t prefix) {
  struct eq_json j;
  struct eq_buffer scratch[2] = { { 0 }, { 0 } };
  struct eq_str left, right;
  eq_source_open(s, &j, span);
  for (eq_json_begin(&j, '['); eq_json_next(&j) && next_merge(&j, scratch, &left, &right);)
    if (!eq_bpe_add_merge(m->bpe, left, right, prefix, s->err)) {
      in_json(&j);
      break;
    }
  eq_buffer_free(&scratch[0]);
  eq_buffer_free(&scratch[1]);
  return eq_json_end(&j);
}

/* ---- models ---- */

/* A model while it is read. */
struct reading {
  struct eq_token_model *model;
  struct eq_bpe_rules rules;
  char *prefix, *suffix; /* of the rules */
};

/* The id of a token that a member names: EQ_NO_TOKEN when the member is absent, or must_be there. */
static bool read_token(const struct eq_source *s, struct eq_str span, const char *when_absent,
                       const struct eq_token_model *m, uint32_t *id) {
  char *text;
  *id = EQ_NO_TOKEN;
  if (!eq_source_string(s, span, &text)) return false;
  eq_token_model_find(m, span.p ? eq_str(text) : eq_str(when_absent), id);
  free(text);
  return true;
}

static bool read_dropout(const struct eq_source *s, struct eq_str span) {
  double p = 0;
  return !span.p || (eq_parse_f64(span, &p) && p == 0) ||
         eq_source_refuse(s, "model option", "dropout", "none: ask for it with --dropout");
}

static bool read_bpe(const struct eq_source *s, struct eq_str object, void *into) {
  enum { VOCAB, MERGES, PREFIX, SUFFIX, DROPOUT, FALLBACK, WHOLE, FUSE, UNKNOWN, N };
  static const char *const keys[N] = { "vocab",
                                       "merges",
                                       "continuing_subword_prefix",
                                       "end_of_word_suffix",
                                       "dropout",
                                       "byte_fallback",
                                       "ignore_merges",
                                       "fuse_unk",
                                       "unk_token" };
  struct reading *r = into;
  struct eq_token_model *m = r->model;
  struct eq_bpe_rules *rules = &r->rules;
  struct eq_str span[N];
  m->kind = EQ_MODEL_BPE;
  if (!eq_source_members(s, object, keys, span, N)) return false;
  if (!span[VOCAB].p || !span[MERGES].p)
    return eq_fail(s->err, EQ_BAD, "%s: the model has no '%s'", s->where, span[VOCAB].p ? "merges" : "vocab");
  bool good = eq_source_flag(s, span[FALLBACK], false, &rules->byte_fallback) &&
              eq_source_flag(s, span[WHOLE], false, &rules->whole_words) &&
              eq_source_flag(s, span[FUSE], false, &rules->fuse_unknown) && read_dropout(s, span[DROPOUT]) &&
              eq_source_string(s, span[PREFIX], &r->prefix) && eq_source_string(s, span[SUFFIX], &r->suffix) &&
              eq_token_model_read_vocab(s, span[VOCAB], m) && read_token(s, span[UNKNOWN], "", m, &rules->unknown);
  if (good && span[UNKNOWN].p && rules->unknown == EQ_NO_TOKEN)
    good = eq_fail(s->err, EQ_BAD, "%s: unk_token %.*s is not in the vocabulary", s->where, EQ_STR(span[UNKNOWN]));
  rules->prefix = r->prefix;
  rules->suffix = r->suffix;
  return good && (m->bpe = eq_bpe_new(&m->vocabulary, s->err)) && read_merges(s, span[MERGES], m, strlen(r->prefix));
}

static bool read_wordpiece(const struct eq_source *s, struct eq_str object, void *into) {
  enum { VOCAB, UNKNOWN, PREFIX, MAX, N };
  static const char *const keys[N] = { "vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word" };
  struct eq_token_model *m = ((struct reading *)into)->model;
  struct eq_str span[N];
  uint64_t max;
  m->kind = EQ_MODEL_WORDPIECE;
  if (!eq_source_members(s, object, keys, span, N)) return false;
  if (!span[VOCAB].p) return eq_fail(s->err, EQ_BAD, "%s: the model has no 'vocab'", s->where);
  if (!eq_token_model_read_vocab(s, span[VOCAB], m) || !read_token(s, span[UNKNOWN], "[UNK]", m, &m->unknown) ||
      !eq_source_u64(s, span[MAX], 100, &max))
    return false;
  m->max_characters = max < 1 << 20 ? (size_t)max : 1 << 20;
  bool good = span[PREFIX].p ? eq_source_string(s, span[PREFIX], &m->prefix)
                             : (m->prefix = eq_copy_string("##", 2)) || eq_fail_memory(s->err, 2, "a prefix");
  return good && eq_token_model_finish_wordpiece(m, s->err);
}

static bool read_wordlevel(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "vocab", "unk_token" };
  struct eq_token_model *m = ((struct reading *)into)->model;
  struct eq_str span[2];
  m->kind = EQ_MODEL_WORDLEVEL;
  if (!eq_source_members(s, object, keys, span, 2)) return false;
  if (!span[0].p) return eq_fail(s->err, EQ_BAD, "%s: the model has no 'vocab'", s->where);
  return eq_token_model_read_vocab(s, span[0], m) && read_token(s, span[1], "<unk>", m, &m->unknown);
}

/* One [piece, score]. */
static bool next_piece(struct eq_json *j, struct eq_buffer *scratch, struct eq_str *piece, double *score) {
  struct eq_str number;
  if (!eq_json_begin(j, '[')) return false;
  if (!eq_json_next(j) || !eq_json_string(j, scratch, piece) || !eq_json_next(j) || !eq_json_skip(j, &number) ||
      !eq_parse_f64(number, score) || eq_json_next(j))
    return eq_json_fail(j, "a piece that is not a string and a number");
  return !j->failed;
}

static bool read_pieces(const struct eq_source *s, struct eq_str span, struct eq_token_model *m) {
  struct eq_json j;
  struct eq_buffer scratch = { 0 };
  struct eq_str piece;
  double score;
  eq_source_open(s, &j, span);
  for (eq_json_begin(&j, '['); eq_json_next(&j) && next_piece(&j, &scratch, &piece, &score);)
    if (!eq_unigram_add(m->unigram, piece, score, EQ_PIECE_NORMAL, s->err)) {
      in_json(&j);
      break;
    }
  eq_buffer_free(&scratch);
  return eq_json_end(&j);
}

static bool read_unigram(const struct eq_source *s, struct eq_str object, void *into) {
  static const char *const keys[] = { "vocab", "unk_id", "byte_fallback" };
  struct eq_token_model *m = ((struct reading *)into)->model;
  struct eq_unigram_rules rules = { .sums = EQ_SUMS_F64 };
  struct eq_str span[3];
  uint64_t unknown;
  m->kind = EQ_MODEL_UNIGRAM;
  if (!(m->unigram = eq_unigram_new(s->err)) || !eq_source_members(s, object, keys, span, 3)) return false;
  if (!span[0].p) return eq_fail(s->err, EQ_BAD, "%s: the model has no 'vocab'", s->where);
  if (!eq_source_u64(s, span[1], EQ_NO_PIECE, &unknown) || !eq_source_flag(s, span[2], false, &rules.byte_fallback) ||
      !read_pieces(s, span[0], m))
    return false;
  rules.unknown = unknown > EQ_NO_PIECE ? EQ_NO_PIECE : (uint32_t)unknown;
  if (eq_unigram_finish(m->unigram, rules, s->err)) return true;
  eq_fail_prefix(s->err, "%s: ", s->where);
  return false;
}

/* To add a model: a row here, its encoder in model.c, a line in eq-token(1). */
static const struct eq_variant variants[] = {
  { "BPE", read_bpe },
  { "Unigram", read_unigram },
  { "WordPiece", read_wordpiece },
  { "WordLevel", read_wordlevel },
};

/* Old files name no type; which model it is shows in its members. */
static bool read_untyped(const struct eq_source *s, struct eq_str object, struct reading *r) {
  static const char *const keys[] = { "vocab", "merges", "max_input_chars_per_word" };
  struct eq_str span[3];
  if (!eq_source_members(s, object, keys, span, 3)) return false;
  if (span[0].p && *span[0].p == '[') return read_unigram(s, object, r);
  if (span[2].p) return read_wordpiece(s, object, r);
  return span[1].p || !span[0].p ? read_bpe(s, object, r) : read_wordlevel(s, object, r);
}

bool eq_token_model_read(const struct eq_source *s, struct eq_str object, struct eq_token_model *m,
                         bool words_are_bytes) {
  static const char *const keys[] = { "type" };
  struct reading r = { .model = m, .rules.unknown = EQ_NO_TOKEN };
  struct eq_str span;
  char *type = NULL;
  bool good = eq_source_members(s, object, keys, &span, 1) && eq_source_string(s, span, &type) &&
              (span.p ? eq_source_named(s, type, object, "model", variants, LENGTH(variants), &r)
                      : read_untyped(s, object, &r));
  if (good && m->bpe) {
    m->over_bytes = r.rules.over_bytes = words_are_bytes && eq_bpe_spells_bytes(m->bpe);
    good = eq_bpe_finish(m->bpe, r.rules, s->err);
  }
  free(type);
  free(r.prefix);
  free(r.suffix);
  return good;
}
