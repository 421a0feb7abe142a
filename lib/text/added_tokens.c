#include "lib/text/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/classes.h"

#define NONE UINT32_MAX

static size_t slot_of(const uint64_t *edges, size_t slots, uint64_t edge) {
  size_t i = (size_t)(edge * 0x9E3779B97F4A7C15 >> 20) & (slots - 1);
  while (edges[i] && edges[i] != edge) i = (i + 1) & (slots - 1);
  return i;
}

static uint64_t edge_of(size_t node, char byte) { return ((uint64_t)node << 8 | (unsigned char)byte) + 1; }

static bool grow_edges(struct eq_added_tokens *a) {
  size_t slots = a->slots ? 2 * a->slots : 256;
  uint64_t *edges = eq_array(slots, sizeof *edges);
  uint32_t *to = eq_array(slots, sizeof *to);
  for (size_t i = 0; edges && to && i < a->slots; i++)
    if (a->edges[i]) {
      size_t at = slot_of(edges, slots, a->edges[i]);
      edges[at] = a->edges[i];
      to[at] = a->to[i];
    }
  if (!edges || !to) {
    free(edges);
    free(to);
    return false;
  }
  free(a->edges);
  free(a->to);
  a->edges = edges;
  a->to = to;
  a->slots = slots;
  return true;
}

static bool add_node(struct eq_added_tokens *a) {
  uint32_t *ends = eq_array_grow(a->ends, a->n_nodes, &a->nodes_capacity, sizeof *ends);
  if (!ends) return false;
  a->ends = ends;
  ends[a->n_nodes++] = NONE;
  return true;
}

bool eq_added_tokens_add(struct eq_added_tokens *a, struct eq_str content, struct eq_added_token token,
                         struct eq_err *err) {
  if (!content.n || content.n > EQ_ADDED_TOKEN_MAX)
    return eq_fail(err, EQ_BAD, "added token %u has %zu bytes, expected 1 to %d", token.id, content.n,
                   EQ_ADDED_TOKEN_MAX);
  struct eq_added_token *tokens = eq_array_grow(a->tokens, a->n_tokens, &a->tokens_capacity, sizeof *tokens);
  if (tokens) a->tokens = tokens;
  bool good = tokens && (a->n_nodes || add_node(a));
  size_t node = 0;
  for (size_t i = 0; good && i < content.n; i++) {
    good = 2 * (a->n_edges + 1) <= a->slots || grow_edges(a);
    if (!good) break;
    size_t at = slot_of(a->edges, a->slots, edge_of(node, content.p[i]));
    if (!a->edges[at]) {
      a->edges[at] = edge_of(node, content.p[i]);
      a->to[at] = (uint32_t)a->n_nodes;
      a->n_edges++;
      good = add_node(a);
    }
    node = a->to[at];
  }
  if (!good) return eq_fail_memory(err, 16 * a->n_nodes, "added tokens");
  if (a->ends[node] != NONE) return true;
  a->ends[node] = (uint32_t)a->n_tokens;
  a->tokens[a->n_tokens++] = token;
  a->n_special += token.special;
  const unsigned char first = (unsigned char)content.p[0];
  a->first[first] = true;
  if (content.n > 1)
    a->pair[first][(unsigned char)content.p[1]] = true;
  else
    memset(a->pair[first], true, sizeof a->pair[first]);
  return true;
}

void eq_added_tokens_free(struct eq_added_tokens *a) {
  free(a->edges);
  free(a->to);
  free(a->ends);
  free(a->tokens);
  *a = (struct eq_added_tokens){ 0 };
}

/* The leftmost longest token from s->from on, with its bytes; NULL when there is none. */
static const struct eq_added_token *find(const struct eq_added_search *s, size_t *start, size_t *end) {
  const struct eq_added_tokens *a = s->tokens;
  const struct eq_str text = s->text;
  if (!a->n_nodes) return NULL;
  const unsigned char *bytes = (const unsigned char *)text.p;
  for (size_t i = s->from; i < text.n; i++) {
    if (!a->first[bytes[i]] || (i + 1 < text.n && !a->pair[bytes[i]][bytes[i + 1]])) continue;
    uint32_t found = NONE;
    size_t stop = s->cuts.n ? eq_cuts_after(s->cuts, i) : text.n;
    if (stop > text.n) stop = text.n;
    *start = i;
    for (size_t at = i, node = 0; at < stop;) {
      size_t slot = slot_of(a->edges, a->slots, edge_of(node, text.p[at]));
      if (!a->edges[slot]) break;
      node = a->to[slot];
      at++;
      if (a->ends[node] == NONE) continue;
      found = a->ends[node];
      *end = at;
    }
    if (found != NONE) return &a->tokens[found];
  }
  return NULL;
}

/* The code point before text[at]; its length, 0 at the start. */
static size_t before(struct eq_str text, size_t at, uint32_t *c) {
  size_t start = at;
  while (start > 0 && ((unsigned char)text.p[--start] & 0xC0) == 0x80) {}
  return eq_utf8_decode(text.p + start, at - start, c);
}

static bool stands_alone(struct eq_str text, size_t start, size_t end) {
  uint32_t c;
  if (before(text, start, &c) && eq_is_word(c)) return false;
  return !eq_utf8_decode(text.p + end, text.n - end, &c) || !eq_is_word(c);
}

/* Moves the ends of a match over white space, up to a cut. */
static void take_space(const struct eq_added_search *s, const struct eq_added_token *t, size_t *start, size_t *end) {
  const size_t first = s->cuts.n ? eq_cuts_before(s->cuts, *start) : 0;
  const size_t last = s->cuts.n ? eq_cuts_after(s->cuts, *end - 1) : SIZE_MAX;
  uint32_t c;
  if (t->lstrip) {
    for (size_t n; *start > first && (n = before(s->text, *start, &c)) && eq_is_space(c);) *start -= n;
    if (*start < s->done) *start = s->done;
  }
  if (t->rstrip)
    for (size_t n; *end < last && (n = eq_utf8_decode(s->text.p + *end, s->text.n - *end, &c)) && eq_is_space(c);)
      *end += n;
}

bool eq_added_search_next(struct eq_added_search *s, size_t *start, size_t *end, uint32_t *id) {
  const struct eq_added_token *t;
  if (s->special_is_text && s->tokens->n_special == s->tokens->n_tokens) return false;
  while ((t = find(s, start, end))) {
    s->from = *end;
    if ((t->special && s->special_is_text) || (t->single_word && !stands_alone(s->text, *start, *end))) continue;
    take_space(s, t, start, end);
    if (*start >= *end) continue; /* the token before it has taken it for the space after itself */
    s->done = *end;
    *id = t->id;
    return true;
  }
  return false;
}
