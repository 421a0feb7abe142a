/* Any bytes as a safetensors file: refused with a message, or every element of every tensor can be read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void read_all(const struct eq_tensor *t) {
  float out[16];
  size_t size = eq_dtype_size(t->dtype);
  for (size_t i = 0; i < t->n; i += 16)
    eq_dtype_decode(t->dtype, (const char *)t->data + i * size, t->n - i < 16 ? t->n - i : 16, out);
}

static void parse(const uint8_t *bytes, size_t n) {
  struct eq_safetensors s;
  struct eq_err err = { 0 };
  bool ok = eq_safetensors_parse(&s, "fuzz", bytes, n, &err);
  if (ok == (err.code != EQ_OK)) abort();
  for (size_t i = 0; ok && i < s.n_tensors; i++) {
    if (eq_safetensors_find(&s, s.tensors[i].name) != &s.tensors[i]) abort();
    read_all(&s.tensors[i]);
  }
  eq_safetensors_close(&s);
}

/* Once as they are, once with a header length that fits: else hardly an input gets past that check. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  parse(bytes, n);
  uint64_t size;
  uint8_t *fitting = n >= sizeof size ? malloc(n) : NULL;
  if (!fitting) return 0;
  memcpy(fitting, bytes, n);
  size = (uint64_t)(bytes[0] + 256 * bytes[1]) % (n - sizeof size + 1);
  memcpy(fitting, &size, sizeof size);
  parse(fitting, n);
  free(fitting);
  return 0;
}
