/* Any bytes as the file of a key, and as a list of public keys: what is taken is whole, and nothing is read beyond. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stream/curve.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_str text = { (const char *)bytes, n };
  struct eq_curve_pair pair;
  unsigned char *keys;
  size_t n_keys;
  struct eq_err err = { 0 };
  if (eq_curve_parse("input", text, &pair, &err) == (err.code != EQ_OK)) abort();
  if (!err.code && (strlen(pair.public_key) != EQ_CURVE_TEXT - 1 || strlen(pair.secret_key) != EQ_CURVE_TEXT - 1))
    abort();
  err = (struct eq_err){ 0 };
  if (eq_curve_parse_public("input", text, &keys, &n_keys, &err) == (err.code != EQ_OK)) abort();
  if (!err.code && (!n_keys || n_keys > n / EQ_CURVE_TEXT)) abort();
  free(keys);
  return 0;
}
