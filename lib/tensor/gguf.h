/* gguf.h: a .gguf file, mapped and checked; nothing is copied.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian. */
#ifndef EQ_TENSOR_GGUF_H
#define EQ_TENSOR_GGUF_H

#include <stdint.h>

#include "lib/base/error.h"
#include "lib/base/file.h"

enum {
  EQ_GGUF_DIMS_MAX = 4,
  EQ_GGUF_NAME_MAX = 1 << 12, /* bytes of a key or of a tensor's name */
  EQ_GGUF_KEYS_MAX = 1 << 16, /* in a file; real ones have less than 100 */
  EQ_GGUF_TENSORS_MAX = 1 << 18,
  EQ_GGUF_ALIGNMENT_MAX = 1 << 20,
};

/* The numbers of the format. */
enum eq_gguf_type {
  EQ_GGUF_U8,
  EQ_GGUF_I8,
  EQ_GGUF_U16,
  EQ_GGUF_I16,
  EQ_GGUF_U32,
  EQ_GGUF_I32,
  EQ_GGUF_F32,
  EQ_GGUF_BOOL,
  EQ_GGUF_STRING,
  EQ_GGUF_ARRAY,
  EQ_GGUF_U64,
  EQ_GGUF_I64,
  EQ_GGUF_F64,
  EQ_GGUF_TYPES
};

/* One value is n = 1 of its type; an array has n elements. Arrays of arrays are refused. */
struct eq_gguf_value {
  enum eq_gguf_type type; /* of the elements; never EQ_GGUF_ARRAY */
  bool is_array;
  uint64_t n;
  struct eq_str bytes; /* the elements as they stand in the file: little-endian, not aligned; strings with lengths */
};

struct eq_gguf_key {
  struct eq_str name;
  struct eq_gguf_value value;
};

/* How a tensor's elements are stored: `bytes` hold `block` of them, which follow one another along the first
 * dimension. */
struct eq_gguf_dtype {
  const char *name; /* as ggml spells it: "F32", "Q4_K" */
  uint32_t number;
  uint32_t block, bytes;
};
/* NULL when there is none of that number or name. */
const struct eq_gguf_dtype *eq_gguf_dtype(uint32_t number);
const struct eq_gguf_dtype *eq_gguf_dtype_find(struct eq_str name);

/* The first dimension is the one that runs fastest: a row of a matrix has dims[0] elements. */
struct eq_gguf_tensor {
  struct eq_str name;
  const struct eq_gguf_dtype *dtype;
  size_t n_dims, dims[EQ_GGUF_DIMS_MAX];
  size_t n, size; /* elements, bytes */
  const char *data;
};

struct eq_gguf {
  struct eq_file file; /* {0} after eq_gguf_parse */
  uint32_t version;
  size_t alignment;
  size_t header;            /* bytes before the data: magic, keys, tensor infos, without the padding */
  struct eq_gguf_key *keys; /* sorted by name */
  size_t n_keys;
  struct eq_gguf_tensor *tensors; /* sorted by name */
  size_t n_tensors;
};

/* Maps and checks: magic and version; every length and count against the bytes that are there, before anything is
 * allocated for it; types; keys and tensors that come twice; the alignment, a power of two; of each tensor a known
 * type, whole blocks, a size without overflow, an aligned offset, data inside the file and apart from other tensors'.
 * Messages name the file, the key or tensor, what was found and what was expected. */
bool eq_gguf_open(struct eq_gguf *g, const char *path, struct eq_err *err);
/* The same for a file's bytes[0..n) in memory, which must outlive g; `where` names it in messages. */
bool eq_gguf_parse(struct eq_gguf *g, const char *where, const void *bytes, size_t n, struct eq_err *err);
void eq_gguf_close(struct eq_gguf *g); /* of {0} too */

/* By name; NULL when there is none. O(log n). */
const struct eq_gguf_value *eq_gguf_find(const struct eq_gguf *g, const char *key);
const struct eq_gguf_tensor *eq_gguf_tensor(const struct eq_gguf *g, struct eq_str name);

/* Element i of a value as a number; false when v is NULL, i is not below n, or the element is not such a number: a
 * whole one that is not negative; any number; a bool. */
bool eq_gguf_u64(const struct eq_gguf_value *v, uint64_t i, uint64_t *x);
bool eq_gguf_f64(const struct eq_gguf_value *v, uint64_t i, double *x);
bool eq_gguf_bool(const struct eq_gguf_value *v, bool *x);
/* The text of a value that is one string. */
bool eq_gguf_string(const struct eq_gguf_value *v, struct eq_str *s);
/* The elements of a value of strings in a loop: starts from rest = v->bytes, false after the last. */
bool eq_gguf_next_string(struct eq_str *rest, struct eq_str *s);

#endif
