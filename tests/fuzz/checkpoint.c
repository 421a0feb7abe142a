/* Any bytes as the index of two shards: opened or refused in one line. What was opened is sorted and in its files. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/tensor/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char *const headers[] = { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                                       "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}" };
static char folder[] = "/tmp/equant-fuzz-XXXXXX";

static void write_file(const char *name, const void *a, size_t n_a, const void *b, size_t n_b) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(a, 1, n_a, f) != n_a || fwrite(b, 1, n_b, f) != n_b || fclose(f)) abort();
}

static void remove_folder(void) {
  static const char *const names[] = { "1.safetensors", "2.safetensors", "model.safetensors.index.json" };
  char path[128];
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  rmdir(folder);
}

static void make_folder(void) {
  if (!mkdtemp(folder)) abort();
  atexit(remove_folder);
  for (int i = 0; i < 2; i++) {
    char name[32], body[128];
    uint64_t n = strlen(headers[i]);
    snprintf(name, sizeof name, "%d.safetensors", i + 1);
    memcpy(body, headers[i], n);
    memset(body + n, 0, 4);
    write_file(name, &n, sizeof n, body, n + 4);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_checkpoint c;
  struct eq_err err = { 0 };
  static bool made;
  if (!made) make_folder();
  made = true;
  write_file("model.safetensors.index.json", bytes, n, "", 0);
  bool good = eq_checkpoint_open(&c, folder, &err);
  if (good == (err.code != EQ_OK) || strchr(err.text, '\n')) abort();
  for (size_t i = 0; i < c.n_tensors; i++)
    if (eq_checkpoint_find(&c, c.tensors[i].name) != &c.tensors[i] || c.tensors[i].n != 1) abort();
  eq_checkpoint_close(&c);
  return 0;
}
