#include "lib/export/carried.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

static bool ends_in(const char *s, const char *end) {
  size_t n = strlen(s), n_end = strlen(end);
  return n >= n_end && strcmp(s + n - n_end, end) == 0;
}

static bool is_carried(const char *name) {
  static const char *const ends[] = { ".json", ".txt", ".model", ".tiktoken", ".jinja" };
  static const char *const others[] = { "config.json", "quantize_config.json", "quant_config.json" };
  bool is = false;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) is |= ends_in(name, ends[i]);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) is &= strcmp(name, others[i]) != 0;
  return is && !ends_in(name, ".index.json");
}

static bool write_file(const char *path, const char *bytes, size_t n, struct eq_err *err) {
  struct eq_output o;
  if (!eq_output_open(&o, path, err)) return false;
  if (eq_write_all(o.fd, bytes, n, path, err)) return eq_output_commit(&o, err);
  eq_output_discard(&o);
  return false;
}

static bool copy_file(const char *source, const char *out, const char *name, struct eq_err *err) {
  char *from = eq_path_join(source, name), *to = eq_path_join(out, name);
  struct eq_file f = { 0 };
  bool ok = from && to ? true : eq_fail_memory(err, strlen(source), "a path");
  ok = ok && eq_file_map(&f, from, err) && write_file(to, f.data, f.size, err) && eq_file_unchanged(&f, err);
  eq_file_unmap(&f);
  free(from);
  free(to);
  return ok;
}

bool eq_carry_files(const char *source, const char *out, struct eq_err *err) {
  DIR *d = opendir(source);
  bool ok = d ? true : eq_fail_errno(err, source, "open");
  for (struct dirent *e; ok && d && (e = readdir(d));)
    if (is_carried(e->d_name)) ok = copy_file(source, out, e->d_name, err);
  if (d) closedir(d);
  return ok;
}

/* transformers 5 calls the type dtype, 4 torch_dtype. */
static void set_type(json_t *config, enum eq_dtype dtype) {
  const char *name = dtype == EQ_F16 ? "float16" : dtype == EQ_BF16 ? "bfloat16" : "float32";
  const char *key = json_object_get(config, "dtype") ? "dtype" : "torch_dtype";
  json_object_set_new(config, key, json_string(name));
}

static void mend(json_t *config, enum eq_dtype dtype, json_t *quantization) {
  json_t *text = json_object_get(config, "text_config");
  set_type(config, dtype);
  if (json_object_get(text, "dtype") || json_object_get(text, "torch_dtype")) set_type(text, dtype);
  json_object_del(config, "quantization_config");
  json_object_del(config, "compression_config");
  if (quantization) json_object_set(config, "quantization_config", quantization);
}

bool eq_carry_config(const char *source, const char *out, enum eq_dtype dtype, json_t *quantization,
                     struct eq_err *err) {
  char *from = eq_path_join(source, "config.json"), *to = eq_path_join(out, "config.json"), *text = NULL;
  json_error_t at;
  json_t *config = from && to ? json_load_file(from, JSON_REJECT_DUPLICATES, &at) : NULL;
  bool ok = false;
  if (!from || !to)
    eq_fail_memory(err, strlen(source), "a path");
  else if (!config)
    eq_fail(err, EQ_BAD, "%s:%d: %s", from, at.line, at.text);
  else {
    mend(config, dtype, quantization);
    text = json_dumps(config, JSON_INDENT(2));
    ok = text ? write_file(to, text, strlen(text), err) : eq_fail_memory(err, 1 << 12, "a config");
  }
  json_decref(config);
  free(text);
  free(from);
  free(to);
  return ok;
}
