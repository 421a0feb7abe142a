/* pattern.h: regular expressions as tokenizer.json has them (Oniguruma's Ruby syntax), run by PCRE2. */
#ifndef EQ_TEXT_PATTERN_H
#define EQ_TEXT_PATTERN_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

struct eq_pattern;

/* Compiles for UTF-8 with Unicode properties; what is written otherwise for PCRE2 is translated (oniguruma.h). NULL and
 * err when it fails. */
struct eq_pattern *eq_pattern_new(struct eq_str expression, struct eq_err *err);
/* The same of an expression in PCRE2's own terms. */
struct eq_pattern *eq_pattern_new_pcre2(struct eq_str expression, struct eq_err *err);
void eq_pattern_free(struct eq_pattern *p); /* NULL too */

/* The steps of matching that all patterns together may take for one text, whatever they cut it into: two hundred
 * million, and a thousand for each byte, a few seconds for a megabyte. What matches within 256 bytes of where it is
 * looked for is not counted, as it is bounded. */
struct eq_pattern_work {
  uint64_t done, most;
};
struct eq_pattern_work eq_pattern_work_of(size_t n);

/* Cuts the well-formed text[0..n) at the matches: calls piece(context, start, end, match) in order for each match,
 * which may be empty (though not right after another), and for what lies between, until it returns false. False then,
 * or when that takes more steps than are left in `work` (NULL: than a text of n bytes may take) or 64 MiB (err set).
 * Threads may share p. */
bool eq_pattern_cut(const struct eq_pattern *p, struct eq_pattern_work *work, const char *text, size_t n,
                    bool (*piece)(void *context, size_t start, size_t end, bool match), void *context,
                    struct eq_err *err);

#endif
