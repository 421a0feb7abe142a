/* normal_form.h: the normal forms of Unicode Standard Annex #15, as rewritings. Tables are utf8proc's (Unicode 15), and
 * for tokenizers held to Unicode 9 as the reference's are (classes.h). */
#ifndef EQ_TEXT_NORMAL_FORM_H
#define EQ_TEXT_NORMAL_FORM_H

#include "lib/text/aligned.h"
#include "lib/text/unicode.h"

enum eq_form { EQ_NFC, EQ_NFC_9, EQ_NFD_9, EQ_NFKC_9, EQ_NFKD_9 };

/* A character of a stretch that is normalised, and how many characters of the text it stands for: 0 when it was put
 * in, more than 1 when it swallowed those after it. */
struct eq_form_part {
  int32_t c;
  int32_t stands_for;
};

/* Scratch; start from {0}. */
struct eq_form_scratch {
  struct eq_form_part *parts, *spare;
  size_t capacity;
};
void eq_form_scratch_free(struct eq_form_scratch *s);

/* Appends a part to the n that are there; false when memory is out. */
bool eq_form_push(struct eq_form_scratch *s, size_t *n, uint32_t c, int32_t stands_for);
/* Rewrites the characters that n parts stand for. */
void eq_form_apply(const struct eq_form_scratch *s, size_t n, struct eq_rewriting *r);

/* Rewrites all of r's well-formed text. Linear in its length. */
void eq_form_rewrite(struct eq_form_scratch *s, const struct eq_unicode *u, enum eq_form form, struct eq_rewriting *r);

#endif
