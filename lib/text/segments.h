/* segments.h: the segments of one corpus file, checked as they are read. Memory does not grow with the file.
 *
 * tsv    a line is "id TAB text"; the text is the rest of the line, further tabs included
 * lines  a line is a text, its number (from 1) is the id
 * jsonl  a line is an object with "id" (string or whole number), "text" and perhaps "lang"; other keys are ignored
 *
 * Everywhere: UTF-8, lines end in LF or CRLF, a byte order mark at the start is skipped, NUL bytes are refused, the
 * last line may lack its end. A file without a line is an error. */
#ifndef EQ_TEXT_SEGMENTS_H
#define EQ_TEXT_SEGMENTS_H

#include <stdint.h>

#include "lib/base/error.h"
#include "lib/base/file.h"

enum eq_corpus_format { EQ_CORPUS_AUTO, EQ_CORPUS_TSV, EQ_CORPUS_LINES, EQ_CORPUS_JSONL };

/* A longer line is refused: with its tokens it would not fit in one record. */
enum { EQ_LINE_MAX = 32 << 20 };

/* Strings are borrowed until the next segment is read. */
struct eq_segment {
  struct eq_str lang; /* as the file spells it; p is NULL where it says none */
  struct eq_str id, text;
};

struct eq_segments {
  struct eq_file file; /* {0} for a text in memory */
  struct eq_str all;
  const char *name; /* for messages */
  enum eq_corpus_format format;
  size_t at;                            /* of the next line in the file */
  uint64_t line;                        /* number of the line last read, from 1 */
  struct eq_buffer lang, id, text, key; /* decoded JSON; the number of a line */
};

/* "tsv", "lines", "jsonl"; false for another name. */
bool eq_corpus_format_find(const char *name, enum eq_corpus_format *format);

/* Maps the file. EQ_CORPUS_AUTO goes by the extension (.tsv; .jsonl, .ndjson; .txt), else by the first line: an object,
 * a tab, or neither. */
bool eq_segments_open(struct eq_segments *s, const char *path, enum eq_corpus_format format, struct eq_err *err);
/* The same for a text in memory, borrowed as is `name`. For tests and fuzzing. */
bool eq_segments_memory(struct eq_segments *s, const char *name, struct eq_str text, enum eq_corpus_format format,
                        struct eq_err *err);
void eq_segments_close(struct eq_segments *s); /* of {0} too */

/* The next segment; false at the end or, with err set, at a bad line: "corpus.tsv:12: ...". */
bool eq_segments_next(struct eq_segments *s, struct eq_segment *segment, struct eq_err *err);

#endif
