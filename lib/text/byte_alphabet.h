/* byte_alphabet.h: GPT-2's alphabet, in which each of the 256 bytes has a printable character of its own: printable
 * characters of Latin-1 stand for themselves, the others follow from U+0100 on in order. Radford et al. 2019. */
#ifndef EQ_TEXT_BYTE_ALPHABET_H
#define EQ_TEXT_BYTE_ALPHABET_H

#include <stdint.h>

enum { EQ_NOT_A_BYTE = 256 };

/* The character of a byte, below 512. */
uint32_t eq_byte_character(unsigned char byte);
/* The byte of a character, or EQ_NOT_A_BYTE. */
unsigned eq_character_byte(uint32_t c);

#endif
