#include "lib/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/number.h"
#include "lib/base/utf8.h"

struct eq_token_scratch {
  struct eq_token_model_memory model;
  struct eq_normalizer_scratch stages[EQ_STAGES_MAX];
  struct eq_sentencepiece_scratch *pieces;
  struct eq_tiktoken_scratch tiktoken;
  struct eq_word_memory *pieces_seen; /* of the first stage, where others follow; NULL before it is needed */
  struct eq_dropping dropping;
  struct eq_pattern_work work; /* for this text */
  struct eq_cut_list cuts, stage_cuts[EQ_STAGES_MAX];
};

const char *eq_tokenizer_name(const struct eq_tokenizer *t) { return t->shown ? t->shown : t->name; }
size_t eq_tokenizer_vocab(const struct eq_tokenizer *t) { return t->vocab; }

/* The first "@0123456789abcdef" in a name; empty when there is none. */
static struct eq_str digest_in(struct eq_str name) {
  enum { DIGEST = 17 };
  for (size_t at = 0; at + DIGEST <= name.n; at++) {
    size_t n = name.p[at] == '@';
    while (n && n < DIGEST && name.p[at + n] && strchr("0123456789abcdef", name.p[at + n])) n++;
    if (n == DIGEST) return (struct eq_str){ name.p + at, DIGEST };
  }
  return (struct eq_str){ 0 };
}

bool eq_tokenizer_is(const struct eq_tokenizer *t, struct eq_str name) {
  const struct eq_str own = eq_str(eq_tokenizer_name(t)), digest = digest_in(name);
  return eq_str_equal(name, own) || (digest.n && eq_str_equal(digest, digest_in(own)));
}

static bool merges(const struct eq_tokenizer *t) {
  return t->tiktoken || (t->sentencepiece ? eq_sentencepiece_merges(t->sentencepiece) : t->model.kind == EQ_MODEL_BPE);
}

static const char *model_name(const struct eq_tokenizer *t) {
  static const char *const models[EQ_MODEL_KINDS] = { "BPE", "Unigram", "WordPiece", "WordLevel" };
  static const char *const pieces[] = { [EQ_SP_UNIGRAM] = "Unigram",
                                        [EQ_SP_MERGES] = "BPE",
                                        [EQ_SP_WORDS] = "of words",
                                        [EQ_SP_CHARACTERS] = "of characters" };
  return t->sentencepiece ? pieces[eq_sentencepiece_rules(t->sentencepiece)->model] : models[t->model.kind];
}

static bool can(const struct eq_tokenizer *t, struct eq_tokenizer_options options, struct eq_err *err) {
  if (options.frame && t->no_frame) return eq_fail(err, EQ_BAD, "%s: --template: %s", t->name, t->no_frame);
  if (options.dropout && !merges(t))
    return eq_fail(err, EQ_BAD,
                   "%s: the model is %s, which merges nothing that could be dropped; dropout works with BPE: that of "
                   "tokenizer.json or merges.txt, of SentencePiece, tiktoken and GGUF",
                   t->name, model_name(t));
  return true;
}

/* The name with what was asked for. */
static bool show_name(struct eq_tokenizer *t, struct eq_err *err) {
  struct eq_buffer b = { 0 };
  char p[EQ_NUMBER_TEXT];
  free(t->shown);
  t->shown = NULL;
  if (!t->drops && !t->constraints) return true;
  eq_buffer_string(&b, t->name);
  eq_format_f64(t->dropout.p, p);
  if (t->drops) eq_buffer_format(&b, "+dropout=%s@%llu", p, (unsigned long long)t->dropout.seed);
  if (t->constraints)
    eq_buffer_format(&b, "+constrain=%016llx", (unsigned long long)eq_constraints_digest(t->constraints));
  t->shown = b.failed ? NULL : b.data;
  if (b.failed) eq_buffer_free(&b);
  return t->shown || eq_fail_memory(err, strlen(t->name), "a name");
}

bool eq_tokenizer_set(struct eq_tokenizer *t, struct eq_tokenizer_options options, struct eq_err *err) {
  if (!can(t, options, err)) return false;
  t->find_special = options.special;
  t->put_frame = options.frame;
  t->constraints = options.constraints;
  t->drops = options.dropout;
  t->dropout = options.dropout ? *options.dropout : (struct eq_dropout){ 0 };
  return show_name(t, err);
}

