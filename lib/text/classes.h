/* classes.h: the classes of characters that normalizers and pre-tokenizers of Hugging Face's tokenizers ask for, each
 * in the version of Unicode in which they ask for it. Written down from the answers of tokenizers 0.23.3 about every
 * code point. */
#ifndef EQ_TEXT_CLASSES_H
#define EQ_TEXT_CLASSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool eq_is_space(uint32_t c);       /* White_Space */
bool eq_is_letter(uint32_t c);      /* general category L*, Unicode 16: \p{L} of Split and ByteLevel */
bool eq_is_number(uint32_t c);      /* N*, Unicode 16: \p{N} likewise */
bool eq_is_numeric(uint32_t c);     /* N*, Unicode 17: Digits */
bool eq_is_word(uint32_t c);        /* \w of Whitespace and of single_word: letters, marks, digits, joiners */
bool eq_is_punctuation(uint32_t c); /* P*, Unicode 8, and all symbols of ASCII: Punctuation, BertPreTokenizer */
bool eq_is_mark(uint32_t c);        /* M*, Unicode 9: StripAccents */
bool eq_is_nonspacing(uint32_t c);  /* Mn, Unicode 8: BertNormalizer */
bool eq_is_other(uint32_t c);       /* Cc, Cf and Co, Unicode 8: what BertNormalizer's clean_text takes away */
bool eq_is_ideograph(uint32_t c);   /* the blocks of ideographs that BertNormalizer puts spaces around */

/* Of llama.cpp, Unicode 15.1: what its words of BERT are apart from (punctuation, symbols of ASCII, ideographs), what
 * goes from a text (controls, formats, private use), M*, the simple lower case. */
bool eq_is_llama_word(uint32_t c);
bool eq_is_llama_control(uint32_t c);
bool eq_is_llama_mark(uint32_t c);
uint32_t eq_llama_lowercase(uint32_t c);
/* A letter or number in Unicode 16 and not yet in 15.1. */
bool eq_is_after_15(uint32_t c);

/* Not yet in Unicode 9: normal forms leave it. */
bool eq_is_after_9(uint32_t c);

/* The script in Unicode 9, as UnicodeScripts asks for it: kana are Han; EQ_SCRIPT_UNKNOWN, which goes with any script,
 * for the space and for what has no script there. */
unsigned eq_script_9(uint32_t c);

/* The lower case of c, Unicode 17, without context: 1 or 2 characters. */
size_t eq_lowercase(uint32_t c, uint32_t lower[2]);

#endif
