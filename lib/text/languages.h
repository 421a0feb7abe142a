/* languages.h: what each language variety is: its tags, script, family, resource class. The table is
 * corpora/languages.tsv, built into the library; corpora/SOURCES names the sources of its columns. */
#ifndef EQ_TEXT_LANGUAGES_H
#define EQ_TEXT_LANGUAGES_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* A row of the table, a string a column; an empty one is unknown or does not apply. */
struct eq_language {
  struct eq_str tag;       /* BCP 47, unique: what records carry as lang */
  struct eq_str iso639_3;  /* "und" when the variety has no code */
  struct eq_str name;      /* English */
  struct eq_str script;    /* ISO 15924 */
  struct eq_str direction; /* "ltr" or "rtl" */
  struct eq_str family;    /* top-level family of Glottolog; an isolate's own name */
  struct eq_str joshi;     /* resource class, "0" (least) to "5": Joshi et al. 2020, section 3 */
  struct eq_str group;     /* "high", "medium", "low" of the public disparity experiments */
  struct eq_str udhr;      /* its file in corpora/udhr, without ".tsv" */
  struct eq_str also;      /* other names, separated by spaces */
};

struct eq_languages {
  struct eq_language *rows; /* in the order of the table: of one ISO 639-3 code, the default variety first */
  size_t n;
};

/* Reads the built-in table; the strings point into the library. Free with eq_languages_free. */
bool eq_languages_open(struct eq_languages *l, struct eq_err *err);
void eq_languages_free(struct eq_languages *l); /* of {0} too */

/* The row that a name means, by the case-insensitive match of, in this order: a tag, a file of corpora/udhr, another
 * name, an ISO 639-3 code (then its default variety). NULL when no row has it. */
const struct eq_language *eq_languages_find(const struct eq_languages *l, struct eq_str name);

/* The value of a column by its name in the table's first line ("family"); false when there is no such column. */
bool eq_language_column(const struct eq_language *row, const char *column, struct eq_str *value);

/* True when `tag` has the form of a BCP 47 tag (RFC 5646): subtags of 1 to 8 letters and digits between hyphens, the
 * first of 2 to 8 letters or "x". */
bool eq_language_tag_is_well_formed(struct eq_str tag);

#endif
