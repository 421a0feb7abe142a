#include "lib/recipe/glob.h"

#include <string.h>

/* Does the element of a pattern at *p match c? Moves *p behind it. In [set] and [!set] the first character is always a
 * member; a '[' that is never closed is a letter. */
static bool match_one(const char **p, const char *end, char c) {
  const char *at = *p, *set = at + 1 + (end - at > 1 && at[1] == '!');
  const char *close = *at == '[' && end - set > 1 ? memchr(set + 1, ']', (size_t)(end - set - 1)) : NULL;
  *p = close ? close + 1 : at + 1;
  if (!close) return *at == '?' || *at == c;
  bool found = false;
  for (const char *member = set; member < close; member++) {
    bool span = close - member > 2 && member[1] == '-';
    unsigned char low = (unsigned char)member[0], high = (unsigned char)member[span ? 2 : 0];
    found |= low <= (unsigned char)c && (unsigned char)c <= high;
    member += span ? 2 : 0;
  }
  return found == (set == at + 1);
}

/* Only the last * has to be tried again: what stands before it matched as early as it could. */
bool eq_glob_match(struct eq_str pattern, const char *name) {
  const char *p = pattern.p, *end = pattern.p + pattern.n, *star = NULL, *again = NULL;
  while (*name) {
    const char *next = p;
    if (p < end && *p == '*') {
      star = ++p;
      again = name;
    } else if (p < end && match_one(&next, end, *name)) {
      p = next;
      name++;
    } else if (star) {
      p = star;
      name = ++again;
    } else
      return false;
  }
  while (p < end && *p == '*') p++;
  return p == end;
}
