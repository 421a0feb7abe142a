#include "lib/base/random.h"

void eq_random_block(uint64_t seed, uint64_t stream, uint64_t block, uint32_t out[4]) {
  uint32_t c[4] = { (uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream, (uint32_t)(stream >> 32) };
  uint32_t k[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
  for (int round = 0; round < 10; round++) {
    uint64_t a = 0xD2511F53ull * c[0], b = 0xCD9E8D57ull * c[2];
    uint32_t next[4] = { (uint32_t)(b >> 32) ^ c[1] ^ k[0], (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k[1],
                         (uint32_t)a };
    for (int i = 0; i < 4; i++) c[i] = next[i];
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  for (int i = 0; i < 4; i++) out[i] = c[i];
}

uint64_t eq_random_u64(uint64_t seed, uint64_t stream, uint64_t index) {
  uint32_t w[4];
  eq_random_block(seed, stream, index, w);
  return (uint64_t)w[1] << 32 | w[0];
}

double eq_random_f64(uint64_t seed, uint64_t stream, uint64_t index) {
  return (double)(eq_random_u64(seed, stream, index) >> 11) * 0x1p-53;
}

uint64_t eq_random_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t n) {
  return (uint64_t)((unsigned __int128)eq_random_u64(seed, stream, index) * n >> 64);
}
