/* corpus.h: the segments of a corpus in many languages, in a fixed order: the languages as they were asked for, and
 * each language's segments in the order of its file.
 *
 * A corpus is a folder with a file for each language (its tag, its name in corpora/udhr or its ISO 639-3 code, and
 * .tsv, .jsonl or .txt) or one file: of one language, or JSONL that says the language of each segment. Parallel corpora
 * use the same id for the same segment in each language. */
#ifndef EQ_TEXT_CORPUS_H
#define EQ_TEXT_CORPUS_H

#include "lib/text/languages.h"
#include "lib/text/segments.h"
#include "lib/text/unicode.h"

/* What is wanted. Borrowed by the corpus until it is closed, but for the struct itself. */
struct eq_corpus_request {
  const char *path;
  enum eq_corpus_format format;
  const struct eq_languages *languages;
  struct eq_str langs; /* names between commas; "all": every language of the table that the folder has; p NULL: those
                        * that the file itself names, in the order in which they first appear */
  uint64_t limit;      /* at most so many segments of each language; UINT64_MAX: all */
  uint64_t sample;     /* draw so many ids, the same in every language; UINT64_MAX: no drawing */
  uint64_t seed;       /* of the drawing */
  bool nfc;            /* texts in NFC */
  const char *join; /* not NULL: the segments of a language are one, with this between their texts; its id is "all" */
};

struct eq_corpus;

/* Finds the languages and their files and, to sample, reads all of them once. Errors name the file and line. Sampling
 * takes the ids with the smallest random numbers, where an id's number depends on the seed and the id alone; ids that
 * some language lacks are never drawn. It fails (EQ_DATA) when fewer ids are in every language. */
struct eq_corpus *eq_corpus_open(const struct eq_corpus_request *request, struct eq_err *err);
void eq_corpus_close(struct eq_corpus *c); /* NULL too */

/* Ids that were left out of the drawing because some language lacks them. */
uint64_t eq_corpus_left_out(const struct eq_corpus *c);

/* The next segment, with lang a BCP 47 tag, borrowed until the next call. False at the end, or at an error (err set):
 * what segments.h says, an id twice in one language, or joined texts longer than EQ_LINE_MAX. err must not be NULL and
 * must be clear. */
bool eq_corpus_next(struct eq_corpus *c, struct eq_segment *segment, struct eq_err *err);

#endif
