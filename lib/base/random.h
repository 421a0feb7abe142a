/* random.h: counter-based random numbers. The i-th number of a stream is a pure function of (seed, stream, i), so
 * threads and shards draw the same numbers in any order. Philox4x32-10: Salmon et al. 2011, "Parallel random numbers:
 * as easy as 1, 2, 3", section 3.3. Not for secrets. */
#ifndef EQ_BASE_RANDOM_H
#define EQ_BASE_RANDOM_H

#include <stdint.h>

/* The key is the seed, the counter is (index, stream). */
uint64_t eq_random_u64(uint64_t seed, uint64_t stream, uint64_t index);

/* Four numbers a block: out[0..3] are the block's 32-bit words; the counter is (block, stream). */
void eq_random_block(uint64_t seed, uint64_t stream, uint64_t block, uint32_t out[4]);

/* Uniform in [0, 1), 53 bits. */
double eq_random_f64(uint64_t seed, uint64_t stream, uint64_t index);

/* Uniform in 0..n-1, n > 0, by multiplication; its bias is below n / 2^64. */
uint64_t eq_random_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t n);

#endif
