/* gguf_writer.h: a .gguf file of version 3, written tensor by tensor in any order, that appears whole or not at all.
 * What it takes in memory is the keys and the list of tensors. Format: see gguf.h. */
#ifndef EQ_TENSOR_GGUF_WRITER_H
#define EQ_TENSOR_GGUF_WRITER_H

#include "lib/tensor/gguf.h"

/* Keys with their values, as they stand in a file. Start from {0}; the owner frees `bytes`, whose `failed` is checked
 * by who makes a file of them. A name must come once. */
struct eq_gguf_keys {
  struct eq_buffer bytes;
  uint64_t n;
};
void eq_gguf_add_u32(struct eq_gguf_keys *k, const char *name, uint32_t x);
void eq_gguf_add_f32(struct eq_gguf_keys *k, const char *name, float x);
void eq_gguf_add_bool(struct eq_gguf_keys *k, const char *name, bool x);
void eq_gguf_add_text(struct eq_gguf_keys *k, const char *name, struct eq_str text);
/* An array, whose n elements the caller adds next: strings by the function, others by eq_buffer_add to k->bytes. */
void eq_gguf_add_array(struct eq_gguf_keys *k, const char *name, enum eq_gguf_type type, uint64_t n);
void eq_gguf_add_element(struct eq_gguf_keys *k, struct eq_str text);
/* As it is in another file. */
void eq_gguf_add_key(struct eq_gguf_keys *k, const struct eq_gguf_key *key);

/* Adds magic, keys, tensors and the padding before the data to *out; of tensors name, dtype and dims are looked at.
 * offsets[n] (may be NULL when n is 0): of each tensor's data, from the first byte of data on. False when a name or a
 * row does not fit the format. */
bool eq_gguf_add_header(struct eq_buffer *out, const struct eq_gguf_keys *k, const struct eq_gguf_tensor *tensors,
                        size_t n, size_t *offsets, const char *where, struct eq_err *err);

/* Start from {0}. */
struct eq_gguf_writer {
  struct eq_output out;
  const struct eq_gguf_tensor *tensors; /* [n], the caller's */
  size_t n;
  size_t *offsets; /* [n], of each tensor's data in the file */
  size_t *written; /* [n], bytes that came for it */
};
bool eq_gguf_create(struct eq_gguf_writer *w, const char *path, const struct eq_gguf_keys *keys,
                    const struct eq_gguf_tensor *tensors, size_t n, struct eq_err *err);
/* The next bytes of tensor i. */
bool eq_gguf_put(struct eq_gguf_writer *w, size_t i, const void *bytes, size_t n, struct eq_err *err);
/* Fails when a tensor did not get all its bytes. Frees what w holds, and so does the other. */
bool eq_gguf_commit(struct eq_gguf_writer *w, struct eq_err *err);
void eq_gguf_discard(struct eq_gguf_writer *w); /* of {0} too */

#endif
