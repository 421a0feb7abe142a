#include "lib/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

struct eq_token_scratch {
  struct eq_model_memory model;
  struct eq_normalizer_scratch stages[EQ_STAGES_MAX];
  struct eq_sentencepiece_scratch *pieces;
  struct eq_score_scratch merging; /* of tiktoken */
};

const char *eq_tokenizer_name(const struct eq_tokenizer *t) { return t->name; }
size_t eq_tokenizer_vocab(const struct eq_tokenizer *t) { return t->vocab; }

bool eq_tokenizer_set(struct eq_tokenizer *t, struct eq_tokenizer_options options, struct eq_err *err) {
  bool has_special = !t->tiktoken && (!t->sentencepiece || t->verbatim.n_tokens);
  bool has_frame = !t->tiktoken && !t->sentencepiece;
  if ((options.special && !has_special) || (options.frame && !has_frame))
    return eq_fail(err, EQ_BAD, "%s: %s supported with this kind of vocabulary", t->name,
                   options.special && !has_special ? "special tokens in a text are not" : "a frame is not");
  t->find_special = options.special;
  t->put_frame = options.frame;
  return true;
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
  eq_model_free(&t->model);
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
  if (s && eq_model_memory_open(&s->model, err) && (s->pieces = eq_sentencepiece_scratch_new(err))) return s;
  eq_token_scratch_free(s);
  eq_fail_memory(err, sizeof *s, "a tokenizer's scratch");
  return NULL;
}

void eq_token_scratch_free(struct eq_token_scratch *s) {
  if (!s) return;
  eq_model_memory_free(&s->model);
  eq_sentencepiece_scratch_free(s->pieces);
  eq_score_scratch_free(&s->merging);
  for (size_t i = 0; i < EQ_STAGES_MAX; i++) eq_normalizer_scratch_free(&s->stages[i]);
  free(s);
}

/* One call of eq_tokenize. */
struct run {
  const struct eq_tokenizer *t;
  struct eq_token_scratch *s;
  struct eq_token_list *out;
  struct eq_err *err;
};

/* A text that a stage has rewritten, out of a piece of the stage before it. Tokens are counted in it while its pieces
 * are dealt with, and moved to the text around it afterwards. */
struct stretch {
  const struct run *run;
  size_t stage;
  struct eq_view view;
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

static bool rewrite(const struct run *r, size_t stage, const struct stretch *around, struct eq_str text, size_t origin);

static bool add_piece(void *context, size_t start, size_t end) {
  const struct stretch *s = context;
  const struct run *r = s->run;
  struct eq_str piece = { s->view.text.p + s->base + start, end - start };
  if (s->stage + 1 < r->t->n_stages) return rewrite(r, s->stage + 1, s, piece, s->base + start);
  return eq_model_add(&r->t->model, &r->s->model, piece.p, piece.n, s->base + start, r->out, r->err);
}

static bool cut(const struct stretch *s, size_t start, size_t end) {
  const struct run *r = s->run;
  struct stretch piece = *s;
  piece.base = start;
  return start == end || (eq_pretokenize(&r->t->stages[s->stage].cuts, s->view.text.p + start, end - start, add_piece,
                                         &piece, r->err) &&
                          eq_model_flush(&r->t->model, &r->s->model, r->out, r->err));
}

/* Added tokens stand out, the rest is given to `rest`, piece by piece. */
static bool find_added(const struct stretch *s, const struct eq_added_tokens *tokens,
                       bool (*rest)(const struct stretch *s, size_t start, size_t end)) {
  const struct run *r = s->run;
  struct eq_added_search search = { tokens, s->view.text, !r->t->find_special, 0, 0 };
  size_t done = 0, start, end;
  for (uint32_t id; eq_added_search_next(&search, &start, &end, &id); done = end) {
    if (done < start && !rest(s, done, start)) return false;
    if (!eq_token_list_add(r->out, id, start, end)) return out_of_memory(r);
  }
  return done >= s->view.text.n || rest(s, done, s->view.text.n);
}

/* A piece of a text by the stages from `stage` on. */
static bool rewrite(const struct run *r, size_t stage, const struct stretch *around, struct eq_str text,
                    size_t origin) {
  const struct eq_stage *e = &r->t->stages[stage];
  struct stretch s = { .run = r, .stage = stage, .around = around, .origin = origin };
  const size_t before = r->out->n;
  bool at_start = whole_offset(around, origin) == 0;
  if (!eq_normalize(&e->rewrite, &r->t->unicode, &r->s->stages[stage], text, at_start, &s.view, r->err)) return false;
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
  return rewrite(s->run, 0, NULL, (struct eq_str){ s->view.text.p + start, end - start }, start);
}

/* A stretch between added tokens, by the pieces of SentencePiece. */
static bool add_pieces(const struct stretch *s, size_t start, size_t end) {
  const struct run *r = s->run;
  const size_t before = r->out->n;
  if (!eq_sentencepiece_encode(r->t->sentencepiece, r->s->pieces, s->view.text.p + start, end - start, r->out, r->err))
    return false;
  for (size_t i = before; i < r->out->n; i++) {
    r->out->starts[i] += (uint32_t)start;
    r->out->ends[i] += (uint32_t)start;
  }
  return true;
}

static bool add_frame(const struct run *r, const uint32_t *ids, size_t n, size_t at) {
  for (size_t i = 0; i < n; i++)
    if (!eq_token_list_add(r->out, ids[i], at, at)) return out_of_memory(r);
  return true;
}

bool eq_tokenize(const struct eq_tokenizer *t, struct eq_token_scratch *s, const char *text, size_t n,
                 struct eq_token_list *out, struct eq_err *err) {
  const struct run r = { t, s, out, err };
  const struct eq_frame *frame = &t->frame;
  const struct stretch whole = { .run = &r, .view = { .text = { text, n } } };
  size_t bad;
  out->n = 0;
  s->model.n_waiting = 0;
  if (n > UINT32_MAX / 4) return eq_fail(err, EQ_BAD, "the text has %zu bytes; cut it into segments", n);
  if (n && (bad = eq_utf8_invalid(text, n)) < n)
    return eq_fail(err, EQ_BAD, "byte %zu of the text (0x%02x) is not UTF-8", bad, (unsigned)(unsigned char)text[bad]);
  if (t->sentencepiece) return find_added(&whole, &t->verbatim, add_pieces);
  if (t->tiktoken) return eq_tiktoken_encode(t->tiktoken, &s->merging, text, n, out, err);
  if (t->put_frame && !add_frame(&r, frame->before, frame->n_before, 0)) return false;
  if (!find_added(&whole, &t->verbatim, rewrite_first)) return false;
  return !t->put_frame || add_frame(&r, frame->after, frame->n_after, n);
}
