/* groups.h: which group each language of a stream belongs to. */
#ifndef EQ_MEASURE_GROUPS_H
#define EQ_MEASURE_GROUPS_H

#include "lib/base/file.h"
#include "lib/measure/names.h"
#include "lib/text/languages.h"

struct eq_groups {
  struct eq_str *of; /* [langs->n]; p NULL: no group */
  struct eq_languages languages;
  struct eq_file file; /* what `of` may point into */
};

/* `where` is a column of the table of languages (languages.h), or else a file of lines "language TAB group" (UTF-8;
 * a byte order mark, empty lines and lines that begin with # don't count). A language is named as in the stream, or in
 * any way that the table of languages knows. Fails (EQ_BAD) when `where` is neither, naming the columns; on a line that
 * is not UTF-8, has not one tab or an empty half; on a language with two groups. The owner calls eq_groups_close, also
 * after a failure. */
bool eq_groups_open(struct eq_groups *g, const char *where, const struct eq_names *langs, struct eq_err *err);
void eq_groups_close(struct eq_groups *g);

/* True when the comma list `names` has this group. */
bool eq_group_listed(struct eq_str group, struct eq_str names);

#endif
