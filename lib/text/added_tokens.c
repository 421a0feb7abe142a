#include "lib/text/added_tokens.h"

#include <stdlib.h>
#include <string.h>

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
  uint32_t *ids = eq_array_grow(a->ids, a->n_nodes, &a->nodes_capacity, sizeof *ids);
  if (!ids) return false;
  a->ids = ids;
  ids[a->n_nodes++] = NONE;
  return true;
}

bool eq_added_tokens_add(struct eq_added_tokens *a, struct eq_str content, uint32_t id, struct eq_err *err) {
  if (!content.n || content.n > EQ_ADDED_TOKEN_MAX)
    return eq_fail(err, EQ_BAD, "added token %u has %zu bytes, expected 1 to %d", id, content.n, EQ_ADDED_TOKEN_MAX);
  bool good = a->n_nodes || add_node(a);
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
  if (a->ids[node] != NONE) return eq_fail(err, EQ_BAD, "added token '%.*s' is there twice", EQ_STR(content));
  a->ids[node] = id;
  a->first[(unsigned char)content.p[0]] = true;
  return true;
}

void eq_added_tokens_free(struct eq_added_tokens *a) {
  free(a->edges);
  free(a->to);
  free(a->ids);
  *a = (struct eq_added_tokens){ 0 };
}

bool eq_added_tokens_find(const struct eq_added_tokens *a, const char *text, size_t n, size_t from, size_t *start,
                          size_t *end, uint32_t *id) {
  if (!a->n_nodes) return false;
  for (*start = from; *start < n; ++*start) {
    if (!a->first[(unsigned char)text[*start]]) continue;
    *id = NONE;
    for (size_t at = *start, node = 0; at < n;) {
      size_t slot = slot_of(a->edges, a->slots, edge_of(node, text[at]));
      if (!a->edges[slot]) break;
      node = a->to[slot];
      at++;
      if (a->ids[node] == NONE) continue;
      *id = a->ids[node];
      *end = at;
    }
    if (*id != NONE) return true;
  }
  return false;
}
