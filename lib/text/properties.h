/* properties.h: the named sets of characters of Oniguruma's regular expressions (\p{...}, [[:name:]], \w, \h), Unicode
 * 16, in the terms of PCRE2 10.42, which knows Unicode 14. Written down from the answers of tokenizers 0.23.3 about
 * every code point. */
#ifndef EQ_TEXT_PROPERTIES_H
#define EQ_TEXT_PROPERTIES_H

#include "lib/base/buffer.h"

/* Members as they stand in PCRE2's brackets, without those in `except`; all others instead, when inverted. */
struct eq_named_set {
  struct eq_buffer members, except; /* except: empty most often */
  bool inverted;
};
void eq_named_set_free(struct eq_named_set *s);

/* Where a name stands: they do not mean the same everywhere. */
enum eq_set_place {
  EQ_SET_ALONE,   /* \p{Word}, \w */
  EQ_SET_IN_CLASS /* [\p{Word}], [\w], [[:word:]] */
};

/* Fills in *s (from {0}; free it in any case) for a property: a general category, a script, a POSIX class or one of
 * the binary properties that are supported. False when Oniguruma has no such name, or it is not supported. Case,
 * spaces, hyphens and underscores in a name do not count. A name that is nothing else is taken for a script; PCRE2
 * refuses it when it is none. */
bool eq_named_set_property(struct eq_str name, enum eq_set_place place, struct eq_named_set *s);

/* The same for [[:name:]]. */
bool eq_named_set_posix(struct eq_str name, struct eq_named_set *s);

#endif
