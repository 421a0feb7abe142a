/* added_tokens.h: tokens that are found in a text as they stand, before it is cut into words (a run of spaces in
 * GPT-NeoX, a tag in Qwen). A trie: looking at every place of a text costs its length times the longest token at most.
 */
#ifndef EQ_TEXT_ADDED_TOKENS_H
#define EQ_TEXT_ADDED_TOKENS_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/text/cuts.h"

enum { EQ_ADDED_TOKEN_MAX = 1024 }; /* bytes of one */

struct eq_added_token {
  uint32_t id;
  bool special;        /* may be taken as text */
  bool single_word;    /* only where no word character stands beside it */
  bool lstrip, rstrip; /* takes the white space before it, after it */
};

/* Start from {0}; free with eq_added_tokens_free. */
struct eq_added_tokens {
  uint64_t *edges; /* open addressing: (node << 8 | byte) + 1, 0 for a free slot */
  uint32_t *to;    /* node at the end of each edge */
  uint32_t *ends;  /* [n_nodes] the token that ends at a node, UINT32_MAX for none */
  size_t slots, n_edges, n_nodes, nodes_capacity;
  bool first[256];     /* bytes that start a token */
  bool pair[256][256]; /* first two bytes of a token; of a token of one byte all that may follow */
  struct eq_added_token *tokens;
  size_t n_tokens, n_special, tokens_capacity;
};

/* An empty token or one that is too long fails. Of two of one spelling the first is found. */
bool eq_added_tokens_add(struct eq_added_tokens *a, struct eq_str content, struct eq_added_token token,
                         struct eq_err *err);
void eq_added_tokens_free(struct eq_added_tokens *a);

/* A search through a text; start with what is named here. */
struct eq_added_search {
  const struct eq_added_tokens *tokens;
  struct eq_str text;
  bool special_is_text; /* special tokens are passed over */
  size_t done;          /* where the last match ended, with the space that it took */
  size_t from;          /* where to look on */
  struct eq_cuts cuts;  /* no match crosses them, nor the white space that it takes */
};
/* The next match: its bytes and its token; the leftmost, of those that begin there the longest. False when there is
 * none. A match may begin before `done` when the one before it took white space that begins this one. */
bool eq_added_search_next(struct eq_added_search *s, size_t *start, size_t *end, uint32_t *id);

#endif
