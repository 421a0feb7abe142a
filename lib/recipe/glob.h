/* glob.h: names of tensors against a shell's pattern. */
#ifndef EQ_RECIPE_GLOB_H
#define EQ_RECIPE_GLOB_H

#include "lib/base/buffer.h"

/* Does the whole name match? In the pattern * stands for any bytes (points too), ? for one, [a-c7] for one of a set,
 * [!a-c7] for one outside it; a '[' that is not closed is itself. Case matters, and there is no escape: [*] is a star.
 * At worst O(length of pattern x length of name), whatever the stars. */
bool eq_glob_match(struct eq_str pattern, const char *name);

#endif