bool eq_tokenizer_set_kind(struct eq_tokenizer *t, uint32_t id, enum eq_token_kind kind, struct eq_err *err) {
  if (id >= t->kinds_capacity) {
    size_t capacity = 2 * t->kinds_capacity > id ? 2 * t->kinds_capacity : id + 1024;
    unsigned char *kinds = realloc(t->kinds, capacity);
    if (!kinds) return eq_fail_memory(err, capacity, "a vocabulary");
    memset(kinds + t->kinds_capacity, 0, capacity - t->kinds_capacity);
    t->kinds = kinds;
    t->kinds_capacity = capacity;
  }
  t->kinds[id] = (unsigned char)(kind + 1);
  return true;
}

bool eq_tokenizer_add_content(struct eq_tokenizer *t, uint32_t id, struct eq_str content, enum eq_token_kind kind,
                              struct eq_err *err) {
  uint32_t known;
  if (eq_vocabulary_find(&t->added, content, &known) || eq_vocabulary_spelling(&t->added, id).p) return true;
  return eq_vocabulary_add(&t->added, content, id, err) && eq_tokenizer_set_kind(t, id, kind, err);
}

void eq_tokenizer_close(struct eq_tokenizer *t) {
  free(t->name);
  free(t->shown);
  for (size_t i = 0; i < EQ_STAGES_MAX; i++) {
    eq_normalizer_free(&t->stages[i].rewrite);
    eq_pretokenizer_close(&t->stages[i].cuts);
  }
  eq_added_tokens_free(&t->verbatim);
  eq_added_tokens_free(&t->normalized);
  eq_vocabulary_free(&t->added);
  eq_decoder_free(&t->decoder);
  eq_piece_list_free(&t->respelled);
  free(t->kinds);
  eq_token_model_free(&t->model);
  eq_sentencepiece_free(t->sentencepiece);
  eq_tiktoken_free(t->tiktoken);
  free(t->frame.before);
  free(t->frame.after);
}

void eq_tokenizer_free(struct eq_tokenizer *t) {
  if (!t) return;
  eq_tokenizer_close(t);
  eq_unicode_close(&t->unicode);
  free(t);
}

struct eq_token_scratch *eq_token_scratch_new(struct eq_err *err) {
  struct eq_token_scratch *s = eq_array(1, sizeof *s);
  if (s && eq_token_model_memory_open(&s->model, err) && (s->pieces = eq_sentencepiece_scratch_new(err))) {
    s->tiktoken.words = s->model.words;
    s->tiktoken.work = &s->work;
    for (size_t i = 0; i < EQ_STAGES_MAX; i++) s->stages[i].work = &s->work;
    eq_sentencepiece_remember(s->pieces, s->model.words);
    return s;
  }
  eq_token_scratch_free(s);
  eq_fail_memory(err, sizeof *s, "a tokenizer's scratch");
  return NULL;
}

void eq_token_scratch_free(struct eq_token_scratch *s) {
  if (!s) return;
  eq_token_model_memory_free(&s->model);
  eq_sentencepiece_scratch_free(s->pieces);
  eq_word_memory_free(s->pieces_seen);
  eq_tiktoken_scratch_free(&s->tiktoken);
  eq_dropping_free(&s->dropping);
  eq_cut_list_free(&s->cuts);
  for (size_t i = 0; i < EQ_STAGES_MAX; i++) eq_normalizer_scratch_free(&s->stages[i]);
  for (size_t i = 0; i < EQ_STAGES_MAX; i++) eq_cut_list_free(&s->stage_cuts[i]);
  free(s);
}

/* One call of eq_tokenize. */
struct run {
  const struct eq_tokenizer *t;
  struct eq_token_scratch *s;
  struct eq_dropping *dropping; /* NULL: without dropout */
  struct eq_token_list *out;
  struct eq_err *err;
};

/* A text that a stage has rewritten, out of a piece of the stage before it. Tokens are counted in it while its pieces
 * are dealt with, and moved to the text around it afterwards. */
struct stretch {
  const struct run *run;
  size_t stage;
  struct eq_view view;
  struct eq_cuts cuts;          /* of the view's text */
  const struct stretch *around; /* NULL: the whole text */
  size_t origin;                /* where its original begins in the text around it */
  size_t base;                  /* of a piece of it: where that begins; what the cutting's offsets are counted from */
};

static bool out_of_memory(const struct run *r) { return eq_fail_memory(r->err, 16 * r->out->n, "tokens"); }

