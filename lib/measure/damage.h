/* damage.h: what a recipe did to a language, from its pairs: everything but the intervals. */
#ifndef EQ_MEASURE_DAMAGE_H
#define EQ_MEASURE_DAMAGE_H

#include "lib/measure/pairs.h"

/* Below either of these a language has too little text for its intervals to be trusted. */
enum { EQ_LITTLE_SEGMENTS = 30, EQ_LITTLE_TOKENS = 1000 };

enum eq_damage_flag {
  EQ_SATURATED = 1,   /* mean surprisal a token above ln(vocab): worse than a guess without a model */
  EQ_LITTLE_TEXT = 2, /* fewer than EQ_LITTLE_SEGMENTS pairs or EQ_LITTLE_TOKENS scored tokens */
  EQ_INCOMPLETE = 4,  /* the recipe lacks a score that the base has: the damage may be understated */
  EQ_LEVELS_DOWN = 8, /* of a disparity: see disparity.h */
};

/* "saturated,little-text": a string constant. */
struct eq_str eq_damage_flags(unsigned flags);

/* Fills the counts and estimates of d from the pairs, deltas and intervals excepted; NaN where it has no pairs, or no
 * bytes or characters to divide by. Returns its flags. */
unsigned eq_damage_of(struct eq_damage *d, const struct eq_pairs *p);

#endif
