/* safetensors_writer.h: a .safetensors file written tensor by tensor, in any order, that appears whole or not at all.
 * What it takes in memory is the header. Format: see safetensors.h. */
#ifndef EQ_TENSOR_SAFETENSORS_WRITER_H
#define EQ_TENSOR_SAFETENSORS_WRITER_H

#include "lib/base/file.h"
#include "lib/tensor/tensor.h"

/* A line of __metadata__; texts that are not UTF-8 are refused. */
struct eq_safetensors_note {
  const char *key, *value;
};

/* Start from {0}. */
struct eq_safetensors_writer {
  struct eq_output out;
  const struct eq_tensor *tensors; /* [n], the caller's, of which name, dtype, dims and n are looked at */
  size_t n;
  size_t *offsets; /* [n], of each tensor's data in the file */
  size_t *written; /* [n], bytes that came for it */
};

/* Lays out the file and writes its header. Tensors lie by the size of their elements, the largest first, so that each
 * is aligned, and of one size in the order given. `notes` has n_notes. */
bool eq_safetensors_create(struct eq_safetensors_writer *w, const char *path, const struct eq_tensor *tensors, size_t n,
                           const struct eq_safetensors_note *notes, size_t n_notes, struct eq_err *err);

/* The next bytes of tensor i. */
bool eq_safetensors_put(struct eq_safetensors_writer *w, size_t i, const void *bytes, size_t n, struct eq_err *err);

/* Fails when a tensor did not get all its bytes. Frees what w holds, and so does the other. */
bool eq_safetensors_commit(struct eq_safetensors_writer *w, struct eq_err *err);
void eq_safetensors_discard(struct eq_safetensors_writer *w); /* of {0} too */

#endif
