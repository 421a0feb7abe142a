/* json_source.h: the parts of a JSON text that is read into something, as spans of it: what a tokenizer.json is made
 * of, objects of members, variants named by their "type", lists. An absent or null value is a span with p NULL. Every
 * function returns false after an error, which names the file. */
#ifndef EQ_TEXT_JSON_SOURCE_H
#define EQ_TEXT_JSON_SOURCE_H

#include "lib/text/json.h"

struct eq_source {
  const char *where; /* the file, in messages */
  struct eq_str text;
  struct eq_err *err;
};

/* Says whether the text is UTF-8, which all else expects. */
bool eq_source_check(const struct eq_source *s);
/* Reads a span; messages count bytes from the start of the file. */
void eq_source_open(const struct eq_source *s, struct eq_json *j, struct eq_str span);

/* Spans of the n members of an object that are asked for; the others are checked and passed over. */
bool eq_source_members(const struct eq_source *s, struct eq_str object, const char *const *keys, struct eq_str *spans,
                       size_t n);
bool eq_source_flag(const struct eq_source *s, struct eq_str span, bool when_absent, bool *value);
bool eq_source_u64(const struct eq_source *s, struct eq_str span, uint64_t when_absent, uint64_t *value);
/* A string, decoded to a copy that ends in 0 (free it); "" when absent. */
bool eq_source_string(const struct eq_source *s, struct eq_str span, char **value);
/* The string under "type", likewise. */
bool eq_source_type(const struct eq_source *s, struct eq_str object, char **type);
/* Fails: "what 'name' is not supported, expected ...". */
bool eq_source_refuse(const struct eq_source *s, const char *what, const char *name, const char *expected);

typedef bool (*eq_variant_reader)(const struct eq_source *s, struct eq_str object, void *into);
struct eq_variant {
  const char *type;
  eq_variant_reader read;
};
/* Reads an object by the row that its "type" names; any other type is refused as a `what` by its name. */
bool eq_source_variant(const struct eq_source *s, struct eq_str object, const char *what,
                       const struct eq_variant *variants, size_t n, void *into);
/* The same where the type is known already. */
bool eq_source_named(const struct eq_source *s, const char *type, struct eq_str object, const char *what,
                     const struct eq_variant *variants, size_t n, void *into);
/* Calls read for each element of an array. */
bool eq_source_each(const struct eq_source *s, struct eq_str array, eq_variant_reader read, void *into);
/* The same of the array under `key`, if it is there. */
bool eq_source_sequence(const struct eq_source *s, struct eq_str object, const char *key, eq_variant_reader read,
                        void *into);

#endif