/* Where a byte of a stretch came from in the whole text. */
static size_t whole_offset(const struct stretch *s, size_t at) {
  for (; s; s = s->around) at = s->origin + (s->view.from && at < s->view.text.n ? s->view.from[at] : at);
  return at;
}

static bool rewrite(const struct run *r, size_t stage, const struct stretch *around, struct eq_str text, size_t origin,
                    struct eq_cuts cuts);

/* The tokens of a word, or of its parts between cuts. */
static bool add_word(const struct stretch *s, size_t start, size_t end) {
  const struct run *r = s->run;
  const char *text = s->view.text.p;
  size_t next = s->cuts.n ? eq_cuts_after(s->cuts, start) : end;
  if (next >= end)
    return eq_token_model_add(&r->t->model, &r->s->model, text + start, end - start, start, r->out, r->err);
  for (size_t at = start; at < end; at = next, next = eq_cuts_after(s->cuts, at)) {
    if (next > end) next = end;
    const struct eq_word_part part = { text + at, next - at, at, at > start, next < end };
    if (!eq_token_model_add_part(&r->t->model, &r->s->model, part, r->out, r->err)) return false;
  }
  return true;
}

/* What the stages after this one make of a piece depends on its bytes, but for a piece that begins the text, for
 * boundaries and for what dropout draws. */
static bool rewrite_remembered(const struct stretch *s, struct eq_str piece, size_t start) {
  const struct run *r = s->run;
  if (s->cuts.n || r->dropping || !whole_offset(s, start)) return rewrite(r, s->stage + 1, s, piece, start, s->cuts);
  if (!r->s->pieces_seen && !(r->s->pieces_seen = eq_word_memory_new(r->err))) return false;
  struct eq_word_memory *words = r->s->pieces_seen;
  const struct eq_word word = eq_word_memory_expect(words, piece.p, piece.n, start);
  const size_t first = r->out->n;
  if (eq_word_memory_recall(words, &word, r->out)) return true;
  if (!rewrite(r, s->stage + 1, s, piece, start, s->cuts)) return false;
  eq_word_memory_keep(words, &word, r->out, first);
  return true;
}

static bool add_piece(void *context, size_t start, size_t end) {
  const struct stretch *s = context;
  const struct run *r = s->run;
  start += s->base;
  end += s->base;
  if (s->stage + 1 == r->t->n_stages) return add_word(s, start, end);
  const struct eq_str piece = { s->view.text.p + start, end - start };
  return s->stage ? rewrite(r, s->stage + 1, s, piece, start, s->cuts) : rewrite_remembered(s, piece, start);
}

static bool cut(const struct stretch *s, size_t start, size_t end) {
  const struct run *r = s->run;
  struct stretch piece = *s;
  piece.base = start;
  return start == end || (eq_pretokenize(&r->t->stages[s->stage].cuts, &r->s->work, s->view.text.p + start, end - start,
                                         add_piece, &piece, r->err) &&
                          eq_token_model_flush(&r->t->model, &r->s->model, r->out, r->err));
}

/* Added tokens stand out, the rest is given to `rest`, piece by piece. */
static bool find_added(const struct stretch *s, const struct eq_added_tokens *tokens,
                       bool (*rest)(const struct stretch *s, size_t start, size_t end)) {
  const struct run *r = s->run;
  struct eq_added_search search = { tokens, s->view.text, !r->t->find_special, 0, 0, s->cuts };
  size_t done = 0, start, end;
  for (uint32_t id; eq_added_search_next(&search, &start, &end, &id); done = end) {
    if (done < start && !rest(s, done, start)) return false;
    if (!eq_token_list_add(r->out, id, start, end)) return out_of_memory(r);
  }
  return done >= s->view.text.n || rest(s, done, s->view.text.n);
}

/* A piece of a text by the stages from `stage` on; cuts are of the text around it. */
static bool rewrite(const struct run *r, size_t stage, const struct stretch *around, struct eq_str text, size_t origin,
                    struct eq_cuts cuts) {
  const struct eq_stage *e = &r->t->stages[stage];
  struct stretch s = { .run = r, .stage = stage, .around = around, .origin = origin };
  const size_t before = r->out->n;
  bool at_start = whole_offset(around, origin) == 0;
  if (!eq_normalize(&e->rewrite, &r->t->unicode, &r->s->stages[stage], text, at_start, &s.view, r->err)) return false;
  if (!eq_cuts_rewritten(cuts, origin, s.view.from, s.view.text.n, &r->s->stage_cuts[stage], &s.cuts))
    return out_of_memory(r);
  if (!(stage == 0 ? find_added(&s, &r->t->normalized, cut) : cut(&s, 0, s.view.text.n))) return false;
  if (!s.view.from && !origin) return true;
  for (size_t i = before; i < r->out->n; i++) {
    eq_view_to_original(&s.view, &r->out->starts[i], &r->out->ends[i]);
    r->out->starts[i] += (uint32_t)origin;
    r->out->ends[i] += (uint32_t)origin;
  }
  return true;
}

