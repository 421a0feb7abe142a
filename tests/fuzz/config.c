/* Any bytes as a config.json: read or refused in one line. What was read has sizes whose products fit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static volatile size_t sink;
  struct eq_config c;
  struct eq_err err = { 0 };
  char *exact = malloc(n ? n : 1); /* without spare bytes, for the sanitizer */
  if (n) memcpy(exact, bytes, n);
  bool good = eq_config_read(&c, "config.json", (struct eq_str){ exact, n }, &err);
  if (good == (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
  for (size_t l = 0; good && l < c.n_layers; l++) sink += c.layers[l].window;
  for (size_t h = 0; good && c.alibi && h < c.n_heads; h++) sink += c.alibi[h] > 0;
  for (size_t s = 0; good && s < c.arch->n_slots; s++) {
    size_t elements, rows = c.dims[c.arch->slots[s].rows], cols = c.dims[c.arch->slots[s].cols];
    bool there = eq_config_has(&c, c.arch->slots[s].feature, 0);
    if (there && (!rows || !cols || __builtin_mul_overflow(rows, cols * sizeof(float), &elements))) abort();
  }
  eq_config_free(&c);
  free(exact);
  return 0;
}
