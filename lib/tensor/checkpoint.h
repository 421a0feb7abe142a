/* checkpoint.h: the tensors of a model, in whatever files they lie: one safetensors file, several with an index, a GGUF
 * file, or the parts of a split one. Files stay mapped; nothing is copied. Layers that were quantized before they were
 * saved are one tensor each, that decodes to their values (packed.h, quantization.h). */
#ifndef EQ_TENSOR_CHECKPOINT_H
#define EQ_TENSOR_CHECKPOINT_H

#include "lib/tensor/gguf.h"
#include "lib/tensor/safetensors.h"

enum { EQ_SHARDS_MAX = 1 << 12 };

struct eq_checkpoint {
  char *path;                /* of the file, or of the index: for messages */
  struct eq_tensor *tensors; /* sorted by name; names are the shards' or, of a GGUF, in `names`. Of a GGUF's
 tensor of experts each is one of its own: "blk.0.ffn_up_exps.3.weight" */
  size_t n_tensors;
  struct eq_safetensors *shards; /* [n_shards] */
  size_t n_shards;
  struct eq_gguf *parts; /* [n_parts], the first has the keys */
  size_t n_parts;
  char *names;
  struct eq_packed *packed; /* [n_packed], of tensors that are */
  size_t n_packed;
  struct eq_tensor *stored; /* [n_stored], what the files have: `tensors` itself where none is packed */
  size_t n_stored;
};

/* Opens a folder's model.safetensors, or model.safetensors.index.json and the shards that it names, or its one .gguf
 * file; or a .safetensors or .gguf file itself, of a split GGUF the first part. Checks what safetensors.h and gguf.h
 * check of each file; that no tensor is in two; that the index names files of its own folder, and tensors that are
 * there; that all parts of a split GGUF are; of a folder's quantized layers what quantization.h checks. Pickled weights
 * are refused, saying how to convert them. */
bool eq_checkpoint_open(struct eq_checkpoint *c, const char *path, struct eq_err *err);
void eq_checkpoint_close(struct eq_checkpoint *c); /* of {0} too */

/* Sorts the tensors by name; false when two have the same. */
bool eq_checkpoint_sort(struct eq_checkpoint *c, struct eq_err *err);
/* Lets what was read of the files leave memory, see eq_file_release; and the bytes of all files. */
void eq_checkpoint_release(const struct eq_checkpoint *c);
size_t eq_checkpoint_bytes(const struct eq_checkpoint *c);
/* Of any of the files: see eq_file_unchanged and eq_file_is. */
bool eq_checkpoint_unchanged(const struct eq_checkpoint *c, struct eq_err *err);
bool eq_checkpoint_has_file(const struct eq_checkpoint *c, const char *path);

/* By name; NULL when there is none. O(log n). */
const struct eq_tensor *eq_checkpoint_find(const struct eq_checkpoint *c, const char *name);

#endif
