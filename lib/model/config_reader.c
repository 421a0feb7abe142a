#include "lib/model/config_reader.h"

#include <stdlib.h>

#include "lib/base/buffer.h"

/* The value of a key, NULL when it is absent or null. */
static json_t *value(const struct eq_config_reader *r, const char *key) {
  json_t *v = json_object_get(r->json, key);
  return json_is_null(v) ? NULL : v;
}

static const char *type_name(json_t *v) {
  static const char *const names[] = { "an object", "a list", "a string", "a whole number",
                                       "a number",  "true",   "false",    "null" };
  return v ? names[json_typeof(v)] : "missing";
}

bool eq_key_there(const struct eq_config_reader *r, const char *key) { return value(r, key) != NULL; }

size_t eq_key_size(const struct eq_config_reader *r, const char *key, size_t otherwise) {
  json_t *v = value(r, key);
  if (!v && otherwise) return otherwise;
  if (!json_is_integer(v))
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected a whole number", r->path, key, type_name(v));
  else if (json_integer_value(v) < 1 || json_integer_value(v) > EQ_SIZE_MAX)
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %lld, expected 1 to %d", r->path, key, (long long)json_integer_value(v),
            EQ_SIZE_MAX);
  else
    return (size_t)json_integer_value(v);
  return 1;
}

size_t eq_key_optional_size(const struct eq_config_reader *r, const char *key, size_t otherwise) {
  if (json_is_null(json_object_get(r->json, key))) return 0;
  return eq_key_there(r, key) ? eq_key_size(r, key, 0) : otherwise;
}

double eq_key_number(const struct eq_config_reader *r, const char *key, double otherwise, double least, double most) {
  json_t *v = value(r, key);
  if (!v) return otherwise;
  double x = json_number_value(v);
  if (!json_is_number(v))
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected a number", r->path, key, type_name(v));
  else if (!(x >= least && x <= most))
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %g, expected %g to %g", r->path, key, x, least, most);
  else
    return x;
  return otherwise;
}

double eq_key_optional_number(const struct eq_config_reader *r, const char *key, double otherwise, double least,
                              double most) {
  return json_is_null(json_object_get(r->json, key)) ? 0 : eq_key_number(r, key, otherwise, least, most);
}

bool eq_key_truth(const struct eq_config_reader *r, const char *key, bool otherwise) {
  json_t *v = value(r, key);
  if (v && !json_is_boolean(v))
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected true or false", r->path, key, type_name(v));
  return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

const char *eq_key_text(const struct eq_config_reader *r, const char *key, const char *otherwise) {
  json_t *v = value(r, key);
  if (v && !json_is_string(v)) eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected a string", r->path, key, type_name(v));
  return json_is_string(v) ? json_string_value(v) : otherwise;
}

struct eq_config_reader eq_key_object(const struct eq_config_reader *r, const char *key) {
  json_t *v = value(r, key);
  if (v && !json_is_object(v))
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected an object", r->path, key, type_name(v));
  return (struct eq_config_reader){ r->path, json_is_object(v) ? v : NULL, r->err };
}

json_t *eq_key_list(const struct eq_config_reader *r, const char *key) {
  json_t *v = value(r, key);
  if (v && !json_is_array(v)) eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected a list", r->path, key, type_name(v));
  return json_is_array(v) ? v : NULL;
}

float *eq_key_floats(const struct eq_config_reader *r, const char *key, size_t n) {
  json_t *v = value(r, key), *item;
  size_t i;
  if (!v) return NULL;
  if (!json_is_array(v) || json_array_size(v) != n) {
    eq_fail(r->err, EQ_BAD, "%s: '%s' is %s of %zu, expected a list of %zu numbers", r->path, key, type_name(v),
            json_array_size(v), n);
    return NULL;
  }
  float *out = eq_array(n, sizeof *out);
  if (!out) eq_fail_memory(r->err, n * sizeof *out, "a list of numbers");
  json_array_foreach(v, i, item) {
    if (!out) break;
    out[i] = (float)json_number_value(item);
    if (!json_is_number(item))
      eq_fail(r->err, EQ_BAD, "%s: '%s', element %zu is %s, expected a number", r->path, key, i, type_name(item));
  }
  return out;
}

int64_t eq_key_token(const struct eq_config_reader *r, const char *key, int64_t otherwise) {
  if (!json_object_get(r->json, key)) return otherwise;
  json_t *v = value(r, key);
  if (json_is_array(v)) v = json_array_get(v, 0);
  if (!v) return -1;
  if (json_is_integer(v) && json_integer_value(v) >= -1 && json_integer_value(v) <= UINT32_MAX)
    return json_integer_value(v);
  eq_fail(r->err, EQ_BAD, "%s: '%s' is %s, expected a token id", r->path, key,
          json_is_integer(v) ? "out of range" : type_name(v));
  return -1;
}

void eq_key_refuse(const struct eq_config_reader *r, const char *key, const char *why) {
  eq_fail(r->err, EQ_BAD, "%s: '%s': %s", r->path, key, why);
}
