#include "lib/text/byte_alphabet.h"

/* The bytes that are no printable characters, in order: 0x00-0x20, 0x7F-0xA0 and 0xAD. */
enum { FIRST = 256, CONTROLS = 0x21, DELETE = 0x7F, MIDDLE = 0xA1 - DELETE, SOFT_HYPHEN = 0xAD };

uint32_t eq_byte_character(unsigned char byte) {
  if (byte < CONTROLS) return FIRST + byte;
  if (byte >= DELETE && byte < DELETE + MIDDLE) return FIRST + CONTROLS + byte - DELETE;
  return byte == SOFT_HYPHEN ? FIRST + CONTROLS + MIDDLE : byte;
}

unsigned eq_character_byte(uint32_t c) {
  if (c < FIRST) return eq_byte_character((unsigned char)c) == c ? c : EQ_NOT_A_BYTE;
  if (c < FIRST + CONTROLS) return c - FIRST;
  if (c < FIRST + CONTROLS + MIDDLE) return c - FIRST - CONTROLS + DELETE;
  return c == FIRST + CONTROLS + MIDDLE ? SOFT_HYPHEN : EQ_NOT_A_BYTE;
}
