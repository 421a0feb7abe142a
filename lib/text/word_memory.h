/* word_memory.h: a thread's memory of the words that it has cut into tokens. In running text few words are new, and to
 * look one up costs a tenth of what it costs to cut it. The memory is of a fixed size: when it is full it forgets all.
 * Much of the time of looking up is waiting for memory, so it is said some words ahead what will be asked for:
 *
 *   w = eq_word_memory_expect(m, bytes, n, start)       and the same for some words after it
 *   eq_word_memory_fetch(m, &w)                         and the same for those words
 *   if (!eq_word_memory_recall(m, &w, out)) {
 *     size_t first = out->n;
 *     add the word's tokens to out
 *     eq_word_memory_keep(m, &w, out, first);
 *   }
 *
 * For one model only: the memory knows a word by its bytes. */
#ifndef EQ_TEXT_WORD_MEMORY_H
#define EQ_TEXT_WORD_MEMORY_H

#include "lib/base/error.h"
#include "lib/text/token_list.h"

/* Longer words are never kept: they seldom come again. */
enum { EQ_WORD_BYTES_MAX = 96 };

/* A piece that the pre-tokenizer cut, and where it begins in its text. */
struct eq_word {
  const char *p;
  size_t n, start;
  uint64_t hash;
};

struct eq_word_memory;
struct eq_word_memory *eq_word_memory_new(struct eq_err *err);
void eq_word_memory_free(struct eq_word_memory *m); /* NULL too */

/* The word p[0..n), about which something will be asked. */
struct eq_word eq_word_memory_expect(const struct eq_word_memory *m, const char *p, size_t n, size_t start);
/* Says that it will be asked next but for some words. May be left out. */
void eq_word_memory_fetch(const struct eq_word_memory *m, const struct eq_word *w);

/* Adds the tokens of a word, if it is remembered. False when it is not, or when memory for tokens is out: who adds them
 * then sees that again. */
bool eq_word_memory_recall(const struct eq_word_memory *m, const struct eq_word *w, struct eq_token_list *out);

/* Remembers a word that was not recalled, whose tokens are those of `out` from `first` on. Not when some of its bytes
 * are in no token or in several. */
void eq_word_memory_keep(struct eq_word_memory *m, const struct eq_word *w, const struct eq_token_list *out,
                         size_t first);

#endif
