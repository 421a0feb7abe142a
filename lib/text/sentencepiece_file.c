#include "lib/text/sentencepiece_file.h"

#include "lib/text/protobuf.h"

/* What the fields say, from their defaults on. A field that comes again replaces what it said before. */
struct reading {
  struct eq_sentencepiece *model;
  const char *where;
  struct eq_err *err;
  uint64_t model_type;
  struct eq_str bos, eos; /* spellings */
  struct eq_sentencepiece_rules rules;
  struct eq_str charsmap, surface;
};

static bool read_piece(struct reading *r, const struct eq_protobuf *outer, struct eq_str bytes) {
  struct eq_protobuf b = eq_protobuf_open(outer, bytes);
  struct eq_protobuf_field f;
  struct eq_str piece = { "", 0 };
  float score = 0;
  unsigned type = EQ_SP_NORMAL;
  while (eq_protobuf_next(&b, &f)) {
    if (f.number == 1 && f.wire == EQ_WIRE_BYTES) piece = f.bytes;
    if (f.number == 2 && f.wire == EQ_WIRE_FIXED32) score = eq_protobuf_float(&f);
    if (f.number == 3 && f.wire == EQ_WIRE_VARINT) type = f.value > EQ_SP_BYTE ? 0 : (unsigned)f.value;
  }
  if (r->err->code != EQ_OK) return false;
  if (eq_sentencepiece_add(r->model, piece, score, type, r->err)) return true;
  eq_fail_prefix(r->err, "%s: ", r->where);
  return false;
}

static void read_trainer(struct reading *r, const struct eq_protobuf *outer, struct eq_str bytes) {
  struct eq_protobuf b = eq_protobuf_open(outer, bytes);
  struct eq_protobuf_field f;
  while (eq_protobuf_next(&b, &f)) {
    if (f.number == 44 && f.wire == EQ_WIRE_BYTES) r->surface = f.bytes;
    if (f.number == 46 && f.wire == EQ_WIRE_BYTES && f.bytes.n) r->bos = f.bytes;
    if (f.number == 47 && f.wire == EQ_WIRE_BYTES && f.bytes.n) r->eos = f.bytes;
    if (f.wire != EQ_WIRE_VARINT) continue;
    if (f.number == 3) r->model_type = f.value;
    if (f.number == 24) r->rules.space_at_end = f.value;
    if (f.number == 35) r->rules.byte_fallback = f.value;
  }
}

static void read_normalizer(struct reading *r, const struct eq_protobuf *outer, struct eq_str bytes) {
  struct eq_protobuf b = eq_protobuf_open(outer, bytes);
  struct eq_protobuf_field f;
  while (eq_protobuf_next(&b, &f)) {
    if (f.number == 2 && f.wire == EQ_WIRE_BYTES) r->charsmap = f.bytes;
    if (f.wire != EQ_WIRE_VARINT) continue;
    if (f.number == 3) r->rules.dummy_prefix = f.value;
    if (f.number == 4) r->rules.squeeze_spaces = f.value;
    if (f.number == 5) r->rules.escape_spaces = f.value;
  }
}

/* A normalizer_spec too, of which nothing counts without a charsmap. */
static bool read_denormalizer(struct reading *r, const struct eq_protobuf *outer, struct eq_str bytes) {
  struct reading inner = { .rules = { .dummy_prefix = true, .squeeze_spaces = true, .escape_spaces = true } };
  read_normalizer(&inner, outer, bytes);
  if (r->err->code != EQ_OK || !inner.charsmap.n) return r->err->code == EQ_OK;
  if (eq_sentencepiece_set_denormalizer(r->model, inner.rules, inner.charsmap, r->err)) return true;
  eq_fail_prefix(r->err, "%s: the denormalizer: ", r->where);
  return false;
}

static bool read_model(struct reading *r, struct eq_str bytes) {
  const char *p = bytes.n ? bytes.p : "";
  struct eq_protobuf b = { r->where, p, p, p + bytes.n, r->err };
  struct eq_protobuf_field f;
  while (eq_protobuf_next(&b, &f)) {
    if (f.wire != EQ_WIRE_BYTES) continue;
    if (f.number == 1 && !read_piece(r, &b, f.bytes)) return false;
    if (f.number == 2) read_trainer(r, &b, f.bytes);
    if (f.number == 3) read_normalizer(r, &b, f.bytes);
    if (f.number == 5 && !read_denormalizer(r, &b, f.bytes)) return false;
  }
  return r->err->code == EQ_OK;
}

static bool finish(struct reading *r) {
  if (!eq_sentencepiece_size(r->model)) return eq_fail(r->err, EQ_BAD, "no pieces: not a model of SentencePiece");
  if (r->model_type < EQ_SP_UNIGRAM || r->model_type > EQ_SP_CHARACTERS)
    return eq_fail(r->err, EQ_BAD, "the model's type is %llu, expected 1 (unigram), 2 (BPE), 3 (word) or 4 (char)",
                   (unsigned long long)r->model_type);
  r->rules.model = (enum eq_sentencepiece_model)r->model_type;
  if ((r->charsmap.n && !eq_sentencepiece_set_charsmap(r->model, r->charsmap, r->err)) ||
      (r->surface.p && !eq_sentencepiece_set_surface(r->model, r->surface, r->err)) ||
      !eq_sentencepiece_finish(r->model, r->rules, r->err))
    return false;
  eq_sentencepiece_set_ends(r->model, r->bos, r->eos);
  return true;
}

struct eq_sentencepiece *eq_sentencepiece_read(const char *where, struct eq_str bytes, struct eq_err *err) {
  struct reading r = { .where = where,
                       .err = err,
                       .model_type = EQ_SP_UNIGRAM,
                       .bos = eq_str("<s>"),
                       .eos = eq_str("</s>"),
                       .rules = { .dummy_prefix = true, .squeeze_spaces = true, .escape_spaces = true } };
  if (!(r.model = eq_sentencepiece_new(err))) return NULL;
  if (read_model(&r, bytes)) {
    if (finish(&r)) return r.model;
    eq_fail_prefix(err, "%s: ", where);
  }
  eq_sentencepiece_free(r.model);
  return NULL;
}
