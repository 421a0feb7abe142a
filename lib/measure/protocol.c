#include "lib/measure/protocol.h"

#include <stdio.h>
#include <string.h>

#include "lib/text/mask_token.h"
#include "lib/text/opening_token.h"

enum { CONTEXT = 2048 }; /* of models that promise more, unless asked for */

/* What the choice is made from. */
struct choosing {
  struct eq_protocol_wish wish;
  const struct eq_config *c;
  const char *path, *name;
};

/* Ids beyond the vocabulary are a family's default that a smaller model's config still carries. */
static int64_t usable(const struct eq_config *c, int64_t token) {
  return token < (int64_t)c->dims[EQ_D_VOCAB] ? token : -1;
}

static bool choose_prefix(struct eq_protocol *p, const struct choosing *by, struct eq_err *err) {
  const char *name = by->c->arch->encoder ? "none" : by->wish.prefix;
  int64_t bos = usable(by->c, by->c->bos), eos = usable(by->c, by->c->eos);
  bool is_auto = strcmp(name, "auto") == 0, is_bos = strcmp(name, "bos") == 0, is_eos = strcmp(name, "eos") == 0;
  if (!is_auto && !is_bos && !is_eos && strcmp(name, "none") != 0)
    return eq_fail(err, EQ_BAD, "--prefix: '%s' is not auto, bos, eos or none", name);
  p->prefix = is_bos ? bos : is_eos ? eos : !is_auto ? -1 : bos >= 0 ? bos : eos;
  if (p->prefix < 0 && (is_bos || is_eos))
    return eq_fail(err, EQ_BAD, "--prefix %s: %s/config.json names no %s_token_id within the vocabulary", name,
                   by->path, name);
  p->unopened = p->prefix < 0 && is_auto && !p->as;
  return true;
}

/* The token that the model's tokenizer begins texts with. */
static bool find_opening(struct eq_protocol *p, const struct choosing *by, struct eq_err *err) {
  struct eq_err why = { 0 };
  if (!eq_opening_token(by->path, &p->opening, &why))
    return eq_fail(err, EQ_BAD, "--as %s: does a text begin with bos? Say --prefix bos or %s, for %s", p->as->name,
                   p->as->prefixed ? "eos" : "none", why.text);
  p->opening = usable(by->c, p->opening);
  return true;
}

/* As others do it --prefix says what opens a text, or what stands before that; when not given, what their tokenizers
 * do. */
static bool choose_opening(struct eq_protocol *p, const struct choosing *by, struct eq_err *err) {
  bool is_auto = strcmp(by->wish.prefix, "auto") == 0;
  int64_t chosen = p->prefix;
  if (!p->as) return true;
  p->prefix = p->as->prefixed ? chosen : -1;
  if (p->as->prefixed && chosen < 0)
    return eq_fail(err, EQ_BAD, "--as %s: needs a token before a text, and %s names neither bos nor eos", p->as->name,
                   strcmp(by->wish.prefix, "none") ? by->path : "--prefix none");
  if (is_auto) return find_opening(p, by, err);
  if (!p->as->prefixed) p->opening = chosen;
  return true;
}

static bool choose_mask(struct eq_protocol *p, const struct choosing *by, struct eq_err *err) {
  size_t vocab = by->c->dims[EQ_D_VOCAB];
  p->mask = by->wish.mask == EQ_ABSENT ? -1 : (int64_t)by->wish.mask;
  if (!by->c->arch->encoder)
    return p->mask < 0 || eq_fail(err, EQ_BAD, "--mask-id: %s predicts the next token and knows no mask", by->name);
  if (p->mask < 0) p->mask = eq_mask_token(by->path);
  if (p->mask < 0)
    return eq_fail(err, EQ_BAD,
                   "%s predicts what a mask hides, and no tokenizer there names the mask: "
                   "give its id with --mask-id",
                   by->path);
  return p->mask < (int64_t)vocab ||
         eq_fail(err, EQ_BAD, "--mask-id: %lld, but the model has %zu embeddings", (long long)p->mask, vocab);
}

static bool choose_windows(struct eq_protocol *p, const struct choosing *by, struct eq_err *err) {
  const struct eq_convention *as = p->as;
  size_t most = by->c->max_positions, least = as ? as->context_min : 1;
  uint64_t context = by->wish.context, stride = by->wish.stride;
  if (context == EQ_ABSENT) {
    size_t usual = as && as->context ? as->context : as ? most : CONTEXT;
    context = most < usual ? most : usual;
  }
  if (context < least || context > most)
    return eq_fail(err, EQ_BAD, "--ctx: %llu, expected %zu to the model's %zu positions", (unsigned long long)context,
                   least, most);
  if (as && !as->strides && stride != EQ_ABSENT)
    return eq_fail(err, EQ_BAD, "--stride: windows of --as %s lie side by side", as->name);
  if (stride == EQ_ABSENT) stride = context > 1 ? context / 2 : 1;
  if (stride < 1 || stride > context)
    return eq_fail(err, EQ_BAD, "--stride: %llu, expected 1 to the context of %llu: more would leave tokens out",
                   (unsigned long long)stride, (unsigned long long)context);
  p->context = (size_t)context, p->stride = (size_t)stride;
  p->cut = (struct eq_cut){ .context = p->context, .stride = p->stride };
  if (!as) return true;
  p->cut = eq_convention_cut(as, p->context, p->stride);
  int n = snprintf(p->as_name, sizeof p->as_name, "%s:%zu", as->name, p->context);
  if (as->strides) snprintf(p->as_name + n, sizeof p->as_name - (size_t)n, ":%zu", p->stride);
  return true;
}

bool eq_protocol_choose(struct eq_protocol *p, struct eq_protocol_wish wish, const struct eq_config *c,
                        const char *path, const char *name, struct eq_err *err) {
  struct choosing by = { wish, c, path, name };
  *p = (struct eq_protocol){ .as = wish.as, .prefix = -1, .opening = -1, .mask = -1 };
  return choose_prefix(p, &by, err) && choose_opening(p, &by, err) && choose_mask(p, &by, err) &&
         choose_windows(p, &by, err);
}

void eq_protocol_print(struct eq_buffer *out, const struct eq_protocol *p) {
  if (p->as) eq_buffer_format(out, "as %s, ", p->as->name);
  eq_buffer_format(out, "ctx %zu:%zu", p->cut.context, p->cut.stride);
  if (p->mask >= 0) eq_buffer_format(out, ", mask %lld", (long long)p->mask);
  if (p->prefix >= 0) eq_buffer_format(out, ", prefix %lld", (long long)p->prefix);
  if (p->opening >= 0) eq_buffer_format(out, ", opening %lld", (long long)p->opening);
}
