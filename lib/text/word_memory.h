/* word_memory.h: a thread's memory of the words that it has cut into tokens. In running text few words are new, and to
 * look one up costs a tenth of what it costs to cut it. The memory is of a fixed size: when it is full it forgets all.
 *
 *   size_t first = out->n;
 *   if (!eq_word_memory_recall(m, word, n, start, out)) {
 *     add the word's tokens to out
 *     eq_word_memory_keep(m, word, n, start, out, first);
 *   }
 *
 * For one model only: the memory knows a word by its bytes. */
#ifndef EQ_TEXT_WORD_MEMORY_H
#define EQ_TEXT_WORD_MEMORY_H

#include "lib/base/error.h"
#include "lib/text/token_list.h"

/* Longer words, and words of more tokens, are never kept: they seldom come again. */
enum { EQ_WORD_BYTES_MAX = 96, EQ_WORD_TOKENS_MAX = 96 };

struct eq_word_memory;
struct eq_word_memory *eq_word_memory_new(struct eq_err *err);
void eq_word_memory_free(struct eq_word_memory *m); /* NULL too */

/* Adds the tokens of word[0..n), if it is remembered, with offsets from `start`. False when it is not, or when memory
 * for tokens is out: who adds them then sees that again. */
bool eq_word_memory_recall(struct eq_word_memory *m, const char *word, size_t n, size_t start,
                           struct eq_token_list *out);

/* Remembers the word that was last asked for, whose tokens are now those of `out` from `first` on. */
void eq_word_memory_keep(struct eq_word_memory *m, const char *word, size_t n, size_t start,
                         const struct eq_token_list *out, size_t first);

#endif
