/* added_tokens.h: tokens that are found in a text as they stand, before it is cut into words (a run of spaces in
 * GPT-NeoX, a tag in Qwen). A trie: looking at every place of a text costs its length times the longest token at most.
 */
#ifndef EQ_TEXT_ADDED_TOKENS_H
#define EQ_TEXT_ADDED_TOKENS_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

enum { EQ_ADDED_TOKEN_MAX = 1024 }; /* bytes of one */

/* Start from {0}; free with eq_added_tokens_free. */
struct eq_added_tokens {
  uint64_t *edges; /* open addressing: (node << 8 | byte) + 1, 0 for a free slot */
  uint32_t *to;    /* node at the end of each edge */
  uint32_t *ids;   /* [n_nodes] of the token that ends at a node, UINT32_MAX for none */
  size_t slots, n_edges, n_nodes, nodes_capacity;
  bool first[256]; /* bytes that start a token */
};

/* An empty token, one that is too long or there already fails. */
bool eq_added_tokens_add(struct eq_added_tokens *a, struct eq_str content, uint32_t id, struct eq_err *err);
void eq_added_tokens_free(struct eq_added_tokens *a);

/* The first place at or after `from` where a token stands, and the longest token there: its start, end and id. False
 * when no further token stands in text[0..n). */
bool eq_added_tokens_find(const struct eq_added_tokens *a, const char *text, size_t n, size_t from, size_t *start,
                          size_t *end, uint32_t *id);

#endif
