/* safetensors.h: a .safetensors file, mapped and checked; nothing is copied.
 * Format: https://github.com/huggingface/safetensors#format (u64 header length, JSON header, data). */
#ifndef EQ_TENSOR_SAFETENSORS_H
#define EQ_TENSOR_SAFETENSORS_H

#include <stdint.h>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/tensor/tensor.h"

enum {
  EQ_SAFETENSORS_HEADER_MAX = 100000000, /* bytes; the limit of the reference implementation */
  EQ_TENSORS_MAX = 1 << 18,              /* in a file; the largest sharded models have a few thousand */
};

struct eq_safetensors {
  struct eq_file file;       /* {0} after eq_safetensors_parse */
  struct eq_tensor *tensors; /* sorted by name */
  size_t n_tensors;
  struct eq_str metadata; /* the text of __metadata__, an object of strings, checked; {NULL, 0} when there is none */
};

/* Maps and checks: header length at most 100 MB and inside the file, valid JSON with no duplicate key, known dtypes,
 * products of shapes without overflow, data_offsets equal to that size, in the file, without holes or overlaps.
 * Messages name the file, the tensor, what was found and what was expected. The header is read a tensor at a time: a
 * bad one costs what its tensors before the fault cost (about 200 bytes each), whatever its length says. More limits,
 * far from any real file: 16 MiB of names, 4 KiB a name or entry, 2 MiB of __metadata__. */
bool eq_safetensors_open(struct eq_safetensors *s, const char *path, struct eq_err *err);

/* The same for a file's bytes[0..n) in memory, which must outlive s; `where` names it in messages. */
bool eq_safetensors_parse(struct eq_safetensors *s, const char *where, const void *bytes, size_t n, struct eq_err *err);
void eq_safetensors_close(struct eq_safetensors *s); /* of {0} too */

/* By name; NULL when there is none. O(log n). */
const struct eq_tensor *eq_safetensors_find(const struct eq_safetensors *s, const char *name);

#endif