static bool rewrite_first(const struct stretch *s, size_t start, size_t end) {
  return rewrite(s->run, 0, NULL, (struct eq_str){ s->view.text.p + start, end - start }, start, s->cuts);
}

/* A stretch between added tokens, by the pieces of SentencePiece or the ranks of tiktoken. */
static bool add_pieces(const struct stretch *s, size_t start, size_t end) {
  const struct run *r = s->run;
  const struct eq_tokenizer *t = r->t;
  const size_t before = r->out->n;
  const struct eq_str text = { s->view.text.p + start, end - start };
  struct eq_cuts cuts;
  if (!eq_cuts_rewritten(s->cuts, start, NULL, text.n, &r->s->stage_cuts[0], &cuts)) return out_of_memory(r);
  bool good = t->sentencepiece
                  ? eq_sentencepiece_encode(t->sentencepiece, r->s->pieces, text, cuts, r->dropping, r->out, r->err)
                  : eq_tiktoken_encode(t->tiktoken, &r->s->tiktoken, text, cuts, r->dropping, r->out, r->err);
  for (size_t i = before; good && start && i < r->out->n; i++) {
    r->out->starts[i] += (uint32_t)start;
    r->out->ends[i] += (uint32_t)start;
  }
  return good;
}

static bool add_frame(const struct run *r, const uint32_t *ids, size_t n, size_t at) {
  for (size_t i = 0; i < n; i++)
    if (!eq_token_list_add(r->out, ids[i], at, at)) return out_of_memory(r);
  return true;
}

static bool check_text(struct eq_str text, struct eq_err *err) {
  size_t bad;
  if (text.n > UINT32_MAX / 4) return eq_fail(err, EQ_BAD, "the text has %zu bytes; cut it into segments", text.n);
  if (!text.n || (bad = eq_utf8_invalid(text.p, text.n)) == text.n) return true;
  return eq_fail(err, EQ_BAD, "byte %zu of the text (0x%02x) is not UTF-8", bad, (unsigned)(unsigned char)text.p[bad]);
}

static bool tokenize(const struct run *r, struct eq_str text, struct eq_cuts cuts) {
  const struct eq_tokenizer *t = r->t;
  const struct eq_frame *frame = &t->frame;
  const struct stretch whole = { .run = r, .view = { .text = text }, .cuts = cuts };
  r->s->model.dropping = r->dropping;
  r->s->model.n_waiting = 0;
  if (t->put_frame && !add_frame(r, frame->before, frame->n_before, 0)) return false;
  if (!find_added(&whole, &t->verbatim, t->sentencepiece || t->tiktoken ? add_pieces : rewrite_first)) return false;
  return !t->put_frame || add_frame(r, frame->after, frame->n_after, text.n);
}

bool eq_tokenize_segment(const struct eq_tokenizer *t, struct eq_token_scratch *s, struct eq_str lang, struct eq_str id,
                         struct eq_str text, struct eq_token_list *out, struct eq_err *err) {
  bool drops = t->drops && t->dropout.p > 0; /* p = 0 is the tokenizer as it is, with all its short cuts */
  const struct run r = { t, s, drops ? &s->dropping : NULL, out, err };
  struct eq_cuts cuts = { 0 };
  out->n = 0;
  s->work = eq_pattern_work_of(text.n);
  if (!check_text(text, err)) return false;
  if (drops) eq_dropping_begin(&s->dropping, &t->dropout, lang, id);
  if (t->constraints && !eq_constraints_cuts(t->constraints, lang, id, text, &s->cuts, &cuts, err)) return false;
  return tokenize(&r, text, cuts);
}

bool eq_tokenize(const struct eq_tokenizer *t, struct eq_token_scratch *s, const char *text, size_t n,
                 struct eq_token_list *out, struct eq_err *err) {
  const struct eq_str none = { "", 0 };
  return eq_tokenize_segment(t, s, none, none, (struct eq_str){ text, n }, out, err);
}
