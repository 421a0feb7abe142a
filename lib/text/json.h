/* json.h: JSON read piece by piece, for files that may be large or hostile: no tree is built, so memory does not grow
 * with the text, and nesting is bounded. The text must be checked UTF-8. RFC 8259.
 *
 *   eq_json_open(&j, path, text, err);
 *   for (eq_json_begin(&j, '{'); eq_json_key(&j, &key_buffer, &key);)
 *     if (eq_str_is(key, "id")) eq_json_u64(&j, &id);
 *     else eq_json_skip(&j, NULL);
 *   if (!eq_json_end(&j)) ...                                     // after an error every call returns false */
#ifndef EQ_TEXT_JSON_H
#define EQ_TEXT_JSON_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

enum { EQ_JSON_DEPTH_MAX = 64 };

struct eq_json {
  const char *where; /* for messages: "tokenizer.json", "corpus.jsonl:12" */
  const char *text, *p, *end;
  struct eq_err *err;
  bool failed, first; /* first: no element of the innermost container was read yet */
  size_t depth;
  char open[EQ_JSON_DEPTH_MAX]; /* '{' or '[' for each container that is open */
};

/* Borrows everything. */
void eq_json_open(struct eq_json *j, const char *where, struct eq_str text, struct eq_err *err);

/* What comes next, without reading it: one of { [ " 0 (a number) t (true or false) n (null), or 0 for none of them. */
char eq_json_peek(struct eq_json *j);

/* Enters an object ('{') or array ('['); fails when the next value is something else. */
bool eq_json_begin(struct eq_json *j, char container);
/* True when another element of the array follows (read it next); false after its end, which is read. */
bool eq_json_next(struct eq_json *j);
/* The same in an object: reads the key too. key points into the text or into scratch. */
bool eq_json_key(struct eq_json *j, struct eq_buffer *scratch, struct eq_str *key);

/* A string: value points into the text, or into scratch (which it replaces) when it has escapes. \u0000 is refused. */
bool eq_json_string(struct eq_json *j, struct eq_buffer *scratch, struct eq_str *value);
bool eq_json_u64(struct eq_json *j, uint64_t *value);
bool eq_json_bool(struct eq_json *j, bool *value);
/* Any value; *span (may be NULL) is its text. */
bool eq_json_skip(struct eq_json *j, struct eq_str *span);

/* True when nothing failed and only white space is left. */
bool eq_json_end(struct eq_json *j);

/* Says what is wrong with the text at the place reached, as "where: byte N: message"; returns false. */
bool eq_json_fail(struct eq_json *j, const char *message);

#endif
