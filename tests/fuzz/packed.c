/* Any bytes as a config.json (after its size in two bytes) and a safetensors file: its quantized layers are read, each
 * value within the file, or refused in one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tensor/quantization.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* All of a small tensor, the ends of a large one; the same in other pieces. */
static void read_values(const struct eq_tensor *t) {
  enum { MOST = 4096, PIECE = 7 };
  float whole[MOST], piece[PIECE];
  size_t n = t->n < MOST ? t->n : MOST;
  eq_tensor_decode(t, 0, n, whole);
  for (size_t i = 0; i + PIECE <= n; i += PIECE) {
    eq_tensor_decode(t, i, PIECE, piece);
    if (memcmp(piece, whole + i, sizeof piece) != 0) abort();
  }
  eq_tensor_decode(t, t->n - n, n, whole);
}

static void check(const struct eq_checkpoint *c) {
  for (size_t i = 0; i < c->n_tensors; i++) {
    const struct eq_tensor *t = &c->tensors[i];
    if (eq_checkpoint_find(c, t->name) != t) abort();
    if (t->packed && t->dims[0] * t->dims[1] != t->n) abort();
    read_values(t);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_safetensors s;
  struct eq_err err = { 0 };
  if (n < 2) return 0;
  size_t size = bytes[0] | (size_t)bytes[1] << 8;
  if (size > n - 2 || !eq_safetensors_parse(&s, "x.safetensors", bytes + 2 + size, n - 2 - size, NULL)) return 0;
  struct eq_checkpoint c = { .path = eq_copy_string("x.safetensors", 13), .n_tensors = s.n_tensors };
  c.tensors = eq_array(s.n_tensors, sizeof *c.tensors);
  if (!c.path || !c.tensors) abort();
  if (s.n_tensors) memcpy(c.tensors, s.tensors, s.n_tensors * sizeof *c.tensors);
  bool good = eq_quantization_read(&c, "config.json", (struct eq_str){ (const char *)bytes + 2, size }, NULL, &err);
  if (good == (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
  if (good) check(&c);
  eq_checkpoint_close(&c);
  eq_safetensors_close(&s);
  return 0;
}
