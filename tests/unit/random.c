/* Philox4x32-10 against the known answers that its authors publish (Random123, tests/kat_vectors), and what is built on
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/random.h"

static void philox_gives_the_known_answers(void **state) {
  (void)state;
  static const struct {
    uint64_t block, stream, seed;
    uint32_t out[4];
  } known[] = {
    { 0, 0, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { UINT64_MAX, UINT64_MAX, UINT64_MAX, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { 0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822, { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
  };
  for (size_t i = 0; i < 3; i++) {
    uint32_t out[4];
    eq_random_block(known[i].seed, known[i].stream, known[i].block, out);
    assert_memory_equal(out, known[i].out, sizeof out);
  }
}

static void numbers_are_of_the_block_at_their_index(void **state) {
  (void)state;
  uint32_t out[4];
  eq_random_block(7, 3, 11, out);
  uint64_t first = (uint64_t)out[1] << 32 | out[0];
  assert_int_equal(eq_random_u64(7, 3, 11), first);
  assert_true(eq_random_f64(7, 3, 11) >= (double)(first >> 11) / 0x1p53 && eq_random_f64(7, 3, 11) < 1);
}

static void below_stays_below_and_is_even(void **state) {
  (void)state;
  uint64_t count[7] = { 0 };
  for (uint64_t i = 0; i < 70000; i++) {
    uint64_t v = eq_random_below(1, 2, i, 7);
    assert_true(v < 7);
    count[v]++;
  }
  double chi2 = 0; /* 6 degrees of freedom: above 22.5 once in a thousand; the numbers are always the same */
  for (int v = 0; v < 7; v++) chi2 += ((double)count[v] - 1e4) * ((double)count[v] - 1e4) / 1e4;
  assert_true(chi2 < 22.5);
  assert_int_equal(eq_random_below(1, 2, 3, 1), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(philox_gives_the_known_answers),
    cmocka_unit_test(numbers_are_of_the_block_at_their_index),
    cmocka_unit_test(below_stays_below_and_is_even),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
