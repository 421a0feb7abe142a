/* config_reader.h: values of a JSON object by key, checked, for who reads a config: config.c and the families' own
 * functions. The first error sticks in the reader; after it values are harmless ones and need no check. */
#ifndef EQ_MODEL_CONFIG_READER_H
#define EQ_MODEL_CONFIG_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

struct eq_config_reader {
  const char *path; /* of the file: for messages */
  json_t *json;     /* NULL: an object without keys */
  struct eq_err *err;
};

enum { EQ_SIZE_MAX = 1 << 28 };

/* A key is there when it has a value other than null. */
bool eq_key_there(const struct eq_config_reader *r, const char *key);

/* A whole number of 1 to EQ_SIZE_MAX; `otherwise` when it is not there, 0 there meaning that it is required. */
size_t eq_key_size(const struct eq_config_reader *r, const char *key, size_t otherwise);

/* The same for what null switches off: 0 then, `otherwise` when the key is not there at all. */
size_t eq_key_optional_size(const struct eq_config_reader *r, const char *key, size_t otherwise);
double eq_key_optional_number(const struct eq_config_reader *r, const char *key, double otherwise, double least,
                              double most);

/* A number of least to most. */
double eq_key_number(const struct eq_config_reader *r, const char *key, double otherwise, double least, double most);

bool eq_key_truth(const struct eq_config_reader *r, const char *key, bool otherwise);

/* Borrowed. */
const char *eq_key_text(const struct eq_config_reader *r, const char *key, const char *otherwise);

/* The object under a key. */
struct eq_config_reader eq_key_object(const struct eq_config_reader *r, const char *key);

/* A list, borrowed; NULL when it is not there. */
json_t *eq_key_list(const struct eq_config_reader *r, const char *key);

/* A list of n numbers, to free(); NULL when it is not there or not so. */
float *eq_key_floats(const struct eq_config_reader *r, const char *key, size_t n);

/* A token id, or the first of a list of them; -1 for null, `otherwise` when the key is not there at all. */
int64_t eq_key_token(const struct eq_config_reader *r, const char *key, int64_t otherwise);

/* A value that is there and is not the one that we can do: the family's option is refused, by name. */
void eq_key_refuse(const struct eq_config_reader *r, const char *key, const char *why);

#endif
