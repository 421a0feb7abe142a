/* Any bytes as a GGUF file: read or refused in one line. What was read lies in the file and is found by its name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tensor/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static unsigned sum(const char *p, size_t n) {
  unsigned total = 0;
  for (size_t i = 0; i < n; i++) total += (unsigned char)p[i];
  return total;
}

static unsigned look_at_value(const struct eq_gguf_value *v) {
  struct eq_str rest = v->bytes, s;
  uint64_t n = 0, u;
  double x;
  unsigned total = sum(v->bytes.p, v->bytes.n);
  while (v->type == EQ_GGUF_STRING && eq_gguf_next_string(&rest, &s)) {
    total += sum(s.p, s.n);
    n++;
  }
  if (v->type == EQ_GGUF_STRING && (n != v->n || rest.n)) abort();
  if (v->n && eq_gguf_u64(v, v->n - 1, &u) && !eq_gguf_f64(v, v->n - 1, &x)) abort();
  return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static volatile unsigned sink;
  struct eq_gguf g;
  struct eq_err err = { 0 };
  bool good = eq_gguf_parse(&g, "x.gguf", bytes, n, &err);
  if (good == (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
  for (size_t i = 0; i < g.n_keys; i++) sink += look_at_value(&g.keys[i].value);
  for (size_t i = 0; i < g.n_tensors; i++) {
    const struct eq_gguf_tensor *t = &g.tensors[i];
    if (eq_gguf_tensor(&g, t->name) != t) abort();
    sink += sum(t->data, t->size);
  }
  eq_gguf_close(&g);
  return 0;
}
